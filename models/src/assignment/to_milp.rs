//! The exact integer program of a stage.
//!
//! # Model
//! Columns, in this order: `x[i,b]` for every item and eligible bin with room; then, where they are needed, the auxiliary columns
//! `gang[name]` (binary), `least[name]` (a balance's smallest count), `takes[i,b,k,d]` (copies of an item that take a part of a device),
//! `total[name]` and `worth[name]` (a curve's value placed, and what that is worth), `lost[name]` and `short[name]` (a survival's
//! largest group and what is missing), `worst[name]` (a loss's largest group),
//! `peak[stage]` (how full the fullest cap is, not whole), and, all
//! binary, `opened[b]`, `used[name,g]` and `filled[b,n]` (the bin holds its n-th set of copies); for flows `level[end,d,g,k]` (binary: the
//! end has so many copies in group `g` of division `d`) and `pairs[from,to,d,g,k]` (copies of the one end beside the k-th of the other).
//! Rows: those of the [module](crate::assignment); `takes[i,b,k]` and `takes[i,b,k,d]` (`sum_d takes = count x x`, `takes <= x`);
//! `lost[name,g]`, `worst[name,g]`, `peak[cap]`, `short[name]`, `opened[i,b]`, `used[name,g,i,b]`, `used[name,g,all]`, `filled[b]` and `filled[i,b]`
//! `level[end,d,g]` (`sum_k level = copies`), `pairs[from,to,d,g,k]` (at most the copies of the one end) and `pairs[from,to,d,g,k,level]`
//! (none beside a level that is not reached) that tie the auxiliary columns; and `kept[stage]` for every earlier stage. Rows that cannot bind are left out. Where no two copies
//! can share a device, and each device is large enough for all or none, one row `device[b,k]` stands for those of the devices.
//! A stage about fragmentation is exact where all that each bin may hold can be listed; bins with more add nothing to it, so that its
//! program, and those of later stages, bound the values and do not reach them.
//! The objective is the stage's, times [`StageModel::scale`]: worst shares have tiny coefficients, and whole ones are easier to prove.

mod devices;
mod fragments;
mod spans;
mod traffic;
mod utility;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::placement::Placement;
use super::tally::span;
use super::types::{
    Assignment, Cap, Loss, Objective, Packing, Peak, Stage, Survival, greatest_common_divisor,
};
use super::validate::NO_GROUP;
use crate::milp::{ColumnKind, Milp, Sense};

const FREE: f64 = f64::INFINITY;

/// The integer program of one stage of an assignment, and how placements translate.
#[derive(Clone, Debug)]
pub struct StageModel {
    /// The program; its objective is the stage's value times `scale`.
    pub milp: Arc<Milp>,
    /// What the stage's value is multiplied by; positive.
    pub scale: f64,
    /// Whether every solution has a whole scaled objective.
    pub whole: bool,
    /// Item and bin of each of the first columns.
    pub columns: Vec<(u32, u32)>,
    auxiliaries: Vec<Auxiliary>,
    /// Bins and what they may hold, where that is listed.
    fillings: Vec<(u32, Vec<(u32, i64)>)>,
}

/// What a column after the `x` stands for.
#[derive(Clone, Copy, Debug)]
enum Auxiliary {
    Gang(usize),
    Least(usize),
    Lost(usize, usize),
    Short(usize, usize),
    Worst(usize, usize),
    Opened(u32),
    Used(usize, usize, usize),
    /// Position of the stage.
    Peak(usize),
    /// Position in [`StageModel::fillings`].
    Filled(usize),
    Device(DeviceOf),
    /// Stage and curve: the value placed.
    Total(usize, usize),
    /// Stage and curve: what that is worth, as [`utility`] counts it.
    Worth(usize, usize),
    /// The end has more than so many copies in the group that the model places.
    Level(EndAt, i64),
    /// Copies of the first end in the group, if the second has more than so many there.
    Pairs(EndAt, EndAt, i64),
}

/// An end in one group of a division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct EndAt {
    stage: usize,
    end: u32,
    division: usize,
    group: usize,
}

/// A device that copies of an item may take.
#[derive(Clone, Copy, Debug)]
struct DeviceOf {
    item: u32,
    bin: u32,
    kind: u32,
    device: usize,
}

