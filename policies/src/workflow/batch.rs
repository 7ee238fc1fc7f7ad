//! The model of batches: operations in time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apportion_cluster::{AgentIdx, DomainIdx, TaskIdx};
use apportion_models::assignment::NO_GROUP;
use apportion_models::schedule::{Edge, Network, Operation, Schedule, TimeObjective, TimeStage};

use super::graph;
use super::parameters::{Order, Parameters};
use crate::contract::{Formulation, StageRole};
use crate::rules::{self, Short, Tables, placed};

/// The model of a slice whose tasks follow one another.
pub(super) fn formulation(tables: &Tables<'_>, parameters: &Parameters) -> Formulation {
    // Over time there is room for all: what is worth more does not have to come first.
    let placed = placed(tables).pop().expect("placing is always a stage");
    let constant = placed.constant;
    let mut formulation = rules::formulation(tables, &[placed]);
    rules::hold_back(&mut formulation, &waiting(tables));
    let stages = stages(parameters);
    let n_stages = stages.len();
    formulation.schedule = Some(Schedule {
        resources: formulation.assignment.resources.clone(),
        operations: operations(tables, parameters, &formulation),
        bins: formulation.assignment.bins.clone(),
        group_of: Arc::new(racks(tables, parameters)),
        edges: edges(tables),
        network: network(parameters),
        stages: stages.iter().map(|(stage, _)| stage.clone()).collect(),
    });
    formulation.roles = stages.iter().map(|&(_, role)| role).collect();
    formulation.units = vec![1; n_stages];
    formulation.constants = vec![0.0; n_stages];
    formulation.constants[0] = constant;
    formulation
}

fn stages(parameters: &Parameters) -> Vec<(TimeStage, StageRole)> {
    let stage = |name: &str, objective, role| {
        let name = name.to_owned();
        (TimeStage { name, objective }, role)
    };
    let traffic = |within_group, across| TimeObjective::Traffic {
        within_group,
        across,
    };
    let (first, second) = (StageRole::Quality, StageRole::TieBreak);
    let makespan = |role| stage("makespan", TimeObjective::Makespan, role);
    let between_racks = |role| stage("traffic", traffic(0, 1), role);
    let mut stages = vec![stage("placed", TimeObjective::Value, StageRole::Placed)];
    stages.extend(match parameters.order {
        Order::Makespan => [makespan(first), between_racks(second)],
        Order::Traffic => [between_racks(first), makespan(second)],
    });
    if parameters.level.is_some() {
        stages.push(stage("traffic_within", traffic(1, 0), StageRole::TieBreak));
    }
    stages.push(stage(
        "completion",
        TimeObjective::Completion,
        StageRole::TieBreak,
    ));
    stages
}

fn network(parameters: &Parameters) -> Network {
    Network {
        within_group: parameters.within_rack_mib_s,
        across: parameters.across_racks_mib_s,
    }
}

/// The rack of each bin.
fn racks(tables: &Tables<'_>, parameters: &Parameters) -> Vec<u32> {
    let Some(level) = parameters.level else {
        return vec![NO_GROUP; tables.slice.offers.len()];
    };
    let mut known: BTreeMap<DomainIdx, u32> = BTreeMap::new();
    let offers = tables.slice.offers.iter();
    let rack = offers.map(|offer| {
        let next = u32::try_from(known.len()).expect("there are fewer racks than agents");
        let domain = tables.slice.cluster.domain(offer.agent, level);
        *known.entry(domain).or_insert(next)
    });
    rack.collect()
}

/// Milliseconds that one instance takes on an agent.
pub(super) fn duration(tables: &Tables<'_>, task: TaskIdx, agent: AgentIdx) -> i64 {
    let cluster = tables.slice.cluster;
    let work = i128::from(cluster.task(task).work_ms.unwrap_or(0)) * 1000;
    let speed = i128::from(cluster.agent(agent).speed.max(1));
    i64::try_from((work + speed - 1) / speed).unwrap_or(i64::MAX)
}

