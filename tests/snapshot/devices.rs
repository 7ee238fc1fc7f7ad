//! Devices in snapshots: what they become, what is refused, what lint says, what the digest sees.

use std::collections::BTreeSet;

use apportion::broker::agent_classes;
use apportion::engine::{self, Options, apply};
use apportion::lint::{self, code};
use apportion::snapshot::{InputFaults, digest, parse, resolve};
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::PlanFile;
use apportion_cluster::{AgentIdx, Cluster, DeviceIdx, DeviceUse, FrameworkIdx, Refusal, TaskIdx};
use apportion_policies::{Bid, View};

const STORY: &str = r"
version: apportion/v1
agents:
  - {id: big, resources: {cpu_milli: 64000}, devices: [{name: gpu, model: A100, count: 8}, {name: nic, count: 1}]}
  - {id: small, resources: {cpu_milli: 8000}, devices: [{name: gpu, model: T4, count: 2}]}
  - {id: bare, resources: {cpu_milli: 8000}}
frameworks: [{id: train, policy: ml}, {id: web, policy: service}]
jobs:
  - id: fit
    framework: train
    tasks:
      - id: half
        instances: 4
        resources: {cpu_milli: 1000}
        devices: [{name: gpu, milli: 500}]
      - id: pair
        instances: 2
        devices: [{name: nic, milli: 100}, {name: gpu, count: 2, models: [{model: H100, throughput: 2000}, {model: A100}]}]
  - {id: site, framework: web, tasks: [{id: api}]}
placements:
  - {job: fit, task: half, agent: small, instances: 1, devices: [{name: gpu, index: 1, milli: 500}]}
  - {job: fit, task: half, agent: small, instances: 1, devices: [{name: gpu, index: 1, milli: 500}]}
  - {job: fit, task: pair, agent: big, instances: 1, devices: [{name: nic, index: 0, milli: 100}, {name: gpu, index: 5, milli: 1000}, {name: gpu, index: 2, milli: 1000}]}
";

fn read(text: &str) -> Result<Cluster, InputFaults> {
    apportion::snapshot::read(text.as_bytes())
}

/// The story with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert!(STORY.contains(from), "{from}");
    STORY.replacen(from, to, 1)
}

#[test]
fn devices_become_kinds_resources_and_needs() {
    let cluster = read(STORY).unwrap();
    assert_eq!(cluster.devices, ["gpu", "nic"]);
    assert_eq!(cluster.resources, ["cpu_milli", "gpu_milli", "nic_milli"]);
    let ids: Vec<&str> = cluster
        .agents
        .iter()
        .map(|agent| agent.id.as_str())
        .collect();
    assert_eq!(ids, ["bare", "big", "small"]);
    assert_eq!(cluster.agents[1].capacity.0, [64_000, 8_000, 1_000]);
    assert_eq!(cluster.agents[0].capacity.0, [8_000, 0, 0]);
    let pair = cluster.task(TaskIdx(1));
    assert_eq!(pair.demand.0, [0, 2_000, 100]);
    let models: Vec<(&str, i64)> = pair.devices[0]
        .models
        .iter()
        .map(|choice| (choice.model.as_str(), choice.throughput))
        .collect();
    assert_eq!(models, [("H100", 2_000), ("A100", 1_000)]);
    assert_eq!((pair.devices[0].count, pair.devices[0].milli), (2, 1_000));
    assert!(cluster.task(TaskIdx(0)).devices[0].models.is_empty());
}

#[test]
fn instances_with_devices_are_counted_together_and_listed_one_by_one() {
    let cluster = read(STORY).unwrap();
    let running: Vec<_> = cluster
        .running
        .iter()
        .map(|it| (it.task.at(), it.agent.at(), it.instances))
        .collect();
    assert_eq!(running, [(0, 2, 2), (1, 1, 1)]);
    let used = |kind, index, milli| DeviceUse {
        kind: DeviceIdx(kind),
        index,
        milli,
    };
    let held: Vec<&[DeviceUse]> = cluster
        .running_devices
        .iter()
        .map(|it| &it.devices[..])
        .collect();
    let half = [used(0, 1, 500)];
    let pair = [used(0, 2, 1000), used(0, 5, 1000), used(1, 0, 100)];
    assert_eq!(held, [&half[..], &half[..], &pair[..]]);
    let free = cluster.free_devices();
    assert_eq!(free[0], Vec::<Vec<i64>>::new());
    assert_eq!(free[1][0], [1000, 1000, 0, 1000, 1000, 0, 1000, 1000]);
    assert_eq!(
        (&free[1][1][..], &free[2][0][..]),
        (&[900][..], &[1000, 0][..])
    );
    assert_eq!(cluster.free()[2].0, [6_000, 1_000, 0]);
}

