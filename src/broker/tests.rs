//! Worked numbers, and a naive reading of the certificate on random clusters.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::{ClassPrice, FairnessCertificate, RowDual};
use apportion_cluster::{Cluster, FrameworkIdx, Running};
use apportion_policies::{Bid, Registry, View};
use serde_json::{Value, json};

use super::{Shares, certify, shares};

fn cluster(agents: Value, frameworks: Value, jobs: Value) -> Cluster {
    let file = json!({"version": "apportion/v1", "agents": agents, "frameworks": frameworks, "jobs": jobs});
    let file: SnapshotFile = serde_json::from_value(file).unwrap();
    crate::snapshot::read(&serde_json::to_vec(&file).unwrap()).unwrap()
}

fn agent(id: &str, resources: Value) -> Value {
    json!({"id": id, "resources": resources})
}

fn framework(id: &str, weight: f64) -> Value {
    json!({"id": id, "policy": "service", "role": "all", "weight": weight})
}

fn job(framework: &str, instances: i64, value: i64, resources: Value) -> Value {
    let id = format!("{framework}-{instances}-{value}");
    let task = json!({"id": "t", "instances": instances, "value": value, "resources": resources});
    json!({"id": id, "framework": framework, "tasks": [task]})
}

fn bids(cluster: &Cluster) -> Vec<Bid> {
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
fn shared(cluster: &Cluster) -> (Shares, FairnessCertificate) {
    let bids = bids(cluster);
    let shares = shares(cluster, &bids, &|| false);
    let (certificate, _) = certify(cluster, &bids, &shares, &[], &|| false);
    let deserved: Vec<f64> = shares
        .frameworks
        .iter()
        .map(|share| share.deserved)
        .collect();
    check(cluster, &shares, &certificate, Which::Fractional, &deserved);
    (shares, certificate)
}

/// The certificate of a plan that holds `counts` of each task, on the first agent that is named.
fn certified(cluster: &Cluster, counts: &[(&str, &str, i64)]) -> FairnessCertificate {
    let bids = bids(cluster);
    let shares = shares(cluster, &bids, &|| false);
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
    certify(cluster, &bids, &shares, &placements, &|| false).0
}

#[derive(Clone, Copy)]
enum Which {
    Plan,
    Fractional,
}

/// The column tests and the sum, as the module documentation states them.
fn check(
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
            assert!(
                have >= need * (1.0 - 1e-12),
                "{name} on {}: {have} {need}",
                class.name
            );
        }
    }
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{found} instead of {expected}"
    );
}

fn nine_and_eighteen() -> Cluster {
    cluster(
        json!([agent(
            "one",
            json!({"cpu_milli": 9000, "memory_mib": 18000})
        )]),
        json!([framework("a", 1.0), framework("b", 1.0)]),
        json!([
            job("a", 100, 1, json!({"cpu_milli": 1000, "memory_mib": 4000})),
            job("b", 100, 1, json!({"cpu_milli": 3000, "memory_mib": 1000}))
        ]),
    )
}

#[test]
fn two_frameworks_share_one_agent_at_its_prices() {
    let cluster = nine_and_eighteen();
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 45.0 / 11.0);
    close(shares.frameworks[1].deserved, 18.0 / 11.0);
    close(certificate.epsilon_fractional, 0.0);
    // Weights are 1/2 each, so prices are half of those for weights of 1.
    let price = |resource: &str| {
        certificate
            .prices_fractional
            .iter()
            .find(|it| it.resource == resource)
            .unwrap()
            .price
    };
    close(price("cpu_milli") * 1000.0, 0.1);
    close(price("memory_mib") * 1000.0, 1.0 / 180.0);
}

#[test]
fn whole_allocations_miss_by_what_the_certificate_says() {
    let cluster = nine_and_eighteen();
    let certificate = certified(&cluster, &[("a-100-1", "one", 3), ("b-100-1", "one", 2)]);
    close(certificate.epsilon.unwrap(), 1.0 / 11.0);
    assert!(certificate.epsilon_one_unit.unwrap() < certificate.epsilon.unwrap());
    assert_eq!(certificate.envy.len(), 2);
    let starved = certified(&cluster, &[("a-100-1", "one", 4)]);
    assert_eq!(starved.epsilon, None);
    assert!(starved.epsilon_one_unit.unwrap().is_finite());
}

