//! The state of one run of the ladder, and how a solver is called within its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Bounds, COLUMNS_FOR_ALL_NODES, LadderOptions};
use crate::assignment::evaluate::TIE;
use crate::assignment::placement::Placement;
use crate::assignment::tally::Stop;
use crate::assignment::types::Assignment;
use crate::assignment::{improve, patterns};
use crate::guard::solve_guarded;
use crate::milp::Milp;
use crate::outcome::{Outcome, Status, StopReason};
use crate::solver::{Limits, SolverError};

/// The state of one [`solve`](super::solve).
pub(in crate::assignment) struct Run<'a> {
    /// Over classes of alike items.
    pub(in crate::assignment) assignment: &'a Assignment,
    pub(in crate::assignment) options: &'a LadderOptions,
    /// Time kept for what comes after the search.
    pub(super) reserve: Duration,
    /// One part in so many of the time that is left may go to the prices of a stage.
    pub(super) price_share: u32,
    pub(in crate::assignment) incumbent: Placement,
    pub(in crate::assignment) values: Vec<f64>,
    /// Bounds by search.
    pub(super) searched: Vec<Option<f64>>,
    /// Why everything must end.
    pub(in crate::assignment) stopped: Option<StopReason>,
    /// Why a single solve was cut short, though the rest went on.
    pub(super) cut: Option<StopReason>,
    pub(in crate::assignment) failures: Vec<String>,
    /// Whether the solver may be called again.
    pub(in crate::assignment) is_usable: bool,
}

