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
//! Bounds: of the makespan by counting (see `places`). Of costs by prices of places: a plan that ends by `T` holds at most
//! `K_b floor(T / shortest_b)` copies in bin `b`, hence costs at least
//! `sum_o count_o min_b (cost_ob + pi_b) - sum_b pi_b K_b floor(T / shortest_b)`; the flow with these capacities gives the best `pi`.

use super::across::Across;
use super::flow::{Wish, grant};
use super::kinds::{Kind, Kinds};
use super::list::complete;
use super::places::{Places, fitting};
use super::queues::{Queued, Queues};
use super::reserve::Reserved;
use super::slots::Shop;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Operation, Schedule, TimeObjective};
use crate::assignment::{Prices, Proof, Stop, TIE};
use crate::solver::Limits;

/// Schedules of more copies or places are left to the list.
const MOST_COPIES: i64 = 3_000_000;
/// Makespans that are tried.
const MOST_TRIES: usize = 24;
/// Bins that chains of moves may look at, for each makespan.
const EFFORT: usize = 100_000;
/// Moments between which copies due are not told apart, when what is left over is divided.
const MOST_MOMENTS: usize = 16;

/// Queues of less makespan than `most`, or as good, if some are found, for operations without edges and of one demand; with what is kept
/// at their ends.
fn search<'s>(
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
        match fill(schedule, kinds, reserved, time, limits) {
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

/// Queues that end by `time` and hold every copy, if they are found.
fn fill<'s>(
    schedule: &'s Schedule,
    kinds: &'s Kinds,
    reserved: &Reserved,
    time: i64,
    limits: &Limits,
) -> Option<Queues<'s>> {
    let mut queues = Queues::new(schedule, kinds, reserved.until(time), EFFORT);
    let mut rest = &kinds.list[..];
    while let Some(first) = rest.first() {
        let n_equal = rest.partition_point(|kind| kind.shortest == first.shortest);
        let (now, later) = rest.split_at(n_equal);
        rest = later;
        let mut now: Vec<&Kind> = now.iter().collect();
        now.sort_by_key(|kind| std::cmp::Reverse(kind.tail));
        near(schedule, &mut queues, &now, time);
        anywhere(schedule, &mut queues, &now, time, limits)?;
    }
    queues.cheapen();
    Some(queues)
}

