//! Small snapshots of odd shapes: tasks that ask for nothing, agents and units that state nothing, limits of none, what follows something
//! that is held back, what has to go back where it breaks a rule. Every plan of each is verified, in every mode, and in the brokered one places
//! as much as there is room for.
#![allow(clippy::unwrap_used)]

mod common;

use apportion::engine::{Mode, Options};
use apportion_cluster::plan::PlanFile;

use common::{planned, quiet};

/// What it is, the snapshot but for its version, how many instances have a place.
const CASES: [(&str, &str, i64); 12] = [
    (
        "a map that asks for nothing, on an agent that states nothing",
        r#""agents": [{"id": "a"}], "frameworks": [{"id": "f", "policy": "mapreduce"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "map", "map": {"work_ms": 1}}]}]"#,
        1,
    ),
    (
        "a replica that takes nothing, on a unit that states nothing",
        r#""agents": [{"id": "a"}], "frameworks": [{"id": "f", "policy": "storage"}],
           "jobs": [{"id": "j", "framework": "f", "shards": [{"id": "s"}]}], "data": {"units": [{"id": "u"}]}"#,
        1,
    ),
    (
        "a limit of none",
        r#""agents": [{"id": "a"}], "frameworks": [{"id": "f", "policy": "service"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "constraints": {"limit": [{"level": "agent", "max": 0}]}}]}]"#,
        0,
    ),
    (
        "a batch of which a limit of the role holds a part back until the rest has ended",
        r#""agents": [{"id": "a", "resources": {"cpu_milli": 4000}}], "roles": [{"path": "f", "limit": {"cpu_milli": 4000}}],
           "frameworks": [{"id": "f", "policy": "workflow"}, {"id": "g", "policy": "workflow"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [
                       {"id": "a", "work_ms": 1, "resources": {"cpu_milli": 1000}},
                       {"id": "b", "work_ms": 1, "resources": {"cpu_milli": 3000}},
                       {"id": "c", "work_ms": 1, "resources": {"cpu_milli": 1500}}],
                     "edges": [{"from": "b", "to": "c", "mib": 1}]},
                    {"id": "k", "framework": "g", "tasks": [{"id": "a", "resources": {"cpu_milli": 1}}]}]"#,
        3,
    ),
    (
        "reduce tasks of which a limit of the role holds the maps back",
        r#""agents": [{"id": "a", "resources": {"cpu_milli": 4}}], "roles": [{"path": "f", "limit": {"cpu_milli": 1}}],
           "frameworks": [{"id": "f", "policy": "mapreduce"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [
                       {"id": "map", "resources": {"cpu_milli": 2}, "map": {"work_ms": 1}},
                       {"id": "reduce", "resources": {"cpu_milli": 1}, "reduce": {"work_ms": 1, "shuffle_mib_total": 1}}]}]"#,
        0,
    ),
    (
        "two replicas that run on one agent, where they must not",
        r#""agents": [{"id": "a0", "resources": {"cpu_milli": 2000}}, {"id": "a1", "resources": {"cpu_milli": 2000}}],
           "frameworks": [{"id": "f", "policy": "storage"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "resources": {"cpu_milli": 2000}}],
                     "shards": [{"id": "s", "replicas": 3, "distinct": "agent"}]}],
           "data": {"units": [{"id": "u0"}, {"id": "u2", "mib_s": 1}]},
           "placements": [{"job": "j", "task": "t", "agent": "a1", "instances": 1, "shard": "s", "unit": "u0"},
                          {"job": "j", "task": "t", "agent": "a1", "instances": 1, "shard": "s", "unit": "u2"}]"#,
        2,
    ),
    (
        "a map without room, whose job has maps and a reduce task that run",
        r#""levels": ["rack"], "agents": [{"id": "a0", "resources": {"cpu_milli": 1}}, {"id": "a1"}],
           "frameworks": [{"id": "f", "policy": "mapreduce"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "reduce0", "reduce": {"shuffle_mib_total": 500}},
                       {"id": "map0", "resources": {"cpu_milli": 3}, "map": {}}, {"id": "map1", "instances": 2, "map": {}}]}],
           "placements": [{"job": "j", "task": "reduce0", "agent": "a0", "instances": 1},
                          {"job": "j", "task": "map1", "agent": "a1", "instances": 2}]"#,
        3,
    ),
    (
        "a replica that has to go back leaves room for as many more as the spread allows beside it",
        r#""agents": [{"id": "a0"}, {"id": "a1", "resources": {"cpu_milli": 3}}], "frameworks": [{"id": "f", "policy": "storage"}],
           "jobs": [{"id": "j", "framework": "f", "shards": [{"id": "s", "replicas": 3}],
                     "tasks": [{"id": "t", "resources": {"cpu_milli": 1}, "constraints": {"spread": [{"level": "agent", "max_skew": 1}]}}]}],
           "data": {"units": [{"id": "u0", "mib_s": 1}]},
           "placements": [{"job": "j", "task": "t", "agent": "a0", "instances": 1, "shard": "s", "unit": "u0"}]"#,
        3,
    ),
    (
        "a batch in which one task may be nowhere, and the other is fast on one agent",
        r#""agents": [{"id": "a0", "resources": {"cpu_milli": 1}, "speed": 1}, {"id": "a1"}],
           "frameworks": [{"id": "f", "policy": "workflow"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [
                       {"id": "b", "work_ms": 1, "constraints": {"limit": [{"level": "agent", "max": 0}]}}, {"id": "c", "work_ms": 1}]}]"#,
        1,
    ),
    (
        "more of a stream than there is room for",
        r#""agents": [{"id": "a1", "resources": {"cpu_milli": 2000}}, {"id": "a2", "resources": {"cpu_milli": 2000}}],
           "frameworks": [{"id": "f", "policy": "workflow"}],
           "jobs": [{"id": "j", "framework": "f", "edges": [{"from": "a", "to": "b", "mib_s": 100}],
                     "tasks": [{"id": "a", "instances": 20000, "resources": {"cpu_milli": 1000}}, {"id": "b", "resources": {"cpu_milli": 1000}}]}]"#,
        4,
    ),
    (
        "what crosses a network of a gibibyte and more",
        r#""agents": [{"id": "a1", "resources": {"cpu_milli": 1}}, {"id": "a2", "resources": {"cpu_milli": 2}}],
           "frameworks": [{"id": "f", "policy": "workflow", "parameters": {"across_racks_mib_s": 300000}}],
           "jobs": [{"id": "j", "framework": "f", "edges": [{"from": "a", "to": "b", "mib": 300000}],
                     "tasks": [{"id": "a", "work_ms": 1000, "resources": {"cpu_milli": 1}, "constraints": {"agents": ["a1"]}},
                               {"id": "b", "work_ms": 1000, "resources": {"cpu_milli": 2}}]}]"#,
        2,
    ),
    (
        "a framework all of which runs where a limit allows none",
        r#""agents": [{"id": "a", "resources": {"cpu_milli": 4}}],
           "frameworks": [{"id": "f", "policy": "service"}, {"id": "g", "policy": "service"}],
           "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1},
                       "constraints": {"limit": [{"level": "agent", "max": 0}]}}]},
                    {"id": "k", "framework": "g", "tasks": [{"id": "t", "resources": {"cpu_milli": 1}}]}],
           "placements": [{"job": "j", "task": "t", "agent": "a", "instances": 1}]"#,
        2,
    ),
];

