//! What each task could place on the cluster if it were empty: the feasible set of the certificate.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::AddAssign;

use super::domains::CountedLimit;
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
        let rooms = |agent: usize| (agent, self.room(task, agent));
        let rooms: Vec<(usize, f64)> = (0..self.state.cluster.agents.len()).map(rooms).collect();
        let all = rooms.iter().map(|(_, room)| room).sum::<f64>();
        let most = all.min(self.state.wanted(task) as f64);
        let most = most.min(self.room_within(task, &rooms));
        most.max(total(&self.state.running[task]) as f64)
    }

    fn most_alone(&self, task: usize) -> i128 {
        let wanted = self.state.wanted(task);
        if wanted == 0 {
            return total(&self.state.running[task]);
        }
        let fits = |agent: usize| (agent, self.fit(task, agent));
        let fits: Vec<(usize, i128)> = (0..self.state.cluster.agents.len()).map(fits).collect();
        let most = wanted.min(self.fit_within(task, &fits));
        most.max(total(&self.state.running[task]))
    }

    /// Of what fits of a task on some agents, as much as each of its limits lets in alone.
    pub(super) fn fit_within(&self, task: usize, fits: &[(usize, i128)]) -> i128 {
        let all = fits.iter().map(|(_, fit)| fit).sum();
        let within = self.limits_on(task);
        let within = within.map(|limit| self.within(limit, fits, i128::min));
        within.fold(all, i128::min)
    }

    /// The same of its room in shares.
    pub(super) fn room_within(&self, task: usize, rooms: &[(usize, f64)]) -> f64 {
        let all = rooms.iter().map(|(_, room)| room).sum();
        let within = self.limits_on(task);
        let within =
            within.map(|limit| self.within(limit, rooms, |room, max| room.min(max as f64)));
        within.fold(all, f64::min)
    }

    fn limits_on(&self, task: usize) -> impl Iterator<Item = &CountedLimit<'a>> {
        let limits = self.state.limits_on[task].iter();
        limits.map(|&limit| &self.state.limits[limit])
    }

    /// The sum over domains of what is there, each at most what the limit lets in.
    fn within<T: Copy + Default + AddAssign + Sum>(
        &self,
        limit: &CountedLimit<'_>,
        amounts: &[(usize, T)],
        least: impl Fn(T, i128) -> T,
    ) -> T {
        let level = limit.rule.level.at();
        let mut by_domain: BTreeMap<usize, T> = BTreeMap::new();
        for &(agent, amount) in amounts {
            let domain = self.state.cluster.agents[agent].domains[level].at();
            *by_domain.entry(domain).or_default() += amount;
        }
        let within = by_domain.into_iter();
        within
            .map(|(domain, amount)| least(amount, limit.most(domain)))
            .sum()
    }
}
