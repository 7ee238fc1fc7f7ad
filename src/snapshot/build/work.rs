//! Jobs with their edges, and tasks with their rules.

use apportion_cluster::file::{EdgeFile, JobFile, MapFile, ReduceFile, SnapshotFile, TaskFile};
use apportion_cluster::{
    AttributeRule, Edge, EdgeLoad, GroupIdx, Job, JobIdx, LimitRule, MapWork, MinAvailable, Phase,
    ReduceWork, Shuffle, SpreadRule, Task, TaskIdx,
};

use super::positions::Positions;
use super::storage;
use crate::snapshot::phases::{Stated, map_tasks, stated};

pub(super) fn work(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    groups: &mut Vec<String>,
) -> (Vec<Job>, Vec<Task>) {
    let mut jobs = Vec::with_capacity(file.jobs.len());
    let mut tasks = Vec::new();
    for (at, job) in file.jobs.iter().enumerate() {
        let first = tasks.len();
        let mut shuffles: Option<Vec<TaskIdx>> = None;
        for (shape, shards) in job.shapes() {
            let phase = match stated(job, &shape) {
                Stated::Map(map) => Some(Phase::Map(map_work(map, positions))),
                Stated::Reduce(reduce) => {
                    let maps = shuffles.get_or_insert_with(|| {
                        let maps = map_tasks(job).into_iter();
                        maps.map(|task| TaskIdx::of(first + task)).collect()
                    });
                    Some(Phase::Reduce(reduce_work(reduce, maps)))
                }
                // Neither: what is unclear was refused.
                _ => None,
            };
            let mut plain = task(&shape, JobIdx::of(at), phase, positions);
            if shards.is_empty() {
                tasks.push(plain);
            } else {
                count_together(&mut plain, &job.id, groups);
                let shards = shards.iter();
                tasks.extend(shards.map(|shard| storage::shard(&plain, shard, positions)));
            }
        }
        jobs.push(Job {
            id: job.id.clone(),
            framework: positions.frameworks[job.framework.as_str()],
            priority: job.priority,
            gang_min: job.gang.as_ref().map(|gang| gang.min_instances),
            min_available: job.min_available.as_ref().map(|rule| MinAvailable {
                level: positions.levels[rule.level.as_str()],
                instances: rule.instances,
            }),
            max_moves: job.max_moves,
            waited_ms: job.waited_ms,
            tasks: (first..tasks.len()).map(TaskIdx::of).collect(),
            edges: edges(job, first),
        });
    }
    (jobs, tasks)
}

/// Rules of a task with shards count all of them: where they name no group, its shards are one.
fn count_together(task: &mut Task, job: &str, groups: &mut Vec<String>) {
    let limits = task.limits.iter_mut().map(|rule| &mut rule.group);
    let spreads = task.spreads.iter_mut().map(|rule| &mut rule.group);
    let alone: Vec<&mut Option<GroupIdx>> = limits
        .chain(spreads)
        .filter(|group| group.is_none())
        .collect();
    if alone.is_empty() {
        return;
    }
    let shards = GroupIdx::of(groups.len());
    for group in alone {
        *group = Some(shards);
    }
    groups.push(format!("{job}/{}[*]", task.id));
    task.groups.push(shards);
}

/// The edges of a job whose tasks, by id, start at the position `first`.
fn edges(job: &JobFile, first: usize) -> Vec<Edge> {
    let task = |id: &String| {
        let at = job.tasks.binary_search_by(|task| task.id.cmp(id));
        TaskIdx::of(first + at.expect("edges name tasks of their job"))
    };
    let edge = |edge: &EdgeFile| Edge {
        from: task(&edge.from),
        to: task(&edge.to),
        load: match (edge.mib_s, edge.mib) {
            (Some(rate), _) => EdgeLoad::MibPerSecond(rate),
            (None, amount) => EdgeLoad::Mib(amount.unwrap_or(0)),
        },
    };
    job.edges.iter().map(edge).collect()
}

fn map_work(map: &MapFile, positions: &Positions<'_>) -> MapWork {
    let inputs = map.inputs.iter();
    MapWork {
        inputs: inputs.map(|id| positions.blocks[id.as_str()]).collect(),
        work_ms: map.work_ms,
        remote_penalty_ms: map.remote_penalty_ms,
    }
}

/// `maps` are the map tasks of the job, ascending, as the amounts are in canonical form.
fn reduce_work(reduce: &ReduceFile, maps: &[TaskIdx]) -> ReduceWork {
    let by_task = |amounts: &Vec<i64>| {
        let pairs = maps.iter().copied().zip(amounts.iter().copied());
        Shuffle::ByTask(pairs.collect())
    };
    let total = || Shuffle::Total(reduce.shuffle_mib_total.unwrap_or(0));
    ReduceWork {
        shuffle: (reduce.shuffle_mib.as_ref()).map_or_else(total, by_task),
        work_ms: reduce.work_ms,
    }
}

fn task(task: &TaskFile, job: JobIdx, phase: Option<Phase>, positions: &Positions<'_>) -> Task {
    let rules = &task.constraints;
    let limits = rules.limit.iter().map(|rule| LimitRule {
        level: positions.levels[rule.level.as_str()],
        max: rule.max,
        group: positions.group(rule.group.as_ref()),
    });
    let spreads = rules.spread.iter().map(|rule| SpreadRule {
        level: positions.levels[rule.level.as_str()],
        max_skew: rule.max_skew,
        hard: rule.hard,
        group: positions.group(rule.group.as_ref()),
    });
    let agents = |agents: &Vec<String>| {
        agents
            .iter()
            .map(|id| positions.agents[id.as_str()])
            .collect()
    };
    Task {
        id: task.id.clone(),
        job,
        instances: task.instances,
        value: task.value,
        work_ms: task.work_ms,
        demand: positions.demand(task),
        devices: task
            .devices
            .iter()
            .map(|need| positions.need(need))
            .collect(),
        attributes: rules
            .attributes
            .iter()
            .flat_map(|(key, values)| attribute_rules(key, values))
            .collect(),
        agents: rules.agents.as_ref().map(agents),
        tolerates: rules.tolerates.clone(),
        groups: task
            .groups
            .iter()
            .map(|group| positions.groups[group.as_str()])
            .collect(),
        limits: limits.collect(),
        spreads: spreads.collect(),
        phase,
        shard: None,
    }
}

/// The rule that a list of values states; two if it asks for both presence and absence.
fn attribute_rules(key: &str, values: &[String]) -> Vec<AttributeRule> {
    let mut rule = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: None,
    };
    let mut absent = false;
    for value in values {
        match value.strip_prefix('!') {
            Some("*") => absent = true,
            Some(value) => rule.none_of.push(value.to_owned()),
            None if value == "*" => rule.present = Some(true),
            None => rule.any_of.push(value.clone()),
        }
    }
    if !absent {
        return vec![rule];
    }
    if rule.present.is_none() {
        rule.present = Some(false);
        return vec![rule];
    }
    let absence = AttributeRule {
        key: key.to_owned(),
        any_of: Vec::new(),
        none_of: Vec::new(),
        present: Some(false),
    };
    vec![absence, rule]
}
