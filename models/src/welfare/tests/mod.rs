//! Worked numbers, optimality conditions on random problems, and an independent twin.

#![allow(clippy::unwrap_used)]

mod edges;
mod random;
mod repaired;
pub(super) mod support;
mod twin;
mod worked;
