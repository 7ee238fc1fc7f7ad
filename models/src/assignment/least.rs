//! Bounds by multipliers that hold for plans at least as good in earlier stages: what copies cost at least, how full the fullest cap
//! is at least, and, where caps have weights, what is worth most.
//!
//! # Model
//! For prices `pi >= 0` of every bin's capacity, and `mu >= 0` of the value kept in every earlier stage about values or costs:
//! and prices of every cap `L = sum_i least_i(pi, mu) + sum_k mu_k sign_k reached_k - sum_b pi_b . capacity_b - sum_c pi_c max_c`,
//! where a copy of item `i` in bin `b` has the coefficient
//! `cost_ib + pi_b . demand_i + sum_{c holds b} pi_c weight_ci - sum_k mu_k sign_k value_kib` (`sign` is 1 for values and -1 for
//! costs; values to be maximized are costs below 0), and `least_i` is the
//! least sum of coefficients over the ways to place the item alone: at most `copies_ib` in a bin, at most `most_i` and at least what the
//! values reached ask for (see `bound`), under one of the limits that count it (the one that gives most).
//! For the fullest cap, the parts have weights `y >= 0` that sum to at most 1: `cost_ib` is the sum of `1000 y_p weight_pi / total_p`
//! over the parts whose cap holds `b`, and `L` begins with `sum_p y_p 1000 base_p / total_p + (1 - sum_p y_p) least`.
//!
//! The prices are duals of the linear program over some columns; what the items would choose at these prices joins the columns,
//! until nothing new is chosen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::bound::Room;
use super::placement::Placement;
use super::prices::{PricedBound, Prices};
use super::rounding::Fractions;
use super::tally::Stop;
use super::types::{Assignment, Limit, Objective, Part, Peak};
use super::validate::NO_GROUP;
use super::worth::Worth;
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::solver::{Limits, MilpSolver, SolverError};

/// Rounds of taking in columns.
const ROUNDS: usize = 20;
/// Columns of each item to begin with.
const FIRST_COLUMNS: usize = 8;
/// Programs in a row that may raise the bound by less than a part of [`SMALLEST_STEP`].
const IDLE_ROUNDS: usize = 3;
const SMALLEST_STEP: f64 = 1e-6;
const SUBGRADIENT_STEPS: usize = 150;

/// The relaxation of one stage.
pub(super) struct Least<'a> {
    pub(super) assignment: &'a Assignment,
    room: &'a Room<'a>,
    pub(super) stage: usize,
    reached: &'a [f64],
    /// Limits that count each item.
    limits_of: Vec<Vec<&'a Limit>>,
    /// The fewest copies of each item.
    fewest: Vec<i64>,
    /// What a copy of each item weighs under each cap (shape: items x caps).
    weights: Vec<Vec<f64>>,
    /// Caps that hold each bin.
    caps_in: Vec<Vec<u32>>,
}

/// What is found for a stage.
#[derive(Default)]
pub(super) struct Answer {
    /// The best bound; always there once [`Least::solve`] has answered.
    pub(super) priced: Option<PricedBound>,
    /// The optimum of the last program.
    pub(super) fractions: Option<Fractions>,
    /// Why there was no further program.
    pub(super) failure: Option<SolverError>,
}

/// What copies of an item count in a stage.
enum Copies<'a> {
    /// The same in all bins.
    Alike(f64),
    /// By class, and the class of each bin.
    ByClass(&'a [i64], &'a [u32]),
}

impl Copies<'_> {
    fn of(&self, bin: u32) -> f64 {
        match self {
            Self::Alike(value) => *value,
            Self::ByClass(values, class_of) => values[class_of[bin as usize] as usize] as f64,
        }
    }
}

/// Bins in the order of their coefficients, then their positions, sorted as far as somebody looks: few are as a rule chosen of many.
struct Ascending {
    /// Coefficient, bin, copies that fit.
    bins: Vec<(f64, u32, i64)>,
    sorted: usize,
}

