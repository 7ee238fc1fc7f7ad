//! What a placement is worth and which rules it breaks. Slow and obvious on purpose: everything faster is held against it.

use std::cmp::Ordering;

use super::devices::copies_on;
use super::placement::{Entry, Placement};
use super::types::{Assignment, Cap, End, Gang, Loss, Objective, Packing, Span, Survival, Traffic};
use super::validate::{LARGEST_QUANTITY, NO_GROUP};

/// Stage values that differ by no more than this are equal.
pub const TIE: f64 = 1e-9;

/// How a placement breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementFault {
    /// An entry has a position beyond the end, or no sensible number of copies.
    #[error("entry (item {item}, bin {bin}, copies {copies}) means nothing")]
    Entry {
        /// Item position.
        item: u32,
        /// Bin position.
        bin: u32,
        /// Copies.
        copies: i64,
    },
    /// An item is in a bin that it may not go to.
    #[error("item {item} may not be in bin {bin}")]
    Eligible {
        /// The item's name.
        item: String,
        /// The bin's name.
        bin: String,
    },
    /// A row is above its upper limit.
    #[error("`{row}` has {activity}, at most {limit} allowed")]
    Above {
        /// The row's name.
        row: String,
        /// The row's sum.
        activity: i128,
        /// Its limit.
        limit: i64,
    },
    /// The copies in a bin need more devices than it has, however they are arranged.
    #[error("`{row}` cannot be kept for all copies, however they are arranged")]
    Devices {
        /// The row's name, without the device.
        row: String,
    },
    /// A gang is neither complete nor absent.
    #[error("`{row}` has {activity} placed, neither 0 nor at least {least}")]
    Partial {
        /// The row's name.
        row: String,
        /// The copies placed.
        activity: i64,
        /// The fewest that make sense.
        least: i64,
    },
}

impl PlacementFault {
    /// The row that is broken; eligibility has none.
    #[must_use]
    pub fn row(&self) -> Option<&str> {
        match self {
            Self::Above { row, .. } | Self::Devices { row } | Self::Partial { row, .. } => {
                Some(row)
            }
            Self::Entry { .. } | Self::Eligible { .. } => None,
        }
    }
}

impl Packing {
    /// `base_g + x_g` for every group.
    #[must_use]
    pub fn counts(&self, placement: &Placement) -> Vec<i64> {
        let mut counts = self.base.clone();
        for &item in self.items.iter() {
            for &(_, bin, copies) in placement.of_item(item) {
                let group = self.group_of[bin as usize];
                if group != NO_GROUP {
                    counts[group as usize] += copies;
                }
            }
        }
        counts
    }
}

impl Cap {
    /// The weight of what is placed under the cap.
    #[must_use]
    pub fn placed(&self, placement: &Placement) -> i128 {
        let mut sum = 0;
        for (item, weight) in self.weighted() {
            for &(_, bin, copies) in placement.of_item(item) {
                if self.bins.binary_search(&bin).is_ok() {
                    sum += i128::from(weight) * i128::from(copies);
                }
            }
        }
        sum
    }
}

impl Gang {
    /// The fewest copies that make sense, if any are placed.
    #[must_use]
    pub fn least(&self) -> i64 {
        (self.min - self.base).max(0)
    }
}

impl Assignment {
    /// Every rule that the placement breaks, in the order of the fields of [`Assignment`].
    #[must_use]
    pub fn faults(&self, placement: &Placement) -> Vec<PlacementFault> {
        let mut faults = self.entry_faults(placement);
        if faults
            .iter()
            .any(|fault| matches!(fault, PlacementFault::Entry { .. }))
        {
            return faults;
        }
        self.once_faults(placement, &mut faults);
        self.capacity_faults(placement, &mut faults);
        self.device_faults(placement, &mut faults);
        self.cap_faults(placement, &mut faults);
        self.limit_faults(placement, &mut faults);
        self.gang_faults(placement, &mut faults);
        self.balance_faults(placement, &mut faults);
        faults
    }

    fn entry_faults(&self, placement: &Placement) -> Vec<PlacementFault> {
        let mut faults = Vec::new();
        for &(item, bin, copies) in placement.entries() {
            let exists = (item as usize) < self.items.len() && (bin as usize) < self.bins.len();
            if !exists || !(1..=LARGEST_QUANTITY).contains(&copies) {
                faults.push(PlacementFault::Entry { item, bin, copies });
            } else if !self.is_eligible(item, bin) {
                faults.push(PlacementFault::Eligible {
                    item: self.items[item as usize].name.clone(),
                    bin: self.bins[bin as usize].name.clone(),
                });
            }
        }
        faults
    }

