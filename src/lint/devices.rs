//! Findings about devices: kinds and models that no agent has, and needs that no agent can meet.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{DeviceIdx, DeviceNeed, TaskIdx};

use super::{Findings, Subject, code, did_you_mean};
use crate::snapshot::text::{list, quote};

/// What agents have of each kind: its models, and the most devices of each that one agent has. An agent that names no
/// model has the model ``.
type Stock<'s> = BTreeMap<DeviceIdx, BTreeMap<&'s str, i64>>;

/// Kinds and models that no agent has, each said once; and instances that need more devices than any agent
/// has of the models that they may use.
pub(super) fn devices(subject: &Subject<'_>, findings: &mut Findings) {
    let stock = stock(subject);
    let none = BTreeMap::new();
    let mut said = BTreeSet::new();
    for index in subject.cluster.task_indices() {
        for need in &subject.cluster.task(index).devices {
            let path = need_path(subject, index, need);
            let models = stock.get(&need.kind).unwrap_or(&none);
            if models.is_empty() {
                if said.insert((need.kind, None)) {
                    unknown_kind(subject, need, &path, findings);
                }
                continue;
            }
            for choice in &need.models {
                let model = choice.model.as_str();
                if !models.contains_key(model) && said.insert((need.kind, Some(model))) {
                    let kind = &subject.cluster.devices[need.kind.at()];
                    let text = format!("no agent has a {kind} of the model {}", quote(model));
                    let otherwise = format!("agents have {}", list(models.keys().copied(), 8));
                    let action = did_you_mean(model, models.keys().copied(), &otherwise);
                    findings.warn(code::DEVICE, format!("{path}.models"), text, action);
                }
            }
            too_many(subject, index, need, models, &path, findings);
        }
    }
}

fn stock<'s>(subject: &Subject<'s>) -> Stock<'s> {
    let mut stock = Stock::new();
    for devices in subject.cluster.agents.iter().flat_map(|it| &it.devices) {
        let models = stock.entry(devices.kind).or_default();
        let most = models.entry(devices.model.as_str()).or_default();
        *most = devices.count.max(*most);
    }
    stock
}

fn unknown_kind(subject: &Subject<'_>, need: &DeviceNeed, path: &str, findings: &mut Findings) {
    let cluster = subject.cluster;
    let name = cluster.devices[need.kind.at()].as_str();
    let had = cluster.agents.iter().flat_map(|agent| &agent.devices);
    let had: BTreeSet<&str> = had
        .map(|devices| cluster.devices[devices.kind.at()].as_str())
        .collect();
    let text = format!("no agent has devices called {}", quote(name));
    let action = did_you_mean(name, had, "add them to the agents' `devices`");
    findings.warn(code::DEVICE, format!("{path}.name"), text, action);
}

fn too_many(
    subject: &Subject<'_>,
    index: TaskIdx,
    need: &DeviceNeed,
    models: &BTreeMap<&str, i64>,
    path: &str,
    findings: &mut Findings,
) {
    let allowed = models
        .iter()
        .filter(|(model, _)| need.choice(model).is_some());
    let Some(most) = allowed.map(|(_, most)| *most).max() else {
        return;
    };
    if need.count > most {
        let kind = &subject.cluster.devices[need.kind.at()];
        let text = format!(
            "`{}` needs {} {kind} an instance, the largest agent with a model that it may use has {most}",
            subject.cluster.task_name(index),
            need.count
        );
        let action = "ask for fewer devices, split the instance, or add a larger agent";
        findings.warn(code::NEVER_FITS, format!("{path}.count"), text, action);
    }
}

/// `jobs[2].tasks[0].devices[1]`, as the file has it.
fn need_path(subject: &Subject<'_>, index: TaskIdx, need: &DeviceNeed) -> String {
    let task = subject.cluster.task(index);
    let kind = &subject.cluster.devices[need.kind.at()];
    let stated = subject.tasks[index.at()];
    let file = stated.map(|at| &subject.file.jobs[subject.jobs[task.job.at()]].tasks[at]);
    let at = file.and_then(|file| file.devices.iter().position(|need| &need.name == kind));
    let at = at.expect("needs of a task are those of its file");
    format!("{}.devices[{at}]", subject.task_path(index))
}
