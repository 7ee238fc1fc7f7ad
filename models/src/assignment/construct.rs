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
//! worst group rises); a cell looks at its bins only when it comes up. What a zone counts is in the keys of none of its cells: a copy that
//! is placed changes the keys of its own cell and zone.

use std::cmp::{Ordering, Reverse};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;

use super::placement::Placement;
use super::tally::{Index, Rule, Stop, Tally, span};
use super::types::{Assignment, Bin, Objective, Stage};
use super::validate::NO_GROUP;
use super::worth::Tolls;
use crate::outcome::StopReason;

/// How many steps are made between two looks at the clock.
const STEPS_PER_LOOK: u32 = 256;
/// Copies of one item that are placed one by one; of more, a fraction is placed at a time.
const SINGLE_STEPS: i64 = 4096;
/// How many stages the key of a bin looks at.
const STAGES: usize = 6;

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

/// The items of a gang, or one item that is in none.
pub(super) struct Unit {
    pub items: Vec<u32>,
    pub gang: Option<u32>,
}

/// All items, in the order in which they are placed.
pub(super) fn units(preference: Preference, tally: &Tally<'_>) -> Vec<Unit> {
    let order = order(preference, tally.assignment);
    let mut seen = vec![false; tally.assignment.items.len()];
    let mut units = Vec::new();
    for &item in &order {
        if seen[item as usize] {
            continue;
        }
        let gang = tally.index.gang_of[item as usize];
        let items: Vec<u32> = match gang {
            None => vec![item],
            Some(_) => (order.iter().copied())
                .filter(|&other| tally.index.gang_of[other as usize] == gang)
                .collect(),
        };
        for &member in &items {
            seen[member as usize] = true;
        }
        units.push(Unit { items, gang });
    }
    units
}

/// Item positions in the order in which they are placed.
fn order(preference: Preference, assignment: &Assignment) -> Vec<u32> {
    let mut values = vec![Vec::new(); assignment.items.len()];
    for stage in &assignment.stages {
        if let Some(worth) = stage.objective.worth() {
            for of_item in &mut values {
                of_item.push(0);
            }
            for term in worth.best(assignment).iter() {
                *values[term.item as usize]
                    .last_mut()
                    .expect("a value was just pushed for every item") = term.value;
            }
        }
    }
    let n_kinds = assignment.n_kinds();
    let totals = totals(assignment, n_kinds);
    let sizes: Vec<f64> = (assignment.items.iter())
        .map(|item| {
            let amounts = item.amounts(n_kinds);
            (amounts.iter().zip(&totals))
                .map(|(&demand, &total)| demand as f64 / total)
                .fold(0.0, f64::max)
        })
        .collect();
    let mut order: Vec<u32> = (0..assignment.items.len() as u32).collect();
    order.sort_by(|&left, &right| {
        let (left, right) = (left as usize, right as usize);
        (values[right].cmp(&values[left]))
            .then_with(|| match preference {
                Preference::LeastHarm | Preference::FewBins => sizes[right].total_cmp(&sizes[left]),
                Preference::TightestFit => sizes[left].total_cmp(&sizes[right]),
            })
            .then_with(|| {
                assignment.items[left]
                    .name
                    .cmp(&assignment.items[right].name)
            })
            .then_with(|| left.cmp(&right))
    });
    order
}

/// All capacity by resource and kind of device, at least 1.
fn totals(assignment: &Assignment, n_kinds: usize) -> Vec<f64> {
    let mut totals = vec![0.0; assignment.resources.len() + n_kinds];
    for bin in &assignment.bins {
        for (total, capacity) in totals.iter_mut().zip(bin.amounts(n_kinds)) {
            *total += capacity as f64;
        }
    }
    totals.iter().map(|total| total.max(1.0)).collect()
}

