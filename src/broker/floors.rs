//! What a framework could place alone in a fraction of the cluster.

use apportion_models::welfare::{Block, Objective, Problem, solve};

use super::classes::Census;
use super::half::Half;
use super::market::{Group, Member, needs};
use super::share::ACCURACY;

/// The most valuable allocation of one member alone in `fraction` of every class and half row; its own demand and fit
/// rows bind as they are. Amounts by group and column; they satisfy every row.
///
/// Classes meet only in the demand rows, so the program has a block for each class and a shared row for each group: it
/// takes time linear in the classes.
pub(super) fn alone(
    member: &Member,
    fraction: f64,
    census: &Census,
    halves: &[Half],
) -> Vec<Vec<f64>> {
    if let [group] = &member.groups[..] {
        return vec![alone_of_one(group, fraction, census, halves)];
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
    for places in places.chunk_by(|left, right| left.0 == right.0) {
        problem.add_block(class_block(member, places, fraction, census, halves));
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
fn class_block(
    member: &Member,
    places: &[(usize, usize, usize)],
    fraction: f64,
    census: &Census,
    halves: &[Half],
) -> Block {
    let class = places[0].0;
    let capacity = &census.classes[class].capacity;
    let mut block = Block::new(1.0);
    for &amount in capacity {
        block.add_own_row(fraction * amount as f64);
    }
    let mut counted: Vec<usize> = places
        .iter()
        .flat_map(|&(_, g, c)| &member.groups[g].columns[c].halves)
        .copied()
        .collect();
    counted.sort_unstable();
    counted.dedup();
    for &half in &counted {
        block.add_own_row(fraction * halves[half].agents as f64);
    }
    for &(_, g, c) in places {
        let group = &member.groups[g];
        let needs = needs(&group.demand).map(|(resource, need)| (resource, need as f64));
        let halves = group.columns[c].halves.iter().map(|half| {
            let at = counted
                .binary_search(half)
                .expect("the half rows of the class were collected");
            (capacity.len() + at, 1.0)
        });
        block.add_column(
            group.value as f64,
            group.columns[c].fit,
            [(g, 1.0)],
            needs.chain(halves),
        );
    }
    block
}

/// One group alone: as much on every class as goes, or its demand, evenly.
fn alone_of_one(group: &Group, fraction: f64, census: &Census, halves: &[Half]) -> Vec<f64> {
    let most_on = |column: &super::market::Column| {
        let capacity = &census.classes[column.class].capacity;
        let by_need = needs(&group.demand)
            .map(|(resource, need)| fraction * capacity[resource] as f64 / need as f64);
        let by_half = column
            .halves
            .iter()
            .map(|&half| fraction * halves[half].agents as f64);
        by_need.chain(by_half).fold(column.fit, f64::min)
    };
    let mut amounts: Vec<f64> = group.columns.iter().map(most_on).collect();
    let total: f64 = amounts.iter().sum();
    let scale = if total > group.most {
        group.most / total
    } else {
        1.0
    };
    amounts.iter_mut().for_each(|amount| *amount *= scale);
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
