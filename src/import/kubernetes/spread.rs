//! Topology spread constraints.
//!
//! `DoNotSchedule` is a hard spread rule over the pods that the constraint counts, where these are the
//! pods that state it and both sides compare the same domains. Where Kubernetes also counts a domain
//! that none of them may use (or asks for more domains than there are), the least count is always 0,
//! and the rule is a limit. Everything else, and `ScheduleAnyway`, becomes a wish.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::groups::{Scene, number_names};
use super::nodes::{Topologies, Topology};
use super::notes::{self, Notes};
use super::objects::SpreadConstraint;
use super::peers::{PeerSelector, Peers};
use super::pods::{PodView, Reach, matching};
use super::taints;

/// A spread rule over a group of pods.
#[derive(Debug)]
pub(super) struct Spread {
    pub name: String,
    pub level: String,
    pub max_skew: i64,
    pub form: Form,
    /// Pods that are counted, ascending.
    pub counted: Vec<usize>,
    /// Pods that state the rule, ascending.
    pub carriers: Vec<usize>,
}

/// How a spread rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Counts differ by at most the skew.
    Hard,
    /// Counts are at most the skew.
    Limit,
    /// A wish.
    Soft,
}

/// Constraints that say the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Stated {
    key: String,
    selector: PeerSelector,
    hard: bool,
    max_skew: i64,
    min_domains: i64,
    ignore_affinity: bool,
    honor_taints: bool,
}

impl Stated {
    fn of(constraint: &SpreadConstraint, selector: PeerSelector) -> Self {
        Self {
            key: constraint.topology_key.clone(),
            selector,
            hard: constraint.is_hard(),
            max_skew: constraint.max_skew.max(1),
            min_domains: constraint.min_domains.unwrap_or(1),
            ignore_affinity: constraint.node_affinity_policy == "Ignore",
            honor_taints: constraint.node_taints_policy == "Honor",
        }
    }
}

/// All spread rules.
pub(super) fn all(
    scene: &Scene<'_, '_>,
    topologies: &mut Topologies<'_>,
    peers: &mut Peers<'_>,
    notes: &mut Notes,
) -> Vec<Spread> {
    let mut carriers: BTreeMap<Stated, BTreeSet<usize>> = BTreeMap::new();
    for (at, view) in scene.pods.iter().enumerate() {
        for constraint in &view.pod.spec.topology_spread_constraints {
            // A pinned pod has no choice, and a pod that is going away is not counted.
            if let (false, Some(selector)) = (view.pinned, peers.of_spread(constraint, view)) {
                let stated = Stated::of(constraint, selector);
                carriers.entry(stated).or_default().insert(at);
            }
        }
    }
    let mut spreads = Vec::new();
    for (stated, carriers) in carriers {
        let counted = peers.find(&stated.selector);
        let leaving = |at: usize| scene.pods[at].pod.metadata.deletion_timestamp.is_some();
        let counted: BTreeSet<usize> = counted.iter().copied().filter(|&a| !leaving(a)).collect();
        if counted.len() < 2 {
            continue; // One instance is always even; none counts for nothing.
        }
        let topology = topologies.of(&stated.key);
        let mut note = |text: &str| {
            for &at in &carriers {
                let text = format!("`{}`: {text}", stated.key);
                notes.add(notes::SPREAD, &scene.pods[at].name, text);
            }
        };
        let level = match &topology.level {
            Ok(level) => level.clone(),
            Err(reason) => {
                note(reason);
                continue;
            }
        };
        let form = match form(scene, &stated, &carriers, &counted, &topology) {
            Ok(form) => form,
            Err(reason) => {
                note(reason);
                Form::Soft
            }
        };
        let first = carriers.first().copied().unwrap_or_default();
        let spread = Spread {
            name: format!("spread/{}/{}", scene.jobs.name_of(first), stated.key),
            level,
            max_skew: stated.max_skew,
            form,
            counted: counted.into_iter().collect(),
            carriers: carriers.into_iter().collect(),
        };
        note_skew(scene, &spread, &topology, notes);
        spreads.push(spread);
    }
    number_names(spreads.iter_mut().map(|spread| &mut spread.name));
    spreads
}

