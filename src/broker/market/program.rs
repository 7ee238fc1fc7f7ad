//! The program over a scope, and its solution.

use std::collections::BTreeMap;

use apportion_models::welfare::{Block, Objective, Problem};
use rayon::prelude::*;

use super::groups::{Group, needs};
use super::role_rows::Place;
use super::scope::Scope;
use super::{Amounts, Market};

/// Rows of limits, and of guarantees, that frameworks share.
type SharedRows<'r> = (&'r BTreeMap<usize, usize>, &'r BTreeMap<usize, usize>);

impl Market {
    /// The program over a scope: shared rows are capacities, halves, limits and guarantees; then a block for each
    /// member, with own rows for each group's demand, failure domains, own limits, own guarantees and its floor, if any; then
    /// blocks for what is held.
    pub fn problem(&self, scope: &Scope, objective: Objective, floors: Option<&[f64]>) -> Problem {
        let mut problem = Problem::new(objective);
        for &bound in scope.capacities.iter().chain(&scope.halves) {
            problem.add_shared_row(bound);
        }
        let (shared_limits, shared_holds) = self.rows_at(Place::Shared, scope);
        let mut limit_row = BTreeMap::new();
        for at in shared_limits {
            let bound = scope.limits[at].expect("rows of the scope have a bound");
            limit_row.insert(at, problem.add_shared_row(bound));
        }
        let mut hold_row = BTreeMap::new();
        for &at in &shared_holds {
            hold_row.insert(at, problem.add_shared_row(-self.holds[at].amount));
        }
        let block = |&position: &usize| {
            let floor = floors.map(|floors| floors[position]);
            self.block(position, scope, floor, (&limit_row, &hold_row))
        };
        let blocks: Vec<Block> = scope
            .members
            .par_iter()
            .with_min_len(64)
            .map(block)
            .collect();
        for block in blocks {
            problem.add_block(block);
        }
        let (_, alone) = self.rows_at(Place::Alone, scope);
        for at in alone {
            let mut block = Block::new(0.0);
            let row = block.add_own_row(-self.holds[at].amount);
            self.add_held(&mut block, at, &BTreeMap::new(), Some(row));
            problem.add_block(block);
        }
        if !shared_holds.is_empty() {
            let mut block = Block::new(0.0);
            for at in shared_holds {
                self.add_held(&mut block, at, &hold_row, None);
            }
            problem.add_block(block);
        }
        problem
    }

    fn block(
        &self,
        position: usize,
        scope: &Scope,
        floor: Option<f64>,
        shared_rows: SharedRows<'_>,
    ) -> Block {
        let member = &self.members[position];
        let mut block = Block::new(member.weight);
        let demands: Vec<usize> = member
            .groups
            .iter()
            .map(|group| block.add_own_row(group.most))
            .collect();
        let mut domain_row = vec![None; member.domains.len()];
        for at in self.domains_in(member, scope.of_domains) {
            domain_row[at] = Some(block.add_own_row(member.domains[at].most));
        }
        let (limits, holds) = self.own_rows(position, scope);
        let limits = limits.into_iter().map(|at| {
            let bound = scope.limits[at].expect("rows of the scope have a bound");
            (block.add_own_row(bound), self.limits[at].resource)
        });
        let limits: Vec<(usize, usize)> = limits.collect();
        let holds = holds.into_iter();
        let holds: Vec<(usize, usize)> = holds
            .map(|at| (block.add_own_row(-self.holds[at].amount), at))
            .collect();
        let first_half = scope.capacities.len();
        for (group, demand) in member.groups.iter().zip(demands) {
            let mut own = vec![(demand, 1.0)];
            let amount = |resource: usize| group.demand.0[resource] as f64;
            own.extend(
                limits
                    .iter()
                    .map(|&(row, resource)| (row, amount(resource))),
            );
            own.extend(
                holds
                    .iter()
                    .map(|&(row, at)| (row, -amount(self.holds[at].resource))),
            );
            own.retain(|&(_, coefficient)| coefficient != 0.0);
            let across = self.across(position, group, shared_rows);
            for column in &group.columns {
                let needs = needs(&group.demand).map(|(resource, need)| {
                    (self.capacity_row[&(column.class, resource)], need as f64)
                });
                let halves = column.halves(scope.halves.len());
                let halves = halves.map(|(half, count)| (first_half + half, count));
                let shared = needs.chain(halves).chain(across.iter().copied());
                let domains = self.domains_of(column).iter();
                let domains = domains.filter_map(|&row| Some((domain_row[row]?, 1.0)));
                let own = own.iter().copied().chain(domains);
                let most = column.most(scope.of_domains);
                block.add_column(group.value as f64, most, shared, own);
            }
        }
        if let Some(floor) = floor {
            block.add_floor(floor);
        }
        for (row, at) in holds {
            self.add_held(&mut block, at, &BTreeMap::new(), Some(row));
        }
        block
    }

    /// How much an instance of a group of a member counts in the limits and guarantees that frameworks share.
    fn across(
        &self,
        position: usize,
        group: &Group,
        (limit_row, hold_row): SharedRows<'_>,
    ) -> Vec<(usize, f64)> {
        let amount = |resource: usize| group.demand.0[resource] as f64;
        let mut across: Vec<(usize, f64)> = Vec::new();
        for at in &self.limits_on[position] {
            let row = limit_row
                .get(at)
                .map(|&row| (row, amount(self.limits[*at].resource)));
            across.extend(row);
        }
        for at in &self.holds_on[position] {
            let row = hold_row
                .get(at)
                .map(|&row| (row, -amount(self.holds[*at].resource)));
            across.extend(row);
        }
        across.retain(|&(_, coefficient)| coefficient != 0.0);
        across
    }

    /// A column for what is held of a guarantee on each class.
    fn add_held(
        &self,
        block: &mut Block,
        at: usize,
        rows: &BTreeMap<usize, usize>,
        own: Option<usize>,
    ) {
        let hold = &self.holds[at];
        for &class in &hold.classes {
            let capacity = (self.capacity_row[&(class, hold.resource)], 1.0);
            let above = hold.above.iter().filter_map(|row| rows.get(row));
            let shared = std::iter::once(capacity).chain(above.map(|&row| (row, -1.0)));
            block.add_column(0.0, f64::INFINITY, shared, own.map(|row| (row, -1.0)));
        }
    }

    /// Reads a solution by block and column as amounts by group and column, of each of these members.
    pub fn amounts(&self, members: &[usize], x: &[Vec<f64>]) -> Amounts {
        let read = |(&member, x): (&usize, &Vec<f64>)| {
            let member = &self.members[member];
            let mut rest = x.as_slice();
            let cut = |group: &Group| {
                let (own, after) = rest.split_at(group.columns.len());
                rest = after;
                own.to_vec()
            };
            member.groups.iter().map(cut).collect()
        };
        members.iter().zip(x).map(read).collect()
    }
}
