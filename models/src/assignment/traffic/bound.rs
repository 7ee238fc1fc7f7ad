//! What must flow between groups: everything, less half of what each copy could exchange with those that fit beside it.

use std::collections::{BTreeMap, BTreeSet};

use crate::assignment::types::{Assignment, End, Traffic};
use crate::assignment::validate::NO_GROUP;

/// An end as a neighbor of another: what a copy of it is worth there, how many may come, and what one needs at least.
struct Neighbor {
    worth: f64,
    copies: i64,
    demand: Vec<i64>,
}

impl Assignment {
    /// A value that no placement of a traffic stage is below.
    ///
    /// What is exchanged within groups is counted once from each of its two copies. A copy exchanges at most what the best filling of a
    /// group is worth to it, in parts of copies and one resource at a time, whatever others want of that group.
    pub(in crate::assignment) fn least_traffic(&self, traffic: &Traffic) -> f64 {
        let mut together = 0.0;
        for division in 0..traffic.weights.len() {
            let flows = traffic.flows.iter();
            let all: f64 = flows
                .map(|flow| traffic.weights[division] as f64 * flow.rate as f64)
                .sum();
            let ends = 0..traffic.ends.len();
            let half = ends
                .map(|end| self.most_exchanged(traffic, division, end))
                .sum::<f64>()
                / 2.0;
            together += half.min(all);
        }
        (traffic.apart() - together).max(0.0)
    }

    /// The most that all copies of an end exchange in their groups.
    fn most_exchanged(&self, traffic: &Traffic, division: usize, end: usize) -> f64 {
        let packing = &traffic.ends[end].packings[division];
        let partners = partners(traffic, division, end);
        let neighbors: Vec<Neighbor> = (partners.iter())
            .map(|&(partner, worth)| self.neighbor(&traffic.ends[partner], worth))
            .collect();
        let own = self.least_demand(&traffic.ends[end]);
        let to_itself: f64 = (partners.iter())
            .filter(|partner| partner.0 == end)
            .map(|partner| partner.1)
            .sum();
        let capacities = self.capacities(&packing.group_of, packing.base.len());
        let mut open = vec![false; packing.base.len()];
        for &item in packing.items.iter() {
            for &bin in self.items[item as usize].eligible.iter() {
                let group = packing.group_of[bin as usize];
                if group != NO_GROUP {
                    open[group as usize] = true;
                }
            }
        }
        let there = |group: usize| -> f64 {
            let base = |partner: usize| traffic.ends[partner].packings[division].base[group];
            partners
                .iter()
                .map(|&(partner, worth)| worth * base(partner) as f64)
                .sum()
        };
        let (mut sum, mut best) = (0.0, 0.0_f64);
        let mut seen = BTreeSet::new();
        for group in 0..packing.base.len() {
            let there = there(group);
            if packing.base[group] > 0 {
                let each = there + filling(&neighbors, &capacities[group]);
                sum += packing.base[group] as f64 * each;
            }
            // Groups that hold as much, with nothing there yet, are alike.
            if open[group] && (there > 0.0 || seen.insert(&capacities[group])) {
                let left: Vec<i64> = (capacities[group].iter().zip(&own))
                    .map(|(capacity, own)| capacity - own)
                    .collect();
                if left.iter().all(|&left| left >= 0) {
                    best = best.max(to_itself + there + filling(&neighbors, &left));
                }
            }
        }
        let counts = packing.items.iter();
        let copies: i64 = counts.map(|&item| self.items[item as usize].count).sum();
        sum + best * copies as f64
    }

    fn neighbor(&self, end: &End, worth: f64) -> Neighbor {
        let items = end.packings[0].items.iter();
        Neighbor {
            worth,
            copies: items.map(|&item| self.items[item as usize].count).sum(),
            demand: self.least_demand(end),
        }
    }

    /// What any copy of the end needs at least, by resource.
    fn least_demand(&self, end: &End) -> Vec<i64> {
        let demands = end.packings[0].items.iter();
        let demands = demands.map(|&item| self.items[item as usize].demand.clone());
        demands
            .reduce(|one, other| one.iter().zip(&other).map(|(&a, &b)| a.min(b)).collect())
            .unwrap_or_else(|| vec![0; self.resources.len()])
    }

    /// What the bins of each group hold together.
    fn capacities(&self, group_of: &[u32], n_groups: usize) -> Vec<Vec<i64>> {
        let mut capacities = vec![vec![0_i64; self.resources.len()]; n_groups];
        for (bin, &group) in self.bins.iter().zip(group_of) {
            if group != NO_GROUP {
                for (sum, &capacity) in capacities[group as usize].iter_mut().zip(&bin.capacity) {
                    *sum = sum.saturating_add(capacity);
                }
            }
        }
        capacities
    }
}

/// The ends that an end exchanges with, and how much per pair of copies; what it sends to itself counts from one side only, so twice.
fn partners(traffic: &Traffic, division: usize, end: usize) -> Vec<(usize, f64)> {
    let mut partners: BTreeMap<usize, f64> = BTreeMap::new();
    for flow in &traffic.flows {
        let (from, to) = (flow.from as usize, flow.to as usize);
        let per_pair = traffic.per_pair(flow, division);
        for (one, other) in [(from, to), (to, from)] {
            if one == end {
                *partners.entry(other).or_insert(0.0) += per_pair;
            }
        }
    }
    partners.into_iter().collect()
}

/// The most that neighbors in this much capacity are worth: the least over resources, each filled by parts of copies.
fn filling(neighbors: &[Neighbor], capacity: &[i64]) -> f64 {
    let worth = |neighbor: &Neighbor| neighbor.worth * neighbor.copies as f64;
    let mut least: f64 = neighbors.iter().map(worth).sum();
    for (resource, &capacity) in capacity.iter().enumerate() {
        let mut order: Vec<&Neighbor> = neighbors.iter().collect();
        let density = |it: &Neighbor| it.worth / it.demand[resource] as f64;
        order.sort_by(|left, right| density(right).total_cmp(&density(left)));
        let (mut left, mut sum) = (capacity as f64, 0.0);
        for neighbor in order {
            let demand = neighbor.demand[resource] as f64;
            let copies = if demand > 0.0 {
                (left / demand).min(neighbor.copies as f64)
            } else {
                neighbor.copies as f64
            };
            left -= copies * demand;
            sum += copies * neighbor.worth;
        }
        least = least.min(sum);
    }
    least
}
