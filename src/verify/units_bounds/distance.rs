//! How far data is from who uses it, and how full units are.

use std::collections::BTreeMap;

use crate::verify::state::State;
use crate::verify::units;

/// The levels that lengthen the way: the finest declared one, agents aside, and those made of whole domains of it.
pub(super) fn distance_levels(state: &State<'_>) -> Vec<usize> {
    let levels = &state.cluster.levels;
    let mut finest: Option<usize> = None;
    for (at, level) in levels.iter().enumerate() {
        let is_finer = finest.is_none_or(|it| level.domains.len() > levels[it].domains.len());
        if level.declared && level.name != "agent" && is_finer {
            finest = Some(at);
        }
    }
    let Some(finest) = finest else {
        return Vec::new();
    };
    let mut places: Vec<Vec<usize>> = Vec::new();
    for agent in &state.cluster.agents {
        places.push(agent.domains.iter().map(|it| it.at()).collect());
    }
    for unit in &state.cluster.units {
        places.push(unit.domains.iter().map(|it| it.at()).collect());
    }
    let mut around = Vec::new();
    for (at, level) in levels.iter().enumerate() {
        if !level.declared || level.name == "agent" {
            continue;
        }
        let mut outer: BTreeMap<usize, usize> = BTreeMap::new();
        let whole = places
            .iter()
            .all(|domains| *outer.entry(domains[finest]).or_insert(domains[at]) == domains[at]);
        if whole {
            around.push(at);
        }
    }
    around
}

/// 0 to a unit of one's own; else 1, and 1 for each level apart.
pub(super) fn hops(state: &State<'_>, levels: &[usize], agent: usize, unit: usize) -> i128 {
    let unit = &state.cluster.units[unit];
    if unit.agent.is_some_and(|it| it.at() == agent) {
        return 0;
    }
    let mut hops = 1;
    for &level in levels {
        if unit.domains[level] != state.cluster.agents[agent].domains[level] {
            hops += 1;
        }
    }
    hops
}

/// MiB that a new replica copies to a unit.
pub(super) fn copied(state: &State<'_>, task: usize, unit: usize) -> i128 {
    let Some(shard) = &state.cluster.tasks[task].shard else {
        return 0;
    };
    let mut runs = false;
    for it in &state.cluster.running_units {
        if it.task.at() == task {
            runs = true;
            if it.unit.at() == unit {
                return 0;
            }
        }
    }
    let mut sum = 0;
    for volume in &shard.volumes {
        let here = volume.unit.is_some_and(|it| it.at() == unit);
        if !here && (runs || volume.unit.is_some()) {
            sum += i128::from(volume.mib);
        }
    }
    sum
}

pub(super) fn io(state: &State<'_>, task: usize) -> i128 {
    state.cluster.tasks[task].shard.as_ref().map_or(0, |shard| {
        let [_, iops, mib_s] = shard.need;
        i128::from(if iops > 0 { iops } else { mib_s })
    })
}

/// `sum of io x hops` of everything of the framework, and MiB copied by what is new.
pub(in crate::verify) fn distance(state: &State<'_>, framework: usize) -> i128 {
    let levels = distance_levels(state);
    let tasks = state.tasks_of(framework);
    let mut sum = 0;
    for (&(task, agent, unit), &count) in &state.on_units {
        if tasks.contains(&task) {
            let kept = state
                .kept_on_units
                .get(&(task, agent, unit))
                .copied()
                .unwrap_or(0);
            sum += io(state, task) * hops(state, &levels, agent, unit) * count;
            sum += copied(state, task, unit) * (count - kept).max(0);
        }
    }
    sum
}

/// The fullest unit by the framework's own replicas, in thousandths of its operations or bandwidth.
pub(in crate::verify) fn utilization(
    state: &State<'_>,
    framework: usize,
    on_units: &BTreeMap<(usize, usize, usize), i128>,
) -> f64 {
    let tasks = state.tasks_of(framework);
    let mut own = on_units.clone();
    own.retain(|(task, ..), _| tasks.contains(task));
    let load = units::load(state, &own);
    let mut most = 0.0_f64;
    for (unit, load) in state.cluster.units.iter().zip(load) {
        for at in [1, 2] {
            if unit.amounts[at] > 0 {
                most = most.max(1000.0 * load[at] as f64 / unit.amounts[at] as f64);
            }
        }
    }
    most
}
