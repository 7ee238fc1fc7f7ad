//! Bounds by multipliers: any prices of capacity bound the value that can be placed, and good prices bound it well.
//!
//! # Model
//! For prices `pi >= 0`: `L(pi) = sum_i most_i max(0, max_b (value_i - pi_b . demand_i)) + sum_b pi_b . capacity_b`, where `b` runs over the
//! bins with room for the item. The demand and capacity of each kind of device, in thousandths, count as one more resource after the
//! others, and so does each [`Count`] of a bin: what a copy's parts weigh, and what the bin's devices hold. Where values differ by
//! bin, `value_i` is that of `b`.
//! For prices `mu >= 0` of the values that earlier stages `k` have reached, `value_i + sum_k mu_k value_ki` takes the place of `value_i`, and
//! `sum_k mu_k reached_k` is taken off `L`: what is needed to keep them is there for nobody else. The least `L` is the value of the linear program in which bins of one price are one bin.
//! Bins share a price when the same items fit into them (and, as long as there are few such groups, they are equal).
//! Prices are the duals of that program where a backend gives them, else found by subgradient steps (without counts).
//!
//! In the program, the parts that copies take of a group's devices are fillings of single devices; fillings are taken in as long as its
//! prices ask for more (column generation). The duals of the parts are the weights of the group's count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::bound::Room;
use super::counts::{Count, fillings};
use super::types::DeviceNeed;
use super::worth::Worth;
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::solver::{Limits, MilpSolver, SolverError};

/// More groups than this are merged.
const LARGEST_GROUPS: usize = 256;
/// Programs with more columns are left to subgradient steps.
const LARGEST_COLUMNS: usize = 40_000;
const SUBGRADIENT_STEPS: usize = 200;
/// Devices in parts of more sizes, or that differ in more ways, are counted by thousandths alone.
const LARGEST_SIZES: usize = 100;
const LARGEST_DIFFERENT: usize = 100;
/// Rounds of taking in fillings.
const ROUNDS: usize = 30;

/// The prices behind a bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// Shape: bins x (resources, then kinds of device in thousandths).
    pub by_bin: Vec<Vec<f64>>,
    /// What is priced beside these.
    pub counts: Vec<Count>,
    /// Positions of the counts that apply to each bin (shape: bins x those).
    pub counts_of: Vec<Vec<u32>>,
    /// The price of one unit of what each earlier stage has reached (shape: earlier stages; or empty).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<f64>,
    /// The price of what each cap holds, where caps are priced (shape: caps; or empty).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<f64>,
    /// The weight of each part of a stage about the fullest cap; their sum is at most 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<f64>,
    /// Of a timetable: `by_bin` has the price of a place once, and after it that of a millisecond of a place before each of these moments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<i64>,
}

impl Prices {
    /// The mean of two over the same rows, none of which are counts.
    pub(super) fn between(&self, other: &Self) -> Self {
        let mean = |left: &[f64], right: &[f64]| -> Vec<f64> {
            let both = left.iter().zip(right);
            both.map(|(left, right)| f64::midpoint(*left, *right))
                .collect()
        };
        let by_bin = self.by_bin.iter().zip(&other.by_bin);
        Self {
            by_bin: by_bin.map(|(left, right)| mean(left, right)).collect(),
            kept: mean(&self.kept, &other.kept),
            caps: mean(&self.caps, &other.caps),
            parts: mean(&self.parts, &other.parts),
            ..self.clone()
        }
    }
}

/// A bound and the prices that prove it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PricedBound {
    pub(super) bound: f64,
    pub(super) prices: Prices,
}

/// An earlier stage about values, and what it has reached.
pub(super) struct Kept<'a> {
    /// Position among the stages.
    pub(super) stage: usize,
    pub(super) worth: Worth<'a>,
    pub(super) reached: f64,
}

/// Prices of groups.
#[derive(Clone)]
struct GroupPrices {
    /// Shape: groups x resources.
    amounts: Vec<Vec<f64>>,
    /// For each of [`Pricing::parts`], the count and what its devices hold.
    counts: Vec<Option<(Count, f64)>>,
    /// Shape: [`Pricing::kept`].
    kept: Vec<f64>,
}