impl Ascending {
    /// Bins that are sorted first; later on as many as there are.
    const FIRST: usize = 16;

    fn new(bins: Vec<(f64, u32, i64)>) -> Self {
        Self { bins, sorted: 0 }
    }

    fn get(&mut self, at: usize) -> Option<(f64, u32, i64)> {
        while at >= self.sorted && self.sorted < self.bins.len() {
            let order = |left: &(f64, u32, i64), right: &(f64, u32, i64)| {
                left.0.total_cmp(&right.0).then(left.1.cmp(&right.1))
            };
            let rest = &mut self.bins[self.sorted..];
            let next = self.sorted.max(Self::FIRST).min(rest.len());
            if next < rest.len() {
                rest.select_nth_unstable_by(next, order);
            }
            rest[..next].sort_unstable_by(order);
            self.sorted += next;
        }
        self.bins.get(at).copied()
    }
}

/// Where an item's copies are cheapest at some prices.
struct Choice {
    sum: f64,
    bins: Vec<(u32, i64)>,
}

impl<'a> Least<'a> {
    pub(super) fn new(room: &'a Room<'a>, stage: usize, reached: &'a [f64]) -> Self {
        let assignment = room.assignment;
        let mut limits_of = vec![Vec::new(); assignment.items.len()];
        for limit in &assignment.limits {
            for &item in limit.packing.items.iter() {
                limits_of[item as usize].push(limit);
            }
        }
        let mut weights = vec![vec![0.0; assignment.caps.len()]; assignment.items.len()];
        let mut caps_in = vec![Vec::new(); assignment.bins.len()];
        for (position, cap) in assignment.caps.iter().enumerate() {
            for (item, weight) in cap.weighted() {
                weights[item as usize][position] = weight as f64;
            }
            for &bin in cap.bins.iter() {
                caps_in[bin as usize].push(position as u32);
            }
        }
        let items = 0..assignment.items.len() as u32;
        Self {
            assignment,
            weights,
            caps_in,
            room,
            stage,
            reached,
            limits_of,
            fewest: items.map(|item| room.least(item, stage, reached)).collect(),
        }
    }

    /// No prices at all.
    fn free(&self) -> Prices {
        let n_resources = self.assignment.resources.len();
        let n_kinds = self.assignment.n_kinds();
        Prices {
            by_bin: vec![vec![0.0; n_resources + n_kinds]; self.assignment.bins.len()],
            counts: Vec::new(),
            counts_of: vec![Vec::new(); self.assignment.bins.len()],
            kept: vec![0.0; self.stage],
            caps: vec![0.0; self.assignment.caps.len()],
            parts: vec![0.0; self.peak().map_or(0, |peak| peak.parts.len())],
            until: Vec::new(),
        }
    }

