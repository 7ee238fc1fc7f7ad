//! Map and reduce tasks: the data that they read, and where it is.

use serde::Serialize;

use crate::cluster::Cluster;
use crate::index::{AgentIdx, BlockIdx, JobIdx, TaskIdx};

/// A block of data with copies on agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Unique id.
    pub id: String,
    /// Its size.
    pub mib: i64,
    /// The agents that hold a copy, ascending.
    pub replicas: Vec<AgentIdx>,
}

/// What a task does with data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// It reads blocks.
    Map(MapWork),
    /// It pulls what the map tasks of its job put out.
    Reduce(ReduceWork),
}

/// What an instance of a map task reads, and how long it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapWork {
    /// Blocks that every instance reads, ascending.
    pub inputs: Vec<BlockIdx>,
    /// Milliseconds beside its data at the usual speed; 0 if unknown.
    pub work_ms: i64,
    /// Milliseconds more where none of its input is on the agent.
    pub remote_penalty_ms: i64,
}

/// What the instances of a reduce task pull, and how long each runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReduceWork {
    /// What all instances together pull.
    pub shuffle: Shuffle,
    /// Milliseconds at the usual speed; 0 if unknown.
    pub work_ms: i64,
}

/// How much all instances of a reduce task pull, and from which map tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Shuffle {
    /// So many MiB, from every instance of the job's map tasks alike.
    Total(i64),
    /// So many MiB from each of the job's map tasks, by task.
    ByTask(Vec<(TaskIdx, i64)>),
}

/// How far an instance's input is from its agent, in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distances {
    /// On the agent.
    pub node: i64,
    /// On another agent of the same rack.
    pub rack: i64,
    /// In other racks only.
    pub remote: i64,
}

impl Distances {
    /// All of it.
    #[must_use]
    pub fn total(self) -> i64 {
        self.node + self.rack + self.remote
    }
}

impl MapWork {
    /// How long an instance runs, in milliseconds, where its input is so far away, on an agent of so many thousandths of
    /// the usual speed: rounded up, at least 1 unless the work is unknown.
    #[must_use]
    pub fn duration(&self, input: Distances, speed: i64) -> i64 {
        let away = i128::from(input.rack) + i128::from(input.remote);
        let penalty = i128::from(self.remote_penalty_ms) * away;
        let penalty = match i128::from(input.total()) {
            0 => 0,
            total => (penalty + total - 1) / total,
        };
        at_speed(i128::from(self.work_ms) + penalty, speed)
    }
}

impl ReduceWork {
    /// How long an instance runs, in milliseconds, at so many thousandths of the usual speed.
    #[must_use]
    pub fn duration(&self, speed: i64) -> i64 {
        at_speed(i128::from(self.work_ms), speed)
    }
}

fn at_speed(work_ms: i128, speed: i64) -> i64 {
    let speed = i128::from(speed.max(1));
    let duration = (work_ms * 1000 + speed - 1) / speed;
    i64::try_from(duration).unwrap_or(i64::MAX)
}

impl Cluster {
    /// The block at `block`.
    #[must_use]
    pub fn block(&self, block: BlockIdx) -> &Block {
        &self.blocks[block.at()]
    }

    /// The map tasks of a job, ascending.
    pub fn map_tasks(&self, job: JobIdx) -> impl Iterator<Item = TaskIdx> {
        let tasks = self.job(job).tasks.iter().copied();
        tasks.filter(|&task| matches!(self.task(task).phase, Some(Phase::Map(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Distances, MapWork, ReduceWork, Shuffle};

    #[test]
    fn what_is_away_costs_its_part_of_the_penalty_and_speed_divides_all() {
        let work = MapWork {
            inputs: Vec::new(),
            work_ms: 1000,
            remote_penalty_ms: 500,
        };
        let at = |node, rack, remote| Distances { node, rack, remote };
        assert_eq!(work.duration(at(128, 0, 0), 1000), 1000);
        assert_eq!(work.duration(at(0, 0, 128), 1000), 1500);
        assert_eq!(work.duration(at(0, 128, 0), 1000), 1500);
        assert_eq!(work.duration(at(64, 0, 64), 1000), 1250);
        assert_eq!(work.duration(at(2, 0, 1), 1000), 1167);
        assert_eq!(work.duration(at(0, 0, 128), 500), 3000);
        assert_eq!(work.duration(at(0, 0, 0), 3000), 334);
    }

    #[test]
    fn a_reducer_takes_longer_where_it_is_slow() {
        let work = ReduceWork {
            shuffle: Shuffle::Total(0),
            work_ms: 10,
        };
        assert_eq!(work.duration(1000), 10);
        assert_eq!(work.duration(300), 34);
    }
}
