//! The rules beside nash: the least first, level by level.
//!
//! # Model
//! Each member has a scale `a_p > 0`; the leximin of `u_p / a_p` over `F` (above the floors, where there are any). A level
//! is one linear program: the largest `t` such that `u_p >= t a_p` for everybody who is not settled yet, while whoever is
//! settled keeps its level. Members whose row has a positive multiplier cannot have more than `t a_p` and are settled.
//!
//! `maxmin` has `a_p = w_p h_p`, where `h_p` is what `p` could place if the whole cluster were its own. `drf` has
//! `a_p = w_p / d_p` where an instance is worth its dominant share (its largest fraction of what the cluster has of a
//! resource) instead of its value, and `d_p = 1`.

use apportion_cluster::{Cluster, Quantities};
use apportion_models::welfare::{Block, Objective, Problem, solve_until};

use super::alone::{Room, alone};
use super::market::{Market, Member, Scope, needs};
use super::share::ACCURACY;

mod filling;

/// A multiplier of a level's row above this settles its member; the multipliers of a level add up to 1.
const POSITIVE: f64 = 1e-7;

/// Members beyond which progressive filling takes steps instead of levels: a level is a linear program with a row for each.
const MANY_MEMBERS: usize = 250;

/// The most valuable allocation of each member, were the whole cluster its own.
pub(super) fn alone_values(market: &Market) -> Vec<f64> {
    let whole = market.whole();
    let members = market.members.iter().enumerate();
    let value = |(position, member): (usize, &Member)| {
        let rows = market.limits_on[position].iter();
        let limits: Vec<(usize, f64)> = rows
            .map(|&at| (market.limits[at].resource, market.limits[at].amount))
            .collect();
        let room = Room {
            market,
            capacities: &whole.capacities,
            halves: &whole.halves,
            limits: &limits,
        };
        market.value(position, &alone(member, &room))
    };
    members.map(value).collect()
}

/// The leximin of `u_p / (w_p h_p)` above the floors; amounts by block and column of the market's problem.
pub(super) fn maxmin(
    market: &Market,
    whole: &Scope,
    floors: Option<&[f64]>,
    stop: &dyn Fn() -> bool,
) -> Vec<Vec<f64>> {
    let alone = alone_values(market);
    let scales: Vec<f64> = market
        .members
        .iter()
        .zip(&alone)
        .map(|(member, alone)| member.weight * alone)
        .collect();
    let problem = market.problem(whole, Objective::Linear, floors);
    let values: Vec<Vec<f64>> = problem
        .blocks()
        .iter()
        .map(|block| block.values().to_vec())
        .collect();
    leximin(&problem, &values, &scales, stop)
}

/// The leximin of dominant share over weight, as fluid progressive filling reaches it.
pub(super) fn drf(
    cluster: &Cluster,
    market: &Market,
    whole: &Scope,
    stop: &dyn Fn() -> bool,
) -> Vec<Vec<f64>> {
    let mut total = vec![0_i128; cluster.resources.len()];
    for agent in &cluster.agents {
        for (total, &amount) in total.iter_mut().zip(&agent.capacity.0) {
            *total += i128::from(amount);
        }
    }
    if market.members.len() > MANY_MEMBERS {
        return filling::fill(market, whole, &total);
    }
    let problem = market.problem(whole, Objective::Linear, None);
    let mut values: Vec<Vec<f64>> = problem
        .blocks()
        .iter()
        .map(|block| vec![0.0; block.columns()])
        .collect();
    for (member, values) in market.members.iter().zip(&mut values) {
        let mut at = 0;
        for group in &member.groups {
            let dominant = dominant_share(&group.demand, &total);
            for _ in &group.columns {
                values[at] = dominant;
                at += 1;
            }
        }
    }
    let scales: Vec<f64> = market.members.iter().map(|member| member.weight).collect();
    leximin(&problem, &values, &scales, stop)
}

/// The largest fraction that an instance needs of what the cluster has; of what is nowhere, nothing can be shared.
fn dominant_share(demand: &Quantities, total: &[i128]) -> f64 {
    needs(demand)
        .filter(|&(resource, _)| total[resource] > 0)
        .map(|(resource, need)| need as f64 / total[resource] as f64)
        .fold(0.0, f64::max)
}

/// The leximin of `values . x / scale` over the members' blocks, which come first among the problem's.
fn leximin(
    problem: &Problem,
    values: &[Vec<f64>],
    scales: &[f64],
    stop: &dyn Fn() -> bool,
) -> Vec<Vec<f64>> {
    let n_members = scales.len();
    let mut settled: Vec<Option<f64>> = vec![None; n_members];
    let mut best: Vec<Vec<f64>> = problem
        .blocks()
        .iter()
        .map(|block| vec![0.0; block.columns()])
        .collect();
    while settled.contains(&None) && !stop() {
        let level = Level::of(problem, values, scales, &settled);
        let solution = solve_until(&level.problem, &ACCURACY, stop)
            .expect("capacities, demands, values and weights are finite");
        let t = solution
            .x
            .last()
            .and_then(|x| x.first())
            .copied()
            .unwrap_or(0.0);
        let mut open: Vec<(f64, usize)> = (0..n_members)
            .filter(|&member| settled[member].is_none())
            .map(|member| {
                (
                    solution.duals.shared[level.rows[member]] * scales[member],
                    member,
                )
            })
            .collect();
        open.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        let largest = open[0].0;
        for (at, (dual, member)) in open.into_iter().enumerate() {
            if at == 0 || dual > POSITIVE * largest.max(POSITIVE) {
                settled[member] = Some(t * scales[member]);
            }
        }
        best = solution.x[..problem.blocks().len()].to_vec();
    }
    best
}

/// The program of one level.
struct Level {
    problem: Problem,
    /// The shared row of each member.
    rows: Vec<usize>,
}

impl Level {
    fn of(base: &Problem, values: &[Vec<f64>], scales: &[f64], settled: &[Option<f64>]) -> Self {
        let mut problem = Problem::new(Objective::Linear);
        for &bound in base.shared_bounds() {
            problem.add_shared_row(bound);
        }
        let rows: Vec<usize> = settled
            .iter()
            .map(|level| problem.add_shared_row(-level.unwrap_or(0.0) * (1.0 - 1e-10)))
            .collect();
        for (at, (old, values)) in base.blocks().iter().zip(values).enumerate() {
            let mut block = Block::new(1.0);
            for &bound in old.own_bounds() {
                block.add_own_row(bound);
            }
            for (column, &value) in values.iter().enumerate() {
                let narrow = |&(row, coefficient): &(u32, f64)| (row as usize, coefficient);
                let counts = rows.get(at).filter(|_| value > 0.0);
                let shared = old.shared_entries(column).iter().map(narrow);
                block.add_column(
                    0.0,
                    old.uppers()[column],
                    shared.chain(counts.map(|&row| (row, -value))),
                    old.own_entries(column).iter().map(narrow),
                );
            }
            problem.add_block(block);
        }
        let mut t = Block::new(1.0);
        let open = (0..settled.len()).filter(|&member| settled[member].is_none());
        let entries = open.map(|member| (rows[member], scales[member]));
        t.add_column(1.0, f64::INFINITY, entries, []);
        problem.add_block(t);
        Self { problem, rows }
    }
}
