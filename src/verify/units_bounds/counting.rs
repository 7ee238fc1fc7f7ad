//! Bounds by counting.

use std::collections::BTreeMap;

use apportion_cluster::plan::StageResult;

use super::DataReach;
use super::distance::{copied, io, utilization};
use crate::verify::stages::Measure;
use crate::verify::units;

impl DataReach<'_> {
    /// The bound by counting.
    pub(in crate::verify) fn combinatorial(
        &self,
        measure: Measure,
        earlier: &[(Measure, &StageResult)],
    ) -> Option<f64> {
        match measure {
            Measure::Placed(_) => {
                let sum = self.tasks.iter();
                let sum = sum.map(|task| self.value(measure, *task) * self.most[task]);
                Some(self.constant(measure) + sum.sum::<i128>() as f64)
            }
            Measure::Distance => {
                let sum = self
                    .tasks
                    .iter()
                    .map(|&task| self.least_distance(task, earlier));
                Some(self.constant(measure) + sum.sum::<i128>() as f64)
            }
            Measure::Utilization => Some(self.least_utilization(earlier)),
            _ => None,
        }
    }

    /// The replicas that must be placed where they cost least: on each pair of agent and unit what both hold, on a unit what it holds.
    fn least_distance(&self, task: usize, earlier: &[(Measure, &StageResult)]) -> i128 {
        let mut pairs: BTreeMap<(i128, usize), i128> = BTreeMap::new();
        for &(unit, most) in &self.on_units[&task] {
            let copied = copied(self.state, task, unit);
            for &(agent, count) in &self.on_agents[&task] {
                let cost = io(self.state, task) * self.hops[agent][unit] + copied;
                *pairs.entry((cost, unit)).or_insert(0) += count.min(most);
            }
        }
        let mut room: BTreeMap<usize, i128> = self.on_units[&task].iter().copied().collect();
        let mut left = self.least(task, earlier);
        let mut sum = 0;
        for ((cost, unit), count) in pairs {
            let room = room.entry(unit).or_insert(0);
            let here = count.min(*room).min(left);
            *room -= here;
            left -= here;
            sum += cost * here;
        }
        sum
    }

    /// What stays, and each replica that must be placed, on the unit that it fills least.
    fn least_utilization(&self, earlier: &[(Measure, &StageResult)]) -> f64 {
        let state = self.state;
        let mut least = utilization(state, self.framework, &state.kept_on_units);
        let mut own = state.kept_on_units.clone();
        own.retain(|(task, ..), _| self.tasks.contains(task));
        let kept = units::load(state, &own);
        for &task in &self.tasks {
            let Some(shard) = &state.cluster.tasks[task].shard else {
                continue;
            };
            if self.least(task, earlier) == 0 || self.on_agents[&task].is_empty() {
                continue;
            }
            let mut best = f64::INFINITY;
            for &(unit, _) in &self.on_units[&task] {
                let mut most = 0.0_f64;
                for at in [1, 2] {
                    let amount = state.cluster.units[unit].amounts[at];
                    if amount > 0 {
                        let used = kept[unit][at] + i128::from(shard.need[at]);
                        most = most.max(1000.0 * used as f64 / amount as f64);
                    }
                }
                best = best.min(most);
            }
            if best.is_finite() {
                least = least.max(best);
            }
        }
        least
    }
}
