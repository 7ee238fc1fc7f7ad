//! Phase 0: where guarantees are held, and how much of each can be.
//!
//! # Model
//! Role `v` with guarantee `G_v`. What `v` has counts whatever runs below it and whatever is held for it or a role
//! below it. What is missing is held on agents that `v`'s tasks may use (any open agent, if it has no task), out of what
//! is free. `theta` is the largest number, at most 1, such that `theta G_v` of every role can be had at once; where it is
//! below 1, roles are then given their whole guarantee in order of path, as far as that costs no other role its part.
//!
//! An idle guarantee that is lent counts as far as there is demand for it, and is held for nobody.
//!
//! # Method
//! Agent by agent, first those that have some of everything that is missing; where that does not find room for all, a
//! transport problem per resource decides, exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Cluster, IdleGuarantee, Quantities, RoleIdx};
use apportion_policies::Bid;

use super::classes::Census;
use super::demand::{Bidding, Demands, wanted};
use super::flow::Transport;
use super::tree::Tree;

/// Parts of guarantees are narrowed down to a numerator over this, before the simplest one so near is tried.
const FINE: i128 = 1 << 50;
/// Roles that are tried one by one for their whole guarantee when not all can be had.
const MOST_TRIED: usize = 256;

/// A role's guarantee, as far as it can be had.
#[derive(Clone, Debug, PartialEq)]
pub struct Guarantee {
    /// The role.
    pub role: RoleIdx,
    /// The part of it that can be had, at most 1.
    pub fraction: f64,
    /// Amounts that the role is sure to have: what runs and what is held.
    pub amounts: Quantities,
    /// Whether what is idle of it is kept free.
    pub held: bool,
    /// What is missing to the amounts, by agent.
    pub reserved: BTreeMap<AgentIdx, Quantities>,
    /// The agents where it may be held, ascending.
    pub agents: Arc<Vec<AgentIdx>>,
    /// Positions of the classes of agents where it may be held, ascending.
    pub classes: Vec<usize>,
    /// Where it cannot be had in full: the short resource.
    pub short: Option<usize>,
}

/// The guarantees of a cluster, by role; roles that are promised nothing are left out.
#[must_use]
pub fn guarantees(cluster: &Cluster, bids: &[Bid]) -> Vec<Guarantee> {
    if cluster.roles.iter().all(|role| role.guarantee.is_zero()) {
        return Vec::new();
    }
    let census = Census::of(cluster, bids);
    let wanted = wanted(bids, &mut Demands::new(cluster, &census));
    place(cluster, &census, &wanted)
}

pub(super) fn place(cluster: &Cluster, census: &Census, wanted: &[Bidding]) -> Vec<Guarantee> {
    if cluster.roles.iter().all(|role| role.guarantee.is_zero()) {
        return Vec::new();
    }
    Phase::of(cluster, census, wanted).guarantees()
}

/// Agents that are alike to every guarantee.
struct Cell {
    agents: Vec<AgentIdx>,
    class: usize,
}

/// The part of each role's guarantee, as a numerator over `whole`.
#[derive(Clone)]
struct Parts {
    of: Vec<i128>,
    whole: i128,
}

impl Parts {
    fn equal(numerator: i128, whole: i128, n_roles: usize) -> Self {
        Self {
            of: vec![numerator; n_roles],
            whole,
        }
    }
}

struct Phase<'a> {
    cluster: &'a Cluster,
    /// What each role is promised; what is lent, only as far as there is demand.
    promised: Vec<Quantities>,
    /// What runs for the frameworks directly at each role.
    usage: Vec<Vec<i128>>,
    bottom_up: Vec<usize>,
    tree: Tree,
    cells: Vec<Cell>,
    /// Distinct sets of cells, and the set of each role.
    sets: Vec<Vec<usize>>,
    set_of: Vec<usize>,
    free: Vec<Quantities>,
}