impl Assignment {
    /// How many `x` columns the programs of the stages have.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        (self.items.iter().enumerate())
            .map(|(item, of_item)| {
                let has_room = |&&bin: &&u32| self.copies_that_fit(item as u32, bin) > 0;
                of_item.eligible.iter().filter(has_room).count()
            })
            .sum()
    }

    /// The program of stage `stage`, with `kept[k]` the value that stage `k` must keep, for every earlier stage.
    ///
    /// The assignment must be [valid](Self::validate).
    #[must_use]
    pub fn to_milp(&self, stage: usize, kept: &[f64]) -> StageModel {
        self.to_milp_with(stage, kept, &[])
    }

    /// The same, where the gangs at the given positions may not be absent.
    pub(super) fn to_milp_with(&self, stage: usize, kept: &[f64], forced: &[usize]) -> StageModel {
        let mut builder = Builder::new(self, stage);
        builder.add_placement_columns();
        builder.add_gang_columns(forced);
        builder.add_capacity_rows();
        builder.add_device_rows();
        builder.add_once_rows();
        builder.add_cap_rows();
        builder.add_limit_rows();
        builder.add_gang_rows();
        builder.add_balance_rows();
        for (position, of_stage) in self.stages.iter().enumerate().take(stage + 1) {
            let expression = builder.add_stage(position, of_stage);
            if position == stage {
                builder.set_objective(&expression);
            } else {
                builder.add_kept_row(of_stage, &expression, kept[position]);
            }
        }
        builder.finish()
    }
}

impl StageModel {
    /// The placement of a solution.
    #[must_use]
    pub fn decode(&self, solution: &[f64]) -> Placement {
        let copies = |value: f64| value.round() as i64;
        Placement::new(
            (self.columns.iter().zip(solution))
                .map(|(&(item, bin), &value)| (item, bin, copies(value)))
                .collect(),
        )
    }

    /// The values of all columns for a placement that breaks no rule.
    #[must_use]
    pub fn encode(&self, assignment: &Assignment, placement: &Placement) -> Vec<f64> {
        let copies = |&(item, bin): &(u32, u32)| {
            let entries = placement.of_item(item);
            let found = entries.binary_search_by_key(&bin, |entry| entry.1);
            found.map_or(0, |position| entries[position].2) as f64
        };
        let mut values: Vec<f64> = self.columns.iter().map(copies).collect();
        let taken = self.taken(assignment, placement);
        let mut by_bin: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
        for &(item, bin, copies) in placement.entries() {
            by_bin.entry(bin).or_default().push((item, copies));
        }
        let auxiliary = |&auxiliary: &Auxiliary| match auxiliary {
            Auxiliary::Device(of) => {
                let key = (of.bin, of.item, of.kind, of.device);
                taken.get(&key).copied().unwrap_or(0) as f64
            }
            Auxiliary::Filled(position) => {
                let (bin, counts) = &self.fillings[position];
                let holds = by_bin.get(bin).map_or(&[][..], Vec::as_slice);
                f64::from(u8::from(holds == counts.as_slice()))
            }
            Auxiliary::Worth(stage, curve) => {
                utility::worth(utility::curve(assignment, stage, curve), placement)
            }
            Auxiliary::Peak(stage) => assignment.values(placement)[stage],
            other => auxiliary_value(assignment, placement, other),
        };
        values.extend(self.auxiliaries.iter().map(auxiliary));
        values
    }

    /// How many copies of an item take a device, by bin, item, kind and device, for the bins with columns for devices.
    fn taken(&self, assignment: &Assignment, placement: &Placement) -> BTreeMap<Taken, i64> {
        let bins = self
            .auxiliaries
            .iter()
            .filter_map(|auxiliary| match auxiliary {
                Auxiliary::Device(of) => Some((of.bin, Vec::new())),
                _ => None,
            });
        let mut counts: BTreeMap<u32, Vec<(u32, i64)>> = bins.collect();
        for &(item, bin, copies) in placement.entries() {
            if let Some(counts) = counts.get_mut(&bin) {
                counts.push((item, copies));
            }
        }
        let mut taken = BTreeMap::new();
        for (bin, counts) in counts {
            for packed in assignment.pack(bin, &counts).unwrap_or_default() {
                let needs = &assignment.items[packed.item as usize].devices;
                for (need, devices) in needs.iter().zip(packed.devices) {
                    for device in devices {
                        let key = (bin, packed.item, need.kind, device);
                        *taken.entry(key).or_insert(0) += 1;
                    }
                }
            }
        }
        taken
    }

