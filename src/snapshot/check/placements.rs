//! What runs now.

use std::collections::{HashMap, HashSet};

use apportion_cluster::file::{PlacementFile, SnapshotFile};

use super::Names;
use super::devices::Held;
use super::storage;
use super::values::{count, suggestion};
use super::work::unknown_agent;
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// A snapshot says what runs now: starts and ends are a plan's.
fn times(placement: &PlacementFile, path: &Path<'_>, faults: &mut Faults) {
    let keys = [
        ("start_ms", placement.start_ms),
        ("end_ms", placement.end_ms),
    ];
    for (key, _) in keys.into_iter().filter(|(_, value)| value.is_some()) {
        let cause = format!("a placement of a snapshot has no key {}", text::quote(key));
        let action = "leave it out: what a snapshot places runs now";
        faults.add(code::UNKNOWN_KEY, &path.key(key), cause, action);
    }
}

/// Placements refer to what exists, once each, and to no more instances than the task wants.
///
/// Running more than fits on an agent is no fault: the real world may be like that.
pub(super) fn placements(file: &SnapshotFile, names: &Names<'_>, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("placements");
    let lost = faults.lost("jobs");
    let mut seen = HashSet::new();
    let mut held = Held::default();
    let mut running: HashMap<(usize, usize, Option<usize>), i64> = HashMap::new();
    for (index, placement) in file.placements.iter().enumerate() {
        let path = list.at(index);
        unknown_agent(&placement.agent, names, &path.key("agent"), faults);
        count(placement.instances, 1, &path.key("instances"), faults);
        times(placement, &path, faults);
        let Some((job, task)) = find_task(file, placement, names, &path, faults) else {
            continue;
        };
        let shapes = file.jobs[job].shapes();
        let (needed, shards) = &shapes[task];
        let Some(shard) = storage::placement(placement, shards, names, &path, faults) else {
            continue;
        };
        let wanted = shard.map_or(needed.instances, |shard| shards[shard].replicas);
        let agent = names.agents.get(placement.agent.as_str());
        let agent = agent.map(|&agent| &file.agents[agent]);
        held.placement(placement, needed, agent, &path, faults);
        let place = (placement.agent.as_str(), placement.unit.as_deref());
        let new = seen.insert((job, task, shard, place));
        // Instances with devices of their own are placed one by one.
        if !new && needed.devices.is_empty() {
            let cause = format!(
                "instances of {} on {} are stated twice",
                text::quote(&format!("{}/{}", placement.job, placement.task)),
                text::quote(&placement.agent)
            );
            faults.add(
                code::PLACED_TWICE,
                &path,
                cause,
                "add the instances up in one placement",
            );
            continue;
        }
        let before = running.entry((job, task, shard)).or_default();
        let after = before.saturating_add(placement.instances.max(0));
        // Said once per task: where the sum passes what is wanted.
        if *before <= wanted && after > wanted && wanted >= 0 && !lost {
            let task = text::quote(&format!("{}/{}", placement.job, placement.task));
            let cause = format!("{after} or more instances of {task} run, it wants {wanted}");
            let action = "raise the task's `instances`, or remove placements";
            faults.add(code::OVERPLACED, &path.key("instances"), cause, action);
        }
        *before = after;
    }
}

/// Positions of the job and of the task in it.
fn find_task(
    file: &SnapshotFile,
    placement: &PlacementFile,
    names: &Names<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) -> Option<(usize, usize)> {
    let lost = faults.lost("jobs");
    let Some(&job) = names.jobs.get(placement.job.as_str()) else {
        if !lost {
            let cause = format!("there is no job {}", text::quote(&placement.job));
            let ids = file.jobs.iter().map(|j| j.id.as_str());
            let action = suggestion(&placement.job, ids, "jobs", faults);
            faults.add(code::UNKNOWN_JOB, &path.key("job"), cause, action);
        }
        return None;
    };
    let task = names.tasks.get(&(job, placement.task.as_str())).copied();
    if task.is_none() && !lost {
        let cause = format!(
            "the job {} has no task {}",
            text::quote(&placement.job),
            text::quote(&placement.task)
        );
        let ids = file.jobs[job].tasks.iter().map(|t| t.id.as_str());
        let action = suggestion(&placement.task, ids, "tasks of the job", faults);
        faults.add(code::UNKNOWN_TASK, &path.key("task"), cause, action);
    }
    Some((job, task?))
}
