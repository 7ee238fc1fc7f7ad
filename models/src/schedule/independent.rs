//! Operations that follow nothing and need the same: the places of bins as queues of copies.
//!
//! # Model
//! A bin has a number of places, each a queue. For a makespan `T`, room for what follows is kept at the ends of the places (see
//! `reserve`), and every copy gets a moment at which it has to have ended. Operations of one shortest duration at a time, the longest
//! first: each copy goes to the roomiest of the bins where it is shortest and cheapest, and where none has room, others move on to
//! bins that are as good for them; what is left goes anywhere it fits, at the least cost, a flow whose capacities are the copies that
//! still fit into the queues by each moment. The least `T` for which every copy has a place is searched for between the bound by
//! counting and the list schedule.
//!
//! Bounds: of the makespan by counting (see `places`), of costs by prices (see `prices`).

use super::across::Across;
use super::flow::{Wish, grant};
use super::kinds::{Kind, Kinds};
use super::places::fitting;
use super::prices::cost_prices;
use super::queues::{Queued, Queues};
use super::reserve::Reserved;
use super::slots::Shop;
use super::types::{Schedule, TimeObjective};
use crate::assignment::{Prices, Proof, Stop, TIE};
use crate::solver::Limits;

/// Makespans that are tried.
const MOST_TRIES: usize = 24;
/// Bins that chains of moves may look at, for each makespan.
pub(super) const EFFORT: usize = 100_000;
/// Moments between which copies due are not told apart, when what is left over is divided.
const MOST_MOMENTS: usize = 16;
/// Copies that are queued between two looks at the clock.
const COPIES_PER_LOOK: usize = 64;

/// Queues of less makespan than `most`, or as good, if some are found, for operations without edges and of one demand; with what is kept
/// at their ends.
pub(super) fn search<'s>(
    schedule: &'s Schedule,
    kinds: &'s Kinds,
    reserved: &Reserved,
    (low, high): (i64, i64),
    (stop, limits): (&Stop, &Limits),
) -> Option<Queues<'s>> {
    let (mut low, mut high) = (low, high);
    let mut best = None;
    let mut time = low;
    for _ in 0..MOST_TRIES {
        if low > high || stop.reason().is_some() {
            break;
        }
        match fill(schedule, kinds, reserved, time, (stop, limits)) {
            Some(queues) => {
                high = time - 1;
                best = Some(queues);
            }
            None => low = time + 1,
        }
        time = low + (high - low) / 2;
    }
    best
}

/// Queues that end by `time` and hold every copy, if they are found before something stops it.
fn fill<'s>(
    schedule: &'s Schedule,
    kinds: &'s Kinds,
    reserved: &Reserved,
    time: i64,
    (stop, limits): (&Stop, &Limits),
) -> Option<Queues<'s>> {
    let mut queues = Queues::new(schedule, kinds, reserved.until(time), EFFORT);
    let mut rest = &kinds.list[..];
    while let Some(first) = rest.first() {
        let n_equal = rest.partition_point(|kind| kind.shortest == first.shortest);
        let (now, later) = rest.split_at(n_equal);
        rest = later;
        let mut now: Vec<&Kind> = now.iter().collect();
        now.sort_by_key(|kind| std::cmp::Reverse(kind.tail));
        near(schedule, &mut queues, &now, time, stop)?;
        anywhere(schedule, &mut queues, &now, time, limits)?;
    }
    queues.cheapen();
    Some(queues)
}

/// Queues copies of some kinds, as long and in the order of what is due, in the bins that are nearest to them, as many as there is room for;
/// `None` if it was stopped.
fn near(
    schedule: &Schedule,
    queues: &mut Queues<'_>,
    kinds: &[&Kind],
    time: i64,
    stop: &Stop,
) -> Option<()> {
    let mut waiting = Vec::new();
    let mut looks = 0..COPIES_PER_LOOK;
    let mut is_over = || {
        looks.next().is_none() && {
            looks = 0..COPIES_PER_LOOK;
            stop.reason().is_some()
        }
    };
    for kind in kinds {
        for &operation in &kind.operations {
            let copy = Queued {
                operation,
                duration: kind.shortest,
                due: time - kind.tail,
            };
            for _ in 0..schedule.operations[operation as usize].count {
                if is_over() {
                    return None;
                }
                if !queues.queue_near(copy) {
                    waiting.push(copy);
                }
            }
        }
    }
    let mut closed = vec![false; schedule.bins.len()];
    let mut due = None;
    for copy in waiting {
        if is_over() {
            return None;
        }
        if due != Some(copy.due) {
            closed.fill(false);
            due = Some(copy.due);
        }
        queues.squeeze(copy, &mut closed);
    }
    Some(())
}

