//! `simulate`, and `plan --preempt`.

use serde_json::Value;

use super::{run, workspace};

#[test]
fn a_simulation_tells_shares_over_time_and_writes_what_it_is_asked_to() {
    let folder = workspace();
    let line = "simulate examples/shop.json --events 12 --seed 3 --chart c.svg --write-events e.json -o end.json";
    let told = run(folder.path(), line).expect(0);
    for words in [
        "12 events",
        "each passed the verifier",
        "Held / deserved over time",
        "Shares over all plans",
    ] {
        assert!(
            told.out.contains(words),
            "{words} is missing in:\n{}",
            told.out
        );
    }
    for line in told.out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(told.err.contains("simulating 12 events"), "{}", told.err);
    let picture = std::fs::read_to_string(folder.path().join("c.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("dominant share"));
    run(folder.path(), "plan end.json").expect(0);
    // The events as they were written are the same run.
    let drawn = run(
        folder.path(),
        "simulate examples/shop.json --events 12 --seed 3 --json",
    )
    .expect(0);
    let read = run(
        folder.path(),
        "simulate examples/shop.json e.json --seed 3 --json",
    )
    .expect(0);
    assert_eq!(drawn.out, read.out);
    let steps: Value = serde_json::from_str(&drawn.out).unwrap();
    assert!(
        steps["steps"][0]["frameworks"]["web"]["deserved"]
            .as_f64()
            .unwrap()
            > 0.0
    );
}

#[test]
fn a_transcript_is_the_conversation_in_plain_words() {
    let folder = workspace();
    let told = run(
        folder.path(),
        "simulate examples/shop.json --events 2 --transcript",
    )
    .expect(0);
    for words in [
        "at 0 s",
        "round 1: broker offers web",
        "web accepts",
        "in the end: ",
    ] {
        assert!(
            told.out.contains(words),
            "{words} is missing in:\n{}",
            told.out
        );
    }
}

#[test]
fn events_with_faults_and_contradicting_options_are_refused() {
    let folder = workspace();
    let events =
        r#"{"version": "apportion/v1", "events": [{"at_ms": 1, "fail": "nobody"}, {"at_ms": 2}]}"#;
    std::fs::write(folder.path().join("wrong.json"), events).unwrap();
    let told = run(
        folder.path(),
        "simulate examples/shop.json wrong.json --json",
    )
    .expect(2);
    for code in ["E0405", "E0701"] {
        assert!(
            told.err.contains(code) || told.out.contains(code),
            "{}{}",
            told.out,
            told.err
        );
    }
    for line in [
        "simulate examples/shop.json wrong.json --events 3",
        "simulate examples/shop.json --mix sleep=1",
        "simulate - -",
        "plan examples/shop.json --preempt --mode greedy",
        "plan examples/shop.json --preempt --online name",
    ] {
        run(folder.path(), line).expect(2);
    }
}

#[test]
fn a_guarantee_is_taken_back_where_that_is_allowed() {
    let folder = workspace();
    let snapshot = r#"{"version": "apportion/v1", "agents": [{"id": "a", "resources": {"slots": 4}}],
        "roles": [{"path": "high", "guarantee": {"slots": 1}}],
        "frameworks": [{"id": "high", "policy": "service"}, {"id": "low", "policy": "service"}],
        "jobs": [{"id": "urgent", "framework": "high", "tasks": [{"id": "t", "resources": {"slots": 1}}]},
                 {"id": "filler", "framework": "low", "tasks": [{"id": "t", "instances": 4, "resources": {"slots": 1}}]}],
        "placements": [{"job": "filler", "task": "t", "agent": "a", "instances": 4}]}"#;
    std::fs::write(folder.path().join("s.json"), snapshot).unwrap();
    let told = run(folder.path(), "plan s.json --preempt -o plan.json").expect(0);
    for words in ["Displaced for guarantees", "urgent", "preempted"] {
        assert!(
            told.out.contains(words),
            "{words} is missing in:\n{}",
            told.out
        );
    }
    run(folder.path(), "verify s.json plan.json").expect(0);
    let told = run(folder.path(), "plan s.json").expect(0);
    assert!(!told.out.contains("Displaced"), "{}", told.out);
}
