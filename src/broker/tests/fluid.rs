//! Fluid shares of `drf` in trees of roles, against the sorter's order in small steps.

use apportion_cluster::{Cluster, Fairness};
use apportion_policies::online::SplitMix64;
use serde_json::{Value, json};

use super::super::shares;
use super::support::{bids, close};

fn cluster(agent: &Value, roles: &Value, wants: &[(&str, i64, Value)]) -> Cluster {
    let frameworks = wants.iter().enumerate();
    let frameworks: Vec<Value> = frameworks
        .map(|(at, (role, _, _))| json!({"id": format!("f{at:03}"), "policy": "service", "role": role}))
        .collect();
    let jobs = wants
        .iter()
        .enumerate()
        .map(|(at, (_, instances, demand))| {
            let task = json!({"id": "t", "instances": instances, "resources": demand});
            json!({"id": format!("j{at:03}"), "framework": format!("f{at:03}"), "tasks": [task]})
        });
    let jobs: Vec<Value> = jobs.collect();
    let file = json!({"version": "apportion/v1", "agents": [{"id": "one", "resources": agent}],
                      "roles": roles, "frameworks": frameworks, "jobs": jobs});
    crate::snapshot::read(file.to_string().as_bytes()).unwrap()
}

fn deserved(cluster: &Cluster) -> Vec<f64> {
    let shares = shares(cluster, &bids(cluster), Fairness::Drf, &|| false);
    shares.frameworks.iter().map(|it| it.deserved).collect()
}

/// What a sibling leaves goes to its siblings first.
#[test]
fn a_role_keeps_what_one_of_its_frameworks_leaves() {
    let cpu = || json!({"cpu_milli": 1});
    let wants = [("x/1", 90, cpu()), ("x/2", 10, cpu()), ("y", 90, cpu())];
    let found = deserved(&cluster(&json!({"cpu_milli": 90}), &json!([]), &wants));
    for (found, expected) in found.into_iter().zip([35.0, 10.0, 45.0]) {
        close(found, expected);
    }
}

/// A role of two that want different things has the larger of the two parts, not their sum; and where the part that is
/// larger is exhausted, what else the role gets is no part of its share until it is as large.
#[test]
fn the_share_of_a_role_is_its_dominant_resource() {
    let wants = [
        ("x/1", 900, json!({"cpu_milli": 1})),
        ("x/2", 900, json!({"memory_mib": 1})),
        ("y", 900, json!({"cpu_milli": 1})),
    ];
    let agent = json!({"cpu_milli": 90, "memory_mib": 90});
    let found = deserved(&cluster(&agent, &json!([]), &wants));
    for (found, expected) in found.into_iter().zip([45.0, 90.0, 45.0]) {
        close(found, expected);
    }
    // Two thirds of the weight go to memory; then 1 is done, and 2 catches up with it before y goes on.
    let wants = [
        ("x/1", 18, json!({"cpu_milli": 1})),
        ("x/2", 900, json!({"memory_mib": 1})),
        ("y", 900, json!({"memory_mib": 1})),
    ];
    let roles =
        json!([{"path": "x"}, {"path": "x/1", "weight": 2}, {"path": "x/2"}, {"path": "y"}]);
    let found = deserved(&cluster(&agent, &roles, &wants));
    for (found, expected) in found.into_iter().zip([18.0, 45.0, 45.0]) {
        close(found, expected);
    }
}

const STEP: f64 = 1.0 / 8_000.0;

/// Whose turn it is, again and again: down the tree to whoever has the least dominant share over weight.
struct Stepwise<'a> {
    cluster: &'a Cluster,
    /// By framework.
    paths: Vec<String>,
    /// By framework and resource.
    held: Vec<Vec<f64>>,
    is_open: Vec<bool>,
}

impl Stepwise<'_> {
    fn next(&self) -> Option<usize> {
        let mut path = String::new();
        loop {
            let mut best: Option<(f64, String)> = None;
            for framework in (0..self.held.len()).filter(|&at| self.is_open[at]) {
                let Some(rest) = self.paths[framework].strip_prefix(&path) else {
                    continue;
                };
                let child = format!("{path}{}/", rest.split('/').next()?);
                let below = |at: usize| self.paths[at].starts_with(&child);
                let weight = self
                    .cluster
                    .roles
                    .iter()
                    .find(|role| format!("{}/", role.path) == child)
                    .map_or(1.0, |role| role.weight);
                let share = (0..self.cluster.resources.len()).map(|resource| {
                    let members = (0..self.held.len()).filter(|&at| below(at));
                    members.map(|at| self.held[at][resource]).sum::<f64>()
                });
                let share = share.fold(0.0, f64::max) / weight;
                if best.as_ref().is_none_or(|(least, _)| share < *least) {
                    best = Some((share, child));
                }
            }
            let child = best?.1;
            let whole = |at: &usize| self.paths[*at] == child;
            if let Some(framework) = (0..self.held.len()).find(whole) {
                return Some(framework);
            }
            path = child;
        }
    }
}

