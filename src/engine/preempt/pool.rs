//! Who may be displaced for a unit, in the order of preference.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{
    AgentIdx, DomainIdx, FrameworkIdx, JobIdx, LevelIdx, Quantities, RunningDevices, TaskIdx,
};

use super::super::devices;
use super::super::rules::{After, ByTask, Compared, by_task};
use super::super::state::State;
use super::unit::{Free, Unit};
use crate::broker::Shares;

/// One running or seated instance.
#[derive(Clone)]
pub(in crate::engine) struct Instance {
    pub framework: FrameworkIdx,
    pub task: TaskIdx,
    pub agent: AgentIdx,
    pub devices: Option<RunningDevices>,
    /// Whether it was placed in this plan and does not run yet.
    pub seated: bool,
}

/// The instances that may go, together if need be, first those that go first.
pub(super) struct Pool<'a> {
    state: &'a State<'a>,
    pub instances: Vec<Instance>,
    /// Instances in place of each job with a gang.
    gangs: BTreeMap<JobIdx, i64>,
}

impl<'a> Pool<'a> {
    /// Those that may go for a unit, at a toll that begins with what the unit itself costs; of the instances on one agent
    /// `only`, if that is stated.
    pub(super) fn of(
        state: &'a State<'a>,
        shares: &Shares,
        unit: &Unit,
        toll: Toll<'a>,
        only: Option<AgentIdx>,
    ) -> Self {
        let cluster = state.cluster;
        let mut pool = Self {
            state,
            instances: Vec::new(),
            gangs: BTreeMap::new(),
        };
        for kept in state.kept.iter().flatten() {
            let job = cluster.task(kept.task).job;
            if cluster.job(job).gang_min.is_some() {
                *pool.gangs.entry(job).or_default() += kept.instances;
            }
        }
        let bystanders: BTreeSet<TaskIdx> = state.released.iter().map(|it| it.task).collect();
        let mut candidates = state.instances();
        let is_replica = |it: &Instance| cluster.task(it.task).shard.is_some();
        candidates.retain(|it| {
            !is_replica(it)
                && !state.roles.above(it.framework).contains(&unit.role)
                && !cluster.agent(it.agent).cordoned
                && !bystanders.contains(&it.task)
        });
        candidates.sort_by(|left, right| pool.order(shares, left, right));
        pool.admit(unit, toll, only, &candidates);
        pool
    }

    /// The lowest priority first; then single instances before gangs; then frameworks furthest above their share; then the
    /// least value.
    fn order(&self, shares: &Shares, left: &Instance, right: &Instance) -> std::cmp::Ordering {
        let cluster = self.state.cluster;
        let priority = |it: &Instance| cluster.job(cluster.task(it.task).job).priority;
        let is_gang = |it: &Instance| self.gangs.contains_key(&cluster.task(it.task).job);
        let above = |it: &Instance| {
            let deserved = shares.frameworks[it.framework.at()].deserved;
            self.state.utility(it.framework) as f64 / deserved.max(1e-9)
        };
        let value = |it: &Instance| cluster.task(it.task).value;
        (priority(left).cmp(&priority(right)))
            .then_with(|| is_gang(left).cmp(&is_gang(right)))
            .then_with(|| above(right).total_cmp(&above(left)))
            .then_with(|| value(left).cmp(&value(right)))
            .then_with(|| (left.task, left.agent).cmp(&(right.task, right.agent)))
            .then_with(|| left.devices.cmp(&right.devices))
    }

    /// Takes candidates in, one by one or gang by gang, as long as no role, job or domain loses what it may not.
    fn admit(
        &mut self,
        unit: &Unit,
        mut toll: Toll<'a>,
        only: Option<AgentIdx>,
        candidates: &[Instance],
    ) {
        let cluster = self.state.cluster;
        let mut done: BTreeSet<JobIdx> = BTreeSet::new();
        let jobs: Vec<JobIdx> = candidates
            .iter()
            .map(|it| cluster.task(it.task).job)
            .collect();
        for (at, candidate) in candidates.iter().enumerate() {
            let job = jobs[at];
            let near = only.is_none_or(|only| only == candidate.agent)
                && unit.may_use(cluster, candidate.agent);
            match self.gangs.get(&job).copied() {
                None if near && toll.bears(std::slice::from_ref(candidate)) => {
                    self.instances.push(candidate.clone());
                }
                // A gang goes whole, wherever its instances are; who can be spared of it is looked at later.
                Some(placed) if near && done.insert(job) => {
                    let own = candidates.iter().zip(&jobs).filter(|(_, of)| **of == job);
                    let own: Vec<Instance> = own.map(|(it, _)| it.clone()).collect();
                    if own.len() as i64 == placed && toll.bears(&own) {
                        self.instances.extend(own);
                    }
                }
                _ => {}
            }
        }
    }

    /// The length of the run that is at least `length` and cuts no gang.
    pub(super) fn whole(&self, mut length: usize) -> usize {
        let cluster = self.state.cluster;
        let job = |at: usize| cluster.task(self.instances[at].task).job;
        while length > 0
            && length < self.instances.len()
            && self.gangs.contains_key(&job(length))
            && job(length) == job(length - 1)
        {
            length += 1;
        }
        length
    }