    /// The caps to compare, if that is what the stage is about.
    fn peak(&self) -> Option<&'a Peak> {
        match &self.assignment.stages[self.stage].objective {
            Objective::Peak(peak) => Some(peak),
            _ => None,
        }
    }

    /// What caps add to the coefficient of a copy: their own prices, and the weights of the parts that they are.
    pub(super) fn cap_prices(&self, prices: &Prices) -> Vec<f64> {
        let mut sums = prices.caps.clone();
        if let Some(peak) = self.peak() {
            for (part, weight) in peak.parts.iter().zip(&prices.parts) {
                sums[part.cap as usize] += weight * 1000.0 / part.total as f64;
            }
        }
        sums
    }

    /// What is in the bound whatever is placed where.
    fn constant(&self, prices: &Prices) -> f64 {
        let Some(peak) = self.peak() else {
            return 0.0;
        };
        let parts = peak.parts.iter().zip(&prices.parts);
        let used: f64 = parts.map(|(part, weight)| weight * part.used(0)).sum();
        let rest = 1.0 - prices.parts.iter().sum::<f64>();
        used + rest.max(0.0) * peak.least
    }

    /// The best bound found, by the duals of linear programs where `solver` gives them, else by steps towards the value reached.
    ///
    /// Any failure of the solver is returned beside the bound.
    pub(super) fn solve(
        &self,
        solver: Option<&Arc<dyn MilpSolver>>,
        limits: &Limits,
        incumbent: &Placement,
    ) -> Answer {
        let usable = |solver: &&Arc<dyn MilpSolver>| solver.capabilities().row_duals;
        let mut answer = Answer::default();
        let stop = Stop {
            deadline: limits.time.map(|time| Instant::now() + time),
            cancel: limits.cancel.clone(),
        };
        if let Some(solver) = solver.filter(usable) {
            self.solve_programs(solver, (limits, &stop), incumbent, &mut answer);
        }
        let mut priced = answer.priced.take().unwrap_or_else(|| self.step_up(&stop));
        priced.bound *= self.direction();
        Answer {
            priced: Some(priced),
            ..answer
        }
    }

    /// 1 where the stage is minimized; one that is maximized is minimized below 0.
    fn direction(&self) -> f64 {
        -self.sign(self.stage)
    }

    /// What given prices prove.
    pub(super) fn at(&self, prices: Prices) -> PricedBound {
        PricedBound {
            bound: self.choose(&prices).0,
            prices,
        }
    }

    /// `L` at the given prices, and what each item would choose.
    fn choose(&self, prices: &Prices) -> (f64, Vec<Choice>) {
        let items = 0..self.assignment.items.len() as u32;
        let of_caps = self.cap_prices(prices);
        let choices: Vec<Choice> = (items)
            .map(|item| self.choice(item, prices, &of_caps))
            .collect();
        let of_items: f64 = choices.iter().map(|choice| choice.sum).sum();
        let of_bins: f64 = (self.room.usable.iter().zip(&prices.by_bin))
            .map(|(usable, prices)| dot(prices, usable))
            .sum();
        let of_stages: f64 = (prices.kept.iter().enumerate())
            .map(|(stage, price)| price * self.sign(stage) * self.reached[stage])
            .sum();
        let caps = self.assignment.caps.iter().zip(&prices.caps);
        let held: f64 = caps.map(|(cap, price)| price * cap.max as f64).sum();
        let sum = self.constant(prices) + of_items + of_stages - of_bins - held;
        (sum, choices)
    }

    /// 1 where more is better.
    fn sign(&self, stage: usize) -> f64 {
        match self.assignment.stages[stage].objective.sense() {
            Sense::Maximize => 1.0,
            Sense::Minimize => -1.0,
        }
    }

    /// What copies of the item count in a stage; stages that are not sums over copies are not priced.
    fn copies_of(&self, stage: usize, item: u32) -> Copies<'a> {
        let objective = &self.assignment.stages[stage].objective;
        match (objective, objective.worth()) {
            (Objective::Cost(by_class), _) | (_, Some(Worth::ByClass(by_class))) => {
                match by_class.values_of(item) {
                    Some(values) => Copies::ByClass(values, &by_class.class_of),
                    None => Copies::Alike(0.0),
                }
            }
            // The bin does not matter.
            (_, Some(worth @ Worth::Flat(_))) => Copies::Alike(worth.of(item, 0) as f64),
            _ => Copies::Alike(0.0),
        }
    }

    /// What a copy in the bin counts in a stage.
    fn coefficient(&self, stage: usize, item: u32, bin: u32) -> f64 {
        self.copies_of(stage, item).of(bin)
    }

    /// The coefficient of one copy of the item at the given prices, by bin.
    pub(super) fn reduced<'b>(
        &'b self,
        item: u32,
        prices: &'b Prices,
        of_caps: &'b [f64],
    ) -> impl Fn(u32) -> f64 + 'b {
        let demand = &self.assignment.items[item as usize].demand;
        let weights = &self.weights[item as usize];
        let kept = prices.kept.iter().enumerate();
        let stages: Vec<(f64, Copies<'_>)> = kept
            .filter(|(_, price)| **price > 0.0)
            .map(|(stage, price)| (-price * self.sign(stage), self.copies_of(stage, item)))
            .chain([(self.direction(), self.copies_of(self.stage, item))])
            .collect();
        move |bin| {
            let caps = self.caps_in[bin as usize].iter();
            let of_caps: f64 = caps
                .map(|&cap| of_caps[cap as usize] * weights[cap as usize])
                .sum();
            let of_stages: f64 = stages.iter().map(|(sign, it)| sign * it.of(bin)).sum();
            of_caps + dot(&prices.by_bin[bin as usize], demand) + of_stages
        }
    }

    fn choice(&self, item: u32, prices: &Prices, of_caps: &[f64]) -> Choice {
        let shape = &self.room.shapes[self.room.shape_of[item as usize]];
        let reduced = self.reduced(item, prices, of_caps);
        let bins = shape.copies.iter();
        let mut bins = Ascending::new(
            bins.map(|&(bin, copies)| (reduced(bin), bin, copies))
                .collect(),
        );
        let mut best = self.cheapest(item, &mut bins, None);
        for limit in &self.limits_of[item as usize] {
            let choice = self.cheapest(item, &mut bins, Some(limit));
            if choice.sum > best.sum {
                best = choice;
            }
        }
        best
    }

    /// The cheapest way to place the item, from bins in the order of their coefficients.
    fn cheapest(&self, item: u32, bins: &mut Ascending, limit: Option<&Limit>) -> Choice {
        let mut rooms: Vec<i64> = limit.map_or_else(Vec::new, |limit| {
            (0..limit.packing.base.len())
                .map(|group| limit.room(group))
                .collect()
        });
        let (most, fewest) = (self.room.most[item as usize], self.fewest[item as usize]);
        let mut choice = Choice {
            sum: 0.0,
            bins: Vec::new(),
        };
        let mut placed = 0;
        for at in 0.. {
            let Some((coefficient, bin, copies)) = bins.get(at) else {
                break;
            };
            let wanted = if coefficient < 0.0 { most } else { fewest };
            let mut here = copies.min(wanted - placed);
            if let Some(limit) = limit {
                let group = limit.packing.group_of[bin as usize];
                if group != NO_GROUP
                    && let Some(room) = rooms.get_mut(group as usize)
                {
                    here = here.min(*room);
                    *room -= here.max(0);
                }
            }
            if wanted <= placed {
                break;
            }
            if here > 0 {
                placed += here;
                choice.sum += coefficient * here as f64;
                choice.bins.push((bin, here));
            }
        }
        choice
    }

    fn solve_programs(
        &self,
        solver: &Arc<dyn MilpSolver>,
        (limits, stop): (&Limits, &Stop),
        incumbent: &Placement,
        answer: &mut Answer,
    ) {
        let mut columns = self.first_columns(incumbent);
        answer.priced = self.fluid();
        let mut idle = 0;
        for _ in 0..ROUNDS {
            if stop.reason().is_some() {
                break;
            }
            let left = |end: Instant| end.saturating_duration_since(Instant::now());
            let limits = Limits {
                time: stop.deadline.map(left),
                ..limits.clone()
            };
            let program = Program::new(self, &columns);
            let outcome = match solve_guarded(solver, &Arc::new(program.milp.clone()), &limits) {
                Ok(outcome) => outcome,
                Err(error) => {
                    answer.failure = Some(error);
                    return;
                }
            };
            let Some(duals) = outcome.row_duals else {
                break;
            };
            let prices = program.prices(self, &duals);
            let (bound, choices) = self.choose(&prices);
            answer.fractions = outcome.solution.map(|solution| Fractions {
                of_item: fractions(&columns, &solution),
                prices: prices.clone(),
            });
            // Prices jump while columns are few: halfway to the best ones known is often better than either.
            let halfway = answer
                .priced
                .as_ref()
                .map(|best| best.prices.between(&prices));
            let mut is_new = false;
            let mut choices = vec![choices];
            let mut bounds = vec![PricedBound { bound, prices }];
            if let Some(prices) = halfway {
                let (bound, chosen) = self.choose(&prices);
                choices.push(chosen);
                bounds.push(PricedBound { bound, prices });
            }
            let known = answer.priced.as_ref().map(|best| best.bound);
            for priced in bounds {
                if (answer.priced.as_ref()).is_none_or(|best| priced.bound > best.bound) {
                    answer.priced = Some(priced);
                }
            }
            let now = answer.priced.as_ref().map(|best| best.bound);
            let is_better = match (known, now) {
                (Some(known), Some(now)) => now > known + SMALLEST_STEP * now.abs().max(1.0),
                _ => true,
            };
            idle = if is_better { 0 } else { idle + 1 };
            let choices = choices.into_iter().flatten();
            let items = (0..columns.len()).cycle();
            for (item, choice) in items.zip(choices) {
                let columns = &mut columns[item];
                for (bin, _) in choice.bins {
                    is_new |= columns.insert(bin);
                }
            }
            if !is_new || idle == IDLE_ROUNDS {
                break;
            }
        }
    }

    /// How full the fullest cap is if all are equally full, for the best of the resources that caps are of (caps under which items
    /// weigh the same).
    fn fluid(&self) -> Option<PricedBound> {
        let parts = &self.peak()?.parts;
        let weights = |part: &Part| &self.assignment.caps[part.cap as usize].weights;
        let mut kinds: Vec<&Part> = Vec::new();
        for part in parts {
            if !kinds.iter().any(|kind| weights(kind) == weights(part)) {
                kinds.push(part);
            }
        }
        let of_kind = |kind: &&Part| {
            let mut prices = self.free();
            let alike = |part: &Part| weights(part) == weights(kind);
            let all = parts.iter().filter(|part| alike(part));
            let total: f64 = all.map(|part| part.total as f64).sum();
            for (price, part) in prices.parts.iter_mut().zip(parts) {
                *price = if alike(part) {
                    part.total as f64 / total
                } else {
                    0.0
                };
            }
            let (bound, _) = self.choose(&prices);
            PricedBound { bound, prices }
        };
        let bounds = kinds.iter().map(of_kind);
        bounds.max_by(|left, right| left.bound.total_cmp(&right.bound))
    }

    /// How much of all there is a copy of the item takes, in the row where that is most.
    pub(super) fn size(&self, item: u32) -> i64 {
        let caps = self.weights[item as usize]
            .iter()
            .zip(&self.assignment.caps);
        let caps = caps.map(|(weight, cap)| (1e6 * weight / cap.max.max(1) as f64) as i64);
        let demand = self.assignment.items[item as usize].demand.iter();
        let all = |resource: usize| -> i64 {
            let bins = self.assignment.bins.iter();
            bins.map(|bin| bin.capacity[resource])
                .fold(1, i64::saturating_add)
        };
        let demand = demand
            .enumerate()
            .map(|(at, need)| (1e6 * *need as f64 / all(at) as f64) as i64);
        caps.chain(demand).max().unwrap_or(0)
    }

    /// The incumbent, and the cheapest bins of each item.
    fn first_columns(&self, incumbent: &Placement) -> Vec<BTreeSet<u32>> {
        // Where copies cost the same everywhere, what they cost before has to be kept.
        let stages = self.assignment.stages[..=self.stage].iter().enumerate();
        let of_cost = stages.rev().find(|(at, stage)| {
            *at == self.stage && self.peak().is_none()
                || matches!(stage.objective, Objective::Cost(_))
        });
        let stage = of_cost.map_or(self.stage, |(stage, _)| stage);
        let direction = -self.sign(stage);
        let cost_of = |item: u32, bin: u32| direction * self.coefficient(stage, item, bin);
        let of_item = |item: u32| -> BTreeSet<u32> {
            let shape = &self.room.shapes[self.room.shape_of[item as usize]];
            let mut bins: Vec<(f64, u32)> = (shape.copies.iter())
                .map(|&(bin, _)| (cost_of(item, bin), bin))
                .collect();
            bins.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            let cheapest = bins.iter().take(FIRST_COLUMNS).map(|&(_, bin)| bin);
            let there = incumbent.of_item(item).iter().map(|entry| entry.1);
            cheapest.chain(there).collect()
        };
        (0..self.assignment.items.len() as u32)
            .map(of_item)
            .collect()
    }

    /// Subgradient steps with the step length of Polyak, at least one; the best prices seen.
    fn step_up(&self, stop: &Stop) -> PricedBound {
        let mut prices = self.free();
        let target = self.direction() * self.reached.get(self.stage).copied().unwrap_or(0.0);
        let mut best: Option<PricedBound> = None;
        let mut factor = 1.0;
        for _ in 0..SUBGRADIENT_STEPS {
            let (bound, choices) = self.choose(&prices);
            if best.as_ref().is_none_or(|best| bound > best.bound) {
                best = Some(PricedBound {
                    bound,
                    prices: prices.clone(),
                });
            } else {
                factor *= 0.95;
            }
            // In units of what is priced, so that all rows count alike.
            let mut steps = self.free();
            for (bin, step) in self.assignment.bins.iter().zip(&mut steps.by_bin) {
                step[..bin.capacity.len()].fill(-1.0);
            }
            for (cap, step) in self.assignment.caps.iter().zip(&mut steps.caps) {
                *step = if cap.max > 0 { -1.0 } else { 0.0 };
            }
            steps.kept = (0..self.stage).map(|stage| self.sign(stage)).collect();
            for (item, choice) in (0_u32..).zip(&choices) {
                for &(bin, copies) in &choice.bins {
                    self.add_use(item, bin, copies as f64, &mut steps);
                }
            }
            let all = steps.by_bin.iter().flatten();
            let all = all.chain(&steps.kept).chain(&steps.caps);
            let length: f64 = all.map(|step| step * step).sum();
            if length <= 1e-12 || bound >= target || stop.reason().is_some() {
                break;
            }
            let stride = factor * (target - bound) / length;
            for (position, bin) in self.assignment.bins.iter().enumerate() {
                let steps = prices.by_bin[position]
                    .iter_mut()
                    .zip(&steps.by_bin[position]);
                for ((price, step), &capacity) in steps.zip(&bin.capacity) {
                    *price = (*price + stride * step / capacity.max(1) as f64).max(0.0);
                }
            }
            let caps = prices.caps.iter_mut().zip(&steps.caps);
            for ((price, step), cap) in caps.zip(&self.assignment.caps) {
                *price = (*price + stride * step / cap.max.max(1) as f64).max(0.0);
            }
            for (stage, (price, step)) in prices.kept.iter_mut().zip(&steps.kept).enumerate() {
                *price = (*price + stride * step / self.reached[stage].abs().max(1.0)).max(0.0);
            }
        }
        best.unwrap_or_else(|| PricedBound {
            bound: 0.0,
            prices: self.free(),
        })
    }

    /// Adds what copies take of each row, as a part of the row.
    fn add_use(&self, item: u32, bin: u32, copies: f64, steps: &mut Prices) {
        let demand = &self.assignment.items[item as usize].demand;
        let capacity = &self.assignment.bins[bin as usize].capacity;
        for ((step, &demand), &capacity) in (steps.by_bin[bin as usize].iter_mut())
            .zip(demand)
            .zip(capacity)
        {
            *step += demand as f64 * copies / capacity.max(1) as f64;
        }
        for &cap in &self.caps_in[bin as usize] {
            let max = self.assignment.caps[cap as usize].max.max(1) as f64;
            steps.caps[cap as usize] += self.weights[item as usize][cap as usize] * copies / max;
        }
        for (stage, step) in steps.kept.iter_mut().enumerate() {
            let part = self.coefficient(stage, item, bin) * copies;
            *step -= self.sign(stage) * part / self.reached[stage].abs().max(1.0);
        }
    }
}

