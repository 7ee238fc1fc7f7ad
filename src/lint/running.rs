//! Findings about what runs now: the real world may break rules, and a plan can only repair it.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{DomainIdx, Refusal, TaskIdx};

use super::rules::members;
use super::{Findings, Subject, code};
use crate::snapshot::text::quote;

/// More runs on an agent than it has.
pub(super) fn overcommitted(subject: &Subject<'_>, findings: &mut Findings) {
    let cluster = subject.cluster;
    let mut used: BTreeMap<usize, Vec<i128>> = BTreeMap::new();
    for running in &cluster.running {
        let used = used
            .entry(running.agent.at())
            .or_insert_with(|| vec![0; cluster.resources.len()]);
        for (used, &amount) in used.iter_mut().zip(&cluster.task(running.task).demand.0) {
            *used += i128::from(amount) * i128::from(running.instances);
        }
    }
    for (agent, used) in used {
        let capacity = &cluster.agents[agent].capacity.0;
        for (resource, (&used, &have)) in used.iter().zip(capacity).enumerate() {
            if used > i128::from(have) {
                let id = quote(&cluster.agents[agent].id);
                let text = format!(
                    "{used} {} run on {id}, which has {have}",
                    cluster.resources[resource]
                );
                findings.warn(
                    code::OVERCOMMITTED,
                    subject.agent_path(agent),
                    text,
                    "nothing new is placed there until it fits",
                );
            }
        }
    }
}

/// An instance runs where its task's rules do not allow it.
pub(super) fn misplaced(subject: &Subject<'_>, findings: &mut Findings) {
    let cluster = subject.cluster;
    for running in &cluster.running {
        let reason = match cluster.broken_rule(cluster.task(running.task), running.agent) {
            None => continue,
            Some(Refusal::Dedicated(word)) => format!("is dedicated to {}", quote(word)),
            Some(Refusal::NotNamed) => "is not one of the task's agents".to_owned(),
            Some(Refusal::Attribute(rule)) => format!("breaks the rule on {}", quote(&rule.key)),
            Some(Refusal::DeviceModel(need)) => {
                let kind = quote(&cluster.devices[need.kind.at()]);
                format!("has {kind} of a model that the task may not use")
            }
            Some(Refusal::TooFewDevices(need)) => {
                let kind = quote(&cluster.devices[need.kind.at()]);
                format!("has fewer {kind} than an instance needs")
            }
            Some(Refusal::Cordoned | Refusal::TooSmall(_)) => continue,
        };
        let text = format!(
            "`{}` runs on {}, which {reason}",
            cluster.task_name(running.task),
            quote(&cluster.agent(running.agent).id)
        );
        findings.warn(
            code::MISPLACED,
            subject.task_path(running.task),
            text,
            "it stays there until it is moved",
        );
    }
}

/// More instances run in a domain than a limit allows.
pub(super) fn limits(subject: &Subject<'_>, findings: &mut Findings) {
    let cluster = subject.cluster;
    let members = members(cluster);
    let mut running: BTreeMap<TaskIdx, Vec<usize>> = BTreeMap::new();
    for (at, entry) in cluster.running.iter().enumerate() {
        running.entry(entry.task).or_default().push(at);
    }
    let mut seen = BTreeSet::new();
    for index in cluster.task_indices() {
        for rule in &cluster.task(index).limits {
            if rule.group.is_some() && !seen.insert((rule.group, rule.level, rule.max)) {
                continue;
            }
            let alone = vec![index];
            let tasks = rule.group.map_or(&alone, |group| &members[group.at()]);
            let mut counts: BTreeMap<DomainIdx, i64> = BTreeMap::new();
            for &at in tasks.iter().filter_map(|task| running.get(task)).flatten() {
                let entry = &cluster.running[at];
                *counts
                    .entry(cluster.domain(entry.agent, rule.level))
                    .or_default() += entry.instances;
            }
            if let Some((domain, count)) = counts.into_iter().find(|(_, count)| *count > rule.max) {
                let level = &cluster.levels[rule.level.at()];
                let text = format!(
                    "{count} instances run in {} {}, the limit is {}",
                    level.name,
                    quote(&level.domains[domain.at()]),
                    rule.max
                );
                let path = format!("{}.constraints.limit", subject.task_path(index));
                findings.warn(
                    code::OVER_LIMIT,
                    path,
                    text,
                    "nothing new is placed there, and moves repair it",
                );
            }
        }
    }
}
