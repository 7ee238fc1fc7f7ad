//! Nodes become agents: allocatable amounts, labels, failure domains, cordons and taints.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::MAX_QUANTITY;
use apportion_cluster::file::{AgentFile, Amounts};

use super::notes::{self, Notes};
use super::objects::{Labels, Node, ResourceList, Taint};
use super::requests::{counted, in_units};
use super::taints::{self, Words};

/// Levels that become failure domains of agents, and the labels that say so, current one first.
const LEVELS: [(&str, [&str; 2]); 2] = [
    (
        "region",
        [
            "topology.kubernetes.io/region",
            "failure-domain.beta.kubernetes.io/region",
        ],
    ),
    (
        "zone",
        [
            "topology.kubernetes.io/zone",
            "failure-domain.beta.kubernetes.io/zone",
        ],
    ),
];
/// The level at which every agent is a domain of its own.
pub(super) const AGENT: &str = "agent";

/// The nodes of a cluster, by name, and what they have in common.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub list: Vec<NodeView>,
    by_name: BTreeMap<String, usize>,
    /// The `dedicated` words in use.
    pub words: Words,
    /// Declared levels, widest first.
    pub levels: Vec<String>,
    /// Label keys that mean something else in a snapshot.
    reserved: BTreeSet<String>,
    /// Label keys that every node has.
    everywhere: BTreeSet<String>,
}

/// One node, as the rules see it.
#[derive(Debug)]
pub(super) struct NodeView {
    pub name: String,
    pub labels: Labels,
    /// Taints that keep new pods away, the cordon's included.
    pub taints: BTreeSet<Taint>,
    /// The same without the cordon's: what the `dedicated` word stands for.
    pub dedicated: BTreeSet<Taint>,
    pub cordoned: bool,
    pub capacity: Amounts,
    domains: BTreeMap<String, String>,
}

/// Topologies by key, each worked out once.
pub(super) struct Topologies<'a> {
    nodes: &'a Nodes,
    known: BTreeMap<String, Rc<Topology>>,
}

/// A topology key of Kubernetes as a level of the snapshot.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    /// The level; or why the snapshot has none that means the same.
    pub level: Result<String, &'static str>,
    /// Each node's value, as a number; `None` where the node lacks the label.
    pub domain: Vec<Option<usize>>,
}

impl Nodes {
    /// Reads the nodes.
    pub fn of(nodes: &BTreeMap<String, Node>, notes: &mut Notes) -> Self {
        let list: Vec<NodeView> = nodes.values().map(|node| view(node, notes)).collect();
        let by_name = list.iter().enumerate();
        let by_name = by_name.map(|(at, node)| (node.name.clone(), at)).collect();
        let declared = LEVELS.map(|(level, _)| level).into_iter();
        let mut levels: Vec<String> = declared
            .filter(|level| list.iter().any(|node| node.domains.contains_key(*level)))
            .map(str::to_owned)
            .collect();
        let words = Words::of(list.iter().map(|node| &node.dedicated));
        // A label that is named as a level is an attribute only where both say the same.
        let means_else = |key: &str| {
            list.iter()
                .any(|node| node.labels.get(key) != node.domains.get(key))
        };
        let mut reserved: BTreeSet<String> =
            levels.iter().filter(|l| means_else(l)).cloned().collect();
        reserved.insert(AGENT.to_owned());
        reserved.insert(String::new()); // Kubernetes has no such label, and a snapshot no such name.
        levels.push(AGENT.to_owned());
        for node in &list {
            for key in reserved.iter().filter(|key| node.labels.contains_key(*key)) {
                let text = format!("label `{key}` is no attribute; rules on it name their agents");
                notes.add(notes::LABEL, &node.name, text);
            }
        }
        let others = list.iter().skip(1);
        let common = |key: &&String| others.clone().all(|node| node.labels.contains_key(*key));
        let first = list.first().map(|node| node.labels.keys());
        let everywhere = first.into_iter().flatten().filter(common).cloned();
        Self {
            everywhere: everywhere.collect(),
            list,
            by_name,
            words,
            levels,
            reserved,
        }
    }

    /// The position of the node of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// Whether a label of this name means something else in a snapshot.
    pub fn is_reserved(&self, key: &str) -> bool {
        self.reserved.contains(key)
    }

    /// Whether every node has a label of this name.
    pub fn all_have(&self, key: &str) -> bool {
        self.list.is_empty() || self.everywhere.contains(key)
    }

    /// The `dedicated` word of a node.
    pub fn word(&self, at: usize) -> Option<&str> {
        self.words.word(&self.list[at].dedicated)
    }

    fn topology(&self, key: &str) -> Topology {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut domain = Vec::with_capacity(self.list.len());
        for node in &self.list {
            domain.push(node.labels.get(key).map(|value| {
                let next = numbers.len();
                *numbers.entry(value).or_insert(next)
            }));
        }
        let n_labeled = domain.iter().flatten().count();
        let same = |level: &&String| {
            let domain = |node: &NodeView| node.domains.get(*level).cloned();
            (self.list.iter()).all(|node| node.labels.get(key).cloned() == domain(node))
        };
        let level = if n_labeled == 0 {
            Err("no node has the label")
        } else if numbers.len() == n_labeled {
            Ok(AGENT.to_owned()) // Each node that has it is alone with its value.
        } else if let Some(level) = self.levels.iter().filter(|l| *l != AGENT).find(same) {
            Ok(level.clone())
        } else if self.is_reserved(key) {
            Err("the label's name means something else here")
        } else {
            Ok(key.to_owned())
        };
        Topology { level, domain }
    }

