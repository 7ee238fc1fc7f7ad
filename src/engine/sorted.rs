//! Instances one by one, as Mesos's sorter hands them out: what each framework is to have under the rule `drf`.
//!
//! The framework that is next takes one instance of its first task, by priority, that still fits on an agent that it may use
//! (a gang: all that it needs, or none); a framework of which nothing fits is done. Limits per domain and spreads are left
//! to the framework's own model, which places what it is given.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, JobIdx, Quantities, TaskIdx};

use super::context::Context;
use super::roles::{Counts, Roles};
use super::state::State;
use crate::broker::Sorter;

/// Tasks times agents up to which every pair is looked at.
const MOST_PAIRS: usize = 1_000_000;

/// Allocations in which what waits is handed out, where no role limits or holds anything: of more instances, several of a task are taken at
/// once, a part of all that waits which no share shows.
const MOST_ALLOCATIONS: i64 = 100_000;

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
    let mut queues: Vec<Queue> = Vec::with_capacity(cluster.frameworks.len());
    let planned: Vec<FrameworkIdx> = context.planned().collect();
    let is_planned: BTreeSet<FrameworkIdx> = planned.iter().copied().collect();
    for framework in (0..cluster.frameworks.len()).map(FrameworkIdx::of) {
        for kept in &state.kept[framework.at()] {
            let demand = &cluster.task(kept.task).demand;
            sorter.allocate(framework, demand, kept.instances);
        }
        let mut queue = Queue::of(state, framework);
        if queue.units.is_empty() || !is_planned.contains(&framework) {
            queue.units.clear();
            sorter.finish(framework);
        }
        queues.push(queue);
    }
    let waiting = queues.iter().map(Queue::waiting);
    let waiting = waiting.fold(0, i64::saturating_add);
    let order = least_wanted_first(cluster, &planned);
    let mut hand = Hand {
        cluster,
        roomiest: Roomiest::of(order.iter().map(|agent| &state.free[agent.at()])),
        order,
        free: state.free.clone(),
        roles: state.roles.clone(),
        are_free: state.roles.are_free(),
        at_once: (waiting / MOST_ALLOCATIONS).max(1),
    };
    let mut counts: Vec<Counts> = vec![Counts::new(); cluster.frameworks.len()];
    while let Some(framework) = sorter.next().filter(|_| !context.out_of_time()) {
        let Some(taken) = queues[framework.at()].take(framework, &mut hand) else {
            sorter.finish(framework);
            continue;
        };
        for (task, instances) in taken {
            sorter.allocate(framework, &cluster.task(task).demand, instances);
            *counts[framework.at()].entry(task).or_insert(0) += instances;
        }
    }
    let counts = counts.into_iter().enumerate();
    counts
        .map(|(at, own)| (FrameworkIdx::of(at), own))
        .filter(|(_, own)| !own.is_empty())
        .collect()
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

    /// Instances that wait.
    fn waiting(&self) -> i64 {
        let counts = self.units.iter().map(|unit| match unit {
            Unit::Task(_, count, _) => *count,
            Unit::Gang(..) => 0,
        });
        counts.fold(0, i64::saturating_add)
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
                    let taken = hand.at_once(task, place).min(*count);
                    *count -= taken;
                    *from = place;
                    hand.place(task, place, taken);
                    return Some(vec![(task, taken)]);
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
    /// What is free by place in the order.
    roomiest: Roomiest,
    roles: Roles<'a>,
    /// Whether no role limits or holds anything.
    are_free: bool,
    /// Instances that are taken at once.
    at_once: i64,
}

/// The most that is free of each resource in runs of places, halved again and again: the first place with room for something is found without
/// looking at those before it one by one.
struct Roomiest {
    n_resources: usize,
    /// Half of the nodes: places and as many more as make it a power of two.
    width: usize,
    /// By node and resource; node 1 is all, those below node `n` are `2 n` and `2 n + 1`, the place `p` is `width + p`.
    most: Vec<i64>,
}

