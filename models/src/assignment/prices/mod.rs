//! Bounds by multipliers: any prices of capacity bound the value that can be placed, and good prices bound it well.
//!
//! # Model
//! For prices `pi >= 0`: `L(pi) = sum_i most_i max(0, max_b (value_i - pi_b . demand_i)) + sum_b pi_b . capacity_b`, where `b` runs over the
//! bins with room for the item. The demand and capacity of each kind of device, in thousandths, count as one more resource after the
//! others, and so does each [`Count`] of a bin: what a copy's parts weigh, and what the bin's devices hold. Where values differ by
//! bin, `value_i` is that of `b`.
//! For prices `mu >= 0` of the values that earlier stages `k` have reached, `value_i + sum_k mu_k value_ki` takes the place of `value_i`, and
//! `sum_k mu_k reached_k` is taken off `L`: what is needed to keep them is there for nobody else. The least `L` is the value of the linear program in which bins of one price are one bin.
//! Bins share a price when the same items fit into them (and, as long as there are few such groups, they are equal).
//! Prices are the duals of that program where a backend gives them, else found by subgradient steps (without counts).
//!
//! In the program, the parts that copies take of a group's devices are fillings of single devices; fillings are taken in as long as its
//! prices ask for more (column generation). The duals of the parts are the weights of the group's count.

mod merge;
mod parts;
mod program;
mod steps;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::parts::Parts;
use super::counts::Count;
use super::types::DeviceNeed;
use super::worth::Worth;
use crate::solver::{Limits, MilpSolver, SolverError};

/// Programs with more columns are left to subgradient steps.
const LARGEST_COLUMNS: usize = 40_000;

/// The prices behind a bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Shape: bins x (resources, then kinds of device in thousandths).
    pub by_bin: Vec<Vec<f64>>,
    /// What is priced beside these.
    pub counts: Vec<Count>,
    /// Positions of the counts that apply to each bin (shape: bins x those).
    pub counts_of: Vec<Vec<u32>>,
    /// The price of one unit of what each earlier stage has reached (shape: earlier stages; or empty).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<f64>,
    /// The price of what each cap holds, where caps are priced (shape: caps; or empty).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<f64>,
    /// The weight of each part of a stage about the fullest cap; their sum is at most 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<f64>,
    /// Of a timetable: `by_bin` has the price of a place once, and after it that of a millisecond of a place before each of these moments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<i64>,
}

impl Prices {
    /// The mean of two over the same rows, none of which are counts.
    pub(super) fn between(&self, other: &Self) -> Self {
        let mean = |left: &[f64], right: &[f64]| -> Vec<f64> {
            let both = left.iter().zip(right);
            both.map(|(left, right)| f64::midpoint(*left, *right))
                .collect()
        };
        let by_bin = self.by_bin.iter().zip(&other.by_bin);
        Self {
            by_bin: by_bin.map(|(left, right)| mean(left, right)).collect(),
            kept: mean(&self.kept, &other.kept),
            caps: mean(&self.caps, &other.caps),
            parts: mean(&self.parts, &other.parts),
            ..self.clone()
        }
    }
}

/// A bound and the prices that prove it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PricedBound {
    pub(super) bound: f64,
    pub(super) prices: Prices,
}

/// An earlier stage about values, and what it has reached.
pub(super) struct Kept<'a> {
    /// Position among the stages.
    pub(super) stage: usize,
    pub(super) worth: Worth<'a>,
    pub(super) reached: f64,
}

/// Prices of groups.
#[derive(Clone)]
struct GroupPrices {
    /// Shape: groups x resources.
    amounts: Vec<Vec<f64>>,
    /// For each of [`Pricing::parts`], the count and what its devices hold.
    counts: Vec<Option<(Count, f64)>>,
    /// Shape: [`Pricing::kept`].
    kept: Vec<f64>,
}

/// The relaxation of one value stage, with alike items and bins put together.
pub(super) struct Pricing {
    /// Resources, then kinds of device.
    n_resources: usize,
    n_kinds: usize,
    group_of: Vec<usize>,
    /// All capacity of a group (shape: groups x resources).
    capacity: Vec<Vec<f64>>,
    kinds: Vec<Kind>,
    parts: Vec<Parts>,
    /// Positions of the parts of each group.
    parts_of: Vec<Vec<usize>>,
    /// The earlier stages, and what they have reached.
    kept: Vec<(usize, f64)>,
}

