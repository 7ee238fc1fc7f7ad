//! Holding an answer against the model and against the start. Nothing here trusts the backend.

use crate::milp::{Milp, Sense};
use crate::outcome::{Outcome, Status, StopReason, round_integers};
use crate::solver::{AnswerFault, Limits};

/// How far a solution may miss a bound, a row or a whole number.
pub(super) const FEASIBILITY_TOLERANCE: f64 = 1e-6;
/// How far two objective values may be apart and count as equal, relative to the smaller (at least 1).
const OBJECTIVE_TOLERANCE: f64 = 1e-6;

/// The start of the limits, if it is a feasible solution.
pub(super) struct Start(Option<(Vec<f64>, f64)>);

impl Start {
    pub(super) fn read(model: &Milp, start: Option<&[f64]>) -> Self {
        let Some(start) = start else {
            return Self(None);
        };
        let mut values = start.to_vec();
        round_integers(model, &mut values);
        if !model.check(&values, FEASIBILITY_TOLERANCE).is_empty() {
            return Self(None);
        }
        let objective = model.objective_value(&values);
        Self(objective.is_finite().then_some((values, objective)))
    }

    /// The outcome, or the start in its place where the solve was stopped with less.
    pub(super) fn at_least(self, model: &Milp, mut outcome: Outcome) -> Outcome {
        let Some((values, objective)) = self.0 else {
            return outcome;
        };
        let reason = match (&outcome.status, outcome.objective) {
            (Status::NoSolution(StopReason::InfeasibleOrUnbounded), _) => {
                outcome.status = Status::Unbounded;
                return outcome;
            }
            (Status::NoSolution(reason), _) => reason.clone(),
            (Status::Feasible(reason), Some(found))
                if model.sense.is_better(objective, found, 0.0) =>
            {
                reason.clone()
            }
            _ => return outcome,
        };
        outcome.status = Status::Feasible(reason);
        outcome.solution = Some(values);
        outcome.objective = Some(objective);
        outcome
    }
}

/// Everything that is wrong with an answer.
pub(super) fn audit(
    model: &Milp,
    limits: &Limits,
    start: &Start,
    outcome: &Outcome,
) -> Result<(), Vec<AnswerFault>> {
    let mut faults = Vec::new();
    audit_solution(model, outcome, &mut faults);
    audit_bound(model.sense, limits, outcome, &mut faults);
    if let Some(duals) = &outcome.row_duals
        && (duals.len() != model.rows.len() || duals.iter().any(|dual| !dual.is_finite()))
    {
        faults.push(AnswerFault::RowDuals);
    }
    if let Start(Some((_, objective))) = start {
        audit_against_start(model.sense, limits, *objective, outcome, &mut faults);
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn audit_solution(model: &Milp, outcome: &Outcome, faults: &mut Vec<AnswerFault>) {
    let solution = match (&outcome.solution, outcome.status.has_solution()) {
        (None, false) => return,
        (Some(solution), true) => solution,
        (given, _) => {
            faults.push(AnswerFault::SolutionMismatch {
                given: given.is_some(),
            });
            return;
        }
    };
    let violations = model.check(solution, FEASIBILITY_TOLERANCE);
    let sound_values =
        solution.len() == model.columns.len() && solution.iter().all(|value| value.is_finite());
    faults.extend(violations.into_iter().map(AnswerFault::Violation));
    if !sound_values {
        return;
    }
    let recomputed = model.objective_value(solution);
    let agrees = outcome
        .objective
        .is_some_and(|stated| (stated - recomputed).abs() <= tolerance(stated, recomputed));
    if !agrees {
        faults.push(AnswerFault::Objective {
            stated: outcome.objective,
            recomputed,
        });
    }
}

fn audit_bound(sense: Sense, limits: &Limits, outcome: &Outcome, faults: &mut Vec<AnswerFault>) {
    let Some(bound) = outcome.dual_bound else {
        return;
    };
    let Some(objective) = outcome.objective else {
        if bound.is_nan() {
            faults.push(AnswerFault::Bound {
                bound,
                objective: f64::NAN,
            });
        }
        return;
    };
    // A NaN on either side is better than nothing and beaten by nothing, so it is asked for by name.
    if bound.is_nan() || sense.is_better(objective, bound, tolerance(objective, bound)) {
        faults.push(AnswerFault::Bound { bound, objective });
    } else if outcome.status == Status::Optimal {
        let gap = outcome.gap().unwrap_or(f64::INFINITY);
        if gap > limits.relative_gap + OBJECTIVE_TOLERANCE {
            faults.push(AnswerFault::Gap {
                gap,
                asked: limits.relative_gap,
            });
        }
    }
}

fn audit_against_start(
    sense: Sense,
    limits: &Limits,
    start: f64,
    outcome: &Outcome,
    faults: &mut Vec<AnswerFault>,
) {
    let mut beaten = |stated: f64, margin: f64| {
        if sense.is_better(start, stated, margin) {
            faults.push(AnswerFault::StartIsBetter { start, stated });
        }
    };
    if let Some(bound) = outcome.dual_bound {
        beaten(bound, tolerance(start, bound));
    }
    match (&outcome.status, outcome.objective) {
        (Status::Optimal, Some(objective)) => {
            let asked = limits.relative_gap * objective.abs().max(start.abs()).max(1.0);
            beaten(objective, asked + tolerance(start, objective));
        }
        (Status::Infeasible, _) => faults.push(AnswerFault::FalseInfeasible),
        _ => {}
    }
}

/// Relative to the smaller of the two, so that a value that is infinite or far too large is not excused by its own size.
fn tolerance(left: f64, right: f64) -> f64 {
    OBJECTIVE_TOLERANCE * left.abs().min(right.abs()).max(1.0)
}
