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

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use apportion_cluster::{
    Fairness, FrameworkIdx, Offer, Proposal, Running, Slice, TaskIdx, UnitAmounts,
};
use rayon::prelude::*;

use super::context::Context;
use super::conversation;
use super::offers::FirstOffer;
use super::options::Progress;
use super::solve::{self, Answer, Effort, Rows};
use super::state::{State, by_shape};
use super::units;
use crate::broker::{Shares, Sorter};

/// How often those whose part of the time was too short are given what is left.
const MOST_RESUMED: usize = 3;
/// Pairs of pending tasks and agents up to which all sketches together take some hundredths of a second.
const QUICK_PAIRS: usize = 1_000_000;
/// Without a deadline, slices of at most so many columns are searched again in later rounds; larger ones are only added to.
const COLUMNS_SEARCHED_AGAIN: usize = 600;

/// The share of the time that the first round may take where several frameworks have demand.
const FIRST_SHARE: f64 = 0.6;

/// The same where several have less than they want: their offers hold just what they were made for, and what is left is
/// re-offered.
const FIRST_SHARE_SHORT: f64 = 0.25;

/// The part of the time that is left which a pass of re-offers may take where several want more.
const PASS_SHARE: f64 = 0.5;

/// How often a framework may rearrange what it placed in later rounds without placing more.
const MOST_REARRANGEMENTS: usize = 2;

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

/// The first round: every slice by itself, in parallel, each with its own part of the time.
pub(super) fn first(
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
            let (counts, is_cut) = (offer.counts.as_ref(), offer.is_cut);
            let mut slice = shared.slice_within(offer.framework, offer.offers, counts);
            for amount in slice.units.iter_mut().flatten() {
                *amount /= n_keep.max(1);
            }
            // What was placed without a look at units, or with more of them than is offered, is no start for those that keep data there.
            let keeps_data = shared.keeps_data(offer.framework);
            let start = if keeps_data && units::check(&slice, &offer.witness).is_err() {
                Proposal::default()
            } else {
                offer.witness
            };
            let (n_open, threads) = (open.load(Ordering::Relaxed), context.threads());
            let effort = Effort::Ladder(own_deadline(context, n_open, threads, share));
            // Who is not alone is held to its part of what limits leave by its counts.
            let rows = match counts {
                Some(_) => Rows::default(),
                None => shared.rows(offer.framework, None),
            };
            let answer = if context.out_of_time() && stands(&slice, &start) {
                Claimed::Witness(start)
            } else {
                let answer = attempt(context, &slice, &rows, &start, effort, true);
                if answer.as_ref().is_some_and(|it| is_less(it, &start)) && stands(&slice, &start) {
                    Claimed::Witness(start)
                } else {
                    Claimed::Answer(answer.map(Box::new))
                }
            };
            open.fetch_sub(1, Ordering::Relaxed);
            (at, slice, answer, is_cut)
        })
        .collect();
    answers.sort_by_key(|it| it.0);
    for (_, slice, claimed, is_cut) in answers {
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
                continue;
            }
        };
        let (turn, answered) = ((1, framework), answer.is_some());
        records[framework.at()].failed |= !answered;
        records[framework.at()].stopped |= is_cut;
        if let Some(answer) = &answer {
            records[framework.at()].stopped |= answer.solved.stopped.is_some();
            state.commit(framework, answer.proposal.clone());
        }
        conversation::turn(state, context, turn, &offers, &[], answered);
        // Where the wish is not what the model placed, the report looks at it anew.
        let known = answer.filter(|answer| !answer.solved.stages.is_empty());
        records[framework.at()].last = known.map(|answer| (offers, answer));
    }
}

/// What a framework claims in the first round.
enum Claimed {
    Answer(Option<Box<Answer>>),
    /// No time was left for more than what its offer was made of.
    Witness(Proposal),
}

/// How much there is to choose from in a first offer, roughly: who keeps data chooses a place for it, too.
fn size(state: &State<'_>, offer: &FirstOffer) -> usize {
    let places = match state.keeps_data(offer.framework) {
        true => state.cluster.units.len().max(1),
        false => 1,
    };
    state.pending(offer.framework).len() * offer.offers.len() * places
}

