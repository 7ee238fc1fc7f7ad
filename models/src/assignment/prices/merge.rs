//! Alike items and bins put together, before they are priced.

use std::collections::BTreeMap;

use super::parts::parts;
use super::{InGroup, Kept, Kind, Pricing};
use crate::assignment::bound::Room;
use crate::assignment::worth::Worth;

/// More groups than this are merged.
const LARGEST_GROUPS: usize = 256;

impl Pricing {
    /// The relaxation of a stage about values, after others that keep what they have reached.
    pub(in crate::assignment) fn new(room: &Room<'_>, worth: Worth<'_>, kept: &[Kept<'_>]) -> Self {
        let assignment = room.assignment;
        let worths: Vec<Worth<'_>> = std::iter::once(worth)
            .chain(kept.iter().map(|it| it.worth))
            .collect();
        let merged = merge(room, &worths);
        let mut shapes: Vec<usize> = merged.keys().map(|key| key.0).collect();
        shapes.dedup();
        let class_of = classes(&worths, assignment.bins.len());
        let n_kinds = assignment.n_kinds();
        let amounts: Vec<Vec<i64>> = (assignment.bins.iter())
            .map(|bin| bin.amounts(n_kinds))
            .collect();
        let group_of = group_bins(room, &shapes, &amounts, &class_of);
        let n_groups = group_of.iter().copied().max().map_or(0, |group| group + 1);
        let n_resources = assignment.resources.len() + n_kinds;
        let mut capacity = vec![vec![0.0; n_resources]; n_groups];
        for ((amounts, usable), &group) in amounts.iter().zip(&room.usable).zip(&group_of) {
            let devices = amounts[usable.len()..].iter();
            for (sum, &of_bin) in capacity[group].iter_mut().zip(usable.iter().chain(devices)) {
                *sum += of_bin as f64;
            }
        }
        let kinds = kinds(room, &worths, merged, &group_of);
        let parts = parts(room, &group_of, &kinds);
        let mut parts_of = vec![Vec::new(); n_groups];
        for (position, parts) in parts.iter().enumerate() {
            parts_of[parts.group].push(position);
        }
        Self {
            n_resources,
            n_kinds,
            group_of,
            capacity,
            kinds,
            parts,
            parts_of,
            kept: kept.iter().map(|it| (it.stage, it.reached)).collect(),
        }
    }
}

/// The most copies for each shape and its values: in each of `worths` the item's own, or by class of bins.
fn merge(room: &Room<'_>, worths: &[Worth<'_>]) -> BTreeMap<(usize, Vec<Vec<i64>>), i64> {
    let mut merged = BTreeMap::new();
    for item in 0..room.assignment.items.len() as u32 {
        let most = room.most[item as usize];
        let values = worths.iter().map(|worth| match worth {
            Worth::Flat(_) => vec![worth.of(item, 0)],
            Worth::ByClass(by_class) => by_class.values_of(item).unwrap_or_default().to_vec(),
        });
        let values: Vec<Vec<i64>> = values.collect();
        if most > 0 && values.iter().flatten().any(|&value| value > 0) {
            *merged
                .entry((room.shape_of[item as usize], values))
                .or_insert(0) += most;
        }
    }
    merged
}

/// Items of one shape and one set of values, with what their copies are worth in each group.
fn kinds(
    room: &Room<'_>,
    worths: &[Worth<'_>],
    merged: BTreeMap<(usize, Vec<Vec<i64>>), i64>,
    group_of: &[usize],
) -> Vec<Kind> {
    let assignment = room.assignment;
    let n_kinds = assignment.n_kinds();
    (merged.into_iter())
        .map(|((shape, values), most)| {
            let shape = &room.shapes[shape];
            let item = &assignment.items[shape.item];
            let demand = item.amounts(n_kinds);
            let value = |at: usize, bin: u32| match worths[at] {
                Worth::Flat(_) => values[at][0] as f64,
                Worth::ByClass(by_class) => values[at]
                    .get(by_class.class_of[bin as usize] as usize)
                    .map_or(0.0, |&value| value as f64),
            };
            // All bins of a group are of one class.
            let bins = shape.copies.iter();
            let mut groups: Vec<(usize, u32)> = bins
                .map(|&(bin, _)| (group_of[bin as usize], bin))
                .collect();
            groups.sort_unstable();
            groups.dedup_by_key(|group| group.0);
            let groups = groups.into_iter().map(|(group, bin)| InGroup {
                group,
                value: value(0, bin),
                kept: (1..worths.len()).map(|at| value(at, bin)).collect(),
            });
            Kind {
                demand: demand.iter().map(|&demand| demand as f64).collect(),
                needs: item.devices.clone(),
                most: most as f64,
                groups: groups.collect(),
            }
        })
        .collect()
}

/// The class of each bin, where the worths that differ by bin have it in one class.
fn classes(worths: &[Worth<'_>], n_bins: usize) -> Vec<usize> {
    let mut differing: Vec<&[u32]> = Vec::new();
    for worth in worths {
        if let Worth::ByClass(by_class) = worth
            && !differing.contains(&by_class.class_of.as_slice())
        {
            differing.push(&by_class.class_of);
        }
    }
    let class = |bin: usize| differing.iter().map(|of| of[bin]).collect::<Vec<u32>>();
    number((0..n_bins).map(class))
}

/// A group for each bin: bins of one group are of one class and have room for the same shapes.
fn group_bins(
    room: &Room<'_>,
    shapes: &[usize],
    amounts: &[Vec<i64>],
    class_of: &[usize],
) -> Vec<usize> {
    let n_bins = room.assignment.bins.len();
    let mut fits: Vec<Vec<u32>> = vec![Vec::new(); n_bins];
    for &shape in shapes {
        for &(bin, _) in &room.shapes[shape].copies {
            fits[bin as usize].push(shape as u32);
        }
    }
    let class = |bin: usize| class_of[bin];
    let is_few = |groups: &[usize]| groups.iter().copied().max().unwrap_or(0) < LARGEST_GROUPS;
    let exact = number((0..n_bins).map(|bin| (class(bin), &fits[bin], Some(&amounts[bin]))));
    if is_few(&exact) {
        return exact;
    }
    let by_fit = number((0..n_bins).map(|bin| (class(bin), &fits[bin], None::<&Vec<i64>>)));
    if is_few(&by_fit) {
        return by_fit;
    }
    number((0..n_bins).map(class))
}

/// Numbers equal keys equally, in the order of their first appearance.
fn number<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}
