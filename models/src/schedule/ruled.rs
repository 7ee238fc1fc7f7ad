//! Schedules whose counts keep the rules of an assignment over the same items and bins: limits, balances, caps and gangs say how many copies
//! go where, at whatever time.
//!
//! # Method
//! Where the schedule without the rules keeps them, it is the answer. Else copies are assigned to bins first, under the rules, with room for
//! so much time in every bin: the least of a few amounts with which as much is placed as with any, and then where it takes least. Then each bin's copies are
//! operations of their own, and what follows what is scheduled among them. What is left out takes along what follows it.
//!
//! Bounds are those of the schedule without the rules.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::ladder::{Scheduled, audit, solve};
use super::places::{Places, fitting};
use super::slots::Shop;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Edge, Operation, Schedule};
use crate::assignment::{
    self, Assignment, Costs, LARGEST_QUANTITY, LadderOptions, Objective, Placement, Rate, Stage,
    Term,
};

/// Amounts of time that are tried, each twice the one before.
const DOUBLINGS: u32 = 24;

/// Schedules the operations, which are the items of `rules`, as well as the effort allows.
#[must_use]
pub fn solve_within(schedule: &Schedule, rules: &Assignment, options: &LadderOptions) -> Scheduled {
    let is_free = rules.limits.is_empty()
        && rules.balances.is_empty()
        && rules.gangs.is_empty()
        && rules.caps.is_empty();
    if is_free {
        return solve(schedule, options);
    }
    // Half of the time is for what may come after.
    let now = Instant::now();
    let half = |end: Instant| now + end.saturating_duration_since(now) / 2;
    let free = LadderOptions {
        deadline: options.deadline.map(half),
        ..options.clone()
    };
    let free = solve(schedule, &free);
    let unlimited = unlimited(schedule, rules);
    if unlimited.faults(&free.timetable.placement()).is_empty() {
        return free;
    }
    let mut assigned = assign(schedule, unlimited, options);
    while let Some(lost) = cut_off(schedule, &assigned) {
        assigned.retain(|&(operation, _), _| !lost.contains(&operation));
    }
    let (apart, origins) = split(schedule, &assigned);
    let found = solve(&apart, options);
    let entries = found.timetable.entries().iter();
    let entries = entries.map(|entry| TimedEntry {
        operation: origins[entry.operation as usize],
        ..*entry
    });
    let timetable = Timetable::new(entries.collect());
    Scheduled {
        stages: audit(schedule, &timetable, None),
        timetable,
        stopped: found.stopped,
    }
}

/// Copies by operation and bin.
type Counts = BTreeMap<(u32, u32), i64>;

/// The rules, in bins that hold everything; operations that have no way have no copies.
fn unlimited(schedule: &Schedule, rules: &Assignment) -> Assignment {
    let shop = Shop::new(schedule);
    let mut model = rules.clone();
    let mut all = vec![0_i64; model.resources.len()];
    for ((item, operation), ways) in
        (model.items.iter_mut().zip(&schedule.operations)).zip(&shop.ways)
    {
        let bins = fitting(schedule, operation).into_iter().map(|it| it.0);
        item.eligible = Arc::new(bins.collect());
        if ways.is_empty() {
            item.count = 0;
        }
        for (all, &need) in all.iter_mut().zip(&item.demand) {
            *all = all.saturating_add(need.saturating_mul(item.count));
        }
    }
    for bin in &mut model.bins {
        bin.capacity.clone_from(&all);
    }
    let items = (0_u32..).zip(&schedule.operations);
    let values = items.map(|(item, operation)| Term {
        item,
        value: operation.value,
    });
    let stage = |name: &str, objective| Stage {
        name: name.to_owned(),
        objective,
    };
    model.stages = vec![
        stage("placed", Objective::Value(values.collect())),
        stage("duration", Objective::Cost(durations(schedule))),
    ];
    model
}

/// How long a copy of each operation takes in each bin.
fn durations(schedule: &Schedule) -> Costs {
    let bins = 0..schedule.bins.len() as u32;
    let operations = (0_u32..).zip(&schedule.operations);
    let rates = operations.map(|(item, operation)| Rate {
        item,
        values: (bins.clone())
            .map(|bin| {
                operation
                    .duration_in(bin)
                    .unwrap_or(0)
                    .min(LARGEST_QUANTITY)
            })
            .collect(),
    });
    Costs {
        rates: rates.collect(),
        class_of: Arc::new(bins.collect()),
    }
}

