//! Later rounds: everything free, to whoever is furthest below its share.

use std::collections::BTreeSet;

use apportion_cluster::{Fairness, FrameworkIdx, TaskIdx};

use super::Record;
use super::attempt::{attempt, own_deadline, own_part};
use super::take::take;
use crate::broker::{Shares, Sorter};
use crate::engine::context::Context;
use crate::engine::conversation;
use crate::engine::options::Progress;
use crate::engine::solve::Effort;
use crate::engine::state::{State, by_shape};

/// Pairs of pending tasks and agents up to which all sketches together take some hundredths of a second.
const QUICK_PAIRS: usize = 1_000_000;

/// The part of the time that is left which a pass of re-offers may take where several want more.
const PASS_SHARE: f64 = 0.5;

/// Whether a sketch takes no time that counts, so many being made.
fn is_quick(state: &State<'_>, framework: FrameworkIdx, n_sketches: usize) -> bool {
    let pending = state.pending(framework);
    let n_pairs = pending.len() * state.cluster.agents.len() * n_sketches;
    let reads_blocks = |task: TaskIdx| state.cluster.task(task).phase.is_some();
    n_pairs <= QUICK_PAIRS
        && !state.keeps_data(framework)
        && !pending.iter().any(|&(task, _)| reads_blocks(task))
}

/// Re-offers until nobody can place more; see the [module](super).
pub(in crate::engine) fn again(
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
pub(super) fn offer_everything(
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
