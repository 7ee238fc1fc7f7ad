//! Floors: what is every framework's own, whatever the others want.
//!
//! ```text
//! floors(v, slice):  what is held for the subtrees below v is taken off first, to each its own;
//!                    of the rest, and of the limits above, each active child c gets w_c / sum w;
//!                    a leaf:  the most that it alone can place in its slice
//!                    a role:  nash over the leaves below it inside the slice, each at least floors(child, its slice)
//! ```
//!
//! The root is not solved: its floors are those of the shares. The slices of one vertex add up to it, so all floors
//! are reachable together.

use std::collections::BTreeMap;

use apportion_cluster::{Cluster, TaskIdx};
use apportion_models::welfare::{Objective, solve_until};

use super::alone::{Room, alone, fit_into_rows};
use super::market::{Limits, Market, Member, Scope, needs};
use super::share::ACCURACY;

/// A part of the cluster: of every class, of every half row, and of the limits above.
#[derive(Clone, Debug)]
struct Slice {
    capacities: Vec<f64>,
    halves: Vec<f64>,
    /// By limit row.
    limits: BTreeMap<usize, f64>,
}

/// What a member reaches on its own.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// By group and column.
    pub amounts: Vec<Vec<f64>>,
    /// The same by group, taken apart by task and column.
    pub parts: Vec<Vec<(TaskIdx, usize, f64)>>,
}

impl Own {
    fn nothing(member: &Member) -> Self {
        let groups = member.groups.iter();
        Self {
            amounts: groups.map(|group| vec![0.0; group.columns.len()]).collect(),
            parts: vec![Vec::new(); member.groups.len()],
        }
    }

    /// As much of amounts as tasks can take within their own limits, so that what is published reaches the floor that is used.
    fn of(member: &Member, mut amounts: Vec<Vec<f64>>, market: &Market) -> Self {
        member.fit_into_domains(&mut amounts);
        let groups = member.groups.iter().zip(&amounts);
        let parts = groups.map(|(group, amounts)| group.split(amounts, &market.census));
        let parts: Vec<Vec<(TaskIdx, usize, f64)>> = parts.collect();
        for (amounts, parts) in amounts.iter_mut().zip(&parts) {
            amounts.fill(0.0);
            for &(_, column, amount) in parts {
                amounts[column] += amount;
            }
        }
        Self { amounts, parts }
    }
}

/// What each member reaches on its own: all of it together satisfies every row.
pub(super) fn witness(market: &Market, cluster: &Cluster, stop: &dyn Fn() -> bool) -> Vec<Own> {
    let mut recursion = Recursion {
        market,
        cluster,
        stop,
        own: own_parts(market, cluster),
        direct: vec![Vec::new(); cluster.roles.len()],
        below: vec![Vec::new(); cluster.roles.len()],
        reached: market.members.iter().map(Own::nothing).collect(),
    };
    for (position, member) in market.members.iter().enumerate() {
        let role = cluster.framework(member.framework).role.at();
        recursion.direct[role].push(position);
        for role in market.tree.upward(role) {
            recursion.below[role].push(position);
        }
    }
    let whole = market.whole();
    let slice = Slice {
        capacities: whole.capacities,
        halves: whole.halves,
        limits: BTreeMap::new(),
    };
    recursion.divide(None, slice);
    recursion.reached
}

