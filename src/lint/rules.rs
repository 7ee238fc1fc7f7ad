//! Findings about rules that cannot hold with everything placed.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Cluster, DomainIdx, GroupIdx, LevelIdx, TaskIdx};

use super::selectors::Eligible;
use super::{Findings, Subject, code};
use crate::snapshot::text::quote;

/// A job without instances.
pub(super) fn nothing_wanted(subject: &Subject<'_>, findings: &mut Findings) {
    for (at, job) in subject.file.jobs.iter().enumerate() {
        if job.tasks.iter().all(|task| task.instances == 0) {
            let text = format!("the job `{}` wants no instances", job.id);
            findings.note(
                code::NOTHING_WANTED,
                format!("jobs[{at}]"),
                text,
                "remove it, or state `instances`",
            );
        }
    }
}

/// The domains of `agents` at `level`.
fn domains(cluster: &Cluster, agents: &[AgentIdx], level: LevelIdx) -> BTreeSet<DomainIdx> {
    agents
        .iter()
        .map(|&agent| cluster.domain(agent, level))
        .collect()
}

/// Who a limit counts: a group, or one task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Every task of a group.
    Group(GroupIdx),
    /// One task.
    Task(TaskIdx),
}

/// A limit allows `max` instances in each domain that its tasks may use; if those are too few, some
/// instances cannot be placed.
pub(super) fn limits(subject: &Subject<'_>, eligible: &Eligible, findings: &mut Findings) {
    let cluster = subject.cluster;
    let members = members(cluster);
    let mut counted: BTreeMap<(usize, LevelIdx), i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for index in cluster.task_indices() {
        for rule in &cluster.task(index).limits {
            let scope = rule.group.map_or(Scope::Task(index), Scope::Group);
            if !seen.insert((scope, rule.level, rule.max)) {
                continue;
            }
            let alone = [index];
            let tasks: &[TaskIdx] = match scope {
                Scope::Group(group) => &members[group.at()],
                Scope::Task(_) => &alone,
            };
            let usable = usable_domains(cluster, tasks, eligible, rule.level, &mut counted);
            let wanted: i128 = tasks
                .iter()
                .map(|&task| i128::from(cluster.task(task).instances))
                .sum();
            let room = usable.map(|usable| i128::from(usable) * i128::from(rule.max));
            if let (Some(usable), Some(room)) = (usable, room)
                && room < wanted
                && usable > 0
            {
                let level = quote(&cluster.levels[rule.level.at()].name);
                let text = format!(
                    "at most {} in each of {usable} domains of {level} makes {room}, {wanted} are wanted",
                    rule.max
                );
                let path = format!("{}.constraints.limit", subject.task_path(index));
                findings.warn(
                    code::LIMIT,
                    path,
                    text,
                    "raise `max`, add domains, or want fewer instances",
                );
            }
        }
    }
}

/// Tasks of each group.
pub(super) fn members(cluster: &Cluster) -> Vec<Vec<TaskIdx>> {
    let mut members = vec![Vec::new(); cluster.groups.len()];
    for index in cluster.task_indices() {
        for group in &cluster.task(index).groups {
            members[group.at()].push(index);
        }
    }
    members
}

/// How many domains of `level` hold an agent that one of `tasks` may use; `None` if that is not known.
fn usable_domains(
    cluster: &Cluster,
    tasks: &[TaskIdx],
    eligible: &Eligible,
    level: LevelIdx,
    counted: &mut BTreeMap<(usize, LevelIdx), i64>,
) -> Option<i64> {
    // Tasks with equal rules share a list of agents: its position identifies it.
    let lists: Option<BTreeSet<usize>> = tasks.iter().map(|&task| eligible.list_of(task)).collect();
    let lists = lists?;
    if let [only] = lists.iter().copied().collect::<Vec<_>>()[..] {
        let count = || domains(cluster, eligible.list(only), level).len() as i64;
        return Some(*counted.entry((only, level)).or_insert_with(count));
    }
    let all = lists
        .into_iter()
        .map(|list| domains(cluster, eligible.list(list), level));
    Some(all.fold(BTreeSet::new(), |all, some| &all | &some).len() as i64)
}

/// The loss of one of d domains takes at least the d-th part of a job's instances.
pub(super) fn survival(subject: &Subject<'_>, eligible: &Eligible, findings: &mut Findings) {
    let cluster = subject.cluster;
    let mut counted = BTreeMap::new();
    for (at, job) in cluster.jobs.iter().enumerate() {
        let Some(rule) = job.min_available.filter(|rule| rule.instances > 0) else {
            continue;
        };
        let wanted: i64 = job
            .tasks
            .iter()
            .map(|&task| cluster.task(task).instances)
            .fold(0, i64::saturating_add);
        let Some(usable) = usable_domains(cluster, &job.tasks, eligible, rule.level, &mut counted)
        else {
            continue;
        };
        let lost = if usable > 0 {
            wanted / usable + i64::from(wanted % usable > 0)
        } else {
            wanted
        };
        if wanted - lost < rule.instances {
            let text = format!(
                "of {wanted} instances in {usable} domains of {} at most {} survive the loss of one; {} must",
                quote(&cluster.levels[rule.level.at()].name),
                wanted - lost,
                rule.instances
            );
            let path = format!("jobs[{}].min_available", subject.jobs[at]);
            findings.warn(
                code::SURVIVAL,
                path,
                text,
                "want more instances, add domains, or lower the number",
            );
        }
    }
}
