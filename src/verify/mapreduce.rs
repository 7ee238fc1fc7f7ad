//! What a `mapreduce` framework reads over the network and shuffles across racks, instance by instance.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{MapWork, Phase, Shuffle};

use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State, total};
use super::tolerance::{STAGE_TOLERANCE, close};

/// Costs are counted in millionths of a MiB across racks.
const MILLIONTHS: i128 = 1_000_000;
/// No instance costs more.
const LARGEST_COST: i128 = 1_000_000_000_000_000;

/// A framework's parameters and what follows from the snapshot for all of its tasks.
pub(super) struct Hadoop<'a> {
    state: &'a State<'a>,
    framework: usize,
    rack: Option<usize>,
    rack_percent: i128,
    slow_mib_per_s: i128,
    waiting_mib_per_s: i128,
    /// By job, whether all of its map instances run in the snapshot.
    all_run: Vec<bool>,
    /// How long the job of the framework that waited longest did.
    longest_wait: i64,
}

impl<'a> Hadoop<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let parameters = &state.cluster.frameworks[framework].parameters;
        let number = |key: &str, otherwise: i128| {
            let stated = parameters.get(key).and_then(serde_json::Value::as_i64);
            stated.map_or(otherwise, i128::from)
        };
        let stated = parameters.get("rack_level").and_then(|it| it.as_str());
        let mut levels = state.cluster.levels.iter();
        let name = stated.unwrap_or("rack");
        let mut all_run = vec![true; state.cluster.jobs.len()];
        for (at, task) in state.cluster.tasks.iter().enumerate() {
            let is_map = matches!(task.phase, Some(Phase::Map(_)));
            if is_map && total(&state.running[at]) < state.wanted(at) {
                all_run[task.job.at()] = false;
            }
        }
        let jobs = state.cluster.frameworks[framework].jobs.iter();
        let waits = jobs.map(|job| state.cluster.jobs[job.at()].waited_ms);
        Self {
            state,
            all_run,
            longest_wait: waits.max().unwrap_or(0),
            framework,
            rack: levels.position(|level| level.declared && level.name == name),
            rack_percent: number("rack_percent", 10),
            slow_mib_per_s: number("slow_mib_per_s", 100),
            waiting_mib_per_s: number("waiting_mib_per_s", 1),
        }
    }

    pub(super) fn rack_of(&self, agent: usize) -> Option<usize> {
        let level = self.rack?;
        Some(self.state.cluster.agents[agent].domains[level].at())
    }

    /// What an instance of a task reads over the network and adds in time on an agent, in millionths of a MiB.
    pub(super) fn here(&self, task: usize, agent: usize) -> i128 {
        let (read, work_ms) = match &self.state.cluster.tasks[task].phase {
            Some(Phase::Map(work)) => (self.read(work, agent), work.work_ms),
            Some(Phase::Reduce(work)) => (self.pulled(task, agent), work.work_ms),
            None => (0, 0),
        };
        let speed = i128::from(self.state.cluster.agents[agent].speed).max(1);
        let mut longer = 0;
        if speed < 1000 {
            longer = i128::from(work_ms) * (1000 - speed) / speed;
        }
        // A MiB a second is a thousand millionths of a MiB a millisecond.
        let slow = longer * self.slow_mib_per_s * 1000;
        (read + slow).clamp(0, LARGEST_COST)
    }

    /// The same with what its job pays for having waited less than another.
    pub(super) fn cost(&self, task: usize, agent: usize) -> i128 {
        self.here(task, agent) + self.queue(task)
    }

    /// How long an instance runs on an agent, in milliseconds, rounded up twice: the penalty, then the whole.
    pub(super) fn duration_ms(&self, task: usize, agent: usize) -> i64 {
        let cluster = self.state.cluster;
        let mut work_ms = 0;
        match &cluster.tasks[task].phase {
            Some(Phase::Map(work)) => {
                let (mut away, mut all) = (0_i128, 0_i128);
                for input in &work.inputs {
                    let block = &cluster.blocks[input.at()];
                    all += i128::from(block.mib);
                    if !block.replicas.iter().any(|replica| replica.at() == agent) {
                        away += i128::from(block.mib);
                    }
                }
                work_ms += i128::from(work.work_ms);
                if all > 0 {
                    work_ms += (i128::from(work.remote_penalty_ms) * away + all - 1) / all;
                }
            }
            Some(Phase::Reduce(work)) => work_ms += i128::from(work.work_ms),
            None => {}
        }
        let speed = i128::from(cluster.agents[agent].speed).max(1);
        i64::try_from((work_ms * 1000 + speed - 1) / speed).unwrap_or(i64::MAX)
    }

    pub(super) fn has_racks(&self) -> bool {
        self.rack.is_some()
    }

    /// Whether two agents are in one rack.
    pub(super) fn are_near(&self, one: usize, other: usize) -> bool {
        self.rack.is_some() && self.rack_of(one) == self.rack_of(other)
    }

    fn read(&self, work: &MapWork, agent: usize) -> i128 {
        let mut sum = 0;
        for input in &work.inputs {
            let block = &self.state.cluster.blocks[input.at()];
            let mut hundredths = 100;
            for replica in &block.replicas {
                if replica.at() == agent {
                    hundredths = 0;
                } else if self.rack.is_some() && self.rack_of(replica.at()) == self.rack_of(agent) {
                    hundredths = self.rack_percent.min(hundredths);
                }
            }
            // A copy on the agent is nearest, whatever is in the rack.
            sum += i128::from(block.mib) * hundredths * (MILLIONTHS / 100);
        }
        sum
    }

    /// What an instance pulls across racks from map instances that the snapshot has running, if these are all of the job.
    fn pulled(&self, task: usize, agent: usize) -> i128 {
        match self.maps_all_run(task) {
            true => self.pulled_from(&self.state.running, task, agent),
            false => 0,
        }
    }

    /// What an instance pulls across racks from so many map instances.
    fn pulled_from(&self, counts: &Counts, task: usize, agent: usize) -> i128 {
        let Some(Phase::Reduce(work)) = &self.state.cluster.tasks[task].phase else {
            return 0;
        };
        let mut amounts: Vec<(usize, i128)> = Vec::new();
        match &work.shuffle {
            Shuffle::Total(mib) => {
                let maps = self.maps_of(task);
                let instances: i128 = maps.iter().map(|map| self.state.wanted(*map)).sum();
                for &map in &maps {
                    amounts.push((map, i128::from(*mib) * MILLIONTHS / instances.max(1)));
                }
            }
            Shuffle::ByTask(by_task) => {
                for (map, mib) in by_task {
                    let instances = self.state.wanted(map.at()).max(1);
                    amounts.push((map.at(), i128::from(*mib) * MILLIONTHS / instances));
                }
            }
        }
        let (mut all, mut near) = (0, 0);
        for (map, each) in amounts {
            for (&source, &count) in &counts[map] {
                all += each * count;
                if self.are_near(source, agent) {
                    near += each * count;
                }
            }
        }
        (all - near) / self.state.wanted(task).max(1)
    }

    /// What the policy says of the final state, by name.
    fn metrics(&self) -> BTreeMap<&'static str, f64> {
        let cluster = self.state.cluster;
        let (mut tasks, mut mibs) = ([0_i128; 3], [0_i128; 3]);
        let (mut shuffled, mut longest) = (0, 0);
        for task in self.state.tasks_of(self.framework) {
            for (&agent, &count) in &self.state.placed[task] {
                longest = longest.max(self.duration_ms(task, agent));
                if let Some(Phase::Map(work)) = &cluster.tasks[task].phase {
                    let mut farthest = 0;
                    for input in &work.inputs {
                        let block = &cluster.blocks[input.at()];
                        let holds = |it: &apportion_cluster::AgentIdx| it.at() == agent;
                        let far = if block.replicas.iter().any(holds) {
                            0
                        } else if block
                            .replicas
                            .iter()
                            .any(|it| self.are_near(it.at(), agent))
                        {
                            1
                        } else {
                            2
                        };
                        mibs[far] += i128::from(block.mib) * count;
                        // Of what is empty nothing is read.
                        if block.mib > 0 {
                            farthest = far.max(farthest);
                        }
                    }
                    tasks[farthest] += count;
                }
                shuffled += self.pulled_from(&self.state.placed, task, agent) * count;
            }
        }
        let of_framework = |task: usize| {
            let job = cluster.tasks[task].job;
            cluster.jobs[job.at()].framework.at() == self.framework
        };
        let times = self.state.times.iter().filter(|it| of_framework(it.task));
        let last = times.map(|it| it.end_ms).max();
        let all: i128 = tasks.iter().sum();
        let local = match all {
            0 => 1.0,
            all => tasks[0] as f64 / all as f64,
        };
        BTreeMap::from([
            ("node_local_tasks", tasks[0] as f64),
            ("rack_local_tasks", tasks[1] as f64),
            ("remote_tasks", tasks[2] as f64),
            ("node_local_mib", mibs[0] as f64),
            ("rack_local_mib", mibs[1] as f64),
            ("remote_mib", mibs[2] as f64),
            ("node_local", local),
            ("cross_rack_mib[map]", mibs[2] as f64),
            ("cross_rack_mib[shuffle]", mib(shuffled)),
            ("makespan_ms", last.unwrap_or(longest) as f64),
        ])
    }

    pub(super) fn maps_of(&self, task: usize) -> Vec<usize> {
        let cluster = self.state.cluster;
        let job = &cluster.jobs[cluster.tasks[task].job.at()];
        let tasks = job.tasks.iter().map(|task| task.at());
        tasks
            .filter(|&task| matches!(cluster.tasks[task].phase, Some(Phase::Map(_))))
            .collect()
    }

    /// Whether all map instances of a task's job run in the snapshot.
    pub(super) fn maps_all_run(&self, task: usize) -> bool {
        self.all_run[self.state.cluster.tasks[task].job.at()]
    }

    /// The time that its job waited less than the one of the framework that waited longest.
    fn queue(&self, task: usize) -> i128 {
        let cluster = self.state.cluster;
        let own = cluster.jobs[cluster.tasks[task].job.at()].waited_ms;
        let cost = i128::from(self.longest_wait - own) * self.waiting_mib_per_s * 1000;
        cost.clamp(0, LARGEST_COST)
    }

    /// What so many instances cost, in millionths of a MiB.
    pub(super) fn costs(&self, counts: &Counts) -> i128 {
        let mut sum = 0;
        for task in self.state.tasks_of(self.framework) {
            for (&agent, &count) in &counts[task] {
                sum += self.cost(task, agent) * count;
            }
        }
        sum
    }

    /// MiB that are pulled across racks between map and reduce instances, of jobs whose map instances do not all run in the
    /// snapshot; absent where nothing is.
    pub(super) fn shuffled(&self) -> Option<f64> {
        self.rack?;
        let cluster = self.state.cluster;
        let mut sum = 0.0;
        let mut any = false;
        for task in self.state.tasks_of(self.framework) {
            let Some(Phase::Reduce(work)) = &cluster.tasks[task].phase else {
                continue;
            };
            if self.maps_all_run(task) {
                continue;
            }
            let maps = self.maps_of(task);
            match &work.shuffle {
                Shuffle::Total(mib) if *mib > 0 => {
                    any = true;
                    sum += *mib as f64 * self.apart(&maps, task);
                }
                Shuffle::Total(_) => {}
                Shuffle::ByTask(amounts) => {
                    for (map, mib) in amounts.iter().filter(|(_, mib)| *mib > 0) {
                        any = true;
                        sum += *mib as f64 * self.apart(&[map.at()], task);
                    }
                }
            }
        }
        any.then_some(sum)
    }

    /// The part of all pairs of a map and a reduce instance that are not in one rack.
    fn apart(&self, maps: &[usize], reduce: usize) -> f64 {
        let by_rack = |tasks: &[usize]| {
            let mut counts: BTreeMap<Option<usize>, i128> = BTreeMap::new();
            for &task in tasks {
                for (&agent, &count) in &self.state.placed[task] {
                    *counts.entry(self.rack_of(agent)).or_default() += count;
                }
            }
            counts
        };
        let (from, to) = (by_rack(maps), by_rack(&[reduce]));
        let racks: BTreeSet<Option<usize>> = from.keys().copied().collect();
        let together: i128 = racks
            .iter()
            .map(|rack| from[rack] * to.get(rack).copied().unwrap_or(0))
            .sum();
        let wanted: i128 = maps.iter().map(|map| self.state.wanted(*map)).sum();
        let pairs = wanted.max(1) * self.state.wanted(reduce).max(1);
        1.0 - together as f64 / pairs as f64
    }
}

/// The metrics of every framework are those of its placements.
pub(super) fn check_metrics(state: &State<'_>, findings: &mut Findings) {
    for result in &state.plan.frameworks {
        let Some(&framework) = state.names.frameworks.get(result.id.as_str()) else {
            continue;
        };
        if result.policy != "mapreduce" {
            continue;
        }
        for (name, need) in Hadoop::of(state, framework).metrics() {
            let Some(&have) = result.metrics.get(name) else {
                continue;
            };
            findings.check(Rule::Metrics, close(need, have, STAGE_TOLERANCE), || {
                let text = "the plan's placements have another value".to_owned();
                (format!("{} {name}", result.id), need, have, text)
            });
        }
    }
}

/// Millionths as MiB.
pub(super) fn mib(cost: i128) -> f64 {
    (cost / MILLIONTHS) as f64 + (cost % MILLIONTHS) as f64 / MILLIONTHS as f64
}
