//! The model in time: tasks that follow one another on the same agents.

use std::collections::BTreeSet;
use std::sync::Arc;

use apportion_cluster::{Cluster, Framework, Phase, Shuffle, TaskIdx};
use apportion_models::assignment::NO_GROUP;
use apportion_models::schedule::{Edge, Network, Operation, Schedule, TimeObjective, TimeStage};

use super::data::{MILLIONTHS, Outputs, Prices, duration};
use super::parameters::Parameters;
use crate::contract::{Formulation, StageRole};
use crate::rules::{self, Short, Tables};

/// Stages in time are stated in seconds.
const MS_PER_S: i64 = 1000;
/// The most that an edge carries, in millionths of a MiB.
const LARGEST_AMOUNT: i128 = 1_000_000_000_000_000;

/// Whether the tasks of a framework may follow one another: it asks for that, every task says how long it runs, and none has a rule
/// about what is in place at one time.
pub(super) fn plans_ahead(
    cluster: &Cluster,
    framework: &Framework,
    parameters: &Parameters,
) -> bool {
    let jobs = || framework.jobs.iter().map(|&job| cluster.job(job));
    let mut tasks = jobs()
        .flat_map(|job| &job.tasks)
        .map(|&task| cluster.task(task));
    let is_timed = |task: &apportion_cluster::Task| {
        let work_ms = match &task.phase {
            Some(Phase::Map(work)) => work.work_ms,
            Some(Phase::Reduce(work)) => work.work_ms,
            None => 0,
        };
        let has_rules = !task.limits.is_empty() || task.spreads.iter().any(|spread| spread.hard);
        work_ms > 0 && !has_rules && task.devices.is_empty()
    };
    parameters.plan_ahead
        && jobs().all(|job| job.gang_min.is_none() && job.min_available.is_none())
        && tasks.all(is_timed)
}

/// Adds the model in time, with stages of its own, to what may be held at one moment.
pub(super) fn add(formulation: &mut Formulation, tables: &Tables<'_>, parameters: &Parameters) {
    let slice = tables.slice;
    let cluster = slice.cluster;
    let prices = Prices::new(
        cluster,
        parameters,
        &cluster.framework(slice.framework).jobs,
    );
    let order = urgencies(tables);
    rules::hold_back(formulation, &waiting(tables));
    let model = &formulation.assignment;
    let operations = model
        .items
        .iter()
        .zip(&formulation.items)
        .map(|(item, &task)| {
            let of_task = prices.of_task(task);
            let agents = || {
                let bins = item.eligible.iter();
                bins.map(|&bin| formulation.bins[bin as usize])
            };
            let durations = agents().map(|agent| duration(cluster, parameters.rack, task, agent));
            let of = cluster.task(task);
            Operation {
                name: item.name.clone(),
                count: item.count,
                demand: item.demand.clone(),
                eligible: Arc::clone(&item.eligible),
                durations: Arc::new(durations.collect()),
                costs: Arc::new(agents().map(|agent| of_task.on(agent)).collect()),
                value: of.value,
                release: 0,
                urgency: urgency(cluster, &order, task),
            }
        });
    let group_of = formulation.bins.iter().map(|&agent| match parameters.rack {
        Some(level) => cluster.domain(agent, level).0,
        None => NO_GROUP,
    });
    let edges = edges(tables, parameters, &formulation.items);
    let mut stages = vec![
        ("placed", TimeObjective::Value, StageRole::Placed, 1),
        (
            "makespan",
            TimeObjective::Makespan,
            StageRole::Quality,
            MS_PER_S,
        ),
        (
            "network",
            TimeObjective::Cost,
            StageRole::Quality,
            MILLIONTHS,
        ),
    ];
    if parameters.rack.is_some() && edges.iter().any(|edge| edge.amount > 0) {
        let across = TimeObjective::Traffic {
            within_group: 0,
            across: 1,
        };
        stages.push(("shuffle", across, StageRole::Quality, MILLIONTHS));
    }
    stages.push((
        "completion",
        TimeObjective::Completion,
        StageRole::TieBreak,
        MS_PER_S,
    ));
    let schedule = Schedule {
        resources: model.resources.clone(),
        operations: operations.collect(),
        bins: model.bins.clone(),
        group_of: Arc::new(group_of.collect()),
        edges,
        network: Network::default(),
        stages: (stages.iter())
            .map(|&(name, objective, ..)| TimeStage {
                name: name.to_owned(),
                objective,
            })
            .collect(),
    };
    let placed: i64 = slice
        .kept
        .iter()
        .map(|it| cluster.task(it.task).value * it.instances)
        .sum();
    let read = slice.kept.iter().map(|kept| {
        i128::from(prices.of_task(kept.task).on(kept.agent)) * i128::from(kept.instances)
    });
    let read = read.sum::<i128>() as f64 / MILLIONTHS as f64;
    formulation.constants = (stages.iter())
        .map(|&(name, ..)| match name {
            "placed" => placed as f64,
            "network" => read,
            _ => 0.0,
        })
        .collect();
    formulation.roles = stages.iter().map(|stage| stage.2).collect();
    formulation.units = stages.iter().map(|stage| stage.3).collect();
    formulation.schedule = Some(schedule);
}

