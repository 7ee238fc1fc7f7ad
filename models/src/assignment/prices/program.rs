//! The linear program over kinds of items and groups of bins, and the prices that its duals are.

use std::sync::Arc;
use std::time::Instant;

use super::{GroupPrices, Pricing};
use crate::assignment::counts::{Count, fillings};
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::solver::{Limits, MilpSolver, SolverError};

/// Rounds of taking in fillings.
const ROUNDS: usize = 30;

impl Pricing {
    /// The least bound, and its prices, over the rounds of taking in fillings.
    pub(super) fn solve_program(
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
        self.add_parts(&mut milp, &of_group);
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

    /// The columns of fillings, and the rows of the parts and devices that they tie.
    fn add_parts(&self, milp: &mut Milp, of_group: &[Vec<(usize, usize)>]) {
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
                let column = milp.add_column(name, 0.0, f64::INFINITY, ColumnKind::Continuous, 0.0);
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
}
