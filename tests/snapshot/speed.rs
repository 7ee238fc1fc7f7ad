//! A large snapshot is read, validated and digested in about a second of a processor's time.

use std::time::{Duration, Instant};

use apportion::snapshot::read;

use crate::generated::snapshot;

/// Time that this thread has computed, where the system tells; else the time that has passed since
/// `started`. A busy machine then does not fail the test.
fn computed(started: Instant) -> Duration {
    let nanoseconds = || {
        let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        statistics.split_whitespace().next()?.parse().ok()
    };
    nanoseconds().map_or_else(|| started.elapsed(), Duration::from_nanos)
}

/// How long `work` takes, and its result.
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let before = computed(started);
    let result = work();
    (computed(started).saturating_sub(before), result)
}

#[test]
fn ten_thousand_agents_and_a_hundred_thousand_tasks() {
    let json = serde_json::to_string(&snapshot(1, 10_000, 20_000)).unwrap();
    let fastest = (0..3).map(|_| {
        let (time, cluster) = timed(|| read(json.as_bytes()).unwrap());
        assert_eq!(
            (cluster.agents.len(), cluster.tasks.len()),
            (10_000, 100_000)
        );
        time
    });
    let fastest = fastest.min().unwrap();
    println!("{} MB read in {fastest:?}", json.len() / 1_000_000);
    assert!(fastest < Duration::from_secs(4), "{fastest:?}");
}

#[test]
fn a_large_file_that_is_wrong_everywhere_is_refused_as_fast() {
    let json = serde_json::to_string(&snapshot(1, 5_000, 5_000)).unwrap();
    let json = json
        .replace("\"agent\":\"agent-", "\"agent\":\"agnet-")
        .replace("\"cordoned\":true", "\"cordoned\":1");
    let (time, faults) = timed(|| read(json.as_bytes()).unwrap_err());
    println!("{} faults in {time:?}", faults.0.len());
    assert!(faults.0.len() > 1_000 && faults.to_string().len() < 1_000_000);
    assert!(time < Duration::from_secs(4), "{time:?}");
}

#[test]
fn lint_goes_through_a_large_snapshot_in_seconds() {
    let file = snapshot(1, 10_000, 20_000);
    let cluster = apportion::snapshot::resolve(&file).unwrap();
    let (time, findings) = timed(|| apportion::lint::lint_cluster(&file, &cluster));
    println!("{} findings in {time:?}", findings.len());
    assert!(time < Duration::from_secs(8), "{time:?}");
}
