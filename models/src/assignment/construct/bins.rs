//! What only a bin itself adds to its key: tolls, peaks, fragmentation, opening it, and how tightly the copy fits.

use super::cells::Divisions;
use super::key::{Key, STAGES};
use super::{Filler, Preference};
use crate::assignment::tally::{Rule, Tally};
use crate::assignment::types::{Assignment, Bin, Objective, Stage};

impl Filler<'_> {
    /// The part of the key that only concerns the bin, for the order within a cell: what it costs to open it, then the counts of groups
    /// that are this bin alone (whether they raise a worst count follows from them).
    pub(super) fn bin_key(
        &self,
        tally: &Tally<'_>,
        item: u32,
        bin: u32,
        divisions: &Divisions<'_>,
    ) -> Key {
        let fine = &divisions.fine;
        let demand = &tally.assignment.items[item as usize].demand;
        let closed = tally.load[bin as usize] == 0;
        let is_spread = |&&rule: &&u32| {
            let rule = tally.index.rules[rule as usize];
            !matches!(rule, Rule::Span(..) | Rule::End(..))
        };
        let mut key = Key {
            raises: [0.0; STAGES],
            fit: 0,
            counts: (self.counted(fine).iter().filter(is_spread))
                .filter_map(|&rule| {
                    Some(tally.counts[rule as usize].counts[tally.group(rule, bin)?])
                })
                .sum(),
            closed,
            leftover: (tally.free(bin).iter().zip(demand))
                .zip(&self.scale)
                .map(|((&free, &demand), &scale)| (free - demand) as f64 * scale)
                .sum::<f64>()
                + self.free_devices(tally, bin),
            bin,
        };
        if closed && self.preference == Preference::FewBins {
            // Each amount is at most 1 here; no key of a bin is below that of its cell, which has 0.
            key.leftover = (self.scale.len() + self.device_scale.len()) as f64 - key.leftover;
        }
        self.add_spans(tally, &mut key, fine, bin);
        self.add_traffic(tally, &mut key, fine, bin);
        for (slot, tolls) in &divisions.tolls {
            key.raises[*slot] += tolls.of(bin) as f64;
        }
        for &stage in &tally.index.peak_stages {
            if let (Some(slot), Objective::Peak(peak)) =
                (self.slots[stage], &tally.assignment.stages[stage].objective)
            {
                key.raises[slot] += tally.used_with(peak, item, bin);
            }
        }
        if self.preference == Preference::TightestFit {
            return key;
        }
        for &stage in &tally.index.fragmentation_stages {
            if let (Some(slot), Objective::Fragmentation(probes)) =
                (self.slots[stage], &tally.assignment.stages[stage].objective)
            {
                let before = tally.fragmentation(probes, bin);
                let rise = tally.fragmentation_with(probes, bin, item) - before;
                // No key of a bin is below that of its cell, which has none of this.
                key.raises[slot] += rise as f64 + self.largest_fall;
            }
        }
        for &stage in &tally.index.opened_stages {
            if let (true, Some(slot), Objective::Opened(costs)) = (
                closed,
                self.slots[stage],
                &tally.assignment.stages[stage].objective,
            ) {
                key.raises[slot] += costs[bin as usize] as f64;
            }
        }
        key
    }

    /// What is free of the bin's devices, as a part of the most that a bin has of each kind.
    fn free_devices(&self, tally: &Tally<'_>, bin: u32) -> f64 {
        (tally.free_devices(bin).iter().zip(&self.device_scale))
            .map(|(devices, scale)| devices.iter().sum::<i64>() as f64 * scale)
            .sum()
    }
}

/// The most that a bin's fragmentation can be in any stage.
pub(super) fn largest_fall(assignment: &Assignment) -> f64 {
    let devices = |bin: &Bin| bin.devices.iter().flatten().sum::<i64>();
    let most = assignment.bins.iter().map(devices).max().unwrap_or(0);
    let weight = |stage: &Stage| match &stage.objective {
        Objective::Fragmentation(probes) => {
            probes.iter().map(|probe| i128::from(probe.weight)).sum()
        }
        _ => 0,
    };
    let weight = assignment.stages.iter().map(weight).max().unwrap_or(0);
    weight as f64 * most as f64
}
