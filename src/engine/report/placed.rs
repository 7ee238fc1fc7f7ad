//! Everything in place at the end, with names.

use std::collections::BTreeMap;

use apportion_cluster::file::{DeviceFile, PlacementFile};
use apportion_cluster::plan::Move;
use apportion_cluster::{
    AgentIdx, Cluster, FrameworkIdx, Running, RunningDevices, RunningUnit, TaskIdx, Timed, UnitIdx,
};

use crate::engine::state::State;
use crate::engine::{devices, units};

/// Everything in place at the end, by (task, agent), one entry per pair.
pub(in crate::engine) fn final_placements(state: &State<'_>) -> Vec<Running> {
    by_place(state.kept.iter().chain(&state.added).flatten().copied())
}

/// The same as it counts for shares: where instances follow one another, those at the moment of most value.
pub(in crate::engine) fn held_placements(state: &State<'_>) -> Vec<Running> {
    let frameworks = (0..state.cluster.frameworks.len()).map(FrameworkIdx::of);
    let added = frameworks.flat_map(|framework| state.added_at_peak(framework).into_owned());
    by_place(state.kept.iter().flatten().copied().chain(added))
}

fn by_place(placed: impl Iterator<Item = Running>) -> Vec<Running> {
    let mut counts: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    for placed in placed {
        *counts.entry((placed.task, placed.agent)).or_insert(0) += placed.instances;
    }
    counts
        .into_iter()
        .map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        })
        .collect()
}

/// The placements with names; instances that hold devices one by one, and those that follow others by when they start.
pub(in crate::engine) fn named(
    cluster: &Cluster,
    placements: &[Running],
    devices: &[RunningDevices],
    (units, times): (&[RunningUnit], &[Timed]),
) -> Vec<PlacementFile> {
    let entry = |task: TaskIdx, agent: AgentIdx, instances, devices| PlacementFile {
        job: cluster.job(cluster.task(task).job).id.clone(),
        task: cluster.task(task).file_id().to_owned(),
        shard: cluster.task(task).shard_id(),
        unit: None,
        agent: cluster.agent(agent).id.clone(),
        instances,
        devices,
        start_ms: None,
        end_ms: None,
    };
    let mut named = Vec::with_capacity(placements.len());
    let mut held = devices.iter().peekable();
    let mut following = times.iter().peekable();
    let mut units = units.iter().peekable();
    for &Running {
        task,
        agent,
        instances,
    } in placements
    {
        let mut alone = 0;
        while let Some(own) = units.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += own.instances;
            named.push(PlacementFile {
                unit: Some(cluster.unit(own.unit).id.clone()),
                ..entry(task, agent, own.instances, Vec::new())
            });
        }
        while let Some(own) = held.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += 1;
            let devices = own.devices.iter().map(|device| DeviceFile {
                name: cluster.devices[device.kind.at()].clone(),
                index: device.index,
                milli: device.milli,
            });
            named.push(entry(task, agent, 1, devices.collect()));
        }
        let before = named.len();
        while let Some(timed) = following.next_if(|it| (it.task, it.agent) == (task, agent)) {
            alone += timed.instances;
            named.push(PlacementFile {
                start_ms: Some(timed.start_ms),
                end_ms: Some(timed.end_ms),
                ..entry(task, agent, timed.instances, Vec::new())
            });
        }
        if instances > alone {
            // What runs already comes before what follows.
            let staying = entry(task, agent, instances - alone, Vec::new());
            named.insert(before, staying);
        }
    }
    named
}

/// When everything runs that follows something else, sorted.
pub(in crate::engine) fn final_times(state: &State<'_>) -> Vec<Timed> {
    let mut times: Vec<Timed> = state.added_times.iter().flatten().copied().collect();
    times.sort_unstable();
    times
}

/// The devices of everything in place at the end, sorted.
pub(in crate::engine) fn final_devices(state: &State<'_>) -> Vec<RunningDevices> {
    let mut held = devices::kept(state.cluster, &state.kept, &state.gone_devices());
    held.extend(state.added_devices.iter().flatten().cloned());
    held.sort_unstable();
    held
}

/// Where everything in place at the end keeps its data, sorted, one entry each.
pub(in crate::engine) fn final_units(state: &State<'_>) -> Vec<RunningUnit> {
    let mut sums: BTreeMap<(TaskIdx, AgentIdx, UnitIdx), i64> = BTreeMap::new();
    let kept = state
        .kept
        .iter()
        .flat_map(|kept| units::kept(state.cluster, kept));
    for held in kept.chain(state.added_units.iter().flatten().copied()) {
        *sums.entry((held.task, held.agent, held.unit)).or_insert(0) += held.instances;
    }
    let held = |((task, agent, unit), instances)| RunningUnit {
        task,
        agent,
        unit,
        instances,
    };
    sums.into_iter().map(held).collect()
}

/// Running instances that change agent: what was released and did not go back, or was displaced, paired with what was added.
pub(in crate::engine) fn moves(state: &State<'_>) -> Vec<Move> {
    let cluster = state.cluster;
    let mut gone: BTreeMap<TaskIdx, BTreeMap<AgentIdx, i64>> = BTreeMap::new();
    let released = state.released.iter();
    let released = released.map(|it| (it.task, it.agent, it.instances));
    let displaced = state.seats.displaced.iter();
    // One victim may leave an agent after the other.
    for (task, agent, instances) in released.chain(displaced.map(|it| (it.task, it.agent, 1))) {
        *gone.entry(task).or_default().entry(agent).or_insert(0) += instances;
    }
    let mut moves = Vec::new();
    for (task, from) in gone {
        let mut from: Vec<(AgentIdx, i64)> = from.into_iter().collect();
        let added = state.added[cluster.framework_of(task).at()]
            .iter()
            .filter(|added| added.task == task);
        let mut to: Vec<(AgentIdx, i64)> =
            added.map(|added| (added.agent, added.instances)).collect();
        while let (Some(source), Some(target)) = (from.last_mut(), to.last_mut()) {
            let instances = source.1.min(target.1);
            moves.push(Move {
                job: cluster.job(cluster.task(task).job).id.clone(),
                task: cluster.task(task).file_id().to_owned(),
                shard: cluster.task(task).shard_id(),
                from: cluster.agent(source.0).id.clone(),
                to: cluster.agent(target.0).id.clone(),
                instances,
            });
            source.1 -= instances;
            target.1 -= instances;
            from.retain(|place| place.1 > 0);
            to.retain(|place| place.1 > 0);
        }
    }
    moves.sort();
    moves
}
