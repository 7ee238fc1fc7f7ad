//! Bounds that need no search, so that anyone can recompute them.
//!
//! # Model
//! `copies_ib` is how many copies of item `i` the empty bin `b` has room for (0 where it may not go;
//! without limit if it asks for nothing; its devices count).
//! `most_i = min(count_i, sum_b copies_ib, for each limit: sum_g min(max - base_g, sum_{b in g} copies_ib))`; families of caps with
//! the same items and disjoint bins count as limits.
//!
//! - Value: `sum_i value_i most_i` (where bins differ in value, the copies in the best of their bins); or, for prices `pi >= 0`
//!   of every bin and resource,
//!   `sum_i most_i max(0, max_b (value_ib - pi_b . demand_i)) + sum_b pi_b . capacity_b` (see `prices`).
//!   Only such a part of a capacity counts as is a multiple of the greatest common divisor of all demands.
//! - Cost: of each item, the copies that plans that are at least as good in an earlier value stage must place (of all that can be
//!   placed, all but `floor((most value - value reached) / value of a copy)`), in the bins where they
//!   cost least; or, for prices, see `least`.
//! - Worst share of a term: the least level `s` to which its groups must be filled to hold as many copies as plans that are at least as
//!   good in the last value stage must place: all of them, but for `floor((most value - value reached) / least value of a copy)`.
//! - Shortfall of a term: what is left when as many as possible are placed, filled evenly.
//! - Span of a term: the fewest groups that have room for as many copies: those with copies already, then those with most room.
//! - Fragmentation: 0.
//! - The fullest cap: what is used already, and each copy that must be placed, where it fills the caps of its bin least.
//! - Open bins: the demand that must be placed for the value reached, into the cheapest capacity, fractionally, for each resource.
//!
//! All but the first are conditional on the values reached in earlier stages.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::devices::copies_on;
use super::types::{
    Assignment, Costs, DeviceNeed, Limit, Objective, Packing, Part, Peak, Rate, Term, Yield,
};
use super::validate::NO_GROUP;

/// Copies of an item that asks for nothing.
const UNLIMITED: i64 = 1_000_000_000_000;

/// What every bin has room for, and what can be placed of each item alone.
#[derive(Debug)]
pub(super) struct Room<'a> {
    pub(super) assignment: &'a Assignment,
    /// Position in `shapes`, by item.
    pub(super) shape_of: Vec<usize>,
    /// Items of equal demand and equal bins share their copies.
    pub(super) shapes: Vec<Shape>,
    /// `most_i`.
    pub(super) most: Vec<i64>,
    /// Limits that count each item.
    limits_of: Vec<Vec<u32>>,
    /// What can be used of each bin's capacity: whole multiples of the greatest common divisor of all demands (shape: bins x resources).
    pub(super) usable: Vec<Vec<i64>>,
    /// Of each stage about values, what a copy is worth at best, and the most value there is.
    best: Vec<Option<Best<'a>>>,
}

/// What a copy of each item is worth in its best bin, and what all together are.
type Best<'a> = (Cow<'a, [Term]>, i128);

/// An item's demand and bins, and the copies that fit.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) item: usize,
    /// Bins with room for at least one copy, and how many.
    pub(super) copies: Vec<(u32, i64)>,
    /// All copies.
    total: i64,
    /// Copies by group, and in no group, for each division, known by its address and number of groups. Looked up, never walked through.
    by_group: BTreeMap<(usize, usize), (Vec<i64>, i64)>,
}

impl<'a> Room<'a> {
    pub(super) fn new(assignment: &'a Assignment) -> Self {
        let mut room = Self {
            assignment,
            shape_of: Vec::with_capacity(assignment.items.len()),
            shapes: Vec::new(),
            most: Vec::new(),
            limits_of: vec![Vec::new(); assignment.items.len()],
            usable: usable(assignment),
            best: Vec::new(),
        };
        room.find_shapes();
        for (position, limit) in assignment.limits.iter().enumerate() {
            for &item in limit.packing.items.iter() {
                room.limits_of[item as usize].push(position as u32);
            }
        }
        room.sum_by_group();
        room.most = (0..assignment.items.len())
            .map(|item| room.most_of(item))
            .collect();
        room.apply_caps();
        let best = assignment.stages.iter().map(|stage| {
            let terms = stage.objective.worth()?.best(assignment);
            let most = room.most_value(&terms);
            Some((terms, most))
        });
        room.best = best.collect();
        room
    }

