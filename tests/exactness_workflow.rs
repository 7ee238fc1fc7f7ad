//! The engine with the policy `workflow` against every placement of small streams, and batches against the whole cluster.
#![allow(clippy::unwrap_used)]

mod common;

#[cfg(feature = "highs")]
use std::collections::BTreeMap;

use apportion_cluster::file::{EdgeFile, JobFile, SnapshotFile, TaskFile};
#[cfg(feature = "highs")]
use apportion_cluster::plan::StageSense;
#[cfg(feature = "highs")]
use common::naive;
use common::random::Draw;
use common::{cluster, planned, quiet, result, stage, write};
#[cfg(feature = "highs")]
use common::{random, random::Size};

/// One framework with a few jobs of one to three tasks, and edges between them.
#[cfg(feature = "highs")]
fn tiny_stream(seed: u64) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0x57ea);
    let size = Size {
        agents: 3,
        instances: 6,
        frameworks: 1,
        room: 8,
        running: true,
    };
    let mut file = random::snapshot(seed.wrapping_add(40_000), size);
    file.frameworks[0].policy = "workflow".to_owned();
    file.frameworks[0].parameters.clear();
    if draw.once_in(3) {
        let weight = draw.from(0, 3);
        let key = draw.one_of(&["agent_weight", "rack_weight"]);
        (file.frameworks[0].parameters).insert(key.to_owned(), weight.into());
    }
    for job in &mut file.jobs {
        let ids: Vec<String> = job.tasks.iter().map(|task| task.id.clone()).collect();
        for from in &ids {
            for to in &ids {
                if draw.once_in(2) {
                    job.edges.push(EdgeFile {
                        from: from.clone(),
                        to: to.clone(),
                        mib_s: Some(draw.from(0, 30)),
                        mib: None,
                    });
                }
            }
        }
    }
    file
}

#[test]
#[cfg(feature = "highs")]
fn three_hundred_tiny_streams_are_solved_exactly() {
    const TOLERANCE: f64 = 1e-6;
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..300 {
        let cluster = cluster(&tiny_stream(seed));
        let census = naive::best(&cluster);
        let plan = planned(&cluster, &quiet());
        let result = result(&plan, "f0");
        assert_eq!(result.stages.len(), census.best.len(), "seed {seed}");
        for (stage, (name, is_more_better, value)) in result.stages.iter().zip(&census.best) {
            let is_same = stage.name == *name
                && (stage.sense == StageSense::Maximize) == *is_more_better
                && (stage.objective - value).abs() <= TOLERANCE;
            assert!(is_same, "seed {seed}: {stage:?}, best {:?}", census.best);
            let is_proved = (stage.bound).is_some_and(|bound| (bound - value).abs() <= TOLERANCE);
            assert!(is_proved, "seed {seed}: {stage:?}");
        }
        let mut note = |what, holds: bool| *seen.entry(what).or_insert(0) += usize::from(holds);
        let traffic = census.best.iter().find(|it| it.0 == "traffic");
        note("traffic is judged", traffic.is_some());
        note("something crosses", traffic.is_some_and(|it| it.2 > 0.0));
        note("something runs", !cluster.running.is_empty());
        note(
            "edges are named",
            plan.notes.iter().any(|it| it.code == "edge"),
        );
    }
    println!("{seen:?}");
    for (what, least) in [
        ("traffic is judged", 200),
        ("something crosses", 60),
        ("something runs", 60),
        ("edges are named", 30),
    ] {
        assert!(seen[what] >= least, "{what}: {seen:?}");
    }
}

