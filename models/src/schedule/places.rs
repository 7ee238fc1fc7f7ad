//! How many copies a bin holds at a time, and one after the other: what bounds on schedules count.
//!
//! A *place* of a bin holds one copy at a time: a bin has as many as its capacity holds of the least that any operation needs. Within a
//! time, a place holds at most as many copies as the shortest in that bin fit into it.

use std::collections::BTreeMap;

use super::types::{Operation, Schedule};

/// The places of each bin, and the shortest copy there.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Copies at a time, by bin; at most all there are.
    pub(super) at_a_time: Vec<i64>,
    /// Milliseconds, by bin; `None` where nothing may go.
    shortest: Vec<Option<i64>>,
    /// All copies that have a bin.
    pub(super) copies: i64,
}

impl Places {
    pub(super) fn of(schedule: &Schedule) -> Self {
        let n_bins = schedule.bins.len();
        let mut least: Vec<Option<Vec<i64>>> = vec![None; n_bins];
        let mut shortest: Vec<Option<i64>> = vec![None; n_bins];
        let mut copies = 0_i64;
        for operation in &schedule.operations {
            let mut fits = false;
            for (&bin, &duration) in operation.eligible.iter().zip(operation.durations.iter()) {
                let bin = bin as usize;
                let capacity = &schedule.bins[bin].capacity;
                let mut needs = operation.demand.iter().zip(capacity);
                if needs.any(|(need, has)| need > has) {
                    continue;
                }
                fits = true;
                let short = shortest[bin].get_or_insert(duration);
                *short = (*short).min(duration);
                let least = least[bin].get_or_insert_with(|| operation.demand.clone());
                for (least, &need) in least.iter_mut().zip(&operation.demand) {
                    *least = (*least).min(need);
                }
            }
            if fits {
                copies = copies.saturating_add(operation.count);
            }
        }
        let at_a_time = least.iter().zip(&schedule.bins).map(|(least, bin)| {
            let Some(least) = least else { return 0 };
            let needed = least.iter().zip(&bin.capacity).filter(|it| *it.0 > 0);
            let places = needed.map(|(need, has)| has / need);
            places.fold(copies, i64::min)
        });
        Self {
            at_a_time: at_a_time.collect(),
            shortest,
            copies,
        }
    }

    /// The most copies that each bin holds within a time.
    pub(super) fn within(&self, time: i64) -> Vec<i64> {
        let bins = self.at_a_time.iter().zip(&self.shortest);
        bins.map(|(&places, shortest)| match shortest {
            None => 0,
            Some(0) => self.copies,
            Some(shortest) => places.saturating_mul(time / shortest).min(self.copies),
        })
        .collect()
    }

    /// The least time within which all places together run copies: the time after them, how long they take, how many there are. Of the copies
    /// after which a time passes, no place runs more of those that take at least `p` than fit one after the other, each as if it took `p`.
    fn in_turns(&self, mut timed: Vec<(i64, i64, i64)>) -> i64 {
        let all = self.at_a_time.iter().map(|&it| i128::from(it));
        let all = all.sum::<i128>().max(1);
        timed.sort_by_key(|it| std::cmp::Reverse(it.0));
        let mut by_duration: BTreeMap<i64, i128> = BTreeMap::new();
        let (mut area, mut least) = (0_i128, 0_i128);
        for same in timed.chunk_by(|one, other| one.0 == other.0) {
            for &(_, duration, count) in same {
                *by_duration.entry(duration).or_insert(0) += i128::from(count);
                area += i128::from(duration) * i128::from(count);
            }
            let mut within = (area + all - 1) / all;
            let mut copies = 0;
            for (&duration, &count) in by_duration.iter().rev() {
                copies += count;
                within = within.max(i128::from(duration) * ((copies + all - 1) / all));
            }
            least = least.max(within + i128::from(same[0].0));
        }
        i64::try_from(least).unwrap_or(i64::MAX)
    }

    /// The shortest time within which bins hold all copies, if `most` is long enough.
    fn least_time(&self, most: i64) -> i64 {
        let holds = |time: i64| {
            let all = self.within(time).into_iter();
            all.fold(0_i64, i64::saturating_add) >= self.copies
        };
        let (mut low, mut high) = (0, most);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

impl Schedule {
    /// Whether some bin holds a copy.
    pub(super) fn fits_anywhere(&self, operation: &Operation) -> bool {
        operation.eligible.iter().any(|&bin| {
            let capacity = &self.bins[bin as usize].capacity;
            let mut needs = operation.demand.iter().zip(capacity);
            needs.all(|(need, has)| need <= has)
        })
    }

    /// No timetable that places every copy that fits somewhere, and ends by `most`, ends earlier, if so much time passes from the end of
    /// each operation to the end of all: the longest copy where it is shortest, all copies by their number, and those after which much
    /// time passes, by the time that they take, and the long ones of them by their number.
    pub(super) fn least_makespan(&self, tails: &[i64], most: i64) -> i64 {
        let places = Places::of(self);
        let mut longest = 0;
        let mut timed = Vec::new();
        for (operation, &tail) in self.operations.iter().zip(tails) {
            let fitting = operation.eligible.iter().zip(operation.durations.iter());
            let fitting = fitting.filter(|(bin, _)| {
                let capacity = &self.bins[**bin as usize].capacity;
                let mut needs = operation.demand.iter().zip(capacity);
                needs.all(|(need, has)| need <= has)
            });
            if let Some(&duration) = fitting.map(|it| it.1).min() {
                let end = operation.release.saturating_add(duration);
                longest = longest.max(end.saturating_add(tail));
                timed.push((tail, duration, operation.count));
            }
        }
        let in_turns = places.in_turns(timed);
        longest.max(in_turns).max(places.least_time(most))
    }
}

/// The bins in which a copy fits, and how long it takes there.
pub(super) fn fitting(schedule: &Schedule, operation: &Operation) -> Vec<(u32, i64)> {
    let bins = operation.eligible.iter().zip(operation.durations.iter());
    bins.filter(|(bin, _)| {
        let capacity = &schedule.bins[**bin as usize].capacity;
        let mut needs = operation.demand.iter().zip(capacity);
        needs.all(|(need, has)| need <= has)
    })
    .map(|(&bin, &duration)| (bin, duration))
    .collect()
}
