//! The parameters of a `mapreduce` framework.

use apportion_cluster::{Cluster, Framework, LevelIdx, Phase};
use serde_json::Value;

use crate::contract::ParameterFault;
use crate::parameters::{self, declared_level, fault, find_declared, unknown, whole};

const NAMES: [&str; 5] = [
    "plan_ahead",
    "rack_level",
    "rack_percent",
    "slow_mib_per_s",
    "waiting_mib_per_s",
];

/// What a number may be at most.
const LARGEST: i64 = 1_000_000;
/// What a wait, or a slow agent, may be worth at most, in MiB.
const MOST_MIB: i128 = 300_000_000;

/// Validated parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Whether tasks may follow one another on the same slots.
    pub plan_ahead: bool,
    /// The level at which agents are near each other, if the snapshot declares it.
    pub rack: Option<LevelIdx>,
    /// What a MiB within a rack costs, in hundredths of one across racks.
    pub rack_percent: i64,
    /// MiB across racks that a second of run time is worth which a slow agent adds.
    pub slow_mib_per_s: i64,
    /// MiB across racks that a second is worth by which a task waited less than another.
    pub waiting_mib_per_s: i64,
}

impl Parameters {
    /// Reads the parameters of `framework`, or says everything that is wrong with them.
    pub(super) fn read(
        cluster: &Cluster,
        framework: &Framework,
    ) -> Result<Self, Vec<ParameterFault>> {
        let defaults = Self {
            plan_ahead: true,
            rack: find_declared(cluster, "rack"),
            rack_percent: 10,
            slow_mib_per_s: 100,
            waiting_mib_per_s: 1,
        };
        parameters::read(framework, defaults, |it, key, value| {
            it.set(cluster, key, value)
        })
    }

    /// Parameters at which waits or slow agents cost more than a model can say.
    pub(super) fn beyond(&self, cluster: &Cluster, framework: &Framework) -> Vec<ParameterFault> {
        let jobs = framework.jobs.iter().map(|&job| cluster.job(job));
        let waited = jobs.clone().map(|job| job.waited_ms).max().unwrap_or(0);
        let tasks = jobs.flat_map(|job| &job.tasks);
        let work = tasks.map(|&task| match &cluster.task(task).phase {
            Some(Phase::Map(map)) => map.work_ms,
            Some(Phase::Reduce(reduce)) => reduce.work_ms,
            None => 0,
        });
        let slowest = cluster.agents.iter().map(|agent| agent.speed.max(1)).min();
        let slowed =
            i128::from(work.max().unwrap_or(0)) * 1000 / i128::from(slowest.unwrap_or(1000));
        let of = |key: &str, rate: i64, time: i128, what: &str| {
            let most = i128::from(rate) * time / 1000;
            (most > MOST_MIB).then(|| {
                let cause = format!(
                    "times {what}, {time} ms, it is worth {most} MiB; at most {MOST_MIB} can be told"
                );
                fault(key, cause, "state a lower rate, or shorter times")
            })
        };
        let waiting = of(
            "waiting_mib_per_s",
            self.waiting_mib_per_s,
            waited.into(),
            "the longest wait of a job",
        );
        let slow = of(
            "slow_mib_per_s",
            self.slow_mib_per_s,
            slowed,
            "the longest work on the slowest agent",
        );
        waiting.into_iter().chain(slow).collect()
    }

    fn set(&mut self, cluster: &Cluster, key: &str, value: &Value) -> Result<(), ParameterFault> {
        match (key, value) {
            ("plan_ahead", Value::Bool(truth)) => self.plan_ahead = *truth,
            ("plan_ahead", _) => {
                return Err(fault(
                    key,
                    "must be true or false",
                    "write `true` or `false`",
                ));
            }
            ("rack_level", Value::String(level)) => {
                self.rack = Some(declared_level(cluster, key, level)?);
            }
            ("rack_level", _) => {
                return Err(fault(key, "must be text", "name a level, such as \"rack\""));
            }
            ("rack_percent", _) => self.rack_percent = whole(key, value, 0..=100)?,
            ("slow_mib_per_s", _) => self.slow_mib_per_s = whole(key, value, 0..=LARGEST)?,
            ("waiting_mib_per_s", _) => self.waiting_mib_per_s = whole(key, value, 0..=LARGEST)?,
            _ => return Err(unknown("mapreduce", key, &NAMES)),
        }
        Ok(())
    }
}
