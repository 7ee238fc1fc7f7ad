//! First fit decreasing, least loaded, and nearest: replica by replica, on the first pair of an agent and a unit in some order.

use std::collections::BTreeMap;

use apportion_cluster::{
    AgentIdx, Cluster, LevelIdx, Proposal, Quantities, Slice, TaskIdx, UnitAmounts, UnitIdx,
};

/// A way to place replicas, one after the other. All keep every hard rule; none looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StorageBaseline {
    /// Units by name, shards by the largest part of a unit that they take.
    FirstFitDecreasing,
    /// The unit whose fullest resource is least full, as HDFS and Ceph weigh theirs; shards as they come.
    LeastLoaded,
    /// The way to the data and what is copied; shards as they come.
    Nearest,
}

impl StorageBaseline {
    /// Every baseline.
    pub const ALL: [Self; 3] = [Self::FirstFitDecreasing, Self::LeastLoaded, Self::Nearest];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstFitDecreasing => "first-fit-decreasing",
            Self::LeastLoaded => "least-loaded",
            Self::Nearest => "nearest",
        }
    }

    /// What it would place of a slice.
    #[must_use]
    pub fn place(self, slice: &Slice<'_>) -> Proposal {
        let mut table = Table::new(slice);
        let mut pending = slice.pending.clone();
        pending.retain(|&(task, _)| slice.cluster.task(task).shard.is_some());
        if self == Self::FirstFitDecreasing {
            pending.sort_by(|left, right| {
                let (of_left, of_right) = (table.size(left.0), table.size(right.0));
                of_right.total_cmp(&of_left).then(left.0.cmp(&right.0))
            });
        }
        for (task, count) in pending {
            for _ in 0..count {
                let Some((agent, unit)) = table.choose(task, self) else {
                    break;
                };
                table.put(task, agent, unit);
            }
        }
        table.proposal()
    }
}

/// What is free while replicas are placed.
struct Table<'a> {
    slice: &'a Slice<'a>,
    levels: Vec<LevelIdx>,
    units: Vec<UnitAmounts>,
    agents: Vec<(AgentIdx, Quantities)>,
    placed: BTreeMap<(TaskIdx, AgentIdx, UnitIdx), i64>,
}

impl<'a> Table<'a> {
    fn new(slice: &'a Slice<'a>) -> Self {
        let offers = slice.offers.iter();
        Self {
            slice,
            levels: slice.cluster.distance_levels(),
            units: slice.units.clone(),
            agents: offers.map(|it| (it.agent, it.resources.clone())).collect(),
            placed: BTreeMap::new(),
        }
    }

    fn need(&self, task: TaskIdx) -> UnitAmounts {
        let shard = self.slice.cluster.task(task).shard.as_ref();
        shard.map_or([0; 3], |shard| shard.need)
    }

    /// The largest part that a replica takes of all units together.
    fn size(&self, task: TaskIdx) -> f64 {
        let total = |at: usize| {
            let all = self.slice.cluster.units.iter();
            all.map(|unit| unit.amounts[at]).sum::<i64>().max(1) as f64
        };
        let parts = self.need(task).into_iter().enumerate();
        parts
            .map(|(at, need)| need as f64 / total(at))
            .fold(0.0, f64::max)
    }

    /// How full the fullest resource of a unit would be with a replica.
    fn load(&self, task: TaskIdx, unit: UnitIdx) -> f64 {
        let (need, free) = (self.need(task), self.units[unit.at()]);
        let amounts = self.slice.cluster.unit(unit).amounts;
        let part =
            |at: usize| (amounts[at] - free[at] + need[at]) as f64 / amounts[at].max(1) as f64;
        (0..3).map(part).fold(0.0, f64::max)
    }

