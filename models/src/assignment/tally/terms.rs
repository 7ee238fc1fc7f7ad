//! What stages count of a tally: terms over groups, the fullest cap, and what flows.

use super::{Rule, Tally, span};
use crate::assignment::types::{Objective, Part, Peak};

impl Tally<'_> {
    /// How full the fullest cap of a stage is.
    pub(in crate::assignment) fn peak(&self, peak: &Peak) -> f64 {
        let parts = peak.parts.iter();
        parts.map(|part| self.used(part)).fold(peak.least, f64::max)
    }

    /// How full a cap is, in thousandths.
    pub(in crate::assignment) fn used(&self, part: &Part) -> f64 {
        let cap = part.cap as usize;
        part.used(i128::from(self.assignment.caps[cap].max - self.caps[cap]))
    }

    /// How full the fullest cap of the bin would be with one more copy.
    pub(in crate::assignment) fn used_with(&self, peak: &Peak, item: u32, bin: u32) -> f64 {
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

    /// What a survival, loss or span term contributes to its stage.
    pub(in crate::assignment) fn term_value(&self, rule: u32) -> f64 {
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
    pub(in crate::assignment) fn drawn(&self, rule: u32, group: usize) -> f64 {
        let partners = self.index.partners_of[rule as usize].iter();
        let others = partners.filter(|&&(other, _)| other != rule);
        others
            .map(|&(other, per_pair)| per_pair * self.counts[other as usize].counts[group] as f64)
            .sum()
    }

    /// What the copies of the end in a group exchange with those of all ends there.
    pub(in crate::assignment) fn exchanged(&self, rule: u32, group: usize) -> f64 {
        let here = self.counts[rule as usize].counts[group] as f64;
        let partners = self.index.partners_of[rule as usize].iter();
        partners
            .map(|&(other, per_pair)| {
                per_pair * here * self.counts[other as usize].counts[group] as f64
            })
            .sum()
    }
}
