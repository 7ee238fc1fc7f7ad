//! Copies with their bins and times while a timetable is in the making, and what that is worth.

use super::profile::Profile;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Distance, Edge, Schedule, TimeObjective};

/// A copy in a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub bin: u32,
    pub start: i64,
    pub end: i64,
}

/// The copies placed, by operation.
pub(super) type Slots = Vec<Vec<Slot>>;

/// A schedule with what is looked up often.
pub(super) struct Shop<'a> {
    pub schedule: &'a Schedule,
    /// Edges by the operation that follows.
    pub before: Vec<Vec<Edge>>,
    /// Edges by the operation that hands over.
    pub after: Vec<Vec<Edge>>,
    /// Bins that could hold a copy if they were empty, with how long it takes there, by operation; none where something that it
    /// follows has none.
    pub ways: Vec<Vec<(u32, i64)>>,
    /// Every operation, each after all that it follows; those on a cycle are left out.
    pub topological: Vec<u32>,
}

impl<'a> Shop<'a> {
    pub fn new(schedule: &'a Schedule) -> Self {
        let n = schedule.operations.len();
        let (mut before, mut after) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for edge in &schedule.edges {
            before[edge.to as usize].push(*edge);
            after[edge.from as usize].push(*edge);
        }
        let mut shop = Self {
            schedule,
            before,
            after,
            ways: schedule.operations.iter().map(|_| Vec::new()).collect(),
            topological: Vec::with_capacity(n),
        };
        shop.sort();
        for at in 0..shop.topological.len() {
            let operation = shop.topological[at] as usize;
            let of = &schedule.operations[operation];
            let can = |edge: &Edge| !shop.ways[edge.from as usize].is_empty();
            if shop.before[operation].iter().all(can) {
                let fits = |bin: u32| {
                    let capacity = &schedule.bins[bin as usize].capacity;
                    of.demand
                        .iter()
                        .zip(capacity)
                        .all(|(need, has)| need <= has)
                };
                let ways = of
                    .eligible
                    .iter()
                    .copied()
                    .zip(of.durations.iter().copied());
                shop.ways[operation] = ways.filter(|way| fits(way.0)).collect();
            }
        }
        shop
    }

    fn sort(&mut self) {
        let n = self.schedule.operations.len();
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        self.topological = (0..n as u32)
            .filter(|&it| waits[it as usize] == 0)
            .collect();
        let mut at = 0;
        while at < self.topological.len() {
            for edge in &self.after[self.topological[at] as usize] {
                waits[edge.to as usize] -= 1;
                if waits[edge.to as usize] == 0 {
                    self.topological.push(edge.to);
                }
            }
            at += 1;
        }
    }

    /// The moment at which a bin has everything that an operation needs from those before it.
    pub fn ready(&self, slots: &Slots, operation: u32, bin: u32) -> i64 {
        let mut ready = self.schedule.operations[operation as usize].release;
        for edge in &self.before[operation as usize] {
            for slot in &slots[edge.from as usize] {
                let transfer = self.schedule.transfer(edge, slot.bin, bin);
                ready = ready.max(slot.end.saturating_add(transfer));
            }
        }
        ready
    }

    pub fn profiles(&self) -> Vec<Profile> {
        let bins = self.schedule.bins.iter();
        bins.map(|bin| Profile::new(&bin.capacity)).collect()
    }

    /// The value of each stage.
    pub fn values(&self, slots: &Slots) -> Vec<f64> {
        let stages = self.schedule.stages.iter();
        stages
            .map(|stage| self.value(stage.objective, slots))
            .collect()
    }

    fn value(&self, objective: TimeObjective, slots: &Slots) -> f64 {
        let sum = |of: &dyn Fn(usize, &Slot) -> i64| -> f64 {
            let all = slots.iter().enumerate();
            let all = all.flat_map(|(at, copies)| copies.iter().map(move |slot| (at, slot)));
            all.map(|(at, slot)| of(at, slot) as f64).sum()
        };
        match objective {
            TimeObjective::Value => sum(&|at, _| self.schedule.operations[at].value),
            TimeObjective::Makespan => slots
                .iter()
                .flatten()
                .map(|slot| slot.end)
                .max()
                .unwrap_or(0) as f64,
            TimeObjective::Completion => sum(&|_, slot| slot.end),
            TimeObjective::Cost => sum(&|at, slot| self.schedule.operations[at].cost_in(slot.bin)),
            TimeObjective::Traffic {
                within_group,
                across,
            } => self.traffic(slots, within_group as f64, across as f64),
        }
    }

    fn traffic(&self, slots: &Slots, within_group: f64, across: f64) -> f64 {
        let mut sum = 0.0;
        for edge in &self.schedule.edges {
            let count = |it: u32| self.schedule.operations[it as usize].count.max(1) as f64;
            let part = edge.amount as f64 / (count(edge.from) * count(edge.to));
            for from in &slots[edge.from as usize] {
                for to in &slots[edge.to as usize] {
                    sum += part
                        * match self.schedule.distance(from.bin, to.bin) {
                            Distance::Same => 0.0,
                            Distance::WithinGroup => within_group,
                            Distance::Across => across,
                        };
                }
            }
        }
        sum
    }

    /// The copies of a timetable.
    pub fn slots(&self, timetable: &Timetable) -> Slots {
        let mut slots: Slots = vec![Vec::new(); self.schedule.operations.len()];
        for entry in timetable.entries() {
            let slot = Slot {
                bin: entry.bin,
                start: entry.start,
                end: entry.end,
            };
            slots[entry.operation as usize].extend((0..entry.copies).map(|_| slot));
        }
        slots
    }
}

/// The timetable of some copies.
pub(super) fn timetable(slots: &Slots) -> Timetable {
    let entries = (0_u32..).zip(slots).flat_map(|(operation, copies)| {
        copies.iter().map(move |slot| TimedEntry {
            operation,
            bin: slot.bin,
            start: slot.start,
            end: slot.end,
            copies: 1,
        })
    });
    Timetable::new(entries.collect())
}
