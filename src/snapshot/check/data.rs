//! Blocks, and the tasks that read them: map and reduce.

use std::collections::HashSet;

use apportion_cluster::file::{JobFile, MapFile, ReduceFile, SnapshotFile};
use apportion_cluster::{MAX_DATA_MIB, MAX_WORK_MS};
use apportion_policies::Registry;

use super::Names;
use super::lacking;
use super::values::{amount_up_to, distinct, name, suggestion};
use super::work::unknown_agent;
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::phases::{Stated, map_tasks, stated};
use crate::snapshot::text;

/// Blocks are distinct, lie on agents, and have a size.
pub(super) fn blocks(file: &SnapshotFile, names: &Names<'_>, faults: &mut Faults) {
    let root = Path::Root;
    let data = root.key("data");
    let list = data.key("blocks");
    let blocks = &file.data.blocks;
    distinct(blocks.iter().map(|it| it.id.as_str()), &list, "id", faults);
    for (index, block) in blocks.iter().enumerate() {
        let path = list.element(index, &block.id);
        name(&block.id, &path.key("id"), faults);
        amount_up_to(MAX_DATA_MIB, block.mib, &path.key("mib"), faults);
        let replicas = path.key("replicas");
        if block.replicas.is_empty() {
            let action = "name an agent that holds a copy";
            let cause = "a block without a copy cannot be read";
            faults.add(code::EMPTY_LIST, &replicas, cause, action);
        }
        distinct(
            block.replicas.iter().map(String::as_str),
            &replicas,
            "",
            faults,
        );
        for (index, agent) in block.replicas.iter().enumerate() {
            unknown_agent(agent, names, &replicas.at(index), faults);
        }
    }
}

/// Map and reduce tasks are one of the two, read what there is, and belong to a policy that knows what they are.
pub(super) fn phases(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let blocks: HashSet<&str> = file.data.blocks.iter().map(|it| it.id.as_str()).collect();
    let no_phases = lacking(file, registry, |policy| policy.reads_blocks());
    let root = Path::Root;
    let list = root.key("jobs");
    for (index, job) in file.jobs.iter().enumerate() {
        let path = list.element(index, &job.id);
        amount_up_to(MAX_WORK_MS, job.waited_ms, &path.key("waited_ms"), faults);
        let n_maps = if states_any(job) {
            map_tasks(job).len()
        } else {
            0
        };
        let check = Check {
            blocks: &blocks,
            file,
            policy: no_phases.get(job.framework.as_str()).copied(),
            n_maps,
        };
        check.both(&path, job.map.as_ref(), job.reduce.as_ref(), faults);
        let tasks = path.key("tasks");
        for (index, task) in job.tasks.iter().enumerate() {
            let path = tasks.element(index, &task.id);
            check.both(&path, task.map.as_ref(), task.reduce.as_ref(), faults);
            let (cause, action) = match stated(job, task) {
                Stated::Both => (
                    "the task states both `map` and `reduce`",
                    "keep one of the two: a task is either",
                ),
                Stated::Unclear => (
                    "the job states both `map` and `reduce`, and the task does not say which of them it is",
                    "state `map` or `reduce` on the task, or let its id begin with one of the words",
                ),
                _ => continue,
            };
            faults.add(code::PHASE, &path, cause, action);
        }
    }
}

fn states_any(job: &JobFile) -> bool {
    let of_tasks = || job.tasks.iter().any(|task| task.map.is_some());
    job.map.is_some() || of_tasks()
}

/// What the statements of one job are held against.
struct Check<'f> {
    blocks: &'f HashSet<&'f str>,
    file: &'f SnapshotFile,
    /// That of its framework, if it knows neither map nor reduce.
    policy: Option<&'f str>,
    n_maps: usize,
}

impl Check<'_> {
    fn both(
        &self,
        path: &Path<'_>,
        map: Option<&MapFile>,
        reduce: Option<&ReduceFile>,
        faults: &mut Faults,
    ) {
        if let Some(map) = map {
            let path = path.key("map");
            self.known(&path, faults);
            self.map(map, &path, faults);
        }
        if let Some(reduce) = reduce {
            let path = path.key("reduce");
            self.known(&path, faults);
            self.reduce(reduce, &path, faults);
        }
    }

    fn known(&self, path: &Path<'_>, faults: &mut Faults) {
        if let Some(policy) = self.policy {
            let cause = format!(
                "the policy {} runs neither map nor reduce tasks",
                text::quote(policy)
            );
            let action = "give the job to a framework with the policy `mapreduce`, or remove it";
            faults.add(code::NO_PHASES, path, cause, action);
        }
    }

    fn map(&self, map: &MapFile, path: &Path<'_>, faults: &mut Faults) {
        for (key, time) in [
            ("work_ms", map.work_ms),
            ("remote_penalty_ms", map.remote_penalty_ms),
        ] {
            amount_up_to(MAX_WORK_MS, time, &path.key(key), faults);
        }
        let list = path.key("inputs");
        distinct(map.inputs.iter().map(String::as_str), &list, "", faults);
        for (index, input) in map.inputs.iter().enumerate() {
            if self.blocks.contains(input.as_str()) || faults.lost("data") {
                continue;
            }
            let cause = format!("there is no block {}", text::quote(input));
            let ids = self.file.data.blocks.iter().map(|it| it.id.as_str());
            let action = suggestion(input, ids, "blocks", faults);
            faults.add(code::UNKNOWN_BLOCK, &list.at(index), cause, action);
        }
    }

    fn reduce(&self, reduce: &ReduceFile, path: &Path<'_>, faults: &mut Faults) {
        amount_up_to(MAX_WORK_MS, reduce.work_ms, &path.key("work_ms"), faults);
        if let Some(total) = reduce.shuffle_mib_total {
            amount_up_to(MAX_DATA_MIB, total, &path.key("shuffle_mib_total"), faults);
        }
        let list = path.key("shuffle_mib");
        let Some(amounts) = &reduce.shuffle_mib else {
            return;
        };
        for (index, &mib) in amounts.iter().enumerate() {
            amount_up_to(MAX_DATA_MIB, mib, &list.at(index), faults);
        }
        if amounts.len() != self.n_maps && !faults.lost("jobs") {
            let cause = format!(
                "there are {} amounts, and the job has {} map tasks",
                amounts.len(),
                self.n_maps
            );
            let action = "state what is pulled from each map task of the job, in their order, or `shuffle_mib_total`";
            faults.add(code::SHUFFLE, &list, cause, action);
        }
        let sum: i128 = amounts.iter().map(|&mib| i128::from(mib)).sum();
        if reduce
            .shuffle_mib_total
            .is_some_and(|total| i128::from(total) != sum)
        {
            let cause = format!("`shuffle_mib` adds up to {sum} and not to `shuffle_mib_total`");
            let action = "remove one of the two";
            faults.add(code::SHUFFLE, &path.key("shuffle_mib_total"), cause, action);
        }
    }
}