/// How good a bin is for one more copy; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key {
    /// What it adds to the first stages after the value stages.
    raises: [f64; STAGES],
    /// How well what is left of the item fits where none of its kind is yet; 0 where some is, or where that does not matter.
    fit: i64,
    /// Sum of the counts of its groups.
    counts: i64,
    /// Whether the bin holds nothing yet.
    closed: bool,
    /// Free capacity after the copy.
    leftover: f64,
    bin: u32,
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.raises != other.raises {
            for (left, right) in self.raises.iter().zip(&other.raises) {
                let order = left.total_cmp(right);
                if order.is_ne() {
                    return order;
                }
            }
        }
        (self.fit.cmp(&other.fit))
            .then_with(|| self.counts.cmp(&other.counts))
            .then_with(|| self.closed.cmp(&other.closed))
            .then_with(|| self.leftover.total_cmp(&other.leftover))
            .then_with(|| self.bin.cmp(&other.bin))
    }
}

impl Key {
    /// What a cell adds to what its zone has.
    fn within(mut self, zone: &Self) -> Self {
        for (of_cell, of_zone) in self.raises.iter_mut().zip(zone.raises) {
            *of_cell += of_zone;
        }
        self.counts += zone.counts;
        self
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The place of each stage in [`Key::raises`]. Values do not tell bins apart; stages in which they do by class share a
/// place, however many priorities there are.
fn slots(assignment: &Assignment) -> Vec<Option<usize>> {
    let (mut n_slots, mut of_yields) = (0, None);
    let slots = assignment.stages.iter().map(|stage| {
        let shared = match stage.objective {
            Objective::Value(_) | Objective::Utility(_) => return None,
            Objective::Yield(_) => of_yields,
            _ => None,
        };
        if shared.is_some() || n_slots == STAGES {
            return shared;
        }
        n_slots += 1;
        if matches!(stage.objective, Objective::Yield(_)) {
            of_yields = Some(n_slots - 1);
        }
        Some(n_slots - 1)
    });
    slots.collect()
}

/// Bins that agree in every division whose groups have several bins.
struct Cells {
    bins: Vec<Vec<u32>>,
    /// Cells that agree in all of these but the finest.
    zones: Vec<Vec<usize>>,
    /// The finest of these divisions, by its address, if there are any.
    finest: Option<usize>,
}

/// What an item's rules count: in zones, in cells, and where each group is one bin; and its tolls.
struct Divisions<'a> {
    zoned: Vec<u32>,
    coarse: Vec<u32>,
    fine: Vec<u32>,
    cells: Rc<Cells>,
    /// [`Key::fit`] of each cell, where it matters.
    fits: Vec<i64>,
    /// With the place of their stage in [`Key::raises`].
    tolls: Vec<(usize, Tolls<'a>)>,
    /// The least of the [first tolls](Self::first_tolls) of each cell, where tolls come first: most cells need not be looked at more closely.
    least_tolls: Vec<f64>,
}

impl Divisions<'_> {
    /// Whether tolls are the first that keys of bins differ in.
    fn tolls_come_first(&self) -> bool {
        self.tolls.iter().any(|&(slot, _)| slot == 0)
    }

    /// What the key of a bin raises first is no less than this.
    fn first_tolls(&self, bin: u32) -> f64 {
        let first = self.tolls.iter().filter(|&&(slot, _)| slot == 0);
        first.fold(0.0, |sum, (_, tolls)| sum + tolls.of(bin) as f64)
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
    /// Place of each stage in [`Key::raises`].
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

    /// Places copies until none is left or every bin has been found full.
    fn pass(
        &mut self,
        tally: &mut Tally<'_>,
        item: u32,
        divisions: &mut Divisions<'_>,
        log: &mut Vec<(u32, u32, i64)>,
    ) -> bool {
        let before = log.len();
        let mut bins: Vec<Option<BinaryHeap<Reverse<Key>>>> = Vec::new();
        bins.resize_with(divisions.cells.bins.len(), || None);
        divisions.fits = self.fits(tally, item, divisions);
        let mut waiting = self.waiting(tally, divisions);
        while let Some(Reverse((stored, zone))) = waiting.zones.pop() {
            if self.must_stop() {
                break;
            }
            let cells = &mut waiting.cells[zone];
            let Some(key) = self.best_of_zone(tally, item, divisions, cells, &mut bins) else {
                continue;
            };
            let key = key.within(&self.zone_key(tally, divisions, zone));
            if key > stored {
                waiting.zones.push(Reverse((key, zone)));
                continue;
            }
            let copies = step(tally, item, key.bin, divisions);
            let worst = worst_counts(tally, divisions);
            let copies = tally.add(item, key.bin, copies);
            let Some(Reverse((_, cell))) = cells.pop() else {
                break;
            };
            let of_cell = bins[cell]
                .as_mut()
                .expect("the cell's best bin came from its heap");
            of_cell.pop();
            if copies > 0 {
                log.push((item, key.bin, copies));
                if tally.remaining(item) == 0 {
                    break;
                }
                let key = self.bin_key(tally, item, key.bin, divisions);
                of_cell.push(Reverse(key));
            }
            let now = worst_counts(tally, divisions);
            if now.in_cells != worst.in_cells {
                divisions.fits = self.fits(tally, item, divisions);
                waiting = self.waiting(tally, divisions);
                continue;
            }
            cells.push(Reverse((self.least_key(tally, divisions, cell), cell)));
            if now.in_zones != worst.in_zones {
                waiting.zones = self.zones(tally, divisions, &waiting.cells);
            } else if let Some(Reverse((best, _))) = cells.peek() {
                let key = best.within(&self.zone_key(tally, divisions, zone));
                waiting.zones.push(Reverse((key, zone)));
            }
        }
        log.len() > before
    }

    fn must_stop(&mut self) -> bool {
        self.steps += 1;
        if self.steps >= STEPS_PER_LOOK {
            self.steps = 0;
            self.stopped = self.stop.reason();
        }
        self.stopped.is_some()
    }

    /// The key, but for the zone, of the best bin of a zone that has room, whose cell is left at the top; `None` when none has.
    fn best_of_zone(
        &self,
        tally: &Tally<'_>,
        item: u32,
        divisions: &Divisions<'_>,
        cells: &mut BinaryHeap<Reverse<(Key, usize)>>,
        bins: &mut [Option<BinaryHeap<Reverse<Key>>>],
    ) -> Option<Key> {
        while let Some(mut top) = cells.peek_mut() {
            let Reverse((stored, cell)) = *top;
            match self.best_of_cell(tally, item, divisions, cell, &mut bins[cell]) {
                None => {
                    PeekMut::pop(top);
                }
                Some(key) if key > stored => top.0.0 = key,
                Some(key) => return Some(key),
            }
        }
        None
    }

    /// The key, but for the zone, of the cell's best bin that has room; `None` when none has.
    fn best_of_cell(
        &self,
        tally: &Tally<'_>,
        item: u32,
        divisions: &Divisions<'_>,
        cell: usize,
        heap: &mut Option<BinaryHeap<Reverse<Key>>>,
    ) -> Option<Key> {
        let heap = heap.get_or_insert_with(|| {
            (divisions.cells.bins[cell].iter())
                .filter(|&&bin| self.eligible[bin as usize] && tally.room(item, bin) > 0)
                .map(|&bin| Reverse(self.bin_key(tally, item, bin, divisions)))
                .collect()
        });
        while let Some(Reverse(of_bin)) = heap.peek().copied() {
            if tally.room(item, of_bin.bin) == 0 {
                heap.pop();
                continue;
            }
            let mut key = self.cell_key(tally, divisions, cell);
            self.add_rules(tally, &mut key, &divisions.fine, of_bin.bin);
            for (of_cell, of_bin) in key.raises.iter_mut().zip(of_bin.raises) {
                *of_cell += of_bin;
            }
            key.closed = of_bin.closed;
            key.leftover = of_bin.leftover;
            key.bin = of_bin.bin;
            return Some(key);
        }
        None
    }

    fn waiting(&self, tally: &Tally<'_>, divisions: &Divisions<'_>) -> Waiting {
        let zones = divisions.cells.zones.iter();
        let cells = zones.map(|cells| {
            let keys = cells.iter();
            keys.map(|&cell| Reverse((self.least_key(tally, divisions, cell), cell)))
                .collect()
        });
        let cells: Vec<BinaryHeap<_>> = cells.collect();
        Waiting {
            zones: self.zones(tally, divisions, &cells),
            cells,
        }
    }

    fn zones(
        &self,
        tally: &Tally<'_>,
        divisions: &Divisions<'_>,
        cells: &[BinaryHeap<Reverse<(Key, usize)>>],
    ) -> BinaryHeap<Reverse<(Key, usize)>> {
        let of_zone = |(zone, cells): (usize, &BinaryHeap<Reverse<(Key, usize)>>)| {
            let Reverse((best, _)) = cells.peek()?;
            let key = best.within(&self.zone_key(tally, divisions, zone));
            Some(Reverse((key, zone)))
        };
        cells.iter().enumerate().filter_map(of_zone).collect()
    }

    /// What the groups of a zone add to the keys of its bins.
    fn zone_key(&self, tally: &Tally<'_>, divisions: &Divisions<'_>, zone: usize) -> Key {
        let bin = divisions.cells.bins[divisions.cells.zones[zone][0]][0];
        self.key_of(tally, &divisions.zoned, bin)
    }

    /// A key that no bin of the cell is below, but for the zone.
    fn least_key(&self, tally: &Tally<'_>, divisions: &Divisions<'_>, cell: usize) -> Key {
        let mut key = self.cell_key(tally, divisions, cell);
        key.raises[0] += divisions.least_tolls.get(cell).copied().unwrap_or(0.0);
        key
    }

    fn least_tolls(&self, divisions: &Divisions<'_>) -> Vec<f64> {
        if !divisions.tolls_come_first() {
            return Vec::new();
        }
        let of_cell = |bins: &Vec<u32>| {
            let eligible = bins.iter().filter(|&&bin| self.eligible[bin as usize]);
            (eligible.map(|&bin| divisions.first_tolls(bin))).fold(f64::INFINITY, f64::min)
        };
        divisions.cells.bins.iter().map(of_cell).collect()
    }

    /// What the rules add to the keys of all bins of a cell.
    fn cell_key(&self, tally: &Tally<'_>, divisions: &Divisions<'_>, cell: usize) -> Key {
        Key {
            fit: divisions.fits.get(cell).copied().unwrap_or(0),
            ..self.key_of(tally, &divisions.coarse, divisions.cells.bins[cell][0])
        }
    }

    /// What rules add to the key of a bin.
    fn key_of(&self, tally: &Tally<'_>, rules: &[u32], bin: u32) -> Key {
        let mut key = Key {
            raises: [0.0; STAGES],
            fit: 0,
            counts: 0,
            closed: false,
            leftover: 0.0,
            bin: 0,
        };
        self.add_rules(tally, &mut key, rules, bin);
        self.add_spans(tally, &mut key, rules, bin);
        self.add_traffic(tally, &mut key, rules, bin);
        key
    }

    /// By cell, how well what is left of the item fits: nothing where copies are that it is to be with; then the cells with enough room
    /// for all, the tightest first; then those with the most room. Empty when it is to be with none.
    fn fits(&self, tally: &Tally<'_>, item: u32, divisions: &Divisions<'_>) -> Vec<i64> {
        const TOO_SMALL: i64 = i64::MAX / 2;
        let is_span = |&&rule: &&u32| matches!(tally.index.rules[rule as usize], Rule::Span(..));
        let counted = self.counted(&divisions.zoned).iter();
        let counted = counted.chain(self.counted(&divisions.coarse));
        let spans: Vec<u32> = counted.filter(is_span).copied().collect();
        if spans.is_empty() {
            return Vec::new();
        }
        let is_used = |&rule: &u32, bin: u32| {
            let group = tally.group(rule, bin);
            group.is_none_or(|group| tally.counts[rule as usize].counts[group] > 0)
        };
        let fit = |bins: &Vec<u32>| {
            if spans.iter().all(|rule| is_used(rule, bins[0])) {
                return 0;
            }
            let eligible = bins.iter().filter(|&&bin| self.eligible[bin as usize]);
            let room = eligible.map(|&bin| tally.room(item, bin)).sum::<i64>();
            if room >= tally.remaining(item) {
                room
            } else {
                TOO_SMALL - room
            }
        };
        divisions.cells.bins.iter().map(fit).collect()
    }

    /// Adds what it costs that copies come to groups of the bin in which none is that they are to be with.
    fn add_spans(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
        for &rule in self.counted(rules) {
            if let Rule::Span(stage, term) = tally.index.rules[rule as usize]
                && let Some(slot) = self.slots[stage]
                && let Some(group) = tally.group(rule, bin)
                && tally.counts[rule as usize].counts[group] == 0
            {
                key.raises[slot] += span(tally.assignment, stage, term).weight as f64;
            }
        }
    }

    /// Adds what flows between a copy in the bin and those that are not in its groups.
    fn add_traffic(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
        for &rule in self.counted(rules) {
            if let Rule::End(stage, ..) = tally.index.rules[rule as usize]
                && let Some(slot) = self.slots[stage]
            {
                let partners = tally.index.partners_of[rule as usize].iter();
                let others = partners.filter(|&&(other, _)| other != rule);
                let all = |&(other, per_pair): &(u32, f64)| {
                    per_pair * tally.totals[other as usize] as f64
                };
                let together = tally.group(rule, bin).map(|group| tally.drawn(rule, group));
                let apart = others.map(all).sum::<f64>() - together.unwrap_or(0.0);
                key.raises[slot] += apart.max(0.0);
            }
        }
    }

    /// The part of the key that only concerns the bin, for the order within a cell: what it costs to open it, then the counts of groups
    /// that are this bin alone (whether they raise a worst count follows from them).
    fn bin_key(&self, tally: &Tally<'_>, item: u32, bin: u32, divisions: &Divisions<'_>) -> Key {
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

    /// Adds what one more copy in the bin's groups raises, and their counts.
    fn add_rules(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
        for &rule in self.counted(rules) {
            let Some(group) = tally.group(rule, bin) else {
                continue;
            };
            if matches!(
                tally.index.rules[rule as usize],
                Rule::Span(..) | Rule::End(..)
            ) {
                continue;
            }
            let counts = &tally.counts[rule as usize];
            let count = counts.counts[group];
            key.counts += count;
            if count < counts.most.0 {
                continue;
            }
            let (stage, raise) = match tally.index.rules[rule as usize] {
                Rule::Survival(stage, _) => (stage, 1.0),
                Rule::Loss(stage, term) => match &tally.assignment.stages[stage].objective {
                    Objective::WorstShare(terms) => (stage, terms[term].share_of(1)),
                    _ => unreachable!("losses are terms of worst-share stages"),
                },
                Rule::Limit(_) | Rule::Balance(_) | Rule::Span(..) | Rule::End(..) => continue,
            };
            if let Some(slot) = self.slots[stage] {
                key.raises[slot] += raise;
            }
        }
    }

    /// The rules whose counts matter.
    fn counted<'r>(&self, rules: &'r [u32]) -> &'r [u32] {
        match self.preference {
            Preference::LeastHarm | Preference::FewBins => rules,
            Preference::TightestFit => &[],
        }
    }

    fn divisions<'a>(&mut self, tally: &Tally<'a>, item: u32) -> Divisions<'a> {
        let (mut coarse, mut fine) = (Vec::new(), Vec::new());
        for &rule in &tally.index.rules_of[item as usize] {
            let packing = tally.index.rules[rule as usize].packing(tally.assignment);
            let address = packing.group_of.as_ptr() as usize;
            let wide = (self.has_wide_group)
                .entry(address)
                .or_insert_with(|| has_wide_group(&packing.group_of, packing.base.len()));
            if *wide { &mut coarse } else { &mut fine }.push(rule);
        }
        let division = |rule: u32| tally.index.groups[rule as usize].as_slice();
        let mut divisions: Vec<&[u32]> = Vec::new();
        for groups in coarse.iter().map(|&rule| division(rule)) {
            if !divisions.iter().any(|known| std::ptr::eq(*known, groups)) {
                divisions.push(groups);
            }
        }
        let addresses = divisions.iter().map(|groups| groups.as_ptr() as usize);
        let mut addresses: Vec<usize> = addresses.collect();
        addresses.sort_unstable();
        let n_bins = tally.assignment.bins.len();
        let cells = (self.cells.entry(addresses))
            .or_insert_with(|| Rc::new(Cells::new(&divisions, n_bins)));
        let is_finest = |&rule: &u32| cells.finest == Some(division(rule).as_ptr() as usize);
        let (coarse, zoned) = coarse.into_iter().partition(is_finest);
        let stages = &tally.assignment.stages;
        let tolls = (tally.index.toll_stages.iter())
            .filter_map(|&stage| Some((self.slots[stage]?, stages[stage].objective.tolls(item))))
            .filter(|(_, tolls)| tolls.are_any())
            .collect();
        Divisions {
            zoned,
            coarse,
            fine,
            cells: Rc::clone(cells),
            fits: Vec::new(),
            tolls,
            least_tolls: Vec::new(),
        }
    }
}

