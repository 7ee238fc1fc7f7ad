//! Room for who came short, one pair of claims at a time.
//!
//! Another order changes all claims at once. Here whoever lost most claims what it lacks as if one other framework had claimed nothing,
//! and that one claims again in what is left. It counts if that raises the welfare of all claims. Whoever can do without what others need
//! goes elsewhere so, and only who is in the way is asked.

use std::collections::BTreeSet;

use apportion_cluster::{Proposal, TaskIdx};
use rayon::prelude::*;

use super::Free;
use super::claimant::{Claimant, part_served};
use super::claims::{Claims, Scene, complete};
use super::leftovers::fraction;
use crate::engine::roles::Roles;
use crate::engine::state::by_shape;

/// Pairs that are tried at most.
const MOST_PAIRS: usize = 60;

/// Pairs that are tried at once. The best of them counts.
const AT_ONCE: usize = 2;

/// A welfare this much larger is one.
const LEAST_GAIN: f64 = 1e-9;

/// Claims of at least the same welfare, as long as there is time. Where roles have limits or guarantees, claims stay as they are: who claims what
/// then depends on others of its role.
pub(super) fn make_room<'a>(
    scene: &Scene<'_, 'a>,
    mut claims: Claims<'a>,
    is_over: &dyn Fn() -> bool,
) -> Claims<'a> {
    if !scene.state.roles.are_free() {
        return claims;
    }
    let mut in_vain = BTreeSet::new();
    let mut n_tried = 0;
    while let Some(pairs) = next_pairs(scene, &claims, &in_vain) {
        if is_over() || n_tried >= MOST_PAIRS {
            break;
        }
        n_tried += pairs.len();
        let trials = pairs.par_iter().map(|&pair| trade(scene, &claims, pair));
        let trials: Vec<Option<Trade<'a>>> = trials.collect();
        let best = trials.into_iter().flatten();
        let best = best.max_by(|left, right| left.gain.total_cmp(&right.gain));
        match best.filter(|trade| trade.gain > LEAST_GAIN) {
            Some(trade) => {
                for (at, claimant) in trade.claimants {
                    claims.claimants[at] = claimant;
                }
                claims.free = trade.free;
                claims.roles = trade.roles;
                in_vain.clear();
            }
            None => in_vain.extend(pairs),
        }
    }
    claims
}

/// Positions of who came short, and of who is in its way.
type Pair = (usize, usize);

/// The next pairs that were not in vain: who lost most welfare, with those that claim most of the agents that it may use.
fn next_pairs(
    scene: &Scene<'_, '_>,
    claims: &Claims<'_>,
    in_vain: &BTreeSet<Pair>,
) -> Option<Vec<Pair>> {
    let all = || 0..claims.claimants.len();
    let mut short: Vec<usize> = all()
        .filter(|&at| claims.claimants[at].served < 1.0)
        .collect();
    short.sort_by(|&left, &right| {
        let welfare = |at: usize| claims.claimants[at].welfare();
        welfare(left).total_cmp(&welfare(right))
    });
    short.into_iter().find_map(|at| {
        let usable = usable(scene, &claims.claimants[at]);
        let mut others: Vec<(f64, usize)> = all()
            .filter(|&other| other != at && !in_vain.contains(&(at, other)))
            .map(|other| (in_the_way(scene, &usable, &claims.claimants[other]), other))
            .filter(|it| it.0 > 0.0)
            .collect();
        others.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        others.truncate(AT_ONCE);
        let pairs: Vec<Pair> = others.into_iter().map(|(_, other)| (at, other)).collect();
        (!pairs.is_empty()).then_some(pairs)
    })
}

/// Agents that something of a claimant's share may go to.
fn usable(scene: &Scene<'_, '_>, claimant: &Claimant) -> Vec<bool> {
    let cluster = scene.state.cluster;
    let share = claimant.share.iter();
    let share: Vec<(TaskIdx, i64)> = share.map(|(&task, &count)| (task, count)).collect();
    let shapes = by_shape(cluster, &share);
    let agents = cluster.agent_indices();
    let is_usable = agents.map(|agent| {
        let mut tasks = shapes.iter().map(|alike| cluster.task(alike[0].0));
        tasks.any(|task| cluster.refusal(task, agent).is_none())
    });
    is_usable.collect()
}

/// How many agents' worth of these agents one claims.
fn in_the_way(scene: &Scene<'_, '_>, usable: &[bool], other: &Claimant) -> f64 {
    let cluster = scene.state.cluster;
    let placed = other.witness.placements.iter();
    let placed = placed.filter(|it| usable[it.agent.at()]);
    placed
        .map(|it| {
            let demand = &cluster.task(it.task).demand;
            fraction(demand, &cluster.agent(it.agent).capacity) * it.instances as f64
        })
        .sum()
}

