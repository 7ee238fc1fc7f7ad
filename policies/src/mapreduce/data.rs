//! Where data is, seen from agents: how far inputs are, how long instances run, and what that costs.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{
    AgentIdx, Cluster, Distances, DomainIdx, JobIdx, LevelIdx, MapWork, Phase, ReduceWork, Running,
    Shuffle, TaskIdx,
};

use super::parameters::Parameters;

/// Costs are counted in millionths of a MiB across racks.
pub(super) const MILLIONTHS: i64 = 1_000_000;
/// No instance costs more.
const LARGEST_COST: i128 = 1_000_000_000_000_000;

/// The rack of an agent: its domain at the level that the parameters name; without one, every agent is far from every other.
pub(super) fn rack(
    cluster: &Cluster,
    level: Option<LevelIdx>,
    agent: AgentIdx,
) -> Option<DomainIdx> {
    level.map(|level| cluster.domain(agent, level))
}

/// Agents with a replica of anything that the map tasks among these read.
pub(super) fn holders(
    cluster: &Cluster,
    tasks: impl Iterator<Item = TaskIdx>,
) -> BTreeSet<AgentIdx> {
    let mut holders = BTreeSet::new();
    for task in tasks {
        if let Some(Phase::Map(work)) = &cluster.task(task).phase {
            let blocks = work.inputs.iter().map(|&input| cluster.block(input));
            holders.extend(blocks.flat_map(|block| block.replicas.iter().copied()));
        }
    }
    holders
}

/// How far the inputs of a map task are from an agent.
pub(super) fn distances(
    cluster: &Cluster,
    level: Option<LevelIdx>,
    work: &MapWork,
    agent: AgentIdx,
) -> Distances {
    let mut sums = Distances::default();
    let here = rack(cluster, level, agent);
    for &input in &work.inputs {
        let block = cluster.block(input);
        let near = |replica: &AgentIdx| here.is_some() && rack(cluster, level, *replica) == here;
        if block.replicas.contains(&agent) {
            sums.node += block.mib;
        } else if block.replicas.iter().any(near) {
            sums.rack += block.mib;
        } else {
            sums.remote += block.mib;
        }
    }
    sums
}

/// How long an instance of a task runs on an agent, in milliseconds; 0 if its work is unknown.
pub(super) fn duration(
    cluster: &Cluster,
    level: Option<LevelIdx>,
    task: TaskIdx,
    agent: AgentIdx,
) -> i64 {
    let speed = cluster.agent(agent).speed;
    match &cluster.task(task).phase {
        Some(Phase::Map(work)) => work.duration(distances(cluster, level, work, agent), speed),
        Some(Phase::Reduce(work)) => work.duration(speed),
        None => 0,
    }
}

/// What map tasks put out, by rack, as far as it is known where they run.
pub(super) struct Outputs<'a> {
    cluster: &'a Cluster,
    level: Option<LevelIdx>,
    /// Instances by map task and rack.
    running: BTreeMap<TaskIdx, BTreeMap<Option<DomainIdx>, i64>>,
}

impl<'a> Outputs<'a> {
    /// Of the map instances among these.
    pub(super) fn of(cluster: &'a Cluster, level: Option<LevelIdx>, placed: &[Running]) -> Self {
        let mut running: BTreeMap<TaskIdx, BTreeMap<_, i64>> = BTreeMap::new();
        for it in placed {
            if matches!(cluster.task(it.task).phase, Some(Phase::Map(_))) {
                let by_rack = running.entry(it.task).or_default();
                *by_rack.entry(rack(cluster, level, it.agent)).or_insert(0) += it.instances;
            }
        }
        Self {
            cluster,
            level,
            running,
        }
    }

    /// What all instances of a reduce task together pull, in millionths of a MiB: in all, and by the rack that it comes from.
    fn pulled(
        &self,
        task: TaskIdx,
        work: &ReduceWork,
    ) -> (i128, BTreeMap<Option<DomainIdx>, i128>) {
        let cluster = self.cluster;
        let per_instance = |of: TaskIdx, mib: i64, instances: i64| {
            let share = i128::from(mib) * i128::from(MILLIONTHS) / i128::from(instances.max(1));
            (of, share)
        };
        let shares: Vec<(TaskIdx, i128)> = match &work.shuffle {
            Shuffle::Total(mib) => {
                let maps = || cluster.map_tasks(cluster.task(task).job);
                let instances = maps().map(|map| cluster.task(map).instances).sum();
                maps()
                    .map(|map| per_instance(map, *mib, instances))
                    .collect()
            }
            Shuffle::ByTask(amounts) => {
                let of_map = |&(map, mib): &(TaskIdx, i64)| {
                    per_instance(map, mib, cluster.task(map).instances)
                };
                amounts.iter().map(of_map).collect()
            }
        };
        let (mut all, mut by_rack) = (0, BTreeMap::new());
        for (map, share) in shares {
            for (&rack, &instances) in self.running.get(&map).into_iter().flatten() {
                all += share * i128::from(instances);
                *by_rack.entry(rack).or_insert(0) += share * i128::from(instances);
            }
        }
        (all, by_rack)
    }

