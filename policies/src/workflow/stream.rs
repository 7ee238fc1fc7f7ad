//! The objective of streams and exchanges, stage by stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{AgentIdx, DomainIdx, LevelIdx, TaskIdx};
use apportion_models::assignment::{End, Flow, Objective, Packing, Stage, Traffic};

use super::graph;
use super::parameters::Parameters;
use crate::contract::StageRole;
use crate::rules::{OwnStage, Tables, agents_used, min_available, placed};

/// Every stage, the most important first.
pub(super) fn stages(tables: &Tables<'_>, parameters: &Parameters) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    stages.extend(min_available(tables));
    stages.extend(traffic(tables, parameters));
    stages.push(agents_used(tables));
    stages
}

/// What flows between agents and between racks; absent without edges.
fn traffic(tables: &Tables<'_>, parameters: &Parameters) -> Option<OwnStage> {
    let slice = tables.slice;
    let cluster = slice.cluster;
    let edges: Vec<_> = graph::edges(cluster, slice.framework).collect();
    if edges.is_empty() {
        return None;
    }
    let joined: BTreeSet<TaskIdx> = edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
    let divisions = divisions(tables, parameters);
    let end_of: BTreeMap<TaskIdx, u32> = joined.iter().copied().zip(0..).collect();
    let end = |&task: &TaskIdx| {
        let items = tables.items_of(|other| other == task);
        let packing = |division: &Division| Packing {
            items: Arc::clone(&items),
            group_of: Arc::clone(&division.group_of),
            base: division.base(tables, task),
        };
        End {
            name: cluster.task_name(task),
            total: cluster.task(task).instances.max(1),
            packings: divisions.iter().map(packing).collect(),
        }
    };
    let flows = edges.iter().map(|edge| Flow {
        from: end_of[&edge.from],
        to: end_of[&edge.to],
        rate: graph::amount(edge),
    });
    Some(OwnStage {
        stage: Stage {
            name: "traffic".to_owned(),
            objective: Objective::Traffic(Traffic {
                weights: divisions.iter().map(|division| division.weight).collect(),
                ends: joined.iter().map(end).collect(),
                flows: flows.collect(),
            }),
        },
        priority: None,
        role: StageRole::Quality,
        unit: 1,
        constant: 0.0,
    })
}

/// Agents grouped by some domain; those without an offer, on which something stays running, count too.
struct Division {
    weight: i64,
    group_of: Arc<Vec<u32>>,
    group_of_agent: BTreeMap<AgentIdx, usize>,
    n_groups: usize,
}

fn divisions(tables: &Tables<'_>, parameters: &Parameters) -> Vec<Division> {
    let slice = tables.slice;
    let offered = slice.offers.iter().map(|offer| offer.agent);
    let kept = slice.kept.iter().map(|kept| kept.agent);
    let agents: BTreeSet<AgentIdx> = offered.chain(kept).collect();
    let by = |weight: i64, domain: &dyn Fn(AgentIdx) -> usize| {
        let domains: BTreeSet<usize> = agents.iter().map(|&agent| domain(agent)).collect();
        let position: BTreeMap<usize, usize> = domains.into_iter().zip(0..).collect();
        let group_of_agent = agents
            .iter()
            .map(|&agent| (agent, position[&domain(agent)]));
        let group_of_agent: BTreeMap<AgentIdx, usize> = group_of_agent.collect();
        let group = |offer: &apportion_cluster::Offer| {
            u32::try_from(group_of_agent[&offer.agent]).expect("agents are counted in 32 bits")
        };
        Division {
            weight,
            group_of: Arc::new(slice.offers.iter().map(group).collect()),
            n_groups: position.len(),
            group_of_agent,
        }
    };
    let rack = |level: LevelIdx| move |agent| -> DomainIdx { slice.cluster.domain(agent, level) };
    let mut divisions = vec![by(parameters.agent_weight, &|agent| agent.at())];
    if let Some(level) = parameters.level {
        let rack = rack(level);
        divisions.push(by(parameters.rack_weight, &|agent| rack(agent).at()));
    }
    divisions
}

impl Division {
    /// Instances of the task that stay running, by group.
    fn base(&self, tables: &Tables<'_>, task: TaskIdx) -> Vec<i64> {
        let mut base = vec![0; self.n_groups];
        for kept in tables.slice.kept.iter().filter(|kept| kept.task == task) {
            base[self.group_of_agent[&kept.agent]] += kept.instances;
        }
        base
    }
}
