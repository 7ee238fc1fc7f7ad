//! What is in reach, and the least that a stage can be.

use std::collections::BTreeMap;

use apportion_cluster::Edge;

use super::Flows;
use crate::verify::bounds::Reach;
use crate::verify::stages::Measure;
use crate::verify::state::total;

impl Flows<'_> {
    /// Of a batch: what stays, and everything that has an agent, as has all that it follows.
    pub(in crate::verify) fn value_in_reach(&self, reach: &Reach<'_>) -> Option<i128> {
        if self.state.cluster.frameworks[self.framework].policy != "workflow" || !self.is_batch() {
            return None;
        }
        let ways = self.ways(reach);
        let tasks = self.state.tasks_of(self.framework).into_iter();
        let values = tasks.map(|task| {
            let has_way = ways.get(&task).is_some_and(|agents| !agents.is_empty());
            let arriving = if has_way { self.pending(task) } else { 0 };
            self.state.value(task) * (total(&self.state.kept[task]) + arriving)
        });
        Some(values.sum())
    }

    /// The least that a stage can be, by counting.
    pub(in crate::verify) fn least(&self, reach: &Reach<'_>, measure: Measure) -> f64 {
        if !self.is_batch() {
            return match measure {
                Measure::Traffic { agents, racks, .. } => {
                    self.least_stream_traffic(reach, agents, racks)
                }
                _ => 0.0,
            };
        }
        let ways = self.ways(reach);
        // Nothing is known of plans that leave out what could be placed.
        let whole = ways.iter().all(|(&task, agents)| {
            agents.is_empty() || total(&self.state.arriving[task]) == self.pending(task)
        });
        if !whole {
            return 0.0;
        }
        match measure {
            Measure::Traffic { agents, racks, .. } => {
                let mut sum = 0;
                for edge in self.edges().filter(|edge| self.joins_pending(edge)) {
                    let costs = self.pairs_of(&ways, edge).into_iter().map(|(one, other)| {
                        let near = self.are_near(one, other);
                        match (one == other, near) {
                            (true, _) => 0,
                            (false, true) => agents,
                            (false, false) => agents + self.beyond(racks),
                        }
                    });
                    sum += costs.min().unwrap_or(0) * self.pending_amount(edge);
                }
                sum as f64
            }
            Measure::Makespan { .. } => {
                let heads = self.heads(&ways);
                let path = heads.iter().filter(|(task, _)| !ways[*task].is_empty());
                let path = path.map(|(&task, head)| head + self.shortest(&ways, task));
                let least = path.max().unwrap_or(0);
                let least = least.max(self.work_over_capacity(&ways));
                least.max(self.in_turns(&ways)) as f64
            }
            Measure::Completion => {
                let heads = self.heads(&ways);
                let placed = heads.iter().filter(|(task, _)| !ways[*task].is_empty());
                let ends = placed
                    .map(|(&task, head)| (head + self.shortest(&ways, task)) * self.pending(task));
                ends.sum::<i128>() as f64
            }
            _ => 0.0,
        }
    }

    pub(super) fn joins_pending(&self, edge: &Edge) -> bool {
        self.pending(edge.from.at()) > 0 && self.pending(edge.to.at()) > 0
    }

    /// Where each pending task could be; nowhere if something that it follows could be nowhere.
    fn ways(&self, reach: &Reach<'_>) -> BTreeMap<usize, Vec<usize>> {
        let tasks = self.state.tasks_of(self.framework);
        let pending = tasks.into_iter().filter(|&task| self.pending(task) > 0);
        let mut ways: BTreeMap<usize, Vec<usize>> =
            pending.map(|task| (task, reach.agents(task))).collect();
        loop {
            let mut lost = Vec::new();
            for edge in self.edges().filter(|edge| self.joins_pending(edge)) {
                let (from, to) = (edge.from.at(), edge.to.at());
                if ways[&from].is_empty() && !ways[&to].is_empty() {
                    lost.push(to);
                }
            }
            if lost.is_empty() {
                return ways;
            }
            for task in lost {
                ways.insert(task, Vec::new());
            }
        }
    }

    pub(super) fn pairs_of(
        &self,
        ways: &BTreeMap<usize, Vec<usize>>,
        edge: &Edge,
    ) -> Vec<(usize, usize)> {
        let (from, to) = (&ways[&edge.from.at()], &ways[&edge.to.at()]);
        let common = from.iter().find(|agent| to.contains(agent));
        match common {
            Some(&agent) => vec![(agent, agent)],
            None => from
                .iter()
                .flat_map(|&one| to.iter().map(move |&other| (one, other)))
                .collect(),
        }
    }
}
