//! What a solve answers. That there is no solution is an answer, and none is merged with another.

use crate::milp::{ColumnKind, Milp};
use serde::{Deserialize, Serialize};

/// Why a search ended before its proof was complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// The time of the limits was used up.
    Deadline,
    /// The cancel token was set.
    Cancelled,
    /// As many nodes of the search tree as allowed were visited.
    NodeLimit,
    /// As many iterations as allowed were made.
    IterationLimit,
    /// As many improving solutions as allowed were found.
    SolutionLimit,
    /// As much memory as allowed was used.
    MemoryLimit,
    /// The objective reached a value that was asked for.
    ObjectiveLimit,
    /// The model is infeasible or unbounded, and the backend could not tell which.
    InfeasibleOrUnbounded,
    /// The backend gave up, in its own words.
    Other(String),
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
            Self::NodeLimit => "node limit",
            Self::IterationLimit => "iteration limit",
            Self::SolutionLimit => "solution limit",
            Self::MemoryLimit => "memory limit",
            Self::ObjectiveLimit => "objective limit",
            Self::InfeasibleOrUnbounded => "infeasible or unbounded",
            Self::Other(words) => words,
        })
    }
}

/// What is known when a solve ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The solution is best, within the relative gap of the limits.
    Optimal,
    /// There is a solution, and the search for a better one was stopped.
    Feasible(StopReason),
    /// The search was stopped before it found a solution or proved that there is none.
    NoSolution(StopReason),
    /// It is proved that no solution exists.
    Infeasible,
    /// Solutions exist, and their objective has no limit.
    Unbounded,
}

impl Status {
    /// Whether an outcome of this status carries a solution.
    #[must_use]
    pub fn has_solution(&self) -> bool {
        matches!(self, Self::Optimal | Self::Feasible(_))
    }

    /// Why the search was stopped, if it was.
    #[must_use]
    pub fn stop_reason(&self) -> Option<&StopReason> {
        match self {
            Self::Feasible(reason) | Self::NoSolution(reason) => Some(reason),
            Self::Optimal | Self::Infeasible | Self::Unbounded => None,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Optimal => write!(formatter, "optimal"),
            Self::Feasible(reason) => write!(formatter, "feasible ({reason})"),
            Self::NoSolution(reason) => write!(formatter, "no solution ({reason})"),
            Self::Infeasible => write!(formatter, "infeasible"),
            Self::Unbounded => write!(formatter, "unbounded"),
        }
    }
}

/// The answer to a solve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What is known.
    pub status: Status,
    /// One value per column, whole numbers exactly whole; present when the status has a solution.
    pub solution: Option<Vec<f64>>,
    /// The objective of the solution, offset included, computed from the rounded solution.
    pub objective: Option<f64>,
    /// A value that no solution's objective is better than, offset included, as the backend claims it.
    pub dual_bound: Option<f64>,
    /// For solved linear programs, one value per row: the derivative of the objective with respect to the bound
    /// of the row that holds, zero for rows that do not bind. Raising a binding upper bound of a maximization
    /// by one gains at most this much.
    pub row_duals: Option<Vec<f64>>,
    /// How many nodes of the search tree were visited, where the backend counts them.
    pub nodes: Option<i64>,
    /// The name of the backend that answered.
    pub backend: String,
}

impl Outcome {
    /// An outcome without solution and bound.
    #[must_use]
    pub fn without_solution(status: Status, backend: impl Into<String>) -> Self {
        Self {
            status,
            solution: None,
            objective: None,
            dual_bound: None,
            row_duals: None,
            nodes: None,
            backend: backend.into(),
        }
    }

    /// How far the solution may be from the best one: `|objective - bound| / max(|objective|, |bound|, 1)`.
    ///
    /// `None` without a solution or a bound.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        let (objective, bound) = (self.objective?, self.dual_bound?);
        if bound.is_infinite() {
            return Some(f64::INFINITY);
        }
        Some((objective - bound).abs() / objective.abs().max(bound.abs()).max(1.0))
    }
}

/// Makes the values of integer columns exactly whole. This is the one place where a solver's floats are rounded.
pub fn round_integers(model: &Milp, values: &mut [f64]) {
    for (column, value) in model.columns.iter().zip(values) {
        if column.kind == ColumnKind::Integer {
            *value = value.round() + 0.0; // no negative zero
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gap_is_relative_to_the_larger_magnitude_and_needs_both_values() {
        let mut outcome = Outcome::without_solution(Status::Optimal, "test");
        assert_eq!(outcome.gap(), None);
        outcome.objective = Some(90.0);
        outcome.dual_bound = Some(100.0);
        assert_eq!(outcome.gap(), Some(0.1));
        outcome.objective = Some(0.0);
        outcome.dual_bound = Some(0.5);
        assert_eq!(outcome.gap(), Some(0.5));
        outcome.dual_bound = Some(f64::INFINITY);
        assert_eq!(outcome.gap(), Some(f64::INFINITY));
    }

    #[test]
    fn statuses_say_their_reason() {
        assert_eq!(
            Status::Feasible(StopReason::Deadline).to_string(),
            "feasible (deadline)"
        );
        assert!(!Status::NoSolution(StopReason::Cancelled).has_solution());
    }
}
