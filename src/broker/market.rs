//! The rows and columns of the broker's programs: who wants what where, and what is shared.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, FrameworkIdx, GroupIdx, LevelIdx, Quantities, TaskIdx};
use apportion_models::welfare::{Block, Duals, Objective, Problem};
use apportion_policies::Bid;
use rayon::prelude::*;

use super::classes::Census;
use super::demand::{Demands, Wanted, wanted};
use super::domains::{Cap, Counted};
use super::guarantees::{Guarantee, place};
use super::half::{Half, Whole};
use super::tree::{Tree, limits};
use super::weights::weights;

/// Rows of limits per failure domain up to which they are among those of the programs: each makes a member's columns differ,
/// which costs time.
const MOST_DOMAIN_ROWS: usize = 2_000;
/// A limit is reached by what is more than it by this, relatively and in instances.
const REACHED: f64 = 1e-9;

/// Tasks of one framework that are alike to the broker: equal demand, value and rules. One column per class stands
/// for all of them; what fits and what is wanted adds up.
#[derive(Debug)]
pub(super) struct Group {
    pub tasks: Vec<Wanted>,
    pub demand: Quantities,
    pub value: i64,
    /// `n`: the sum over the tasks.
    pub most: f64,
    /// By class, ascending.
    pub columns: Vec<Column>,
}

/// A group on a class.
#[derive(Debug)]
pub(super) struct Column {
    pub class: usize,
    /// Room on the class's agents.
    pub room: f64,
    /// The same within limits per failure domain.
    pub fit: f64,
    /// Whether some share would be more than what fits.
    is_reached: bool,
    /// Half rows that count it, by position in [`Market::halves`], and how much of each one instance takes.
    halves: Vec<(usize, f64)>,
    /// Rows of failure domains that count it, by position in [`Member::domains`].
    domains: Vec<usize>,
}

impl Column {
    /// What a share may be at most.
    pub fn most(&self, limits: Limits) -> f64 {
        match limits == Limits::All || self.is_reached {
            true => self.fit,
            false => self.room,
        }
    }

    /// Of the first so many half rows, those that count it, and how much of each one instance takes.
    pub fn halves(&self, n_rows: usize) -> impl Iterator<Item = (usize, f64)> {
        let halves = self.halves.iter().copied();
        halves.take_while(move |&(half, _)| half < n_rows)
    }

    /// Has a half row count it, after those that do.
    pub fn add_half(&mut self, half: usize, count: f64) {
        self.halves.push((half, count));
    }
}

/// A framework that takes part.
#[derive(Debug)]
pub(super) struct Member {
    pub framework: FrameworkIdx,
    pub weight: f64,
    /// Value of its smallest task or gang.
    pub unit: i128,
    pub groups: Vec<Group>,
    /// Limits per failure domain that what fits and what is wanted do not imply.
    pub domains: Vec<DomainRow>,
}

/// The most instances in failure domains that are alike.
#[derive(Debug)]
pub(super) struct DomainRow {
    pub level: LevelIdx,
    /// A class of agents in these domains.
    pub class: usize,
    /// What is counted, and the most of each: tasks that are alike, or one group.
    pub counted: Vec<(Counted, f64)>,
    /// The sum of these.
    pub most: f64,
    /// The counted columns, by group and position.
    columns: Vec<(usize, usize)>,
    /// Whether some share would be more.
    is_reached: bool,
}

/// Which limits per failure domain are among the rows of a program. Those that no share reaches would only draw shares away from them:
/// what has a bound on a class stays clear of it, and is spread over classes as bounds are, instead of as capacity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limits {
    All,
    Reached,
}

impl DomainRow {
    /// The only group that it counts, if it is one.
    pub fn group(&self) -> Option<usize> {
        let (first, _) = self.columns[0];
        let alone = self.columns.iter().all(|&(group, _)| group == first);
        alone.then_some(first)
    }
}

impl Member {
    /// Scales amounts by group and column down to what limits per failure domain leave.
    pub fn fit_into_domains(&self, amounts: &mut [Vec<f64>]) {
        for row in &self.domains {
            let load: f64 = row.columns.iter().map(|&(g, c)| amounts[g][c]).sum();
            if load > row.most {
                for &(g, c) in &row.columns {
                    amounts[g][c] *= row.most / load;
                }
            }
        }
    }
}

