//! Mathematics of placement without a domain word: integer programs, what solving them answers, and the backends that solve them.
//!
//! # Shape
//! - [`Milp`] is a linear program with integer columns; [`validate`] says what is wrong with it, [`check`] what is wrong with a vector of values.
//! - [`MilpSolver`] is one backend ([`backends`]); [`Limits`] go in, an [`Outcome`] comes out.
//! - [`solve_guarded`] is how a backend is called: on a thread that can be abandoned, with every answer checked.
//! - [`assignment`] is placing at once, [`schedule`] is placing in time.
//! - [`flow`] is minimum cost flow: networks, a solver of ours, and proofs of its answers.
//! - [`formats`] reads and writes LP and MPS files and flow networks, and reads generalized assignment instances.
//!
//! ```
//! use apportion_models::{ColumnKind, Limits, Milp, Sense, Status, default_solver, solve_guarded};
//! use std::sync::Arc;
//!
//! let mut model = Milp::new("knapsack", Sense::Maximize);
//! let tent = model.add_column("tent", 0.0, 1.0, ColumnKind::Integer, 9.0);
//! let stove = model.add_column("stove", 0.0, 1.0, ColumnKind::Integer, 5.0);
//! model.add_row("weight", f64::NEG_INFINITY, 4.0, [(tent, 4.0), (stove, 2.0)]);
//! let outcome = solve_guarded(&default_solver(), &Arc::new(model), &Limits::default())?;
//! assert_eq!(outcome.status, Status::Optimal);
//! assert_eq!(outcome.solution.as_deref(), Some(&[1.0, 0.0][..]));
//! # Ok::<(), apportion_models::SolverError>(())
//! ```

// Generators of tests are shared with the tests outside, which know the crate by its name.
#[cfg(test)]
extern crate self as apportion_models;

pub mod assignment;
pub mod backends;
pub mod check;
pub mod flow;
pub mod formats;
pub mod guard;
pub mod milp;
pub mod outcome;
pub mod schedule;
pub mod solver;
pub mod validate;
pub mod welfare;

pub use backends::default_solver;
pub use check::Violation;
pub use guard::solve_guarded;
pub use milp::{Column, ColumnKind, Milp, Row, Sense};
pub use outcome::{Outcome, Status, StopReason};
pub use solver::{AnswerFault, CancelToken, Capabilities, Limits, MilpSolver, SolverError};
pub use validate::ModelFault;
