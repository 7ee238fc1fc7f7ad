//! The engine with the policy `storage` against every placement of small clusters: units that are local or in a rack, volumes that are
//! somewhere already, replicas in distinct racks, and replicas that run.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use apportion::snapshot;
use apportion_cluster::Cluster;
#[cfg(feature = "highs")]
use apportion_cluster::plan::Proof;
use serde_json::{Value, json};

#[cfg(feature = "highs")]
use common::{planned, quiet, result};

/// How many clusters are tried.
const CASES: u64 = 300;

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A cluster with at most four pending replicas.
fn tiny(seed: u64) -> Value {
    let random = &mut Random((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let n_racks = 2 + random.below(2);
    let n_agents = 2 + random.below(3);
    let rack = |random: &mut Random| format!("r{}", random.below(n_racks));
    let agents: Vec<Value> = (0..n_agents)
        .map(|at| {
            let mut agent = json!({"id": format!("a{at}"), "domains": {"rack": rack(random)},
                "resources": {"cpu_milli": 1 + random.below(3)}});
            if random.chance(8) {
                agent["cordoned"] = json!(true);
            }
            agent
        })
        .collect();
    let n_units = 1 + random.below(3);
    let units: Vec<Value> = (0..n_units)
        .map(|at| {
            let mut unit = json!({"id": format!("u{at}"), "capacity_mib": 3 + random.below(8),
                "iops": 2 + random.below(9), "mib_s": 4 + random.below(9)});
            if random.chance(50) {
                unit["agent"] = json!(format!("a{}", random.below(n_agents)));
            } else {
                unit["domains"] = json!({"rack": rack(random)});
            }
            unit
        })
        .collect();
    let mut left = 4;
    let mut jobs = Vec::new();
    let mut placements = Vec::new();
    for job in 0..1 + random.below(2) {
        let mut shards = Vec::new();
        for shard in 0..1 + random.below(2) {
            let replicas = (1 + random.below(3)).min(left);
            left -= replicas;
            let volumes: Vec<Value> = (0..random.below(3))
                .map(|at| {
                    let mut volume = json!({"id": format!("v{at}"), "mib": 1 + random.below(4)});
                    if random.chance(60) {
                        volume["unit"] = json!(format!("u{}", random.below(n_units)));
                    }
                    volume
                })
                .collect();
            let mut of_shard = json!({"id": format!("s{shard}"), "replicas": replicas, "volumes": volumes,
                "disk_mib": random.below(4), "iops": random.below(4), "mib_s": random.below(4)});
            if random.chance(50) {
                of_shard["distinct"] = json!("rack");
            }
            if replicas > 0 && random.chance(20) {
                placements.push(
                    json!({"job": format!("j{job}"), "task": "server", "shard": format!("s{shard}"),
                    "agent": format!("a{}", random.below(n_agents)),
                    "unit": format!("u{}", random.below(n_units)), "instances": 1}),
                );
            }
            shards.push(of_shard);
        }
        jobs.push(
            json!({"id": format!("j{job}"), "framework": "f0", "shards": shards,
            "priority": random.below(2),
            "tasks": [{"id": "server", "value": 1 + random.below(2),
                       "resources": {"cpu_milli": random.below(2)}}]}),
        );
    }
    json!({"version": "apportion/v1", "levels": ["rack"], "agents": agents,
        "frameworks": [{"id": "f0", "policy": "storage"}], "jobs": jobs,
        "data": {"units": units}, "placements": placements})
}

fn cluster(file: &Value) -> Cluster {
    snapshot::read(file.to_string().as_bytes())
        .unwrap_or_else(|faults| panic!("{faults:?}\n{file}"))
}

/// A replica: task, agent and unit.
type Replica = (usize, usize, usize);

/// The values of every stage, better if larger.
fn values(cluster: &Cluster, kept: &[Replica], new: &[Replica]) -> Vec<f64> {
    let mut priorities: Vec<i64> = cluster.jobs.iter().map(|job| job.priority).collect();
    priorities.sort_unstable_by(|left, right| right.cmp(left));
    priorities.dedup();
    let value = |only: Option<i64>| {
        let mut sum = 0.0;
        for &(task, ..) in kept.iter().chain(new) {
            let task = &cluster.tasks[task];
            let priority = cluster.jobs[task.job.at()].priority;
            if only.is_none_or(|only| only == priority) {
                sum += task.value as f64;
            }
        }
        sum
    };
    let mut values = Vec::new();
    if priorities.len() > 1 {
        values.extend(priorities.into_iter().map(|priority| value(Some(priority))));
    }
    values.push(value(None));
    let mut distance = 0;
    let mut load = vec![[0; 3]; cluster.units.len()];
    for (at, &(task, agent, unit)) in kept.iter().chain(new).enumerate() {
        let shard = cluster.tasks[task].shard.as_ref().unwrap();
        let io = if shard.need[1] > 0 {
            shard.need[1]
        } else {
            shard.need[2]
        };
        let of_unit = &cluster.units[unit];
        let hops = if of_unit.agent.is_some_and(|it| it.at() == agent) {
            0
        } else if of_unit.domains[0] == cluster.agents[agent].domains[0] {
            1
        } else {
            2
        };
        distance += io * hops;
        if at >= kept.len() {
            let runs = cluster
                .running_units
                .iter()
                .filter(|it| it.task.at() == task);
            let here = runs.clone().any(|it| it.unit.at() == unit);
            for volume in shard.volumes.iter().filter(|_| !here) {
                let is_there = volume.unit.is_some_and(|it| it.at() == unit);
                let is_somewhere = volume.unit.is_some() || runs.clone().count() > 0;
                distance += if is_somewhere && !is_there {
                    volume.mib
                } else {
                    0
                };
            }
        }
        for (load, need) in load[unit].iter_mut().zip(shard.need) {
            *load += need;
        }
    }
    values.push(-distance as f64);
    let mut most = 0.0_f64;
    for (unit, load) in cluster.units.iter().zip(load) {
        for at in [1, 2] {
            most = most.max(1000.0 * load[at] as f64 / unit.amounts[at] as f64);
        }
    }
    values.push(-most);
    values
}

/// The first rule that new replicas break beside those that run.
fn broken(cluster: &Cluster, kept: &[Replica], new: &[Replica]) -> Option<&'static str> {
    let mut cpu: Vec<i64> = cluster.agents.iter().map(|it| it.capacity.0[0]).collect();
    let mut units: Vec<[i64; 3]> = cluster.units.iter().map(|it| it.amounts).collect();
    for &(task, agent, unit) in kept.iter().chain(new) {
        let task = &cluster.tasks[task];
        cpu[agent] -= task.demand.0[0];
        for (left, need) in units[unit]
            .iter_mut()
            .zip(task.shard.as_ref().unwrap().need)
        {
            *left -= need;
        }
    }
    for &(task, agent, unit) in new {
        let of_task = &cluster.tasks[task];
        let shard = of_task.shard.as_ref().unwrap();
        let own = cluster.units[unit].agent;
        if cluster.agents[agent].cordoned || own.is_some_and(|it| cluster.agents[it.at()].cordoned)
        {
            return Some("cordoned");
        }
        if of_task.demand.0[0] > 0 && cpu[agent] < 0 {
            return Some("capacity");
        }
        for at in 0..3 {
            if shard.need[at] > 0 && units[unit][at] < 0 {
                return Some(["unit capacity", "unit iops", "unit bandwidth"][at]);
            }
        }
        if let Some(level) = shard.distinct {
            let all = || kept.iter().chain(new).filter(|it| it.0 == task);
            let of_unit = |unit: usize| cluster.units[unit].domains[level.at()];
            let of_agent = |agent: usize| cluster.agents[agent].domains[level.at()];
            if all().filter(|it| of_unit(it.2) == of_unit(unit)).count() > 1 {
                return Some("distinct units");
            }
            if all().filter(|it| of_agent(it.1) == of_agent(agent)).count() > 1 {
                return Some("distinct agents");
            }
        }
    }
    None
}

/// The best values over every placement, and the rules that keep something away.
fn best(cluster: &Cluster) -> (Vec<f64>, BTreeMap<&'static str, usize>) {
    let mut kept: Vec<Replica> = Vec::new();
    for it in &cluster.running_units {
        for _ in 0..it.instances {
            kept.push((it.task.at(), it.agent.at(), it.unit.at()));
        }
    }
    let mut pending = Vec::new();
    for (task, of) in cluster.tasks.iter().enumerate() {
        let runs = kept.iter().filter(|it| it.0 == task).count() as i64;
        pending.extend(std::iter::repeat_n(
            task,
            (of.instances - runs).max(0) as usize,
        ));
    }
    let mut best: Option<Vec<f64>> = None;
    let mut rules = BTreeMap::new();
    let n_pairs = cluster.agents.len() * cluster.units.len();
    let mut choice = vec![0; pending.len()];
    loop {
        let new: Vec<Replica> = (pending.iter().zip(&choice))
            .filter(|(_, choice)| **choice > 0)
            .map(|(&task, &choice)| {
                let pair = choice - 1;
                (task, pair / cluster.units.len(), pair % cluster.units.len())
            })
            .collect();
        match broken(cluster, &kept, &new) {
            Some(rule) => *rules.entry(rule).or_insert(0) += 1,
            None => {
                let values = values(cluster, &kept, &new);
                let is_better = best.as_ref().is_none_or(|best| {
                    let apart = values
                        .iter()
                        .zip(best)
                        .find(|(new, old)| (*new - *old).abs() > 1e-9);
                    apart.is_some_and(|(new, old)| new > old)
                });
                if is_better {
                    best = Some(values);
                }
            }
        }
        let Some(at) = choice.iter().position(|&it| it < n_pairs) else {
            break;
        };
        choice[at] += 1;
        choice[..at].fill(0);
    }
    (best.unwrap(), rules)
}

/// Whether what runs breaks a rule already: such clusters are for other tests.
#[cfg(feature = "highs")]
fn is_sound(cluster: &Cluster) -> bool {
    let mut kept: Vec<Replica> = Vec::new();
    for it in &cluster.running_units {
        kept.push((it.task.at(), it.agent.at(), it.unit.at()));
    }
    broken(cluster, &[], &kept).is_none_or(|rule| rule == "cordoned")
}

#[test]
#[cfg(feature = "highs")]
fn three_hundred_tiny_clusters_with_units_are_solved_exactly() {
    let mut tried = 0;
    for seed in 0..2 * CASES {
        let file = tiny(seed);
        let cluster = cluster(&file);
        if !is_sound(&cluster) {
            continue;
        }
        tried += 1;
        let (best, _) = best(&cluster);
        let plan = planned(&cluster, &quiet());
        let result = result(&plan, "f0");
        assert_eq!(result.stages.len(), best.len(), "seed {seed}");
        for (stage, best) in result.stages.iter().zip(&best) {
            let best = best.abs();
            assert!(
                (stage.objective - best).abs() <= 1e-6,
                "seed {seed}: {stage:?}, best {best}\n{file}"
            );
            let bound = stage.bound.unwrap();
            let is_proved = (bound - best).abs() <= 1e-6;
            let by_prices = stage.proof == Some(Proof::Multipliers);
            assert!(
                is_proved || by_prices,
                "seed {seed}: {stage:?}, best {best}"
            );
        }
    }
    assert!(tried >= CASES, "{tried}");
}

/// A generator of easy cases would prove nothing.
#[test]
fn the_tiny_clusters_with_units_are_bound_by_every_rule() {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    for seed in 0..CASES {
        let cluster = cluster(&tiny(seed));
        let (_, rules) = best(&cluster);
        for rule in rules.into_keys() {
            *seen.entry(rule).or_insert(0) += 1;
        }
    }
    for rule in [
        "capacity",
        "unit capacity",
        "unit iops",
        "unit bandwidth",
        "distinct units",
        "distinct agents",
        "cordoned",
    ] {
        let count = seen.get(rule).copied().unwrap_or(0);
        assert!(count >= 20, "{rule}: {count} of {CASES}; {seen:?}");
    }
}