/// Copies by item and bin, from a program whose first columns are these.
fn fractions(columns: &[BTreeSet<u32>], solution: &[f64]) -> Vec<Vec<(u32, f64)>> {
    let mut values = solution.iter();
    let of_item = columns.iter().map(|bins| {
        let own = bins.iter().zip(values.by_ref());
        own.map(|(&bin, &copies)| (bin, copies)).collect()
    });
    of_item.collect()
}

/// The linear program over some columns, as one to be maximized, whose rows all have upper limits.
struct Program {
    milp: Milp,
    /// What each row prices.
    rows: Vec<Row>,
}

enum Row {
    Capacity(u32, usize),
    Kept(usize),
    Cap(usize),
    /// Position in the parts of the peak.
    Part(usize),
    Other,
}

impl Program {
    fn new(least: &Least<'_>, columns: &[BTreeSet<u32>]) -> Self {
        let mut program = Self {
            milp: Milp::new("least", Sense::Maximize),
            rows: Vec::new(),
        };
        let mut of_item: Vec<Vec<(u32, usize)>> = Vec::new();
        let mut of_bin: Vec<Vec<(u32, usize)>> = vec![Vec::new(); least.assignment.bins.len()];
        for (item, bins) in (0_u32..).zip(columns) {
            let mut of = Vec::new();
            for &bin in bins {
                let cost = least.direction() * least.coefficient(least.stage, item, bin);
                let name = format!("x[{item},{bin}]");
                let most = least.assignment.copies_that_fit(item, bin) as f64;
                let kind = ColumnKind::Continuous;
                let column = program.milp.add_column(name, 0.0, most, kind, -cost);
                of.push((bin, column));
                of_bin[bin as usize].push((item, column));
            }
            of_item.push(of);
        }
        program.add_counts(least, &of_item);
        program.add_capacities(least, &of_bin);
        program.add_limits(least, &of_item);
        program.add_caps(least, &of_bin);
        for stage in 0..least.stage {
            program.add_kept(least, stage, &of_item);
        }
        program
    }

