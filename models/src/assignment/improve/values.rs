//! Copies that would be worth more in another bin.

use super::{Search, move_if_better, raised};
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::Term;

impl Search {
    /// Moves single copies to bins where they are worth more, where no earlier stage suffers.
    pub(super) fn raise_values(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        terms: &[Term],
        looks: &mut usize,
    ) -> bool {
        let mut raised = false;
        for (item, from) in self.below_best(tally, terms) {
            while tally.at[item as usize].contains_key(&from) {
                if *looks == 0 || run.must_stop() {
                    return raised;
                }
                if !self.raise_value(tally, item, from, looks) {
                    break;
                }
                raised = true;
            }
        }
        raised
    }

    /// Moves a copy to the bin where it is worth most, if that is better.
    fn raise_value(&self, tally: &mut Tally<'_>, item: u32, from: u32, looks: &mut usize) -> bool {
        let Some(worth) = tally.assignment.stages[self.stage].objective.worth() else {
            return false;
        };
        let eligible = &tally.assignment.items[item as usize].eligible;
        *looks = looks.saturating_sub(eligible.len());
        let here = worth.of(item, from);
        tally.change(item, from, -1);
        let target = (eligible.iter().copied())
            .filter(|&bin| worth.of(item, bin) > here && tally.room(item, bin) > 0)
            .min_by_key(|&bin| (-worth.of(item, bin), raised(tally, item, bin), bin));
        tally.change(item, from, 1);
        target.is_some_and(|to| move_if_better(tally, item, from, to))
    }

    /// Items and bins of copies that would be worth more elsewhere.
    fn below_best(&self, tally: &Tally<'_>, terms: &[Term]) -> Vec<(u32, u32)> {
        let Some(worth) = tally.assignment.stages[self.stage].objective.worth() else {
            return Vec::new();
        };
        let of_term = |term: &Term| {
            let (item, best) = (term.item, term.value);
            let bins = tally.at[item as usize].keys();
            let below = bins.filter(move |&&bin| worth.of(item, bin) < best);
            below.map(move |&bin| (item, bin))
        };
        terms.iter().flat_map(of_term).collect()
    }

    /// A copy that would be worth more elsewhere, its bin, and bins where it would be.
    pub(super) fn around_low(
        &mut self,
        tally: &Tally<'_>,
        terms: &[Term],
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let worth = tally.assignment.stages[self.stage].objective.worth()?;
        let (item, from) = *self.random.pick(&self.below_best(tally, terms))?;
        let eligible = tally.assignment.items[item as usize]
            .eligible
            .iter()
            .copied();
        let here = worth.of(item, from);
        let better: Vec<u32> = eligible.filter(|&bin| worth.of(item, bin) > here).collect();
        let mut bins = vec![from];
        self.add_random(&better, &mut bins);
        Some((vec![item], bins))
    }
}
