//! Single devices in offers: what was promised of each is there, and new instances lie within it.

use std::collections::BTreeMap;

use super::report::Findings;
use super::rule::Rule;
use super::state::State;

/// Thousandths that make up one device.
const WHOLE: i128 = 1000;

/// The devices of one instance: (kind, number, thousandths), sorted.
type Held = Vec<(usize, i64, i128)>;

/// Thousandths by agent, kind and number.
type Amounts = BTreeMap<(usize, usize, i64), i128>;

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    if state.cluster.devices.is_empty() {
        return;
    }
    let (staying, arriving) = holdings(state);
    for (framework, arriving) in arriving.iter().enumerate() {
        within_agents(state, framework, &staying, findings);
        totals(state, framework, findings);
        for (&(agent, kind, index), &used) in arriving {
            let offered = offered(state, framework, (agent, kind, index));
            findings.check(Rule::OfferedDevices, used <= offered, || {
                let text = "new instances hold more of the device than was offered".to_owned();
                let subject = subject(state, framework, (agent, kind, index));
                (subject, used, offered, text)
            });
        }
    }
}

/// Each device that is offered is there, with no more than what stays running leaves of it.
fn within_agents(state: &State<'_>, framework: usize, staying: &Amounts, findings: &mut Findings) {
    for (&agent, devices) in &state.offered_devices[framework] {
        for (&(kind, index), &offered) in devices {
            let is_there = (0..count(state, agent, kind)).contains(&index);
            let held = staying.get(&(agent, kind, index)).copied();
            let free = match is_there {
                true => (WHOLE - held.unwrap_or_default()).max(0),
                false => 0,
            };
            let holds = offered <= free && is_there;
            findings.check(Rule::OfferedDevices, holds, || {
                let text = "the offer is more of the device than it has beside what stays running";
                let subject = subject(state, framework, (agent, kind, index));
                (subject, free, offered, text.to_owned())
            });
        }
    }
}

/// The resource that totals the devices of a kind is their sum.
fn totals(state: &State<'_>, framework: usize, findings: &mut Findings) {
    for (&agent, amounts) in &state.offers[framework] {
        for (kind, name) in state.cluster.devices.iter().enumerate() {
            let resource = state.names.resources.get(format!("{name}_milli").as_str());
            let Some(&resource) = resource.filter(|_| count(state, agent, kind) > 0) else {
                continue;
            };
            let devices = state.offered_devices[framework].get(&agent);
            let of_kind = devices.into_iter().flatten().filter(|it| it.0.0 == kind);
            let sum: i128 = of_kind.map(|(_, amount)| amount).sum();
            findings.check(Rule::OfferedDevices, sum == amounts[resource], || {
                let framework = &state.cluster.frameworks[framework].id;
                let subject = format!("{framework} on {},{name}", state.agent_name(agent));
                let text = "the total that is offered is not that of the devices".to_owned();
                (subject, sum, amounts[resource], text)
            });
        }
    }
}

/// What surely stays on each device, and for each framework what is surely new on it. Where instances leave an agent
/// and others take the same devices there, nobody can tell them apart: these count as neither.
fn holdings(state: &State<'_>) -> (Amounts, Vec<Amounts>) {
    let running = running_sets(state);
    let placed = placed_sets(state);
    let mut staying = Amounts::new();
    let mut arriving = vec![Amounts::new(); state.cluster.frameworks.len()];
    for (&(task, agent), before) in &running {
        let kept = state.kept[task].get(&agent).copied().unwrap_or_default();
        let after = placed.get(&(task, agent)).map_or(&[][..], Vec::as_slice);
        let (same, _) = matched(before, after);
        if before.len() as i128 == kept {
            add(&mut staying, agent, before);
        } else if same.len() as i128 <= kept {
            add(&mut staying, agent, &same);
        }
    }
    for (&(task, agent), after) in &placed {
        let before = running.get(&(task, agent)).map_or(&[][..], Vec::as_slice);
        let (_, new) = matched(before, after);
        let job = state.cluster.tasks[task].job;
        let framework = state.cluster.jobs[job.at()].framework;
        add(&mut arriving[framework.at()], agent, &new);
    }
    (staying, arriving)
}

fn running_sets(state: &State<'_>) -> BTreeMap<(usize, usize), Vec<Held>> {
    let mut sets: BTreeMap<(usize, usize), Vec<Held>> = BTreeMap::new();
    for it in &state.cluster.running_devices {
        let devices = it.devices.iter();
        let mut held: Held = devices
            .map(|device| (device.kind.at(), device.index, device.milli.into()))
            .collect();
        held.sort_unstable();
        let place = (it.task.at(), it.agent.at());
        sets.entry(place).or_default().push(held);
    }
    sets
}

/// What placements name of devices that their agents have; what they name beside that is a fault of its own.
fn placed_sets(state: &State<'_>) -> BTreeMap<(usize, usize), Vec<Held>> {
    let mut sets: BTreeMap<(usize, usize), Vec<Held>> = BTreeMap::new();
    for entry in &state.plan.placements {
        let task = state
            .names
            .task(&entry.job, &entry.task, entry.shard.as_ref());
        let agent = state.names.agents.get(entry.agent.as_str());
        let (Some(task), Some(&agent)) = (task, agent) else {
            continue;
        };
        let mut held = Held::new();
        for device in &entry.devices {
            let kind = state
                .cluster
                .devices
                .iter()
                .position(|it| *it == device.name);
            let kind = kind.filter(|&it| (0..count(state, agent, it)).contains(&device.index));
            held.extend(kind.map(|kind| (kind, device.index, device.milli.max(0).into())));
        }
        held.sort_unstable();
        sets.entry((task, agent)).or_default().push(held);
    }
    sets
}

/// The sets of `after` that are also in `before`, each as often as in both, and the others.
fn matched(before: &[Held], after: &[Held]) -> (Vec<Held>, Vec<Held>) {
    let mut left = before.to_vec();
    let (mut same, mut new) = (Vec::new(), Vec::new());
    for held in after {
        match left.iter().position(|other| other == held) {
            Some(at) => same.push(left.swap_remove(at)),
            None => new.push(held.clone()),
        }
    }
    (same, new)
}

fn add(amounts: &mut Amounts, agent: usize, sets: &[Held]) {
    for &(kind, index, milli) in sets.iter().flatten() {
        *amounts.entry((agent, kind, index)).or_default() += milli;
    }
}

fn offered(state: &State<'_>, framework: usize, at: (usize, usize, i64)) -> i128 {
    let devices = state.offered_devices[framework].get(&at.0);
    let amount = devices.and_then(|devices| devices.get(&(at.1, at.2)));
    amount.copied().unwrap_or_default()
}

fn count(state: &State<'_>, agent: usize, kind: usize) -> i64 {
    let devices = state.cluster.agents[agent].devices.iter();
    let of_kind = devices.filter(|it| it.kind.at() == kind);
    of_kind.map(|it| it.count).sum()
}

fn subject(state: &State<'_>, framework: usize, at: (usize, usize, i64)) -> String {
    let framework = &state.cluster.frameworks[framework].id;
    let kind = &state.cluster.devices[at.1];
    format!("{framework} on {},{kind},{}", state.agent_name(at.0), at.2)
}