    /// A bound on the stage's value from a bound on the program's objective, rounded where every solution is whole.
    #[must_use]
    pub fn stage_bound(&self, dual_bound: f64) -> f64 {
        const ROUNDING: f64 = 1e-6;
        let slack = ROUNDING * dual_bound.abs().max(1.0);
        let bound = match (self.whole, self.milp.sense) {
            (false, _) => dual_bound,
            (true, Sense::Minimize) => (dual_bound - slack).ceil(),
            (true, Sense::Maximize) => (dual_bound + slack).floor(),
        };
        bound / self.scale
    }
}

/// Bin, item, kind and device.
type Taken = (u32, u32, u32, usize);

fn auxiliary_value(assignment: &Assignment, placement: &Placement, auxiliary: Auxiliary) -> f64 {
    let most = |packing: &Packing| packing.counts(placement).into_iter().max().unwrap_or(0);
    let whole = match auxiliary {
        Auxiliary::Gang(gang) => {
            let items = &assignment.gangs[gang].items;
            i64::from(items.iter().any(|&item| placement.copies_of(item) > 0))
        }
        Auxiliary::Least(balance) => {
            let counts = assignment.balances[balance].packing.counts(placement);
            counts.into_iter().min().unwrap_or(0)
        }
        Auxiliary::Lost(stage, term) => most(&survival(assignment, stage, term).packing),
        Auxiliary::Short(stage, term) => survival(assignment, stage, term).short(placement),
        Auxiliary::Worst(stage, term) => most(&loss(assignment, stage, term).packing),
        Auxiliary::Opened(bin) => i64::from(placement.entries().iter().any(|entry| entry.1 == bin)),
        Auxiliary::Used(stage, term, group) => {
            let counts = span(assignment, stage, term).packing.counts(placement);
            i64::from(counts[group] > 0)
        }
        Auxiliary::Total(stage, curve) => utility::curve(assignment, stage, curve).total(placement),
        Auxiliary::Level(end, level) => i64::from(end.placed(assignment, placement) > level),
        Auxiliary::Pairs(counted, beside, level) => {
            if beside.placed(assignment, placement) > level {
                counted.placed(assignment, placement)
            } else {
                0
            }
        }
        Auxiliary::Device(_) | Auxiliary::Filled(_) | Auxiliary::Worth(..) | Auxiliary::Peak(_) => {
            unreachable!(
                "what a bin holds is found for the whole bin, and what is worth how much is no whole number"
            )
        }
    };
    whole as f64
}

fn survival(assignment: &Assignment, stage: usize, term: usize) -> &Survival {
    match &assignment.stages[stage].objective {
        Objective::Shortfall(terms) => &terms[term],
        _ => unreachable!("only shortfall stages have columns for survivals"),
    }
}

fn loss(assignment: &Assignment, stage: usize, term: usize) -> &Loss {
    match &assignment.stages[stage].objective {
        Objective::WorstShare(terms) => &terms[term],
        _ => unreachable!("only worst-share stages have columns for losses"),
    }
}

/// A stage's value as a sum over columns.
struct Expression {
    constant: f64,
    terms: Vec<(usize, f64)>,
    /// Makes every coefficient and the constant whole, or at least not tiny.
    scale: f64,
    whole: bool,
}

