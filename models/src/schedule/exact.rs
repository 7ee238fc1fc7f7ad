//! Every schedule of a small problem that may be best, by branching over which operation comes next and where.
//!
//! Every stage gets no worse when copies that stay in their bins end earlier. So among the best timetables is one that comes from some
//! order of the copies, each in its bin as early as it fits beside those before it: all orders and bins are all that has to be tried.

use std::collections::BTreeSet;

use super::slots::{Shop, Slot, Slots};
use super::types::TimeObjective;
use crate::milp::Sense;

/// Copies of all operations that are tried exactly.
const MOST_COPIES: i64 = 8;

/// Searches; answers the best there is, and whether everything was tried within so many steps. `slots` is a start.
pub(super) fn search(shop: &Shop<'_>, slots: &Slots, steps: usize) -> Option<(Slots, bool)> {
    let wanted: i64 = (shop.topological.iter())
        .filter(|&&it| !shop.ways[it as usize].is_empty())
        .map(|&it| shop.schedule.operations[it as usize].count)
        .sum();
    if wanted > MOST_COPIES {
        return None;
    }
    let mut search = Search {
        shop,
        best: slots.clone(),
        values: shop.values(slots),
        tails: shop.tails(),
        steps,
        seen: BTreeSet::new(),
    };
    let nothing = vec![Vec::new(); slots.len()];
    search.extend(&nothing, wanted);
    let finished = search.steps > 0;
    Some((search.best, finished))
}

struct Search<'s> {
    shop: &'s Shop<'s>,
    best: Slots,
    values: Vec<f64>,
    /// The least time from the end of each operation to the end of all.
    tails: Vec<i64>,
    steps: usize,
    seen: BTreeSet<Slots>,
}

impl Search<'_> {
    fn extend(&mut self, slots: &Slots, left: i64) {
        if self.steps == 0 {
            return;
        }
        self.steps -= 1;
        if left == 0 {
            let values = self.shop.values(slots);
            if self.shop.schedule.compare(&values, &self.values).is_lt() {
                self.values = values;
                self.best.clone_from(slots);
            }
            return;
        }
        // Orders that lead to the same copies in the same places at the same times go on alike.
        if self.is_hopeless(slots) || !self.seen.insert(slots.clone()) {
            return;
        }
        let schedule = self.shop.schedule;
        for &operation in &self.shop.topological {
            let of = &schedule.operations[operation as usize];
            let is_whole =
                |it: u32| slots[it as usize].len() as i64 == schedule.operations[it as usize].count;
            let mut before = self.shop.before[operation as usize].iter();
            if is_whole(operation) || !before.all(|edge| is_whole(edge.from)) {
                continue;
            }
            for &(bin, duration) in &self.shop.ways[operation as usize] {
                let ready = self.shop.ready(slots, operation, bin);
                let mut profile =
                    super::profile::Profile::new(&schedule.bins[bin as usize].capacity);
                for (other, copies) in schedule.operations.iter().zip(slots) {
                    for slot in copies.iter().filter(|slot| slot.bin == bin) {
                        profile.take(slot.start, slot.end, &other.demand, 1);
                    }
                }
                let Some(start) = profile.earliest(ready, duration, &of.demand) else {
                    continue;
                };
                let mut next = slots.clone();
                let end = start + duration;
                next[operation as usize].push(Slot { bin, start, end });
                next[operation as usize].sort_unstable();
                self.extend(&next, left - 1);
            }
        }
    }

    /// Whether nothing that begins like this is better than the best: its values only get worse, but for the value placed.
    fn is_hopeless(&self, slots: &Slots) -> bool {
        let stages = self.shop.schedule.stages.iter();
        let now = self.shop.values(slots);
        for (stage, (now, best)) in stages.zip(now.iter().zip(&self.values)) {
            let least = match stage.objective {
                // All that has a way is placed in the end.
                TimeObjective::Value => continue,
                TimeObjective::Makespan => {
                    let ends = slots.iter().zip(&self.tails);
                    let ends =
                        ends.flat_map(|(copies, tail)| copies.iter().map(move |it| it.end + tail));
                    now.max(ends.max().unwrap_or(0) as f64)
                }
                _ => *now,
            };
            if Sense::Minimize.is_better(*best, least, crate::assignment::TIE) {
                return true;
            }
            if Sense::Minimize.is_better(least, *best, crate::assignment::TIE) {
                return false;
            }
        }
        false
    }
}
