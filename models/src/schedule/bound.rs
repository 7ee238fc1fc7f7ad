//! What no timetable is better than, by counting.

use super::types::{Schedule, TimeObjective};

impl Schedule {
    /// A value that no timetable is better than in a stage, whatever is reached in the earlier ones; `None` where nothing is known.
    pub(super) fn bound(&self, objective: TimeObjective) -> Option<f64> {
        match objective {
            TimeObjective::Value => Some(self.value_in_reach()),
            TimeObjective::Makespan
            | TimeObjective::Completion
            | TimeObjective::Cost
            | TimeObjective::Traffic { .. } => None,
        }
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
}
