//! Prices and duals in the plan's names.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{ClassPrice, RowDual};
use apportion_models::welfare::Duals;

use super::Auditor;
use crate::broker::half::Whole;
use crate::broker::market::Place;

/// Prices and duals in the plan's names, with the money that they are worth.
pub(super) struct Published {
    pub prices: Vec<ClassPrice>,
    pub duals: Vec<RowDual>,
    /// `pi . C + y . b - phi . f`.
    money: f64,
    /// Whether no framework takes part.
    is_empty: bool,
    /// By framework.
    pub rents: Vec<f64>,
    pub by_class: BTreeMap<(usize, usize), f64>,
    /// Rows of what fits that say what limits per failure domain let in.
    pub limited: BTreeSet<String>,
}

impl Published {
    /// The weights of active frameworks sum to 1; where there are none, there is nothing to gain.
    pub(super) fn epsilon(&self) -> f64 {
        if self.is_empty { 0.0 } else { self.money - 1.0 }
    }
}

impl Published {
    /// Adds a row that is not a capacity, and the rent that it is to each of its owners.
    fn add(&mut self, auditor: &Auditor<'_>, row: String, owners: &[usize], value: f64, rhs: f64) {
        let members = &auditor.market().members;
        let weight: f64 = owners.iter().map(|&owner| members[owner].weight).sum();
        for &owner in owners {
            self.rents[members[owner].framework.at()] += value * rhs / weight;
        }
        self.money += value * rhs;
        let owners = owners.iter().map(|&owner| {
            auditor
                .cluster
                .framework(members[owner].framework)
                .id
                .clone()
        });
        self.duals.push(RowDual {
            row,
            owners: owners.collect(),
            value,
            rhs,
        });
    }
}

