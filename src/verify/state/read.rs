//! What a plan lists, as counts; what is senseless is reported and left out.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, MAX_INSTANCES, MAX_QUANTITY};

use super::known::{known, known_agent, known_framework, known_resource, known_task};
use super::moments::TimedCount;
use super::{Counts, OfferedDevices, add};
use crate::verify::names::Names;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;

pub(super) fn read_placements(
    plan: &PlanFile,
    names: &Names<'_>,
    n_tasks: usize,
    findings: &mut Findings,
) -> (Counts, Vec<TimedCount>) {
    let mut placed = vec![BTreeMap::new(); n_tasks];
    let mut times = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in &plan.placements {
        let subject = || format!("{}/{} on {}", entry.job, entry.task, entry.agent);
        let task = known_task(
            names,
            (&entry.job, &entry.task, entry.shard.as_ref()),
            "placements",
            findings,
        );
        let agent = known_agent(names, &entry.agent, "placements", findings);
        let counts = positive(entry.instances, subject, findings);
        // Instances with devices of their own are listed one by one, even where they are alike.
        let what = (&entry.job, &entry.task, &entry.shard);
        let key = (
            what,
            &entry.agent,
            &entry.unit,
            entry.start_ms,
            entry.end_ms,
        );
        let first = seen.insert(key) || !entry.devices.is_empty();
        unique(first, subject, findings);
        let timed = match (entry.start_ms, entry.end_ms) {
            (None, None) => None,
            (start, end) => Some((start.unwrap_or(-1), end.unwrap_or(-1))),
        };
        let sensible = timed.is_none_or(|(start, end)| 0 <= start && start <= end);
        findings.check(Rule::Instances, sensible && (timed.is_none() || entry.devices.is_empty()), || {
            let text = "what follows others starts at 0 ms or later, ends no earlier, and holds no single devices";
            (subject(), "0 <= start_ms <= end_ms", format!("{timed:?}"), text.to_owned())
        });
        if let (Some(task), Some(agent), true, true, true) = (task, agent, counts, first, sensible)
        {
            add(&mut placed[task], agent, entry.instances.into());
            if let Some((start_ms, end_ms)) = timed {
                let instances = entry.instances.into();
                times.push(TimedCount {
                    task,
                    agent,
                    start_ms,
                    end_ms,
                    instances,
                });
            }
        }
    }
    (placed, times)
}

pub(super) fn read_moves(
    plan: &PlanFile,
    names: &Names<'_>,
    n_tasks: usize,
    findings: &mut Findings,
) -> (Counts, Counts) {
    let mut leaving = vec![BTreeMap::new(); n_tasks];
    let mut entering = vec![BTreeMap::new(); n_tasks];
    let mut seen = BTreeSet::new();
    for entry in &plan.moves {
        let subject = || {
            format!(
                "{}/{} from {} to {}",
                entry.job, entry.task, entry.from, entry.to
            )
        };
        let task = known_task(
            names,
            (&entry.job, &entry.task, entry.shard.as_ref()),
            "moves",
            findings,
        );
        let from = known_agent(names, &entry.from, "moves", findings);
        let to = known_agent(names, &entry.to, "moves", findings);
        let counts = positive(entry.instances, subject, findings);
        let what = (&entry.job, &entry.task, &entry.shard);
        let first = seen.insert((what, &entry.from, &entry.to));
        unique(first, subject, findings);
        if let (Some(task), Some(from), Some(to), true, true) = (task, from, to, counts, first) {
            add(&mut leaving[task], from, entry.instances.into());
            add(&mut entering[task], to, entry.instances.into());
        }
    }
    (leaving, entering)
}

