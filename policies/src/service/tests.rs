//! The smallest worked example, and a table of rules: each hand-made placement breaks exactly the rows named.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{
    Agent, AgentIdx, AttributeRule, Cluster, DomainIdx, Fairness, Framework, FrameworkIdx,
    GroupIdx, Job, JobIdx, Level, LevelIdx, LimitRule, MinAvailable, Quantities, Role, RoleIdx,
    Running, Slice, SpreadRule, Task, TaskIdx,
};
use apportion_models::assignment::{LadderOptions, Placement, solve};
use apportion_models::default_solver;

use super::Service;
use crate::contract::{Formulation, Policy, Standing};

const RACK: LevelIdx = LevelIdx(0);

/// Agents `a0..` with (rack, cpu); one declared level, `rack`, and one framework with one job per task.
fn cluster(agents: &[(u32, i64)], tasks: Vec<Task>) -> Cluster {
    let n_racks = agents.iter().map(|(rack, _)| rack + 1).max().unwrap_or(0);
    let jobs = (0..tasks.len()).map(|at| Job {
        id: format!("job{at}"),
        framework: FrameworkIdx(0),
        priority: 0,
        gang_min: None,
        min_available: None,
        max_moves: None,
        waited_ms: 0,
        edges: Vec::new(),
        tasks: vec![TaskIdx::of(at)],
    });
    Cluster {
        name: "test".to_owned(),
        digest: String::new(),
        fairness: Fairness::Nash,
        resources: vec!["cpu_milli".to_owned()],
        devices: Vec::new(),
        levels: vec![Level {
            name: "rack".to_owned(),
            declared: true,
            domains: (0..n_racks).map(|rack| format!("r{rack}")).collect(),
        }],
        agents: agents
            .iter()
            .enumerate()
            .map(|(at, &(rack, cpu))| agent(at, rack, cpu))
            .collect(),
        roles: vec![Role::new("all", 1.0, 1)],
        frameworks: vec![Framework {
            id: "services".to_owned(),
            policy: "service".to_owned(),
            role: RoleIdx(0),
            weight: 1.0,
            parameters: BTreeMap::new(),
            jobs: (0..tasks.len()).map(JobIdx::of).collect(),
        }],
        jobs: jobs.collect(),
        tasks: tasks
            .into_iter()
            .enumerate()
            .map(|(at, task)| Task {
                job: JobIdx::of(at),
                ..task
            })
            .collect(),
        groups: vec!["g".to_owned()],
        blocks: Vec::new(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: Vec::new(),
        running_units: Vec::new(),
    }
}

fn agent(at: usize, rack: u32, cpu: i64) -> Agent {
    Agent {
        id: format!("a{at}"),
        capacity: Quantities(vec![cpu]),
        devices: Vec::new(),
        domains: vec![DomainIdx(rack)],
        attributes: BTreeMap::new(),
        dedicated: None,
        cordoned: false,
        speed: 1000,
    }
}

fn task(instances: i64, cpu: i64) -> Task {
    Task {
        id: "t".to_owned(),
        job: JobIdx(0),
        instances,
        value: 1,
        work_ms: None,
        demand: Quantities(vec![cpu]),
        devices: Vec::new(),
        attributes: Vec::new(),
        agents: None,
        tolerates: Vec::new(),
        groups: Vec::new(),
        limits: Vec::new(),
        spreads: Vec::new(),
        phase: None,
        shard: None,
    }
}

fn formulate(cluster: &Cluster) -> Formulation {
    let formulation = Service
        .formulate(&Slice::whole(cluster, FrameworkIdx(0)))
        .unwrap();
    formulation.assignment.validate().unwrap();
    formulation
}

/// Rows that a placement of (item, bin, copies) breaks.
fn broken(cluster: &Cluster, entries: &[(u32, u32, i64)]) -> Vec<String> {
    let faults = formulate(cluster)
        .assignment
        .faults(&Placement::new(entries.to_vec()));
    let mut rows: Vec<String> = faults
        .iter()
        .map(|fault| fault.row().map_or_else(|| fault.to_string(), str::to_owned))
        .collect();
    rows.sort();
    rows.dedup();
    rows
}

#[test]
fn smallest_worked_example() {
    let cluster = cluster(&[(0, 2000), (0, 2000), (1, 2000)], vec![task(3, 1000)]);
    let formulation = formulate(&cluster);
    let solved = solve(
        &formulation.assignment,
        None,
        &LadderOptions::new(default_solver()),
    );
    let values: Vec<(&str, f64)> = solved
        .stages
        .iter()
        .map(|s| (s.name.as_str(), s.objective))
        .collect();
    assert_eq!(
        values,
        [("placed", 3.0), ("spread", 2.0 / 3.0), ("agents_used", 2.0)]
    );
    assert!(
        solved
            .stages
            .iter()
            .all(|stage| stage.bound == Some(stage.objective)),
        "{:?}",
        solved.stages
    );

    let proposal = Service.decode(&formulation, &solved.placement);
    let standing = Standing {
        units: &[],
        cluster: &cluster,
        framework: FrameworkIdx(0),
        placements: &proposal.placements,
        devices: &proposal.devices,
        times: &[],
        free: &cluster.free(),
        free_devices: &cluster.free_devices(),
    };
    let metrics = Service.metrics(&standing);
    assert_eq!(metrics["agents_used"], 2.0);
    assert_eq!(metrics["worst_domain_loss[rack]"], 2.0 / 3.0);
    assert_eq!(metrics["skew[rack]"], 1.0);
    assert_eq!(metrics["survivors[rack]"], 1.0 / 3.0);
}

#[test]
fn capacity_and_once() {
    let cluster = cluster(&[(0, 2000), (1, 2000)], vec![task(3, 1000)]);
    assert_eq!(
        broken(&cluster, &[(0, 0, 2), (0, 1, 1)]),
        Vec::<String>::new()
    );
    assert_eq!(broken(&cluster, &[(0, 0, 3)]), ["capacity[a0,cpu_milli]"]);
    assert_eq!(broken(&cluster, &[(0, 0, 2), (0, 1, 2)]), ["once[job0/t]"]);
}

#[test]
fn limit_counts_what_stays() {
    let limited = Task {
        limits: vec![LimitRule {
            level: RACK,
            max: 2,
            group: None,
        }],
        ..task(4, 100)
    };
    let mut cluster = cluster(&[(0, 2000), (0, 2000), (1, 2000)], vec![limited]);
    assert_eq!(
        broken(&cluster, &[(0, 0, 1), (0, 1, 1), (0, 2, 2)]),
        Vec::<String>::new()
    );
    assert_eq!(
        broken(&cluster, &[(0, 0, 1), (0, 1, 2)]),
        ["limit[job0/t,rack][r0]"]
    );
    cluster.running = vec![Running {
        task: TaskIdx(0),
        agent: AgentIdx(0),
        instances: 1,
    }];
    assert_eq!(broken(&cluster, &[(0, 1, 2)]), ["limit[job0/t,rack][r0]"]);
    assert_eq!(
        broken(&cluster, &[(0, 1, 1), (0, 2, 2)]),
        Vec::<String>::new()
    );
}

#[test]
fn a_group_counts_over_tasks() {
    let member = |instances| Task {
        groups: vec![GroupIdx(0)],
        limits: vec![LimitRule {
            level: RACK,
            max: 1,
            group: Some(GroupIdx(0)),
        }],
        ..task(instances, 100)
    };
    let cluster = cluster(&[(0, 2000), (1, 2000)], vec![member(1), member(1)]);
    assert_eq!(
        formulate(&cluster).assignment.limits.len(),
        1,
        "alike members state one row"
    );
    assert_eq!(
        broken(&cluster, &[(0, 0, 1), (1, 1, 1)]),
        Vec::<String>::new()
    );
    assert_eq!(
        broken(&cluster, &[(0, 0, 1), (1, 0, 1)]),
        ["limit[group:g,rack][r0]"]
    );
}

#[test]
fn hard_spread_counts_domains_without_offers_and_relaxes_to_what_runs() {
    let rule = |hard| {
        vec![SpreadRule {
            level: RACK,
            max_skew: 1,
            hard,
            group: None,
        }]
    };
    let mut cluster = cluster(
        &[(0, 2000), (1, 2000)],
        vec![Task {
            spreads: rule(true),
            ..task(6, 100)
        }],
    );
    assert_eq!(
        broken(&cluster, &[(0, 0, 2), (0, 1, 1)]),
        Vec::<String>::new()
    );
    assert_eq!(broken(&cluster, &[(0, 0, 2)]), ["spread[job0/t,rack]"]);
    cluster.running = vec![Running {
        task: TaskIdx(0),
        agent: AgentIdx(0),
        instances: 3,
    }];
    assert_eq!(broken(&cluster, &[]), Vec::<String>::new());
    assert_eq!(broken(&cluster, &[(0, 0, 1)]), ["spread[job0/t,rack]"]);
    cluster.tasks[0].spreads = rule(false);
    assert_eq!(
        broken(&cluster, &[(0, 0, 3)]),
        Vec::<String>::new(),
        "a soft rule is the objective's business"
    );
}

#[test]
fn gang_is_all_or_nothing() {
    let mut cluster = cluster(&[(0, 2000), (1, 2000)], vec![task(4, 100)]);
    cluster.jobs[0].gang_min = Some(3);
    assert_eq!(broken(&cluster, &[]), Vec::<String>::new());
    assert_eq!(broken(&cluster, &[(0, 0, 3)]), Vec::<String>::new());
    assert_eq!(broken(&cluster, &[(0, 0, 2)]), ["gang[job0]"]);
}

#[test]
fn columns_exist_only_where_the_task_may_go() {
    let eligible = |change: &dyn Fn(&mut Cluster)| {
        let mut before = cluster(&[(0, 2000), (1, 50), (1, 2000)], vec![task(1, 100)]);
        before.agents[2]
            .attributes
            .insert("disk".to_owned(), "ssd".to_owned());
        let mut after = before.clone();
        change(&mut after);
        // Even of agents that nobody would be offered.
        let slice = Slice {
            cluster: &after,
            ..Slice::whole(&before, FrameworkIdx(0))
        };
        let formulation = Service.formulate(&slice).unwrap();
        formulation.assignment.items[0].eligible.to_vec()
    };
    let rule = |any_of: &[&str], none_of: &[&str], present| AttributeRule {
        key: "disk".to_owned(),
        any_of: any_of.iter().map(ToString::to_string).collect(),
        none_of: none_of.iter().map(ToString::to_string).collect(),
        present,
    };
    assert_eq!(
        eligible(&|_| {}),
        [0, 2],
        "too small an offer has no column"
    );
    assert_eq!(
        eligible(&|c| c.tasks[0].attributes = vec![rule(&["ssd"], &[], None)]),
        [2]
    );
    assert_eq!(
        eligible(&|c| c.tasks[0].attributes = vec![rule(&[], &["ssd"], None)]),
        [0]
    );
    assert_eq!(
        eligible(&|c| c.tasks[0].attributes = vec![rule(&[], &[], Some(true))]),
        [2]
    );
    assert_eq!(
        eligible(&|c| c.tasks[0].attributes = vec![rule(&[], &[], Some(false))]),
        [0]
    );
    assert_eq!(eligible(&|c| c.agents[0].cordoned = true), [2]);
    assert_eq!(
        eligible(&|c| c.agents[0].dedicated = Some("x".to_owned())),
        [2]
    );
    assert_eq!(
        eligible(&|c| {
            c.agents[0].dedicated = Some("x".to_owned());
            c.tasks[0].tolerates = vec!["x".to_owned()];
        }),
        [0, 2]
    );
    assert_eq!(
        eligible(&|c| c.tasks[0].agents = Some(vec![AgentIdx(0)])),
        [0]
    );
}

#[test]
fn min_available_counts_survivors_of_the_worst_loss() {
    let mut cluster = cluster(&[(0, 2000), (1, 2000)], vec![task(4, 1000)]);
    cluster.jobs[0].min_available = Some(MinAvailable {
        level: RACK,
        instances: 3,
    });
    let formulation = formulate(&cluster);
    let solved = solve(
        &formulation.assignment,
        None,
        &LadderOptions::new(default_solver()),
    );
    let stage = solved
        .stages
        .iter()
        .find(|stage| stage.name == "min_available")
        .unwrap();
    assert_eq!(
        (stage.objective, stage.bound),
        (1.0, Some(1.0)),
        "two racks leave two of four"
    );
}

#[test]
fn priorities_are_stages_of_their_own_from_high_to_low() {
    let mut cluster = cluster(&[(0, 1000)], vec![task(3, 300), task(1, 900)]);
    cluster.jobs[1].priority = 5;
    let formulation = formulate(&cluster);
    let solved = solve(
        &formulation.assignment,
        None,
        &LadderOptions::new(default_solver()),
    );
    let values: Vec<(&str, f64)> = solved
        .stages
        .iter()
        .map(|s| (s.name.as_str(), s.objective))
        .collect();
    assert_eq!(
        values[..3],
        [("placed:5", 1.0), ("placed:0", 0.0), ("placed", 1.0)]
    );
}

#[test]
fn parameters_are_checked_one_by_one() {
    let mut cluster = cluster(&[(0, 1000)], vec![task(1, 1)]);
    let parameters = serde_json::json!({"level_weights": {"rack": -1, "rak": 2}, "speed": 3});
    cluster.frameworks[0].parameters = serde_json::from_value(parameters).unwrap();
    let faults = Service.check(&cluster, &cluster.frameworks[0]);
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["level_weights.rack", "level_weights.rak", "speed"]);
    assert!(
        Arc::new(Service)
            .formulate(&Slice::whole(&cluster, FrameworkIdx(0)))
            .is_err()
    );
}