    fn add(&mut self, name: String, upper: f64, terms: Vec<(usize, f64)>, row: Row) {
        self.milp.add_row(name, f64::NEG_INFINITY, upper, terms);
        self.rows.push(row);
    }

    fn add_counts(&mut self, least: &Least<'_>, of_item: &[Vec<(u32, usize)>]) {
        for (item, columns) in of_item.iter().enumerate() {
            let sum = |sign: f64| columns.iter().map(|&(_, column)| (column, sign)).collect();
            let most = least.room.most[item] as f64;
            self.add(format!("once[{item}]"), most, sum(1.0), Row::Other);
            let fewest = least.fewest[item] as f64;
            if fewest > 0.0 {
                self.add(format!("fewest[{item}]"), -fewest, sum(-1.0), Row::Other);
            }
        }
    }

    fn add_capacities(&mut self, least: &Least<'_>, of_bin: &[Vec<(u32, usize)>]) {
        for (bin, columns) in (0_u32..).zip(of_bin) {
            let capacity = &least.room.usable[bin as usize];
            for (resource, &capacity) in capacity.iter().enumerate() {
                let demand = |item: u32| least.assignment.items[item as usize].demand[resource];
                let terms: Vec<(usize, f64)> = (columns.iter())
                    .map(|&(item, column)| (column, demand(item) as f64))
                    .filter(|term| term.1 > 0.0)
                    .collect();
                if !terms.is_empty() {
                    let name = format!("capacity[{bin},{resource}]");
                    self.add(name, capacity as f64, terms, Row::Capacity(bin, resource));
                }
            }
        }
    }

