//! Pods that must not meet: required anti-affinity and host ports, as groups of which one domain holds
//! at most one.
//!
//! A rule says which pairs of pods must not share a domain. Sets in which every pair is forbidden
//! become groups; together they forbid exactly the pairs that Kubernetes forbids, also where only one
//! side states the rule.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::file::LimitFile;

use super::jobs::Jobs;
use super::nodes::{AGENT, Nodes, Topologies, Topology};
use super::notes::{self, Notes};
use super::objects::ContainerPort;
use super::peers::{PeerSelector, Peers};
use super::pods::{PodView, Reach};
use crate::import::Code;

/// A one-sided rule may need a group per pair; beyond so many it is not expressed.
const MAX_GROUPS_PER_RULE: usize = 256;

/// Pods of which a domain of `level` holds at most one.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub name: String,
    pub level: String,
    topology: Rc<Topology>,
    /// Ascending.
    pub members: Vec<usize>,
}

impl Group {
    /// The limit that each member states.
    pub fn limit(&self) -> LimitFile {
        LimitFile {
            level: self.level.clone(),
            max: 1,
            group: Some(self.name.clone()),
        }
    }
}

/// Everything that a group is made from.
pub(super) struct Scene<'a, 'p> {
    pub pods: &'a [PodView<'p>],
    pub nodes: &'a Nodes,
    pub jobs: &'a Jobs,
}

/// The groups of all rules: no group lies within another.
pub(super) fn all(
    scene: &Scene<'_, '_>,
    topologies: &mut Topologies<'_>,
    peers: &mut Peers<'_>,
    notes: &mut Notes,
) -> Vec<Group> {
    let mut groups = anti_affinity(scene, topologies, peers, notes);
    groups.extend(host_ports(scene, notes));
    let groups = without_subsets(groups);
    for group in &groups {
        note_meetings(scene, group, notes);
    }
    groups
}

/// A rule of anti-affinity: topology key and selector.
type Rule = (String, PeerSelector);

fn anti_affinity(
    scene: &Scene<'_, '_>,
    topologies: &mut Topologies<'_>,
    peers: &mut Peers<'_>,
    notes: &mut Notes,
) -> Vec<Group> {
    let mut carriers: BTreeMap<Rule, BTreeSet<usize>> = BTreeMap::new();
    for (at, view) in scene.pods.iter().enumerate() {
        for term in &view.pod.spec.affinity.pod_anti_affinity.required {
            match peers.of_term(term, view) {
                Ok(None) => {}
                Ok(Some(selector)) => {
                    let rule = (term.topology_key.clone(), selector);
                    carriers.entry(rule).or_default().insert(at);
                }
                Err(reason) => notes.add(notes::ANTI_AFFINITY, &view.name, reason),
            }
        }
    }
    let mut groups = Vec::new();
    for ((key, selector), carriers) in carriers {
        let topology = topologies.of(&key);
        if topology.domain.iter().all(Option::is_none) {
            continue; // Kubernetes forbids nothing on nodes without the label.
        }
        let selected: BTreeSet<usize> = peers.find(&selector).iter().copied().collect();
        let first = carriers.first().copied().unwrap_or_default();
        let name = format!("anti-affinity/{}/{key}", scene.jobs.name_of(first));
        let made = cliques(&carriers, &selected)
            .ok_or("it needs too many groups")
            .and_then(|cliques| on_level(scene, &topology, cliques));
        match made {
            Ok((level, cliques)) => {
                let place = Place {
                    name,
                    level,
                    topology,
                };
                let cross = add(scene, &place, cliques, &mut groups);
                note_cross(scene, notes::ANTI_AFFINITY, &carriers, cross, notes);
            }
            Err(reason) => {
                for &at in &carriers {
                    let text = format!("`{key}`: {reason}");
                    notes.add(notes::ANTI_AFFINITY, &scene.pods[at].name, text);
                }
            }
        }
    }
    groups
}

type Clique = BTreeSet<usize>;

/// Sets of pods that together hold exactly the pairs (carrier, selected).
fn cliques(carriers: &Clique, selected: &Clique) -> Option<Vec<Clique>> {
    let both: Clique = carriers.intersection(selected).copied().collect();
    let only_carry: Vec<usize> = carriers.difference(selected).copied().collect();
    let only_selected: Vec<usize> = selected.difference(carriers).copied().collect();
    let with = |more: &[usize]| -> Clique { both.iter().chain(more).copied().collect() };
    let n_cliques = only_carry
        .len()
        .max(1)
        .checked_mul(only_selected.len().max(1));
    if n_cliques.is_none_or(|n| n > MAX_GROUPS_PER_RULE) {
        return None;
    }
    Some(match (only_carry.as_slice(), only_selected.as_slice()) {
        ([], []) => vec![both],
        // One side is empty: those left over do not exclude each other.
        ([], rest) | (rest, []) => rest.iter().map(|&one| with(&[one])).collect(),
        (carry, selected) => {
            let pairs = carry
                .iter()
                .flat_map(|&c| selected.iter().map(move |&s| [c, s]));
            pairs.map(|pair| with(&pair)).collect()
        }
    })
}

