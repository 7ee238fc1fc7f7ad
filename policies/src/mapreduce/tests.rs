#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use apportion_cluster::{
    Agent, AgentIdx, Block, BlockIdx, Cluster, DomainIdx, Fairness, Framework, FrameworkIdx, Job,
    JobIdx, Level, MapWork, Phase, Quantities, ReduceWork, Role, RoleIdx, Running, Shuffle, Slice,
    Task, TaskIdx,
};
use apportion_models::assignment::{LadderOptions, Placement, solve};
use apportion_models::default_solver;
use serde_json::json;

use super::MapReduce;
use crate::contract::{Formulation, Policy, Standing};

/// Agents of (rack, slots), and one job of these tasks.
fn cluster(agents: &[(u32, i64)], blocks: &[(i64, &[u32])], tasks: Vec<Task>) -> Cluster {
    let agents = agents.iter().enumerate().map(|(at, &(rack, slots))| Agent {
        id: format!("a{at}"),
        capacity: Quantities(vec![slots]),
        devices: Vec::new(),
        domains: vec![DomainIdx(rack)],
        attributes: BTreeMap::new(),
        dedicated: None,
        cordoned: false,
        speed: 1000,
    });
    let blocks = blocks
        .iter()
        .enumerate()
        .map(|(at, &(mib, replicas))| Block {
            id: format!("b{at}"),
            mib,
            replicas: replicas.iter().copied().map(AgentIdx).collect(),
        });
    Cluster {
        name: String::new(),
        digest: String::new(),
        fairness: Fairness::Nash,
        resources: vec!["slots".to_owned()],
        devices: Vec::new(),
        levels: vec![Level {
            name: "rack".to_owned(),
            declared: true,
            domains: vec!["r0".to_owned(), "r1".to_owned(), "r2".to_owned()],
        }],
        agents: agents.collect(),
        roles: vec![Role::new("all", 1.0, 1)],
        frameworks: vec![Framework {
            id: "hadoop".to_owned(),
            policy: "mapreduce".to_owned(),
            role: RoleIdx(0),
            weight: 1.0,
            parameters: [("plan_ahead".to_owned(), json!(false))].into(),
            jobs: vec![JobIdx(0)],
        }],
        jobs: vec![job("j", (0..tasks.len()).map(TaskIdx::of).collect())],
        tasks: tasks
            .into_iter()
            .enumerate()
            .map(|(at, task)| Task {
                id: format!("t{at}"),
                ..task
            })
            .collect(),
        groups: Vec::new(),
        blocks: blocks.collect(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: Vec::new(),
        running_units: Vec::new(),
    }
}

fn job(id: &str, tasks: Vec<TaskIdx>) -> Job {
    Job {
        id: id.to_owned(),
        framework: FrameworkIdx(0),
        priority: 0,
        gang_min: None,
        min_available: None,
        max_moves: None,
        waited_ms: 0,
        edges: Vec::new(),
        tasks,
    }
}

fn task(instances: i64, phase: Phase) -> Task {
    Task {
        id: "t".to_owned(),
        job: JobIdx(0),
        instances,
        value: 1,
        demand: Quantities(vec![1]),
        devices: Vec::new(),
        attributes: Vec::new(),
        agents: None,
        tolerates: Vec::new(),
        groups: Vec::new(),
        limits: Vec::new(),
        spreads: Vec::new(),
        phase: Some(phase),
        work_ms: None,
        shard: None,
    }
}

fn map(inputs: &[u32]) -> Phase {
    Phase::Map(MapWork {
        inputs: inputs.iter().copied().map(BlockIdx).collect(),
        work_ms: 1000,
        remote_penalty_ms: 500,
    })
}

fn reduce(shuffle: Shuffle) -> Phase {
    Phase::Reduce(ReduceWork {
        shuffle,
        work_ms: 1000,
    })
}

fn formulate(cluster: &Cluster) -> Formulation {
    let formulation = MapReduce
        .formulate(&Slice::whole(cluster, FrameworkIdx(0)))
        .unwrap();
    formulation.assignment.validate().unwrap();
    formulation
}

/// The value of a stage for a placement of (item, bin, copies).
fn value(cluster: &Cluster, stage: &str, entries: &[(u32, u32, i64)]) -> f64 {
    let formulation = formulate(cluster);
    let stages = &formulation.assignment.stages;
    let at = stages.iter().position(|it| it.name == stage).unwrap();
    let values = formulation
        .assignment
        .values(&Placement::new(entries.to_vec()));
    formulation.stage_value(at, values[at])
}

fn set(cluster: &mut Cluster, key: &str, value: serde_json::Value) {
    let parameters = &mut cluster.frameworks[0].parameters;
    parameters.insert(key.to_owned(), value);
}

#[test]
fn smallest_worked_example() {
    let cluster = cluster(&[(0, 1), (1, 1)], &[(100, &[0])], vec![task(2, map(&[0]))]);
    let formulation = formulate(&cluster);
    let options = LadderOptions::new(default_solver());
    let solved = solve(&formulation.assignment, None, &options);
    let stages: Vec<(&str, f64, Option<f64>)> = (solved.stages.iter().enumerate())
        .map(|(at, it)| {
            let value = |in_model| formulation.stage_value(at, in_model);
            (it.name.as_str(), value(it.objective), it.bound.map(value))
        })
        .collect();
    assert_eq!(
        stages,
        [("placed", 2.0, Some(2.0)), ("network", 100.0, Some(100.0))]
    );

    let proposal = MapReduce.decode(&formulation, &solved.placement);
    let metrics = MapReduce.metrics(&Standing {
        cluster: &cluster,
        framework: FrameworkIdx(0),
        placements: &proposal.placements,
        units: &[],
        devices: &[],
        times: &[],
        free: &cluster.free(),
        free_devices: &cluster.free_devices(),
    });
    assert_eq!(metrics["node_local_tasks"], 1.0);
    assert_eq!(metrics["remote_tasks"], 1.0);
    assert_eq!(metrics["remote_mib"], 100.0);
    assert_eq!(metrics["cross_rack_mib[map]"], 100.0);
    assert_eq!(metrics["node_local"], 0.5);
}

#[test]
fn reading_costs_nothing_on_the_node_little_in_the_rack_and_all_from_elsewhere() {
    let mut cluster = cluster(
        &[(0, 9), (0, 9), (1, 9)],
        &[(128, &[0]), (64, &[2])],
        vec![task(3, map(&[0])), task(1, map(&[0, 1]))],
    );
    let at = |cluster: &Cluster, bin| value(cluster, "network", &[(0, bin, 2)]);
    assert_eq!([0, 1, 2].map(|bin| at(&cluster, bin)), [0.0, 25.6, 256.0]);
    let both = |cluster: &Cluster, bin| value(cluster, "network", &[(1, bin, 1)]);
    assert_eq!(
        [0, 1, 2].map(|bin| both(&cluster, bin)),
        [64.0, 76.8, 128.0]
    );
    set(&mut cluster, "rack_percent", json!(100));
    assert_eq!([0, 1, 2].map(|bin| at(&cluster, bin)), [0.0, 256.0, 256.0]);
    cluster.levels[0].declared = false;
    set(&mut cluster, "rack_percent", json!(0));
    assert_eq!([0, 1, 2].map(|bin| at(&cluster, bin)), [0.0, 256.0, 256.0]);
}

#[test]
fn slow_agents_cost_the_time_that_they_take_longer() {
    let mut cluster = cluster(
        &[(0, 9), (0, 9)],
        &[(128, &[0, 1])],
        vec![task(2, map(&[0]))],
    );
    cluster.agents[1].speed = 500;
    // A second longer at 100 MiB a second, for each of two instances.
    assert_eq!(value(&cluster, "network", &[(0, 1, 2)]), 200.0);
    assert_eq!(value(&cluster, "network", &[(0, 0, 2)]), 0.0);
    set(&mut cluster, "slow_mib_per_s", json!(3));
    assert_eq!(value(&cluster, "network", &[(0, 1, 2)]), 6.0);
    cluster.agents[1].speed = 4000;
    assert_eq!(value(&cluster, "network", &[(0, 1, 2)]), 0.0);
}

#[test]
fn who_waited_less_pays_for_it_wherever_it_is() {
    let tasks = vec![task(1, map(&[0])), task(1, map(&[0]))];
    let mut cluster = cluster(&[(0, 1)], &[(128, &[0])], tasks);
    cluster.jobs = vec![job("old", vec![TaskIdx(0)]), job("young", vec![TaskIdx(1)])];
    cluster.frameworks[0].jobs.push(JobIdx(1));
    cluster.tasks[1].job = JobIdx(1);
    (cluster.jobs[0].waited_ms, cluster.jobs[1].waited_ms) = (90_000, 30_000);
    assert_eq!(value(&cluster, "network", &[(0, 0, 1)]), 0.0);
    assert_eq!(value(&cluster, "network", &[(1, 0, 1)]), 60.0);
    set(&mut cluster, "waiting_mib_per_s", json!(5));
    assert_eq!(value(&cluster, "network", &[(1, 0, 1)]), 300.0);
}

#[test]
fn reduce_tasks_pull_from_where_map_tasks_run() {
    let tasks = vec![task(3, map(&[])), task(2, reduce(Shuffle::Total(600)))];
    let mut cluster = cluster(&[(0, 9), (1, 9), (2, 9)], &[], tasks);
    let at = |agent: u32, instances| Running {
        task: TaskIdx(0),
        agent: AgentIdx(agent),
        instances,
    };
    cluster.running = vec![at(0, 2), at(1, 1)];
    // 200 MiB from each map instance, half of it to each reduce instance.
    let of = |cluster: &Cluster, bin| value(cluster, "network", &[(0, bin, 1)]);
    assert_eq!(
        [0, 1, 2].map(|bin| of(&cluster, bin)),
        [100.0, 200.0, 300.0]
    );
    let names: Vec<String> = formulate(&cluster)
        .assignment
        .stages
        .into_iter()
        .map(|stage| stage.name)
        .collect();
    assert_eq!(names, ["placed", "network"]);
    let by_task = Shuffle::ByTask(vec![(TaskIdx(0), 30)]);
    cluster.tasks[1].phase = Some(reduce(by_task));
    assert_eq!([0, 1, 2].map(|bin| of(&cluster, bin)), [5.0, 10.0, 15.0]);
}

#[test]
fn what_is_shuffled_depends_on_where_both_go_as_long_as_map_tasks_wait() {
    let tasks = vec![task(2, map(&[])), task(2, reduce(Shuffle::Total(400)))];
    let mut cluster = cluster(&[(0, 9), (0, 9), (1, 9)], &[], tasks);
    let of = |cluster: &Cluster, entries: &[(u32, u32, i64)]| value(cluster, "shuffle", entries);
    assert_eq!(of(&cluster, &[(0, 0, 2), (1, 1, 2)]), 0.0);
    assert_eq!(of(&cluster, &[(0, 0, 2), (1, 2, 2)]), 400.0);
    assert_eq!(
        of(&cluster, &[(0, 0, 1), (0, 2, 1), (1, 1, 1), (1, 2, 1)]),
        200.0
    );
    // What has no place yet is apart from everything.
    assert_eq!(of(&cluster, &[(0, 0, 2), (1, 1, 1)]), 200.0);
    cluster.running = vec![Running {
        task: TaskIdx(0),
        agent: AgentIdx(2),
        instances: 1,
    }];
    assert_eq!(of(&cluster, &[(0, 2, 1), (1, 2, 2)]), 0.0);
    assert_eq!(of(&cluster, &[(0, 0, 1), (1, 0, 2)]), 200.0);
    // Without racks there is nothing to choose.
    cluster.levels[0].declared = false;
    let stages = formulate(&cluster).assignment.stages;
    assert!(stages.iter().all(|stage| stage.name != "shuffle"));
}

#[test]
fn parameters_are_checked_one_by_one() {
    let mut cluster = cluster(&[(0, 1)], &[], vec![]);
    let faults = |cluster: &Cluster| -> Vec<String> {
        let faults = MapReduce.check(cluster, &cluster.frameworks[0]);
        faults.into_iter().map(|fault| fault.key).collect()
    };
    assert_eq!(faults(&cluster), Vec::<String>::new());
    let wrong = [
        ("plan_ahead", json!("yes")),
        ("rack_level", json!("power")),
        ("rack_percent", json!(101)),
        ("slow_mib_per_s", json!(-1)),
        ("waiting_mib_per_s", json!(1.5)),
        ("rack_percents", json!(1)),
    ];
    for (key, value) in wrong {
        let before = cluster.frameworks[0].parameters.clone();
        set(&mut cluster, key, value);
        assert_eq!(faults(&cluster), [key]);
        cluster.frameworks[0].parameters = before;
    }
    set(&mut cluster, "rack_level", json!(7));
    assert_eq!(faults(&cluster), ["rack_level"]);
}
