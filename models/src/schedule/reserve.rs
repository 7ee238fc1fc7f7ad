//! Room for what follows: places of bins that are kept free at the end.
//!
//! The longest copies come first, each to the place where least is kept, and before what is kept there. What they follow then has to
//! have ended when they start, counted back from the end of all.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::places::Places;
use super::timetable::TimedEntry;
use super::types::{Network, Schedule};

/// A copy that follows others, and its place.
#[derive(Clone, Copy, Debug)]
struct Kept {
    bin: u32,
    place: usize,
    /// From its start to the end of all.
    before_end: i64,
    operation: u32,
    duration: i64,
}

/// What is kept for all that follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Reserved {
    kept: Vec<Kept>,
    /// Time that is kept at the end, by bin and place.
    pub(super) taken: Vec<Vec<i64>>,
    /// By operation, the time from when its copies have to have ended to the end of all.
    pub(super) tails: Vec<i64>,
}

impl Reserved {
    /// Nothing is kept in these places.
    pub(super) fn nothing(schedule: &Schedule, places: &Places) -> Self {
        let n = |places: &i64| usize::try_from(*places).unwrap_or(0);
        Self {
            kept: Vec::new(),
            taken: (places.at_a_time.iter().map(|it| vec![0; n(it)])).collect(),
            tails: vec![0; schedule.operations.len()],
        }
    }

    /// Room for everything that follows and that some bin holds, where all needs the same, nothing is released later, and it takes no
    /// time to hand over.
    pub(super) fn of(schedule: &Schedule, places: &Places, follows: &[bool]) -> Option<Self> {
        let first = schedule.operations.first()?;
        let alike = |it: &super::Operation| it.demand == first.demand && it.release == 0;
        if schedule.network != Network::default() || !schedule.operations.iter().all(alike) {
            return None;
        }
        let mut reserved = Self::nothing(schedule, places);
        let mut from: BTreeMap<u32, BTreeMap<u32, i128>> = BTreeMap::new();
        for edge in &schedule.edges {
            let of = &schedule.operations[edge.from as usize];
            let near = from.entry(edge.to).or_default();
            let least = of.costs.iter().min().copied().unwrap_or(0);
            // Where something cheap may be handed over within the group.
            let cheap = of.eligible.iter().zip(of.costs.iter());
            let cheap = cheap.filter(|it| *it.1 == least).map(|it| *it.0);
            let mut groups: Vec<u32> = cheap.map(|bin| schedule.group_of[bin as usize]).collect();
            groups.sort_unstable();
            groups.dedup();
            for group in groups {
                *near.entry(group).or_insert(0) += i128::from(edge.amount);
            }
        }
        let mut order: Vec<u32> = (0u32..)
            .zip(follows)
            .filter(|it| *it.1)
            .map(|it| it.0)
            .collect();
        let longest = |&it: &u32| schedule.operations[it as usize].durations.iter().max();
        order.sort_by_key(|it| (Reverse(longest(it).copied()), *it));
        let mut n_kept = vec![0_i64; schedule.bins.len()];
        for operation in order {
            let near = from.get(&operation);
            let near = |bin: u32| {
                let group = schedule.group_of[bin as usize];
                near.and_then(|it| it.get(&group)).copied().unwrap_or(0)
            };
            let of = &schedule.operations[operation as usize];
            for _ in 0..of.count {
                let ways = of.eligible.iter().zip(of.durations.iter());
                let best = ways.filter_map(|(&bin, &duration)| {
                    let taken = reserved.taken[bin as usize].iter().enumerate();
                    let (place, &taken) = taken.min_by_key(|it| it.1)?;
                    let n_kept = n_kept[bin as usize];
                    Some((taken + duration, n_kept, Reverse(near(bin)), bin, place))
                });
                let Some((before_end, .., bin, place)) = best.min() else {
                    // Nothing holds it.
                    break;
                };
                let taken = &mut reserved.taken[bin as usize][place];
                let duration = before_end - *taken;
                *taken = before_end;
                n_kept[bin as usize] += 1;
                reserved.kept.push(Kept {
                    bin,
                    place,
                    before_end,
                    operation,
                    duration,
                });
            }
        }
        let mut starts = vec![0_i64; schedule.operations.len()];
        for kept in &reserved.kept {
            let start = &mut starts[kept.operation as usize];
            *start = kept.before_end.max(*start);
        }
        for edge in &schedule.edges {
            let tail = &mut reserved.tails[edge.from as usize];
            *tail = starts[edge.to as usize].max(*tail);
        }
        (reserved.kept).sort_by_key(|it| (it.bin, it.place, Reverse(it.before_end)));
        Some(reserved)
    }

    /// The least time that holds what is kept.
    pub(super) fn least(&self) -> i64 {
        self.taken.iter().flatten().copied().max().unwrap_or(0)
    }

    /// When places are free until, if all ends at a moment.
    pub(super) fn until(&self, end: i64) -> Vec<Vec<i64>> {
        let of_bin = |taken: &Vec<i64>| taken.iter().map(|taken| end - taken).collect();
        self.taken.iter().map(of_bin).collect()
    }

    /// What is kept, as early as it may start after what runs already; `used` is when that ends, by bin and place.
    pub(super) fn after(
        &self,
        schedule: &Schedule,
        entries: &[TimedEntry],
        mut used: Vec<Vec<i64>>,
    ) -> Vec<TimedEntry> {
        let mut ends = vec![0_i64; schedule.operations.len()];
        for entry in entries {
            let end = &mut ends[entry.operation as usize];
            *end = entry.end.max(*end);
        }
        let mut ready = vec![0_i64; schedule.operations.len()];
        for edge in &schedule.edges {
            let ready = &mut ready[edge.to as usize];
            *ready = ends[edge.from as usize].max(*ready);
        }
        let entry = |kept: &Kept| {
            let used = &mut used[kept.bin as usize][kept.place];
            let start = ready[kept.operation as usize].max(*used);
            *used = start + kept.duration;
            TimedEntry {
                operation: kept.operation,
                bin: kept.bin,
                start,
                end: *used,
                copies: 1,
            }
        };
        self.kept.iter().map(entry).collect()
    }
}
