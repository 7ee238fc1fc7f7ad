//! Demands and bins that items share, with the copies that fit: by bin, and by the groups of every division.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::{Room, UNLIMITED};
use crate::assignment::devices::copies_on;
use crate::assignment::types::{Assignment, DeviceNeed, Objective, Packing};
use crate::assignment::validate::NO_GROUP;

/// An item's demand and bins, and the copies that fit.
#[derive(Debug)]
pub(in crate::assignment) struct Shape {
    pub(in crate::assignment) item: usize,
    /// Bins with room for at least one copy, and how many.
    pub(in crate::assignment) copies: Vec<(u32, i64)>,
    /// All copies.
    pub(super) total: i64,
    /// Copies by group, and in no group, for each division, known by its address and number of groups. Looked up, never walked through.
    pub(super) by_group: BTreeMap<(usize, usize), (Vec<i64>, i64)>,
}

impl Room<'_> {
    pub(super) fn find_shapes(&mut self) {
        let mut known: BTreeMap<ShapeKey<'_>, usize> = BTreeMap::new();
        let mut weights: Vec<Vec<(u32, i64)>> = vec![Vec::new(); self.assignment.items.len()];
        for (position, cap) in (0_u32..).zip(&self.assignment.caps) {
            for (item, weight) in cap.weighted().filter(|_| !cap.weights.is_empty()) {
                weights[item as usize].push((position, weight));
            }
        }
        for (position, (item, weights)) in self.assignment.items.iter().zip(weights).enumerate() {
            let address = Arc::as_ptr(&item.eligible) as usize;
            let n_known = self.shapes.len();
            let shape = match known.entry((&item.demand, &item.devices, address, weights)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let room = cap_rooms(self.assignment, &entry.key().3);
                    (self.shapes).push(Shape::new(self.assignment, position, &room));
                    *entry.insert(n_known)
                }
            };
            self.shape_of.push(shape);
        }
    }

    /// Prepares the sums by group for every division that speaks of a shape.
    pub(super) fn sum_by_group(&mut self) {
        let assignment = self.assignment;
        let limits = assignment.limits.iter().map(|limit| &limit.packing);
        let terms = assignment
            .stages
            .iter()
            .flat_map(|stage| packings(&stage.objective));
        for packing in limits.chain(terms) {
            for &item in packing.items.iter() {
                let shape = &mut self.shapes[self.shape_of[item as usize]];
                let copies = &shape.copies;
                (shape.by_group.entry(address(packing)))
                    .or_insert_with(|| by_group(copies, packing));
            }
        }
    }
}

/// Demand, devices, address of the bins, and weights under caps.
type ShapeKey<'a> = (&'a [i64], &'a [DeviceNeed], usize, Vec<(u32, i64)>);

/// How many copies of an item its caps with weights allow, by bin; bins without such caps are absent.
fn cap_rooms(assignment: &Assignment, weights: &[(u32, i64)]) -> BTreeMap<u32, i64> {
    let mut rooms = BTreeMap::new();
    for &(cap, weight) in weights.iter().filter(|(_, weight)| *weight > 0) {
        let cap = &assignment.caps[cap as usize];
        for &bin in cap.bins.iter() {
            let room = rooms.entry(bin).or_insert(UNLIMITED);
            *room = (*room).min(cap.max / weight);
        }
    }
    rooms
}

impl Shape {
    fn new(assignment: &Assignment, position: usize, rooms: &BTreeMap<u32, i64>) -> Self {
        let item = &assignment.items[position];
        let copies: Vec<(u32, i64)> = (item.eligible.iter())
            .map(|&bin| {
                let of_bin = &assignment.bins[bin as usize];
                let fits =
                    (item.demand.iter().zip(&of_bin.capacity)).filter(|&(&demand, _)| demand > 0);
                let by_capacity = fits
                    .map(|(&demand, &capacity)| capacity / demand)
                    .fold(rooms.get(&bin).copied().unwrap_or(UNLIMITED), i64::min);
                (bin, copies_on(&of_bin.devices, &item.devices, by_capacity))
            })
            .filter(|&(_, copies)| copies > 0)
            .collect();
        Self {
            item: position,
            total: (copies.iter()).fold(0, |sum, &(_, copies)| sum.saturating_add(copies)),
            copies,
            by_group: BTreeMap::new(),
        }
    }
}

fn packings(objective: &Objective) -> Vec<&Packing> {
    match objective {
        Objective::Shortfall(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::WorstShare(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::Span(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::Value(_)
        | Objective::Utility(_)
        | Objective::Yield(_)
        | Objective::Cost(_)
        | Objective::Traffic(_)
        | Objective::Fragmentation(_)
        | Objective::Opened(_)
        | Objective::Peak(_) => Vec::new(),
    }
}

#[inline]
pub(super) fn address(packing: &Packing) -> (usize, usize) {
    (Arc::as_ptr(&packing.group_of) as usize, packing.base.len())
}

#[inline]
pub(super) fn same_division(left: &Packing, right: &Packing) -> bool {
    Arc::ptr_eq(&left.group_of, &right.group_of)
        || (left.base.len() == right.base.len() && left.group_of == right.group_of)
}

fn by_group(copies: &[(u32, i64)], packing: &Packing) -> (Vec<i64>, i64) {
    let mut groups = vec![0_i64; packing.base.len()];
    let mut outside = 0_i64;
    for &(bin, copies) in copies {
        let group = packing.group_of[bin as usize];
        let sum = if group == NO_GROUP {
            &mut outside
        } else {
            &mut groups[group as usize]
        };
        *sum = sum.saturating_add(copies);
    }
    (groups, outside)
}
