//! Cheaper bins for single copies, within the time that each has: what it follows has ended, and what follows it has not begun.
//!
//! Nothing else moves, so that nothing ends later and no start is missed; a move leaves room that another may use. Demands may be any.

use super::profile::Profile;
use super::slots::{Shop, Slot, Slots, timetable};
use super::timetable::Timetable;
use super::types::{Schedule, TimeObjective};
use crate::assignment::Stop;

/// Bins that are looked at in all.
const LOOKS: usize = 20_000_000;

/// A timetable of less cost that ends no later, if copies can be moved to cheaper bins and cost is what comes after the end of all.
pub(super) fn settled(schedule: &Schedule, best: &Timetable, stop: &Stop) -> Option<Timetable> {
    let mut stages = schedule.stages.iter().map(|stage| stage.objective);
    let first = stages.find(|it| !matches!(it, TimeObjective::Value | TimeObjective::Makespan))?;
    if first != TimeObjective::Cost {
        return None;
    }
    let shop = Shop::new(schedule);
    let mut search = Settling::of(&shop, best);
    let mut moved = false;
    while search.pass(stop) {
        moved = true;
    }
    moved.then(|| timetable(&search.slots))
}

struct Settling<'s> {
    shop: &'s Shop<'s>,
    slots: Slots,
    profiles: Vec<Profile>,
    /// When everything has ended.
    end: i64,
    /// Bins with how long a copy takes and what it costs there, the cheapest first, by operation.
    ways: Vec<Vec<(i64, u32, i64)>>,
    looks: usize,
}

impl<'s> Settling<'s> {
    fn of(shop: &'s Shop<'s>, best: &Timetable) -> Self {
        let slots = shop.slots(best);
        let mut profiles = shop.profiles();
        for (operation, copies) in shop.schedule.operations.iter().zip(&slots) {
            for slot in copies {
                profiles[slot.bin as usize].take(slot.start, slot.end, &operation.demand, 1);
            }
        }
        let end = slots.iter().flatten().map(|slot| slot.end).max();
        let ways = shop.schedule.operations.iter().zip(&shop.ways);
        let ways = ways.map(|(operation, ways)| {
            let ways = ways.iter();
            let cost = |&(bin, duration): &(u32, i64)| (operation.cost_in(bin), bin, duration);
            let mut ways: Vec<(i64, u32, i64)> = ways.map(cost).collect();
            ways.sort_unstable();
            ways
        });
        Self {
            profiles,
            end: end.unwrap_or(0),
            ways: ways.collect(),
            slots,
            shop,
            looks: LOOKS,
        }
    }

    /// Looks at every copy once; whether any has moved.
    fn pass(&mut self, stop: &Stop) -> bool {
        let mut moved = false;
        for operation in 0..self.slots.len() {
            if self.looks == 0 || stop.reason().is_some() {
                return false;
            }
            for copy in 0..self.slots[operation].len() {
                moved |= self.improve(operation, copy);
            }
        }
        moved
    }

    /// Moves a copy to the cheapest bin that has room for it in its time, if that is cheaper than where it is.
    fn improve(&mut self, operation: usize, copy: usize) -> bool {
        let shop = self.shop;
        let of = &shop.schedule.operations[operation];
        let here = self.slots[operation][copy];
        let cost = of.cost_in(here.bin);
        if self.ways[operation].first().is_none_or(|way| way.0 >= cost) {
            return false;
        }
        self.profiles[here.bin as usize].take(here.start, here.end, &of.demand, -1);
        let mut to = here;
        for &(_, bin, duration) in self.ways[operation].iter().take_while(|way| way.0 < cost) {
            self.looks = self.looks.saturating_sub(1);
            let ready = shop.ready(&self.slots, operation as u32, bin);
            let start = self.profiles[bin as usize].earliest(ready, duration, &of.demand);
            if let Some(start) = start
                && start.saturating_add(duration) <= self.due(operation, bin)
            {
                let end = start + duration;
                to = Slot { bin, start, end };
                break;
            }
        }
        self.profiles[to.bin as usize].take(to.start, to.end, &of.demand, 1);
        self.slots[operation][copy] = to;
        to != here
    }

