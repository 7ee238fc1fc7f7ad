//! The programs that a certificate solves.

use std::borrow::Cow;

use apportion_models::welfare::{
    Duals, Objective, Problem, Repaired, Solution, Status, repair, solve_until,
};

use super::Auditor;
use crate::broker::market::{Place, Scope};
use crate::broker::rules::alone_values;
use crate::broker::share::{ACCURACY, MANY_COLUMNS};

/// Columns up to which more programs are solved than the certificate needs.
const CHEAP_COLUMNS: usize = 4_000;

impl<'a> Auditor<'a> {
    /// The best multipliers that cover `w_p / u_p` times every value.
    pub(super) fn prove(&self, utilities: &[f64]) -> Repaired {
        let mut problem = self.of_whole_devices();
        let mut required: Vec<Vec<f64>> = problem
            .blocks()
            .iter()
            .map(|block| vec![0.0; block.columns()])
            .collect();
        for (p, (member, &utility)) in self.market().members.iter().zip(utilities).enumerate() {
            // A framework without a unit of value has no column; its weight does not matter.
            let weight = if utility > 0.0 {
                member.weight / utility
            } else {
                0.0
            };
            let block = problem.block_mut(p);
            block.set_weight(weight);
            let values = block.values().iter();
            required[p] = values.map(|value| weight * value).collect();
        }
        let quick = self.market().n_columns() > MANY_COLUMNS;
        let solution = (!quick).then(|| self.solve(&problem));
        let solved = solution.as_ref().map(|solution| &solution.duals);
        solved
            .into_iter()
            .chain([&*self.duals_of_shares(&problem)])
            .map(|duals| {
                repair(&problem, &required, duals)
                    .expect("every column has a demand row to pay from")
            })
            .min_by(|left, right| left.value.total_cmp(&right.value))
            .expect("there is a candidate")
    }

    /// The program of the shares, and whole devices: whatever can be placed obeys it.
    fn of_whole_devices(&self) -> Problem {
        let scope = &self.shares_proof.scope;
        let halves = self.market().whole().halves;
        if halves.len() == scope.halves.len() {
            return self.shares_proof.problem.clone();
        }
        let scope = Scope {
            halves,
            ..scope.clone()
        };
        let floors = self.shares.has_floors.then_some(&self.shares.floors[..]);
        self.market().problem(&scope, Objective::Linear, floors)
    }

    /// The multipliers of the shares, for a program of theirs that may count devices besides: nothing is paid for these.
    fn duals_of_shares(&self, problem: &Problem) -> Cow<'a, Duals> {
        let known = &self.shares_proof.duals;
        let devices = problem.shared_bounds().len() - known.shared.len();
        if devices == 0 {
            return Cow::Borrowed(known);
        }
        let mut duals = known.clone();
        let first_limit = known.shared.len() - self.shared_rows_of_roles();
        let unpaid = std::iter::repeat_n(0.0, devices);
        duals.shared.splice(first_limit..first_limit, unpaid);
        Cow::Owned(duals)
    }

    /// How many shared rows are limits and guarantees: the last ones.
    pub(super) fn shared_rows_of_roles(&self) -> usize {
        let scope = &self.shares_proof.scope;
        let (limits, holds) = self.market().rows_at(Place::Shared, scope);
        limits.len() + holds.len()
    }

    fn solve(&self, problem: &Problem) -> Solution {
        solve_until(problem, &ACCURACY, self.stop)
            .expect("capacities, demands, values and weights are finite")
    }

    /// With one more unit each, scaled from what is proved of the plan; where it is cheap, by a program of its own.
    pub(super) fn one_unit(&self, exact: &[f64], one_more: &[f64], proved: f64) -> f64 {
        let scale = exact
            .iter()
            .zip(one_more)
            .map(|(utility, more)| utility / more)
            .fold(0.0, f64::max);
        let scaled = (scale * (1.0 + proved) - 1.0).min(proved);
        if exact.is_empty() {
            return proved;
        }
        if self.market().n_columns() > CHEAP_COLUMNS || (self.stop)() {
            return scaled;
        }
        scaled.min(self.publish(&self.prove(one_more).duals).epsilon())
    }

    /// `1 - Z / Z_max` for `Z = sum_p w_p u_p / h_p` at the share, `h_p` being the most that `p` alone could place;
    /// absent where it is not cheap.
    pub(super) fn price_of_fairness(&self) -> Option<f64> {
        let market = self.market();
        if market.n_columns() > CHEAP_COLUMNS || market.members.is_empty() || (self.stop)() {
            return None;
        }
        let most = alone_values(market);
        let mut weights = Vec::with_capacity(most.len());
        let mut problem = market.problem(&self.shares_proof.scope, Objective::Linear, None);
        let mut fair = 0.0;
        for (p, (member, most)) in market.members.iter().zip(&most).enumerate() {
            // Who can place nothing, as one that only runs what its agent is too small for, counts for nothing.
            let weight = if *most > 0.0 {
                member.weight / most
            } else {
                0.0
            };
            problem.block_mut(p).set_weight(weight);
            weights.push(weight);
            fair += weight * self.shares.deserved[p];
        }
        let solution = self.solve(&problem);
        let best: f64 = (weights.iter().zip(&solution.utilities))
            .map(|(weight, utility)| weight * utility)
            .sum();
        (solution.status == Status::Optimal && best > 0.0).then(|| (1.0 - fair / best).max(0.0))
    }
}
