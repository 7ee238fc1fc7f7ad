//! Operations of which some follow nothing and the others follow only these: copies of the first are divided among bins by a flow, then
//! everything is started as it comes.
//!
//! Several orders and several degrees of taking from each other's queues are tried; the best timetable counts. Bounds are those of
//! every timetable.

use super::dispatch::Dispatch;
use super::divide::Work;
use super::independent::makespan_is_first;
use super::timetable::Timetable;
use super::types::{Network, Schedule};
use crate::assignment::Stop;
use crate::solver::Limits;

/// Schedules of more copies are left to the list.
const MOST_COPIES: i64 = 1_000_000;
/// From when on bins take from each other, in thousandths of the bound of the makespan.
const LATE: [i64; 5] = [1000, 1010, 1030, 1060, 1120];

/// A timetable of two layers that is better than what is known, if one is found.
pub(super) fn layered(
    schedule: &Schedule,
    known: &Timetable,
    (stop, limits): (&Stop, &Limits),
) -> Option<Timetable> {
    let layers = Layers::of(schedule)?;
    let work = Work::new(schedule)?;
    let most = known.entries().iter().map(|it| it.end).max().unwrap_or(0);
    let least = schedule.least_makespan(most).max(layers.longest(&work));
    let mut best_values = schedule.values(known);
    let mut best = None;
    let mut divided: Option<Vec<(u32, Vec<(u32, i64)>)>> = None;
    // What cannot be divided within the least time is divided within more.
    for part in [100, 105, 125, 200] {
        let time = (least.saturating_mul(part) / 100).max(1);
        divided = layers.divide(&work, time, limits);
        if divided.is_some() || stop.reason().is_some() {
            break;
        }
    }
    let divided = divided?;
    for ranks in [
        layers.by_tail(schedule, &work),
        layers.by_urgency(schedule, &work),
    ] {
        let dispatch = Dispatch::new(schedule, &work, &layers.first, &ranks);
        let late = LATE.map(|part| Some(least.saturating_mul(part) / 1000));
        for late in [None].into_iter().chain(late) {
            if stop.reason().is_some() {
                break;
            }
            let timetable = dispatch.run(&divided, late);
            let values = schedule.values(&timetable);
            if schedule.compare(&values, &best_values).is_lt() {
                (best_values, best) = (values, Some(timetable));
            }
        }
    }
    best.filter(|best| schedule.faults(best).is_empty())
}

/// What follows nothing, and what follows it.
struct Layers {
    first: Vec<u32>,
    /// By operation, the longest that follows it.
    tails: Vec<i64>,
    follows: Vec<bool>,
}

impl Layers {
    /// `None` for other schedules.
    fn of(schedule: &Schedule) -> Option<Self> {
        let copies = schedule.operations.iter().map(|it| it.count);
        let is_large = copies.fold(0, i64::saturating_add) > MOST_COPIES;
        let is_released = |it: &super::types::Operation| it.release > 0;
        if is_large
            || !makespan_is_first(schedule)
            || schedule.network != Network::default()
            || schedule.operations.iter().any(is_released)
        {
            return None;
        }
        let n = schedule.operations.len();
        let mut follows = vec![false; n];
        for edge in &schedule.edges {
            follows[edge.to as usize] = true;
        }
        if (schedule.edges.iter()).any(|edge| follows[edge.from as usize]) {
            return None;
        }
        let mut tails = vec![0_i64; n];
        for edge in &schedule.edges {
            let to = &schedule.operations[edge.to as usize];
            let shortest = to.durations.iter().min().copied().unwrap_or(0);
            let tail = &mut tails[edge.from as usize];
            *tail = shortest.max(*tail);
        }
        Some(Self {
            first: (0..n as u32).filter(|&it| !follows[it as usize]).collect(),
            tails,
            follows,
        })
    }

    /// The longest copy with what follows it.
    fn longest(&self, work: &Work<'_>) -> i64 {
        let all = self
            .first
            .iter()
            .filter(|&&it| !work.ways[it as usize].is_empty());
        let ends = all.map(|&it| work.shortest(it) + self.tails[it as usize]);
        ends.max().unwrap_or(0)
    }

    /// Bins of what follows nothing: first of what others follow, then of the rest.
    fn divide(
        &self,
        work: &Work<'_>,
        time: i64,
        limits: &Limits,
    ) -> Option<Vec<(u32, Vec<(u32, i64)>)>> {
        let with_bins = self.first.iter().copied();
        let with_bins = with_bins.filter(|&it| !work.ways[it as usize].is_empty());
        let (followed, last): (Vec<u32>, Vec<u32>) =
            with_bins.partition(|&it| self.tails[it as usize] > 0);
        let mut used = vec![0_i64; work.n_bins()];
        let mut divided = Vec::new();
        for operations in [followed, last] {
            let bins = work.divide(&operations, &mut used, time, limits)?;
            divided.extend(operations.into_iter().zip(bins));
        }
        Some(divided)
    }

    /// The longest way to the end first, then the more urgent.
    fn by_tail(&self, schedule: &Schedule, work: &Work<'_>) -> Vec<(i64, i64)> {
        let operations = (0u32..).zip(&schedule.operations);
        operations
            .map(|(at, it)| (work.shortest(at) + self.tails[at as usize], it.urgency))
            .collect()
    }

    /// The more urgent first, then the longest way to the end; what follows others before everything.
    fn by_urgency(&self, schedule: &Schedule, work: &Work<'_>) -> Vec<(i64, i64)> {
        let by_tail = self.by_tail(schedule, work).into_iter().zip(&self.follows);
        let most = schedule
            .operations
            .iter()
            .map(|it| it.urgency)
            .max()
            .unwrap_or(0);
        by_tail
            .map(|((tail, urgency), follows)| match follows {
                true => (most.saturating_add(1), tail),
                false => (urgency, tail),
            })
            .collect()
    }
}