impl<'a> Phase<'a> {
    fn of(cluster: &'a Cluster, census: &Census, bidding: &[Bidding]) -> Self {
        let tree = Tree::of(cluster);
        let n_roles = cluster.roles.len();
        let (cells, cell_of_kind) = cells(cluster, census);
        let mut admitted: Vec<Vec<bool>> = vec![Vec::new(); n_roles];
        let mut wanted = vec![vec![0_i128; cluster.resources.len()]; n_roles];
        for (framework, bidding) in cluster.frameworks.iter().zip(bidding) {
            for (_, own) in bidding {
                let demand = &cluster.task(own.task).demand.0;
                for role in tree.upward(framework.role.at()) {
                    admitted[role].resize(census.kinds.len(), false);
                    for (admitted, &copies) in admitted[role].iter_mut().zip(&own.shape.copies) {
                        *admitted |= copies > 0;
                    }
                    for (wanted, &need) in wanted[role].iter_mut().zip(demand) {
                        *wanted += i128::from(need) * own.whole as i128;
                    }
                }
            }
        }
        let mut usage = vec![vec![0_i128; cluster.resources.len()]; n_roles];
        for running in &cluster.running {
            let role = cluster.framework(cluster.framework_of(running.task)).role;
            let demand = &cluster.task(running.task).demand.0;
            for (used, &need) in usage[role.at()].iter_mut().zip(demand) {
                *used += i128::from(need) * i128::from(running.instances);
            }
        }
        let mut numbers: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut sets = Vec::new();
        let mut set_of = vec![0; n_roles];
        let mut promised = Vec::with_capacity(n_roles);
        for (at, role) in cluster.roles.iter().enumerate() {
            let mut amounts = role.guarantee.clone();
            if role.idle_guarantee == IdleGuarantee::Lend {
                for (amount, &wanted) in amounts.0.iter_mut().zip(&wanted[at]) {
                    *amount = i64::try_from(wanted).unwrap_or(i64::MAX).min(*amount);
                }
            }
            let set: Vec<usize> = if amounts.is_zero() {
                Vec::new()
            } else if admitted[at].is_empty() {
                open_cells(cluster, &cells)
            } else {
                let kinds = (0..census.kinds.len()).filter(|&kind| admitted[at][kind]);
                let mut set: Vec<usize> =
                    kinds.flat_map(|kind| cell_of_kind[kind].clone()).collect();
                set.sort_unstable();
                set
            };
            promised.push(amounts);
            let next = numbers.len();
            set_of[at] = *numbers.entry(set.clone()).or_insert_with(|| {
                sets.push(set);
                next
            });
        }
        Self {
            cluster,
            promised,
            usage,
            bottom_up: tree.bottom_up(),
            tree,
            cells,
            sets,
            set_of,
            free: cluster.free(),
        }
    }

    fn guarantees(&self) -> Vec<Guarantee> {
        let n_roles = self.cluster.roles.len();
        let mut parts = Parts::equal(1, 1, n_roles);
        let mut short = None;
        let missing = self.whole_missing(&parts);
        let reserved = match self.by_agents(&missing) {
            Some(reserved) => reserved,
            None => {
                if let Some(resource) = self.lacking(&parts) {
                    short = Some(resource);
                    parts = self.largest_parts();
                }
                self.by_transport(&self.whole_missing(&parts))
            }
        };
        let roles = (0..n_roles).filter(|&role| !self.promised[role].is_zero());
        let mut reserved = reserved;
        let mut lists: BTreeMap<usize, Arc<Vec<AgentIdx>>> = BTreeMap::new();
        roles
            .map(|role| {
                let set = self.set_of[role];
                let list = lists
                    .entry(set)
                    .or_insert_with(|| Arc::new(self.agents_of(set)));
                let amounts = self.promised[role].0.iter();
                let amounts =
                    amounts.map(|&amount| whole(i128::from(amount) * parts.of[role] / parts.whole));
                Guarantee {
                    role: RoleIdx::of(role),
                    fraction: parts.of[role] as f64 / parts.whole as f64,
                    amounts: Quantities(amounts.collect()),
                    held: self.cluster.roles[role].idle_guarantee == IdleGuarantee::Hold,
                    reserved: std::mem::take(&mut reserved[role]),
                    agents: Arc::clone(list),
                    classes: self.classes(role),
                    short: short.filter(|_| parts.of[role] < parts.whole),
                }
            })
            .collect()
    }

