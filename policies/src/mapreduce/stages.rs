//! The objective, stage by stage.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Phase, Shuffle, TaskIdx};
use apportion_models::assignment::{Costs, End, Flow, Objective, Rate, Stage, Traffic};

use super::data::{self, MILLIONTHS, Outputs, Prices, rack};
use super::parameters::Parameters;
use crate::contract::StageRole;
use crate::rules::{OwnStage, Tables, min_available, placed};

/// What is shuffled is counted in thousandths of a MiB.
const THOUSANDTHS: i64 = 1000;
/// The most that one task is said to shuffle.
const LARGEST_RATE: i64 = 1_000_000_000_000;

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>, parameters: &Parameters) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    stages.extend(min_available(tables));
    stages.push(network(tables, parameters));
    stages.extend(shuffle(tables, parameters));
    stages
}

/// What instances read over the network, and what else is counted as if they did.
fn network(tables: &Tables<'_>, parameters: &Parameters) -> OwnStage {
    let slice = tables.slice;
    let cluster = slice.cluster;
    let jobs = &cluster.framework(slice.framework).jobs;
    let prices = Prices::new(cluster, parameters, jobs);
    let (class_of, members) = classes(tables, parameters);
    let rates = (0u32..).zip(&slice.pending).map(|(item, &(task, _))| {
        let of_task = prices.of_task(task);
        let queue = prices.queue(task);
        let values = members.iter().map(|&agent| of_task.on(agent) + queue);
        Rate {
            item,
            values: values.collect(),
        }
    });
    let rates: Vec<Rate> = rates.collect();
    let mut of_kept: BTreeMap<TaskIdx, _> = BTreeMap::new();
    let mut constant = 0_i128;
    for kept in &slice.kept {
        let of_task = of_kept
            .entry(kept.task)
            .or_insert_with(|| prices.of_task(kept.task));
        let cost = i128::from(of_task.on(kept.agent)) + i128::from(prices.queue(kept.task));
        constant += cost * i128::from(kept.instances);
    }
    OwnStage {
        stage: Stage {
            name: "network".to_owned(),
            objective: Objective::Cost(Costs {
                class_of: Arc::new(class_of),
                rates: rates
                    .into_iter()
                    .filter(|rate| rate.values.iter().any(|&cost| cost > 0))
                    .collect(),
            }),
        },
        priority: None,
        role: StageRole::Quality,
        unit: MILLIONTHS,
        constant: constant as f64 / MILLIONTHS as f64,
    }
}

/// What reduce instances pull across racks from map instances that are placed with them; absent without racks and such jobs.
fn shuffle(tables: &Tables<'_>, parameters: &Parameters) -> Option<OwnStage> {
    let cluster = tables.slice.cluster;
    let level = parameters.rack?;
    let outputs = Outputs::of(cluster, Some(level), &cluster.running);
    let mut traffic = Traffic {
        weights: vec![1],
        ..Traffic::default()
    };
    let mut end = |name: &str, tasks: &[TaskIdx]| {
        let is_one = |task| tasks.binary_search(&task).is_ok();
        let packing = tables.all_domains(tables.items_of(is_one), level, is_one);
        let wanted = tasks.iter().map(|&task| cluster.task(task).instances);
        traffic.ends.push(End {
            name: name.to_owned(),
            total: wanted.sum::<i64>().max(1),
            packings: vec![packing],
        });
        u32::try_from(traffic.ends.len() - 1).expect("there are fewer ends than tasks")
    };
    let mut flows = Vec::new();
    for (job, _) in &tables.jobs {
        if outputs.is_known(*job) {
            continue;
        }
        let maps: Vec<TaskIdx> = cluster.map_tasks(*job).collect();
        let mut sources: BTreeMap<Option<TaskIdx>, u32> = BTreeMap::new();
        for &task in &cluster.job(*job).tasks {
            let Some(Phase::Reduce(work)) = &cluster.task(task).phase else {
                continue;
            };
            let to = end(&cluster.task_name(task), &[task]);
            let amounts = match &work.shuffle {
                Shuffle::Total(mib) => vec![(None, *mib)],
                Shuffle::ByTask(amounts) => {
                    let of_map = amounts.iter().map(|&(map, mib)| (Some(map), mib));
                    of_map.collect()
                }
            };
            for (source, mib) in amounts.into_iter().filter(|amount| amount.1 > 0) {
                let from = *sources.entry(source).or_insert_with(|| match source {
                    Some(map) => end(&cluster.task_name(map), &[map]),
                    None => end(&cluster.job(*job).id, &maps),
                });
                let rate = mib.saturating_mul(THOUSANDTHS).min(LARGEST_RATE);
                flows.push(Flow { from, to, rate });
            }
        }
    }
    traffic.flows = flows;
    (!traffic.flows.is_empty()).then(|| OwnStage {
        stage: Stage {
            name: "shuffle".to_owned(),
            objective: Objective::Traffic(traffic),
        },
        priority: None,
        role: StageRole::Quality,
        unit: THOUSANDTHS,
        constant: 0.0,
    })
}

/// A class for each offer, and an agent of each class. Agents of one class are alike to every pending task: in one rack, equally
/// fast, and without data that any of them reads.
fn classes(tables: &Tables<'_>, parameters: &Parameters) -> (Vec<u32>, Vec<AgentIdx>) {
    let cluster = tables.slice.cluster;
    let pending = tables.slice.pending.iter().map(|&(task, _)| task);
    let holders = data::holders(cluster, pending);
    let mut numbers = BTreeMap::new();
    let mut members = Vec::new();
    let of_offer = |agent: AgentIdx| {
        let place = rack(cluster, parameters.rack, agent);
        let key = (
            place,
            cluster.agent(agent).speed,
            holders.contains(&agent).then_some(agent),
        );
        *numbers.entry(key).or_insert_with(|| {
            members.push(agent);
            u32::try_from(members.len() - 1).expect("there are fewer classes than agents")
        })
    };
    let offers = tables.slice.offers.iter();
    let class_of = offers.map(|offer| offer.agent).map(of_offer).collect();
    (class_of, members)
}