/// The most of a resource that a subtree may hold.
#[derive(Debug)]
pub(super) struct LimitRow {
    pub role: usize,
    pub resource: usize,
    pub amount: f64,
    /// Members below the role that need the resource, ascending.
    pub members: Vec<usize>,
}

/// What of a resource a subtree is sure to have: what it uses, and what is held for it and the roles below.
#[derive(Debug)]
pub(super) struct GuaranteeRow {
    pub role: usize,
    pub resource: usize,
    pub amount: f64,
    /// Members below the role, ascending.
    pub members: Vec<usize>,
    /// Classes where it may be held, ascending.
    pub classes: Vec<usize>,
    /// Rows of the roles above it and of its own: what is held for it counts in each.
    pub above: Vec<usize>,
}

/// Whose rows a row is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Shared,
    /// The only member that it binds.
    Own(usize),
    /// No member: a block of its own.
    Alone,
}

/// Everything that shares and certificates are computed from.
#[derive(Debug)]
pub(super) struct Market {
    pub census: Census,
    pub tree: Tree,
    pub members: Vec<Member>,
    /// Frameworks with demand of which nothing can ever be placed, and why.
    pub excluded: Vec<(FrameworkIdx, String)>,
    pub guarantees: Vec<Guarantee>,
    /// Those of agents, then those of devices.
    pub halves: Vec<Half>,
    /// Whether rows of failure domains are among those of the programs.
    has_domains: bool,
    pub limits: Vec<LimitRow>,
    pub holds: Vec<GuaranteeRow>,
    limit_places: Vec<Place>,
    hold_places: Vec<Place>,
    /// Limits and guarantees that count each member.
    pub limits_on: Vec<Vec<usize>>,
    holds_on: Vec<Vec<usize>>,
    /// Class and resource of each capacity row; rows of `halves`, shared limits and shared guarantees follow.
    pub capacities: Vec<(usize, usize)>,
    pub capacity_row: BTreeMap<(usize, usize), usize>,
}

/// Amounts by member, group and column.
pub(super) type Amounts = Vec<Vec<Vec<f64>>>;

/// A part of the cluster, and who is in it: right-hand sides of the rows that frameworks share.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Ascending.
    pub members: Vec<usize>,
    /// By capacity row.
    pub capacities: Vec<f64>,
    /// By half row; those of devices, which are the last, may be left out.
    pub halves: Vec<f64>,
    /// By limit row; `None` where it is no part of this.
    pub limits: Vec<Option<f64>>,
    /// By guarantee row: whether it is a part of this.
    pub holds: Vec<bool>,
    pub of_domains: Limits,
}