    fn once_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        for (position, item) in self.items.iter().enumerate() {
            let activity = total(placement.of_item(position as u32));
            above(faults, activity, item.count, || {
                format!("once[{}]", item.name)
            });
        }
    }

    fn capacity_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        let mut used = vec![0_i128; self.bins.len() * self.resources.len()];
        for &(item, bin, copies) in placement.entries() {
            for (resource, &demand) in self.items[item as usize].demand.iter().enumerate() {
                used[bin as usize * self.resources.len() + resource] +=
                    i128::from(demand) * i128::from(copies);
            }
        }
        for (position, bin) in self.bins.iter().enumerate() {
            for (resource, &capacity) in bin.capacity.iter().enumerate() {
                let activity = used[position * self.resources.len() + resource];
                above(faults, activity, capacity, || {
                    format!("capacity[{},{}]", bin.name, self.resources[resource])
                });
            }
        }
    }

    fn device_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        let mut counts: Vec<Vec<(u32, i64)>> = vec![Vec::new(); self.bins.len()];
        for &(item, bin, copies) in placement.entries() {
            if !self.items[item as usize].devices.is_empty() {
                counts[bin as usize].push((item, copies));
            }
        }
        for (position, bin) in self.bins.iter().enumerate() {
            for kind in self.unpacked_kinds(position as u32, &counts[position]) {
                let row = format!("device[{},{kind}]", bin.name);
                faults.push(PlacementFault::Devices { row });
            }
        }
    }

    fn cap_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        for cap in &self.caps {
            let activity = cap.placed(placement);
            above(faults, activity, cap.max, || cap.name.clone());
        }
    }

    fn limit_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        for limit in &self.limits {
            let counts = limit.packing.counts(placement);
            for (group, (&count, &base)) in counts.iter().zip(&limit.packing.base).enumerate() {
                if count > base {
                    above(faults, i128::from(count), limit.max, || {
                        limit.row_name(group)
                    });
                }
            }
        }
    }

    fn gang_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        for gang in &self.gangs {
            let activity = (gang.items.iter().map(|&item| placement.copies_of(item))).sum::<i64>();
            if activity > 0 && activity < gang.least() {
                faults.push(PlacementFault::Partial {
                    row: gang.name.clone(),
                    activity,
                    least: gang.least(),
                });
            }
        }
    }

    fn balance_faults(&self, placement: &Placement, faults: &mut Vec<PlacementFault>) {
        for balance in &self.balances {
            let counts = balance.packing.counts(placement);
            if let (Some(most), Some(least)) = (counts.iter().max(), counts.iter().min()) {
                let skew = i128::from(most - least);
                above(faults, skew, balance.max_skew, || balance.name.clone());
            }
        }
    }

    /// The value of every stage, in the order of the stages.
    ///
    /// The placement's positions must exist; it may break other rules.
    #[must_use]
    pub fn values(&self, placement: &Placement) -> Vec<f64> {
        self.stages
            .iter()
            .map(|stage| match &stage.objective {
                Objective::Fragmentation(probes) => self.fragmentation(probes, placement) as f64,
                Objective::Peak(peak) => (peak.parts.iter())
                    .map(|part| part.used(self.caps[part.cap as usize].placed(placement)))
                    .fold(peak.least, f64::max),
                other => other.value(placement),
            })
            .collect()
    }

    /// Compares two lists of stage values: `Less` when `left` is better at the first stage at which they differ by more than [`TIE`].
    #[must_use]
    pub fn compare(&self, left: &[f64], right: &[f64]) -> Ordering {
        for (stage, (&left, &right)) in self.stages.iter().zip(left.iter().zip(right)) {
            let sense = stage.objective.sense();
            if sense.is_better(left, right, TIE) {
                return Ordering::Less;
            }
            if sense.is_better(right, left, TIE) {
                return Ordering::Greater;
            }
        }
        Ordering::Equal
    }

    /// Whether the item may go to the bin at all.
    #[must_use]
    pub fn is_eligible(&self, item: u32, bin: u32) -> bool {
        self.items[item as usize]
            .eligible
            .binary_search(&bin)
            .is_ok()
    }

    /// How many copies of the item an empty bin has room for, its count at most.
    #[must_use]
    pub fn copies_that_fit(&self, item: u32, bin: u32) -> i64 {
        let (item, bin) = (&self.items[item as usize], &self.bins[bin as usize]);
        let by_capacity = (item.demand.iter().zip(&bin.capacity))
            .filter(|&(&demand, _)| demand > 0)
            .map(|(&demand, &capacity)| capacity / demand)
            .fold(item.count, i64::min);
        copies_on(&bin.devices, &item.devices, by_capacity)
    }
}

