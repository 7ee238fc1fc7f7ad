//! Groups that copies which are to be together might leave.

use super::moves::touched;
use super::worst::raised;
use super::{BINS, Search};
use crate::assignment::tally::Tally;

impl Search {
    /// Bins of a group that might be left, and of groups that the term's other copies are in.
    pub(super) fn around_span(&mut self, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let rule = *self.random.pick(&self.excessive(tally))?;
        let packing = tally.index.rules[rule as usize].packing(tally.assignment);
        let leaving = groups_to_leave(tally, rule);
        let group = *self.random.pick(&leaving[..leaving.len().min(3)])?;
        let of_item = |&item: &u32| tally.at[item as usize].keys().copied();
        let holding: Vec<u32> = packing.items.iter().flat_map(of_item).collect();
        let is_in = |bin: &u32| tally.group(rule, *bin) == Some(group);
        let (inside, _): (Vec<u32>, Vec<u32>) = holding.iter().partition(|bin| is_in(bin));
        let mut bins = self.random.some(&inside, BINS / 2);
        let item = *self.random.pick(&packing.items)?;
        let counts = &tally.counts[rule as usize].counts;
        let eligible = tally.assignment.items[item as usize]
            .eligible
            .iter()
            .copied();
        let others: Vec<u32> = eligible
            .filter(|&bin| {
                let other = tally.group(rule, bin);
                other != Some(group) && other.is_none_or(|other| counts[other] > 0)
            })
            .collect();
        self.add_random(&others, &mut bins);
        Some((packing.items.to_vec(), bins))
    }
}

/// Groups with copies, none of which has to be there; those with the fewest first.
fn groups_to_leave(tally: &Tally<'_>, rule: u32) -> Vec<usize> {
    let base = &tally.index.rules[rule as usize]
        .packing(tally.assignment)
        .base;
    let counts = &tally.counts[rule as usize].counts;
    let mut groups: Vec<usize> = (0..base.len())
        .filter(|&group| base[group] == 0 && counts[group] > 0)
        .collect();
    groups.sort_by_key(|&group| (counts[group], group));
    groups
}

/// Moves all copies of the term out of one of its groups into others that it uses, if the result is better.
pub(super) fn leave_a_group(tally: &mut Tally<'_>, rule: u32, looks: &mut usize) -> bool {
    groups_to_leave(tally, rule)
        .into_iter()
        .any(|group| *looks > 0 && leave(tally, rule, group, looks))
}

fn leave(tally: &mut Tally<'_>, rule: u32, group: usize, looks: &mut usize) -> bool {
    let packing = tally.index.rules[rule as usize].packing(tally.assignment);
    let mut inside: Vec<(u32, u32, i64)> = Vec::new();
    for &item in packing.items.iter() {
        for (&bin, &copies) in &tally.at[item as usize] {
            if tally.group(rule, bin) == Some(group) {
                inside.push((item, bin, copies));
            }
        }
    }
    let copies =
        (inside.into_iter()).flat_map(|(item, bin, copies)| (0..copies).map(move |_| (item, bin)));
    let nothing = vec![0.0; tally.assignment.stages.len()];
    let mut gained = nothing.clone();
    let mut moved: Vec<(u32, u32, u32)> = Vec::new();
    for (item, from) in copies {
        if *looks == 0 {
            break;
        }
        let eligible = &tally.assignment.items[item as usize].eligible;
        *looks = looks.saturating_sub(eligible.len());
        tally.change(item, from, -1);
        let counts = &tally.counts[rule as usize].counts;
        let target = (eligible.iter().copied())
            .filter(|&bin| {
                let other = tally.group(rule, bin);
                other != Some(group) && other.is_none_or(|other| counts[other] > 0)
            })
            .filter(|&bin| tally.room(item, bin) > 0)
            .min_by_key(|&bin| {
                (
                    raised(tally, item, bin),
                    tally.free(bin).iter().sum::<i64>(),
                    bin,
                )
            });
        tally.change(item, from, 1);
        let Some(to) = target else {
            break;
        };
        let before = touched(tally, item, from, to);
        tally.change(item, from, -1);
        tally.change(item, to, 1);
        let after = touched(tally, item, from, to);
        for (gained, (after, before)) in gained.iter_mut().zip(after.iter().zip(before)) {
            *gained += after - before;
        }
        moved.push((item, from, to));
    }
    let is_left = tally.counts[rule as usize].counts[group] == 0;
    let holds = moved.iter().all(|&(item, ..)| tally.holds(item));
    if is_left && holds && tally.assignment.compare(&gained, &nothing).is_lt() {
        return true;
    }
    for &(item, from, to) in moved.iter().rev() {
        tally.change(item, to, -1);
        tally.change(item, from, 1);
    }
    false
}
