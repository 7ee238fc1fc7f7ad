//! Small clusters, and the certificate read naively.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::{ClassPrice, FairnessCertificate, RowDual};
use apportion_cluster::{Cluster, Fairness, FrameworkIdx, Running};
use apportion_policies::{Bid, Registry, View};
use serde_json::{Value, json};

use super::super::{AgentClass, Shares, certify, shares};

#[expect(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]
pub(super) fn cluster(agents: Value, frameworks: Value, jobs: Value) -> Cluster {
    let file = json!({"version": "apportion/v1", "agents": agents, "frameworks": frameworks, "jobs": jobs});
    let file: SnapshotFile = serde_json::from_value(file).unwrap();
    crate::snapshot::read(&serde_json::to_vec(&file).unwrap()).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]
pub(super) fn agent(id: &str, resources: Value) -> Value {
    json!({"id": id, "resources": resources})
}

pub(super) fn framework(id: &str, weight: f64) -> Value {
    json!({"id": id, "policy": "service", "role": "all", "weight": weight})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]
pub(super) fn job(framework: &str, instances: i64, value: i64, resources: Value) -> Value {
    let id = format!("{framework}-{instances}-{value}");
    let task = json!({"id": "t", "instances": instances, "value": value, "resources": resources});
    json!({"id": id, "framework": framework, "tasks": [task]})
}

pub(super) fn bids(cluster: &Cluster) -> Vec<Bid> {
    let registry = Registry::default();
    (0..cluster.frameworks.len())
        .map(|at| {
            let framework = FrameworkIdx::of(at);
            registry
                .get("service")
                .unwrap()
                .bid(&View { cluster, framework })
        })
        .collect()
}

/// Shares, with their certificate (of nothing placed) checked.
pub(super) fn shared(cluster: &Cluster) -> (Shares, FairnessCertificate) {
    let bids = bids(cluster);
    let shares = shares(cluster, &bids, Fairness::Nash, &|| false);
    let (certificate, _) = certify(
        cluster,
        &bids,
        (&shares, &shares.prove(&|| false)),
        &[],
        &|| false,
    );
    let deserved: Vec<f64> = shares
        .frameworks
        .iter()
        .map(|share| share.deserved)
        .collect();
    check(cluster, &shares, &certificate, Which::Fractional, &deserved);
    (shares, certificate)
}

/// The certificate of a plan that holds `counts` of each task, on the first agent that is named.
pub(super) fn certified(cluster: &Cluster, counts: &[(&str, &str, i64)]) -> FairnessCertificate {
    let bids = bids(cluster);
    let shares = shares(cluster, &bids, Fairness::Nash, &|| false);
    let placements: Vec<Running> = (counts.iter())
        .map(|&(job, agent, instances)| Running {
            task: cluster
                .task_indices()
                .find(|&task| cluster.task_name(task) == format!("{job}/t"))
                .unwrap(),
            agent: cluster
                .agent_indices()
                .find(|&it| cluster.agent(it).id == agent)
                .unwrap(),
            instances,
        })
        .collect();
    certify(
        cluster,
        &bids,
        (&shares, &shares.prove(&|| false)),
        &placements,
        &|| false,
    )
    .0
}

#[derive(Clone, Copy)]
pub(super) enum Which {
    Plan,
    Fractional,
}

