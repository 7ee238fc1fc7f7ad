//! The rows and columns of the broker's programs: who wants what where, and what is shared.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, FrameworkIdx, Quantities, TaskIdx};
use apportion_models::welfare::{Block, Objective, Problem};
use apportion_policies::Bid;

use super::classes::Census;
use super::demand::{Demands, Wanted};
use super::half::Half;
use super::weights::weights;

/// Tasks of one framework that are alike to the broker: equal demand, value and rules. One column per class stands
/// for all of them; what fits and what is wanted adds up.
#[derive(Debug)]
pub(super) struct Group {
    pub tasks: Vec<Wanted>,
    pub demand: Quantities,
    pub value: i64,
    /// `n`: the sum over the tasks.
    pub most: f64,
    pub columns: Vec<Column>,
}

/// A group on a class.
#[derive(Debug)]
pub(super) struct Column {
    pub class: usize,
    pub fit: f64,
    /// Half rows that count it, by position in [`Market::halves`].
    pub halves: Vec<usize>,
}

/// A framework that takes part.
#[derive(Debug)]
pub(super) struct Member {
    pub framework: FrameworkIdx,
    pub weight: f64,
    /// Value of its smallest task or gang.
    pub unit: i128,
    pub groups: Vec<Group>,
}

/// Everything that shares and certificates are computed from.
#[derive(Debug)]
pub(super) struct Market {
    pub census: Census,
    pub members: Vec<Member>,
    /// Frameworks with demand of which nothing can ever be placed, and why.
    pub excluded: Vec<(FrameworkIdx, String)>,
    pub halves: Vec<Half>,
    /// Class and resource of each capacity row; the rows of `halves` follow.
    pub capacities: Vec<(usize, usize)>,
    capacity_row: BTreeMap<(usize, usize), usize>,
}

/// Amounts by member, group and column.
pub(super) type Amounts = Vec<Vec<Vec<f64>>>;

impl Market {
    pub fn of(cluster: &Cluster, bids: &[Bid]) -> Self {
        let census = Census::of(cluster, bids);
        let mut demands = Demands::new(cluster, &census);
        let mut members = Vec::new();
        let mut excluded = Vec::new();
        for (at, bid) in bids.iter().enumerate() {
            let framework = FrameworkIdx::of(at);
            let classes = bid
                .classes
                .iter()
                .filter(|class| class.instances > 0 && class.value > 0);
            let wanted: Vec<_> = classes
                .map(|class| (*class, demands.wanted(class)))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            match obstacle(cluster, &demands, wanted.iter().map(|(_, wanted)| wanted)) {
                Some(reason) => excluded.push((framework, reason)),
                None => {
                    let unit =
                        wanted
                            .iter()
                            .filter(|(_, wanted)| wanted.whole > 0.0)
                            .map(|(bid, _)| {
                                i128::from(bid.value) * i128::from(bid.unit.clamp(1, bid.instances))
                            });
                    let unit = unit.min().unwrap_or(0);
                    let wanted = wanted.into_iter().map(|(bid, wanted)| (bid.value, wanted));
                    members.push(Member {
                        framework,
                        weight: 0.0,
                        unit,
                        groups: groups(cluster, &census, wanted),
                    });
                }
            }
        }
        let mut market = Self {
            census,
            members,
            excluded,
            halves: Vec::new(),
            capacities: Vec::new(),
            capacity_row: BTreeMap::new(),
        };
        market.weigh(cluster);
        market.number_capacities();
        market.number_halves(cluster);
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

    fn number_capacities(&mut self) {
        let mut used = BTreeSet::new();
        for group in self.members.iter().flat_map(|member| &member.groups) {
            for column in &group.columns {
                used.extend(needs(&group.demand).map(|(resource, _)| (column.class, resource)));
            }
        }
        self.capacities = used.into_iter().collect();
        self.capacity_row = self
            .capacities
            .iter()
            .enumerate()
            .map(|(row, &key)| (key, row))
            .collect();
    }

    /// The row of a half row among the shared rows of a problem.
    fn half_row(&self, half: usize) -> usize {
        self.capacities.len() + half
    }

    /// The program over `F`: a block for each member, an own row for each group's demand, then its floor, if any.
    pub fn problem(&self, objective: Objective, floors: Option<&[f64]>) -> Problem {
        let mut problem = Problem::new(objective);
        for &(class, resource) in &self.capacities {
            problem.add_shared_row(self.census.classes[class].capacity[resource] as f64);
        }
        for half in &self.halves {
            problem.add_shared_row(half.agents as f64);
        }
        for (position, member) in self.members.iter().enumerate() {
            let mut block = Block::new(member.weight);
            for group in &member.groups {
                let demand = block.add_own_row(group.most);
                for column in &group.columns {
                    let needs = needs(&group.demand).map(|(resource, need)| {
                        (self.capacity_row[&(column.class, resource)], need as f64)
                    });
                    let halves = column.halves.iter().map(|&half| (self.half_row(half), 1.0));
                    block.add_column(
                        group.value as f64,
                        column.fit,
                        needs.chain(halves),
                        [(demand, 1.0)],
                    );
                }
            }
            if let Some(floors) = floors {
                block.add_floor(floors[position]);
            }
            problem.add_block(block);
        }
        problem
    }

    /// Reads a solution by block and column as amounts by member, group and column.
    pub fn amounts(&self, x: &[Vec<f64>]) -> Amounts {
        let read = |(member, x): (&Member, &Vec<f64>)| {
            let mut rest = x.as_slice();
            let cut = |group: &Group| {
                let (own, after) = rest.split_at(group.columns.len());
                rest = after;
                own.to_vec()
            };
            member.groups.iter().map(cut).collect()
        };
        self.members.iter().zip(x).map(read).collect()
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
        let mut left: Vec<(usize, f64)> = amounts
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, amount)| *amount > 0.0)
            .collect();
        let mut parts = Vec::new();
        for wanted in &self.tasks {
            let mut open = wanted.most;
            for (column, amount) in &mut left {
                let fit = wanted.fit(self.columns[*column].class, census);
                let part = amount.min(open).min(fit);
                if part > 0.0 {
                    parts.push((wanted.task, *column, part));
                    *amount -= part;
                    open -= part;
                }
            }
            left.retain(|(_, amount)| *amount > 0.0);
        }
        parts
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

/// Why nothing of a framework can ever be placed; `None` if some job can, or runs.
fn obstacle<'w>(
    cluster: &Cluster,
    demands: &Demands<'_>,
    wanted: impl Iterator<Item = &'w Wanted>,
) -> Option<String> {
    let mut jobs: BTreeMap<usize, (f64, bool)> = BTreeMap::new();
    for it in wanted {
        let job = jobs.entry(cluster.task(it.task).job.at()).or_default();
        job.0 += it.whole;
        job.1 |= demands.runs(it.task);
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
    let mut position: BTreeMap<(usize, Quantities, i64, Option<TaskIdx>), usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (value, wanted) in wanted {
        let demand = &cluster.task(wanted.task).demand;
        // A task that runs where it could not be placed is like no other.
        let apart = (!wanted.strays.is_empty()).then_some(wanted.task);
        let key = (census.rules_of(wanted.task), demand.clone(), value, apart);
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
            let fit = group
                .tasks
                .iter()
                .map(|wanted| wanted.fit(class, census))
                .sum();
            Column {
                class,
                fit,
                halves: Vec::new(),
            }
        });
        group.columns = columns.collect();
    }
    groups.retain(|group| !group.columns.is_empty());
    groups
}
