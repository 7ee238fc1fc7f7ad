//! Copies that would exchange more elsewhere.

use super::moves::{move_if_better, touched};
use super::{BINS, Search};
use crate::assignment::ladder::Run;
use crate::assignment::tally::{Rule, Tally};

impl Search {
    /// Bins of both ends of a flow of which something crosses, and others.
    pub(super) fn around_traffic(&mut self, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let crossing: Vec<(u32, u32)> = (0_u32..)
            .zip(&tally.index.partners_of)
            .filter(|(rule, _)| matches!(tally.index.rules[*rule as usize], Rule::End(stage, ..) if stage == self.stage))
            .flat_map(|(rule, partners)| partners.iter().map(move |&(other, _)| (rule, other)))
            .filter(|&(rule, other)| crosses(tally, rule, other))
            .collect();
        let &(one, other) = self.random.pick(&crossing)?;
        let items_of = |rule: u32| {
            let packing = tally.index.rules[rule as usize].packing(tally.assignment);
            packing.items.to_vec()
        };
        let items: Vec<u32> = [items_of(one), items_of(other)].concat();
        let holding = |items: &[u32]| -> Vec<u32> {
            let bins = items
                .iter()
                .flat_map(|&item| tally.at[item as usize].keys());
            bins.copied().collect()
        };
        let mut bins = self.random.some(&holding(&items_of(one)), BINS / 3 + 1);
        for bin in self.random.some(&holding(&items_of(other)), BINS / 3 + 1) {
            if !bins.contains(&bin) {
                bins.push(bin);
            }
        }
        let first = *items.first()?;
        self.add_random(&tally.assignment.items[first as usize].eligible, &mut bins);
        Some((items, bins))
    }
}

/// Whether the two ends exchange less within groups than they could if all copies were in one.
fn crosses(tally: &Tally<'_>, one: u32, other: u32) -> bool {
    let (here, there) = (
        &tally.counts[one as usize].counts,
        &tally.counts[other as usize].counts,
    );
    let pairs: i128 = here
        .iter()
        .zip(there)
        .map(|(&a, &b)| i128::from(a) * i128::from(b))
        .sum();
    let all = i128::from(tally.totals[one as usize]) * i128::from(tally.totals[other as usize]);
    pairs < all
}

/// Moves single copies to where they exchange more, or swaps them with others, as long as that helps.
pub(super) fn move_traffic(run: &mut Run<'_>, tally: &mut Tally<'_>, looks: &mut usize) -> bool {
    let assignment = tally.assignment;
    let mut moved = false;
    loop {
        let mut again = false;
        for item in 0..assignment.items.len() as u32 {
            let bins: Vec<u32> = tally.at[item as usize].keys().copied().collect();
            for from in bins {
                while tally.at[item as usize].contains_key(&from) {
                    if *looks == 0 || run.must_stop() {
                        return moved || again;
                    }
                    if !better_place(tally, item, from, looks) {
                        break;
                    }
                    again = true;
                }
            }
        }
        if !again {
            return moved;
        }
        moved = true;
    }
}

/// Moves a copy to one of the bins that draw it most, if need be in exchange for a copy there.
fn better_place(tally: &mut Tally<'_>, item: u32, from: u32, looks: &mut usize) -> bool {
    const TARGETS: usize = 4;
    let eligible = &tally.assignment.items[item as usize].eligible;
    *looks = looks.saturating_sub(eligible.len());
    let here = drawn(tally, item, from);
    let mut targets: Vec<(f64, u32)> = (eligible.iter().copied())
        .filter(|&bin| bin != from)
        .map(|bin| (drawn(tally, item, bin), bin))
        .filter(|&(drawn, _)| drawn > here)
        .collect();
    targets.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    for &(_, to) in targets.iter().take(TARGETS) {
        if tally.room(item, to) > 0 {
            if move_if_better(tally, item, from, to) {
                return true;
            }
            continue;
        }
        let others: Vec<u32> = tally.inside[to as usize].iter().copied().collect();
        for other in others {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            if other != item && swap_if_better(tally, (item, from), (other, to)) {
                return true;
            }
        }
    }
    false
}

/// What a copy of the item in the bin exchanges with the copies of other ends.
fn drawn(tally: &Tally<'_>, item: u32, bin: u32) -> f64 {
    let rules = tally.index.rules_of[item as usize].iter();
    rules
        .filter(|&&rule| matches!(tally.index.rules[rule as usize], Rule::End(..)))
        .filter_map(|&rule| Some(tally.drawn(rule, tally.group(rule, bin)?)))
        .sum()
}

/// Swaps two copies if that is allowed and better.
fn swap_if_better(tally: &mut Tally<'_>, one: (u32, u32), other: (u32, u32)) -> bool {
    let ((item, from), (second, to)) = (one, other);
    if !tally.assignment.is_eligible(second, from) {
        return false;
    }
    tally.change(item, from, -1);
    tally.change(second, to, -1);
    let mut fits = tally.room(item, to) > 0;
    if fits {
        tally.change(item, to, 1);
        fits = tally.room(second, from) > 0;
        tally.change(item, to, -1);
    }
    tally.change(second, to, 1);
    tally.change(item, from, 1);
    if !fits {
        return false;
    }
    let mut gained = vec![0.0; tally.assignment.stages.len()];
    for (item, from, to) in [(item, from, to), (second, to, from)] {
        let before = touched(tally, item, from, to);
        tally.change(item, from, -1);
        tally.change(item, to, 1);
        let after = touched(tally, item, from, to);
        for (gained, (after, before)) in gained.iter_mut().zip(after.iter().zip(before)) {
            *gained += after - before;
        }
    }
    let nothing = vec![0.0; gained.len()];
    let helps = tally.assignment.compare(&gained, &nothing).is_lt();
    if helps && tally.holds(item) && tally.holds(second) {
        return true;
    }
    for (item, from, to) in [(second, to, from), (item, from, to)] {
        tally.change(item, to, -1);
        tally.change(item, from, 1);
    }
    false
}