/// The column tests and the sum, as the module documentation states them.
pub(super) fn check(
    cluster: &Cluster,
    shares: &Shares,
    certificate: &FairnessCertificate,
    which: Which,
    utilities: &[f64],
) {
    let (prices, duals, epsilon): (&[ClassPrice], &[RowDual], f64) = match which {
        Which::Plan => (
            &certificate.prices,
            &certificate.duals,
            certificate.epsilon.unwrap(),
        ),
        Which::Fractional => (
            &certificate.prices_fractional,
            &certificate.duals_fractional,
            certificate.epsilon_fractional,
        ),
    };
    let price: BTreeMap<(&str, &str), f64> = prices
        .iter()
        .map(|it| ((it.class.as_str(), it.resource.as_str()), it.price))
        .collect();
    let row: BTreeMap<&str, f64> = duals.iter().map(|it| (it.row.as_str(), it.value)).collect();
    assert!(prices.iter().all(|it| it.price > 0.0) && duals.iter().all(|it| it.value > 0.0));
    let mut money = 0.0;
    for class in &shares.classes {
        for (resource, &amount) in cluster.resources.iter().zip(&class.capacity) {
            money += price
                .get(&(class.name.as_str(), resource.as_str()))
                .unwrap_or(&0.0)
                * amount as f64;
        }
    }
    for it in duals {
        money += if it.row.starts_with("floor[") {
            -it.value
        } else {
            it.value
        } * it.rhs;
    }
    assert!(
        (money - 1.0 - epsilon).abs() < 1e-9 * (1.0 + epsilon),
        "{money} {epsilon}"
    );
    let value = |name: &str| row.get(name).copied().unwrap_or(0.0);
    for task in cluster.task_indices() {
        let framework = cluster.framework_of(task);
        let share = &shares.frameworks[framework.at()];
        if !share.active {
            continue;
        }
        let (it, name) = (cluster.task(task), cluster.task_name(task));
        let phi = value(&format!("floor[{}]", cluster.framework(framework).id));
        let need = (share.weight / utilities[framework.at()] + phi) * it.value as f64;
        for class in &shares.classes {
            let usable: Vec<_> = class
                .agents
                .iter()
                .filter(|&&agent| cluster.refusal(it, agent).is_none())
                .collect();
            if usable.is_empty() {
                continue;
            }
            let mut have =
                value(&format!("demand[{name}]")) + value(&format!("fit[{name},{}]", class.name));
            have += in_domains(cluster, shares, duals, &name, class);
            for (at, resource) in cluster.resources.iter().enumerate() {
                let amount = it.demand.0[at];
                have += price
                    .get(&(class.name.as_str(), resource.as_str()))
                    .unwrap_or(&0.0)
                    * amount as f64;
                if amount > 0
                    && usable
                        .iter()
                        .all(|&&agent| 2 * amount > cluster.agent(agent).capacity.0[at])
                {
                    have += value(&format!("half[{},{resource}]", class.name));
                }
            }
            for need in it.devices.iter().filter(|need| need.milli >= 500) {
                let part = if need.milli > 500 { 1.0 } else { 0.5 };
                let row = format!("half_device[{},gpu_milli]", class.name);
                have += part * need.count as f64 * value(&row);
            }
            assert!(
                have >= need * (1.0 - 1e-12),
                "{name} on {}: {have} {need}",
                class.name
            );
        }
    }
}

/// The rows of failure domains that count a task on a class: all the class's agents are in domains of the row's class.
fn in_domains(
    cluster: &Cluster,
    shares: &Shares,
    duals: &[RowDual],
    task: &str,
    class: &AgentClass,
) -> f64 {
    let mut sum = 0.0;
    for it in duals {
        let Some(inner) = it.row.strip_prefix("domain[") else {
            continue;
        };
        let mut words = inner.trim_end_matches(']').split(',');
        let (counted, level, named) = (words.next(), words.next(), words.next());
        let levels = &cluster.levels;
        let level = levels.iter().position(|it| Some(it.name.as_str()) == level);
        let domains = |class: &AgentClass| -> BTreeSet<usize> {
            let agents = class.agents.iter().map(|&agent| cluster.agent(agent));
            agents.map(|it| it.domains[level.unwrap()].at()).collect()
        };
        let named = { shares.classes.iter() }.find(|it| Some(it.name.as_str()) == named);
        if counted == Some(task) && domains(class).is_subset(&domains(named.unwrap())) {
            sum += it.value;
        }
    }
    sum
}

#[track_caller]
pub(super) fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{found} instead of {expected}"
    );
}
