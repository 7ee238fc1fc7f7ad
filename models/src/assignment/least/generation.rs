//! Column generation: programs over some columns, until nothing new is chosen at their prices.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::choice::Choice;
use super::program::Program;
use super::{Answer, Least};
use crate::assignment::placement::Placement;
use crate::assignment::prices::PricedBound;
use crate::assignment::rounding::Fractions;
use crate::assignment::tally::Stop;
use crate::assignment::types::{Objective, Part};
use crate::guard::solve_guarded;
use crate::solver::{Limits, MilpSolver};

/// Rounds of taking in columns.
const ROUNDS: usize = 20;
/// Columns of each item to begin with.
const FIRST_COLUMNS: usize = 8;
/// Programs in a row that may raise the bound by less than a part of [`SMALLEST_STEP`].
const IDLE_ROUNDS: usize = 3;
const SMALLEST_STEP: f64 = 1e-6;

impl Least<'_> {
    pub(super) fn solve_programs(
        &self,
        solver: &Arc<dyn MilpSolver>,
        (limits, stop): (&Limits, &Stop),
        incumbent: &Placement,
        answer: &mut Answer,
    ) {
        let mut columns = self.first_columns(incumbent);
        answer.priced = self.fluid();
        let mut idle = 0;
        for _ in 0..ROUNDS {
            if stop.reason().is_some() {
                break;
            }
            let left = |end: Instant| end.saturating_duration_since(Instant::now());
            let limits = Limits {
                time: stop.deadline.map(left),
                ..limits.clone()
            };
            let program = Program::new(self, &columns);
            let outcome = match solve_guarded(solver, &Arc::new(program.milp.clone()), &limits) {
                Ok(outcome) => outcome,
                Err(error) => {
                    answer.failure = Some(error);
                    return;
                }
            };
            let Some(duals) = outcome.row_duals else {
                break;
            };
            let prices = program.prices(self, &duals);
            let (bound, choices) = self.choose(&prices);
            answer.fractions = outcome.solution.map(|solution| Fractions {
                of_item: fractions(&columns, &solution),
                prices: prices.clone(),
            });
            // Prices jump while columns are few: halfway to the best ones known is often better than either.
            let halfway = answer
                .priced
                .as_ref()
                .map(|best| best.prices.between(&prices));
            let mut choices = vec![choices];
            let mut bounds = vec![PricedBound { bound, prices }];
            if let Some(prices) = halfway {
                let (bound, chosen) = self.choose(&prices);
                choices.push(chosen);
                bounds.push(PricedBound { bound, prices });
            }
            let known = answer.priced.as_ref().map(|best| best.bound);
            for priced in bounds {
                if (answer.priced.as_ref()).is_none_or(|best| priced.bound > best.bound) {
                    answer.priced = Some(priced);
                }
            }
            let now = answer.priced.as_ref().map(|best| best.bound);
            let is_better = match (known, now) {
                (Some(known), Some(now)) => now > known + SMALLEST_STEP * now.abs().max(1.0),
                _ => true,
            };
            idle = if is_better { 0 } else { idle + 1 };
            let is_new = take_in(&mut columns, choices.into_iter().flatten());
            if !is_new || idle == IDLE_ROUNDS {
                break;
            }
        }
    }

    /// How full the fullest cap is if all are equally full, for the best of the resources that caps are of (caps under which items
    /// weigh the same).
    fn fluid(&self) -> Option<PricedBound> {
        let parts = &self.peak()?.parts;
        let weights = |part: &Part| &self.assignment.caps[part.cap as usize].weights;
        let mut kinds: Vec<&Part> = Vec::new();
        for part in parts {
            if !kinds.iter().any(|kind| weights(kind) == weights(part)) {
                kinds.push(part);
            }
        }
        let of_kind = |kind: &&Part| {
            let mut prices = self.free();
            let alike = |part: &Part| weights(part) == weights(kind);
            let all = parts.iter().filter(|part| alike(part));
            let total: f64 = all.map(|part| part.total as f64).sum();
            for (price, part) in prices.parts.iter_mut().zip(parts) {
                *price = if alike(part) {
                    part.total as f64 / total
                } else {
                    0.0
                };
            }
            let (bound, _) = self.choose(&prices);
            PricedBound { bound, prices }
        };
        let bounds = kinds.iter().map(of_kind);
        bounds.max_by(|left, right| left.bound.total_cmp(&right.bound))
    }

    /// The incumbent, and the cheapest bins of each item.
    fn first_columns(&self, incumbent: &Placement) -> Vec<BTreeSet<u32>> {
        // Where copies cost the same everywhere, what they cost before has to be kept.
        let stages = self.assignment.stages[..=self.stage].iter().enumerate();
        let of_cost = stages.rev().find(|(at, stage)| {
            *at == self.stage && self.peak().is_none()
                || matches!(stage.objective, Objective::Cost(_))
        });
        let stage = of_cost.map_or(self.stage, |(stage, _)| stage);
        let direction = -self.sign(stage);
        let cost_of = |item: u32, bin: u32| direction * self.coefficient(stage, item, bin);
        let of_item = |item: u32| -> BTreeSet<u32> {
            let shape = &self.room.shapes[self.room.shape_of[item as usize]];
            let mut bins: Vec<(f64, u32)> = (shape.copies.iter())
                .map(|&(bin, _)| (cost_of(item, bin), bin))
                .collect();
            bins.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            let cheapest = bins.iter().take(FIRST_COLUMNS).map(|&(_, bin)| bin);
            let there = incumbent.of_item(item).iter().map(|entry| entry.1);
            cheapest.chain(there).collect()
        };
        (0..self.assignment.items.len() as u32)
            .map(of_item)
            .collect()
    }
}

/// Copies by item and bin, from a program whose first columns are these.
fn fractions(columns: &[BTreeSet<u32>], solution: &[f64]) -> Vec<Vec<(u32, f64)>> {
    let mut values = solution.iter();
    let of_item = columns.iter().map(|bins| {
        let own = bins.iter().zip(values.by_ref());
        own.map(|(&bin, &copies)| (bin, copies)).collect()
    });
    of_item.collect()
}

/// Takes what is chosen into the columns, once or more often for every item in turn, and says whether any of it is new.
fn take_in(columns: &mut [BTreeSet<u32>], choices: impl Iterator<Item = Choice>) -> bool {
    let mut is_new = false;
    let items = (0..columns.len()).cycle();
    for (item, choice) in items.zip(choices) {
        let columns = &mut columns[item];
        for (bin, _) in choice.bins {
            is_new |= columns.insert(bin);
        }
    }
    is_new
}