/// Queues what is left of some kinds anywhere, at the least cost; `None` if not all of it has room.
fn anywhere(
    schedule: &Schedule,
    queues: &mut Queues<'_>,
    kinds: &[&Kind],
    time: i64,
    limits: &Limits,
) -> Option<()> {
    let left = |queues: &Queues<'_>, kind: &Kind| -> i64 {
        let operations = kind.operations.iter();
        operations.map(|&it| queues.left[it as usize]).sum()
    };
    let waiting: Vec<(&Kind, i64)> = (kinds.iter())
        .map(|kind| (*kind, left(queues, kind)))
        .filter(|it| it.1 > 0)
        .collect();
    if waiting.is_empty() {
        return Some(());
    }
    let mut longest = vec![0_i64; schedule.bins.len()];
    for (kind, _) in &waiting {
        for (bin, duration) in fitting(schedule, kind.operation(schedule)) {
            let longest = &mut longest[bin as usize];
            *longest = (*longest).max(duration);
        }
    }
    let all = waiting.iter().map(|it| it.1).sum();
    let moments = moments(waiting.iter().map(|it| time - it.0.tail).collect());
    let wishes: Vec<Wish> = (waiting.iter())
        .map(|&(kind, copies)| Wish {
            class: moments.partition_point(|&it| it <= time - kind.tail) - 1,
            ..kind.wish(schedule, copies)
        })
        .collect();
    let free = queues.free(|bin| longest[bin], &moments, all);
    let granted = grant(schedule, &wishes, &free, limits)?;
    if granted.left_out > 0 {
        return None;
    }
    for ((kind, _), places) in waiting.iter().zip(&granted.places) {
        let mut operations = kind.operations.iter();
        let mut next = operations.next();
        for &(bin, copies) in places {
            let duration = kind.operation(schedule).duration_in(bin).unwrap_or(0);
            for _ in 0..copies {
                while let Some(&operation) = next
                    && queues.left[operation as usize] == 0
                {
                    next = operations.next();
                }
                let copy = Queued {
                    operation: *next?,
                    duration,
                    due: time - kind.tail,
                };
                if !queues.queue(bin, copy) {
                    return None;
                }
            }
        }
    }
    Some(())
}

/// Some of these moments, ascending, the first among them.
pub(super) fn moments(mut all: Vec<i64>) -> Vec<i64> {
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(MOST_MOMENTS).max(1);
    all.into_iter().step_by(step).collect()
}

/// A better bound than `known` on a stage of timetables that place all that fits, and reach `values` in the earlier stages: of a
/// makespan by counting, of costs after a makespan by prices, of what crosses groups after costs by a price of these.
pub(super) fn stronger(
    shop: &Shop<'_>,
    stage: usize,
    values: &[f64],
    known: f64,
) -> Option<(f64, Proof)> {
    let schedule = shop.schedule;
    let is_met = known >= values[stage] - TIE * values[stage].max(1.0);
    let earlier = |objective: TimeObjective| {
        let mut earlier = schedule.stages[..stage].iter().zip(values);
        let at = earlier.position(|(it, _)| it.objective == objective)?;
        Some((at, values[at]))
    };
    let found = match schedule.stages[stage].objective {
        TimeObjective::Makespan => {
            let least = schedule.least_makespan(&shop.tails(), values[stage].round() as i64);
            Some((least as f64, Proof::Combinatorial))
        }
        TimeObjective::Cost if !is_met => earlier(TimeObjective::Makespan)
            .and_then(|(_, time)| cost_prices(shop, time.round() as i64, values[stage])),
        TimeObjective::Traffic { across, .. } if !is_met => {
            earlier(TimeObjective::Cost).map(|(at, cost)| {
                let (bound, price) = Across::of(schedule).best(cost);
                let mut kept = vec![0.0; stage];
                kept[at] = price * across as f64;
                let prices = Prices {
                    kept,
                    ..Prices::default()
                };
                (bound * across as f64, Proof::Multipliers(prices))
            })
        }
        _ => None,
    };
    found.filter(|(bound, _)| *bound > known)
}
