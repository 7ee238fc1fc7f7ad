//! Operations that follow nothing and need the same: the places of bins as queues of copies.
//!
//! # Model
//! A bin has a number of places, each a queue. For a makespan `T`, operations of one shortest duration at a time, the longest first:
//! as many of their copies as possible go to bins where they are shortest, a flow whose capacities are the copies that still fit into
//! the queues by `T`; the rest go anywhere they fit, at the least cost, another flow. The least `T` for which every copy has a place
//! is searched for between the bound by counting and the list schedule. Where copies take the same time in all their bins and
//! durations do not differ, or where each bin has one duration, the search is exact.
//!
//! Bounds: of the makespan by counting (see `places`). Of costs by prices of places: a plan that ends by `T` holds at most
//! `K_b floor(T / shortest_b)` copies in bin `b`, hence costs at least
//! `sum_o count_o min_b (cost_ob + pi_b) - sum_b pi_b K_b floor(T / shortest_b)`; the flow with these capacities gives the best `pi`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::across::Across;
use super::flow::{Wish, grant};
use super::list::complete;
use super::places::{Places, fitting};
use super::timetable::{TimedEntry, Timetable};
use super::types::{Operation, Schedule, TimeObjective};
use crate::assignment::{Prices, Proof, Stop, TIE};
use crate::solver::Limits;

/// Schedules of more copies or places are left to the list.
const MOST_COPIES: i64 = 3_000_000;
/// Makespans that are tried.
const MOST_TRIES: usize = 24;

/// A timetable of less makespan than `most`, or as good and cheaper, if one is found; for operations without edges and of one demand.
fn queues(schedule: &Schedule, most: i64, stop: &Stop, limits: &Limits) -> Option<Timetable> {
    let first = schedule.operations.first()?;
    let is_alike = |it: &Operation| it.demand == first.demand && it.release == 0;
    if !schedule.edges.is_empty() || !schedule.operations.iter().all(is_alike) {
        return None;
    }
    let places = Places::of(schedule);
    let n_places = places
        .at_a_time
        .iter()
        .fold(0_i64, |sum, &it| sum.saturating_add(it));
    if places.copies > MOST_COPIES || n_places > MOST_COPIES {
        return None;
    }
    let kinds = Kinds::of(schedule);
    let (mut low, mut high) = (schedule.least_makespan(most), most);
    let mut best = None;
    let mut time = low;
    for _ in 0..MOST_TRIES {
        if low > high || stop.reason().is_some() {
            break;
        }
        match kinds.fill(schedule, &places, time, limits) {
            Some(queues) => {
                high = time - 1;
                best = Some(queues.timetable(schedule));
            }
            None => low = time + 1,
        }
        time = low + (high - low) / 2;
    }
    best
}

/// Prices of places that bound the costs of timetables that end by `time` and place every copy that fits, and the bound.
fn cost_prices(schedule: &Schedule, time: i64) -> Option<(f64, Proof)> {
    let places = Places::of(schedule).within(time);
    let kinds = Kinds::of(schedule);
    let wishes: Vec<Wish> = kinds.list.iter().map(|kind| kind.wish(schedule)).collect();
    let granted = grant(schedule, &wishes, &places, &Limits::default())?;
    if granted.left_out > 0 {
        return None;
    }
    let mut bound = 0_i128;
    for wish in &wishes {
        let of =
            |&(bin, cost): &(u32, i64)| i128::from(cost) + i128::from(granted.prices[bin as usize]);
        let least = wish.bins.iter().map(of).min().unwrap_or(0);
        bound += least * i128::from(wish.copies);
    }
    for (&price, &places) in granted.prices.iter().zip(&places) {
        bound -= i128::from(price) * i128::from(places);
    }
    let prices = Prices {
        by_bin: granted
            .prices
            .iter()
            .map(|&price| vec![price as f64])
            .collect(),
        ..Prices::default()
    };
    Some((bound as f64, Proof::Multipliers(prices)))
}

/// Operations that nothing tells apart.
struct Kind {
    operations: Vec<u32>,
    copies: i64,
    /// The shortest duration.
    shortest: i64,
    /// Number of its list of bins.
    shared: usize,
}

/// All kinds, the longest first.
struct Kinds {
    list: Vec<Kind>,
}

