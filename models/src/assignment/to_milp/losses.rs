//! Stages about the loss of a group: what is missing then, and the largest part that is lost.

use super::{Auxiliary, Builder, FREE};
use crate::assignment::types::{Loss, Packing, Survival, greatest_common_divisor};

impl Builder<'_> {
    /// The column of what is missing.
    pub(super) fn add_survival(&mut self, stage: usize, term: usize, survival: &Survival) -> usize {
        let packing = &survival.packing;
        let by_group = self.columns_by_group(packing);
        let name = format!("lost[{}]", survival.name);
        let lost = self.add_most(&name, Auxiliary::Lost(stage, term), packing, &by_group);
        let there = packing.base.iter().sum::<i64>();
        // What is lost was placed, so that never more than `need` is missing.
        let upper = survival.need.max(0) as f64;
        let name = format!("short[{}]", survival.name);
        let short = self.add_auxiliary(name.clone(), Auxiliary::Short(stage, term), 0.0, upper);
        let mut terms = vec![(short, 1.0), (lost, -1.0)];
        terms.extend(
            (packing.items.iter())
                .flat_map(|&item| self.columns_of(item))
                .map(|column| (column, 1.0)),
        );
        let least = (survival.need - there) as f64;
        self.milp.add_row(name, least, FREE, terms);
        short
    }

    /// The column of the worst count.
    pub(super) fn add_loss(&mut self, stage: usize, term: usize, loss: &Loss) -> usize {
        let by_group = self.columns_by_group(&loss.packing);
        let name = format!("worst[{}]", loss.name);
        self.add_most(
            &name,
            Auxiliary::Worst(stage, term),
            &loss.packing,
            &by_group,
        )
    }

    /// A column that is at least the count of every group.
    fn add_most(
        &mut self,
        name: &str,
        auxiliary: Auxiliary,
        packing: &Packing,
        by_group: &[Vec<usize>],
    ) -> usize {
        let smallest = packing.base.iter().copied().max().unwrap_or(0) as f64;
        let tops: Vec<f64> = (by_group.iter().zip(&packing.base))
            .map(|(columns, &base)| base as f64 + self.largest_sum(columns))
            .collect();
        let largest = tops.iter().copied().fold(smallest, f64::max);
        let most = self.add_auxiliary(name.to_owned(), auxiliary, smallest, largest);
        let stem = name.trim_end_matches(']');
        for (group, (columns, &base)) in by_group.iter().zip(&packing.base).enumerate() {
            if tops[group] > smallest {
                let mut terms: Vec<_> = columns.iter().map(|&column| (column, -1.0)).collect();
                terms.push((most, 1.0));
                let name = format!("{stem},{group}]");
                self.milp.add_row(name, base as f64, FREE, terms);
            }
        }
        most
    }
}

/// A factor that makes every weight whole, and whether it does; else one that makes the smallest 1.
pub(super) fn whole_scale(terms: &[Loss]) -> (f64, bool) {
    const LARGEST: i64 = 10_000_000;
    let used = || terms.iter().filter(|term| term.weight > 0.0);
    let mut common = 1_i64;
    for term in used() {
        let total = term.total;
        common = (common / greatest_common_divisor(common, total)).saturating_mul(total);
        if common > LARGEST {
            break;
        }
    }
    if common <= LARGEST {
        for factor in [1, 2, 3, 4, 5, 8, 10, 16, 20, 50, 100, 1000] {
            let scale = (common * factor) as f64;
            let is_whole = |term: &Loss| {
                let scaled = term.share_of(1) * scale;
                (scaled - scaled.round()).abs() <= 1e-9 * scaled.max(1.0) && scaled.round() >= 1.0
            };
            if used().all(is_whole) {
                return (scale, true);
            }
        }
    }
    let smallest = used()
        .map(|term| term.share_of(1))
        .fold(f64::INFINITY, f64::min);
    if smallest.is_finite() {
        (1.0 / smallest, false)
    } else {
        (1.0, true)
    }
}
