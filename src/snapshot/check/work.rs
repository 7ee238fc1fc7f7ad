//! Jobs, tasks, and the rules of tasks.

use std::collections::HashMap;

use apportion_cluster::file::{ConstraintsFile, JobFile, SnapshotFile, TaskFile};
use apportion_cluster::{MAX_INSTANCES, MAX_QUANTITY};

use super::Names;
use super::devices::MAX_THROUGHPUT;
use super::storage;
use super::values::{amounts, count, distinct, name, suggestion};
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// Highest value of one instance.
const MAX_VALUE: i64 = 1_000_000_000;

/// Highest value of all instances together: utilities are sums of values, and every integer up to here is a
/// floating-point number of its own.
const MAX_TOTAL_VALUE: i128 = 1 << 53;

/// Throughput, in thousandths, where nothing else is stated.
pub(super) const USUAL_SPEED: i128 = 1000;

/// Jobs are distinct, belong to frameworks, and ask for what can be counted.
pub(super) fn jobs(file: &SnapshotFile, names: &Names<'_>, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("jobs");
    distinct(file.jobs.iter().map(|j| j.id.as_str()), &list, "id", faults);
    for (index, job) in file.jobs.iter().enumerate() {
        let path = list.element(index, &job.id);
        name(&job.id, &path.key("id"), faults);
        framework(file, job, names, &path.key("framework"), faults);
        if job.priority.unsigned_abs() > MAX_QUANTITY.unsigned_abs() {
            let cause = format!("the priority {} is beyond {MAX_QUANTITY}", job.priority);
            faults.add(
                code::PRIORITY,
                &path.key("priority"),
                cause,
                "state a smaller number",
            );
        }
        if let Some(moves) = job.max_moves {
            count(moves, 0, &path.key("max_moves"), faults);
        }
        if let Some(rule) = &job.min_available {
            let path = path.key("min_available");
            level(&rule.level, names, &path, faults);
            count(rule.instances, 0, &path.key("instances"), faults);
        }
        let list = path.key("tasks");
        distinct(job.tasks.iter().map(|t| t.id.as_str()), &list, "id", faults);
        for (index, task) in job.tasks.iter().enumerate() {
            let path = list.element(index, &task.id);
            self::task(task, names, &path, faults);
            storage::shards(&task.shards, names, &path, faults);
            storage::replicas(task, &task.shards, &path, faults);
        }
        storage::shards(&job.shards, names, &path, faults);
        storage::job(job, &path, faults);
        gang(job, &path, faults);
    }
    total_value(file, &list, faults);
}

fn total_value(file: &SnapshotFile, path: &Path<'_>, faults: &mut Faults) {
    // What is out of its own range is a fault of its own.
    let worth = |job: &JobFile| {
        let shapes = job.shapes();
        let worth = shapes.iter().map(|(task, shards)| {
            let value = i128::from(task.value.clamp(0, MAX_VALUE));
            let wanted = JobFile::wanted(task, shards);
            value * i128::from(wanted.clamp(0, MAX_INSTANCES)) * fastest(task)
        });
        worth.sum::<i128>()
    };
    let total = file.jobs.iter().map(worth).sum::<i128>() / USUAL_SPEED;
    if total > MAX_TOTAL_VALUE {
        let cause = format!(
            "value x instances over all tasks, on their fastest models, is {total}, above the largest total, {MAX_TOTAL_VALUE}"
        );
        let action = "state smaller values: only their ratios matter";
        faults.add(code::TOTAL_VALUE, path, cause, action);
    }
}

/// The largest throughput that a task states, at least the usual one.
fn fastest(task: &TaskFile) -> i128 {
    let models = task.devices.iter().filter_map(|need| need.models.as_ref());
    let stated = models.flatten().map(|choice| i128::from(choice.throughput));
    let sensible = stated.filter(|it| (1..=MAX_THROUGHPUT.into()).contains(it));
    sensible.fold(USUAL_SPEED, i128::max)
}

fn framework(
    file: &SnapshotFile,
    job: &JobFile,
    names: &Names<'_>,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    if names.frameworks.contains_key(job.framework.as_str()) || faults.lost("frameworks") {
        return;
    }
    let cause = format!("there is no framework {}", text::quote(&job.framework));
    let ids = file.frameworks.iter().map(|f| f.id.as_str());
    let action = suggestion(&job.framework, ids, "frameworks", faults);
    faults.add(code::UNKNOWN_FRAMEWORK, path, cause, action);
}

fn gang(job: &JobFile, path: &Path<'_>, faults: &mut Faults) {
    let Some(gang) = &job.gang else {
        return;
    };
    let gang_path = path.key("gang");
    let path = gang_path.key("min_instances");
    count(gang.min_instances, 1, &path, faults);
    let shapes = job.shapes();
    let wanted = shapes
        .iter()
        .map(|(task, shards)| JobFile::wanted(task, shards));
    let wanted: i128 = wanted.map(|wanted| i128::from(wanted.max(0))).sum();
    if i128::from(gang.min_instances) > wanted && !faults.lost("jobs") {
        let cause = format!(
            "the gang needs {} instances, the job has {wanted}",
            gang.min_instances
        );
        let action = format!("state at most {wanted}, or ask for more instances");
        faults.add(code::GANG, &path, cause, action);
    }
}

fn task(task: &TaskFile, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    name(&task.id, &path.key("id"), faults);
    count(task.instances, 0, &path.key("instances"), faults);
    if !(1..=MAX_VALUE).contains(&task.value) {
        let cause = format!("the value {} is not in 1 to {MAX_VALUE}", task.value);
        faults.add(
            code::VALUE,
            &path.key("value"),
            cause,
            "state 1 or more; to want nothing, state 0 instances",
        );
    }
    amounts(&task.resources, &path.key("resources"), faults);
    let groups = path.key("groups");
    for (index, group) in task.groups.iter().enumerate() {
        name(group, &groups.at(index), faults);
    }
    constraints(&task.constraints, names, &path.key("constraints"), faults);
}

