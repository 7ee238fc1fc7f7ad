//! Remarks on pods and nodes: what a snapshot does not say, and what deserves attention.

use std::collections::BTreeMap;

use super::nodes::Nodes;
use super::notes::{self, Notes};
use super::objects::{LabelSelector, Taint};
use super::pods::PodView;
use super::selector::Selector;
use super::taints;

/// Makes every remark that needs no rule of its own.
pub(super) fn all(pods: &[PodView<'_>], nodes: &Nodes, notes: &mut Notes) {
    for view in pods {
        fit(view, nodes, notes);
        wishes(view, notes);
        operators(view, notes);
        circumstances(view, notes);
    }
    preemption(pods, notes);
    overcommitment(pods, nodes, notes);
}

fn wishes(view: &PodView<'_>, notes: &mut Notes) {
    let affinity = &view.pod.spec.affinity;
    let stated = [
        (
            notes::PREFERRED_NODE,
            affinity.node_affinity.preferred.len(),
        ),
        (
            notes::PREFERRED_AFFINITY,
            affinity.pod_affinity.preferred.len(),
        ),
        (
            notes::PREFERRED_ANTI_AFFINITY,
            affinity.pod_anti_affinity.preferred.len(),
        ),
    ];
    for (code, count) in stated {
        if count > 0 {
            notes.add(code, &view.name, format!("{count} stated"));
        }
    }
}

fn operators(view: &PodView<'_>, notes: &mut Notes) {
    let spec = &view.pod.spec;
    let mut unknown: Vec<String> = view.rule.unknown_operators().map(str::to_owned).collect();
    let terms = spec.affinity.pod_affinity.required.iter();
    let terms = terms.chain(&spec.affinity.pod_anti_affinity.required);
    let selectors = terms.flat_map(|term| [&term.label_selector, &term.namespace_selector]);
    let spreads = spec.topology_spread_constraints.iter();
    let selectors = selectors.chain(spreads.map(|constraint| &constraint.label_selector));
    let mut look = |selector: &LabelSelector| {
        let selector = Selector::of(selector);
        unknown.extend(selector.unknown_operators().map(str::to_owned));
    };
    selectors.flatten().for_each(&mut look);
    let tolerations = spec
        .tolerations
        .iter()
        .map(|toleration| toleration.operator.as_str());
    let odd = tolerations.filter(|operator| !matches!(*operator, "" | "Equal" | "Exists"));
    unknown.extend(odd.map(str::to_owned));
    for operator in unknown {
        let short: String = operator.chars().take(60).collect();
        notes.add(notes::UNKNOWN_OPERATOR, &view.name, format!("`{short}`"));
    }
}

fn circumstances(view: &PodView<'_>, notes: &mut Notes) {
    let spec = &view.pod.spec;
    if view.pod.metadata.deletion_timestamp.is_some() {
        notes.add(notes::TERMINATING, &view.name, "it holds its place");
    }
    if !spec.runtime_class_name.is_empty() {
        let text = format!("`{}`", spec.runtime_class_name);
        notes.add(notes::RUNTIME_CLASS, &view.name, text);
    }
    if view.pinned {
        return; // What follows would matter only if it could go elsewhere.
    }
    if !matches!(spec.scheduler_name.as_str(), "" | "default-scheduler") {
        let text = format!("`{}`", spec.scheduler_name);
        notes.add(notes::OTHER_SCHEDULER, &view.name, text);
    }
    let claims = spec.volumes.iter().filter_map(|volume| {
        let stated = volume.persistent_volume_claim.as_ref();
        let stated = stated.map(|claim| claim.claim_name.as_str());
        stated.or(volume.ephemeral.as_ref().map(|_| "ephemeral"))
    });
    let claims: Vec<&str> = claims.collect();
    if !claims.is_empty() {
        notes.add(notes::VOLUME_CLAIM, &view.name, claims.join(", "));
    }
    let claims: Vec<&str> = spec
        .resource_claims
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    if !claims.is_empty() {
        notes.add(notes::RESOURCE_CLAIM, &view.name, claims.join(", "));
    }
}

fn preemption(pods: &[PodView<'_>], notes: &mut Notes) {
    let running = pods.iter().filter(|view| !view.pending);
    let Some(lowest) = running.map(|view| view.pod.spec.priority).min() else {
        return;
    };
    for view in pods.iter().filter(|view| view.pending) {
        let spec = &view.pod.spec;
        if spec.priority > lowest && spec.preemption_policy != "Never" {
            let text = format!(
                "priority {} above {lowest}: nothing is evicted for it",
                spec.priority
            );
            notes.add(notes::PREEMPTION, &view.name, text);
        }
    }
}

fn overcommitment(pods: &[PodView<'_>], nodes: &Nodes, notes: &mut Notes) {
    let mut used: BTreeMap<(usize, &str), i128> = BTreeMap::new();
    for view in pods {
        if let Some(node) = view.node {
            for (resource, &amount) in &view.demand {
                *used.entry((node, resource)).or_insert(0) += i128::from(amount);
            }
        }
    }
    for ((at, resource), used) in used {
        let node = &nodes.list[at];
        let offered = node.capacity.get(resource).copied().unwrap_or(0);
        if used > i128::from(offered) {
            let text = format!("{resource}: {used} asked, {offered} offered");
            notes.add(notes::OVERCOMMITTED, &node.name, text);
        }
    }
}

/// Remarks on a pod that depend on where it may go.
fn fit(view: &PodView<'_>, nodes: &Nodes, notes: &mut Notes) {
    if view.node.is_some() {
        return;
    }
    let reach = view.reach.nodes();
    if reach.is_empty() {
        notes.add(notes::NO_NODE, &view.name, "no node satisfies its rules");
        return;
    }
    let cordon = Taint {
        key: taints::UNSCHEDULABLE.to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    if reach.iter().any(|&at| nodes.list[at].cordoned)
        && taints::tolerates(&view.pod.spec.tolerations, [&cordon])
    {
        let text = "it tolerates the cordon of a node that its rules allow";
        notes.add(notes::CORDON_TOLERATED, &view.name, text);
    }
    let offers = |at: usize, name: &str| nodes.list[at].capacity.get(name).copied().unwrap_or(0);
    let fits = |at: usize| {
        view.demand
            .iter()
            .all(|(name, &need)| offers(at, name) >= need)
    };
    if reach.iter().any(|&at| fits(at)) {
        return;
    }
    let most = |name: &str| reach.iter().map(|&at| offers(at, name)).max().unwrap_or(0);
    let short = view
        .demand
        .iter()
        .filter(|(name, need)| most(name) < **need);
    let short: Vec<String> = short
        .map(|(name, need)| format!("{name}: {need} asked, {} at most on a node", most(name)))
        .collect();
    let text = if short.is_empty() {
        "no single node that its rules allow offers all that it asks for".to_owned()
    } else {
        short.join("; ")
    };
    notes.add(notes::NEVER_FITS, &view.name, text);
}
