//! The constructive method: one copy after the other to the bin that harms the later stages least.
//!
//! Order of items: by the values of one copy in the value stages, the larger first; then the larger share of all capacity first;
//! then by name. A gang is placed as a whole when its first item comes up, and taken back when it does not reach its least number.
//!
//! Order of bins, for one copy: what its value there is below the best, or what it costs there; what it raises of the worst groups (and of the cost of open bins, and of
//! fragmentation, and how full its fullest cap becomes), stage by stage; then, for
//! copies that are to be together, the group with just enough room for all of them; then the smallest
//! sum of the counts of its groups; then a bin in use; then the tightest fit; then the position.
//!
//! Bins that agree in every group of several bins form a cell, and cells that agree in all but the finest of these divisions a zone. Zones
//! wait in a heap, the cells of each in a heap of the zone, under keys that only grow while one item is placed (the heaps are rebuilt when a
//! worst group rises); a cell looks at its bins only when it comes up, and where costs of bins come first, the least of its bins is in its key.
//! What a zone counts is in the keys of none of its cells: a copy that is placed changes the keys of its own cell and zone.

mod bins;
mod cells;
mod key;
mod order;
mod rules;
mod waiting;

use std::collections::BTreeMap;
use std::rc::Rc;

use self::bins::largest_fall;
use self::cells::Cells;
use self::key::slots;
pub(super) use self::order::{Unit, units};
use super::placement::Placement;
use super::tally::{Index, Rule, Stop, Tally};
use super::types::Assignment;
use crate::outcome::StopReason;

/// How many steps are made between two looks at the clock.
const STEPS_PER_LOOK: u32 = 256;

/// A placement made by [`construct`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Construction {
    /// The placement; it breaks no rule.
    pub placement: Placement,
    /// Why it is not complete, if it was stopped.
    pub stopped: Option<StopReason>,
}

/// Places what it can, and only adds to `start`, which must break no rule.
///
/// # Guarantees
/// The placement breaks no rule. When nothing stopped it, no single copy of an item can be added without breaking one, save copies of
/// gangs that are not placed, and copies whose devices are not found in time (see [`Assignment::pack`]).
#[must_use]
pub fn construct(assignment: &Assignment, start: Option<&Placement>, stop: &Stop) -> Construction {
    construct_by(Preference::LeastHarm, assignment, start, stop)
}

/// What decides between bins first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preference {
    /// As the [module](self) says.
    LeastHarm,
    /// As the [module](self) says, but of the bins that hold nothing yet the largest comes first instead of the tightest: so that few are
    /// opened where bins differ.
    FewBins,
    /// The tightest fit, whatever it does to later stages, and small items before large ones of equal value: for when not everything
    /// could be placed.
    TightestFit,
}

/// [`construct`] with another preference.
pub(super) fn construct_by(
    preference: Preference,
    assignment: &Assignment,
    start: Option<&Placement>,
    stop: &Stop,
) -> Construction {
    let index = Index::new(assignment);
    let nothing = Placement::default();
    let mut tally = Tally::new(assignment, &index, start.unwrap_or(&nothing));
    let stopped = fill(preference, &mut tally, stop);
    Construction {
        placement: tally.placement(),
        stopped,
    }
}

/// Adds what can be added to a tally, as [`construct`] does.
pub(super) fn fill_up(tally: &mut Tally<'_>, stop: &Stop) {
    fill(Preference::LeastHarm, tally, stop);
}

/// Adds what can be added to a tally.
fn fill(preference: Preference, tally: &mut Tally<'_>, stop: &Stop) -> Option<StopReason> {
    let mut filler = Filler::new(preference, tally.assignment, stop);
    let units = units(preference, tally);
    loop {
        let mut added = false;
        for unit in &units {
            added |= filler.place(tally, unit);
            if filler.stopped.is_some() {
                return filler.stopped;
            }
        }
        // Only balances give room back: capacity, caps and limits never do.
        if !added || tally.assignment.balances.is_empty() {
            return None;
        }
    }
}

