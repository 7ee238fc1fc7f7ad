//! Blocks, and map and reduce tasks: what is read, and what is refused.

use std::collections::BTreeSet;

use apportion::snapshot::{digest, parse, read};
use apportion_cluster::{Phase, Shuffle, TaskIdx};

/// A valid snapshot with holes in its framework, its job, its first task, and its data.
fn with(policy: &str, job: &str, task: &str, blocks: &str) -> String {
    format!(
        r#"{{"version": "apportion/v1",
"agents": [{{"id": "a1"}}, {{"id": "a2"}}],
"frameworks": [{{"id": "f", "policy": "{policy}"}}],
"jobs": [{{"id": "j", "framework": "f" {job}, "tasks": [{{"id": "t1" {task}}}, {{"id": "map-2"}}, {{"id": "reduce-3"}}]}}],
"data": {{"blocks": [{blocks}]}}}}"#
    )
}

const BLOCK: &str = r#"{"id": "b1", "mib": 128, "replicas": ["a1"]}"#;

fn task(fragment: &str) -> String {
    with("mapreduce", "", fragment, BLOCK)
}

fn job(fragment: &str) -> String {
    with("mapreduce", fragment, "", BLOCK)
}

fn blocks(fragment: &str) -> String {
    with("mapreduce", "", "", fragment)
}