impl Market {
    /// `out` are frameworks that are left out besides those of which nothing fits anywhere, and why.
    pub fn of(cluster: &Cluster, bids: &[Bid], out: &[(FrameworkIdx, String)]) -> Self {
        let census = Census::of(cluster, bids);
        let mut bidding = wanted(bids, &mut Demands::new(cluster, &census));
        let limits = limits(cluster);
        let tree = Tree::of(cluster);
        let mut members = Vec::new();
        let mut excluded = out.to_vec();
        let mut blocked = Vec::new();
        for (at, bidding) in bidding.iter_mut().enumerate() {
            let framework = FrameworkIdx::of(at);
            let role = cluster.framework(framework).role.at();
            let had = !bidding.is_empty();
            // What no limit lets in is not wanted.
            bidding.retain(|(_, wanted)| {
                let demand = &cluster.task(wanted.task).demand.0;
                wanted.runs
                    || tree.upward(role).all(|role| {
                        let within = limits[role].iter().zip(demand);
                        within.clone().all(|(limit, &need)| {
                            need == 0 || limit.is_none_or(|limit| limit >= i128::from(need))
                        })
                    })
            });
            if had && bidding.is_empty() {
                let text = "the limits of its role are less than any of its tasks needs";
                blocked.push((framework, text.to_owned()));
            }
        }
        let guarantees = place(cluster, &census, &bidding);
        for (at, bidding) in bidding.into_iter().enumerate() {
            let framework = FrameworkIdx::of(at);
            if bidding.is_empty() || out.iter().any(|(out, _)| *out == framework) {
                continue;
            }
            match obstacle(cluster, bidding.iter().map(|(_, wanted)| wanted)) {
                Some(reason) => excluded.push((framework, reason)),
                None => {
                    let usable = bidding.iter().filter(|(_, wanted)| wanted.whole > 0.0);
                    let unit = usable.map(|(bid, _)| {
                        i128::from(bid.value) * i128::from(bid.unit.clamp(1, bid.instances))
                    });
                    let unit = unit.min().unwrap_or(0);
                    let wanted = bidding.into_iter().map(|(bid, wanted)| (bid.value, wanted));
                    members.push(Member {
                        framework,
                        weight: 0.0,
                        unit,
                        groups: groups(cluster, &census, wanted),
                        domains: Vec::new(),
                    });
                }
            }
        }
        excluded.extend(blocked);
        excluded.sort();
        let n_members = members.len();
        let mut market = Self {
            census,
            tree,
            members,
            excluded,
            guarantees,
            halves: Vec::new(),
            has_domains: false,
            limits: Vec::new(),
            holds: Vec::new(),
            limit_places: Vec::new(),
            hold_places: Vec::new(),
            limits_on: vec![Vec::new(); n_members],
            holds_on: vec![Vec::new(); n_members],
            capacities: Vec::new(),
            capacity_row: BTreeMap::new(),
        };
        market.weigh(cluster);
        market.number_limits(cluster, &limits);
        market.number_holds(cluster);
        market.number_capacities();
        market.number_halves(cluster);
        market.number_domains();
        market
    }

    fn weigh(&mut self, cluster: &Cluster) {
        let mut active = vec![false; cluster.frameworks.len()];
        for member in &self.members {
            active[member.framework.at()] = true;
        }
        let weights = weights(cluster, &active);
        for member in &mut self.members {
            member.weight = weights[member.framework.at()];
        }
    }

    /// Members below each role, ascending.
    fn members_below(&self, cluster: &Cluster) -> Vec<Vec<usize>> {
        let mut below = vec![Vec::new(); cluster.roles.len()];
        for (position, member) in self.members.iter().enumerate() {
            for role in self
                .tree
                .upward(cluster.framework(member.framework).role.at())
            {
                below[role].push(position);
            }
        }
        below
    }

    /// The limits that can bind.
    fn number_limits(&mut self, cluster: &Cluster, limits: &[Vec<Option<i128>>]) {
        let below = self.members_below(cluster);
        let mut total = vec![0_i128; cluster.resources.len()];
        for class in &self.census.classes {
            for (total, amount) in total.iter_mut().zip(&class.capacity) {
                *total += amount;
            }
        }
        for (role, limits) in limits.iter().enumerate() {
            for (resource, limit) in limits.iter().enumerate() {
                let Some(amount) = limit.filter(|&limit| limit < total[resource]) else {
                    continue;
                };
                let needing = |&position: &usize| {
                    let mut groups = self.members[position].groups.iter();
                    groups.any(|group| group.demand.0[resource] > 0)
                };
                let members: Vec<usize> = below[role].iter().copied().filter(needing).collect();
                let place = match members[..] {
                    [] => continue,
                    [only] => Place::Own(only),
                    _ => Place::Shared,
                };
                for &member in &members {
                    self.limits_on[member].push(self.limits.len());
                }
                self.limit_places.push(place);
                self.limits.push(LimitRow {
                    role,
                    resource,
                    amount: amount as f64,
                    members,
                });
            }
        }
    }

