//! What each task could place on the cluster if it were empty: the feasible set of the certificate.

use std::collections::BTreeMap;

use super::roles::Roles;
use super::state::{State, total};

/// Upper bounds on what a task may hold anywhere, whatever else is placed.
pub(super) struct EmptyCluster<'a> {
    state: &'a State<'a>,
    pub roles: Roles,
    /// Tasks of which the limits of roles let none in.
    blocked: Vec<bool>,
    most: Vec<i128>,
}

impl<'a> EmptyCluster<'a> {
    pub(super) fn of(state: &'a State<'a>) -> Self {
        let roles = Roles::of(state);
        let tasks = 0..state.cluster.tasks.len();
        let mut it = Self {
            state,
            blocked: tasks.map(|task| roles.blocks(state, task)).collect(),
            roles,
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
        let open = self.state.open(task, agent) && !self.blocked[task];
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

    /// The same for shares, which are fractional: the fraction of instances that fits, and 1 where only one does.
    pub(super) fn room(&self, task: usize, agent: usize) -> f64 {
        let fit = self.fit(task, agent);
        if fit <= 1 || !self.state.open(task, agent) {
            return fit as f64;
        }
        let capacity = &self.state.cluster.agents[agent].capacity.0;
        let amounts = self.state.demand(task).iter().zip(capacity);
        let rooms = amounts
            .filter(|(need, _)| **need > 0)
            .map(|(&need, &has)| has as f64 / need as f64);
        rooms.fold(self.state.wanted(task) as f64, f64::min)
    }

    /// Most of a task in any fractional share: its room alone, within its limits.
    pub(super) fn most_room(&self, task: usize) -> f64 {
        let cluster = self.state.cluster;
        let agents = 0..cluster.agents.len();
        let rooms: Vec<f64> = agents.map(|agent| self.room(task, agent)).collect();
        let mut most = rooms
            .iter()
            .sum::<f64>()
            .min(self.state.wanted(task) as f64);
        for &limit in &self.state.limits_on[task] {
            let limit = &self.state.limits[limit];
            let level = limit.rule.level.at();
            let mut by_domain: BTreeMap<usize, f64> = BTreeMap::new();
            for (agent, room) in rooms.iter().enumerate().filter(|(_, room)| **room > 0.0) {
                *by_domain
                    .entry(cluster.agents[agent].domains[level].at())
                    .or_default() += room;
            }
            let within = by_domain.iter().map(|(domain, &room)| {
                let runs = limit.running.get(domain).copied().unwrap_or_default();
                room.min(runs.max(limit.rule.max.into()) as f64)
            });
            most = most.min(within.sum());
        }
        most.max(total(&self.state.running[task]) as f64)
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
