//! What a final state is worth to its users.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::TaskIdx;

use crate::contract::Standing;

/// Every metric.
pub(super) fn all(standing: &Standing<'_>) -> BTreeMap<String, f64> {
    let cluster = standing.cluster;
    let levels = cluster.distance_levels();
    let running: BTreeSet<(TaskIdx, _, _)> = (cluster.running_units.iter())
        .map(|it| (it.task, it.agent, it.unit))
        .collect();
    let (mut io_hops, mut io, mut copied) = (0_i128, 0_i128, 0_i128);
    let mut used = vec![[0_i128; 3]; cluster.units.len()];
    let mut placed: BTreeMap<TaskIdx, i64> = BTreeMap::new();
    for held in standing.units {
        let Some(shard) = &cluster.task(held.task).shard else {
            continue;
        };
        let instances = i128::from(held.instances);
        let hops = cluster.hops(held.agent, held.unit, &levels);
        io_hops += i128::from(shard.io()) * i128::from(hops) * instances;
        io += i128::from(shard.io()) * instances;
        if !running.contains(&(held.task, held.agent, held.unit)) {
            copied += i128::from(cluster.copied_mib(held.task, held.unit)) * instances;
        }
        for (used, need) in used[held.unit.at()].iter_mut().zip(shard.need) {
            *used += i128::from(need) * instances;
        }
        *placed.entry(held.task).or_insert(0) += held.instances;
    }
    let parts = cluster.units.iter().zip(&used).filter_map(|(unit, used)| {
        let of =
            |at: usize| (unit.amounts[at] > 0).then(|| used[at] as f64 / unit.amounts[at] as f64);
        [of(1), of(2)].into_iter().flatten().max_by(f64::total_cmp)
    });
    let parts: Vec<f64> = parts.collect();
    let jobs = &cluster.framework(standing.framework).jobs;
    let tasks = jobs.iter().flat_map(|&job| &cluster.job(job).tasks);
    let shards: Vec<TaskIdx> = tasks
        .copied()
        .filter(|&task| cluster.task(task).shard.is_some())
        .collect();
    let is_complete = |task: &&TaskIdx| {
        let wanted = cluster.task(**task).instances;
        placed.get(task).copied().unwrap_or(0) >= wanted
    };
    let complete = shards.iter().filter(is_complete).count();
    let most = parts.iter().copied().fold(0.0, f64::max);
    let least = parts.iter().copied().fold(most, f64::min);
    let metrics = [
        ("io_hops", io_hops as f64),
        ("mean_hops", io_hops as f64 / (io.max(1)) as f64),
        ("copied_mib", copied as f64),
        ("max_utilization", most),
        ("utilization_spread", most - least),
        ("complete_shards", complete as f64),
        ("shards", shards.len() as f64),
    ];
    metrics
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
