//! Clusters over time: shares under churn, who is behind, events files, the conversation of offers.

#![allow(clippy::unwrap_used)]

use apportion::engine::Options;
use apportion::simulate::{Draws, Mix, SimulateOptions, Step, chart, draw, simulate};
use apportion::snapshot;
use apportion_cluster::events::EventsFile;
use apportion_cluster::file::SnapshotFile;
use serde_json::json;

fn parse(value: &serde_json::Value) -> SnapshotFile {
    snapshot::parse(value.to_string().as_bytes()).unwrap()
}

fn events(value: &serde_json::Value, of: &SnapshotFile) -> EventsFile {
    snapshot::events(value.to_string().as_bytes(), of).unwrap_or_else(|faults| panic!("{faults}"))
}

fn steps(file: &SnapshotFile, events: &EventsFile, options: &SimulateOptions) -> Vec<Step> {
    let simulation = simulate(file, events, options, &mut |_| {});
    simulation.unwrap_or_else(|error| panic!("{error}")).steps
}

fn slots(frameworks: &[&str], agents: i64, slots: i64, wanted: i64) -> SnapshotFile {
    let agents: Vec<_> = (0..agents)
        .map(|at| json!({"id": format!("a{at}"), "resources": {"slots": slots}}))
        .collect();
    let accounts: Vec<_> = frameworks
        .iter()
        .map(|id| json!({"id": id, "policy": "service"}))
        .collect();
    let jobs: Vec<_> = frameworks
        .iter()
        .map(|id| {
            json!({"id": format!("of-{id}"), "framework": id,
                   "tasks": [{"id": "t", "instances": wanted, "resources": {"slots": 1}}]})
        })
        .collect();
    parse(
        &json!({"version": "apportion/v1", "agents": agents, "frameworks": accounts, "jobs": jobs}),
    )
}

/// 100 cpu and 100 gpu; two halves, one of which has a cpu child and a gpu child.
fn tree() -> SnapshotFile {
    let agents: Vec<_> = (0..10)
        .map(|at| json!({"id": format!("a{at}"), "resources": {"cpu_milli": 10_000, "gpu_milli": 10_000}}))
        .collect();
    let job = |framework: &str, resource: &str| {
        json!({"id": format!("of-{framework}"), "framework": framework,
               "tasks": [{"id": "t", "instances": 5_000, "resources": {resource: 1_000}}]})
    };
    parse(&json!({
        "version": "apportion/v1", "agents": agents,
        "roles": [{"path": "n1"}, {"path": "n2"}, {"path": "n2/a"}, {"path": "n2/b"}],
        "frameworks": [{"id": "n1", "policy": "service", "role": "n1"},
                       {"id": "a", "policy": "service", "role": "n2/a"},
                       {"id": "b", "policy": "service", "role": "n2/b"}],
        "jobs": [job("n1", "cpu_milli"), job("a", "cpu_milli"), job("b", "gpu_milli")],
    }))
}

/// Work arrives, ends and restarts; everybody wants more than there is at all times.
fn churn(events: usize, seed: u64) -> Draws {
    Draws {
        events,
        seed,
        mix: Mix {
            arrive: 1,
            complete: 3,
            restart: 6,
            fail: 0,
        },
        ..Draws::default()
    }
}

fn the_tree_stays_level(n_events: usize, seeds: u64) {
    let file = tree();
    for seed in 0..seeds {
        let events = draw(&file, &churn(n_events, seed));
        assert_eq!(events.events.len(), n_events);
        for step in steps(&file, &events, &SimulateOptions::default()) {
            let held = |id: &str| step.frameworks[id].placed;
            let held = (held("n1"), held("a"), held("b"));
            assert_eq!(held, (50, 50, 100), "seed {seed}, after {} ms", step.at_ms);
        }
    }
}

#[test]
fn nobody_starves_in_a_tree_under_churn() {
    the_tree_stays_level(150, 3);
    the_tree_stays_level(1_000, 1);
}

/// Run with `cargo test --release --test simulate -- --ignored`: about a minute.
#[test]
#[ignore = "20,000 plans and their verification"]
fn nobody_starves_in_a_tree_over_a_thousand_events_and_twenty_seeds() {
    the_tree_stays_level(1_000, 20);
}

