//! HiGHS, built from source and called in-process.

use super::{answer_without_columns, tidy_bound, whole_bounds};
use crate::check::Violation;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::outcome::{Outcome, Status, StopReason, round_integers};
use crate::solver::{Capabilities, Limits, MilpSolver, SolverError};
use foreign::{Watch, node_count};
use highs::{
    HighsModelStatus, HighsOptionValue, HighsSolutionStatus, Model, RowProblem, SolvedModel,
};
use std::time::Instant;

mod foreign;

/// The absolute gap at which HiGHS calls a solution optimal: below any difference that two objectives of ours can have.
const ABSOLUTE_GAP: f64 = 1e-9;
/// How far HiGHS may miss rows and whole numbers at first, which are its own defaults.
const USUAL: Manner = Manner {
    rows: 1e-7,
    integrality: 1e-6,
    presolve: "choose",
};
/// How far it may miss them in a second try, when the rounded solution of the first did not hold.
const TIGHT: Manner = Manner {
    rows: 1e-9,
    integrality: 1e-9,
    ..USUAL
};
/// A second try where the first ended in an error, or in an answer that contradicts itself.
const WITHOUT_PRESOLVE: Manner = Manner {
    presolve: "off",
    ..USUAL
};
/// What a rounded solution is held to before it is believed here; the guard holds it to the same.
const ACCEPTED: f64 = 1e-6;

/// How a run goes about it.
#[derive(Clone, Copy)]
struct Manner {
    /// How far rows, and whole numbers, may be missed.
    rows: f64,
    integrality: f64,
    presolve: &'static str,
}

/// The HiGHS branch-and-cut and simplex solver, one thread per solve.
///
/// # Guarantees
/// The same model and limits give the same outcome as long as no clock or cancel token stops the search. Starts are used for models with integer columns,
/// and ignored for linear programs. Cancellation is looked at between simplex iterations and at the search's own checks,
/// not in presolve and not within a linear program of the tree; those keep to the time limit only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Highs;

impl MilpSolver for Highs {
    fn name(&self) -> &'static str {
        "highs"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dual_bound: true,
            start: true,
            row_duals: true,
            time_limit: true,
            interrupt: true,
            node_limit: true,
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        if model.columns.is_empty() {
            return Ok(answer_without_columns(model, self.name()));
        }
        let whole_number_missing = |column| {
            let (lower, upper) = whole_bounds(column);
            lower > upper
        };
        if model.columns.iter().any(whole_number_missing) {
            return Ok(Outcome::without_solution(Status::Infeasible, self.name()));
        }
        let watch = Watch::new(limits);
        let outcome = match run(model, limits, &watch, USUAL) {
            Err(SolverError::Backend { .. }) => run(model, limits, &watch, WITHOUT_PRESOLVE)?,
            Ok(outcome) if contradicts_itself(model, limits, &outcome) => {
                run(model, limits, &watch, WITHOUT_PRESOLVE)?
            }
            answer => answer?,
        };
        if outcome.status == Status::NoSolution(StopReason::InfeasibleOrUnbounded) {
            return tell_infeasible_from_unbounded(model, limits, &watch, outcome);
        }
        if violations(model, &outcome).is_empty() {
            return Ok(outcome);
        }
        mend(model, limits, &watch, outcome)
    }
}

/// Whether an integer program was called optimal with a larger gap than was asked for.
fn contradicts_itself(model: &Milp, limits: &Limits, outcome: &Outcome) -> bool {
    let values = outcome.objective.zip(outcome.dual_bound);
    model.is_mixed_integer()
        && outcome.status == Status::Optimal
        && values.is_some_and(|(objective, bound)| {
            let scale = objective.abs().max(bound.abs()).max(1.0);
            (objective - bound).abs() > (limits.relative_gap + ACCEPTED) * scale
        })
}

/// With every cost zero nothing is unbounded, so what is left is whether a solution exists.
fn tell_infeasible_from_unbounded(
    model: &Milp,
    limits: &Limits,
    watch: &Watch,
    outcome: Outcome,
) -> Result<Outcome, SolverError> {
    let mut feasibility = model.clone();
    for column in &mut feasibility.columns {
        column.cost = 0.0;
    }
    let status = match run(&feasibility, limits, watch, USUAL)?.status {
        Status::Infeasible => Status::Infeasible,
        Status::Optimal | Status::Feasible(_) => Status::Unbounded,
        Status::Unbounded | Status::NoSolution(_) => return Ok(outcome),
    };
    Ok(Outcome { status, ..outcome })
}

