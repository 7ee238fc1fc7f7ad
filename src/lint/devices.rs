//! Findings about devices: kinds and models that no agent has, and needs that no agent can meet.

use std::collections::BTreeSet;

use apportion_cluster::{DeviceNeed, TaskIdx};

use super::{Findings, Subject, code, did_you_mean};
use crate::snapshot::text::{list, quote};

/// Kinds and models that no agent has, each said once; and instances that need more devices than any agent
/// has of the models that they may use.
pub(super) fn devices(subject: &Subject<'_>, findings: &mut Findings) {
    let mut said = BTreeSet::new();
    for index in subject.cluster.task_indices() {
        for need in &subject.cluster.task(index).devices {
            let path = need_path(subject, index, need);
            let models = models_of(subject, need);
            if models.is_empty() {
                if said.insert((need.kind, None)) {
                    unknown_kind(subject, need, &path, findings);
                }
                continue;
            }
            for choice in &need.models {
                let model = choice.model.as_str();
                if !models.contains(model) && said.insert((need.kind, Some(model))) {
                    let kind = &subject.cluster.devices[need.kind.at()];
                    let text = format!("no agent has a {kind} of the model {}", quote(model));
                    let otherwise = format!("agents have {}", list(models.iter().copied(), 8));
                    let action = did_you_mean(model, models.iter().copied(), &otherwise);
                    findings.warn(code::DEVICE, format!("{path}.models"), text, action);
                }
            }
            too_many(subject, index, need, &path, findings);
        }
    }
}

/// The models of the agents' devices of this kind; an agent that names none has the model ``.
fn models_of<'s>(subject: &Subject<'s>, need: &DeviceNeed) -> BTreeSet<&'s str> {
    let agents = subject.cluster.agents.iter();
    let devices = agents.flat_map(|agent| &agent.devices);
    let of_kind = devices.filter(|devices| devices.kind == need.kind);
    of_kind.map(|devices| devices.model.as_str()).collect()
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
    path: &str,
    findings: &mut Findings,
) {
    let agents = subject.cluster.agents.iter();
    let devices = agents.flat_map(|agent| &agent.devices);
    let allowed = devices.filter(|it| it.kind == need.kind && need.choice(&it.model).is_some());
    let Some(most) = allowed.map(|devices| devices.count).max() else {
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
    let file = &subject.file.jobs[subject.jobs[task.job.at()]].tasks[subject.tasks[index.at()]];
    let kind = &subject.cluster.devices[need.kind.at()];
    let at = file.devices.iter().position(|need| &need.name == kind);
    let at = at.expect("needs of a task are those of its file");
    format!("{}.devices[{at}]", subject.task_path(index))
}
