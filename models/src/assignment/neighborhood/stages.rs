//! The stages of a part: what they count beside the copies outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cut;
use crate::assignment::tally::Rule;
use crate::assignment::types::{
    Curve, End, Flow, Loss, Objective, Part, Peak, Probe, Rate, Span, Stage, Survival, Term,
    Traffic, Yield,
};

impl Cut<'_> {
    pub(super) fn stages(&self) -> Vec<Stage> {
        (self.tally.assignment.stages.iter().enumerate())
            .map(|(position, stage)| Stage {
                name: stage.name.clone(),
                objective: match &stage.objective {
                    Objective::Value(terms) => Objective::Value(self.terms(terms)),
                    Objective::Yield(by_class) => Objective::Yield(self.by_class(by_class)),
                    Objective::Utility(curves) => {
                        Objective::Utility(curves.iter().map(|curve| self.curve(curve)).collect())
                    }
                    Objective::Cost(by_class) => Objective::Cost(self.by_class(by_class)),
                    Objective::Shortfall(terms) => {
                        Objective::Shortfall(self.survivals(position, terms))
                    }
                    Objective::WorstShare(terms) => {
                        Objective::WorstShare(self.losses(position, terms))
                    }
                    Objective::Span(terms) => Objective::Span(self.spans(position, terms)),
                    Objective::Traffic(whole) => Objective::Traffic(self.traffic(position, whole)),
                    Objective::Fragmentation(probes) => {
                        let local = |probe: &Probe| Probe {
                            eligible: Arc::new(Self::local(self.bins, &probe.eligible)),
                            ..probe.clone()
                        };
                        Objective::Fragmentation(probes.iter().map(local).collect())
                    }
                    Objective::Opened(costs) => Objective::Opened(self.opened(costs)),
                    Objective::Peak(peak) => Objective::Peak(self.peak(peak)),
                },
            })
            .collect()
    }

    /// The caps of the part, and how full the others are.
    fn peak(&self, whole: &Peak) -> Peak {
        let caps = self.caps();
        let mut least = whole.least;
        let mut parts = Vec::new();
        for part in &whole.parts {
            match caps.binary_search_by_key(&part.cap, |cap| cap.0) {
                Ok(local) => {
                    // What is placed under the cap and stays where it is.
                    let max = self.tally.assignment.caps[part.cap as usize].max;
                    parts.push(Part {
                        cap: local as u32,
                        base: part.base + max - caps[local].1.max,
                        ..*part
                    });
                }
                Err(_) => least = least.max(self.tally.used(part)),
            }
        }
        Peak { least, parts }
    }

    fn terms(&self, whole: &[Term]) -> Vec<Term> {
        (0_u32..)
            .zip(self.items)
            .filter_map(|(local, &item)| {
                let found = whole.binary_search_by_key(&item, |term| term.item).ok()?;
                let value = whole[found].value;
                Some(Term { item: local, value })
            })
            .collect()
    }

    /// What is placed outside the part is there already.
    fn curve(&self, whole: &Curve) -> Curve {
        let (mut now, mut base) = (whole.base, whole.base);
        for term in &whole.terms {
            let placed = self.tally.placed[term.item as usize];
            now += term.value * placed;
            base += term.value * (placed - self.freed_of_item(term.item));
        }
        Curve {
            base,
            near: now,
            terms: self.terms(&whole.terms),
            ..whole.clone()
        }
    }

    fn by_class(&self, whole: &Yield) -> Yield {
        let class_of = |&bin: &u32| whole.class_of[bin as usize];
        let rates = (0_u32..).zip(self.items).filter_map(|(local, &item)| {
            let found = (whole.rates).binary_search_by_key(&item, |rate| rate.item);
            Some(Rate {
                item: local,
                values: whole.rates[found.ok()?].values.clone(),
            })
        });
        Yield {
            class_of: Arc::new(self.bins.iter().map(class_of).collect()),
            rates: rates.collect(),
        }
    }

    fn survivals(&self, position: usize, whole: &[Survival]) -> Vec<Survival> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Survival(stage, term) if stage == position => {
                    let packing = self.packing_with_rest(rule, false);
                    let freed: i64 = (whole[term].packing.items.iter())
                        .map(|&item| self.freed_of_item(item))
                        .sum();
                    let outside = self.tally.totals[rule as usize] - freed;
                    let counted: i64 = packing.base.iter().sum();
                    Some(Survival {
                        name: whole[term].name.clone(),
                        packing,
                        need: whole[term].need - outside + counted,
                    })
                }
                _ => None,
            })
            .collect()
    }

    fn losses(&self, position: usize, whole: &[Loss]) -> Vec<Loss> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Loss(stage, term) if stage == position => Some(Loss {
                    packing: self.packing_with_rest(rule, false),
                    ..whole[term].clone()
                }),
                _ => None,
            })
            .collect()
    }

    /// Groups outside stay as they are.
    fn spans(&self, position: usize, whole: &[Span]) -> Vec<Span> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Span(stage, term) if stage == position => Some(Span {
                    packing: self.packing(rule).0,
                    ..whole[term].clone()
                }),
                _ => None,
            })
            .collect()
    }

    /// Flows of which an end has copies in the part; ends whose copies are all outside are there by what they have in the groups.
    fn traffic(&self, position: usize, whole: &Traffic) -> Traffic {
        let rules = &self.tally.index.rules;
        let first = rules
            .iter()
            .position(|rule| *rule == Rule::End(position, 0, 0));
        let mut part = Traffic {
            weights: whole.weights.clone(),
            ..Traffic::default()
        };
        let Some(first) = first else {
            return part;
        };
        let n_divisions = whole.weights.len();
        let rule = |end: u32| (first + end as usize * n_divisions) as u32;
        let is_inside = |end: u32| self.rules.binary_search(&rule(end)).is_ok();
        let mut local: BTreeMap<u32, u32> = BTreeMap::new();
        for flow in &whole.flows {
            if !is_inside(flow.from) && !is_inside(flow.to) {
                continue;
            }
            let mut end = |end: u32| {
                *local.entry(end).or_insert_with(|| {
                    let packings = (0..n_divisions as u32).map(|it| self.packing(rule(end) + it).0);
                    part.ends.push(End {
                        packings: packings.collect(),
                        ..whole.ends[end as usize].clone()
                    });
                    part.ends.len() as u32 - 1
                })
            };
            let (from, to) = (end(flow.from), end(flow.to));
            part.flows.push(Flow { from, to, ..*flow });
        }
        part
    }

    /// A bin with copies that stay is open whatever happens.
    fn opened(&self, costs: &[i64]) -> Vec<i64> {
        (self.bins.iter())
            .map(|&bin| {
                let freed = self.freed.iter().filter(|freed| freed.1 == bin);
                let freed: i64 = freed.map(|freed| freed.2.2).sum();
                let stays = self.tally.load[bin as usize] > freed;
                if stays { 0 } else { costs[bin as usize] }
            })
            .collect()
    }
}
