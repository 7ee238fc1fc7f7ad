//! How well a mapreduce framework is served, on a final state.

use std::collections::BTreeMap;

use apportion_cluster::{Phase, Shuffle, TaskIdx};

use super::data::{MILLIONTHS, Outputs, distances, duration, rack};
use super::parameters::Parameters;
use crate::contract::Standing;

/// `node_local_tasks`, `rack_local_tasks`, `remote_tasks` (map instances by their farthest input) and the same in MiB (by block);
/// `node_local` (the part of map instances that read nothing over the network); `cross_rack_mib[map]` and `cross_rack_mib[shuffle]`; `makespan_ms`.
pub(super) fn all(standing: &Standing<'_>, parameters: &Parameters) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    let cluster = standing.cluster;
    let (mut tasks, mut mib) = ([0_i64; 3], [0.0_f64; 3]);
    for placed in standing.placements {
        if let Some(Phase::Map(work)) = &cluster.task(placed.task).phase {
            let away = distances(cluster, parameters.rack, work, placed.agent);
            let farthest = match (away.rack, away.remote) {
                (_, remote) if remote > 0 => 2,
                (rack, _) if rack > 0 => 1,
                _ => 0,
            };
            tasks[farthest] += placed.instances;
            for (sum, part) in mib.iter_mut().zip([away.node, away.rack, away.remote]) {
                *sum += part as f64 * placed.instances as f64;
            }
        }
    }
    for (at, name) in ["node_local", "rack_local", "remote"].iter().enumerate() {
        metrics.insert(format!("{name}_tasks"), tasks[at] as f64);
        metrics.insert(format!("{name}_mib"), mib[at]);
    }
    let maps: i64 = tasks.iter().sum();
    let local = if maps > 0 {
        tasks[0] as f64 / maps as f64
    } else {
        1.0
    };
    metrics.insert("node_local".to_owned(), local);
    metrics.insert("cross_rack_mib[map]".to_owned(), mib[2]);
    metrics.insert(
        "cross_rack_mib[shuffle]".to_owned(),
        shuffle(standing, parameters),
    );
    metrics.insert(
        "makespan_ms".to_owned(),
        makespan(standing, parameters) as f64,
    );
    metrics
}

/// When the last instance ends, of those that have a time; if none has, how long the longest runs.
fn makespan(standing: &Standing<'_>, parameters: &Parameters) -> i64 {
    if let Some(last) = standing.times.iter().map(|timed| timed.end_ms).max() {
        return last;
    }
    let placed = standing.placements.iter();
    let durations = placed.map(|it| duration(standing.cluster, parameters.rack, it.task, it.agent));
    durations.max().unwrap_or(0)
}

/// What reduce instances pull across racks, of the map instances that are in place.
fn shuffle(standing: &Standing<'_>, parameters: &Parameters) -> f64 {
    let cluster = standing.cluster;
    let outputs = Outputs::of(cluster, parameters.rack, standing.placements);
    let mut known: BTreeMap<TaskIdx, _> = BTreeMap::new();
    let mut sum = 0_i128;
    for placed in standing.placements {
        let Some(Phase::Reduce(work)) = &cluster.task(placed.task).phase else {
            continue;
        };
        if matches!(work.shuffle, Shuffle::Total(0)) {
            continue;
        }
        let (all, by_rack) = known
            .entry(placed.task)
            .or_insert_with(|| outputs.across(placed.task, work));
        let rack = rack(cluster, parameters.rack, placed.agent);
        let pulled = rack.and_then(|rack| by_rack.get(&rack)).unwrap_or(all);
        sum += *pulled * i128::from(placed.instances);
    }
    sum as f64 / MILLIONTHS as f64
}