/// The relaxation of one value stage, with alike items and bins put together.
pub(super) struct Pricing {
    /// Resources, then kinds of device.
    n_resources: usize,
    n_kinds: usize,
    group_of: Vec<usize>,
    /// All capacity of a group (shape: groups x resources).
    capacity: Vec<Vec<f64>>,
    kinds: Vec<Kind>,
    parts: Vec<Parts>,
    /// Positions of the parts of each group.
    parts_of: Vec<Vec<usize>>,
    /// The earlier stages, and what they have reached.
    kept: Vec<(usize, f64)>,
}

/// The devices of one kind in a group, and the parts that copies may take of them.
struct Parts {
    group: usize,
    kind: u32,
    /// Thousandths, ascending.
    sizes: Vec<i64>,
    /// Thousandths that are free, ascending, and of how many devices.
    devices: Vec<(i64, i64)>,
    /// A position among `devices`, and the parts: positions among `sizes`, and how many.
    fillings: Vec<(usize, Vec<(usize, i64)>)>,
}

/// Items of one demand, set of bins and values.
struct Kind {
    demand: Vec<f64>,
    needs: Vec<DeviceNeed>,
    most: f64,
    /// Groups with a bin that has room, ascending.
    groups: Vec<InGroup>,
}

/// What a copy is worth in a group.
struct InGroup {
    group: usize,
    value: f64,
    /// In earlier stages (shape: [`Pricing::kept`]).
    kept: Vec<f64>,
}

impl Pricing {
    /// The relaxation of a stage about values, after others that keep what they have reached.
    pub(super) fn new(room: &Room<'_>, worth: Worth<'_>, kept: &[Kept<'_>]) -> Self {
        let assignment = room.assignment;
        let worths: Vec<Worth<'_>> = std::iter::once(worth)
            .chain(kept.iter().map(|it| it.worth))
            .collect();
        let merged = merge(room, &worths);
        let mut shapes: Vec<usize> = merged.keys().map(|key| key.0).collect();
        shapes.dedup();
        let class_of = classes(&worths, assignment.bins.len());
        let n_kinds = assignment.n_kinds();
        let amounts: Vec<Vec<i64>> = (assignment.bins.iter())
            .map(|bin| bin.amounts(n_kinds))
            .collect();
        let group_of = group_bins(room, &shapes, &amounts, &class_of);
        let n_groups = group_of.iter().copied().max().map_or(0, |group| group + 1);
        let n_resources = assignment.resources.len() + n_kinds;
        let mut capacity = vec![vec![0.0; n_resources]; n_groups];
        for ((amounts, usable), &group) in amounts.iter().zip(&room.usable).zip(&group_of) {
            let devices = amounts[usable.len()..].iter();
            for (sum, &of_bin) in capacity[group].iter_mut().zip(usable.iter().chain(devices)) {
                *sum += of_bin as f64;
            }
        }
        let kinds: Vec<Kind> = (merged.into_iter())
            .map(|((shape, values), most)| {
                let shape = &room.shapes[shape];
                let item = &assignment.items[shape.item];
                let demand = item.amounts(n_kinds);
                let value = |at: usize, bin: u32| match worths[at] {
                    Worth::Flat(_) => values[at][0] as f64,
                    Worth::ByClass(by_class) => values[at]
                        .get(by_class.class_of[bin as usize] as usize)
                        .map_or(0.0, |&value| value as f64),
                };
                // All bins of a group are of one class.
                let bins = shape.copies.iter();
                let mut groups: Vec<(usize, u32)> = bins
                    .map(|&(bin, _)| (group_of[bin as usize], bin))
                    .collect();
                groups.sort_unstable();
                groups.dedup_by_key(|group| group.0);
                let groups = groups.into_iter().map(|(group, bin)| InGroup {
                    group,
                    value: value(0, bin),
                    kept: (1..worths.len()).map(|at| value(at, bin)).collect(),
                });
                Kind {
                    demand: demand.iter().map(|&demand| demand as f64).collect(),
                    needs: item.devices.clone(),
                    most: most as f64,
                    groups: groups.collect(),
                }
            })
            .collect();
        let parts = parts(room, &group_of, &kinds);
        let mut parts_of = vec![Vec::new(); n_groups];
        for (position, parts) in parts.iter().enumerate() {
            parts_of[parts.group].push(position);
        }
        Self {
            n_resources,
            n_kinds,
            group_of,
            capacity,
            kinds,
            parts,
            parts_of,
            kept: kept.iter().map(|it| (it.stage, it.reached)).collect(),
        }
    }

    /// `L(pi)` for prices of groups.
    fn bound(&self, prices: &GroupPrices) -> f64 {
        let of_kinds: f64 = (self.kinds.iter())
            .map(|kind| kind.most * self.best_group(kind, prices).map_or(0.0, |best| best.1))
            .sum();
        let of_groups: f64 = (prices.amounts.iter().zip(&self.capacity))
            .map(|(prices, capacity)| dot(prices, capacity))
            .sum();
        let of_counts: f64 = (prices.counts.iter().flatten())
            .map(|(count, most)| count.price * most)
            .sum();
        let of_kept = prices.kept.iter().zip(&self.kept);
        let of_kept: f64 = of_kept.map(|(price, (_, reached))| price * reached).sum();
        of_kinds + of_groups + of_counts - of_kept
    }

    /// The group in which a copy gains most at these prices, and the gain, if there is any.
    fn best_group<'k>(&self, kind: &'k Kind, prices: &GroupPrices) -> Option<(&'k InGroup, f64)> {
        let mut best: Option<(&InGroup, f64)> = None;
        for it in &kind.groups {
            let counts = self.parts_of[it.group].iter();
            let of_parts: f64 = counts
                .filter_map(|&parts| prices.counts[parts].as_ref())
                .map(|(count, _)| count.price * count.of_needs(&kind.needs) as f64)
                .sum();
            let worth = it.value + dot(&prices.kept, &it.kept);
            let gain = worth - dot(&prices.amounts[it.group], &kind.demand) - of_parts;
            if gain > best.map_or(0.0, |best| best.1) {
                best = Some((it, gain));
            }
        }
        best
    }

