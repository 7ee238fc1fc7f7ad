//! Every combination of whole numbers, one after the other: slow, and obviously right.

use super::{answer_without_columns, whole_bounds};
use crate::milp::{ColumnKind, Milp};
use crate::outcome::{Outcome, Status, StopReason};
use crate::solver::{Capabilities, Limits, MilpSolver, SolverError};
use std::time::Instant;

/// More combinations than this are refused.
const MOST_POINTS: f64 = 2e7;
/// How often the clock and the cancel token are looked at.
const POINTS_PER_LOOK: u64 = 4096;
const TOLERANCE: f64 = 1e-9;

/// An oracle for tests: it tries every point of a small box of integers.
#[derive(Clone, Copy, Debug, Default)]
pub struct BruteForce;

impl MilpSolver for BruteForce {
    fn name(&self) -> &'static str {
        "brute-force"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dual_bound: false,
            start: false,
            row_duals: false,
            time_limit: true,
            interrupt: true,
            node_limit: false,
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        if model.columns.is_empty() {
            return Ok(answer_without_columns(model, self.name()));
        }
        let ranges = integer_ranges(model)?;
        let mut search = Search::new(model, limits);
        let stopped = search.visit_all(&ranges);
        let mut outcome = Outcome::without_solution(
            match (stopped, search.best.is_some()) {
                (None, true) => Status::Optimal,
                (None, false) => Status::Infeasible,
                (Some(reason), true) => Status::Feasible(reason),
                (Some(reason), false) => Status::NoSolution(reason),
            },
            self.name(),
        );
        if let Some((objective, values)) = search.best {
            outcome.objective = Some(objective);
            outcome.dual_bound = (outcome.status == Status::Optimal).then_some(objective);
            outcome.solution = Some(values);
        }
        Ok(outcome)
    }
}

/// First and last whole number of each column; a range without one is empty.
fn integer_ranges(model: &Milp) -> Result<Vec<(i64, i64)>, SolverError> {
    let unsupported = |message: String| SolverError::Unsupported {
        backend: BruteForce.name().to_owned(),
        message,
    };
    let mut n_points = 1.0;
    let mut ranges = Vec::with_capacity(model.columns.len());
    for column in &model.columns {
        if column.kind != ColumnKind::Integer {
            return Err(unsupported(format!(
                "column `{}` is continuous",
                column.name
            )));
        }
        let (first, last) = whole_bounds(column);
        n_points *= (last - first + 1.0).max(1.0);
        if n_points > MOST_POINTS || first.abs() > 1e15 || last.abs() > 1e15 {
            return Err(unsupported("there are too many combinations".to_owned()));
        }
        ranges.push((first as i64, last as i64));
    }
    Ok(ranges)
}

struct Search<'a> {
    model: &'a Milp,
    limits: &'a Limits,
    deadline: Option<Instant>,
    n_points: u64,
    best: Option<(f64, Vec<f64>)>,
}

impl<'a> Search<'a> {
    fn new(model: &'a Milp, limits: &'a Limits) -> Self {
        Self {
            model,
            limits,
            deadline: limits
                .time
                .and_then(|time| Instant::now().checked_add(time)),
            n_points: 0,
            best: None,
        }
    }

    /// Counts through the box like an odometer, the last column fastest.
    fn visit_all(&mut self, ranges: &[(i64, i64)]) -> Option<StopReason> {
        if ranges.iter().any(|(first, last)| first > last) {
            return None;
        }
        let mut point: Vec<i64> = ranges.iter().map(|&(first, _)| first).collect();
        loop {
            if let Some(reason) = self.visit(&point) {
                return Some(reason);
            }
            let turning = (0..point.len())
                .rev()
                .find(|&column| point[column] < ranges[column].1)?;
            point[turning] += 1;
            for column in turning + 1..point.len() {
                point[column] = ranges[column].0;
            }
        }
    }

    fn visit(&mut self, point: &[i64]) -> Option<StopReason> {
        if self.n_points.is_multiple_of(POINTS_PER_LOOK) {
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                return Some(StopReason::Deadline);
            }
            if self.limits.cancel.is_cancelled() {
                return Some(StopReason::Cancelled);
            }
        }
        self.n_points += 1;
        let values: Vec<f64> = point.iter().map(|&value| value as f64).collect();
        let feasible = self.model.rows.iter().all(|row| {
            let activity = row.activity(&values);
            row.lower - TOLERANCE <= activity && activity <= row.upper + TOLERANCE
        });
        if feasible {
            let objective = self.model.objective_value(&values);
            let better = self
                .best
                .as_ref()
                .is_none_or(|(best, _)| self.model.sense.is_better(objective, *best, 0.0));
            if better {
                self.best = Some((objective, values));
            }
        }
        None
    }
}
