//! The plan and the snapshot as counts of instances by task and agent.

mod known;
mod moments;
mod read;

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;

use super::domains::{CountedLimit, limits};
use super::eligibility::Allowed;
use super::names::Names;
use super::report::Findings;
use super::units;
use moments::held;
use read::{read_moves, read_offered_devices, read_offers, read_placements, read_victims};

pub(super) use known::{known, known_agent, known_framework, known_resource, known_task};
pub(super) use moments::TimedCount;
pub(super) use read::unique;

/// Instances by agent, for each task.
pub(super) type Counts = Vec<BTreeMap<usize, i128>>;

/// Everything that the rules look at. Entries with unknown names or senseless counts are reported
/// once, where they are read, and left out here.
pub(super) struct State<'a> {
    pub cluster: &'a Cluster,
    pub plan: &'a PlanFile,
    pub names: Names<'a>,
    pub allowed: Allowed,
    /// What runs in the snapshot.
    pub running: Counts,
    /// What the plan places, running instances included.
    pub placed: Counts,
    /// Those of them that follow others, one entry each.
    pub times: Vec<TimedCount>,
    /// What counts for shares: all that is placed, but of a framework whose instances follow one another those at the
    /// first of the moments at which most value is in progress.
    pub held: Counts,
    /// What moves away or has to go, by task and source.
    pub leaving: Counts,
    /// What has to go for others, by task and source, whether it moves or not.
    pub displaced: Counts,
    /// What moves in, by task and destination.
    pub entering: Counts,
    /// What stays where it runs: `running - leaving`.
    pub kept: Counts,
    /// What is new on its agent: `placed - kept`.
    pub arriving: Counts,
    /// Every limit, and the limits that count each task.
    pub limits: Vec<CountedLimit<'a>>,
    pub limits_on: Vec<Vec<usize>>,
    /// Agents on which something runs in the snapshot.
    pub occupied: Vec<bool>,
    /// What each framework was offered, by agent; amounts by resource.
    pub offers: Vec<BTreeMap<usize, Vec<i128>>>,
    /// The thousandths offered of each device, by agent, then kind and number.
    pub offered_devices: Vec<OfferedDevices>,
    /// Replicas that keep their data on a unit, by task, agent and unit.
    pub on_units: BTreeMap<(usize, usize, usize), i128>,
    /// The same of those that stay where they run.
    pub kept_on_units: BTreeMap<(usize, usize, usize), i128>,
    /// What each framework was offered of each unit.
    pub unit_offers: Vec<Vec<[i128; 3]>>,
}

/// Thousandths by agent, then kind and number of the device.
pub(super) type OfferedDevices = BTreeMap<usize, BTreeMap<(usize, i64), i128>>;

impl<'a> State<'a> {
    /// Reads the plan against the snapshot, reporting names, duplicates and counts on the way.
    pub(super) fn read(cluster: &'a Cluster, plan: &'a PlanFile, findings: &mut Findings) -> Self {
        let names = Names::of(cluster);
        let n_tasks = cluster.tasks.len();
        let mut running = vec![BTreeMap::new(); n_tasks];
        for it in &cluster.running {
            add(
                &mut running[it.task.at()],
                it.agent.at(),
                it.instances.into(),
            );
        }
        let (placed, times) = read_placements(plan, &names, n_tasks, findings);
        let held = held(cluster, &placed, &times);
        let (mut leaving, entering) = read_moves(plan, &names, n_tasks, findings);
        let displaced = read_victims(plan, &names, &mut leaving, findings);
        let offers = read_offers(cluster, plan, &names, findings);
        let offered_devices = read_offered_devices(cluster, plan, &names, findings);
        let kept = minus(&running, &leaving);
        let arriving = minus(&placed, &kept);
        let limits = limits(cluster, &running, &kept);
        let mut limits_on = vec![Vec::new(); n_tasks];
        for (at, limit) in limits.iter().enumerate() {
            for &task in &limit.tasks {
                limits_on[task].push(at);
            }
        }
        let on_units = units::read_placements(plan, &names);
        let kept_on_units = units::kept(cluster, &kept);
        let unit_offers = units::read_offers(cluster, plan, &names, findings);
        let mut occupied = vec![false; cluster.agents.len()];
        for (&agent, _) in running.iter().flatten() {
            occupied[agent] = true;
        }
        Self {
            cluster,
            plan,
            names,
            allowed: Allowed::of(cluster),
            running,
            placed,
            times,
            held,
            leaving,
            displaced,
            entering,
            kept,
            arriving,
            limits,
            limits_on,
            occupied,
            offers,
            offered_devices,
            on_units,
            kept_on_units,
            unit_offers,
        }
    }