    /// When a copy in the bin has to end, for all that follows it to start when it does.
    fn due(&self, operation: usize, bin: u32) -> i64 {
        let edges = self.shop.after[operation].iter();
        let starts = edges.flat_map(|edge| {
            let copies = self.slots[edge.to as usize].iter();
            copies.map(|slot| slot.start - self.shop.schedule.transfer(edge, bin, slot.bin))
        });
        starts.fold(self.end, i64::min)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::settled;
    use crate::assignment::{Bin, Stop};
    use crate::schedule::{
        Edge, Operation, Schedule, TimeObjective, TimeStage, TimedEntry, Timetable,
    };

    /// Two bins of 3 and 2; `a` (2, for 10 ms) and `b` (1, for 10 ms) cost 5 in the first and nothing in the second; `c` follows both and ends
    /// all at `end`.
    fn schedule(objectives: &[TimeObjective]) -> Schedule {
        let operation = |name: &str, demand: i64, costs: [i64; 2]| Operation {
            name: name.to_owned(),
            count: 1,
            demand: vec![demand],
            eligible: Arc::new(vec![0, 1]),
            durations: Arc::new(vec![10, 10]),
            costs: Arc::new(costs.to_vec()),
            value: 1,
            ..Operation::default()
        };
        let edge = |from: u32| Edge {
            from,
            to: 2,
            amount: 0,
        };
        let bin = |name: &str, capacity: i64| Bin {
            name: name.to_owned(),
            capacity: vec![capacity],
            ..Bin::default()
        };
        Schedule {
            resources: vec!["cpu".to_owned()],
            operations: vec![
                operation("a", 2, [5, 0]),
                operation("b", 1, [5, 0]),
                operation("c", 1, [0, 0]),
            ],
            bins: vec![bin("x", 3), bin("y", 2)],
            group_of: Arc::new(vec![0, 0]),
            edges: vec![edge(0), edge(1)],
            stages: (objectives.iter())
                .map(|&objective| TimeStage {
                    name: format!("{objective:?}"),
                    objective,
                })
                .collect(),
            ..Schedule::default()
        }
    }

    fn entry(operation: u32, bin: u32, start: i64) -> TimedEntry {
        TimedEntry {
            operation,
            bin,
            start,
            end: start + 10,
            copies: 1,
        }
    }

    const STAGES: [TimeObjective; 3] = [
        TimeObjective::Value,
        TimeObjective::Makespan,
        TimeObjective::Cost,
    ];

    #[test]
    fn copies_move_where_they_cost_less_within_their_time() {
        let schedule = schedule(&STAGES);
        let best =
            |start: i64| Timetable::new(vec![entry(0, 0, 0), entry(1, 0, 0), entry(2, 0, start)]);
        // The second bin holds one of the two before the third begins.
        let found = settled(&schedule, &best(10), &Stop::default()).expect("some settle");
        assert!(schedule.faults(&found).is_empty());
        assert_eq!(schedule.values(&found), [3.0, 20.0, 5.0]);
        // One after the other, it holds both.
        let found = settled(&schedule, &best(20), &Stop::default()).expect("some settle");
        assert!(schedule.faults(&found).is_empty());
        assert_eq!(schedule.values(&found), [3.0, 30.0, 0.0]);
    }

    #[test]
    fn nothing_moves_where_nothing_is_won_or_something_else_comes_first() {
        let known = Timetable::new(vec![entry(0, 1, 0), entry(1, 1, 10), entry(2, 0, 20)]);
        assert_eq!(settled(&schedule(&STAGES), &known, &Stop::default()), None);
        let known = Timetable::new(vec![entry(0, 0, 0), entry(1, 0, 0), entry(2, 0, 10)]);
        let order = [STAGES[0], STAGES[1], TimeObjective::Completion, STAGES[2]];
        assert_eq!(settled(&schedule(&order), &known, &Stop::default()), None);
        let traffic = TimeObjective::Traffic {
            within_group: 1,
            across: 1,
        };
        let order = [STAGES[0], traffic, STAGES[2]];
        assert_eq!(settled(&schedule(&order), &known, &Stop::default()), None);
    }
}
