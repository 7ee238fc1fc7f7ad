//! Copies that would be worth more, or cost less, in another bin.

use super::ejections::{are_free, put_by_ejection};
use super::moves::{exchange_if, move_if_better};
use super::worst::raised;
use super::{Search, inside};
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::Item;

/// Bins in which room is made for a copy, those where its toll is least.
const BINS_TO_EJECT_FROM: usize = 64;
/// Bins that are looked at in all for those who make room.
const LOOKS_TO_EJECT: usize = 200_000_000;

impl Search {
    /// Moves single copies to bins where they are worth more or cost less, swaps them, or lets others make room, where no earlier stage suffers.
    pub(super) fn lower_tolls(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        looks: &mut usize,
    ) -> bool {
        let mut lowered = self.lower_each(run, tally, |tally, item, from| {
            (*looks > 0).then(|| {
                self.lower_toll(tally, item, from, looks) || self.swap(tally, item, from, looks)
            })
        });
        if !tally.assignment.caps.is_empty() && are_free(tally.assignment, self.stage) {
            // Each takes many looks, and comes when nothing else helps.
            let mut looks = LOOKS_TO_EJECT;
            lowered |= self.lower_each(run, tally, |tally, item, from| {
                (looks > 0).then(|| self.eject(tally, item, from, &mut looks))
            });
        }
        lowered
    }

    /// Lowers the toll of every copy as long as `lower` does; `None` from it ends that.
    fn lower_each(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        mut lower: impl FnMut(&mut Tally<'_>, u32, u32) -> Option<bool>,
    ) -> bool {
        let mut lowered = false;
        for (item, from) in self.above_least(tally) {
            while tally.at[item as usize].contains_key(&from) {
                if run.must_stop() {
                    return lowered;
                }
                match lower(tally, item, from) {
                    Some(true) => lowered = true,
                    Some(false) => break,
                    None => return lowered,
                }
            }
        }
        lowered
    }

    /// Moves a copy to the bin where its toll is least, if that is better.
    fn lower_toll(&self, tally: &mut Tally<'_>, item: u32, from: u32, looks: &mut usize) -> bool {
        let eligible = &tally.assignment.items[item as usize].eligible;
        *looks = looks.saturating_sub(eligible.len());
        let targets = self.cheaper(tally, item, from);
        tally.change(item, from, -1);
        let mut with_room = (targets.into_iter()).filter(|&(_, bin)| tally.room(item, bin) > 0);
        let target = with_room.next().map(|(least, bin)| {
            let as_cheap = with_room.take_while(|&(change, _)| change == least);
            let bins = std::iter::once(bin).chain(as_cheap.map(|(_, bin)| bin));
            bins.min_by_key(|&bin| (raised(tally, item, bin), bin))
        });
        tally.change(item, from, 1);
        (target.flatten()).is_some_and(|to| move_if_better(tally, item, from, to))
    }

    /// Lets a copy change places with one of another item in a bin where its toll is less, if that is better.
    fn swap(&self, tally: &mut Tally<'_>, item: u32, from: u32, looks: &mut usize) -> bool {
        let objective = &tally.assignment.stages[self.stage].objective;
        for (change, to) in self.cheaper(tally, item, from) {
            for other in inside(tally, &[to]) {
                if *looks == 0 {
                    return false;
                }
                *looks -= 1;
                let tolls = objective.tolls(other);
                let back = tolls.of(from) - tolls.of(to);
                if other != item
                    && change + back < 0
                    && tally.assignment.is_eligible(other, from)
                    && exchange_if(tally, (item, from), (other, to), |_, order| order.is_lt())
                {
                    return true;
                }
            }
        }
        false
    }

    /// Moves a copy to a bin where its toll is less, and another that takes the room there to where that costs less than is won.
    fn eject(&self, tally: &mut Tally<'_>, item: u32, from: u32, looks: &mut usize) -> bool {
        let targets = self.cheaper(tally, item, from).into_iter();
        tally.change(item, from, -1);
        let moved = targets.take(BINS_TO_EJECT_FROM).any(|(change, to)| {
            let most = -change - 1;
            put_by_ejection(tally, self.stage, (item, to), most, looks)
        });
        if !moved {
            tally.change(item, from, 1);
        }
        moved
    }

    /// Bins in which a copy's toll is less than in the one where it is, with the change, the least first.
    fn cheaper(&self, tally: &Tally<'_>, item: u32, from: u32) -> Vec<(i64, u32)> {
        let tolls = tally.assignment.stages[self.stage].objective.tolls(item);
        let here = tolls.of(from);
        let eligible = tally.assignment.items[item as usize].eligible.iter();
        let mut bins: Vec<(i64, u32)> = eligible
            .map(|&bin| (tolls.of(bin) - here, bin))
            .filter(|&(change, _)| change < 0)
            .collect();
        bins.sort_unstable();
        bins
    }

    /// Items and bins of copies whose toll is less elsewhere.
    fn above_least(&self, tally: &Tally<'_>) -> Vec<(u32, u32)> {
        let objective = &tally.assignment.stages[self.stage].objective;
        let items = (0_u32..).zip(&tally.assignment.items);
        let of_item = |(item, of_item): (u32, &Item)| {
            let tolls = objective.tolls(item);
            let least = of_item.eligible.iter().map(|&bin| tolls.of(bin)).min();
            let bins = tally.at[item as usize].keys().copied();
            let above = bins.filter(|&bin| Some(tolls.of(bin)) > least);
            above.map(|bin| (item, bin)).collect::<Vec<_>>()
        };
        items.flat_map(of_item).collect()
    }

    /// A copy whose toll is less elsewhere, its bin, and bins where it is.
    pub(super) fn around_toll(&mut self, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let (item, from) = *self.random.pick(&self.above_least(tally))?;
        let tolls = tally.assignment.stages[self.stage].objective.tolls(item);
        let better = (tally.assignment.items[item as usize].eligible.iter())
            .filter(|&&bin| tolls.of(bin) < tolls.of(from));
        let better: Vec<u32> = better.copied().collect();
        let mut bins = vec![from];
        self.add_random(&better, &mut bins);
        Some((vec![item], bins))
    }
}