impl Run<'_> {
    /// Takes a placement that breaks no rule if it is better, or as good and `on_tie`; says whether it did.
    pub(in crate::assignment) fn accept(&mut self, placement: Placement, on_tie: bool) -> bool {
        let values = self.assignment.values(&placement);
        let order = self.assignment.compare(&values, &self.values);
        let taken = order.is_lt() || (on_tie && order.is_eq());
        if taken {
            self.values = values;
            self.incumbent = placement;
        }
        taken
    }

    /// The time that a solver may take, guard included; `None` without a deadline. Sets `stopped` when none is left.
    pub(in crate::assignment) fn time(&mut self) -> Result<Option<Duration>, ()> {
        // A guarded solve returns within a fiftieth, at least 100 ms, of its limit.
        const GRACE: Duration = Duration::from_millis(110);
        const LEAST: Duration = Duration::from_millis(10);
        if self.stopped.is_none() && self.options.cancel.is_cancelled() {
            self.stopped = Some(StopReason::Cancelled);
        }
        if self.stopped.is_some() {
            return Err(());
        }
        let Some(deadline) = self.options.deadline else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let usable = left.saturating_sub(self.reserve + GRACE) * 49 / 50;
        if usable < LEAST {
            self.stopped = Some(StopReason::Deadline);
            return Err(());
        }
        Ok(Some(usable))
    }

    /// Whether whatever is under way must end.
    pub(in crate::assignment) fn must_stop(&mut self) -> bool {
        if self.stopped.is_none() {
            self.stopped = self.stop().reason();
        }
        self.stopped.is_some()
    }

    /// What ends the search.
    pub(in crate::assignment) fn stop(&self) -> Stop {
        let deadline = self.options.deadline;
        Stop {
            deadline: deadline.map(|at| at.checked_sub(self.reserve).unwrap_or(at)),
            cancel: self.options.cancel.clone(),
        }
    }

    /// What may be spent on the prices of a stage; nothing where the time is over.
    pub(super) fn price_limits(&mut self) -> Option<Limits> {
        let time = self.time().ok()?;
        Some(Limits {
            time: time.map(|time| time / self.price_share),
            seed: self.options.seed,
            cancel: self.options.cancel.clone(),
            ..Limits::default()
        })
    }

    /// Solves a program by the backend, within `share` of the time that is left. Failures are written down.
    pub(in crate::assignment) fn call(
        &mut self,
        model: &Arc<Milp>,
        start: Option<Vec<f64>>,
        nodes: Option<i64>,
        share: u32,
    ) -> Option<Outcome> {
        let time = self.time().ok()?;
        if !self.is_usable {
            return None;
        }
        let limits = Limits {
            time: time.map(|time| time / share),
            nodes,
            relative_gap: self.options.gap,
            seed: self.options.seed,
            start,
            cancel: self.options.cancel.clone(),
        };
        match solve_guarded(&self.options.solver, model, &limits) {
            Ok(outcome) => {
                self.note_stop(outcome.status.stop_reason(), share);
                Some(outcome)
            }
            Err(error) => {
                self.fail(&model.name, &error);
                None
            }
        }
    }

    /// Notes that the clock cut something short, though the rest goes on.
    pub(in crate::assignment) fn note_cut(&mut self) {
        self.cut = Some(StopReason::Deadline);
    }

    fn note_stop(&mut self, reason: Option<&StopReason>, share: u32) {
        match reason {
            Some(StopReason::Cancelled) => self.stopped = Some(StopReason::Cancelled),
            Some(StopReason::Deadline) if share == 1 => self.stopped = Some(StopReason::Deadline),
            Some(StopReason::Deadline) => self.note_cut(),
            _ => {}
        }
    }

    pub(in crate::assignment) fn fail(&mut self, place: &str, error: &SolverError) {
        if let SolverError::Abandoned { .. } = error {
            // It was the clock that ended it, so that another run may answer otherwise.
            self.note_cut();
        }
        self.is_usable &= !matches!(
            error,
            SolverError::Panicked { .. }
                | SolverError::Abandoned { .. }
                | SolverError::Crashed { .. }
        );
        let failure = format!("{place}: {error}");
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    /// Takes the placement if it breaks no rule and is better.
    pub(in crate::assignment) fn take(&mut self, placement: &Placement) {
        match self.assignment.faults(placement).first() {
            Some(fault) => (self.failures).push(format!("an improvement is not used: {fault}")),
            None => {
                self.accept(placement.clone(), false);
            }
        }
    }

    /// Columns that a neighborhood may have.
    pub(in crate::assignment) fn part_columns(&self) -> usize {
        if self.options.is_limited() {
            self.options.neighborhood_columns
        } else {
            (self.options.neighborhood_columns).min(self.options.exact_columns_without_limits / 3)
        }
    }

    /// Takes the best flow, where the assignment is one.
    pub(super) fn flow(&mut self, bounds: &mut Bounds<'_>) {
        let Ok(time) = self.time() else { return };
        let limits = Limits {
            time: time.map(|time| time / 2),
            cancel: self.options.cancel.clone(),
            ..Limits::default()
        };
        let flow = bounds.transported(self, &limits);
        if let Some(placement) = flow.map(|flow| flow.placement.clone()) {
            self.take(&placement);
        }
    }

    pub(super) fn improve(&mut self, bounds: &mut Bounds<'_>) {
        let n_columns = self.assignment.n_columns() + self.assignment.n_pairs();
        let is_exact = n_columns <= self.options.columns_solved_whole();
        for stage in 0..self.assignment.stages.len() {
            bounds.update(self, Some(stage));
            if bounds.is_met(self, stage) {
                continue;
            }
            if let Some(rounded) = bounds.suggestion(self) {
                self.take(&rounded);
                bounds.update(self, Some(stage));
            }
            if is_exact {
                self.solve_whole(stage);
                bounds.update(self, Some(stage));
            }
            if !bounds.is_met(self, stage) && !self.must_stop() {
                patterns::improve(self, bounds, stage);
            }
            if !bounds.is_met(self, stage) && !self.must_stop() {
                improve::improve(self, bounds, stage);
            }
        }
    }

    /// Solves a stage by branch and bound.
    fn solve_whole(&mut self, stage: usize) {
        let model = self.assignment.to_milp(stage, &self.values);
        let start = model.encode(self.assignment, &self.incumbent);
        let stages_left = (self.assignment.stages.len() - stage) as u32;
        let size = model.columns.len().max(COLUMNS_FOR_ALL_NODES) as i64;
        let nodes = (self.options.nodes * COLUMNS_FOR_ALL_NODES as i64 / size).max(1);
        let Some(outcome) = self.call(&model.milp, Some(start), Some(nodes), stages_left) else {
            return;
        };
        if outcome.status == Status::Infeasible || outcome.status == Status::Unbounded {
            let status = &outcome.status;
            self.failures.push(format!(
                "{}: wrong answer: {status}, although a placement is known",
                model.milp.name
            ));
            return;
        }
        if let Some(solution) = &outcome.solution {
            let placement = model.decode(solution);
            match self.assignment.faults(&placement).first() {
                Some(fault) => self
                    .failures
                    .push(format!("{}: wrong answer: {fault}", model.milp.name)),
                None => {
                    self.accept(placement, false);
                }
            }
        }
        if let Some(bound) = outcome.dual_bound {
            self.take_bound(stage, model.stage_bound(bound));
        }
    }

    /// Notes a bound by search, unless the incumbent contradicts it.
    fn take_bound(&mut self, stage: usize, bound: f64) {
        let sense = self.assignment.stages[stage].objective.sense();
        let objective = self.values[stage];
        let margin = 1e-6 * objective.abs().max(1.0);
        if !bound.is_finite() {
            return;
        }
        if sense.is_better(objective, bound, margin) {
            let name = &self.assignment.stages[stage].name;
            self.failures.push(format!(
                "{name}: wrong answer: bound {bound} is beaten by {objective}"
            ));
            return;
        }
        // Within the margin the two are equal.
        let bound = if (objective - bound).abs() <= TIE * objective.abs().max(1.0)
            || sense.is_better(objective, bound, 0.0)
        {
            objective
        } else {
            bound
        };
        self.searched[stage] = Some(bound);
    }
}
