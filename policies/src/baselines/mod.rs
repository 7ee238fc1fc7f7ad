//! What others do: the methods that a policy's plans are compared with, by policy.

pub mod mapreduce;
mod room;
pub mod service;
pub mod storage;
pub mod workflow;

pub use mapreduce::MapReduceBaseline;
pub use service::ServiceBaseline;
pub use storage::StorageBaseline;
pub use workflow::WorkflowBaseline;
