//! Storage units, shards, and where replicas keep their data.

use std::collections::HashMap;

use apportion_cluster::file::{JobFile, PlacementFile, ShardFile, SnapshotFile, TaskFile};
use apportion_policies::Registry;

use super::Names;
use super::lacking;
use super::values::{amount, amount_up_to, count, distinct, name, suggestion};
use super::work::{level_at, unknown_agent};
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// The most MiB, operations or MiB per second of a shard.
const MOST_OF_SHARD: i64 = 1_000_000_000_000;

/// Units are distinct, on agents and in levels that are there, and hold what can be counted.
pub(super) fn units(file: &SnapshotFile, names: &Names<'_>, faults: &mut Faults) {
    let root = Path::Root;
    let data = root.key("data");
    let list = data.key("units");
    let ids = file.data.units.iter().map(|unit| unit.id.as_str());
    distinct(ids, &list, "id", faults);
    for (index, unit) in file.data.units.iter().enumerate() {
        let path = list.element(index, &unit.id);
        name(&unit.id, &path.key("id"), faults);
        if let Some(agent) = &unit.agent {
            unknown_agent(agent, names, &path.key("agent"), faults);
        }
        let domains = path.key("domains");
        for (level, domain) in &unit.domains {
            let path = domains.key(level);
            name(domain, &path, faults);
            if !file.levels.contains(level) && !faults.lost("levels") {
                let cause = format!("{} is not a declared level", text::quote(level));
                let known = file.levels.iter().map(String::as_str);
                let hint = suggestion(level, known, "levels", faults);
                let action = format!("add it to `levels`; {hint}");
                faults.add(code::UNDECLARED_LEVEL, &path, cause, action);
            }
        }
        let amounts = [
            ("capacity_mib", unit.capacity_mib),
            ("iops", unit.iops),
            ("mib_s", unit.mib_s),
        ];
        for (key, stated) in amounts {
            amount(stated, &path.key(key), faults);
        }
    }
}

/// Shards are distinct, and ask for what can be counted.
pub(super) fn shards(
    shards: &[ShardFile],
    names: &Names<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let list = path.key("shards");
    distinct(shards.iter().map(|it| it.id.as_str()), &list, "id", faults);
    for (index, shard) in shards.iter().enumerate() {
        let path = list.element(index, &shard.id);
        name(&shard.id, &path.key("id"), faults);
        count(shard.replicas, 0, &path.key("replicas"), faults);
        if let Some(level) = &shard.distinct {
            level_at(level, names, &path.key("distinct"), faults);
        }
        let amounts = [
            ("disk_mib", shard.disk_mib),
            ("iops", shard.iops),
            ("mib_s", shard.mib_s),
        ];
        for (key, stated) in amounts {
            amount_up_to(MOST_OF_SHARD, stated, &path.key(key), faults);
        }
        let volumes = path.key("volumes");
        let ids = shard.volumes.iter().map(|volume| volume.id.as_str());
        distinct(ids, &volumes, "id", faults);
        for (index, volume) in shard.volumes.iter().enumerate() {
            let path = volumes.element(index, &volume.id);
            name(&volume.id, &path.key("id"), faults);
            amount_up_to(MOST_OF_SHARD, volume.mib, &path.key("mib"), faults);
            if let Some(unit) = &volume.unit {
                unknown_unit(unit, names, &path.key("unit"), faults);
            }
        }
        let all = shard.volumes.iter().map(|volume| i128::from(volume.mib));
        let all: i128 = all.sum();
        if all > i128::from(MOST_OF_SHARD) {
            let cause = format!("its volumes are {all} MiB together, beyond any cluster");
            faults.add(code::TOO_MUCH, &volumes, cause, "state smaller volumes");
        }
    }
}

/// A task states no other number of instances than its shards have replicas.
pub(super) fn replicas(
    task: &TaskFile,
    shards: &[ShardFile],
    path: &Path<'_>,
    faults: &mut Faults,
) {
    let wanted = JobFile::wanted(task, shards);
    if shards.is_empty() || task.instances == 1 || task.instances == wanted {
        return;
    }
    let cause = format!(
        "the task states {} instances, its shards have {wanted} replicas",
        task.instances
    );
    let action = "leave out `instances`: they are the replicas of the shards";
    faults.add(code::SHARDS, &path.key("instances"), cause, action);
}

