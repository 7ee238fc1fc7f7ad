//! Replicas leave the fullest unit, where that costs nothing.

use std::collections::BTreeMap;

use apportion_cluster::AgentIdx;
use apportion_models::assignment::{Objective, Part, Peak};

use super::table::{Dealt, Table};

/// Places that are looked at to make the fullest unit emptier.
const LOOKS: usize = 5_000_000;
/// Where there is no bin.
const NONE: u32 = u32::MAX;

/// Where replicas on the same agents may keep their data.
struct Beside<'p> {
    peak: &'p Peak,
    /// By bin; meaningless for those without a unit.
    row_of: Vec<u32>,
    /// Bins by unit; a row for each set of agents.
    bins: Vec<Vec<u32>>,
    /// The position of the unit of each bin.
    unit_of: Vec<Option<usize>>,
}

impl<'p> Beside<'p> {
    fn new(table: &Table<'_>, peak: &'p Peak) -> Self {
        let places = &table.formulation.places.bins;
        let unit_of = places
            .iter()
            .map(|place| place.unit.map(|unit| unit.0 as usize));
        let unit_of: Vec<Option<usize>> = unit_of.collect();
        let n_units = unit_of.iter().flatten().max().map_or(0, |last| last + 1);
        let mut known: BTreeMap<&[AgentIdx], u32> = BTreeMap::new();
        let mut bins: Vec<Vec<u32>> = Vec::new();
        let mut row_of = vec![0; places.len()];
        for (bin, place) in places.iter().enumerate() {
            if let Some(unit) = unit_of[bin] {
                let row = *known.entry(&place.agents).or_insert_with(|| {
                    bins.push(vec![NONE; n_units]);
                    bins.len() as u32 - 1
                });
                row_of[bin] = row;
                let on_unit = &mut bins[row as usize][unit];
                *on_unit = (*on_unit).min(bin as u32);
            }
        }
        Self {
            peak,
            row_of,
            bins,
            unit_of,
        }
    }

    fn bins(&self, bin: u32) -> &[u32] {
        &self.bins[self.row_of[bin as usize] as usize]
    }

    /// The bin of the same agents on another unit.
    fn on(&self, bin: u32, unit: usize) -> Option<u32> {
        let found = self.bins(bin)[unit];
        (found != NONE).then_some(found)
    }
}