    /// Whether what stays of every gang is none, enough, or all that there was.
    pub(super) fn is_valid(&self, chosen: &[usize]) -> bool {
        let cluster = self.state.cluster;
        let mut gone: BTreeMap<JobIdx, i64> = BTreeMap::new();
        for &at in chosen {
            *gone
                .entry(cluster.task(self.instances[at].task).job)
                .or_default() += 1;
        }
        gone.into_iter().all(|(job, gone)| {
            let Some(placed) = self.gangs.get(&job) else {
                return true;
            };
            let min = cluster.job(job).gang_min.unwrap_or(0);
            placed - gone == 0 || placed - gone >= min
        })
    }

    /// What may be spared as one: each instance, and each gang; gangs last, so that they are looked at first.
    pub(super) fn parts(&self, chosen: &[usize]) -> Vec<Vec<usize>> {
        let cluster = self.state.cluster;
        let mut parts: Vec<Vec<usize>> = chosen.iter().map(|&at| vec![at]).collect();
        let mut gangs: BTreeMap<JobIdx, Vec<usize>> = BTreeMap::new();
        for &at in chosen {
            let job = cluster.task(self.instances[at].task).job;
            if self.gangs.contains_key(&job) {
                gangs.entry(job).or_default().push(at);
            }
        }
        parts.extend(gangs.into_values());
        parts
    }

    /// Those on some agents; of a gang all that are chosen.
    pub(super) fn on(&self, chosen: &[usize], agents: &[AgentIdx]) -> Vec<usize> {
        let cluster = self.state.cluster;
        let job = |at: usize| cluster.task(self.instances[at].task).job;
        let here = |at: usize| agents.contains(&self.instances[at].agent);
        let chosen_there = chosen.iter().copied().filter(|&at| here(at));
        let jobs: BTreeSet<JobIdx> = chosen_there.map(job).collect();
        let stays = |at: &usize| {
            here(*at) || (self.gangs.contains_key(&job(*at)) && jobs.contains(&job(*at)))
        };
        chosen.iter().copied().filter(stays).collect()
    }

    /// What is free once the chosen are gone.
    pub(super) fn room(&self, state: &State<'_>, chosen: &[usize]) -> Free {
        let cluster = state.cluster;
        let mut free = Free {
            resources: state.free.clone(),
            devices: state.free_devices.clone(),
        };
        for victim in chosen.iter().map(|&at| &self.instances[at]) {
            free.resources[victim.agent.at()].add(&cluster.task(victim.task).demand, 1);
            if let Some(held) = &victim.devices {
                devices::give(cluster, &mut free.devices, held);
            }
        }
        free
    }
}

/// What the displaced cost roles, jobs and domains so far.
#[derive(Clone)]
pub(super) struct Toll<'a> {
    state: &'a State<'a>,
    /// What each role uses once the unit is placed and the displaced are gone.
    usage: Vec<Vec<i128>>,
    /// What it may not fall below.
    least: Vec<Vec<i128>>,
    /// Instances that each job may still lose, where it says.
    moves: BTreeMap<JobIdx, i64>,
    /// Instances in place of jobs that must survive the loss of a domain, by domain.
    survivors: BTreeMap<JobIdx, BTreeMap<DomainIdx, i64>>,
    /// Hard spreads, and by task those that count it.
    spreads: Vec<Spread>,
    spreads_on: BTreeMap<TaskIdx, Vec<usize>>,
}

/// A hard spread rule. Who is spared in the end is not known yet: so no domain may fall further below the fullest one of
/// before than the rule allows, whoever of the others goes.
#[derive(Clone)]
struct Spread {
    level: LevelIdx,
    /// Instances in place, by domain that the rule compares.
    counts: BTreeMap<DomainIdx, i64>,
    /// What each of these keeps at least.
    least: i64,
}

impl<'a> Toll<'a> {
    pub(super) fn of(state: &'a State<'a>, unit: &Unit) -> Self {
        let cluster = state.cluster;
        let mut usage: Vec<Vec<i128>> = (0..cluster.roles.len())
            .map(|role| state.roles.usage(role).to_vec())
            .collect();
        let least = cluster.roles.iter().zip(&usage).map(|(role, usage)| {
            let amounts = role.guarantee.0.iter().zip(usage);
            amounts
                .map(|(&promised, &used)| used.min(promised.into()))
                .collect()
        });
        let least = least.collect();
        for role in state.roles.above(unit.framework) {
            change(&mut usage[role], &unit.demand, 1);
        }
        let mut moves = BTreeMap::new();
        let mut survivors: BTreeMap<JobIdx, BTreeMap<DomainIdx, i64>> = BTreeMap::new();
        for kept in state.kept.iter().flatten() {
            let id = cluster.task(kept.task).job;
            let job = cluster.job(id);
            if let Some(most) = job.max_moves {
                moves.entry(id).or_insert(most);
            }
            if let Some(rule) = job.min_available {
                let domain = cluster.domain(kept.agent, rule.level);
                *survivors.entry(id).or_default().entry(domain).or_default() += kept.instances;
            }
        }
        let gone = state.released.iter().map(|it| (it.task, it.instances));
        let gone = gone.chain(state.displaced().map(|task| (task, 1)));
        for (task, instances) in gone {
            if let Some(left) = moves.get_mut(&cluster.task(task).job) {
                *left -= instances;
            }
        }
        let mut toll = Self {
            state,
            usage,
            least,
            moves,
            survivors,
            spreads: Vec::new(),
            spreads_on: BTreeMap::new(),
        };
        toll.read_spreads();
        toll
    }

