//! How much effort the ladder makes.

use std::sync::Arc;
use std::time::Instant;

use crate::assignment::tally::Stop;
use crate::solver::{CancelToken, MilpSolver};

/// Up to so many columns a stage that is solved whole may use all the nodes of [`LadderOptions::nodes`].
pub const COLUMNS_FOR_ALL_NODES: usize = 200;

/// How much effort [`solve`](super::solve) makes.
#[derive(Clone)]
pub struct LadderOptions {
    /// The backend for integer programs.
    pub solver: Arc<dyn MilpSolver>,
    /// The moment at which the answer must be there.
    pub deadline: Option<Instant>,
    /// Until when the first answer may be constructed, though the deadline is over: any is worth more than none.
    pub first_by: Option<Instant>,
    /// Stops the work from outside.
    pub cancel: CancelToken,
    /// A stage is good enough at this gap.
    pub gap: f64,
    /// The seed of everything that is drawn at random.
    pub seed: u64,
    /// Assignments with at most so many columns (after merging alike items) are solved whole.
    pub exact_columns: usize,
    /// The same, for solvers that cannot limit their effort but by the clock, when there is no deadline.
    pub exact_columns_without_limits: usize,
    /// Nodes of the search tree for a stage that is solved whole and has few columns; of more than [`COLUMNS_FOR_ALL_NODES`]
    /// columns, nodes take longer, and there are as many fewer.
    pub nodes: i64,
    /// How many neighborhoods are solved for a stage.
    pub neighborhoods: usize,
    /// Columns of a neighborhood.
    pub neighborhood_columns: usize,
    /// Nodes of the search tree for a neighborhood.
    pub neighborhood_nodes: i64,
    /// How many local moves are tried for a stage.
    pub moves: usize,
}

impl LadderOptions {
    /// Options of moderate effort, with no deadline and no gap.
    #[must_use]
    pub fn new(solver: Arc<dyn MilpSolver>) -> Self {
        Self {
            solver,
            deadline: None,
            first_by: None,
            cancel: CancelToken::new(),
            gap: 0.0,
            seed: 0,
            exact_columns: 4_000,
            exact_columns_without_limits: 80,
            nodes: 500,
            neighborhoods: 30,
            neighborhood_columns: 200,
            neighborhood_nodes: 10,
            moves: 4_000,
        }
    }

    /// Up to so many columns, after merging alike items, an assignment is solved whole.
    #[must_use]
    pub fn columns_solved_whole(&self) -> usize {
        if self.is_limited() {
            self.exact_columns
        } else {
            (self.exact_columns).min(self.exact_columns_without_limits)
        }
    }

    /// What ends the first answer, where `stop` ends what comes after it.
    pub(crate) fn first(&self, stop: &Stop) -> Stop {
        Stop {
            deadline: stop
                .deadline
                .map(|by| self.first_by.map_or(by, |first| first.max(by))),
            cancel: stop.cancel.clone(),
        }
    }

    /// Whether a solve ends after some effort, or by the clock.
    pub(super) fn is_limited(&self) -> bool {
        self.solver.capabilities().node_limit || self.deadline.is_some()
    }
}
