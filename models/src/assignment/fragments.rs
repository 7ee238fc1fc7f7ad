//! Free devices that nothing could use: what a bin's fragmentation is.
//!
//! # Model
//! For a probe `m` and a bin `b`, with what is free once the bin's copies have the devices that [`Assignment::pack`] gives them:
//! if one copy of `m` does not fit at all, `F_b(m)` is all that is free of the kinds of device that it needs; else it is what is free of
//! the devices that are too small for it. A stage is `sum_b sum_m weight_m F_b(m)`.
//!
//! Source: Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX ATC
//! 2023. There, what tasks without devices cannot use counts as well; probes without devices count nothing here.

use super::devices::copies_on;
use super::placement::Placement;
use super::types::{Assignment, Probe};

impl Probe {
    /// The free thousandths of devices that a copy cannot use in a bin with so much free.
    fn unusable(&self, bin: u32, amounts: &[i64], devices: &[Vec<i64>]) -> i64 {
        let fits = |(free, demand): (&i64, &i64)| *demand == 0 || demand <= free;
        let has_room = self.eligible.binary_search(&bin).is_ok()
            && amounts.iter().zip(&self.demand).all(fits)
            && copies_on(devices, &self.devices, 1) > 0;
        let of_kind = |kind: u32| devices.get(kind as usize).map_or(&[][..], Vec::as_slice);
        (self.devices.iter())
            .flat_map(|need| of_kind(need.kind).iter().map(move |&free| (need, free)))
            .filter(|&(need, free)| !has_room || free < need.milli)
            .map(|(_, free)| free)
            .sum()
    }
}

/// `sum_m weight_m F(m)` of a bin with so much free.
pub(super) fn fragmentation(
    probes: &[Probe],
    bin: u32,
    amounts: &[i64],
    devices: &[Vec<i64>],
) -> i128 {
    let of_probe = |probe: &Probe| {
        i128::from(probe.weight) * i128::from(probe.unusable(bin, amounts, devices))
    };
    probes.iter().map(of_probe).sum()
}

impl Assignment {
    /// The fragmentation of a bin that holds `counts`; nothing is free of its devices when they are not enough.
    pub(super) fn bin_fragmentation(
        &self,
        probes: &[Probe],
        bin: u32,
        counts: &[(u32, i64)],
    ) -> i128 {
        let mut amounts = self.bins[bin as usize].capacity.clone();
        for &(item, copies) in counts {
            let demand = &self.items[item as usize].demand;
            for (amount, &demand) in amounts.iter_mut().zip(demand) {
                *amount = amount.saturating_sub(demand.saturating_mul(copies));
            }
        }
        let devices = self.free_devices(bin, counts).unwrap_or_default();
        fragmentation(probes, bin, &amounts, &devices)
    }

    /// The fragmentation of all bins.
    pub(super) fn fragmentation(&self, probes: &[Probe], placement: &Placement) -> i128 {
        let mut counts: Vec<Vec<(u32, i64)>> = vec![Vec::new(); self.bins.len()];
        for &(item, bin, copies) in placement.entries() {
            counts[bin as usize].push((item, copies));
        }
        let of_bin =
            |(bin, counts): (u32, &Vec<(u32, i64)>)| self.bin_fragmentation(probes, bin, counts);
        (0_u32..).zip(&counts).map(of_bin).sum()
    }
}