#[test]
fn who_needs_the_scarce_resource_gets_all_of_it() {
    let cluster = cluster(
        json!([
            agent("g", json!({"cpu_milli": 8000, "gpu_milli": 4000})),
            agent("h", json!({"cpu_milli": 8000}))
        ]),
        json!([framework("batch", 1.0), framework("ml", 1.0)]),
        json!([
            job("batch", 100, 1, json!({"cpu_milli": 1000})),
            job("ml", 100, 1, json!({"cpu_milli": 1000, "gpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 12.0);
    close(shares.frameworks[1].deserved, 4.0);
    close(certificate.epsilon_fractional, 0.0);
    let counts = [("batch-100-1", "h", 8), ("ml-100-1", "g", 4)];
    close(certified(&cluster, &counts).epsilon.unwrap(), 0.25);
}

#[test]
fn opposite_needs_fit_side_by_side() {
    let cluster = cluster(
        json!([
            agent("a", json!({"cpu_milli": 2000, "memory_mib": 12000})),
            agent("b", json!({"cpu_milli": 12000, "memory_mib": 2000}))
        ]),
        json!([framework("p", 1.0), framework("q", 1.0)]),
        json!([
            job("p", 100, 1, json!({"cpu_milli": 200, "memory_mib": 1000})),
            job("q", 100, 1, json!({"cpu_milli": 1000, "memory_mib": 200}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 10.0);
    close(shares.frameworks[1].deserved, 10.0);
    close(certificate.epsilon_fractional, 0.0);
}

#[test]
fn a_precious_task_counts_in_the_floor() {
    // Without floors 99 and 1 cpu; B's floor, 149, takes its half of the cpu back.
    let cluster = cluster(
        json!([agent("one", json!({"cpu_milli": 100_000}))]),
        json!([framework("a", 1.0), framework("b", 1.0)]),
        json!([
            job("a", 1000, 1, json!({"cpu_milli": 1000})),
            job("b", 1, 100, json!({"cpu_milli": 1000})),
            job("b", 1000, 1, json!({"cpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[1].floor, 149.0);
    close(shares.frameworks[1].deserved, 149.0);
    close(shares.frameworks[0].deserved, 50.0);
    close(certificate.epsilon_fractional, 0.0);
    let row = |name: &str| certificate.duals_fractional.iter().any(|it| it.row == name);
    assert!(
        row("floor[b]") && row("demand[b-1-100/t]"),
        "{:?}",
        certificate.duals_fractional
    );
}

#[test]
fn tasks_of_more_than_half_an_agent_are_counted_whole() {
    let agents: Vec<Value> = (0..10)
        .map(|at| agent(&format!("a{at}"), json!({"gpu_milli": 1000})))
        .collect();
    let cluster = cluster(
        json!(agents),
        json!([framework("p", 1.0), framework("q", 1.0)]),
        json!([
            job("p", 100, 1, json!({"gpu_milli": 600})),
            job("q", 100, 1, json!({"gpu_milli": 550}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    close(shares.frameworks[0].deserved, 5.0);
    close(shares.frameworks[1].deserved, 5.0);
    assert_eq!(shares.classes.len(), 1);
    assert_eq!(
        certificate.duals_fractional[0].row,
        "half[class-1,gpu_milli]"
    );
    assert_eq!(certificate.duals_fractional[0].owners, ["p", "q"]);
}

#[test]
fn a_framework_of_which_nothing_fits_is_excluded_by_name_and_reason() {
    let cluster = cluster(
        json!([agent("one", json!({"cpu_milli": 4000}))]),
        json!([
            framework("big", 9.0),
            framework("gang", 1.0),
            framework("idle", 1.0),
            framework("p", 1.0)
        ]),
        json!([
            job("big", 1, 1, json!({"cpu_milli": 5000})),
            {"id": "g", "framework": "gang", "gang": {"min_instances": 5},
             "tasks": [{"id": "t", "instances": 9, "resources": {"cpu_milli": 1000}}]},
            job("p", 100, 1, json!({"cpu_milli": 1000}))
        ]),
    );
    let (shares, certificate) = shared(&cluster);
    let excluded: Vec<&str> = certificate
        .excluded
        .iter()
        .map(|it| it.framework.as_str())
        .collect();
    assert_eq!(excluded, ["big", "gang"]);
    assert!(!shares.frameworks[2].active && shares.frameworks[2].excluded.is_none());
    close(shares.frameworks[3].weight, 1.0);
    close(shares.frameworks[3].deserved, 4.0);
}

/// A small generator of pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn random_cluster(random: &mut Random, prefix: &str) -> Cluster {
    let agents: Vec<Value> = (0..3 + random.below(8))
        .map(|at| {
            let (cpu, memory) = (4000 * (1 + random.below(4)), 8192 * (1 + random.below(3)));
            let disk = if random.below(2) == 0 { "ssd" } else { "hdd" };
            let rack = format!("r{}", random.below(3));
            json!({"id": format!("{prefix}{at:02}"), "attributes": {"disk": disk}, "domains": {"rack": rack},
                   "resources": {"cpu_milli": cpu, "memory_mib": memory, "gpu_milli": 1000 * random.below(2)}})
        })
        .collect();
    let mut frameworks = Vec::new();
    let mut jobs = Vec::new();
    for p in 0..1 + random.below(5) {
        let id = format!("{prefix}f{p}");
        frameworks.push(json!({"id": id, "policy": "service", "role": (["x", "y", "y/z"][random.below(3) as usize]),
                               "weight": 1 + random.below(3)}));
        for k in 0..1 + random.below(4) {
            let resources = json!({"cpu_milli": 500 * (1 + random.below(8)), "memory_mib": 1024 * random.below(6),
                                   "gpu_milli": if random.below(4) == 0 { 600 } else { 0 }});
            let mut task = json!({"id": "t", "instances": 1 + random.below(30), "value": 1 + random.below(3),
                                  "resources": resources});
            match random.below(4) {
                0 => task["constraints"] = json!({"attributes": {"disk": ["ssd"]}}),
                1 => task["constraints"] = json!({"limit": [{"level": "rack", "max": 2}]}),
                _ => {}
            }
            jobs.push(json!({"id": format!("{id}-{k}"), "framework": id, "tasks": [task]}));
        }
    }
    let file = json!({"version": "apportion/v1", "levels": ["rack"], "agents": agents, "frameworks": frameworks,
                      "jobs": jobs, "roles": [{"path": "y", "weight": 2}]});
    crate::snapshot::read(&serde_json::to_vec(&file).unwrap()).unwrap()
}

/// Capacity, demand and floors of an allocation, naively.
fn assert_feasible(cluster: &Cluster, shares: &Shares) {
    let mut load = vec![vec![0.0; cluster.resources.len()]; shares.classes.len()];
    for (at, share) in shares
        .frameworks
        .iter()
        .enumerate()
        .filter(|(_, share)| share.active)
    {
        assert!(share.deserved >= share.floor * (1.0 - 1e-7), "{share:?}");
        let mut counts = BTreeMap::new();
        let mut value = 0.0;
        for &(task, class, instances) in &share.allocation {
            assert_eq!(cluster.framework_of(task).at(), at);
            assert!(
                shares.classes[class]
                    .agents
                    .iter()
                    .any(|&it| cluster.refusal(cluster.task(task), it).is_none())
            );
            *counts.entry(task).or_insert(0.0) += instances;
            value += cluster.task(task).value as f64 * instances;
            for (load, &need) in load[class].iter_mut().zip(&cluster.task(task).demand.0) {
                *load += instances * need as f64;
            }
        }
        for (task, count) in counts {
            assert!(count <= cluster.task(task).instances as f64 * (1.0 + 1e-9));
        }
        assert!(
            (value - share.deserved).abs() <= 1e-6 * share.deserved,
            "{value} {}",
            share.deserved
        );
    }
    for (class, load) in shares.classes.iter().zip(load) {
        for (load, &capacity) in load.iter().zip(&class.capacity) {
            assert!(*load <= capacity as f64 * (1.0 + 1e-9));
        }
    }
}

#[test]
fn random_clusters_have_feasible_shares_above_the_floors_with_a_certificate() {
    let mut random = Random(3);
    let (mut floors, mut halves) = (0, 0);
    for case in 0..150 {
        let cluster = random_cluster(&mut random, "a");
        let (shares, certificate) = shared(&cluster);
        assert!(
            certificate.epsilon_fractional.abs() < 1e-6,
            "case {case}: {}",
            certificate.epsilon_fractional
        );
        assert_feasible(&cluster, &shares);
        let weight: f64 = shares.frameworks.iter().map(|share| share.weight).sum();
        assert!((weight - 1.0).abs() < 1e-9 || shares.frameworks.iter().all(|share| !share.active));
        let classes: BTreeSet<_> = shares
            .classes
            .iter()
            .flat_map(|class| &class.agents)
            .collect();
        assert_eq!(classes.len(), cluster.agents.len());
        floors += certificate
            .duals_fractional
            .iter()
            .filter(|it| it.row.starts_with("floor"))
            .count();
        halves += certificate
            .duals_fractional
            .iter()
            .filter(|it| it.row.starts_with("half"))
            .count();
    }
    assert!(floors > 10 && halves > 3, "{floors} {halves}");
}

#[test]
fn names_do_not_matter() {
    for seed in 0..20 {
        let one = shared(&random_cluster(&mut Random(seed), "a")).0;
        let two = shared(&random_cluster(&mut Random(seed), "z")).0;
        for (left, right) in one.frameworks.iter().zip(&two.frameworks) {
            close(left.deserved, right.deserved);
            close(left.floor, right.floor);
        }
    }
}

#[test]
fn a_stop_leaves_honest_numbers() {
    let mut random = Random(8);
    for _ in 0..20 {
        let cluster = random_cluster(&mut random, "a");
        let bids = bids(&cluster);
        let asked = std::cell::Cell::new(0);
        let shares = shares(&cluster, &bids, &|| {
            asked.set(asked.get() + 1);
            asked.get() > 6
        });
        let (certificate, _) = certify(&cluster, &bids, &shares, &[], &|| true);
        let deserved: Vec<f64> = shares
            .frameworks
            .iter()
            .map(|share| share.deserved)
            .collect();
        if shares
            .frameworks
            .iter()
            .all(|share| !share.active || share.deserved > 0.0)
        {
            check(
                &cluster,
                &shares,
                &certificate,
                Which::Fractional,
                &deserved,
            );
            assert_feasible(&cluster, &shares);
        }
        assert!(certificate.epsilon_fractional.is_finite());
    }
}

#[test]
fn integer_certificates_hold_on_random_placements() {
    let mut random = Random(12);
    let mut proved = 0;
    for _ in 0..100 {
        let cluster = random_cluster(&mut random, "a");
        let bids = bids(&cluster);
        let shares = shares(&cluster, &bids, &|| false);
        // One instance after the other, wherever it fits first.
        let mut free = cluster.free();
        let mut placements: Vec<Running> = Vec::new();
        for task in cluster.task_indices() {
            for agent in cluster.agent_indices() {
                let it = cluster.task(task);
                if cluster.refusal(it, agent).is_none() && it.demand.fits_in(&free[agent.at()]) {
                    free[agent.at()].subtract(&it.demand, 1);
                    placements.push(Running {
                        task,
                        agent,
                        instances: 1,
                    });
                    break;
                }
            }
        }
        let (certificate, rents) = certify(&cluster, &bids, &shares, &placements, &|| false);
        assert!(rents.iter().all(|rent| rent.is_finite() && *rent >= 0.0));
        let mut utilities = vec![0.0; cluster.frameworks.len()];
        for placed in &placements {
            utilities[cluster.framework_of(placed.task).at()] +=
                cluster.task(placed.task).value as f64;
        }
        if certificate.epsilon.is_some() {
            proved += 1;
            check(&cluster, &shares, &certificate, Which::Plan, &utilities);
            // The share itself is feasible: its gain over the plan is within the bound.
            let gain: f64 = (shares.frameworks.iter().zip(&utilities))
                .filter(|(share, _)| share.active)
                .map(|(share, utility)| share.weight * share.deserved / utility)
                .sum();
            assert!(
                gain <= 1.0 + certificate.epsilon.unwrap() + 1e-6,
                "{gain} {:?}",
                certificate.epsilon
            );
        }
    }
    assert!(proved > 30, "{proved}");
}