/// Shards belong to a policy that places them.
pub(super) fn policies(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let place_none = lacking(file, registry, |policy| policy.keeps_data());
    let root = Path::Root;
    let list = root.key("jobs");
    for (index, job) in file.jobs.iter().enumerate().filter(|(_, job)| has_any(job)) {
        if let Some(policy) = place_none.get(job.framework.as_str()) {
            let cause = format!(
                "the job has shards, and the policy {} places none",
                text::quote(policy)
            );
            let action = "give its framework the policy `storage`, or remove the shards";
            let path = list.element(index, &job.id);
            faults.add(code::SHARDS, &path.key("shards"), cause, action);
        }
    }
}

fn has_any(job: &JobFile) -> bool {
    !job.shards.is_empty() || job.tasks.iter().any(|task| !task.shards.is_empty())
}

/// Shards that a job states have at most one task for a shape, which states none itself.
pub(super) fn job(job: &JobFile, path: &Path<'_>, faults: &mut Faults) {
    let list = path.key("shards");
    if !job.shards.is_empty() {
        if job.tasks.len() > 1 {
            let cause = format!(
                "the job has shards and {} tasks: which one is their shape?",
                job.tasks.len()
            );
            let action = "state the shards in the task whose replicas they are";
            faults.add(code::SHARDS, &list, cause, action);
        }
        if let [task] = &job.tasks[..] {
            if !task.shards.is_empty() {
                let action = "state all shards in the job, or all in the task";
                let cause = "both the job and its task have shards";
                faults.add(code::SHARDS, &list, cause, action);
            }
            replicas(task, &job.shards, path, faults);
        }
    }
    if has_any(job) && job.tasks.iter().any(|task| !task.devices.is_empty()) {
        let cause = "replicas of shards hold no devices";
        let action = "remove the devices of the task, or its shards";
        faults.add(code::SHARDS, &list, cause, action);
    }
}

/// The shard that a placement is of, `Some(None)` for a task without any: it names its shard and its unit exactly if it is a replica.
pub(super) fn placement(
    placement: &PlacementFile,
    shards: &[ShardFile],
    names: &Names<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<Option<usize>> {
    if shards.is_empty() {
        for (key, word) in [("shard", &placement.shard), ("unit", &placement.unit)] {
            if word.is_some() {
                let cause =
                    format!("the task of the placement has no shards, yet it names a {key}");
                let action = format!("remove `{key}`");
                faults.add(code::REPLICA, &path.key(key), cause, action);
            }
        }
        return Some(None);
    }
    let mut missing = false;
    for (key, word) in [("shard", &placement.shard), ("unit", &placement.unit)] {
        if word.is_none() {
            missing = true;
            let cause =
                format!("instances of a task with shards are replicas, and name their {key}");
            let action = format!("state `{key}`");
            faults.add(code::REPLICA, path, cause, action);
        }
    }
    if missing {
        return None;
    }
    let (shard, unit) = (placement.shard.as_ref()?, placement.unit.as_ref()?);
    unknown_unit(unit, names, &path.key("unit"), faults);
    let positions: HashMap<&str, usize> = (shards.iter().map(|shard| shard.id.as_str()))
        .zip(0..)
        .collect();
    let found = positions.get(shard.as_str()).copied();
    if found.is_none() {
        let cause = format!("the task has no shard {}", text::quote(shard));
        let ids = shards.iter().map(|shard| shard.id.as_str());
        let action = suggestion(shard, ids, "shards of the task", faults);
        faults.add(code::UNKNOWN_SHARD, &path.key("shard"), cause, action);
    }
    found.map(Some)
}

/// Adds a fault if no storage unit is called `unit`.
fn unknown_unit(unit: &str, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    if names.units.contains_key(unit) || faults.lost("data") {
        return;
    }
    let cause = format!("there is no storage unit {}", text::quote(unit));
    let mut ids: Vec<&str> = names.units.keys().copied().collect();
    ids.sort_unstable();
    let action = suggestion(unit, ids, "storage units", faults);
    faults.add(code::UNKNOWN_UNIT, path, cause, action);
}
