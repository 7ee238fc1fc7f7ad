//! What ends a method early.

use std::time::Instant;

use crate::outcome::StopReason;
use crate::solver::CancelToken;

/// What ends a method early.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// The moment at which it must have returned.
    pub deadline: Option<Instant>,
    /// A request from outside.
    pub cancel: CancelToken,
}

impl Stop {
    /// Why the method must end now, if it must.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        over.then_some(StopReason::Deadline)
    }
}
