//! Reading snapshots: what is accepted, what is refused and how, what a digest means, how fast.

#![allow(missing_docs, clippy::unwrap_used)]

mod broken;
mod data;
mod devices;
mod digest;
mod generated;
mod hostile;
mod lint_rules;
mod resolved;
mod schema;
mod speed;
