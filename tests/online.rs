//! Online planning: tasks one at a time, in an order, under every hard rule.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use apportion::engine::{self, EngineError, Listed, Mode, Online, Options, Order};
use apportion_cluster::Cluster;
use apportion_cluster::file::{DeviceFile, JobFile, SnapshotFile};
use apportion_cluster::plan::{OnlineOrder, PlanFile, PlanStatus};
use apportion_policies::online::RULES;

use common::{cluster, placed, planned, quiet, random, write};

fn options(order: Order, rule: &str, seed: u64) -> Options {
    Options {
        mode: Mode::Online,
        online: Online {
            order,
            rule: rule.to_owned(),
        },
        seed,
        ..quiet()
    }
}

fn listed(cluster: &Cluster, lines: &str) -> Order {
    Order::Listed(Listed::read(cluster, lines).unwrap())
}

/// A service on one rack of agents with 4 units of cpu and memory each.
fn story(agents: usize, jobs: Vec<JobFile>) -> SnapshotFile {
    let mut file = write::snapshot(&["rack"]);
    for number in 0..agents {
        let (id, rack) = (format!("a{number}"), format!("r{number}"));
        file.agents.push(write::agent(&id, &rack, 4, 4));
    }
    file.frameworks.push(write::framework("f", "service"));
    file.jobs = jobs;
    file
}

fn reason<'p>(plan: &'p PlanFile, job: &str) -> (&'p str, &'p str) {
    let found = plan.unplaced.iter().find(|it| it.job == job);
    let reason = &found.unwrap_or_else(|| panic!("{job} is placed")).reason;
    (reason.code.as_str(), reason.rule.as_str())
}

/// Random clusters have limits, spreads, gangs, groups, attributes, cordons and a running state.
#[test]
fn whatever_the_rule_and_the_order_the_verifier_accepts_the_plan() {
    let (mut n_partial, mut n_complete) = (0, 0);
    for seed in 0..40 {
        let size = random::Size {
            agents: 8,
            instances: if seed % 2 == 0 { 40 } else { 6 },
            frameworks: 3,
            room: 10,
            running: true,
        };
        let file = random::snapshot(seed, size);
        let cluster = cluster(&file);
        for rule in RULES {
            for order in [Order::Name, Order::Shuffled] {
                let options = options(order, rule, seed);
                let plan = planned(&cluster, &options);
                assert_eq!(
                    common::without_timings(&plan),
                    common::without_timings(&planned(&cluster, &options)),
                    "seed {seed}, {rule}: twice"
                );
                assert!(plan.moves.is_empty(), "seed {seed}, {rule}");
                let stages = plan.frameworks.iter().flat_map(|it| &it.stages);
                assert!(
                    stages
                        .clone()
                        .all(|it| (it.bound, it.greedy) == (None, None))
                );
                assert!(stages.count() > 0, "seed {seed}, {rule}");
                n_partial += usize::from(plan.status == PlanStatus::Partial);
                n_complete += usize::from(plan.status == PlanStatus::Complete);
            }
        }
    }
    assert!(n_partial > 300, "{n_partial}");
    assert!(n_complete > 50, "{n_complete}");
}

