//! Circles in what waits for what.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

/// Elements of a circle that a message names.
const MOST_NAMED: usize = 12;

/// A shortest circle through one of the elements `0..n`, in order, if the edges make any.
pub(crate) fn find(n: usize, edges: impl Iterator<Item = (usize, usize)>) -> Option<Vec<usize>> {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    for _ in 0..n {
        graph.add_node(());
    }
    graph.extend_with_edges(edges.map(|(from, to)| (NodeIndex::new(from), NodeIndex::new(to))));
    if toposort(&graph, None).is_ok() {
        return None;
    }
    let is_circle = |part: &Vec<NodeIndex>| part.len() > 1 || graph.contains_edge(part[0], part[0]);
    let parts = tarjan_scc(&graph).into_iter().filter(is_circle);
    let part = parts.min_by_key(|part| part.iter().min().copied())?;
    Some(walk(&graph, &part.into_iter().collect()))
}

/// `the tasks wait for each other: a -> b -> a`.
pub(crate) fn written<'n>(walk: &[usize], name: impl Fn(usize) -> &'n String) -> String {
    let names = walk.iter().map(|&at| name(at).as_str());
    let mut named: Vec<&str> = names.take(MOST_NAMED).collect();
    if walk.len() > MOST_NAMED {
        named.push("...");
    }
    named.extend(walk.first().map(|&at| name(at).as_str()));
    format!("the tasks wait for each other: {}", named.join(" -> "))
}

/// A shortest circle through the first node of a strongly connected part.
fn walk(graph: &DiGraph<(), ()>, part: &BTreeSet<NodeIndex>) -> Vec<usize> {
    let first = *part.first().expect("a part has a node");
    let mut reached: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut layer = vec![first];
    while !reached.contains_key(&first) {
        let mut next = Vec::new();
        for from in layer {
            let mut targets: Vec<NodeIndex> = graph.neighbors(from).collect();
            targets.sort_unstable();
            for to in targets.into_iter().filter(|to| part.contains(to)) {
                if let Entry::Vacant(new) = reached.entry(to) {
                    new.insert(from);
                    next.push(to);
                }
            }
        }
        layer = next;
    }
    let mut walk = vec![first.index()];
    let mut at = reached[&first];
    while at != first {
        walk.push(at.index());
        at = reached[&at];
    }
    walk[1..].reverse();
    walk
}
