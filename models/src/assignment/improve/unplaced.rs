//! Moves and neighborhoods that make room for copies without a place.

use super::{BINS, Search, inside};
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::Term;

impl Search {
    /// An item with copies to place (or its gang), and bins where there is nearly room for it.
    pub(super) fn around_unplaced(
        &mut self,
        tally: &Tally<'_>,
        terms: &[Term],
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let is_wanted = |term: &&Term| {
            let item = &tally.assignment.items[term.item as usize];
            term.value > 0 && tally.remaining(term.item) > 0 && !item.eligible.is_empty()
        };
        let wanted: Vec<u32> = terms
            .iter()
            .filter(is_wanted)
            .map(|term| term.item)
            .collect();
        let item = *self.random.pick(&wanted)?;
        let items = match tally.index.gang_of[item as usize] {
            Some(gang) => tally.assignment.gangs[gang as usize].items.clone(),
            None => vec![item],
        };
        let of_item = &tally.assignment.items[item as usize];
        let nearly = |bin: u32| {
            let shares = tally.free(bin).iter().zip(&of_item.demand);
            (shares.filter(|&(_, &demand)| demand > 0))
                .map(|(&free, &demand)| free as f64 / demand as f64)
                .fold(1.0, f64::min)
        };
        let mut by_room: Vec<(f64, u32)> = of_item
            .eligible
            .iter()
            .map(|&bin| (nearly(bin), bin))
            .collect();
        by_room.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let nearest: Vec<u32> = by_room.iter().take(4 * BINS).map(|&(_, bin)| bin).collect();
        let mut bins = self.random.some(&nearest, BINS * 2 / 3);
        self.add_random(&of_item.eligible, &mut bins);
        Some((items, bins))
    }
}

/// Places copies that have no room by moving others, the most valuable first.
pub(super) fn place_more(
    run: &mut Run<'_>,
    tally: &mut Tally<'_>,
    terms: &[Term],
    looks: &mut usize,
) -> bool {
    let mut wanted: Vec<(i64, u32)> = (terms.iter())
        .filter(|term| term.value > 0 && tally.remaining(term.item) > 0)
        .filter(|term| {
            let gang = tally.index.gang_of[term.item as usize];
            gang.is_none_or(|gang| tally.gangs[gang as usize] > 0)
        })
        .map(|term| (-term.value, term.item))
        .collect();
    wanted.sort_unstable();
    let mut placed = false;
    for (_, item) in wanted {
        while tally.remaining(item) > 0 && !run.must_stop() && place_by_moving(tally, item, looks) {
            placed = true;
        }
    }
    placed
}

/// Makes room for one more copy of the item by moving a copy of another item elsewhere.
fn place_by_moving(tally: &mut Tally<'_>, item: u32, looks: &mut usize) -> bool {
    let assignment = tally.assignment;
    for &bin in assignment.items[item as usize].eligible.iter() {
        for other in inside(tally, &[bin]) {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            if other == item || !frees_enough(tally, item, other, bin) {
                continue;
            }
            let tightest = |tally: &Tally<'_>| {
                let eligible = &assignment.items[other as usize].eligible;
                *looks = looks.saturating_sub(eligible.len());
                (eligible.iter().copied())
                    .filter(|&to| to != bin && tally.room(other, to) > 0)
                    .min_by_key(|&to| (tally.free(to).iter().sum::<i64>(), to))
            };
            if give_way(tally, (item, bin), (other, bin), tightest) {
                return true;
            }
        }
    }
    false
}

/// Puts a copy of the item into the bin, and one of another (with its bin) that is in the way into the bin that `target` names with
/// the copy in place; or leaves everything as it is.
pub(super) fn give_way(
    tally: &mut Tally<'_>,
    (item, bin): (u32, u32),
    (other, from): (u32, u32),
    target: impl FnOnce(&Tally<'_>) -> Option<u32>,
) -> bool {
    tally.change(other, from, -1);
    if tally.room(item, bin) > 0 {
        tally.change(item, bin, 1);
        if let Some(to) = target(tally) {
            tally.change(other, to, 1);
            if tally.holds(other) && tally.holds(item) {
                return true;
            }
            tally.change(other, to, -1);
        }
        tally.change(item, bin, -1);
    }
    tally.change(other, from, 1);
    false
}

/// Whether the bin's capacity is enough for the item once a copy of the other is gone.
fn frees_enough(tally: &Tally<'_>, item: u32, other: u32, bin: u32) -> bool {
    let items = &tally.assignment.items;
    let demands = (items[item as usize].demand.iter()).zip(&items[other as usize].demand);
    // Whether the devices are enough is seen when the copy is gone.
    (tally.free(bin).iter().zip(demands))
        .all(|(&free, (&wanted, &freed))| wanted == 0 || free + freed >= wanted)
}
