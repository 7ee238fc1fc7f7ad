//! What counts of an answer in a later round.

use apportion_cluster::{Proposal, Running, Slice};

use super::Record;
use super::attempt::attempt;
use crate::engine::context::Context;
use crate::engine::solve::{Answer, Effort, Rows};
use crate::engine::state::State;

/// How often a framework may rearrange what it placed in later rounds without placing more.
const MOST_REARRANGEMENTS: usize = 2;

/// Commits an answer in a later round, or what of it can be added to what is there; whether that is anything.
pub(super) fn take(
    state: &mut State<'_>,
    context: &Context<'_>,
    (slice, rows): (&Slice<'_>, &Rows),
    (before, effort): (&Proposal, Effort),
    answer: Answer,
    record: &mut Record,
) -> bool {
    // A sketch is asked for where the time is over: nobody searched.
    record.stopped |= answer.solved.stopped.is_some() || effort == Effort::Sketch;
    if !is_taken(state, before, &answer, record) {
        // It may be better by the policy's own order and yet place less in all. What fits beside what is there fits.
        return answer.proposal != *before && add(state, context, (slice, rows), before, record);
    }
    state.commit(slice.framework, answer.proposal.clone());
    // A part of the demand may have been all that it was allowed: it may ask again.
    record.attempted = None;
    // Of a sketch nothing but the placement is known, and a search that was cut short may have had no time for bounds: the
    // report looks at both anew.
    let is_known = !answer.solved.stages.is_empty() && answer.solved.stopped.is_none();
    record.last = is_known.then(|| (slice.offers.clone(), answer));
    true
}

/// Adds what fits beside what a framework placed, nothing rearranged; whether that is anything.
fn add(
    state: &mut State<'_>,
    context: &Context<'_>,
    (slice, rows): (&Slice<'_>, &Rows),
    before: &Proposal,
    record: &mut Record,
) -> bool {
    let added = attempt(context, slice, rows, before, Effort::Sketch, false);
    let Some(added) = added.filter(|added| {
        placed_value(state, &added.proposal.placements) > placed_value(state, &before.placements)
    }) else {
        return false;
    };
    record.stopped |= added.solved.stopped.is_some();
    state.commit(slice.framework, added.proposal);
    record.attempted = None;
    // Of a sketch nothing but the placement is known: the report looks at it anew.
    record.last = None;
    true
}

/// The value of placements.
fn placed_value(state: &State<'_>, placements: &[Running]) -> i64 {
    let values = placements.iter();
    values
        .map(|placed| state.cluster.task(placed.task).value * placed.instances)
        .sum()
}

/// Whether an answer counts: it places more value; or, a few times per framework, it is better in a later
/// stage.
fn is_taken(state: &State<'_>, before: &Proposal, answer: &Answer, record: &mut Record) -> bool {
    let had = placed_value(state, &before.placements);
    let has = placed_value(state, &answer.proposal.placements);
    // What follows in time is made anew as a whole: it counts if it places more.
    let is_timed = answer.formulation.schedule.is_some();
    if has != had || is_timed || record.rearranged == MOST_REARRANGEMENTS {
        return has > had;
    }
    let model = &answer.formulation.assignment;
    let old = model.values(&answer.formulation.placement(before));
    let new = model.values(&answer.solved.placement);
    let is_better = model.compare(&new, &old).is_lt();
    record.rearranged += usize::from(is_better);
    is_better
}
