//! Rules on storage units: where each replica keeps its data, and what each unit holds.

use std::collections::BTreeMap;

use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, MAX_QUANTITY};

use super::names::Names;
use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State, known, unique};

/// Replicas by task, agent and unit.
type OnUnits = BTreeMap<(usize, usize, usize), i128>;

/// What replicas take of their unit, in the order of a unit's amounts.
const RULES: [(Rule, &str); 3] = [
    (Rule::UnitCapacity, "capacity_mib"),
    (Rule::UnitIops, "iops"),
    (Rule::UnitBandwidth, "mib_s"),
];

pub(super) fn read_placements(plan: &PlanFile, names: &Names<'_>) -> OnUnits {
    let mut on_units = BTreeMap::new();
    for entry in &plan.placements {
        let task = names.task(&entry.job, &entry.task, entry.shard.as_ref());
        let agent = names.agents.get(entry.agent.as_str());
        let unit = entry.unit.as_ref();
        let unit = unit.and_then(|unit| names.units.get(unit.as_str()));
        if let (Some(task), Some(&agent), Some(&unit), true) =
            (task, agent, unit, entry.instances > 0)
        {
            *on_units.entry((task, agent, unit)).or_insert(0) += i128::from(entry.instances);
        }
    }
    on_units
}

/// What runs on units and stays there: where a part of a task's replicas leaves an agent, those of the last units do.
pub(super) fn kept(cluster: &Cluster, kept: &Counts) -> OnUnits {
    let mut left = kept.clone();
    let mut on_units = BTreeMap::new();
    for it in &cluster.running_units {
        let (task, agent) = (it.task.at(), it.agent.at());
        if let Some(left) = left[task].get_mut(&agent) {
            let stays = i128::from(it.instances).min(*left);
            *left -= stays;
            if stays > 0 {
                on_units.insert((task, agent, it.unit.at()), stays);
            }
        }
    }
    on_units
}

pub(super) fn read_offers(
    cluster: &Cluster,
    plan: &PlanFile,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<Vec<[i128; 3]>> {
    let mut offers = vec![vec![[0; 3]; cluster.units.len()]; cluster.frameworks.len()];
    let mut seen = std::collections::BTreeSet::new();
    for entry in &plan.unit_offers {
        let subject = || format!("offer to {} on {}", entry.framework, entry.unit);
        let framework = names.frameworks.get(entry.framework.as_str()).copied();
        let framework = known(
            framework,
            "framework",
            &entry.framework,
            "unit_offers",
            findings,
        );
        let unit = names.units.get(entry.unit.as_str()).copied();
        let unit = known(unit, "unit", &entry.unit, "unit_offers", findings);
        unique(
            seen.insert((&entry.framework, &entry.unit)),
            subject,
            findings,
        );
        if let (Some(framework), Some(unit)) = (framework, unit) {
            for (at, amount) in [entry.capacity_mib, entry.iops, entry.mib_s]
                .into_iter()
                .enumerate()
            {
                findings.check(Rule::Instances, amount >= 0, || {
                    let text = "an offer of a unit is not negative".to_owned();
                    (subject(), 0_i64, amount, text)
                });
                offers[framework][unit][at] = i128::from(amount.clamp(0, MAX_QUANTITY + 1));
            }
        }
    }
    offers
}

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    named(state, findings);
    capacity(state, findings);
    distinct(state, findings);
    stays(state, findings);
    offers(state, findings);
}

/// `unit[task on agent]`: a replica names a unit that exists, nothing else does; a new one only where the unit's own agent would let
/// it in.
fn named(state: &State<'_>, findings: &mut Findings) {
    for entry in &state.plan.placements {
        let Some(task) = state
            .names
            .task(&entry.job, &entry.task, entry.shard.as_ref())
        else {
            continue;
        };
        let subject = || format!("{} on {}", state.task_name(task), entry.agent);
        let is_replica = state.cluster.tasks[task].shard.is_some();
        findings.check(Rule::Unit, entry.unit.is_some() == is_replica, || {
            let text = "replicas of shards name the unit of their data, and nothing else does";
            let need = if is_replica { "a unit" } else { "none" };
            let have = entry.unit.clone().unwrap_or_else(|| "none".to_owned());
            (subject(), need, have, text.to_owned())
        });
        let unit = entry.unit.as_ref();
        let found = unit.map(|unit| state.names.units.get(unit.as_str()));
        findings.check(Rule::UnknownName, found != Some(None), || {
            let text = "`placements` names a unit that is not there".to_owned();
            let have = entry.unit.clone().unwrap_or_default();
            (subject(), "a known unit".to_owned(), have, text)
        });
    }
    for (&(task, agent, unit), &count) in &state.on_units {
        let kept = state
            .kept_on_units
            .get(&(task, agent, unit))
            .copied()
            .unwrap_or(0);
        findings.check(Rule::Unit, count <= kept || open(state, task, unit), || {
            let text = "new data goes to a unit whose agent is cordoned, or dedicated to others";
            let subject = format!(
                "{} on {}",
                state.task_name(task),
                state.cluster.units[unit].id
            );
            (subject, kept, count, text.to_owned())
        });
    }
}

