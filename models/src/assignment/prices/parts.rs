//! The parts that copies may take of devices, and how they fill single devices.

use std::collections::{BTreeMap, BTreeSet};

use super::Kind;
use crate::assignment::bound::Room;
use crate::assignment::counts::fillings;

/// Devices in parts of more sizes, or that differ in more ways, are counted by thousandths alone.
const LARGEST_SIZES: usize = 100;
const LARGEST_DIFFERENT: usize = 100;

/// The devices of one kind in a group, and the parts that copies may take of them.
pub(super) struct Parts {
    pub(super) group: usize,
    pub(super) kind: u32,
    /// Thousandths, ascending.
    pub(super) sizes: Vec<i64>,
    /// Thousandths that are free, ascending, and of how many devices.
    pub(super) devices: Vec<(i64, i64)>,
    /// A position among `devices`, and the parts: positions among `sizes`, and how many.
    pub(super) fillings: Vec<(usize, Vec<(usize, i64)>)>,
}

/// The devices of each group and kind that some item may take a part of.
pub(super) fn parts(room: &Room<'_>, group_of: &[usize], kinds: &[Kind]) -> Vec<Parts> {
    let mut sizes: BTreeMap<(usize, u32), BTreeSet<i64>> = BTreeMap::new();
    for kind in kinds {
        for need in &kind.needs {
            for it in &kind.groups {
                sizes
                    .entry((it.group, need.kind))
                    .or_default()
                    .insert(need.milli);
            }
        }
    }
    let mut devices: BTreeMap<(usize, u32), BTreeMap<i64, i64>> = BTreeMap::new();
    for (bin, &group) in room.assignment.bins.iter().zip(group_of) {
        for (kind, of_kind) in (0..).zip(&bin.devices) {
            for &free in of_kind.iter().filter(|free| **free > 0) {
                *devices
                    .entry((group, kind))
                    .or_default()
                    .entry(free)
                    .or_insert(0) += 1;
            }
        }
    }
    let mut parts = Vec::new();
    for ((group, kind), sizes) in sizes {
        let devices = devices.remove(&(group, kind)).unwrap_or_default();
        if sizes.len() > LARGEST_SIZES || devices.len() > LARGEST_DIFFERENT {
            continue;
        }
        let sizes: Vec<i64> = sizes.into_iter().collect();
        let devices: Vec<(i64, i64)> = devices.into_iter().collect();
        // To begin with, devices that are as full as a part of each size allows.
        let values: Vec<f64> = sizes.iter().map(|&size| size as f64).collect();
        let full = |(at, &(free, _)): (usize, &(i64, i64))| {
            let full = fillings(free, &sizes, &values, 0.0).into_iter();
            full.map(move |filling| (at, filling)).collect::<Vec<_>>()
        };
        parts.push(Parts {
            group,
            kind,
            fillings: devices.iter().enumerate().flat_map(full).collect(),
            sizes,
            devices,
        });
    }
    parts
}