/// A solution that rounding has broken is tried again: the continuous columns beside the rounded integers, then all of it with less tolerance.
fn mend(
    model: &Milp,
    limits: &Limits,
    watch: &Watch,
    outcome: Outcome,
) -> Result<Outcome, SolverError> {
    if let Some(solution) = &outcome.solution
        && model.is_mixed_integer()
    {
        let mut fixed = model.clone();
        for (column, &value) in fixed.columns.iter_mut().zip(solution) {
            if column.kind == ColumnKind::Integer {
                (column.lower, column.upper, column.kind) = (value, value, ColumnKind::Continuous);
            }
        }
        let beside = run(&fixed, limits, watch, USUAL)?;
        if let (Status::Optimal, Some(values)) = (&beside.status, &beside.solution)
            && model.check(values, ACCEPTED).is_empty()
        {
            let objective = model.objective_value(values);
            return Ok(Outcome {
                solution: beside.solution,
                objective: Some(objective),
                dual_bound: outcome
                    .dual_bound
                    .and_then(|bound| tidy_bound(model.sense, bound, Some(objective))),
                ..outcome
            });
        }
    }
    run(model, limits, watch, TIGHT)
}

fn violations(model: &Milp, outcome: &Outcome) -> Vec<Violation> {
    outcome
        .solution
        .as_ref()
        .map_or_else(Vec::new, |solution| model.check(solution, ACCEPTED))
}

/// One run of HiGHS: build, set, run, read. The HiGHS object lives and dies in here, on one thread.
fn run(
    model: &Milp,
    limits: &Limits,
    watch: &Watch,
    manner: Manner,
) -> Result<Outcome, SolverError> {
    let mut highs = build(model)?;
    set_options(&mut highs, limits, watch, manner)?;
    if let Some(start) = &limits.start
        && model.is_mixed_integer()
        && start.iter().all(|value| value.is_finite())
    {
        // A start that HiGHS has no use for is no reason not to solve.
        let _ = highs.try_set_solution(Some(start), None, None, None);
    }
    watch.attach(&mut highs)?;
    let solved = highs
        .try_solve()
        .map_err(|status| failure(format!("the run ended with {status:?}")))?;
    read(model, limits, watch, &solved)
}

fn build(model: &Milp) -> Result<Model, SolverError> {
    let mut problem = RowProblem::new();
    let columns: Vec<highs::Col> = model
        .columns
        .iter()
        .map(|column| {
            let (lower, upper) = whole_bounds(column);
            problem.add_column_with_integrality(
                column.cost,
                lower..=upper,
                column.kind == ColumnKind::Integer,
            )
        })
        .collect();
    for row in &model.rows {
        let terms: Vec<(highs::Col, f64)> = row
            .terms
            .iter()
            .map(|&(column, coefficient)| (columns[column], coefficient))
            .collect();
        problem.add_row(row.lower..=row.upper, terms);
    }
    let sense = match model.sense {
        Sense::Minimize => highs::Sense::Minimise,
        Sense::Maximize => highs::Sense::Maximise,
    };
    problem
        .try_optimise(sense)
        .map_err(|status| failure(format!("the model was refused with {status:?}")))
}

fn set_options(
    highs: &mut Model,
    limits: &Limits,
    watch: &Watch,
    manner: Manner,
) -> Result<(), SolverError> {
    set(highs, "threads", 1)?;
    set(highs, "parallel", "off")?;
    let seed =
        i32::try_from(limits.seed % (i32::MAX as u64)).expect("a remainder is below its divisor");
    set(highs, "random_seed", seed)?;
    set(highs, "mip_rel_gap", limits.relative_gap)?;
    set(highs, "mip_abs_gap", ABSOLUTE_GAP)?;
    set(highs, "presolve", manner.presolve)?;
    set(highs, "primal_feasibility_tolerance", manner.rows)?;
    set(highs, "mip_feasibility_tolerance", manner.integrality)?;
    if let Some(nodes) = limits.nodes {
        let nodes = i32::try_from(nodes.max(0)).unwrap_or(i32::MAX);
        set(highs, "mip_max_nodes", nodes)?;
    }
    if let Some(deadline) = watch.deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        set(highs, "time_limit", left.as_secs_f64())?;
    }
    Ok(())
}

fn set<V: HighsOptionValue>(highs: &mut Model, option: &str, value: V) -> Result<(), SolverError> {
    highs
        .try_set_option(option, value)
        .map_err(|_| failure(format!("the option {option} was refused")))
}