#[test]
fn agents_without_the_devices_that_a_task_needs_are_refused() {
    let cluster = read(STORY).unwrap();
    let refusal = |task, agent| cluster.refusal(cluster.task(TaskIdx(task)), AgentIdx(agent));
    let (half, pair) = (&cluster.tasks[0].devices[0], &cluster.tasks[1].devices[0]);
    assert_eq!(refusal(0, 0), Some(Refusal::DeviceModel(half)));
    assert_eq!((refusal(0, 1), refusal(0, 2)), (None, None));
    assert_eq!(
        (refusal(1, 1), refusal(1, 2)),
        (None, Some(Refusal::DeviceModel(pair)))
    );
    let cluster = read(&pending("count: 2, models", "count: 9, models")).unwrap();
    let pair = &cluster.tasks[1].devices[0];
    let refusal = cluster.refusal(&cluster.tasks[1], AgentIdx(1));
    assert_eq!(refusal, Some(Refusal::TooFewDevices(pair)));
}

/// As [`with`], and nothing runs.
fn pending(from: &str, to: &str) -> String {
    let text = with(from, to);
    text.split("placements").next().unwrap().to_owned()
}

/// The codes that the cases here are about.
pub fn codes() -> impl Iterator<Item = &'static str> {
    cases().into_iter().map(|case| case.2)
}

/// Name, text, expected code, expected path. Policies other than `ml` are in the table of `broken.rs`.
fn cases() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let half = "jobs[0].tasks[0].devices";
    let first = "{name: gpu, milli: 500}";
    let held = "agent: small, instances: 1, devices: [{name: gpu, index: 1, milli: 500}]";
    let gpus = "name: gpu, index: 5, milli: 1000";
    vec![
        (
            "key twice",
            with("model: A100, count", "count: 8, count"),
            "E0204",
            "agents[0].devices[0].count",
        ),
        (
            "unknown key",
            with("count: 2}", "count: 2, kind: x}"),
            "E0205",
            "agents[1].devices[0].kind",
        ),
        (
            "missing count",
            with(", count: 8", ""),
            "E0206",
            "agents[0].devices[0].count",
        ),
        (
            "no devices",
            pending("count: 2}", "count: 0}"),
            "E0303",
            "agents[1].devices[0].count",
        ),
        (
            "too many devices",
            with("count: 8", "count: 65"),
            "E0303",
            "agents[0].devices[0].count",
        ),
        (
            "need of none",
            pending(first, "{name: gpu, count: 0, milli: 500}"),
            "E0303",
            "jobs[0].tasks[0].devices[0].count",
        ),
        (
            "empty kind",
            pending("name: nic, count: 1", "name: '', count: 1"),
            "E0308",
            "agents[0].devices[1].name",
        ),
        (
            "empty model",
            with("model: T4", "model: ''"),
            "E0308",
            "agents[1].devices[0].model",
        ),
        (
            "no model allowed",
            with("milli: 500}]", "milli: 500, models: []}]"),
            "E0309",
            "jobs[0].tasks[0].devices[0].models",
        ),
        (
            "more than one device",
            pending(first, "{name: gpu, milli: 1001}"),
            "E0311",
            "jobs[0].tasks[0].devices[0].milli",
        ),
        (
            "less than any device",
            pending(first, "{name: gpu, milli: 0}"),
            "E0311",
            "jobs[0].tasks[0].devices[0].milli",
        ),
        (
            "throughput",
            with("throughput: 2000", "throughput: 1000001"),
            "E0312",
            "jobs[0].tasks[1].devices[1].models[0].throughput",
        ),
        (
            "standing still",
            with("throughput: 2000", "throughput: 0"),
            "E0312",
            "jobs[0].tasks[1].devices[1].models[0].throughput",
        ),
        (
            "two models",
            pending("name: nic, count: 1", "name: gpu, model: H100, count: 1"),
            "E0401",
            "agents[0].devices[1].name",
        ),
        (
            "kind twice",
            pending(first, "{name: gpu, milli: 500}, {name: gpu}"),
            "E0401",
            "jobs[0].tasks[0].devices[1].name",
        ),
        (
            "model twice",
            with("{model: A100}", "{model: H100}"),
            "E0401",
            "jobs[0].tasks[1].devices[1].models[1].model",
        ),
        (
            "plain and devices",
            with("{cpu_milli: 64000}", "{cpu_milli: 64000, gpu_milli: 8000}"),
            "E0508",
            "agents[0].resources.gpu_milli",
        ),
        (
            "plain on another agent",
            with(
                "{id: bare, resources: {cpu_milli: 8000}",
                "{id: bare, resources: {gpu_milli: 0}",
            ),
            "E0508",
            "agents[2].resources.gpu_milli",
        ),
        (
            "plain in a task",
            with("{cpu_milli: 1000}", "{gpu_milli: 1000}"),
            "E0508",
            "jobs[0].tasks[0].resources.gpu_milli",
        ),
        (
            "number out of range",
            with("index: 5", "index: 8"),
            "E0509",
            "placements[2].devices[1].index",
        ),
        (
            "negative number",
            with("index: 5", "index: -1"),
            "E0509",
            "placements[2].devices[1].index",
        ),
        (
            "on an agent without",
            with(held, &held.replace("small", "bare")),
            "E0509",
            "placements[0].devices[0].index",
        ),
        (
            "more than a device",
            STORY.to_owned() + &format!("  - {{job: fit, task: half, {held}}}\n"),
            "E0510",
            "placements[3].devices[0].milli",
        ),
        (
            "devices missing",
            with(", devices: [{name: gpu, index: 1, milli: 500}]", ""),
            "E0511",
            "placements[0].devices",
        ),
        (
            "another part",
            with("index: 1, milli: 500", "index: 1, milli: 400"),
            "E0511",
            "placements[0].devices",
        ),
        (
            "too few",
            with(&format!("{{{gpus}}}, "), ""),
            "E0511",
            "placements[2].devices",
        ),
        (
            "another kind",
            with(gpus, "name: nic, index: 5, milli: 1000"),
            "E0511",
            "placements[2].devices",
        ),
        (
            "one twice",
            with(gpus, "name: gpu, index: 2, milli: 1000"),
            "E0511",
            "placements[2].devices[2].index",
        ),
        (
            "two instances",
            with(held, &held.replace("instances: 1", "instances: 2")),
            "E0511",
            "placements[0].instances",
        ),
        (
            "none needed",
            STORY.to_owned()
                + "  - {job: site, task: api, agent: big, instances: 1, devices: [{name: gpu, index: 0, milli: 1}]}\n",
            "E0511",
            "placements[3].devices",
        ),
        (
            "a policy without devices",
            pending("policy: ml", "policy: service"),
            "E0605",
            half,
        ),
    ]
}

