//! The rules of a part: what they still allow beside the copies outside.

use std::sync::Arc;

use super::Cut;
use crate::assignment::tally::Rule;
use crate::assignment::types::{Balance, Cap, Gang, Limit, Packing};
use crate::assignment::validate::NO_GROUP;

impl Cut<'_> {
    /// The caps that speak of the part, with their positions in the whole.
    pub(super) fn caps(&self) -> Vec<(u32, Cap)> {
        let caps_in = |bin: &u32| self.tally.index.caps_in[*bin as usize].iter().copied();
        let mut caps: Vec<u32> = self.bins.iter().flat_map(caps_in).collect();
        caps.sort_unstable();
        caps.dedup();
        let of_part = |&cap: &u32| Some((cap, self.cap(cap)?));
        caps.iter().filter_map(of_part).collect()
    }

    fn cap(&self, position: u32) -> Option<Cap> {
        let cap = &self.tally.assignment.caps[position as usize];
        let bins = Self::local(self.bins, &cap.bins);
        if bins.is_empty() {
            return None;
        }
        let items = Self::local(self.items, &cap.items);
        if items.is_empty() {
            return None;
        }
        let freed: i64 = (self.freed.iter())
            .filter(|freed| cap.bins.binary_search(&freed.1).is_ok())
            .map(|freed| cap.weight(freed.0) * freed.2.2)
            .sum();
        let weight = |&local: &u32| cap.weight(self.items[local as usize]);
        let weights = if cap.weights.is_empty() {
            Vec::new()
        } else {
            items.iter().map(weight).collect()
        };
        Some(Cap {
            name: cap.name.clone(),
            items: Arc::new(items),
            bins: Arc::new(bins),
            max: self.tally.cap_room(position) + freed,
            weights,
        })
    }

    /// The packing of a rule in the part, and the group in the whole of each of its groups.
    pub(super) fn packing(&self, rule: u32) -> (Packing, Vec<usize>) {
        let whole = self.tally.index.rules[rule as usize].packing(self.tally.assignment);
        let mut groups: Vec<usize> = Vec::new();
        let mut group_of = Vec::with_capacity(self.bins.len());
        for &bin in self.bins {
            group_of.push(match self.tally.group(rule, bin) {
                None => NO_GROUP,
                Some(group) => {
                    let known = groups.iter().position(|&other| other == group);
                    let local = known.unwrap_or(groups.len());
                    if local == groups.len() {
                        groups.push(group);
                    }
                    local as u32
                }
            });
        }
        let counts = &self.tally.counts[rule as usize].counts;
        let mut base: Vec<i64> = groups.iter().map(|&group| counts[group]).collect();
        for &(item, _, (_, local_bin, copies)) in &self.freed {
            let group = group_of[local_bin as usize];
            if group != NO_GROUP && whole.items.binary_search(&item).is_ok() {
                base[group as usize] -= copies;
            }
        }
        let packing = Packing {
            items: Arc::new(Self::local(self.items, &whole.items)),
            group_of: Arc::new(group_of),
            base,
        };
        (packing, groups)
    }

    /// The packing with one or two more groups, for the extreme counts of the groups outside.
    pub(super) fn packing_with_rest(&self, rule: u32, with_least: bool) -> Packing {
        let (mut packing, groups) = self.packing(rule);
        let counts = &self.tally.counts[rule as usize].counts;
        let mut inside = vec![false; counts.len()];
        groups.iter().for_each(|&group| inside[group] = true);
        let outside = || (counts.iter().zip(&inside)).filter(|&(_, &inside)| !inside);
        packing
            .base
            .extend(outside().map(|(&count, _)| count).max());
        if with_least {
            packing
                .base
                .extend(outside().map(|(&count, _)| count).min());
        }
        packing
    }

    pub(super) fn limits(&self) -> Vec<Limit> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Limit(limit) => {
                    let whole = &self.tally.assignment.limits[limit];
                    let (packing, groups) = self.packing(rule);
                    let names = groups.iter().map(|&group| whole.groups[group].clone());
                    Some(Limit {
                        name: whole.name.clone(),
                        groups: Arc::new(names.collect()),
                        packing,
                        max: whole.max,
                    })
                }
                _ => None,
            })
            .collect()
    }

    pub(super) fn gangs(&self) -> (Vec<Gang>, Vec<usize>) {
        let gang_of = |item: &u32| self.tally.index.gang_of[*item as usize];
        let mut positions: Vec<u32> = self.items.iter().filter_map(gang_of).collect();
        positions.sort_unstable();
        positions.dedup();
        let mut forced = Vec::new();
        let mut gangs = Vec::new();
        for position in positions {
            let whole = &self.tally.assignment.gangs[position as usize];
            let freed: i64 = (whole.items.iter())
                .map(|&item| self.freed_of_item(item))
                .sum();
            let outside = self.tally.gangs[position as usize] - freed;
            if outside > 0 && outside < whole.least() {
                forced.push(gangs.len());
            }
            gangs.push(Gang {
                name: whole.name.clone(),
                items: Self::local(self.items, &whole.items),
                min: whole.min,
                base: whole.base + outside,
            });
        }
        (gangs, forced)
    }

    pub(super) fn balances(&self) -> Vec<Balance> {
        (self.rules.iter())
            .filter_map(|&rule| match self.tally.index.rules[rule as usize] {
                Rule::Balance(balance) => {
                    let whole = &self.tally.assignment.balances[balance];
                    Some(Balance {
                        name: whole.name.clone(),
                        packing: self.packing_with_rest(rule, true),
                        max_skew: whole.max_skew,
                    })
                }
                _ => None,
            })
            .collect()
    }
}
