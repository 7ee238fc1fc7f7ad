//! How long a plan takes, phase by phase of its life: read, plan, verify.
//!
//! A plan that the verifier does not accept is not timed: the run fails. `cargo bench` measures;
//! `cargo test --benches` runs each case once.

use std::hint::black_box;
use std::time::Duration;

use apportion::engine::{self, Mode, Options};
use apportion::generate::{GenerateOptions, generate};
use apportion::snapshot;
use apportion::verify::verify;
use apportion_cluster::Cluster;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

/// A generated cluster: its label, and the numbers that make it.
struct Workload {
    label: &'static str,
    options: GenerateOptions,
}

fn workloads() -> Vec<Workload> {
    let workload = |label, agents, jobs, frameworks, load| Workload {
        label,
        options: GenerateOptions {
            agents,
            jobs,
            frameworks,
            load,
            seed: 1,
            ..GenerateOptions::default()
        },
    };
    vec![
        workload("20 agents, roomy", 20, 8, 2, 0.6),
        workload("20 agents, contended", 20, 8, 3, 1.3),
        workload("100 agents, contended", 100, 30, 3, 1.1),
    ]
}

/// The cluster's text and its picture.
fn load(workload: &Workload) -> (String, Cluster) {
    let text = snapshot::to_json(&generate(&workload.options));
    let cluster = snapshot::read(text.as_bytes()).expect("generated snapshots are valid");
    (text, cluster)
}

fn options(mode: Mode) -> Options {
    Options {
        mode,
        threads: 1,
        ..Options::default()
    }
}

/// Plans once and lets the judge look at it.
fn verified(cluster: &Cluster, mode: Mode, label: &str) -> apportion_cluster::plan::PlanFile {
    let plan = engine::plan(cluster, &options(mode)).expect("threads can be started");
    let report = verify(cluster, &plan);
    assert!(
        report.holds(),
        "{label}, {}: not timed, as it does not verify: {:?}",
        mode.name(),
        report.violations.first()
    );
    plan
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    for workload in workloads() {
        let (_, cluster) = load(&workload);
        for mode in [Mode::Brokered, Mode::Greedy] {
            verified(&cluster, mode, workload.label);
            group.bench_with_input(
                BenchmarkId::new(mode.name(), workload.label),
                &cluster,
                |bencher, cluster| {
                    bencher.iter(|| engine::plan(black_box(cluster), &options(mode)));
                },
            );
        }
    }
    group.finish();
}

fn reading_and_verifying(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("around a plan");
    group
        .sample_size(20)
        .measurement_time(Duration::from_secs(3));
    for workload in workloads() {
        let (text, cluster) = load(&workload);
        group.bench_with_input(
            BenchmarkId::new("read", workload.label),
            &text,
            |bencher, text| {
                bencher.iter(|| snapshot::read(black_box(text.as_bytes())));
            },
        );
        let plan = verified(&cluster, Mode::Brokered, workload.label);
        group.bench_with_input(
            BenchmarkId::new("verify", workload.label),
            &plan,
            |bencher, plan| {
                bencher.iter(|| verify(&cluster, black_box(plan)));
            },
        );
    }
    group.finish();
}

criterion_group!(benches, plans, reading_and_verifying);
criterion_main!(benches);