impl Kinds {
    fn of(schedule: &Schedule) -> Self {
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        let mut lists: BTreeMap<usize, usize> = BTreeMap::new();
        let mut list: Vec<Kind> = Vec::new();
        for (at, operation) in (0u32..).zip(&schedule.operations) {
            let fitting = fitting(schedule, operation);
            let Some(shortest) = fitting.iter().map(|it| it.1).min() else {
                continue;
            };
            let n_lists = lists.len();
            let shared = *lists
                .entry(Arc::as_ptr(&operation.eligible) as usize)
                .or_insert(n_lists);
            let key = (
                shared,
                &operation.demand,
                &operation.durations,
                &operation.costs,
            );
            let kind = *known.entry(key).or_insert(list.len());
            if kind == list.len() {
                list.push(Kind {
                    operations: Vec::new(),
                    copies: 0,
                    shortest,
                    shared,
                });
            }
            list[kind].operations.push(at);
            list[kind].copies += operation.count;
        }
        list.sort_by_key(|kind| std::cmp::Reverse(kind.shortest));
        Self { list }
    }

    /// Queues that end by `time` and hold every copy, if they are found.
    fn fill(
        &self,
        schedule: &Schedule,
        places: &Places,
        time: i64,
        limits: &Limits,
    ) -> Option<Queues> {
        let mut queues = Queues::new(places, schedule.operations.len());
        let mut rest = &self.list[..];
        while let Some(first) = rest.first() {
            let n_equal = rest.partition_point(|kind| kind.shortest == first.shortest);
            let (now, later) = rest.split_at(n_equal);
            rest = later;
            let wishes: Vec<Wish> = now.iter().map(|kind| kind.nearest(schedule)).collect();
            let free = queues.free(|_| first.shortest, time);
            let granted = grant(schedule, &wishes, &free, limits)?;
            let mut left: Vec<Wish> = Vec::new();
            for ((kind, wish), places) in now.iter().zip(&wishes).zip(&granted.places) {
                let placed: i64 = places.iter().map(|place| place.1).sum();
                queues.place(schedule, kind, places);
                left.push(Wish {
                    copies: wish.copies - placed,
                    ..kind.wish(schedule)
                });
            }
            if left.iter().all(|wish| wish.copies == 0) {
                continue;
            }
            let waiting = || now.iter().zip(&left).filter(|(_, wish)| wish.copies > 0);
            let mut longest = vec![0_i64; schedule.bins.len()];
            for (kind, _) in waiting() {
                for (bin, duration) in fitting(schedule, kind.operation(schedule)) {
                    let longest = &mut longest[bin as usize];
                    *longest = (*longest).max(duration);
                }
            }
            let free = queues.free(|bin| longest[bin], time);
            let wishes: Vec<Wish> = left.clone();
            let granted = grant(schedule, &wishes, &free, limits)?;
            if granted.left_out > 0 {
                return None;
            }
            for (kind, places) in now.iter().zip(&granted.places) {
                queues.place(schedule, kind, places);
            }
        }
        Some(queues)
    }
}

impl Kind {
    /// One of the operations, as they are alike.
    fn operation<'s>(&self, schedule: &'s Schedule) -> &'s Operation {
        &schedule.operations[self.operations[0] as usize]
    }

    /// Any bin in which a copy fits.
    fn wish(&self, schedule: &Schedule) -> Wish {
        let operation = self.operation(schedule);
        let bins: Vec<(u32, i64)> = fitting(schedule, operation)
            .into_iter()
            .map(|(bin, _)| (bin, operation.cost_in(bin)))
            .collect();
        // Bins that are shared are those of the list, as long as copies fit into all of them.
        let whole = bins.len() == operation.eligible.len();
        Wish {
            copies: self.copies,
            bins,
            shared: whole.then_some(self.shared),
        }
    }

    /// Bins in which a copy is shortest.
    fn nearest(&self, schedule: &Schedule) -> Wish {
        let operation = self.operation(schedule);
        let near = fitting(schedule, operation).into_iter();
        let near = near.filter(|it| it.1 == self.shortest);
        Wish {
            copies: self.copies,
            bins: near.map(|(bin, _)| (bin, operation.cost_in(bin))).collect(),
            shared: None,
        }
    }
}

/// Copies in the places of every bin.
struct Queues {
    /// By bin and place, the time that its copies take.
    used: Vec<Vec<i64>>,
    /// By bin and place, operations and their durations.
    queued: Vec<Vec<Vec<(u32, i64)>>>,
    /// Copies placed, by operation.
    placed: Vec<i64>,
}

impl Queues {
    fn new(places: &Places, n_operations: usize) -> Self {
        let n = |&places: &i64| usize::try_from(places).unwrap_or(0);
        Self {
            used: places.at_a_time.iter().map(|it| vec![0; n(it)]).collect(),
            queued: (places.at_a_time.iter())
                .map(|it| vec![Vec::new(); n(it)])
                .collect(),
            placed: vec![0; n_operations],
        }
    }

    /// How many copies of a duration each bin still holds by `time`.
    fn free(&self, duration: impl Fn(usize) -> i64, time: i64) -> Vec<i64> {
        let of_bin = |(bin, used): (usize, &Vec<i64>)| {
            let duration = duration(bin);
            let of_place = |&used: &i64| match duration {
                0 => MOST_COPIES,
                _ => (time - used).max(0) / duration,
            };
            let all = used.iter().map(of_place);
            all.fold(0, i64::saturating_add)
        };
        self.used.iter().enumerate().map(of_bin).collect()
    }

