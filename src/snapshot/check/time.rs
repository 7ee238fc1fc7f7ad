//! Times: how long an instance works, and all of them one after the other.

use apportion_cluster::file::{JobFile, SnapshotFile, TaskFile};
use apportion_cluster::{MAX_INSTANCES, MAX_WORK_MS};

use super::work::USUAL_SPEED;
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::phases::{Stated, stated};

/// The longest time that all work may take one instance after the other: every whole number up to here is a binary floating-point number.
const MAX_TOTAL_MS: i128 = 1 << 53;

/// All work, one instance after the other on the slowest agent, with a transfer at 1 MiB per second for each edge between, can be told in
/// milliseconds: so can every moment of a plan.
pub(super) fn total(file: &SnapshotFile, faults: &mut Faults) {
    let speeds = file.agents.iter().filter_map(|agent| agent.speed);
    let slowest = speeds.filter(|&speed| speed >= 1).min();
    let slowest = slowest.map_or(USUAL_SPEED, i128::from);
    let of_job = |job: &JobFile| {
        let shapes = job.shapes();
        let work = shapes.iter().map(|(task, shards)| {
            let wanted = JobFile::wanted(task, shards).clamp(0, MAX_INSTANCES);
            i128::from(work(job, task)) * i128::from(wanted) * USUAL_SPEED / slowest
        });
        let is_batch = job.tasks.iter().any(|task| task.work_ms.is_some());
        let edges = job.edges.iter().filter(|_| is_batch);
        let amounts = edges.map(|edge| i128::from(edge.mib.unwrap_or(0).max(0)) * 1000);
        work.chain(amounts).sum::<i128>()
    };
    let total: i128 = file.jobs.iter().map(of_job).sum();
    if total > MAX_TOTAL_MS {
        let cause = format!(
            "all work, one instance after the other on the slowest agent, takes {total} ms, above the longest total, {MAX_TOTAL_MS}"
        );
        let action =
            "state less work, fewer instances, or a speed of agents that is above next to nothing";
        faults.add(code::TOTAL_TIME, &Path::Root.key("jobs"), cause, action);
    }
}

/// How long an instance of a task works at the usual speed, at most; what is out of its own range is a fault of its own.
fn work(job: &JobFile, task: &TaskFile) -> i64 {
    let in_range = |time: i64| time.clamp(0, MAX_WORK_MS);
    match stated(job, task) {
        Stated::Map(map) => in_range(map.work_ms) + in_range(map.remote_penalty_ms),
        Stated::Reduce(reduce) => in_range(reduce.work_ms),
        _ => in_range(task.work_ms.unwrap_or(0)),
    }
}
