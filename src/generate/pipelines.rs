//! Jobs of the policy `workflow`: the first framework runs streams, the second batches, and so on in turn.
//!
//! A job is a chain of two to five stages of equal size; one in three has a branch, a stage that the first feeds too and that feeds
//! the last.

use apportion_cluster::file::{EdgeFile, FrameworkFile, JobFile, TaskFile};

use super::demands::Demand;
use super::random::Random;
use super::shapes::Shape;

/// Jobs with these demands.
pub(super) fn jobs(
    demands: &[Demand],
    shapes: &[Shape],
    frameworks: &[FrameworkFile],
    random: &mut Random,
) -> Vec<JobFile> {
    let job = |(at, demand): (usize, &Demand)| {
        let framework = at % frameworks.len();
        let is_batch = framework % 2 == 1;
        let wanted = *random.pick(&[2, 3, 3, 4, 5]);
        let n_stages = demand.instances.clamp(1, wanted);
        let task = |stage: i64| {
            let before = |stage: i64| demand.instances * stage / n_stages;
            TaskFile {
                id: format!("stage-{}", stage + 1),
                instances: before(stage + 1) - before(stage),
                value: 1,
                work_ms: is_batch.then(|| *random.pick(&[5_000, 10_000, 30_000])),
                resources: shapes[demand.shape].resources.clone(),
                ..TaskFile::default()
            }
        };
        let tasks: Vec<TaskFile> = (0..n_stages).map(task).collect();
        let mut ways: Vec<(i64, i64)> = (1..n_stages).map(|stage| (stage, stage + 1)).collect();
        if n_stages >= 4 && random.one_in(3) {
            // The second stage no longer feeds the third: they are two branches.
            ways.retain(|way| *way != (2, 3));
            ways.extend([(1, 3), (2, n_stages)]);
            ways.sort_unstable();
            ways.dedup();
        }
        let edge = |(from, to): (i64, i64)| {
            let amount = Some(*random.pick(&[5, 20, 50, 100]));
            EdgeFile {
                from: format!("stage-{from}"),
                to: format!("stage-{to}"),
                mib_s: amount.filter(|_| !is_batch),
                mib: amount.filter(|_| is_batch),
            }
        };
        JobFile {
            id: format!("pipeline-{:05}", at + 1),
            framework: frameworks[framework].id.clone(),
            edges: ways.into_iter().map(edge).collect(),
            tasks,
            ..JobFile::default()
        }
    };
    demands.iter().enumerate().map(job).collect()
}