/// Sums of the worst counts of an item's rules, and of how many groups are in use that copies are to be together in: keys may fall when one rises.
#[derive(Clone, Copy)]
struct Worst {
    in_zones: i64,
    in_cells: i64,
}

fn worst_counts(tally: &Tally<'_>, divisions: &Divisions<'_>) -> Worst {
    let count = |rule: u32| match tally.index.rules[rule as usize] {
        Rule::Span(..) => tally.counts[rule as usize].n_used as i64,
        Rule::End(..) => 0,
        _ => tally.counts[rule as usize].most.0,
    };
    // How well an item fits a cell asks for groups in use, those of zones too.
    let is_span = |rule: u32| matches!(tally.index.rules[rule as usize], Rule::Span(..));
    let mut worst = Worst {
        in_zones: 0,
        in_cells: 0,
    };
    for &rule in &divisions.zoned {
        if is_span(rule) {
            worst.in_cells += count(rule);
        } else {
            worst.in_zones += count(rule);
        }
    }
    for &rule in divisions.coarse.iter().chain(&divisions.fine) {
        worst.in_cells += count(rule);
    }
    worst
}

/// Zones, and the cells of each, under keys that none of their bins is below.
struct Waiting {
    zones: BinaryHeap<Reverse<(Key, usize)>>,
    /// Keys but for the zone.
    cells: Vec<BinaryHeap<Reverse<(Key, usize)>>>,
}

