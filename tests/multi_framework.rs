//! A benchmark of Mesos's allocator: four frameworks of thousands of small tasks, hundreds of five large ones, and fifty of
//! twenty middling ones. Everything that fits is placed, and the certificate says how fairly.
#![allow(clippy::unwrap_used)]

#[path = "../examples/multi_framework/cluster.rs"]
mod case;
mod common;

use std::collections::BTreeMap;

use apportion::engine::Options;
use apportion::snapshot;
use apportion_cluster::plan::PlanFile;

use case::{AGENT, PROFILES, Profile, snapshot as drawn};
use common::planned;

/// The plan, judged by the verifier.
fn plan(n_agents: usize) -> PlanFile {
    let file = drawn(n_agents).to_string();
    let cluster = snapshot::read(file.as_bytes()).unwrap();
    planned(&cluster, &Options::default())
}

/// Instances placed, by framework.
fn placed(plan: &PlanFile) -> BTreeMap<&str, i64> {
    let mut placed = BTreeMap::new();
    for it in &plan.placements {
        *placed.entry(it.job.as_str()).or_insert(0) += it.instances;
    }
    placed
}

fn profile(id: &str) -> &'static Profile {
    PROFILES.iter().find(|it| id.starts_with(it.name)).unwrap()
}

/// What is left of cpu and memory on each agent.
fn left(plan: &PlanFile, n_agents: usize) -> Vec<(i64, i64)> {
    let mut left: BTreeMap<String, (i64, i64)> = (0..n_agents)
        .map(|at| (format!("agent-{at:04}"), AGENT))
        .collect();
    for it in &plan.placements {
        let of = profile(&it.job);
        let (cpu, memory) = left.get_mut(&it.agent).unwrap();
        *cpu -= of.cpu_milli * it.instances;
        *memory -= of.memory_mib * it.instances;
    }
    left.into_values().collect()
}

#[test]
fn eighty_agents_have_room_for_everything() {
    let plan = plan(80);
    let all: i64 = PROFILES
        .iter()
        .map(|it| it.frameworks as i64 * it.tasks)
        .sum();
    assert_eq!(placed(&plan).values().sum::<i64>(), all);
    assert!(plan.unplaced.is_empty());
    assert!(
        left(&plan, 80)
            .iter()
            .all(|&(cpu, memory)| cpu >= 0 && memory >= 0)
    );
    let certificate = plan.fairness.unwrap();
    assert!(
        certificate.epsilon.unwrap().abs() < 1e-9,
        "{:?}",
        certificate.epsilon
    );
}

#[test]
fn thirty_agents_are_filled_until_nothing_fits() {
    let plan = plan(30);
    let placed = placed(&plan);
    let left = left(&plan, 30);
    for of in &PROFILES {
        let waits = (0..of.frameworks).any(|at| {
            let id = format!("{}-{at:03}", of.name);
            placed.get(id.as_str()).copied().unwrap_or(0) < of.tasks
        });
        let fits = |&(cpu, memory): &(i64, i64)| cpu >= of.cpu_milli && memory >= of.memory_mib;
        assert!(!waits || !left.iter().any(fits), "{} would fit", of.name);
    }
    // Shares that ask for less than what all could have are had whole: b and c, whose shares are all that they want.
    for of in &PROFILES[1..] {
        for at in 0..of.frameworks {
            assert_eq!(placed[format!("{}-{at:03}", of.name).as_str()], of.tasks);
        }
    }
    // What is left is shared by the large ones, and evenly.
    let large: Vec<i64> = (0..4)
        .map(|at| placed[format!("a-{at:03}").as_str()])
        .collect();
    let most = large.iter().max().unwrap();
    assert!(large.iter().all(|it| it * 100 >= most * 90), "{large:?}");
    let certificate = plan.fairness.unwrap();
    assert!(certificate.epsilon_fractional < 0.01);
    assert!(
        certificate.epsilon.unwrap() < 0.01,
        "{:?}",
        certificate.epsilon
    );
}
