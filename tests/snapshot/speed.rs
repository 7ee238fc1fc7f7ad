//! A large snapshot is read, validated and digested in about a second.

use std::time::{Duration, Instant};

use apportion::snapshot::read;

use crate::generated::snapshot;

#[test]
fn ten_thousand_agents_and_a_hundred_thousand_tasks() {
    let json = serde_json::to_string(&snapshot(1, 10_000, 20_000)).unwrap();
    let fastest = (0..3).map(|_| {
        let started = Instant::now();
        let cluster = read(json.as_bytes()).unwrap();
        assert_eq!(
            (cluster.agents.len(), cluster.tasks.len()),
            (10_000, 100_000)
        );
        started.elapsed()
    });
    let fastest = fastest.min().unwrap();
    println!("{} MB read in {fastest:?}", json.len() / 1_000_000);
    // About a second on a machine of its own; the margin is for a busy one.
    assert!(fastest < Duration::from_secs(10), "{fastest:?}");
}

#[test]
fn a_large_file_that_is_wrong_everywhere_is_refused_as_fast() {
    let json = serde_json::to_string(&snapshot(1, 5_000, 5_000)).unwrap();
    let json = json
        .replace("\"agent\":\"agent-", "\"agent\":\"agnet-")
        .replace("\"cordoned\":true", "\"cordoned\":1");
    let started = Instant::now();
    let faults = read(json.as_bytes()).unwrap_err();
    println!("{} faults in {:?}", faults.0.len(), started.elapsed());
    assert!(faults.0.len() > 1_000 && faults.to_string().len() < 1_000_000);
    assert!(started.elapsed() < Duration::from_secs(10));
}
