//! Instances one by one, as Mesos's sorter hands them out: what each framework is to have under the rule `drf`.
//!
//! The framework that is next takes one instance of its first task, by priority, that still fits on an agent that it may use
//! (a gang: all that it needs, or none); a framework of which nothing fits is done. Limits per domain and spreads are left
//! to the framework's own model, which places what it is given.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, JobIdx, Quantities, TaskIdx};

use super::context::Context;
use super::roles::{Counts, Roles};
use super::state::State;
use crate::broker::Sorter;

/// Tasks times agents up to which every pair is looked at.
const MOST_PAIRS: usize = 1_000_000;

/// What waits of a framework, the next one last.
struct Queue {
    units: Vec<Unit>,
}

/// What is placed together.
enum Unit {
    /// Instances of a task one by one: how many, and the first place in the order of agents that may have room.
    Task(TaskIdx, i64, usize),
    /// So many instances of a job's tasks together.
    Gang(Vec<(TaskIdx, i64)>, i64),
}

/// The counts of each framework's tasks.
pub(super) fn counts(state: &State<'_>, context: &Context<'_>) -> BTreeMap<FrameworkIdx, Counts> {
    let cluster = state.cluster;
    let mut sorter = Sorter::new(cluster);
    let mut queues: BTreeMap<FrameworkIdx, Queue> = BTreeMap::new();
    let planned: Vec<FrameworkIdx> = context.planned().collect();
    for framework in (0..cluster.frameworks.len()).map(FrameworkIdx::of) {
        for kept in &state.kept[framework.at()] {
            let demand = &cluster.task(kept.task).demand;
            sorter.allocate(framework, demand, kept.instances);
        }
        let queue = Queue::of(state, framework);
        if queue.units.is_empty() || !planned.contains(&framework) {
            sorter.finish(framework);
        } else {
            queues.insert(framework, queue);
        }
    }
    let mut hand = Hand {
        cluster,
        order: least_wanted_first(cluster, &planned),
        free: state.free.clone(),
        roles: state.roles.clone(),
        are_free: state.roles.are_free(),
    };
    let mut counts: BTreeMap<FrameworkIdx, Counts> = BTreeMap::new();
    while let Some(framework) = sorter.next().filter(|_| !context.out_of_time()) {
        let queue = queues.get_mut(&framework);
        let Some(taken) = queue.and_then(|queue| queue.take(framework, &mut hand)) else {
            sorter.finish(framework);
            continue;
        };
        for (task, instances) in taken {
            sorter.allocate(framework, &cluster.task(task).demand, instances);
            let own = counts.entry(framework).or_default();
            *own.entry(task).or_insert(0) += instances;
        }
    }
    counts
}

impl Queue {
    fn of(state: &State<'_>, framework: FrameworkIdx) -> Self {
        let cluster = state.cluster;
        let mut jobs: BTreeMap<JobIdx, Vec<(TaskIdx, i64)>> = BTreeMap::new();
        for (task, count) in state.pending(framework) {
            jobs.entry(cluster.task(task).job)
                .or_default()
                .push((task, count));
        }
        let mut order: Vec<JobIdx> = jobs.keys().copied().collect();
        order.sort_by_key(|&job| (cluster.job(job).priority, std::cmp::Reverse(job)));
        let mut units = Vec::new();
        for job in order {
            let tasks = &jobs[&job];
            let single = tasks
                .iter()
                .rev()
                .map(|&(task, count)| Unit::Task(task, count, 0));
            units.extend(single);
            let waiting: i64 = tasks.iter().map(|(_, count)| count).sum();
            let wanted = cluster.job(job).tasks.iter();
            let wanted: i64 = wanted.map(|&task| cluster.task(task).instances).sum();
            let least = cluster.job(job).gang_min.unwrap_or(0) - (wanted - waiting);
            if least > 0 {
                units.push(Unit::Gang(tasks.clone(), least));
            }
        }
        Self { units }
    }