/// Agents fail and return, and for a while one child wants nothing: what it leaves is lent, and comes back with the churn.
#[test]
fn a_tree_settles_again_after_failures_and_a_pause() {
    let file = tree();
    let mut list = vec![
        json!({"at_ms": 1_000, "complete": {"job": "of-a"}}),
        json!({"at_ms": 2_000, "fail": "a3"}),
        json!({"at_ms": 3_000, "fail": "a4"}),
        json!({"at_ms": 4_000, "return": "a3"}),
        json!({"at_ms": 5_000, "return": "a4"}),
        json!({"at_ms": 6_000, "arrive": {"job": {"id": "again-a", "framework": "a",
            "tasks": [{"id": "t", "instances": 5_000, "resources": {"cpu_milli": 1_000}}]}}}),
    ];
    for turn in 0..40 {
        for (job, count) in [("of-n1", 3), ("again-a", 1), ("of-b", 2)] {
            let end = json!({"job": job, "instances": count});
            list.push(json!({"at_ms": 10_000 + turn * 1_000, "restart": end}));
        }
    }
    let events = events(&json!({"version": "apportion/v1", "events": list}), &file);
    let steps = steps(&file, &events, &SimulateOptions::default());
    let held = |step: &Step, id: &str| step.frameworks[id].placed;
    let at = |ms: i64| steps.iter().find(|step| step.at_ms == ms).unwrap();
    assert_eq!(held(at(1_000), "n1"), 100, "what nobody else wants is lent");
    assert_eq!(at(3_000).lost_agents, 2);
    assert_eq!(held(at(3_000), "b"), 80);
    assert_eq!(held(at(6_000), "a"), 0, "what runs stays");
    let last = steps.last().unwrap();
    assert_eq!(
        (held(last, "n1"), held(last, "a"), held(last, "b")),
        (50, 50, 100)
    );
}

/// Three slots and two equal frameworks: in every plan one loses a rounding.
#[test]
fn who_loses_roundings_is_never_far_behind() {
    let file = slots(&["left", "right"], 1, 3, 10);
    let list: Vec<_> = (1..=60)
        .flat_map(|at| {
            ["of-left", "of-right"].map(|job| json!({"at_ms": at, "restart": {"job": job}}))
        })
        .collect();
    let events = events(&json!({"version": "apportion/v1", "events": list}), &file);
    let most_behind = |credit: bool| {
        let options = SimulateOptions {
            credit,
            ..SimulateOptions::default()
        };
        let steps = steps(&file, &events, &options);
        assert_eq!(steps.len(), 61);
        let points = steps.iter().flat_map(|step| step.frameworks.values());
        points
            .map(|point| point.cumulative_shortfall)
            .fold(0.0, f64::max)
    };
    // Deserved are 1.5 each: whoever is behind, is so by at most one lost rounding.
    assert!(most_behind(true) <= 1.0, "{}", most_behind(true));
    // Without memory it is always the same one.
    assert!(most_behind(false) >= 25.0, "{}", most_behind(false));
}

#[test]
fn drawn_events_are_repeated_by_their_file() {
    let file = parse(
        &serde_json::to_value(apportion::generate::generate(
            &apportion::generate::GenerateOptions {
                agents: 12,
                jobs: 10,
                frameworks: 4,
                policies: apportion::generate::Kind::ALL[..2].to_vec(),
                seed: 3,
                load: 1.1,
                instances: Some(60),
                shapes: 6,
                units: None,
            },
        ))
        .unwrap(),
    );
    let draws = Draws {
        events: 40,
        seed: 5,
        ..Draws::default()
    };
    let drawn = draw(&file, &draws);
    assert_eq!(drawn, draw(&file, &draws));
    let other = Draws { seed: 6, ..draws };
    assert_ne!(drawn, draw(&file, &other));
    let kept = serde_json::to_vec(&drawn).unwrap();
    let read = snapshot::events(&kept, &file).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(drawn, read);
    let options = SimulateOptions::default();
    let once = steps(&file, &drawn, &options);
    let threads = SimulateOptions {
        plan: Options {
            threads: 1,
            ..Options::default()
        },
        ..SimulateOptions::default()
    };
    assert_eq!(once, steps(&file, &read, &threads));
    assert!(once.len() > 30 && once.iter().any(|step| step.lost_agents > 0));
    let picture = chart("a <cluster>", &once);
    assert!(picture.starts_with("<svg") && picture.contains("a &lt;cluster&gt;"));
    // Two graphs with a line for each of four frameworks, and five lines of the grid each.
    assert_eq!(picture.matches("<path").count(), 2 * (4 + 5));
}

#[test]
fn work_that_runs_its_time_ends_and_makes_room() {
    let file = slots(&["f"], 1, 2, 0);
    let job = |id: &str| {
        json!({"job": {"id": id, "framework": "f", "tasks": [{"id": "t", "instances": 2, "resources": {"slots": 1}}]},
               "run_ms": 1_000})
    };
    let events = events(
        &json!({"version": "apportion/v1", "events": [
            {"at_ms": 0, "arrive": job("one")},
            {"at_ms": 500, "arrive": job("two")},
            {"at_ms": 5_000, "complete": {"job": "of-f"}},
        ]}),
        &file,
    );
    let all = steps(&file, &events, &SimulateOptions::default());
    let course: Vec<_> = all
        .iter()
        .map(|step| (step.at_ms, step.placed, step.wanted))
        .collect();
    assert_eq!(
        course,
        [
            (0, 2, 2),
            (500, 2, 4),
            (1_000, 2, 2),
            (2_000, 0, 0),
            (5_000, 0, 0)
        ]
    );
    let options = SimulateOptions {
        every_ms: Some(700),
        ..SimulateOptions::default()
    };
    let course: Vec<i64> = steps(&file, &events, &options)
        .iter()
        .map(|step| step.at_ms)
        .collect();
    assert_eq!(course, [0, 700, 1_400, 2_800, 5_600]);
}

