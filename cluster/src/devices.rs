//! Devices that are counted one by one: GPUs and the like.
//!
//! Units: thousandths of one device, 1 to 1000. Beside the devices themselves every kind is also a plain
//! resource called [`device_resource`]: an agent has 1000 of it per device, an instance needs
//! `count x milli`. Shares, offers and capacity rows work on that total; whether single devices have room is
//! up to the policy that asks for them.

use serde::Serialize;

use crate::index::{AgentIdx, DeviceIdx, TaskIdx};

/// Thousandths that make up one device.
pub const WHOLE_DEVICE: i64 = 1000;

/// The most devices of one kind on one agent.
pub const MAX_DEVICES: i64 = 64;

/// The name of the resource that totals the devices of a kind: `gpu_milli` for `gpu`.
#[must_use]
pub fn device_resource(kind: &str) -> String {
    format!("{kind}_milli")
}

/// The devices of one kind on an agent: all of one model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AgentDevices {
    /// Their kind.
    pub kind: DeviceIdx,
    /// Their model; empty if the snapshot names none.
    pub model: String,
    /// How many; they are numbered from 0.
    pub count: i64,
}

/// The devices of one kind that one instance of a task needs: `count` different ones, `milli` of each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DeviceNeed {
    /// Their kind.
    pub kind: DeviceIdx,
    /// How many, at least 1.
    pub count: i64,
    /// Thousandths of each.
    pub milli: i64,
    /// The allowed models, the preferred one first; empty if any will do.
    pub models: Vec<ModelChoice>,
}

/// A model that a task may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ModelChoice {
    /// The model.
    pub model: String,
    /// How fast the task runs on it, in thousandths of its usual speed.
    pub throughput: i64,
}

/// A part of one device that an instance holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct DeviceUse {
    /// The kind.
    pub kind: DeviceIdx,
    /// Its number on the agent, from 0.
    pub index: i64,
    /// Thousandths of it.
    pub milli: i64,
}

/// The devices that one running instance holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RunningDevices {
    /// Its task.
    pub task: TaskIdx,
    /// Where it runs.
    pub agent: AgentIdx,
    /// What it holds there, by kind and number.
    pub devices: Vec<DeviceUse>,
}

impl DeviceNeed {
    /// The position of `model` among the allowed ones: 0 is preferred, and every model if any will do.
    #[must_use]
    pub fn choice(&self, model: &str) -> Option<usize> {
        if self.models.is_empty() {
            return Some(0);
        }
        self.models.iter().position(|choice| choice.model == model)
    }

    /// Throughput on `model` in thousandths; `None` if it is not allowed.
    #[must_use]
    pub fn throughput(&self, model: &str) -> Option<i64> {
        let choice = self.choice(model)?;
        Some(self.models.get(choice).map_or(1000, |it| it.throughput))
    }

    /// The most instances that devices with so many free thousandths each hold, nothing else being placed on them:
    /// `n` fit exactly if the devices, each counted at most `n` times, have `n x count` places.
    #[must_use]
    pub fn copies_on(&self, free: &[i64]) -> i64 {
        let places = |device: &i64| (*device).max(0) / self.milli.max(1);
        let count = self.count.max(1);
        let mut copies = free.iter().map(places).sum::<i64>() / count;
        while copies > 0 {
            let usable: i64 = free.iter().map(|device| places(device).min(copies)).sum();
            if usable >= copies * count {
                break;
            }
            copies = usable / count;
        }
        copies
    }

    /// Thousandths of all its devices together.
    #[must_use]
    pub fn total_milli(&self) -> i64 {
        self.count * self.milli
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(models: &[(&str, i64)]) -> DeviceNeed {
        let choice = |&(model, throughput): &(&str, i64)| ModelChoice {
            model: model.to_owned(),
            throughput,
        };
        DeviceNeed {
            kind: DeviceIdx(0),
            count: 2,
            milli: 460,
            models: models.iter().map(choice).collect(),
        }
    }

    #[test]
    fn a_model_is_found_at_its_preference_and_any_is_found_where_none_is_named() {
        let ordered = need(&[("H100", 2000), ("A100", 1000)]);
        assert_eq!(ordered.choice("A100"), Some(1));
        assert_eq!(ordered.throughput("H100"), Some(2000));
        assert_eq!(ordered.throughput("T4"), None);
        assert_eq!(need(&[]).choice("T4"), Some(0));
        assert_eq!(need(&[]).throughput("T4"), Some(1000));
        assert_eq!(ordered.total_milli(), 920);
    }
}