/// Whether a unit takes data of new replicas.
pub(super) fn open(state: &State<'_>, task: usize, unit: usize) -> bool {
    let Some(agent) = state.cluster.units[unit].agent else {
        return true;
    };
    let agent = &state.cluster.agents[agent.at()];
    let words = &state.cluster.tasks[task].tolerates;
    let dedicated = agent.dedicated.as_ref();
    !agent.cordoned && dedicated.is_none_or(|word| words.contains(word))
}

/// What replicas take of each unit.
pub(super) fn load(state: &State<'_>, on_units: &OnUnits) -> Vec<[i128; 3]> {
    let mut load = vec![[0; 3]; state.cluster.units.len()];
    for (&(task, _, unit), &count) in on_units {
        if let Some(shard) = &state.cluster.tasks[task].shard {
            for (load, need) in load[unit].iter_mut().zip(shard.need) {
                *load += i128::from(need) * count;
            }
        }
    }
    load
}

/// `unit_capacity[u]`, `unit_iops[u]`, `unit_bandwidth[u]`: no more than the unit has, or than what stays takes already.
fn capacity(state: &State<'_>, findings: &mut Findings) {
    let used = load(state, &state.on_units);
    let kept = load(state, &state.kept_on_units);
    for (unit, it) in state.cluster.units.iter().enumerate() {
        for (at, (rule, name)) in RULES.into_iter().enumerate() {
            let most = i128::from(it.amounts[at]).max(kept[unit][at]);
            findings.check(rule, used[unit][at] <= most, || {
                let text = format!("replicas take more {name} than the unit has");
                (it.id.clone(), most, used[unit][at], text)
            });
        }
    }
}

/// `distinct[s,g]`: one replica in a domain, by its unit and by its agent; or as many as stay there.
fn distinct(state: &State<'_>, findings: &mut Findings) {
    let count = |on_units: &OnUnits, is_unit: bool| {
        let mut counts: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for (&(task, agent, unit), &count) in on_units {
            let shard = state.cluster.tasks[task].shard.as_ref();
            if let Some(level) = shard.and_then(|shard| shard.distinct) {
                let domains = if is_unit {
                    &state.cluster.units[unit].domains
                } else {
                    &state.cluster.agents[agent].domains
                };
                *counts.entry((task, domains[level.at()].at())).or_insert(0) += count;
            }
        }
        counts
    };
    for (is_unit, whose) in [(true, "units"), (false, "agents")] {
        let kept = count(&state.kept_on_units, is_unit);
        for (&(task, domain), &replicas) in &count(&state.on_units, is_unit) {
            let most = kept.get(&(task, domain)).copied().unwrap_or(0).max(1);
            findings.check(Rule::Distinct, replicas <= most, || {
                let text = format!("replicas have their {whose} in one domain");
                (state.task_name(task), most, replicas, text)
            });
        }
    }
}

/// `stays`: replicas that stay where they run keep their data where it is.
fn stays(state: &State<'_>, findings: &mut Findings) {
    for (&(task, agent, unit), &kept) in &state.kept_on_units {
        let placed = state
            .on_units
            .get(&(task, agent, unit))
            .copied()
            .unwrap_or(0);
        findings.check(Rule::Stays, placed >= kept, || {
            let text = "replicas that stay keep their data on another unit than before".to_owned();
            let subject = format!("{} on {}", state.task_name(task), state.agent_name(agent));
            (subject, kept, placed, text)
        });
    }
}

/// `unit_offers[f,u]`: within what the unit has beside what stays; and what is new within what was offered.
fn offers(state: &State<'_>, findings: &mut Findings) {
    let kept = load(state, &state.kept_on_units);
    let frameworks = state.cluster.frameworks.iter().zip(&state.unit_offers);
    for (at, (framework, offers)) in frameworks.enumerate() {
        let tasks = state.tasks_of(at);
        let mut own = state.on_units.clone();
        own.retain(|(task, ..), _| tasks.contains(task));
        for (place, count) in &mut own {
            *count -= state.kept_on_units.get(place).copied().unwrap_or(0);
        }
        own.retain(|_, count| *count > 0);
        let new = load(state, &own);
        for (unit, it) in state.cluster.units.iter().enumerate() {
            for (at, (_, name)) in RULES.into_iter().enumerate() {
                let subject = || format!("{},{}", framework.id, it.id);
                let has = (i128::from(it.amounts[at]) - kept[unit][at]).max(0);
                let offered = offers[unit][at];
                findings.check(Rule::UnitOffers, offered <= has, || {
                    let text =
                        format!("more {name} is offered than the unit has beside what stays");
                    (subject(), has, offered, text)
                });
                findings.check(Rule::UnitOffers, new[unit][at] <= offered, || {
                    let text = format!("new replicas take more {name} than was offered");
                    (subject(), offered, new[unit][at], text)
                });
            }
        }
    }
}