/// A refusal is never for want of trying: where a task has no rule but its size, it is refused only if no agent has
/// room for it, and that is as true at the end as when it arrived.
#[test]
fn what_is_refused_for_its_size_fits_nowhere() {
    let size = random::Size {
        agents: 8,
        instances: 40,
        frameworks: 2,
        room: 8,
        running: true,
    };
    let mut n_refused = 0;
    for seed in 0..40 {
        let mut file = random::snapshot(seed, size);
        for job in &mut file.jobs {
            job.gang = None;
            for task in &mut job.tasks {
                task.constraints = Default::default();
            }
        }
        for agent in &mut file.agents {
            (agent.cordoned, agent.dedicated) = (false, None);
        }
        let cluster = cluster(&file);
        for rule in RULES {
            let plan = planned(&cluster, &options(Order::Shuffled, rule, seed));
            let mut free = cluster.free();
            for running in &cluster.running {
                free[running.agent.at()].add(&cluster.task(running.task).demand, running.instances);
            }
            let task_of = |job: &str, task: &str| {
                let name = format!("{job}/{task}");
                let mut tasks = cluster.task_indices();
                tasks.find(|it| cluster.task_name(*it) == name).unwrap()
            };
            for it in &plan.placements {
                let task = task_of(&it.job, &it.task);
                let agent = cluster.agents.iter().position(|agent| agent.id == it.agent);
                free[agent.unwrap()].subtract(&cluster.task(task).demand, it.instances);
            }
            for it in &plan.unplaced {
                let demand = &cluster.task(task_of(&it.job, &it.task)).demand;
                let fits = free.iter().any(|free| demand.fits_in(free));
                assert!(!fits, "seed {seed}, {rule}: {}/{}", it.job, it.task);
                n_refused += 1;
            }
        }
    }
    assert!(n_refused > 100, "{n_refused}");
}

#[test]
fn who_comes_first_is_placed_and_who_never_comes_is_not() {
    let job = |id: &str| write::job(id, "f", write::task(1, 3, 3));
    let cluster = cluster(&story(1, vec![job("early"), job("late"), job("never")]));
    for (lines, first, second) in [
        ("late\nearly\n", "late", "early"),
        (
            "# comes first\r\n\r\n  early/task \r\nlate/task",
            "early",
            "late",
        ),
    ] {
        let plan = planned(&cluster, &options(listed(&cluster, lines), "best_fit", 0));
        assert_eq!(placed(&plan, |job| job == first), 1, "{lines}");
        assert_eq!(placed(&plan, |_| true), 1, "{lines}");
        assert_eq!(reason(&plan, second), ("no_room", "capacity"), "{lines}");
        assert_eq!(reason(&plan, "never"), ("not_arrived", "order"), "{lines}");
    }
    let plan = planned(&cluster, &options(listed(&cluster, "late"), "fgd", 0));
    let online = plan.options.online.unwrap();
    assert_eq!(online.order, OnlineOrder::Listed(vec!["late".to_owned()]));
    assert_eq!(
        (plan.options.mode.as_str(), online.rule.as_str()),
        ("online", "fgd")
    );
}

#[test]
fn a_gang_that_cannot_be_placed_whole_takes_nothing_and_leaves_its_room_to_the_next() {
    let gang = write::gang(write::job("a-gang", "f", write::task(2, 3, 3)), 2);
    let next = write::job("next", "f", write::task(1, 4, 4));
    let alone = cluster(&story(1, vec![gang.clone(), next.clone()]));
    let together = cluster(&story(2, vec![gang, next]));
    for rule in RULES {
        let plan = planned(&alone, &options(Order::Name, rule, 0));
        assert_eq!(placed(&plan, |job| job == "a-gang"), 0, "{rule}");
        assert_eq!(placed(&plan, |job| job == "next"), 1, "{rule}");
        assert_eq!(reason(&plan, "a-gang"), ("gang", "gang[a-gang]"), "{rule}");
        let plan = planned(&together, &options(Order::Name, rule, 0));
        assert_eq!(placed(&plan, |job| job == "a-gang"), 2, "{rule}");
        assert_eq!(placed(&plan, |job| job == "next"), 0, "{rule}");
    }
}