    fn read_spreads(&mut self) {
        let cluster = self.state.cluster;
        let kept = by_task(self.state.kept.iter().flatten());
        let in_place = After::new(cluster, kept, ByTask::new());
        let mut compared = Compared::new(cluster);
        for task in cluster.task_indices() {
            let rules = cluster.task(task).spreads.iter();
            for rule in rules.filter(|rule| rule.hard) {
                let mut counted = in_place.counted(task, rule.group);
                counted.retain(|task| in_place.kept.contains_key(task));
                if counted.is_empty() {
                    continue;
                }
                let found = in_place.by_domain(&in_place.kept, &counted, rule.level);
                let count = |domain: &DomainIdx| found.get(domain).copied().unwrap_or(0);
                let counts: BTreeMap<DomainIdx, i64> = (compared.of(task, rule.level).iter())
                    .map(|domain| (*domain, count(domain)))
                    .collect();
                let most = counts.values().copied().max().unwrap_or(0);
                let least = counts.values().copied().min().unwrap_or(0);
                for task in counted {
                    let on = self.spreads_on.entry(task).or_default();
                    on.push(self.spreads.len());
                }
                self.spreads.push(Spread {
                    level: rule.level,
                    counts,
                    least: least.min(most - rule.max_skew),
                });
            }
        }
    }

    /// Whether these may go as well; if so, they are counted.
    fn bears(&mut self, more: &[Instance]) -> bool {
        self.pay(more, -1);
        let bearable = self.is_bearable(more);
        if !bearable {
            self.pay(more, 1);
        }
        bearable
    }

    fn pay(&mut self, more: &[Instance], sign: i64) {
        let cluster = self.state.cluster;
        for it in more {
            for role in self.state.roles.above(it.framework) {
                change(&mut self.usage[role], &cluster.task(it.task).demand, sign);
            }
            let id = cluster.task(it.task).job;
            // What does not run yet does not move.
            if let Some(left) = self.moves.get_mut(&id).filter(|_| !it.seated) {
                *left += sign;
            }
            if let Some(rule) = cluster.job(id).min_available
                && let Some(counts) = self.survivors.get_mut(&id)
            {
                let domain = cluster.domain(it.agent, rule.level);
                *counts.entry(domain).or_default() += sign;
            }
            for &at in self.spreads_on.get(&it.task).into_iter().flatten() {
                let spread = &mut self.spreads[at];
                let domain = cluster.domain(it.agent, spread.level);
                if let Some(count) = spread.counts.get_mut(&domain) {
                    *count += sign;
                }
            }
        }
    }

    fn is_bearable(&self, more: &[Instance]) -> bool {
        let cluster = self.state.cluster;
        more.iter().all(|it| {
            let id = cluster.task(it.task).job;
            let moves = self
                .moves
                .get(&id)
                .is_none_or(|&left| left >= 0 || it.seated);
            let mut roles = self.state.roles.above(it.framework).into_iter();
            let keeps = roles.all(|role| {
                let pairs = self.usage[role].iter().zip(&self.least[role]);
                pairs.into_iter().all(|(used, least)| used >= least)
            });
            moves && keeps && self.survives(id) && self.stays_even(it)
        })
    }

    /// Whether the domain that an instance leaves does not fall too far behind others.
    fn stays_even(&self, it: &Instance) -> bool {
        let rules = self.spreads_on.get(&it.task).into_iter().flatten();
        { rules }.all(|&at| {
            let spread = &self.spreads[at];
            let domain = self.state.cluster.domain(it.agent, spread.level);
            let count = spread.counts.get(&domain);
            count.is_none_or(|&count| count >= spread.least)
        })
    }

    /// Whether a job keeps what must survive the loss of any one domain, or loses nothing of it.
    fn survives(&self, id: JobIdx) -> bool {
        let cluster = self.state.cluster;
        let Some(rule) = cluster.job(id).min_available else {
            return true;
        };
        let after = left(self.survivors.get(&id));
        after >= rule.instances
    }
}

/// Instances left after the worst loss of a domain.
fn left(by_domain: Option<&BTreeMap<DomainIdx, i64>>) -> i64 {
    let counts = by_domain.into_iter().flatten().map(|(_, &count)| count);
    counts.clone().sum::<i64>() - counts.max().unwrap_or(0)
}

fn change(usage: &mut [i128], demand: &Quantities, sign: i64) {
    for (used, &need) in usage.iter_mut().zip(&demand.0) {
        *used += i128::from(need) * i128::from(sign);
    }
}
