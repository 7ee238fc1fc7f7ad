//! Many copies to bins by what they take of them: a flow of work, not of copies.
//!
//! # Model
//! The work of a copy is its shortest duration times what it needs of the scarcest resource. A flow sends all work to bins at the
//! least cost; a bin takes at most what it can do in a time, and the more it has beyond an even part of everything, the more it costs,
//! though never as much as the least difference between two bins of a copy. Few copies are divided by an optimal flow; they go where
//! most of them is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flow::{Room, Wish, grant_within};
use super::types::{Operation, Schedule};
use crate::solver::Limits;

/// How much a bin may have before it costs more, and at each of the further prices, in hundredths of an even part.
const LEVELS: [i64; 8] = [80, 90, 100, 110, 125, 150, 200, 300];

/// The work of copies and bins, in units of the least that any operation needs of the scarcest resource.
pub(super) struct Work<'a> {
    schedule: &'a Schedule,
    resource: usize,
    unit: i64,
    /// Bins of each operation that hold a copy.
    pub(super) ways: Vec<Vec<(u32, i64)>>,
}

impl<'a> Work<'a> {
    /// `None` where nothing needs anything.
    pub(super) fn new(schedule: &'a Schedule) -> Option<Self> {
        let total = |resource: usize| -> i128 {
            let bins = schedule.bins.iter();
            bins.map(|bin| i128::from(bin.capacity[resource])).sum()
        };
        let needed = |resource: usize| -> f64 {
            let of = |it: &Operation| {
                let shortest = it.durations.iter().min().copied().unwrap_or(0);
                it.demand[resource] as f64 * shortest as f64 * it.count as f64
            };
            let all: f64 = schedule.operations.iter().map(of).sum();
            all / (total(resource) as f64).max(1.0)
        };
        let resources = 0..schedule.resources.len();
        let resource = resources.max_by(|&one, &other| needed(one).total_cmp(&needed(other)))?;
        let demands = schedule.operations.iter().map(|it| it.demand[resource]);
        let unit = demands.filter(|&it| it > 0).min()?;
        let ways = schedule.operations.iter().map(|it| fitting(schedule, it));
        Some(Self {
            schedule,
            resource,
            unit,
            ways: ways.collect(),
        })
    }

    /// The shortest duration of an operation.
    pub(super) fn shortest(&self, operation: u32) -> i64 {
        let ways = self.ways[operation as usize].iter();
        ways.map(|way| way.1).min().unwrap_or(0)
    }

    /// The work of a copy, at least 1.
    fn of_copy(&self, operation: u32) -> i64 {
        let need = self.schedule.operations[operation as usize].demand[self.resource];
        (self.shortest(operation).saturating_mul(need.max(1)) / self.unit).max(1)
    }

    /// How many bins there are.
    pub(super) fn n_bins(&self) -> usize {
        self.schedule.bins.len()
    }

    /// The work that a bin does in a millisecond, in units.
    pub(super) fn places(&self, bin: usize) -> i64 {
        self.schedule.bins[bin].capacity[self.resource] / self.unit
    }

    /// All work of some operations.
    fn of_all(&self, operations: &[u32]) -> i128 {
        let of = |&it: &u32| {
            let count = self.schedule.operations[it as usize].count;
            i128::from(self.of_copy(it)) * i128::from(count)
        };
        operations.iter().map(of).sum()
    }

    /// Bins and copies of each of some operations; `used` is the work that bins have already, by bin, which grows.
    pub(super) fn divide(
        &self,
        operations: &[u32],
        used: &mut [i64],
        time: i64,
        limits: &Limits,
    ) -> Option<Vec<Vec<(u32, i64)>>> {
        let mut lists: BTreeMap<usize, usize> = BTreeMap::new();
        let wishes: Vec<Wish> = operations
            .iter()
            .map(|&at| {
                let n = lists.len();
                let eligible = &self.schedule.operations[at as usize].eligible;
                let shared = *lists.entry(Arc::as_ptr(eligible) as usize).or_insert(n);
                self.wish(at, shared)
            })
            .collect();
        let dear = wishes.iter().flat_map(|wish| {
            let least = wish.bins.iter().map(|it| it.1).min().unwrap_or(0);
            let more = wish.bins.iter().map(move |it| it.1 - least);
            more.filter(|&it| it > 0)
        });
        let step = dear.min().unwrap_or(1000) / (2 * LEVELS.len() as i64);
        let before: i128 = used.iter().map(|&it| i128::from(it)).sum();
        let all = self.of_all(operations) + before;
        let rooms = self.rooms(used, all, step.max(1), time);
        let granted = grant_within(self.schedule, &wishes, &rooms, limits)?;
        if granted.left_out > 0 {
            return None;
        }
        let whole = operations.iter().zip(&granted.places).map(|(&at, places)| {
            let copies = self.whole(at, places);
            for &(bin, copies) in &copies {
                used[bin as usize] += copies * self.of_copy(at);
            }
            copies
        });
        Some(whole.collect())
    }

    /// An operation's work, what a unit costs by bin.
    fn wish(&self, at: u32, shared: usize) -> Wish {
        let of = &self.schedule.operations[at as usize];
        let ways = &self.ways[at as usize];
        let size = self.of_copy(at);
        // Costs of work are fine enough if they are counted in thousandths.
        let cost = |bin: u32| (of.cost_in(bin).saturating_mul(1000) / size).min(1 << 40);
        Wish {
            copies: of.count.saturating_mul(size),
            bins: ways.iter().map(|&(bin, _)| (bin, cost(bin))).collect(),
            shared: (ways.len() == of.eligible.len()).then_some(shared),
        }
    }

    /// What bins still take: an even part of all work first, then more at a rising price, until the time is full.
    fn rooms(&self, used: &[i64], all: i128, step: i64, time: i64) -> Vec<Room> {
        let places: Vec<i64> = (0..used.len()).map(|bin| self.places(bin)).collect();
        let total: i128 = places.iter().map(|&it| i128::from(it)).sum();
        let room = |(&places, &used): (&i64, &i64)| {
            let most = i128::from(places) * i128::from(time);
            let (mut room, mut filled) = (Room::new(), i128::from(used));
            for (price, level) in (0..).zip(LEVELS.map(Some).into_iter().chain([None])) {
                let even = |level: i64| all * i128::from(places) * i128::from(level);
                let up_to = level.map_or(most, |it| (even(it) / (100 * total.max(1))).min(most));
                let more = i64::try_from((up_to - filled).max(0)).unwrap_or(i64::MAX);
                if more > 0 {
                    room.push((more, price * step));
                    filled += i128::from(more);
                }
            }
            room
        };
        places.iter().zip(used).map(room).collect()
    }

    /// Whole copies of work that may be divided: each bin what it has whole, then where most is left.
    fn whole(&self, at: u32, places: &[(u32, i64)]) -> Vec<(u32, i64)> {
        let size = self.of_copy(at);
        let count = self.schedule.operations[at as usize].count;
        let mut copies: Vec<(u32, i64)> =
            places.iter().map(|&(bin, it)| (bin, it / size)).collect();
        let mut left = count - copies.iter().map(|it| it.1).sum::<i64>();
        let mut parts: Vec<usize> = (0..places.len()).collect();
        parts.sort_by_key(|&it| (std::cmp::Reverse(places[it].1 % size), it));
        for part in parts {
            if left > 0 {
                copies[part].1 += 1;
                left -= 1;
            }
        }
        copies.retain(|it| it.1 > 0);
        copies
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
