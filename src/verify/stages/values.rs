//! Values of stages, from what is placed.

use std::collections::{BTreeMap, BTreeSet};

use crate::verify::domains::by_domain;
use crate::verify::state::{Counts, State, total};

/// The declared levels but agents, which count in any case.
pub(in crate::verify) fn span_levels(state: &State<'_>) -> Vec<usize> {
    let levels = state.cluster.levels.iter().enumerate();
    let levels = levels.filter(|(_, level)| level.declared && level.name != "agent");
    levels.map(|(at, _)| at).collect()
}

/// Over jobs of several instances: the agents, and the domains of each level, that hold any.
pub(super) fn domains_used(state: &State<'_>, framework: usize) -> usize {
    let mut sum = 0;
    for job in &state.cluster.frameworks[framework].jobs {
        if job_size(state, job.at()) > 1 {
            let tasks = state.cluster.jobs[job.at()].tasks.iter();
            let agents: BTreeSet<usize> = tasks
                .flat_map(|task| state.placed[task.at()].keys().copied())
                .collect();
            sum += agents.len();
            for level in span_levels(state) {
                let by_domain = job_by_domain(state, job.at(), level, &state.placed);
                sum += by_domain.values().filter(|count| **count > 0).count();
            }
        }
    }
    sum
}

/// `sum of value x placed` over the framework's tasks (of one priority).
pub(in crate::verify) fn placed_value(
    state: &State<'_>,
    framework: usize,
    priority: Option<i64>,
    counts: &Counts,
) -> i128 {
    let mut sum = 0;
    for task in state.tasks_of(framework) {
        let job = &state.cluster.jobs[state.cluster.tasks[task].job.at()];
        if priority.is_none_or(|it| it == job.priority) {
            sum += state.value(task) * total(&counts[task]);
        }
    }
    sum
}

/// `sum of value x placed` in thousandths, or `sum of value x speed x placed`, over the framework's tasks (of one priority). What arrives on
/// devices of a model that its task does not allow is worth nothing; what runs there, and stays, has its value and no speed.
pub(super) fn placed_worth(
    state: &State<'_>,
    framework: usize,
    priority: Option<i64>,
    at_speed: bool,
) -> i128 {
    let mut sum = 0;
    for task in state.tasks_of(framework) {
        let job = &state.cluster.jobs[state.cluster.tasks[task].job.at()];
        if priority.is_none_or(|it| it == job.priority) {
            for (&agent, &count) in &state.placed[task] {
                let kept = state.kept[task].get(&agent).copied().unwrap_or(0);
                let is_allowed = state.speed(task, agent) > 0;
                let counted = if is_allowed { count } else { count.min(kept) };
                sum += state.worth(task, agent, at_speed) * counted;
            }
        }
    }
    sum
}

/// A number of thousandths, exactly where it is whole.
pub(in crate::verify) fn thousandths(number: i128) -> f64 {
    (number / 1000) as f64 + (number % 1000) as f64 / 1000.0
}

/// A job's instances by domain of a level.
pub(in crate::verify) fn job_by_domain(
    state: &State<'_>,
    job: usize,
    level: usize,
    counts: &Counts,
) -> BTreeMap<usize, i128> {
    let tasks = state.cluster.jobs[job].tasks.iter().map(|task| task.at());
    let tasks: Vec<usize> = tasks.collect();
    by_domain(state.cluster, counts, &tasks, level)
}

pub(super) fn shortfall(state: &State<'_>, framework: usize) -> i128 {
    let mut sum = 0;
    for job in &state.cluster.frameworks[framework].jobs {
        if let Some(rule) = state.cluster.jobs[job.at()].min_available {
            let by_domain = job_by_domain(state, job.at(), rule.level.at(), &state.placed);
            let placed: i128 = by_domain.values().sum();
            let worst = by_domain.values().copied().max().unwrap_or_default();
            sum += (i128::from(rule.instances) - (placed - worst)).max(0);
        }
    }
    sum
}

pub(super) fn worst_shares(state: &State<'_>, framework: usize) -> f64 {
    let mut sum = 0.0;
    for job in &state.cluster.frameworks[framework].jobs {
        for (level, it) in state.cluster.levels.iter().enumerate() {
            if it.declared {
                let by_domain = job_by_domain(state, job.at(), level, &state.placed);
                let worst = by_domain.values().copied().max().unwrap_or_default();
                let wanted = job_size(state, job.at());
                sum += level_weight(state, framework, level) * worst as f64 / wanted as f64;
            }
        }
    }
    sum
}

/// Instances that a job wants, at least 1.
pub(in crate::verify) fn job_size(state: &State<'_>, job: usize) -> i128 {
    let tasks = state.cluster.jobs[job].tasks.iter();
    let wanted: i128 = tasks.map(|task| state.wanted(task.at())).sum();
    wanted.max(1)
}

/// The framework's parameter `level_weights`, 1 where it says nothing.
pub(in crate::verify) fn level_weight(state: &State<'_>, framework: usize, level: usize) -> f64 {
    let parameters = &state.cluster.frameworks[framework].parameters;
    let weights = parameters.get("level_weights");
    let weight = weights.and_then(|it| it.get(&state.cluster.levels[level].name));
    weight.and_then(serde_json::Value::as_f64).unwrap_or(1.0)
}

pub(super) fn agents_opened(state: &State<'_>, framework: usize) -> usize {
    let mut opened: BTreeSet<usize> = BTreeSet::new();
    for task in state.tasks_of(framework) {
        opened.extend(state.arriving[task].keys());
    }
    opened.retain(|&agent| !state.occupied[agent]);
    opened.len()
}