#[test]
fn each_case_gives_its_fault() {
    for (name, text, code, path) in cases() {
        let faults = read(&text).expect_err(name);
        let found: Vec<(&str, &str)> = faults.0.iter().map(|f| (f.code, f.path.as_str())).collect();
        assert!(found.contains(&(code, path)), "{name}: {faults}");
        // A device named twice is also held twice; a device of another kind is not there either.
        let also = match name {
            "one twice" => "E0510",
            "another kind" => "E0509",
            _ => code,
        };
        let expected = |it: &str| it == code || it == also;
        assert!(found.iter().all(|it| expected(it.0)), "{name}: {faults}");
        assert!(faults.0.iter().all(|fault| fault.place.is_some()), "{name}");
    }
}

#[test]
fn the_largest_and_smallest_numbers_are_faults_like_any() {
    for number in [i64::MIN, i64::MAX] {
        for place in [
            "count: 8",
            "count: 2, models",
            "throughput: 2000",
            "index: 5",
            "milli: 500}",
        ] {
            let (key, rest) = place.split_once(": ").unwrap();
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let text = with(place, &format!("{key}: {number}{rest}"));
            assert!(read(&text).is_err(), "{place} {number}");
        }
    }
}

#[test]
fn guarantees_count_devices() {
    let role = |milli: i64| {
        let role = format!("roles: [{{path: train, guarantee: {{gpu_milli: {milli}}}}}]\njobs:");
        with("jobs:", &role)
    };
    let codes = |text: String| -> BTreeSet<&str> {
        let faults = read(&text).err().map_or_else(Vec::new, |faults| faults.0);
        faults.iter().map(|fault| fault.code).collect()
    };
    assert!(!codes(role(10_000)).contains("E0505"));
    assert!(codes(role(10_001)).contains("E0505"));
}

fn linted(text: &str) -> Vec<(&'static str, String, String)> {
    let cluster = read(text).unwrap();
    let file = parse(text.as_bytes()).unwrap();
    let findings = lint::lint_cluster(&file, &cluster);
    findings
        .into_iter()
        .filter(|finding| finding.code != code::IDLE_FRAMEWORK)
        .map(|finding| (finding.code, finding.path, finding.action))
        .collect()
}