impl Table<'_> {
    /// Moves replicas off the fullest unit as long as that helps and costs nothing.
    pub(super) fn level(&mut self) {
        let mut stages = self.formulation.assignment.stages.iter();
        let peak = stages.find_map(|stage| match &stage.objective {
            Objective::Peak(peak) => Some(peak),
            _ => None,
        });
        let Some(peak) = peak else { return };
        let beside = Beside::new(self, peak);
        let mut looks = LOOKS;
        while let Some(part) = self.fullest(peak) {
            let cap = &self.formulation.assignment.caps[part.cap as usize];
            let weights: Vec<i64> = (0..self.formulation.items.len() as u32)
                .map(|item| cap.weight(item))
                .collect();
            let weight = |dealt: &Dealt| weights[dealt.item as usize];
            let on_it = (0..self.dealt.len()).filter(|&at| {
                let dealt = &self.dealt[at];
                weight(dealt) > 0 && cap.bins.binary_search(&dealt.bin).is_ok()
            });
            let mut on_it: Vec<usize> = on_it.collect();
            on_it.sort_by_key(|&at| (weight(&self.dealt[at]), at));
            let most = self.filled(part);
            let moved = (on_it.iter()).any(|&at| self.leave(at, &beside, most, &mut looks))
                || (on_it.iter().rev())
                    .any(|&at| self.exchange(at, &beside, (&weights, most), &mut looks));
            if !moved {
                return;
            }
        }
    }

    /// How full a unit is in one resource.
    fn filled(&self, part: &Part) -> f64 {
        let cap = part.cap as usize;
        let max = self.formulation.assignment.caps[cap].max;
        part.used(i128::from(max - self.units[cap]))
    }

    /// The fullest unit, if it is fuller than what is outside of the offers.
    fn fullest<'p>(&self, peak: &'p Peak) -> Option<&'p Part> {
        let order = |left: &&Part, right: &&Part| {
            let order = self.filled(left).total_cmp(&self.filled(right));
            order.then(right.cap.cmp(&left.cap))
        };
        let fullest = peak.parts.iter().max_by(order)?;
        (self.filled(fullest) > peak.least).then_some(fullest)
    }

    /// How full the unit of a bin is, in the resource of which that is most.
    fn filled_most(&self, peak: &Peak, bin: u32) -> f64 {
        let rows = self.rows_of[bin as usize].iter();
        let parts = rows.filter_map(|&row| {
            let at = peak
                .parts
                .binary_search_by(|part| (part.cap as usize).cmp(&row));
            at.ok().map(|at| self.filled(&peak.parts[at]))
        });
        parts.fold(0.0, f64::max)
    }

    /// Lets a replica keep its data on another unit, the one that is then least full, if that is less full than `most`.
    fn leave(&mut self, at: usize, beside: &Beside<'_>, most: f64, looks: &mut usize) -> bool {
        let here = self.dealt[at];
        let toll = self.toll(here.item, here.bin);
        self.count(here, -1);
        let mut best: Option<(f64, Dealt)> = None;
        let others = beside.bins(here.bin).iter();
        for &bin in others.filter(|&&bin| bin != NONE && bin != here.bin) {
            *looks = looks.saturating_sub(1);
            let there = Dealt { bin, ..here };
            if *looks == 0 || self.toll(here.item, bin) > toll || !self.takes(here.item, bin) {
                continue;
            }
            self.count(there, 1);
            let filled = self.filled_most(beside.peak, bin);
            self.count(there, -1);
            if filled < most && best.is_none_or(|(least, _)| filled < least) {
                best = Some((filled, there));
            }
        }
        let there = best.map_or(here, |(_, there)| there);
        self.count(there, 1);
        self.dealt[at] = there;
        best.is_some()
    }

    /// Exchanges the units of two replicas, so that both are then less full than `most`. The other one asks for less, by the weights of the items.
    fn exchange(
        &mut self,
        at: usize,
        beside: &Beside<'_>,
        (weights, most): (&[i64], f64),
        looks: &mut usize,
    ) -> bool {
        let here = self.dealt[at];
        let Some(from) = beside.unit_of[here.bin as usize] else {
            return false;
        };
        let toll_here = self.toll(here.item, here.bin);
        for with in 0..self.dealt.len() {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            let there = self.dealt[with];
            if weights[there.item as usize] >= weights[here.item as usize] {
                continue;
            }
            let unit = beside.unit_of[there.bin as usize].filter(|&unit| unit != from);
            let to = unit.and_then(|unit| beside.on(here.bin, unit));
            let Some(to) = to else { continue };
            let more = self.toll(here.item, to) - toll_here;
            let Some(back) = beside.on(there.bin, from) else {
                continue;
            };
            if more + self.toll(there.item, back) > self.toll(there.item, there.bin) {
                continue;
            }
            let exchanged = [Dealt { bin: to, ..here }, Dealt { bin: back, ..there }];
            self.count(here, -1);
            self.count(there, -1);
            let mut holds = self.takes(here.item, to);
            self.count(exchanged[0], 1);
            holds &= self.takes(there.item, back);
            self.count(exchanged[1], 1);
            holds &= [to, back]
                .iter()
                .all(|&bin| self.filled_most(beside.peak, bin) < most);
            if holds {
                [self.dealt[at], self.dealt[with]] = exchanged;
                return true;
            }
            self.count(exchanged[0], -1);
            self.count(exchanged[1], -1);
            self.count(here, 1);
            self.count(there, 1);
        }
        false
    }
}