    /// The agents.
    pub fn agents(&self) -> Vec<AgentFile> {
        let agents = self.list.iter().enumerate().map(|(at, node)| {
            let labels = node.labels.iter();
            let attributes = labels.filter(|(key, _)| !self.is_reserved(key));
            AgentFile {
                id: node.name.clone(),
                domains: node.domains.clone(),
                attributes: attributes.map(|(k, v)| (k.clone(), v.clone())).collect(),
                resources: node.capacity.clone(),
                devices: Vec::new(),
                dedicated: self.word(at).map(str::to_owned),
                cordoned: node.cordoned,
                speed: None,
            }
        });
        agents.collect()
    }
}

impl<'a> Topologies<'a> {
    /// Over these nodes.
    pub fn new(nodes: &'a Nodes) -> Self {
        Self {
            nodes,
            known: BTreeMap::new(),
        }
    }

    /// What a topology key means in the snapshot.
    pub fn of(&mut self, key: &str) -> Rc<Topology> {
        if !self.known.contains_key(key) {
            let topology = Rc::new(self.nodes.topology(key));
            self.known.insert(key.to_owned(), topology);
        }
        Rc::clone(&self.known[key])
    }
}

impl Topology {
    /// The domain of a node in the snapshot: a node without the label is alone.
    pub fn alone_or_domain(&self, node: usize) -> Result<usize, usize> {
        self.domain[node].ok_or(node)
    }

    /// Every agent a domain of its own.
    pub fn agents(n_nodes: usize) -> Self {
        Self {
            level: Ok(AGENT.to_owned()),
            domain: (0..n_nodes).map(Some).collect(),
        }
    }
}

fn view(node: &Node, notes: &mut Notes) -> NodeView {
    let name = &node.metadata.name;
    let labels = &node.metadata.labels;
    let mut domains = BTreeMap::new();
    for (level, keys) in LEVELS {
        let mut values = keys.iter().filter_map(|key| labels.get(*key));
        if let Some(value) = values.find(|value| !value.is_empty()) {
            domains.insert(level.to_owned(), value.clone());
        }
    }
    let cordoned = node.spec.unschedulable;
    let stated = node.spec.taints.iter();
    let taints: BTreeSet<Taint> = stated.filter(|t| taints::is_hard(t)).cloned().collect();
    let mut dedicated = taints.clone();
    dedicated.retain(|taint| !(cordoned && taint.key == taints::UNSCHEDULABLE));
    for taint in &node.spec.taints {
        if taint.effect == "PreferNoSchedule" {
            let text = format!("taint `{}` is a wish", taint.key);
            notes.add(notes::PREFER_NO_SCHEDULE, name, text);
        }
    }
    note_readiness(node, &taints, notes);
    let offered = node.status.allocatable.as_ref();
    let offered = offered.unwrap_or(&node.status.capacity);
    NodeView {
        name: name.clone(),
        labels: labels.clone(),
        taints,
        dedicated,
        cordoned,
        capacity: amounts(offered, false, name, notes),
        domains,
    }
}

fn note_readiness(node: &Node, taints: &BTreeSet<Taint>, notes: &mut Notes) {
    let ready = node.status.conditions.iter().find(|c| c.kind == "Ready");
    let Some(ready) = ready.filter(|ready| ready.status != "True") else {
        return;
    };
    let keys = [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ];
    let tainted = taints
        .iter()
        .any(|taint| keys.contains(&taint.key.as_str()));
    let text = if tainted {
        format!("Ready is {}; its taints keep new pods away", ready.status)
    } else {
        format!(
            "Ready is {}, but no taint keeps new pods away",
            ready.status
        )
    };
    notes.add(notes::NOT_READY, &node.metadata.name, text);
}

/// Amounts of a resource list in the snapshot's units, without zeros, within what a snapshot may state.
pub(super) fn amounts(
    list: &ResourceList,
    round_up: bool,
    subject: &str,
    notes: &mut Notes,
) -> Amounts {
    for resource in list.keys() {
        let counted = counted(resource);
        if counted.renamed {
            let text = format!("resource `{resource}` is called `{}`", counted.name);
            notes.add(notes::RESOURCE_RENAMED, subject, text);
        }
    }
    let mut bounded = Amounts::new();
    for (name, amount) in in_units(list, round_up) {
        let within = amount.clamp(0, i128::from(MAX_QUANTITY));
        if within != amount {
            let text = format!("{name}: {amount} is taken as {within}");
            notes.add(notes::CAPPED, subject, text);
        }
        let within = i64::try_from(within).expect("it was clamped to what a snapshot may state");
        if within > 0 {
            bounded.insert(name, within);
        }
    }
    bounded
}
