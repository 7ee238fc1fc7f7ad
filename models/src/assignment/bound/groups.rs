//! Bounds that fill groups: worst counts, survivors, and groups with a copy.

use super::Room;
use super::shapes::{address, same_division};
use crate::assignment::types::{Limit, Packing};

impl Room<'_> {
    /// The least worst count of a term for plans that keep the value reached.
    pub(in crate::assignment) fn least_worst(
        &self,
        packing: &Packing,
        stage: usize,
        reached: &[f64],
    ) -> i64 {
        let wanted = self.wanted(packing, stage, reached);
        let (fit, outside) = self.fit(packing);
        waterfill(&packing.base, &fit, wanted.saturating_sub(outside))
    }

    /// The fewest groups with a copy of a term for plans that keep the value reached: those that have one, then the largest.
    pub(in crate::assignment) fn fewest_groups(
        &self,
        packing: &Packing,
        stage: usize,
        reached: &[f64],
    ) -> usize {
        let there: i64 = packing.base.iter().sum();
        let (fit, outside) = self.fit(packing);
        let mut left = self.wanted(packing, stage, reached) - there;
        left = left.saturating_sub(outside);
        let groups = packing.base.iter().zip(fit);
        let (used, mut unused): (Vec<_>, Vec<_>) = groups.partition(|group| *group.0 > 0);
        for &(_, fit) in &used {
            left = left.saturating_sub(fit);
        }
        unused.sort_by_key(|group| -group.1);
        let mut n_groups = used.len();
        for (_, fit) in unused {
            if left <= 0 || fit == 0 {
                break;
            }
            left = left.saturating_sub(fit);
            n_groups += 1;
        }
        n_groups
    }

    /// How many copies of a term, `base` included, plans must have that keep the value reached.
    fn wanted(&self, packing: &Packing, stage: usize, reached: &[f64]) -> i64 {
        let there: i64 = packing.base.iter().sum();
        let mut wanted = there;
        if let Some((terms, slack)) = self.slack(stage, reached) {
            let mut all = there;
            let mut least_value = i64::MAX;
            for &item in packing
                .items
                .iter()
                .filter(|&&item| self.most[item as usize] > 0)
            {
                let found = terms.binary_search_by_key(&item, |term| term.item);
                let value = found.map_or(0, |position| terms[position].value);
                if value > 0 {
                    all += self.most[item as usize];
                    least_value = least_value.min(value);
                }
            }
            let missing = slack / i128::from(least_value);
            wanted = wanted.max((i128::from(all) - missing).max(0) as i64);
        }
        wanted
    }

    /// The most copies of a term that can survive the loss of any group.
    pub(super) fn most_survivors(&self, packing: &Packing) -> i64 {
        let (fit, outside) = self.fit(packing);
        let there: i64 = packing.base.iter().sum();
        let items = packing.items.iter().map(|&item| self.most[item as usize]);
        let all = there + items.sum::<i64>();
        let inside = fit.iter().fold(there, |sum, &fit| sum.saturating_add(fit));
        let outside = outside.min(all - there);
        let wanted = (all - outside).min(inside);
        wanted + outside - waterfill(&packing.base, &fit, wanted)
    }

    /// How many copies of the packing's items each group has room for, and the bins in no group.
    fn fit(&self, packing: &Packing) -> (Vec<i64>, i64) {
        let mut fit = vec![0_i64; packing.base.len()];
        let mut outside = 0_i64;
        for &item in packing.items.iter() {
            let shape = &self.shapes[self.shape_of[item as usize]];
            let (groups, beyond) = &shape.by_group[&address(packing)];
            let most = self.most[item as usize];
            let limits: Vec<&Limit> = (self.limits_of[item as usize].iter())
                .map(|&limit| &self.assignment.limits[limit as usize])
                .filter(|limit| same_division(&limit.packing, packing))
                .collect();
            for (group, (fit, &copies)) in fit.iter_mut().zip(groups).enumerate() {
                let room = limits.iter().map(|limit| limit.room(group));
                *fit = fit.saturating_add(room.fold(copies.min(most), i64::min));
            }
            outside = outside.saturating_add(most.min(*beyond));
        }
        (fit, outside)
    }
}

/// The smallest level, not below any of `have`, at which groups filled up to it hold `wanted` copies (or as many as they can).
fn waterfill(have: &[i64], fit: &[i64], wanted: i64) -> i64 {
    let top = |(&have, &fit): (&i64, &i64)| have.saturating_add(fit);
    let holds = |level: i64| {
        let of_group = |(have, fit): (&i64, &i64)| level.max(*have).min(top((have, fit)));
        (have.iter().zip(fit).map(of_group)).fold(0, i64::saturating_add)
    };
    let mut low = have.iter().copied().max().unwrap_or(0);
    let highest = have.iter().zip(fit).map(top).fold(low, i64::max);
    let wanted = wanted.min(holds(highest));
    if holds(low) >= wanted {
        return low;
    }
    // `low` is too low; the answer is mostly near it.
    let mut step = 1;
    let mut high = (low + 1).min(highest);
    while holds(high) < wanted {
        low = high;
        step *= 2;
        high = low.saturating_add(step).min(highest);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) >= wanted {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::waterfill;

    #[test]
    fn water_rises_evenly_and_stops_at_the_brim() {
        assert_eq!(waterfill(&[0, 0, 0], &[9, 9, 9], 7), 3);
        assert_eq!(waterfill(&[0, 0, 0], &[1, 9, 9], 7), 3);
        assert_eq!(waterfill(&[5, 0], &[0, 9], 7), 5);
        assert_eq!(waterfill(&[5, 0], &[0, 9], 12), 7);
        assert_eq!(waterfill(&[0, 0], &[2, 3], 100), 3);
        assert_eq!(waterfill(&[], &[], 4), 0);
    }

    #[test]
    fn water_agrees_with_trying_every_level() {
        for seed in 0..2000_i64 {
            let digit = |place: u32, limit: i64| seed / 3_i64.pow(place) % limit;
            let have = [digit(0, 4), digit(1, 3), digit(2, 5)];
            let fit = [digit(3, 6), digit(4, 4), digit(5, 7)];
            let top: i64 = have.iter().chain(&fit).sum();
            let wanted = digit(2, 30).min(top);
            let holds = |level: i64| -> i64 {
                let of_group = |(&have, &fit): (&i64, &i64)| level.max(have).min(have + fit);
                have.iter().zip(&fit).map(of_group).sum()
            };
            let least = have.into_iter().max().unwrap_or(0);
            let slow = (least..100).find(|&level| holds(level) >= wanted);
            assert_eq!(
                Some(waterfill(&have, &fit, wanted)),
                slow,
                "{have:?} {fit:?} {wanted}"
            );
        }
    }
}
