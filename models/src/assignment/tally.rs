//! A placement in the making: what is free and how the rules stand, kept up to date copy by copy.

mod devices;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::placement::Placement;
use super::types::{Assignment, Objective, Packing, Part, Peak, Span, Traffic};
use super::validate::NO_GROUP;
use crate::outcome::StopReason;
use crate::solver::CancelToken;

/// What ends a method early.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// The moment at which it must have returned.
    pub deadline: Option<Instant>,
    /// A request from outside.
    pub cancel: CancelToken,
}

impl Stop {
    /// Why the method must end now, if it must.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        if self.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        over.then_some(StopReason::Deadline)
    }
}

/// A rule or objective term that counts over groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// Position in [`Assignment::limits`].
    Limit(usize),
    /// Position in [`Assignment::balances`].
    Balance(usize),
    /// Stage and term.
    Survival(usize, usize),
    /// Stage and term.
    Loss(usize, usize),
    /// Stage and term.
    Span(usize, usize),
    /// Stage, end and division.
    End(usize, usize, usize),
}

impl Rule {
    pub(super) fn packing(self, assignment: &Assignment) -> &Packing {
        match self {
            Self::Limit(position) => &assignment.limits[position].packing,
            Self::Balance(position) => &assignment.balances[position].packing,
            Self::Survival(stage, term) => match &assignment.stages[stage].objective {
                Objective::Shortfall(terms) => &terms[term].packing,
                _ => unreachable!("survivals are terms of shortfall stages"),
            },
            Self::Loss(stage, term) => match &assignment.stages[stage].objective {
                Objective::WorstShare(terms) => &terms[term].packing,
                _ => unreachable!("losses are terms of worst-share stages"),
            },
            Self::Span(stage, term) => &span(assignment, stage, term).packing,
            Self::End(stage, end, division) => {
                &traffic(assignment, stage).ends[end].packings[division]
            }
        }
    }
}

/// A term of a span stage.
pub(super) fn span(assignment: &Assignment, stage: usize, term: usize) -> &Span {
    match &assignment.stages[stage].objective {
        Objective::Span(terms) => &terms[term],
        _ => unreachable!("spans are terms of span stages"),
    }
}

/// What a traffic stage is about.
pub(super) fn traffic(assignment: &Assignment, stage: usize) -> &Traffic {
    match &assignment.stages[stage].objective {
        Objective::Traffic(traffic) => traffic,
        _ => unreachable!("ends are of traffic stages"),
    }
}

/// Which rules speak of which item.
#[derive(Debug)]
pub(super) struct Index {
    /// Every rule that counts over groups, in the order of the fields of [`Assignment`].
    pub(super) rules: Vec<Rule>,
    /// The group of each bin, by rule.
    pub(super) groups: Vec<Arc<Vec<u32>>>,
    /// Positions in `rules`, by item.
    pub(super) rules_of: Vec<Vec<u32>>,
    /// Positions of caps, by item.
    pub(super) caps_of: Vec<Vec<u32>>,
    /// Positions of caps, by bin.
    pub(super) caps_in: Vec<Vec<u32>>,
    /// For each item a bit for each cap that counts it: a bin may be in many caps, and most are about other items.
    counted: Vec<u64>,
    /// Words of a row of `counted`.
    n_words: usize,
    /// Stages about the fullest cap.
    pub(super) peak_stages: Vec<usize>,
    /// The gang of each item.
    pub(super) gang_of: Vec<Option<u32>>,
    /// The sum of the costs of a bin in all stages that count open bins, by stage: position of the stage.
    pub(super) opened_stages: Vec<usize>,
    /// Stages that count what is free of devices and cannot be used.
    pub(super) fragmentation_stages: Vec<usize>,
    /// Stages in which the value or the cost of a copy depends on its bin.
    pub(super) toll_stages: Vec<usize>,
    /// Of each rule that is an end in a division, the ends that it exchanges with there, and how much per pair of copies: times
    /// [`Traffic::common`], so that sums are exact.
    pub(super) partners_of: Vec<Vec<(u32, f64)>>,
}