#[test]
fn lint_names_kinds_and_models_that_no_agent_has_and_needs_that_none_meets() {
    let codes = |text: &str| -> Vec<(&str, String)> {
        let found = linted(text).into_iter();
        found.map(|(code, path, _)| (code, path)).collect()
    };
    // H100 is a wish that nothing fulfils here.
    let wish = (
        code::DEVICE,
        "jobs[0].tasks[1].devices[1].models".to_owned(),
    );
    assert_eq!(codes(STORY), std::slice::from_ref(&wish));
    let pending = STORY.split("placements").next().unwrap();
    let typo = pending.replace("model: H100", "model: A10O");
    let action = &linted(&typo)[0].2;
    assert_eq!(action, "did you mean `A100`?");
    let kind = pending.replace("{name: gpu, milli", "{name: gppu, milli");
    let path = "jobs[0].tasks[0].devices[0].name".to_owned();
    let nobody = |task: usize| (code::NO_AGENT, format!("jobs[0].tasks[{task}].constraints"));
    assert_eq!(
        codes(&kind),
        [(code::DEVICE, path), wish.clone(), nobody(0)]
    );
    let many = pending.replace("count: 2, models", "count: 9, models");
    let path = "jobs[0].tasks[1].devices[1].count".to_owned();
    assert_eq!(codes(&many), [wish, (code::NEVER_FITS, path), nobody(1)]);
}

#[test]
fn lint_says_where_instances_run_on_a_model_that_they_may_not_use() {
    let moved = with("milli: 500}]", "milli: 500, models: [{model: A100}]}]");
    let codes: Vec<&str> = linted(&moved).iter().map(|it| it.0).collect();
    assert!(codes.contains(&code::MISPLACED), "{codes:?}");
}

#[test]
fn the_digest_sees_devices_and_not_the_order_of_lists_without_meaning() {
    let file = parse(STORY.as_bytes()).unwrap();
    let same: [fn(&mut SnapshotFile); 4] = [
        |f| f.agents[0].devices.reverse(),
        |f| f.jobs[0].tasks[1].devices.reverse(),
        |f| f.placements[2].devices.reverse(),
        |f| f.placements.reverse(),
    ];
    for (at, change) in same.into_iter().enumerate() {
        let mut other = file.clone();
        change(&mut other);
        assert_ne!(file, other);
        assert_eq!(digest(&file), digest(&other), "change {at}");
    }
    let different: [fn(&mut SnapshotFile); 8] = [
        |f| f.agents[0].devices[0].count = 7,
        |f| f.agents[0].devices[0].model = Some("H100".to_owned()),
        |f| f.agents[1].devices.clear(),
        |f| f.jobs[0].tasks[0].devices[0].milli = 501,
        |f| f.jobs[0].tasks[1].devices[1].count = 3,
        |f| {
            f.jobs[0].tasks[1].devices[1]
                .models
                .as_mut()
                .unwrap()
                .reverse();
        },
        |f| f.jobs[0].tasks[1].devices[1].models.as_mut().unwrap()[1].throughput = 999,
        |f| f.placements[2].devices[0].index = 1,
    ];
    for (at, change) in different.into_iter().enumerate() {
        let mut other = file.clone();
        change(&mut other);
        assert_ne!(digest(&file), digest(&other), "change {at}");
    }
}

#[test]
fn a_plan_that_is_applied_carries_its_devices_over() {
    let file = parse(STORY.as_bytes()).unwrap();
    let cluster = read(STORY).unwrap();
    let mut placements = file.placements.clone();
    placements[2].devices[1].index = 7;
    let plan: PlanFile = serde_json::from_value(serde_json::json!({
        "version": "apportion/v1", "snapshot_digest": cluster.digest, "status": "partial",
        "options": {"mode": "greedy", "fairness": "nash", "gap": 0.0, "seed": 0, "replan": "keep", "solver": "none"},
        "placements": placements, "unplaced": [], "moves": [], "frameworks": [], "offers": [],
    }))
    .unwrap();
    let next = apply(&file, &cluster, &plan).unwrap();
    assert_eq!(next.placements, placements);
    let next = resolve(&next).unwrap();
    let held: Vec<i64> = next.running_devices[2]
        .devices
        .iter()
        .map(|it| it.index)
        .collect();
    assert_eq!(held, [2, 7, 0]);
}

