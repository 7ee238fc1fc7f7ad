//! One pass of an item over all bins: zones and their cells wait under the least keys that their bins can have.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::Filler;
use super::cells::Divisions;
use super::key::Key;
use super::rules::worst_counts;
use crate::assignment::tally::{Rule, Tally};

/// Copies of one item that are placed one by one; of more, a fraction is placed at a time.
const SINGLE_STEPS: i64 = 4096;

/// Zones, and the cells of each, under keys that none of their bins is below.
struct Waiting {
    zones: BinaryHeap<Reverse<(Key, usize)>>,
    /// Keys but for the zone.
    cells: Vec<BinaryHeap<Reverse<(Key, usize)>>>,
}

impl Filler<'_> {
    /// Places copies until none is left or every bin has been found full.
    pub(super) fn pass(
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

    pub(super) fn least_tolls(&self, divisions: &Divisions<'_>) -> Vec<f64> {
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
