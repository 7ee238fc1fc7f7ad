//! What no timetable is better than: by counting, and by prices.

use super::independent::cost_prices;
use super::types::{Schedule, TimeObjective};
use crate::assignment::{Proof, TIE};
use crate::solver::Limits;

impl Schedule {
    /// A value that no timetable is better than in a stage, of those at least as good in the earlier ones, which reached `values`; and
    /// how it is proved. `None` where nothing is known.
    pub(super) fn bound(
        &self,
        stage: usize,
        values: &[f64],
        limits: &Limits,
    ) -> Option<(f64, Proof)> {
        let by_counting = |bound: f64| Some((bound, Proof::Combinatorial));
        let objective = self.stages[stage].objective;
        match objective {
            TimeObjective::Value => by_counting(self.value_in_reach()),
            // What is left out takes no time and costs nothing.
            TimeObjective::Makespan | TimeObjective::Cost if !self.places_all(stage, values) => {
                by_counting(0.0)
            }
            TimeObjective::Makespan => {
                by_counting(self.least_makespan(values[stage].round() as i64) as f64)
            }
            TimeObjective::Cost => {
                let alone = self.least_cost() as f64;
                let priced = self.makespan_before(stage, values);
                let priced = priced
                    .filter(|_| alone < values[stage] - TIE * values[stage].max(1.0))
                    .and_then(|time| cost_prices(self, time, limits))
                    .filter(|(bound, _)| *bound > alone);
                match priced {
                    Some((bound, prices)) => Some((bound, Proof::Multipliers(prices))),
                    None => by_counting(alone),
                }
            }
            TimeObjective::Traffic { .. } => by_counting(0.0),
            TimeObjective::Completion => None,
        }
    }

    /// Whether an earlier stage reached the value of all copies that fit anywhere.
    fn places_all(&self, stage: usize, values: &[f64]) -> bool {
        let earlier = self.stages[..stage].iter().zip(values);
        let mut placed = earlier.filter(|(stage, _)| stage.objective == TimeObjective::Value);
        let worthless = |operation: &super::types::Operation| operation.value == 0;
        !self.operations.iter().any(worthless)
            && placed.any(|(_, &value)| value >= self.value_in_reach() - TIE)
    }

    /// The makespan that an earlier stage reached.
    fn makespan_before(&self, stage: usize, values: &[f64]) -> Option<i64> {
        let mut earlier = self.stages[..stage].iter().zip(values);
        let found = earlier.find(|(stage, _)| stage.objective == TimeObjective::Makespan);
        found.map(|(_, &value)| value.round() as i64)
    }

    /// The value of all copies that some bin could hold if it were empty: given time, one bin holds any number of them.
    fn value_in_reach(&self) -> f64 {
        let operations = self.operations.iter();
        let fits = |demand: &[i64], bin: u32| {
            let capacity = &self.bins[bin as usize].capacity;
            demand.iter().zip(capacity).all(|(need, has)| need <= has)
        };
        operations
            .filter(|it| it.eligible.iter().any(|&bin| fits(&it.demand, bin)))
            .map(|it| it.value as f64 * it.count as f64)
            .sum()
    }

    /// What all copies that fit anywhere cost where they cost least.
    fn least_cost(&self) -> i128 {
        let of_operation = |operation: &super::types::Operation| {
            let fits = |bin: &&u32| {
                let capacity = &self.bins[**bin as usize].capacity;
                let mut needs = operation.demand.iter().zip(capacity);
                needs.all(|(need, has)| need <= has)
            };
            let costs = operation.eligible.iter().filter(fits);
            let least = costs.map(|&bin| operation.cost_in(bin)).min().unwrap_or(0);
            i128::from(least) * i128::from(operation.count)
        };
        self.operations.iter().map(of_operation).sum()
    }
}
