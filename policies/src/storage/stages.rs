//! The objective after placing: the way to the data and what is copied, then how full the fullest unit is.

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{Slice, UNIT_RESOURCES, UnitIdx};
use apportion_models::assignment::{Costs, Objective, Part, Peak, Rate, Stage};

use crate::contract::{Formulation, StageRole};

/// The resources of a unit whose use is balanced, by position in [`UNIT_RESOURCES`].
const BALANCED: [usize; 2] = [1, 2];

/// Adds the stages `distance` and `utilization`.
pub(super) fn add(slice: &Slice<'_>, formulation: &mut Formulation) {
    let stages = [
        distance(slice, formulation),
        utilization(slice, formulation),
    ];
    for (stage, constant) in stages {
        formulation.assignment.stages.push(stage);
        formulation.roles.push(StageRole::Quality);
        formulation.units.push(1);
        formulation.constants.push(constant);
    }
}

/// `sum of io x hops + MiB copied`.
fn distance(slice: &Slice<'_>, formulation: &Formulation) -> (Stage, f64) {
    let cluster = slice.cluster;
    let levels = cluster.distance_levels();
    // Bins of one class have one unit and are equally far from it.
    let mut classes: BTreeMap<(Option<UnitIdx>, i64), u32> = BTreeMap::new();
    let mut kinds = Vec::new();
    let class_of = formulation.places.bins.iter().map(|place| {
        let hops = |unit| {
            let agents = place.agents.iter();
            let hops = agents.map(|&agent| cluster.hops(agent, unit, &levels));
            // A class with the unit's own agent counts as not being it: that agent has a bin of its own.
            hops.max().unwrap_or(0)
        };
        let hops = place.unit.map_or(0, hops);
        *classes.entry((place.unit, hops)).or_insert_with(|| {
            kinds.push((place.unit, hops));
            u32::try_from(kinds.len() - 1).expect("there are fewer classes than bins")
        })
    });
    let class_of: Vec<u32> = class_of.collect();
    let rate = |(item, &(task, _)): (u32, &(apportion_cluster::TaskIdx, i64))| {
        let io = cluster
            .task(task)
            .shard
            .as_ref()
            .map_or(0, |shard| shard.io());
        let cost = |&(unit, hops): &(Option<UnitIdx>, i64)| {
            io * hops + unit.map_or(0, |unit| cluster.copied_mib(task, unit))
        };
        Rate {
            item,
            values: kinds.iter().map(cost).collect(),
        }
    };
    let costs = Costs {
        class_of: Arc::new(class_of),
        rates: (0_u32..).zip(&slice.pending).map(rate).collect(),
    };
    let kept = slice.kept_units.iter().map(|kept| {
        let io = cluster
            .task(kept.task)
            .shard
            .as_ref()
            .map_or(0, |shard| shard.io());
        i128::from(io * cluster.hops(kept.agent, kept.unit, &levels)) * i128::from(kept.instances)
    });
    let stage = Stage {
        name: "distance".to_owned(),
        objective: Objective::Cost(costs),
    };
    (stage, kept.sum::<i128>() as f64)
}

/// The used part of the fullest unit in thousandths.
fn utilization(slice: &Slice<'_>, formulation: &Formulation) -> (Stage, f64) {
    let cluster = slice.cluster;
    let mut used = vec![[0_i64; 3]; cluster.units.len()];
    for kept in &slice.kept_units {
        if let Some(shard) = &cluster.task(kept.task).shard {
            for (used, need) in used[kept.unit.at()].iter_mut().zip(shard.need) {
                *used += need * kept.instances;
            }
        }
    }
    let caps = (0_u32..).zip(&formulation.assignment.caps);
    let rows: BTreeMap<&str, u32> = caps.map(|(at, cap)| (cap.name.as_str(), at)).collect();
    let mut peak = Peak {
        least: 0.0,
        parts: Vec::new(),
    };
    for (unit, used) in cluster.units.iter().zip(used) {
        for at in BALANCED {
            let part = Part {
                cap: 0,
                base: used[at],
                total: unit.amounts[at],
            };
            if part.total < 1 {
                continue;
            }
            let row = format!("unit[{},{}]", unit.id, UNIT_RESOURCES[at]);
            match rows.get(row.as_str()) {
                Some(&cap) => peak.parts.push(Part { cap, ..part }),
                None => peak.least = peak.least.max(part.used(0)),
            }
        }
    }
    peak.parts.sort_unstable_by_key(|part| part.cap);
    let stage = Stage {
        name: "utilization".to_owned(),
        objective: Objective::Peak(peak),
    };
    (stage, 0.0)
}
