//! The rows of the hard rules, but for those of devices.

use super::{Auxiliary, Builder, FREE};
use crate::assignment::types::Cap;

impl Builder<'_> {
    pub(super) fn add_gang_columns(&mut self, forced: &[usize]) {
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

    pub(super) fn add_capacity_rows(&mut self) {
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

    pub(super) fn add_once_rows(&mut self) {
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

    pub(super) fn add_cap_rows(&mut self) {
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
    pub(super) fn under(&self, cap: &Cap) -> Vec<(usize, f64)> {
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

    pub(super) fn add_limit_rows(&mut self) {
        for limit in &self.assignment.limits {
            let by_group = self.columns_by_group(&limit.packing);
            for (group, columns) in by_group.iter().enumerate() {
                self.add_sum_row(limit.row_name(group), columns, limit.room(group) as f64);
            }
        }
    }

    pub(super) fn add_gang_rows(&mut self) {
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

    pub(super) fn add_balance_rows(&mut self) {
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
}
