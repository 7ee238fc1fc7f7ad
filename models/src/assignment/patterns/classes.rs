//! Bins that are filled alike.
//!
//! Bins to which the same items may go, at the same values, and of which equally much is free, are a class. Where these are too many,
//! bins that differ little are a class as well, and what is free in all of them counts: what goes into one of them goes into each.

use std::collections::BTreeMap;

use crate::assignment::knapsack::Free;
use crate::assignment::tally::Tally;
use crate::assignment::worth::Worth;

/// More classes than this are merged.
const LARGEST_CLASSES: usize = 64;

/// A class of bins.
pub(super) struct Class {
    pub(super) bins: Vec<u32>,
    /// What is free in each of them.
    pub(super) free: Free,
    /// Whether more is free in some of them.
    pub(super) is_merged: bool,
    /// Positions of the items that may go there, with the value of a copy.
    pub(super) items: Vec<(u32, f64)>,
}

/// A bin and what is free in it.
type Member = (u32, Free);

/// The classes of some bins, for the items.
pub(super) fn classes(
    tally: &Tally<'_>,
    items: &[u32],
    worth: Worth<'_>,
    bins: &[u32],
) -> Vec<Class> {
    let mut parts = alike(tally, items, worth, bins);
    let exact: Vec<Vec<Member>> = parts.iter().flat_map(|part| equal(part)).collect();
    if exact.len() <= LARGEST_CLASSES {
        parts = exact;
    } else {
        while parts.len() < LARGEST_CLASSES && split_widest(&mut parts) {}
    }
    parts
        .into_iter()
        .map(|part| class(tally, items, worth, &part))
        .collect()
}

/// Bins with the same items, values, and numbers of devices.
fn alike(tally: &Tally<'_>, items: &[u32], worth: Worth<'_>, bins: &[u32]) -> Vec<Vec<Member>> {
    let assignment = tally.assignment;
    let mut sets: BTreeMap<&[u32], u32> = BTreeMap::new();
    let mut fits: Vec<Vec<u32>> = vec![Vec::new(); assignment.bins.len()];
    for &item in items {
        let next = sets.len() as u32;
        let eligible = assignment.items[item as usize].eligible.as_slice();
        if *sets.entry(eligible).or_insert(next) == next {
            for &bin in eligible {
                fits[bin as usize].push(next);
            }
        }
    }
    let mut parts: BTreeMap<_, Vec<Member>> = BTreeMap::new();
    for &bin in bins {
        let free = Free::new(tally.free(bin), tally.free_devices(bin));
        let value_class = match worth {
            Worth::Flat(_) => 0,
            Worth::ByClass(by_class) => by_class.class_of[bin as usize],
        };
        let n_devices: Vec<usize> = free.devices.iter().map(Vec::len).collect();
        let key = (&fits[bin as usize], value_class, n_devices);
        parts.entry(key).or_default().push((bin, free));
    }
    parts.into_values().collect()
}

/// The part by what is free.
fn equal(part: &[Member]) -> Vec<Vec<Member>> {
    let mut by_free: BTreeMap<&Free, Vec<Member>> = BTreeMap::new();
    for member in part {
        by_free.entry(&member.1).or_default().push(member.clone());
    }
    by_free.into_values().collect()
}

/// Halves the part that differs most, weighed by its bins, along the amount in which it differs most; false if none differs.
fn split_widest(parts: &mut Vec<Vec<Member>>) -> bool {
    let widths = parts.iter().map(|part| {
        let (width, at) = widest(part);
        (width * part.len() as f64, at)
    });
    let Some((position, (width, at))) = widths
        .enumerate()
        .max_by(|left, right| left.1.0.total_cmp(&right.1.0))
    else {
        return false;
    };
    if width <= 0.0 {
        return false;
    }
    let mut part = std::mem::take(&mut parts[position]);
    part.sort_by_key(|(bin, free)| (free.coordinate(at), *bin));
    let middle = part[part.len() / 2].1.coordinate(at);
    let mut cut = part.partition_point(|(_, free)| free.coordinate(at) < middle);
    if cut == 0 {
        cut = part.partition_point(|(_, free)| free.coordinate(at) <= middle);
    }
    parts[position] = part.split_off(cut);
    parts.push(part);
    true
}

/// The largest difference of a part in one amount, as a share of it, and the amount.
fn widest(part: &[Member]) -> (f64, usize) {
    let n_amounts = part.first().map_or(0, |(_, free)| free.n_coordinates());
    let width = |at: usize| {
        let amounts = part.iter().map(|(_, free)| free.coordinate(at));
        let (least, most) = amounts.fold((i64::MAX, 0), |(least, most), amount| {
            (least.min(amount), most.max(amount))
        });
        (most - least) as f64 / most.max(1) as f64
    };
    (0..n_amounts)
        .map(|at| (width(at), at))
        .fold(
            (0.0, 0),
            |best, next| if next.0 > best.0 { next } else { best },
        )
}

fn class(tally: &Tally<'_>, items: &[u32], worth: Worth<'_>, part: &[Member]) -> Class {
    let mut free = part[0].1.clone();
    for (_, other) in part {
        free.lower_to(other);
    }
    let bin = part[0].0;
    let values = (0_u32..)
        .zip(items)
        .filter(|&(_, &item)| tally.assignment.is_eligible(item, bin))
        .map(|(position, &item)| (position, worth.of(item, bin) as f64));
    Class {
        is_merged: part.iter().any(|(_, other)| *other != free),
        items: values.filter(|&(_, value)| value > 0.0).collect(),
        bins: part.iter().map(|&(bin, _)| bin).collect(),
        free,
    }
}
