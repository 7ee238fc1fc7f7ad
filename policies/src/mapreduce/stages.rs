//! The objective, stage by stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Phase, TaskIdx};
use apportion_models::assignment::{Costs, Objective, Rate, Stage};

use super::data::{MILLIONTHS, Prices, rack};
use super::parameters::Parameters;
use crate::contract::StageRole;
use crate::rules::{OwnStage, Tables, min_available, placed};

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>, parameters: &Parameters) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    stages.extend(min_available(tables));
    stages.push(network(tables, parameters));
    stages
}

/// What instances read over the network, and what else is counted as if they did.
fn network(tables: &Tables<'_>, parameters: &Parameters) -> OwnStage {
    let slice = tables.slice;
    let cluster = slice.cluster;
    let jobs = &cluster.framework(slice.framework).jobs;
    let prices = Prices::new(cluster, parameters, jobs, &slice.kept);
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
        constant += i128::from(of_task.on(kept.agent)) * i128::from(kept.instances);
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

/// A class for each offer, and an agent of each class. Agents of one class are alike to every pending task: in one rack, equally
/// fast, and without data that any of them reads.
fn classes(tables: &Tables<'_>, parameters: &Parameters) -> (Vec<u32>, Vec<AgentIdx>) {
    let cluster = tables.slice.cluster;
    let mut holders: BTreeSet<AgentIdx> = BTreeSet::new();
    for &(task, _) in &tables.slice.pending {
        if let Some(Phase::Map(work)) = &cluster.task(task).phase {
            let blocks = work.inputs.iter().map(|&input| cluster.block(input));
            holders.extend(blocks.flat_map(|block| block.replicas.iter().copied()));
        }
    }
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
