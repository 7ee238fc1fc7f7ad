//! Devices: those of agents, those that tasks need, and those that running instances hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use apportion_cluster::file::{
    AgentFile, DeviceFile, DeviceNeedFile, PlacementFile, SnapshotFile, TaskFile,
};
use apportion_cluster::{MAX_DEVICES, WHOLE_DEVICE, device_resource};
use apportion_policies::Registry;

use super::lacking;
use super::values::{distinct, name};
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// Highest throughput, in thousandths.
pub(super) const MAX_THROUGHPUT: i64 = 1_000_000;

/// The devices of every agent and task.
pub(super) fn devices(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let totals = totals(file);
    let root = Path::Root;
    let list = root.key("agents");
    for (index, agent) in file.agents.iter().enumerate() {
        let path = list.element(index, &agent.id);
        of_agent(agent, &path.key("devices"), faults);
        plain(&agent.resources, &totals, &path, faults);
    }
    // Policies that see totals only would overfill one device while another is free.
    let see_totals = lacking(file, registry, |policy| policy.places_devices());
    let list = root.key("jobs");
    for (index, job) in file.jobs.iter().enumerate() {
        let path = list.element(index, &job.id);
        let tasks = path.key("tasks");
        let policy = see_totals.get(job.framework.as_str()).copied();
        for (index, task) in job.tasks.iter().enumerate() {
            let path = tasks.element(index, &task.id);
            of_task(task, policy, &path.key("devices"), faults);
            plain(&task.resources, &totals, &path, faults);
        }
    }
}

/// The resources that total devices, with their kinds.
fn totals(file: &SnapshotFile) -> BTreeMap<String, &str> {
    let had = file.agents.iter().flat_map(|agent| &agent.devices);
    let tasks = file.jobs.iter().flat_map(|job| &job.tasks);
    let needed = tasks.flat_map(|task| &task.devices);
    let kinds: BTreeSet<&str> = had
        .map(|devices| devices.name.as_str())
        .chain(needed.map(|need| need.name.as_str()))
        .collect();
    let named = kinds.into_iter().filter(|kind| !kind.is_empty());
    named.map(|kind| (device_resource(kind), kind)).collect()
}

/// A resource that totals devices is not stated besides: it would be counted twice, or without them.
fn plain(
    amounts: &BTreeMap<String, i64>,
    totals: &BTreeMap<String, &str>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    for resource in amounts.keys() {
        if let Some(kind) = totals.get(resource) {
            let resources = path.key("resources");
            let cause = format!(
                "{} totals the devices called {}, and is stated as a plain resource as well",
                text::quote(resource),
                text::quote(kind)
            );
            let action = "remove it and state `devices`, or use no devices of this name";
            faults.add(
                code::DEVICE_RESOURCE,
                &resources.key(resource),
                cause,
                action,
            );
        }
    }
}

fn of_agent(agent: &AgentFile, list: &Path<'_>, faults: &mut Faults) {
    for (index, devices) in agent.devices.iter().enumerate() {
        let path = list.element(index, &devices.name);
        name(&devices.name, &path.key("name"), faults);
        if let Some(model) = &devices.model {
            name(model, &path.key("model"), faults);
        }
        if !(1..=MAX_DEVICES).contains(&devices.count) {
            let cause = format!("{} is not in 1 to {MAX_DEVICES}", devices.count);
            let action = match devices.count {
                0 => "remove the entry of an agent without devices",
                _ => "state how many devices of this kind the agent has",
            };
            faults.add(code::COUNT, &path.key("count"), cause, action);
        }
    }
    let mut seen = BTreeSet::new();
    let names = agent.devices.iter().map(|devices| devices.name.as_str());
    for (index, name) in names.enumerate() {
        if name.is_empty() || seen.insert(name) {
            continue;
        }
        let cause = format!(
            "{} is there twice: an agent has one model of each kind of device",
            text::quote(name)
        );
        let action = "add the counts up if the models are one, else describe two agents";
        let path = list.element(index, name);
        faults.add(code::DUPLICATE_NAME, &path.key("name"), cause, action);
    }
}

/// `policy` is that of its framework, if it places no single devices.
fn of_task(task: &TaskFile, policy: Option<&str>, list: &Path<'_>, faults: &mut Faults) {
    if task.devices.is_empty() {
        return;
    }
    if let Some(policy) = policy {
        let cause = format!(
            "the policy {} does not place instances on single devices",
            text::quote(policy)
        );
        let action = "give the job to a framework with the policy `ml`, or remove `devices`";
        faults.add(code::NO_DEVICES, list, cause, action);
    }
    let names = task.devices.iter().map(|need| need.name.as_str());
    distinct(names, list, "name", faults);
    for (index, need) in task.devices.iter().enumerate() {
        of_need(need, &list.element(index, &need.name), faults);
    }
}