struct Builder<'a> {
    assignment: &'a Assignment,
    milp: Milp,
    scale: f64,
    whole: bool,
    columns: Vec<(u32, u32)>,
    auxiliaries: Vec<Auxiliary>,
    /// First column of each item; columns of an item are in bin order.
    first: Vec<usize>,
    gang_column: Vec<Option<usize>>,
    /// Position of the gang of each item.
    gang_of: Vec<Option<usize>>,
    /// Columns of each bin.
    of_bin: Vec<Vec<usize>>,
    /// Capacity rows of each bin.
    capacity_rows: Vec<Vec<usize>>,
    fillings: Vec<(u32, Vec<(u32, i64)>)>,
    /// The columns of the fillings of each bin, once they are listed.
    filled: BTreeMap<u32, Vec<usize>>,
    /// What alike bins may hold.
    listed: BTreeMap<fragments::Holds, Option<Rc<Vec<fragments::Counts>>>>,
    /// How many sets of copies were tried for that.
    tries: usize,
    /// The columns of the levels of each end in a group, once there are any.
    levels: BTreeMap<EndAt, Vec<usize>>,
    /// The columns of pairs, once there are any: flows between the same two ends share them.
    pairs: BTreeMap<(EndAt, EndAt, i64), usize>,
}

impl<'a> Builder<'a> {
    fn new(assignment: &'a Assignment, stage: usize) -> Self {
        let of_stage = &assignment.stages[stage];
        let mut gang_of = vec![None; assignment.items.len()];
        for (position, gang) in assignment.gangs.iter().enumerate() {
            for &item in &gang.items {
                gang_of[item as usize] = Some(position);
            }
        }
        Self {
            assignment,
            milp: Milp::new(of_stage.name.clone(), of_stage.objective.sense()),
            scale: 1.0,
            whole: false,
            columns: Vec::new(),
            auxiliaries: Vec::new(),
            first: Vec::new(),
            gang_column: vec![None; assignment.gangs.len()],
            gang_of,
            of_bin: vec![Vec::new(); assignment.bins.len()],
            capacity_rows: vec![Vec::new(); assignment.bins.len()],
            fillings: Vec::new(),
            filled: BTreeMap::new(),
            listed: BTreeMap::new(),
            tries: 0,
            levels: BTreeMap::new(),
            pairs: BTreeMap::new(),
        }
    }

    fn finish(self) -> StageModel {
        StageModel {
            milp: Arc::new(self.milp),
            scale: self.scale,
            whole: self.whole,
            columns: self.columns,
            auxiliaries: self.auxiliaries,
            fillings: self.fillings,
        }
    }

    fn add_placement_columns(&mut self) {
        for (position, item) in self.assignment.items.iter().enumerate() {
            self.first.push(self.columns.len());
            for &bin in item.eligible.iter() {
                let fits = self.assignment.copies_that_fit(position as u32, bin);
                if fits > 0 {
                    let name = format!("x[{},{}]", item.name, self.bin_name(bin));
                    self.of_bin[bin as usize].push(self.columns.len());
                    self.columns.push((position as u32, bin));
                    let kind = ColumnKind::Integer;
                    self.milp.add_column(name, 0.0, fits as f64, kind, 0.0);
                }
            }
        }
        self.first.push(self.columns.len());
    }

