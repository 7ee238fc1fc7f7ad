//! Bounds by multipliers that hold for plans at least as good in earlier stages: what copies cost at least, how full the fullest cap
//! is at least, and, where caps have weights, what is worth most.
//!
//! # Model
//! For prices `pi >= 0` of every bin's capacity, and `mu >= 0` of the value kept in every earlier stage about values or costs:
//! and prices of every cap `L = sum_i least_i(pi, mu) + sum_k mu_k sign_k reached_k - sum_b pi_b . capacity_b - sum_c pi_c max_c`,
//! where a copy of item `i` in bin `b` has the coefficient
//! `cost_ib + pi_b . demand_i + sum_{c holds b} pi_c weight_ci - sum_k mu_k sign_k value_kib` (`sign` is 1 for values and -1 for
//! costs; values to be maximized are costs below 0), and `least_i` is the
//! least sum of coefficients over the ways to place the item alone: at most `copies_ib` in a bin, at most `most_i` and at least what the
//! values reached ask for (see `bound`), under one of the limits that count it (the one that gives most).
//! For the fullest cap, the parts have weights `y >= 0` that sum to at most 1: `cost_ib` is the sum of `1000 y_p weight_pi / total_p`
//! over the parts whose cap holds `b`, and `L` begins with `sum_p y_p 1000 base_p / total_p + (1 - sum_p y_p) least`.
//!
//! The prices are duals of the linear program over some columns; what the items would choose at these prices joins the columns,
//! until nothing new is chosen.

mod choice;
mod generation;
mod program;
mod steps;

use std::sync::Arc;
use std::time::Instant;

use super::bound::Room;
use super::placement::Placement;
use super::prices::{PricedBound, Prices};
use super::rounding::Fractions;
use super::tally::Stop;
use super::types::{Assignment, Limit, Objective, Peak};
use super::worth::Worth;
use crate::milp::Sense;
use crate::solver::{Limits, MilpSolver, SolverError};

/// The relaxation of one stage.
pub(super) struct Least<'a> {
    pub(super) assignment: &'a Assignment,
    room: &'a Room<'a>,
    pub(super) stage: usize,
    reached: &'a [f64],
    /// Limits that count each item.
    limits_of: Vec<Vec<&'a Limit>>,
    /// The fewest copies of each item.
    fewest: Vec<i64>,
    /// What a copy of each item weighs under each cap (shape: items x caps).
    weights: Vec<Vec<f64>>,
    /// Caps that hold each bin.
    caps_in: Vec<Vec<u32>>,
}

/// What is found for a stage.
#[derive(Default)]
pub(super) struct Answer {
    /// The best bound; always there once [`Least::solve`] has answered.
    pub(super) priced: Option<PricedBound>,
    /// The optimum of the last program.
    pub(super) fractions: Option<Fractions>,
    /// Why there was no further program.
    pub(super) failure: Option<SolverError>,
}

/// What copies of an item count in a stage.
enum Copies<'a> {
    /// The same in all bins.
    Alike(f64),
    /// By class, and the class of each bin.
    ByClass(&'a [i64], &'a [u32]),
}

impl Copies<'_> {
    #[inline]
    fn of(&self, bin: u32) -> f64 {
        match self {
            Self::Alike(value) => *value,
            Self::ByClass(values, class_of) => values[class_of[bin as usize] as usize] as f64,
        }
    }
}

impl<'a> Least<'a> {
    pub(super) fn new(room: &'a Room<'a>, stage: usize, reached: &'a [f64]) -> Self {
        let assignment = room.assignment;
        let mut limits_of = vec![Vec::new(); assignment.items.len()];
        for limit in &assignment.limits {
            for &item in limit.packing.items.iter() {
                limits_of[item as usize].push(limit);
            }
        }
        let mut weights = vec![vec![0.0; assignment.caps.len()]; assignment.items.len()];
        let mut caps_in = vec![Vec::new(); assignment.bins.len()];
        for (position, cap) in assignment.caps.iter().enumerate() {
            for (item, weight) in cap.weighted() {
                weights[item as usize][position] = weight as f64;
            }
            for &bin in cap.bins.iter() {
                caps_in[bin as usize].push(position as u32);
            }
        }
        let items = 0..assignment.items.len() as u32;
        Self {
            assignment,
            weights,
            caps_in,
            room,
            stage,
            reached,
            limits_of,
            fewest: items.map(|item| room.least(item, stage, reached)).collect(),
        }
    }

