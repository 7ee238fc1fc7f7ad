//! What runs, and on which devices.

use std::collections::BTreeMap;

use apportion_cluster::file::{PlacementFile, SnapshotFile};
use apportion_cluster::{AgentIdx, DeviceUse, Job, Running, RunningDevices, Task, TaskIdx};

use super::positions::Positions;

/// What runs, one entry per task and agent; and the devices of each instance that holds any.
pub(super) fn running(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    jobs: &[Job],
    tasks: &[Task],
) -> (Vec<Running>, Vec<RunningDevices>) {
    let mut running: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    let mut devices = Vec::new();
    for placement in &file.placements {
        let task = task_of(placement, jobs, tasks);
        let agent = positions.agents[placement.agent.as_str()];
        *running.entry((task, agent)).or_default() += placement.instances;
        if !placement.devices.is_empty() {
            let mut held: Vec<DeviceUse> = placement
                .devices
                .iter()
                .map(|device| positions.held(device))
                .collect();
            held.sort_unstable();
            devices.push(RunningDevices {
                task,
                agent,
                devices: held,
            });
        }
    }
    devices.sort_unstable();
    let running = running
        .into_iter()
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        });
    (running.collect(), devices)
}

pub(super) fn task_of(placement: &PlacementFile, jobs: &[Job], tasks: &[Task]) -> TaskIdx {
    let job = jobs.binary_search_by(|job| job.id.as_str().cmp(&placement.job));
    let job = &jobs[job.expect("placements name jobs that exist")];
    let name = (placement.task.as_str(), placement.shard.as_deref());
    let task = (job.tasks).binary_search_by(|task| name_in_file(&tasks[task.at()]).cmp(&name));
    job.tasks[task.expect("placements name tasks that exist")]
}

/// The ids of a task and of its shard.
fn name_in_file(task: &Task) -> (&str, Option<&str>) {
    let shard = task.shard.as_ref().map(|shard| shard.id.as_str());
    (task.file_id(), shard)
}
