//! The linear program of a stage over some columns, and the prices that its duals are.

use std::collections::BTreeSet;

use super::Least;
use crate::assignment::prices::Prices;
use crate::assignment::validate::NO_GROUP;
use crate::milp::{ColumnKind, Milp, Sense};

/// The linear program over some columns, as one to be maximized, whose rows all have upper limits.
pub(super) struct Program {
    pub(super) milp: Milp,
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
    pub(super) fn new(least: &Least<'_>, columns: &[BTreeSet<u32>]) -> Self {
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

    pub(super) fn prices(&self, least: &Least<'_>, duals: &[f64]) -> Prices {
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