fn of_need(need: &DeviceNeedFile, path: &Path<'_>, faults: &mut Faults) {
    name(&need.name, &path.key("name"), faults);
    if !(1..=MAX_DEVICES).contains(&need.count) {
        let cause = format!("{} is not in 1 to {MAX_DEVICES}", need.count);
        let action = "state how many devices of this kind one instance needs";
        faults.add(code::COUNT, &path.key("count"), cause, action);
    }
    if !(1..=WHOLE_DEVICE).contains(&need.milli) {
        let cause = format!("{} is not in 1 to {WHOLE_DEVICE}", need.milli);
        let action = "state thousandths of one device: 1000 is all of it; `count` asks for several";
        faults.add(code::MILLI, &path.key("milli"), cause, action);
    }
    let Some(models) = &need.models else {
        return;
    };
    let list = path.key("models");
    if models.is_empty() {
        let action = "name the allowed models, or remove the key to allow all";
        let cause = "an empty list allows no model";
        faults.add(code::EMPTY_LIST, &list, cause, action);
    }
    let names = models.iter().map(|choice| choice.model.as_str());
    distinct(names, &list, "model", faults);
    for (index, choice) in models.iter().enumerate() {
        let path = list.element(index, &choice.model);
        name(&choice.model, &path.key("model"), faults);
        if !(1..=MAX_THROUGHPUT).contains(&choice.throughput) {
            let cause = format!("{} is not in 1 to {MAX_THROUGHPUT}", choice.throughput);
            let action = "state thousandths of the usual speed: 1000 is usual";
            faults.add(code::THROUGHPUT, &path.key("throughput"), cause, action);
        }
    }
}

/// What running instances hold, while it is added up.
#[derive(Default)]
pub(super) struct Held<'f> {
    /// Thousandths held, by (agent, kind, number).
    milli: HashMap<(&'f str, &'f str, i64), i64>,
}

impl<'f> Held<'f> {
    /// Checks the devices of one placement against its task and its agent (absent if unknown).
    pub(super) fn placement(
        &mut self,
        placement: &'f PlacementFile,
        task: &TaskFile,
        agent: Option<&AgentFile>,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        if task.devices.is_empty() && placement.devices.is_empty() {
            return;
        }
        if !faults.lost("jobs") {
            as_needed(placement, task, path, faults);
        }
        if faults.lost("agents") {
            return;
        }
        let Some(agent) = agent else { return };
        let list = path.key("devices");
        for (index, device) in placement.devices.iter().enumerate() {
            let path = list.element(index, &device.name);
            if on_agent(device, agent, &path, faults) {
                self.add(placement, device, &path, faults);
            }
        }
    }

    /// No device is held beyond its thousandths; said where the sum passes them.
    fn add(
        &mut self,
        placement: &'f PlacementFile,
        device: &'f DeviceFile,
        path: &Path<'_>,
        faults: &mut Faults,
    ) {
        let place = (placement.agent.as_str(), device.name.as_str(), device.index);
        let before = self.milli.entry(place).or_default();
        let after = before.saturating_add(device.milli.max(0));
        if *before <= WHOLE_DEVICE && after > WHOLE_DEVICE {
            let cause = format!(
                "instances hold {after} or more thousandths of {} {} of {}",
                text::quote(&device.name),
                device.index,
                text::quote(&placement.agent)
            );
            let action = "name the devices that the instances hold: a device has 1000";
            faults.add(code::DEVICE_FULL, &path.key("milli"), cause, action);
        }
        *before = after;
    }
}

/// An instance holds exactly the devices that its task asks for, and is placed alone.
fn as_needed(placement: &PlacementFile, task: &TaskFile, path: &Path<'_>, faults: &mut Faults) {
    let subject = text::quote(&format!("{}/{}", placement.job, placement.task));
    if task.devices.is_empty() {
        let cause = format!("{subject} needs no devices");
        let action = "remove `devices` here, or state what the task needs";
        faults.add(code::DEVICE_NEED, &path.key("devices"), cause, action);
        return;
    }
    if placement.instances > 1 {
        let cause = format!("{subject} needs devices of its own for each instance");
        let action = "write one placement per instance, with `instances` 1 and its devices";
        faults.add(code::DEVICE_NEED, &path.key("instances"), cause, action);
    }
    let list = path.key("devices");
    let need = || {
        let needs = task.devices.iter();
        let needs =
            needs.map(|need| format!("{} {} of {} each", need.count, need.name, need.milli));
        text::cut(&needs.collect::<Vec<_>>().join(", "))
    };
    let mut milli: BTreeMap<&str, i64> = BTreeMap::new();
    let mut missing: BTreeMap<&str, i64> = BTreeMap::new();
    for need in &task.devices {
        milli.insert(&need.name, need.milli);
        missing.insert(&need.name, need.count);
    }
    for device in &placement.devices {
        let count = missing.entry(&device.name).or_default();
        *count = count.saturating_sub(1);
    }
    let asked = |device: &DeviceFile| milli.get(device.name.as_str()) == Some(&device.milli);
    if missing.values().any(|count| *count != 0) || !placement.devices.iter().all(asked) {
        let cause = format!("an instance of {subject} needs {}", need());
        let action = "name each device that the instance holds, with what the task asks of it";
        faults.add(code::DEVICE_NEED, &list, cause, action);
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, device) in placement.devices.iter().enumerate() {
        if !seen.insert((&device.name, device.index)) {
            let device_path = list.element(index, &device.name);
            let cause = format!("the instance holds number {} twice", device.index);
            let action = "name different devices";
            faults.add(code::DEVICE_NEED, &device_path.key("index"), cause, action);
        }
    }
}

/// The agent has the device.
fn on_agent(device: &DeviceFile, agent: &AgentFile, path: &Path<'_>, faults: &mut Faults) -> bool {
    let mut devices = agent.devices.iter();
    let has = devices
        .find(|devices| devices.name == device.name)
        .map_or(0, |devices| devices.count);
    if (0..has).contains(&device.index) {
        return true;
    }
    let agent = text::quote(&agent.id);
    let kind = text::quote(&device.name);
    let cause = match has {
        0 => format!("{agent} has no devices called {kind}"),
        has => format!("{agent} has {has} of {kind}, numbered from 0"),
    };
    let action = "name a device that the agent has";
    faults.add(code::DEVICE_INDEX, &path.key("index"), cause, action);
    false
}