    /// The guarantees that are held.
    fn number_holds(&mut self, cluster: &Cluster) {
        let below = self.members_below(cluster);
        let mut rows: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for guarantee in self.guarantees.iter().filter(|it| it.held) {
            let role = guarantee.role.at();
            let amounts = guarantee.amounts.0.iter().enumerate();
            for (resource, &amount) in amounts.filter(|(_, amount)| **amount > 0) {
                let usable = |class: &usize| {
                    guarantee.classes.contains(class)
                        && self.census.classes[*class].capacity[resource] > 0
                };
                rows.insert((role, resource), self.holds.len());
                self.holds.push(GuaranteeRow {
                    role,
                    resource,
                    amount: amount as f64,
                    members: below[role].clone(),
                    classes: (0..self.census.classes.len()).filter(usable).collect(),
                    above: Vec::new(),
                });
            }
        }
        let mut nested = vec![false; self.holds.len()];
        for at in 0..self.holds.len() {
            let hold = &self.holds[at];
            let above = self.tree.upward(hold.role);
            let above: Vec<usize> = above
                .filter_map(|role| rows.get(&(role, hold.resource)).copied())
                .collect();
            if above.len() > 1 {
                above.iter().for_each(|&row| nested[row] = true);
            }
            self.holds[at].above = above;
        }
        for (at, hold) in self.holds.iter().enumerate() {
            let place = match hold.members[..] {
                [] if !nested[at] => Place::Alone,
                [only] if !nested[at] => Place::Own(only),
                _ => Place::Shared,
            };
            for &member in &hold.members {
                self.holds_on[member].push(at);
            }
            self.hold_places.push(place);
        }
    }

    fn number_capacities(&mut self) {
        let mut used = BTreeSet::new();
        for group in self.members.iter().flat_map(|member| &member.groups) {
            for column in &group.columns {
                used.extend(needs(&group.demand).map(|(resource, _)| (column.class, resource)));
            }
        }
        for hold in &self.holds {
            used.extend(hold.classes.iter().map(|&class| (class, hold.resource)));
        }
        self.capacities = used.into_iter().collect();
        self.capacity_row = self
            .capacities
            .iter()
            .enumerate()
            .map(|(row, &key)| (key, row))
            .collect();
    }

    fn number_domains(&mut self) {
        for member in &mut self.members {
            member.domains = domain_rows(&member.groups);
            for (at, row) in member.domains.iter().enumerate() {
                for &(g, c) in &row.columns {
                    member.groups[g].columns[c].domains.push(at);
                }
            }
        }
        let rows = self.members.iter().map(|member| member.domains.len());
        self.has_domains = rows.sum::<usize>() <= MOST_DOMAIN_ROWS;
    }

