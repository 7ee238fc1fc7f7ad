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
mod losses;
mod opened;
mod rows;
mod spans;
mod stages;
mod traffic;
mod translate;
mod utility;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use self::stages::Expression;
use super::types::{Assignment, Packing};
use super::validate::NO_GROUP;
use crate::milp::{ColumnKind, Milp};

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
}
