//! Pods that take part in a plan: where they run, where they may go, what they ask for.

use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::file::Amounts;

use super::input::Objects;
use super::nodes::{self, Nodes};
use super::notes::{self, Notes};
use super::objects::{OwnerReference, Pod, Toleration};
use super::requests::pod_requests;
use super::selector::NodeRule;
use super::taints;
use super::{Frameworks, KubernetesOptions};

/// A pod, as the rules see it.
#[derive(Debug)]
pub(super) struct PodView<'a> {
    pub pod: &'a Pod,
    /// `namespace/name`.
    pub name: String,
    /// The framework that it belongs to.
    pub framework: &'a str,
    /// Where it holds a place in the snapshot.
    pub node: Option<usize>,
    /// Whether Kubernetes has yet to place it (not merely this import's `unplace`).
    pub pending: bool,
    /// It cannot go anywhere else: a pod of a DaemonSet, a static pod, a pod that is being deleted.
    pub pinned: bool,
    /// What it asks for.
    pub demand: Amounts,
    /// Its rule on nodes, spread constraints' labels included.
    pub rule: NodeRule,
    /// Where it may go by its own rules and tolerations.
    pub reach: Reach,
}

/// A set of nodes, shared by pods that are alike.
#[derive(Clone, Debug)]
pub(super) enum Reach {
    /// This node only.
    One(usize),
    /// One entry per node.
    Some(Rc<Vec<bool>>),
}

impl Reach {
    /// Whether the node is in it.
    pub fn contains(&self, node: usize) -> bool {
        match self {
            Self::One(only) => *only == node,
            Self::Some(nodes) => nodes[node],
        }
    }

    /// The nodes in it, ascending.
    pub fn nodes(&self) -> Vec<usize> {
        match self {
            Self::One(only) => vec![*only],
            Self::Some(nodes) => (0..nodes.len()).filter(|&at| nodes[at]).collect(),
        }
    }

    /// Keeps the nodes that `keep` allows.
    pub fn restrict(&mut self, keep: &dyn Fn(usize) -> bool) {
        if let Self::Some(nodes) = self {
            let kept = nodes.iter().enumerate().map(|(at, &is)| is && keep(at));
            *self = Self::Some(Rc::new(kept.collect()));
        }
    }
}

/// Who controls the pod, if anyone: its namesake job.
pub(super) fn controller(pod: &Pod) -> Option<&OwnerReference> {
    let owners = pod.metadata.owner_references.iter();
    owners
        .into_iter()
        .find(|o| o.controller && o.kind != "Node")
}

/// Whether the kubelet runs it without asking the scheduler.
fn is_static(pod: &Pod) -> bool {
    let metadata = &pod.metadata;
    metadata
        .annotations
        .contains_key("kubernetes.io/config.mirror")
        || metadata.owner_references.iter().any(|o| o.kind == "Node")
}

/// The pods that hold a place or want one, by name.
pub(super) fn views<'a>(
    objects: &'a Objects,
    nodes: &Nodes,
    options: &KubernetesOptions,
    notes: &mut Notes,
) -> Vec<PodView<'a>> {
    let mut reaches = Reaches::default();
    let mut views = Vec::new();
    for pod in objects.pods.values() {
        let metadata = &pod.metadata;
        let name = format!("{}/{}", metadata.namespace, metadata.name);
        if matches!(pod.status.phase.as_str(), "Succeeded" | "Failed") {
            notes.add(notes::FINISHED, &name, &*pod.status.phase);
            continue;
        }
        let terminating = metadata.deletion_timestamp.is_some();
        let assigned = &pod.spec.node_name;
        let runs_on = nodes.position(assigned);
        if runs_on.is_none() && !assigned.is_empty() {
            notes.add(notes::UNKNOWN_NODE, &name, format!("on `{assigned}`"));
            continue;
        }
        if runs_on.is_none() && terminating {
            notes.add(notes::UNASSIGNED_TERMINATING, &name, "no node is assigned");
            continue;
        }
        let daemon = controller(pod).is_some_and(|owner| owner.kind == "DaemonSet");
        let fixed = daemon || is_static(pod) || terminating;
        let pinned = runs_on.filter(|_| fixed);
        let rule = node_rule(pod, nodes);
        let view = PodView {
            pod,
            framework: match options.frameworks {
                Frameworks::One => "kubernetes",
                Frameworks::ByNamespace => &metadata.namespace,
            },
            node: runs_on.filter(|_| fixed || !options.unplace),
            pending: runs_on.is_none(),
            pinned: pinned.is_some(),
            demand: demand(pod, &name, notes),
            reach: match pinned {
                Some(node) => Reach::One(node),
                None => reaches.of(nodes, &rule, &pod.spec.tolerations),
            },
            rule,
            name,
        };
        note_drift(&view, nodes, notes);
        views.push(view);
    }
    views
}

