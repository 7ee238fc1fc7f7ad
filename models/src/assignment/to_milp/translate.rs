//! How placements and bounds translate between an assignment and its programs.

use std::collections::BTreeMap;

use super::{Auxiliary, StageModel, utility};
use crate::assignment::placement::Placement;
use crate::assignment::tally::span;
use crate::assignment::types::{Assignment, Loss, Objective, Packing, Survival};
use crate::milp::Sense;

impl StageModel {
    /// The placement of a solution.
    #[must_use]
    pub fn decode(&self, solution: &[f64]) -> Placement {
        let copies = |value: f64| value.round() as i64;
        Placement::new(
            (self.columns.iter().zip(solution))
                .map(|(&(item, bin), &value)| (item, bin, copies(value)))
                .collect(),
        )
    }

    /// The values of all columns for a placement that breaks no rule.
    #[must_use]
    pub fn encode(&self, assignment: &Assignment, placement: &Placement) -> Vec<f64> {
        let copies = |&(item, bin): &(u32, u32)| {
            let entries = placement.of_item(item);
            let found = entries.binary_search_by_key(&bin, |entry| entry.1);
            found.map_or(0, |position| entries[position].2) as f64
        };
        let mut values: Vec<f64> = self.columns.iter().map(copies).collect();
        let taken = self.taken(assignment, placement);
        let mut by_bin: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for &(item, bin, copies) in placement.entries() {
            by_bin.entry(bin).or_default().push((item, copies));
        }
        let auxiliary = |&auxiliary: &Auxiliary| match auxiliary {
            Auxiliary::Device(of) => {
                let key = (of.bin, of.item, of.kind, of.device);
                taken.get(&key).copied().unwrap_or(0) as f64
            }
            Auxiliary::Filled(position) => {
                let (bin, counts) = &self.fillings[position];
                let holds = by_bin.get(bin).map_or(&[][..], Vec::as_slice);
                f64::from(u8::from(holds == counts.as_slice()))
            }
            Auxiliary::Worth(stage, curve) => {
                utility::worth(utility::curve(assignment, stage, curve), placement)
            }
            Auxiliary::Peak(stage) => assignment.values(placement)[stage],
            other => auxiliary_value(assignment, placement, other),
        };
        values.extend(self.auxiliaries.iter().map(auxiliary));
        values
    }

    /// How many copies of an item take a device, by bin, item, kind and device, for the bins with columns for devices.
    fn taken(&self, assignment: &Assignment, placement: &Placement) -> BTreeMap<Taken, i64> {
        let bins = self
            .auxiliaries
            .iter()
            .filter_map(|auxiliary| match auxiliary {
                Auxiliary::Device(of) => Some((of.bin, Vec::new())),
                _ => None,
            });
        let mut counts: BTreeMap<u32, Vec<(u32, i64)>> = bins.collect();
        for &(item, bin, copies) in placement.entries() {
            if let Some(counts) = counts.get_mut(&bin) {
                counts.push((item, copies));
            }
        }
        let mut taken = BTreeMap::new();
        for (bin, counts) in counts {
            for packed in assignment.pack(bin, &counts).unwrap_or_default() {
                let needs = &assignment.items[packed.item as usize].devices;
                for (need, devices) in needs.iter().zip(packed.devices) {
                    for device in devices {
                        let key = (bin, packed.item, need.kind, device);
                        *taken.entry(key).or_insert(0) += 1;
                    }
                }
            }
        }
        taken
    }

    /// A bound on the stage's value from a bound on the program's objective, rounded where every solution is whole.
    #[must_use]
    pub fn stage_bound(&self, dual_bound: f64) -> f64 {
        const ROUNDING: f64 = 1e-6;
        let slack = ROUNDING * dual_bound.abs().max(1.0);
        let bound = match (self.whole, self.milp.sense) {
            (false, _) => dual_bound,
            (true, Sense::Minimize) => (dual_bound - slack).ceil(),
            (true, Sense::Maximize) => (dual_bound + slack).floor(),
        };
        bound / self.scale
    }
}

/// Bin, item, kind and device.
type Taken = (u32, u32, u32, usize);

fn auxiliary_value(assignment: &Assignment, placement: &Placement, auxiliary: Auxiliary) -> f64 {
    let most = |packing: &Packing| packing.counts(placement).into_iter().max().unwrap_or(0);
    let whole = match auxiliary {
        Auxiliary::Gang(gang) => {
            let items = &assignment.gangs[gang].items;
            i64::from(items.iter().any(|&item| placement.copies_of(item) > 0))
        }
        Auxiliary::Least(balance) => {
            let counts = assignment.balances[balance].packing.counts(placement);
            counts.into_iter().min().unwrap_or(0)
        }
        Auxiliary::Lost(stage, term) => most(&survival(assignment, stage, term).packing),
        Auxiliary::Short(stage, term) => survival(assignment, stage, term).short(placement),
        Auxiliary::Worst(stage, term) => most(&loss(assignment, stage, term).packing),
        Auxiliary::Opened(bin) => i64::from(placement.entries().iter().any(|entry| entry.1 == bin)),
        Auxiliary::Used(stage, term, group) => {
            let counts = span(assignment, stage, term).packing.counts(placement);
            i64::from(counts[group] > 0)
        }
        Auxiliary::Total(stage, curve) => utility::curve(assignment, stage, curve).total(placement),
        Auxiliary::Level(end, level) => i64::from(end.placed(assignment, placement) > level),
        Auxiliary::Pairs(counted, beside, level) => {
            if beside.placed(assignment, placement) > level {
                counted.placed(assignment, placement)
            } else {
                0
            }
        }
        Auxiliary::Device(_) | Auxiliary::Filled(_) | Auxiliary::Worth(..) | Auxiliary::Peak(_) => {
            unreachable!(
                "what a bin holds is found for the whole bin, and what is worth how much is no whole number"
            )
        }
    };
    whole as f64
}

fn survival(assignment: &Assignment, stage: usize, term: usize) -> &Survival {
    match &assignment.stages[stage].objective {
        Objective::Shortfall(terms) => &terms[term],
        _ => unreachable!("only shortfall stages have columns for survivals"),
    }
}

fn loss(assignment: &Assignment, stage: usize, term: usize) -> &Loss {
    match &assignment.stages[stage].objective {
        Objective::WorstShare(terms) => &terms[term],
        _ => unreachable!("only worst-share stages have columns for losses"),
    }
}
