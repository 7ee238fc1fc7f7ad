//! Small clusters with units and shards, and what the policy says of placements there.

use std::collections::BTreeMap;

use apportion_cluster::{
    Agent, AgentIdx, Cluster, DomainIdx, Fairness, Framework, FrameworkIdx, Job, JobIdx, Level,
    LevelIdx, Proposal, Quantities, Role, RoleIdx, Running, RunningUnit, Shard, Slice, Task,
    TaskIdx, Unit, UnitIdx, Volume,
};
use apportion_models::assignment::{LadderOptions, Placement, solve};
use apportion_models::default_solver;

use crate::contract::{Formulation, Policy};
use crate::storage::Storage;

pub(super) const RACK: LevelIdx = LevelIdx(0);

/// Agents by (rack, cpu), units by (agent, rack, amounts), and shards of one job, whose replicas take one cpu each.
pub(super) fn cluster(
    agents: &[(u32, i64)],
    units: &[(Option<u32>, u32, [i64; 3])],
    shards: Vec<(i64, Shard)>,
) -> Cluster {
    let all = agents
        .iter()
        .map(|it| it.0)
        .chain(units.iter().map(|it| it.1));
    let n_racks = all.map(|rack| rack + 1).max().unwrap_or(0);
    let agent = |(at, &(rack, cpu)): (usize, &(u32, i64))| Agent {
        id: format!("a{at}"),
        capacity: Quantities(vec![cpu]),
        devices: Vec::new(),
        domains: vec![DomainIdx(rack)],
        attributes: BTreeMap::new(),
        dedicated: None,
        cordoned: false,
        speed: 1000,
    };
    let unit = |(at, &(agent, rack, amounts)): (usize, &(Option<u32>, u32, [i64; 3]))| Unit {
        id: format!("u{at}"),
        agent: agent.map(AgentIdx),
        domains: vec![DomainIdx(rack)],
        amounts,
    };
    let tasks = shards.into_iter().map(|(replicas, shard)| Task {
        id: format!("server/{}", shard.id),
        job: JobIdx(0),
        instances: replicas,
        value: 1,
        work_ms: None,
        demand: Quantities(vec![1]),
        devices: Vec::new(),
        attributes: Vec::new(),
        agents: None,
        tolerates: Vec::new(),
        groups: Vec::new(),
        limits: Vec::new(),
        spreads: Vec::new(),
        phase: None,
        shard: Some(shard),
    });
    let tasks: Vec<Task> = tasks.collect();
    Cluster {
        name: "test".to_owned(),
        digest: String::new(),
        fairness: Fairness::Nash,
        resources: vec!["cpu_milli".to_owned()],
        devices: Vec::new(),
        levels: vec![Level {
            name: "rack".to_owned(),
            declared: true,
            domains: (0..n_racks).map(|rack| format!("r{rack}")).collect(),
        }],
        agents: agents.iter().enumerate().map(agent).collect(),
        roles: vec![Role::new("all", 1.0, 1)],
        frameworks: vec![Framework {
            id: "db".to_owned(),
            policy: "storage".to_owned(),
            role: RoleIdx(0),
            weight: 1.0,
            parameters: BTreeMap::new(),
            jobs: vec![JobIdx(0)],
        }],
        jobs: vec![Job {
            id: "pg".to_owned(),
            framework: FrameworkIdx(0),
            priority: 0,
            gang_min: None,
            min_available: None,
            max_moves: None,
            waited_ms: 0,
            edges: Vec::new(),
            tasks: (0..tasks.len()).map(TaskIdx::of).collect(),
        }],
        tasks,
        groups: Vec::new(),
        blocks: Vec::new(),
        running: Vec::new(),
        running_devices: Vec::new(),
        units: units.iter().enumerate().map(unit).collect(),
        running_units: Vec::new(),
    }
}

/// A shard with volumes by (MiB, unit).
pub(super) fn shard(id: &str, need: [i64; 3], volumes: &[(i64, Option<u32>)]) -> Shard {
    let volume = |(at, &(mib, unit)): (usize, &(i64, Option<u32>))| Volume {
        id: format!("v{at}"),
        mib,
        unit: unit.map(UnitIdx),
    };
    let all: i64 = volumes.iter().map(|it| it.0).sum();
    Shard {
        id: id.to_owned(),
        task: "server".to_owned(),
        need: [need[0].max(all), need[1], need[2]],
        distinct: None,
        volumes: volumes.iter().enumerate().map(volume).collect(),
    }
}

pub(super) fn formulate(cluster: &Cluster) -> Formulation {
    let formulation = Storage
        .formulate(&Slice::whole(cluster, FrameworkIdx(0)))
        .unwrap();
    formulation.assignment.validate().unwrap();
    formulation
}

/// Replicas of the only shard by (agent, unit).
pub(super) fn proposal(places: &[(u32, u32)]) -> Proposal {
    let mut proposal = Proposal::default();
    for &(agent, unit) in places {
        let (task, agent) = (TaskIdx(0), AgentIdx(agent));
        proposal.placements.push(Running {
            task,
            agent,
            instances: 1,
        });
        proposal.units.push(RunningUnit {
            task,
            agent,
            unit: UnitIdx(unit),
            instances: 1,
        });
    }
    proposal.placements.sort_unstable();
    proposal.units.sort_unstable();
    proposal
}

/// Rows that replicas of the only shard break there.
pub(super) fn broken(cluster: &Cluster, places: &[(u32, u32)]) -> Vec<String> {
    let formulation = formulate(cluster);
    let placement = formulation.placement(&proposal(places));
    let faults = formulation.assignment.faults(&placement);
    let rows = faults.iter().filter_map(|fault| fault.row());
    let mut rows: Vec<String> = rows.map(str::to_owned).collect();
    rows.sort();
    rows.dedup();
    rows
}

/// What stages say of replicas there.
pub(super) fn values(cluster: &Cluster, places: &[(u32, u32)]) -> Vec<f64> {
    let formulation = formulate(cluster);
    let placement = formulation.placement(&proposal(places));
    let values = formulation.assignment.values(&placement).into_iter();
    let values = values.enumerate();
    values
        .map(|(stage, value)| formulation.stage_value(stage, value))
        .collect()
}

pub(super) fn solved(cluster: &Cluster) -> (Formulation, Placement) {
    let formulation = formulate(cluster);
    let options = LadderOptions::new(default_solver());
    let placement = solve(&formulation.assignment, None, &options).placement;
    (formulation, placement)
}

/// Pairs enough for classes: 400 agents in two racks, of which only two of the second hold a replica of the first shard.
pub(super) fn of_classes(
    units: &[(Option<u32>, u32, [i64; 3])],
    shards: Vec<(i64, Shard)>,
) -> Cluster {
    let agents: Vec<(u32, i64)> = (0..400)
        .map(|at| (u32::from(at >= 200), if at >= 398 { 2 } else { 1 }))
        .collect();
    let mut cluster = cluster(&agents, units, shards);
    cluster.tasks[0].demand = Quantities(vec![2]);
    cluster
}

/// The bin of a unit and a class of agents, by one of them.
pub(super) fn bin(formulation: &Formulation, unit: u32, agent: u32) -> u32 {
    let mut places = (0_u32..).zip(&formulation.places.bins);
    let found = places.find(|(_, place)| {
        place.unit == Some(UnitIdx(unit)) && place.agents.contains(&AgentIdx(agent))
    });
    found.unwrap().0
}
