//! microlp, a branch-and-bound solver in pure Rust, through the modelling layer `good_lp`: the independent twin of HiGHS.

use super::{answer_without_columns, tidy_bound};
use crate::milp::{ColumnKind, Milp, Row, Sense};
use crate::outcome::{Outcome, Status, StopReason, round_integers};
use crate::solver::{Capabilities, Limits, MilpSolver, SolverError};
use good_lp::solvers::microlp::{MicroLpProblem, MicroLpSolution, microlp};
use good_lp::solvers::{
    ObjectiveDirection, ResolutionError, Solution, SolutionStatus, SolverModel,
    WithInitialSolution, WithMipGap, WithTimeLimit,
};
use good_lp::{Constraint, Expression, ProblemVariables, Variable, variable};
use ranges::Ranges;
use std::time::Instant;

mod ranges;

/// What a start has to hold to be handed to microlp, which wants only feasible ones.
const START_TOLERANCE: f64 = 1e-7;

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
        match ranges::within_32_bits(model) {
            Ranges::Whole(bounds) => run(&with_bounds(model, &bounds), limits, &clock),
            Ranges::Cut(bounds) => solve_cut(model, &with_bounds(model, &bounds), limits, &clock),
            Ranges::Empty => Ok(nothing(Status::Infeasible)),
            Ranges::Beyond(column) => Err(SolverError::Unsupported {
                backend: self.name().to_owned(),
                message: format!("integer column `{column}` has no value of 32 bits"),
            }),
        }
    }
}

fn nothing(status: Status) -> Outcome {
    Outcome::without_solution(status, GoodLp.name())
}

fn with_bounds(model: &Milp, bounds: &[(f64, f64)]) -> Milp {
    let mut bounded = model.clone();
    for (column, &(lower, upper)) in bounded.columns.iter_mut().zip(bounds) {
        (column.lower, column.upper) = (lower, upper);
    }
    bounded
}

/// Solves a model of which microlp can search only a part: `cut` has its integer columns cut off at 32 bits.
/// The relaxation, which is not cut, says what the part says of the whole.
fn solve_cut(
    model: &Milp,
    cut: &Milp,
    limits: &Limits,
    clock: &Clock,
) -> Result<Outcome, SolverError> {
    let mut relaxation = model.clone();
    for column in &mut relaxation.columns {
        column.kind = ColumnKind::Continuous;
    }
    let relaxed = run(&relaxation, limits, clock)?;
    if relaxed.status == Status::Infeasible {
        return Ok(nothing(Status::Infeasible));
    }
    if relaxed.status == Status::Unbounded {
        let mut feasibility = cut.clone();
        for column in &mut feasibility.columns {
            column.cost = 0.0;
        }
        // Where the relaxation is unbounded and a solution exists, the model is unbounded (Meyer 1974; its numbers are rational).
        return Ok(nothing(match run(&feasibility, limits, clock)?.status {
            Status::Optimal | Status::Feasible(_) => Status::Unbounded,
            Status::NoSolution(reason) => Status::NoSolution(reason),
            Status::Infeasible | Status::Unbounded => Status::NoSolution(beyond_32_bits()),
        }));
    }
    let mut outcome = run(cut, limits, clock)?;
    outcome.dual_bound = relaxed
        .dual_bound
        .and_then(|bound| tidy_bound(model.sense, bound, outcome.objective));
    outcome.status = match outcome.status {
        Status::Optimal
            if outcome
                .gap()
                .is_some_and(|gap| gap <= limits.relative_gap + 1e-9) =>
        {
            Status::Optimal
        }
        Status::Optimal => Status::Feasible(beyond_32_bits()),
        Status::Infeasible => Status::NoSolution(beyond_32_bits()),
        other => other,
    };
    Ok(outcome)
}

fn beyond_32_bits() -> StopReason {
    StopReason::Other("microlp searches integers of 32 bits only".to_owned())
}

/// One run of microlp: build, set, run, read.
fn run(model: &Milp, limits: &Limits, clock: &Clock) -> Result<Outcome, SolverError> {
    let Some(problem) = build(model, limits, clock)? else {
        return Ok(nothing(Status::Infeasible));
    };
    match problem.solve() {
        Ok(solution) => Ok(read(model, solution)),
        Err(ResolutionError::Infeasible) => Ok(nothing(Status::Infeasible)),
        Err(ResolutionError::Unbounded) => Ok(nothing(Status::Unbounded)),
        // good_lp has no status for a limit that fired before a solution was found, and a time limit is the only one ever set.
        Err(ResolutionError::Other(_)) if limits.time.is_some() => {
            Ok(nothing(Status::NoSolution(StopReason::Deadline)))
        }
        Err(error) => Err(failure(error.to_string())),
    }
}

