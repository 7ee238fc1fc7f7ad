//! A part of an assignment, with everything outside it held fixed: again an [`Assignment`].

mod rules;
mod stages;

use std::sync::Arc;

use super::evaluate::PlacementFault;
use super::placement::{Entry, Placement};
use super::tally::Tally;
use super::types::{Assignment, Bin, Item};

/// Some items and bins of a placement, free to be placed anew.
#[derive(Debug)]
pub(super) struct Neighborhood {
    /// The part as an assignment of its own. Its stage values differ from the whole's by constants.
    pub(super) assignment: Assignment,
    /// Gangs that may not be absent, since copies outside count on them.
    pub(super) forced: Vec<usize>,
    /// What is placed there now, in positions of the part.
    pub(super) current: Placement,
    items: Vec<u32>,
    bins: Vec<u32>,
}

impl Neighborhood {
    /// Frees the copies of `items` in `bins` (both ascending).
    pub(super) fn cut(tally: &Tally<'_>, items: &[u32], bins: &[u32]) -> Self {
        let cut = Cut::new(tally, items, bins);
        let (gangs, forced) = cut.gangs();
        Self {
            assignment: Assignment {
                resources: tally.assignment.resources.clone(),
                items: cut.items(),
                bins: cut.bins(),
                caps: cut.caps().into_iter().map(|(_, cap)| cap).collect(),
                limits: cut.limits(),
                gangs,
                balances: cut.balances(),
                stages: cut.stages(),
            },
            forced,
            current: Placement::new(cut.freed.iter().map(|&(_, _, at)| at).collect()),
            items: items.to_vec(),
            bins: bins.to_vec(),
        }
    }

    /// The rules that a placement of the part breaks.
    pub(super) fn faults(&self, placement: &Placement) -> Vec<PlacementFault> {
        let mut faults = self.assignment.faults(placement);
        for &gang in &self.forced {
            let gang = &self.assignment.gangs[gang];
            let activity = gang
                .items
                .iter()
                .map(|&item| placement.copies_of(item))
                .sum();
            if activity == 0 {
                let (row, least) = (gang.name.clone(), gang.least());
                faults.push(PlacementFault::Partial {
                    row,
                    activity,
                    least,
                });
            }
        }
        faults
    }

    /// Changes the tally from the current placement of the part to another.
    pub(super) fn replace(&self, tally: &mut Tally<'_>, from: &Placement, to: &Placement) {
        for (placement, sign) in [(from, -1), (to, 1)] {
            for &(item, bin, copies) in placement.entries() {
                let (item, bin) = (self.items[item as usize], self.bins[bin as usize]);
                tally.change(item, bin, sign * copies);
            }
        }
    }
}

struct Cut<'a> {
    tally: &'a Tally<'a>,
    items: &'a [u32],
    bins: &'a [u32],
    /// Item and bin in the whole, and the same entry in positions of the part.
    freed: Vec<(u32, u32, Entry)>,
    /// Rules that speak of any of the items, ascending.
    rules: Vec<u32>,
}

impl<'a> Cut<'a> {
    fn new(tally: &'a Tally<'a>, items: &'a [u32], bins: &'a [u32]) -> Self {
        let mut freed = Vec::new();
        for (local_item, &item) in items.iter().enumerate() {
            for (local_bin, &bin) in bins.iter().enumerate() {
                if let Some(&copies) = tally.at[item as usize].get(&bin) {
                    freed.push((item, bin, (local_item as u32, local_bin as u32, copies)));
                }
            }
        }
        let rules_of = |item: &u32| tally.index.rules_of[*item as usize].iter().copied();
        let mut rules: Vec<u32> = items.iter().flat_map(rules_of).collect();
        rules.sort_unstable();
        rules.dedup();
        Self {
            tally,
            items,
            bins,
            freed,
            rules,
        }
    }

    /// Positions in the part of those of `whole` that are in it; both ascending.
    fn local(part: &[u32], whole: &[u32]) -> Vec<u32> {
        let position = |&of_whole: &u32| whole.binary_search(&of_whole).is_ok();
        (0_u32..)
            .zip(part)
            .filter(|&(_, of_part)| position(of_part))
            .map(|(local, _)| local)
            .collect()
    }

    fn freed_of_item(&self, item: u32) -> i64 {
        let entries = self.freed.iter().filter(|freed| freed.0 == item);
        entries.map(|freed| freed.2.2).sum()
    }

    fn items(&self) -> Vec<Item> {
        (self.items.iter())
            .map(|&item| {
                let whole = &self.tally.assignment.items[item as usize];
                Item {
                    count: self.tally.remaining(item) + self.freed_of_item(item),
                    eligible: Arc::new(Self::local(self.bins, &whole.eligible)),
                    ..whole.clone()
                }
            })
            .collect()
    }

    fn bins(&self) -> Vec<Bin> {
        (self.bins.iter())
            .map(|&bin| {
                let mut capacity = self.tally.free(bin).to_vec();
                for &(item, _, (_, _, copies)) in self.freed.iter().filter(|freed| freed.1 == bin) {
                    let demand = &self.tally.assignment.items[item as usize].demand;
                    for (capacity, &demand) in capacity.iter_mut().zip(demand) {
                        *capacity += demand * copies;
                    }
                }
                Bin {
                    name: self.tally.assignment.bins[bin as usize].name.clone(),
                    capacity,
                    devices: self.devices(bin),
                }
            })
            .collect()
    }

    /// What is free of each device of the bin once the freed copies are out, while those that stay keep their devices.
    fn devices(&self, bin: u32) -> Vec<Vec<i64>> {
        let assignment = self.tally.assignment;
        let counts = self.tally.on_devices(bin);
        let Some(packed) = assignment.pack(bin, &counts) else {
            return self.tally.free_devices(bin).to_vec();
        };
        let mut free = assignment.bins[bin as usize].devices.clone();
        let stays = |item: u32| self.items.binary_search(&item).is_err();
        for copy in packed.iter().filter(|copy| stays(copy.item)) {
            let needs = &assignment.items[copy.item as usize].devices;
            for (need, devices) in needs.iter().zip(&copy.devices) {
                for &device in devices {
                    free[need.kind as usize][device] -= need.milli;
                }
            }
        }
        free
    }
}