/// The most that a bin's fragmentation can be in any stage.
fn largest_fall(assignment: &Assignment) -> f64 {
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

fn has_wide_group(group_of: &[u32], n_groups: usize) -> bool {
    let mut seen = vec![false; n_groups];
    (group_of.iter())
        .filter(|&&group| group != NO_GROUP)
        .any(|&group| std::mem::replace(&mut seen[group as usize], true))
}

impl Cells {
    fn new(divisions: &[&[u32]], n_bins: usize) -> Self {
        let bins = together(n_bins, |bin| {
            divisions.iter().map(|group_of| group_of[bin]).collect()
        });
        let n_groups = |groups: &&&[u32]| {
            let groups = groups.iter().filter(|&&group| group != NO_GROUP);
            groups.max().copied()
        };
        let finest = divisions.iter().rev().max_by_key(n_groups);
        let finest = finest.map(|groups| groups.as_ptr() as usize);
        let zones = together(bins.len(), |cell| {
            let others = divisions.iter();
            let others = others.filter(|groups| Some(groups.as_ptr() as usize) != finest);
            others.map(|group_of| group_of[bins[cell][0]]).collect()
        });
        Self {
            bins: bins
                .into_iter()
                .map(|bins| bins.into_iter().map(|bin| bin as u32).collect())
                .collect(),
            zones,
            finest,
        }
    }
}

/// Positions up to `n` that have equal keys, in the order of the first of them.
fn together(n: usize, key: impl Fn(usize) -> Vec<u32>) -> Vec<Vec<usize>> {
    let mut known: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    let mut alike: Vec<Vec<usize>> = Vec::new();
    for position in 0..n {
        let at = *known.entry(key(position)).or_insert(alike.len());
        if at == alike.len() {
            alike.push(Vec::new());
        }
        alike[at].push(position);
    }
    alike
}

/// How many copies go into the bin at once: as many as fit when nothing is counted by group; else one, or a small part of very many.
fn step(tally: &Tally<'_>, item: u32, bin: u32, divisions: &Divisions<'_>) -> i64 {
    let room = tally.room(item, bin);
    let rules = (divisions.zoned.iter()).chain(&divisions.coarse);
    let counted = rules.chain(&divisions.fine).any(|&rule| {
        let rule = tally.index.rules[rule as usize];
        !matches!(rule, Rule::Limit(_) | Rule::Span(..) | Rule::End(..))
    });
    if counted || !tally.index.peak_stages.is_empty() {
        room.min(1 + tally.remaining(item) / SINGLE_STEPS)
    } else {
        room
    }
}