/// The tasks of a gang arrive where the first of them is listed, however far apart the list has them.
#[test]
fn a_gang_of_two_tasks_arrives_at_once() {
    let mut second = write::task(1, 3, 3);
    second.id = "other".to_owned();
    let mut gang = write::gang(write::job("gang", "f", write::task(1, 3, 3)), 2);
    gang.tasks.push(second);
    let between = write::job("between", "f", write::task(1, 2, 2));
    let cluster = cluster(&story(2, vec![gang, between]));
    let order = listed(&cluster, "gang/other\nbetween\ngang/task\n");
    let plan = planned(&cluster, &options(order, "best_fit", 0));
    assert_eq!(placed(&plan, |job| job == "gang"), 2);
    assert_eq!(reason(&plan, "between"), ("no_room", "capacity"));
    // A part of it that is listed alone is too small.
    let cluster = &cluster;
    let order = listed(cluster, "gang/other\nbetween\n");
    let plan = planned(cluster, &options(order, "best_fit", 0));
    assert_eq!(placed(&plan, |job| job == "gang"), 0);
    assert_eq!(placed(&plan, |job| job == "between"), 1);
}

const DEVICES: &str = r#"{
  "version": "apportion/v1",
  "agents": [
    {"id": "a", "resources": {"cpu_milli": 8000}, "devices": [
      {"name": "gpu", "count": 2, "model": "G3"}, {"name": "nic", "count": 2}]},
    {"id": "b", "resources": {"cpu_milli": 8000}, "devices": [
      {"name": "gpu", "count": 4, "model": "T4"}, {"name": "nic", "count": 1}]}],
  "frameworks": [{"id": "f", "policy": "ml"}],
  "jobs": [
    {"id": "held", "framework": "f", "tasks": [{"id": "t", "instances": 1, "resources": {"cpu_milli": 1000},
      "devices": [{"name": "gpu", "count": 1, "milli": 600}]}]},
    {"id": "part", "framework": "f", "tasks": [{"id": "t", "instances": 4, "resources": {"cpu_milli": 1000},
      "devices": [{"name": "gpu", "count": 1, "milli": 500, "models": [{"model": "G3"}]}]}]},
    {"id": "wired", "framework": "f", "tasks": [{"id": "t", "instances": 4, "resources": {"cpu_milli": 100},
      "devices": [{"name": "gpu", "count": 1, "milli": 100}, {"name": "nic", "count": 1, "milli": 600}]}]}],
  "placements": [{"job": "held", "task": "t", "agent": "a", "instances": 1,
    "devices": [{"name": "gpu", "index": 1, "milli": 600}]}]
}"#;

/// Two kinds of devices, one that runs, one model that is asked for: by hand, the G3 with 600 in use takes no half,
/// the other takes two, and three network cards take three of 600.
#[test]
fn devices_are_held_one_by_one_beside_what_runs() {
    let cluster = apportion::snapshot::read(DEVICES.as_bytes()).unwrap();
    let order = || listed(&cluster, "part\nwired\n");
    for rule in RULES {
        let plan = planned(&cluster, &options(order(), rule, 0));
        assert_eq!(placed(&plan, |job| job == "part"), 2, "{rule}");
        assert_eq!(placed(&plan, |job| job == "wired"), 3, "{rule}");
        let mut held: BTreeMap<&str, Vec<&DeviceFile>> = BTreeMap::new();
        for it in &plan.placements {
            held.entry(&it.job).or_default().extend(&it.devices);
        }
        assert!(
            held["part"]
                .iter()
                .all(|it| (it.index, it.milli) == (0, 500))
        );
        assert_eq!(
            (held["held"][0].index, held["held"].len()),
            (1, 1),
            "{rule}"
        );
        let cards = held["wired"].iter().filter(|it| it.name == "nic").count();
        assert_eq!((cards, held["wired"].len()), (3, 6), "{rule}");
    }
}

#[test]
fn what_runs_stays_even_where_it_breaks_a_rule_and_blocks_only_what_would_be_worse() {
    let task = write::limited(write::task(4, 1, 1), "rack", 1);
    let mut file = story(2, vec![write::job("job", "f", task)]);
    file.placements
        .push(apportion_cluster::file::PlacementFile {
            shard: None,
            unit: None,
            job: "job".to_owned(),
            task: "task".to_owned(),
            agent: "a0".to_owned(),
            instances: 2,
            ..apportion_cluster::file::PlacementFile::default()
        });
    let cluster = cluster(&file);
    let plan = planned(&cluster, &options(Order::Name, "best_fit", 0));
    let places: Vec<(&str, i64)> = plan
        .placements
        .iter()
        .map(|it| (it.agent.as_str(), it.instances))
        .collect();
    assert_eq!(places, [("a0", 2), ("a1", 1)]);
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert_eq!(reason(&plan, "job").0, "limit");
}

