//! What a `workflow` framework's tasks send to each other: values, bounds, and what follows what.

mod exchange;
mod least;
mod paths;
mod times;
mod values;

use apportion_cluster::{Edge, EdgeLoad};

use super::report::Findings;
use super::stages::Measure;
use super::state::{State, TimedCount, total};

/// A framework's edges and what its parameters say of them.
pub(super) struct Flows<'s> {
    state: &'s State<'s>,
    framework: usize,
    /// Position of the level that counts as rack.
    level: Option<usize>,
    pub wants_traffic_first: bool,
    /// What flows between agents costs, and what flows between racks costs on top.
    weights: (i128, i128),
    /// MiB per second within a rack, and beyond.
    network: (i128, i128),
}

impl<'s> Flows<'s> {
    pub(super) fn of(state: &'s State<'s>, framework: usize) -> Self {
        let cluster = state.cluster;
        let parameters = &cluster.frameworks[framework].parameters;
        let number = |key: &str| parameters.get(key).and_then(serde_json::Value::as_i64);
        let level = parameters.get("level").and_then(serde_json::Value::as_str);
        let level = level.unwrap_or("rack");
        let mut levels = cluster.levels.iter();
        let mut least = None;
        for (at, name) in cluster.resources.iter().enumerate() {
            for agent in &cluster.agents {
                let rate = agent.capacity.0[at];
                if name == "network_mib_s" && rate > 0 {
                    least = Some(least.map_or(rate, |least: i64| least.min(rate)));
                }
            }
        }
        let within = number("within_rack_mib_s").unwrap_or(least.unwrap_or(125).min(1_000_000_000));
        let across = number("across_racks_mib_s").unwrap_or((within / 2).max(1));
        Self {
            state,
            framework,
            level: levels.position(|it| it.declared && it.name == level),
            wants_traffic_first: parameters.get("order").and_then(serde_json::Value::as_str)
                == Some("traffic"),
            weights: (
                number("agent_weight").unwrap_or(1).into(),
                number("rack_weight").unwrap_or(1).into(),
            ),
            network: (within.max(1).into(), across.max(1).into()),
        }
    }

    fn edges(&self) -> impl Iterator<Item = &'s Edge> {
        let cluster = self.state.cluster;
        let jobs = cluster.frameworks[self.framework].jobs.iter();
        jobs.flat_map(|job| &cluster.jobs[job.at()].edges)
    }

    pub(super) fn is_batch(&self) -> bool {
        let tasks = self.state.tasks_of(self.framework);
        let mut tasks = tasks.into_iter();
        tasks.any(|task| self.state.cluster.tasks[task].work_ms.is_some())
    }

    pub(super) fn has_edges(&self) -> bool {
        self.edges().next().is_some()
    }

    /// The measures after those of placing, with their names.
    pub(super) fn stages(&self) -> Vec<(String, Measure)> {
        let has_racks = self.level.is_some();
        let traffic = |agents, racks, quality| Measure::Traffic {
            agents,
            racks,
            quality,
        };
        let makespan = |quality| ("makespan".to_owned(), Measure::Makespan { quality });
        let mut stages = Vec::new();
        if !self.is_batch() {
            if self.has_edges() {
                let (agents, racks) = self.weights;
                stages.push(("traffic".to_owned(), traffic(agents, racks, true)));
            }
            stages.push(("agents_used".to_owned(), Measure::AgentsUsed));
            return stages;
        }
        let first = self.wants_traffic_first;
        let between_racks = match has_racks {
            true => traffic(0, 1, first),
            false => traffic(1, 0, first),
        };
        stages.push(makespan(!first));
        stages.push(("traffic".to_owned(), between_racks));
        if first {
            stages.reverse();
        }
        if has_racks {
            stages.push(("traffic_within".to_owned(), traffic(1, -1, false)));
        }
        stages.push(("completion".to_owned(), Measure::Completion));
        stages
    }

    fn are_near(&self, one: usize, other: usize) -> bool {
        let domain = |agent: usize, level: usize| self.state.cluster.agents[agent].domains[level];
        self.level
            .is_some_and(|level| domain(one, level) == domain(other, level))
    }

    fn amount(edge: &Edge) -> i128 {
        match edge.load {
            EdgeLoad::MibPerSecond(amount) | EdgeLoad::Mib(amount) => amount.into(),
        }
    }

    fn wanted(&self, task: usize) -> i128 {
        self.state.wanted(task).max(1)
    }

    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - total(&self.state.kept[task])).max(0)
    }

    /// What the pending instances of both ends exchange, rounded up.
    fn pending_amount(&self, edge: &Edge) -> i128 {
        let (from, to) = (edge.from.at(), edge.to.at());
        let all = self.wanted(from) * self.wanted(to);
        (Self::amount(edge) * self.pending(from) * self.pending(to) + all - 1) / all
    }

    fn times(&self, task: usize) -> impl Iterator<Item = &'s TimedCount> {
        self.state.times.iter().filter(move |it| it.task == task)
    }

    /// The weight of what flows between racks; nothing where no level counts as rack.
    fn beyond(&self, racks: i128) -> i128 {
        if self.level.is_some() { racks } else { 0 }
    }
}

/// What follows what, in every framework; only `workflow` has tasks that do.
pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    for (at, framework) in state.cluster.frameworks.iter().enumerate() {
        if framework.policy == "workflow" {
            Flows::of(state, at).check(findings);
        }
    }
}
