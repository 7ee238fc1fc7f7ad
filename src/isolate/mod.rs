//! Solving in a child process, where a crash, a hang or a hunger for memory stays outside.
//!
//! The parent ([`ChildSolver`]) starts a program, writes one line of JSON (the model and its limits) to its standard input,
//! and reads one line of JSON from its standard output. The child side is [`serve()`]. Standard input stays open for as long as
//! the answer is wanted: when it closes, because the parent cancels or is gone, the child stops.

mod parent;
mod serve;
#[cfg(all(test, unix))]
mod tests;

pub use parent::ChildSolver;
pub use serve::serve;

use apportion_models::{Milp, Outcome};
use serde::{Deserialize, Serialize};

/// What the child is asked.
#[derive(Serialize, Deserialize)]
struct Request {
    model: Milp,
    time_ms: Option<u64>,
    nodes: Option<i64>,
    relative_gap: f64,
    seed: u64,
    start: Option<Vec<f64>>,
}

/// What the child answers.
#[derive(Serialize, Deserialize)]
enum Answer {
    #[serde(rename = "outcome")]
    Outcome(Outcome),
    #[serde(rename = "error")]
    Error(String),
}
