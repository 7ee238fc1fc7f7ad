//! Bounds that need no search, so that anyone can recompute them.
//!
//! # Model
//! `copies_ib` is how many copies of item `i` the empty bin `b` has room for (0 where it may not go;
//! without limit if it asks for nothing; its devices count).
//! `most_i = min(count_i, sum_b copies_ib, for each limit: sum_g min(max - base_g, sum_{b in g} copies_ib))`; families of caps with
//! the same items and disjoint bins count as limits.
//!
//! - Value: `sum_i value_i most_i` (where bins differ in value, the copies in the best of their bins); or, for prices `pi >= 0`
//!   of every bin and resource,
//!   `sum_i most_i max(0, max_b (value_ib - pi_b . demand_i)) + sum_b pi_b . capacity_b` (see `prices`).
//!   Only such a part of a capacity counts as is a multiple of the greatest common divisor of all demands.
//! - Cost: of each item, the copies that plans that are at least as good in an earlier value stage must place (of all that can be
//!   placed, all but `floor((most value - value reached) / value of a copy)`), in the bins where they
//!   cost least; or, for prices, see `least`.
//! - Worst share of a term: the least level `s` to which its groups must be filled to hold as many copies as plans that are at least as
//!   good in the last value stage must place: all of them, but for `floor((most value - value reached) / least value of a copy)`.
//! - Shortfall of a term: what is left when as many as possible are placed, filled evenly.
//! - Span of a term: the fewest groups that have room for as many copies: those with copies already, then those with most room.
//! - Fragmentation: 0.
//! - The fullest cap: what is used already, and each copy that must be placed, where it fills the caps of its bin least.
//! - Open bins: the demand that must be placed for the value reached, into the cheapest capacity, fractionally, for each resource.
//!
//! All but the first are conditional on the values reached in earlier stages.

mod costs;
mod groups;
mod most;
mod shapes;

use std::borrow::Cow;

use self::most::usable;
use self::shapes::Shape;
use super::types::{Assignment, Objective, Term};

/// Copies of an item that asks for nothing.
const UNLIMITED: i64 = 1_000_000_000_000;

/// What every bin has room for, and what can be placed of each item alone.
#[derive(Debug)]
pub(super) struct Room<'a> {
    pub(super) assignment: &'a Assignment,
    /// Position in `shapes`, by item.
    pub(super) shape_of: Vec<usize>,
    /// Items of equal demand and equal bins share their copies.
    pub(super) shapes: Vec<Shape>,
    /// `most_i`.
    pub(super) most: Vec<i64>,
    /// Limits that count each item.
    limits_of: Vec<Vec<u32>>,
    /// What can be used of each bin's capacity: whole multiples of the greatest common divisor of all demands (shape: bins x resources).
    pub(super) usable: Vec<Vec<i64>>,
    /// Of each stage about values, what a copy is worth at best, and the most value there is.
    best: Vec<Option<Best<'a>>>,
}

/// What a copy of each item is worth in its best bin, and what all together are.
type Best<'a> = (Cow<'a, [Term]>, i128);

impl<'a> Room<'a> {
    pub(super) fn new(assignment: &'a Assignment) -> Self {
        let mut room = Self {
            assignment,
            shape_of: Vec::with_capacity(assignment.items.len()),
            shapes: Vec::new(),
            most: Vec::new(),
            limits_of: vec![Vec::new(); assignment.items.len()],
            usable: usable(assignment),
            best: Vec::new(),
        };
        room.find_shapes();
        for (position, limit) in assignment.limits.iter().enumerate() {
            for &item in limit.packing.items.iter() {
                room.limits_of[item as usize].push(position as u32);
            }
        }
        room.sum_by_group();
        room.most = (0..assignment.items.len())
            .map(|item| room.most_of(item))
            .collect();
        room.apply_caps();
        let best = assignment.stages.iter().map(|stage| {
            let terms = stage.objective.worth()?.best(assignment);
            let most = room.most_value(&terms);
            Some((terms, most))
        });
        room.best = best.collect();
        room
    }

    /// The bound on a stage that needs no prices, for plans at least as good as `reached` in the earlier stages.
    pub(super) fn combinatorial(&self, stage: usize, reached: &[f64]) -> f64 {
        match &self.assignment.stages[stage].objective {
            Objective::Value(terms) => self.most_value(terms) as f64,
            Objective::Yield(by_class) => self.most_yield(by_class) as f64,
            Objective::Utility(curves) => (curves.iter())
                .map(|curve| {
                    let most = self.most_value(&curve.terms) + i128::from(curve.base);
                    curve.worth_of(i64::try_from(most).unwrap_or(i64::MAX - 1))
                })
                .sum(),
            Objective::Cost(costs) => self.least_tolls(costs, stage, reached) as f64,
            Objective::Shortfall(terms) => (terms.iter())
                .map(|term| {
                    let survivors = self.most_survivors(&term.packing);
                    (term.need - survivors).max(0) as f64
                })
                .sum(),
            Objective::WorstShare(terms) => (terms.iter())
                .map(|term| term.share_of(self.least_worst(&term.packing, stage, reached)))
                .sum(),
            Objective::Span(terms) => (terms.iter())
                .map(|term| {
                    let n_groups = self.fewest_groups(&term.packing, stage, reached);
                    term.weight as f64 * n_groups as f64
                })
                .sum(),
            Objective::Traffic(traffic) => self.assignment.least_traffic(traffic),
            Objective::Fragmentation(_) => 0.0,
            Objective::Peak(peak) => self.least_peak(peak, stage, reached),
            Objective::Opened(costs) => self.least_cost(costs, stage, reached),
        }
    }

    /// How many copies of an item plans must have that keep the values reached: losing more would lose more value than may be lost.
    pub(super) fn least(&self, item: u32, stage: usize, reached: &[f64]) -> i64 {
        let most = self.most[item as usize];
        let of_stage = |(best, &reached): (&Option<Best<'_>>, &f64)| {
            let (terms, all) = best.as_ref()?;
            let found = terms.binary_search_by_key(&item, |term| term.item).ok()?;
            let slack = (all - reached.round() as i128).max(0);
            let missing = slack.checked_div(i128::from(terms[found].value))?;
            Some(most - missing.min(i128::from(most)) as i64)
        };
        let stages = self.best[..stage].iter().zip(reached);
        stages.filter_map(of_stage).max().unwrap_or(0)
    }

    /// The last value stage before `stage`, with the value that may be lost against the most there is, every copy in its best bin.
    fn slack(&self, stage: usize, reached: &[f64]) -> Option<(&[Term], i128)> {
        (self.best[..stage].iter().zip(reached))
            .rev()
            .find_map(|(best, &reached)| {
                let (terms, most) = best.as_ref()?;
                let slack = most - reached.round() as i128;
                Some((&terms[..], slack.max(0)))
            })
    }
}
