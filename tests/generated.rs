//! Generated clusters with every policy: clean to lint, planned, verified.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use apportion::generate::{GenerateOptions, Kind, generate};
use apportion::lint::{Severity, lint};
use apportion::{engine, snapshot};
use apportion_cluster::file::{
    AgentFile, DeviceNeedFile, DevicesFile, JobFile, ModelFile, TaskFile,
};

use common::{assert_verified, cluster, planned, quiet, write};

fn options(policies: &[Kind], agents: usize, jobs: usize, seed: u64) -> GenerateOptions {
    GenerateOptions {
        agents,
        jobs,
        frameworks: 4,
        policies: policies.to_vec(),
        seed,
        load: [0.5, 0.9, 1.4][usize::try_from(seed % 3).unwrap()],
        ..GenerateOptions::default()
    }
}

#[test]
fn generated_clusters_pass_lint_and_have_plans_that_hold() {
    let mut n_gangs = 0;
    let mut n_shared = 0;
    let mixes = [
        &[Kind::Ml][..],
        &[Kind::Service, Kind::Ml],
        &Kind::ALL,
        &[Kind::Service],
        &Kind::ALL[2..],
    ];
    for (seed, policies) in (1..).zip(mixes) {
        let file = generate(&options(policies, 30, 16, seed));
        let found = lint(snapshot::to_json(&file).as_bytes());
        let errors = found.iter().filter(|it| it.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{found:?}");
        let gpus = |it: &&apportion::lint::Finding| it.text.contains("gpu");
        assert_eq!(found.iter().filter(gpus).count(), 0, "{found:?}");
        // Small backends would search for minutes: what is planned in time holds as well.
        let options = engine::Options {
            deadline: Some(Instant::now() + Duration::from_secs(3)),
            ..quiet()
        };
        let plan = planned(&cluster(&file), &options);
        assert!(!plan.placements.is_empty());
        let placed = |job: &&JobFile| plan.placements.iter().any(|it| it.job == job.id);
        n_gangs += file
            .jobs
            .iter()
            .filter(|it| it.gang.is_some())
            .filter(placed)
            .count();
        let held = plan.placements.iter().flat_map(|it| &it.devices);
        n_shared += held.filter(|device| device.milli < 1000).count();
    }
    assert!(n_gangs > 0 && n_shared > 0, "{n_gangs} {n_shared}");
}

#[test]
fn a_large_mix_with_a_deadline_has_a_plan_that_holds() {
    let file = generate(&options(&[Kind::Service, Kind::Ml], 600, 80, 2));
    let cluster = cluster(&file);
    let begun = Instant::now();
    let options = engine::Options {
        deadline: Some(begun + Duration::from_secs(10)),
        ..quiet()
    };
    let plan = engine::plan(&cluster, &options).unwrap();
    assert_verified(&cluster, &plan);
    let frameworks = plan.frameworks.iter();
    assert!(
        frameworks.clone().all(|it| it.placed > 0),
        "{:?}",
        plan.frameworks
    );
}

/// 4,000 agents of 40 models and 20,000 tasks, each with a model of its own: looking at every agent for every task would be
/// 80 million looks, and more for each of its models.
#[test]
fn lint_looks_at_devices_once_per_model() {
    let mut file = write::snapshot(&["rack"]);
    for number in 0..4_000 {
        let agent = write::agent(&format!("a{number}"), "r", 1_000, 1_000);
        file.agents.push(AgentFile {
            devices: vec![DevicesFile {
                name: "gpu".to_owned(),
                model: Some(format!("m{}", number % 40)),
                count: 4,
            }],
            ..agent
        });
    }
    file.frameworks.push(write::framework("f", "ml"));
    for number in 0..20_000 {
        let models = (0..8).map(|step| ModelFile {
            model: format!("m{}", (number + step) % 40),
            throughput: 1_000,
        });
        let need = DeviceNeedFile {
            name: "gpu".to_owned(),
            count: if number == 7 { 5 } else { 1 },
            milli: 1_000,
            models: Some(models.collect()),
        };
        let task = TaskFile {
            devices: vec![need],
            ..write::task(1, 1, 1)
        };
        file.jobs.push(write::job(&format!("j{number}"), "f", task));
    }
    let cluster = cluster(&file);
    let begun = Instant::now();
    let found = apportion::lint::lint_cluster(&file, &cluster);
    let took = begun.elapsed();
    let too_many = found.iter().filter(|it| it.text.contains("needs 5 gpu"));
    assert_eq!(too_many.count(), 1, "{found:?}");
    println!("{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
