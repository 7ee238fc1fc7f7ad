//! What has to be handed over between groups of bins by timetables that cost no more than a given one.
//!
//! Copies of `t` hand over `w[t,u]` in all to those of `u`. Wherever a copy of `u` is, in group `g`: what it is handed over from elsewhere
//! is at least what is not in `g`, and a copy of `t` costs in `g` at least `e[t,g]` more than where it costs least. With a price `p` of
//! costs beyond the least, of which there are `E` in all, and `k[t]` operations that follow `t`, no timetable hands over less than
//! `sum_u min_g sum_t min(w[t,u], p n[t] e[t,g] / k[t]) - p E`: a copy of `t` either is in `g`, and costs that, or is not, and counts. Any
//! price that is not negative gives a bound; the best is searched for, as the bound is concave in it.

use std::collections::BTreeMap;

use super::places::fitting;
use super::types::Schedule;
use crate::assignment::NO_GROUP;

/// Prices that are tried, each half of the one before.
const HALVINGS: usize = 40;
/// Steps between the two neighbors of the best of these.
const STEPS: usize = 30;

/// A part of an operation of what one that follows is handed over, and what it costs to be in each group.
struct Handed {
    amount: f64,
    /// By group that the operation may be in, in the order of `groups` of the follower; infinite in others.
    dearer: Vec<f64>,
}

/// An operation that is handed over something.
struct Follower {
    handed: Vec<Handed>,
}

/// What is handed over across groups at the least.
pub(super) struct Across {
    followers: Vec<Follower>,
    /// What all copies cost where they cost least.
    least_cost: f64,
}

impl Across {
    /// Of timetables that place every copy that fits somewhere, where following is no obstacle.
    pub(super) fn of(schedule: &Schedule) -> Self {
        let n = schedule.operations.len();
        let mut n_followers = vec![0_u32; n];
        let mut before: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for edge in schedule.edges.iter().filter(|edge| edge.amount > 0) {
            n_followers[edge.from as usize] += 1;
            let before = before.entry(edge.to).or_default();
            before.push((edge.from, edge.amount));
        }
        let mut least_cost = 0.0;
        let by_group: Vec<BTreeMap<u64, i64>> = (schedule.operations.iter())
            .map(|operation| {
                let mut by_group: BTreeMap<u64, i64> = BTreeMap::new();
                for (bin, _) in fitting(schedule, operation) {
                    let cost = operation.cost_in(bin);
                    let least = by_group.entry(group(schedule, bin)).or_insert(cost);
                    *least = cost.min(*least);
                }
                let least = by_group.values().min().copied().unwrap_or(0);
                least_cost += least as f64 * operation.count as f64;
                for cost in by_group.values_mut() {
                    *cost -= least;
                }
                by_group
            })
            .collect();
        let followers = before.into_iter().map(|(to, from)| {
            let groups: Vec<u64> = by_group[to as usize].keys().copied().collect();
            let handed = from.into_iter().map(|(from, amount)| {
                let count = schedule.operations[from as usize].count as f64;
                let parts = f64::from(n_followers[from as usize]);
                let of = &by_group[from as usize];
                let dearer = groups.iter().map(|group| {
                    let dearer = of.get(group).map(|&cost| cost as f64 * count / parts);
                    dearer.unwrap_or(f64::INFINITY)
                });
                Handed {
                    amount: amount as f64,
                    dearer: dearer.collect(),
                }
            });
            Follower {
                handed: handed.collect(),
            }
        });
        Self {
            followers: followers.collect(),
            least_cost,
        }
    }

    /// The bound with a price of costs that are at most so much.
    fn at(&self, price: f64, cost: f64) -> f64 {
        let followers = self.followers.iter();
        let all: f64 = followers.map(|it| it.at_least(price)).sum();
        all - price * (cost - self.least_cost).max(0.0)
    }

    /// The best bound for timetables that cost at most so much, and its price.
    pub(super) fn best(&self, cost: f64) -> (f64, f64) {
        let handed = self.followers.iter().flat_map(|it| &it.handed);
        let saturating = handed.flat_map(|it| {
            let dearer = it.dearer.iter().filter(|&&it| it > 0.0 && it.is_finite());
            dearer.map(|dearer| it.amount / dearer)
        });
        let highest = saturating.fold(0.0, f64::max);
        let known = |price: f64| (self.at(price, cost), price);
        let halved = (0..HALVINGS).map(|at| highest / 2.0_f64.powi(at as i32));
        let better = |one: (f64, f64), other: (f64, f64)| if other.0 > one.0 { other } else { one };
        let mut best = halved.map(known).fold(known(0.0), better);
        let (mut low, mut high) = (best.1 / 2.0, (best.1 * 2.0).min(highest));
        for _ in 0..STEPS {
            let third = (high - low) / 3.0;
            let (left, right) = (known(low + third), known(high - third));
            best = better(better(best, left), right);
            if left.0 < right.0 {
                low = left.1;
            } else {
                high = right.1;
            }
        }
        best
    }
}

impl Follower {
    /// In the group where it is handed over least from elsewhere, costs counted at a price.
    fn at_least(&self, price: f64) -> f64 {
        let n_groups = self.handed.first().map_or(0, |it| it.dearer.len());
        let in_group = |group: usize| -> f64 {
            let parts = self.handed.iter().map(|it| match it.dearer[group] {
                dearer if dearer.is_finite() => it.amount.min(price * dearer),
                _ => it.amount,
            });
            parts.sum()
        };
        let least = (0..n_groups).map(in_group).fold(f64::INFINITY, f64::min);
        if least.is_finite() { least } else { 0.0 }
    }
}

/// The group of a bin; bins that are near no other are groups of their own.
fn group(schedule: &Schedule, bin: u32) -> u64 {
    match schedule.group_of[bin as usize] {
        NO_GROUP => (1 << 32) + u64::from(bin),
        group => u64::from(group),
    }
}
