//! When a solve has to end.

use crate::outcome::StopReason;
use crate::solver::Limits;
use std::time::Instant;

/// The limits of a solve that has begun.
pub(super) struct Stop<'a> {
    deadline: Option<Instant>,
    limits: &'a Limits,
}

impl<'a> Stop<'a> {
    /// The clock begins to run.
    pub(super) fn of(limits: &'a Limits) -> Self {
        let deadline = limits
            .time
            .and_then(|time| Instant::now().checked_add(time));
        Self { deadline, limits }
    }

    pub(super) fn reason(&self) -> Option<StopReason> {
        if self.limits.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let deadline = self.deadline?;
        (Instant::now() >= deadline).then_some(StopReason::Deadline)
    }
}