/// Whether a sketch takes no time that counts, so many being made.
fn is_quick(state: &State<'_>, framework: FrameworkIdx, n_sketches: usize) -> bool {
    let pending = state.pending(framework);
    let n_pairs = pending.len() * state.cluster.agents.len() * n_sketches;
    let reads_blocks = |task: TaskIdx| state.cluster.task(task).phase.is_some();
    n_pairs <= QUICK_PAIRS
        && !state.keeps_data(framework)
        && !pending.iter().any(|&(task, _)| reads_blocks(task))
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

/// Re-offers until nobody can place more; see the [module](self).
pub(super) fn again(
    state: &mut State<'_>,
    context: &Context<'_>,
    shares: Option<&Shares>,
    records: &mut [Record],
) {
    for number in 2.. {
        let order = by_need(state, context, shares);
        let pending: i64 = order
            .iter()
            .flat_map(|&p| state.pending(p))
            .map(|(_, count)| count)
            .sum();
        if order.is_empty() {
            return;
        }
        (context.options.progress)(Progress::Round {
            number,
            frameworks: order.len(),
            pending,
        });
        let mut progressed = false;
        let n_wanting = order.len();
        // Where several want more, another pass is likely to follow.
        let share = if n_wanting > 1 { PASS_SHARE } else { 1.0 };
        let ends = own_deadline(context, 1, 1, share);
        for (at, framework) in order.into_iter().enumerate() {
            let effort = match own_part(ends, n_wanting - at, 1) {
                _ if context.out_of_time() => Effort::Sketch,
                deadline => Effort::Ladder(deadline),
            };
            let is_over = match is_quick(state, framework, n_wanting) {
                true => context.must_report(),
                false => context.must_stop(),
            };
            if is_over {
                records[framework.at()].stopped = true;
                continue;
            }
            progressed |= offer_everything(
                state,
                context,
                (number, framework),
                n_wanting,
                effort,
                &mut records[framework.at()],
            );
        }
        if !progressed {
            return;
        }
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

/// Frameworks with something left, furthest below their share first; what they lost in earlier plans counts too. Under
/// `drf`, as its sorter has them.
fn by_need(state: &State<'_>, context: &Context<'_>, shares: Option<&Shares>) -> Vec<FrameworkIdx> {
    let wanting = context.planned().filter(|&p| !state.pending(p).is_empty());
    if shares.is_some_and(|shares| shares.fairness == Fairness::Drf) {
        let wanting: BTreeSet<FrameworkIdx> = wanting.collect();
        return sorted(state, &wanting);
    }
    let need = |p: FrameworkIdx| {
        let deserved = shares.map_or(0.0, |shares| shares.frameworks[p.at()].deserved);
        state.utility(p) as f64 / deserved.max(1e-9) - context.credit(p)
    };
    let mut order: Vec<(f64, FrameworkIdx)> = wanting.map(|p| (need(p), p)).collect();
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    order.into_iter().map(|(_, framework)| framework).collect()
}

/// Some frameworks in the order of the sorter, by what they hold.
fn sorted(state: &State<'_>, wanting: &BTreeSet<FrameworkIdx>) -> Vec<FrameworkIdx> {
    let mut sorter = Sorter::new(state.cluster);
    for (at, kept) in state.kept.iter().enumerate() {
        let framework = FrameworkIdx::of(at);
        for held in kept.iter().chain(state.added_at_peak(framework).iter()) {
            let demand = &state.cluster.task(held.task).demand;
            sorter.allocate(framework, demand, held.instances);
        }
    }
    let mut order = sorter.order();
    order.retain(|framework| wanting.contains(framework));
    order
}

/// Offers one framework everything free in a round; whether it placed more.
fn offer_everything(
    state: &mut State<'_>,
    context: &Context<'_>,
    (number, framework): (usize, FrameworkIdx),
    n_wanting: usize,
    effort: Effort,
    record: &mut Record,
) -> bool {
    let offers = state.everything(framework);
    if !anything_fits(state, framework) {
        return false;
    }
    let before = state.proposal(framework);
    let slice = state.slice(framework, offers);
    let asked = (slice.offers.clone(), slice.units.clone());
    if record.attempted.as_ref() == Some(&asked) {
        return false;
    }
    let budget = (n_wanting > 1).then(|| portion(state, framework, n_wanting));
    let rows = state.rows(framework, budget);
    let answer = attempt(context, &slice, &rows, &before, effort, false);
    state.record(framework, &slice.offers, &slice.units);
    record.attempted = Some(asked);
    record.failed |= answer.is_none();
    let answered = answer.is_some();
    let taken = answer.is_some_and(|answer| {
        take(
            state,
            context,
            (&slice, &rows),
            (&before, effort),
            answer,
            record,
        )
    });
    let turn = (number, framework);
    conversation::turn(
        state,
        context,
        turn,
        &slice.offers,
        &before.placements,
        answered,
    );
    taken
}

/// Commits an answer in a later round, or what of it can be added to what is there; whether that is anything.
fn take(
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

/// Lets a framework that has placed something rearrange it within that and everything free; it never places less. `left` frameworks,
/// this one included, share what is left of the time.
pub(super) fn rearrange(
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
pub(super) fn resume(state: &mut State<'_>, context: &Context<'_>, records: &mut [Record]) {
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

/// How many instances a framework may hold after its next turn while others want something too: what it
/// has, and half of its even part of what still fits, whole gangs at least. Turns go by need, so small
/// portions keep the frameworks level.
fn portion(state: &State<'_>, framework: FrameworkIdx, n_wanting: usize) -> i64 {
    let cluster = state.cluster;
    let pending = state.pending(framework);
    let fitting = by_shape(cluster, &pending).into_iter().map(|alike| {
        let task = cluster.task(alike[0].0);
        let usable = cluster
            .agent_indices()
            .filter(|&agent| cluster.refusal(task, agent).is_none());
        let copies = usable.map(|agent| task.demand.copies_in(&state.free[agent.at()]));
        let copies = copies.fold(0, i64::saturating_add);
        alike
            .iter()
            .map(|(_, count)| copies.min(*count))
            .sum::<i64>()
    });
    let part = fitting.sum::<i64>() / (2 * n_wanting as i64);
    let gangs = pending
        .iter()
        .filter_map(|&(task, _)| cluster.job(cluster.task(task).job).gang_min);
    let held: i64 = state.added[framework.at()]
        .iter()
        .map(|added| added.instances)
        .sum();
    held + part.max(gangs.max().unwrap_or(1)).max(1)
}

/// Whether some pending instance fits somewhere, its limits and spreads aside.
fn anything_fits(state: &State<'_>, framework: FrameworkIdx) -> bool {
    let own: i64 = state.added[framework.at()]
        .iter()
        .map(|added| added.instances)
        .sum();
    let pending = by_shape(state.cluster, &state.pending(framework));
    pending.iter().any(|alike| {
        let task = state.cluster.task(alike[0].0);
        state.cluster.agent_indices().any(|agent| {
            (own > 0 || task.demand.fits_in(&state.free[agent.at()]))
                && state.cluster.refusal(task, agent).is_none()
        })
    })
}

/// One slice, its failures turned into warnings.
fn attempt(
    context: &Context<'_>,
    slice: &Slice<'_>,
    rows: &Rows,
    start: &Proposal,
    effort: Effort,
    first: bool,
) -> Option<Answer> {
    let framework = &context.cluster.framework(slice.framework).id;
    let policy = context.policy(slice.framework)?;
    let answer = solve::formulate(&**policy, slice, rows).and_then(|formulation| {
        // Later rounds add what is left over: searching a large slice again costs more than it finds, unless there
        // is time to be used up.
        let columns: usize = formulation
            .assignment
            .items
            .iter()
            .map(|item| item.eligible.len())
            .sum();
        let is_large = !first && columns > COLUMNS_SEARCHED_AGAIN;
        let effort = match effort {
            Effort::Ladder(None) if is_large => Effort::Sketch,
            effort => effort,
        };
        solve::answer(
            &**policy,
            slice,
            (formulation, rows),
            start,
            effort,
            context.options,
        )
    });
    match answer {
        Ok(answer) => {
            if first {
                solve::dump(context.options, framework, &answer);
            }
            for failure in &answer.solved.failures {
                context.warn(
                    "solver_failed",
                    framework,
                    format!("{failure}; the constructive answer stands"),
                );
            }
            let placed = answer
                .proposal
                .placements
                .iter()
                .map(|placed| placed.instances)
                .sum();
            let pending = slice.pending.iter().map(|(_, count)| count).sum();
            (context.options.progress)(Progress::Solved {
                framework: framework.clone(),
                placed,
                pending,
            });
            Some(answer)
        }
        Err(text) => {
            context.warn("policy_failed", framework, text);
            None
        }
    }
}

/// An even part of the time until `ends`, so many at once.
fn own_part(ends: Option<Instant>, open: usize, at_once: usize) -> Option<Instant> {
    let now = Instant::now();
    let left = ends?.saturating_duration_since(now);
    let open = u32::try_from(open.max(1)).unwrap_or(u32::MAX);
    Some(now + left * u32::try_from(at_once).unwrap_or(1).min(open) / open)
}

/// A slice's own deadline: its part of the time that is left, so that one slice that explodes costs the
/// others nothing.
fn own_deadline(context: &Context<'_>, open: usize, at_once: usize, share: f64) -> Option<Instant> {
    let now = Instant::now();
    let left = context.solve_by()?.saturating_duration_since(now);
    own_part(Some(now + left.mul_f64(share)), open, at_once)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use apportion_cluster::Cluster;
    use apportion_models::StopReason;

    use super::*;
    use crate::engine::{Options, release};

    fn two_tasks() -> Cluster {
        let file = br#"{"version": "apportion/v1",
            "agents": [{"id": "one", "resources": {"cpu_milli": 4000}}],
            "frameworks": [{"id": "f", "policy": "service"}],
            "jobs": [{"id": "j", "framework": "f",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]}]}"#;
        crate::snapshot::read(file).expect("the snapshot is valid")
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// A plan that is due in an hour.
    fn due() -> Options {
        Options {
            deadline: Some(Instant::now() + HOUR),
            ..Options::default()
        }
    }

    /// A later round that is cut short may have found a placement and no bound: its bounds are not those of the plan.
    #[test]
    fn bounds_of_a_search_that_was_cut_short_are_not_kept() {
        let cluster = two_tasks();
        let options = Options::default();
        let context = Context::new(&cluster, &options);
        let framework = FrameworkIdx::of(0);
        for stopped in [None, Some(StopReason::Deadline)] {
            let mut state = State::new(&cluster, release::released(&cluster));
            let offers = state.everything(framework);
            let slice = state.slice_within(framework, offers, None);
            let effort = Effort::Ladder(None);
            let rows = Rows::default();
            let nothing = Proposal::default();
            let mut answer = attempt(&context, &slice, &rows, &nothing, effort, false)
                .expect("the policy answers");
            answer.solved.stopped.clone_from(&stopped);
            let mut record = Record::default();
            let asked = (&slice, &rows);
            let taken = take(
                &mut state,
                &context,
                asked,
                (&Proposal::default(), effort),
                answer,
                &mut record,
            );
            assert!(taken && state.pending(framework).is_empty());
            assert_eq!(record.last.is_some(), stopped.is_none());
        }
    }

    /// A round that begins when the time for solving is over, and the deadline is not: what it places, nobody searched.
    #[test]
    fn a_round_out_of_time_is_told() {
        let cluster = two_tasks();
        for (reserve, stopped) in [(HOUR / 2, false), (HOUR, true)] {
            let options = due();
            let mut context = Context::new(&cluster, &options);
            context.keep_reserve(reserve);
            let mut state = State::new(&cluster, release::released(&cluster));
            let mut records = vec![Record::default()];
            again(&mut state, &context, None, &mut records);
            assert!(state.pending(FrameworkIdx::of(0)).is_empty());
            assert_eq!(records[0].stopped, stopped);
        }
    }

    /// Where no time is left, what offers were made of is placed as it is: one of the two that are wanted, which no policy would leave at
    /// that.
    #[test]
    fn a_first_round_out_of_time_places_witnesses() {
        let cluster = two_tasks();
        let framework = FrameworkIdx::of(0);
        for (reserve, placed) in [(HOUR / 2, 2), (HOUR, 1)] {
            let options = due();
            let mut context = Context::new(&cluster, &options);
            context.keep_reserve(reserve);
            let mut state = State::new(&cluster, release::released(&cluster));
            let offer = FirstOffer {
                framework,
                offers: state.everything(framework),
                witness: Proposal {
                    placements: vec![Running {
                        task: TaskIdx::of(0),
                        agent: apportion_cluster::AgentIdx::of(0),
                        instances: 1,
                    }],
                    ..Proposal::default()
                },
                counts: None,
                unmet: false,
                is_cut: false,
            };
            let mut records = vec![Record::default()];
            first(&mut state, &context, vec![offer], &mut records);
            assert_eq!(
                state.added[0].iter().map(|it| it.instances).sum::<i64>(),
                placed
            );
            assert_eq!(records[0].stopped, placed == 1);
        }
    }
}