/// The reduce tasks of jobs of whose map tasks the slice has not all.
fn waiting(tables: &Tables<'_>) -> BTreeSet<TaskIdx> {
    let cluster = tables.slice.cluster;
    let short = Short::of(tables.slice);
    let jobs = tables.jobs.iter().map(|&(job, _)| job);
    let jobs = jobs.filter(|&job| cluster.map_tasks(job).any(|map| short.has(map)));
    let tasks = jobs.flat_map(|job| cluster.job(job).tasks.iter().copied());
    tasks
        .filter(|&task| matches!(cluster.task(task).phase, Some(Phase::Reduce(_))))
        .collect()
}

/// Every priority and time waited of the framework, the least first.
fn urgencies(tables: &Tables<'_>) -> Vec<(i64, i64)> {
    let cluster = tables.slice.cluster;
    let jobs = tables.jobs.iter().map(|(job, _)| cluster.job(*job));
    let all: BTreeSet<(i64, i64)> = jobs.map(|job| (job.priority, job.waited_ms)).collect();
    all.into_iter().collect()
}

/// Higher priorities are more urgent, then those that waited longer.
fn urgency(cluster: &Cluster, order: &[(i64, i64)], task: TaskIdx) -> i64 {
    let job = cluster.job(cluster.task(task).job);
    let at = order.partition_point(|it| *it < (job.priority, job.waited_ms));
    i64::try_from(at).unwrap_or(i64::MAX)
}

/// What reduce instances wait for: the map instances of their job that do not run yet, and what they pull from these.
fn edges(tables: &Tables<'_>, parameters: &Parameters, items: &[TaskIdx]) -> Vec<Edge> {
    let cluster = tables.slice.cluster;
    let outputs = Outputs::of(cluster, parameters.rack, &cluster.running);
    let pending = |task: TaskIdx| {
        let at = items.binary_search(&task).ok()?;
        let at = u32::try_from(at).ok()?;
        Some((at, i128::from(tables.slice.pending[at as usize].1)))
    };
    let mut edges = Vec::new();
    for (job, _) in &tables.jobs {
        if outputs.is_known(*job) {
            continue;
        }
        let maps: Vec<TaskIdx> = cluster.map_tasks(*job).collect();
        let instances = |task: &TaskIdx| i128::from(cluster.task(*task).instances.max(1));
        let all: i128 = maps.iter().map(instances).sum();
        for &task in &cluster.job(*job).tasks {
            let Some(Phase::Reduce(work)) = &cluster.task(task).phase else {
                continue;
            };
            let Some((to, pulling)) = pending(task) else {
                continue;
            };
            for map in &maps {
                let Some((from, putting)) = pending(*map) else {
                    continue;
                };
                let each = |mib: i64, from: i128| {
                    let whole = i128::from(mib) * i128::from(MILLIONTHS) * putting * pulling;
                    whole / (from * instances(&task))
                };
                let amount = match &work.shuffle {
                    Shuffle::Total(mib) => each(*mib, all),
                    Shuffle::ByTask(amounts) => {
                        let own = amounts.iter().find(|(it, _)| it == map);
                        own.map_or(0, |(_, mib)| each(*mib, instances(map)))
                    }
                };
                let amount = i64::try_from(amount.clamp(0, LARGEST_AMOUNT)).unwrap_or(0);
                edges.push(Edge { from, to, amount });
            }
        }
    }
    edges
}
