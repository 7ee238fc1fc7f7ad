//! A table of broken snapshots: each is refused with the faults that it deserves, at the place where
//! they are, and nothing but a message of sensible length comes of it.

use std::collections::BTreeSet;
use std::path::Path;

use apportion::snapshot::{Fault, InputFaults, read};

/// A valid snapshot with holes: each fragment replaces what stands there.
fn with(agent: &str, framework: &str, job: &str, task: &str, rest: &str) -> String {
    format!(
        r#"{{"version": "apportion/v1", "levels": ["rack", "zone"],
"agents": [{{"id": "a1", "domains": {{"rack": "r1"}}, "attributes": {{"disk": "ssd"}}, "resources": {{"cpu_milli": 4000}}}},
           {{"id": "a2" {agent}}}],
"frameworks": [{{"id": "f", "policy": "service" {framework}}}],
"jobs": [{{"id": "web", "framework": "f" {job}, "tasks": [{{"id": "api", "instances": 3, "resources": {{"cpu_milli": 100}} {task}}}]}}]
{rest}}}"#
    )
}

fn agent(fragment: &str) -> String {
    with(fragment, "", "", "", "")
}

fn framework(fragment: &str) -> String {
    with("", fragment, "", "", "")
}

fn job(fragment: &str) -> String {
    with("", "", fragment, "", "")
}

fn task(fragment: &str) -> String {
    with("", "", "", fragment, "")
}

fn constraints(fragment: &str) -> String {
    task(&format!(r#", "constraints": {{{fragment}}}"#))
}

fn rest(fragment: &str) -> String {
    with("", "", "", "", fragment)
}

fn placements(fragment: &str) -> String {
    rest(&format!(r#", "placements": [{fragment}]"#))
}

/// A job of two tasks, `a` and `b`, with edges.
fn flow(a: &str, b: &str, edges: &str) -> String {
    format!(
        r#"{{"version": "apportion/v1",
"agents": [{{"id": "a1", "resources": {{"cpu_milli": 4000}}}}],
"frameworks": [{{"id": "f", "policy": "workflow"}}],
"jobs": [{{"id": "flow", "framework": "f", "tasks": [{{"id": "a" {a}}}, {{"id": "b" {b}}}], "edges": [{edges}]}}]}}"#
    )
}

/// A valid snapshot with a shard, more of which is stated, and a placement that names one.
fn database(shard: &str, placed: &str) -> String {
    format!(
        r#"{{"version": "apportion/v1", "agents": [{{"id": "a1"}}], "frameworks": [{{"id": "f", "policy": "storage"}}],
"jobs": [{{"id": "db", "framework": "f", "shards": [{{"id": "s" {shard}}}]}}], "data": {{"units": [{{"id": "u1"}}]}},
"placements": [{{"job": "db", "task": "db", "shard": "{placed}", "agent": "a1", "unit": "u1", "instances": 1}}]}}"#
    )
}

