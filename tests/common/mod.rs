//! What the integration tests share: snapshots in a few words, random clusters, a naive reading of the
//! rules, and `planned`, through which every plan of a test is verified.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of this"
)]
#![allow(clippy::unwrap_used)]

pub mod naive;
pub mod naive_data;
pub mod naive_devices;
pub mod random;
pub mod write;

use apportion::engine::{self, Options};
use apportion::{snapshot, verify};
use apportion_cluster::Cluster;
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::{FrameworkResult, PlanFile, StageResult};

/// The cluster of a snapshot that is known to be right.
pub fn cluster(file: &SnapshotFile) -> Cluster {
    cluster_with(file, &Options::default())
}

/// The same, with the policies of `options`.
pub fn cluster_with(file: &SnapshotFile, options: &Options) -> Cluster {
    snapshot::resolve_with(file, &options.policies).unwrap_or_else(|faults| {
        let text = serde_json::to_string(file).unwrap_or_default();
        panic!("{faults:?}\n{text}")
    })
}

/// Plans, and has the plan judged: every plan of every test comes from here.
#[track_caller]
pub fn planned(cluster: &Cluster, options: &Options) -> PlanFile {
    let plan = engine::plan(cluster, options).unwrap();
    assert_verified(cluster, &plan);
    plan
}

/// Fails with the verifier's words unless the plan holds.
#[track_caller]
pub fn assert_verified(cluster: &Cluster, plan: &PlanFile) {
    let report = verify::verify(cluster, plan);
    assert!(
        report.holds(),
        "{}",
        report
            .violations
            .iter()
            .map(|it| format!("{it}\n"))
            .collect::<String>()
    );
}

/// Equal effort whatever else the machine does: one thread, no clock.
pub fn quiet() -> Options {
    Options {
        threads: 1,
        ..Options::default()
    }
}

/// The plan without what may differ between equal runs.
pub fn without_timings(plan: &PlanFile) -> String {
    let plan = PlanFile {
        timings_ms: None,
        ..plan.clone()
    };
    serde_json::to_string_pretty(&plan).unwrap()
}

/// The result of a framework.
#[track_caller]
pub fn result<'p>(plan: &'p PlanFile, framework: &str) -> &'p FrameworkResult {
    let found = plan.frameworks.iter().find(|result| result.id == framework);
    found.unwrap_or_else(|| panic!("the plan has no framework `{framework}`"))
}

/// A stage of a framework's result.
#[track_caller]
pub fn stage<'p>(plan: &'p PlanFile, framework: &str, name: &str) -> &'p StageResult {
    let found = result(plan, framework)
        .stages
        .iter()
        .find(|stage| stage.name == name);
    found.unwrap_or_else(|| panic!("`{framework}` has no stage `{name}`"))
}

/// Instances that the plan places of the jobs that `counts` accepts.
pub fn placed(plan: &PlanFile, counts: impl Fn(&str) -> bool) -> i64 {
    plan.placements
        .iter()
        .filter(|it| counts(&it.job))
        .map(|it| it.instances)
        .sum()
}

/// The snapshot after the plan.
pub fn applied(file: &SnapshotFile, cluster: &Cluster, plan: &PlanFile) -> SnapshotFile {
    engine::apply(file, cluster, plan).unwrap()
}
