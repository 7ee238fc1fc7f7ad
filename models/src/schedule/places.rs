//! How many copies a bin holds at a time, and one after the other: what bounds on schedules count.
//!
//! A *place* of a bin holds one copy at a time: a bin has as many as its capacity holds of the least that any operation needs. Within a
//! time, a place holds at most as many copies as the shortest in that bin fit into it.

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

    /// No timetable that places every copy that fits somewhere, and ends by `most`, ends earlier: the longest copy where it is
    /// shortest, all copies by their number, all of them where they are shortest by the time that they take.
    pub(super) fn least_makespan(&self, most: i64) -> i64 {
        let places = Places::of(self);
        let mut longest = 0;
        let mut area = 0_i128;
        for operation in &self.operations {
            let fitting = operation.eligible.iter().zip(operation.durations.iter());
            let fitting = fitting.filter(|(bin, _)| {
                let capacity = &self.bins[**bin as usize].capacity;
                let mut needs = operation.demand.iter().zip(capacity);
                needs.all(|(need, has)| need <= has)
            });
            if let Some(&duration) = fitting.map(|it| it.1).min() {
                longest = longest.max(operation.release.saturating_add(duration));
                area += i128::from(duration) * i128::from(operation.count);
            }
        }
        let all = places.at_a_time.iter().map(|&it| i128::from(it));
        let all = all.sum::<i128>().max(1);
        let even = i64::try_from((area + all - 1) / all).unwrap_or(i64::MAX);
        longest.max(even).max(places.least_time(most))
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