#[test]
fn every_fault_of_an_order_is_told_with_its_line() {
    let cluster = cluster(&story(
        1,
        vec![write::job("web", "f", write::task(1, 1, 1))],
    ));
    let text = "# order\nwbe\n\n  web\nweb/task\nweb/other";
    let faults = Listed::read(&cluster, text).unwrap_err().0;
    let told: Vec<(&str, usize, usize)> = faults
        .iter()
        .map(|fault| {
            let place = fault.place.unwrap();
            (fault.code, place.line, place.column)
        })
        .collect();
    assert_eq!(told, [("E0406", 2, 1), ("E0401", 5, 1), ("E0406", 6, 1)]);
    assert!(faults[0].action.contains("web"), "{}", faults[0].action);
    assert!(faults[1].cause.contains("line 4"), "{}", faults[1].cause);
}

/// What editors put before the first line is no part of it, and faults beyond those that are told are counted.
#[test]
fn an_order_may_begin_with_a_byte_order_mark_and_its_many_faults_are_counted() {
    let cluster = cluster(&story(
        1,
        vec![write::job("web", "f", write::task(1, 1, 1))],
    ));
    assert_eq!(
        Listed::read(&cluster, "\u{feff}web\n"),
        Listed::read(&cluster, "web\n")
    );
    let faults = Listed::read(&cluster, "\u{feff}wbe").unwrap_err().0;
    let place = faults[0].place.unwrap();
    assert_eq!((place.line, place.column, place.offset), (1, 1, 3));
    let faults = Listed::read(&cluster, &"nobody\n".repeat(1500))
        .unwrap_err()
        .0;
    assert_eq!(faults.len(), 1001);
    assert_eq!(faults[1000].cause, "500 more faults were found");
}

/// Ids may hold slashes: a name that means a job and a task of another job is told, not guessed.
#[test]
fn a_name_that_means_two_things_is_a_fault() {
    let slashed = |id: &str, task: &str| {
        let mut job = write::job(id, "f", write::task(1, 1, 1));
        job.tasks[0].id = task.to_owned();
        job
    };
    let cluster = cluster(&story(1, vec![slashed("a", "b"), slashed("a/b", "c")]));
    let faults = Listed::read(&cluster, "a/b\n").unwrap_err().0;
    assert_eq!(faults[0].code, "E0401");
    assert!(Listed::read(&cluster, "a/b/c\na\n").is_ok());
}

#[test]
fn orders_and_rules_that_cannot_be_followed_are_errors() {
    let jobs = |id: &str| vec![write::job(id, "f", write::task(1, 1, 1))];
    let (one, other) = (cluster(&story(1, jobs("a"))), cluster(&story(1, jobs("b"))));
    let wrong = engine::plan(&one, &options(Order::Name, "worst_fit", 0)).unwrap_err();
    assert!(matches!(wrong, EngineError::UnknownRule { .. }));
    let strange = options(listed(&other, "b"), "fgd", 0);
    let wrong = engine::plan(&one, &strange).unwrap_err();
    assert!(matches!(wrong, EngineError::OtherSnapshot { .. }));
    let many = cluster(&story(
        1,
        vec![write::job("a", "f", write::task(1_000_000_000, 1, 1))],
    ));
    let wrong = engine::plan(&many, &options(Order::Name, "fgd", 0)).unwrap_err();
    assert!(matches!(wrong, EngineError::TooManyArrivals { .. }));
}