    fn bin_name(&self, bin: u32) -> &'a str {
        &self.assignment.bins[bin as usize].name
    }

    fn add_auxiliary(
        &mut self,
        name: String,
        auxiliary: Auxiliary,
        lower: f64,
        upper: f64,
    ) -> usize {
        self.auxiliaries.push(auxiliary);
        let kind = ColumnKind::Integer;
        self.milp.add_column(name, lower, upper, kind, 0.0)
    }

    fn columns_of(&self, item: u32) -> std::ops::Range<usize> {
        self.first[item as usize]..self.first[item as usize + 1]
    }

    fn upper(&self, column: usize) -> f64 {
        self.milp.columns[column].upper
    }

    /// The largest value that the columns can have together, by their own bounds and their items' counts.
    fn largest_sum(&self, columns: &[usize]) -> f64 {
        let mut sum = 0.0;
        let mut rest = columns;
        while let Some(&column) = rest.first() {
            let item = self.columns[column].0;
            let length = rest.partition_point(|&other| self.columns[other].0 == item);
            let of_item: f64 = rest[..length]
                .iter()
                .map(|&column| self.upper(column))
                .sum();
            sum += of_item.min(self.assignment.items[item as usize].count as f64);
            rest = &rest[length..];
        }
        sum
    }

    /// `sum of columns <= limit`, unless it cannot bind.
    fn add_sum_row(&mut self, name: String, columns: &[usize], limit: f64) {
        if self.largest_sum(columns) > limit {
            let terms = columns.iter().map(|&column| (column, 1.0));
            self.milp.add_row(name, -FREE, limit, terms);
        }
    }

    /// Columns of the items, in bins of the group, for every group of the packing.
    fn columns_by_group(&self, packing: &Packing) -> Vec<Vec<usize>> {
        let mut columns = vec![Vec::new(); packing.base.len()];
        for &item in packing.items.iter() {
            for column in self.columns_of(item) {
                let group = packing.group_of[self.columns[column].1 as usize];
                if group != NO_GROUP {
                    columns[group as usize].push(column);
                }
            }
        }
        columns
    }

    fn add_gang_columns(&mut self, forced: &[usize]) {
        for (position, gang) in self.assignment.gangs.iter().enumerate() {
            let forced = forced.contains(&position);
            if gang.least() > 1 || forced {
                let name = format!("gang[{}]", gang.name);
                let lower = if forced { 1.0 } else { 0.0 };
                let column = self.add_auxiliary(name, Auxiliary::Gang(position), lower, 1.0);
                self.gang_column[position] = Some(column);
            }
        }
    }

    fn add_capacity_rows(&mut self) {
        for (position, bin) in self.assignment.bins.iter().enumerate() {
            for (resource, &capacity) in bin.capacity.iter().enumerate() {
                let demand = |&column: &usize| {
                    let item = self.columns[column].0 as usize;
                    self.assignment.items[item].demand[resource] as f64
                };
                let columns = &self.of_bin[position];
                let most: f64 = (columns.iter())
                    .map(|column| demand(column) * self.upper(*column))
                    .sum();
                if most > capacity as f64 {
                    let terms: Vec<_> = columns
                        .iter()
                        .map(|column| (*column, demand(column)))
                        .collect();
                    let name = format!(
                        "capacity[{},{}]",
                        bin.name, self.assignment.resources[resource]
                    );
                    let row = self.milp.add_row(name, -FREE, capacity as f64, terms);
                    self.capacity_rows[position].push(row);
                }
            }
        }
    }

    fn add_once_rows(&mut self) {
        for (position, item) in self.assignment.items.iter().enumerate() {
            let columns: Vec<usize> = self.columns_of(position as u32).collect();
            let name = format!("once[{}]", item.name);
            let gang = self.gang_of[position].and_then(|gang| self.gang_column[gang]);
            if let Some(gang) = gang {
                let mut terms: Vec<_> = columns.iter().map(|&column| (column, 1.0)).collect();
                terms.push((gang, -(item.count as f64)));
                self.milp.add_row(name, -FREE, 0.0, terms);
            } else {
                let most: f64 = columns.iter().map(|&column| self.upper(column)).sum();
                if most > item.count as f64 {
                    let terms = columns.iter().map(|&column| (column, 1.0));
                    self.milp.add_row(name, -FREE, item.count as f64, terms);
                }
            }
        }
    }

    fn add_cap_rows(&mut self) {
        for cap in &self.assignment.caps {
            let terms = self.under(cap);
            let most: f64 = (terms.iter())
                .map(|&(column, weight)| weight * self.upper(column))
                .sum();
            let columns: Vec<usize> = terms.iter().map(|term| term.0).collect();
            if cap.weights.is_empty() {
                self.add_sum_row(cap.name.clone(), &columns, cap.max as f64);
            } else if most > cap.max as f64 {
                self.milp
                    .add_row(cap.name.clone(), -FREE, cap.max as f64, terms);
            }
        }
    }

    /// The columns that a cap counts, with their weights.
    fn under(&self, cap: &Cap) -> Vec<(usize, f64)> {
        let columns = |(item, weight): (u32, i64)| {
            self.columns_of(item)
                .map(move |column| (column, weight as f64))
        };
        let counts = |&(column, weight): &(usize, f64)| {
            let bin = self.columns[column].1;
            weight > 0.0 && cap.bins.binary_search(&bin).is_ok()
        };
        cap.weighted().flat_map(columns).filter(counts).collect()
    }

    fn add_limit_rows(&mut self) {
        for limit in &self.assignment.limits {
            let by_group = self.columns_by_group(&limit.packing);
            for (group, columns) in by_group.iter().enumerate() {
                self.add_sum_row(limit.row_name(group), columns, limit.room(group) as f64);
            }
        }
    }

    fn add_gang_rows(&mut self) {
        for (position, gang) in self.assignment.gangs.iter().enumerate() {
            if let Some(column) = self.gang_column[position] {
                let mut terms: Vec<_> = (gang.items.iter())
                    .flat_map(|&item| self.columns_of(item))
                    .map(|column| (column, 1.0))
                    .collect();
                terms.push((column, -(gang.least() as f64)));
                self.milp.add_row(gang.name.clone(), 0.0, FREE, terms);
            }
        }
    }

    fn add_balance_rows(&mut self) {
        for (position, balance) in self.assignment.balances.iter().enumerate() {
            let by_group = self.columns_by_group(&balance.packing);
            let base = &balance.packing.base;
            let smallest = base.iter().copied().min().unwrap_or(0) as f64;
            let tops = by_group.iter().zip(base);
            let largest = (tops.map(|(columns, &base)| base as f64 + self.largest_sum(columns)))
                .fold(0.0, f64::max);
            if largest - smallest <= balance.max_skew as f64 || base.len() < 2 {
                continue;
            }
            let name = format!("least[{}]", balance.name);
            let least = self.add_auxiliary(name, Auxiliary::Least(position), smallest, largest);
            for (group, (columns, &base)) in by_group.iter().zip(base).enumerate() {
                let mut terms: Vec<_> = columns.iter().map(|&column| (column, 1.0)).collect();
                terms.push((least, -1.0));
                let name = format!("{}[{group}]", balance.name);
                let (lower, upper) = (-(base as f64), (balance.max_skew - base) as f64);
                self.milp.add_row(name, lower, upper, terms);
            }
        }
    }

    fn add_stage(&mut self, position: usize, stage: &'a Stage) -> Expression {
        let mut expression = match &stage.objective {
            Objective::Value(terms) => Expression::whole(
                (terms.iter())
                    .flat_map(|term| {
                        (self.columns_of(term.item)).map(|column| (column, term.value as f64))
                    })
                    .collect(),
            ),
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                let value = |column: usize| {
                    let (item, bin) = self.columns[column];
                    (column, by_class.of(item, bin) as f64)
                };
                let columns = by_class
                    .rates
                    .iter()
                    .flat_map(|rate| self.columns_of(rate.item));
                Expression::whole(columns.map(value).collect())
            }
            Objective::Utility(curves) => self.add_utility(position, curves),
            Objective::Shortfall(terms) => {
                let shorts = (terms.iter().enumerate())
                    .map(|(term, survival)| (self.add_survival(position, term, survival), 1.0));
                Expression::whole(shorts.collect())
            }
            Objective::WorstShare(terms) => {
                let weights = (terms.iter().enumerate())
                    .map(|(term, loss)| (self.add_loss(position, term, loss), loss.share_of(1)));
                let weights = weights.collect();
                let (scale, whole) = whole_scale(terms);
                Expression {
                    constant: 0.0,
                    terms: weights,
                    scale,
                    whole,
                }
            }
            Objective::Span(terms) => {
                let mut expression = Expression::whole(Vec::new());
                for (term, span) in terms.iter().enumerate() {
                    self.add_span(position, term, span, &mut expression);
                }
                expression
            }
            Objective::Traffic(traffic) => self.add_traffic(position, traffic),
            Objective::Fragmentation(probes) => self.add_fragmentation(probes),
            Objective::Opened(costs) => Expression::whole(self.add_opened(costs)),
            Objective::Peak(peak) => Expression {
                constant: 0.0,
                terms: vec![(self.add_peak(position, peak), 1.0)],
                scale: 1.0,
                whole: false,
            },
        };
        expression
            .terms
            .retain(|&(_, coefficient)| coefficient != 0.0);
        expression
    }

    /// A column that is at least the used part of every cap; it need not be whole.
    fn add_peak(&mut self, stage: usize, peak: &Peak) -> usize {
        let name = format!("peak[{}]", self.assignment.stages[stage].name);
        self.auxiliaries.push(Auxiliary::Peak(stage));
        let kind = ColumnKind::Continuous;
        let column = (self.milp).add_column(name, peak.least, 1e12, kind, 0.0);
        for part in &peak.parts {
            let cap = &self.assignment.caps[part.cap as usize];
            let mut terms = self.under(cap);
            let scale = 1000.0 / part.total as f64;
            terms.iter_mut().for_each(|term| term.1 *= -scale);
            terms.push((column, 1.0));
            let name = format!("peak[{}]", cap.name);
            self.milp.add_row(name, part.used(0), FREE, terms);
        }
        column
    }

    /// The column of what is missing.
    fn add_survival(&mut self, stage: usize, term: usize, survival: &Survival) -> usize {
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
    fn add_loss(&mut self, stage: usize, term: usize, loss: &Loss) -> usize {
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

    /// Binary columns of the bins that cost something, with their costs.
    fn add_opened(&mut self, costs: &[i64]) -> Vec<(usize, f64)> {
        let mut terms = Vec::new();
        for (bin, &cost) in costs.iter().enumerate() {
            let columns = self.of_bin[bin].clone();
            if cost == 0 || columns.is_empty() {
                continue;
            }
            let bin_name = self.bin_name(bin as u32);
            let existing = self.opened_column(bin as u32);
            let opened = existing.unwrap_or_else(|| {
                let name = format!("opened[{bin_name}]");
                let column = self.add_auxiliary(name, Auxiliary::Opened(bin as u32), 0.0, 1.0);
                self.tie_opened(column, bin, &columns);
                column
            });
            terms.push((opened, cost as f64));
        }
        terms
    }

    fn opened_column(&self, bin: u32) -> Option<usize> {
        let is_opened =
            |auxiliary: &Auxiliary| matches!(auxiliary, Auxiliary::Opened(other) if *other == bin);
        let position = self.auxiliaries.iter().position(is_opened)?;
        Some(self.columns.len() + position)
    }

    /// Nothing may be in a closed bin: a row for each column, and the bin's capacity rows are made to say so as well.
    fn tie_opened(&mut self, opened: usize, bin: usize, columns: &[usize]) {
        let name = self.bin_name(bin as u32);
        for &column in columns {
            let item = &self.assignment.items[self.columns[column].0 as usize];
            let row = format!("opened[{},{name}]", item.name);
            let terms = [(column, 1.0), (opened, -self.upper(column))];
            self.milp.add_row(row, -FREE, 0.0, terms);
        }
        for &row in &self.capacity_rows[bin] {
            let row = &mut self.milp.rows[row];
            row.terms.push((opened, -row.upper));
            row.upper = 0.0;
        }
    }

    fn set_objective(&mut self, expression: &Expression) {
        self.scale = expression.scale;
        self.whole = expression.whole;
        self.milp.offset = expression.constant * expression.scale;
        for &(column, coefficient) in &expression.terms {
            self.milp.columns[column].cost = expression.scaled(coefficient);
        }
    }

    fn add_kept_row(&mut self, stage: &Stage, expression: &Expression, value: f64) {
        let name = format!("kept[{}]", stage.name);
        let value = (value - expression.constant) * expression.scale;
        let value = if expression.whole {
            value.round()
        } else {
            value
        };
        let slack = if expression.whole {
            0.0
        } else {
            1e-9 * value.abs().max(1.0)
        };
        let (lower, upper) = match stage.objective.sense() {
            Sense::Minimize => (-FREE, value + slack),
            Sense::Maximize => (value - slack, FREE),
        };
        let terms = (expression.terms.iter())
            .map(|&(column, coefficient)| (column, expression.scaled(coefficient)));
        let terms: Vec<_> = terms.collect();
        self.milp.add_row(name, lower, upper, terms);
    }
}

impl Expression {
    fn whole(terms: Vec<(usize, f64)>) -> Self {
        Self {
            constant: 0.0,
            terms,
            scale: 1.0,
            whole: true,
        }
    }

    fn scaled(&self, coefficient: f64) -> f64 {
        let scaled = coefficient * self.scale;
        if self.whole { scaled.round() } else { scaled }
    }
}

/// A factor that makes every weight whole, and whether it does; else one that makes the smallest 1.
fn whole_scale(terms: &[Loss]) -> (f64, bool) {
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