/// Two claims made again, and what is then left.
struct Trade<'a> {
    claimants: [(usize, Claimant); 2],
    free: Free,
    roles: Roles<'a>,
    /// In welfare.
    gain: f64,
}

fn trade<'a>(
    scene: &Scene<'_, 'a>,
    claims: &Claims<'a>,
    (short, other): Pair,
) -> Option<Trade<'a>> {
    let cluster = scene.state.cluster;
    let mut free = claims.free.clone();
    let mut roles = claims.roles.clone();
    let mut first = claims.claimants[short].clone();
    let mut second = claims.claimants[other].clone();
    let before = first.welfare() + second.welfare();
    let served = first.served;
    second.give(cluster, &mut free);
    second.witness = Proposal::default();
    second.served = part_served(cluster, &second.share, &[]);
    complete(scene, &mut first, (&mut free, &mut roles));
    if first.served <= served {
        return None;
    }
    complete(scene, &mut second, (&mut free, &mut roles));
    Some(Trade {
        gain: first.welfare() + second.welfare() - before,
        claimants: [(short, first), (other, second)],
        free,
        roles,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use apportion_cluster::{Cluster, FrameworkIdx};

    use super::*;
    use crate::broker;
    use crate::engine::beside::Beside;
    use crate::engine::context::Context;
    use crate::engine::offers::claims::Manner;
    use crate::engine::offers::turns::Turn;
    use crate::engine::state::State;
    use crate::engine::{Options, quotas, release};

    /// Two GPUs of two models. `f` may use both and likes the one better that is the only one for `g`.
    fn rivals(limit: &str) -> Cluster {
        let file = format!(
            r#"{{"version": "apportion/v1",
            "agents": [
                {{"id": "one", "resources": {{"cpu_milli": 4000}}, "devices": [{{"name": "gpu", "model": "V100", "count": 1}}]}},
                {{"id": "two", "resources": {{"cpu_milli": 4000}}, "devices": [{{"name": "gpu", "model": "T4", "count": 1}}]}}],
            "roles": [{{"path": "r"{limit}}}],
            "frameworks": [{{"id": "f", "policy": "ml", "role": "r"}}, {{"id": "g", "policy": "ml"}}],
            "jobs": [{{"id": "j", "framework": "f", "tasks": [{{"id": "t", "instances": 1, "resources": {{"cpu_milli": 1000}},
                        "devices": [{{"name": "gpu", "models": [{{"model": "V100", "throughput": 2000}}, {{"model": "T4"}}]}}]}}]}},
                     {{"id": "k", "framework": "g", "tasks": [{{"id": "t", "instances": 1, "resources": {{"cpu_milli": 1000}},
                        "devices": [{{"name": "gpu", "models": [{{"model": "V100"}}]}}]}}]}}]}}"#
        );
        crate::snapshot::read(file.as_bytes()).expect("the snapshot is valid")
    }

    /// What `f` and `g` are served by claims in this order, and once room is made.
    fn served(cluster: &Cluster, is_over: bool) -> [[f64; 2]; 2] {
        let options = Options::default();
        let context = Context::new(cluster, &options);
        let mut state = State::new(cluster, release::released(cluster));
        let shares = broker::shares(cluster, &context.bids, context.fairness(), &|| false);
        state.roles.hold(&shares.guarantees);
        let class_of = quotas::class_of(&shares.classes, cluster.agents.len());
        let scene = Scene {
            state: &state,
            shares: &shares,
            context: &context,
            options: options.clone(),
            class_of: &class_of,
            beside: Beside::of(cluster, &shares, &class_of),
        };
        let turns = [0, 1].map(|at| {
            let framework = FrameworkIdx::of(at);
            let wanted = state.pending(framework).into_iter();
            (framework, wanted.collect::<BTreeMap<_, _>>())
        });
        let turns: &[Turn] = &turns;
        let before = Claims::of(&scene, turns, Manner::Liked, None);
        let of = |claims: &Claims<'_>| [0, 1].map(|at| claims.claimants[at].served);
        let first = of(&before);
        let after = make_room(&scene, before, &|| is_over);
        // What is left is what nobody claims.
        let mut free = after.free.clone();
        for claimant in &after.claimants {
            claimant.give(cluster, &mut free);
        }
        assert_eq!(free.resources, state.free);
        assert_eq!(free.devices, state.free_devices);
        [first, of(&after)]
    }

    #[test]
    fn who_can_go_elsewhere_makes_room() {
        assert_eq!(served(&rivals(""), false), [[1.0, 0.0], [1.0, 1.0]]);
    }

    #[test]
    fn nobody_makes_room_without_time_or_where_roles_have_limits() {
        assert_eq!(served(&rivals(""), true), [[1.0, 0.0]; 2]);
        let limited = rivals(r#", "limit": {"cpu_milli": 2000}"#);
        assert_eq!(served(&limited, false), [[1.0, 0.0]; 2]);
    }
}
