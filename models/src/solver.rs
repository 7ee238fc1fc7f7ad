//! The contract between whoever has a model and whoever solves it.

use crate::check::Violation;
use crate::milp::Milp;
use crate::outcome::Outcome;
use crate::validate::ModelFault;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A request to stop, shared by everyone who holds a clone.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    parent: Option<Arc<CancelToken>>,
}

impl CancelToken {
    /// A token that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is set when it or this one is.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            flag: Arc::default(),
            parent: Some(Arc::new(self.clone())),
        }
    }

    /// Asks every solve that holds the token, or a child of it, to stop.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
            || self
                .parent
                .as_ref()
                .is_some_and(|parent| parent.is_cancelled())
    }
}

/// When a solve has to end, and what it starts from.
///
/// The default has no limit, asks for a proved optimum, and uses seed 0.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Wall time that the solve may take.
    pub time: Option<Duration>,
    /// Nodes of the search tree that it may visit.
    pub nodes: Option<i64>,
    /// The gap that counts as optimal, relative to the objective.
    pub relative_gap: f64,
    /// The seed of everything that the backend draws at random.
    pub seed: u64,
    /// A solution to start from, one value per column. It need not be feasible.
    pub start: Option<Vec<f64>>,
    /// Stops the solve from outside.
    pub cancel: CancelToken,
}

impl Limits {
    /// Limits of nothing but wall time.
    #[must_use]
    pub fn within(time: Duration) -> Self {
        Self {
            time: Some(time),
            ..Self::default()
        }
    }
}

/// What a backend can do beyond answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It proves a bound even when it stops early.
    pub dual_bound: bool,
    /// It makes use of a start.
    pub start: bool,
    /// It returns row duals of linear programs.
    pub row_duals: bool,
    /// It keeps to the time limit by itself.
    pub time_limit: bool,
    /// It stops when the cancel token is set.
    pub interrupt: bool,
    /// It keeps to the node limit.
    pub node_limit: bool,
}

/// One way to solve a [`Milp`].
///
/// # Guarantees
/// A backend is called through [`solve_guarded`](crate::solve_guarded), once per call, on a thread of its own. It keeps nothing
/// from one call to the next, answers the same for the same model and limits as long as no clock or cancel token stops it, and prints nothing.
/// It may panic, hang or be wrong: the guard notices.
pub trait MilpSolver: Send + Sync {
    /// The name that outcomes and reports carry.
    fn name(&self) -> &str;

    /// What the backend can do beyond answering.
    fn capabilities(&self) -> Capabilities;

    /// Solves the model, or says how far it came.
    ///
    /// # Errors
    /// When the model means nothing, or the backend fails. That there is no solution is an [`Outcome`].
    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError>;
}

/// How an answer of a backend is wrong.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnswerFault {
    /// The solution breaks a bound, a row or integrality.
    Violation(Violation),
    /// The status says that there is a solution, and none is given, or the other way round.
    SolutionMismatch {
        /// Whether a solution was given.
        given: bool,
    },
    /// The objective is not that of the solution.
    Objective {
        /// What the backend said.
        stated: Option<f64>,
        /// What the solution amounts to.
        recomputed: f64,
    },
    /// The bound is not a number, or the solution is better than it.
    Bound {
        /// The bound that the backend stated.
        bound: f64,
        /// The objective of the solution.
        objective: f64,
    },
    /// The status is optimal, and the gap between objective and bound is larger than asked for.
    Gap {
        /// The gap between objective and bound.
        gap: f64,
        /// The gap that was asked for.
        asked: f64,
    },
    /// There are not as many row duals as rows, or one is not a number.
    RowDuals,
    /// The status says that no solution exists, and the start is one.
    FalseInfeasible,
    /// The status is optimal, or a bound is stated, and the start is better.
    StartIsBetter {
        /// The objective of the start.
        start: f64,
        /// The objective or bound that it beats.
        stated: f64,
    },
}

impl std::fmt::Display for AnswerFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(formatter),
            Self::SolutionMismatch { given: true } => {
                write!(formatter, "a solution comes with a status that has none")
            }
            Self::SolutionMismatch { given: false } => {
                write!(
                    formatter,
                    "the status promises a solution and there is none"
                )
            }
            Self::Objective {
                stated: None,
                recomputed,
            } => {
                write!(
                    formatter,
                    "the objective is missing; the solution has {recomputed}"
                )
            }
            Self::Objective {
                stated: Some(stated),
                recomputed,
            } => {
                write!(
                    formatter,
                    "the objective is stated as {stated}, the solution has {recomputed}"
                )
            }
            Self::Bound { bound, objective } => {
                write!(
                    formatter,
                    "the solution's objective {objective} is beyond the bound {bound}"
                )
            }
            Self::Gap { gap, asked } => {
                write!(
                    formatter,
                    "called optimal with a gap of {gap}, {asked} was asked for"
                )
            }
            Self::RowDuals => write!(formatter, "the row duals are not one number per row"),
            Self::FalseInfeasible => write!(
                formatter,
                "called infeasible although the start is feasible"
            ),
            Self::StartIsBetter { start, stated } => {
                write!(
                    formatter,
                    "the start reaches {start}, better than the {stated} called best"
                )
            }
        }
    }
}

/// Why a solve gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolverError {
    /// The model means nothing.
    #[error("invalid model: {}", list(faults))]
    InvalidModel {
        /// Everything that is wrong with it.
        faults: Vec<ModelFault>,
    },
    /// The start of the limits does not fit the model.
    #[error("the start has {given} values for {expected} columns")]
    StartLength {
        /// How many values there are.
        given: usize,
        /// How many columns there are.
        expected: usize,
    },
    /// The backend cannot express the model.
    #[error("{backend} cannot take this model: {message}")]
    Unsupported {
        /// The backend.
        backend: String,
        /// What it has no means for.
        message: String,
    },
    /// The backend reported an error.
    #[error("{backend} failed: {message}")]
    Backend {
        /// The backend.
        backend: String,
        /// What it said.
        message: String,
    },
    /// The backend panicked.
    #[error("{backend} panicked: {message}")]
    Panicked {
        /// The backend.
        backend: String,
        /// The panic's message and place.
        message: String,
    },
    /// The backend did not come back in time; its thread was left behind.
    #[error("{backend} did not stop and was abandoned after {} ms", after.as_millis())]
    Abandoned {
        /// The backend.
        backend: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The process that ran the backend ended without an answer.
    #[error("{backend} crashed: {message}")]
    Crashed {
        /// The backend.
        backend: String,
        /// How it ended.
        message: String,
    },
    /// The answer does not stand up to the model.
    #[error("{backend} gave a wrong answer: {}", list(faults))]
    WrongAnswer {
        /// The backend.
        backend: String,
        /// What is wrong with it.
        faults: Vec<AnswerFault>,
    },
    /// No thread could be started for the solve.
    #[error("no thread could be started for the solve: {message}")]
    Thread {
        /// What the operating system said.
        message: String,
    },
}

/// The first few of many faults, in one line.
fn list<T: std::fmt::Display>(faults: &[T]) -> String {
    const SHOWN: usize = 5;
    let mut text = faults
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ");
    if faults.len() > SHOWN {
        text.push_str(&format!("; and {} more", faults.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_token_follows_its_parent_but_not_the_other_way() {
        let parent = CancelToken::new();
        let child = parent.child();
        let other = parent.child();
        child.cancel();
        assert!(child.is_cancelled() && !parent.is_cancelled() && !other.is_cancelled());
        parent.cancel();
        assert!(other.is_cancelled());
    }
}
