//! What map and reduce tasks read over the network, once more and as naively as possible.

use apportion_cluster::{Cluster, Phase, Shuffle};

use super::naive::Counts;

/// The stages `network` and, where there is one, `shuffle` of the only framework: (name, whether more is better, value).
pub fn values(cluster: &Cluster, running: &Counts, counts: &Counts) -> Vec<(String, bool, f64)> {
    let mut network = 0.0;
    for task in 0..cluster.tasks.len() {
        for agent in 0..cluster.agents.len() {
            let each = read(cluster, task, agent)
                + pulled(cluster, running, task, agent)
                + slow(cluster, task, agent)
                + queue(cluster, task);
            network += each * counts.0[task][agent] as f64;
        }
    }
    let mut values = vec![("network".to_owned(), false, network)];
    values.extend(shuffle(cluster, running, counts).map(|it| ("shuffle".to_owned(), false, it)));
    values
}

fn parameter(cluster: &Cluster, key: &str, otherwise: f64) -> f64 {
    let stated = cluster.frameworks[0].parameters.get(key);
    stated
        .and_then(serde_json::Value::as_f64)
        .unwrap_or(otherwise)
}

/// Whether two agents are in one rack, if there are racks.
fn near(cluster: &Cluster, one: usize, other: usize) -> bool {
    let mut levels = cluster.levels.iter();
    let rack = levels.position(|level| level.declared && level.name == "rack");
    rack.is_some_and(|rack| {
        cluster.agents[one].domains[rack] == cluster.agents[other].domains[rack]
    })
}

fn has_racks(cluster: &Cluster) -> bool {
    let mut levels = cluster.levels.iter();
    levels.any(|level| level.declared && level.name == "rack")
}

fn read(cluster: &Cluster, task: usize, agent: usize) -> f64 {
    let Some(Phase::Map(work)) = &cluster.tasks[task].phase else {
        return 0.0;
    };
    let of_block = |block: &apportion_cluster::Block| {
        let here = block.replicas.iter().any(|it| it.at() == agent);
        let in_rack = block
            .replicas
            .iter()
            .any(|it| near(cluster, it.at(), agent));
        match (here, in_rack) {
            (true, _) => 0.0,
            (false, true) => block.mib as f64 * parameter(cluster, "rack_percent", 10.0) / 100.0,
            (false, false) => block.mib as f64,
        }
    };
    work.inputs
        .iter()
        .map(|&it| of_block(cluster.block(it)))
        .sum()
}

fn slow(cluster: &Cluster, task: usize, agent: usize) -> f64 {
    let work_ms = match &cluster.tasks[task].phase {
        Some(Phase::Map(work)) => work.work_ms,
        Some(Phase::Reduce(work)) => work.work_ms,
        None => 0,
    };
    // Whole milliseconds.
    let speed = cluster.agents[agent].speed;
    let longer = work_ms * (1000 - speed).max(0) / speed;
    longer as f64 / 1000.0 * parameter(cluster, "slow_mib_per_s", 100.0)
}

fn queue(cluster: &Cluster, task: usize) -> f64 {
    let waits = cluster.jobs.iter().map(|job| job.waited_ms);
    let own = cluster.job(cluster.tasks[task].job).waited_ms;
    let less = waits.max().unwrap_or(0) - own;
    less as f64 / 1000.0 * parameter(cluster, "waiting_mib_per_s", 1.0)
}

/// The map tasks of the task's job.
fn maps(cluster: &Cluster, task: usize) -> Vec<usize> {
    let tasks = cluster.job(cluster.tasks[task].job).tasks.iter();
    tasks
        .map(|task| task.at())
        .filter(|&task| matches!(cluster.tasks[task].phase, Some(Phase::Map(_))))
        .collect()
}

fn all_run(cluster: &Cluster, running: &Counts, maps: &[usize]) -> bool {
    maps.iter()
        .all(|&map| running.of_task(map) == cluster.tasks[map].instances)
}

/// What one reduce instance pulls from one instance of a map task, in MiB.
fn part(cluster: &Cluster, reduce: usize, map: usize) -> f64 {
    let Some(Phase::Reduce(work)) = &cluster.tasks[reduce].phase else {
        return 0.0;
    };
    let instances = cluster.tasks[reduce].instances as f64;
    let each = match &work.shuffle {
        Shuffle::Total(mib) => {
            let all = maps(cluster, reduce).into_iter();
            let all: i64 = all.map(|map| cluster.tasks[map].instances).sum();
            *mib as f64 / all as f64
        }
        Shuffle::ByTask(amounts) => {
            let of = amounts.iter().find(|(it, _)| it.at() == map);
            of.map_or(0.0, |(_, mib)| {
                *mib as f64 / cluster.tasks[map].instances as f64
            })
        }
    };
    each / instances
}

fn pulled(cluster: &Cluster, running: &Counts, task: usize, agent: usize) -> f64 {
    let maps = maps(cluster, task);
    if !all_run(cluster, running, &maps) {
        return 0.0;
    }
    let mut sum = 0.0;
    for map in maps {
        for (source, &count) in running.0[map].iter().enumerate() {
            if !near(cluster, source, agent) {
                sum += part(cluster, task, map) * count as f64;
            }
        }
    }
    sum
}

/// Pair by pair; what is not in place is apart from everything.
fn shuffle(cluster: &Cluster, running: &Counts, counts: &Counts) -> Option<f64> {
    if !has_racks(cluster) {
        return None;
    }
    let (mut sum, mut is_any) = (0.0, false);
    for reduce in 0..cluster.tasks.len() {
        let maps = maps(cluster, reduce);
        if all_run(cluster, running, &maps) {
            continue;
        }
        for map in maps {
            let part = part(cluster, reduce, map);
            is_any |= part > 0.0;
            let wanted = cluster.tasks[map].instances * cluster.tasks[reduce].instances;
            let mut together = 0;
            for (from, &here) in counts.0[map].iter().enumerate() {
                for (to, &there) in counts.0[reduce].iter().enumerate() {
                    if near(cluster, from, to) {
                        together += here * there;
                    }
                }
            }
            sum += part * (wanted - together) as f64;
        }
    }
    is_any.then_some(sum)
}
