//! Who sends what to whom, and how far that goes.

use std::collections::BTreeMap;

use apportion_cluster::{
    AgentIdx, Cluster, Edge, EdgeLoad, FrameworkIdx, LevelIdx, Running, TaskIdx,
};

/// What edges carry, by how far apart their ends are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Carried {
    /// Within an agent.
    pub within_agent: f64,
    /// Between agents of one rack.
    pub within_rack: f64,
    /// Between racks.
    pub across_racks: f64,
}

impl Carried {
    /// What leaves an agent.
    #[must_use]
    pub fn moved(self) -> f64 {
        self.within_rack + self.across_racks
    }
}

/// What an edge carries in all.
#[must_use]
pub fn amount(edge: &Edge) -> i64 {
    match edge.load {
        EdgeLoad::MibPerSecond(rate) => rate,
        EdgeLoad::Mib(amount) => amount,
    }
}

/// The edges of a framework's jobs.
pub fn edges(cluster: &Cluster, framework: FrameworkIdx) -> impl Iterator<Item = &Edge> {
    let jobs = cluster.framework(framework).jobs.iter();
    jobs.flat_map(|&job| &cluster.job(job).edges)
}

/// Instances by agent, for each task that has any in place.
pub type Places = BTreeMap<TaskIdx, BTreeMap<AgentIdx, i64>>;

/// Where instances are.
#[must_use]
pub fn places(placements: &[Running]) -> Places {
    let mut places = Places::new();
    for placed in placements {
        let of_task = places.entry(placed.task).or_default();
        *of_task.entry(placed.agent).or_insert(0) += placed.instances;
    }
    places
}

/// Calls `each` with the agents and the amount of every part of an edge, one part for each pair of agents.
pub fn parts(
    cluster: &Cluster,
    edge: &Edge,
    places: &Places,
    mut each: impl FnMut(AgentIdx, AgentIdx, f64),
) {
    let wanted = |task: TaskIdx| cluster.task(task).instances.max(1) as f64;
    let per_pair = amount(edge) as f64 / wanted(edge.from) / wanted(edge.to);
    let of = |task: TaskIdx| places.get(&task).into_iter().flatten();
    for (&from, &senders) in of(edge.from) {
        for (&to, &receivers) in of(edge.to) {
            each(from, to, per_pair * senders as f64 * receivers as f64);
        }
    }
}

/// What an edge carries between instances in place.
#[must_use]
pub fn carried(
    cluster: &Cluster,
    edge: &Edge,
    places: &Places,
    level: Option<LevelIdx>,
) -> Carried {
    let mut carried = Carried::default();
    parts(cluster, edge, places, |from, to, part| {
        let near =
            level.is_some_and(|level| cluster.domain(from, level) == cluster.domain(to, level));
        if from == to {
            carried.within_agent += part;
        } else if near {
            carried.within_rack += part;
        } else {
            carried.across_racks += part;
        }
    });
    carried
}