    /// The next instances of a framework, taken out of what is free; `None` if nothing fits any more.
    fn take(
        &mut self,
        framework: FrameworkIdx,
        hand: &mut Hand<'_>,
    ) -> Option<Vec<(TaskIdx, i64)>> {
        loop {
            match self.units.last_mut()? {
                Unit::Task(task, count, from) => {
                    let task = *task;
                    let place = (*count > 0)
                        .then(|| hand.room(framework, task, *from))
                        .flatten();
                    let Some(place) = place else {
                        self.units.pop();
                        continue;
                    };
                    *count -= 1;
                    *from = place;
                    hand.place(task, hand.order[place], 1);
                    return Some(vec![(task, 1)]);
                }
                Unit::Gang(tasks, least) => {
                    let taken = hand.gang(framework, tasks, *least);
                    let job = hand.cluster.task(tasks[0].0).job;
                    self.units.pop();
                    let of_job = |task: TaskIdx| hand.cluster.task(task).job == job;
                    let Some(taken) = taken else {
                        // Not whole, so not at all.
                        self.units
                            .retain(|unit| !matches!(unit, Unit::Task(task, ..) if of_job(*task)));
                        continue;
                    };
                    for unit in &mut self.units {
                        if let Unit::Task(task, count, _) = unit {
                            *count -= taken.get(task).copied().unwrap_or(0);
                        }
                    }
                    return Some(taken.into_iter().collect());
                }
            }
        }
    }
}

/// Agents, those that the fewest tasks may use first: what many could use is left to those who can use nothing else. With
/// very many tasks and agents, in their own order.
fn least_wanted_first(cluster: &Cluster, planned: &[FrameworkIdx]) -> Vec<AgentIdx> {
    let mut order: Vec<AgentIdx> = cluster.agent_indices().collect();
    if cluster.tasks.len().saturating_mul(order.len()) <= MOST_PAIRS {
        let tasks: Vec<TaskIdx> = cluster
            .task_indices()
            .filter(|&task| planned.contains(&cluster.framework_of(task)))
            .collect();
        order.sort_by_cached_key(|&agent| {
            let tasks = tasks.iter().map(|&task| cluster.task(task));
            tasks
                .filter(|task| cluster.refusal(task, agent).is_none())
                .count()
        });
    }
    order
}

/// What is free while instances are handed out.
struct Hand<'a> {
    cluster: &'a Cluster,
    /// The order in which agents are looked at.
    order: Vec<AgentIdx>,
    free: Vec<Quantities>,
    roles: Roles<'a>,
    /// Whether no role limits or holds anything.
    are_free: bool,
}

impl Hand<'_> {
    /// The first place in the order, from `from` on, of an agent with room for one more instance.
    fn room(&self, framework: FrameworkIdx, task: TaskIdx, from: usize) -> Option<usize> {
        if !self.are_free && !self.roles.lets_in(task) {
            return None;
        }
        let of = self.cluster.task(task);
        let fits = |place: &usize| {
            let agent = &self.order[*place];
            let free = &self.free[agent.at()];
            of.demand.fits_in(free)
                && self.cluster.refusal(of, *agent).is_none()
                && (self.are_free || self.roles.leaves_room(framework, &of.demand, *agent, free))
        };
        (from..self.order.len()).find(fits)
    }

    fn place(&mut self, task: TaskIdx, agent: AgentIdx, instances: i64) {
        let demand = &self.cluster.task(task).demand;
        self.free[agent.at()].subtract(demand, instances);
        if self.are_free {
            return;
        }
        self.roles.change(task, instances);
        let framework = self.cluster.framework_of(task);
        self.roles.settle(framework, &self.free);
    }

    /// At least `least` instances of these tasks, or none.
    fn gang(
        &mut self,
        framework: FrameworkIdx,
        tasks: &[(TaskIdx, i64)],
        least: i64,
    ) -> Option<Counts> {
        let mut placed: Vec<(TaskIdx, AgentIdx)> = Vec::new();
        for &(task, count) in tasks {
            for _ in 0..count {
                if placed.len() as i64 == least {
                    break;
                }
                let Some(place) = self.room(framework, task, 0) else {
                    break;
                };
                let agent = self.order[place];
                self.place(task, agent, 1);
                placed.push((task, agent));
            }
        }
        if (placed.len() as i64) < least {
            for (task, agent) in placed {
                self.place(task, agent, -1);
            }
            return None;
        }
        let mut counts = Counts::new();
        for (task, _) in placed {
            *counts.entry(task).or_insert(0) += 1;
        }
        Some(counts)
    }
}
