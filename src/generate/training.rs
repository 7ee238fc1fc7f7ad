//! Agents with GPUs, and jobs of the policy `ml` for them.
//!
//! In every second rack, every second agent is a host of GPUs, and of a model drawn for the rack. Jobs ask for parts of a GPU,
//! one, or several; half of them name the models that they may use, the preferred one with twice the throughput.
//! Half of the jobs of several instances are gangs, fixed or elastic, of at most sixteen.

use std::collections::BTreeMap;

use apportion_cluster::WHOLE_DEVICE;
use apportion_cluster::file::{
    AgentFile, Amounts, DeviceNeedFile, DevicesFile, FrameworkFile, GangFile, JobFile, ModelFile,
    TaskFile,
};

use super::RACK;
use super::demands::{Demand, share_out, size, weights};
use super::options::GenerateOptions;
use super::random::Random;

/// The kind of every device.
const GPU: &str = "gpu";
/// Most instances that a gang needs.
const LARGEST_GANG: i64 = 16;

/// A host of GPUs.
struct Host {
    model: &'static str,
    gpus: i64,
    cores: i64,
    gib: i64,
}

const HOSTS: [Host; 5] = [
    host("T4", 4, 64, 256),
    host("A10", 4, 96, 384),
    host("V100", 8, 96, 768),
    host("A100", 8, 128, 1_024),
    host("H100", 8, 192, 2_048),
];

const fn host(model: &'static str, gpus: i64, cores: i64, gib: i64) -> Host {
    Host {
        model,
        gpus,
        cores,
        gib,
    }
}

/// Makes some of the agents hosts of GPUs.
pub(super) fn add_devices(agents: &mut [AgentFile], random: &mut Random) {
    for (number, rack) in agents.chunks_mut(RACK).enumerate() {
        // Drawn for every rack, so that a rack's model does not depend on how many there are.
        let host = random.pick(&HOSTS);
        if number % 2 == 1 {
            continue;
        }
        for agent in rack.iter_mut().step_by(2) {
            agent.devices = vec![DevicesFile {
                name: GPU.to_owned(),
                model: Some(host.model.to_owned()),
                count: host.gpus,
            }];
            let amounts = [
                ("cpu_milli", host.cores * 1_000),
                ("memory_mib", host.gib * 1_024),
            ];
            let amounts = amounts.map(|(name, amount)| (name.to_owned(), amount));
            agent.resources.extend(amounts);
        }
    }
}

/// What one instance needs.
struct Shape {
    need: DeviceNeedFile,
    pub(super) resources: Amounts,
}

impl Shape {
    fn milli(&self) -> i64 {
        self.need.count * self.need.milli
    }
}

/// Models with the most GPUs that one agent has of each, in the order of their names.
fn models(agents: &[AgentFile]) -> BTreeMap<&str, i64> {
    let devices = agents.iter().flat_map(|agent| &agent.devices);
    devices
        .map(|it| (it.model.as_deref().unwrap_or_default(), it.count))
        .collect()
}

fn shapes(n_shapes: usize, models: &BTreeMap<&str, i64>, random: &mut Random) -> Vec<Shape> {
    let largest = models.values().copied().max().unwrap_or(1);
    let shape = |_| {
        let wanted = [
            (1, 250),
            (1, 400),
            (1, 500),
            (1, 600),
            (1, WHOLE_DEVICE),
            (1, WHOLE_DEVICE),
            (2, WHOLE_DEVICE),
            (4, WHOLE_DEVICE),
            (8, WHOLE_DEVICE),
        ];
        let &(count, milli) = random.pick(&wanted);
        let count: i64 = count;
        let count = count.min(largest);
        let large: Vec<&str> = (models.iter())
            .filter(|(_, most)| **most >= count)
            .map(|(model, _)| *model)
            .collect();
        let named = (random.one_in(2) && !large.is_empty()).then(|| named(&large, random));
        // 2 to 8 cores a GPU, and 4 GiB a core: what hosts have at least.
        let cpu = random.pick(&[2_000, 4_000, 8_000]) * count * milli / WHOLE_DEVICE;
        let resources = [("cpu_milli", cpu), ("memory_mib", cpu * 4_096 / 1_000)];
        Shape {
            need: DeviceNeedFile {
                name: GPU.to_owned(),
                count,
                milli,
                models: named,
            },
            resources: resources
                .map(|(name, amount)| (name.to_owned(), amount))
                .into(),
        }
    };
    (0..n_shapes).map(shape).collect()
}

/// One model, or a preferred one and another.
fn named(models: &[&str], random: &mut Random) -> Vec<ModelFile> {
    let first = random.below(models.len());
    let second = random.below(models.len());
    let choice = |at: usize, throughput| ModelFile {
        model: models[at].to_owned(),
        throughput,
    };
    if first == second {
        vec![choice(first, 1_000)]
    } else {
        vec![choice(first, 2_000), choice(second, 1_000)]
    }
}

/// Jobs of `frameworks`, in turn: `n_jobs`, of `instances` if so many are asked for, else of as many as take the load of
/// the GPUs.
pub(super) fn jobs(
    options: &GenerateOptions,
    (n_jobs, instances): (usize, Option<usize>),
    frameworks: &[FrameworkFile],
    agents: &[AgentFile],
    random: &mut Random,
) -> Vec<JobFile> {
    let shapes = shapes(options.shapes.max(1), &models(agents), random);
    let mut demands = weights(n_jobs, shapes.len(), random);
    match instances {
        Some(instances) => share_out(instances, &mut demands),
        None => fill(options, &shapes, agents, &mut demands),
    }
    let job = |(at, demand): (usize, &Demand)| {
        let shape = &shapes[demand.shape];
        let instances = demand.instances;
        let gang = (instances > 1 && random.one_in(2)).then(|| {
            let whole = random.one_in(2);
            let most = instances.min(LARGEST_GANG);
            GangFile {
                min_instances: if whole { most } else { (most / 2).max(1) },
            }
        });
        JobFile {
            id: format!("training-{:05}", at + 1),
            framework: frameworks[at % frameworks.len()].id.clone(),
            priority: *random.pick(&[0, 0, 0, 0, 0, 0, 0, 10, 10, 100]),
            gang,
            tasks: vec![TaskFile {
                id: "worker".to_owned(),
                instances,
                value: shape.milli(),
                resources: shape.resources.clone(),
                devices: vec![shape.need.clone()],
                ..TaskFile::default()
            }],
            ..JobFile::default()
        }
    };
    demands.iter().enumerate().map(job).collect()
}

/// Sizes jobs so that they ask for the load of the GPUs of agents that are open to all.
fn fill(options: &GenerateOptions, shapes: &[Shape], agents: &[AgentFile], demands: &mut [Demand]) {
    let open = agents
        .iter()
        .filter(|it| it.dedicated.is_none() && !it.cordoned);
    let devices = open.flat_map(|agent| &agent.devices);
    let capacity: i64 = devices.map(|it| it.count * WHOLE_DEVICE).sum();
    let wanted = i128::from(capacity) * options.load_milli() / 1_000;
    let asked = demands
        .iter()
        .map(|it| it.weight * i128::from(shapes[it.shape].milli()));
    let asked: i128 = asked.sum::<i128>().max(1);
    size(demands, wanted, asked);
}
