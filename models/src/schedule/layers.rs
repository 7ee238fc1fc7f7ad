//! Operations that follow nothing, and others that follow them: the first in queues, with room kept for the rest at the end; at last copies
//! of the first that cost more than they have to move to cheaper bins, while what follows stays.

use super::independent::{EFFORT, search};
use super::kinds::Kinds;
use super::list::complete;
use super::places::{Places, fitting};
use super::queues::{Place, Queued, Queues};
use super::reserve::Reserved;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Operation, Schedule, TimeObjective};
use crate::assignment::Stop;
use crate::solver::Limits;

/// Schedules of more copies or places are left to the list.
const MOST_COPIES: i64 = 3_000_000;

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
    let is_better = |found: &Timetable| {
        let order = schedule.compare(&schedule.values(found), &schedule.values(known));
        order.is_lt() && schedule.faults(found).is_empty()
    };
    let is_alike = kept.is_some();
    let with_room = kept.and_then(|kept| layers.timetable(known, Some(kept), (stop, limits)));
    let found = with_room.filter(is_better).or_else(|| {
        let found = layers.timetable(known, None, (stop, limits));
        found.filter(is_better)
    });
    if !is_alike || stop.reason().is_some() {
        return found;
    }
    let best = found.as_ref().unwrap_or(known);
    let settled = layers.settled(best, stop).filter(is_better);
    let is_cheaper = |it: &Timetable| {
        let order = schedule.compare(&schedule.values(it), &schedule.values(best));
        order.is_lt()
    };
    settled.filter(is_cheaper).or(found)
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

    /// The first layer of a timetable where chains of moves make it cheap, what follows where and when it is; or what follows placed again.
    /// All copies need the same, and it takes no time to hand over.
    fn settled(&self, best: &Timetable, stop: &Stop) -> Option<Timetable> {
        let schedule = self.schedule;
        let end = best.entries().iter().map(|it| it.end).max()?;
        let mut due = vec![end; schedule.operations.len()];
        let mut starts = due.clone();
        for entry in best.entries() {
            let start = &mut starts[entry.operation as usize];
            *start = entry.start.min(*start);
        }
        for edge in &schedule.edges {
            let due = &mut due[edge.from as usize];
            *due = starts[edge.to as usize].min(*due);
        }
        let places = self.places_of(best, &due, end)?;
        let kinds = Kinds::of(&self.alone, &vec![0; self.first.len()]);
        let mut queues = Queues::of(&self.alone, &kinds, places, EFFORT);
        queues.cheapen();
        let first = self.first_of(&queues);
        let follows = |it: &&TimedEntry| self.follows[it.operation as usize];
        let mut entries = first.entries().to_vec();
        entries.extend(best.entries().iter().filter(follows));
        let found = [
            Timetable::new(entries),
            complete(schedule, &first, Some(end), stop),
        ];
        let values = found.into_iter().map(|it| (schedule.values(&it), it));
        let best = values.min_by(|(left, _), (right, _)| schedule.compare(left, right));
        best.map(|it| it.1)
    }

    /// Where and when bins are free for the first layer of a timetable, one copy at a time, with all of its copies.
    fn places_of(&self, best: &Timetable, due: &[i64], end: i64) -> Option<Vec<Vec<Place>>> {
        let at_a_time = Places::of(self.schedule).at_a_time;
        let empty = Place {
            from: 0,
            until: end,
            queued: Vec::new(),
        };
        let mut places: Vec<Vec<Place>> = (at_a_time.iter())
            .map(|&it| vec![empty.clone(); usize::try_from(it).unwrap_or(0)])
            .collect();
        // By bin, the last place that each was divided into, and when what is there ends.
        let mut last: Vec<Vec<(usize, i64)>> = (places.iter())
            .map(|bin| (0..bin.len()).map(|at| (at, 0)).collect())
            .collect();
        let mut order: Vec<&TimedEntry> = best.entries().iter().collect();
        order.sort_by_key(|it| (it.start, it.end));
        for entry in order {
            let (bin, operation) = (entry.bin as usize, entry.operation as usize);
            for _ in 0..entry.copies {
                let free = last[bin].iter_mut().filter(|it| it.1 <= entry.start);
                let (place, ends) = free.max_by_key(|it| it.1)?;
                *ends = entry.end;
                if self.follows[operation] {
                    // What is free before it, and what is after it.
                    places[bin][*place].until = entry.start;
                    *place = places[bin].len();
                    places[bin].push(Place {
                        from: entry.end,
                        ..empty.clone()
                    });
                } else {
                    let at = self.first.binary_search(&entry.operation).ok()?;
                    places[bin][*place].insert(Queued {
                        operation: u32::try_from(at).ok()?,
                        duration: entry.end - entry.start,
                        due: due[operation],
                    });
                }
            }
        }
        Some(places)
    }

    /// What is in queues, as operations of the whole.
    fn first_of(&self, queues: &Queues<'_>) -> Timetable {
        let mut entries = queues.entries();
        for entry in &mut entries {
            entry.operation = self.first[entry.operation as usize];
        }
        Timetable::new(entries)
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
        let first = self.first_of(&queues);
        let mut entries = first.entries().to_vec();
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

#[cfg(test)]
mod tests;
