//! The snapshot after a plan.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;
use apportion_cluster::file::{JobFile, PlacementFile, SnapshotFile};
use apportion_cluster::plan::PlanFile;

/// Why a plan cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The plan answers another snapshot.
    #[error("the plan was made for the snapshot with digest {plan}, and this one has {snapshot}")]
    OtherSnapshot {
        /// Digest that the plan bears.
        plan: String,
        /// Digest of the snapshot.
        snapshot: String,
    },
    /// A placement names something that the snapshot does not have.
    #[error("placements[{position}] names the {kind} `{name}`, which the snapshot does not have")]
    Unknown {
        /// Position in the plan's placements.
        position: usize,
        /// `agent`, `job` or `task`.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

/// The snapshot with the plan's placements as what runs; everything else is kept as written. Of instances that follow one another, those that
/// start now run.
///
/// # Errors
/// If the plan bears another digest, or names something that the snapshot does not have.
pub fn apply(
    file: &SnapshotFile,
    cluster: &Cluster,
    plan: &PlanFile,
) -> Result<SnapshotFile, ApplyError> {
    if plan.snapshot_digest != cluster.digest {
        let (plan, snapshot) = (plan.snapshot_digest.clone(), cluster.digest.clone());
        return Err(ApplyError::OtherSnapshot { plan, snapshot });
    }
    let tasks = |job: &JobFile| -> Vec<String> {
        let shapes = job.shapes();
        shapes.iter().map(|(task, _)| task.id.clone()).collect()
    };
    let jobs: BTreeMap<&str, Vec<String>> = (file.jobs.iter())
        .map(|job| (job.id.as_str(), tasks(job)))
        .collect();
    let agents: std::collections::BTreeSet<&str> =
        file.agents.iter().map(|agent| agent.id.as_str()).collect();
    for (position, placed) in plan.placements.iter().enumerate() {
        let unknown = |kind, name: &String| ApplyError::Unknown {
            position,
            kind,
            name: name.clone(),
        };
        let tasks = jobs
            .get(placed.job.as_str())
            .ok_or_else(|| unknown("job", &placed.job))?;
        if !tasks.contains(&placed.task) {
            return Err(unknown("task", &placed.task));
        }
        if !agents.contains(placed.agent.as_str()) {
            return Err(unknown("agent", &placed.agent));
        }
    }
    // What follows later is planned anew when it is due.
    let starts = plan.placements.iter();
    let starts = starts.filter(|placed| placed.start_ms.is_none_or(|start| start == 0));
    let mut running: Vec<PlacementFile> = Vec::new();
    for placed in starts {
        let placed = PlacementFile {
            start_ms: None,
            end_ms: None,
            ..placed.clone()
        };
        let key = |it: &PlacementFile| {
            let what = (it.job.clone(), it.task.clone(), it.shard.clone());
            (what, it.agent.clone(), it.unit.clone())
        };
        match running.last_mut() {
            Some(last) if placed.devices.is_empty() && key(last) == key(&placed) => {
                last.instances += placed.instances;
            }
            _ => running.push(placed),
        }
    }
    Ok(SnapshotFile {
        placements: running,
        ..file.clone()
    })
}
