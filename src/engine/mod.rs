//! From a [`Cluster`](apportion_cluster::Cluster) to a plan: bids, shares, rounds of offers and
//! proposals, audit.

mod options;

pub use options::{Mode, Options, Progress};
