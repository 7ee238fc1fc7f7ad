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

use apportion_cluster::Cluster;
use apportion_models::welfare::{Block, Objective, Problem, solve, solve_until};

use super::market::{Amounts, Group, Market, Member, Scope, needs};
use super::share::ACCURACY;

/// A part of the cluster: of every class, of every half row, and of the limits above.
#[derive(Clone, Debug)]
struct Slice {
    capacities: Vec<f64>,
    halves: Vec<f64>,
    /// By limit row.
    limits: BTreeMap<usize, f64>,
}

/// What each member reaches on its own, by group and column: all of it together satisfies every row.
pub(super) fn witness(market: &Market, cluster: &Cluster, stop: &dyn Fn() -> bool) -> Amounts {
    let empty = |member: &Member| -> Vec<Vec<f64>> {
        let groups = member.groups.iter();
        groups.map(|group| vec![0.0; group.columns.len()]).collect()
    };
    let mut recursion = Recursion {
        market,
        cluster,
        stop,
        own: own_parts(market, cluster),
        direct: vec![Vec::new(); cluster.roles.len()],
        below: vec![Vec::new(); cluster.roles.len()],
        amounts: market.members.iter().map(empty).collect(),
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
    recursion.amounts
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
    amounts: Amounts,
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
                        self.amounts[member] = together(&market.members[member], found, market);
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
            half.agents as f64 * (own[row] / capacity).min(1.0)
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
        };
        let before = market.values(&self.amounts);
        let floors: Vec<f64> = before.iter().map(|value| value * (1.0 - 1e-9)).collect();
        let problem = market.problem(&scope, Objective::LogUtility, Some(&floors));
        let solution = solve_until(&problem, &ACCURACY, self.stop)
            .expect("capacities, demands, values and weights are finite");
        let mut x = solution.x;
        fit_into_rows(&problem, &mut x);
        let found = market.amounts(&scope.members, &x);
        let found: Vec<Vec<Vec<f64>>> = scope
            .members
            .iter()
            .zip(found)
            .map(|(&member, amounts)| together(&market.members[member], amounts, market))
            .collect();
        let reached = scope.members.iter().zip(&found).all(|(&member, amounts)| {
            market.value(member, amounts) >= before[member] * (1.0 - 1e-7)
        });
        if reached {
            for (&member, amounts) in scope.members.iter().zip(found) {
                self.amounts[member] = amounts;
            }
        }
    }
}

/// Amounts taken apart by task and put together again, so that the witness that is published reaches the floor that is
/// used.
fn together(member: &Member, mut amounts: Vec<Vec<f64>>, market: &Market) -> Vec<Vec<f64>> {
    for (group, amounts) in member.groups.iter().zip(&mut amounts) {
        if group.tasks.len() > 1 {
            let mut placed = vec![0.0; amounts.len()];
            for (_, column, amount) in group.split(amounts, &market.census) {
                placed[column] += amount;
            }
            *amounts = placed;
        }
    }
    amounts
}

/// Where one member is alone.
pub(super) struct Room<'a> {
    pub market: &'a Market,
    /// By capacity row.
    pub capacities: &'a [f64],
    /// By half row.
    pub halves: &'a [f64],
    /// The most of resources.
    pub limits: &'a [(usize, f64)],
}

impl Room<'_> {
    fn capacity(&self, class: usize, resource: usize) -> f64 {
        self.capacities[self.market.capacity_row[&(class, resource)]]
    }
}

/// The most valuable allocation of one member alone; its own demand and fit rows bind as they are. Amounts by group and
/// column; they satisfy every row.
///
/// Classes meet only in the demand rows and limits, so the program has a block for each class and a shared row for each
/// group and limit: it takes time linear in the classes.
pub(super) fn alone(member: &Member, room: &Room<'_>) -> Vec<Vec<f64>> {
    if let [group] = &member.groups[..] {
        return vec![alone_of_one(group, room)];
    }
    let mut places: Vec<(usize, usize, usize)> = Vec::new();
    for (g, group) in member.groups.iter().enumerate() {
        places.extend(
            group
                .columns
                .iter()
                .enumerate()
                .map(|(c, column)| (column.class, g, c)),
        );
    }
    places.sort_unstable();
    let mut problem = Problem::new(Objective::Linear);
    for group in &member.groups {
        problem.add_shared_row(group.most);
    }
    for &(_, amount) in room.limits {
        problem.add_shared_row(amount);
    }
    for places in places.chunk_by(|left, right| left.0 == right.0) {
        problem.add_block(class_block(member, places, room));
    }
    let solution = solve(&problem, &ACCURACY).expect("capacities, demands and values are finite");
    let mut amounts: Vec<Vec<f64>> = member
        .groups
        .iter()
        .map(|group| vec![0.0; group.columns.len()])
        .collect();
    let found = solution.x.iter().flatten();
    for (&(_, g, c), &amount) in places.iter().zip(found) {
        amounts[g][c] = amount;
    }
    shrink(&problem, &places, &mut amounts);
    amounts
}

