//! A placement by a multilevel partition: what exchanges most is merged as long as it fits one bin, and placed together.
//!
//! Copies of an item start in a few clusters. Clusters are matched along the heaviest connections and merged, level by level, while
//! some bin could hold the result. They are then placed, each beside what it exchanges most with; one that has no room anywhere
//! falls apart into the two it was made of.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

use crate::assignment::placement::Placement;
use crate::assignment::tally::{Index, Rule, Stop, Tally};
use crate::assignment::types::Assignment;

/// Clusters that the copies of one item start in.
const CLUSTERS_PER_ITEM: i64 = 32;
/// Connections between clusters beyond which nothing is tried.
const MOST_CONNECTIONS: usize = 2_000_000;

struct Cluster {
    copies: Vec<(u32, i64)>,
    demand: Vec<i64>,
    parts: Option<(usize, usize)>,
}

/// A placement that breaks no rule but those of gangs, and may leave copies without a place; `None` where that would take too long.
pub(in crate::assignment) fn partition(
    assignment: &Assignment,
    stage: usize,
    stop: &Stop,
) -> Option<Placement> {
    let index = Index::new(assignment);
    let mut clusters = leaves(assignment);
    let mut connected = connections(&clusters, &index, stage)?;
    let mut live: Vec<usize> = (0..clusters.len()).collect();
    let capacities = distinct_capacities(assignment);
    while merge(&mut clusters, &mut connected, &mut live, &capacities) {
        if stop.reason().is_some() {
            return None;
        }
    }
    let nothing = Placement::default();
    let mut placer = Placer {
        tally: Tally::new(assignment, &index, &nothing),
        clusters: &clusters,
    };
    for cluster in order(&clusters, &connected, &live, assignment) {
        if stop.reason().is_some() {
            return None;
        }
        placer.place(cluster);
    }
    Some(placer.tally.placement())
}

fn leaves(assignment: &Assignment) -> Vec<Cluster> {
    let mut clusters = Vec::new();
    for (position, item) in (0_u32..).zip(&assignment.items) {
        let fit = item.eligible.iter();
        let fit = fit.map(|&bin| assignment.copies_that_fit(position, bin));
        let (most, all) = fit.fold((1, 0_i64), |(most, all), fit| {
            (most.max(fit), all.saturating_add(fit))
        });
        // Of what can have a place.
        let mut left = item.count.min(all);
        let size = (left + CLUSTERS_PER_ITEM - 1) / CLUSTERS_PER_ITEM;
        let size = size.clamp(1, most);
        while left > 0 {
            let copies = size.min(left);
            left -= copies;
            clusters.push(Cluster {
                copies: vec![(position, copies)],
                demand: item.demand.iter().map(|demand| demand * copies).collect(),
                parts: None,
            });
        }
    }
    clusters
}

type Connections = Vec<BTreeMap<usize, f64>>;

/// What each cluster exchanges with each other one, over all divisions.
fn connections(clusters: &[Cluster], index: &Index, stage: usize) -> Option<Connections> {
    let mut of_item: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, cluster) in clusters.iter().enumerate() {
        of_item.entry(cluster.copies[0].0).or_default().push(at);
    }
    let mut items_of_rule: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (item, rules) in (0_u32..).zip(&index.rules_of) {
        for &rule in rules {
            items_of_rule.entry(rule).or_default().push(item);
        }
    }
    let mut connected = vec![BTreeMap::new(); clusters.len()];
    let mut n_connections = 0;
    for (&rule, items) in &items_of_rule {
        if !matches!(index.rules[rule as usize], Rule::End(of, ..) if of == stage) {
            continue;
        }
        let mine: Vec<usize> = items
            .iter()
            .filter_map(|item| of_item.get(item))
            .flatten()
            .copied()
            .collect();
        for &(other, per_pair) in &index.partners_of[rule as usize] {
            let theirs = items_of_rule.get(&other).into_iter().flatten();
            let theirs: Vec<usize> = theirs
                .filter_map(|item| of_item.get(item))
                .flatten()
                .copied()
                .collect();
            n_connections += mine.len() * theirs.len();
            if n_connections > MOST_CONNECTIONS {
                return None;
            }
            for &one in &mine {
                for &two in theirs.iter().filter(|&&two| two != one) {
                    let pairs = clusters[one].copies[0].1 as f64 * clusters[two].copies[0].1 as f64;
                    *connected[one].entry(two).or_insert(0.0) += per_pair * pairs;
                }
            }
        }
    }
    Some(connected)
}

