//! Room for what comes first: copies that are worth less give way.
//!
//! A placement may be good in all and yet lack a few copies that come first, such as those of higher priority, or have them where they are
//! worth less. Constructing anew sets that right, and may scatter everything else; here they take single places, bin by bin, and whatever
//! has to give way goes where they were, or wherever it still fits.
//!
//! # Rules
//! Worth and loss are vectors: one number for each stage that values what is placed, compared lexicographically. In the order of the
//! constructive method, a copy that has no place, and then each that is worth less where it is than elsewhere, takes the bin in
//! which it is worth most after what it displaces there, as long as that is a gain. Bins are looked at where it is worth most, and of these
//! where it lacks least room. A gang is placed as a whole or not at all, and no gang or balance breaks by what is displaced.

use super::construct::{Construction, Preference, Unit, fill_up, units};
use super::placement::Placement;
use super::tally::{Index, Stop, Tally};
use super::types::Assignment;
use super::worth::Worth;

/// Bins that are looked at closely for a copy.
const BINS: usize = 48;

/// Copies that give way to one: where it takes more, the one is so much larger that little would be left of the rest.
const MOST_DISPLACED: usize = 64;

/// Bins and copies that are looked at in all. What comes last gets no turn when they are used up: counts may be in the millions.
const LOOKS: usize = 2_000_000;

/// A placement in which what comes first has displaced copies of `start`, which must break no rule; then whatever fits is added.
pub(super) fn displace(assignment: &Assignment, start: &Placement, stop: &Stop) -> Construction {
    let index = Index::new(assignment);
    let mut tally = Tally::new(assignment, &index, start);
    let stages = assignment.stages.iter();
    let worths: Vec<Worth<'_>> = stages.filter_map(|it| it.objective.worth()).collect();
    let (mut stopped, mut looks) = (None, LOOKS);
    for unit in units(Preference::LeastHarm, &tally) {
        stopped = stop.reason();
        if stopped.is_some() || looks == 0 {
            break;
        }
        let mut turn = Turn {
            tally: &mut tally,
            worths: &worths,
            changes: Vec::new(),
            looks,
        };
        turn.take(&unit, stop);
        looks = turn.looks;
    }
    fill_up(&mut tally, stop);
    Construction {
        placement: tally.placement(),
        stopped: stopped.or_else(|| stop.reason()),
    }
}

/// By stage.
type Value = Vec<i64>;

/// A bin that a copy may have.
struct Candidate {
    /// What the copy is worth there, less what gives way.
    net: Value,
    /// What gives way.
    displaced: Vec<u32>,
    bin: u32,
}

/// The turn of an item, or of a gang.
struct Turn<'t, 'a> {
    tally: &'t mut Tally<'a>,
    worths: &'t [Worth<'a>],
    /// Items, bins and copies added, or taken away if negative.
    changes: Vec<(u32, u32, i64)>,
    /// Looks that are left.
    looks: usize,
}

impl Turn<'_, '_> {
    fn take(&mut self, unit: &Unit, stop: &Stop) {
        for &item in &unit.items {
            self.take_item(item, stop);
        }
        if unit.gang.is_some_and(|gang| !self.tally.gang_holds(gang)) {
            while let Some((item, bin, copies)) = self.changes.pop() {
                self.tally.change(item, bin, -copies);
            }
        }
    }

    fn is_over(&self, stop: &Stop) -> bool {
        self.looks == 0 || stop.reason().is_some()
    }

    fn change(&mut self, item: u32, bin: u32, copies: i64) {
        self.tally.change(item, bin, copies);
        self.changes.push((item, bin, copies));
    }

    /// Whether any stage tells bins apart: else no copy has a better place than the one that it has.
    fn is_by_bin(&self) -> bool {
        let mut worths = self.worths.iter();
        worths.any(|worth| matches!(worth, Worth::ByClass(_)))
    }

