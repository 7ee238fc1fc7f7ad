//! Positions by name, and what is counted by them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use apportion_cluster::file::{
    AgentFile, Amounts, DeviceFile, DeviceNeedFile, DevicesFile, SnapshotFile, TaskFile,
};
use apportion_cluster::{
    AgentDevices, AgentIdx, BlockIdx, DeviceIdx, DeviceNeed, DeviceUse, FrameworkIdx, GroupIdx,
    LevelIdx, ModelChoice, Quantities, UnitIdx, WHOLE_DEVICE, device_resource,
};

use crate::snapshot::check::Words;

/// Positions by name, as the cluster has them.
pub(super) struct Positions<'f> {
    pub resources: Vec<String>,
    pub devices: Vec<&'f str>,
    pub levels: HashMap<&'f str, LevelIdx>,
    pub agents: HashMap<&'f str, AgentIdx>,
    pub units: HashMap<&'f str, UnitIdx>,
    pub frameworks: HashMap<&'f str, FrameworkIdx>,
    pub groups: HashMap<&'f str, GroupIdx>,
    pub blocks: HashMap<&'f str, BlockIdx>,
}

impl<'f> Positions<'f> {
    pub(super) fn of(file: &'f SnapshotFile, words: &Words<'f>) -> Self {
        let tasks = || file.jobs.iter().flat_map(|job| &job.tasks);
        let amounts = file
            .agents
            .iter()
            .map(|a| &a.resources)
            .chain(tasks().map(|t| &t.resources))
            .chain(
                file.roles
                    .iter()
                    .flat_map(|role| role.guarantee.iter().chain(&role.limit)),
            );
        let stated: BTreeSet<&str> = amounts
            .flat_map(BTreeMap::keys)
            .map(String::as_str)
            .collect();
        let had = file.agents.iter().flat_map(|agent| &agent.devices);
        let needed = tasks().flat_map(|task| &task.devices);
        let devices: BTreeSet<&str> = had
            .map(|devices| devices.name.as_str())
            .chain(needed.map(|need| need.name.as_str()))
            .collect();
        let totals = devices.iter().map(|kind| device_resource(kind));
        let mut resources: Vec<String> = stated.into_iter().map(str::to_owned).collect();
        resources.extend(totals);
        resources.sort_unstable();
        let levels = words.levels.iter().chain(&words.implicit).copied();
        Self {
            resources,
            devices: devices.into_iter().collect(),
            levels: levels.zip((0..).map(LevelIdx::of)).collect(),
            agents: file
                .agents
                .iter()
                .map(|a| a.id.as_str())
                .zip((0..).map(AgentIdx::of))
                .collect(),
            units: (file.data.units.iter().map(|unit| unit.id.as_str()))
                .zip((0..).map(UnitIdx::of))
                .collect(),
            frameworks: file
                .frameworks
                .iter()
                .map(|f| f.id.as_str())
                .zip((0..).map(FrameworkIdx::of))
                .collect(),
            groups: words
                .groups
                .iter()
                .copied()
                .zip((0..).map(GroupIdx::of))
                .collect(),
            blocks: file
                .data
                .blocks
                .iter()
                .map(|block| block.id.as_str())
                .zip((0..).map(BlockIdx::of))
                .collect(),
        }
    }

    pub(super) fn quantities(&self, amounts: &Amounts) -> Quantities {
        let mut quantities = Quantities::zero(self.resources.len());
        for (resource, &amount) in amounts {
            quantities.0[self.resource(resource)] = amount;
        }
        quantities
    }

    pub(super) fn resource(&self, name: &str) -> usize {
        let at = self.resources.binary_search_by(|it| it.as_str().cmp(name));
        at.expect("resources were collected from all amounts and devices")
    }

    fn device(&self, name: &str) -> DeviceIdx {
        let at = self.devices.binary_search(&name);
        DeviceIdx::of(at.expect("kinds of devices were collected from all agents and tasks"))
    }

    /// What an agent has: its plain resources, and 1000 per device.
    pub(super) fn capacity(&self, agent: &AgentFile) -> Quantities {
        let mut capacity = self.quantities(&agent.resources);
        for devices in &agent.devices {
            let at = self.resource(&device_resource(&devices.name));
            capacity.0[at] = devices.count * WHOLE_DEVICE;
        }
        capacity
    }

    /// What an instance needs: its plain resources, and thousandths of all its devices.
    pub(super) fn demand(&self, task: &TaskFile) -> Quantities {
        let mut demand = self.quantities(&task.resources);
        for need in &task.devices {
            let at = self.resource(&device_resource(&need.name));
            demand.0[at] = need.count * need.milli;
        }
        demand
    }

    pub(super) fn devices(&self, devices: &DevicesFile) -> AgentDevices {
        AgentDevices {
            kind: self.device(&devices.name),
            model: devices.model.clone().unwrap_or_default(),
            count: devices.count,
        }
    }

    pub(super) fn need(&self, need: &DeviceNeedFile) -> DeviceNeed {
        let models = need.models.iter().flatten().map(|choice| ModelChoice {
            model: choice.model.clone(),
            throughput: choice.throughput,
        });
        DeviceNeed {
            kind: self.device(&need.name),
            count: need.count,
            milli: need.milli,
            models: models.collect(),
        }
    }

    pub(super) fn held(&self, device: &DeviceFile) -> DeviceUse {
        DeviceUse {
            kind: self.device(&device.name),
            index: device.index,
            milli: device.milli,
        }
    }

    pub(super) fn group(&self, group: Option<&String>) -> Option<GroupIdx> {
        group.map(|group| self.groups[group.as_str()])
    }
}