/// How the rule can be written; or why only as a wish.
fn form(
    scene: &Scene<'_, '_>,
    stated: &Stated,
    carriers: &BTreeSet<usize>,
    counted: &BTreeSet<usize>,
    topology: &Topology,
) -> Result<Form, &'static str> {
    if !stated.hard {
        return Ok(Form::Soft);
    }
    if carriers.iter().any(|at| !counted.contains(at)) {
        return Err("a wish only: it does not count the pod itself");
    }
    if counted.iter().any(|at| !carriers.contains(at)) {
        return Err("a wish only: it counts pods that do not state it");
    }
    let mut common: Option<(&PodView<'_>, Domains)> = None;
    for &at in carriers {
        let view = &scene.pods[at];
        match &common {
            Some((first, _)) if alike(first, view) => {}
            Some((_, before)) => {
                if *before != domains(scene, stated, view, topology) {
                    return Err("a wish only: the pods that state it may use different domains");
                }
            }
            None => common = Some((view, domains(scene, stated, view, topology))),
        }
    }
    let Some((_, domains)) = common else {
        return Err("a wish only: no pod states it");
    };
    if !domains.usable.is_subset(&domains.compared) {
        return Err("a wish only: Kubernetes leaves out domains that the pods may use");
    }
    let enough = i64::try_from(domains.compared.len()).is_ok_and(|n| n >= stated.min_domains);
    if enough && domains.usable == domains.compared {
        Ok(Form::Hard)
    } else {
        Ok(Form::Limit)
    }
}

/// Domains that Kubernetes compares, and those that the pod may use.
#[derive(PartialEq, Eq)]
struct Domains {
    compared: BTreeSet<usize>,
    usable: BTreeSet<usize>,
}

fn domains(
    scene: &Scene<'_, '_>,
    stated: &Stated,
    view: &PodView<'_>,
    topology: &Topology,
) -> Domains {
    let spec = &view.pod.spec;
    let hard = spec
        .topology_spread_constraints
        .iter()
        .filter(|c| c.is_hard());
    let keys: Vec<&str> = hard.map(|c| c.topology_key.as_str()).collect();
    let matched = matching(scene.nodes, &view.rule);
    let of = |keep: &dyn Fn(usize) -> bool| -> BTreeSet<usize> {
        let nodes = topology.domain.iter().enumerate();
        nodes
            .filter_map(|(at, domain)| domain.filter(|_| keep(at)))
            .collect()
    };
    Domains {
        compared: of(&|at| {
            let node = &scene.nodes.list[at];
            keys.iter().all(|key| node.labels.contains_key(*key))
                && (stated.ignore_affinity || matched[at])
                && (!stated.honor_taints || taints::tolerates(&spec.tolerations, &node.taints))
        }),
        usable: of(&|at| view.reach.contains(at)),
    }
}

fn alike(a: &PodView<'_>, b: &PodView<'_>) -> bool {
    let same_reach = match (&a.reach, &b.reach) {
        (Reach::Some(one), Reach::Some(other)) => Rc::ptr_eq(one, other),
        _ => false,
    };
    same_reach && a.rule == b.rule && a.pod.spec.tolerations == b.pod.spec.tolerations
}

/// Running pods may stand unevenly although the rule forbids it.
fn note_skew(scene: &Scene<'_, '_>, spread: &Spread, topology: &Topology, notes: &mut Notes) {
    if spread.form == Form::Soft {
        return;
    }
    let Some(&first) = spread.carriers.first() else {
        return;
    };
    let usable = topology.domain.iter().enumerate();
    let usable = usable.filter(|(at, _)| scene.pods[first].reach.contains(*at));
    let mut counts: BTreeMap<usize, i64> = usable.filter_map(|(_, d)| d.map(|d| (d, 0))).collect();
    let held = |at: usize| scene.pods[at].node.and_then(|node| topology.domain[node]);
    for domain in spread.counted.iter().filter_map(|&at| held(at)) {
        *counts.entry(domain).or_insert(0) += 1;
    }
    let least = match spread.form {
        Form::Hard => counts.values().copied().min().unwrap_or(0),
        Form::Limit | Form::Soft => 0,
    };
    let over = |at: usize| {
        let count = held(at).and_then(|domain| counts.get(&domain));
        count.filter(|count| **count > least + spread.max_skew)
    };
    for &at in &spread.counted {
        if let Some(count) = over(at) {
            let text = format!(
                "{count} in its {}, {least} in the least, against `{}`",
                spread.level, spread.name
            );
            notes.add(notes::BREAKS_RULE, &scene.pods[at].name, text);
        }
    }
}
