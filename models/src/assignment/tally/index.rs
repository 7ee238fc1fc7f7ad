//! The rules that count over groups, and which of them speak of which item.

use std::sync::Arc;

use crate::assignment::types::{Assignment, Objective, Packing, Span, Traffic};

/// A rule or objective term that counts over groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::assignment) enum Rule {
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
    pub(in crate::assignment) fn packing(self, assignment: &Assignment) -> &Packing {
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
pub(in crate::assignment) fn span(assignment: &Assignment, stage: usize, term: usize) -> &Span {
    match &assignment.stages[stage].objective {
        Objective::Span(terms) => &terms[term],
        _ => unreachable!("spans are terms of span stages"),
    }
}

/// What a traffic stage is about.
pub(in crate::assignment) fn traffic(assignment: &Assignment, stage: usize) -> &Traffic {
    match &assignment.stages[stage].objective {
        Objective::Traffic(traffic) => traffic,
        _ => unreachable!("ends are of traffic stages"),
    }
}

/// Which rules speak of which item.
#[derive(Debug)]
pub(in crate::assignment) struct Index {
    /// Every rule that counts over groups, in the order of the fields of [`Assignment`].
    pub(in crate::assignment) rules: Vec<Rule>,
    /// The group of each bin, by rule.
    pub(in crate::assignment) groups: Vec<Arc<Vec<u32>>>,
    /// Positions in `rules`, by item.
    pub(in crate::assignment) rules_of: Vec<Vec<u32>>,
    /// Positions of caps, by item.
    pub(in crate::assignment) caps_of: Vec<Vec<u32>>,
    /// Positions of caps, by bin.
    pub(in crate::assignment) caps_in: Vec<Vec<u32>>,
    /// For each item a bit for each cap that counts it: a bin may be in many caps, and most are about other items.
    counted: Vec<u64>,
    /// Words of a row of `counted`.
    n_words: usize,
    /// Stages about the fullest cap.
    pub(in crate::assignment) peak_stages: Vec<usize>,
    /// The gang of each item.
    pub(in crate::assignment) gang_of: Vec<Option<u32>>,
    /// The stages that count open bins.
    pub(in crate::assignment) opened_stages: Vec<usize>,
    /// Stages that count what is free of devices and cannot be used.
    pub(in crate::assignment) fragmentation_stages: Vec<usize>,
    /// Stages in which the value or the cost of a copy depends on its bin.
    pub(in crate::assignment) toll_stages: Vec<usize>,
    /// Of each rule that is an end in a division, the ends that it exchanges with there, and how much per pair of copies: times
    /// [`Traffic::common`], so that sums are exact.
    pub(in crate::assignment) partners_of: Vec<Vec<(u32, f64)>>,
}

impl Index {
    pub(in crate::assignment) fn new(assignment: &Assignment) -> Self {
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
    pub(in crate::assignment) fn caps(
        &self,
        item: u32,
        bin: u32,
    ) -> impl Iterator<Item = u32> + '_ {
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