    /// The best pair that the rules allow.
    fn choose(&self, task: TaskIdx, order: StorageBaseline) -> Option<(AgentIdx, UnitIdx)> {
        let cluster = self.slice.cluster;
        let io = cluster
            .task(task)
            .shard
            .as_ref()
            .map_or(0, |shard| shard.io());
        let others = self.others(task);
        let mut best: Option<(f64, i64, UnitIdx, AgentIdx)> = None;
        for unit in cluster.unit_indices() {
            let need = self.need(task);
            let free = self.units[unit.at()];
            let fits = need.iter().zip(free).all(|(&need, free)| need <= free);
            if !fits || !cluster.unit_is_open(task, unit) {
                continue;
            }
            for (agent, room) in &self.agents {
                let of_task = cluster.task(task);
                if !of_task.demand.fits_in(room)
                    || cluster.refusal(of_task, *agent).is_some()
                    || !is_apart(cluster, others.as_ref(), *agent, unit)
                {
                    continue;
                }
                let hops = cluster.hops(*agent, unit, &self.levels);
                let first = match order {
                    StorageBaseline::FirstFitDecreasing => 0.0,
                    StorageBaseline::LeastLoaded => self.load(task, unit),
                    StorageBaseline::Nearest => (io * hops + cluster.copied_mib(task, unit)) as f64,
                };
                // First fit looks at units before agents; the others take the nearest agent of what is equal.
                let hops = if order == StorageBaseline::FirstFitDecreasing {
                    0
                } else {
                    hops
                };
                let key = (first, hops, unit, *agent);
                let is_better = best.is_none_or(|best| {
                    let order = key.0.total_cmp(&best.0);
                    order
                        .then((key.1, key.2, key.3).cmp(&(best.1, best.2, best.3)))
                        .is_lt()
                });
                if is_better {
                    best = Some(key);
                }
            }
        }
        best.map(|(_, _, unit, agent)| (agent, unit))
    }

    /// Where the replicas of a task are that are placed or stay, if they have to be in different domains: of the level of these.
    fn others(&self, task: TaskIdx) -> Option<(LevelIdx, Vec<(AgentIdx, UnitIdx)>)> {
        let shard = self.slice.cluster.task(task).shard.as_ref();
        let level = shard.and_then(|shard| shard.distinct)?;
        let kept = self.slice.kept_units.iter();
        let kept = kept.filter(|kept| kept.task == task);
        let first = (task, AgentIdx::of(0), UnitIdx::of(0));
        let placed = self.placed.range(first..).map(|(place, _)| place);
        let placed = placed.take_while(|place| place.0 == task);
        let all = kept.map(|kept| (kept.agent, kept.unit));
        let all = all.chain(placed.map(|&(_, agent, unit)| (agent, unit)));
        Some((level, all.collect()))
    }

    fn put(&mut self, task: TaskIdx, agent: AgentIdx, unit: UnitIdx) {
        let need = self.need(task);
        for (free, need) in self.units[unit.at()].iter_mut().zip(need) {
            *free -= need;
        }
        let room = self.agents.iter_mut().find(|(it, _)| *it == agent);
        if let Some((_, room)) = room {
            room.subtract(&self.slice.cluster.task(task).demand, 1);
        }
        *self.placed.entry((task, agent, unit)).or_insert(0) += 1;
    }

    fn proposal(self) -> Proposal {
        let placed = self.placed.into_iter();
        Proposal::on_units(
            placed.map(|((task, agent, unit), copies)| (task, agent, Some(unit), copies)),
        )
    }
}

/// Whether a replica there is in other domains of the level than the others.
fn is_apart(
    cluster: &Cluster,
    others: Option<&(LevelIdx, Vec<(AgentIdx, UnitIdx)>)>,
    agent: AgentIdx,
    unit: UnitIdx,
) -> bool {
    let Some((level, others)) = others else {
        return true;
    };
    let of_unit = |unit: UnitIdx| cluster.unit(unit).domains[level.at()];
    let of_agent = |agent: AgentIdx| cluster.domain(agent, *level);
    let mut others = others.iter();
    others.all(|&(at, on)| of_unit(on) != of_unit(unit) && of_agent(at) != of_agent(agent))
}
