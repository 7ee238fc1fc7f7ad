//! Random clusters: feasible shares above the floors, certificates that hold.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, Fairness, Running};
use apportion_policies::online::SplitMix64;
use serde_json::{Value, json};

use super::super::{Shares, certify, shares};
use super::support::{Which, bids, check, close, shared};

struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
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
    let mut random = Random::new(3);
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
        let one = shared(&random_cluster(&mut Random::new(seed), "a")).0;
        let two = shared(&random_cluster(&mut Random::new(seed), "z")).0;
        for (left, right) in one.frameworks.iter().zip(&two.frameworks) {
            close(left.deserved, right.deserved);
            close(left.floor, right.floor);
        }
    }
}

#[test]
fn a_stop_leaves_honest_numbers() {
    let mut random = Random::new(8);
    for _ in 0..20 {
        let cluster = random_cluster(&mut random, "a");
        let bids = bids(&cluster);
        let asked = std::cell::Cell::new(0);
        let shares = shares(&cluster, &bids, Fairness::Nash, &|| {
            asked.set(asked.get() + 1);
            asked.get() > 6
        });
        let (certificate, _) = certify(
            &cluster,
            &bids,
            (&shares, &shares.prove(&|| true)),
            &[],
            &|| true,
        );
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
    let mut random = Random::new(12);
    let mut proved = 0;
    for _ in 0..100 {
        let cluster = random_cluster(&mut random, "a");
        let bids = bids(&cluster);
        let shares = shares(&cluster, &bids, Fairness::Nash, &|| false);
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
        let (certificate, audit) = certify(
            &cluster,
            &bids,
            (&shares, &shares.prove(&|| false)),
            &placements,
            &|| false,
        );
        assert!(
            audit
                .rents
                .iter()
                .all(|rent| rent.is_finite() && *rent >= 0.0)
        );
        let mut utilities = vec![0.0; cluster.frameworks.len()];
        for placed in &placements {
            utilities[cluster.framework_of(placed.task).at()] +=
                cluster.task(placed.task).value as f64;
        }
        if let Some(epsilon) = certificate.epsilon {
            proved += 1;
            check(&cluster, &shares, &certificate, Which::Plan, &utilities);
            // The share itself is feasible: its gain over the plan is within the bound.
            let gain: f64 = (shares.frameworks.iter().zip(&utilities))
                .filter(|(share, _)| share.active)
                .map(|(share, utility)| share.weight * share.deserved / utility)
                .sum();
            assert!(gain <= 1.0 + epsilon + 1e-6, "{gain} {epsilon}");
        }
    }
    assert!(proved > 30, "{proved}");
}

/// `kinds` shapes of agents, frameworks with `tasks` tasks each.
fn large_cluster(agents: u64, kinds: u64, frameworks: u64, tasks: u64) -> Cluster {
    let mut random = Random::new(1);
    let shapes: Vec<Value> = (0..kinds)
        .map(|_| {
            json!({"cpu_milli": 4000 * (4 + random.below(28)), "memory_mib": 8192 * (2 + random.below(30)),
                   "disk_mib": 100_000 * (1 + random.below(20)), "network_mib_s": 1000 + random.below(4000)})
        })
        .collect();
    let agents: Vec<Value> = (0..agents)
        .map(|at| {
            json!({"id": format!("a{at}"), "resources": shapes[(at % kinds) as usize],
                   "attributes": {"disk": (["ssd", "hdd"][usize::from(at % 3 == 0)])}, "domains": {"rack": format!("r{}", at % 97)}})
        })
        .collect();
    let mut files = Vec::new();
    let mut jobs = Vec::new();
    for p in 0..frameworks {
        files.push(json!({"id": format!("f{p}"), "policy": "service", "role": format!("role{}", p % 17), "weight": 1 + random.below(3)}));
        let tasks: Vec<Value> = (0..tasks)
            .map(|task| {
                let resources = json!({"cpu_milli": 100 * (1 + random.below(40)), "memory_mib": 256 * (1 + random.below(30)),
                                       "disk_mib": 100 * random.below(20), "network_mib_s": random.below(20)});
                let rules = match random.below(5) {
                    0 => json!({"attributes": {"disk": ["ssd"]}}),
                    1 => json!({"limit": [{"level": "rack", "max": 30}, {"level": "agent", "max": 3}]}),
                    _ => json!({}),
                };
                json!({"id": format!("t{task}"), "instances": 1 + random.below(200), "value": 1 + random.below(3),
                       "resources": resources, "constraints": rules})
            })
            .collect();
        jobs.push(json!({"id": format!("j{p}"), "framework": format!("f{p}"), "tasks": tasks}));
    }
    let file = json!({"version": "apportion/v1", "levels": ["rack"], "agents": agents, "frameworks": files, "jobs": jobs});
    crate::snapshot::read(&serde_json::to_vec(&file).unwrap()).unwrap()
}

/// Prints times: `cargo test --release --lib broker -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn large_clusters() {
    for (agents, kinds, frameworks, tasks) in [
        (6, 6, 1, 235),
        (6, 6, 20, 30),
        (1000, 60, 1000, 1),
        (10_000, 40, 1000, 3),
        (10_000, 60, 1000, 100),
        (10_000, 10_000, 100, 10),
    ] {
        let cluster = large_cluster(agents, kinds, frameworks, tasks);
        let bids = bids(&cluster);
        let begun = std::time::Instant::now();
        let shares = shares(&cluster, &bids, Fairness::Nash, &|| false);
        let share_time = begun.elapsed();
        let begun = std::time::Instant::now();
        let (certificate, _) = certify(
            &cluster,
            &bids,
            (&shares, &shares.prove(&|| false)),
            &[],
            &|| false,
        );
        println!(
            "{agents} agents of {kinds} kinds, {frameworks} frameworks, {} tasks: {} classes, shares {share_time:?}, \
             certificate {:?}, epsilon_fractional {:.1e}",
            cluster.tasks.len(),
            shares.classes.len(),
            begun.elapsed(),
            certificate.epsilon_fractional
        );
    }
}
