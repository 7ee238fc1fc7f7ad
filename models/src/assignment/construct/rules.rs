//! What rules add to keys: worst counts, groups in use, and traffic between groups.

use super::cells::Divisions;
use super::key::{Key, STAGES};
use super::{Filler, Preference};
use crate::assignment::tally::{Rule, Tally, span};
use crate::assignment::types::Objective;

impl Filler<'_> {
    /// What rules add to the key of a bin.
    pub(super) fn key_of(&self, tally: &Tally<'_>, rules: &[u32], bin: u32) -> Key {
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
    pub(super) fn fits(&self, tally: &Tally<'_>, item: u32, divisions: &Divisions<'_>) -> Vec<i64> {
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
    pub(super) fn add_spans(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
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
    pub(super) fn add_traffic(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
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

    /// Adds what one more copy in the bin's groups raises, and their counts.
    pub(super) fn add_rules(&self, tally: &Tally<'_>, key: &mut Key, rules: &[u32], bin: u32) {
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
    #[inline]
    pub(super) fn counted<'r>(&self, rules: &'r [u32]) -> &'r [u32] {
        match self.preference {
            Preference::LeastHarm | Preference::FewBins => rules,
            Preference::TightestFit => &[],
        }
    }
}

/// Sums of the worst counts of an item's rules, and of how many groups are in use that copies are to be together in: keys may fall when one rises.
#[derive(Clone, Copy)]
pub(super) struct Worst {
    pub(super) in_zones: i64,
    pub(super) in_cells: i64,
}

pub(super) fn worst_counts(tally: &Tally<'_>, divisions: &Divisions<'_>) -> Worst {
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
