//! `apportion` divides a cluster fairly among frameworks and lets each place its own work by a small
//! exact model, with a bound, a gap and a fairness certificate on every plan.

pub mod engine;
pub mod import;
pub mod snapshot;
pub mod verify;