impl Index {
    pub(super) fn new(assignment: &Assignment) -> Self {
        let n_items = assignment.items.len();
        let mut index = Self {
            rules: rules(assignment),
            groups: Vec::new(),
            rules_of: vec![Vec::new(); n_items],
            caps_of: vec![Vec::new(); n_items],
            caps_in: vec![Vec::new(); assignment.bins.len()],
            counted: Vec::new(),
            n_words: assignment.caps.len().div_ceil(WORD),
            peak_stages: Vec::new(),
            gang_of: vec![None; n_items],
            opened_stages: Vec::new(),
            fragmentation_stages: Vec::new(),
            toll_stages: Vec::new(),
            partners_of: Vec::new(),
        };
        index.partners_of = partners(assignment, &index.rules);
        for (position, rule) in index.rules.iter().enumerate() {
            let packing = rule.packing(assignment);
            index.groups.push(Arc::clone(&packing.group_of));
            for &item in packing.items.iter() {
                index.rules_of[item as usize].push(position as u32);
            }
        }
        index.counted.resize(n_items * index.n_words, 0);
        for (position, cap) in assignment.caps.iter().enumerate() {
            for &item in cap.items.iter() {
                index.caps_of[item as usize].push(position as u32);
                let word = item as usize * index.n_words + position / WORD;
                index.counted[word] |= 1 << (position % WORD);
            }
            for &bin in cap.bins.iter() {
                index.caps_in[bin as usize].push(position as u32);
            }
        }
        for (position, gang) in assignment.gangs.iter().enumerate() {
            for &item in &gang.items {
                index.gang_of[item as usize] = Some(position as u32);
            }
        }
        for (position, stage) in assignment.stages.iter().enumerate() {
            match stage.objective {
                Objective::Opened(_) => index.opened_stages.push(position),
                Objective::Fragmentation(_) => index.fragmentation_stages.push(position),
                Objective::Peak(_) => index.peak_stages.push(position),
                Objective::Yield(_) | Objective::Cost(_) => index.toll_stages.push(position),
                _ => {}
            }
        }
        index
    }

    /// The caps that count the item in the bin.
    #[inline]
    pub(super) fn caps(&self, item: u32, bin: u32) -> impl Iterator<Item = u32> + '_ {
        let row = &self.counted[item as usize * self.n_words..][..self.n_words];
        let counts = |cap: u32| row[cap as usize / WORD] >> (cap as usize % WORD) & 1 == 1;
        let caps = self.caps_in[bin as usize].iter().copied();
        caps.filter(move |&cap| counts(cap))
    }
}

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

fn rules(assignment: &Assignment) -> Vec<Rule> {
    let mut rules: Vec<Rule> = (0..assignment.limits.len()).map(Rule::Limit).collect();
    rules.extend((0..assignment.balances.len()).map(Rule::Balance));
    for (stage, of_stage) in assignment.stages.iter().enumerate() {
        match &of_stage.objective {
            Objective::Shortfall(terms) => {
                rules.extend((0..terms.len()).map(|term| Rule::Survival(stage, term)));
            }
            Objective::WorstShare(terms) => {
                rules.extend((0..terms.len()).map(|term| Rule::Loss(stage, term)));
            }
            Objective::Span(terms) => {
                rules.extend((0..terms.len()).map(|term| Rule::Span(stage, term)));
            }
            Objective::Traffic(traffic) => {
                let divisions = 0..traffic.weights.len();
                let of_end = |end| divisions.clone().map(move |it| Rule::End(stage, end, it));
                rules.extend((0..traffic.ends.len()).flat_map(of_end));
            }
            Objective::Value(_)
            | Objective::Utility(_)
            | Objective::Yield(_)
            | Objective::Cost(_)
            | Objective::Fragmentation(_)
            | Objective::Opened(_)
            | Objective::Peak(_) => {}
        }
    }
    rules
}

/// [`Index::partners_of`].
fn partners(assignment: &Assignment, rules: &[Rule]) -> Vec<Vec<(u32, f64)>> {
    let mut partners = vec![Vec::new(); rules.len()];
    for (stage, of_stage) in assignment.stages.iter().enumerate() {
        let Objective::Traffic(traffic) = &of_stage.objective else {
            continue;
        };
        let first = rules
            .iter()
            .position(|rule| *rule == Rule::End(stage, 0, 0));
        let n_divisions = traffic.weights.len();
        let Some(first) = first.filter(|_| n_divisions > 0) else {
            continue;
        };
        let common = traffic.common();
        for flow in &traffic.flows {
            for division in 0..n_divisions {
                let rule = |end: u32| first + end as usize * n_divisions + division;
                let per_pair = match common {
                    Some(common) => traffic.per_pair_scaled(flow, division, common),
                    None => traffic.per_pair(flow, division),
                };
                partners[rule(flow.from)].push((rule(flow.to) as u32, per_pair));
                if flow.from != flow.to {
                    partners[rule(flow.to)].push((rule(flow.from) as u32, per_pair));
                }
            }
        }
    }
    partners
}