    /// The classes that a role may use.
    fn classes(&self, role: usize) -> Vec<usize> {
        let cells = self.sets[self.set_of[role]].iter();
        let mut classes: Vec<usize> = cells.map(|&cell| self.cells[cell].class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// What is missing to each role's part of a resource beside what runs and what is held below it; in units of
    /// `1 / whole`.
    fn missing(&self, resource: usize, parts: &Parts) -> Vec<i128> {
        let mut has = vec![0_i128; parts.of.len()];
        let mut missing = vec![0; parts.of.len()];
        for &role in &self.bottom_up {
            let below = self.tree.below(Some(role)).iter();
            let base: i128 = below.map(|&child| has[child]).sum::<i128>()
                + self.usage[role][resource] * parts.whole;
            let part = i128::from(self.promised[role].0[resource]) * parts.of[role];
            missing[role] = (part - base).max(0);
            has[role] = base + missing[role];
        }
        missing
    }

    /// The same in whole amounts, by role and resource: parts are rounded down.
    fn whole_missing(&self, parts: &Parts) -> Vec<Quantities> {
        let n_resources = self.cluster.resources.len();
        let mut missing = vec![Quantities::zero(n_resources); parts.of.len()];
        for resource in 0..n_resources {
            let mut has = vec![0_i128; parts.of.len()];
            for &role in &self.bottom_up {
                let below = self.tree.below(Some(role)).iter();
                let base: i128 =
                    below.map(|&child| has[child]).sum::<i128>() + self.usage[role][resource];
                let part =
                    i128::from(self.promised[role].0[resource]) * parts.of[role] / parts.whole;
                let own = (part - base).max(0);
                missing[role].0[resource] = whole(own);
                has[role] = base + own;
            }
        }
        missing
    }

    /// Room for every role's missing amounts agent by agent; `None` if this order does not find it.
    fn by_agents(&self, missing: &[Quantities]) -> Option<Vec<BTreeMap<AgentIdx, Quantities>>> {
        let mut free = self.free.clone();
        let mut reserved = vec![BTreeMap::new(); missing.len()];
        let mut roles: Vec<usize> = (0..missing.len())
            .filter(|&role| !missing[role].is_zero())
            .collect();
        // Whoever has the least choice first.
        roles.sort_by_key(|&role| {
            let cells = self.sets[self.set_of[role]].iter();
            let agents: usize = cells.map(|&cell| self.cells[cell].agents.len()).sum();
            (agents, role)
        });
        let mut lists: BTreeMap<usize, Vec<AgentIdx>> = BTreeMap::new();
        for role in roles {
            let set = self.set_of[role];
            let list = lists.entry(set).or_insert_with(|| self.agents_of(set));
            let mut open = missing[role].clone();
            for all in [true, false] {
                for &agent in &*list {
                    if open.is_zero() {
                        break;
                    }
                    let room = &mut free[agent.at()];
                    let mut amounts = open.0.iter().zip(&room.0).filter(|(need, _)| **need > 0);
                    if all && amounts.any(|(_, &room)| room <= 0) {
                        continue;
                    }
                    take(&mut open, room, agent, &mut reserved[role]);
                }
            }
            if !open.is_zero() {
                return None;
            }
            list.retain(|agent| free[agent.at()].0.iter().any(|&room| room > 0));
        }
        Some(reserved)
    }

    fn agents_of(&self, set: usize) -> Vec<AgentIdx> {
        let cells = self.sets[set].iter();
        let mut agents: Vec<AgentIdx> = cells
            .flat_map(|&cell| self.cells[cell].agents.iter().copied())
            .collect();
        agents.sort_unstable();
        agents
    }

    /// The transport of a resource: sets of roles with equal choice to cells.
    fn transport(
        &self,
        missing: &[i128],
        room: impl Fn(i64) -> i128,
        resource: usize,
    ) -> Transport {
        let mut needs = vec![0; self.sets.len()];
        for (role, &missing) in missing.iter().enumerate() {
            needs[self.set_of[role]] += missing;
        }
        let free = |cell: &Cell| {
            let agents = cell.agents.iter();
            agents
                .map(|agent| room(self.free[agent.at()].0[resource].max(0)))
                .sum()
        };
        Transport {
            needs,
            room: self.cells.iter().map(free).collect(),
            allowed: self.sets.clone(),
        }
    }

    /// The first resource of which these parts cannot be had.
    fn lacking(&self, parts: &Parts) -> Option<usize> {
        (0..self.cluster.resources.len()).find(|&resource| {
            let missing = self.missing(resource, parts);
            let transport = self.transport(
                &missing,
                |amount| i128::from(amount) * parts.whole,
                resource,
            );
            let moved: i128 = transport.solve().iter().flatten().sum();
            moved < missing.iter().sum()
        })
    }

    /// The largest common part, then whole guarantees one by one as far as that goes.
    fn largest_parts(&self) -> Parts {
        let n_roles = self.promised.len();
        let (mut least, mut most) = (0, FINE);
        while most - least > 1 {
            let middle = i128::midpoint(least, most);
            match self.lacking(&Parts::equal(middle, FINE, n_roles)) {
                None => least = middle,
                Some(_) => most = middle,
            }
        }
        // The part is a fraction of amounts of the snapshot: rounded down, it would cost whole units.
        let (numerator, whole) = simplest_between((least, FINE), (most, FINE));
        let exact = Parts::equal(numerator, whole, n_roles);
        let mut parts = match self.lacking(&exact) {
            None => exact,
            Some(_) => Parts::equal(least, FINE, n_roles),
        };
        let roles = (0..n_roles).filter(|&role| !self.promised[role].is_zero());
        for role in roles.take(MOST_TRIED) {
            let common = std::mem::replace(&mut parts.of[role], parts.whole);
            if self.lacking(&parts).is_some() {
                parts.of[role] = common;
            }
        }
        parts
    }

    /// Room for missing amounts that are known to have it, resource by resource.
    fn by_transport(&self, missing: &[Quantities]) -> Vec<BTreeMap<AgentIdx, Quantities>> {
        let n_resources = self.cluster.resources.len();
        let mut reserved: Vec<BTreeMap<AgentIdx, Quantities>> =
            vec![BTreeMap::new(); missing.len()];
        for resource in 0..n_resources {
            let own: Vec<i128> = missing.iter().map(|it| it.0[resource].into()).collect();
            let transport = self.transport(&own, i128::from, resource);
            let mut moved = transport.solve();
            let mut free: Vec<i64> = self
                .free
                .iter()
                .map(|room| room.0[resource].max(0))
                .collect();
            for (role, &own) in own.iter().enumerate() {
                let mut own = own;
                let set = self.set_of[role];
                for (&cell, moved) in self.sets[set].iter().zip(&mut moved[set]) {
                    let part = own.min(*moved);
                    own -= part;
                    *moved -= part;
                    let mut part = whole(part);
                    for &agent in &self.cells[cell].agents {
                        let taken = part.min(free[agent.at()]);
                        if taken > 0 {
                            free[agent.at()] -= taken;
                            part -= taken;
                            let held = reserved[role].entry(agent);
                            held.or_insert_with(|| Quantities::zero(n_resources)).0[resource] +=
                                taken;
                        }
                    }
                }
            }
        }
        reserved
    }
}

/// Moves what is open, as far as there is room on the agent, to what is reserved there.
pub(crate) fn take(
    open: &mut Quantities,
    room: &mut Quantities,
    agent: AgentIdx,
    reserved: &mut BTreeMap<AgentIdx, Quantities>,
) {
    let n_resources = open.0.len();
    for (resource, (open, room)) in open.0.iter_mut().zip(&mut room.0).enumerate() {
        let part = (*open).min(*room);
        if part > 0 {
            *open -= part;
            *room -= part;
            let held = reserved.entry(agent);
            held.or_insert_with(|| Quantities::zero(n_resources)).0[resource] += part;
        }
    }
}

/// The fraction with the smallest denominator of those from `low` to `high`, which are not negative.
///
/// # Source
/// Continued fractions (the Stern-Brocot tree): a whole number where one lies between; else the whole part, and one over
/// the simplest fraction between the reciprocals of what is beyond it.
fn simplest_between(low: (i128, i128), high: (i128, i128)) -> (i128, i128) {
    let whole = low.0 / low.1;
    if whole * low.1 == low.0 {
        return (whole, 1);
    }
    if (whole + 1) * high.1 <= high.0 {
        return (whole + 1, 1);
    }
    let over = |it: (i128, i128)| (it.1, it.0 - whole * it.1);
    let (denominator, numerator) = simplest_between(over(high), over(low));
    (whole * denominator + numerator, denominator)
}

fn whole(amount: i128) -> i64 {
    i64::try_from(amount).expect("a guarantee is an amount of the snapshot")
}

/// Kinds of agents, dedicated ones apart; and the cells of each kind.
fn cells(cluster: &Cluster, census: &Census) -> (Vec<Cell>, Vec<Vec<usize>>) {
    let mut cells = Vec::new();
    let mut of_kind = vec![Vec::new(); census.kinds.len()];
    for (at, kind) in census.kinds.iter().enumerate() {
        let open = |agent: &AgentIdx| !cluster.agent(*agent).cordoned;
        let usable = kind.agents.iter().copied().filter(open);
        let (plain, dedicated): (Vec<_>, Vec<_>) =
            usable.partition(|&agent| cluster.agent(agent).dedicated.is_none());
        for agents in [plain, dedicated] {
            if !agents.is_empty() {
                of_kind[at].push(cells.len());
                cells.push(Cell {
                    agents,
                    class: kind.class,
                });
            }
        }
    }
    (cells, of_kind)
}

/// Cells that any role without a task of its own may use.
fn open_cells(cluster: &Cluster, cells: &[Cell]) -> Vec<usize> {
    let open = |cell: &Cell| cluster.agent(cell.agents[0]).dedicated.is_none();
    (0..cells.len())
        .filter(|&cell| open(&cells[cell]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simplest_fraction_has_the_least_denominator() {
        for denominator in 1..60_i128 {
            for numerator in 0..=denominator {
                let low = (numerator * FINE / denominator, FINE);
                let found = simplest_between(low, (low.0 + 1, FINE));
                let is_between =
                    |n: i128, d: i128| n * FINE >= low.0 * d && n * FINE <= (low.0 + 1) * d;
                let mut all = (1..=denominator).flat_map(|d| (0..=d).map(move |n| (n, d)));
                assert_eq!(Some(found), all.find(|&(n, d)| is_between(n, d)));
            }
        }
    }
}