    /// Rows of failure domains of a member, as far as they are among those of the programs.
    pub fn domains<'m>(&self, member: &'m Member) -> &'m [DomainRow] {
        if self.has_domains {
            &member.domains
        } else {
            &[]
        }
    }

    /// Those of them that count a column, by position.
    pub fn domains_of<'c>(&self, column: &'c Column) -> &'c [usize] {
        if self.has_domains {
            &column.domains
        } else {
            &[]
        }
    }

    /// Positions of the rows of failure domains that a program with these limits has.
    pub fn domains_in<'m>(
        &self,
        member: &'m Member,
        limits: Limits,
    ) -> impl Iterator<Item = usize> + use<'m> {
        let rows = self.domains(member).iter().enumerate();
        let rows = rows.filter(move |(_, row)| limits == Limits::All || row.is_reached);
        rows.map(|(at, _)| at)
    }

    /// Notes which limits per failure domain amounts go beyond; whether there are any.
    pub fn reach(&mut self, amounts: &Amounts) -> bool {
        let has_domains = self.has_domains;
        let mut is_more = false;
        let mut note = |reached: &mut bool, amount: f64, most: f64| {
            if !*reached && amount > most * (1.0 + REACHED) + REACHED {
                *reached = true;
                is_more = true;
            }
        };
        for (member, amounts) in self.members.iter_mut().zip(amounts) {
            for (group, amounts) in member.groups.iter_mut().zip(amounts) {
                for (column, &amount) in group.columns.iter_mut().zip(amounts) {
                    note(&mut column.is_reached, amount, column.fit);
                }
            }
            for row in member.domains.iter_mut().filter(|_| has_domains) {
                let load = row.columns.iter().map(|&(g, c)| amounts[g][c]).sum();
                note(&mut row.is_reached, load, row.most);
            }
        }
        is_more
    }

    /// Multipliers of a program that has the limits that were reached, for one that has all of them.
    pub fn with_all_limits(&self, mut duals: Duals) -> Duals {
        for (member, own) in self.members.iter().zip(&mut duals.own) {
            let mut rest = own.split_off(member.groups.len()).into_iter();
            for row in self.domains(member) {
                let known = if row.is_reached { rest.next() } else { None };
                own.push(known.unwrap_or(0.0));
            }
            own.extend(rest);
        }
        duals
    }

    /// Everything and everybody, as shares see it: a part of a device is as good as any other, and what whole devices
    /// lose is the plan's to show.
    pub fn fractional(&self) -> Scope {
        let mut scope = self.whole();
        let of_agents = self.halves.iter();
        let of_agents = of_agents.take_while(|half| half.whole == Whole::Agent);
        scope.halves.truncate(of_agents.count());
        scope
    }

    /// Everything and everybody.
    pub fn whole(&self) -> Scope {
        let capacity = |&(class, resource): &(usize, usize)| {
            self.census.classes[class].capacity[resource] as f64
        };
        Scope {
            members: (0..self.members.len()).collect(),
            capacities: self.capacities.iter().map(capacity).collect(),
            halves: self.halves.iter().map(|half| half.most).collect(),
            limits: self.limits.iter().map(|limit| Some(limit.amount)).collect(),
            holds: vec![true; self.holds.len()],
            of_domains: Limits::All,
        }
    }

    /// Leaves out limits of members with one group that its demand implies.
    pub fn leave_out_loose(&self, scope: &mut Scope) {
        for (at, limit) in self.limits.iter().enumerate() {
            if let Place::Own(member) = self.limit_places[at]
                && let [group] = &self.members[member].groups[..]
                && group.most * group.demand.0[limit.resource] as f64 <= limit.amount
            {
                scope.limits[at] = None;
            }
        }
    }

    /// Leaves out guarantees of members with one group of which these values use as much.
    pub fn leave_out_reached(&self, scope: &mut Scope, values: &[f64]) {
        for (at, hold) in self.holds.iter().enumerate() {
            if let Place::Own(member) = self.hold_places[at]
                && let [group] = &self.members[member].groups[..]
            {
                let need = group.demand.0[hold.resource] as f64;
                let used = need * values[member] / group.value as f64;
                scope.holds[at] &= used < hold.amount;
            }
        }
    }

    /// Limits and guarantees at a place, of those that a scope has.
    pub fn rows_at(&self, place: Place, scope: &Scope) -> (Vec<usize>, Vec<usize>) {
        let limits = 0..self.limits.len();
        let holds = 0..self.holds.len();
        (
            limits
                .filter(|&at| self.limit_places[at] == place && scope.limits[at].is_some())
                .collect(),
            holds
                .filter(|&at| self.hold_places[at] == place && scope.holds[at])
                .collect(),
        )
    }

    /// A member's own limits and guarantees, of those that a scope has.
    pub fn own_rows(&self, member: usize, scope: &Scope) -> (Vec<usize>, Vec<usize>) {
        let own = Place::Own(member);
        let limits = self.limits_on[member].iter().copied();
        let holds = self.holds_on[member].iter().copied();
        (
            limits
                .filter(|&at| self.limit_places[at] == own && scope.limits[at].is_some())
                .collect(),
            holds
                .filter(|&at| self.hold_places[at] == own && scope.holds[at])
                .collect(),
        )
    }

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
        (limit_row, hold_row): (&BTreeMap<usize, usize>, &BTreeMap<usize, usize>),
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

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.members
            .iter()
            .flat_map(|member| &member.groups)
            .map(|group| group.columns.len())
            .sum()
    }
}