#[test]
fn agents_that_differ_in_their_model_only_are_of_one_class_unless_a_task_tells_them_apart() {
    let classes = |models: &str| {
        let text = format!(
            "version: apportion/v1
agents:
  - {{id: a, devices: [{{name: gpu, model: A100, count: 2}}]}}
  - {{id: b, devices: [{{name: gpu, model: T4, count: 2}}]}}
frameworks: [{{id: train, policy: ml}}]
jobs: [{{id: j, framework: train, tasks: [{{id: t, devices: [{{name: gpu{models}}}]}}]}}]
"
        );
        let cluster = read(&text).unwrap();
        let framework = FrameworkIdx(0);
        let view = View {
            cluster: &cluster,
            framework,
        };
        agent_classes(&cluster, &[Bid::everything(&view)]).len()
    };
    assert_eq!(classes(""), 1);
    assert_eq!(classes(", models: [{model: T4}, {model: A100}]"), 1);
    assert_eq!(classes(", models: [{model: T4}]"), 2);
}

#[test]
fn an_instance_with_more_devices_than_any_agent_has_never_fits() {
    let text = pending("count: 2, models", "count: 9, models");
    let cluster = read(&text.replace("instances: 4", "instances: 0")).unwrap();
    let options = Options::default();
    let plan = engine::plan(&cluster, &options).unwrap();
    let reason = &plan.unplaced[0].reason;
    assert_eq!(
        (reason.code.as_str(), reason.rule.as_str()),
        ("never_fits", "capacity")
    );
    assert!(
        reason.text.contains("needs 9 on one agent"),
        "{}",
        reason.text
    );
    let block = "largest block 8, 8 free in all";
    assert!(reason.text.contains(block), "{}", reason.text);
}

#[test]
fn an_instance_needs_at_most_as_many_devices_as_an_agent_may_have() {
    let text = |count: &str| pending("count: 2, models", &format!("count: {count}, models"));
    assert!(read(&text("64")).is_ok());
    for count in ["0", "65", "1000001"] {
        let faults = read(&text(count)).unwrap_err().0;
        let found: Vec<(&str, &str)> = faults
            .iter()
            .map(|fault| (fault.code, fault.path.as_str()))
            .collect();
        let path = "jobs[0].tasks[1].devices[1].count";
        assert_eq!(found, [("E0303", path)], "{count}");
    }
}

/// Sums of values stay exact also where every instance is on its fastest model.
#[test]
fn values_times_throughput_are_summed_exactly_or_refused() {
    let text = |instances: i64, throughput: i64| {
        format!(
            r#"{{"version": "apportion/v1",
"agents": [{{"id": "a", "devices": [{{"name": "gpu", "model": "M", "count": 8}}]}}],
"frameworks": [{{"id": "f", "policy": "ml"}}],
"jobs": [{{"id": "j", "framework": "f", "tasks": [{{"id": "t", "instances": {instances}, "value": 134217728,
  "devices": [{{"name": "gpu", "models": [{{"model": "M", "throughput": {throughput}}}]}}]}}]}}]}}"#
        )
    };
    // 2^26 x 2^27 is 2^53.
    for (instances, throughput) in [(1 << 26, 1000), (1 << 16, 1_000_000), (1 << 26, 1)] {
        let cluster = read(&text(instances, throughput)).unwrap();
        let plan = engine::plan(&cluster, &Options::default()).unwrap();
        assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    }
    for (instances, throughput) in [((1 << 26) + 1, 1000), (1 << 26, 1001)] {
        let faults = read(&text(instances, throughput)).unwrap_err().0;
        assert_eq!(faults[0].code, "E0507", "{faults:?}");
    }
}

/// Many instances of one shape in several tasks weigh no more in the fragmentation than a model may state.
#[test]
fn a_billion_of_one_shape_twice_is_planned() {
    let task = |id: &str| {
        format!(r#"{{"id": "{id}", "instances": 600000000, "devices": [{{"name": "gpu"}}]}}"#)
    };
    let text = format!(
        r#"{{"version": "apportion/v1",
"agents": [{{"id": "a", "devices": [{{"name": "gpu", "model": "M", "count": 3}}]}}],
"frameworks": [{{"id": "f", "policy": "ml"}}],
"jobs": [{{"id": "j", "framework": "f", "tasks": [{}, {}]}}]}}"#,
        task("t"),
        task("u")
    );
    let plan = engine::plan(&read(&text).unwrap(), &Options::default()).unwrap();
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert_eq!(plan.placements.len(), 3);
}
