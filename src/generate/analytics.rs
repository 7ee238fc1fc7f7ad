//! Jobs of the policy `mapreduce`, and the blocks that they read.
//!
//! A job has seven maps for each reduce instance. Every map reads a block of its own, of which there are three copies: on an
//! agent, and on two others that share another rack, as HDFS places them. One block in eight is hot: it has its first copy on
//! one of a few agents.

use apportion_cluster::file::{
    AgentFile, BlockFile, FrameworkFile, JobFile, MapFile, ReduceFile, TaskFile,
};

use super::demands::Demand;
use super::random::Random;
use super::shapes::Shape;

/// The size of every block, in MiB.
const BLOCK_MIB: i64 = 128;
/// Instances of a job for each reduce instance.
const PER_REDUCE: i64 = 8;
/// Agents that hold hot blocks, one in so many.
const HOT: usize = 20;

/// Jobs with these demands, and their blocks.
pub(super) fn jobs(
    demands: &[Demand],
    shapes: &[Shape],
    frameworks: &[FrameworkFile],
    agents: &[AgentFile],
    random: &mut Random,
) -> (Vec<JobFile>, Vec<BlockFile>) {
    let mut blocks = Vec::new();
    let mut jobs = Vec::new();
    for (at, demand) in demands.iter().enumerate() {
        let id = format!("analysis-{:05}", at + 1);
        let resources = &shapes[demand.shape].resources;
        let reduces = demand.instances / PER_REDUCE;
        let maps = demand.instances - reduces;
        let work_ms = *random.pick(&[5_000, 10_000, 20_000, 40_000]);
        let map = |number: i64| {
            let block = block(&format!("{id}-{number:06}"), agents, random);
            let inputs = vec![block.id.clone()];
            blocks.push(block);
            TaskFile {
                id: format!("map-{number:06}"),
                instances: 1,
                value: 1,
                resources: resources.clone(),
                map: Some(MapFile {
                    inputs,
                    work_ms,
                    remote_penalty_ms: work_ms / 4,
                }),
                ..TaskFile::default()
            }
        };
        let mut tasks: Vec<TaskFile> = (1..=maps).map(map).collect();
        if reduces > 0 {
            tasks.push(TaskFile {
                id: "reduce".to_owned(),
                instances: reduces,
                value: 1,
                resources: resources.clone(),
                reduce: Some(ReduceFile {
                    shuffle_mib_total: Some(maps * BLOCK_MIB / random.pick(&[1, 4, 16])),
                    work_ms: 2 * work_ms,
                    ..ReduceFile::default()
                }),
                ..TaskFile::default()
            });
        }
        jobs.push(JobFile {
            id,
            framework: frameworks[at % frameworks.len()].id.clone(),
            waited_ms: *random.pick(&[0, 0, 1_000, 30_000]),
            tasks,
            ..JobFile::default()
        });
    }
    (jobs, blocks)
}

fn block(id: &str, agents: &[AgentFile], random: &mut Random) -> BlockFile {
    let mut replicas = Vec::new();
    if !agents.is_empty() {
        let reach = match random.one_in(8) {
            true => agents.len().div_ceil(HOT),
            false => agents.len(),
        };
        let first = &agents[random.below(reach)];
        let second = &agents[random.below(agents.len())];
        let rack = |agent: &AgentFile| agent.domains.get("rack").cloned();
        let mates: Vec<&AgentFile> = (agents.iter())
            .filter(|agent| rack(agent) == rack(second))
            .collect();
        let third = *random.pick(&mates);
        replicas = [first, second, third].map(|it| it.id.clone()).to_vec();
        replicas.sort_unstable();
        replicas.dedup();
    }
    BlockFile {
        id: format!("block-{id}"),
        mib: BLOCK_MIB,
        replicas,
    }
}