/// Text, expected code, expected path.
fn cases() -> Vec<(String, &'static str, &'static str)> {
    vec![
        (
            task(r#", "map": {"inputs": ["b2"]}"#),
            "E0420",
            "jobs[0].tasks[0].map.inputs[0]",
        ),
        (
            task(r#", "map": {"inputs": ["b1", "b1"]}"#),
            "E0401",
            "jobs[0].tasks[0].map.inputs[1]",
        ),
        (
            task(r#", "map": {"work_ms": -1}"#),
            "E0301",
            "jobs[0].tasks[0].map.work_ms",
        ),
        (
            task(r#", "map": {"remote_penalty_ms": 1e3}"#),
            "E0202",
            "jobs[0].tasks[0].map.remote_penalty_ms",
        ),
        (
            task(r#", "map": {"blocks": []}"#),
            "E0205",
            "jobs[0].tasks[0].map.blocks",
        ),
        (
            task(r#", "map": {}, "reduce": {}"#),
            "E0530",
            "jobs[0].tasks[0]",
        ),
        (
            job(r#", "map": {}, "reduce": {}"#),
            "E0530",
            "jobs[0].tasks[0]",
        ),
        (
            task(r#", "reduce": {"shuffle_mib": [1]}"#),
            "E0531",
            "jobs[0].tasks[0].reduce.shuffle_mib",
        ),
        (
            job(r#", "map": {}, "reduce": {"shuffle_mib": [3], "shuffle_mib_total": 4}"#)
                .replace("\"t1\"", "\"reduce\""),
            "E0531",
            "jobs[0].reduce.shuffle_mib_total",
        ),
        (job(r#", "waited_ms": -1"#), "E0301", "jobs[0].waited_ms"),
        (
            with("service", r#", "map": {}"#, "", BLOCK),
            "E0609",
            "jobs[0].map",
        ),
        (
            with("ml", "", r#", "reduce": {}"#, BLOCK),
            "E0609",
            "jobs[0].tasks[0].reduce",
        ),
        (
            blocks(r#"{"id": "b1", "mib": 1, "replicas": []}"#),
            "E0309",
            "data.blocks[0].replicas",
        ),
        (
            blocks(r#"{"id": "b1", "mib": 1, "replicas": ["a3"]}"#),
            "E0405",
            "data.blocks[0].replicas[0]",
        ),
        (
            blocks(r#"{"id": "b1", "mib": 1, "replicas": ["a1", "a1"]}"#),
            "E0401",
            "data.blocks[0].replicas[1]",
        ),
        (
            blocks(r#"{"id": "b1", "mib": -1, "replicas": ["a1"]}"#),
            "E0301",
            "data.blocks[0].mib",
        ),
        (
            blocks(r#"{"id": "b1", "mib": 1000000001, "replicas": ["a1"]}"#),
            "E0302",
            "data.blocks[0].mib",
        ),
        (
            task(r#", "map": {"work_ms": 1000000000001}"#),
            "E0302",
            "jobs[0].tasks[0].map.work_ms",
        ),
        (
            task(r#", "reduce": {"shuffle_mib_total": 1000000001}"#),
            "E0302",
            "jobs[0].tasks[0].reduce.shuffle_mib_total",
        ),
        (
            job(r#", "waited_ms": 1000000000001"#),
            "E0302",
            "jobs[0].waited_ms",
        ),
        // A second of waiting is worth a MiB.
        (
            job(r#", "waited_ms": 300000001000"#),
            "E0506",
            "frameworks[0].parameters.waiting_mib_per_s",
        ),
        // A second of work on a slow agent is worth 100.
        (
            task(r#", "map": {"work_ms": 3000000010}"#),
            "E0506",
            "frameworks[0].parameters.slow_mib_per_s",
        ),
        (
            blocks(r#"{"id": "b1", "replicas": ["a1"]}"#),
            "E0206",
            "data.blocks[0].mib",
        ),
        (
            blocks(r#"{"id": "b1", "mib": 1}"#),
            "E0206",
            "data.blocks[0].replicas",
        ),
        (
            blocks(r#"{"id": "", "mib": 1, "replicas": ["a1"]}"#),
            "E0308",
            "data.blocks[0].id",
        ),
    ]
}

/// The codes that the cases here are about.
pub fn codes() -> impl Iterator<Item = &'static str> {
    let all: BTreeSet<&str> = cases().into_iter().map(|case| case.1).collect();
    all.into_iter()
}

#[test]
fn each_case_gives_its_fault_and_no_other() {
    for (text, code, path) in cases() {
        let faults = read(text.as_bytes()).expect_err(&text);
        let found: Vec<(&str, &str)> = faults.0.iter().map(|f| (f.code, f.path.as_str())).collect();
        assert_eq!(found, [(code, path)], "{text}\n{faults}");
    }
}

#[test]
fn a_job_says_what_its_tasks_are_unless_they_do() {
    let text = job(r#", "map": {"work_ms": 7}, "reduce": {"shuffle_mib_total": 9}"#)
        .replace(r#""id": "t1""#, r#""id": "t1", "map": {"inputs": ["b1"]}"#);
    let cluster = read(text.as_bytes()).unwrap();
    let phases: Vec<&Phase> = cluster
        .tasks
        .iter()
        .filter_map(|task| task.phase.as_ref())
        .collect();
    let [Phase::Map(named), Phase::Reduce(reduce), Phase::Map(own)] = phases[..] else {
        panic!("{phases:?}");
    };
    assert_eq!((named.work_ms, named.inputs.len()), (7, 0));
    assert_eq!((own.work_ms, own.inputs.len()), (0, 1));
    assert_eq!(reduce.shuffle, Shuffle::Total(9));
    let one = job(r#", "map": {"work_ms": 7}"#);
    let cluster = read(one.as_bytes()).unwrap();
    assert!(
        cluster
            .tasks
            .iter()
            .all(|task| matches!(task.phase, Some(Phase::Map(_))))
    );
}

#[test]
fn what_is_shuffled_follows_the_map_tasks_in_any_order() {
    let tasks = |order: &[usize]| {
        let maps = [("m2", 20), ("m10", 10), ("a", 7)];
        let listed = order
            .iter()
            .map(|&at| format!(r#"{{"id": "{}", "map": {{}}}}"#, maps[at].0));
        let amounts: Vec<String> = order.iter().map(|&at| maps[at].1.to_string()).collect();
        let reduce = format!(
            r#"{{"id": "r", "reduce": {{"shuffle_mib": [{}]}}}}"#,
            amounts.join(", ")
        );
        let all: Vec<String> = listed.chain([reduce]).collect();
        let text = task("");
        let start = text.find("[{\"id\": \"t1\"").unwrap();
        let end = text[start..].find("]").unwrap() + start;
        format!("{}[{}{}", &text[..start], all.join(", "), &text[end..])
    };
    let texts = [tasks(&[0, 1, 2]), tasks(&[2, 0, 1]), tasks(&[1, 2, 0])];
    let digests: BTreeSet<String> = texts
        .iter()
        .map(|text| digest(&parse(text.as_bytes()).unwrap()))
        .collect();
    assert_eq!(digests.len(), 1);
    let cluster = read(texts[0].as_bytes()).unwrap();
    let Some(Phase::Reduce(work)) = &cluster.tasks[3].phase else {
        panic!("the reduce task is last");
    };
    let by_task = [(TaskIdx(0), 7), (TaskIdx(1), 10), (TaskIdx(2), 20)];
    assert_eq!(work.shuffle, Shuffle::ByTask(by_task.to_vec()));
}