fn constraints(rules: &ConstraintsFile, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    let attributes = path.key("attributes");
    for (key, values) in &rules.attributes {
        name(key, &attributes.key(key), faults);
        if values.is_empty() {
            let action = "list the allowed values, or remove the key; `*` allows any value";
            faults.add(
                code::EMPTY_LIST,
                &attributes.key(key),
                "an empty list allows no agent",
                action,
            );
        }
    }
    agents(rules, names, &path.key("agents"), faults);
    let tolerates = path.key("tolerates");
    for (index, word) in rules.tolerates.iter().enumerate() {
        name(word, &tolerates.at(index), faults);
    }
    let limits = path.key("limit");
    for (index, rule) in rules.limit.iter().enumerate() {
        let path = limits.at(index);
        level(&rule.level, names, &path, faults);
        count(rule.max, 0, &path.key("max"), faults);
        group(rule.group.as_deref(), names, &path, faults);
    }
    let spreads = path.key("spread");
    for (index, rule) in rules.spread.iter().enumerate() {
        let path = spreads.at(index);
        level(&rule.level, names, &path, faults);
        count(rule.max_skew, 1, &path.key("max_skew"), faults);
        group(rule.group.as_deref(), names, &path, faults);
    }
}

fn agents(rules: &ConstraintsFile, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    let Some(agents) = &rules.agents else {
        return;
    };
    if agents.is_empty() {
        let action = "name the allowed agents, or remove the key to allow all";
        faults.add(
            code::EMPTY_LIST,
            path,
            "an empty list allows no agent",
            action,
        );
    }
    for (index, agent) in agents.iter().enumerate() {
        unknown_agent(agent, names, &path.at(index), faults);
    }
}

/// Adds a fault if no agent is called `agent`.
pub(super) fn unknown_agent(agent: &str, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    if names.agents.contains_key(agent) || faults.lost("agents") {
        return;
    }
    let cause = format!("there is no agent {}", text::quote(agent));
    let mut ids: Vec<&str> = Vec::new();
    if faults.may_suggest() {
        ids.extend(names.agents.keys());
        ids.sort_unstable();
    }
    let action = suggestion(agent, ids, "agents", faults);
    faults.add(code::UNKNOWN_AGENT, path, cause, action);
}

/// The level of the rule at `path` is one.
fn level(level: &str, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    level_at(level, names, &path.key("level"), faults);
}

/// The level that is named at `path` is one.
pub(super) fn level_at(level: &str, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    if names.words.is_level(level) || faults.lost("levels") || faults.lost("agents") {
        return;
    }
    let cause = format!(
        "{} is neither a declared level nor an attribute of any agent",
        text::quote(level)
    );
    let known = names
        .words
        .levels
        .iter()
        .chain(&names.words.attributes)
        .copied();
    let action = suggestion(
        level,
        known.chain(["agent"]),
        "levels and attributes",
        faults,
    );
    faults.add(code::UNKNOWN_LEVEL, path, cause, action);
}

/// The group of the rule at `path` is one that some task belongs to.
fn group(group: Option<&str>, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    let Some(group) = group else {
        return;
    };
    if names.words.groups.binary_search(&group).is_ok() || faults.lost("jobs") {
        return;
    }
    let cause = format!("no task belongs to the group {}", text::quote(group));
    let hint = suggestion(group, names.words.groups.iter().copied(), "groups", faults);
    let action = format!("add it to the `groups` of the tasks that the rule counts; {hint}");
    faults.add(code::UNKNOWN_GROUP, &path.key("group"), cause, action);
}

/// A group lies within one framework: rules do not look across frameworks.
pub(super) fn groups(file: &SnapshotFile, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("jobs");
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for (index, job) in file.jobs.iter().enumerate() {
        let path = list.element(index, &job.id);
        let tasks = path.key("tasks");
        for (index, task) in job.tasks.iter().enumerate() {
            let task_path = tasks.element(index, &task.id);
            for (key, at, group) in uses(task) {
                let owner = *owners.entry(group).or_insert(&job.framework);
                if owner != job.framework {
                    let cause = format!(
                        "the group {} is used by tasks of {} and of {}",
                        text::quote(group),
                        text::quote(owner),
                        text::quote(&job.framework)
                    );
                    let action =
                        "use a group within one framework: rules do not look across frameworks";
                    let constraints = task_path.key("constraints");
                    let parent = if key == "groups" {
                        &task_path
                    } else {
                        &constraints
                    };
                    let list = parent.key(key);
                    let element = list.at(at);
                    let rule = element.key("group");
                    let path = if key == "groups" { &element } else { &rule };
                    faults.add(code::GROUP_ACROSS, path, cause, action);
                }
            }
        }
    }
}

/// Every use of a group by `task`: the list, the position in it, the group.
fn uses(task: &TaskFile) -> impl Iterator<Item = (&'static str, usize, &str)> {
    let member = task
        .groups
        .iter()
        .enumerate()
        .map(|(at, group)| ("groups", at, group.as_str()));
    let limits = task.constraints.limit.iter().enumerate();
    let limits = limits.filter_map(|(at, rule)| Some(("limit", at, rule.group.as_deref()?)));
    let spreads = task.constraints.spread.iter().enumerate();
    let spreads = spreads.filter_map(|(at, rule)| Some(("spread", at, rule.group.as_deref()?)));
    member.chain(limits).chain(spreads)
}
