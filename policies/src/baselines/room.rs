//! What a slice has room for, instance by instance, for methods that place one after the other.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{DomainIdx, GroupIdx, LevelIdx, Quantities, Running, Slice, TaskIdx};

/// Offers with what was put into them.
pub(crate) struct Room<'a> {
    slice: &'a Slice<'a>,
    free: Vec<Quantities>,
    added: BTreeMap<(TaskIdx, usize), i64>,
}

impl<'a> Room<'a> {
    pub(crate) fn new(slice: &'a Slice<'a>) -> Self {
        Self {
            slice,
            free: slice
                .offers
                .iter()
                .map(|offer| offer.resources.clone())
                .collect(),
            added: BTreeMap::new(),
        }
    }

    /// What stays running, and what was added.
    pub(crate) fn in_place(&self) -> impl Iterator<Item = Running> {
        let added = self.added.iter().map(|(&(task, at), &instances)| Running {
            task,
            agent: self.slice.offers[at].agent,
            instances,
        });
        self.slice.kept.iter().copied().chain(added)
    }

    /// The part of an agent that is free, mean over its resources.
    pub(crate) fn free_share(&self, at: usize) -> f64 {
        let capacity = &self
            .slice
            .cluster
            .agent(self.slice.offers[at].agent)
            .capacity
            .0;
        let shares = self.free[at].0.iter().zip(capacity);
        let shares: Vec<f64> = shares
            .filter(|&(_, &capacity)| capacity > 0)
            .map(|(&free, &capacity)| free as f64 / capacity as f64)
            .collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }

    /// Whether one more instance of a task may go into an offer.
    pub(crate) fn holds(&self, task: TaskIdx, at: usize) -> bool {
        let cluster = self.slice.cluster;
        let of = cluster.task(task);
        let agent = self.slice.offers[at].agent;
        of.demand.fits_in(&self.free[at])
            && cluster.refusal(of, agent).is_none()
            && self.keeps_limits(task, at)
            && self.keeps_spreads(task, at)
    }

    /// Adds an instance.
    pub(crate) fn put(&mut self, task: TaskIdx, at: usize) {
        self.free[at].subtract(&self.slice.cluster.task(task).demand, 1);
        *self.added.entry((task, at)).or_insert(0) += 1;
    }

    /// What was added, but for gangs that are not whole.
    pub(crate) fn into_placements(self) -> Vec<Running> {
        let cluster = self.slice.cluster;
        let mut counts = BTreeMap::new();
        for placed in self.in_place() {
            *counts.entry(cluster.task(placed.task).job).or_insert(0) += placed.instances;
        }
        let is_whole = |task: TaskIdx| {
            let job = cluster.task(task).job;
            cluster
                .job(job)
                .gang_min
                .is_none_or(|min| counts[&job] >= min)
        };
        let added = self.added.iter().filter(|((task, _), _)| is_whole(*task));
        let mut placements: Vec<Running> = added
            .map(|(&(task, at), &instances)| Running {
                task,
                agent: self.slice.offers[at].agent,
                instances,
            })
            .collect();
        placements.sort_unstable();
        placements
    }

    /// Whether a rule of one task counts another.
    fn counts(&self, owner: TaskIdx, group: Option<GroupIdx>, task: TaskIdx) -> bool {
        match group {
            Some(group) => self.slice.cluster.task(task).groups.contains(&group),
            None => owner == task,
        }
    }

    /// Instances that a rule counts, by domain.
    fn by_domain(
        &self,
        owner: TaskIdx,
        group: Option<GroupIdx>,
        level: LevelIdx,
    ) -> BTreeMap<DomainIdx, i64> {
        let mut by_domain = BTreeMap::new();
        for placed in self
            .in_place()
            .filter(|it| self.counts(owner, group, it.task))
        {
            let domain = self.slice.cluster.domain(placed.agent, level);
            *by_domain.entry(domain).or_insert(0) += placed.instances;
        }
        by_domain
    }

    /// All tasks of the framework: a rule of one may count the instances of another.
    fn owners(&self) -> impl Iterator<Item = TaskIdx> {
        let cluster = self.slice.cluster;
        let jobs = cluster.framework(self.slice.framework).jobs.iter();
        jobs.flat_map(|&job| cluster.job(job).tasks.iter().copied())
    }

    fn keeps_limits(&self, task: TaskIdx, at: usize) -> bool {
        let cluster = self.slice.cluster;
        let agent = self.slice.offers[at].agent;
        self.owners().all(|owner| {
            let rules = cluster.task(owner).limits.iter();
            let mut counting = rules.filter(|rule| self.counts(owner, rule.group, task));
            counting.all(|rule| {
                let here = self.by_domain(owner, rule.group, rule.level);
                let domain = cluster.domain(agent, rule.level);
                here.get(&domain).copied().unwrap_or(0) < rule.max
            })
        })
    }

    fn keeps_spreads(&self, task: TaskIdx, at: usize) -> bool {
        let cluster = self.slice.cluster;
        let agent = self.slice.offers[at].agent;
        self.owners().all(|owner| {
            let rules = cluster.task(owner).spreads.iter().filter(|rule| rule.hard);
            let mut counting = rules.filter(|rule| self.counts(owner, rule.group, task));
            counting.all(|rule| {
                let usable = cluster
                    .agent_indices()
                    .filter(|&agent| cluster.broken_rule(cluster.task(owner), agent).is_none());
                let domains: BTreeSet<DomainIdx> = usable
                    .map(|agent| cluster.domain(agent, rule.level))
                    .collect();
                let here = self.by_domain(owner, rule.group, rule.level);
                let count = |domain: &DomainIdx| here.get(domain).copied().unwrap_or(0);
                let least = domains.iter().map(count).min().unwrap_or(0);
                let domain = cluster.domain(agent, rule.level);
                !domains.contains(&domain) || count(&domain) < least + rule.max_skew
            })
        })
    }
}