/// A batch on a few agents in racks.
fn batch(seed: u64, n: i64, order: &str) -> SnapshotFile {
    let mut draw = Draw::new(seed ^ 0xba7c);
    let mut file = write::snapshot(&["rack"]);
    for at in 0..draw.from(2, 5) {
        let mut agent = write::agent(&format!("a{at}"), &format!("r{}", at % 2), 4000, 8000);
        agent.speed = draw.once_in(3).then(|| draw.from(500, 3000));
        file.agents.push(agent);
    }
    let mut framework = write::framework("f0", "workflow");
    (framework.parameters).insert("order".to_owned(), order.into());
    file.frameworks.push(framework);
    let task = |at: i64, draw: &mut Draw| TaskFile {
        id: format!("t{at:02}"),
        work_ms: Some(draw.from(0, 3000)),
        ..write::task(
            draw.one_of(&[1, 1, 1, 2]),
            1000 * draw.from(1, 3),
            500 * draw.from(0, 8),
        )
    };
    let tasks: Vec<TaskFile> = (0..n).map(|at| task(at, &mut draw)).collect();
    let mut edges = Vec::new();
    for to in 1..n {
        for from in 0..to {
            if draw.once_in(n.min(6)) {
                edges.push(EdgeFile {
                    from: format!("t{from:02}"),
                    to: format!("t{to:02}"),
                    mib_s: None,
                    mib: Some(draw.from(0, 400)),
                });
            }
        }
    }
    file.jobs.push(JobFile {
        id: "batch".to_owned(),
        framework: "f0".to_owned(),
        tasks,
        edges,
        ..JobFile::default()
    });
    file
}

#[test]
fn batches_are_verified_and_as_good_as_on_the_whole_cluster() {
    use apportion_cluster::{FrameworkIdx, Slice};
    use apportion_models::assignment::LadderOptions;
    use apportion_models::schedule;
    use apportion_policies::Policy;
    use apportion_policies::baselines::WorkflowBaseline;
    use apportion_policies::workflow::Workflow;

    for seed in 0..24 {
        for order in ["makespan", "traffic"] {
            let cluster = cluster(&batch(seed, 4 + (seed as i64) % 9, order));
            let plan = planned(&cluster, &quiet());
            let slice = Slice::whole(&cluster, FrameworkIdx(0));
            let model = Workflow.formulate(&slice).unwrap().schedule.unwrap();
            let options = LadderOptions::new(apportion_models::default_solver());
            let whole = schedule::solve(&model, &options);
            let found: Vec<f64> = (result(&plan, "f0").stages.iter())
                .map(|it| it.objective)
                .collect();
            let best: Vec<f64> = whole.stages.iter().map(|it| it.objective).collect();
            assert!(
                model.compare(&found, &best).is_le(),
                "seed {seed}, {order}: {found:?} after {best:?}"
            );
            let heft = model.values(&WorkflowBaseline::Heft.schedule(&model));
            if order == "makespan" {
                let makespan = stage(&plan, "f0", "makespan").objective;
                assert!(
                    makespan <= heft[1],
                    "seed {seed}: {makespan} after {heft:?}"
                );
            }
        }
    }
}

/// `c` takes the place of what has ended: room for two is enough for all three, and nothing crosses.
#[test]
fn one_after_the_other_needs_no_more_room() {
    let mut file = write::snapshot(&[]);
    for id in ["n1", "n2"] {
        file.agents.push(write::agent(id, "r", 2000, 0));
        file.agents.last_mut().unwrap().domains.clear();
    }
    file.frameworks.push(write::framework("f0", "workflow"));
    let task = |id: &str, work| TaskFile {
        id: id.to_owned(),
        work_ms: Some(work),
        ..write::task(1, 1000, 0)
    };
    let edge = |from: &str| EdgeFile {
        from: from.to_owned(),
        to: "c".to_owned(),
        mib_s: None,
        mib: Some(10_240),
    };
    file.jobs.push(JobFile {
        id: "top".to_owned(),
        framework: "f0".to_owned(),
        tasks: vec![task("a", 1000), task("b", 2000), task("c", 500)],
        edges: vec![edge("a"), edge("b")],
        ..JobFile::default()
    });
    let cluster = cluster(&file);
    let plan = planned(&cluster, &quiet());
    let makespan = stage(&plan, "f0", "makespan");
    assert_eq!((makespan.objective, makespan.bound), (2500.0, Some(2500.0)));
    assert_eq!(stage(&plan, "f0", "traffic").objective, 0.0);
    assert!(plan.notes.is_empty());
}
