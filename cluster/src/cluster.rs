//! The immutable picture of a cluster that one plan is made from.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::devices::{AgentDevices, DeviceNeed, RunningDevices, WHOLE_DEVICE, device_resource};
use crate::index::{
    AgentIdx, DeviceIdx, DomainIdx, FrameworkIdx, GroupIdx, JobIdx, LevelIdx, RoleIdx, TaskIdx,
};
use crate::phase::{Block, Phase};
use crate::quantities::Quantities;
use crate::slice::Offer;
use crate::storage::{RunningUnit, Shard, Unit};

/// A validated snapshot: every name resolved to a position, every list in canonical (name) order.
///
/// Guarantees: ids are unique, references resolve, amounts lie in `0..=MAX_QUANTITY`. Two snapshots
/// that differ only in the order of lists whose order means nothing give equal clusters and digests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cluster {
    /// The cluster's name, for people.
    pub name: String,
    /// SHA-256 of the canonical form, in hexadecimal.
    pub digest: String,
    /// How shares are computed.
    pub fairness: Fairness,
    /// Resource names in ascending order; every [`Quantities`] has this shape.
    pub resources: Vec<String>,
    /// Kinds of devices, ascending. Each is a resource too, see [`device_resource`].
    pub devices: Vec<String>,
    /// Failure-domain levels: first the declared ones, then those that only a
    /// rule names (an attribute used as a level); each part by name.
    pub levels: Vec<Level>,
    /// Agents by id.
    pub agents: Vec<Agent>,
    /// Roles by path, those that only a framework names included.
    pub roles: Vec<Role>,
    /// Frameworks by id.
    pub frameworks: Vec<Framework>,
    /// Jobs by id.
    pub jobs: Vec<Job>,
    /// Tasks by (job, id).
    pub tasks: Vec<Task>,
    /// Names of task groups, ascending.
    pub groups: Vec<String>,
    /// Blocks of data by id.
    pub blocks: Vec<Block>,
    /// What runs now, by (task, agent), one entry per pair.
    pub running: Vec<Running>,
    /// The devices of each running instance that holds any, sorted; instances that are alike repeat.
    pub running_devices: Vec<RunningDevices>,
    /// Storage units by id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// Where running replicas keep their data, by (task, agent, unit), one entry each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub running_units: Vec<RunningUnit>,
}

/// How the broker computes shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fairness {
    /// Weighted Nash welfare with floors.
    #[default]
    Nash,
    /// The least relative utility first, above the same floors.
    Maxmin,
    /// Dominant resource fairness, as Mesos has it: for comparison.
    Drf,
}

impl Fairness {
    /// Every rule.
    pub const ALL: [Self; 3] = [Self::Nash, Self::Maxmin, Self::Drf];

    /// The word that files and options use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nash => "nash",
            Self::Maxmin => "maxmin",
            Self::Drf => "drf",
        }
    }

    /// The rule of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == word)
    }
}

/// What becomes of the part of a guarantee that its role does not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdleGuarantee {
    /// It is kept free for the role.
    #[default]
    Hold,
    /// Others may use it; the role's share still counts it.
    Lend,
}

/// A level of the failure-domain topology: zone, power circuit, rack, agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The level's name.
    pub name: String,
    /// Whether the snapshot's `levels` names it. Only declared levels enter a policy's spread objective.
    pub declared: bool,
    /// Names of its domains. An agent that names none at this level is a domain of its own, named
    /// `agent:<id>`: it shares this level's fate with nobody.
    pub domains: Vec<String>,
}

/// A machine that offers resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    /// Unique id.
    pub id: String,
    /// Total amounts, running instances included.
    pub capacity: Quantities,
    /// Its devices, by kind.
    pub devices: Vec<AgentDevices>,
    /// Its domain at each level of [`Cluster::levels`].
    pub domains: Vec<DomainIdx>,
    /// Attributes, by key. `agent` is not stored; a rule on it means the id.
    pub attributes: BTreeMap<String, String>,
    /// Only tasks that tolerate this word may be placed here.
    pub dedicated: Option<String>,
    /// Takes nothing new; what runs here stays.
    pub cordoned: bool,
    /// Relative speed in thousandths.
    pub speed: i64,
}

