//! What frameworks placed is placed anew, or searched on for.

use apportion_cluster::FrameworkIdx;

use super::Record;
use super::again::offer_everything;
use super::attempt::{attempt, own_deadline};
use super::take::take;
use crate::engine::context::Context;
use crate::engine::solve::Effort;
use crate::engine::state::State;

/// How often those whose part of the time was too short are given what is left.
const MOST_RESUMED: usize = 3;

/// Lets a framework that has placed something rearrange it within that and everything free; it never places less. `left` frameworks,
/// this one included, share what is left of the time.
pub(in crate::engine) fn rearrange(
    state: &mut State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    left: usize,
    record: &mut Record,
) {
    // What was answered before is about other offers.
    record.last = None;
    if context.out_of_time() {
        record.stopped = true;
        return;
    }
    let mut fresh = Record::default();
    let deadline = own_deadline(context, left, 1, 1.0);
    let effort = Effort::Ladder(deadline);
    // Not one of the rounds of offers.
    offer_everything(state, context, (0, framework), 1, effort, &mut fresh);
    record.stopped |= fresh.stopped;
    record.failed |= fresh.failed;
    record.last = fresh.last;
}

/// Lets those go on whose own part of the time was too short, as long as there is time that nobody needs: within what they were
/// offered, as far as it is still theirs or free. Who then comes to its end was not cut short.
pub(in crate::engine) fn resume(
    state: &mut State<'_>,
    context: &Context<'_>,
    records: &mut [Record],
) {
    if context.solve_by().is_none() {
        return;
    }
    for _ in 0..MOST_RESUMED {
        let open = context.planned().filter(|&framework| {
            let record = &records[framework.at()];
            let is_timed = !state.added_times[framework.at()].is_empty();
            record.stopped && !record.failed && !is_timed && state.pending(framework).is_empty()
        });
        let open: Vec<FrameworkIdx> = open.collect();
        for (at, &framework) in open.iter().enumerate() {
            if context.out_of_time() {
                return;
            }
            let left = open.len() - at;
            let slice = state.slice_within_offers(framework);
            let before = state.proposal(framework);
            let rows = state.rows(framework, None);
            let effort = Effort::Ladder(own_deadline(context, left, 1, 1.0));
            let Some(answer) = attempt(context, &slice, &rows, &before, effort, false) else {
                continue;
            };
            let mut fresh = Record::default();
            let is_stopped = answer.solved.stopped.is_some();
            let asked = (&slice, &rows);
            let record = &mut records[framework.at()];
            if take(state, context, asked, (&before, effort), answer, &mut fresh) {
                record.last = fresh.last;
            }
            record.stopped = is_stopped;
        }
    }
}