    /// What one instance of a reduce task pulls across racks, by its own rack, in millionths of a MiB: first where nothing of it is.
    pub(super) fn across(
        &self,
        task: TaskIdx,
        work: &ReduceWork,
    ) -> (i128, BTreeMap<DomainIdx, i128>) {
        let instances = i128::from(self.cluster.task(task).instances.max(1));
        let (all, by_rack) = self.pulled(task, work);
        let of_rack =
            |(rack, own): (Option<DomainIdx>, i128)| Some((rack?, (all - own) / instances));
        (
            all / instances,
            by_rack.into_iter().filter_map(of_rack).collect(),
        )
    }

    /// Whether every map instance of the job is among them: then what its reduce tasks pull is known before they are placed.
    pub(super) fn is_known(&self, job: JobIdx) -> bool {
        let all_run = |map: TaskIdx| {
            let by_rack = self.running.get(&map).into_iter().flatten();
            let running: i64 = by_rack.map(|(_, instances)| instances).sum();
            running >= self.cluster.task(map).instances
        };
        self.cluster.map_tasks(job).all(all_run)
    }

    /// The level of racks.
    pub(super) fn level(&self) -> Option<LevelIdx> {
        self.level
    }
}

/// What an instance costs on each agent.
pub(super) struct Prices<'a> {
    cluster: &'a Cluster,
    parameters: &'a Parameters,
    outputs: Outputs<'a>,
    /// How long the job that waited longest did.
    longest_wait: i64,
}

impl<'a> Prices<'a> {
    /// Of a framework's tasks, where the snapshot has its map instances.
    pub(super) fn new(cluster: &'a Cluster, parameters: &'a Parameters, jobs: &[JobIdx]) -> Self {
        let waits = jobs.iter().map(|&job| cluster.job(job).waited_ms);
        Self {
            cluster,
            parameters,
            outputs: Outputs::of(cluster, parameters.rack, &cluster.running),
            longest_wait: waits.max().unwrap_or(0),
        }
    }

    /// What every instance of a task costs for waiting less than another: wherever it is placed.
    pub(super) fn queue(&self, task: TaskIdx) -> i64 {
        let job = self.cluster.job(self.cluster.task(task).job);
        let less = i128::from(self.longest_wait - job.waited_ms);
        within(less * i128::from(self.parameters.waiting_mib_per_s) * i128::from(MILLIONTHS / 1000))
    }

    /// What instances of a task cost by agent.
    pub(super) fn of_task(&self, task: TaskIdx) -> TaskPrices<'_> {
        let pulls = match &self.cluster.task(task).phase {
            Some(Phase::Reduce(work)) if self.outputs.is_known(self.cluster.task(task).job) => {
                Some(self.outputs.across(task, work))
            }
            _ => None,
        };
        TaskPrices {
            prices: self,
            task,
            pulls,
        }
    }
}

/// What instances of one task cost.
pub(super) struct TaskPrices<'a> {
    prices: &'a Prices<'a>,
    task: TaskIdx,
    /// Of a reduce task, see [`Outputs::across`].
    pulls: Option<(i128, BTreeMap<DomainIdx, i128>)>,
}

impl TaskPrices<'_> {
    /// What an instance reads over the network and adds in time on an agent, in millionths of a MiB.
    pub(super) fn on(&self, agent: AgentIdx) -> i64 {
        let Prices {
            cluster,
            parameters,
            outputs,
            ..
        } = self.prices;
        let level = outputs.level();
        let read = match (&cluster.task(self.task).phase, &self.pulls) {
            (Some(Phase::Map(work)), _) => {
                let away = distances(cluster, level, work, agent);
                let percent = i128::from(parameters.rack_percent);
                let hundredths = i128::from(away.rack) * percent + i128::from(away.remote) * 100;
                hundredths * i128::from(MILLIONTHS / 100)
            }
            (_, Some((all, by_rack))) => {
                let rack = rack(cluster, level, agent);
                rack.and_then(|rack| by_rack.get(&rack))
                    .copied()
                    .unwrap_or(*all)
            }
            _ => 0,
        };
        within(read + self.slowness(agent))
    }

    /// What the time is worth that the agent takes longer than one of the usual speed.
    fn slowness(&self, agent: AgentIdx) -> i128 {
        let Prices {
            cluster,
            parameters,
            ..
        } = self.prices;
        let work_ms = match &cluster.task(self.task).phase {
            Some(Phase::Map(work)) => work.work_ms,
            Some(Phase::Reduce(work)) => work.work_ms,
            None => 0,
        };
        let speed = i128::from(cluster.agent(agent).speed.max(1));
        let longer = i128::from(work_ms) * (1000 - speed).max(0) / speed;
        longer * i128::from(parameters.slow_mib_per_s) * i128::from(MILLIONTHS / 1000)
    }
}

fn within(cost: i128) -> i64 {
    i64::try_from(cost.clamp(0, LARGEST_COST)).expect("it was clamped")
}