fn distinct_capacities(assignment: &Assignment) -> Vec<&[i64]> {
    let mut capacities: Vec<&[i64]> = assignment
        .bins
        .iter()
        .map(|bin| &bin.capacity[..])
        .collect();
    capacities.sort_unstable();
    capacities.dedup();
    capacities
}

/// One level: matches live clusters along the heaviest connections; says whether any were merged.
fn merge(
    clusters: &mut Vec<Cluster>,
    connected: &mut Connections,
    live: &mut Vec<usize>,
    capacities: &[&[i64]],
) -> bool {
    let mut candidates: Vec<(f64, usize, usize)> = Vec::new();
    for &one in live.iter() {
        let others = connected[one].range(one + 1..);
        candidates.extend(others.map(|(&two, &weight)| (weight, one, two)));
    }
    candidates.sort_by(|left, right| {
        right
            .0
            .total_cmp(&left.0)
            .then(left.1.cmp(&right.1))
            .then(left.2.cmp(&right.2))
    });
    let mut taken = vec![false; clusters.len()];
    let mut merged = Vec::new();
    for (weight, one, two) in candidates {
        if weight <= 0.0 || taken[one] || taken[two] {
            continue;
        }
        let demand = (clusters[one].demand.iter()).zip(&clusters[two].demand);
        let demand: Vec<i64> = demand.map(|(a, b)| a + b).collect();
        let fits = |capacity: &&[i64]| {
            demand
                .iter()
                .zip(*capacity)
                .all(|(need, have)| need <= have)
        };
        if capacities.iter().any(fits) {
            (taken[one], taken[two]) = (true, true);
            merged.push((one, two, demand));
        }
    }
    for (one, two, demand) in &merged {
        join(clusters, connected, *one, *two, demand.clone());
    }
    live.retain(|&at| !taken[at]);
    live.extend(clusters.len() - merged.len()..clusters.len());
    !merged.is_empty()
}

fn join(
    clusters: &mut Vec<Cluster>,
    connected: &mut Connections,
    one: usize,
    two: usize,
    demand: Vec<i64>,
) {
    let new = clusters.len();
    let mut copies = clusters[one].copies.clone();
    copies.extend(&clusters[two].copies);
    clusters.push(Cluster {
        copies,
        demand,
        parts: Some((one, two)),
    });
    let mut of_new = BTreeMap::new();
    for part in [one, two] {
        for (other, weight) in std::mem::take(&mut connected[part]) {
            connected[other].remove(&part);
            if other != one && other != two {
                *of_new.entry(other).or_insert(0.0) += weight;
                *connected[other].entry(new).or_insert(0.0) += weight;
            }
        }
    }
    connected.push(of_new);
}

/// Live clusters: the largest first, then always the one that exchanges most with those before it.
fn order(
    clusters: &[Cluster],
    connected: &Connections,
    live: &[usize],
    assignment: &Assignment,
) -> Vec<usize> {
    let mut most = vec![1_i64; assignment.resources.len()];
    for bin in &assignment.bins {
        for (most, &capacity) in most.iter_mut().zip(&bin.capacity) {
            *most = (*most).max(capacity);
        }
    }
    let size = |at: usize| {
        let shares = clusters[at].demand.iter().zip(&most);
        shares
            .map(|(&demand, &most)| demand as f64 / most as f64)
            .fold(0.0, f64::max)
    };
    let mut drawn: BTreeMap<usize, f64> = live.iter().map(|&at| (at, 0.0)).collect();
    // Under keys some of which are out of date: draws only grow.
    let mut next: BinaryHeap<Next> = live.iter().map(|&at| Next(0.0, size(at), at)).collect();
    let mut order = Vec::with_capacity(live.len());
    while let Some(Next(draw, _, cluster)) = next.pop() {
        if drawn.get(&cluster) != Some(&draw) {
            continue;
        }
        drawn.remove(&cluster);
        order.push(cluster);
        for (&other, weight) in &connected[cluster] {
            if let Some(drawn) = drawn.get_mut(&other) {
                *drawn += weight;
                next.push(Next(*drawn, size(other), other));
            }
        }
    }
    order
}

