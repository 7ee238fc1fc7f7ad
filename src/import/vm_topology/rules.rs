//! Placement groups as rules.
//!
//! `anti-affinity` is a limit of one VM of the group to an agent. `fault_domain` keeps VMs of one group and
//! different domains on different racks; VMs of one domain may share one. Three cases, each sound:
//!
//! - all VMs of the group have one domain: nothing to keep apart;
//! - every VM has a domain of its own: a limit of one VM of the group to a rack, which is exact;
//! - otherwise the racks are divided: agents of every k-th rack bear the attribute `fault_domain`, and a VM of
//!   domain d goes to racks of class d only. That is stricter than what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::{AgentFile, ConstraintsFile, LimitFile};

use super::{AFFINITY, FAULT_DOMAIN, RACKS_DIVIDED, Strategy, Vm, name};
use crate::import::notes::Notes;

/// The attribute that divides racks, if it is needed.
const ATTRIBUTE: &str = "fault_domain";

/// Groups and rules of each VM, in the order of the rows.
pub(super) fn constraints(
    vms: &[Vm<'_>],
    agents: &mut [AgentFile],
    notes: &mut Notes,
) -> Vec<(Vec<String>, ConstraintsFile)> {
    let groups = Groups::of(vms);
    let n_classes = groups.domains.len();
    let divided = groups.divided();
    let racks = racks(agents);
    let enough = racks.len() >= n_classes;
    if !divided.is_empty() && enough {
        for agent in agents.iter_mut() {
            let class = racks[&agent.domains["rack"]] % n_classes;
            let attribute = (ATTRIBUTE.to_owned(), groups.class_name(class));
            agent.attributes.extend([attribute]);
        }
    }
    let rules = |(row, vm): (usize, &Vm<'_>)| match vm.strategy {
        Strategy::None => Default::default(),
        Strategy::Affinity(group) => {
            let members = groups.sizes[&vm.strategy];
            if members > 1 {
                let text = format!("one of {members} VMs of the group {group}");
                notes.add(AFFINITY, &name(row), text);
            }
            Default::default()
        }
        Strategy::AntiAffinity(group) => limited("agent", format!("anti-affinity-{group}")),
        Strategy::FaultDomain(group, domain) => {
            let members = &groups.by_group[group];
            if members.len() == 1 {
                Default::default()
            } else if members.values().all(|count| *count == 1) {
                limited("rack", format!("fault-domain-{group}"))
            } else if enough {
                let text = format!(
                    "only on one rack in {n_classes}: domain {domain} of the group {group}"
                );
                notes.add(RACKS_DIVIDED, &name(row), text);
                (Vec::new(), on_class(domain))
            } else {
                let text = format!("domain {domain} of the group {group}");
                notes.add(FAULT_DOMAIN, &name(row), text);
                Default::default()
            }
        }
    };
    vms.iter().enumerate().map(rules).collect()
}

/// One VM of a group to a domain of `level`.
fn limited(level: &str, group: String) -> (Vec<String>, ConstraintsFile) {
    let limit = LimitFile {
        level: level.to_owned(),
        max: 1,
        group: Some(group.clone()),
    };
    let constraints = ConstraintsFile {
        limit: vec![limit],
        ..ConstraintsFile::default()
    };
    (vec![group], constraints)
}

fn on_class(domain: i64) -> ConstraintsFile {
    let values = vec![domain.to_string()];
    ConstraintsFile {
        attributes: BTreeMap::from([(ATTRIBUTE.to_owned(), values)]),
        ..ConstraintsFile::default()
    }
}

/// Positions of racks in the order in which the servers name them.
fn racks(agents: &[AgentFile]) -> BTreeMap<String, usize> {
    let mut racks = BTreeMap::new();
    for agent in agents {
        let next = racks.len();
        racks.entry(agent.domains["rack"].clone()).or_insert(next);
    }
    racks
}

/// Who belongs together.
struct Groups<'t> {
    /// VMs of each group with its strategy (and domain).
    sizes: BTreeMap<Strategy<'t>, usize>,
    /// VMs of each domain of each group with fault domains.
    by_group: BTreeMap<&'t str, BTreeMap<i64, usize>>,
    /// Every domain of any group.
    domains: BTreeSet<i64>,
}

impl<'t> Groups<'t> {
    fn of(vms: &[Vm<'t>]) -> Self {
        let mut groups = Self {
            sizes: BTreeMap::new(),
            by_group: BTreeMap::new(),
            domains: BTreeSet::new(),
        };
        for vm in vms {
            *groups.sizes.entry(vm.strategy).or_default() += 1;
            if let Strategy::FaultDomain(group, domain) = vm.strategy {
                let members = groups.by_group.entry(group).or_default();
                *members.entry(domain).or_default() += 1;
            }
        }
        let by_group = &groups.by_group;
        let divided = groups.divided();
        let domains = divided.iter().flat_map(|group| by_group[group].keys());
        groups.domains = domains.copied().collect();
        groups
    }

    /// Groups whose domains are several, and one of them has several VMs.
    fn divided(&self) -> Vec<&'t str> {
        let groups = self.by_group.iter();
        let divided = groups
            .filter(|(_, members)| members.len() > 1 && members.values().any(|count| *count > 1));
        divided.map(|(group, _)| *group).collect()
    }

    /// What the racks of a class are called: the domain that they are for.
    fn class_name(&self, class: usize) -> String {
        let domain = self.domains.iter().nth(class);
        domain.map_or_else(String::new, ToString::to_string)
    }
}
