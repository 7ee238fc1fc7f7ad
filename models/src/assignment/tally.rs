//! A placement in the making: what is free and how the rules stand, kept up to date copy by copy.

mod counts;
mod devices;
mod index;
mod stop;
mod terms;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};

use self::counts::Counts;
pub(super) use self::index::{Index, Rule, span, traffic};
pub use self::stop::Stop;
use super::placement::Placement;
use super::types::Assignment;
use super::validate::NO_GROUP;

/// A placement with everything that the rules count, kept up to date.
#[derive(Clone, Debug)]
pub(super) struct Tally<'a> {
    pub(super) assignment: &'a Assignment,
    pub(super) index: &'a Index,
    /// What is left of each bin (shape: bins x resources).
    free: Vec<i64>,
    /// What is free of each device, by bin and kind, in the bin's own packing of its counts.
    devices: Vec<Vec<Vec<i64>>>,
    /// Bins whose counts have no packing that was found.
    unpacked: BTreeSet<u32>,
    /// Copies in each bin.
    pub(super) load: Vec<i64>,
    /// Copies placed of each item.
    pub(super) placed: Vec<i64>,
    /// Copies by bin, for each item.
    pub(super) at: Vec<BTreeMap<u32, i64>>,
    /// Items with copies in each bin.
    pub(super) inside: Vec<BTreeSet<u32>>,
    /// What each cap still allows.
    pub(super) caps: Vec<i64>,
    /// Counts of each rule of the index.
    pub(super) counts: Vec<Counts>,
    /// Copies placed of each rule's items, in whichever bin.
    pub(super) totals: Vec<i64>,
    /// Copies placed of each gang.
    pub(super) gangs: Vec<i64>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(assignment: &'a Assignment, index: &'a Index, placement: &Placement) -> Self {
        let n_items = assignment.items.len();
        let mut tally = Self {
            assignment,
            index,
            free: (assignment.bins.iter())
                .flat_map(|bin| bin.capacity.iter().copied())
                .collect(),
            devices: (assignment.bins.iter())
                .map(|bin| bin.devices.clone())
                .collect(),
            unpacked: BTreeSet::new(),
            load: vec![0; assignment.bins.len()],
            placed: vec![0; n_items],
            at: vec![BTreeMap::new(); n_items],
            inside: vec![BTreeSet::new(); assignment.bins.len()],
            caps: assignment.caps.iter().map(|cap| cap.max).collect(),
            counts: (index.rules.iter())
                .map(|rule| Counts::new(&rule.packing(assignment).base))
                .collect(),
            totals: (index.rules.iter())
                .map(|rule| rule.packing(assignment).base.iter().sum())
                .collect(),
            gangs: vec![0; assignment.gangs.len()],
        };
        for &(item, bin, copies) in placement.entries() {
            tally.change(item, bin, copies);
        }
        tally
    }

    pub(super) fn free(&self, bin: u32) -> &[i64] {
        let n_resources = self.assignment.resources.len();
        let start = bin as usize * n_resources;
        &self.free[start..start + n_resources]
    }

    pub(super) fn remaining(&self, item: u32) -> i64 {
        self.assignment.items[item as usize].count - self.placed[item as usize]
    }

    pub(super) fn group(&self, rule: u32, bin: u32) -> Option<usize> {
        let group = self.index.groups[rule as usize][bin as usize];
        (group != NO_GROUP).then_some(group as usize)
    }

    /// Adds `copies` of the item to the bin, or takes them away if negative. The caller knows that it may.
    pub(super) fn change(&mut self, item: u32, bin: u32, copies: i64) {
        let n_resources = self.assignment.resources.len();
        let demand = &self.assignment.items[item as usize].demand;
        for (resource, &demand) in demand.iter().enumerate() {
            self.free[bin as usize * n_resources + resource] -= demand * copies;
        }
        self.load[bin as usize] += copies;
        self.placed[item as usize] += copies;
        let here = self.at[item as usize].entry(bin).or_insert(0);
        *here += copies;
        if *here == 0 {
            self.at[item as usize].remove(&bin);
            self.inside[bin as usize].remove(&item);
        } else if *here == copies {
            self.inside[bin as usize].insert(item);
        }
        if !self.assignment.items[item as usize].devices.is_empty() {
            self.repack(bin);
        }
        let index = self.index;
        for cap in index.caps(item, bin) {
            let weight = self.assignment.caps[cap as usize].weight(item);
            self.caps[cap as usize] -= weight * copies;
        }
        for &rule in &index.rules_of[item as usize] {
            self.totals[rule as usize] += copies;
            if let Some(group) = self.group(rule, bin) {
                self.counts[rule as usize].change(group, copies);
            }
        }
        if let Some(gang) = index.gang_of[item as usize] {
            self.gangs[gang as usize] += copies;
        }
    }

    /// What a cap still allows.
    pub(super) fn cap_room(&self, cap: u32) -> i64 {
        self.caps[cap as usize]
    }

    /// How many more copies of the item an eligible bin takes: rules of capacity, devices, count, caps, limits and balances.
    ///
    /// One copy is allowed exactly if this is positive; for a balance and for devices it may be less than what is allowed at once.
    pub(super) fn room(&self, item: u32, bin: u32) -> i64 {
        let mut room = self.remaining(item);
        let demand = &self.assignment.items[item as usize].demand;
        for (&free, &demand) in self.free(bin).iter().zip(demand) {
            if demand > 0 {
                room = room.min(free / demand);
            }
        }
        if room <= 0 {
            return 0;
        }
        for cap in self.index.caps(item, bin) {
            let weight = self.assignment.caps[cap as usize].weight(item);
            if weight > 0 {
                room = room.min(self.caps[cap as usize] / weight);
            }
        }
        for &rule in &self.index.rules_of[item as usize] {
            room = room.min(self.room_of_rule(rule, bin));
        }
        if self.assignment.items[item as usize].devices.is_empty() {
            return room.max(0);
        }
        self.room_on_devices(item, bin, room.max(0))
    }

    fn room_of_rule(&self, rule: u32, bin: u32) -> i64 {
        let Some(group) = self.group(rule, bin) else {
            return i64::MAX;
        };
        let counts = &self.counts[rule as usize];
        match self.index.rules[rule as usize] {
            Rule::Limit(limit) => self.assignment.limits[limit].max - counts.counts[group],
            Rule::Balance(balance) if counts.counts.len() > 1 => {
                let max_skew = self.assignment.balances[balance].max_skew;
                counts.least.0 + max_skew - counts.counts[group]
            }
            Rule::Balance(_)
            | Rule::Survival(..)
            | Rule::Loss(..)
            | Rule::Span(..)
            | Rule::End(..) => i64::MAX,
        }
    }

    /// Whether every balance and gang that speaks of the item holds; removals can break them.
    pub(super) fn holds(&self, item: u32) -> bool {
        let balanced = self.index.rules_of[item as usize].iter().all(|&rule| {
            let Rule::Balance(balance) = self.index.rules[rule as usize] else {
                return true;
            };
            let counts = &self.counts[rule as usize];
            counts.most.0 - counts.least.0 <= self.assignment.balances[balance].max_skew
        });
        let gang = self.index.gang_of[item as usize];
        balanced && gang.is_none_or(|gang| self.gang_holds(gang))
    }

    pub(super) fn gang_holds(&self, gang: u32) -> bool {
        let placed = self.gangs[gang as usize];
        placed == 0 || placed >= self.assignment.gangs[gang as usize].least()
    }

    pub(super) fn placement(&self) -> Placement {
        let mut entries = Vec::new();
        for (item, bins) in self.at.iter().enumerate() {
            entries.extend(
                bins.iter()
                    .map(|(&bin, &copies)| (item as u32, bin, copies)),
            );
        }
        Placement::new(entries)
    }
}