/// The level of a topology, if a limit there says what Kubernetes says: a node without the label is no
/// domain to Kubernetes, and one of its own here, so at most one member may be able to go there.
fn on_level(
    scene: &Scene<'_, '_>,
    topology: &Topology,
    cliques: Vec<Clique>,
) -> Result<(String, Vec<Clique>), &'static str> {
    let level = topology.level.clone()?;
    let unlabeled = topology.domain.iter().enumerate();
    let unlabeled: Vec<usize> = unlabeled
        .filter(|(_, d)| d.is_none())
        .map(|(n, _)| n)
        .collect();
    for clique in &cliques {
        for &node in &unlabeled {
            let members = clique.iter();
            let able = members.filter(|&&at| scene.pods[at].reach.contains(node));
            if able.count() > 1 {
                return Err("nodes without the label are open to its pods");
            }
        }
    }
    Ok((level, cliques))
}

/// What the groups of one rule share.
struct Place {
    name: String,
    level: String,
    topology: Rc<Topology>,
}

/// Adds each clique as a group per framework, unless it forbids nothing. The answer is whether pairs
/// across frameworks were lost.
fn add(
    scene: &Scene<'_, '_>,
    place: &Place,
    cliques: Vec<Clique>,
    groups: &mut Vec<Group>,
) -> bool {
    let mut cross = false;
    for clique in cliques {
        let mut by_framework: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for &at in &clique {
            let members = by_framework.entry(scene.pods[at].framework).or_default();
            members.push(at);
        }
        cross |= by_framework.len() > 1 && may_meet(scene, &place.topology, clique.iter());
        for members in by_framework.into_values() {
            if may_meet(scene, &place.topology, members.iter()) {
                groups.push(Group {
                    name: place.name.clone(),
                    level: place.level.clone(),
                    topology: Rc::clone(&place.topology),
                    members,
                });
            }
        }
    }
    cross
}

/// Whether two of these pods could share a domain: not if each is pinned to a domain of its own.
fn may_meet<'m>(
    scene: &Scene<'_, '_>,
    topology: &Topology,
    members: impl Iterator<Item = &'m usize>,
) -> bool {
    let mut domains = BTreeSet::new();
    let mut n_members = 0;
    let mut all_pinned = true;
    for &at in members {
        n_members += 1;
        match scene.pods[at].reach {
            Reach::One(node) => {
                if !domains.insert(topology.alone_or_domain(node)) {
                    return true;
                }
            }
            Reach::Some(_) => all_pinned = false,
        }
    }
    n_members > 1 && !all_pinned
}

fn note_cross(
    scene: &Scene<'_, '_>,
    code: Code,
    carriers: &Clique,
    cross: bool,
    notes: &mut Notes,
) {
    if cross {
        for &at in carriers {
            let text = "rules do not look across frameworks: not held against pods of others";
            notes.add(code, &scene.pods[at].name, text);
        }
    }
}

/// Protocol and port of a host, and the address if one is stated.
type HostPort = (String, i64);

fn host_ports(scene: &Scene<'_, '_>, notes: &mut Notes) -> Vec<Group> {
    // By port, then by address; the empty address means all of them.
    let mut users: BTreeMap<HostPort, BTreeMap<String, Clique>> = BTreeMap::new();
    for (at, view) in scene.pods.iter().enumerate() {
        let spec = &view.pod.spec;
        let sidecars = spec.init_containers.iter();
        let sidecars = sidecars.filter(|container| container.restart_policy == "Always");
        for port in spec
            .containers
            .iter()
            .chain(sidecars)
            .flat_map(|c| &c.ports)
        {
            if let Some((host_port, address)) = host_port(port, spec.host_network) {
                let addresses = users.entry(host_port).or_default();
                addresses.entry(address).or_default().insert(at);
            }
        }
    }
    let topology = Rc::new(Topology::agents(scene.nodes.list.len()));
    let mut groups = Vec::new();
    for ((protocol, port), mut addresses) in users {
        let everywhere = addresses.remove("").unwrap_or_default();
        let place = Place {
            name: format!("host-port/{protocol}/{port}"),
            level: AGENT.to_owned(),
            topology: Rc::clone(&topology),
        };
        let cliques = if addresses.is_empty() {
            vec![everywhere.clone()]
        } else {
            let each = addresses.values();
            each.map(|bound| bound.union(&everywhere).copied().collect())
                .collect()
        };
        let carriers: Clique = cliques.iter().flatten().copied().collect();
        let cross = add(scene, &place, cliques, &mut groups);
        note_cross(scene, notes::HOST_PORT, &carriers, cross, notes);
    }
    groups
}

