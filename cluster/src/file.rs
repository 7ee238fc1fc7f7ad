//! The snapshot file, as serde sees it: what people write, importers produce and `apply` rewrites.
//!
//! Each type mirrors one object of the file; unknown keys are refused. Reading bytes into these types
//! and these types into a [`Cluster`](crate::Cluster) is the engine's `snapshot` module.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version that every file of this format states.
pub const VERSION: &str = "apportion/v1";

/// Amounts by resource name; a missing resource is 0.
pub type Amounts = BTreeMap<String, i64>;

/// A cluster, what is asked of it, and what runs on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotFile {
    /// Must be `apportion/v1`.
    pub version: String,
    /// The cluster's name.
    #[serde(default)]
    pub cluster: String,
    /// Fairness rule; `nash` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fairness: Option<String>,
    /// Failure-domain levels that agents name in `domains`; they need not nest. `agent` is always a
    /// level; listing it here makes the spread objective count the loss of a single agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<String>,
    /// The machines.
    #[serde(default)]
    pub agents: Vec<AgentFile>,
    /// Weighted accounts. A role that only a framework names has weight 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleFile>,
    /// The tenants.
    #[serde(default)]
    pub frameworks: Vec<FrameworkFile>,
    /// What the frameworks want.
    #[serde(default)]
    pub jobs: Vec<JobFile>,
    /// Where data is.
    #[serde(default, skip_serializing_if = "DataFile::is_empty")]
    pub data: DataFile,
    /// What runs now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placements: Vec<PlacementFile>,
}

/// Where data is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// What map tasks read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockFile>,
    /// Storage units, for the policy `storage`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitFile>,
}

/// A storage unit: local to an agent, or in domains of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitFile {
    /// Unique id.
    pub id: String,
    /// Its domain per level; those of its agent where it names none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub domains: BTreeMap<String, String>,
    /// The agent that it is local to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What it holds, running replicas included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub capacity_mib: i64,
    /// Operations per second.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub iops: i64,
    /// Bandwidth in MiB per second.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mib_s: i64,
}

/// A block of data with copies on agents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockFile {
    /// Unique id.
    pub id: String,
    /// Its size.
    pub mib: i64,
    /// The agents that hold a copy.
    pub replicas: Vec<String>,
}

/// A machine that offers resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Unique id.
    pub id: String,
    /// Its domain per level.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub domains: BTreeMap<String, String>,
    /// Attributes that rules may ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Total amounts, what running instances use included.
    #[serde(default)]
    pub resources: Amounts,
    /// Its devices: one entry per kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DevicesFile>,
    /// Only tasks that tolerate this word may be placed here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedicated: Option<String>,
    /// Takes nothing new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cordoned: bool,
    /// Relative speed in thousandths; 1000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<i64>,
}

/// Devices of one kind and model on an agent. They are numbered from 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DevicesFile {
    /// Their kind, such as `gpu`. The resource `<name>_milli` totals them.
    pub name: String,
    /// Their model, for tasks that name the models they may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many, 1 to 64.
    pub count: i64,
}

/// A weighted account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleFile {
    /// Path; components are separated by `/`.
    pub path: String,
    /// Weight among its siblings, above 0; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Amounts promised to the role; together at most the cluster's capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Amounts>,
    /// Most that the role may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Amounts>,
    /// `hold` or `lend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_guarantee: Option<String>,
}

/// A tenant with one policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrameworkFile {
    /// Unique id.
    pub id: String,
    /// Name of a registered policy.
    pub policy: String,
    /// Role path; the framework's own id if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Weight among the frameworks of its role, above 0; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Parameters of the policy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, serde_json::Value>,
}

