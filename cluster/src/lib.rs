//! The nouns of `apportion`: what a cluster is, what is asked of it, and what is answered.
//!
//! - [`mod@file`]: the snapshot file as people write it; [`events`]: what happens to it; [`plan`]: the plan file.
//! - [`Cluster`]: the validated, immutable picture that everything else reads.
//! - [`Slice`] and [`Proposal`]: a policy's whole input, and its wish.
//!
//! No mathematics and no solver here: see `apportion-models`. No wishes: see `apportion-policies`.

mod cluster;
mod devices;
mod eligibility;
pub mod events;
pub mod file;
mod index;
mod phase;
pub mod plan;
mod quantities;
mod slice;
mod storage;

pub use cluster::{
    Agent, AttributeRule, Cluster, Edge, EdgeLoad, Fairness, Framework, IdleGuarantee, Job, Level,
    LimitRule, MinAvailable, Role, Running, SpreadRule, Task,
};
pub use devices::{
    AgentDevices, DeviceNeed, DeviceUse, MAX_DEVICES, ModelChoice, RunningDevices, WHOLE_DEVICE,
    device_resource,
};
pub use eligibility::{Eligibility, Refusal};
pub use index::{
    AgentIdx, BlockIdx, DeviceIdx, DomainIdx, FrameworkIdx, GroupIdx, JobIdx, LevelIdx,
    ResourceIdx, RoleIdx, TaskIdx, UnitIdx,
};
pub use phase::{Block, Distances, MapWork, Phase, ReduceWork, Shuffle};
pub use quantities::{MAX_DATA_MIB, MAX_INSTANCES, MAX_QUANTITY, MAX_WORK_MS, Quantities};
pub use slice::{Offer, Proposal, Slice, Timed};
pub use storage::{RunningUnit, Shard, UNIT_RESOURCES, Unit, UnitAmounts, Volume};
