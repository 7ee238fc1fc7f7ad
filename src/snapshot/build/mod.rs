//! A checked file in canonical form into a [`Cluster`]: names become positions.

mod accounts;
mod agents;
mod positions;
mod running;
mod storage;
mod work;

use apportion_cluster::file::SnapshotFile;
use apportion_cluster::{Block, Cluster, Fairness};

use super::check::Words;
use accounts::{frameworks, roles};
use agents::{agents, levels};
use positions::Positions;
use running::running;
use work::work;

/// The cluster that `file` describes. `file` is in canonical form and free of faults.
pub(super) fn build(file: &SnapshotFile, digest: String) -> Cluster {
    let words = Words::of(file);
    let positions = Positions::of(file, &words);
    let roles = roles(file, &positions);
    let mut groups: Vec<String> = words.groups.iter().map(|&name| name.to_owned()).collect();
    let (jobs, tasks) = work(file, &positions, &mut groups);
    let (running, running_devices) = running(file, &positions, &jobs, &tasks);
    let running_units = storage::running(file, &positions, &jobs, &tasks);
    let cluster = Cluster {
        levels: levels(file, &words),
        agents: Vec::new(),
        frameworks: frameworks(file, &roles, &jobs),
        running,
        running_devices,
        units: Vec::new(),
        running_units,
        resources: positions.resources.clone(),
        devices: positions
            .devices
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        groups,
        fairness: file
            .fairness
            .as_deref()
            .and_then(Fairness::named)
            .unwrap_or_default(),
        blocks: blocks(file, &positions),
        name: file.cluster.clone(),
        digest,
        roles,
        jobs,
        tasks,
    };
    let agents = agents(file, &cluster.levels, &positions);
    let units = storage::units(file, &cluster.levels, &agents, &positions);
    Cluster {
        agents,
        units,
        ..cluster
    }
}

fn blocks(file: &SnapshotFile, positions: &Positions<'_>) -> Vec<Block> {
    let blocks = file.data.blocks.iter().map(|block| {
        let replicas = block.replicas.iter();
        Block {
            id: block.id.clone(),
            mib: block.mib,
            replicas: replicas.map(|id| positions.agents[id.as_str()]).collect(),
        }
    });
    blocks.collect()
}
