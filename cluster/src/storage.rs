//! Storage units, and the shards whose replicas keep their data on them.
//!
//! Units: MiB, operations per second, MiB per second. A replica is an instance of its shard's task: it runs on an agent and keeps
//! the shard's volumes together on one unit, which may be local to that agent or not.

use serde::Serialize;

use crate::cluster::Cluster;
use crate::index::{AgentIdx, DomainIdx, LevelIdx, TaskIdx, UnitIdx};

/// What a unit has and a replica takes of it, in the order of [`UNIT_RESOURCES`].
pub type UnitAmounts = [i64; 3];

/// The names of what a unit has.
pub const UNIT_RESOURCES: [&str; 3] = ["capacity_mib", "iops", "mib_s"];

/// A storage unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Unique id.
    pub id: String,
    /// The agent that it is local to.
    pub agent: Option<AgentIdx>,
    /// Its domain at each level of [`Cluster::levels`]: as stated, or its agent's, or one of its own, named `unit:<id>`.
    pub domains: Vec<DomainIdx>,
    /// What it has, running replicas included.
    pub amounts: UnitAmounts,
}

/// What makes a task's instances replicas of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shard {
    /// Id, unique within its job.
    pub id: String,
    /// The id of the task in the file, which is the shape of each replica.
    pub task: String,
    /// What one replica takes of its unit: capacity for its disk, or for its volumes if they are larger; operations; bandwidth.
    pub need: UnitAmounts,
    /// No two replicas have their units, or their agents, in one domain of this level.
    pub distinct: Option<LevelIdx>,
    /// The data of each replica.
    pub volumes: Vec<Volume>,
}

/// A part of a shard's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Id, unique within its shard.
    pub id: String,
    /// How large it is.
    pub mib: i64,
    /// Where it is now; without one there is nothing to copy yet.
    pub unit: Option<UnitIdx>,
}

/// Replicas that keep their data on a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RunningUnit {
    /// Their task.
    pub task: TaskIdx,
    /// Where they run.
    pub agent: AgentIdx,
    /// Where their data is.
    pub unit: UnitIdx,
    /// How many, at least 1.
    pub instances: i64,
}

impl Shard {
    /// What one replica's operations weigh per hop: operations per second, or bandwidth where no operations are stated.
    #[must_use]
    pub fn io(&self) -> i64 {
        let [_, iops, mib_s] = self.need;
        if iops > 0 { iops } else { mib_s }
    }
}

impl Cluster {
    /// The unit at `unit`.
    #[must_use]
    pub fn unit(&self, unit: UnitIdx) -> &Unit {
        &self.units[unit.at()]
    }

    /// All unit positions.
    pub fn unit_indices(&self) -> impl Iterator<Item = UnitIdx> + use<> {
        (0..self.units.len()).map(UnitIdx::of)
    }

    /// Levels that lengthen the way from an agent to a unit: the finest declared level (agents aside), and every declared level whose
    /// domains are made of whole domains of it.
    #[must_use]
    pub fn distance_levels(&self) -> Vec<LevelIdx> {
        let places = || {
            let agents = self.agents.iter().map(|agent| &agent.domains);
            agents.chain(self.units.iter().map(|unit| &unit.domains))
        };
        let declared = (0..self.levels.len()).map(LevelIdx::of).filter(|level| {
            let level = &self.levels[level.at()];
            level.declared && level.name != "agent"
        });
        let declared: Vec<LevelIdx> = declared.collect();
        let size = |level: &&LevelIdx| self.levels[level.at()].domains.len();
        let Some(&finest) = declared.iter().rev().max_by_key(size) else {
            return Vec::new();
        };
        let is_around = |level: &LevelIdx| {
            let mut around = vec![None; self.levels[finest.at()].domains.len()];
            places().all(|domains| {
                let inner = &mut around[domains[finest.at()].at()];
                let outer = domains[level.at()];
                *inner.get_or_insert(outer) == outer
            })
        };
        declared.into_iter().filter(is_around).collect()
    }

    /// Hops from an agent to a unit: 0 to one of its own, else 1, and one more for each of `levels` (see
    /// [`Cluster::distance_levels`]) at which they are in different domains.
    #[must_use]
    pub fn hops(&self, agent: AgentIdx, unit: UnitIdx, levels: &[LevelIdx]) -> i64 {
        let (of_agent, of_unit) = (&self.agent(agent).domains, self.unit(unit));
        if of_unit.agent == Some(agent) {
            return 0;
        }
        let apart = |level: &&LevelIdx| of_agent[level.at()] != of_unit.domains[level.at()];
        1 + levels.iter().filter(apart).count() as i64
    }

    /// MiB that a replica without data there copies to a unit: the volumes that are somewhere, and not on it. What runs has all
    /// volumes of its shard where it keeps its data.
    #[must_use]
    pub fn copied_mib(&self, task: TaskIdx, unit: UnitIdx) -> i64 {
        let Some(shard) = &self.task(task).shard else {
            return 0;
        };
        let first = self.running_units.partition_point(|it| it.task < task);
        let running = self.running_units[first..].iter();
        let mut running = running.take_while(|it| it.task == task).peekable();
        let is_somewhere = running.peek().is_some();
        if running.any(|it| it.unit == unit) {
            return 0;
        }
        let volumes = shard.volumes.iter();
        let copied = volumes
            .filter(|volume| (volume.unit.is_some() || is_somewhere) && volume.unit != Some(unit));
        copied.map(|volume| volume.mib).sum()
    }

    /// Whether a unit takes data of new replicas of a task: not while its own agent is cordoned, nor where that is dedicated to others.
    #[must_use]
    pub fn unit_is_open(&self, task: TaskIdx, unit: UnitIdx) -> bool {
        self.unit(unit).agent.is_none_or(|agent| {
            let agent = self.agent(agent);
            let tolerates = &self.task(task).tolerates;
            !agent.cordoned
                && agent
                    .dedicated
                    .as_ref()
                    .is_none_or(|word| tolerates.contains(word))
        })
    }

    /// What each unit has free beside what runs; negative where it is overcommitted.
    #[must_use]
    pub fn free_units(&self) -> Vec<UnitAmounts> {
        let mut free: Vec<UnitAmounts> = self.units.iter().map(|unit| unit.amounts).collect();
        for running in &self.running_units {
            if let Some(shard) = &self.task(running.task).shard {
                for (free, need) in free[running.unit.at()].iter_mut().zip(shard.need) {
                    *free -= need * running.instances;
                }
            }
        }
        free
    }
}