fn failure(message: String) -> SolverError {
    SolverError::Backend {
        backend: Highs.name().to_owned(),
        message,
    }
}

fn read(
    model: &Milp,
    limits: &Limits,
    watch: &Watch,
    solved: &SolvedModel,
) -> Result<Outcome, SolverError> {
    let nodes = node_count(solved);
    let ending = ending(solved.status(), limits, watch, nodes)?;
    let mixed_integer = model.is_mixed_integer();
    let mut outcome = Outcome::without_solution(Status::Infeasible, Highs.name());
    outcome.nodes = mixed_integer.then_some(nodes);
    let mut solution = match ending {
        Ending::Proved(status) if status != Status::Optimal => {
            outcome.status = status;
            return Ok(outcome);
        }
        _ => usable_solution(model, solved),
    };
    if let Some(values) = &mut solution {
        round_integers(model, values);
        outcome.objective = Some(model.objective_value(values));
    }
    outcome.status = match ending {
        Ending::Proved(status) => status,
        Ending::Stopped(reason) if solution.is_some() => Status::Feasible(reason),
        Ending::Stopped(reason) => Status::NoSolution(reason),
    };
    outcome.solution = solution;
    outcome.dual_bound = dual_bound(model, solved, &outcome);
    if !mixed_integer && outcome.status == Status::Optimal {
        outcome.row_duals = Some(solved.get_solution().dual_rows().to_vec());
    }
    Ok(outcome)
}

/// How a run ended, before it is known whether it found something.
enum Ending {
    Proved(Status),
    Stopped(StopReason),
}

/// What each of HiGHS's model statuses says. None is merged with another.
fn ending(
    status: HighsModelStatus,
    limits: &Limits,
    watch: &Watch,
    nodes: i64,
) -> Result<Ending, SolverError> {
    use HighsModelStatus as Highs;
    Ok(match status {
        Highs::Optimal | Highs::ModelEmpty => Ending::Proved(Status::Optimal),
        Highs::Infeasible => Ending::Proved(Status::Infeasible),
        Highs::Unbounded => Ending::Proved(Status::Unbounded),
        Highs::UnboundedOrInfeasible => {
            Ending::Proved(Status::NoSolution(StopReason::InfeasibleOrUnbounded))
        }
        Highs::ReachedTimeLimit => Ending::Stopped(StopReason::Deadline),
        Highs::ReachedInterrupt => Ending::Stopped(watch.reason()),
        Highs::ReachedIterationLimit => Ending::Stopped(StopReason::IterationLimit),
        Highs::ReachedMemoryLimit => Ending::Stopped(StopReason::MemoryLimit),
        // HiGHS has one status for its limits of nodes, leaves and improving solutions; only the first is ever set here.
        Highs::ReachedSolutionLimit if limits.nodes.is_some_and(|limit| nodes >= limit) => {
            Ending::Stopped(StopReason::NodeLimit)
        }
        Highs::ReachedSolutionLimit => Ending::Stopped(StopReason::SolutionLimit),
        Highs::ObjectiveBound | Highs::ObjectiveTarget => {
            Ending::Stopped(StopReason::ObjectiveLimit)
        }
        Highs::Unknown => Ending::Stopped(StopReason::Other("HiGHS does not know".to_owned())),
        // Not set, or an error in load, model, presolve, solve or postsolve.
        error => return Err(failure(format!("the model status is {error:?}"))),
    })
}

/// The solution that HiGHS has, if it calls it feasible. The values of a linear program stopped halfway are
/// believed only if they are.
fn usable_solution(model: &Milp, solved: &SolvedModel) -> Option<Vec<f64>> {
    let optimal = solved.status() == HighsModelStatus::Optimal;
    if !optimal && solved.primal_solution_status() != HighsSolutionStatus::Feasible {
        return None;
    }
    let values = solved.get_solution().columns().to_vec();
    (optimal || model.is_mixed_integer() || model.check(&values, ACCEPTED).is_empty())
        .then_some(values)
}

fn dual_bound(model: &Milp, solved: &SolvedModel, outcome: &Outcome) -> Option<f64> {
    if !model.is_mixed_integer() {
        return outcome
            .objective
            .filter(|_| outcome.status == Status::Optimal);
    }
    let bound = solved.double_info_value(c"mip_dual_bound").ok()?;
    tidy_bound(model.sense, bound + model.offset, outcome.objective)
}

#[cfg(test)]
mod tests;
