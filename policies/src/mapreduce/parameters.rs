//! The parameters of a `mapreduce` framework.

use apportion_cluster::Cluster;
use apportion_cluster::{Framework, LevelIdx};
use serde_json::Value;

use crate::contract::ParameterFault;

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
        let level_named = |name: &str| {
            let mut levels = cluster.levels.iter();
            let at = levels.position(|level| level.declared && level.name == name);
            at.map(LevelIdx::of)
        };
        let mut read = Self {
            plan_ahead: true,
            rack: level_named("rack"),
            rack_percent: 10,
            slow_mib_per_s: 100,
            waiting_mib_per_s: 1,
        };
        let mut faults = Vec::new();
        for (key, value) in &framework.parameters {
            let fault = |cause: &str, action: &str| ParameterFault {
                key: key.clone(),
                cause: cause.to_owned(),
                action: action.to_owned(),
            };
            let number = |most: i64, place: &mut i64| match value.as_i64() {
                Some(number) if (0..=most).contains(&number) => {
                    *place = number;
                    None
                }
                _ => {
                    let cause = format!("must be an integer from 0 to {most}");
                    Some(fault(&cause, "write a number"))
                }
            };
            let wrong = match (key.as_str(), value) {
                ("plan_ahead", Value::Bool(truth)) => {
                    read.plan_ahead = *truth;
                    None
                }
                ("plan_ahead", _) => {
                    Some(fault("must be true or false", "write `true` or `false`"))
                }
                ("rack_level", Value::String(level)) => {
                    read.rack = level_named(level);
                    let action = "name one of the snapshot's `levels`";
                    (read.rack.is_none()).then(|| fault("is no declared level", action))
                }
                ("rack_level", _) => Some(fault("must be text", "name a level, such as \"rack\"")),
                ("rack_percent", _) => number(100, &mut read.rack_percent),
                ("slow_mib_per_s", _) => number(LARGEST, &mut read.slow_mib_per_s),
                ("waiting_mib_per_s", _) => number(LARGEST, &mut read.waiting_mib_per_s),
                _ => Some(fault(
                    "the policy `mapreduce` has no such parameter",
                    "use `plan_ahead`, `rack_level`, `rack_percent`, `slow_mib_per_s` or `waiting_mib_per_s`, or remove it",
                )),
            };
            faults.extend(wrong);
        }
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
    }
}
