//! The engine with the policy `ml` against every placement of small clusters: parts of devices, alternatives that
//! differ in speed, gangs of a fixed and of an elastic size, and devices that are held already. A minute on two cores.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use apportion::engine::{Mode, Options};
use apportion::verify;
use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;
#[cfg(feature = "highs")]
use apportion_cluster::plan::StageSense;

use common::{cluster, naive, planned, quiet, random, result};

const TOLERANCE: f64 = 1e-6;

/// How many clusters are tried.
const CASES: u64 = 300;

#[test]
#[cfg(feature = "highs")]
fn three_hundred_tiny_clusters_with_devices_are_solved_exactly() {
    for seed in 0..CASES {
        let cluster = cluster(&random::tiny_with_devices(seed));
        let best = naive::best(&cluster).best;
        let plan = planned(&cluster, &quiet());
        let result = result(&plan, "f0");
        // What only breaks ties comes last and is told without being judged.
        let judged = &result.stages[..best.len()];
        for (stage, (name, is_more_better, value)) in judged.iter().zip(&best) {
            let is_same = stage.name == *name
                && (stage.sense == StageSense::Maximize) == *is_more_better
                && (stage.objective - value).abs() <= TOLERANCE;
            assert!(is_same, "seed {seed}: {stage:?}, best {best:?}");
            let is_proved = stage
                .bound
                .is_some_and(|bound| (bound - value).abs() <= TOLERANCE);
            assert!(is_proved, "seed {seed}: {stage:?}");
        }
        let ties = result.stages[best.len()..].iter().map(|it| &it.name[..]);
        let unjudged = ties
            .clone()
            .all(|it| it == "fragmentation" || it == "holes");
        assert!(unjudged, "seed {seed}: {:?}", ties.collect::<Vec<_>>());
        let gap = result.gap;
        assert!(
            gap.is_some_and(|gap| gap <= TOLERANCE),
            "seed {seed}: {gap:?}"
        );
    }
}

/// What is constructed, and what is placed one at a time, holds too, and is never better than the best.
#[test]
fn nothing_is_better_than_the_best_of_all_placements() {
    let mut worse = 0;
    for seed in 0..CASES {
        let cluster = cluster(&random::tiny_with_devices(seed));
        let best = naive::best(&cluster).best;
        for mode in [Mode::Greedy, Mode::Online] {
            let plan = planned(&cluster, &Options { mode, ..quiet() });
            let first = &result(&plan, "f0").stages[0];
            let ahead = first.objective - best[0].2;
            assert!(
                ahead <= TOLERANCE,
                "seed {seed}, {mode:?}: {first:?}, best {best:?}"
            );
            worse += usize::from(ahead < -TOLERANCE);
        }
    }
    assert!(
        worse >= 20,
        "the best is found by construction: {worse} of {}",
        2 * CASES
    );
}

/// A plan that says something else of what is placed, or of how fast it is, is refused, and so is one that does not say it.
#[test]
fn what_is_told_of_places_and_speed_is_judged() {
    let mut n_judged = 0;
    for seed in 0..CASES / 3 {
        let cluster = cluster(&random::tiny_with_devices(seed));
        let plan = planned(&cluster, &quiet());
        let rules = |plan: &PlanFile| {
            let violations = verify::verify(&cluster, plan).violations.into_iter();
            violations.map(|it| it.rule.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(rules(&plan), Vec::<String>::new(), "seed {seed}");
        let names = plan.frameworks[0].stages.iter().map(|stage| &stage.name);
        let names: Vec<String> = names.cloned().collect();
        if !names.iter().any(|name| name.starts_with("throughput:")) {
            continue;
        }
        for (at, name) in names.iter().enumerate() {
            if name.starts_with("placed") || name.starts_with("throughput:") {
                let mut forged = plan.clone();
                forged.frameworks[0].stages[at].objective += 1.0;
                let objective = "objective".to_owned();
                assert!(rules(&forged).contains(&objective), "seed {seed}: {name}");
                let mut silent = plan.clone();
                silent.frameworks[0].stages.remove(at);
                let stages = "stages".to_owned();
                assert!(rules(&silent).contains(&stages), "seed {seed}: {name}");
                n_judged += 1;
            }
        }
    }
    assert!(n_judged >= 50, "{n_judged} stages");
}

/// A generator of easy cases would prove nothing: what is tested keeps something away, or decides, in a fair part.
#[test]
fn the_tiny_clusters_with_devices_are_bound_by_parts_gangs_and_alternatives() {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..CASES {
        let file = random::tiny_with_devices(seed);
        let cluster = cluster(&file);
        let census = naive::best(&cluster);
        let mut note = |what, holds: bool| *seen.entry(what).or_insert(0) += usize::from(holds);
        for rule in &census.binding {
            note(rule, true);
        }
        note(
            "alternatives decide",
            alternatives_decide(&cluster, &census),
        );
        note(
            "a gang is elastic",
            gangs(&cluster).any(|(min, wanted)| 1 < min && min < wanted),
        );
        note(
            "a gang is fixed",
            gangs(&cluster).any(|(min, wanted)| 1 < min && min == wanted),
        );
        note(
            "span is judged",
            census.best.iter().any(|it| it.0 == "span"),
        );
        note(
            "speed is judged by priority",
            census.best.iter().any(|it| it.0.starts_with("throughput:")),
        );
        note(
            "devices are held already",
            !cluster.running_devices.is_empty(),
        );
        note("six tasks or more", cluster.tasks.len() >= 6);
        note("a thousand placements or more", census.tried >= 1000);
    }
    println!("{seen:?}");
    let least = [
        ("device", 35),
        ("gang", 35),
        ("limit", 25),
        ("alternatives decide", 25),
        ("a gang is elastic", 40),
        ("a gang is fixed", 30),
        ("span is judged", 200),
        ("speed is judged by priority", 30),
        ("spread", 15),
        ("devices are held already", 60),
        ("six tasks or more", 50),
        ("a thousand placements or more", 20),
    ];
    for (what, least) in least {
        let count = seen.get(what).copied().unwrap_or(0);
        assert!(
            count >= least,
            "{what}: {count} of {CASES}, expected {least}; {seen:?}"
        );
    }
}

/// The least size and the size wanted of each gang.
fn gangs(cluster: &Cluster) -> impl Iterator<Item = (i64, i64)> {
    cluster.jobs.iter().filter_map(|job| {
        let wanted = job.tasks.iter().map(|&task| cluster.task(task).instances);
        Some((job.gang_min?, wanted.sum()))
    })
}

/// Whether something else is best where every model runs every task at its usual speed.
fn alternatives_decide(cluster: &Cluster, census: &naive::Census) -> bool {
    let mut even = cluster.clone();
    let needs = even.tasks.iter_mut().flat_map(|task| &mut task.devices);
    for choice in needs.flat_map(|need| &mut need.models) {
        choice.throughput = 1000;
    }
    let places = naive::best(&even).places;
    let worth = naive::values(cluster, &naive::Counts::running(cluster), &places);
    worth
        .iter()
        .zip(&census.best)
        .any(|(left, right)| (left.2 - right.2).abs() > TOLERANCE)
}
