//! What is free of each device, in the packing that follows from a bin's counts.

use super::Tally;
use crate::assignment::devices::copies_on;
use crate::assignment::fragments::fragmentation;
use crate::assignment::types::{DeviceNeed, Probe};

impl Tally<'_> {
    /// What is free of each device of the bin, by kind.
    pub(in crate::assignment) fn free_devices(&self, bin: u32) -> &[Vec<i64>] {
        &self.devices[bin as usize]
    }

    /// Items with devices in the bin, and their copies.
    pub(in crate::assignment) fn on_devices(&self, bin: u32) -> Vec<(u32, i64)> {
        let has_devices = |item: &&u32| !self.assignment.items[**item as usize].devices.is_empty();
        (self.inside[bin as usize].iter().filter(has_devices))
            .map(|&item| (item, self.at[item as usize][&bin]))
            .collect()
    }

    /// The fragmentation of a bin.
    pub(in crate::assignment) fn fragmentation(&self, probes: &[Probe], bin: u32) -> i128 {
        fragmentation(probes, bin, self.free(bin), self.free_devices(bin))
    }

    /// The fragmentation of a bin once it has one more copy, for which there is room.
    pub(in crate::assignment) fn fragmentation_with(
        &self,
        probes: &[Probe],
        bin: u32,
        item: u32,
    ) -> i128 {
        let of_item = &self.assignment.items[item as usize];
        let amounts = self.free(bin).iter().zip(&of_item.demand);
        let amounts: Vec<i64> = amounts.map(|(free, demand)| free - demand).collect();
        if of_item.devices.is_empty() {
            return fragmentation(probes, bin, &amounts, self.free_devices(bin));
        }
        let counts = self.with_one_more(bin, item);
        let devices = self
            .assignment
            .free_devices(bin, &counts)
            .unwrap_or_default();
        fragmentation(probes, bin, &amounts, &devices)
    }

    /// Items with devices in the bin and their copies, with one more of an item.
    fn with_one_more(&self, bin: u32, item: u32) -> Vec<(u32, i64)> {
        let mut counts = self.on_devices(bin);
        match counts.binary_search_by_key(&item, |counted| counted.0) {
            Ok(at) => counts[at].1 += 1,
            Err(at) => counts.insert(at, (item, 1)),
        }
        counts
    }

    pub(super) fn repack(&mut self, bin: u32) {
        let counts = self.on_devices(bin);
        if let Some(devices) = self.assignment.free_devices(bin, &counts) {
            self.devices[bin as usize] = devices;
            self.unpacked.remove(&bin);
        } else {
            // There was room by the packing so far, but that is not the one of these counts, whose search is too long.
            self.devices[bin as usize]
                .iter_mut()
                .flatten()
                .for_each(|free| *free = 0);
            self.unpacked.insert(bin);
        }
    }

    /// Adds as many copies as there is room for, by [`Tally::room`], and says how many were: one or none, where the packing of more is
    /// not found.
    pub(in crate::assignment) fn add(&mut self, item: u32, bin: u32, copies: i64) -> i64 {
        for copies in std::iter::once(copies).chain((copies > 1).then_some(1)) {
            self.change(item, bin, copies);
            if !self.unpacked.contains(&bin) {
                return copies;
            }
            self.change(item, bin, -copies);
        }
        0
    }

    /// How many more copies the devices of the bin have room for, `most` at most; of those that need the others moved, one.
    pub(super) fn room_on_devices(&self, item: u32, bin: u32, most: i64) -> i64 {
        let needs = &self.assignment.items[item as usize].devices;
        let free = self.free_devices(bin);
        let room = copies_on(free, needs, most);
        let has_amount = |need: &DeviceNeed| {
            let devices = free.get(need.kind as usize).map_or(&[][..], Vec::as_slice);
            devices.iter().sum::<i64>() >= need.milli * need.count
        };
        if room > 0 || most <= 0 || self.load[bin as usize] == 0 || !needs.iter().all(has_amount) {
            return room;
        }
        let counts = self.with_one_more(bin, item);
        i64::from(self.assignment.unpacked_kinds(bin, &counts).is_empty())
    }
}