fn stepwise(cluster: &Cluster) -> Vec<f64> {
    let total = &cluster.agents[0].capacity.0;
    let n = cluster.frameworks.len();
    let path = |it: &apportion_cluster::Framework| {
        format!("{}/{}/", cluster.roles[it.role.at()].path, it.id)
    };
    let mut all = Stepwise {
        cluster,
        paths: cluster.frameworks.iter().map(path).collect(),
        held: vec![vec![0.0; total.len()]; n],
        is_open: vec![true; n],
    };
    let mut placed = vec![0.0; n];
    while let Some(next) = all.next() {
        let task = &cluster.tasks[next];
        let parts = task.demand.0.iter().zip(total);
        let parts: Vec<f64> = parts
            .map(|(&need, &has)| need as f64 / has as f64)
            .collect();
        let dominant = parts.iter().copied().fold(0.0, f64::max);
        let amount = STEP / dominant;
        let used = |resource: usize| all.held.iter().map(|held| held[resource]).sum::<f64>();
        let fits = (0..parts.len()).all(|resource| {
            parts[resource] == 0.0 || used(resource) + amount * parts[resource] <= 1.0 + 1e-9
        });
        if fits && placed[next] + amount <= task.instances as f64 {
            placed[next] += amount;
            for (held, part) in all.held[next].iter_mut().zip(parts) {
                *held += amount * part;
            }
        } else {
            all.is_open[next] = false;
        }
    }
    let dominant = |held: &Vec<f64>| held.iter().copied().fold(0.0, f64::max);
    all.held.iter().map(dominant).collect()
}

/// Random trees of three levels, weights, demands of two resources.
#[test]
fn shares_are_where_small_steps_lead() {
    let mut random = SplitMix64::new(9);
    let mut below = |n: u64| random.next_u64() % n;
    for case in 0..40 {
        let paths = ["x", "x/1", "x/2", "y", "y/1", "y/1/a", "y/1/b", "z"];
        let roles: Vec<Value> = (paths.iter())
            .map(|path| json!({"path": path, "weight": 1 + below(3)}))
            .collect();
        let wants: Vec<(&str, i64, Value)> = (0..3 + below(4))
            .map(|_| {
                let cpu = below(4) * below(3);
                let memory = if cpu == 0 { 1 + below(4) } else { below(4) };
                let path = paths[below(8) as usize];
                let instances = 10 + below(200) as i64;
                (
                    path,
                    instances,
                    json!({"cpu_milli": cpu, "memory_mib": memory}),
                )
            })
            .collect();
        let cluster = cluster(
            &json!({"cpu_milli": 300, "memory_mib": 300}),
            &json!(roles),
            &wants,
        );
        let expected = stepwise(&cluster);
        let found = deserved(&cluster);
        for (at, (found, expected)) in found.into_iter().zip(expected).enumerate() {
            let need = cluster.tasks[at].demand.0.iter().max().unwrap();
            let found = found * *need as f64 / 300.0;
            assert!(
                (found - expected).abs() < 16.0 * STEP,
                "case {case}, framework {at}: {found} instead of {expected}: {wants:?} {roles:?}"
            );
        }
    }
}

/// More frameworks than levels are computed for: shares come in steps.
#[test]
fn many_frameworks_rise_in_a_tree_too() {
    let cpu = || json!({"cpu_milli": 1});
    let names: Vec<String> = (0..130).map(|at| format!("x/{at}")).collect();
    let below_x = names.iter().enumerate().map(|(at, role)| {
        let wanted = if at % 2 == 0 { 50 } else { 900 };
        (role.as_str(), wanted, cpu())
    });
    let below_y = std::iter::repeat_n(("y", 900, cpu()), 130);
    let wants: Vec<_> = below_x.chain(below_y).collect();
    let found = deserved(&cluster(&json!({"cpu_milli": 26_000}), &json!([]), &wants));
    for (at, found) in found.into_iter().enumerate() {
        let expected = match at {
            130.. => 100.0,
            _ if at % 2 == 0 => 50.0,
            _ => 150.0,
        };
        assert!(
            (found - expected).abs() < 1.5,
            "{at}: {found} instead of {expected}"
        );
    }
}
