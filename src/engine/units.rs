//! Storage units while a plan is made: what is free of each, and which replica keeps its data where.

use std::collections::BTreeMap;

use apportion_cluster::plan::Multiplier;
use apportion_cluster::{
    AgentIdx, Cluster, DomainIdx, Proposal, Running, RunningUnit, Slice, TaskIdx, UNIT_RESOURCES,
    UnitAmounts,
};
use apportion_models::assignment::{Objective, Prices};
use apportion_policies::{CapRow, Formulation};

/// Adds what replicas take of their units (or takes it out, with the sign -1).
pub(super) fn change(cluster: &Cluster, units: &mut [UnitAmounts], held: &RunningUnit, sign: i64) {
    if let Some(shard) = &cluster.task(held.task).shard {
        for (amount, need) in units[held.unit.at()].iter_mut().zip(shard.need) {
            *amount += sign * need * held.instances;
        }
    }
}

/// Where running replicas that stay keep their data: as many of each task and agent as are kept.
pub(super) fn kept(cluster: &Cluster, kept: &[Running]) -> Vec<RunningUnit> {
    let mut staying = Vec::new();
    for running in kept {
        let place = |it: &RunningUnit| (it.task, it.agent);
        let key = (running.task, running.agent);
        let first = cluster.running_units.partition_point(|it| place(it) < key);
        let alike = cluster.running_units[first..].iter();
        let mut left = running.instances;
        for held in alike.take_while(|it| place(it) == key) {
            let instances = held.instances.min(left);
            left -= instances;
            if instances > 0 {
                staying.push(RunningUnit { instances, ..*held });
            }
        }
    }
    staying
}

/// Every replica names a unit that is offered and open to it, no unit is given more than is offered of it, and replicas that are to
/// be apart are.
pub(super) fn check(slice: &Slice<'_>, proposal: &Proposal) -> Result<(), String> {
    let cluster = slice.cluster;
    let name = |task: TaskIdx| cluster.task_name(task);
    let mut on_units: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
    let mut left = slice.units.clone();
    for held in &proposal.units {
        if held.instances < 1 || held.unit.at() >= left.len() {
            return Err(format!(
                "the policy names no unit for a replica of {}",
                name(held.task)
            ));
        }
        *on_units.entry((held.task, held.agent)).or_insert(0) += held.instances;
        change(cluster, &mut left, held, -1);
        let unit = &cluster.unit(held.unit).id;
        if left[held.unit.at()].iter().any(|&amount| amount < 0) {
            return Err(format!(
                "the policy puts more on the unit {unit} than is offered of it"
            ));
        }
        if !cluster.unit_is_open(held.task, held.unit) {
            return Err(format!(
                "{} may not keep data on the unit {unit}",
                name(held.task)
            ));
        }
    }
    let replicas = proposal.placements.iter();
    let replicas = replicas.filter(|placed| cluster.task(placed.task).shard.is_some());
    for placed in replicas {
        if on_units.remove(&(placed.task, placed.agent)) != Some(placed.instances) {
            return Err(format!(
                "the policy names no unit for a replica of {}",
                name(placed.task)
            ));
        }
    }
    if let Some(((task, _), _)) = on_units.into_iter().next() {
        return Err(format!(
            "the policy names units for more of {} than it places",
            name(task)
        ));
    }
    match together(slice, proposal) {
        Some(rule) => Err(format!(
            "the policy's proposal breaks a rule: {rule} does not hold"
        )),
        None => Ok(()),
    }
}

/// Prices of a bound in the plan's words, zero prices left out: of what agents and units are offered, of what earlier stages reached,
/// and the weights of units in the fullest one.
pub(super) fn multipliers(
    slice: &Slice<'_>,
    formulation: &Formulation,
    prices: &Prices,
    unit: f64,
) -> Vec<Multiplier> {
    let cluster = slice.cluster;
    let model = &formulation.assignment;
    // Units are priced by one row each, agents by those of all their classes.
    let mut agents: BTreeMap<(AgentIdx, usize), f64> = BTreeMap::new();
    let mut multipliers = Vec::new();
    let of = |resource: String, price: f64| Multiplier {
        resource,
        price: price / unit,
        ..Multiplier::default()
    };
    for (row, &price) in formulation.places.rows.iter().zip(&prices.caps) {
        match row {
            _ if price <= 0.0 => {}
            CapRow::Unit(unit, resource) => multipliers.push(Multiplier {
                units: vec![cluster.unit(*unit).id.clone()],
                ..of(UNIT_RESOURCES[*resource].to_owned(), price)
            }),
            CapRow::Agents(of_row, resource) => {
                for &agent in of_row.iter() {
                    *agents.entry((agent, *resource)).or_insert(0.0) += price;
                }
            }
        }
    }
    for ((agent, resource), price) in agents {
        multipliers.push(Multiplier {
            agents: vec![cluster.agent(agent).id.clone()],
            ..of(cluster.resources[resource].clone(), price)
        });
    }
    let earlier = model.stages.iter().zip(&formulation.units);
    for ((stage, &per), &price) in earlier.zip(&prices.kept) {
        if price > 0.0 {
            multipliers.push(of(format!("kept:{}", stage.name), price * per as f64));
        }
    }
    let parts = model
        .stages
        .iter()
        .find_map(|stage| match &stage.objective {
            Objective::Peak(peak) => Some(&peak.parts),
            _ => None,
        });
    for (part, &weight) in parts.into_iter().flatten().zip(&prices.parts) {
        if let (CapRow::Unit(unit, resource), true) =
            (&formulation.places.rows[part.cap as usize], weight > 0.0)
        {
            multipliers.push(Multiplier {
                units: vec![cluster.unit(*unit).id.clone()],
                ..of(format!("peak:{}", UNIT_RESOURCES[*resource]), weight)
            });
        }
    }
    multipliers
}

/// The first rule by which new replicas should be apart from others, and are not.
pub(super) fn together(slice: &Slice<'_>, proposal: &Proposal) -> Option<String> {
    let cluster = slice.cluster;
    let mut counts: BTreeMap<(TaskIdx, bool, DomainIdx), (i64, i64)> = BTreeMap::new();
    let kept = slice.kept_units.iter().map(|held| (held, 0));
    for (held, new) in kept.chain(proposal.units.iter().map(|held| (held, 1))) {
        let shard = cluster.task(held.task).shard.as_ref();
        let Some(level) = shard.and_then(|shard| shard.distinct) else {
            continue;
        };
        let of_unit = cluster.unit(held.unit).domains[level.at()];
        let of_agent = cluster.domain(held.agent, level);
        for (is_unit, domain) in [(true, of_unit), (false, of_agent)] {
            let (all, of_new) = counts.entry((held.task, is_unit, domain)).or_default();
            *all += held.instances;
            *of_new += new * held.instances;
        }
    }
    let broken = counts
        .into_iter()
        .find(|(_, (all, new))| *all > 1 && *new > 0);
    broken.map(|((task, is_unit, _), _)| {
        let kind = if is_unit {
            "distinct_unit"
        } else {
            "distinct_agent"
        };
        format!("{kind}[{}]", cluster.task_name(task))
    })
}
