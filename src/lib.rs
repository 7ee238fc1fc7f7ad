//! `apportion` divides a cluster fairly among frameworks and lets each place its own work by a small
//! exact model, with a bound, a gap and a fairness certificate on every plan.

pub mod broker;
#[cfg(feature = "cli")]
pub mod cli;
pub mod compare;
pub mod engine;
pub mod generate;
pub mod import;
#[cfg(feature = "cli")]
pub mod isolate;
pub mod lint;
pub mod simulate;
pub mod snapshot;
pub mod verify;

/// The examples of the README run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