fn plan(case: &str, options: &Options) -> PlanFile {
    let text = format!(r#"{{"version": "apportion/v1", {case}}}"#);
    let cluster = apportion::snapshot::read(text.as_bytes()).unwrap();
    planned(&cluster, options)
}

fn placed(plan: &PlanFile) -> i64 {
    plan.placements.iter().map(|it| it.instances).sum()
}

#[test]
fn plans_hold_in_every_mode() {
    for (name, case, most) in CASES {
        println!("{name}");
        for mode in [Mode::Brokered, Mode::Monolithic, Mode::Greedy] {
            let options = Options { mode, ..quiet() };
            let placed = placed(&plan(case, &options));
            assert!(placed <= most, "{name}: {mode:?} places {placed}");
            assert!(
                mode != Mode::Brokered || placed == most,
                "{name}: {placed} of {most}"
            );
        }
    }
}

#[test]
fn what_follows_something_without_a_place_says_so() {
    let case = r#""agents": [{"id": "a", "resources": {"cpu_milli": 4}}], "frameworks": [{"id": "f", "policy": "workflow"}],
        "jobs": [{"id": "j", "framework": "f", "edges": [{"from": "a", "to": "b", "mib": 1}],
                  "tasks": [{"id": "a", "work_ms": 1, "resources": {"cpu_milli": 5}}, {"id": "b", "work_ms": 1}]}]"#;
    let plan = plan(case, &quiet());
    let reasons = plan.unplaced.iter().map(|it| &it.reason);
    let reasons: Vec<(&str, &str)> = reasons
        .map(|it| (it.code.as_str(), it.rule.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [("never_fits", "capacity"), ("follows", "follows[j/a,j/b]")]
    );
}

#[test]
fn limits_of_none_are_limits_and_fast_agents_come_first() {
    let plan_of = |at: usize| plan(CASES[at].1, &quiet());
    assert_eq!(plan_of(2).unplaced[0].reason.code, "limit");
    assert_eq!(plan_of(8).placements[0].agent, "a1");
}

#[test]
fn a_transfer_takes_its_size_over_the_rate() {
    let plan = plan(CASES[10].1, &quiet());
    let start = plan.placements.iter().find(|it| it.task == "b").unwrap();
    assert_eq!(start.start_ms, Some(2000));
}

#[test]
fn online_keeps_limits_of_none() {
    let options = Options {
        mode: Mode::Online,
        ..quiet()
    };
    assert_eq!(placed(&plan(CASES[2].1, &options)), 0);
}