/// A weighted account; frameworks are the leaves below it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Role {
    /// Path, components separated by `/`.
    pub path: String,
    /// Weight among its siblings.
    pub weight: f64,
    /// Amounts promised to everything below it.
    pub guarantee: Quantities,
    /// The most that everything below it may hold, by resource; `None` without limit.
    pub limit: Vec<Option<i64>>,
    /// What becomes of an idle guarantee.
    pub idle_guarantee: IdleGuarantee,
}

impl Role {
    /// A role without guarantee and limit, in a cluster of so many resources.
    #[must_use]
    pub fn new(path: impl Into<String>, weight: f64, n_resources: usize) -> Self {
        Self {
            path: path.into(),
            weight,
            guarantee: Quantities::zero(n_resources),
            limit: vec![None; n_resources],
            idle_guarantee: IdleGuarantee::Hold,
        }
    }
}

/// A tenant with one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Framework {
    /// Unique id.
    pub id: String,
    /// Name of its policy in the registry.
    pub policy: String,
    /// The role it belongs to.
    pub role: RoleIdx,
    /// Weight among the frameworks of its role.
    pub weight: f64,
    /// Parameters of the policy, as the snapshot states them.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Its jobs, ascending.
    pub jobs: Vec<JobIdx>,
}

/// Tasks that are submitted together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Unique id.
    pub id: String,
    /// The framework that submitted it.
    pub framework: FrameworkIdx,
    /// Higher is placed first within the framework.
    pub priority: i64,
    /// All or nothing: either no instance is placed, or at least this many.
    pub gang_min: Option<i64>,
    /// Instances that must survive the loss of any one domain of a level.
    pub min_available: Option<MinAvailable>,
    /// At most this many of its running instances may move.
    pub max_moves: Option<i64>,
    /// How long it has waited, in milliseconds.
    pub waited_ms: i64,
    /// Its tasks, ascending.
    pub tasks: Vec<TaskIdx>,
    /// What its tasks send to each other, by sender, then receiver.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// What the instances of one task send to those of another, evenly over all pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// The task that sends.
    pub from: TaskIdx,
    /// The task that receives.
    pub to: TaskIdx,
    /// How much.
    pub load: EdgeLoad,
}

/// How much an edge carries, all instances together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeLoad {
    /// MiB per second while both tasks run.
    MibPerSecond(i64),
    /// MiB once the sender has ended.
    Mib(i64),
}

/// `instances` of a job must survive the loss of any one domain of `level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MinAvailable {
    /// The level whose domains may be lost, one at a time.
    pub level: LevelIdx,
    /// How many instances must be left.
    pub instances: i64,
}

/// One shape in a job: resources, rules, and how many instances are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Id, unique within its job; of a shard, `task/shard`.
    pub id: String,
    /// The job it belongs to.
    pub job: JobIdx,
    /// Instances wanted, running ones included.
    pub instances: i64,
    /// Worth of one placed instance, at least 1.
    pub value: i64,
    /// How long one instance works at the usual speed; tasks of batches have it, and only they.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_ms: Option<i64>,
    /// What one instance needs.
    pub demand: Quantities,
    /// The devices that one instance needs, by kind; their totals are in `demand` too.
    pub devices: Vec<DeviceNeed>,
    /// Rules on the agent's attributes; all must hold.
    pub attributes: Vec<AttributeRule>,
    /// If present, only these agents, ascending.
    pub agents: Option<Vec<AgentIdx>>,
    /// The `dedicated` words that it tolerates, ascending.
    pub tolerates: Vec<String>,
    /// Groups that its instances belong to, ascending.
    pub groups: Vec<GroupIdx>,
    /// At most so many instances per domain.
    pub limits: Vec<LimitRule>,
    /// Even counts over domains.
    pub spreads: Vec<SpreadRule>,
    /// What it does with data, if it is a map or a reduce task.
    pub phase: Option<Phase>,
    /// What its instances keep on storage units, if they are replicas of a shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

