//! Bounds by multipliers: any prices of capacity bound the value that can be placed, and good prices bound it well.
//!
//! # Model
//! For prices `pi >= 0`: `L(pi) = sum_i most_i max(0, max_b (value_i - pi_b . demand_i)) + sum_b pi_b . capacity_b`, where `b` runs over the
//! bins with room for the item. The demand and capacity of each kind of device, in thousandths, count as one more resource after the
//! others. Where values differ by bin, `value_i` is that of `b`. The least `L` is the value of the linear program in which bins of one price are one bin.
//! Bins share a price when the same items fit into them (and, as long as there are few such groups, they are equal).
//! Prices are the duals of that program where a backend gives them, else found by subgradient steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::Room;
use super::worth::Worth;
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::solver::{Limits, MilpSolver, SolverError};

/// More groups than this are merged.
const LARGEST_GROUPS: usize = 256;
/// Programs with more columns are left to subgradient steps.
const LARGEST_COLUMNS: usize = 40_000;
const SUBGRADIENT_STEPS: usize = 200;

/// A bound and the prices that prove it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PricedBound {
    pub(super) bound: f64,
    /// Shape: bins x (resources, then kinds of device).
    pub(super) prices: Vec<Vec<f64>>,
}

/// The relaxation of one value stage, with alike items and bins put together.
pub(super) struct Pricing {
    n_resources: usize,
    group_of: Vec<usize>,
    /// All capacity of a group (shape: groups x resources).
    capacity: Vec<Vec<f64>>,
    kinds: Vec<Kind>,
}

/// Items of one demand, set of bins and value.
struct Kind {
    demand: Vec<f64>,
    most: f64,
    /// Groups with a bin that has room, ascending, and the value of a copy there.
    groups: Vec<(usize, f64)>,
}

impl Pricing {
    pub(super) fn new(room: &Room<'_>, worth: Worth<'_>) -> Self {
        let assignment = room.assignment;
        let merged = merge(room, worth);
        let mut shapes: Vec<usize> = merged.keys().map(|key| key.0).collect();
        shapes.dedup();
        let class_of = match worth {
            Worth::Flat(_) => None,
            Worth::ByClass(by_class) => Some(by_class.class_of.as_slice()),
        };
        let n_kinds = assignment.n_kinds();
        let amounts: Vec<Vec<i64>> = (assignment.bins.iter())
            .map(|bin| bin.amounts(n_kinds))
            .collect();
        let group_of = group_bins(room, &shapes, &amounts, class_of);
        let n_groups = group_of.iter().copied().max().map_or(0, |group| group + 1);
        let n_resources = assignment.resources.len() + n_kinds;
        let mut capacity = vec![vec![0.0; n_resources]; n_groups];
        for (amounts, &group) in amounts.iter().zip(&group_of) {
            for (sum, &of_bin) in capacity[group].iter_mut().zip(amounts) {
                *sum += of_bin as f64;
            }
        }
        let kinds = (merged.into_iter())
            .map(|((shape, values), most)| {
                let shape = &room.shapes[shape];
                let demand = assignment.items[shape.item].amounts(n_kinds);
                let value = |bin: u32| match class_of {
                    None => values[0],
                    Some(class_of) => values[class_of[bin as usize] as usize],
                };
                // All bins of a group are of one class.
                let mut groups: Vec<(usize, f64)> = (shape.copies.iter())
                    .map(|&(bin, _)| (group_of[bin as usize], value(bin) as f64))
                    .collect();
                groups.sort_unstable_by_key(|group| group.0);
                groups.dedup_by_key(|group| group.0);
                Kind {
                    demand: demand.iter().map(|&demand| demand as f64).collect(),
                    most: most as f64,
                    groups,
                }
            })
            .collect();
        Self {
            n_resources,
            group_of,
            capacity,
            kinds,
        }
    }

    /// `L(pi)` for prices of groups.
    fn bound(&self, prices: &[Vec<f64>]) -> f64 {
        let of_kinds: f64 = (self.kinds.iter())
            .map(|kind| kind.most * self.best_group(kind, prices).map_or(0.0, |best| best.1))
            .sum();
        let of_groups: f64 = (prices.iter().zip(&self.capacity))
            .map(|(prices, capacity)| dot(prices, capacity))
            .sum();
        of_kinds + of_groups
    }

    /// The group in which a copy gains most at these prices, and the gain, if there is any.
    fn best_group(&self, kind: &Kind, prices: &[Vec<f64>]) -> Option<(usize, f64)> {
        let mut best: Option<(usize, f64)> = None;
        for &(group, value) in &kind.groups {
            let gain = value - dot(&prices[group], &kind.demand);
            if gain > best.map_or(0.0, |best| best.1) {
                best = Some((group, gain));
            }
        }
        best
    }

    /// The best bound found, by the duals of the linear program where `solver` gives them, else by steps towards `target`.
    ///
    /// Any failure of the solver is returned beside the bound.
    pub(super) fn solve(
        &self,
        solver: Option<&Arc<dyn MilpSolver>>,
        limits: &Limits,
        target: f64,
    ) -> (PricedBound, Option<SolverError>) {
        let mut failure = None;
        let mut prices = None;
        let n_columns: usize = self.kinds.iter().map(|kind| kind.groups.len()).sum();
        if let Some(solver) = solver
            && solver.capabilities().row_duals
            && n_columns <= LARGEST_COLUMNS
        {
            match solve_guarded(solver, &Arc::new(self.program()), limits) {
                Ok(outcome) => prices = outcome.row_duals.map(|duals| self.read_duals(&duals)),
                Err(error) => failure = Some(error),
            }
        }
        let prices = prices.unwrap_or_else(|| self.step_down(target));
        let priced = PricedBound {
            bound: self.bound(&prices),
            prices: self
                .group_of
                .iter()
                .map(|&group| prices[group].clone())
                .collect(),
        };
        (priced, failure)
    }

