//! microlp, a branch-and-bound solver in pure Rust, through the modelling layer `good_lp`: the independent twin of HiGHS.

use super::{answer_without_columns, tidy_bound};
use crate::milp::{ColumnKind, Milp, Row, Sense};
use crate::outcome::{Outcome, Status, StopReason, round_integers};
use crate::solver::{Capabilities, Limits, MilpSolver, SolverError};
use good_lp::solvers::microlp::{MicroLpProblem, microlp};
use good_lp::solvers::{
    ObjectiveDirection, ResolutionError, Solution, SolutionStatus, SolverModel, WithInitialSolution, WithMipGap,
    WithTimeLimit,
};
use good_lp::{Constraint, Expression, ProblemVariables, Variable, variable};
use std::time::Instant;

/// The solver in pure Rust, for builds without a C++ compiler, and to hold HiGHS against.
///
/// # Guarantees
/// It keeps to the time limit at its own checks and cannot be cancelled; it has no node limit, no seed and no row duals.
/// microlp searches integer columns only within 32 bits. Where neither the bounds nor the rows of a model keep an integer column in
/// that range, nothing that depends on the range is claimed: an optimum is reported as feasible, "infeasible" as no solution.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoodLp;

impl MilpSolver for GoodLp {
    fn name(&self) -> &'static str {
        "good_lp/microlp"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dual_bound: true,
            start: true,
            row_duals: false,
            time_limit: true,
            interrupt: false,
            node_limit: false,
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        if model.columns.is_empty() {
            return Ok(answer_without_columns(model, self.name()));
        }
        let clock = Clock::new(limits);
        match boxes::within_32_bits(model) {
            boxes::Boxed::Whole(model) => run(&model, limits, &clock),
            boxes::Boxed::Cut(cut) => solve_cut(model, &cut, limits, &clock),
            boxes::Boxed::Empty => Ok(nothing(Status::Infeasible)),
        }
    }
}

mod boxes;

fn nothing(status: Status) -> Outcome {
    Outcome::without_solution(status, GoodLp.name())
}