impl Group {
    /// Takes amounts by class apart into amounts by task and column: first tasks first, each within what fits of it
    /// and what is wanted of it. What no task can take alone is left out.
    pub fn split(&self, amounts: &[f64], census: &Census) -> Vec<(TaskIdx, usize, f64)> {
        if let [only] = &self.tasks[..] {
            let columns = amounts
                .iter()
                .enumerate()
                .filter(|(_, amount)| **amount > 0.0);
            return columns
                .map(|(column, &amount)| (only.task, column, amount))
                .collect();
        }
        let mut left = amounts.to_vec();
        let mut tasks: Vec<Open<'_>> = (self.tasks.iter())
            .map(|wanted| Open::new(wanted, self.columns.len()))
            .collect();
        let total: f64 = left.iter().sum();
        if self.tasks.iter().any(Wanted::has_limits) {
            // Each as it all lies, or the last ones find nothing but classes where they are at their limits.
            let mut rest = total;
            for task in &mut tasks {
                let part = task.open.min(rest) / total;
                rest -= part * total;
                for (column, &amount) in amounts.iter().enumerate() {
                    let class = self.columns[column].class;
                    left[column] -= task.take((column, class), part * amount, census);
                }
            }
        }
        for task in &mut tasks {
            for (column, amount) in left.iter_mut().enumerate() {
                let class = self.columns[column].class;
                *amount -= task.take((column, class), *amount, census);
            }
        }
        let parts = tasks.iter().flat_map(|task| {
            let taken = task.taken.iter().enumerate();
            let taken = taken.filter(|(_, amount)| **amount > 0.0);
            taken.map(|(column, &amount)| (task.wanted.task, column, amount))
        });
        parts.collect()
    }
}

/// What a task may still take of amounts by column.
struct Open<'w> {
    wanted: &'w Wanted,
    open: f64,
    /// By limit of its own: the set of each class, and the most that is left in each set.
    domains: Vec<(&'w [usize], Vec<f64>)>,
    taken: Vec<f64>,
}

impl<'w> Open<'w> {
    fn new(wanted: &'w Wanted, n_columns: usize) -> Self {
        let own = wanted.caps.iter().filter(|cap| cap.group().is_none());
        Self {
            wanted,
            open: wanted.most,
            domains: own
                .map(|cap| (&cap.sets.of_class[..], cap.most.clone()))
                .collect(),
            taken: vec![0.0; n_columns],
        }
    }

    /// Takes up to `amount` of a column; how much.
    fn take(&mut self, (column, class): (usize, usize), amount: f64, census: &Census) -> f64 {
        if amount <= 0.0 || self.open <= 0.0 {
            return 0.0;
        }
        let fit = self.wanted.fit(class, census) - self.taken[column];
        let domains = self
            .domains
            .iter()
            .map(|(set_of, open)| open[set_of[class]]);
        let part = domains
            .fold(fit.min(amount).min(self.open), f64::min)
            .max(0.0);
        self.taken[column] += part;
        self.open -= part;
        for (set_of, open) in &mut self.domains {
            open[set_of[class]] -= part;
        }
        part
    }
}

/// The resources that an instance needs, with amounts.
pub(super) fn needs(demand: &Quantities) -> impl Iterator<Item = (usize, i64)> + '_ {
    demand
        .0
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, need)| need > 0)
}

/// Why nothing of a framework can ever be placed; `None` if some job can, or runs where it fits.
///
/// What runs and fits nowhere stays, and has no share: no part of an agent would be worth anything to it.
fn obstacle<'w>(cluster: &Cluster, wanted: impl Iterator<Item = &'w Wanted>) -> Option<String> {
    let mut jobs: BTreeMap<usize, (f64, bool)> = BTreeMap::new();
    for it in wanted {
        let job = jobs.entry(cluster.task(it.task).job.at()).or_default();
        if it.fits_somewhere() {
            job.0 += it.whole;
            job.1 |= it.runs;
        }
    }
    let usable = |(&job, &(most, runs)): (&usize, &(f64, bool))| {
        runs || most >= cluster.jobs[job].gang_min.unwrap_or(1).max(1) as f64
    };
    if jobs.iter().any(usable) {
        return None;
    }
    let reason = if jobs.values().all(|(most, _)| *most == 0.0) {
        "no agent that its tasks may use holds one of them"
    } else {
        "each of its gangs needs more than the whole cluster holds"
    };
    Some(reason.to_owned())
}