/// A cluster that is still to be placed, with what it exchanges with those before it, and its size: the largest of both first, then the first.
#[derive(PartialEq)]
struct Next(f64, f64, usize);

impl Eq for Next {}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_draw = self.0.total_cmp(&other.0);
        let by_size = self.1.total_cmp(&other.1);
        by_draw.then(by_size).then(other.2.cmp(&self.2))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

struct Placer<'p> {
    tally: Tally<'p>,
    clusters: &'p [Cluster],
}

impl Placer<'_> {
    /// Places a cluster as a whole where it exchanges most, or else its parts.
    fn place(&mut self, cluster: usize) {
        let of_cluster = &self.clusters[cluster];
        let bins = 0..self.tally.assignment.bins.len() as u32;
        let fits = |bin: &u32| {
            let free = self.tally.free(*bin).iter();
            of_cluster
                .demand
                .iter()
                .zip(free)
                .all(|(need, free)| need <= free)
        };
        let mut candidates: Vec<(f64, i64, u32)> = bins
            .filter(fits)
            .map(|bin| {
                let free = self.tally.free(bin).iter().sum::<i64>();
                (self.drawn(&of_cluster.copies, bin), free, bin)
            })
            .collect();
        candidates.sort_by(|left, right| {
            right
                .0
                .total_cmp(&left.0)
                .then(left.1.cmp(&right.1))
                .then(left.2.cmp(&right.2))
        });
        for (_, _, bin) in candidates {
            if self.put(&of_cluster.copies, bin) {
                return;
            }
        }
        match of_cluster.parts {
            Some((one, two)) => {
                self.place(one);
                self.place(two);
            }
            None => self.place_singly(of_cluster.copies[0]),
        }
    }

    fn place_singly(&mut self, (item, copies): (u32, i64)) {
        for _ in 0..copies {
            let eligible = self.tally.assignment.items[item as usize]
                .eligible
                .iter()
                .copied();
            let open = eligible.filter(|&bin| self.tally.room(item, bin) > 0);
            let best = open.max_by(|&left, &right| {
                let drawn = |bin: u32| self.drawn(&[(item, 1)], bin);
                drawn(left).total_cmp(&drawn(right)).then(right.cmp(&left))
            });
            let Some(bin) = best else {
                return;
            };
            self.tally.change(item, bin, 1);
        }
    }

    /// What copies in the bin would exchange with what is in its groups.
    fn drawn(&self, copies: &[(u32, i64)], bin: u32) -> f64 {
        let mut drawn = 0.0;
        for &(item, copies) in copies {
            for &rule in &self.tally.index.rules_of[item as usize] {
                if let (Rule::End(..), Some(group)) = (
                    self.tally.index.rules[rule as usize],
                    self.tally.group(rule, bin),
                ) {
                    drawn += copies as f64 * self.tally.drawn(rule, group);
                }
            }
        }
        drawn
    }

    /// Puts all copies into the bin, or none.
    fn put(&mut self, copies: &[(u32, i64)], bin: u32) -> bool {
        for (done, &(item, n)) in copies.iter().enumerate() {
            let has_room =
                self.tally.assignment.is_eligible(item, bin) && self.tally.room(item, bin) >= n;
            if !has_room {
                for &(item, n) in &copies[..done] {
                    self.tally.change(item, bin, -n);
                }
                return false;
            }
            self.tally.change(item, bin, n);
        }
        true
    }
}