impl Auditor<'_> {
    /// Puts multipliers into the plan's words. Zeros are left out.
    pub(super) fn publish(&self, duals: &Duals) -> Published {
        let (cluster, market) = (self.cluster, self.market());
        let mut published = Published {
            prices: Vec::new(),
            duals: Vec::new(),
            money: 0.0,
            is_empty: market.members.is_empty(),
            rents: vec![0.0; cluster.frameworks.len()],
            by_class: BTreeMap::new(),
            limited: BTreeSet::new(),
        };
        let (capacities, rest) = duals.shared.split_at(market.capacities.len());
        let (halves, rest) = rest.split_at(rest.len() - self.shared_rows_of_roles());
        let (limits, holds) = market.rows_at(Place::Shared, &self.shares_proof.scope);
        let (limit_duals, hold_duals) = rest.split_at(limits.len());
        for (&(class, resource), &price) in market
            .capacities
            .iter()
            .zip(capacities)
            .filter(|(_, price)| **price > 0.0)
        {
            published.money += price * self.shares.classes[class].capacity[resource] as f64;
            published.by_class.insert((class, resource), price);
            published.prices.push(ClassPrice {
                class: self.shares.classes[class].name.clone(),
                agents: Vec::new(),
                resource: cluster.resources[resource].clone(),
                price,
            });
        }
        for (half, &value) in market
            .halves
            .iter()
            .zip(halves)
            .filter(|(_, value)| **value > 0.0)
        {
            let class = &self.shares.classes[half.class].name;
            let family = match half.whole {
                Whole::Agent => "half",
                Whole::Device => "half_device",
            };
            let row = format!("{family}[{class},{}]", cluster.resources[half.resource]);
            published.add(self, row, &half.owners, value, half.most);
        }
        for (&at, &value) in limits.iter().zip(limit_duals) {
            self.publish_limit(at, value, &mut published);
        }
        for (&at, &value) in holds.iter().zip(hold_duals) {
            self.publish_hold(at, value, &mut published);
        }
        let (_, alone) = market.rows_at(Place::Alone, &self.shares_proof.scope);
        for (&at, own) in alone.iter().zip(&duals.own[market.members.len()..]) {
            self.publish_hold(at, own[0], &mut published);
        }
        for position in 0..market.members.len() {
            self.publish_member(
                position,
                &duals.own[position],
                &duals.upper[position],
                &mut published,
            );
        }
        published
    }

    /// A member's own rows: those of a group once for each of its tasks.
    fn publish_member(
        &self,
        position: usize,
        own: &[f64],
        upper: &[f64],
        published: &mut Published,
    ) {
        let market = self.market();
        let member = &market.members[position];
        let mut upper = upper.iter();
        for (group, &demand) in member.groups.iter().zip(own) {
            let name = |task| self.cluster.task_name(task);
            if demand > 0.0 {
                for wanted in &group.tasks {
                    let row = format!("demand[{}]", name(wanted.task));
                    published.add(self, row, &[position], demand, wanted.most);
                }
            }
            for (column, &fit) in group
                .columns
                .iter()
                .zip(&mut upper)
                .filter(|(_, fit)| **fit > 0.0)
            {
                for wanted in &group.tasks {
                    let class = &self.shares.classes[column.class].name;
                    let row = format!("fit[{},{class}]", name(wanted.task));
                    let most = wanted.fit(column.class, &market.census);
                    if wanted.is_limited(column.class) {
                        published.limited.insert(row.clone());
                    }
                    published.add(self, row, &[position], fit, most);
                }
            }
        }
        let rest = &own[member.groups.len()..];
        let (domain_duals, rest) = rest.split_at(market.domains(member).len());
        let domains = market.domains(member).iter().zip(domain_duals);
        for (row, &value) in domains.filter(|(_, value)| **value > 0.0) {
            let level = &self.cluster.levels[row.level.at()].name;
            let class = &self.shares.classes[row.class].name;
            for &(counted, most) in &row.counted {
                let name = counted.name(self.cluster);
                let row = format!("domain[{name},{level},{class}]");
                published.add(self, row, &[position], value, most);
            }
        }
        let (limits, holds) = market.own_rows(position, &self.shares_proof.scope);
        let (limit_duals, rest) = rest.split_at(limits.len());
        let (hold_duals, floor) = rest.split_at(holds.len());
        for (&at, &value) in limits.iter().zip(limit_duals) {
            self.publish_limit(at, value, published);
        }
        for (&at, &value) in holds.iter().zip(hold_duals) {
            self.publish_hold(at, value, published);
        }
        if let Some(&floor) = floor.first() {
            self.publish_floor(position, floor, published);
        }
    }

    fn publish_floor(&self, position: usize, floor: f64, published: &mut Published) {
        if floor > 0.0 {
            let framework = self.market().members[position].framework;
            let id = self.cluster.framework(framework).id.clone();
            let rhs = self.shares.floors[position];
            published.money -= floor * rhs;
            published.duals.push(RowDual {
                row: format!("floor[{id}]"),
                owners: vec![id],
                value: floor,
                rhs,
            });
        }
    }

    fn publish_limit(&self, at: usize, value: f64, published: &mut Published) {
        if value > 0.0 {
            let limit = &self.market().limits[at];
            let row = self.role_row("limit", limit.role, limit.resource);
            published.add(self, row, &limit.members, value, limit.amount);
        }
    }

    /// A guarantee takes from what the others may use: it lowers the bound, and is nobody's rent.
    fn publish_hold(&self, at: usize, value: f64, published: &mut Published) {
        if value > 0.0 {
            let hold = &self.market().holds[at];
            published.money -= value * hold.amount;
            let members = hold.members.iter().map(|&member| {
                let framework = self.market().members[member].framework;
                self.cluster.framework(framework).id.clone()
            });
            published.duals.push(RowDual {
                row: self.role_row("guarantee", hold.role, hold.resource),
                owners: members.collect(),
                value,
                rhs: hold.amount,
            });
        }
    }

    fn role_row(&self, kind: &str, role: usize, resource: usize) -> String {
        let path = &self.cluster.roles[role].path;
        format!("{kind}[{path},{}]", self.cluster.resources[resource])
    }
}
