//! The rules beside nash: the least first, level by level.
//!
//! # Model
//! Each member has a scale `a_p > 0`; the leximin of `u_p / a_p` over `F` (above the floors, where there are any), level by level
//! (`leximin`).
//!
//! `maxmin` has `a_p = w_p h_p`, where `h_p` is what `p` could place if the whole cluster were its own. `drf` has
//! `a_p = w_p` where an instance is worth its dominant share (its largest fraction of what the cluster has of a
//! resource) instead of its value; in a tree of roles, how fast everybody rises changes on the way (`fluid`).

use apportion_cluster::{Cluster, Quantities};
use apportion_models::welfare::{Objective, Problem};

use super::alone::{Room, alone};
use super::market::{Group, Market, Member, Scope, needs};
use fluid::Fluid;
use leximin::Leximin;

mod filling;
mod fluid;
mod leximin;

/// Members beyond which progressive filling takes steps instead of levels: a level is a linear program over all of them.
const MANY_MEMBERS: usize = 250;

/// The most valuable allocation of each member, were the whole cluster its own.
pub(super) fn alone_values(market: &Market) -> Vec<f64> {
    let whole = market.fractional();
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
    let leximin = Leximin {
        problem: &problem,
        values: &values,
        scales: &scales,
        most: &alone,
        floor_rows: floors.map(|_| floor_rows(market, whole)),
    };
    leximin.solve(stop)
}

/// The position of each member's floor among the own rows of its block.
fn floor_rows(market: &Market, scope: &Scope) -> Vec<usize> {
    let members = market.members.iter().enumerate();
    let row = |(position, member): (usize, &Member)| {
        let (limits, holds) = market.own_rows(position, scope);
        let domains = market.domains_in(member, scope.of_domains).count();
        member.groups.len() + domains + limits.len() + holds.len()
    };
    members.map(row).collect()
}

/// The leximin of dominant share over weight, as fluid progressive filling reaches it; amounts by block and column of `problem`,
/// everybody's and everything's without floors.
pub(super) fn drf(
    cluster: &Cluster,
    market: &Market,
    whole: &Scope,
    problem: &Problem,
    stop: &dyn Fn() -> bool,
) -> Vec<Vec<f64>> {
    let total = cluster.total();
    let fluid = Fluid::of(cluster, market, &total);
    if market.members.len() > MANY_MEMBERS {
        return filling::fill(market, whole, problem, (&fluid, &total));
    }
    let problem = problem.clone().with_objective(Objective::Linear);
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
    let leximin = Leximin {
        problem: &problem,
        values: &values,
        scales: &scales,
        most: &vec![f64::INFINITY; scales.len()],
        floor_rows: None,
    };
    if fluid.is_flat() {
        return leximin.solve(stop);
    }
    leximin.follow(stop, |reached, is_open, x| {
        let mut held = Vec::with_capacity(reached.len());
        let mut ways = Vec::with_capacity(reached.len());
        let amounts = market.amounts(&whole.members, x);
        for (at, member) in market.members.iter().enumerate() {
            let taken: Vec<f64> = amounts[at].iter().map(|own| own.iter().sum()).collect();
            let mut parts = held_parts(&fluid, member.groups.iter().zip(&taken));
            let has: f64 = (member.groups.iter().zip(&taken))
                .map(|(group, taken)| taken * dominant_share(&group.demand, &total))
                .sum();
            if has > 0.0 {
                parts.iter_mut().for_each(|part| *part *= reached[at] / has);
            }
            held.push(parts);
            // What it takes next: of the first of its tasks that it does not have all of.
            let mut groups = member.groups.iter().zip(&taken);
            let next = groups.find(|(group, taken)| **taken < group.most * (1.0 - 1e-6));
            let next = next.map_or(&member.groups[0], |(group, _)| group);
            ways.push(is_open[at].then(|| way(&fluid, &next.demand)));
        }
        fluid.course(&held, &ways)
    })
}

/// Parts of the cluster that amounts of groups are.
fn held_parts<'g>(fluid: &Fluid, amounts: impl Iterator<Item = (&'g Group, &'g f64)>) -> Vec<f64> {
    let mut held = Vec::new();
    for (group, amount) in amounts {
        let parts = fluid.parts(&group.demand);
        held.resize(parts.len(), 0.0);
        for (held, part) in held.iter_mut().zip(parts) {
            *held += amount * part;
        }
    }
    held
}

/// Parts of the cluster that a unit of dominant share needs.
fn way(fluid: &Fluid, demand: &Quantities) -> Vec<f64> {
    let mut parts = fluid.parts(demand);
    let dominant = parts.iter().copied().fold(0.0, f64::max);
    if dominant > 0.0 {
        parts.iter_mut().for_each(|part| *part /= dominant);
    }
    parts
}

/// The largest fraction that an instance needs of what the cluster has; of what is nowhere, nothing can be shared.
fn dominant_share(demand: &Quantities, total: &[i128]) -> f64 {
    needs(demand)
        .filter(|&(resource, _)| total[resource] > 0)
        .map(|(resource, need)| need as f64 / total[resource] as f64)
        .fold(0.0, f64::max)
}