/// Tasks that are submitted together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobFile {
    /// Unique id.
    pub id: String,
    /// The framework that submits it.
    pub framework: String,
    /// Higher is placed first within the framework; 0 if absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i64,
    /// Instances that must survive the loss of any one domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_available: Option<MinAvailableFile>,
    /// At most this many running instances may move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_moves: Option<i64>,
    /// All or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gang: Option<GangFile>,
    /// How long it has waited, in milliseconds; 0 if absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_ms: i64,
    /// Its tasks are map tasks, but for those that state what they are. If `reduce` is stated too, those whose ids begin with `map`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapFile>,
    /// Its tasks are reduce tasks, but for those that state what they are. If `map` is stated too, those whose ids begin with `reduce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<ReduceFile>,
    /// Its shapes. May be left out where the job has `shards`: their replicas then need neither processors nor memory.
    pub tasks: Vec<TaskFile>,
    /// What its tasks send to each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<EdgeFile>,
    /// Shards whose replicas have the shape of the job's only task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardFile>,
}

/// Data that is kept in several replicas: each is an instance that keeps all volumes together on one storage unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShardFile {
    /// Id, unique within the job.
    pub id: String,
    /// Replicas wanted, running ones included; 1 if absent.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub replicas: i64,
    /// No two replicas have their units, or their agents, in one domain of this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<String>,
    /// What a replica takes of its unit's capacity; its volumes together if they are larger.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disk_mib: i64,
    /// What a replica takes of its unit's operations per second.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub iops: i64,
    /// What a replica takes of its unit's bandwidth.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub mib_s: i64,
    /// The data of each replica.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeFile>,
}

/// A part of a shard's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeFile {
    /// Id, unique within the shard.
    pub id: String,
    /// How large it is.
    pub mib: i64,
    /// The unit where it is now; without one there is nothing to copy yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What one task sends to another: a rate or an amount, exactly one of them.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct EdgeFile {
    /// Id of the task that sends.
    pub from: String,
    /// Id of the task that receives.
    pub to: String,
    /// MiB per second that all instances send together, while both run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mib_s: Option<i64>,
    /// MiB that all instances send together, when the sender has ended; the receiver starts when they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mib: Option<i64>,
}

/// `instances` must be left after the loss of any one domain of `level`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MinAvailableFile {
    /// A level, or an attribute used as one.
    pub level: String,
    /// Instances left.
    pub instances: i64,
}

/// All or nothing: no instance of the job, or at least `min_instances`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GangFile {
    /// Least number of instances that is of any use.
    pub min_instances: i64,
}

/// What an instance of a map task reads, and how long it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    /// Blocks; every instance reads all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// How long it runs beside its data at the usual speed, in milliseconds; 0 if unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub work_ms: i64,
    /// How much longer where no input is on the agent, in milliseconds; where some is, in proportion to the rest.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remote_penalty_ms: i64,
}

/// What the instances of a reduce task pull from the job's map tasks, and how long each runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReduceFile {
    /// What all its instances together pull from each of the job's map tasks, in the order in which the job lists these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle_mib: Option<Vec<i64>>,
    /// What all its instances together pull, from every instance of the job's map tasks alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle_mib_total: Option<i64>,
    /// How long an instance runs at the usual speed, in milliseconds; 0 if unknown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub work_ms: i64,
}

/// One shape in a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// Id, unique within the job.
    pub id: String,
    /// Instances wanted, running ones included; 1 if absent.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub instances: i64,
    /// Worth of one placed instance; 1 if absent.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub value: i64,
    /// How long one instance works at the usual speed, in a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_ms: Option<i64>,
    /// What one instance needs.
    #[serde(default)]
    pub resources: Amounts,
    /// The devices that one instance needs: one entry per kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceNeedFile>,
    /// Names of groups that its instances belong to, for rules that count over several tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Rules on where it may go.
    #[serde(default, skip_serializing_if = "ConstraintsFile::is_empty")]
    pub constraints: ConstraintsFile,
    /// It is a map task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapFile>,
    /// It is a reduce task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<ReduceFile>,
    /// Shards whose replicas are the task's instances; `instances` is then their sum, or left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardFile>,
}