/// The rule of a pod on nodes: what it states, and the labels that its hard spread constraints need.
fn node_rule(pod: &Pod, nodes: &Nodes) -> NodeRule {
    let affinity = pod.spec.affinity.node_affinity.required.as_ref();
    let mut rule = NodeRule::of(&pod.spec.node_selector, affinity);
    for constraint in &pod.spec.topology_spread_constraints {
        let key = &constraint.topology_key;
        if constraint.is_hard() && !nodes.all_have(key) {
            rule.with_label(key);
        }
    }
    rule
}

fn demand(pod: &Pod, name: &str, notes: &mut Notes) -> Amounts {
    let mut demand = nodes::amounts(&pod_requests(pod), true, name, notes);
    demand.insert("pods".to_owned(), 1);
    demand
}

/// A running pod may break rules that count only when it is placed.
fn note_drift(view: &PodView<'_>, nodes: &Nodes, notes: &mut Notes) {
    let Some(at) = view.node else { return };
    let node = &nodes.list[at];
    if !view.rule.matches(&node.name, &node.labels) {
        let text = format!(
            "`{}` does not satisfy its node selector or affinity",
            node.name
        );
        notes.add(notes::BREAKS_RULE, &view.name, text);
    }
    let tolerations = &view.pod.spec.tolerations;
    if !is_static(view.pod) && !taints::tolerates(tolerations, &node.dedicated) {
        let word = nodes.word(at).unwrap_or_default();
        let text = format!("it does not tolerate `{word}` of `{}`", node.name);
        notes.add(notes::BREAKS_RULE, &view.name, text);
    }
}

/// Reaches of pods that state the same, computed once.
#[derive(Default)]
struct Reaches<'a>(BTreeMap<(NodeRule, &'a [Toleration]), Reach>);

impl<'a> Reaches<'a> {
    fn of(&mut self, nodes: &Nodes, rule: &NodeRule, tolerations: &'a [Toleration]) -> Reach {
        let key = (rule.clone(), tolerations);
        let compute = || {
            let mut reach = matching(nodes, rule);
            for (at, allowed) in reach.iter_mut().enumerate() {
                *allowed &= taints::tolerates(tolerations, &nodes.list[at].dedicated);
            }
            Reach::Some(Rc::new(reach))
        };
        self.0.entry(key).or_insert_with(compute).clone()
    }
}

/// The nodes that satisfy a rule, taints aside.
pub(super) fn matching(nodes: &Nodes, rule: &NodeRule) -> Vec<bool> {
    let matches = |at: usize| rule.matches(&nodes.list[at].name, &nodes.list[at].labels);
    match rule.named_nodes() {
        Some(names) => {
            let mut matched = vec![false; nodes.list.len()];
            for at in names.into_iter().filter_map(|name| nodes.position(name)) {
                matched[at] = matches(at);
            }
            matched
        }
        None => (0..nodes.list.len()).map(matches).collect(),
    }
}
