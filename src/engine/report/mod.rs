//! From the final state to the plan file.

mod offered;
mod placed;
mod proofs;
mod stages;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use apportion_cluster::plan::{FrameworkResult, PlanStatus, Share, Unplaced};
use apportion_cluster::{FrameworkIdx, Running, RunningDevices, RunningUnit};
use apportion_policies::Standing;

use super::context::Context;
use super::rounds::Record;
use super::solve;
use super::state::State;
use stages::stages;

pub(super) use offered::{offers, unit_offers};
pub(super) use placed::{
    final_devices, final_placements, final_times, final_units, held_placements, moves, named,
};
pub(super) use stages::within_reach;

/// How the run ended.
pub(super) fn status(stopped: bool, unplaced: &[Unplaced]) -> PlanStatus {
    match (stopped, unplaced.is_empty()) {
        (true, _) => PlanStatus::Deadline,
        (false, true) => PlanStatus::Complete,
        (false, false) => PlanStatus::Partial,
    }
}

/// Everything in place, with the devices that it holds and the units where it keeps data.
pub(super) type InPlace<'p> = (&'p [Running], &'p [RunningDevices], &'p [RunningUnit]);

/// One framework's result.
pub(super) fn framework(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    record: &Record,
    (placements, devices, units): InPlace<'_>,
    share: Option<Share>,
) -> FrameworkResult {
    let cluster = state.cluster;
    let own: Vec<Running> = placements
        .iter()
        .filter(|placed| cluster.framework_of(placed.task) == framework)
        .copied()
        .collect();
    let jobs = &cluster.framework(framework).jobs;
    let tasks = jobs.iter().flat_map(|&job| &cluster.job(job).tasks);
    let (stages, gap) = stages(state, context, framework, record);
    FrameworkResult {
        id: cluster.framework(framework).id.clone(),
        policy: cluster.framework(framework).policy.clone(),
        placed: own.iter().map(|placed| placed.instances).sum(),
        demand: tasks.map(|&task| cluster.task(task).instances).sum(),
        stages,
        gap,
        metrics: metrics(state, context, framework, (&own, devices, units)),
        share,
    }
}

fn metrics(
    state: &State<'_>,
    context: &Context<'_>,
    framework: FrameworkIdx,
    (own, devices, units): InPlace<'_>,
) -> BTreeMap<String, f64> {
    let Some(policy) = context.policy(framework) else {
        return BTreeMap::new();
    };
    let devices = devices.iter().cloned();
    let devices: Vec<RunningDevices> = devices
        .filter(|held| context.cluster.framework_of(held.task) == framework)
        .collect();
    let units = units.iter().copied();
    let units: Vec<RunningUnit> = units
        .filter(|held| context.cluster.framework_of(held.task) == framework)
        .collect();
    let standing = Standing {
        units: &units,
        cluster: context.cluster,
        framework,
        placements: own,
        devices: &devices,
        times: &state.added_times[framework.at()],
        free: &state.free,
        free_devices: &state.free_devices,
    };
    let failed = |text| {
        context.warn(
            "policy_failed",
            &context.cluster.framework(framework).id,
            text,
        );
    };
    let metrics = catch_unwind(AssertUnwindSafe(|| policy.metrics(&standing)));
    let mut metrics = metrics.unwrap_or_else(|panic| {
        failed(format!(
            "the policy panicked in its metrics: {}",
            solve::panic_message(&*panic)
        ));
        BTreeMap::new()
    });
    // What is no finite number cannot be written to a file.
    metrics.retain(|name, value| {
        if !value.is_finite() {
            failed(format!("the policy's metric {name} is {value}"));
        }
        value.is_finite()
    });
    metrics
}