    /// Queues copies of a kind, each where least is queued.
    fn place(&mut self, schedule: &Schedule, kind: &Kind, places: &[(u32, i64)]) {
        let mut operations = kind.operations.iter();
        let mut next = operations.next();
        for &(bin, copies) in places {
            let duration = kind.operation(schedule).duration_in(bin).unwrap_or(0);
            for _ in 0..copies {
                while let Some(&operation) = next
                    && self.placed[operation as usize]
                        == schedule.operations[operation as usize].count
                {
                    next = operations.next();
                }
                let Some(&operation) = next else { return };
                let used = &mut self.used[bin as usize];
                let emptiest = (0..used.len()).min_by_key(|&place| used[place]);
                let Some(place) = emptiest else { return };
                used[place] += duration;
                self.queued[bin as usize][place].push((operation, duration));
                self.placed[operation as usize] += 1;
            }
        }
    }

    /// The queues, each in the order of urgency.
    fn timetable(mut self, schedule: &Schedule) -> Timetable {
        let mut entries = Vec::new();
        for (bin, places) in (0u32..).zip(&mut self.queued) {
            for queue in places {
                queue.sort_by_key(|&(operation, duration)| {
                    let urgency = schedule.operations[operation as usize].urgency;
                    (std::cmp::Reverse(urgency), duration, operation)
                });
                let mut start = 0;
                for &(operation, duration) in &*queue {
                    entries.push(TimedEntry {
                        operation,
                        bin,
                        start,
                        end: start + duration,
                        copies: 1,
                    });
                    start += duration;
                }
            }
        }
        Timetable::new(entries)
    }
}

/// What follows nothing in queues, and the rest after it as it comes, where nothing follows what follows; if that is better than what
/// is known.
pub(super) fn queued(
    schedule: &Schedule,
    known: &Timetable,
    (stop, limits): (&Stop, &Limits),
) -> Option<Timetable> {
    if !makespan_is_first(schedule) {
        return None;
    }
    let mut follows = vec![false; schedule.operations.len()];
    for edge in &schedule.edges {
        follows[edge.to as usize] = true;
    }
    if (schedule.edges.iter()).any(|edge| follows[edge.from as usize]) {
        return None;
    }
    let first: Vec<u32> = (0u32..)
        .zip(&follows)
        .filter(|(_, follows)| !**follows)
        .map(|(at, _)| at)
        .collect();
    let alone = Schedule {
        operations: (first.iter())
            .map(|&at| schedule.operations[at as usize].clone())
            .collect(),
        edges: Vec::new(),
        ..schedule.clone()
    };
    let entries = known.entries().iter();
    let of_first = entries.filter(|entry| !follows[entry.operation as usize]);
    let most = of_first.map(|entry| entry.end).max().unwrap_or(0);
    let mut entries = queues(&alone, most, stop, limits)?.entries().to_vec();
    for entry in &mut entries {
        entry.operation = first[entry.operation as usize];
    }
    let timetable = complete(schedule, &Timetable::new(entries), stop);
    let order = schedule.compare(&schedule.values(&timetable), &schedule.values(known));
    (order.is_lt() && schedule.faults(&timetable).is_empty()).then_some(timetable)
}

/// Whether the makespan comes before everything but what is placed.
fn makespan_is_first(schedule: &Schedule) -> bool {
    let mut stages = schedule.stages.iter().map(|stage| stage.objective);
    let first = stages.find(|objective| *objective != TimeObjective::Value);
    first == Some(TimeObjective::Makespan)
}

/// A better bound than `known` on a stage of timetables that place all that fits, and reach `values` in the earlier stages: of a
/// makespan by counting, of costs after a makespan by prices, of what crosses groups after costs by a price of these.
pub(super) fn stronger(
    schedule: &Schedule,
    stage: usize,
    values: &[f64],
    known: f64,
) -> Option<(f64, Proof)> {
    let is_met = known >= values[stage] - TIE * values[stage].max(1.0);
    let earlier = |objective: TimeObjective| {
        let mut earlier = schedule.stages[..stage].iter().zip(values);
        let at = earlier.position(|(it, _)| it.objective == objective)?;
        Some((at, values[at]))
    };
    let found = match schedule.stages[stage].objective {
        TimeObjective::Makespan => {
            let least = schedule.least_makespan(values[stage].round() as i64);
            Some((least as f64, Proof::Combinatorial))
        }
        TimeObjective::Cost if !is_met => earlier(TimeObjective::Makespan)
            .and_then(|(_, time)| cost_prices(schedule, time.round() as i64)),
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
