//! The engine with the policy `mapreduce` against every placement of small clusters: copies on agents and in racks, agents of
//! different speeds, jobs that waited, map and reduce tasks that wait together or follow what runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::plan::{PlanFile, Proof, StageSense};

use common::{cluster, naive, planned, quiet, random, result};

const TOLERANCE: f64 = 1e-6;

/// How many clusters are tried.
const CASES: u64 = 300;

/// Every stage is as good as the best of all placements.
fn assert_best(seed: u64, cluster: &Cluster, plan: &PlanFile) {
    let best = naive::best(cluster).best;
    let result = result(plan, "f0");
    assert_eq!(result.stages.len(), best.len(), "seed {seed}");
    for (stage, (name, is_more_better, value)) in result.stages.iter().zip(&best) {
        let is_same = stage.name == *name
            && (stage.sense == StageSense::Maximize) == *is_more_better
            && (stage.objective - value).abs() <= TOLERANCE * value.abs().max(1.0);
        assert!(is_same, "seed {seed}: {stage:?}, best {best:?}");
    }
}

#[test]
#[cfg(feature = "highs")]
fn three_hundred_tiny_clusters_with_blocks_are_solved_exactly() {
    for seed in 0..CASES {
        let cluster = cluster(&random::tiny_with_blocks(seed, false));
        let plan = planned(&cluster, &quiet());
        assert_best(seed, &cluster, &plan);
        let result = result(&plan, "f0");
        for stage in &result.stages {
            let gap = stage.gap.unwrap();
            // A search for costs in millionths ends within its own tolerance.
            assert!(gap <= 10.0 * TOLERANCE, "seed {seed}: {stage:?}");
        }
    }
}

/// Tasks of one shape are a flow: no search is needed, and prices prove what they cost.
#[test]
fn tasks_of_one_shape_are_proved_by_counting_and_by_prices() {
    let mut proofs: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..CASES {
        let cluster = cluster(&random::tiny_with_blocks(seed, true));
        let plan = planned(&cluster, &quiet());
        assert_best(seed, &cluster, &plan);
        let stages = &result(&plan, "f0").stages;
        let network = stages.iter().find(|it| it.name == "network").unwrap();
        if stages.iter().any(|it| it.name == "min_available") {
            continue;
        }
        let proof = network.proof.unwrap();
        *proofs.entry(format!("{proof:?}")).or_insert(0) += 1;
        assert!(
            network.gap.unwrap() <= TOLERANCE,
            "seed {seed}: {network:?}"
        );
        assert_ne!(proof, Proof::Search, "seed {seed}: {network:?}");
    }
    println!("{proofs:?}");
    let by_prices = proofs.get("Multipliers").copied().unwrap_or(0);
    assert!(by_prices >= 30, "{proofs:?}");
}

/// A generator of easy cases would prove nothing.
#[test]
fn the_tiny_clusters_with_blocks_read_over_the_network_and_shuffle() {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..CASES {
        let cluster = cluster(&random::tiny_with_blocks(seed, false));
        let best = naive::best(&cluster).best;
        let mut note = |what, holds: bool| *seen.entry(what).or_insert(0) += usize::from(holds);
        let value = |name: &str| best.iter().find(|it| it.0 == name).map(|it| it.2);
        note("network costs something", value("network") > Some(0.0));
        note("something is shuffled", value("shuffle").is_some());
        note("it crosses racks", value("shuffle") > Some(0.0));
        note("something runs", !cluster.running.is_empty());
        note(
            "jobs waited",
            cluster.jobs.iter().any(|job| job.waited_ms > 0),
        );
    }
    println!("{seen:?}");
    let least = [
        ("network costs something", 150),
        ("something is shuffled", 30),
        ("it crosses racks", 10),
        ("something runs", 60),
        ("jobs waited", 100),
    ];
    for (what, least) in least {
        let count = seen.get(what).copied().unwrap_or(0);
        assert!(count >= least, "{what}: {count} of {CASES}; {seen:?}");
    }
}