/// Merges the tasks of one framework that are alike, in order of first appearance, higher priorities first within.
fn groups(
    cluster: &Cluster,
    census: &Census,
    wanted: impl Iterator<Item = (i64, Wanted)>,
) -> Vec<Group> {
    type Limits = Vec<(Option<GroupIdx>, LevelIdx, i64)>;
    type Key = (usize, Quantities, i64, Option<TaskIdx>, Limits);
    let mut position: BTreeMap<Key, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (value, wanted) in wanted {
        let demand = &cluster.task(wanted.task).demand;
        // A task that runs where it could not be placed is like no other.
        let apart = (!wanted.strays.is_empty()).then_some(wanted.task);
        let limits = wanted.caps.iter();
        let limits = limits.map(|cap| (cap.group(), cap.level, cap.max));
        let rules = census.rules_of(wanted.task);
        let key = (rules, demand.clone(), value, apart, limits.collect());
        let at = *position.entry(key).or_insert_with(|| {
            let group = Group {
                tasks: Vec::new(),
                demand: demand.clone(),
                value,
                most: 0.0,
                columns: Vec::new(),
            };
            groups.push(group);
            groups.len() - 1
        });
        groups[at].most += wanted.most;
        groups[at].tasks.push(wanted);
    }
    for group in &mut groups {
        group.tasks.sort_by_key(|wanted| {
            let priority = cluster.job(cluster.task(wanted.task).job).priority;
            (std::cmp::Reverse(priority), wanted.task)
        });
        let first = &group.tasks[0];
        let open = first.shape.classes.iter().map(|entry| entry.0);
        let strays = first
            .strays
            .iter()
            .map(|stray| census.class_of(stray.agent));
        let classes: BTreeSet<usize> = open.chain(strays).collect();
        let columns = classes.into_iter().map(|class| {
            let tasks = group.tasks.iter();
            Column {
                class,
                room: tasks.clone().map(|wanted| wanted.room(class, census)).sum(),
                fit: tasks.map(|wanted| wanted.fit(class, census)).sum(),
                is_reached: false,
                halves: Vec::new(),
                domains: Vec::new(),
            }
        });
        group.columns = columns.collect();
    }
    groups.retain(|group| !group.columns.is_empty());
    groups
}

/// Limits per failure domain of a member's groups, where what fits and what is wanted do not imply them.
fn domain_rows(groups: &[Group]) -> Vec<DomainRow> {
    // What a limit of its own lets in of each group, and a limit of several tasks of all that it counts.
    let mut limits: BTreeMap<(usize, Option<GroupIdx>, LevelIdx), Vec<usize>> = BTreeMap::new();
    for (g, group) in groups.iter().enumerate() {
        for cap in &group.tasks[0].caps {
            let alone = cap.group().map_or(g, |_| groups.len());
            let counted = limits.entry((alone, cap.group(), cap.level)).or_default();
            counted.push(g);
        }
    }
    let mut rows = Vec::new();
    for ((_, of_group, level), counted_groups) in limits {
        let is_this = |cap: &&Cap| (cap.group(), cap.level) == (of_group, level);
        let tasks = groups[counted_groups[0]].tasks.iter();
        let caps = tasks.filter_map(|wanted| wanted.caps.iter().find(is_this));
        let mut caps: Vec<&Cap> = caps.collect();
        if of_group.is_some() {
            // All that it counts has the same one.
            caps.truncate(1);
        }
        for set in 0..caps[0].sets.first.len() {
            let mut columns = Vec::new();
            let (mut fit, mut wanted) = (0.0, 0.0);
            for &g in &counted_groups {
                wanted += groups[g].most;
                for (c, column) in groups[g].columns.iter().enumerate() {
                    if caps[0].sets.of_class[column.class] == set {
                        columns.push((g, c));
                        fit += column.fit;
                    }
                }
            }
            let most: f64 = caps.iter().map(|cap| cap.most[set]).sum();
            if most < fit.min(wanted) {
                rows.push(DomainRow {
                    level,
                    class: caps[0].sets.first[set],
                    counted: caps
                        .iter()
                        .map(|cap| (cap.counted, cap.most[set]))
                        .collect(),
                    most,
                    columns,
                    is_reached: false,
                });
            }
        }
    }
    rows
}