/// Queues copies of some kinds, as long and in the order of what is due, in the bins that are nearest to them, as many as there is room for.
fn near(schedule: &Schedule, queues: &mut Queues<'_>, kinds: &[&Kind], time: i64) {
    let mut waiting = Vec::new();
    for kind in kinds {
        for &operation in &kind.operations {
            let copy = Queued {
                operation,
                duration: kind.shortest,
                due: time - kind.tail,
            };
            for _ in 0..schedule.operations[operation as usize].count {
                if !queues.queue_near(copy) {
                    waiting.push(copy);
                }
            }
        }
    }
    let mut closed = vec![false; schedule.bins.len()];
    let mut due = None;
    for copy in waiting {
        if due != Some(copy.due) {
            closed.fill(false);
            due = Some(copy.due);
        }
        queues.squeeze(copy, &mut closed);
    }
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
fn moments(mut all: Vec<i64>) -> Vec<i64> {
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(MOST_MOMENTS).max(1);
    all.into_iter().step_by(step).collect()
}

/// Prices of places that bound the costs of timetables that end by `time` and place every copy that fits, and the bound.
fn cost_prices(schedule: &Schedule, time: i64) -> Option<(f64, Proof)> {
    let places = Places::of(schedule).within(time);
    let kinds = Kinds::of(schedule, &vec![0; schedule.operations.len()]);
    let kinds = kinds.list.iter();
    let wishes: Vec<Wish> = kinds.map(|kind| kind.wish(schedule, kind.copies)).collect();
    let classes: Vec<Vec<i64>> = places.iter().map(|&places| vec![places]).collect();
    let granted = grant(schedule, &wishes, &classes, &Limits::default())?;
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

/// What follows nothing in queues, and the rest after it, where nothing follows what follows; if that is better than what is known.
pub(super) fn queued(
    schedule: &Schedule,
    known: &Timetable,
    (stop, limits): (&Stop, &Limits),
) -> Option<Timetable> {
    if !makespan_is_first(schedule) {
        return None;
    }
    let layers = Layers::of(schedule)?;
    let places = Places::of(schedule);
    let kept = Reserved::of(schedule, &places, &layers.follows);
    let with_room = kept.and_then(|kept| layers.timetable(known, Some(kept), (stop, limits)));
    let is_better = |found: &Timetable| {
        let order = schedule.compare(&schedule.values(found), &schedule.values(known));
        order.is_lt() && schedule.faults(found).is_empty()
    };
    let with_room = with_room.filter(is_better);
    with_room.or_else(|| {
        let found = layers.timetable(known, None, (stop, limits));
        found.filter(is_better)
    })
}

/// Operations that follow nothing, and those that follow them.
struct Layers<'s> {
    schedule: &'s Schedule,
    /// Whether an operation follows another.
    follows: Vec<bool>,
    /// Operations that follow nothing.
    first: Vec<u32>,
    /// These alone.
    alone: Schedule,
}

impl<'s> Layers<'s> {
    /// `None` if something follows what follows, or the first layer is not of one demand, or too large.
    fn of(schedule: &'s Schedule) -> Option<Self> {
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
        let one = alone.operations.first()?;
        let is_alike = |it: &Operation| it.demand == one.demand && it.release == 0;
        let places = Places::of(schedule);
        let n_places = (places.at_a_time.iter()).fold(0_i64, |sum, &it| sum.saturating_add(it));
        let fits = places.copies <= MOST_COPIES && n_places <= MOST_COPIES;
        (fits && alone.operations.iter().all(is_alike)).then_some(Self {
            schedule,
            follows,
            first,
            alone,
        })
    }

    /// The longest of what follows each operation, where that is shortest.
    fn tails(&self) -> Vec<i64> {
        let operations = self.schedule.operations.iter();
        let shortest = |it: &Operation| fitting(self.schedule, it).iter().map(|it| it.1).min();
        let shortest: Vec<i64> = operations.map(|it| shortest(it).unwrap_or(0)).collect();
        let mut tails = vec![0; shortest.len()];
        for edge in &self.schedule.edges {
            let tail: &mut i64 = &mut tails[edge.from as usize];
            *tail = shortest[edge.to as usize].max(*tail);
        }
        tails
    }

    /// The first layer in queues that end as early as is found, with room kept for the rest, or the rest as it comes.
    fn timetable(
        &self,
        known: &Timetable,
        kept: Option<Reserved>,
        (stop, limits): (&Stop, &Limits),
    ) -> Option<Timetable> {
        let counts =
            |entry: &&TimedEntry| kept.is_some() || !self.follows[entry.operation as usize];
        let ends = known.entries().iter().filter(counts).map(|entry| entry.end);
        let most = ends.max().unwrap_or(0);
        let places = Places::of(&self.alone);
        let mut reserved = Reserved::nothing(&self.alone, &places);
        let mut least = self.alone.least_makespan(&reserved.tails, most);
        if let Some(kept) = &kept {
            let whole = self.schedule;
            let tails = self.tails();
            least = least.max(whole.least_makespan(&tails, most));
            least = least.max(kept.least());
            reserved.taken.clone_from(&kept.taken);
            let tails = self.first.iter().map(|&it| kept.tails[it as usize]);
            reserved.tails = tails.collect();
        }
        let kinds = Kinds::of(&self.alone, &reserved.tails);
        let queues = search(
            &self.alone,
            &kinds,
            &reserved,
            (least, most),
            (stop, limits),
        )?;
        let mut entries = queues.entries();
        for entry in &mut entries {
            entry.operation = self.first[entry.operation as usize];
        }
        let first = Timetable::new(entries.clone());
        let mut found = vec![complete(self.schedule, &first, None, stop)];
        if let Some(kept) = kept {
            let end = |it: &Timetable| it.entries().iter().map(|it| it.end).max().unwrap_or(0);
            entries.extend(kept.after(self.schedule, first.entries(), queues.used()));
            let as_kept = Timetable::new(entries);
            let enough = end(&as_kept).min(end(&found[0]));
            found.push(complete(self.schedule, &first, Some(enough), stop));
            found.push(as_kept);
        }
        let values = found.into_iter().map(|it| (self.schedule.values(&it), it));
        let best = values.min_by(|(left, _), (right, _)| self.schedule.compare(left, right));
        best.map(|it| it.1)
    }
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
