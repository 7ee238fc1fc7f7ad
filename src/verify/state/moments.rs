//! What counts and what is used where instances follow one another.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::Cluster;

use super::{Counts, State, add};

/// Instances of a task on an agent from one moment to another.
#[derive(Clone, Copy, Debug)]
pub(in crate::verify) struct TimedCount {
    pub task: usize,
    pub agent: usize,
    pub start_ms: i64,
    pub end_ms: i64,
    pub instances: i128,
}

impl TimedCount {
    /// Whether they run at a moment.
    fn runs_at(&self, moment: i64) -> bool {
        self.start_ms <= moment && moment < self.end_ms
    }
}

impl State<'_> {
    /// The most that some frameworks' instances use at any moment, what is placed for good beside what follows one another; by
    /// agent and resource.
    pub(in crate::verify) fn load_over_time(
        &self,
        counts: &Counts,
        framework: Option<usize>,
    ) -> Vec<Vec<i128>> {
        let own = framework.map(|it| own_tasks(self.cluster, it));
        let belongs = |task: usize| own.as_ref().is_none_or(|own| own[task]);
        let mut steady = counts.clone();
        for (task, by_agent) in steady.iter_mut().enumerate() {
            if !belongs(task) {
                by_agent.clear();
            }
        }
        let times: Vec<&TimedCount> = self.times.iter().filter(|it| belongs(it.task)).collect();
        for it in &times {
            add(&mut steady[it.task], it.agent, -it.instances);
        }
        let steady = self.load(&steady);
        let mut most = steady.clone();
        for (agent, most) in most.iter_mut().enumerate() {
            let here: Vec<&&TimedCount> = times.iter().filter(|it| it.agent == agent).collect();
            for begun in &here {
                let mut now = steady[agent].clone();
                for it in here.iter().filter(|it| it.runs_at(begun.start_ms)) {
                    for (now, &need) in now.iter_mut().zip(self.demand(it.task)) {
                        *now += i128::from(need) * it.instances;
                    }
                }
                for (most, now) in most.iter_mut().zip(now) {
                    *most = now.max(*most);
                }
            }
        }
        most
    }

    /// What `counts` use, by agent and resource.
    pub(in crate::verify) fn load(&self, counts: &Counts) -> Vec<Vec<i128>> {
        let mut load = vec![vec![0; self.cluster.resources.len()]; self.cluster.agents.len()];
        for (task, by_agent) in counts.iter().enumerate() {
            for (&agent, &count) in by_agent {
                for (used, &need) in load[agent].iter_mut().zip(self.demand(task)) {
                    *used += i128::from(need) * count;
                }
            }
        }
        load
    }
}

/// By task, whether it is a framework's.
fn own_tasks(cluster: &Cluster, framework: usize) -> Vec<bool> {
    let mut own = vec![false; cluster.tasks.len()];
    for job in &cluster.frameworks[framework].jobs {
        for task in &cluster.jobs[job.at()].tasks {
            own[task.at()] = true;
        }
    }
    own
}

/// What counts for shares; see [`State::held`].
pub(super) fn held(cluster: &Cluster, placed: &Counts, times: &[TimedCount]) -> Counts {
    let mut held = placed.clone();
    for framework in 0..cluster.frameworks.len() {
        let of_framework = own_tasks(cluster, framework);
        let own: Vec<&TimedCount> = times.iter().filter(|it| of_framework[it.task]).collect();
        // What begins at each moment less what ends then.
        let mut changes: BTreeMap<i64, i128> = BTreeMap::new();
        for it in &own {
            let value = i128::from(cluster.tasks[it.task].value) * it.instances;
            *changes.entry(it.start_ms).or_default() += value;
            *changes.entry(it.end_ms).or_default() -= value;
        }
        let starts: BTreeSet<i64> = own.iter().map(|it| it.start_ms).collect();
        let mut best: Option<(i128, i64)> = None;
        let mut value = 0;
        for (moment, change) in changes {
            value += change;
            if starts.contains(&moment) && best.is_none_or(|(most, _)| value > most) {
                best = Some((value, moment));
            }
        }
        for it in &own {
            let at_peak = best.is_some_and(|(_, moment)| it.runs_at(moment));
            if !at_peak {
                add(&mut held[it.task], it.agent, -it.instances);
            }
        }
    }
    for by_agent in &mut held {
        by_agent.retain(|_, count| *count > 0);
    }
    held
}