    fn worth(&self, item: u32, bin: u32) -> Value {
        let worths = self.worths.iter();
        worths.map(|worth| worth.of(item, bin)).collect()
    }

    /// Places for copies that have none, then better ones for the others.
    fn take_item(&mut self, item: u32, stop: &Stop) {
        if self.tally.remaining(item) == 0 && !self.is_by_bin() {
            return;
        }
        let bins = self.by_worth(item);
        let Some(best) = bins.first().map(|&bin| self.worth(item, bin)) else {
            return;
        };
        let nothing = vec![0; best.len()];
        if best <= nothing {
            return;
        }
        let mut bins = bins.into_iter();
        let mut candidates: Vec<Candidate> = Vec::new();
        while self.tally.remaining(item) > 0 && !self.is_over(stop) {
            let Some(candidate) = self.next_candidate(item, &mut bins, &mut candidates, &nothing)
            else {
                break;
            };
            self.accept(item, &candidate);
            candidates.extend(self.candidate(item, candidate.bin));
        }
        let mut held: Vec<(Value, u32)> = (self.tally.at[item as usize].keys())
            .map(|&bin| (self.worth(item, bin), bin))
            .filter(|(worth, _)| *worth < best)
            .collect();
        held.sort();
        for (worth, from) in held {
            while self.tally.at[item as usize].contains_key(&from) && !self.is_over(stop) {
                self.change(item, from, -1);
                let candidate = self.next_candidate(item, &mut bins, &mut candidates, &worth);
                let Some(candidate) = candidate.filter(|_| self.tally.holds(item)) else {
                    self.change(item, from, 1);
                    return;
                };
                self.accept(item, &candidate);
                for &other in &candidate.displaced {
                    let eligible = &self.tally.assignment.items[other as usize].eligible;
                    if eligible.binary_search(&from).is_ok() && self.tally.room(other, from) > 0 {
                        self.change(other, from, 1);
                    }
                }
                candidates.extend(self.candidate(item, candidate.bin));
            }
        }
    }

    fn accept(&mut self, item: u32, candidate: &Candidate) {
        for &other in &candidate.displaced {
            self.change(other, candidate.bin, -1);
        }
        self.change(item, candidate.bin, 1);
    }

    /// The best of the candidates that are worth more than `least`; it is taken out of them.
    fn next_candidate(
        &mut self,
        item: u32,
        bins: &mut impl Iterator<Item = u32>,
        candidates: &mut Vec<Candidate>,
        least: &Value,
    ) -> Option<Candidate> {
        loop {
            while candidates.len() < BINS
                && let Some(bin) = bins.next()
            {
                candidates.extend(self.candidate(item, bin));
            }
            let best = (0..candidates.len()).max_by(|&left, &right| {
                let (left, right) = (&candidates[left], &candidates[right]);
                (left.net.cmp(&right.net)).then(right.bin.cmp(&left.bin))
            })?;
            if candidates[best].net <= *least {
                return None;
            }
            let known = candidates.swap_remove(best);
            // Others may have changed the bin meanwhile.
            match self.candidate(item, known.bin) {
                Some(candidate) if candidate.net >= known.net => return Some(candidate),
                changed => candidates.extend(changed),
            }
        }
    }

