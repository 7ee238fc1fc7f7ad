//! What each item would choose at given prices, and the bound that this makes.

use super::{Copies, Least};
use crate::assignment::knapsack::dot;
use crate::assignment::prices::Prices;
use crate::assignment::types::Limit;
use crate::assignment::validate::NO_GROUP;

/// Bins in the order of their coefficients, then their positions, sorted as far as somebody looks: few are as a rule chosen of many.
struct Ascending {
    /// Coefficient, bin, copies that fit.
    bins: Vec<(f64, u32, i64)>,
    sorted: usize,
}

impl Ascending {
    /// Bins that are sorted first; later on as many as there are.
    const FIRST: usize = 16;

    fn new(bins: Vec<(f64, u32, i64)>) -> Self {
        Self { bins, sorted: 0 }
    }

    fn get(&mut self, at: usize) -> Option<(f64, u32, i64)> {
        while at >= self.sorted && self.sorted < self.bins.len() {
            let order = |left: &(f64, u32, i64), right: &(f64, u32, i64)| {
                left.0.total_cmp(&right.0).then(left.1.cmp(&right.1))
            };
            let rest = &mut self.bins[self.sorted..];
            let next = self.sorted.max(Self::FIRST).min(rest.len());
            if next < rest.len() {
                rest.select_nth_unstable_by(next, order);
            }
            rest[..next].sort_unstable_by(order);
            self.sorted += next;
        }
        self.bins.get(at).copied()
    }
}

/// Where an item's copies are cheapest at some prices.
pub(super) struct Choice {
    pub(super) sum: f64,
    pub(super) bins: Vec<(u32, i64)>,
}

impl<'a> Least<'a> {
    /// What caps add to the coefficient of a copy: their own prices, and the weights of the parts that they are.
    pub(in crate::assignment) fn cap_prices(&self, prices: &Prices) -> Vec<f64> {
        let mut sums = prices.caps.clone();
        if let Some(peak) = self.peak() {
            for (part, weight) in peak.parts.iter().zip(&prices.parts) {
                sums[part.cap as usize] += weight * 1000.0 / part.total as f64;
            }
        }
        sums
    }

    /// What is in the bound whatever is placed where.
    fn constant(&self, prices: &Prices) -> f64 {
        let Some(peak) = self.peak() else {
            return 0.0;
        };
        let parts = peak.parts.iter().zip(&prices.parts);
        let used: f64 = parts.map(|(part, weight)| weight * part.used(0)).sum();
        let rest = 1.0 - prices.parts.iter().sum::<f64>();
        used + rest.max(0.0) * peak.least
    }

    /// `L` at the given prices, and what each item would choose.
    pub(super) fn choose(&self, prices: &Prices) -> (f64, Vec<Choice>) {
        let items = 0..self.assignment.items.len() as u32;
        let of_caps = self.cap_prices(prices);
        let choices: Vec<Choice> = (items)
            .map(|item| self.choice(item, prices, &of_caps))
            .collect();
        let of_items: f64 = choices.iter().map(|choice| choice.sum).sum();
        let of_bins: f64 = (self.room.usable.iter().zip(&prices.by_bin))
            .map(|(usable, prices)| dot(prices, usable))
            .sum();
        let of_stages: f64 = (prices.kept.iter().enumerate())
            .map(|(stage, price)| price * self.sign(stage) * self.reached[stage])
            .sum();
        let caps = self.assignment.caps.iter().zip(&prices.caps);
        let held: f64 = caps.map(|(cap, price)| price * cap.max as f64).sum();
        let sum = self.constant(prices) + of_items + of_stages - of_bins - held;
        (sum, choices)
    }

    /// The coefficient of one copy of the item at the given prices, by bin.
    pub(in crate::assignment) fn reduced<'b>(
        &'b self,
        item: u32,
        prices: &'b Prices,
        of_caps: &'b [f64],
    ) -> impl Fn(u32) -> f64 + 'b {
        let demand = &self.assignment.items[item as usize].demand;
        let weights = &self.weights[item as usize];
        let kept = prices.kept.iter().enumerate();
        let stages: Vec<(f64, Copies<'_>)> = kept
            .filter(|(_, price)| **price > 0.0)
            .map(|(stage, price)| (-price * self.sign(stage), self.copies_of(stage, item)))
            .chain([(self.direction(), self.copies_of(self.stage, item))])
            .collect();
        move |bin| {
            let caps = self.caps_in[bin as usize].iter();
            let of_caps: f64 = caps
                .map(|&cap| of_caps[cap as usize] * weights[cap as usize])
                .sum();
            let of_stages: f64 = stages.iter().map(|(sign, it)| sign * it.of(bin)).sum();
            of_caps + dot(&prices.by_bin[bin as usize], demand) + of_stages
        }
    }

    fn choice(&self, item: u32, prices: &Prices, of_caps: &[f64]) -> Choice {
        let shape = &self.room.shapes[self.room.shape_of[item as usize]];
        let reduced = self.reduced(item, prices, of_caps);
        let bins = shape.copies.iter();
        let mut bins = Ascending::new(
            bins.map(|&(bin, copies)| (reduced(bin), bin, copies))
                .collect(),
        );
        let mut best = self.cheapest(item, &mut bins, None);
        for limit in &self.limits_of[item as usize] {
            let choice = self.cheapest(item, &mut bins, Some(limit));
            if choice.sum > best.sum {
                best = choice;
            }
        }
        best
    }

    /// The cheapest way to place the item, from bins in the order of their coefficients.
    fn cheapest(&self, item: u32, bins: &mut Ascending, limit: Option<&Limit>) -> Choice {
        let mut rooms: Vec<i64> = limit.map_or_else(Vec::new, |limit| {
            (0..limit.packing.base.len())
                .map(|group| limit.room(group))
                .collect()
        });
        let (most, fewest) = (self.room.most[item as usize], self.fewest[item as usize]);
        let mut choice = Choice {
            sum: 0.0,
            bins: Vec::new(),
        };
        let mut placed = 0;
        for at in 0.. {
            let Some((coefficient, bin, copies)) = bins.get(at) else {
                break;
            };
            let wanted = if coefficient < 0.0 { most } else { fewest };
            let mut here = copies.min(wanted - placed);
            if let Some(limit) = limit {
                let group = limit.packing.group_of[bin as usize];
                if group != NO_GROUP
                    && let Some(room) = rooms.get_mut(group as usize)
                {
                    here = here.min(*room);
                    *room -= here.max(0);
                }
            }
            if wanted <= placed {
                break;
            }
            if here > 0 {
                placed += here;
                choice.sum += coefficient * here as f64;
                choice.bins.push((bin, here));
            }
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ascending;

    proptest! {
        #[test]
        fn bins_come_as_if_all_were_sorted(
            coefficients in prop::collection::vec(-3..3_i32, 0..80),
            looks in prop::collection::vec(0..90_usize, 1..20),
        ) {
            let bins = (0..coefficients.len()).rev();
            let bins: Vec<_> = bins.map(|bin| (f64::from(coefficients[bin]), bin as u32, 1)).collect();
            let mut all = bins.clone();
            all.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            let mut ascending = Ascending::new(bins);
            for at in looks {
                prop_assert_eq!(ascending.get(at), all.get(at).copied());
            }
        }
    }
}