/// Who has to go; those of them that do not move leave all the same.
pub(super) fn read_victims(
    plan: &PlanFile,
    names: &Names<'_>,
    leaving: &mut Counts,
    findings: &mut Findings,
) -> Counts {
    let mut displaced = vec![BTreeMap::new(); leaving.len()];
    for victim in plan.preemptions.iter().flat_map(|it| &it.victims) {
        let subject = || format!("{}/{} on {}", victim.job, victim.task, victim.agent);
        let task = known_task(
            names,
            (&victim.job, &victim.task, None),
            "preemptions",
            findings,
        );
        let agent = known_agent(names, &victim.agent, "preemptions", findings);
        let counts = positive(victim.instances, subject, findings);
        let sensible = (0..=victim.instances).contains(&victim.moved);
        findings.check(Rule::Instances, sensible, || {
            let text = "as many as had to go can have moved, and no more".to_owned();
            (subject(), victim.instances, victim.moved, text)
        });
        if let (Some(task), Some(agent), true, true) = (task, agent, counts, sensible) {
            add(&mut displaced[task], agent, victim.instances.into());
            let gone = victim.instances - victim.moved;
            if gone > 0 {
                add(&mut leaving[task], agent, gone.into());
            }
        }
    }
    displaced
}

pub(super) fn read_offers(
    cluster: &Cluster,
    plan: &PlanFile,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<BTreeMap<usize, Vec<i128>>> {
    let mut offers = vec![BTreeMap::new(); cluster.frameworks.len()];
    let mut seen = BTreeSet::new();
    for entry in &plan.offers {
        let subject = || format!("offer to {} on {}", entry.framework, entry.agent);
        let framework = known_framework(names, &entry.framework, "offers", findings);
        let agent = known_agent(names, &entry.agent, "offers", findings);
        let first = seen.insert((&entry.framework, &entry.agent));
        unique(first, subject, findings);
        let mut amounts = vec![0; cluster.resources.len()];
        for (resource, &amount) in &entry.resources {
            let position = known_resource(names, resource, "offers", findings);
            findings.check(Rule::Instances, amount >= 0, || {
                let text = format!("an offer of {resource} is not negative");
                (subject(), 0_i64, amount, text)
            });
            if let Some(position) = position {
                // What no agent has is cut: it is beyond every agent still.
                amounts[position] = i128::from(amount.clamp(0, MAX_QUANTITY + 1));
            }
        }
        if let (Some(framework), Some(agent), true) = (framework, agent, first) {
            offers[framework].insert(agent, amounts);
        }
    }
    offers
}

pub(super) fn read_offered_devices(
    cluster: &Cluster,
    plan: &PlanFile,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<OfferedDevices> {
    let mut offered: Vec<OfferedDevices> = vec![BTreeMap::new(); cluster.frameworks.len()];
    for entry in &plan.offers {
        let framework = names.frameworks.get(entry.framework.as_str()).copied();
        let agent = names.agents.get(entry.agent.as_str()).copied();
        let (Some(framework), Some(agent)) = (framework, agent) else {
            continue;
        };
        for device in &entry.devices {
            let subject = || format!("offer to {} on {}", entry.framework, entry.agent);
            let kind = cluster.devices.iter().position(|kind| *kind == device.name);
            let kind = known(kind, "device", &device.name, "offers", findings);
            let sensible = device.milli >= 0 && device.milli <= 1000;
            findings.check(Rule::Instances, sensible, || {
                let text = format!("an offer of {} {} is 0 to 1000", device.name, device.index);
                (subject(), 1000_i64, device.milli, text)
            });
            if let Some(kind) = kind {
                let by_device = offered[framework].entry(agent).or_default();
                let amount = device.milli.clamp(0, 1000).into();
                let first = by_device.insert((kind, device.index), amount).is_none();
                unique(first, subject, findings);
            }
        }
    }
    offered
}

fn positive(instances: i64, subject: impl Fn() -> String, findings: &mut Findings) -> bool {
    let sensible = (1..=MAX_INSTANCES).contains(&instances);
    findings.check(Rule::Instances, sensible, || {
        let text = format!("a count of instances is from 1 to {MAX_INSTANCES}");
        (subject(), 1_i64, instances, text)
    });
    sensible
}

pub(in crate::verify) fn unique(
    first: bool,
    subject: impl Fn() -> String,
    findings: &mut Findings,
) {
    findings.check(Rule::Duplicate, first, || {
        (subject(), "once", "again", "is listed twice".to_owned())
    });
}