    /// By resource, the part of what a copy needs that a bin lacks; not positive where it has enough.
    fn lacks(&self, item: u32, bin: u32) -> impl Iterator<Item = f64> + '_ {
        let demand = &self.tally.assignment.items[item as usize].demand;
        let amounts = self.tally.free(bin).iter().zip(demand);
        amounts.map(|(&free, &demand)| (demand - free) as f64 / demand.max(1) as f64)
    }

    /// Bins that an item may go to: where it is worth most, then where it lacks least.
    fn by_worth(&mut self, item: u32) -> Vec<u32> {
        let eligible = &self.tally.assignment.items[item as usize].eligible;
        self.looks = self.looks.saturating_sub(eligible.len());
        let mut bins: Vec<(Value, f64, u32)> = (eligible.iter())
            .map(|&bin| {
                let lacks = self.lacks(item, bin).fold(0.0, f64::max);
                (self.worth(item, bin), lacks, bin)
            })
            .collect();
        bins.sort_by(|left, right| {
            (right.0.cmp(&left.0))
                .then(left.1.total_cmp(&right.1))
                .then(left.2.cmp(&right.2))
        });
        bins.into_iter().map(|(_, _, bin)| bin).collect()
    }

    /// What a bin offers a copy of an item, if anything. Everything is as before when this returns.
    fn candidate(&mut self, item: u32, bin: u32) -> Option<Candidate> {
        let mut displaced = Vec::new();
        let mut has_room = self.tally.room(item, bin) > 0;
        self.looks = self.looks.saturating_sub(1);
        while !has_room
            && displaced.len() < MOST_DISPLACED
            && let Some(other) = self.next_to_go(item, bin)
        {
            self.tally.change(other, bin, -1);
            displaced.push(other);
            has_room = self.tally.room(item, bin) > 0;
        }
        if has_room {
            // Of those that went first some may not be in the way after all.
            for at in (0..displaced.len()).rev() {
                self.tally.change(displaced[at], bin, 1);
                if self.tally.room(item, bin) > 0 {
                    displaced.remove(at);
                } else {
                    self.tally.change(displaced[at], bin, -1);
                }
            }
        }
        let mut net = self.worth(item, bin);
        for &other in &displaced {
            self.tally.change(other, bin, 1);
            for (net, worth) in net.iter_mut().zip(self.worth(other, bin)) {
                *net -= worth;
            }
        }
        has_room.then_some(Candidate {
            net,
            displaced,
            bin,
        })
    }

    /// The copy in a bin that frees most of what an item lacks there for what it is worth, among those that are worth less
    /// and may go.
    fn next_to_go(&mut self, item: u32, bin: u32) -> Option<u32> {
        let worth = self.worth(item, bin);
        let gang = self.tally.index.gang_of[item as usize];
        let inside = self.tally.inside[bin as usize].iter().copied();
        self.looks = self
            .looks
            .saturating_sub(self.tally.inside[bin as usize].len());
        let may_go = |other: u32| {
            let is_partner = gang.is_some() && self.tally.index.gang_of[other as usize] == gang;
            other != item && !is_partner
        };
        let items = &self.tally.assignment.items;
        let lacks: Vec<f64> = self.lacks(item, bin).collect();
        let frees = |other: u32| {
            let amounts = (items[other as usize].demand.iter()).zip(&items[item as usize].demand);
            let freed = amounts.zip(&lacks).filter(|(_, lacks)| **lacks > 0.0);
            freed
                .map(|((&frees, &demand), &lacks)| (frees as f64 / demand as f64).min(lacks))
                .sum::<f64>()
        };
        // The first stage in which it is worth anything, and what it frees there for each unit of worth.
        let rank = |other: u32| {
            let worth = self.worth(other, bin);
            let stage = worth.iter().position(|&it| it > 0);
            let unit = stage.map_or(1, |stage| worth[stage]);
            (stage.unwrap_or(worth.len()), frees(other) / unit as f64)
        };
        let mut others: Vec<(usize, f64, u32)> = inside
            .filter(|&other| may_go(other) && self.worth(other, bin) < worth)
            .map(|other| {
                let (stage, freed) = rank(other);
                (stage, freed, other)
            })
            .collect();
        others.sort_by(|left, right| {
            (right.0.cmp(&left.0))
                .then(right.1.total_cmp(&left.1))
                .then(left.2.cmp(&right.2))
        });
        let mut others = others.into_iter().map(|(_, _, other)| other);
        others.find(|&other| {
            self.tally.change(other, bin, -1);
            let holds = self.tally.holds(other);
            self.tally.change(other, bin, 1);
            holds
        })
    }
}

#[cfg(test)]
mod tests;
