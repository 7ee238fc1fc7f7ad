//! What is short on storage units.

use std::collections::BTreeSet;

use apportion_cluster::plan::Reason;
use apportion_cluster::{DomainIdx, TaskIdx, UNIT_RESOURCES, UnitAmounts, UnitIdx};

use super::super::state::State;
use super::super::units::kept;
use super::words::{amount, counted_noun};

/// Why replicas have no unit, if that is why they have no place.
pub(super) fn reason(state: &State<'_>, task: TaskIdx, instances: i64) -> Option<Reason> {
    let cluster = state.cluster;
    let shard = cluster.task(task).shard.as_ref()?;
    let open = cluster.unit_indices();
    let open: Vec<UnitIdx> = open
        .filter(|&unit| cluster.unit_is_open(task, unit))
        .collect();
    if open.is_empty() {
        return Some(Reason {
            code: "no_eligible_agent".to_owned(),
            text: format!(
                "none of {} takes new data of it (their agents are cordoned, or dedicated to others)",
                counted_noun(cluster.units.len(), "storage unit")
            ),
            rule: "unit".to_owned(),
        });
    }
    let fits = |have: UnitAmounts| {
        shard
            .need
            .iter()
            .zip(have)
            .all(|(&need, have)| need <= have)
    };
    let total = |unit: UnitIdx| cluster.unit(unit).amounts;
    let large: Vec<UnitIdx> = open
        .iter()
        .copied()
        .filter(|&unit| fits(total(unit)))
        .collect();
    if large.is_empty() {
        let text = format!(
            "never fits: {} on the largest of {} that it may use",
            shortage(state, &shard.need, &open, total),
            counted_noun(open.len(), "storage unit")
        );
        return Some(named("never_fits", text, &shard.need, &open, total, state));
    }
    let free = |unit: UnitIdx| state.free_units[unit.at()];
    let with_room: Vec<UnitIdx> = large
        .iter()
        .copied()
        .filter(|&unit| fits(free(unit)))
        .collect();
    if let Some(level) = shard.distinct {
        let used: BTreeSet<DomainIdx> = replicas(state, task)
            .map(|unit| cluster.unit(unit).domains[level.at()])
            .collect();
        let is_used = |unit: &UnitIdx| used.contains(&cluster.unit(*unit).domains[level.at()]);
        let candidates = if with_room.is_empty() {
            &large
        } else {
            &with_room
        };
        if candidates.iter().all(is_used) {
            let domains: BTreeSet<DomainIdx> = candidates
                .iter()
                .map(|unit| cluster.unit(*unit).domains[level.at()])
                .collect();
            let level = &cluster.levels[level.at()].name;
            return Some(Reason {
                code: "limit".to_owned(),
                text: format!(
                    "replicas are in distinct domains per {level}, and every one of {} with a unit that could take it has one: {instances} too many",
                    counted_noun(domains.len(), "domain")
                ),
                rule: format!("distinct_unit[{},{level}]", cluster.task_name(task)),
            });
        }
    }
    with_room.is_empty().then(|| {
        let text = format!(
            "{} on the best of {} that could hold it; next in line",
            shortage(state, &shard.need, &large, free),
            counted_noun(large.len(), "storage unit")
        );
        named("no_room", text, &shard.need, &large, free, state)
    })
}

/// The units where replicas of a task are.
fn replicas<'s>(state: &'s State<'_>, task: TaskIdx) -> impl Iterator<Item = UnitIdx> + 's {
    let framework = state.cluster.framework_of(task);
    let kept = kept(state.cluster, &state.kept[framework.at()]);
    let added = state.added_units[framework.at()].iter().copied();
    let all = kept.into_iter().chain(added);
    all.filter(move |held| held.task == task)
        .map(|held| held.unit)
}

/// The unit that comes closest, by the parts of what is needed that are missing.
fn closest(
    need: &UnitAmounts,
    units: &[UnitIdx],
    have: impl Fn(UnitIdx) -> UnitAmounts,
) -> Option<UnitIdx> {
    let missing = |unit: UnitIdx| -> f64 {
        let parts = need.iter().zip(have(unit)).filter(|(need, _)| **need > 0);
        parts
            .map(|(&need, have)| (need - have).max(0) as f64 / need as f64)
            .sum()
    };
    let scored = units.iter().map(|&unit| (missing(unit), unit));
    let best = scored.min_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    best.map(|best| best.1)
}

/// What is short on the closest unit: `capacity_mib: 100 free, needs 120, short by 20 (400 of 500 in use)`.
fn shortage(
    state: &State<'_>,
    need: &UnitAmounts,
    units: &[UnitIdx],
    have: impl Fn(UnitIdx) -> UnitAmounts,
) -> String {
    let Some(unit) = closest(need, units, &have) else {
        return "there is no storage unit".to_owned();
    };
    let total = state.cluster.unit(unit).amounts;
    let short = (0..need.len())
        .filter(|&at| need[at] > have(unit)[at])
        .map(|at| {
            let (need, free, total) = (need[at], have(unit)[at].max(0), total[at]);
            let used = match total - free {
                0 => String::new(),
                used => format!(" ({used} of {total} in use)"),
            };
            let name = UNIT_RESOURCES[at];
            let short = amount(name, need - free);
            format!("{name}: {free} free, needs {need}, short by {short}{used}")
        });
    short.collect::<Vec<_>>().join(", ")
}

/// A reason with the row of the closest unit that is short.
fn named(
    code: &str,
    text: String,
    need: &UnitAmounts,
    units: &[UnitIdx],
    have: impl Fn(UnitIdx) -> UnitAmounts,
    state: &State<'_>,
) -> Reason {
    let unit = closest(need, units, &have);
    let row = unit.and_then(|unit| {
        let short = (0..need.len()).find(|&at| need[at] > have(unit)[at])?;
        Some(format!(
            "unit[{},{}]",
            state.cluster.unit(unit).id,
            UNIT_RESOURCES[short]
        ))
    });
    Reason {
        code: code.to_owned(),
        text,
        rule: row.unwrap_or_else(|| "unit".to_owned()),
    }
}