/// Items of one demand, set of bins and values.
struct Kind {
    demand: Vec<f64>,
    needs: Vec<DeviceNeed>,
    most: f64,
    /// Groups with a bin that has room, ascending.
    groups: Vec<InGroup>,
}

/// What a copy is worth in a group.
struct InGroup {
    group: usize,
    value: f64,
    /// In earlier stages (shape: [`Pricing::kept`]).
    kept: Vec<f64>,
}

impl Pricing {
    /// `L(pi)` for prices of groups.
    fn bound(&self, prices: &GroupPrices) -> f64 {
        let of_kinds: f64 = (self.kinds.iter())
            .map(|kind| kind.most * self.best_group(kind, prices).map_or(0.0, |best| best.1))
            .sum();
        let of_groups: f64 = (prices.amounts.iter().zip(&self.capacity))
            .map(|(prices, capacity)| dot(prices, capacity))
            .sum();
        let of_counts: f64 = (prices.counts.iter().flatten())
            .map(|(count, most)| count.price * most)
            .sum();
        let of_kept = prices.kept.iter().zip(&self.kept);
        let of_kept: f64 = of_kept.map(|(price, (_, reached))| price * reached).sum();
        of_kinds + of_groups + of_counts - of_kept
    }

    /// The group in which a copy gains most at these prices, and the gain, if there is any.
    fn best_group<'k>(&self, kind: &'k Kind, prices: &GroupPrices) -> Option<(&'k InGroup, f64)> {
        let mut best: Option<(&InGroup, f64)> = None;
        for it in &kind.groups {
            let counts = self.parts_of[it.group].iter();
            let of_parts: f64 = counts
                .filter_map(|&parts| prices.counts[parts].as_ref())
                .map(|(count, _)| count.price * count.of_needs(&kind.needs) as f64)
                .sum();
            let worth = it.value + dot(&prices.kept, &it.kept);
            let gain = worth - dot(&prices.amounts[it.group], &kind.demand) - of_parts;
            if gain > best.map_or(0.0, |best| best.1) {
                best = Some((it, gain));
            }
        }
        best
    }

    /// The best bound found, by the duals of the linear program where `solver` gives them, else by steps towards `target`.
    ///
    /// Any failure of the solver is returned beside the bound.
    pub(super) fn solve(
        mut self,
        solver: Option<&Arc<dyn MilpSolver>>,
        limits: &Limits,
        target: f64,
    ) -> (PricedBound, Option<SolverError>) {
        let n_columns: usize = self.kinds.iter().map(|kind| kind.groups.len()).sum();
        let usable = |solver: &&Arc<dyn MilpSolver>| {
            solver.capabilities().row_duals && n_columns <= LARGEST_COLUMNS
        };
        let (best, failure) = match solver.filter(usable) {
            Some(solver) => self.solve_program(solver, limits),
            None => (None, None),
        };
        let (bound, prices) = best.unwrap_or_else(|| self.step_down(target));
        let priced = PricedBound {
            bound,
            prices: self.by_bin(prices),
        };
        (priced, failure)
    }

    /// Prices of groups as prices of bins.
    fn by_bin(&self, prices: GroupPrices) -> Prices {
        let mut counts = Vec::new();
        let mut counts_of_group = vec![Vec::new(); self.capacity.len()];
        for (parts, count) in self.parts.iter().zip(prices.counts) {
            if let Some((count, _)) = count {
                counts_of_group[parts.group].push(counts.len() as u32);
                counts.push(count);
            }
        }
        let mut kept = Vec::new();
        if prices.kept.iter().any(|&price| price > 0.0) {
            let earlier = self.kept.iter().map(|it| it.0 + 1).max().unwrap_or(0);
            kept.resize(earlier, 0.0);
            for (&(stage, _), price) in self.kept.iter().zip(prices.kept) {
                kept[stage] = price;
            }
        }
        Prices {
            kept,
            by_bin: (self.group_of.iter())
                .map(|&group| prices.amounts[group].clone())
                .collect(),
            counts_of: (self.group_of.iter())
                .map(|&group| counts_of_group[group].clone())
                .collect(),
            counts,
            ..Prices::default()
        }
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}