fn host_port(port: &ContainerPort, host_network: bool) -> Option<(HostPort, String)> {
    let number = match port.host_port {
        0 if host_network => port.container_port,
        stated => stated,
    };
    if number <= 0 {
        return None;
    }
    let protocol = match port.protocol.as_str() {
        "" => "TCP",
        stated => stated,
    };
    let address = match port.host_ip.as_str() {
        "0.0.0.0" => "",
        stated => stated,
    };
    Some(((protocol.to_owned(), number), address.to_owned()))
}

/// Leaves out groups that lie within another of their level, and gives each left a name of its own.
fn without_subsets(mut groups: Vec<Group>) -> Vec<Group> {
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    let mut kept: Vec<Group> = Vec::new();
    let mut holding: BTreeMap<(String, usize), Vec<usize>> = BTreeMap::new();
    for group in groups {
        let candidates = holding.get(&(group.level.clone(), group.members[0]));
        let within = candidates.into_iter().flatten().any(|&at| {
            let larger: &[usize] = &kept[at].members;
            group
                .members
                .iter()
                .all(|member| larger.binary_search(member).is_ok())
        });
        if within {
            continue;
        }
        for &member in &group.members {
            let groups = holding.entry((group.level.clone(), member)).or_default();
            groups.push(kept.len());
        }
        kept.push(group);
    }
    kept.sort_by(|a, b| (&a.name, &a.level, &a.members).cmp(&(&b.name, &b.level, &b.members)));
    number_names(kept.iter_mut().map(|group| &mut group.name));
    kept
}

/// Makes names unique: a second `x` becomes `x#2`.
pub(super) fn number_names<'n>(names: impl Iterator<Item = &'n mut String>) {
    let mut taken = BTreeSet::new();
    for name in names {
        let plain = name.clone();
        let mut n = 1;
        while !taken.insert(name.clone()) {
            n += 1;
            *name = format!("{plain}#{n}");
        }
    }
}

/// Running pods may meet although the rule forbids it: it counts only when a pod is placed.
fn note_meetings(scene: &Scene<'_, '_>, group: &Group, notes: &mut Notes) {
    let mut together: BTreeMap<Result<usize, usize>, Vec<usize>> = BTreeMap::new();
    for &member in &group.members {
        if let Some(node) = scene.pods[member].node {
            let domain = group.topology.alone_or_domain(node);
            together.entry(domain).or_default().push(member);
        }
    }
    for members in together.values().filter(|members| members.len() > 1) {
        for &member in members {
            let view = &scene.pods[member];
            let at = view.node.map_or("", |node| &scene.nodes.list[node].name);
            let text = format!(
                "on `{at}`: shares its {} against `{}`",
                group.level, group.name
            );
            notes.add(notes::BREAKS_RULE, &view.name, text);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(members: &[usize]) -> Clique {
        members.iter().copied().collect()
    }

    /// The pairs that a carrier's rule forbids, from its definition.
    fn forbidden(carriers: &Clique, selected: &Clique) -> BTreeSet<(usize, usize)> {
        let pairs = carriers
            .iter()
            .flat_map(|&c| selected.iter().map(move |&s| (c, s)));
        pairs
            .filter(|(c, s)| c != s)
            .map(|(c, s)| (c.min(s), c.max(s)))
            .collect()
    }

    #[test]
    fn cliques_forbid_exactly_the_pairs_of_the_rule() {
        // Every pair of subsets of four pods.
        for (carry, select) in (0_usize..16).flat_map(|c| (0_usize..16).map(move |s| (c, s))) {
            let members = |mask: usize| (0..4).filter(move |bit| mask >> bit & 1 == 1).collect();
            let (carriers, selected): (Clique, Clique) = (members(carry), members(select));
            let mut pairs = BTreeSet::new();
            for clique in cliques(&carriers, &selected).unwrap() {
                for &a in &clique {
                    pairs.extend(clique.iter().filter(|&&b| b > a).map(|&b| (a, b)));
                }
            }
            assert_eq!(
                pairs,
                forbidden(&carriers, &selected),
                "{carriers:?} {selected:?}"
            );
        }
    }

    #[test]
    fn a_rule_that_needs_too_many_groups_is_refused() {
        let carriers: Clique = (0..17).collect();
        let selected: Clique = (100..117).collect();
        assert!(cliques(&carriers, &selected).is_none());
        assert!(cliques(&carriers, &set(&[100])).is_some());
    }

    #[test]
    fn groups_within_others_are_left_out() {
        let group = |name: &str, members: &[usize]| Group {
            name: name.to_owned(),
            level: "agent".to_owned(),
            topology: Rc::new(Topology::agents(0)),
            members: members.to_vec(),
        };
        let kept = without_subsets(vec![
            group("b", &[1, 2]),
            group("a", &[1, 2, 3]),
            group("a", &[3, 4]),
            group("c", &[1, 2, 3]),
        ]);
        let names: Vec<&str> = kept.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["a", "a#2"]);
    }
}