    /// The best bound found, by the duals of the linear program where `solver` gives them, else by steps towards `target`.
    ///
    /// Any failure of the solver is returned beside the bound.
    pub(super) fn solve(
        mut self,
        solver: Option<&Arc<dyn MilpSolver>>,
        limits: &Limits,
        target: f64,
    ) -> (PricedBound, Option<SolverError>) {
        let n_columns: usize = self.kinds.iter().map(|kind| kind.groups.len()).sum();
        let usable = |solver: &&Arc<dyn MilpSolver>| {
            solver.capabilities().row_duals && n_columns <= LARGEST_COLUMNS
        };
        let (best, failure) = match solver.filter(usable) {
            Some(solver) => self.solve_program(solver, limits),
            None => (None, None),
        };
        let (bound, prices) = best.unwrap_or_else(|| self.step_down(target));
        let priced = PricedBound {
            bound,
            prices: self.by_bin(prices),
        };
        (priced, failure)
    }

    /// The least bound, and its prices, over the rounds of taking in fillings.
    fn solve_program(
        &mut self,
        solver: &Arc<dyn MilpSolver>,
        limits: &Limits,
    ) -> (Option<(f64, GroupPrices)>, Option<SolverError>) {
        let deadline = limits.time.map(|time| Instant::now() + time);
        let mut best: Option<(f64, GroupPrices)> = None;
        for _ in 0..ROUNDS {
            if best.is_some() && deadline.is_some_and(|end| Instant::now() >= end) {
                break;
            }
            let limits = Limits {
                time: deadline.map(|end| end.saturating_duration_since(Instant::now())),
                ..limits.clone()
            };
            let duals = match solve_guarded(solver, &Arc::new(self.program()), &limits) {
                Ok(outcome) => outcome.row_duals,
                Err(error) => return (best, Some(error)),
            };
            let Some(duals) = duals else {
                break;
            };
            let (prices, is_last) = self.read_duals(&duals);
            let bound = self.bound(&prices);
            let least = best.as_ref().map_or(f64::INFINITY, |best| best.0);
            if bound < least {
                best = Some((bound, prices));
            }
            if is_last {
                break;
            }
        }
        (best, None)
    }