impl Task {
    /// The task's id in the file: several shards may share one.
    #[must_use]
    pub fn file_id(&self) -> &str {
        self.shard.as_ref().map_or(&self.id, |shard| &shard.task)
    }

    /// The shard's id in the file, if the task is one.
    #[must_use]
    pub fn shard_id(&self) -> Option<String> {
        self.shard.as_ref().map(|shard| shard.id.clone())
    }
}

/// A rule on one attribute of an agent.
///
/// Written as a list: `"ssd"` any of these, `"!slow"` none of these, `"*"` present, `"!*"` absent.
/// An agent without the attribute passes the negated values and fails the others. The key `agent`
/// means the agent's id, and a declared level's name means its domain there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AttributeRule {
    /// Attribute key.
    pub key: String,
    /// Not empty: the value must be one of these.
    pub any_of: Vec<String>,
    /// The value must be none of these.
    pub none_of: Vec<String>,
    /// `Some(true)`: must be present; `Some(false)`: must be absent.
    pub present: Option<bool>,
}

/// At most `max` instances per domain of `level`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LimitRule {
    /// The level whose domains are limited.
    pub level: LevelIdx,
    /// Most instances in one domain.
    pub max: i64,
    /// Counts the instances of every task in this group; without it, those of the task alone.
    /// A group lies within one framework.
    pub group: Option<GroupIdx>,
}

/// The count in every domain of `level` is within `max_skew` of the least.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SpreadRule {
    /// The level whose domains are compared: those with at least one agent that the task may use.
    pub level: LevelIdx,
    /// Largest difference between two domains' counts.
    pub max_skew: i64,
    /// Hard rules bind; soft ones are served by the policy's spread objective.
    pub hard: bool,
    /// As in [`LimitRule::group`].
    pub group: Option<GroupIdx>,
}

/// Instances of a task that run on an agent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Running {
    /// The task.
    pub task: TaskIdx,
    /// Where.
    pub agent: AgentIdx,
    /// How many, at least 1.
    pub instances: i64,
}

impl Agent {
    /// Position in [`Agent::devices`] of those of a kind.
    #[must_use]
    pub fn device_position(&self, kind: DeviceIdx) -> Option<usize> {
        self.devices.iter().position(|devices| devices.kind == kind)
    }
}

impl Cluster {
    /// The agent at `agent`.
    #[must_use]
    pub fn agent(&self, agent: AgentIdx) -> &Agent {
        &self.agents[agent.at()]
    }

    /// The task at `task`.
    #[must_use]
    pub fn task(&self, task: TaskIdx) -> &Task {
        &self.tasks[task.at()]
    }

    /// The job at `job`.
    #[must_use]
    pub fn job(&self, job: JobIdx) -> &Job {
        &self.jobs[job.at()]
    }

    /// The framework at `framework`.
    #[must_use]
    pub fn framework(&self, framework: FrameworkIdx) -> &Framework {
        &self.frameworks[framework.at()]
    }

    /// The framework that submitted `task`.
    #[must_use]
    pub fn framework_of(&self, task: TaskIdx) -> FrameworkIdx {
        self.job(self.task(task).job).framework
    }

    /// `job/task`, as messages name a task.
    #[must_use]
    pub fn task_name(&self, task: TaskIdx) -> String {
        let task = self.task(task);
        format!("{}/{}", self.job(task.job).id, task.id)
    }

    /// All task positions.
    pub fn task_indices(&self) -> impl Iterator<Item = TaskIdx> + use<> {
        (0..self.tasks.len()).map(TaskIdx::of)
    }

    /// All agent positions.
    pub fn agent_indices(&self) -> impl Iterator<Item = AgentIdx> + use<> {
        (0..self.agents.len()).map(AgentIdx::of)
    }

    /// The domain of `agent` at `level`.
    #[must_use]
    pub fn domain(&self, agent: AgentIdx, level: LevelIdx) -> DomainIdx {
        self.agent(agent).domains[level.at()]
    }

