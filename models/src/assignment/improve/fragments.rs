//! Free devices that nothing could use.

use super::moves::move_if_better;
use super::{BINS, Search};
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::Probe;

impl Search {
    /// A bin with much that nothing could use, and other bins.
    pub(super) fn around_fragments(
        &mut self,
        tally: &Tally<'_>,
        probes: &[Probe],
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let all: Vec<u32> = (0..tally.assignment.bins.len() as u32).collect();
        let mut worst: Vec<(i128, u32)> = (all.iter())
            .filter(|&&bin| tally.load[bin as usize] > 0)
            .map(|&bin| (-tally.fragmentation(probes, bin), bin))
            .collect();
        worst.sort_unstable();
        let worst: Vec<u32> = worst.iter().take(2 * BINS).map(|&(_, bin)| bin).collect();
        let mut bins = vec![*self.random.pick(&worst)?];
        for bin in self.random.some(&all, 2) {
            if !bins.contains(&bin) {
                bins.push(bin);
            }
        }
        Some((Vec::new(), bins))
    }
}

/// Moves single copies with devices to where they leave less that cannot be used, as long as that helps.
pub(super) fn move_fragments(
    run: &mut Run<'_>,
    tally: &mut Tally<'_>,
    probes: &[Probe],
    looks: &mut usize,
) -> bool {
    const PROBES_PER_LOOK: usize = 8;
    let assignment = tally.assignment;
    let mut moved = false;
    for (item, of_item) in (0_u32..).zip(&assignment.items) {
        if of_item.devices.is_empty() {
            continue;
        }
        let bins: Vec<u32> = tally.at[item as usize].keys().copied().collect();
        for from in bins {
            let cost = of_item.eligible.len() * (1 + probes.len() / PROBES_PER_LOOK);
            if *looks < cost || run.must_stop() {
                return moved;
            }
            *looks -= cost;
            tally.change(item, from, -1);
            let target = (of_item.eligible.iter().copied())
                .filter(|&bin| bin != from && tally.room(item, bin) > 0)
                .min_by_key(|&bin| {
                    let before = tally.fragmentation(probes, bin);
                    (tally.fragmentation_with(probes, bin, item) - before, bin)
                });
            tally.change(item, from, 1);
            moved |= target.is_some_and(|to| move_if_better(tally, item, from, to));
        }
    }
    moved
}