/// The tasks that follow, directly or not, one of which the slice has not all.
fn waiting(tables: &Tables<'_>) -> BTreeSet<TaskIdx> {
    let slice = tables.slice;
    let short = Short::of(slice);
    let mut followers: BTreeMap<TaskIdx, Vec<TaskIdx>> = BTreeMap::new();
    for edge in graph::edges(slice.cluster, slice.framework) {
        followers.entry(edge.from).or_default().push(edge.to);
    }
    let from = followers.keys().copied();
    let mut reached: Vec<TaskIdx> = from.filter(|&task| short.has(task)).collect();
    let mut waiting = BTreeSet::new();
    while let Some(task) = reached.pop() {
        for &follower in followers.get(&task).into_iter().flatten() {
            if waiting.insert(follower) {
                reached.push(follower);
            }
        }
    }
    waiting
}

fn operations(
    tables: &Tables<'_>,
    parameters: &Parameters,
    formulation: &Formulation,
) -> Vec<Operation> {
    let released = released(tables, parameters);
    let items = formulation.assignment.items.iter().zip(&formulation.items);
    let operation = |(item, &task): (&apportion_models::assignment::Item, &TaskIdx)| {
        let agents = item
            .eligible
            .iter()
            .map(|&bin| formulation.bins[bin as usize]);
        Operation {
            name: item.name.clone(),
            count: item.count,
            demand: item.demand.clone(),
            durations: Arc::new(agents.map(|agent| duration(tables, task, agent)).collect()),
            eligible: Arc::clone(&item.eligible),
            costs: Arc::default(),
            value: tables.slice.cluster.task(task).value,
            urgency: 1,
            release: released.get(&task).copied().unwrap_or(0),
        }
    };
    items.map(operation).collect()
}

/// When a task may start at the earliest because of what runs already.
fn released(tables: &Tables<'_>, parameters: &Parameters) -> BTreeMap<TaskIdx, i64> {
    let slice = tables.slice;
    let per_thousand = i128::from(network(parameters).across);
    let mut released: BTreeMap<TaskIdx, i64> = BTreeMap::new();
    for edge in graph::edges(slice.cluster, slice.framework) {
        let pairs = |task: TaskIdx| i128::from(slice.cluster.task(task).instances.max(1));
        let parts = pairs(edge.from) * pairs(edge.to) * 1000;
        let transfer = (i128::from(graph::amount(edge)) * per_thousand + parts - 1) / parts;
        for kept in slice.kept.iter().filter(|kept| kept.task == edge.from) {
            let ends = i128::from(duration(tables, kept.task, kept.agent)) + transfer;
            let ends = i64::try_from(ends).unwrap_or(i64::MAX);
            let first = released.entry(edge.to).or_insert(0);
            *first = ends.max(*first);
        }
    }
    released
}

/// Edges between tasks that are both pending, with what their pending instances exchange.
fn edges(tables: &Tables<'_>) -> Vec<Edge> {
    let slice = tables.slice;
    let item = |task: TaskIdx| {
        let at = slice.pending.binary_search_by_key(&task, |it| it.0).ok()?;
        let wanted = slice.cluster.task(task).instances.max(1);
        Some((u32::try_from(at).ok()?, slice.pending[at].1, wanted))
    };
    let edges = graph::edges(slice.cluster, slice.framework).filter_map(|edge| {
        let ((from, senders, all_senders), (to, receivers, all_receivers)) =
            (item(edge.from)?, item(edge.to)?);
        let pending = i128::from(senders) * i128::from(receivers);
        let all = i128::from(all_senders) * i128::from(all_receivers);
        let amount = (i128::from(graph::amount(edge)) * pending + all - 1) / all;
        Some(Edge {
            from,
            to,
            amount: i64::try_from(amount).unwrap_or(i64::MAX),
        })
    });
    edges.collect()
}
