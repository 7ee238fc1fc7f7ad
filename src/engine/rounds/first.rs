//! The first round: every slice by itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use apportion_cluster::{Proposal, Running, Slice};
use rayon::prelude::*;

use super::Record;
use super::attempt::{attempt, own_deadline};
use crate::engine::context::Context;
use crate::engine::offers::FirstOffer;
use crate::engine::options::Progress;
use crate::engine::solve::{self, Answer, Effort, Rows};
use crate::engine::state::State;
use crate::engine::{conversation, units};

/// The share of the time that the first round may take where several frameworks have demand.
const FIRST_SHARE: f64 = 0.6;

/// The same where several have less than they want: their offers hold just what they were made for, and what is left is
/// re-offered.
const FIRST_SHARE_SHORT: f64 = 0.25;

/// What a framework claims in the first round.
enum Claimed {
    Answer(Option<Box<Answer>>),
    /// No time was left for more than what its offer was made of.
    Witness(Proposal),
}

/// The first round: every slice by itself, in parallel, each with its own part of the time.
pub(in crate::engine) fn first(
    state: &mut State<'_>,
    context: &Context<'_>,
    first: Vec<FirstOffer>,
    records: &mut [Record],
) {
    let pending: i64 = first
        .iter()
        .flat_map(|offer| state.pending(offer.framework))
        .map(|(_, count)| count)
        .sum();
    (context.options.progress)(Progress::Round {
        number: 1,
        frameworks: first.len(),
        pending,
    });
    let open = AtomicUsize::new(first.len());
    // Units are shared by those that keep data: each is offered an even part first.
    let n_keep = (first.iter())
        .filter(|it| state.keeps_data(it.framework))
        .count() as i64;
    // What one declines, another may want to make room for: that takes time, too.
    let share = match first.iter().filter(|it| it.unmet).count() {
        _ if first.len() == 1 => 1.0,
        0 | 1 => FIRST_SHARE,
        _ => FIRST_SHARE_SHORT,
    };
    let shared: &State<'_> = state;
    // What takes little is done first: should the time be over early, most have an answer.
    let mut first: Vec<(usize, FirstOffer)> = first.into_iter().enumerate().collect();
    first.sort_by_key(|(at, offer)| (size(shared, offer), *at));
    let mut answers: Vec<_> = first
        .into_par_iter()
        .map(|(at, offer)| {
            let is_cut = offer.is_cut;
            let part = || {
                let n_open = open.load(Ordering::Relaxed);
                own_deadline(context, n_open, context.threads(), share)
            };
            let (slice, claimed) = claim(shared, context, offer, n_keep, part);
            open.fetch_sub(1, Ordering::Relaxed);
            (at, slice, claimed, is_cut)
        })
        .collect();
    answers.sort_by_key(|it| it.0);
    for (_, slice, claimed, is_cut) in answers {
        records[slice.framework.at()].stopped |= is_cut;
        commit(state, context, slice, claimed, records);
    }
}

/// What one framework claims of its first offer, by the end of its `part` of the time.
fn claim<'a>(
    state: &State<'a>,
    context: &Context<'_>,
    offer: FirstOffer,
    n_keep: i64,
    part: impl FnOnce() -> Option<Instant>,
) -> (Slice<'a>, Claimed) {
    let counts = offer.counts.as_ref();
    let mut slice = state.slice_within(offer.framework, offer.offers, counts);
    for amount in slice.units.iter_mut().flatten() {
        *amount /= n_keep.max(1);
    }
    // What was placed without a look at units, or with more of them than is offered, is no start for those that keep data there.
    let keeps_data = state.keeps_data(offer.framework);
    let start = if keeps_data && units::check(&slice, &offer.witness).is_err() {
        Proposal::default()
    } else {
        offer.witness
    };
    let effort = Effort::Ladder(part());
    // Who is not alone is held to its part of what limits leave by its counts.
    let rows = match counts {
        Some(_) => Rows::default(),
        None => state.rows(offer.framework, None),
    };
    let claimed = if context.out_of_time() && stands(&slice, &start) {
        Claimed::Witness(start)
    } else {
        let answer = attempt(context, &slice, &rows, &start, effort, true);
        if answer.as_ref().is_some_and(|it| is_less(it, &start)) && stands(&slice, &start) {
            Claimed::Witness(start)
        } else {
            Claimed::Answer(answer.map(Box::new))
        }
    };
    (slice, claimed)
}

/// Commits what a framework claims.
fn commit(
    state: &mut State<'_>,
    context: &Context<'_>,
    slice: Slice<'_>,
    claimed: Claimed,
    records: &mut [Record],
) {
    let Slice {
        offers, framework, ..
    } = slice;
    state.record(framework, &offers, &slice.units);
    let answer = match claimed {
        Claimed::Answer(answer) => answer.map(|answer| *answer),
        Claimed::Witness(witness) => {
            records[framework.at()].stopped = true;
            state.commit(framework, witness);
            conversation::turn(state, context, (1, framework), &offers, &[], true);
            return;
        }
    };
    let (turn, answered) = ((1, framework), answer.is_some());
    records[framework.at()].failed |= !answered;
    if let Some(answer) = &answer {
        records[framework.at()].stopped |= answer.solved.stopped.is_some();
        state.commit(framework, answer.proposal.clone());
    }
    conversation::turn(state, context, turn, &offers, &[], answered);
    // Where the wish is not what the model placed, the report looks at it anew.
    let known = answer.filter(|answer| !answer.solved.stages.is_empty());
    records[framework.at()].last = known.map(|answer| (offers, answer));
}

/// How much there is to choose from in a first offer, roughly: who keeps data chooses a place for it, too.
fn size(state: &State<'_>, offer: &FirstOffer) -> usize {
    let places = match state.keeps_data(offer.framework) {
        true => state.cluster.units.len().max(1),
        false => 1,
    };
    state.pending(offer.framework).len() * offer.offers.len() * places
}

/// Whether a witness is a proposal of its own: it is something, and lacks nothing that its policy has to say beside placements.
fn stands(slice: &Slice<'_>, witness: &Proposal) -> bool {
    let in_time = |placed: &Running| {
        let task = slice.cluster.task(placed.task);
        task.phase.is_some() || task.work_ms.is_some()
    };
    let lacks_times = witness.times.is_empty() && witness.placements.iter().any(in_time);
    !witness.placements.is_empty() && !lacks_times && solve::check(slice, witness).is_ok()
}

/// Whether an answer that was cut short places less than its start.
fn is_less(answer: &Answer, start: &Proposal) -> bool {
    let placed = |of: &Proposal| of.placements.iter().map(|it| it.instances).sum::<i64>();
    answer.solved.stopped.is_some() && placed(&answer.proposal) < placed(start)
}
