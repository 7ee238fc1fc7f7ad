//! What every backend has to do, and what each may do. To add a backend: one line at the end.
#![allow(clippy::unwrap_used)]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "support/draws.rs"]
mod draws;
#[path = "conformance/hard.rs"]
mod hard;
#[path = "conformance/random.rs"]
mod random;

use cases::conformance;

conformance!(good_lp, apportion_models::backends::GoodLp);
#[cfg(feature = "oracle")]
conformance!(brute_force, apportion_models::backends::BruteForce);
#[cfg(feature = "highs")]
conformance!(highs, apportion_models::backends::Highs);
