//! A cluster in the words of online planning: a fleet, the shape of each task, and the population.
//!
//! The fleet knows one kind of device one by one: the one that tasks ask for most. Devices of other kinds are
//! resources to it, by their totals; that single devices have room is up to the filter.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, DeviceIdx, DeviceNeed, Task};
use apportion_policies::online::{Agent, Fleet, Population, Shape};

use super::super::state::State;

/// What a cluster is for the planner.
pub(super) struct Mapped {
    /// Agents as the running state leaves them, in the order of the cluster.
    pub fleet: Fleet,
    /// The shape of each task, as a position in the fleet's.
    pub shape_of: Vec<usize>,
    /// The shapes of all tasks, weighed by their instances.
    pub population: Population,
    /// The kind of device that the fleet knows one by one.
    pub kind: Option<DeviceIdx>,
}

impl Mapped {
    pub(super) fn new(state: &State<'_>) -> Self {
        let cluster = state.cluster;
        let kind = main_kind(cluster);
        let words = Words {
            cluster,
            kind,
            columns: columns(cluster, kind),
            models: models(cluster, kind),
        };
        let mut shapes: Vec<Shape> = Vec::new();
        let mut known: BTreeMap<Shape, usize> = BTreeMap::new();
        let shape_of: Vec<usize> = cluster
            .tasks
            .iter()
            .map(|task| {
                let shape = words.shape(task);
                *known.entry(shape.clone()).or_insert_with(|| {
                    shapes.push(shape);
                    shapes.len() - 1
                })
            })
            .collect();
        let agents = words.agents(state, &shapes, &shape_of);
        let mut weights = vec![0.0; shapes.len()];
        for (task, &shape) in cluster.tasks.iter().zip(&shape_of) {
            weights[shape] += task.instances.max(0) as f64;
        }
        let weighted: Vec<(Shape, f64)> = shapes
            .iter()
            .cloned()
            .zip(weights)
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        Self {
            fleet: Fleet::new(agents, shapes)
                .expect("amounts of a snapshot are not negative, and agents list the same ones"),
            shape_of,
            population: Population::new(&weighted).expect("weights of 0 are left out"),
            kind,
        }
    }
}

/// The kind of which tasks ask for the most thousandths; the first among equals.
fn main_kind(cluster: &Cluster) -> Option<DeviceIdx> {
    let mut wanted = vec![0_i128; cluster.devices.len()];
    for task in &cluster.tasks {
        for need in &task.devices {
            wanted[need.kind.at()] += i128::from(need.total_milli()) * i128::from(task.instances);
        }
    }
    let kinds = (0..wanted.len()).rev();
    kinds.max_by_key(|&kind| wanted[kind]).map(DeviceIdx::of)
}

/// Positions of the resources that the fleet counts: CPU first, which is what rules look at, and without the
/// total of the devices that it knows one by one.
fn columns(cluster: &Cluster, kind: Option<DeviceIdx>) -> Vec<usize> {
    let total = kind.and_then(|kind| cluster.device_total(kind));
    let names = &cluster.resources;
    let mut columns: Vec<usize> = (0..names.len()).filter(|&at| total != Some(at)).collect();
    columns.sort_by_key(|&at| names[at] != "cpu_milli");
    columns
}

/// A number for each model of a kind, of agents and of tasks.
fn models(cluster: &Cluster, kind: Option<DeviceIdx>) -> BTreeMap<&str, u32> {
    let of_agents = cluster
        .agents
        .iter()
        .flat_map(|agent| &agent.devices)
        .filter(|devices| Some(devices.kind) == kind)
        .map(|devices| devices.model.as_str());
    let of_tasks = cluster
        .tasks
        .iter()
        .flat_map(|task| &task.devices)
        .filter(|need| Some(need.kind) == kind)
        .flat_map(|need| &need.models)
        .map(|choice| choice.model.as_str());
    let mut models: BTreeMap<&str, u32> = of_agents.chain(of_tasks).map(|it| (it, 0)).collect();
    for (number, model) in (0..).zip(models.values_mut()) {
        *model = number;
    }
    models
}

struct Words<'a> {
    cluster: &'a Cluster,
    kind: Option<DeviceIdx>,
    columns: Vec<usize>,
    models: BTreeMap<&'a str, u32>,
}

impl Words<'_> {
    fn amounts(&self, of: &[i64]) -> Vec<i64> {
        // What is overcommitted has nothing left.
        self.columns.iter().map(|&at| of[at].max(0)).collect()
    }

    fn shape(&self, task: &Task) -> Shape {
        let need: Option<&DeviceNeed> = task
            .devices
            .iter()
            .find(|need| Some(need.kind) == self.kind);
        let mut models: Vec<u32> = need
            .iter()
            .flat_map(|need| &need.models)
            .map(|choice| self.models[choice.model.as_str()])
            .collect();
        models.sort_unstable();
        models.dedup();
        Shape {
            amounts: self.amounts(&task.demand.0),
            devices: need.map_or(0, |need| usize::try_from(need.count).unwrap_or_default()),
            device_milli: need.map_or(0, |need| need.milli),
            models,
        }
    }

    fn agents(&self, state: &State<'_>, shapes: &[Shape], shape_of: &[usize]) -> Vec<Agent> {
        let cluster = self.cluster;
        let mut running: Vec<Vec<&Shape>> = vec![Vec::new(); cluster.agents.len()];
        for held in &cluster.running_devices {
            running[held.agent.at()].push(&shapes[shape_of[held.task.at()]]);
        }
        let agents = cluster.agent_indices().zip(running);
        agents
            .map(|(agent, running)| self.agent(state, agent, running))
            .collect()
    }

    fn agent(&self, state: &State<'_>, agent: AgentIdx, running: Vec<&Shape>) -> Agent {
        let it = self.cluster.agent(agent);
        let position = it
            .devices
            .iter()
            .position(|devices| Some(devices.kind) == self.kind);
        let model = position.map(|at| self.models[it.devices[at].model.as_str()]);
        let free = position.map(|at| state.free_devices[agent.at()][at].clone());
        Agent::in_use(
            self.amounts(&it.capacity.0),
            self.amounts(&state.free[agent.at()].0),
            free.unwrap_or_default(),
            model,
            running,
        )
    }
}