/// The columns of one class: capacities and half rows are its own.
fn class_block(member: &Member, places: &[(usize, usize, usize)], room: &Room<'_>) -> Block {
    let class = places[0].0;
    let mut block = Block::new(1.0);
    let mut resources: Vec<usize> = places
        .iter()
        .flat_map(|&(_, g, _)| needs(&member.groups[g].demand).map(|(resource, _)| resource))
        .collect();
    resources.sort_unstable();
    resources.dedup();
    for &resource in &resources {
        block.add_own_row(room.capacity(class, resource));
    }
    let mut counted: Vec<usize> = places
        .iter()
        .flat_map(|&(_, g, c)| &member.groups[g].columns[c].halves)
        .copied()
        .collect();
    counted.sort_unstable();
    counted.dedup();
    for &half in &counted {
        block.add_own_row(room.halves[half]);
    }
    for &(_, g, c) in places {
        let group = &member.groups[g];
        let at = |list: &[usize], key: usize| {
            list.binary_search(&key)
                .expect("the rows of the class were collected")
        };
        let needs =
            needs(&group.demand).map(|(resource, need)| (at(&resources, resource), need as f64));
        let halves = group.columns[c].halves.iter();
        let halves = halves.map(|&half| (resources.len() + at(&counted, half), 1.0));
        let limits = room.limits.iter().enumerate();
        let limits = limits.map(|(at, &(resource, _))| {
            (member.groups.len() + at, group.demand.0[resource] as f64)
        });
        block.add_column(
            group.value as f64,
            group.columns[c].fit,
            std::iter::once((g, 1.0)).chain(limits.filter(|entry| entry.1 != 0.0)),
            needs.chain(halves),
        );
    }
    block
}

/// One group alone: as much on every class as goes, or its demand, evenly.
fn alone_of_one(group: &Group, room: &Room<'_>) -> Vec<f64> {
    let most_on = |column: &super::market::Column| {
        let by_need = needs(&group.demand)
            .map(|(resource, need)| room.capacity(column.class, resource) / need as f64);
        let by_half = column.halves.iter().map(|&half| room.halves[half]);
        by_need.chain(by_half).fold(column.fit, f64::min)
    };
    let mut amounts: Vec<f64> = group.columns.iter().map(most_on).collect();
    let total: f64 = amounts.iter().sum();
    let limited = room.limits.iter().filter_map(|&(resource, amount)| {
        let need = group.demand.0[resource];
        (need > 0).then(|| amount / need as f64)
    });
    let most = limited.fold(group.most, f64::min);
    if total > most {
        let scale = most / total;
        amounts.iter_mut().for_each(|amount| *amount *= scale);
    }
    amounts
}

/// Removes what rounding, or an unfinished solve, left above a row: every column times the least of its rows'
/// bound over load.
fn shrink(problem: &Problem, places: &[(usize, usize, usize)], amounts: &mut [Vec<f64>]) {
    let mut x: Vec<Vec<f64>> = Vec::with_capacity(problem.blocks().len());
    let mut rest = places;
    for block in problem.blocks() {
        let (own, after) = rest.split_at(block.columns());
        rest = after;
        x.push(own.iter().map(|&(_, g, c)| amounts[g][c]).collect());
    }
    fit_into_rows(problem, &mut x);
    for (&(_, g, c), &amount) in places.iter().zip(x.iter().flatten()) {
        amounts[g][c] = amount;
    }
}

/// Multiplies every column by the least `min(1, bound / load)` over its upper bound and its rows with a bound of at
/// least 0: the result satisfies all of these. Rows with negative bounds (floors) are left to the caller.
pub(super) fn fit_into_rows(problem: &Problem, x: &mut [Vec<f64>]) {
    let mut shared = vec![0.0; problem.shared_bounds().len()];
    let mut own: Vec<Vec<f64>> = Vec::with_capacity(x.len());
    for (block, x) in problem.blocks().iter().zip(x.iter_mut()) {
        let mut loads = vec![0.0; block.own_bounds().len()];
        for (column, amount) in x.iter_mut().enumerate() {
            *amount = amount.clamp(0.0, block.uppers()[column]);
            for &(row, coefficient) in block.shared_entries(column) {
                shared[row as usize] += coefficient * *amount;
            }
            for &(row, coefficient) in block.own_entries(column) {
                loads[row as usize] += coefficient * *amount;
            }
        }
        own.push(loads);
    }
    let part = |load: f64, bound: f64| {
        if bound >= 0.0 && load > bound {
            bound / load
        } else {
            1.0
        }
    };
    for ((block, loads), x) in problem.blocks().iter().zip(&own).zip(x.iter_mut()) {
        for (column, amount) in x.iter_mut().enumerate() {
            let by_shared = block
                .shared_entries(column)
                .iter()
                .map(|&(row, _)| part(shared[row as usize], problem.shared_bounds()[row as usize]));
            let by_own = block
                .own_entries(column)
                .iter()
                .map(|&(row, _)| part(loads[row as usize], block.own_bounds()[row as usize]));
            *amount *= by_shared.chain(by_own).fold(1.0, f64::min);
        }
    }
}
