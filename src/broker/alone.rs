//! What one framework could place if nobody else were there.

use std::collections::BTreeSet;

use apportion_models::welfare::{Block, Objective, Problem, solve};

use super::market::{Group, Market, Member, needs};
use super::share::ACCURACY;

/// Where one member is alone.
pub(super) struct Room<'a> {
    pub market: &'a Market,
    /// By capacity row.
    pub capacities: &'a [f64],
    /// By half row; those of devices may be left out.
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
/// Classes meet only in the rows of demand, failure domains and limits, groups only in those of classes, limits, and domains
/// that count several: the program has a block for each class, or for each group if there are more of these than rows of
/// classes. It takes time linear in the blocks and cubic in the rows that they share, the fewer of the two.
pub(super) fn alone(member: &Member, room: &Room<'_>) -> Vec<Vec<f64>> {
    if let [group] = &member.groups[..]
        && room.market.domains(member).is_empty()
    {
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
    let rows = class_rows(member, &places, room);
    let problem = if member.groups.len() <= rows.0.len() + rows.1.len() {
        places.sort_unstable();
        by_class(member, &places, room)
    } else {
        by_group(member, &rows, room)
    };
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

/// A block for each class, over columns by class.
fn by_class(member: &Member, places: &[(usize, usize, usize)], room: &Room<'_>) -> Problem {
    let mut problem = Problem::new(Objective::Linear);
    for group in &member.groups {
        problem.add_shared_row(group.most);
    }
    for &(_, amount) in room.limits {
        problem.add_shared_row(amount);
    }
    for row in room.market.domains(member) {
        problem.add_shared_row(row.most);
    }
    for places in places.chunk_by(|left, right| left.0 == right.0) {
        problem.add_block(class_block(member, places, room));
    }
    problem
}

/// Capacities, by class and resource, and half rows that a member's columns are in, each ascending.
type ClassRows = (Vec<(usize, usize)>, Vec<usize>);

fn class_rows(member: &Member, places: &[(usize, usize, usize)], room: &Room<'_>) -> ClassRows {
    let capacities = places.iter().flat_map(|&(class, g, _)| {
        needs(&member.groups[g].demand).map(move |(resource, _)| (class, resource))
    });
    let capacities: BTreeSet<(usize, usize)> = capacities.collect();
    let columns = places.iter().map(|&(_, g, c)| &member.groups[g].columns[c]);
    let halves = columns.flat_map(|column| column.halves(room.halves.len()));
    let halves: BTreeSet<usize> = halves.map(|(half, _)| half).collect();
    (
        capacities.into_iter().collect(),
        halves.into_iter().collect(),
    )
}

/// A block for each group, over columns by group.
fn by_group(member: &Member, (capacities, halves): &ClassRows, room: &Room<'_>) -> Problem {
    let mut problem = Problem::new(Objective::Linear);
    for &(class, resource) in capacities {
        problem.add_shared_row(room.capacity(class, resource));
    }
    for &half in halves {
        problem.add_shared_row(room.halves[half]);
    }
    for &(_, amount) in room.limits {
        problem.add_shared_row(amount);
    }
    let first_limit = capacities.len() + halves.len();
    let domains = room.market.domains(member);
    // The row of each that counts several groups.
    let across: Vec<Option<usize>> = (domains.iter())
        .map(|row| match row.group() {
            Some(_) => None,
            None => Some(problem.add_shared_row(row.most)),
        })
        .collect();
    for (g, group) in member.groups.iter().enumerate() {
        let mut block = Block::new(1.0);
        let demand = block.add_own_row(group.most);
        let own: Vec<Option<usize>> = (domains.iter())
            .map(|row| (row.group() == Some(g)).then(|| block.add_own_row(row.most)))
            .collect();
        for column in &group.columns {
            let needs = needs(&group.demand).map(|(resource, need)| {
                let row = capacities.binary_search(&(column.class, resource));
                (
                    row.expect("the rows of the class were collected"),
                    need as f64,
                )
            });
            let counted = column.halves(room.halves.len()).map(|(half, count)| {
                let row = halves.binary_search(&half);
                let row = row.expect("the rows of the class were collected");
                (capacities.len() + row, count)
            });
            let limits = room.limits.iter().enumerate();
            let limits = limits
                .map(|(at, &(resource, _))| (first_limit + at, group.demand.0[resource] as f64));
            let limits = limits.filter(|entry| entry.1 != 0.0);
            let in_domains = room.market.domains_of(column);
            let rows = |of: &[Option<usize>]| -> Vec<(usize, f64)> {
                let rows = in_domains.iter().filter_map(|&row| of[row]);
                rows.map(|row| (row, 1.0)).collect()
            };
            let shared = needs.chain(counted).chain(limits).chain(rows(&across));
            let own = std::iter::once((demand, 1.0)).chain(rows(&own));
            block.add_column(group.value as f64, column.fit, shared, own);
        }
        problem.add_block(block);
    }
    problem
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
    let columns = places.iter().map(|&(_, g, c)| &member.groups[g].columns[c]);
    let mut counted: Vec<usize> = columns
        .flat_map(|column| column.halves(room.halves.len()))
        .map(|(half, _)| half)
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
        let halves = group.columns[c].halves(room.halves.len());
        let halves = halves.map(|(half, count)| (resources.len() + at(&counted, half), count));
        let limits = room.limits.iter().enumerate();
        let limits = limits.map(|(at, &(resource, _))| {
            (member.groups.len() + at, group.demand.0[resource] as f64)
        });
        let first_domain = member.groups.len() + room.limits.len();
        let domains = room.market.domains_of(&group.columns[c]).iter();
        let domains = domains.map(|&row| (first_domain + row, 1.0));
        block.add_column(
            group.value as f64,
            group.columns[c].fit,
            std::iter::once((g, 1.0))
                .chain(limits.filter(|entry| entry.1 != 0.0))
                .chain(domains),
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
        let by_half = column.halves(room.halves.len());
        let by_half = by_half.map(|(half, count)| room.halves[half] / count);
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