/// Name, text, expected code, expected path.
type Case = (&'static str, String, &'static str, &'static str);

fn texts() -> Vec<Case> {
    let text = |text: &str| text.to_owned();
    let agents_and_jobs = r#"{"version": "apportion/v1", "agents": [{"id": "a1"}, "#;
    vec![
        ("empty", text(""), "E0101", "$"),
        ("blank", text(" \n\t "), "E0101", "$"),
        ("cut short", text(agents_and_jobs), "E0105", "$"),
        (
            "trailing comma",
            text(r#"{"version": "apportion/v1",}"#),
            "E0105",
            "$",
        ),
        (
            "NaN",
            text(r#"{"version": "apportion/v1", "roles": [{"path": "r", "weight": NaN}]}"#),
            "E0105",
            "$",
        ),
        (
            "comment in JSON",
            text("{\"version\": \"apportion/v1\" // x\n}"),
            "E0105",
            "$",
        ),
        (
            "two values",
            text(r#"{"version": "apportion/v1"} {}"#),
            "E0105",
            "$",
        ),
        (
            "tab in YAML",
            text("version: apportion/v1\nagents:\n\t- id: a1\n"),
            "E0106",
            "$",
        ),
        (
            "unclosed YAML",
            text("version: \"apportion/v1\nagents: []\n"),
            "E0106",
            "$",
        ),
        (
            "two documents",
            text("version: apportion/v1\n---\nversion: apportion/v1\n"),
            "E0106",
            "$",
        ),
        (
            "tag",
            text("version: !!python/object:os.system apportion/v1\n"),
            "E0106",
            "$",
        ),
        ("unknown alias", text("version: *nothing\n"), "E0106", "$"),
        (
            "alias of itself",
            text("version: apportion/v1\nagents: &a [*a]\n"),
            "E0106",
            "$",
        ),
        ("deep JSON", "[".repeat(100_000), "E0107", "$"),
        (
            "deep YAML",
            format!("a: {}", "[".repeat(100_000)),
            "E0106",
            "$",
        ),
        (
            "deep parameters",
            framework(&format!(
                r#", "parameters": {{"x": {}{}}}"#,
                "[".repeat(200),
                "]".repeat(200)
            )),
            "E0107",
            "$",
        ),
        ("a list", text("[]"), "E0108", "$"),
        (
            "a list as serde would read it",
            text(r#"["apportion/v1"]"#),
            "E0108",
            "$",
        ),
        ("a word", text("hello"), "E0108", "$"),
        ("a number", text("12"), "E0108", "$"),
        ("no version", text("{}"), "E0206", "version"),
        (
            "wrong version",
            text(r#"{"version": "apportion/v2"}"#),
            "E0207",
            "version",
        ),
        (
            "version is a number",
            text(r#"{"version": 1}"#),
            "E0201",
            "version",
        ),
    ]
}

fn structure() -> Vec<Case> {
    vec![
        ("agents is an object", r#"{"version": "apportion/v1", "agents": {}}"#.to_owned(), "E0201", "agents"),
        ("agent is a list", r#"{"version": "apportion/v1", "agents": [["a1"]]}"#.to_owned(), "E0201", "agents[0]"),
        ("gang is a list", job(r#", "gang": [3]"#), "E0201", "jobs[0].gang"),
        ("null for a number", task(r#", "value": null"#), "E0201", "jobs[0].tasks[0].value"),
        ("null for an object", task(r#", "constraints": null"#), "E0201", "jobs[0].tasks[0].constraints"),
        ("number as text", agent(r#", "resources": {"cpu_milli": "4000"}"#), "E0201", "agents[1].resources.cpu_milli"),
        ("text as number", agent(r#", "domains": {"rack": 7}"#), "E0201", "agents[1].domains.rack"),
        ("truth as number", agent(r#", "cordoned": 1"#), "E0201", "agents[1].cordoned"),
        ("float", agent(r#", "resources": {"cpu_milli": 1.5}"#), "E0202", "agents[1].resources.cpu_milli"),
        ("float that is whole", agent(r#", "resources": {"cpu_milli": 1.0}"#), "E0202", "agents[1].resources.cpu_milli"),
        ("exponent", agent(r#", "resources": {"cpu_milli": 1e3}"#), "E0202", "agents[1].resources.cpu_milli"),
        ("2^63", agent(r#", "resources": {"cpu_milli": 9223372036854775808}"#), "E0203", "agents[1].resources.cpu_milli"),
        ("weight overflows", framework(r#", "weight": 1e999"#), "E0203", "frameworks[0].weight"),
        ("infinite weight", "version: apportion/v1\nframeworks: [{id: f, policy: service, weight: .inf}]\n".to_owned(), "E0203", "frameworks[0].weight"),
        ("NaN in YAML", "version: apportion/v1\nagents: [{id: a, resources: {cpu_milli: .nan}}]\n".to_owned(), "E0202", "agents[0].resources.cpu_milli"),
        ("key twice", agent(r#", "cordoned": true, "cordoned": false"#), "E0204", "agents[1].cordoned"),
        ("key twice in a map", agent(r#", "resources": {"cpu_milli": 1, "cpu_milli": 2}"#), "E0204", "agents[1].resources.cpu_milli"),
        ("key twice in parameters", framework(r#", "parameters": {"a": {"b": 1, "b": 2}}"#), "E0204", "frameworks[0].parameters.a.b"),
        ("key twice in YAML", "version: apportion/v1\nagents: []\nagents: []\n".to_owned(), "E0204", "agents"),
        ("unknown key", agent(r#", "color": "red""#), "E0205", "agents[1].color"),
        ("misspelled key", agent(r#", "atributes": {}"#), "E0205", "agents[1].atributes"),
        ("unknown key at the top", rest(r#", "placement": []"#), "E0205", "placement"),
        ("no id", r#"{"version": "apportion/v1", "agents": [{}]}"#.to_owned(), "E0206", "agents[0].id"),
        ("no tasks", r#"{"version": "apportion/v1", "frameworks": [{"id": "f", "policy": "service"}], "jobs": [{"id": "j", "framework": "f"}]}"#.to_owned(), "E0206", "jobs[0].tasks"),
    ]
}

fn values() -> Vec<Case> {
    vec![
        (
            "negative amount",
            agent(r#", "resources": {"cpu_milli": -1}"#),
            "E0301",
            "agents[1].resources.cpu_milli",
        ),
        (
            "negative demand",
            task(r#", "resources": {"gpu_milli": -1}"#)
                .replace(r#""resources": {"cpu_milli": 100} ,"#, ""),
            "E0301",
            "jobs[0].tasks[0].resources.gpu_milli",
        ),
        (
            "amount too large",
            agent(r#", "resources": {"memory_mib": 1000000000000001}"#),
            "E0302",
            "agents[1].resources.memory_mib",
        ),
        (
            "negative instances",
            task("").replace(r#""instances": 3"#, r#""instances": -3"#),
            "E0303",
            "jobs[0].tasks[0].instances",
        ),
        (
            "too many instances",
            task("").replace(r#""instances": 3"#, r#""instances": 1000000001"#),
            "E0303",
            "jobs[0].tasks[0].instances",
        ),
        (
            "negative limit",
            constraints(r#""limit": [{"level": "rack", "max": -1}]"#),
            "E0303",
            "jobs[0].tasks[0].constraints.limit[0].max",
        ),
        (
            "skew of 0",
            constraints(r#""spread": [{"level": "rack", "max_skew": 0}]"#),
            "E0303",
            "jobs[0].tasks[0].constraints.spread[0].max_skew",
        ),
        (
            "negative min_available",
            job(r#", "min_available": {"level": "rack", "instances": -1}"#),
            "E0303",
            "jobs[0].min_available.instances",
        ),
        (
            "negative max_moves",
            job(r#", "max_moves": -1"#),
            "E0303",
            "jobs[0].max_moves",
        ),
        (
            "gang of 0",
            job(r#", "gang": {"min_instances": 0}"#),
            "E0303",
            "jobs[0].gang.min_instances",
        ),
        (
            "weight 0",
            framework(r#", "weight": 0"#),
            "E0304",
            "frameworks[0].weight",
        ),
        (
            "negative weight",
            rest(r#", "roles": [{"path": "f", "weight": -1}]"#),
            "E0304",
            "roles[0].weight",
        ),
        (
            "value 0",
            task(r#", "value": 0"#),
            "E0305",
            "jobs[0].tasks[0].value",
        ),
        (
            "speed 0",
            agent(r#", "speed": 0"#),
            "E0306",
            "agents[1].speed",
        ),
        (
            "priority",
            job(r#", "priority": 1000000000000001"#),
            "E0307",
            "jobs[0].priority",
        ),
        (
            "empty id",
            r#"{"version": "apportion/v1", "agents": [{"id": ""}]}"#.to_owned(),
            "E0308",
            "agents[0].id",
        ),
        (
            "empty domain",
            agent(r#", "domains": {"rack": ""}"#),
            "E0308",
            "agents[1].domains.rack",
        ),
        (
            "empty level",
            r#"{"version": "apportion/v1", "levels": [""]}"#.to_owned(),
            "E0308",
            "levels[0]",
        ),
        (
            "empty attribute list",
            constraints(r#""attributes": {"disk": []}"#),
            "E0309",
            "jobs[0].tasks[0].constraints.attributes.disk",
        ),
        (
            "empty agents list",
            constraints(r#""agents": []"#),
            "E0309",
            "jobs[0].tasks[0].constraints.agents",
        ),
        (
            "unknown fairness",
            rest(r#", "fairness": "nahs""#),
            "E0310",
            "fairness",
        ),
        (
            "idle guarantee",
            rest(r#", "roles": [{"path": "f", "idle_guarantee": "keep"}]"#),
            "E0310",
            "roles[0].idle_guarantee",
        ),
    ]
}

fn names() -> Vec<Case> {
    vec![
        (
            "agent twice",
            agent("").replace("a2", "a1"),
            "E0401",
            "agents[1].id",
        ),
        (
            "level twice",
            agent("").replace(r#""zone"]"#, r#""rack"]"#),
            "E0401",
            "levels[1]",
        ),
        (
            "role twice",
            rest(r#", "roles": [{"path": "r"}, {"path": "r", "weight": 2}]"#),
            "E0401",
            "roles[1].path",
        ),
        (
            "unknown framework",
            agent("").replace(r#""framework": "f""#, r#""framework": "g""#),
            "E0402",
            "jobs[0].framework",
        ),
        (
            "unknown policy",
            agent("").replace("service", "servise"),
            "E0403",
            "frameworks[0].policy",
        ),
        (
            "unknown level",
            constraints(r#""limit": [{"level": "rak", "max": 1}]"#),
            "E0404",
            "jobs[0].tasks[0].constraints.limit[0].level",
        ),
        (
            "unknown level of min_available",
            job(r#", "min_available": {"level": "row", "instances": 1}"#),
            "E0404",
            "jobs[0].min_available.level",
        ),
        (
            "unknown named agent",
            constraints(r#""agents": ["a1", "a3"]"#),
            "E0405",
            "jobs[0].tasks[0].constraints.agents[1]",
        ),
        (
            "unknown agent of a placement",
            placements(r#"{"job": "web", "task": "api", "agent": "a9", "instances": 1}"#),
            "E0405",
            "placements[0].agent",
        ),
        (
            "unknown job",
            placements(r#"{"job": "wep", "task": "api", "agent": "a1", "instances": 1}"#),
            "E0406",
            "placements[0].job",
        ),
        (
            "unknown task",
            placements(r#"{"job": "web", "task": "app", "agent": "a1", "instances": 1}"#),
            "E0407",
            "placements[0].task",
        ),
        (
            "unknown group",
            constraints(r#""limit": [{"level": "rack", "max": 1, "group": "g"}]"#),
            "E0408",
            "jobs[0].tasks[0].constraints.limit[0].group",
        ),
        (
            "undeclared level",
            agent(r#", "domains": {"row": "7"}"#),
            "E0409",
            "agents[1].domains.row",
        ),
        (
            "level agent",
            agent(r#", "domains": {"agent": "x"}"#),
            "E0410",
            "agents[1].domains.agent",
        ),
        (
            "attribute agent",
            agent(r#", "attributes": {"agent": "x"}"#),
            "E0410",
            "agents[1].attributes.agent",
        ),
        (
            "own domain",
            agent(r#", "domains": {"rack": "agent:a1"}"#),
            "E0410",
            "agents[1].domains.rack",
        ),
        (
            "role path",
            framework(r#", "role": "prod//web""#),
            "E0411",
            "frameworks[0].role",
        ),
        (
            "role path that is too deep",
            framework(&format!(r#", "role": "{}""#, ["x"; 40].join("/"))),
            "E0411",
            "frameworks[0].role",
        ),
        (
            "attribute against domain",
            agent(r#", "domains": {"rack": "r1"}, "attributes": {"rack": "r2"}"#),
            "E0412",
            "agents[1].attributes.rack",
        ),
    ]
}

fn rules() -> Vec<Case> {
    let twice = r#"{"job": "web", "task": "api", "agent": "a1", "instances": 1}, {"job": "web", "task": "api", "agent": "a1", "instances": 1}"#;
    let across = agent("").replace(
        r#""jobs": ["#,
        r#""jobs": [{"id": "k", "framework": "f2", "tasks": [{"id": "t", "groups": ["g"]}]}, "#,
    );
    let across = across.replace(
        r#""cpu_milli": 100} "#,
        r#""cpu_milli": 100}, "groups": ["g"]"#,
    );
    let across = across.replace(
        r#""frameworks": ["#,
        r#""frameworks": [{"id": "f2", "policy": "service"}, "#,
    );
    vec![
        (
            "gang above instances",
            job(r#", "gang": {"min_instances": 4}"#),
            "E0501",
            "jobs[0].gang.min_instances",
        ),
        (
            "placed above instances",
            placements(r#"{"job": "web", "task": "api", "agent": "a1", "instances": 4}"#),
            "E0502",
            "placements[0].instances",
        ),
        (
            "no instances placed",
            placements(r#"{"job": "web", "task": "api", "agent": "a1", "instances": 0}"#),
            "E0303",
            "placements[0].instances",
        ),
        ("placed twice", placements(twice), "E0503", "placements[1]"),
        (
            "a start, which is a plan's",
            placements(r#"{"job": "web", "task": "api", "agent": "a1", "instances": 1, "start_ms": 0}"#),
            "E0205",
            "placements[0].start_ms",
        ),
        (
            "group across frameworks",
            across,
            "E0504",
            "jobs[1].tasks[0].groups[0]",
        ),
        (
            "guarantees",
            rest(
                r#", "roles": [{"path": "a", "guarantee": {"cpu_milli": 3000}}, {"path": "b", "guarantee": {"cpu_milli": 2000}}]"#,
            ),
            "E0505",
            "roles",
        ),
        (
            "parameter",
            framework(r#", "parameters": {"no_such_parameter": 1}"#),
            "E0506",
            "frameworks[0].parameters.no_such_parameter",
        ),
        (
            "values beyond what can be summed",
            task(r#"}, {"id": "dear", "instances": 1000000000, "value": 1000000000"#),
            "E0507",
            "jobs",
        ),
        (
            "guarantee above its limit",
            rest(
                r#", "roles": [{"path": "a", "limit": {"cpu_milli": 1}}, {"path": "a/b", "guarantee": {"cpu_milli": 2}}]"#,
            ),
            "E0512",
            "roles[1].guarantee",
        ),
        (
            "a fairness rule that does not exist",
            rest(r#", "fairness": "drff""#),
            "E0310",
            "fairness",
        ),
        (
            "edges of a service",
            job(r#", "edges": [{"from": "api", "to": "api", "mib_s": 1}]"#),
            "E0608",
            "jobs[0]",
        ),
        (
            "work of a service",
            task(r#", "work_ms": 5"#),
            "E0608",
            "jobs[0]",
        ),
        (
            "an edge without an amount",
            flow("", "", r#"{"from": "a", "to": "b"}"#),
            "E0520",
            "jobs[0].edges[0]",
        ),
        (
            "work of more time than can be told",
            flow(
                r#", "work_ms": 1000000000000, "instances": 10000"#,
                r#", "work_ms": 1"#,
                r#"{"from": "a", "to": "b", "mib": 1}"#,
            ),
            "E0526",
            "jobs",
        ),
        (
            "an edge with two amounts",
            flow(
                r#", "work_ms": 1"#,
                r#", "work_ms": 1"#,
                r#"{"from": "a", "to": "b", "mib": 1, "mib_s": 1}"#,
            ),
            "E0520",
            "jobs[0].edges[0]",
        ),
        (
            "a rate in a batch",
            flow(
                r#", "work_ms": 1"#,
                r#", "work_ms": 1"#,
                r#"{"from": "a", "to": "b", "mib_s": 1}"#,
            ),
            "E0521",
            "jobs[0].edges[0]",
        ),
        (
            "a batch of which one task says nothing of its work",
            flow(
                r#", "work_ms": 1"#,
                "",
                r#"{"from": "a", "to": "b", "mib": 1}"#,
            ),
            "E0522",
            "jobs[0].tasks[1]",
        ),
        (
            "tasks that wait for each other",
            flow(
                r#", "work_ms": 1"#,
                r#", "work_ms": 1"#,
                r#"{"from": "a", "to": "b", "mib": 1}, {"from": "b", "to": "a", "mib": 1}"#,
            ),
            "E0523",
            "jobs[0].edges",
        ),
        (
            "a task that waits for itself",
            flow(
                r#", "work_ms": 1"#,
                r#", "work_ms": 1"#,
                r#"{"from": "b", "to": "b", "mib": 1}"#,
            ),
            "E0523",
            "jobs[0].edges",
        ),
        (
            "an edge twice",
            flow(
                "",
                "",
                r#"{"from": "a", "to": "b", "mib_s": 1}, {"from": "a", "to": "b", "mib_s": 2}"#,
            ),
            "E0524",
            "jobs[0].edges[1]",
        ),
        (
            "a stream beside a batch",
            flow("", "", r#"{"from": "a", "to": "b", "mib_s": 1}"#).replace(
                r#""jobs": ["#,
                r#""jobs": [{"id": "batch", "framework": "f", "tasks": [{"id": "t", "work_ms": 5}]}, "#,
            ),
            "E0525",
            "jobs[1]",
        ),
        (
            "a job that never ends beside a batch",
            flow("", "", "").replace(
                r#""jobs": ["#,
                r#""jobs": [{"id": "batch", "framework": "f", "tasks": [{"id": "t", "work_ms": 5}]}, "#,
            ),
            "E0525",
            "jobs[1]",
        ),
        (
            "an edge to nowhere",
            flow("", "", r#"{"from": "a", "to": "c", "mib_s": 1}"#),
            "E0407",
            "jobs[0].edges[0].to",
        ),
        (
            "an edge of less than nothing",
            flow("", "", r#"{"from": "a", "to": "b", "mib_s": -1}"#),
            "E0301",
            "jobs[0].edges[0].mib_s",
        ),
        (
            "an edge of too much",
            flow("", "", r#"{"from": "a", "to": "b", "mib_s": 9007199254740993}"#),
            "E0302",
            "jobs[0].edges[0].mib_s",
        ),
        (
            "work of less than nothing",
            flow(r#", "work_ms": -1"#, r#", "work_ms": 1"#, ""),
            "E0301",
            "jobs[0].tasks[0].work_ms",
        ),
        (
            "more operations than can be told",
            database(r#", "iops": 1000000000001"#, "s"),
            "E0302",
            "jobs[0].shards[0].iops",
        ),
        (
            "shards of a service",
            task(r#", "shards": [{"id": "s", "replicas": 3}]"#),
            "E0513",
            "jobs[0].shards",
        ),
        (
            "a unit of what is no replica",
            placements(
                r#"{"job": "web", "task": "api", "agent": "a1", "instances": 1, "unit": "u1"}"#,
            ),
            "E0514",
            "placements[0].unit",
        ),
        (
            "no such unit",
            database(r#", "volumes": [{"id": "v", "mib": 1, "unit": "u9"}]"#, "s"),
            "E0413",
            "jobs[0].shards[0].volumes[0].unit",
        ),
        (
            "no such shard",
            database("", "s9"),
            "E0414",
            "placements[0].shard",
        ),
        (
            "devices of a service",
            task(r#", "devices": [{"name": "gpu"}]"#),
            "E0605",
            "jobs[0].tasks[0].devices",
        ),
    ]
}

fn cases() -> Vec<Case> {
    [texts(), structure(), values(), names(), rules()].concat()
}

/// What must hold of every refusal.
fn assert_sensible(name: &str, faults: &InputFaults) {
    assert!(!faults.0.is_empty(), "{name}");
    let sensible = |fault: &Fault| {
        let length = fault.to_string().len();
        length < 2_000
            && !fault.cause.is_empty()
            && !fault.action.is_empty()
            && !fault.path.is_empty()
    };
    for fault in &faults.0 {
        assert!(sensible(fault), "{name}: {fault}");
    }
}

#[test]
fn what_the_cases_break_is_valid_to_begin_with() {
    read(agent("").as_bytes()).unwrap();
    read(
        placements(
            r#"{"job": "web", "task": "api", "agent": "a1", "instances": 3, "devices": []}"#,
        )
        .as_bytes(),
    )
    .unwrap();
}

#[test]
fn each_case_gives_its_fault_and_no_other() {
    for (name, text, code, path) in cases() {
        let faults = read(text.as_bytes()).expect_err(name);
        assert_sensible(name, &faults);
        let found: Vec<(&str, &str)> = faults.0.iter().map(|f| (f.code, f.path.as_str())).collect();
        assert!(found.contains(&(code, path)), "{name}: {faults}");
        let expected = |fault: &Fault| fault.code == code;
        assert!(faults.0.iter().all(expected), "{name}: {faults}");
        assert!(
            code < "E0105" || faults.0[0].place.is_some() || path == "$",
            "{name} has no place"
        );
    }
}

#[test]
fn every_code_has_a_case() {
    let mut covered: BTreeSet<&str> = cases().iter().map(|case| case.2).collect();
    covered.extend(crate::devices::codes());
    covered.extend(crate::data::codes());
    // Bytes rather than text: tested beside the code that reads them. And the summary of many faults.
    covered.extend(["E0102", "E0103", "E0104", "E0299"]);
    // Of events: `tests/simulate.rs`.
    covered.extend(["E0701", "E0702", "E0703"]);
    let all: BTreeSet<&str> = apportion::snapshot::code::ALL.iter().copied().collect();
    assert_eq!(covered, all);
}

#[test]
fn a_circle_is_named_in_order_and_streams_may_have_one() {
    let edges = |key: &str| {
        let edge =
            |from: &str, to: &str| format!(r#"{{"from": "{from}", "to": "{to}", "{key}": 1}}"#);
        [edge("a", "b"), edge("b", "a")].join(", ")
    };
    let faults = read(flow("", "", &edges("mib")).as_bytes()).unwrap_err();
    assert_eq!(
        faults.0[0].cause,
        "the tasks wait for each other: a -> b -> a"
    );
    read(flow("", "", &edges("mib_s")).as_bytes()).unwrap();
}

#[test]
fn a_suggestion_is_made_where_a_name_is_nearly_right() {
    let action = |text: String| read(text.as_bytes()).unwrap_err().0[0].action.clone();
    assert_eq!(
        action(agent(r#", "atributes": {}"#)),
        "did you mean `attributes`?"
    );
    assert_eq!(
        action(agent("").replace("service", "servise")),
        "did you mean `service`?"
    );
    assert_eq!(
        action(constraints(r#""limit": [{"level": "rak", "max": 1}]"#)),
        "did you mean `rack`?"
    );
    assert_eq!(
        action(rest(r#", "fairness": "nahs""#)),
        "did you mean `nash`?"
    );
    let roles = r#", "roles": [{"path": "a", "guarantee": {"cpu_mili": 10}}]"#;
    assert_eq!(action(rest(roles)), "did you mean `cpu_milli`?");
    let near = placements(r#"{"job": "wep", "task": "api", "agent": "a1", "instances": 1}"#);
    assert_eq!(action(near), "did you mean `web`?");
}

/// The files in `tests/broken`: `name.json` or `name.yaml`, and beside it `name.faults` with one line
/// per expected fault: `code path line`, in order.
#[test]
fn all_faults_of_a_file_are_reported_with_their_lines() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let snapshots: Vec<_> = files
        .iter()
        .filter(|f| f.extension().unwrap() != "faults")
        .collect();
    assert!(snapshots.len() >= 3);
    for snapshot in snapshots {
        let faults = read(&std::fs::read(snapshot).unwrap()).unwrap_err();
        let line = |fault: &Fault| fault.place.map_or(0, |place| place.line);
        let found: Vec<String> = faults
            .0
            .iter()
            .map(|f| format!("{} {} {}", f.code, f.path, line(f)))
            .collect();
        let expected = std::fs::read_to_string(snapshot.with_extension("faults")).unwrap();
        assert_eq!(
            found.join("\n"),
            expected.trim(),
            "{}\n{faults}",
            snapshot.display()
        );
    }
}