/// Counts by group, with their extremes.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) counts: Vec<i64>,
    /// The largest count and how many groups have it.
    pub(super) most: (i64, usize),
    /// The smallest count and how many groups have it.
    pub(super) least: (i64, usize),
    /// How many groups have any.
    pub(super) n_used: usize,
}

impl Counts {
    fn new(base: &[i64]) -> Self {
        let mut counts = Self {
            counts: base.to_vec(),
            most: (0, 0),
            least: (0, 0),
            n_used: base.iter().filter(|&&count| count > 0).count(),
        };
        counts.find_most();
        counts.find_least();
        counts
    }

    fn find_most(&mut self) {
        let most = self.counts.iter().copied().max().unwrap_or(0);
        self.most = (
            most,
            self.counts.iter().filter(|&&count| count == most).count(),
        );
    }

    fn find_least(&mut self) {
        let least = self.counts.iter().copied().min().unwrap_or(0);
        self.least = (
            least,
            self.counts.iter().filter(|&&count| count == least).count(),
        );
    }

    fn change(&mut self, group: usize, change: i64) {
        let before = self.counts[group];
        let after = before + change;
        self.counts[group] = after;
        self.n_used = self.n_used + usize::from(after > 0) - usize::from(before > 0);
        if before == self.most.0 {
            self.most.1 -= 1;
        }
        if before == self.least.0 {
            self.least.1 -= 1;
        }
        match after.cmp(&self.most.0) {
            std::cmp::Ordering::Greater => self.most = (after, 1),
            std::cmp::Ordering::Equal => self.most.1 += 1,
            std::cmp::Ordering::Less if self.most.1 == 0 => self.find_most(),
            std::cmp::Ordering::Less => {}
        }
        match after.cmp(&self.least.0) {
            std::cmp::Ordering::Less => self.least = (after, 1),
            std::cmp::Ordering::Equal => self.least.1 += 1,
            std::cmp::Ordering::Greater if self.least.1 == 0 => self.find_least(),
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// A placement with everything that the rules count, kept up to date.
#[derive(Clone, Debug)]
pub(super) struct Tally<'a> {
    pub(super) assignment: &'a Assignment,
    pub(super) index: &'a Index,
    /// What is left of each bin (shape: bins x resources).
    free: Vec<i64>,
    /// What is free of each device, by bin and kind, in the bin's own packing of its counts.
    devices: Vec<Vec<Vec<i64>>>,
    /// Bins whose counts have no packing that was found.
    unpacked: BTreeSet<u32>,
    /// Copies in each bin.
    pub(super) load: Vec<i64>,
    /// Copies placed of each item.
    pub(super) placed: Vec<i64>,
    /// Copies by bin, for each item.
    pub(super) at: Vec<BTreeMap<u32, i64>>,
    /// Items with copies in each bin.
    pub(super) inside: Vec<BTreeSet<u32>>,
    /// What each cap still allows.
    pub(super) caps: Vec<i64>,
    /// Counts of each rule of the index.
    pub(super) counts: Vec<Counts>,
    /// Copies placed of each rule's items, in whichever bin.
    pub(super) totals: Vec<i64>,
    /// Copies placed of each gang.
    pub(super) gangs: Vec<i64>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(assignment: &'a Assignment, index: &'a Index, placement: &Placement) -> Self {
        let n_items = assignment.items.len();
        let mut tally = Self {
            assignment,
            index,
            free: (assignment.bins.iter())
                .flat_map(|bin| bin.capacity.iter().copied())
                .collect(),
            devices: (assignment.bins.iter())
                .map(|bin| bin.devices.clone())
                .collect(),
            unpacked: BTreeSet::new(),
            load: vec![0; assignment.bins.len()],
            placed: vec![0; n_items],
            at: vec![BTreeMap::new(); n_items],
            inside: vec![BTreeSet::new(); assignment.bins.len()],
            caps: assignment.caps.iter().map(|cap| cap.max).collect(),
            counts: (index.rules.iter())
                .map(|rule| Counts::new(&rule.packing(assignment).base))
                .collect(),
            totals: (index.rules.iter())
                .map(|rule| rule.packing(assignment).base.iter().sum())
                .collect(),
            gangs: vec![0; assignment.gangs.len()],
        };
        for &(item, bin, copies) in placement.entries() {
            tally.change(item, bin, copies);
        }
        tally
    }

    pub(super) fn free(&self, bin: u32) -> &[i64] {
        let n_resources = self.assignment.resources.len();
        let start = bin as usize * n_resources;
        &self.free[start..start + n_resources]
    }

    pub(super) fn remaining(&self, item: u32) -> i64 {
        self.assignment.items[item as usize].count - self.placed[item as usize]
    }

    pub(super) fn group(&self, rule: u32, bin: u32) -> Option<usize> {
        let group = self.index.groups[rule as usize][bin as usize];
        (group != NO_GROUP).then_some(group as usize)
    }

    /// Adds `copies` of the item to the bin, or takes them away if negative. The caller knows that it may.
    pub(super) fn change(&mut self, item: u32, bin: u32, copies: i64) {
        let n_resources = self.assignment.resources.len();
        let demand = &self.assignment.items[item as usize].demand;
        for (resource, &demand) in demand.iter().enumerate() {
            self.free[bin as usize * n_resources + resource] -= demand * copies;
        }
        self.load[bin as usize] += copies;
        self.placed[item as usize] += copies;
        let here = self.at[item as usize].entry(bin).or_insert(0);
        *here += copies;
        if *here == 0 {
            self.at[item as usize].remove(&bin);
            self.inside[bin as usize].remove(&item);
        } else if *here == copies {
            self.inside[bin as usize].insert(item);
        }
        if !self.assignment.items[item as usize].devices.is_empty() {
            self.repack(bin);
        }
        let index = self.index;
        for cap in index.caps(item, bin) {
            let weight = self.assignment.caps[cap as usize].weight(item);
            self.caps[cap as usize] -= weight * copies;
        }
        for &rule in &index.rules_of[item as usize] {
            self.totals[rule as usize] += copies;
            if let Some(group) = self.group(rule, bin) {
                self.counts[rule as usize].change(group, copies);
            }
        }
        if let Some(gang) = index.gang_of[item as usize] {
            self.gangs[gang as usize] += copies;
        }
    }

    /// What a cap still allows.
    pub(super) fn cap_room(&self, cap: u32) -> i64 {
        self.caps[cap as usize]
    }

    /// How full the fullest cap of a stage is.
    pub(super) fn peak(&self, peak: &Peak) -> f64 {
        let parts = peak.parts.iter();
        parts.map(|part| self.used(part)).fold(peak.least, f64::max)
    }

    /// How full a cap is, in thousandths.
    pub(super) fn used(&self, part: &Part) -> f64 {
        let cap = part.cap as usize;
        part.used(i128::from(self.assignment.caps[cap].max - self.caps[cap]))
    }

    /// How full the fullest cap of the bin would be with one more copy.
    pub(super) fn used_with(&self, peak: &Peak, item: u32, bin: u32) -> f64 {
        let mut most = 0.0_f64;
        for &cap in &self.index.caps_in[bin as usize] {
            if let Ok(at) = peak.parts.binary_search_by_key(&cap, |part| part.cap) {
                let of_cap = &self.assignment.caps[cap as usize];
                let placed = of_cap.max - self.caps[cap as usize] + of_cap.weight(item);
                most = most.max(peak.parts[at].used(i128::from(placed)));
            }
        }
        most
    }

    /// How many more copies of the item an eligible bin takes: rules of capacity, devices, count, caps, limits and balances.
    ///
    /// One copy is allowed exactly if this is positive; for a balance and for devices it may be less than what is allowed at once.
    pub(super) fn room(&self, item: u32, bin: u32) -> i64 {
        let mut room = self.remaining(item);
        let demand = &self.assignment.items[item as usize].demand;
        for (&free, &demand) in self.free(bin).iter().zip(demand) {
            if demand > 0 {
                room = room.min(free / demand);
            }
        }
        if room <= 0 {
            return 0;
        }
        for cap in self.index.caps(item, bin) {
            let weight = self.assignment.caps[cap as usize].weight(item);
            if weight > 0 {
                room = room.min(self.caps[cap as usize] / weight);
            }
        }
        for &rule in &self.index.rules_of[item as usize] {
            room = room.min(self.room_of_rule(rule, bin));
        }
        if self.assignment.items[item as usize].devices.is_empty() {
            return room.max(0);
        }
        self.room_on_devices(item, bin, room.max(0))
    }

    fn room_of_rule(&self, rule: u32, bin: u32) -> i64 {
        let Some(group) = self.group(rule, bin) else {
            return i64::MAX;
        };
        let counts = &self.counts[rule as usize];
        match self.index.rules[rule as usize] {
            Rule::Limit(limit) => self.assignment.limits[limit].max - counts.counts[group],
            Rule::Balance(balance) if counts.counts.len() > 1 => {
                let max_skew = self.assignment.balances[balance].max_skew;
                counts.least.0 + max_skew - counts.counts[group]
            }
            Rule::Balance(_)
            | Rule::Survival(..)
            | Rule::Loss(..)
            | Rule::Span(..)
            | Rule::End(..) => i64::MAX,
        }
    }

    /// Whether every balance and gang that speaks of the item holds; removals can break them.
    pub(super) fn holds(&self, item: u32) -> bool {
        let balanced = self.index.rules_of[item as usize].iter().all(|&rule| {
            let Rule::Balance(balance) = self.index.rules[rule as usize] else {
                return true;
            };
            let counts = &self.counts[rule as usize];
            counts.most.0 - counts.least.0 <= self.assignment.balances[balance].max_skew
        });
        let gang = self.index.gang_of[item as usize];
        balanced && gang.is_none_or(|gang| self.gang_holds(gang))
    }

    pub(super) fn gang_holds(&self, gang: u32) -> bool {
        let placed = self.gangs[gang as usize];
        placed == 0 || placed >= self.assignment.gangs[gang as usize].least()
    }

    /// What a survival, loss or span term contributes to its stage.
    pub(super) fn term_value(&self, rule: u32) -> f64 {
        let most = self.counts[rule as usize].most.0;
        match self.index.rules[rule as usize] {
            Rule::Survival(stage, term) => match &self.assignment.stages[stage].objective {
                Objective::Shortfall(terms) => {
                    (terms[term].need - (self.totals[rule as usize] - most)).max(0) as f64
                }
                _ => unreachable!("survivals are terms of shortfall stages"),
            },
            Rule::Loss(stage, term) => match &self.assignment.stages[stage].objective {
                Objective::WorstShare(terms) => terms[term].share_of(most),
                _ => unreachable!("losses are terms of worst-share stages"),
            },
            Rule::Span(stage, term) => {
                let weight = span(self.assignment, stage, term).weight;
                weight as f64 * self.counts[rule as usize].n_used as f64
            }
            // What an end contributes is counted with its partners.
            Rule::Limit(_) | Rule::Balance(_) | Rule::End(..) => 0.0,
        }
    }

    /// What one more copy of the end exchanges with the copies of other ends in a group.
    pub(super) fn drawn(&self, rule: u32, group: usize) -> f64 {
        let partners = self.index.partners_of[rule as usize].iter();
        let others = partners.filter(|&&(other, _)| other != rule);
        others
            .map(|&(other, per_pair)| per_pair * self.counts[other as usize].counts[group] as f64)
            .sum()
    }

    /// What the copies of the end in a group exchange with those of all ends there.
    pub(super) fn exchanged(&self, rule: u32, group: usize) -> f64 {
        let here = self.counts[rule as usize].counts[group] as f64;
        let partners = self.index.partners_of[rule as usize].iter();
        partners
            .map(|&(other, per_pair)| {
                per_pair * here * self.counts[other as usize].counts[group] as f64
            })
            .sum()
    }

    pub(super) fn placement(&self) -> Placement {
        let mut entries = Vec::new();
        for (item, bins) in self.at.iter().enumerate() {
            entries.extend(
                bins.iter()
                    .map(|(&bin, &copies)| (item as u32, bin, copies)),
            );
        }
        Placement::new(entries)
    }
}