/// What is sure for each subtree, by capacity row; `None` where nothing is promised in it.
fn own_parts(market: &Market, cluster: &Cluster) -> Vec<Option<Vec<f64>>> {
    let mut parts: Vec<Option<Vec<f64>>> = vec![None; cluster.roles.len()];
    if market.guarantees.is_empty() {
        return parts;
    }
    let n_rows = market.capacities.len();
    let row = |class: usize, resource: usize| market.capacity_row.get(&(class, resource)).copied();
    // What runs for frameworks directly at a role.
    let mut usage: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for running in &cluster.running {
        let role = cluster.framework(cluster.framework_of(running.task)).role;
        let class = market.census.class_of(running.agent);
        let used = usage.entry(role.at()).or_insert_with(|| vec![0.0; n_rows]);
        for (resource, need) in needs(&cluster.task(running.task).demand) {
            if let Some(row) = row(class, resource) {
                used[row] += need as f64 * running.instances as f64;
            }
        }
    }
    let of_role: BTreeMap<usize, usize> = market
        .guarantees
        .iter()
        .enumerate()
        .map(|(at, guarantee)| (guarantee.role.at(), at))
        .collect();
    for role in market.tree.bottom_up() {
        let children = market.tree.below(Some(role)).iter();
        let mut sum: Option<Vec<f64>> = None;
        for part in children.filter_map(|&child| parts[child].as_ref()) {
            let sum = sum.get_or_insert_with(|| vec![0.0; n_rows]);
            sum.iter_mut()
                .zip(part)
                .for_each(|(sum, part)| *sum += part);
        }
        if let Some(&at) = of_role.get(&role) {
            let guarantee = &market.guarantees[at];
            let sum = sum.get_or_insert_with(|| vec![0.0; n_rows]);
            let mut own = usage
                .get(&role)
                .cloned()
                .unwrap_or_else(|| vec![0.0; n_rows]);
            for (&agent, held) in &guarantee.reserved {
                let class = market.census.class_of(agent);
                for (resource, amount) in needs(held) {
                    if let Some(row) = row(class, resource) {
                        own[row] += amount as f64;
                    }
                }
            }
            for (resource, &amount) in guarantee.amounts.0.iter().enumerate() {
                let rows = || {
                    let rows = market.capacities.iter().enumerate();
                    rows.filter(move |(_, key)| key.1 == resource)
                        .map(|(row, _)| row)
                };
                let below: f64 = rows().map(|row| sum[row]).sum();
                let has: f64 = rows().map(|row| own[row]).sum();
                let part = if has > 0.0 {
                    ((amount as f64 - below) / has).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                rows().for_each(|row| sum[row] += part * own[row]);
            }
        }
        parts[role] = sum;
    }
    parts
}

struct Recursion<'a> {
    market: &'a Market,
    cluster: &'a Cluster,
    stop: &'a dyn Fn() -> bool,
    /// What is sure for each subtree, by capacity row.
    own: Vec<Option<Vec<f64>>>,
    /// Members directly at each role, and below it.
    direct: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    reached: Vec<Own>,
}

/// Who gets a part of a slice.
#[derive(Clone, Copy)]
enum Child {
    Role(usize),
    Member(usize),
}

