//! Baselines: how others place what a policy places, for comparisons.
//!
//! Each is deterministic: it draws nothing but from the seed that it is given. A proposal keeps every hard rule of the slice, so that it can be
//! judged like any other. To add one, write it beside the others of its policy, and name it in [`all`].

mod storage;

use apportion_cluster::{Proposal, Slice};

/// A way to place a slice, as another system or a textbook has it.
pub trait Baseline: Send + Sync {
    /// Its name, unique within its policy.
    fn name(&self) -> &'static str;

    /// The name of the policy whose slices it places.
    fn policy(&self) -> &'static str;

    /// What it would place.
    fn place(&self, slice: &Slice<'_>, seed: u64) -> Proposal;
}

/// Every baseline, by policy and name.
#[must_use]
pub fn all() -> Vec<Box<dyn Baseline>> {
    let mut all: Vec<Box<dyn Baseline>> = Vec::new();
    all.extend(storage::all());
    all.sort_by_key(|baseline| (baseline.policy(), baseline.name()));
    all
}

/// The baselines of a policy.
#[must_use]
pub fn of_policy(policy: &str) -> Vec<Box<dyn Baseline>> {
    let mut of_policy = all();
    of_policy.retain(|baseline| baseline.policy() == policy);
    of_policy
}
