//! Storage units, shards, and where replicas keep their data.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use apportion_cluster::file::{AgentFile, ShardFile, SnapshotFile, UnitFile};
use apportion_cluster::{
    Agent, AgentIdx, DomainIdx, Job, Level, RunningUnit, Shard, Task, TaskIdx, Unit, UnitIdx,
    Volume,
};

use super::agents::domain_of;
use super::positions::Positions;
use super::running::task_of;

/// The domain of a unit at a level: as it states it, or its agent's, or its own.
fn domain<'f>(
    unit: &'f UnitFile,
    agent: Option<&'f AgentFile>,
    name: &str,
    declared: bool,
) -> Cow<'f, str> {
    match (unit.domains.get(name), agent) {
        (Some(domain), _) if declared && name != "agent" => Cow::Borrowed(domain),
        (_, Some(agent)) => domain_of(agent, name, declared),
        _ => Cow::Owned(format!("unit:{}", unit.id)),
    }
}

/// The domains of all units at a level.
pub(super) fn domains_of_units<'f>(
    file: &'f SnapshotFile,
    name: &str,
    declared: bool,
) -> Vec<Cow<'f, str>> {
    if file.data.units.is_empty() {
        return Vec::new();
    }
    let agents: HashMap<&str, &AgentFile> = file
        .agents
        .iter()
        .map(|agent| (agent.id.as_str(), agent))
        .collect();
    let units = file.data.units.iter();
    let domain = |unit: &'f UnitFile| {
        let agent = unit.agent.as_ref().map(|agent| agents[agent.as_str()]);
        domain(unit, agent, name, declared)
    };
    units.map(domain).collect()
}

pub(super) fn units(
    file: &SnapshotFile,
    levels: &[Level],
    agents: &[Agent],
    positions: &Positions<'_>,
) -> Vec<Unit> {
    let unit = |unit: &UnitFile| {
        let agent = unit.agent.as_ref().map(|id| positions.agents[id.as_str()]);
        let domain = |(at, level): (usize, &Level)| {
            let stated = unit.domains.get(&level.name);
            let stated = stated.filter(|_| level.declared && level.name != "agent");
            if let (None, Some(agent)) = (stated, agent) {
                return agents[agent.at()].domains[at];
            }
            let name = stated.map_or_else(|| format!("unit:{}", unit.id), Clone::clone);
            let found = level.domains.binary_search(&name);
            DomainIdx::of(found.expect("domains were collected from all units"))
        };
        Unit {
            id: unit.id.clone(),
            agent,
            domains: levels.iter().enumerate().map(domain).collect(),
            amounts: [unit.capacity_mib, unit.iops, unit.mib_s],
        }
    };
    file.data.units.iter().map(unit).collect()
}

/// The task that a shard of a shape is.
pub(super) fn shard(shape: &Task, shard: &ShardFile, positions: &Positions<'_>) -> Task {
    let volumes = shard.volumes.iter().map(|volume| Volume {
        id: volume.id.clone(),
        mib: volume.mib,
        unit: volume
            .unit
            .as_ref()
            .map(|unit| positions.units[unit.as_str()]),
    });
    let volumes: Vec<Volume> = volumes.collect();
    let all: i64 = volumes.iter().map(|volume| volume.mib).sum();
    Task {
        id: format!("{}/{}", shape.id, shard.id),
        instances: shard.replicas,
        shard: Some(Shard {
            id: shard.id.clone(),
            task: shape.id.clone(),
            need: [shard.disk_mib.max(all), shard.iops, shard.mib_s],
            distinct: shard
                .distinct
                .as_ref()
                .map(|level| positions.levels[level.as_str()]),
            volumes,
        }),
        ..shape.clone()
    }
}

/// Where running replicas keep their data.
pub(super) fn running(
    file: &SnapshotFile,
    positions: &Positions<'_>,
    jobs: &[Job],
    tasks: &[Task],
) -> Vec<RunningUnit> {
    let mut running: BTreeMap<(TaskIdx, AgentIdx, UnitIdx), i64> = BTreeMap::new();
    for placement in &file.placements {
        if let Some(unit) = &placement.unit {
            let task = task_of(placement, jobs, tasks);
            let agent = positions.agents[placement.agent.as_str()];
            let unit = positions.units[unit.as_str()];
            *running.entry((task, agent, unit)).or_default() += placement.instances;
        }
    }
    let entry = |((task, agent, unit), instances)| RunningUnit {
        task,
        agent,
        unit,
        instances,
    };
    running.into_iter().map(entry).collect()
}
