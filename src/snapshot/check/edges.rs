//! What tasks send to each other, and how long they work: streams and batches.

use std::collections::{BTreeMap, HashMap};

use apportion_cluster::file::{EdgeFile, JobFile, SnapshotFile};
use apportion_cluster::{MAX_QUANTITY, MAX_WORK_MS};
use apportion_policies::Registry;

use super::lacking;
use super::values::{amount_up_to, suggestion};
use crate::snapshot::circle;
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// What a job's edges and work make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Tasks run together, and edges carry rates.
    Stream,
    /// Tasks are there together, and edges carry amounts.
    Exchange,
    /// Tasks run one after the other.
    Batch,
}

/// The edges and the work of every job.
pub(super) fn edges(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let see_none = lacking(file, registry, |policy| policy.follows_edges());
    let mut kinds: HashMap<&str, Kind> = HashMap::new();
    let root = Path::Root;
    let list = root.key("jobs");
    for (index, job) in file.jobs.iter().enumerate() {
        let path = list.element(index, &job.id);
        let Some(kind) = kind(job) else {
            continue;
        };
        if let Some(policy) = see_none.get(job.framework.as_str()) {
            let cause = format!(
                "the policy {} looks at neither `edges` nor `work_ms`",
                text::quote(policy)
            );
            let action = "give the job to a framework with the policy `workflow`, or remove them";
            faults.add(code::NO_EDGES, &path, cause, action);
            continue;
        }
        if *kinds.entry(&job.framework).or_insert(kind) != kind {
            let cause = format!(
                "the framework {} has jobs of several kinds: streams (`mib_s`), batches (`work_ms`), or exchanges (`mib` alone)",
                text::quote(&job.framework)
            );
            let action = "give jobs of different kinds to frameworks of their own";
            faults.add(code::STREAM_AND_BATCH, &path, cause, action);
        }
        work(job, kind, &path, faults);
        of_job(job, kind, &path, faults);
    }
    // What runs for good and what ends have no place beside each other.
    for (index, job) in file.jobs.iter().enumerate() {
        if kind(job).is_none() && kinds.get(job.framework.as_str()) == Some(&Kind::Batch) {
            let cause = format!(
                "no task of the job says how long it works, and the framework {} has batches",
                text::quote(&job.framework)
            );
            let action = "state `work_ms` of its tasks, or give the job to a framework of its own";
            let path = list.element(index, &job.id);
            faults.add(code::STREAM_AND_BATCH, &path, cause, action);
        }
    }
}

/// A batch if any task states its work; else what its edges say; nothing without edges.
fn kind(job: &JobFile) -> Option<Kind> {
    if job.tasks.iter().any(|task| task.work_ms.is_some()) {
        return Some(Kind::Batch);
    }
    let is_exchange = job.edges.iter().any(|edge| edge.mib.is_some());
    match job.edges.is_empty() {
        true => None,
        false if is_exchange => Some(Kind::Exchange),
        false => Some(Kind::Stream),
    }
}

/// Every task of a batch says how long it works.
fn work(job: &JobFile, kind: Kind, path: &Path<'_>, faults: &mut Faults) {
    let tasks = path.key("tasks");
    for (index, task) in job.tasks.iter().enumerate() {
        let path = tasks.element(index, &task.id);
        match task.work_ms {
            None if kind == Kind::Batch => {
                let cause = "a task of a batch does not say how long it works";
                faults.add(code::NO_WORK, &path, cause, "add `work_ms`");
            }
            Some(work) => amount_up_to(MAX_WORK_MS, work, &path.key("work_ms"), faults),
            None => {}
        }
    }
}

fn of_job(job: &JobFile, kind: Kind, path: &Path<'_>, faults: &mut Faults) {
    let list = path.key("edges");
    let tasks: HashMap<&str, usize> = job
        .tasks
        .iter()
        .enumerate()
        .map(|(at, task)| (task.id.as_str(), at))
        .collect();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (index, edge) in job.edges.iter().enumerate() {
        let path = list.at(index);
        for (key, id) in [("from", &edge.from), ("to", &edge.to)] {
            if !tasks.contains_key(id.as_str()) && !faults.lost("jobs") {
                let cause = format!("the job has no task {}", text::quote(id));
                let known = job.tasks.iter().map(|task| task.id.as_str());
                let action = suggestion(id, known, "tasks of the job", faults);
                faults.add(code::UNKNOWN_TASK, &path.key(key), cause, action);
            }
        }
        let first = *seen.entry((&edge.from, &edge.to)).or_insert(index);
        if first != index {
            let cause = format!(
                "an edge from {} to {} is there already, as `edges[{first}]`",
                text::quote(&edge.from),
                text::quote(&edge.to)
            );
            let action = "add the amounts up in one edge";
            faults.add(code::EDGE_TWICE, &path, cause, action);
        }
        load(edge, kind, &path, faults);
    }
    if kind != Kind::Stream {
        circle(job, &tasks, &list, faults);
    }
}

/// An edge states one amount, and that of the kind of its job.
fn load(edge: &EdgeFile, kind: Kind, path: &Path<'_>, faults: &mut Faults) {
    let (key, amount) = match (edge.mib_s, edge.mib) {
        (Some(rate), None) => ("mib_s", rate),
        (None, Some(amount)) => ("mib", amount),
        (stated, _) => {
            let cause = match stated {
                Some(_) => "an edge states both `mib_s` and `mib`",
                None => "an edge states neither `mib_s` nor `mib`",
            };
            let action = "state `mib_s` in a stream, `mib` in a batch";
            return faults.add(code::EDGE_LOAD, path, cause, action);
        }
    };
    if kind != Kind::Stream && key == "mib_s" {
        let cause = "the edge states a rate, and the job is no stream: it has `work_ms` or `mib`";
        let action = "state `mib`, or remove `work_ms` and `mib` from the job to make it a stream";
        faults.add(code::EDGE_KINDS, path, cause, action);
    }
    if amount < 0 {
        let cause = format!("{amount} is negative");
        faults.add(code::NEGATIVE, &path.key(key), cause, "state 0 or more");
    } else if amount > MAX_QUANTITY {
        let cause = format!("{amount} is above the largest amount, {MAX_QUANTITY}");
        faults.add(code::TOO_MUCH, &path.key(key), cause, "check the unit");
    }
}

/// Adds a fault if tasks wait for each other in a circle, and names them in order.
fn circle(job: &JobFile, tasks: &HashMap<&str, usize>, path: &Path<'_>, faults: &mut Faults) {
    let of = |id: &String| tasks.get(id.as_str()).copied();
    let known = (job.edges.iter()).filter_map(|edge| Some((of(&edge.from)?, of(&edge.to)?)));
    let Some(walk) = circle::find(job.tasks.len(), known) else {
        return;
    };
    let cause = circle::written(&walk, |at| &job.tasks[at].id);
    let action = "remove an edge of the circle; streams (`mib_s`) may have circles";
    faults.add(code::CYCLE, path, cause, action);
}