    /// What all agents together have of each resource.
    #[must_use]
    pub fn total(&self) -> Vec<i128> {
        let mut total = vec![0; self.resources.len()];
        for agent in &self.agents {
            for (total, &amount) in total.iter_mut().zip(&agent.capacity.0) {
                *total += i128::from(amount);
            }
        }
        total
    }

    /// What each agent has free beside what runs there; negative where it is overcommitted.
    #[must_use]
    pub fn free(&self) -> Vec<Quantities> {
        let mut free: Vec<Quantities> = self.agents.iter().map(|a| a.capacity.clone()).collect();
        for running in &self.running {
            free[running.agent.at()].subtract(&self.task(running.task).demand, running.instances);
        }
        free
    }

    /// How fast a task runs on an agent, in thousandths of its usual speed: the slowest of its devices decides. 0 where
    /// a model is not allowed.
    #[must_use]
    pub fn throughput(&self, task: TaskIdx, agent: AgentIdx) -> i64 {
        let of_need = |need: &DeviceNeed| {
            let devices = self.devices_on(agent, need.kind);
            devices
                .and_then(|it| need.throughput(&it.model))
                .unwrap_or(0)
        };
        let needs = self.task(task).devices.iter();
        needs.map(of_need).min().unwrap_or(1000)
    }

    /// Position of the resource that totals the devices of a kind.
    #[must_use]
    pub fn device_total(&self, kind: DeviceIdx) -> Option<usize> {
        let total = device_resource(&self.devices[kind.at()]);
        self.resources.binary_search(&total).ok()
    }

    /// Makes the totals of devices among an offer's resources those of the devices that it names.
    pub fn total_devices(&self, offer: &mut Offer) {
        for (devices, offered) in self.agent(offer.agent).devices.iter().zip(&offer.devices) {
            if let Some(at) = self.device_total(devices.kind) {
                offer.resources.0[at] = offered.iter().sum();
            }
        }
    }

    /// The most instances of a task, alone, that hold their devices on `agent` where this is free of each (shape as
    /// in [`Cluster::free_devices`], one agent); without limit if it needs none.
    #[must_use]
    pub fn device_copies(&self, task: &Task, agent: AgentIdx, free: &[Vec<i64>]) -> i64 {
        let of_need = |need: &DeviceNeed| {
            let at = self.agent(agent).device_position(need.kind);
            let free = at
                .and_then(|at| free.get(at))
                .map_or(&[][..], Vec::as_slice);
            need.copies_on(free)
        };
        task.devices.iter().map(of_need).fold(i64::MAX, i64::min)
    }

    /// The devices of a kind on `agent`.
    #[must_use]
    pub fn devices_on(&self, agent: AgentIdx, kind: DeviceIdx) -> Option<&AgentDevices> {
        let agent = self.agent(agent);
        agent.device_position(kind).map(|at| &agent.devices[at])
    }

    /// Thousandths that each device has free beside what runs. Shape: by agent, by position in
    /// [`Agent::devices`], by number of the device.
    #[must_use]
    pub fn free_devices(&self) -> Vec<Vec<Vec<i64>>> {
        let whole = |devices: &AgentDevices| (0..devices.count).map(|_| WHOLE_DEVICE).collect();
        let of = |agent: &Agent| agent.devices.iter().map(whole).collect();
        let mut free: Vec<Vec<Vec<i64>>> = self.agents.iter().map(of).collect();
        for running in &self.running_devices {
            for held in &running.devices {
                let at = self.agent(running.agent).device_position(held.kind);
                let at = at.expect("what runs holds devices that its agent has");
                let index = usize::try_from(held.index).expect("devices are numbered from 0");
                free[running.agent.at()][at][index] -= held.milli;
            }
        }
        free
    }

    /// Instances of each task that run now.
    #[must_use]
    pub fn running_counts(&self) -> Vec<i64> {
        let mut counts = vec![0; self.tasks.len()];
        for running in &self.running {
            counts[running.task.at()] += running.instances;
        }
        counts
    }
}
