//! The stages of each policy.

use std::collections::BTreeSet;

use super::measure::{Measure, Timed};
use super::values::job_size;
use crate::verify::ahead::{Ahead, plans_ahead};
use crate::verify::mapreduce::Hadoop;
use crate::verify::state::State;
use crate::verify::workflow::Flows;

/// The stages of a `service` framework.
pub(super) fn service_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    if state.cluster.levels.iter().any(|level| level.declared) {
        stages.push(("spread".to_owned(), Measure::Spread));
    }
    stages.push(("agents_used".to_owned(), Measure::AgentsUsed));
    stages
}

/// The stages of an `ml` framework.
pub(super) fn ml_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    let is_all = |(_, measure): &(String, Measure)| *measure == Measure::Placed(None);
    if speeds_differ(state, framework)
        && let Some(all) = stages.iter().position(is_all)
    {
        stages[all].1 = Measure::Throughput(None);
        let fast = stages[..all]
            .iter()
            .filter_map(|(_, measure)| match measure {
                Measure::Placed(Some(it)) => {
                    Some((format!("throughput:{it}"), Measure::Throughput(Some(*it))))
                }
                _ => None,
            });
        let fast: Vec<(String, Measure)> = fast.collect();
        stages.splice(all..all, fast);
    }
    let mut jobs = state.cluster.frameworks[framework].jobs.iter();
    if jobs.any(|job| job_size(state, job.at()) > 1) {
        stages.push(("span".to_owned(), Measure::Span));
    }
    let mut tasks = state.tasks_of(framework).into_iter();
    if tasks.any(|task| !state.cluster.tasks[task].devices.is_empty()) {
        stages.push(("fragmentation".to_owned(), Measure::Claimed));
    }
    stages.push(("holes".to_owned(), Measure::Claimed));
    stages
}

/// Whether a task of the framework has another than its usual speed on some model.
fn speeds_differ(state: &State<'_>, framework: usize) -> bool {
    let tasks = state.tasks_of(framework).into_iter();
    let mut needs = tasks.flat_map(|task| &state.cluster.tasks[task].devices);
    needs.any(|need| need.models.iter().any(|choice| choice.throughput != 1000))
}

/// The stages of a `mapreduce` framework.
pub(super) fn mapreduce_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    if plans_ahead(state, framework) {
        let mut stages = vec![
            ("placed", Timed::Placed),
            ("makespan", Timed::Makespan),
            ("network", Timed::Network),
        ];
        if Ahead::of(state, framework).shuffled().is_some() {
            stages.push(("shuffle", Timed::Shuffle));
        }
        stages.push(("completion", Timed::Completion));
        let named = stages.into_iter();
        return named
            .map(|(name, it)| (name.to_owned(), Measure::Ahead(it)))
            .collect();
    }
    let mut stages = placing_stages(state, framework);
    stages.push(("network".to_owned(), Measure::Network));
    if Hadoop::of(state, framework).shuffled().is_some() {
        stages.push(("shuffle".to_owned(), Measure::Shuffle));
    }
    stages
}

/// The stages of a `workflow` framework.
pub(super) fn workflow_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let flows = Flows::of(state, framework);
    let mut stages = match flows.is_batch() {
        // Over time there is room for all priorities.
        true => vec![("placed".to_owned(), Measure::Placed(None))],
        false => placing_stages(state, framework),
    };
    stages.extend(flows.stages());
    stages
}

/// The stages of a `storage` framework.
pub(super) fn storage_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let mut stages = placing_stages(state, framework);
    stages.push(("distance".to_owned(), Measure::Distance));
    stages.push(("utilization".to_owned(), Measure::Utilization));
    stages
}

/// The stages that every policy has first.
fn placing_stages(state: &State<'_>, framework: usize) -> Vec<(String, Measure)> {
    let jobs = || {
        let jobs = state.cluster.frameworks[framework].jobs.iter();
        jobs.map(|job| &state.cluster.jobs[job.at()])
    };
    let priorities: BTreeSet<i64> = jobs().map(|job| job.priority).collect();
    let mut stages = Vec::new();
    if priorities.len() > 1 {
        let by_priority = priorities.into_iter().rev();
        stages.extend(by_priority.map(|it| (format!("placed:{it}"), Measure::Placed(Some(it)))));
    }
    stages.push(("placed".to_owned(), Measure::Placed(None)));
    if jobs().any(|job| job.min_available.is_some()) {
        stages.push(("min_available".to_owned(), Measure::MinAvailable));
    }
    stages
}