    fn find_shapes(&mut self) {
        let mut known: BTreeMap<ShapeKey<'_>, usize> = BTreeMap::new();
        let mut weights: Vec<Vec<(u32, i64)>> = vec![Vec::new(); self.assignment.items.len()];
        for (position, cap) in (0_u32..).zip(&self.assignment.caps) {
            for (item, weight) in cap.weighted().filter(|_| !cap.weights.is_empty()) {
                weights[item as usize].push((position, weight));
            }
        }
        for (position, (item, weights)) in self.assignment.items.iter().zip(weights).enumerate() {
            let address = Arc::as_ptr(&item.eligible) as usize;
            let n_known = self.shapes.len();
            let shape = match known.entry((&item.demand, &item.devices, address, weights)) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    let room = cap_rooms(self.assignment, &entry.key().3);
                    (self.shapes).push(Shape::new(self.assignment, position, &room));
                    *entry.insert(n_known)
                }
            };
            self.shape_of.push(shape);
        }
    }

    /// Prepares the sums by group for every division that speaks of a shape.
    fn sum_by_group(&mut self) {
        let assignment = self.assignment;
        let limits = assignment.limits.iter().map(|limit| &limit.packing);
        let terms = assignment
            .stages
            .iter()
            .flat_map(|stage| packings(&stage.objective));
        for packing in limits.chain(terms) {
            for &item in packing.items.iter() {
                let shape = &mut self.shapes[self.shape_of[item as usize]];
                let copies = &shape.copies;
                (shape.by_group.entry(address(packing)))
                    .or_insert_with(|| by_group(copies, packing));
            }
        }
    }

    fn most_of(&self, item: usize) -> i64 {
        let shape = &self.shapes[self.shape_of[item]];
        let mut most = self.assignment.items[item].count.min(shape.total);
        for &limit in &self.limits_of[item] {
            let limit = &self.assignment.limits[limit as usize];
            let (groups, outside) = &shape.by_group[&address(&limit.packing)];
            let rooms =
                (groups.iter().enumerate()).map(|(group, &copies)| copies.min(limit.room(group)));
            most = most.min(rooms.fold(*outside, i64::saturating_add));
        }
        most
    }

    /// Lowers `most` by families of caps.
    fn apply_caps(&mut self) {
        let mut caps_of: Vec<Vec<u32>> = vec![Vec::new(); self.assignment.items.len()];
        for (position, cap) in self.assignment.caps.iter().enumerate() {
            for &item in cap.items.iter() {
                caps_of[item as usize].push(position as u32);
            }
        }
        let mut items_of: Vec<Vec<usize>> = vec![Vec::new(); self.shapes.len()];
        for (item, &shape) in self.shape_of.iter().enumerate() {
            items_of[shape].push(item);
        }
        // Items under the same caps share their families.
        let mut known: BTreeMap<&[u32], Vec<&[u32]>> = BTreeMap::new();
        // What fits in each bin.
        let mut copies = vec![0_i64; self.assignment.bins.len()];
        for (shape, items) in self.shapes.iter().zip(items_of) {
            for &(bin, fit) in &shape.copies {
                copies[bin as usize] = fit;
            }
            for item in items {
                let caps = caps_of[item].as_slice();
                let families =
                    (known.entry(caps)).or_insert_with(|| families(self.assignment, caps));
                for family in families {
                    self.most[item] = self.most_under(item, family, shape.total, &copies);
                }
            }
            for &(bin, _) in &shape.copies {
                copies[bin as usize] = 0;
            }
        }
    }

    /// `most` of the item, of which there are so many copies in all, lowered by a family of caps.
    fn most_under(&self, item: usize, family: &[u32], total: i64, copies: &[i64]) -> i64 {
        let (mut most, mut inside) = (0_i64, 0_i64);
        for &cap in family {
            let cap = &self.assignment.caps[cap as usize];
            let here = cap
                .bins
                .iter()
                .fold(0_i64, |sum, &bin| sum.saturating_add(copies[bin as usize]));
            let room = cap.max.checked_div(cap.weight(item as u32));
            most = most.saturating_add(here.min(room.unwrap_or(UNLIMITED)));
            if most >= self.most[item] {
                return self.most[item];
            }
            inside = inside.saturating_add(here);
        }
        let outside = total.saturating_sub(inside);
        self.most[item].min(most.saturating_add(outside))
    }

    /// The bound on a stage that needs no prices, for plans at least as good as `reached` in the earlier stages.
    pub(super) fn combinatorial(&self, stage: usize, reached: &[f64]) -> f64 {
        match &self.assignment.stages[stage].objective {
            Objective::Value(terms) => self.most_value(terms) as f64,
            Objective::Yield(by_class) => self.most_yield(by_class) as f64,
            Objective::Utility(curves) => (curves.iter())
                .map(|curve| {
                    let most = self.most_value(&curve.terms) + i128::from(curve.base);
                    curve.worth_of(i64::try_from(most).unwrap_or(i64::MAX - 1))
                })
                .sum(),
            Objective::Cost(costs) => self.least_tolls(costs, stage, reached) as f64,
            Objective::Shortfall(terms) => (terms.iter())
                .map(|term| {
                    let survivors = self.most_survivors(&term.packing);
                    (term.need - survivors).max(0) as f64
                })
                .sum(),
            Objective::WorstShare(terms) => (terms.iter())
                .map(|term| term.share_of(self.least_worst(&term.packing, stage, reached)))
                .sum(),
            Objective::Span(terms) => (terms.iter())
                .map(|term| {
                    let n_groups = self.fewest_groups(&term.packing, stage, reached);
                    term.weight as f64 * n_groups as f64
                })
                .sum(),
            Objective::Traffic(traffic) => self.assignment.least_traffic(traffic),
            Objective::Fragmentation(_) => 0.0,
            Objective::Peak(peak) => self.least_peak(peak, stage, reached),
            Objective::Opened(costs) => self.least_cost(costs, stage, reached),
        }
    }

    pub(super) fn most_value(&self, terms: &[Term]) -> i128 {
        let of_term =
            |term: &Term| i128::from(term.value) * i128::from(self.most[term.item as usize]);
        terms.iter().map(of_term).sum()
    }

    /// The value of every item's copies in the classes of bins where they are worth most, each item as if it were alone.
    fn most_yield(&self, by_class: &Yield) -> i128 {
        (by_class.rates.iter())
            .map(|rate| {
                let shape = &self.shapes[self.shape_of[rate.item as usize]];
                let mut copies: BTreeMap<i64, i64> = BTreeMap::new();
                for &(bin, here) in &shape.copies {
                    let value = rate.values[by_class.class_of[bin as usize] as usize];
                    let of_value = copies.entry(value).or_insert(0);
                    *of_value = of_value.saturating_add(here);
                }
                let mut left = self.most[rate.item as usize];
                let mut sum = 0;
                for (value, here) in copies.into_iter().rev() {
                    sum += i128::from(value) * i128::from(here.min(left));
                    left -= here.min(left);
                }
                sum
            })
            .sum()
    }

    /// The copies that must be placed in the classes of bins where they cost least, each item as if it were alone.
    fn least_tolls(&self, costs: &Costs, stage: usize, reached: &[f64]) -> i128 {
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
    fn least_peak(&self, peak: &Peak, stage: usize, reached: &[f64]) -> f64 {
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

    /// How many copies of an item plans must have that keep the values reached: losing more would lose more value than may be lost.
    pub(super) fn least(&self, item: u32, stage: usize, reached: &[f64]) -> i64 {
        let most = self.most[item as usize];
        let of_stage = |(best, &reached): (&Option<Best<'_>>, &f64)| {
            let (terms, all) = best.as_ref()?;
            let found = terms.binary_search_by_key(&item, |term| term.item).ok()?;
            let slack = (all - reached.round() as i128).max(0);
            let missing = slack.checked_div(i128::from(terms[found].value))?;
            Some(most - missing.min(i128::from(most)) as i64)
        };
        let stages = self.best[..stage].iter().zip(reached);
        stages.filter_map(of_stage).max().unwrap_or(0)
    }

    /// The last value stage before `stage`, with the value that may be lost against the most there is, every copy in its best bin.
    fn slack(&self, stage: usize, reached: &[f64]) -> Option<(&[Term], i128)> {
        (self.best[..stage].iter().zip(reached))
            .rev()
            .find_map(|(best, &reached)| {
                let (terms, most) = best.as_ref()?;
                let slack = most - reached.round() as i128;
                Some((&terms[..], slack.max(0)))
            })
    }

    /// The least worst count of a term for plans that keep the value reached.
    pub(super) fn least_worst(&self, packing: &Packing, stage: usize, reached: &[f64]) -> i64 {
        let wanted = self.wanted(packing, stage, reached);
        let (fit, outside) = self.fit(packing);
        waterfill(&packing.base, &fit, wanted.saturating_sub(outside))
    }

    /// The fewest groups with a copy of a term for plans that keep the value reached: those that have one, then the largest.
    pub(super) fn fewest_groups(&self, packing: &Packing, stage: usize, reached: &[f64]) -> usize {
        let there: i64 = packing.base.iter().sum();
        let (fit, outside) = self.fit(packing);
        let mut left = self.wanted(packing, stage, reached) - there;
        left = left.saturating_sub(outside);
        let groups = packing.base.iter().zip(fit);
        let (used, mut unused): (Vec<_>, Vec<_>) = groups.partition(|group| *group.0 > 0);
        for &(_, fit) in &used {
            left = left.saturating_sub(fit);
        }
        unused.sort_by_key(|group| -group.1);
        let mut n_groups = used.len();
        for (_, fit) in unused {
            if left <= 0 || fit == 0 {
                break;
            }
            left = left.saturating_sub(fit);
            n_groups += 1;
        }
        n_groups
    }

    /// How many copies of a term, `base` included, plans must have that keep the value reached.
    fn wanted(&self, packing: &Packing, stage: usize, reached: &[f64]) -> i64 {
        let there: i64 = packing.base.iter().sum();
        let mut wanted = there;
        if let Some((terms, slack)) = self.slack(stage, reached) {
            let mut all = there;
            let mut least_value = i64::MAX;
            for &item in packing
                .items
                .iter()
                .filter(|&&item| self.most[item as usize] > 0)
            {
                let found = terms.binary_search_by_key(&item, |term| term.item);
                let value = found.map_or(0, |position| terms[position].value);
                if value > 0 {
                    all += self.most[item as usize];
                    least_value = least_value.min(value);
                }
            }
            let missing = slack / i128::from(least_value);
            wanted = wanted.max((i128::from(all) - missing).max(0) as i64);
        }
        wanted
    }

    /// The most copies of a term that can survive the loss of any group.
    fn most_survivors(&self, packing: &Packing) -> i64 {
        let (fit, outside) = self.fit(packing);
        let there: i64 = packing.base.iter().sum();
        let items = packing.items.iter().map(|&item| self.most[item as usize]);
        let all = there + items.sum::<i64>();
        let inside = fit.iter().fold(there, |sum, &fit| sum.saturating_add(fit));
        let outside = outside.min(all - there);
        let wanted = (all - outside).min(inside);
        wanted + outside - waterfill(&packing.base, &fit, wanted)
    }

    /// How many copies of the packing's items each group has room for, and the bins in no group.
    fn fit(&self, packing: &Packing) -> (Vec<i64>, i64) {
        let mut fit = vec![0_i64; packing.base.len()];
        let mut outside = 0_i64;
        for &item in packing.items.iter() {
            let shape = &self.shapes[self.shape_of[item as usize]];
            let (groups, beyond) = &shape.by_group[&address(packing)];
            let most = self.most[item as usize];
            let limits: Vec<&Limit> = (self.limits_of[item as usize].iter())
                .map(|&limit| &self.assignment.limits[limit as usize])
                .filter(|limit| same_division(&limit.packing, packing))
                .collect();
            for (group, (fit, &copies)) in fit.iter_mut().zip(groups).enumerate() {
                let room = limits.iter().map(|limit| limit.room(group));
                *fit = fit.saturating_add(room.fold(copies.min(most), i64::min));
            }
            outside = outside.saturating_add(most.min(*beyond));
        }
        (fit, outside)
    }

    /// The least cost of bins whose capacity holds, for each resource, what must be placed for the value reached.
    fn least_cost(&self, costs: &[i64], stage: usize, reached: &[f64]) -> f64 {
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

/// Demand, devices, address of the bins, and weights under caps.
type ShapeKey<'a> = (&'a [i64], &'a [DeviceNeed], usize, Vec<(u32, i64)>);

/// How many copies of an item its caps with weights allow, by bin; bins without such caps are absent.
fn cap_rooms(assignment: &Assignment, weights: &[(u32, i64)]) -> BTreeMap<u32, i64> {
    let mut rooms = BTreeMap::new();
    for &(cap, weight) in weights.iter().filter(|(_, weight)| *weight > 0) {
        let cap = &assignment.caps[cap as usize];
        for &bin in cap.bins.iter() {
            let room = rooms.entry(bin).or_insert(UNLIMITED);
            *room = (*room).min(cap.max / weight);
        }
    }
    rooms
}

impl Shape {
    fn new(assignment: &Assignment, position: usize, rooms: &BTreeMap<u32, i64>) -> Self {
        let item = &assignment.items[position];
        let copies: Vec<(u32, i64)> = (item.eligible.iter())
            .map(|&bin| {
                let of_bin = &assignment.bins[bin as usize];
                let fits =
                    (item.demand.iter().zip(&of_bin.capacity)).filter(|&(&demand, _)| demand > 0);
                let by_capacity = fits
                    .map(|(&demand, &capacity)| capacity / demand)
                    .fold(rooms.get(&bin).copied().unwrap_or(UNLIMITED), i64::min);
                (bin, copies_on(&of_bin.devices, &item.devices, by_capacity))
            })
            .filter(|&(_, copies)| copies > 0)
            .collect();
        Self {
            item: position,
            total: (copies.iter()).fold(0, |sum, &(_, copies)| sum.saturating_add(copies)),
            copies,
            by_group: BTreeMap::new(),
        }
    }
}

/// The caps over an item, divided into families one after the other, each as long as it gets: the same items, and no bin twice.
fn families<'c>(assignment: &Assignment, mut caps: &'c [u32]) -> Vec<&'c [u32]> {
    let mut families = Vec::new();
    while let Some((&first, others)) = caps.split_first() {
        let first = &assignment.caps[first as usize];
        let mut covered: BTreeSet<u32> = first.bins.iter().copied().collect();
        let joins = |&&cap: &&u32| {
            let cap = &assignment.caps[cap as usize];
            let same = Arc::ptr_eq(&cap.items, &first.items) || cap.items == first.items;
            same && cap.bins.iter().all(|&bin| covered.insert(bin))
        };
        let (family, rest) = caps.split_at(1 + others.iter().take_while(joins).count());
        families.push(family);
        caps = rest;
    }
    families
}

/// See [`Room::usable`].
fn usable(assignment: &Assignment) -> Vec<Vec<i64>> {
    let mut divisors = vec![0_i64; assignment.resources.len()];
    for item in &assignment.items {
        for (divisor, &demand) in divisors.iter_mut().zip(&item.demand) {
            *divisor = greatest_common_divisor(*divisor, demand);
        }
    }
    let bins = assignment.bins.iter().map(|bin| {
        let capacity = bin.capacity.iter().zip(&divisors);
        capacity
            .map(|(&capacity, &divisor)| capacity - capacity % divisor.max(1))
            .collect()
    });
    bins.collect()
}

fn greatest_common_divisor(mut left: i64, mut right: i64) -> i64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

fn packings(objective: &Objective) -> Vec<&Packing> {
    match objective {
        Objective::Shortfall(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::WorstShare(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::Span(terms) => terms.iter().map(|term| &term.packing).collect(),
        Objective::Value(_)
        | Objective::Utility(_)
        | Objective::Yield(_)
        | Objective::Cost(_)
        | Objective::Traffic(_)
        | Objective::Fragmentation(_)
        | Objective::Opened(_)
        | Objective::Peak(_) => Vec::new(),
    }
}

fn address(packing: &Packing) -> (usize, usize) {
    (Arc::as_ptr(&packing.group_of) as usize, packing.base.len())
}

fn same_division(left: &Packing, right: &Packing) -> bool {
    Arc::ptr_eq(&left.group_of, &right.group_of)
        || (left.base.len() == right.base.len() && left.group_of == right.group_of)
}

fn by_group(copies: &[(u32, i64)], packing: &Packing) -> (Vec<i64>, i64) {
    let mut groups = vec![0_i64; packing.base.len()];
    let mut outside = 0_i64;
    for &(bin, copies) in copies {
        let group = packing.group_of[bin as usize];
        let sum = if group == NO_GROUP {
            &mut outside
        } else {
            &mut groups[group as usize]
        };
        *sum = sum.saturating_add(copies);
    }
    (groups, outside)
}

/// The smallest level, not below any of `have`, at which groups filled up to it hold `wanted` copies (or as many as they can).
pub(super) fn waterfill(have: &[i64], fit: &[i64], wanted: i64) -> i64 {
    let top = |(&have, &fit): (&i64, &i64)| have.saturating_add(fit);
    let holds = |level: i64| {
        let of_group = |(have, fit): (&i64, &i64)| level.max(*have).min(top((have, fit)));
        (have.iter().zip(fit).map(of_group)).fold(0, i64::saturating_add)
    };
    let mut low = have.iter().copied().max().unwrap_or(0);
    let highest = have.iter().zip(fit).map(top).fold(low, i64::max);
    let wanted = wanted.min(holds(highest));
    if holds(low) >= wanted {
        return low;
    }
    // `low` is too low; the answer is mostly near it.
    let mut step = 1;
    let mut high = (low + 1).min(highest);
    while holds(high) < wanted {
        low = high;
        step *= 2;
        high = low.saturating_add(step).min(highest);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) >= wanted {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
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

#[cfg(test)]
mod tests {
    use super::waterfill;

    #[test]
    fn water_rises_evenly_and_stops_at_the_brim() {
        assert_eq!(waterfill(&[0, 0, 0], &[9, 9, 9], 7), 3);
        assert_eq!(waterfill(&[0, 0, 0], &[1, 9, 9], 7), 3);
        assert_eq!(waterfill(&[5, 0], &[0, 9], 7), 5);
        assert_eq!(waterfill(&[5, 0], &[0, 9], 12), 7);
        assert_eq!(waterfill(&[0, 0], &[2, 3], 100), 3);
        assert_eq!(waterfill(&[], &[], 4), 0);
    }

    #[test]
    fn water_agrees_with_trying_every_level() {
        for seed in 0..2000_i64 {
            let digit = |place: u32, limit: i64| seed / 3_i64.pow(place) % limit;
            let have = [digit(0, 4), digit(1, 3), digit(2, 5)];
            let fit = [digit(3, 6), digit(4, 4), digit(5, 7)];
            let top: i64 = have.iter().chain(&fit).sum();
            let wanted = digit(2, 30).min(top);
            let holds = |level: i64| -> i64 {
                let of_group = |(&have, &fit): (&i64, &i64)| level.max(have).min(have + fit);
                have.iter().zip(&fit).map(of_group).sum()
            };
            let least = have.into_iter().max().unwrap_or(0);
            let slow = (least..100).find(|&level| holds(level) >= wanted);
            assert_eq!(
                Some(waterfill(&have, &fit, wanted)),
                slow,
                "{have:?} {fit:?} {wanted}"
            );
        }
    }
}
