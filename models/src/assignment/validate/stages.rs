//! What is wrong with stages.

use std::collections::BTreeSet;

use super::{AssignmentFault, Check, LARGEST_COUNT, LARGEST_QUANTITY};
use crate::assignment::types::{Curve, Objective, Peak, Probe, Shape, Traffic, Yield};

impl Check<'_> {
    pub(super) fn stages(&mut self) {
        for stage in &self.assignment.stages {
            let place = |part: &str| format!("stage {}: {part}", stage.name);
            match &stage.objective {
                Objective::Value(terms) => {
                    let items: Vec<u32> = terms.iter().map(|term| term.item).collect();
                    self.positions(|| place("items"), &items, self.assignment.items.len());
                    for term in terms {
                        self.amount(|| place("value"), term.value);
                    }
                }
                Objective::Yield(by_class) | Objective::Cost(by_class) => {
                    self.by_class(&place, by_class);
                }
                Objective::Utility(curves) => self.curves(&place, curves),
                Objective::Shortfall(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.amount(|| place(&term.name), term.need.abs());
                    }
                }
                Objective::WorstShare(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.number(
                            || place(&term.name),
                            term.total as f64,
                            1.0,
                            LARGEST_QUANTITY as f64,
                        );
                        self.number(|| place(&term.name), term.weight, 0.0, 1e9);
                    }
                }
                Objective::Span(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.amount(|| place(&term.name), term.weight);
                    }
                }
                Objective::Traffic(traffic) => self.traffic(&place, traffic),
                Objective::Fragmentation(probes) => self.probes(&place, probes),
                Objective::Peak(peak) => self.peak(&place, peak),
                Objective::Opened(costs) => {
                    self.length(|| place("costs"), costs.len(), self.assignment.bins.len());
                    for &cost in costs {
                        self.amount(|| place("cost"), cost);
                    }
                }
            }
        }
    }

    fn probes(&mut self, place: &impl Fn(&str) -> String, probes: &[Probe]) {
        let (n_resources, n_bins) = (self.assignment.resources.len(), self.assignment.bins.len());
        for probe in probes {
            self.length(|| place("demand"), probe.demand.len(), n_resources);
            for &demand in &probe.demand {
                self.amount(|| place("demand"), demand);
            }
            self.needs(|| place("devices"), &probe.devices);
            self.positions(|| place("eligible"), &probe.eligible, n_bins);
            self.count(|| place("weight"), probe.weight);
        }
    }

    fn peak(&mut self, place: &impl Fn(&str) -> String, peak: &Peak) {
        let caps: Vec<u32> = peak.parts.iter().map(|part| part.cap).collect();
        self.positions(|| place("caps"), &caps, self.assignment.caps.len());
        self.number(|| place("least"), peak.least, 0.0, 1e15);
        for part in &peak.parts {
            self.amount(|| place("base"), part.base);
            let largest = LARGEST_QUANTITY as f64;
            self.number(|| place("total"), part.total as f64, 1.0, largest);
        }
    }

    fn curves(&mut self, place: &impl Fn(&str) -> String, curves: &[Curve]) {
        let mut counted: BTreeSet<u32> = BTreeSet::new();
        for curve in curves {
            let place = || place(&curve.name);
            let items: Vec<u32> = curve.terms.iter().map(|term| term.item).collect();
            self.positions(place, &items, self.assignment.items.len());
            for term in &curve.terms {
                self.amount(place, term.value);
                if !counted.insert(term.item) {
                    self.faults
                        .push(AssignmentFault::Unsorted { place: place() });
                }
            }
            let (Shape::UpTo(bend) | Shape::Logarithm(bend)) = curve.shape;
            for amount in [curve.base, curve.near, bend] {
                self.amount(place, amount);
            }
            self.number(place, curve.weight, 0.0, 1e9);
        }
    }

    fn traffic(&mut self, place: &impl Fn(&str) -> String, traffic: &Traffic) {
        for &weight in &traffic.weights {
            self.amount(|| place("weight"), weight);
        }
        for end in &traffic.ends {
            let of_end = || place(&end.name);
            let (n_given, n_divisions) = (end.packings.len(), traffic.weights.len());
            self.length(of_end, n_given, n_divisions);
            self.number(of_end, end.total as f64, 1.0, LARGEST_COUNT as f64);
            for packing in &end.packings {
                self.packing(&of_end(), packing);
                if packing.items != end.packings[0].items {
                    self.faults
                        .push(AssignmentFault::Divided { place: of_end() });
                }
            }
        }
        // All ends count over the same groups.
        for (division, packings) in (0..traffic.weights.len()).map(|it| {
            (
                it,
                traffic
                    .ends
                    .iter()
                    .filter_map(move |end| end.packings.get(it)),
            )
        }) {
            let lengths: BTreeSet<usize> = packings.map(|packing| packing.base.len()).collect();
            if let (Some(&least), Some(&most)) = (lengths.first(), lengths.last())
                && least != most
            {
                self.length(|| place(&format!("division {division}")), least, most);
            }
        }
        for flow in &traffic.flows {
            for end in [flow.from, flow.to] {
                if end as usize >= traffic.ends.len() {
                    self.faults.push(AssignmentFault::Position {
                        place: place("flow"),
                        position: end,
                        length: traffic.ends.len(),
                    });
                }
            }
            self.amount(|| place("rate"), flow.rate);
        }
        self.unique("end", traffic.ends.iter().map(|end| end.name.as_str()));
    }

    fn by_class(&mut self, place: &impl Fn(&str) -> String, by_class: &Yield) {
        let n_bins = self.assignment.bins.len();
        self.length(|| place("classes"), by_class.class_of.len(), n_bins);
        let items: Vec<u32> = by_class.rates.iter().map(|rate| rate.item).collect();
        self.positions(|| place("items"), &items, self.assignment.items.len());
        let n_classes = (by_class.class_of.iter().max()).map_or(0, |&last| last as usize + 1);
        for rate in &by_class.rates {
            // More classes than bins have is no harm, fewer is.
            if rate.values.len() < n_classes {
                self.length(|| place("values"), rate.values.len(), n_classes);
            }
            for &value in &rate.values {
                self.amount(|| place("value"), value);
            }
        }
    }
}