impl Objective {
    fn value(&self, placement: &Placement) -> f64 {
        match self {
            Self::Value(terms) => {
                let of_term =
                    |item, value| i128::from(value) * i128::from(placement.copies_of(item));
                terms
                    .iter()
                    .map(|term| of_term(term.item, term.value))
                    .sum::<i128>() as f64
            }
            Self::Yield(by_class) | Self::Cost(by_class) => {
                let of_entry = |&(item, bin, copies): &Entry| {
                    i128::from(by_class.of(item, bin)) * i128::from(copies)
                };
                placement.entries().iter().map(of_entry).sum::<i128>() as f64
            }
            Self::Utility(curves) => curves.iter().map(|curve| curve.worth(placement)).sum(),
            Self::Shortfall(terms) => {
                let short = |term: &Survival| i128::from(term.short(placement));
                terms.iter().map(short).sum::<i128>() as f64
            }
            Self::WorstShare(terms) => terms.iter().map(|term| term.share(placement)).sum(),
            Self::Span(terms) => terms.iter().map(|term| term.cost(placement)).sum::<i128>() as f64,
            Self::Traffic(traffic) => traffic.value(placement),
            Self::Fragmentation(_) | Self::Peak(_) => {
                unreachable!("it takes the assignment to say what is free")
            }
            Self::Opened(costs) => {
                let mut bins: Vec<u32> = placement.entries().iter().map(|entry| entry.1).collect();
                bins.sort_unstable();
                bins.dedup();
                let cost = |&bin: &u32| i128::from(costs[bin as usize]);
                bins.iter().map(cost).sum::<i128>() as f64
            }
        }
    }
}

impl Survival {
    /// How many of the needed copies would not survive the loss of the worst group.
    #[must_use]
    pub fn short(&self, placement: &Placement) -> i64 {
        let lost = most(&self.packing.counts(placement));
        let placed = |item: &u32| placement.copies_of(*item);
        let there = self.packing.base.iter().sum::<i64>()
            + self.packing.items.iter().map(placed).sum::<i64>();
        (self.need - (there - lost)).max(0)
    }
}

impl Traffic {
    /// What flows between copies of different groups, weighted.
    #[must_use]
    pub fn value(&self, placement: &Placement) -> f64 {
        // Whole numbers as long as they are exact: alike placements then have equal values.
        let common = self.common();
        let mut together = 0.0;
        for division in 0..self.weights.len() {
            let of_end = |end: &End| end.packings[division].counts(placement);
            let counts: Vec<Vec<i64>> = self.ends.iter().map(of_end).collect();
            for flow in &self.flows {
                let (from, to) = (&counts[flow.from as usize], &counts[flow.to as usize]);
                let pairs = from.iter().zip(to);
                let pairs: i128 = pairs.map(|(&a, &b)| i128::from(a) * i128::from(b)).sum();
                let each = match common {
                    Some(common) => self.per_pair_scaled(flow, division, common),
                    None => self.per_pair(flow, division),
                };
                together += each * pairs as f64;
            }
        }
        let common = common.unwrap_or(1) as f64;
        (self.apart() * common - together) / common
    }
}

impl Span {
    /// The weight of every group that holds a copy.
    #[must_use]
    pub fn cost(&self, placement: &Placement) -> i128 {
        let counts = self.packing.counts(placement);
        let n_groups = counts.iter().filter(|&&count| count > 0).count();
        i128::from(self.weight) * n_groups as i128
    }
}

impl Loss {
    /// The weighted fraction lost with the worst group.
    #[must_use]
    pub fn share(&self, placement: &Placement) -> f64 {
        self.share_of(most(&self.packing.counts(placement)))
    }

    /// The weighted fraction that a worst group of `most` copies is.
    pub(super) fn share_of(&self, most: i64) -> f64 {
        self.weight * most as f64 / self.total as f64
    }
}

fn most(counts: &[i64]) -> i64 {
    counts.iter().copied().max().unwrap_or(0)
}

fn total(entries: &[Entry]) -> i128 {
    entries.iter().map(|entry| i128::from(entry.2)).sum()
}

fn above(
    faults: &mut Vec<PlacementFault>,
    activity: i128,
    limit: i64,
    row: impl FnOnce() -> String,
) {
    if activity > i128::from(limit) {
        let row = row();
        faults.push(PlacementFault::Above {
            row,
            activity,
            limit,
        });
    }
}
