//! Mathematics of placement without a domain word: integer programs, what solving them answers, and the backends that solve them.
//!
//! # Shape
//! - [`Milp`] is a linear program with integer columns; [`check`] says what is wrong with a vector of values.
//! - [`MilpSolver`] is one backend ([`backends`]); [`Limits`] go in, an [`Outcome`] comes out.
//! - [`solve_guarded`] is how a backend is called: on a thread that can be abandoned, with every answer checked.
//! - [`formats`] reads and writes LP and MPS files, and reads generalized assignment instances.
//!
pub mod check;
pub mod milp;
pub mod outcome;
pub mod solver;

pub use check::{ModelFault, Violation};
pub use milp::{Column, ColumnKind, Milp, Row, Sense};
pub use outcome::{Outcome, Status, StopReason};
pub use solver::{AnswerFault, CancelToken, Capabilities, Limits, MilpSolver, SolverError};