impl Roomiest {
    fn of<'f>(free: impl ExactSizeIterator<Item = &'f Quantities>) -> Self {
        let width = free.len().next_power_of_two();
        let mut free = free.peekable();
        let n_resources = free.peek().map_or(0, |free| free.0.len());
        let mut most = vec![i64::MIN; 2 * width * n_resources];
        for (place, free) in free.enumerate() {
            most[(width + place) * n_resources..][..n_resources].copy_from_slice(&free.0);
        }
        let mut all = Self {
            n_resources,
            width,
            most,
        };
        for node in (1..width).rev() {
            all.renew(node);
        }
        all
    }

    fn of_node(&self, node: usize) -> &[i64] {
        &self.most[node * self.n_resources..][..self.n_resources]
    }

    /// Computes a node from the two below it.
    fn renew(&mut self, node: usize) {
        for resource in 0..self.n_resources {
            let (left, right) = (self.of_node(2 * node), self.of_node(2 * node + 1));
            let most = left[resource].max(right[resource]);
            self.most[node * self.n_resources + resource] = most;
        }
    }

    /// Puts what is free at a place.
    fn set(&mut self, place: usize, free: &Quantities) {
        let mut node = self.width + place;
        self.most[node * self.n_resources..][..self.n_resources].copy_from_slice(&free.0);
        while node > 1 {
            node /= 2;
            self.renew(node);
        }
    }

    /// The first place, from `from` on, where so much is free.
    fn first(&self, demand: &Quantities, from: usize) -> Option<usize> {
        let holds = |node: usize| {
            let mut needs = demand.0.iter().zip(self.of_node(node));
            needs.all(|(&need, &most)| need <= 0 || need <= most)
        };
        if from >= self.width {
            return None;
        }
        let mut node = self.width + from;
        loop {
            if holds(node) {
                if node >= self.width {
                    return Some(node - self.width);
                }
                node *= 2;
                continue;
            }
            // Up as long as this is the right one of two, then to the next run.
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
    }
}

impl Hand<'_> {
    /// The first place in the order, from `from` on, of an agent with room for one more instance.
    fn room(&self, framework: FrameworkIdx, task: TaskIdx, from: usize) -> Option<usize> {
        if !self.are_free && !self.roles.lets_in(task) {
            return None;
        }
        let of = self.cluster.task(task);
        let is_open = |place: usize| {
            let agent = self.order[place];
            let free = &self.free[agent.at()];
            self.cluster.refusal(of, agent).is_none()
                && (self.are_free || self.roles.leaves_room(framework, &of.demand, agent, free))
        };
        let mut place = self.roomiest.first(&of.demand, from)?;
        while place < self.order.len() {
            if is_open(place) {
                return Some(place);
            }
            place = self.roomiest.first(&of.demand, place + 1)?;
        }
        None
    }

    /// How many instances of a task are taken at once at a place with room for one: where roles limit or hold something, it alone.
    fn at_once(&self, task: TaskIdx, place: usize) -> i64 {
        if !self.are_free || self.at_once == 1 {
            return 1;
        }
        let free = &self.free[self.order[place].at()];
        let copies = self.cluster.task(task).demand.copies_in(free);
        copies.min(self.at_once).max(1)
    }

    fn place(&mut self, task: TaskIdx, place: usize, instances: i64) {
        let demand = &self.cluster.task(task).demand;
        let agent = self.order[place];
        self.free[agent.at()].subtract(demand, instances);
        self.roomiest.set(place, &self.free[agent.at()]);
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
        let mut placed: Vec<(TaskIdx, usize)> = Vec::new();
        for &(task, count) in tasks {
            for _ in 0..count {
                if placed.len() as i64 == least {
                    break;
                }
                let Some(place) = self.room(framework, task, 0) else {
                    break;
                };
                self.place(task, place, 1);
                placed.push((task, place));
            }
        }
        if (placed.len() as i64) < least {
            for (task, place) in placed {
                self.place(task, place, -1);
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

#[cfg(test)]
mod tests {
    use apportion_policies::online::SplitMix64;

    use super::*;

    /// The first place is the one that a look at all of them finds, after any changes.
    #[test]
    fn the_first_roomy_place_is_the_first() {
        let mut random = SplitMix64::new(3);
        let mut below = |n: u64| (random.next_u64() % n) as i64;
        for n_places in [1_usize, 2, 3, 7, 8, 50] {
            let draw = |below: &mut dyn FnMut(u64) -> i64| Quantities(vec![below(9), below(9)]);
            let mut free: Vec<Quantities> = (0..n_places).map(|_| draw(&mut below)).collect();
            let mut roomiest = Roomiest::of(free.iter());
            for _ in 0..300 {
                let place = below(n_places as u64) as usize;
                free[place] = draw(&mut below);
                roomiest.set(place, &free[place]);
                let demand = draw(&mut below);
                let from = below(n_places as u64 + 2) as usize;
                let slow = (from..n_places).find(|&at| demand.fits_in(&free[at]));
                let mut found = roomiest.first(&demand, from);
                if demand.is_zero() {
                    // Places that there are not hold nothing, which nothing asks for.
                    found = found.filter(|&at| at < n_places);
                }
                assert_eq!(found, slow, "{demand:?} from {from} in {free:?}");
            }
        }
        assert_eq!(
            Roomiest::of([].iter()).first(&Quantities(Vec::new()), 0),
            Some(0)
        );
    }
}
