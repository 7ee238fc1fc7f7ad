//! Moves and neighborhoods for stages about the worst group of a rule.

use super::moves::touched;
use super::{BINS, Search};
use crate::assignment::tally::{Rule, Tally};

impl Search {
    /// Bins of a worst group, and bins of groups with few copies.
    pub(super) fn around_worst(&mut self, tally: &Tally<'_>) -> Option<(Vec<u32>, Vec<u32>)> {
        let rule = *self.random.pick(&self.excessive(tally))?;
        let packing = tally.index.rules[rule as usize].packing(tally.assignment);
        let counts = &tally.counts[rule as usize];
        let of_item = |&item: &u32| tally.at[item as usize].keys().copied();
        let is_worst = |&bin: &u32| {
            tally
                .group(rule, bin)
                .is_some_and(|group| counts.counts[group] == counts.most.0)
        };
        let worst: Vec<u32> = packing
            .items
            .iter()
            .flat_map(of_item)
            .filter(is_worst)
            .collect();
        let first = *self.random.pick(&worst)?;
        let group = tally.group(rule, first);
        let same: Vec<u32> = worst
            .iter()
            .copied()
            .filter(|&bin| tally.group(rule, bin) == group)
            .collect();
        let mut bins = self.random.some(&same, BINS / 4 + 1);
        let item = *self.random.pick(&packing.items)?;
        let eligible = &tally.assignment.items[item as usize].eligible;
        let count = |bin: u32| {
            tally
                .group(rule, bin)
                .map_or(0, |group| counts.counts[group])
        };
        let lower: Vec<u32> = (eligible.iter().copied())
            .filter(|&bin| count(bin) + 1 < counts.most.0)
            .collect();
        for bin in self.random.some(&lower, BINS / 2) {
            if !bins.contains(&bin) {
                bins.push(bin);
            }
        }
        self.add_random(eligible, &mut bins);
        Some((packing.items.to_vec(), bins))
    }
}

/// Moves one copy out of a worst group of the rule, if that helps the rule and harms no earlier or equal stage.
pub(super) fn lower(tally: &mut Tally<'_>, rule: u32, looks: &mut usize) -> bool {
    let packing = tally.index.rules[rule as usize].packing(tally.assignment);
    let counts = &tally.counts[rule as usize];
    let most = counts.most.0;
    let is_worst = |bin: u32| {
        tally
            .group(rule, bin)
            .is_some_and(|group| counts.counts[group] == most)
    };
    let mut sources: Vec<(u32, u32)> = Vec::new();
    for &item in packing.items.iter() {
        let bins = tally.at[item as usize].keys().copied();
        sources.extend(bins.filter(|&bin| is_worst(bin)).map(|bin| (item, bin)));
    }
    sources
        .into_iter()
        .any(|(item, from)| move_one(tally, rule, item, from, looks))
}

/// Moves a copy of the item out of the bin to the best other one, if the result is better.
fn move_one(tally: &mut Tally<'_>, rule: u32, item: u32, from: u32, looks: &mut usize) -> bool {
    let n_worst = tally.counts[rule as usize].most;
    tally.change(item, from, -1);
    let target = best_target(tally, rule, item, from, n_worst.0, looks);
    tally.change(item, from, 1);
    let Some(to) = target else {
        return false;
    };
    let before = touched(tally, item, from, to);
    tally.change(item, from, -1);
    tally.change(item, to, 1);
    let after = touched(tally, item, from, to);
    let order = tally.assignment.compare(&after, &before);
    let helps = order.is_lt() || (order.is_eq() && tally.counts[rule as usize].most < n_worst);
    if helps && tally.holds(item) {
        return true;
    }
    tally.change(item, to, -1);
    tally.change(item, from, 1);
    false
}

/// The bin that raises least when it takes the copy; its group has room below the worst.
fn best_target(
    tally: &Tally<'_>,
    rule: u32,
    item: u32,
    from: u32,
    most: i64,
    looks: &mut usize,
) -> Option<u32> {
    let eligible = &tally.assignment.items[item as usize].eligible;
    *looks = looks.saturating_sub(eligible.len());
    let counts = &tally.counts[rule as usize].counts;
    (eligible.iter().copied())
        .filter(|&bin| bin != from)
        .filter(|&bin| {
            tally
                .group(rule, bin)
                .is_none_or(|group| counts[group] + 1 < most)
        })
        .filter(|&bin| tally.room(item, bin) > 0)
        .min_by_key(|&bin| (raised(tally, item, bin), bin))
}

/// How many worst groups one more copy in the bin raises, and the sum of its groups' counts.
pub(super) fn raised(tally: &Tally<'_>, item: u32, bin: u32) -> (i64, i64) {
    let mut raised = 0;
    let mut sum = 0;
    for &rule in &tally.index.rules_of[item as usize] {
        if let Some(group) = tally.group(rule, bin) {
            let counts = &tally.counts[rule as usize];
            let is_term = matches!(
                tally.index.rules[rule as usize],
                Rule::Loss(..) | Rule::Survival(..)
            );
            if let Rule::Span(..) = tally.index.rules[rule as usize] {
                raised += i64::from(counts.counts[group] == 0);
                continue;
            }
            raised += i64::from(is_term && counts.counts[group] == counts.most.0);
            sum += counts.counts[group];
        }
    }
    (raised, sum)
}
