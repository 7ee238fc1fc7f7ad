//! The most that can be placed of each item alone, and the most value that this has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::shapes::address;
use super::{Room, UNLIMITED};
use crate::assignment::types::{Assignment, Term, Yield, greatest_common_divisor};

impl Room<'_> {
    pub(super) fn most_of(&self, item: usize) -> i64 {
        let shape = &self.shapes[self.shape_of[item]];
        let mut most = self.assignment.items[item].count.min(shape.total);
        for &limit in &self.limits_of[item] {
            let limit = &self.assignment.limits[limit as usize];
            let (groups, outside) = &shape.by_group[&address(&limit.packing)];
            let rooms =
                (groups.iter().enumerate()).map(|(group, &copies)| copies.min(limit.room(group)));
            most = most.min(rooms.fold(*outside, i64::saturating_add));
        }
        most
    }

    /// Lowers `most` by families of caps.
    pub(super) fn apply_caps(&mut self) {
        let mut caps_of: Vec<Vec<u32>> = vec![Vec::new(); self.assignment.items.len()];
        for (position, cap) in self.assignment.caps.iter().enumerate() {
            for &item in cap.items.iter() {
                caps_of[item as usize].push(position as u32);
            }
        }
        let mut items_of: Vec<Vec<usize>> = vec![Vec::new(); self.shapes.len()];
        for (item, &shape) in self.shape_of.iter().enumerate() {
            items_of[shape].push(item);
        }
        // Items under the same caps share their families.
        let mut known: BTreeMap<&[u32], Vec<&[u32]>> = BTreeMap::new();
        // What fits in each bin.
        let mut copies = vec![0_i64; self.assignment.bins.len()];
        for (shape, items) in self.shapes.iter().zip(items_of) {
            for &(bin, fit) in &shape.copies {
                copies[bin as usize] = fit;
            }
            for item in items {
                let caps = caps_of[item].as_slice();
                let families =
                    (known.entry(caps)).or_insert_with(|| families(self.assignment, caps));
                for family in families {
                    self.most[item] = self.most_under(item, family, shape.total, &copies);
                }
            }
            for &(bin, _) in &shape.copies {
                copies[bin as usize] = 0;
            }
        }
    }

    /// `most` of the item, of which there are so many copies in all, lowered by a family of caps.
    fn most_under(&self, item: usize, family: &[u32], total: i64, copies: &[i64]) -> i64 {
        let (mut most, mut inside) = (0_i64, 0_i64);
        for &cap in family {
            let cap = &self.assignment.caps[cap as usize];
            let here = cap
                .bins
                .iter()
                .fold(0_i64, |sum, &bin| sum.saturating_add(copies[bin as usize]));
            let room = cap.max.checked_div(cap.weight(item as u32));
            most = most.saturating_add(here.min(room.unwrap_or(UNLIMITED)));
            if most >= self.most[item] {
                return self.most[item];
            }
            inside = inside.saturating_add(here);
        }
        let outside = total.saturating_sub(inside);
        self.most[item].min(most.saturating_add(outside))
    }

    pub(in crate::assignment) fn most_value(&self, terms: &[Term]) -> i128 {
        let of_term =
            |term: &Term| i128::from(term.value) * i128::from(self.most[term.item as usize]);
        terms.iter().map(of_term).sum()
    }

    /// The value of every item's copies in the classes of bins where they are worth most, each item as if it were alone.
    pub(super) fn most_yield(&self, by_class: &Yield) -> i128 {
        (by_class.rates.iter())
            .map(|rate| {
                let shape = &self.shapes[self.shape_of[rate.item as usize]];
                let mut copies: BTreeMap<i64, i64> = BTreeMap::new();
                for &(bin, here) in &shape.copies {
                    let value = rate.values[by_class.class_of[bin as usize] as usize];
                    let of_value = copies.entry(value).or_insert(0);
                    *of_value = of_value.saturating_add(here);
                }
                let mut left = self.most[rate.item as usize];
                let mut sum = 0;
                for (value, here) in copies.into_iter().rev() {
                    sum += i128::from(value) * i128::from(here.min(left));
                    left -= here.min(left);
                }
                sum
            })
            .sum()
    }
}

/// The caps over an item, divided into families one after the other, each as long as it gets: the same items, and no bin twice.
fn families<'c>(assignment: &Assignment, mut caps: &'c [u32]) -> Vec<&'c [u32]> {
    let mut families = Vec::new();
    while let Some((&first, others)) = caps.split_first() {
        let first = &assignment.caps[first as usize];
        let mut covered: BTreeSet<u32> = first.bins.iter().copied().collect();
        let joins = |&&cap: &&u32| {
            let cap = &assignment.caps[cap as usize];
            let same = Arc::ptr_eq(&cap.items, &first.items) || cap.items == first.items;
            same && cap.bins.iter().all(|&bin| covered.insert(bin))
        };
        let (family, rest) = caps.split_at(1 + others.iter().take_while(joins).count());
        families.push(family);
        caps = rest;
    }
    families
}

/// See [`Room::usable`].
pub(super) fn usable(assignment: &Assignment) -> Vec<Vec<i64>> {
    let mut divisors = vec![0_i64; assignment.resources.len()];
    for item in &assignment.items {
        for (divisor, &demand) in divisors.iter_mut().zip(&item.demand) {
            *divisor = greatest_common_divisor(*divisor, demand);
        }
    }
    let bins = assignment.bins.iter().map(|bin| {
        let capacity = bin.capacity.iter().zip(&divisors);
        capacity
            .map(|(&capacity, &divisor)| capacity - capacity % divisor.max(1))
            .collect()
    });
    bins.collect()
}
