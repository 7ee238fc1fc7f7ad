//! Bins that an item's rules do not tell apart: cells, and zones of cells.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Filler;
use crate::assignment::tally::Tally;
use crate::assignment::validate::NO_GROUP;
use crate::assignment::worth::Tolls;

/// Bins that agree in every division whose groups have several bins.
pub(super) struct Cells {
    pub(super) bins: Vec<Vec<u32>>,
    /// Cells that agree in all of these but the finest.
    pub(super) zones: Vec<Vec<usize>>,
    /// The finest of these divisions, by its address, if there are any.
    finest: Option<usize>,
}

/// What an item's rules count: in zones, in cells, and where each group is one bin; and its tolls.
pub(super) struct Divisions<'a> {
    pub(super) zoned: Vec<u32>,
    pub(super) coarse: Vec<u32>,
    pub(super) fine: Vec<u32>,
    pub(super) cells: Rc<Cells>,
    /// [`Key::fit`](super::key::Key::fit) of each cell, where it matters.
    pub(super) fits: Vec<i64>,
    /// With the place of their stage in [`Key::raises`](super::key::Key::raises).
    pub(super) tolls: Vec<(usize, Tolls<'a>)>,
    /// The least of the [first tolls](Self::first_tolls) of each cell, where tolls come first: most cells need not be looked at more closely.
    pub(super) least_tolls: Vec<f64>,
}

impl Divisions<'_> {
    /// Whether tolls are the first that keys of bins differ in.
    pub(super) fn tolls_come_first(&self) -> bool {
        self.tolls.iter().any(|&(slot, _)| slot == 0)
    }

    /// What the key of a bin raises first is no less than this.
    #[inline]
    pub(super) fn first_tolls(&self, bin: u32) -> f64 {
        let first = self.tolls.iter().filter(|&&(slot, _)| slot == 0);
        first.fold(0.0, |sum, (_, tolls)| sum + tolls.of(bin) as f64)
    }
}

impl Filler<'_> {
    pub(super) fn divisions<'a>(&mut self, tally: &Tally<'a>, item: u32) -> Divisions<'a> {
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
