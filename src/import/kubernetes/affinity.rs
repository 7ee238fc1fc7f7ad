//! Required affinity to other pods: to be where they are.
//!
//! A snapshot has no such rule. Where the pods asked for hold a place now, the rule is said as the
//! agents of their domains: exactly, if they cannot move; on the safe side otherwise. Where they hold
//! none, it is not expressed.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::nodes::{Topologies, Topology};
use super::notes::{self, Notes};
use super::peers::Peers;
use super::pods::PodView;

/// What is left of a pod's nodes: `None` if all.
pub(super) type Narrowed = Option<Vec<bool>>;

/// The nodes that affinity leaves to each pod.
pub(super) fn narrow(
    pods: &[PodView<'_>],
    topologies: &mut Topologies<'_>,
    peers: &mut Peers<'_>,
    notes: &mut Notes,
) -> Vec<Narrowed> {
    let mut all = Vec::with_capacity(pods.len());
    for (own, view) in pods.iter().enumerate() {
        let mut narrowed: Narrowed = None;
        for term in &view.pod.spec.affinity.pod_affinity.required {
            if view.pinned {
                continue; // It cannot leave its node, so the rule has nothing to decide.
            }
            let key = term.topology_key.as_str();
            let topology = topologies.of(key);
            let selected = match peers.of_term(term, view) {
                Ok(Some(selector)) => peers.find(&selector),
                Ok(None) => Rc::default(),
                Err(reason) => {
                    notes.add(notes::POD_AFFINITY, &view.name, reason);
                    continue;
                }
            };
            match near(own, pods, &selected, &topology) {
                Near::Anywhere => {}
                Near::Unknown(reason) => {
                    notes.add(
                        notes::POD_AFFINITY,
                        &view.name,
                        format!("`{key}`: {reason}"),
                    );
                }
                Near::Nodes { nodes, exact } => {
                    let holds = view.node.is_none_or(|at| nodes[at]);
                    if !holds {
                        let text = format!("`{key}`: where it runs, the rule does not hold");
                        notes.add(notes::POD_AFFINITY, &view.name, text);
                        continue;
                    }
                    let (code, text) = if exact {
                        (notes::AGENTS_LIST, "affinity to pods that cannot move")
                    } else {
                        (notes::NARROWED, "held to the domains of pods that may move")
                    };
                    notes.add(code, &view.name, format!("`{key}`: {text}"));
                    narrowed = Some(match narrowed {
                        Some(before) => before.iter().zip(&nodes).map(|(a, b)| *a && *b).collect(),
                        None => nodes,
                    });
                }
            }
        }
        all.push(narrowed);
    }
    all
}

enum Near {
    /// Kubernetes lets the first pod of a set that asks for itself go anywhere.
    Anywhere,
    /// These nodes; `exact` if nothing that decides about them can move.
    Nodes { nodes: Vec<bool>, exact: bool },
    /// The nodes cannot be told.
    Unknown(&'static str),
}

fn near(own: usize, pods: &[PodView<'_>], selected: &[usize], topology: &Topology) -> Near {
    let itself = selected.contains(&own);
    let others: Vec<&PodView<'_>> = selected
        .iter()
        .filter(|&&at| at != own)
        .map(|&at| &pods[at])
        .collect();
    let labeled = |at: usize| topology.domain[at];
    let domains: BTreeSet<usize> = others.iter().filter_map(|o| labeled(o.node?)).collect();
    if !domains.is_empty() {
        let nodes = topology.domain.iter();
        return Near::Nodes {
            nodes: nodes
                .map(|d| d.is_some_and(|d| domains.contains(&d)))
                .collect(),
            exact: !itself && others.iter().all(|other| other.pinned),
        };
    }
    if others.is_empty() && itself {
        // It still needs a node that has the label.
        return if topology.domain.iter().all(Option::is_some) {
            Near::Anywhere
        } else {
            Near::Nodes {
                nodes: topology.domain.iter().map(Option::is_some).collect(),
                exact: true,
            }
        };
    }
    if others.is_empty() {
        return if pods[own].node.is_some() {
            Near::Unknown("no pod of the input is selected")
        } else {
            Near::Nodes {
                nodes: vec![false; topology.domain.len()],
                exact: true,
            }
        };
    }
    Near::Unknown("the pods that it asks for hold no place")
}