/// Devices of one kind that one instance needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceNeedFile {
    /// Their kind.
    pub name: String,
    /// How many different ones, 1 to 64; 1 if absent.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: i64,
    /// Thousandths of each, 1 to 1000; 1000 if absent.
    #[serde(default = "thousand", skip_serializing_if = "is_thousand")]
    pub milli: i64,
    /// The allowed models, the preferred one first; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelFile>>,
}

/// A model of device that a task may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The model.
    pub model: String,
    /// How fast the task runs on it, in thousandths of its usual speed; 1000 if absent.
    #[serde(default = "thousand", skip_serializing_if = "is_thousand")]
    pub throughput: i64,
}

/// Rules on where a task's instances may go; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstraintsFile {
    /// Allowed values by attribute: `"ssd"`, `"!slow"`, `"*"` (present), `"!*"` (absent).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// At most so many instances per domain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limit: Vec<LimitFile>,
    /// Even counts over domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<SpreadFile>,
    /// Only these agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<Vec<String>>,
    /// The `dedicated` words that it tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerates: Vec<String>,
}

/// At most `max` instances per domain of `level`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitFile {
    /// A level, or an attribute used as one.
    pub level: String,
    /// Most instances in one domain.
    pub max: i64,
    /// Count the instances of every task in this group instead of this task's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Counts over the domains of `level` differ by at most `max_skew`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpreadFile {
    /// A level, or an attribute used as one.
    pub level: String,
    /// Largest difference from the least.
    pub max_skew: i64,
    /// Binding or best effort; binding if absent.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub hard: bool,
    /// Count the instances of every task in this group instead of this task's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Instances of a task on an agent.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct PlacementFile {
    /// Job id.
    pub job: String,
    /// Task id.
    pub task: String,
    /// Agent id.
    pub agent: String,
    /// How many.
    pub instances: i64,
    /// Of a replica, its shard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Of a replica, the storage unit that holds its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The devices that the instance holds, if its task needs any; `instances` is then 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceFile>,
    /// In a plan, of instances that follow others: milliseconds from now at which they start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<i64>,
    /// In a plan, with `start_ms`: milliseconds from now at which they end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<i64>,
}

/// A part of one device that an instance holds.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct DeviceFile {
    /// Device name.
    pub name: String,
    /// Position on the agent.
    pub index: i64,
    /// Thousandths of the device.
    pub milli: i64,
}

impl DataFile {
    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl JobFile {
    /// The job's tasks, and the shards of each: those that the job states are of its only task, which is called like the job if it
    /// states none.
    #[must_use]
    pub fn shapes(&self) -> Vec<(Cow<'_, TaskFile>, &[ShardFile])> {
        if self.shards.is_empty() {
            let tasks = self.tasks.iter();
            return tasks
                .map(|task| (Cow::Borrowed(task), &task.shards[..]))
                .collect();
        }
        let task = self.tasks.first().map_or_else(
            || {
                Cow::Owned(TaskFile {
                    id: self.id.clone(),
                    instances: 1,
                    value: 1,
                    ..TaskFile::default()
                })
            },
            Cow::Borrowed,
        );
        vec![(task, &self.shards[..])]
    }

    /// Instances that a task of [`JobFile::shapes`] wants: the replicas of its shards, if it has any.
    #[must_use]
    pub fn wanted(task: &TaskFile, shards: &[ShardFile]) -> i64 {
        if shards.is_empty() {
            return task.instances;
        }
        shards
            .iter()
            .fold(0, |sum, shard| sum.saturating_add(shard.replicas))
    }
}

impl ConstraintsFile {
    /// Whether no rule is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn one() -> i64 {
    1
}

fn thousand() -> i64 {
    1000
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_thousand(value: &i64) -> bool {
    *value == 1000
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(value: &i64) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(value: &bool) -> bool {
    *value
}
