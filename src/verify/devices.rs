//! Rules on single devices: what each placement names, and what each device holds.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::DeviceNeed;
use apportion_cluster::file::PlacementFile;

use super::report::Findings;
use super::rule::Rule;
use super::state::State;

/// Thousandths that make up one device.
const WHOLE: i128 = 1000;

/// The devices of one instance: (kind, number, thousandths).
type Held<'a> = Vec<(&'a str, i64, i64)>;

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    let named = state
        .plan
        .placements
        .iter()
        .any(|it| !it.devices.is_empty());
    if state.cluster.devices.is_empty() && !named {
        return;
    }
    for entry in &state.plan.placements {
        let Some(task) = state
            .names
            .task(&entry.job, &entry.task, entry.shard.as_ref())
        else {
            continue;
        };
        let needs = &state.cluster.tasks[task].devices;
        if needs.is_empty() && entry.devices.is_empty() {
            continue;
        }
        as_needed(state, entry, needs, findings);
        if let Some(&agent) = state.names.agents.get(entry.agent.as_str()) {
            on_agent(state, entry, agent, findings);
        }
    }
    capacity(state, findings);
    stays(state, findings);
}

/// `devices[task on agent]`: one instance, and of each kind as many devices as the task asks for, all
/// different, with the thousandths that it asks for.
fn as_needed(
    state: &State<'_>,
    entry: &PlacementFile,
    needs: &[DeviceNeed],
    findings: &mut Findings,
) {
    let subject = || format!("{}/{} on {}", entry.job, entry.task, entry.agent);
    findings.check(Rule::Devices, entry.instances == 1, || {
        let text = "an instance with devices is placed alone".to_owned();
        (subject(), 1_i64, entry.instances, text)
    });
    for need in needs {
        let kind = &state.cluster.devices[need.kind.at()];
        let of_kind = || entry.devices.iter().filter(|device| &device.name == kind);
        let different: BTreeSet<i64> = of_kind().map(|device| device.index).collect();
        let exact = of_kind().count() as i128 == i128::from(need.count);
        let exact = exact && different.len() as i128 == i128::from(need.count);
        findings.check(Rule::Devices, exact, || {
            let text = format!("the instance names not as many different {kind} as it needs");
            (subject(), need.count, different.len() as i128, text)
        });
        for device in of_kind() {
            findings.check(Rule::Devices, device.milli == need.milli, || {
                let text = format!("the thousandths of {kind} {} differ", device.index);
                (subject(), need.milli, device.milli, text)
            });
        }
    }
    for device in &entry.devices {
        let mut kinds = needs
            .iter()
            .map(|need| &state.cluster.devices[need.kind.at()]);
        findings.check(
            Rule::Devices,
            kinds.any(|kind| *kind == device.name),
            || {
                let text = "the task needs no such device".to_owned();
                (subject(), "no device", device.name.as_str(), text)
            },
        );
    }
}

/// `devices[task on agent]`: the agent has what is named.
fn on_agent(state: &State<'_>, entry: &PlacementFile, agent: usize, findings: &mut Findings) {
    for device in &entry.devices {
        let has = count_on(state, agent, &device.name);
        findings.check(Rule::Devices, (0..has).contains(&device.index), || {
            let text = format!("{} has {has} {}, numbered from 0", entry.agent, device.name);
            let subject = format!("{}/{} on {}", entry.job, entry.task, entry.agent);
            (subject, has, device.index, text)
        });
    }
}

fn count_on(state: &State<'_>, agent: usize, kind: &str) -> i64 {
    let devices = state.cluster.agents[agent].devices.iter();
    let of_kind = devices.filter(|it| state.cluster.devices[it.kind.at()] == kind);
    of_kind.map(|it| it.count).sum()
}

/// `device_capacity[agent,kind,number]`: at most 1000 thousandths of each device are held.
fn capacity(state: &State<'_>, findings: &mut Findings) {
    let mut held: BTreeMap<(&str, &str, i64), i128> = BTreeMap::new();
    for entry in &state.plan.placements {
        for device in &entry.devices {
            let place = (entry.agent.as_str(), device.name.as_str(), device.index);
            // A negative amount is a fault of its own, and makes no room here.
            *held.entry(place).or_default() += i128::from(device.milli.max(0));
        }
    }
    for ((agent, kind, index), used) in held {
        findings.check(Rule::DeviceCapacity, used <= WHOLE, || {
            let text = format!("instances hold more than all of {kind} {index} on {agent}");
            (format!("{agent},{kind},{index}"), WHOLE, used, text)
        });
    }
}

/// `stays`: instances that stay where they run hold the devices that they hold there now.
fn stays(state: &State<'_>, findings: &mut Findings) {
    let mut running: BTreeMap<(usize, usize), Vec<Held<'_>>> = BTreeMap::new();
    for it in &state.cluster.running_devices {
        let devices = it.devices.iter();
        let held = devices.map(|device| {
            let kind = state.cluster.devices[device.kind.at()].as_str();
            (kind, device.index, device.milli)
        });
        let place = (it.task.at(), it.agent.at());
        running
            .entry(place)
            .or_default()
            .push(sorted(held.collect()));
    }
    let mut placed: BTreeMap<(usize, usize), Vec<Held<'_>>> = BTreeMap::new();
    for entry in &state.plan.placements {
        let task = state
            .names
            .task(&entry.job, &entry.task, entry.shard.as_ref());
        let agent = state.names.agents.get(entry.agent.as_str());
        if let (Some(task), Some(&agent)) = (task, agent) {
            let devices = entry.devices.iter();
            let held = devices.map(|it| (it.name.as_str(), it.index, it.milli));
            let place = placed.entry((task, agent)).or_default();
            place.push(sorted(held.collect()));
        }
    }
    for ((task, agent), before) in running {
        let mut after = placed.remove(&(task, agent)).unwrap_or_default();
        let mut same: i128 = 0;
        for held in &before {
            if let Some(at) = after.iter().position(|other| other == held) {
                after.swap_remove(at);
                same += 1;
            }
        }
        let kept = state.kept[task].get(&agent).copied().unwrap_or_default();
        findings.check(Rule::Stays, same >= kept, || {
            let text = "instances that stay hold other devices than before".to_owned();
            let (task, agent) = (state.task_name(task), state.agent_name(agent));
            (format!("{task} on {agent}"), kept, same, text)
        });
    }
}

fn sorted(mut held: Held<'_>) -> Held<'_> {
    held.sort_unstable();
    held
}