struct Filler<'s> {
    preference: Preference,
    stop: &'s Stop,
    stopped: Option<StopReason>,
    steps: u32,
    /// By resource: 1 / largest capacity.
    scale: Vec<f64>,
    /// By kind of device: 1 / largest sum of a bin.
    device_scale: Vec<f64>,
    /// More than the fragmentation of a bin can fall by.
    largest_fall: f64,
    /// Place of each stage in [`Key::raises`](key::Key::raises).
    slots: Vec<Option<usize>>,
    /// Whether each division, known by its address, has a group of several bins. Looked up, never walked through.
    has_wide_group: BTreeMap<usize, bool>,
    /// Cells by the addresses of the divisions that make them. Looked up, never walked through.
    cells: BTreeMap<Vec<usize>, Rc<Cells>>,
    eligible: Vec<bool>,
}

impl<'s> Filler<'s> {
    fn new(preference: Preference, assignment: &Assignment, stop: &'s Stop) -> Self {
        let (n_resources, n_kinds) = (assignment.resources.len(), assignment.n_kinds());
        let mut largest = vec![1_i64; n_resources + n_kinds];
        for bin in &assignment.bins {
            for (largest, capacity) in largest.iter_mut().zip(bin.amounts(n_kinds)) {
                *largest = (*largest).max(capacity);
            }
        }
        let mut scale: Vec<f64> = (largest.iter())
            .map(|&largest| 1.0 / largest as f64)
            .collect();
        let device_scale = scale.split_off(n_resources);
        let slots = slots(assignment);
        Self {
            preference,
            stop,
            stopped: None,
            steps: 0,
            scale,
            device_scale,
            largest_fall: largest_fall(assignment),
            slots,
            has_wide_group: BTreeMap::new(),
            cells: BTreeMap::new(),
            eligible: vec![false; assignment.bins.len()],
        }
    }

    /// Places a unit as far as it goes, and says whether anything stays placed.
    fn place(&mut self, tally: &mut Tally<'_>, unit: &Unit) -> bool {
        let mut log = Vec::new();
        loop {
            let before = log.len();
            for &item in &unit.items {
                self.place_item(tally, item, &mut log);
            }
            let repeat = unit.gang.is_some() && !tally.assignment.balances.is_empty();
            if log.len() == before || !repeat || self.stopped.is_some() {
                break;
            }
        }
        if unit.gang.is_some_and(|gang| !tally.gang_holds(gang)) {
            for &(item, bin, copies) in log.iter().rev() {
                tally.change(item, bin, -copies);
            }
            return false;
        }
        !log.is_empty()
    }

    fn place_item(&mut self, tally: &mut Tally<'_>, item: u32, log: &mut Vec<(u32, u32, i64)>) {
        if tally.remaining(item) == 0 {
            return;
        }
        let assignment = tally.assignment;
        for &bin in assignment.items[item as usize].eligible.iter() {
            self.eligible[bin as usize] = true;
        }
        let mut divisions = self.divisions(tally, item);
        divisions.least_tolls = self.least_tolls(&divisions);
        loop {
            let added = self.pass(tally, item, &mut divisions, log);
            let balanced = (tally.index.rules_of[item as usize].iter())
                .any(|&rule| matches!(tally.index.rules[rule as usize], Rule::Balance(_)));
            if !added || !balanced || tally.remaining(item) == 0 || self.stopped.is_some() {
                break;
            }
        }
        for &bin in assignment.items[item as usize].eligible.iter() {
            self.eligible[bin as usize] = false;
        }
    }

    fn must_stop(&mut self) -> bool {
        self.steps += 1;
        if self.steps >= STEPS_PER_LOOK {
            self.steps = 0;
            self.stopped = self.stop.reason();
        }
        self.stopped.is_some()
    }
}
