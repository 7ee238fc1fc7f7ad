//! What is wrong with items, bins, and the rules that count them.

use super::{AssignmentFault, Check, NO_GROUP};
use crate::assignment::devices::{LARGEST_DEVICES, WHOLE_DEVICE};
use crate::assignment::types::{Bin, DeviceNeed, Packing};

/// Kinds of device beyond this are refused.
const LARGEST_KIND: f64 = 1000.0;

impl Check<'_> {
    pub(super) fn items_and_bins(&mut self) {
        let (n_resources, n_bins) = (self.assignment.resources.len(), self.assignment.bins.len());
        for item in &self.assignment.items {
            let place = |part: &str| format!("item {}: {part}", item.name);
            self.count(|| place("count"), item.count);
            self.length(|| place("demand"), item.demand.len(), n_resources);
            for &demand in &item.demand {
                self.amount(|| place("demand"), demand);
            }
            self.positions(|| place("eligible"), &item.eligible, n_bins);
            self.needs(|| place("devices"), &item.devices);
        }
        for bin in &self.assignment.bins {
            let place = || format!("bin {}: capacity", bin.name);
            self.length(place, bin.capacity.len(), n_resources);
            for &capacity in &bin.capacity {
                self.amount(place, capacity);
            }
            self.devices(bin);
        }
    }

    pub(super) fn needs(&mut self, place: impl Fn() -> String, needs: &[DeviceNeed]) {
        if !needs.is_sorted_by(|left, right| left.kind < right.kind) {
            self.faults
                .push(AssignmentFault::Unsorted { place: place() });
        }
        let (largest_count, whole) = (LARGEST_DEVICES as f64, WHOLE_DEVICE as f64);
        for need in needs {
            self.number(&place, f64::from(need.kind), 0.0, LARGEST_KIND);
            self.number(&place, need.count as f64, 1.0, largest_count);
            self.number(&place, need.milli as f64, 1.0, whole);
        }
    }

    fn devices(&mut self, bin: &Bin) {
        let place = || format!("bin {}: devices", bin.name);
        self.number(place, bin.devices.len() as f64, 0.0, LARGEST_KIND);
        for devices in &bin.devices {
            self.number(place, devices.len() as f64, 0.0, LARGEST_DEVICES as f64);
            for &free in devices {
                self.number(place, free as f64, 0.0, WHOLE_DEVICE as f64);
            }
        }
    }

    pub(super) fn caps_and_limits(&mut self) {
        let (n_items, n_bins) = (self.assignment.items.len(), self.assignment.bins.len());
        for cap in &self.assignment.caps {
            self.positions(|| format!("cap {}: items", cap.name), &cap.items, n_items);
            self.positions(|| format!("cap {}: bins", cap.name), &cap.bins, n_bins);
            self.amount(|| format!("cap {}: max", cap.name), cap.max);
            if !cap.weights.is_empty() {
                let place = || format!("cap {}: weights", cap.name);
                self.length(place, cap.weights.len(), cap.items.len());
                for &weight in &cap.weights {
                    self.amount(place, weight);
                }
            }
        }
        for limit in &self.assignment.limits {
            let place = |part: &str| format!("limit {}: {part}", limit.name);
            self.packing(&place("packing"), &limit.packing);
            self.length(
                || place("groups"),
                limit.groups.len(),
                limit.packing.base.len(),
            );
            self.amount(|| place("max"), limit.max);
        }
    }

    pub(super) fn gangs_and_balances(&mut self) {
        let n_items = self.assignment.items.len();
        let mut in_gang = vec![false; n_items];
        for gang in &self.assignment.gangs {
            self.positions(
                || format!("gang {}: items", gang.name),
                &gang.items,
                n_items,
            );
            self.amount(|| format!("gang {}: min", gang.name), gang.min);
            self.count(|| format!("gang {}: base", gang.name), gang.base);
            for &item in &gang.items {
                if let Some(taken) = in_gang.get_mut(item as usize)
                    && std::mem::replace(taken, true)
                {
                    let item = self.assignment.items[item as usize].name.clone();
                    self.faults.push(AssignmentFault::TwoGangs { item });
                }
            }
        }
        for balance in &self.assignment.balances {
            self.packing(
                &format!("balance {}: packing", balance.name),
                &balance.packing,
            );
            self.amount(
                || format!("balance {}: max_skew", balance.name),
                balance.max_skew,
            );
            let base = &balance.packing.base;
            let skew = match (base.iter().max(), base.iter().min()) {
                (Some(most), Some(least)) => most.saturating_sub(*least),
                _ => 0,
            };
            if skew > balance.max_skew {
                self.faults.push(AssignmentFault::BrokenBalance {
                    name: balance.name.clone(),
                    skew,
                    max_skew: balance.max_skew,
                });
            }
        }
    }

    pub(super) fn packing(&mut self, place: &str, packing: &Packing) {
        let place = || place.to_owned();
        self.positions(place, &packing.items, self.assignment.items.len());
        self.length(place, packing.group_of.len(), self.assignment.bins.len());
        let n_groups = packing.base.len();
        for &group in packing.group_of.iter() {
            if group != NO_GROUP && group as usize >= n_groups {
                self.faults.push(AssignmentFault::Position {
                    place: place(),
                    position: group,
                    length: n_groups,
                });
            }
        }
        for &base in &packing.base {
            self.count(place, base);
        }
    }
}