/// Where how many copies go, at whatever time.
fn assign(schedule: &Schedule, unlimited: Assignment, options: &LadderOptions) -> Counts {
    let place = |model: &Assignment| {
        let solved = assignment::solve(model, None, options);
        let worth = solved.stages.first().map_or(0.0, |stage| stage.objective);
        (solved.placement, worth)
    };
    let (mut placement, most) = place(&unlimited);
    let mut timed = unlimited;
    timed.resources.push("time".to_owned());
    let mut all = 0_i64;
    for (item, operation) in timed.items.iter_mut().zip(&schedule.operations) {
        let shortest = operation.durations.iter().copied().min().unwrap_or(0);
        item.demand.push(shortest);
        all = all.saturating_add(shortest.saturating_mul(item.count));
    }
    let places = Places::of(schedule).at_a_time;
    let even = all
        / places
            .iter()
            .fold(0, |sum: i64, it| sum.saturating_add(*it))
            .max(1);
    for doubling in 0..DOUBLINGS {
        let time = even.max(1).saturating_mul(1 << doubling);
        if time > all {
            break;
        }
        for (bin, &places) in timed.bins.iter_mut().zip(&places) {
            bin.capacity.truncate(timed.resources.len() - 1);
            bin.capacity.push(time.saturating_mul(places));
        }
        let (tried, worth) = place(&timed);
        if worth >= most {
            placement = tried;
            break;
        }
    }
    counts(&placement)
}

fn counts(placement: &Placement) -> Counts {
    let entries = placement.entries().iter();
    entries
        .map(|&(operation, bin, copies)| ((operation, bin), copies))
        .collect()
}

/// Operations that follow one of which something is left out; `None` if there are none.
fn cut_off(schedule: &Schedule, assigned: &Counts) -> Option<Vec<u32>> {
    let mut left: Vec<i64> = schedule.operations.iter().map(|it| it.count).collect();
    for (&(operation, _), copies) in assigned {
        left[operation as usize] -= copies;
    }
    let has_any = |operation: u32| {
        assigned
            .range((operation, 0)..=(operation, u32::MAX))
            .next()
    };
    let edges = schedule.edges.iter();
    let lost = edges.filter(|edge| left[edge.from as usize] > 0 && has_any(edge.to).is_some());
    let lost: Vec<u32> = lost.map(|edge| edge.to).collect();
    (!lost.is_empty()).then_some(lost)
}

/// The same schedule with an operation for the copies of each bin, and what each is of.
fn split(schedule: &Schedule, assigned: &Counts) -> (Schedule, Vec<u32>) {
    let mut apart = Schedule {
        operations: Vec::new(),
        edges: Vec::new(),
        ..schedule.clone()
    };
    let mut origins = Vec::new();
    let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (&(operation, bin), &copies) in assigned {
        let of = &schedule.operations[operation as usize];
        let Some(duration) = of.duration_in(bin) else {
            continue;
        };
        let position = u32::try_from(origins.len()).expect("operations are counted in 32 bits");
        parts.entry(operation).or_default().push(position);
        origins.push(operation);
        apart.operations.push(Operation {
            name: format!("{}@{}", of.name, schedule.bins[bin as usize].name),
            count: copies,
            eligible: Arc::new(vec![bin]),
            durations: Arc::new(vec![duration]),
            costs: match of.costs.is_empty() {
                true => Arc::default(),
                false => Arc::new(vec![of.cost_in(bin)]),
            },
            ..of.clone()
        });
    }
    let count = |operation: u32| i128::from(schedule.operations[operation as usize].count.max(1));
    for edge in &schedule.edges {
        let pairs = count(edge.from) * count(edge.to);
        let (senders, receivers) = (parts.get(&edge.from), parts.get(&edge.to));
        for &from in senders.into_iter().flatten() {
            for &to in receivers.into_iter().flatten() {
                let here = i128::from(apart.operations[from as usize].count)
                    * i128::from(apart.operations[to as usize].count);
                // Rounded up: what is handed over is there in time.
                let amount = (i128::from(edge.amount) * here + pairs - 1) / pairs;
                apart.edges.push(Edge {
                    from,
                    to,
                    amount: i64::try_from(amount).unwrap_or(i64::MAX),
                });
            }
        }
    }
    (apart, origins)
}