    /// No prices at all.
    fn free(&self) -> Prices {
        let n_resources = self.assignment.resources.len();
        let n_kinds = self.assignment.n_kinds();
        Prices {
            by_bin: vec![vec![0.0; n_resources + n_kinds]; self.assignment.bins.len()],
            counts: Vec::new(),
            counts_of: vec![Vec::new(); self.assignment.bins.len()],
            kept: vec![0.0; self.stage],
            caps: vec![0.0; self.assignment.caps.len()],
            parts: vec![0.0; self.peak().map_or(0, |peak| peak.parts.len())],
            until: Vec::new(),
        }
    }

    /// The caps to compare, if that is what the stage is about.
    fn peak(&self) -> Option<&'a Peak> {
        match &self.assignment.stages[self.stage].objective {
            Objective::Peak(peak) => Some(peak),
            _ => None,
        }
    }

    /// The best bound found, by the duals of linear programs where `solver` gives them, else by steps towards the value reached.
    ///
    /// Any failure of the solver is returned beside the bound.
    pub(super) fn solve(
        &self,
        solver: Option<&Arc<dyn MilpSolver>>,
        limits: &Limits,
        incumbent: &Placement,
    ) -> Answer {
        let usable = |solver: &&Arc<dyn MilpSolver>| solver.capabilities().row_duals;
        let mut answer = Answer::default();
        let stop = Stop {
            deadline: limits.time.map(|time| Instant::now() + time),
            cancel: limits.cancel.clone(),
        };
        if let Some(solver) = solver.filter(usable) {
            self.solve_programs(solver, (limits, &stop), incumbent, &mut answer);
        }
        let mut priced = answer.priced.take().unwrap_or_else(|| self.step_up(&stop));
        priced.bound *= self.direction();
        Answer {
            priced: Some(priced),
            ..answer
        }
    }

    /// 1 where the stage is minimized; one that is maximized is minimized below 0.
    #[inline]
    fn direction(&self) -> f64 {
        -self.sign(self.stage)
    }

    /// What given prices prove.
    pub(super) fn at(&self, prices: Prices) -> PricedBound {
        PricedBound {
            bound: self.choose(&prices).0,
            prices,
        }
    }

    /// 1 where more is better.
    #[inline]
    fn sign(&self, stage: usize) -> f64 {
        match self.assignment.stages[stage].objective.sense() {
            Sense::Maximize => 1.0,
            Sense::Minimize => -1.0,
        }
    }

    /// What copies of the item count in a stage; stages that are not sums over copies are not priced.
    fn copies_of(&self, stage: usize, item: u32) -> Copies<'a> {
        let objective = &self.assignment.stages[stage].objective;
        match (objective, objective.worth()) {
            (Objective::Cost(by_class), _) | (_, Some(Worth::ByClass(by_class))) => {
                match by_class.values_of(item) {
                    Some(values) => Copies::ByClass(values, &by_class.class_of),
                    None => Copies::Alike(0.0),
                }
            }
            // The bin does not matter.
            (_, Some(worth @ Worth::Flat(_))) => Copies::Alike(worth.of(item, 0) as f64),
            _ => Copies::Alike(0.0),
        }
    }

    /// What a copy in the bin counts in a stage.
    #[inline]
    fn coefficient(&self, stage: usize, item: u32, bin: u32) -> f64 {
        self.copies_of(stage, item).of(bin)
    }

    /// How much of all there is a copy of the item takes, in the row where that is most.
    pub(super) fn size(&self, item: u32) -> i64 {
        let caps = self.weights[item as usize]
            .iter()
            .zip(&self.assignment.caps);
        let caps = caps.map(|(weight, cap)| (1e6 * weight / cap.max.max(1) as f64) as i64);
        let demand = self.assignment.items[item as usize].demand.iter();
        let all = |resource: usize| -> i64 {
            let bins = self.assignment.bins.iter();
            bins.map(|bin| bin.capacity[resource])
                .fold(1, i64::saturating_add)
        };
        let demand = demand
            .enumerate()
            .map(|(at, need)| (1e6 * *need as f64 / all(at) as f64) as i64);
        caps.chain(demand).max().unwrap_or(0)
    }
}
