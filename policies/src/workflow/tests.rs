//! The smallest worked example, and each rule alone: hand-made placements and timetables break exactly the rows named.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use apportion_cluster::{
    Agent, AgentIdx, Cluster, DomainIdx, Edge, EdgeLoad, Fairness, Framework, FrameworkIdx, Job,
    JobIdx, Level, Quantities, Role, RoleIdx, Running, Slice, Task, TaskIdx,
};
use apportion_models::assignment::{LadderOptions, Objective, Placement, solve};
use apportion_models::default_solver;
use apportion_models::schedule::{self, TimedEntry, Timetable};

use super::{Parameters, Workflow};
use crate::baselines::WorkflowBaseline;
use crate::contract::{Formulation, Policy, Standing};

/// Agents `a0..` with (rack, cpu), one job with tasks `t0..` of one instance and one cpu each.
fn cluster(
    agents: &[(u32, i64)],
    work: &[Option<i64>],
    edges: &[(usize, usize, EdgeLoad)],
) -> Cluster {
    let n_racks = agents.iter().map(|(rack, _)| rack + 1).max().unwrap_or(0);
    let task = |(at, &work_ms): (usize, &Option<i64>)| Task {
        id: format!("t{at}"),
        job: JobIdx(0),
        instances: 1,
        value: 1,
        work_ms,
        phase: None,
        shard: None,
        demand: Quantities(vec![1]),
        devices: Vec::new(),
        attributes: Vec::new(),
        agents: None,
        tolerates: Vec::new(),
        groups: Vec::new(),
        limits: Vec::new(),
        spreads: Vec::new(),
    };
    let agent = |(at, &(rack, cpu)): (usize, &(u32, i64))| Agent {
        id: format!("a{at}"),
        capacity: Quantities(vec![cpu]),
        devices: Vec::new(),
        domains: vec![DomainIdx(rack)],
        attributes: BTreeMap::new(),
        dedicated: None,
        cordoned: false,
        speed: 1000,
    };
    let edge = |&(from, to, load): &(usize, usize, EdgeLoad)| Edge {
        from: TaskIdx::of(from),
        to: TaskIdx::of(to),
        load,
    };
    Cluster {
        name: "test".to_owned(),
        digest: String::new(),
        fairness: Fairness::Nash,
        resources: vec!["cpu".to_owned()],
        devices: Vec::new(),
        levels: vec![Level {
            name: "rack".to_owned(),
            declared: true,
            domains: (0..n_racks).map(|rack| format!("r{rack}")).collect(),
        }],
        agents: agents.iter().enumerate().map(agent).collect(),
        roles: vec![Role::new("all", 1.0, 1)],
        frameworks: vec![Framework {
            id: "storm".to_owned(),
            policy: "workflow".to_owned(),
            role: RoleIdx(0),
            weight: 1.0,
            parameters: BTreeMap::new(),
            jobs: vec![JobIdx(0)],
        }],
        jobs: vec![Job {
            id: "j".to_owned(),
            framework: FrameworkIdx(0),
            priority: 0,
            gang_min: None,
            min_available: None,
            max_moves: None,
            waited_ms: 0,
            tasks: (0..work.len()).map(TaskIdx::of).collect(),
            edges: edges.iter().map(edge).collect(),
        }],
        tasks: work.iter().enumerate().map(task).collect(),
        groups: Vec::new(),
        blocks: Vec::new(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: Vec::new(),
        running_units: Vec::new(),
    }
}

fn formulate(cluster: &Cluster) -> Formulation {
    let formulation = Workflow
        .formulate(&Slice::whole(cluster, FrameworkIdx(0)))
        .unwrap();
    formulation.assignment.validate().unwrap();
    formulation
}

const TEN_GB: EdgeLoad = EdgeLoad::MibPerSecond(10_240);

fn two_into_one(room: i64) -> Cluster {
    let edges = [(0, 2, TEN_GB), (1, 2, TEN_GB)];
    cluster(&[(0, room), (1, room)], &[None; 3], &edges)
}

#[test]
fn smallest_worked_example() {
    for (room, hops, moved) in [(3, 0.0, 0.0), (2, 20_480.0, 10_240.0)] {
        let cluster = two_into_one(room);
        let formulation = formulate(&cluster);
        let options = LadderOptions::new(default_solver());
        let solved = solve(&formulation.assignment, None, &options);
        let values: Vec<(&str, f64)> = solved
            .stages
            .iter()
            .map(|it| (it.name.as_str(), it.objective))
            .collect();
        // Two racks: what crosses takes two hops.
        let agents_used = if room == 3 { 1.0 } else { 2.0 };
        assert_eq!(
            values,
            [
                ("placed", 3.0),
                ("traffic", hops),
                ("agents_used", agents_used)
            ]
        );
        assert_eq!(solved.stages[1].bound, Some(hops));
        let proposal = Workflow.decode(&formulation, &solved.placement);
        let metrics = Workflow.metrics(&Standing {
            cluster: &cluster,
            framework: FrameworkIdx(0),
            placements: &proposal.placements,
            units: &[],
            devices: &[],
            times: &[],
            free: &cluster.free(),
            free_devices: &cluster.free_devices(),
        });
        assert_eq!(metrics["traffic_across_racks"], moved);
        assert_eq!(metrics["traffic_within_agent"], 20_480.0 - moved);
        assert_eq!(metrics["busiest_agent"], moved);
        assert_eq!(metrics["edges_crossing"], moved / 10_240.0);
    }
}

#[test]
fn what_runs_already_draws_what_it_exchanges_with() {
    let mut cluster = two_into_one(3);
    cluster.running = vec![Running {
        task: TaskIdx(2),
        agent: AgentIdx(1),
        instances: 1,
    }];
    let formulation = formulate(&cluster);
    let solved = solve(
        &formulation.assignment,
        None,
        &LadderOptions::new(default_solver()),
    );
    assert_eq!(solved.placement.entries(), [(0, 1, 1), (1, 1, 1)]);
    assert_eq!(solved.stages[1].objective, 0.0);
}

#[test]
fn capacity_and_once_of_streams() {
    let broken = |entries: &[(u32, u32, i64)]| -> Vec<String> {
        let model = formulate(&two_into_one(2)).assignment;
        let faults = model.faults(&Placement::new(entries.to_vec()));
        faults
            .iter()
            .map(|fault| fault.row().unwrap().to_owned())
            .collect()
    };
    assert!(broken(&[(0, 0, 1), (1, 0, 1), (2, 1, 1)]).is_empty());
    assert_eq!(
        broken(&[(0, 0, 1), (1, 0, 1), (2, 0, 1)]),
        ["capacity[a0,cpu]"]
    );
    assert_eq!(broken(&[(0, 0, 1), (0, 1, 1)]), ["once[j/t0]"]);
}

#[test]
fn rows_of_batches() {
    let mib = |amount| EdgeLoad::Mib(amount);
    let mut cluster = cluster(
        &[(0, 1), (1, 1)],
        &[Some(100), Some(100)],
        &[(0, 1, mib(1))],
    );
    cluster.agents[1].speed = 2000;
    let model = formulate(&cluster).schedule.unwrap();
    let rows = |entries: &[(u32, u32, i64, i64)]| -> Vec<String> {
        let entry = |&(operation, bin, start, end): &(u32, u32, i64, i64)| TimedEntry {
            operation,
            bin,
            start,
            end,
            copies: 1,
        };
        let timetable = Timetable::new(entries.iter().map(entry).collect());
        model
            .faults(&timetable)
            .into_iter()
            .map(|fault| fault.row)
            .collect()
    };
    // 1 MiB across racks at 62 MiB/s: 17 ms.
    assert!(rows(&[(0, 0, 0, 100), (1, 1, 117, 167)]).is_empty());
    assert!(rows(&[(0, 0, 0, 100), (1, 0, 100, 200)]).is_empty());
    assert_eq!(
        rows(&[(0, 0, 0, 100), (1, 1, 116, 166)]),
        ["edge[j/t0,j/t1]"]
    );
    assert_eq!(
        rows(&[(0, 0, 0, 100), (1, 1, 117, 217)]),
        ["duration[j/t1]"]
    );
    assert_eq!(rows(&[(0, 0, 0, 100), (0, 1, 0, 50)]), ["once[j/t0]"]);
    assert_eq!(
        rows(&[(0, 0, 0, 100), (1, 0, 50, 150)]),
        ["capacity[a0,cpu]", "edge[j/t0,j/t1]"]
    );
    assert_eq!(rows(&[(1, 0, 0, 100)]), ["edge[j/t0,j/t1]"]);
}

#[test]
fn what_follows_a_task_that_is_held_back_has_no_bin() {
    let mib = EdgeLoad::Mib(1);
    let cluster = cluster(&[(0, 3)], &[Some(1); 4], &[(0, 1, mib), (1, 2, mib)]);
    let mut slice = Slice::whole(&cluster, FrameworkIdx(0));
    slice.pending.remove(0);
    let formulation = Workflow.formulate(&slice).unwrap();
    let operations = formulation.schedule.unwrap().operations;
    let bins: Vec<usize> = operations.iter().map(|it| it.eligible.len()).collect();
    assert_eq!(bins, [0, 0, 1]);
}

#[test]
fn the_two_orders_of_a_batch() {
    // Two tasks that could run at once on two agents, joined by a third.
    let edges = [(0, 2, EdgeLoad::Mib(10)), (1, 2, EdgeLoad::Mib(10))];
    let solved = |order: &str| {
        let mut cluster = cluster(
            &[(0, 1), (1, 1)],
            &[Some(1000), Some(1000), Some(10)],
            &edges,
        );
        cluster.frameworks[0]
            .parameters
            .insert("order".to_owned(), order.into());
        let model = formulate(&cluster).schedule.unwrap();
        let solved = schedule::solve(&model, &LadderOptions::new(default_solver()));
        let stages = solved.stages.iter();
        stages
            .map(|it| (it.name.clone(), it.objective))
            .collect::<Vec<_>>()
    };
    let named = |stages: &[(&str, f64)]| -> Vec<(String, f64)> {
        stages
            .iter()
            .map(|&(name, value)| (name.to_owned(), value))
            .collect()
    };
    // 10 MiB at 62 MiB/s are 162 ms.
    assert_eq!(
        solved("makespan"),
        named(&[
            ("placed", 3.0),
            ("makespan", 1172.0),
            ("traffic", 10.0),
            ("traffic_within", 0.0),
            ("completion", 3172.0)
        ])
    );
    assert_eq!(
        solved("traffic"),
        named(&[
            ("placed", 3.0),
            ("traffic", 0.0),
            ("makespan", 2010.0),
            ("traffic_within", 0.0),
            ("completion", 5010.0)
        ])
    );
}

#[test]
fn parameters_are_checked() {
    let faults = |key: &str, value: serde_json::Value| {
        let mut cluster = two_into_one(2);
        cluster.frameworks[0]
            .parameters
            .insert(key.to_owned(), value);
        Workflow.check(&cluster, &cluster.frameworks[0]).len()
    };
    for (key, good, bad) in [
        (
            "order",
            serde_json::json!("traffic"),
            serde_json::json!("speed"),
        ),
        (
            "level",
            serde_json::json!("rack"),
            serde_json::json!("zone"),
        ),
        (
            "within_rack_mib_s",
            serde_json::json!(1000),
            serde_json::json!(0),
        ),
        (
            "across_racks_mib_s",
            serde_json::json!(10),
            serde_json::json!(1.5),
        ),
        ("agent_weight", serde_json::json!(0), serde_json::json!(-1)),
        ("rack_weight", serde_json::json!(3), serde_json::json!("3")),
    ] {
        assert_eq!((faults(key, good), faults(key, bad)), (0, 1), "{key}");
    }
    let cluster = two_into_one(2);
    let usual = Parameters::read(&cluster, &cluster.frameworks[0]).unwrap();
    assert_eq!(
        (usual.within_rack_mib_s, usual.across_racks_mib_s),
        (125, 62)
    );
}

#[test]
fn baselines_keep_the_rules_of_the_model() {
    let stream = formulate(&two_into_one(2)).assignment;
    let edges = [
        (0, 1, EdgeLoad::Mib(10)),
        (0, 2, EdgeLoad::Mib(300)),
        (1, 3, EdgeLoad::Mib(5)),
        (2, 3, EdgeLoad::Mib(0)),
    ];
    let work = [Some(100), Some(200), Some(50), Some(0)];
    let batch = formulate(&cluster(&[(0, 1), (0, 2), (1, 1)], &work, &edges))
        .schedule
        .unwrap();
    for baseline in WorkflowBaseline::ALL {
        let placement = baseline.place(&stream);
        assert_eq!(stream.faults(&placement), [], "{baseline:?}");
        assert_eq!(placement.entries().len(), 3, "{baseline:?}");
        let timetable = baseline.schedule(&batch);
        assert_eq!(batch.faults(&timetable), [], "{baseline:?}");
        assert_eq!(timetable.entries().len(), 4, "{baseline:?}");
    }
    let crossing = |baseline: WorkflowBaseline| {
        let Objective::Traffic(traffic) = &stream.stages[1].objective else {
            panic!("the second stage is traffic")
        };
        traffic.value(&baseline.place(&stream))
    };
    // In turn: t0 and t2 on a0, t1 on a1. R-Storm: t0 on a0, what it sends to beside it, t1 on a1.
    assert_eq!(crossing(WorkflowBaseline::RoundRobin), 20_480.0);
    assert_eq!(crossing(WorkflowBaseline::RStorm), 20_480.0);
}
