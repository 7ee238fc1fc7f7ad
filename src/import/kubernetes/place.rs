//! Where each task may go, as the snapshot writes it: attribute rules, or agents by name.
//!
//! A list of agents that many tasks share would fill the file; it becomes an attribute of those agents.

use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::file::AgentFile;

use super::nodes::{self, Nodes};
use super::notes::{self, Notes};
use super::pods::{PodView, Reach, matching};
use super::selector::{NodeRule, Wording};

/// More names than this, over all tasks that share a list, make it an attribute.
const MAX_NAMES: usize = 1_000;

/// The rules of a task about agents.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Only these nodes, ascending.
    pub nodes: Option<Rc<Vec<usize>>>,
    pub tolerates: Vec<String>,
}

/// The places of all pods; `narrowed` are the nodes that affinity to pods leaves to each.
pub(super) fn all(
    pods: &[PodView<'_>],
    nodes: &Nodes,
    narrowed: &[Option<Vec<bool>>],
    notes: &mut Notes,
) -> Vec<Place> {
    let mut lists = Lists::default();
    let views = pods.iter().zip(narrowed);
    views
        .map(|(view, narrowed)| place(view, nodes, narrowed.as_deref(), &mut lists, notes))
        .collect()
}

fn place(
    view: &PodView<'_>,
    nodes: &Nodes,
    narrowed: Option<&[bool]>,
    lists: &mut Lists,
    notes: &mut Notes,
) -> Place {
    let spec = &view.pod.spec;
    if let Reach::One(at) = view.reach {
        return Place {
            nodes: Some(Rc::new(vec![at])),
            tolerates: nodes.word(at).map(str::to_owned).into_iter().collect(),
            ..Place::default()
        };
    }
    let mut place = if view.pending && !spec.scheduling_gates.is_empty() {
        let gates: Vec<&str> = spec.scheduling_gates.iter().map(|g| &*g.name).collect();
        notes.add(
            notes::GATED,
            &view.name,
            format!("gates: {}", gates.join(", ")),
        );
        nowhere()
    } else {
        let wording = view.rule.wording(&|key| nodes.is_reserved(key));
        match (wording, narrowed) {
            (Wording::Attributes(attributes), None) => Place {
                attributes,
                ..Place::default()
            },
            (_, Some(kept)) => {
                let matched = lists.of(nodes, &view.rule);
                listed(
                    nodes,
                    Rc::new(matched.iter().copied().filter(|&at| kept[at]).collect()),
                )
            }
            (Wording::Agents(reason), None) => {
                notes.add(notes::AGENTS_LIST, &view.name, reason);
                listed(nodes, lists.of(nodes, &view.rule))
            }
        }
    };
    place.tolerates = nodes.words.tolerated(&spec.tolerations);
    place
}

/// What no agent satisfies: to have no name.
fn nowhere() -> Place {
    let key = nodes::AGENT.to_owned();
    Place {
        attributes: BTreeMap::from([(key, vec!["!*".to_owned()])]),
        ..Place::default()
    }
}

fn listed(nodes: &Nodes, list: Rc<Vec<usize>>) -> Place {
    if list.is_empty() {
        nowhere()
    } else if list.len() == nodes.list.len() {
        Place::default()
    } else {
        Place {
            nodes: Some(list),
            ..Place::default()
        }
    }
}

/// The nodes that satisfy a rule, worked out once.
#[derive(Default)]
struct Lists(BTreeMap<NodeRule, Rc<Vec<usize>>>);

impl Lists {
    fn of(&mut self, nodes: &Nodes, rule: &NodeRule) -> Rc<Vec<usize>> {
        if let Some(known) = self.0.get(rule) {
            return Rc::clone(known);
        }
        let matched = matching(nodes, rule);
        let list = (0..matched.len()).filter(|&at| matched[at]).collect();
        let list = Rc::new(list);
        self.0.insert(rule.clone(), Rc::clone(&list));
        list
    }
}

/// Turns lists with many names in all into an attribute of the agents listed.
pub(super) fn shorten(places: &mut [Place], agents: &mut [AgentFile]) {
    let mut users: BTreeMap<Rc<Vec<usize>>, Vec<usize>> = BTreeMap::new();
    for (pod, place) in places.iter().enumerate() {
        if let Some(list) = &place.nodes {
            users.entry(Rc::clone(list)).or_default().push(pod);
        }
    }
    let mut number = 0;
    for (list, pods) in users {
        if list.len() * pods.len() <= MAX_NAMES {
            continue;
        }
        let key = loop {
            number += 1;
            let key = format!("agents-list/{number}");
            if agents
                .iter()
                .all(|agent| !agent.attributes.contains_key(&key))
            {
                break key;
            }
        };
        for &at in list.iter() {
            agents[at].attributes.insert(key.clone(), "yes".to_owned());
        }
        for pod in pods {
            places[pod].nodes = None;
            places[pod]
                .attributes
                .insert(key.clone(), vec!["yes".to_owned()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_many_share_become_an_attribute() {
        let mut agents = vec![AgentFile::default(); 30];
        agents[3]
            .attributes
            .insert("agents-list/1".to_owned(), "taken".to_owned());
        let place = |nodes: Vec<usize>| Place {
            nodes: Some(Rc::new(nodes)),
            ..Place::default()
        };
        let shared: Vec<usize> = (10..30).collect();
        let mut places = vec![place(shared.clone()); MAX_NAMES / shared.len() + 1];
        places.push(place(vec![1, 2]));
        shorten(&mut places, &mut agents);
        assert!(places[0].nodes.is_none());
        assert_eq!(places[0].attributes["agents-list/2"], ["yes"]);
        assert!(places.last().is_some_and(|last| last.nodes.is_some()));
        let marked = |agent: &AgentFile| agent.attributes.contains_key("agents-list/2");
        let marked: Vec<usize> = (0..30).filter(|&at| marked(&agents[at])).collect();
        assert_eq!(marked, shared);
    }
}
