//! The parameters of a `mapreduce` framework.

use apportion_cluster::{Cluster, Framework, LevelIdx};
use serde_json::Value;

use crate::contract::ParameterFault;
use crate::parameters::{declared_level, fault, find_declared, unknown, whole};

const NAMES: [&str; 5] = [
    "plan_ahead",
    "rack_level",
    "rack_percent",
    "slow_mib_per_s",
    "waiting_mib_per_s",
];

/// What a number may be at most.
const LARGEST: i64 = 1_000_000;

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
        let mut read = Self {
            plan_ahead: true,
            rack: find_declared(cluster, "rack"),
            rack_percent: 10,
            slow_mib_per_s: 100,
            waiting_mib_per_s: 1,
        };
        let parameters = framework.parameters.iter();
        let faults = parameters.filter_map(|(key, value)| read.set(cluster, key, value).err());
        let faults: Vec<ParameterFault> = faults.collect();
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
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
