//! Rounds of offers and proposals.
//!
//! ```text
//! shares ──> first offers (disjoint) ──> every slice solved, in parallel ──> commit
//!                                                                             │
//!        ┌────────────────────────────────────────────────────────────────────┘
//!        v
//!   who still wants something, neediest first ──none──> done
//!        │ offered: everything free and what it placed itself
//!        │          (a part of its demand at a time while others want something too)
//!        ├─ places more ──> commit, go on
//!        └─ places no more ──> next; a whole pass without a commit ──> done
//! ```
//!
//! Termination: a commit after the first round raises the total value placed by at least 1, and that is at
//! most the value demanded, or is one of a few rearrangements; a pass without a commit is the last. At the end every framework with something
//! left has been offered everything that is free, and could place nothing of it: nothing more fits, so
//! planning the applied plan again changes nothing.
//!
//! Who gets declined leftovers: whoever is furthest below its deserved share. A re-offer never reduces a
//! holding: it holds what the framework placed, and an answer that places less is not taken.

mod again;
mod attempt;
mod first;
mod rearrange;
mod take;
#[cfg(test)]
mod tests;

use apportion_cluster::{FrameworkIdx, Offer, Proposal, UnitAmounts};

use super::context::Context;
use super::solve::{Answer, Effort};
use super::state::State;
use attempt::attempt;

pub(super) use again::again;
pub(super) use first::first;
pub(super) use rearrange::{rearrange, resume};

/// What is known about a framework's solves.
#[derive(Default)]
pub(super) struct Record {
    /// The last answer, with the offers that it was made for.
    pub last: Option<(Vec<Offer>, Answer)>,
    /// Whether a wall clock cut something short.
    pub stopped: bool,
    /// Whether a proposal was lost: the baseline is then no measure.
    pub failed: bool,
    /// How often an answer was taken that places no more and is better in a later stage.
    rearranged: usize,
    /// Offers of the last attempt, to not ask the same again.
    attempted: Option<(Vec<Offer>, Vec<UnitAmounts>)>,
}

impl Record {
    /// What was asked before may have another answer now.
    pub(super) fn forget(&mut self) {
        self.attempted = None;
        self.last = None;
    }
}

/// The baseline: one framework takes what it likes of everything free, by the constructive method alone.
pub(super) fn construct(
    state: &mut State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    record: &mut Record,
) {
    let offers = state.everything(framework);
    if state.pending(framework).is_empty() {
        return;
    }
    let rows = state.rows(framework, None);
    let slice = state.slice(framework, offers);
    state.record(framework, &slice.offers, &slice.units);
    let nothing = Proposal::default();
    let answer = attempt(context, &slice, &rows, &nothing, Effort::Construct, true);
    record.failed |= answer.is_none();
    if let Some(answer) = answer {
        record.stopped |= answer.solved.stopped.is_some();
        state.commit(framework, answer.proposal);
    }
}
