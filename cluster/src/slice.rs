//! One framework's part of one round: what it is offered, what it holds, what it wants.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cluster::{Cluster, Running};
use crate::devices::RunningDevices;
use crate::index::{AgentIdx, FrameworkIdx, TaskIdx, UnitIdx};
use crate::quantities::Quantities;
use crate::storage::{RunningUnit, UnitAmounts};

/// Resources on one agent that are promised to one framework for one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The agent.
    pub agent: AgentIdx,
    /// What is offered there, beside what stays running; devices are counted in as totals.
    pub resources: Quantities,
    /// Thousandths offered of each device. Shape: by position in [`Agent::devices`](crate::Agent::devices), by
    /// number of the device.
    pub devices: Vec<Vec<i64>>,
}

impl Offer {
    /// Whether one instance of the task fits, its other rules aside.
    #[must_use]
    pub fn holds(&self, cluster: &Cluster, task: TaskIdx) -> bool {
        let task = cluster.task(task);
        task.demand.fits_in(&self.resources)
            && cluster.device_copies(task, self.agent, &self.devices) > 0
    }
}

/// A policy's whole input: the offers of one framework in one round with its pending tasks.
///
/// Rules count what stays running (`kept`, this framework's own): the policy adds it to its rows as
/// constants. No rule looks across frameworks, so slices are independent of each other.
#[derive(Clone, Debug)]
pub struct Slice<'a> {
    /// The cluster: names, rules, topology.
    pub cluster: &'a Cluster,
    /// Whose slice.
    pub framework: FrameworkIdx,
    /// Disjoint offers by agent, ascending.
    pub offers: Vec<Offer>,
    /// Instances that stay where they run, by (task, agent).
    pub kept: Vec<Running>,
    /// Instances still to be placed, by task; never 0.
    pub pending: Vec<(TaskIdx, i64)>,
    /// What is offered of each storage unit, beside what stays (shape: units of the cluster).
    pub units: Vec<UnitAmounts>,
    /// Where the replicas in `kept` keep their data, sorted.
    pub kept_units: Vec<RunningUnit>,
    /// Agents on which something runs in the snapshot, by position: using them opens nothing.
    pub occupied: Vec<bool>,
}

impl<'a> Slice<'a> {
    /// Everything that is free and not cordoned, offered to one framework with all of its pending tasks.
    #[must_use]
    pub fn whole(cluster: &'a Cluster, framework: FrameworkIdx) -> Self {
        let own = |task: TaskIdx| cluster.framework_of(task) == framework;
        let mut occupied = vec![false; cluster.agents.len()];
        for running in &cluster.running {
            occupied[running.agent.at()] = true;
        }
        let running = cluster.running_counts();
        let pending = cluster.task_indices().filter(|&task| own(task));
        let pending = pending.map(|task| (task, cluster.task(task).instances - running[task.at()]));
        let free = cluster.free().into_iter().zip(cluster.free_devices());
        let offers = cluster.agent_indices().zip(free);
        let offers = offers.filter(|(agent, _)| !cluster.agent(*agent).cordoned);
        let kept = cluster.running.iter().filter(|it| own(it.task));
        let kept_units = cluster.running_units.iter().filter(|it| own(it.task));
        Self {
            cluster,
            framework,
            offers: offers
                .map(|(agent, (free, devices))| Offer {
                    agent,
                    resources: Quantities(free.0.into_iter().map(|it| it.max(0)).collect()),
                    devices,
                })
                .collect(),
            kept: kept.copied().collect(),
            pending: pending.filter(|(_, count)| *count > 0).collect(),
            units: cluster.free_units(),
            kept_units: kept_units.copied().collect(),
            occupied,
        }
    }
}

/// One framework's wish: new placements inside its offers, by (task, agent).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proposal {
    /// What should be added to what stays running.
    pub placements: Vec<Running>,
    /// The devices of each of these instances that needs any, sorted; instances that are alike repeat.
    pub devices: Vec<RunningDevices>,
    /// When each of these instances runs, sorted, where they follow one another; empty where all start now and stay.
    pub times: Vec<Timed>,
    /// Where those of these instances that are replicas keep their data, by (task, agent, unit), one entry each.
    pub units: Vec<RunningUnit>,
}

impl Proposal {
    /// A wish from what runs where and, if it is a replica, keeps its data where: `(task, agent, unit, instances)`.
    #[must_use]
    pub fn on_units(
        placed: impl Iterator<Item = (TaskIdx, AgentIdx, Option<UnitIdx>, i64)>,
    ) -> Self {
        let mut on_agents: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
        let mut on_units: BTreeMap<(TaskIdx, AgentIdx, UnitIdx), i64> = BTreeMap::new();
        for (task, agent, unit, instances) in placed {
            *on_agents.entry((task, agent)).or_insert(0) += instances;
            if let Some(unit) = unit {
                *on_units.entry((task, agent, unit)).or_insert(0) += instances;
            }
        }
        let running = |((task, agent), instances)| Running {
            task,
            agent,
            instances,
        };
        let held = |((task, agent, unit), instances)| RunningUnit {
            task,
            agent,
            unit,
            instances,
        };
        Self {
            placements: on_agents.into_iter().map(running).collect(),
            units: on_units.into_iter().map(held).collect(),
            ..Self::default()
        }
    }
}

/// Instances of a task on an agent from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Timed {
    /// The task.
    pub task: TaskIdx,
    /// Where.
    pub agent: AgentIdx,
    /// Milliseconds from now, at least 0.
    pub start_ms: i64,
    /// Milliseconds from now, at least `start_ms`; the resources are free again from then on.
    pub end_ms: i64,
    /// How many, at least 1.
    pub instances: i64,
}

impl Timed {
    /// Whether these instances run at a moment.
    #[must_use]
    pub fn runs_at(&self, ms: i64) -> bool {
        self.start_ms <= ms && ms < self.end_ms
    }
}