#[test]
fn a_conversation_tells_offers_answers_and_what_waits() {
    let file = slots(&["left", "right"], 2, 3, 5);
    let options = SimulateOptions {
        transcript: true,
        ..SimulateOptions::default()
    };
    let nothing = EventsFile::default();
    let steps = steps(&file, &nothing, &options);
    let text = steps[0].transcript.join("\n");
    for line in [
        "broker: left deserves 3.00 by a weight of 50.0 %",
        "round 1: broker offers left 1 agent with 3 slots in all (a",
        "round 1: right accepts 3 of of-right/t",
        "in the end: 2 of of-left/t wait: slots: 0 free, needs 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

/// Every fault of an events file has its code, and all of them are told at once.
#[test]
fn events_that_cannot_happen_are_refused_with_every_fault() {
    let file = slots(&["f"], 2, 2, 1);
    let job =
        json!({"id": "new", "framework": "f", "tasks": [{"id": "t", "resources": {"slots": 1}}]});
    let cases = [
        (json!([{"at_ms": 0}]), "E0701 events[0]"),
        (
            json!([{"at_ms": 0, "fail": "a0", "return": "a0"}]),
            "E0701 events[0]",
        ),
        (
            json!([{"at_ms": -1, "fail": "a0"}]),
            "E0702 events[0].at_ms",
        ),
        (
            json!([{"at_ms": 0, "arrive": {"job": job, "run_ms": 0}}]),
            "E0702 events[0].arrive.run_ms",
        ),
        (
            json!([{"at_ms": 0, "return": "a0"}]),
            "E0703 events[0].return",
        ),
        (
            json!([{"at_ms": 5, "fail": "a1"}, {"at_ms": 9, "fail": "a1"}]),
            "E0703 events[1].fail",
        ),
        (
            json!([{"at_ms": 5, "arrive": {"job": job}}, {"at_ms": 4, "restart": {"job": "new"}}]),
            "E0703 events[1].restart.job",
        ),
        (
            json!([{"at_ms": 5, "complete": {"job": "of-f"}}, {"at_ms": 6, "restart": {"job": "of-f"}}]),
            "E0703 events[1].restart.job",
        ),
        (json!([{"at_ms": 0, "fail": "a9"}]), "E0405 events[0].fail"),
        (
            json!([{"at_ms": 0, "restart": {"job": "of-g"}}]),
            "E0406 events[0].restart.job",
        ),
        (
            json!([{"at_ms": 0, "restart": {"job": "of-f", "task": "u"}}]),
            "E0407 events[0].restart.task",
        ),
        (
            json!([{"at_ms": 0, "restart": {"job": "of-f", "instances": 0}}]),
            "E0303 events[0].restart.instances",
        ),
        (
            json!([{"at_ms": 0, "restrt": {"job": "of-f"}}]),
            "E0205 events[0].restrt",
        ),
        (
            json!([{"at_ms": 0, "arrive": {}}]),
            "E0206 events[0].arrive.job",
        ),
        (
            json!([{"at_ms": 0, "arrive": {"job": {"id": "of-f", "framework": "f", "tasks": []}}}]),
            "E0401 events[0].arrive.job.id",
        ),
        (
            json!([{"at_ms": 0, "arrive": {"job": {"id": "x", "framework": "g", "tasks": []}}}]),
            "E0402 events[0].arrive.job.framework",
        ),
        (
            json!([{"at_ms": 0, "arrive": {"job": {"id": "x", "framework": "f", "tasks": [{"id": "t", "value": 0}]}}}]),
            "E0305 events[0].arrive.job.tasks[0].value",
        ),
        (json!("x"), "E0201 events"),
    ];
    for (list, wanted) in &cases {
        let text = json!({"version": "apportion/v1", "events": list}).to_string();
        let faults = snapshot::events(text.as_bytes(), &file).unwrap_err();
        let found: Vec<String> = faults
            .0
            .iter()
            .map(|it| format!("{} {}", it.code, it.path))
            .collect();
        assert!(
            found.contains(&(*wanted).to_owned()),
            "{wanted} is not among {found:?} of {text}"
        );
        assert!(
            faults
                .0
                .iter()
                .all(|it| it.place.is_some() && !it.action.is_empty()),
            "{text}"
        );
    }
    let several =
        json!({"version": "apportion/v2", "events": [{"at_ms": -1, "fail": "a9"}, {"at_ms": 0}]});
    let faults = snapshot::events(several.to_string().as_bytes(), &file).unwrap_err();
    let mut codes: Vec<&str> = faults.0.iter().map(|it| it.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["E0207", "E0405", "E0701", "E0702"]);
    for (bytes, code) in [
        (&b""[..], "E0101"),
        (b"[]", "E0108"),
        (b"{\"version\":", "E0105"),
        (b"{}", "E0206"),
    ] {
        let faults = snapshot::events(bytes, &file).unwrap_err();
        assert!(faults.0.iter().any(|it| it.code == code), "{faults}");
    }
}