    fn add_limits(&mut self, least: &Least<'_>, of_item: &[Vec<(u32, usize)>]) {
        for limit in &least.assignment.limits {
            let mut groups = vec![Vec::new(); limit.packing.base.len()];
            for &item in limit.packing.items.iter() {
                for &(bin, column) in &of_item[item as usize] {
                    let group = limit.packing.group_of[bin as usize];
                    if group != NO_GROUP {
                        groups[group as usize].push((column, 1.0));
                    }
                }
            }
            for (group, terms) in groups.into_iter().enumerate() {
                if !terms.is_empty() {
                    let name = limit.row_name(group);
                    self.add(name, limit.room(group) as f64, terms, Row::Other);
                }
            }
        }
    }

    /// Rows of caps; and, where the fullest is looked for, its column and a row for each part.
    fn add_caps(&mut self, least: &Least<'_>, of_bin: &[Vec<(u32, usize)>]) {
        let mut of_cap: Vec<Vec<(usize, f64)>> = Vec::new();
        for (position, cap) in least.assignment.caps.iter().enumerate() {
            let columns = cap.bins.iter().flat_map(|&bin| &of_bin[bin as usize]);
            let weight =
                |&(item, column): &(u32, usize)| (column, least.weights[item as usize][position]);
            let terms: Vec<_> = columns.map(weight).filter(|term| term.1 > 0.0).collect();
            if !terms.is_empty() {
                let max = cap.max as f64;
                self.add(cap.name.clone(), max, terms.clone(), Row::Cap(position));
            }
            of_cap.push(terms);
        }
        let Some(peak) = least.peak() else {
            return;
        };
        let kind = ColumnKind::Continuous;
        let name = "peak".to_owned();
        let column = (self.milp).add_column(name, peak.least, f64::INFINITY, kind, -1.0);
        for (position, part) in peak.parts.iter().enumerate() {
            let scale = 1000.0 / part.total as f64;
            let terms = of_cap[part.cap as usize].iter();
            let mut terms: Vec<_> = terms.map(|&(at, weight)| (at, weight * scale)).collect();
            terms.push((column, -1.0));
            let name = format!("part[{position}]");
            self.add(name, -part.used(0), terms, Row::Part(position));
        }
    }

