//! Single devices, and the stages that only `ml` has, read as naively as possible: see `naive`.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, LevelIdx};

use super::naive::{self, Counts};

/// Thousandths that each device of one agent has left: by kind, by number.
type Left = Vec<Vec<i64>>;

/// Whether the agent has, of each kind that the task needs, enough devices of a model that it allows.
pub fn has_allowed(cluster: &Cluster, task: usize, agent: usize) -> bool {
    cluster.tasks[task].devices.iter().all(|need| {
        cluster.agents[agent].devices.iter().any(|devices| {
            let is_allowed = need.models.is_empty()
                || need
                    .models
                    .iter()
                    .any(|choice| choice.model == devices.model);
            devices.kind == need.kind && is_allowed && devices.count >= need.count
        })
    })
}

/// Value times throughput of everything placed of a task, 1 being the usual speed.
pub fn worth(cluster: &Cluster, counts: &Counts, task: usize) -> f64 {
    let of = &cluster.tasks[task];
    let mut thousandths = 0;
    for (agent, count) in counts.0[task].iter().enumerate().filter(|it| *it.1 > 0) {
        let mut slowest = None;
        for need in &of.devices {
            let devices = cluster.agents[agent].devices.iter();
            let model = devices
                .filter(|it| it.kind == need.kind)
                .map(|it| &it.model);
            let speed = model.flat_map(|model| {
                let choice = need.models.iter().find(|choice| choice.model == *model);
                choice.map(|choice| choice.throughput)
            });
            let speed = speed.last().unwrap_or(1000);
            slowest = Some(slowest.map_or(speed, |it: i64| it.min(speed)));
        }
        thousandths += of.value * slowest.unwrap_or(1000) * count;
    }
    thousandths as f64 / 1000.0
}

/// Agents, and domains of the declared levels, that hold any of a job, over the jobs that want several instances.
pub fn span(cluster: &Cluster, counts: &Counts) -> Option<(String, bool, f64)> {
    let (mut used, mut several) = (0, false);
    for job in &cluster.jobs {
        let tasks: Vec<usize> = job.tasks.iter().map(|task| task.at()).collect();
        let wanted = tasks.iter().map(|&task| cluster.tasks[task].instances);
        if wanted.sum::<i64>() < 2 {
            continue;
        }
        several = true;
        used += (0..cluster.agents.len())
            .filter(|&agent| tasks.iter().any(|&task| counts.0[task][agent] > 0))
            .count();
        for (at, level) in cluster.levels.iter().enumerate() {
            if level.declared && level.name != "agent" {
                used += naive::by_domain(cluster, counts, &tasks, LevelIdx::of(at)).len();
            }
        }
    }
    several.then(|| ("span".to_owned(), false, used as f64))
}

/// Which sets of new instances find their devices on an agent; what was found once is remembered.
pub struct Fits {
    /// What each agent has left beside what runs.
    left: Vec<Left>,
    known: BTreeMap<(usize, Vec<i64>), bool>,
}

impl Fits {
    /// Nothing is known yet.
    pub fn new(cluster: &Cluster) -> Self {
        let whole = |count: i64| (0..count).map(|_| 1000).collect();
        let agents = cluster.agents.iter();
        let mut left: Vec<Left> = agents
            .map(|agent| agent.devices.iter().map(|it| whole(it.count)).collect())
            .collect();
        for running in &cluster.running_devices {
            let devices = &cluster.agents[running.agent.at()].devices;
            for held in &running.devices {
                let at = devices.iter().position(|it| it.kind == held.kind).unwrap();
                left[running.agent.at()][at][usize::try_from(held.index).unwrap()] -= held.milli;
            }
        }
        Self {
            left,
            known: BTreeMap::new(),
        }
    }

    /// Whether what is new finds its devices on every agent.
    pub fn all(&mut self, cluster: &Cluster, running: &Counts, counts: &Counts) -> bool {
        (0..cluster.agents.len()).all(|agent| {
            let new = counts.0.iter().zip(&running.0);
            let new: Vec<i64> = new
                .map(|(after, before)| after[agent] - before[agent])
                .collect();
            let left = &self.left[agent];
            let known = self.known.entry((agent, new));
            let find = |key: &(usize, Vec<i64>)| {
                let mut parts = Vec::new();
                for (task, &count) in key.1.iter().enumerate() {
                    for _ in 0..count.max(0) {
                        parts.extend(parts_of(cluster, task, agent));
                    }
                }
                find_devices(&parts, &mut left.clone())
            };
            *known.or_insert_with_key(find)
        })
    }
}

/// One need of one instance: the position of the kind on the agent, how many devices, how much of each.
type Part = (usize, usize, i64);

fn parts_of(cluster: &Cluster, task: usize, agent: usize) -> Vec<Part> {
    let devices = &cluster.agents[agent].devices;
    let needs = cluster.tasks[task].devices.iter();
    needs
        .map(|need| {
            let at = devices.iter().position(|it| it.kind == need.kind).unwrap();
            (at, usize::try_from(need.count).unwrap(), need.milli)
        })
        .collect()
}

/// Tries every set of different devices for the first part, and whatever comes after it.
fn find_devices(parts: &[Part], left: &mut Left) -> bool {
    let Some((&(kind, count, milli), rest)) = parts.split_first() else {
        return true;
    };
    let n = left[kind].len();
    for set in (0_u32..1 << n).filter(|set| set.count_ones() as usize == count) {
        let chosen: BTreeSet<usize> = (0..n).filter(|device| set >> device & 1 == 1).collect();
        if chosen.iter().any(|&device| left[kind][device] < milli) {
            continue;
        }
        chosen
            .iter()
            .for_each(|&device| left[kind][device] -= milli);
        let found = find_devices(rest, left);
        chosen
            .iter()
            .for_each(|&device| left[kind][device] += milli);
        if found {
            return true;
        }
    }
    false
}
