//! When everything ends, and what it reads and pulls.

use apportion_cluster::{Phase, Shuffle};

use super::Ahead;
use crate::verify::mapreduce::mib;
use crate::verify::stages::thousandths;
use crate::verify::state::Counts;

impl Ahead<'_> {
    pub(in crate::verify) fn makespan(&self) -> f64 {
        self.makespan_ms() as f64 / 1000.0
    }

    /// The sum of the moments at which instances end, in seconds.
    pub(in crate::verify) fn completion(&self) -> f64 {
        let ends = self.times().map(|it| i128::from(it.end_ms) * it.instances);
        thousandths(ends.sum())
    }

    /// What everything in place costs, in MiB.
    pub(in crate::verify) fn network(&self) -> f64 {
        mib(self.costs(&self.state.placed))
    }

    /// What so many instances cost, in millionths of a MiB.
    pub(super) fn costs(&self, counts: &Counts) -> i128 {
        let mut sum = 0;
        for &task in &self.tasks {
            for (&agent, &count) in &counts[task] {
                sum += self.hadoop.here(task, agent) * count;
            }
        }
        sum
    }

    /// MiB that new reduce instances pull across racks from new map instances; absent where they pull nothing, or without racks.
    pub(in crate::verify) fn shuffled(&self) -> Option<f64> {
        if !self.hadoop.has_racks() {
            return None;
        }
        let (mut sum, mut any) = (0.0, false);
        for (map, reduce, part) in self.pulls() {
            any |= part > 0.0;
            for (&from, &here) in &self.state.arriving[map] {
                for (&to, &there) in &self.state.arriving[reduce] {
                    if !self.hadoop.are_near(from, to) {
                        sum += part * (here * there) as f64;
                    }
                }
            }
        }
        any.then_some(sum)
    }

    /// Map and reduce tasks of one job that both have instances to come, and the MiB that each pair of instances exchanges.
    pub(super) fn pulls(&self) -> Vec<(usize, usize, f64)> {
        let cluster = self.state.cluster;
        let mut pulls = Vec::new();
        for &reduce in &self.tasks {
            let Some(Phase::Reduce(work)) = &cluster.tasks[reduce].phase else {
                continue;
            };
            if self.hadoop.maps_all_run(reduce) || self.pending(reduce) == 0 {
                continue;
            }
            let maps = self.hadoop.maps_of(reduce);
            let instances: i128 = maps.iter().map(|map| self.state.wanted(*map)).sum();
            for &map in maps.iter().filter(|map| self.pending(**map) > 0) {
                let pair = match &work.shuffle {
                    Shuffle::Total(mib) => *mib as f64 / instances.max(1) as f64,
                    Shuffle::ByTask(amounts) => {
                        let own = amounts.iter().find(|(it, _)| it.at() == map);
                        let mib = own.map_or(0, |it| it.1);
                        mib as f64 / self.state.wanted(map).max(1) as f64
                    }
                };
                pulls.push((map, reduce, pair / self.state.wanted(reduce).max(1) as f64));
            }
        }
        pulls
    }
}
