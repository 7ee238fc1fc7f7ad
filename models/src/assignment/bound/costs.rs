//! Bounds on what must be paid for what must be placed: costs of copies, the fullest cap, open bins.

use super::Room;
use crate::assignment::types::{Assignment, Costs, Part, Peak, Rate, Term};

impl Room<'_> {
    /// The copies that must be placed in the classes of bins where they cost least, each item as if it were alone.
    pub(super) fn least_tolls(&self, costs: &Costs, stage: usize, reached: &[f64]) -> i128 {
        let of_rate = |rate: &Rate| {
            let mut left = self.least(rate.item, stage, reached);
            let shape = &self.shapes[self.shape_of[rate.item as usize]];
            let cost = |bin: u32| rate.values[costs.class_of[bin as usize] as usize];
            let mut copies: Vec<(i64, i64)> = (shape.copies.iter())
                .map(|&(bin, here)| (cost(bin), here))
                .collect();
            copies.sort_unstable();
            let mut sum = 0;
            for (cost, here) in copies {
                sum += i128::from(cost) * i128::from(here.min(left));
                left -= here.min(left);
            }
            sum
        };
        costs.rates.iter().map(of_rate).sum()
    }

    /// What is used already, and the largest copy that must be placed, where it fills its caps least.
    pub(super) fn least_peak(&self, peak: &Peak, stage: usize, reached: &[f64]) -> f64 {
        let mut least = (peak.parts.iter()).fold(peak.least, |most, part| most.max(part.used(0)));
        let mut parts_in: Vec<Vec<&Part>> = vec![Vec::new(); self.assignment.bins.len()];
        for part in &peak.parts {
            for &bin in self.assignment.caps[part.cap as usize].bins.iter() {
                parts_in[bin as usize].push(part);
            }
        }
        for item in 0..self.assignment.items.len() as u32 {
            if self.least(item, stage, reached) == 0 {
                continue;
            }
            let shape = &self.shapes[self.shape_of[item as usize]];
            let used = |part: &&Part| {
                let weight = self.assignment.caps[part.cap as usize].weight(item);
                part.used(i128::from(weight))
            };
            let of_bin = |&(bin, _): &(u32, i64)| {
                let parts = parts_in[bin as usize].iter();
                parts.map(used).fold(0.0, f64::max)
            };
            let of_item = shape
                .copies
                .iter()
                .map(of_bin)
                .fold(f64::INFINITY, f64::min);
            least = least.max(if of_item.is_finite() { of_item } else { 0.0 });
        }
        least
    }

    /// The least cost of bins whose capacity holds, for each resource, what must be placed for the value reached.
    pub(super) fn least_cost(&self, costs: &[i64], stage: usize, reached: &[f64]) -> f64 {
        let Some((terms, slack)) = self.slack(stage, reached) else {
            return 0.0;
        };
        let mut usable = vec![false; self.assignment.bins.len()];
        for shape in &self.shapes {
            for &(bin, _) in &shape.copies {
                usable[bin as usize] = true;
            }
        }
        let n_resources = self.assignment.resources.len();
        let of_resource = |resource| {
            let needed = self.least_demand(terms, slack, resource);
            covering_cost(self.assignment, costs, &usable, resource, needed)
        };
        (0..n_resources).map(of_resource).fold(0.0, f64::max)
    }

    /// The least demand of a resource among (fractional) choices that lose at most `slack` of the value.
    fn least_demand(&self, terms: &[Term], slack: i128, resource: usize) -> f64 {
        let mut items: Vec<(f64, f64, f64)> = (terms.iter())
            .filter(|term| term.value > 0)
            .map(|term| {
                let demand = self.assignment.items[term.item as usize].demand[resource];
                let most = self.most[term.item as usize] as f64;
                (demand as f64, term.value as f64, most)
            })
            .filter(|&(demand, _, most)| demand > 0.0 && most > 0.0)
            .collect();
        items.sort_by(|left, right| (right.0 / right.1).total_cmp(&(left.0 / left.1)));
        let mut slack = slack as f64;
        let mut needed = 0.0;
        for (demand, value, most) in items {
            let lost = (slack / value).min(most);
            slack -= lost * value;
            needed += demand * (most - lost);
        }
        needed
    }
}

/// The least cost of (fractional) bins that hold `needed` of a resource, rounded up.
fn covering_cost(
    assignment: &Assignment,
    costs: &[i64],
    usable: &[bool],
    resource: usize,
    needed: f64,
) -> f64 {
    let mut bins: Vec<(f64, f64)> = (assignment.bins.iter().zip(costs).zip(usable))
        .filter(|&((bin, _), &usable)| usable && bin.capacity[resource] > 0)
        .map(|((bin, &cost), _)| (cost as f64, bin.capacity[resource] as f64))
        .collect();
    bins.sort_by(|left, right| (left.0 / left.1).total_cmp(&(right.0 / right.1)));
    let mut rest = needed * (1.0 - 1e-12);
    let mut cost = 0.0;
    for (of_bin, capacity) in bins {
        if rest <= 0.0 {
            break;
        }
        cost += of_bin * (rest / capacity).min(1.0);
        rest -= capacity;
    }
    (cost * (1.0 - 1e-9)).ceil()
}
