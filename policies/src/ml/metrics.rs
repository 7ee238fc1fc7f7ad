//! How well an ml framework is served, on a final state.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, JobIdx, LevelIdx, device_resource};

use crate::contract::Standing;

/// `gangs_placed`, `gangs_waiting`; `throughput` (the mean over placed instances, 1 at the usual speed); `first_choice` (the
/// part of placed instances that are on their preferred model); per kind of device `<kind>_milli` (what the framework
/// holds) and `<kind>_devices_touched`; `agents_per_job` and per declared level `<level>_per_job` (means over jobs with
/// several instances in place).
pub(super) fn all(standing: &Standing<'_>) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    gangs(standing, &mut metrics);
    speed(standing, &mut metrics);
    devices(standing, &mut metrics);
    span(standing, &mut metrics);
    metrics
}

fn gangs(standing: &Standing<'_>, metrics: &mut BTreeMap<String, f64>) {
    let cluster = standing.cluster;
    let placed = by_job(standing);
    let jobs = &cluster.framework(standing.framework).jobs;
    let (mut whole, mut waiting) = (0, 0);
    for &job in jobs {
        if let Some(min) = cluster.job(job).gang_min {
            let here = placed.get(&job).copied().unwrap_or(0);
            whole += usize::from(here >= min);
            waiting += usize::from(here < min);
        }
    }
    metrics.insert("gangs_placed".to_owned(), whole as f64);
    metrics.insert("gangs_waiting".to_owned(), waiting as f64);
}

fn by_job(standing: &Standing<'_>) -> BTreeMap<JobIdx, i64> {
    let mut counts = BTreeMap::new();
    for placed in standing.placements {
        let job = standing.cluster.task(placed.task).job;
        *counts.entry(job).or_insert(0) += placed.instances;
    }
    counts
}

fn speed(standing: &Standing<'_>, metrics: &mut BTreeMap<String, f64>) {
    let cluster = standing.cluster;
    let (mut instances, mut speed, mut first) = (0, 0, 0);
    for placed in standing.placements {
        let task = cluster.task(placed.task);
        if task.devices.is_empty() {
            continue;
        }
        instances += placed.instances;
        speed += placed.instances * cluster.throughput(placed.task, placed.agent);
        let is_first = task.devices.iter().all(|need| {
            let devices = cluster.devices_on(placed.agent, need.kind);
            devices.is_some_and(|it| need.choice(&it.model) == Some(0))
        });
        first += if is_first { placed.instances } else { 0 };
    }
    let mean = |sum: f64| {
        if instances > 0 {
            sum / instances as f64
        } else {
            1.0
        }
    };
    metrics.insert("throughput".to_owned(), mean(speed as f64 / 1000.0));
    metrics.insert("first_choice".to_owned(), mean(first as f64));
}

fn devices(standing: &Standing<'_>, metrics: &mut BTreeMap<String, f64>) {
    let cluster: &Cluster = standing.cluster;
    for (at, kind) in cluster.devices.iter().enumerate() {
        let (mut milli, mut touched) = (0, BTreeSet::new());
        for held in standing.devices {
            for device in held.devices.iter().filter(|device| device.kind.at() == at) {
                milli += device.milli;
                touched.insert((held.agent, device.index));
            }
        }
        metrics.insert(device_resource(kind), milli as f64);
        metrics.insert(format!("{kind}_devices_touched"), touched.len() as f64);
    }
}

fn span(standing: &Standing<'_>, metrics: &mut BTreeMap<String, f64>) {
    let cluster = standing.cluster;
    let several: BTreeSet<JobIdx> = by_job(standing)
        .into_iter()
        .filter(|&(_, count)| count > 1)
        .map(|(job, _)| job)
        .collect();
    let own = || {
        let placed = standing.placements.iter();
        let with_job = placed.map(|placed| (cluster.task(placed.task).job, placed.agent));
        with_job.filter(|(job, _)| several.contains(job))
    };
    let mean = |n: usize| n as f64 / several.len().max(1) as f64;
    let agents: BTreeSet<_> = own().collect();
    metrics.insert("agents_per_job".to_owned(), mean(agents.len()));
    let levels = cluster.levels.iter().enumerate();
    for (at, level) in levels.filter(|(_, level)| level.declared) {
        let of_agent = |(job, agent)| (job, cluster.domain(agent, LevelIdx::of(at)));
        let domains: BTreeSet<_> = own().map(of_agent).collect();
        metrics.insert(format!("{}_per_job", level.name), mean(domains.len()));
    }
}
