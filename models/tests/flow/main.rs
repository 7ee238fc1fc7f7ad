//! Minimum cost flow against slow twins, through changes, and on hostile numbers. Every outcome is checked by its proof.
#![allow(clippy::unwrap_used)]

mod changes;
#[path = "../support/draws.rs"]
mod draws;
mod hostile;
mod published;
mod random;
mod twin;
mod worked;

use apportion_models::Limits;
use apportion_models::flow::{FlowNetwork, FlowOutcome, FlowSolver, Simplex, check};

/// Solves from scratch and checks the proof.
fn solved(network: &FlowNetwork) -> FlowOutcome {
    let outcome = Simplex.solve(network, &Limits::default()).unwrap();
    assert_eq!(check(network, &outcome), [], "{network:?}\n{outcome:?}");
    outcome
}