    fn add_kept(&mut self, least: &Least<'_>, stage: usize, of_item: &[Vec<(u32, usize)>]) {
        let sign = least.sign(stage);
        let mut terms = Vec::new();
        for (item, columns) in (0_u32..).zip(of_item) {
            for &(bin, column) in columns {
                let coefficient = least.coefficient(stage, item, bin);
                if coefficient > 0.0 {
                    terms.push((column, -sign * coefficient));
                }
            }
        }
        if !terms.is_empty() {
            let name = format!("kept[{}]", least.assignment.stages[stage].name);
            let upper = -sign * least.reached[stage];
            self.add(name, upper, terms, Row::Kept(stage));
        }
    }

    fn prices(&self, least: &Least<'_>, duals: &[f64]) -> Prices {
        let mut prices = least.free();
        for (row, &dual) in self.rows.iter().zip(duals) {
            let dual = if dual.is_finite() { dual.max(0.0) } else { 0.0 };
            match *row {
                Row::Capacity(bin, resource) => prices.by_bin[bin as usize][resource] = dual,
                Row::Kept(stage) => prices.kept[stage] = dual,
                Row::Cap(cap) => prices.caps[cap] = dual,
                Row::Part(part) => prices.parts[part] = dual,
                Row::Other => {}
            }
        }
        let sum: f64 = prices.parts.iter().sum();
        if sum > 1.0 {
            prices.parts.iter_mut().for_each(|weight| *weight /= sum);
        }
        prices
    }
}

fn dot(prices: &[f64], amounts: &[i64]) -> f64 {
    let terms = prices.iter().zip(amounts);
    terms.map(|(price, &amount)| price * amount as f64).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Ascending;

    proptest! {
        #[test]
        fn bins_come_as_if_all_were_sorted(
            coefficients in prop::collection::vec(-3..3_i32, 0..80),
            looks in prop::collection::vec(0..90_usize, 1..20),
        ) {
            let bins = (0..coefficients.len()).rev();
            let bins: Vec<_> = bins.map(|bin| (f64::from(coefficients[bin]), bin as u32, 1)).collect();
            let mut all = bins.clone();
            all.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            let mut ascending = Ascending::new(bins);
            for at in looks {
                prop_assert_eq!(ascending.get(at), all.get(at).copied());
            }
        }
    }
}