impl Recursion<'_> {
    /// Floors of the leaves below a vertex (the root: `None`) by its children's slices.
    fn divide(&mut self, vertex: Option<usize>, mut slice: Slice) {
        let market = self.market;
        let roles = market.tree.below(vertex);
        let holding = || roles.iter().filter_map(|&role| self.own[role].as_ref());
        for own in holding() {
            let rest = slice.capacities.iter_mut().zip(own);
            rest.for_each(|(rest, own)| *rest = (*rest - own).max(0.0));
            for (rest, half) in slice.halves.iter_mut().zip(self.half_parts(own)) {
                *rest = (*rest - half).max(0.0);
            }
        }
        let promised: Vec<(usize, Vec<f64>)> = roles
            .iter()
            .filter_map(|&role| Some((role, self.by_resource(self.own[role].as_ref()?))))
            .collect();
        if let Some(vertex) = vertex {
            let own = market.limits.iter().enumerate();
            let own = own.filter(|(_, limit)| limit.role == vertex);
            slice
                .limits
                .extend(own.map(|(at, limit)| (at, limit.amount)));
        }
        let active = roles.iter().filter(|&&role| !self.below[role].is_empty());
        let direct = vertex.map_or(&[][..], |vertex| &self.direct[vertex]);
        let mut children: Vec<(Child, f64)> = active
            .map(|&role| (Child::Role(role), self.cluster.roles[role].weight))
            .collect();
        children.extend(direct.iter().map(|&member| {
            let framework = market.members[member].framework;
            (
                Child::Member(member),
                self.cluster.framework(framework).weight,
            )
        }));
        let total: f64 = children.iter().map(|(_, weight)| weight).sum();
        // An only child has all of the slice: what is above it is solved over the same leaves.
        let has_siblings = children.len() > 1;
        for (child, weight) in children {
            let part = self.part(&slice, child, weight / total, &promised);
            match child {
                Child::Role(role) => {
                    self.divide(Some(role), part.clone());
                    if has_siblings && self.below[role].len() > 1 && !(self.stop)() {
                        self.improve(role, &part);
                    }
                }
                Child::Member(member) => {
                    let limits = self.limits_of(member, &part);
                    let place = Room {
                        market,
                        capacities: &part.capacities,
                        halves: &part.halves,
                        limits: &limits,
                    };
                    if !(self.stop)() {
                        let found = alone(&market.members[member], &place);
                        self.reached[member] = Own::of(&market.members[member], found, market);
                    }
                }
            }
        }
    }

    /// The part of a vertex's slice that is a child's.
    fn part(
        &self,
        slice: &Slice,
        child: Child,
        ratio: f64,
        promised: &[(usize, Vec<f64>)],
    ) -> Slice {
        let market = self.market;
        let mut part = Slice {
            capacities: slice.capacities.iter().map(|rest| ratio * rest).collect(),
            halves: slice.halves.iter().map(|rest| ratio * rest).collect(),
            limits: BTreeMap::new(),
        };
        let own = match child {
            Child::Role(role) => self.own[role].as_ref(),
            Child::Member(_) => None,
        };
        if let Some(own) = own {
            let amounts = part.capacities.iter_mut().zip(own);
            amounts.for_each(|(amount, own)| *amount += own);
            let halves = part.halves.iter_mut().zip(self.half_parts(own));
            halves.for_each(|(half, own)| *half += own);
        }
        for (&at, &amount) in &slice.limits {
            let resource = market.limits[at].resource;
            let sure: f64 = promised.iter().map(|(_, amounts)| amounts[resource]).sum();
            let mine = promised
                .iter()
                .find(|(role, _)| matches!(child, Child::Role(it) if it == *role));
            let mine = mine.map_or(0.0, |(_, amounts)| amounts[resource]);
            let own = if sure > amount {
                mine * amount / sure
            } else {
                mine
            };
            part.limits
                .insert(at, own + ratio * (amount - sure).max(0.0));
        }
        part
    }

    fn by_resource(&self, own: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.cluster.resources.len()];
        for (&(_, resource), amount) in self.market.capacities.iter().zip(own) {
            sums[resource] += amount;
        }
        sums
    }

    /// As much of each half row as is sure of its resource.
    fn half_parts(&self, own: &[f64]) -> Vec<f64> {
        let market = self.market;
        let of_half = |half: &super::half::Half| {
            let capacity = market.census.classes[half.class].capacity[half.resource] as f64;
            let row = market.capacity_row[&(half.class, half.resource)];
            half.most * (own[row] / capacity).min(1.0)
        };
        market.halves.iter().map(of_half).collect()
    }

    /// The least of each resource that a member may hold: its own role's limits in full, those above as far as they are
    /// its slice's.
    fn limits_of(&self, member: usize, part: &Slice) -> Vec<(usize, f64)> {
        let market = self.market;
        let rows = market.limits_on[member].iter();
        rows.map(|&at| {
            let limit = &market.limits[at];
            let amount = part.limits.get(&at).copied().unwrap_or(limit.amount);
            (limit.resource, amount)
        })
        .collect()
    }

    /// Nash over the leaves below a role, inside its slice and above their floors so far.
    fn improve(&mut self, role: usize, slice: &Slice) {
        let market = self.market;
        let below = |other: usize| market.tree.upward(other).any(|above| above == role);
        let limits = market.limits.iter().enumerate().map(|(at, limit)| {
            let inherited = slice.limits.get(&at).copied();
            inherited.or_else(|| below(limit.role).then_some(limit.amount))
        });
        let holds = market.holds.iter();
        let scope = Scope {
            members: self.below[role].clone(),
            capacities: slice.capacities.clone(),
            halves: slice.halves.clone(),
            limits: limits.collect(),
            holds: holds
                .map(|hold| hold.role != role && below(hold.role))
                .collect(),
            of_domains: Limits::All,
        };
        let before = market.values_of(&self.reached);
        let floors: Vec<f64> = before.iter().map(|value| value * (1.0 - 1e-9)).collect();
        let problem = market.problem(&scope, Objective::LogUtility, Some(&floors));
        let solution = solve_until(&problem, &ACCURACY, self.stop)
            .expect("capacities, demands, values and weights are finite");
        let mut x = solution.x;
        fit_into_rows(&problem, &mut x);
        let found = market.amounts(&scope.members, &x);
        let found: Vec<Own> = scope
            .members
            .iter()
            .zip(found)
            .map(|(&member, amounts)| Own::of(&market.members[member], amounts, market))
            .collect();
        let is_reached = scope.members.iter().zip(&found).all(|(&member, own)| {
            market.value(member, &own.amounts) >= before[member] * (1.0 - 1e-7)
        });
        if is_reached {
            for (&member, own) in scope.members.iter().zip(found) {
                self.reached[member] = own;
            }
        }
    }
}