    /// Columns `y[kind,group]`, copies, and `z[parts,filling]`, devices filled alike; rows `capacity[group,resource]`, `part[parts,size]`,
    /// `devices[parts,free]`, `kept[stage]` and `once[kind]`.
    fn program(&self) -> Milp {
        let mut milp = Milp::new("prices", Sense::Maximize);
        let continuous = ColumnKind::Continuous;
        let mut of_group: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.capacity.len()];
        let mut of_kind: Vec<Vec<usize>> = Vec::new();
        let mut of_kept: Vec<Vec<(usize, f64)>> = vec![Vec::new(); self.kept.len()];
        for (position, kind) in self.kinds.iter().enumerate() {
            let mut columns = Vec::new();
            for it in &kind.groups {
                let name = format!("y[{position},{}]", it.group);
                let column = milp.add_column(name, 0.0, f64::INFINITY, continuous, it.value);
                of_group[it.group].push((column, position));
                columns.push(column);
                for (terms, &value) in of_kept.iter_mut().zip(&it.kept) {
                    terms.push((column, -value));
                }
            }
            of_kind.push(columns);
        }
        for (group, resource) in self.capacity_rows() {
            let demand =
                |&(column, kind): &(usize, usize)| (column, self.kinds[kind].demand[resource]);
            let name = format!("capacity[{group},{resource}]");
            let capacity = self.capacity[group][resource];
            let terms = of_group[group].iter().map(demand);
            milp.add_row(name, f64::NEG_INFINITY, capacity, terms);
        }
        for (position, parts) in self.parts.iter().enumerate() {
            let mut of_size: Vec<Vec<(usize, f64)>> = vec![Vec::new(); parts.sizes.len()];
            let mut of_devices: Vec<Vec<(usize, f64)>> = vec![Vec::new(); parts.devices.len()];
            for &(column, kind) in &of_group[parts.group] {
                let needs = self.kinds[kind].needs.iter();
                for need in needs.filter(|need| need.kind == parts.kind) {
                    if let Ok(size) = parts.sizes.binary_search(&need.milli) {
                        of_size[size].push((column, need.count as f64));
                    }
                }
            }
            for (at, (devices, filling)) in parts.fillings.iter().enumerate() {
                let name = format!("z[{position},{at}]");
                let column = milp.add_column(name, 0.0, f64::INFINITY, continuous, 0.0);
                of_devices[*devices].push((column, 1.0));
                for &(size, n) in filling {
                    of_size[size].push((column, -(n as f64)));
                }
            }
            for (size, terms) in of_size.into_iter().enumerate() {
                milp.add_row(
                    format!("part[{position},{size}]"),
                    f64::NEG_INFINITY,
                    0.0,
                    terms,
                );
            }
            for (at, terms) in of_devices.into_iter().enumerate() {
                let n_devices = parts.devices[at].1 as f64;
                milp.add_row(
                    format!("devices[{position},{at}]"),
                    f64::NEG_INFINITY,
                    n_devices,
                    terms,
                );
            }
        }
        for (terms, &(stage, reached)) in of_kept.into_iter().zip(&self.kept) {
            let terms = terms.into_iter().filter(|term| term.1 != 0.0);
            milp.add_row(format!("kept[{stage}]"), f64::NEG_INFINITY, -reached, terms);
        }
        for (position, columns) in of_kind.iter().enumerate() {
            let terms = columns.iter().map(|&column| (column, 1.0));
            let name = format!("once[{position}]");
            milp.add_row(name, f64::NEG_INFINITY, self.kinds[position].most, terms);
        }
        milp
    }

    /// Groups and resources with a row of their own: not kinds of device whose parts are counted.
    fn capacity_rows(&self) -> Vec<(usize, usize)> {
        let n_groups = self.capacity.len();
        let all = (0..n_groups).flat_map(|group| (0..self.n_resources).map(move |at| (group, at)));
        let is_counted = |&(group, resource): &(usize, usize)| {
            (self.parts_of[group].iter())
                .any(|&parts| self.resource_of(self.parts[parts].kind) == resource)
        };
        all.filter(|row| !is_counted(row)).collect()
    }

    /// Where the thousandths of a kind are among the resources.
    fn resource_of(&self, kind: u32) -> usize {
        self.n_resources - self.n_kinds + kind as usize
    }

    /// The prices that the duals are, and whether no filling is left that they ask for; any that is, is taken in.
    fn read_duals(&mut self, duals: &[f64]) -> (GroupPrices, bool) {
        let mut duals =
            (duals.iter()).map(|&dual| if dual.is_finite() { dual.max(0.0) } else { 0.0 });
        let mut amounts = vec![vec![0.0; self.n_resources]; self.capacity.len()];
        for (group, resource) in self.capacity_rows() {
            amounts[group][resource] = duals.next().unwrap_or(0.0);
        }
        let mut is_last = true;
        let mut counts = Vec::new();
        for parts in &mut self.parts {
            let values: Vec<f64> = duals.by_ref().take(parts.sizes.len()).collect();
            for (at, &(free, _)) in parts.devices.iter().enumerate() {
                let price = duals.next().unwrap_or(0.0);
                let asked = fillings(free, &parts.sizes, &values, price * (1.0 + 1e-9) + 1e-9);
                for filling in asked {
                    is_last = false;
                    parts.fillings.push((at, filling));
                }
            }
            let count = Count::near(parts.kind, &parts.sizes, &values);
            counts.push(count.map(|count| {
                let most = count.most();
                let of_devices = parts.devices.iter();
                let held = of_devices.map(|&(free, n)| most[free as usize] as f64 * n as f64);
                (count, held.sum())
            }));
        }
        let kept = duals.take(self.kept.len()).collect();
        let prices = GroupPrices {
            amounts,
            counts,
            kept,
        };
        (prices, is_last)
    }

    /// Prices of groups as prices of bins.
    fn by_bin(&self, prices: GroupPrices) -> Prices {
        let mut counts = Vec::new();
        let mut counts_of_group = vec![Vec::new(); self.capacity.len()];
        for (parts, count) in self.parts.iter().zip(prices.counts) {
            if let Some((count, _)) = count {
                counts_of_group[parts.group].push(counts.len() as u32);
                counts.push(count);
            }
        }
        let mut kept = Vec::new();
        if prices.kept.iter().any(|&price| price > 0.0) {
            let earlier = self.kept.iter().map(|it| it.0 + 1).max().unwrap_or(0);
            kept.resize(earlier, 0.0);
            for (&(stage, _), price) in self.kept.iter().zip(prices.kept) {
                kept[stage] = price;
            }
        }
        Prices {
            kept,
            by_bin: (self.group_of.iter())
                .map(|&group| prices.amounts[group].clone())
                .collect(),
            counts_of: (self.group_of.iter())
                .map(|&group| counts_of_group[group].clone())
                .collect(),
            counts,
            ..Prices::default()
        }
    }

    /// Subgradient steps with the step length of Polyak; the best prices seen.
    fn step_down(&self, target: f64) -> (f64, GroupPrices) {
        let mut prices = GroupPrices {
            amounts: vec![vec![0.0; self.n_resources]; self.capacity.len()],
            counts: self.parts.iter().map(|_| None).collect(),
            kept: vec![0.0; self.kept.len()],
        };
        let mut best = (self.bound(&prices), prices.clone());
        let mut factor = 1.0;
        for _ in 0..SUBGRADIENT_STEPS {
            let bound = self.bound(&prices);
            if bound < best.0 {
                best = (bound, prices.clone());
            } else {
                factor *= 0.97;
            }
            // In units of each group's capacity, and of what is reached, so that all rows count alike.
            let mut steps = vec![vec![1.0; self.n_resources]; self.capacity.len()];
            let mut kept_steps = vec![-1.0; self.kept.len()];
            for kind in &self.kinds {
                if let Some((InGroup { group, kept, .. }, _)) = self.best_group(kind, &prices) {
                    for ((step, value), &(_, reached)) in
                        kept_steps.iter_mut().zip(kept).zip(&self.kept)
                    {
                        *step += kind.most * value / reached.max(1.0);
                    }
                    let capacity = &self.capacity[*group];
                    for ((step, &demand), &capacity) in
                        steps[*group].iter_mut().zip(&kind.demand).zip(capacity)
                    {
                        *step -= kind.most * demand / capacity.max(1.0);
                    }
                }
            }
            let all = steps.iter().flatten().chain(&kept_steps);
            let length: f64 = all.map(|step| step * step).sum();
            if length <= 1e-12 || bound <= target {
                break;
            }
            let stride = factor * (bound - target) / length;
            for ((prices, steps), capacity) in
                (prices.amounts.iter_mut()).zip(&steps).zip(&self.capacity)
            {
                for ((price, &step), &capacity) in prices.iter_mut().zip(steps).zip(capacity) {
                    *price = (*price - stride * step / capacity.max(1.0)).max(0.0);
                }
            }
            for ((price, step), &(_, reached)) in
                prices.kept.iter_mut().zip(&kept_steps).zip(&self.kept)
            {
                *price = (*price - stride * step / reached.max(1.0)).max(0.0);
            }
        }
        best
    }
}