    /// `job/task`.
    pub(super) fn task_name(&self, task: usize) -> String {
        let it = &self.cluster.tasks[task];
        format!("{}/{}", self.cluster.jobs[it.job.at()].id, it.id)
    }

    pub(super) fn agent_name(&self, agent: usize) -> &'a str {
        &self.cluster.agents[agent].id
    }

    /// The tasks of a framework.
    pub(super) fn tasks_of(&self, framework: usize) -> Vec<usize> {
        let jobs = self.cluster.frameworks[framework].jobs.iter();
        let tasks = jobs.flat_map(|job| &self.cluster.jobs[job.at()].tasks);
        tasks.map(|task| task.at()).collect()
    }

    pub(super) fn demand(&self, task: usize) -> &'a [i64] {
        &self.cluster.tasks[task].demand.0
    }

    /// Instances wanted, running ones included.
    pub(super) fn wanted(&self, task: usize) -> i128 {
        i128::from(self.cluster.tasks[task].instances).max(0)
    }

    /// How fast a task runs on an agent, in thousandths of its usual speed: the slowest of its devices decides; 0
    /// where the agent lacks a model that it allows.
    pub(super) fn speed(&self, task: usize, agent: usize) -> i128 {
        let mut slowest = None;
        for need in &self.cluster.tasks[task].devices {
            let mut speed = 0;
            for devices in &self.cluster.agents[agent].devices {
                if devices.kind != need.kind {
                    continue;
                }
                if need.models.is_empty() {
                    speed = 1000;
                }
                for choice in need.models.iter().filter(|it| it.model == devices.model) {
                    speed = i128::from(choice.throughput);
                }
            }
            slowest = Some(slowest.map_or(speed, |slowest: i128| slowest.min(speed)));
        }
        slowest.unwrap_or(1000)
    }

    pub(super) fn value(&self, task: usize) -> i128 {
        self.cluster.tasks[task].value.into()
    }

    /// What an instance is worth on an agent, in thousandths: its value, or its value times its speed there.
    pub(super) fn worth(&self, task: usize, agent: usize, at_speed: bool) -> i128 {
        let speed = if at_speed {
            self.speed(task, agent)
        } else {
            1000
        };
        self.value(task) * speed
    }

    /// Whether the task may put something new there, whatever else is there.
    pub(super) fn open(&self, task: usize, agent: usize) -> bool {
        self.allowed.allows(task, agent) && !self.cluster.agents[agent].cordoned
    }
}

/// The sum of a task's counts.
pub(super) fn total(by_agent: &BTreeMap<usize, i128>) -> i128 {
    by_agent.values().sum()
}

fn add(by_agent: &mut BTreeMap<usize, i128>, agent: usize, count: i128) {
    *by_agent.entry(agent).or_default() += count;
}

/// `left - right` where that is positive.
fn minus(left: &Counts, right: &Counts) -> Counts {
    let tasks = left.iter().zip(right);
    tasks
        .map(|(left, right)| {
            let rest = left.iter().map(|(&agent, &count)| {
                (
                    agent,
                    count - right.get(&agent).copied().unwrap_or_default(),
                )
            });
            rest.filter(|&(_, count)| count > 0).collect()
        })
        .collect()
}
