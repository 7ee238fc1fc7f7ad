//! How long a cycle of the broker takes, phase by phase: shares, first offers, certificate.
//!
//! Clusters of 60 classes of agents; every framework has a task of its own demand and a cap on it. `cargo bench --bench broker`
//! measures, and prints each phase and how far the shares are from efficiency; a cycle whose shares are not within a
//! hundredth of it is not timed: the run fails.

use std::hint::black_box;
use std::time::Duration;

use apportion::engine::{self, Options};
use apportion::snapshot;
use apportion_cluster::{Cluster, Fairness};
use apportion_policies::online::SplitMix64;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

/// Shares are to be this close to efficient.
const MOST_EPSILON: f64 = 0.01;

struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }
}

/// Agents of 60 shapes, frameworks of distinct demands, each with a role of its own; with `quota`, every second role has a
/// limit and every third a guarantee.
fn cluster(n_agents: u64, n_frameworks: u64, quota: bool) -> Cluster {
    let mut random = Random::new(1);
    let shapes: Vec<Value> = (0..60)
        .map(|_| {
            json!({"cpu_milli": 4000 * (4 + random.below(28)), "memory_mib": 8192 * (2 + random.below(30)),
                   "disk_mib": 100_000 * (1 + random.below(20)), "network_mib_s": 1000 + random.below(4000)})
        })
        .collect();
    let agents: Vec<Value> = (0..n_agents)
        .map(|at| json!({"id": format!("a{at:05}"), "resources": shapes[(at % 60) as usize]}))
        .collect();
    let mut roles = Vec::new();
    let mut frameworks = Vec::new();
    let mut jobs = Vec::new();
    // What one framework has of the cluster, on average.
    let part = 70_000 * n_agents / n_frameworks;
    for p in 0..n_frameworks {
        let cpu = 500 + random.below(3500);
        let mut role = json!({"path": format!("r{p:05}"), "weight": 1 + random.below(3)});
        if quota && p % 2 == 0 {
            role["limit"] = json!({"cpu_milli": part / 2 + random.below(part)});
        }
        if quota && p % 3 == 0 {
            role["guarantee"] = json!({"cpu_milli": part / 8, "memory_mib": part / 16});
        }
        roles.push(role);
        frameworks.push(
            json!({"id": format!("f{p:05}"), "policy": "service", "role": format!("r{p:05}")}),
        );
        let instances = 1 + part * (1 + random.below(20)) / 10 / cpu;
        let resources = json!({"cpu_milli": cpu, "memory_mib": 256 * (1 + random.below(30)),
                               "disk_mib": 100 * random.below(200), "network_mib_s": random.below(20)});
        let task = json!({"id": "t", "instances": instances, "resources": resources});
        jobs.push(
            json!({"id": format!("j{p:05}"), "framework": format!("f{p:05}"), "tasks": [task]}),
        );
    }
    let file = json!({"version": "apportion/v1", "agents": agents, "roles": roles, "frameworks": frameworks, "jobs": jobs});
    snapshot::read(file.to_string().as_bytes()).expect("the cluster is valid")
}

fn cycles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("broker");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(20));
    let cases = [
        ("10000 agents, 1000 frameworks", 10_000, 1000, false),
        ("10000 agents, 3000 frameworks", 10_000, 3000, false),
        ("3000 agents, 3000 roles with quota", 3000, 3000, true),
    ];
    for (label, n_agents, n_frameworks, quota) in cases {
        let cluster = cluster(n_agents, n_frameworks, quota);
        for fairness in [Fairness::Nash, Fairness::Drf, Fairness::Maxmin] {
            // Levels are linear programs of their own, and take minutes among thousands.
            if fairness == Fairness::Maxmin && n_frameworks > 1000 {
                continue;
            }
            let options = Options {
                fairness: Some(fairness),
                threads: 2,
                ..Options::default()
            };
            let cycle = engine::cycle(&cluster, &options);
            println!("{label}, {}: {cycle:.3?}", fairness.name());
            assert!(
                fairness != Fairness::Nash || cycle.epsilon_fractional <= MOST_EPSILON,
                "{label}: not timed, its shares are {} from efficiency",
                cycle.epsilon_fractional
            );
            // Reported, not measured again and again.
            if fairness == Fairness::Maxmin {
                continue;
            }
            group.bench_with_input(
                BenchmarkId::new(fairness.name(), label),
                &cluster,
                |bencher, cluster| bencher.iter(|| engine::cycle(black_box(cluster), &options)),
            );
        }
    }
    group.finish();
}

criterion_group!(benches, cycles);
criterion_main!(benches);