/// The model in the terms of good_lp, or `None` if a row without terms cannot hold.
fn build(
    model: &Milp,
    limits: &Limits,
    clock: &Clock,
) -> Result<Option<MicroLpProblem>, SolverError> {
    let mut variables = ProblemVariables::new();
    let handles: Vec<Variable> = model
        .columns
        .iter()
        .map(|column| {
            let definition = variable().min(column.lower).max(column.upper);
            variables.add(match column.kind {
                ColumnKind::Integer => definition.integer(),
                ColumnKind::Continuous => definition,
            })
        })
        .collect();
    let sum = |terms: &mut dyn Iterator<Item = (usize, f64)>| {
        let mut sum = Expression::with_capacity(terms.size_hint().0);
        for (column, coefficient) in terms {
            sum.add_mul(coefficient, handles[column]);
        }
        sum
    };
    let objective = sum(&mut model.columns.iter().map(|column| column.cost).enumerate());
    let direction = match model.sense {
        Sense::Minimize => ObjectiveDirection::Minimisation,
        Sense::Maximize => ObjectiveDirection::Maximisation,
    };
    let mut problem = variables.optimise(direction, objective).using(microlp);
    for row in &model.rows {
        if row.terms.is_empty() {
            if row.lower > 0.0 || row.upper < 0.0 {
                return Ok(None);
            }
            continue;
        }
        for constraint in constraints(row, &sum(&mut row.terms.iter().copied())) {
            problem.add_constraint(constraint);
        }
    }
    if let Some(left) = clock.left() {
        problem = problem.with_time_limit(left);
    }
    if limits.relative_gap > 0.0 {
        problem = problem
            .with_mip_gap(limits.relative_gap as f32)
            .map_err(|error| failure(error.to_string()))?;
    }
    if let Some(start) = &limits.start
        && model.check(start, START_TOLERANCE).is_empty()
    {
        problem = problem.with_initial_solution(handles.iter().copied().zip(start.iter().copied()));
    }
    Ok(Some(problem))
}

/// good_lp has no ranges: a row becomes one constraint for each of its bounds.
fn constraints(row: &Row, sum: &Expression) -> Vec<Constraint> {
    if row.lower == row.upper {
        return vec![sum.clone().eq(row.lower)];
    }
    let mut constraints = Vec::new();
    if row.lower.is_finite() {
        constraints.push(sum.clone().geq(row.lower));
    }
    if row.upper.is_finite() {
        constraints.push(sum.clone().leq(row.upper));
    }
    constraints
}

fn read(model: &Milp, solution: MicroLpSolution) -> Outcome {
    let status = match solution.status() {
        // A solution within the gap asked for is what an outcome calls optimal.
        SolutionStatus::Optimal | SolutionStatus::GapLimit => Status::Optimal,
        SolutionStatus::TimeLimit => Status::Feasible(StopReason::Deadline),
    };
    let proved = matches!(solution.status(), SolutionStatus::Optimal);
    let solution = solution.into_inner();
    let mut values: Vec<f64> = solution.iter().map(|(_, value)| value).collect();
    round_integers(model, &mut values);
    let objective = model.objective_value(&values);
    let stats = solution.stats();
    let bound = if proved {
        Some(objective)
    } else {
        stats.best_bound.map(|bound| bound + model.offset)
    };
    Outcome {
        objective: Some(objective),
        dual_bound: bound.and_then(|bound| tidy_bound(model.sense, bound, Some(objective))),
        nodes: model
            .is_mixed_integer()
            .then(|| i64::try_from(stats.nodes_solved).unwrap_or(i64::MAX)),
        solution: Some(values),
        ..nothing(status)
    }
}

fn failure(message: String) -> SolverError {
    SolverError::Backend {
        backend: GoodLp.name().to_owned(),
        message,
    }
}

/// The time that is left, over several runs.
struct Clock(Option<Instant>);

impl Clock {
    fn new(limits: &Limits) -> Self {
        Self(
            limits
                .time
                .and_then(|time| Instant::now().checked_add(time)),
        )
    }

    fn left(&self) -> Option<f64> {
        self.0.map(|deadline| {
            deadline
                .saturating_duration_since(Instant::now())
                .as_secs_f64()
        })
    }
}