/// A cancelled run comes back with what it has, and says what did not arrive.
#[test]
fn what_the_time_did_not_suffice_for_has_that_as_its_reason() {
    let cluster = cluster(&story(
        1,
        vec![write::job("web", "f", write::task(1, 1, 1))],
    ));
    let options = options(Order::Name, "best_fit", 0);
    options.cancel.cancel();
    let plan = planned(&cluster, &options);
    assert_eq!(plan.status, PlanStatus::Deadline);
    assert_eq!(reason(&plan, "web"), ("not_arrived", "deadline"));
}

#[test]
fn the_time_of_a_decision_is_told() {
    let cluster = cluster(&story(
        1,
        vec![write::job("web", "f", write::task(3, 1, 1))],
    ));
    let timings = planned(&cluster, &options(Order::Name, "best_fit", 0))
        .timings_ms
        .unwrap();
    let (mean, p99) = (timings["decision_mean"], timings["decision_p99"]);
    assert!(
        0.0 < mean && mean <= 3.0 * p99 && p99 <= timings["solve"],
        "{timings:?}"
    );
}

/// The openb GPU trace, in the folder that `APPORTION_DATA` names: 8,152 pods on 1,213 nodes, once in an order that is
/// drawn. The rules come in the order of the published comparison, and ours allocates the most.
#[test]
fn on_the_openb_trace_better_rules_allocate_more() {
    let Some(folder) = std::env::var_os("APPORTION_DATA") else {
        eprintln!("skipped: APPORTION_DATA is not set");
        return;
    };
    let folder = std::path::PathBuf::from(folder).join("openb-gpu");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let nodes = read("openb_node_list_gpu_node.csv");
    let pods = read("openb_pod_list_default.csv");
    let imported = apportion::import::openb(&[("nodes.csv", &nodes), ("pods.csv", &pods)]);
    let cluster = cluster(&imported.unwrap().snapshot);
    let mut last = 0;
    for rule in ["random", "best_fit", "fgd", "shadow_price"] {
        let plan = planned(&cluster, &options(Order::Shuffled, rule, 42));
        let held = plan.placements.iter().flat_map(|it| &it.devices);
        let milli: i64 = held.map(|device| device.milli).sum();
        println!("{rule}: {:.2} %", milli as f64 / 62_120.0);
        assert!(milli > last, "{rule}: {milli}, the rule before it {last}");
        last = milli;
    }
    // 95 % of 6,212 GPUs: the best of the published rules, at higher demand, allocates 95.4 %.
    assert!(last > 95 * 62_120, "{last}");
}

#[test]
fn replicas_and_what_is_planned_ahead_wait_and_say_so() {
    let bytes = std::fs::read("examples/five-kinds.json").unwrap();
    let cluster = apportion::snapshot::read(&bytes).unwrap();
    let plan = planned(&cluster, &options(Order::Name, "best_fit", 0));
    let waits = |framework: &str| {
        let at = cluster.frameworks.iter();
        let framework = at.clone().position(|it| it.id == framework).unwrap();
        let jobs = cluster.frameworks[framework].jobs.iter();
        let mut jobs = jobs.map(|job| cluster.job(*job).id.as_str());
        jobs.all(|job| {
            let codes = plan.unplaced.iter().filter(|it| it.job == job);
            let mut codes = codes.map(|it| (it.reason.code.as_str(), it.reason.rule.as_str()));
            codes.clone().count() > 0 && codes.all(|it| it == ("not_arrived", "online"))
        })
    };
    for framework in &cluster.frameworks {
        let (id, policy) = (framework.id.as_str(), framework.policy.as_str());
        let placed = plan.placements.iter();
        let own = |job: &str| framework.jobs.iter().any(|it| cluster.job(*it).id == job);
        let placed = placed.filter(|it| own(&it.job)).count();
        match policy {
            "storage" | "mapreduce" => assert!(waits(id) && placed == 0, "{id}"),
            "service" | "ml" => assert!(placed > 0, "{id}"),
            _ => {}
        }
    }
}
