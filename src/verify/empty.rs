//! What each task could place on the cluster if it were empty: the feasible set of the certificate.

use std::collections::BTreeMap;

use super::state::{State, total};

/// Upper bounds on what a task may hold anywhere, whatever else is placed.
pub(super) struct EmptyCluster<'a> {
    state: &'a State<'a>,
    most: Vec<i128>,
}

impl<'a> EmptyCluster<'a> {
    pub(super) fn of(state: &'a State<'a>) -> Self {
        let mut it = Self {
            state,
            most: Vec::new(),
        };
        let tasks = 0..state.cluster.tasks.len();
        it.most = tasks.map(|task| it.most_alone(task)).collect();
        it
    }

    /// Most instances of a task in any allocation: those that fit alone, within its limits.
    pub(super) fn most(&self, task: usize) -> i128 {
        self.most[task]
    }

    /// Most instances of a task on an agent: as many as fit where it may go; where it only runs, those.
    pub(super) fn fit(&self, task: usize, agent: usize) -> i128 {
        let open = self.state.open(task, agent);
        let runs = self.state.running[task]
            .get(&agent)
            .copied()
            .unwrap_or_default();
        if !open && runs == 0 {
            return 0;
        }
        let mut count = self.state.wanted(task);
        let capacity = &self.state.cluster.agents[agent].capacity.0;
        for (&need, &has) in self.state.demand(task).iter().zip(capacity) {
            if need > 0 {
                count = count.min(i128::from(has) / i128::from(need));
            }
        }
        if open { count } else { count.min(runs) }
    }

    fn most_alone(&self, task: usize) -> i128 {
        let cluster = self.state.cluster;
        let wanted = self.state.wanted(task);
        if wanted == 0 {
            return total(&self.state.running[task]);
        }
        let fits: Vec<i128> = (0..cluster.agents.len())
            .map(|agent| self.fit(task, agent))
            .collect();
        let mut most = wanted.min(fits.iter().sum());
        for &limit in &self.state.limits_on[task] {
            let limit = &self.state.limits[limit];
            let level = limit.rule.level.at();
            let mut by_domain: BTreeMap<usize, i128> = BTreeMap::new();
            for (agent, fit) in fits.iter().enumerate().filter(|(_, fit)| **fit > 0) {
                *by_domain
                    .entry(cluster.agents[agent].domains[level].at())
                    .or_default() += fit;
            }
            let within = by_domain.iter().map(|(domain, &fit)| {
                let runs = limit.running.get(domain).copied().unwrap_or_default();
                fit.min(runs.max(limit.rule.max.into()))
            });
            most = most.min(within.sum());
        }
        most.max(total(&self.state.running[task]))
    }
}