/// The most copies for each shape and its values: in each of `worths` the item's own, or by class of bins.
fn merge(room: &Room<'_>, worths: &[Worth<'_>]) -> BTreeMap<(usize, Vec<Vec<i64>>), i64> {
    let mut merged = BTreeMap::new();
    for item in 0..room.assignment.items.len() as u32 {
        let most = room.most[item as usize];
        let values = worths.iter().map(|worth| match worth {
            Worth::Flat(_) => vec![worth.of(item, 0)],
            Worth::ByClass(by_class) => by_class.values_of(item).unwrap_or_default().to_vec(),
        });
        let values: Vec<Vec<i64>> = values.collect();
        if most > 0 && values.iter().flatten().any(|&value| value > 0) {
            *merged
                .entry((room.shape_of[item as usize], values))
                .or_insert(0) += most;
        }
    }
    merged
}

/// The class of each bin, where the worths that differ by bin have it in one class.
fn classes(worths: &[Worth<'_>], n_bins: usize) -> Vec<usize> {
    let mut differing: Vec<&[u32]> = Vec::new();
    for worth in worths {
        if let Worth::ByClass(by_class) = worth
            && !differing.contains(&by_class.class_of.as_slice())
        {
            differing.push(&by_class.class_of);
        }
    }
    let class = |bin: usize| differing.iter().map(|of| of[bin]).collect::<Vec<u32>>();
    number((0..n_bins).map(class))
}

/// The devices of each group and kind that some item may take a part of.
fn parts(room: &Room<'_>, group_of: &[usize], kinds: &[Kind]) -> Vec<Parts> {
    let mut sizes: BTreeMap<(usize, u32), BTreeSet<i64>> = BTreeMap::new();
    for kind in kinds {
        for need in &kind.needs {
            for it in &kind.groups {
                sizes
                    .entry((it.group, need.kind))
                    .or_default()
                    .insert(need.milli);
            }
        }
    }
    let mut devices: BTreeMap<(usize, u32), BTreeMap<i64, i64>> = BTreeMap::new();
    for (bin, &group) in room.assignment.bins.iter().zip(group_of) {
        for (kind, of_kind) in (0..).zip(&bin.devices) {
            for &free in of_kind.iter().filter(|free| **free > 0) {
                *devices
                    .entry((group, kind))
                    .or_default()
                    .entry(free)
                    .or_insert(0) += 1;
            }
        }
    }
    let mut parts = Vec::new();
    for ((group, kind), sizes) in sizes {
        let devices = devices.remove(&(group, kind)).unwrap_or_default();
        if sizes.len() > LARGEST_SIZES || devices.len() > LARGEST_DIFFERENT {
            continue;
        }
        let sizes: Vec<i64> = sizes.into_iter().collect();
        let devices: Vec<(i64, i64)> = devices.into_iter().collect();
        // To begin with, devices that are as full as a part of each size allows.
        let values: Vec<f64> = sizes.iter().map(|&size| size as f64).collect();
        let full = |(at, &(free, _)): (usize, &(i64, i64))| {
            let full = fillings(free, &sizes, &values, 0.0).into_iter();
            full.map(move |filling| (at, filling)).collect::<Vec<_>>()
        };
        parts.push(Parts {
            group,
            kind,
            fillings: devices.iter().enumerate().flat_map(full).collect(),
            sizes,
            devices,
        });
    }
    parts
}

/// A group for each bin: bins of one group are of one class and have room for the same shapes.
fn group_bins(
    room: &Room<'_>,
    shapes: &[usize],
    amounts: &[Vec<i64>],
    class_of: &[usize],
) -> Vec<usize> {
    let n_bins = room.assignment.bins.len();
    let mut fits: Vec<Vec<u32>> = vec![Vec::new(); n_bins];
    for &shape in shapes {
        for &(bin, _) in &room.shapes[shape].copies {
            fits[bin as usize].push(shape as u32);
        }
    }
    let class = |bin: usize| class_of[bin];
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