    /// Columns `y[kind,group]`; rows of capacity first.
    fn program(&self) -> Milp {
        let mut milp = Milp::new("prices", Sense::Maximize);
        let mut of_group: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.capacity.len()];
        let mut of_kind: Vec<Vec<usize>> = Vec::new();
        for (position, kind) in self.kinds.iter().enumerate() {
            let mut columns = Vec::new();
            for &(group, value) in &kind.groups {
                let name = format!("y[{position},{group}]");
                let continuous = ColumnKind::Continuous;
                let column = milp.add_column(name, 0.0, f64::INFINITY, continuous, value);
                of_group[group].push((column, position));
                columns.push(column);
            }
            of_kind.push(columns);
        }
        for (group, columns) in of_group.iter().enumerate() {
            for resource in 0..self.n_resources {
                let demand =
                    |&(column, kind): &(usize, usize)| (column, self.kinds[kind].demand[resource]);
                let name = format!("capacity[{group},{resource}]");
                let capacity = self.capacity[group][resource];
                milp.add_row(
                    name,
                    f64::NEG_INFINITY,
                    capacity,
                    columns.iter().map(demand),
                );
            }
        }
        for (position, columns) in of_kind.iter().enumerate() {
            let terms = columns.iter().map(|&column| (column, 1.0));
            let name = format!("once[{position}]");
            milp.add_row(name, f64::NEG_INFINITY, self.kinds[position].most, terms);
        }
        milp
    }

    fn read_duals(&self, duals: &[f64]) -> Vec<Vec<f64>> {
        let price = |group, resource| {
            let dual: Option<&f64> = duals.get(group * self.n_resources + resource);
            dual.copied()
                .filter(|dual| dual.is_finite())
                .map_or(0.0, |dual| dual.max(0.0))
        };
        (0..self.capacity.len())
            .map(|group| {
                (0..self.n_resources)
                    .map(|resource| price(group, resource))
                    .collect()
            })
            .collect()
    }

    /// Subgradient steps with the step length of Polyak; the best prices seen.
    fn step_down(&self, target: f64) -> Vec<Vec<f64>> {
        let mut prices = vec![vec![0.0; self.n_resources]; self.capacity.len()];
        let mut best = (self.bound(&prices), prices.clone());
        let mut factor = 1.0;
        for _ in 0..SUBGRADIENT_STEPS {
            let bound = self.bound(&prices);
            if bound < best.0 {
                best = (bound, prices.clone());
            } else {
                factor *= 0.97;
            }
            // In units of each group's capacity, so that all resources count alike.
            let mut steps = vec![vec![1.0; self.n_resources]; self.capacity.len()];
            for kind in &self.kinds {
                if let Some((group, _)) = self.best_group(kind, &prices) {
                    let capacity = &self.capacity[group];
                    for ((step, &demand), &capacity) in
                        steps[group].iter_mut().zip(&kind.demand).zip(capacity)
                    {
                        *step -= kind.most * demand / capacity.max(1.0);
                    }
                }
            }
            let length: f64 = steps.iter().flatten().map(|step| step * step).sum();
            if length <= 1e-12 || bound <= target {
                break;
            }
            let stride = factor * (bound - target) / length;
            for ((prices, steps), capacity) in prices.iter_mut().zip(&steps).zip(&self.capacity) {
                for ((price, &step), &capacity) in prices.iter_mut().zip(steps).zip(capacity) {
                    *price = (*price - stride * step / capacity.max(1.0)).max(0.0);
                }
            }
        }
        best.1
    }
}

/// The most copies for each shape and list of values: the item's own, or by class of bins.
fn merge(room: &Room<'_>, worth: Worth<'_>) -> BTreeMap<(usize, Vec<i64>), i64> {
    let mut merged = BTreeMap::new();
    let mut add = |item: u32, values: &[i64]| {
        let most = room.most[item as usize];
        if most > 0 && values.iter().any(|&value| value > 0) {
            let key = (room.shape_of[item as usize], values.to_vec());
            *merged.entry(key).or_insert(0) += most;
        }
    };
    match worth {
        Worth::Flat(terms) => {
            for term in terms {
                add(term.item, &[term.value]);
            }
        }
        Worth::ByClass(by_class) => {
            for rate in &by_class.rates {
                add(rate.item, &rate.values);
            }
        }
    }
    merged
}

/// A group for each bin: bins of one group are of one class and have room for the same shapes.
fn group_bins(
    room: &Room<'_>,
    shapes: &[usize],
    amounts: &[Vec<i64>],
    class_of: Option<&[u32]>,
) -> Vec<usize> {
    let n_bins = room.assignment.bins.len();
    let mut fits: Vec<Vec<u32>> = vec![Vec::new(); n_bins];
    for &shape in shapes {
        for &(bin, _) in &room.shapes[shape].copies {
            fits[bin as usize].push(shape as u32);
        }
    }
    let class = |bin: usize| class_of.map_or(0, |class_of| class_of[bin]);
    let is_few = |groups: &[usize]| groups.iter().copied().max().unwrap_or(0) < LARGEST_GROUPS;
    let exact = number((0..n_bins).map(|bin| (class(bin), &fits[bin], Some(&amounts[bin]))));
    if is_few(&exact) {
        return exact;
    }
    let by_fit = number((0..n_bins).map(|bin| (class(bin), &fits[bin], None::<&Vec<i64>>)));
    if is_few(&by_fit) {
        return by_fit;
    }
    number((0..n_bins).map(class))
}

/// Numbers equal keys equally, in the order of their first appearance.
fn number<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}
