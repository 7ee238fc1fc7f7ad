//! The solvers behind [`MilpSolver`], one file each.
//!
//! | backend | file | needs | bound when stopped | row duals | stops on request |
//! |---|---|---|---|---|---|
//! | `Highs` | `highs.rs` | feature `highs`: cmake, a C++ compiler, ninja, libclang | yes | yes | yes |
//! | `GoodLp` | `good_lp.rs` | nothing but Rust | yes | no | at its time limit only |
//! | `BruteForce` | `brute_force.rs` | feature `oracle`; small boxes of integers only | no | no | yes |
//!
//! To add one: copy `good_lp.rs`, implement [`MilpSolver`], list it here, and add its line to `tests/conformance.rs`.

#[cfg(any(feature = "oracle", test))]
mod brute_force;
mod good_lp;
#[cfg(feature = "highs")]
mod highs;

#[cfg(any(feature = "oracle", test))]
pub use brute_force::BruteForce;
pub use good_lp::GoodLp;
#[cfg(feature = "highs")]
pub use highs::Highs;

use crate::milp::{Column, ColumnKind, Milp, Sense};
use crate::outcome::{Outcome, Status};
use crate::solver::MilpSolver;
use std::sync::Arc;

/// The backend to use when nothing speaks for another: HiGHS where it is built in, else the one in pure Rust.
#[must_use]
pub fn default_solver() -> Arc<dyn MilpSolver> {
    #[cfg(feature = "highs")]
    {
        Arc::new(Highs)
    }
    #[cfg(not(feature = "highs"))]
    {
        Arc::new(GoodLp)
    }
}

/// The answer to a model without columns, which backends disagree about: its rows hold zero or not.
fn answer_without_columns(model: &Milp, backend: &str) -> Outcome {
    let holds = model
        .rows
        .iter()
        .all(|row| row.lower <= 0.0 && row.upper >= 0.0);
    if !holds {
        return Outcome::without_solution(Status::Infeasible, backend);
    }
    Outcome {
        solution: Some(Vec::new()),
        objective: Some(model.offset),
        dual_bound: Some(model.offset),
        ..Outcome::without_solution(Status::Optimal, backend)
    }
}

/// The bounds of a column, drawn in to whole numbers where only those count. They cross if there is none between them.
///
/// Solvers are given no others: some versions of HiGHS answer wrongly (fractional values, optima that are none) where integer columns have
/// fractional bounds.
fn whole_bounds(column: &Column) -> (f64, f64) {
    match column.kind {
        ColumnKind::Continuous => (column.lower, column.upper),
        ColumnKind::Integer => (column.lower.ceil(), column.upper.floor()),
    }
}

/// The bound that a backend claims, as outcomes carry it: none if it is infinite, and not on the wrong side of the objective
/// by mere rounding. A bound that is wrong by more is left for the guard to see.
fn tidy_bound(sense: Sense, bound: f64, objective: Option<f64>) -> Option<f64> {
    const ROUNDING: f64 = 1e-7;
    if bound.is_infinite() {
        return None;
    }
    let Some(objective) = objective else {
        return Some(bound);
    };
    let margin = ROUNDING * objective.abs().max(bound.abs()).max(1.0);
    let beaten = sense.is_better(objective, bound, 0.0);
    let beaten_by_much = sense.is_better(objective, bound, margin);
    Some(if beaten && !beaten_by_much {
        objective
    } else {
        bound
    })
}
