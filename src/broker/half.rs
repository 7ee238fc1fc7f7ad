//! Half rows: instances of more than half an agent, counted whole.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Cluster, Quantities};

use super::classes::Census;
use super::market::{Group, Market, needs};

/// Instances that take more than half of a resource on every agent of the class that they could use: at most one for
/// each such agent.
#[derive(Debug)]
pub(super) struct Half {
    pub class: usize,
    pub resource: usize,
    pub agents: i128,
    /// Members with a task that the row counts, ascending.
    pub owners: Vec<usize>,
}

/// A column by member, group and position.
type ColumnAt = (usize, usize, usize);

impl Market {
    /// Finds the half rows that can bind: not those that the capacity row implies, nor those of one group alone that
    /// its own fit implies, nor the copy that a second resource makes of a row.
    pub fn number_halves(&mut self, cluster: &Cluster) {
        let mut counted: BTreeMap<(usize, usize), Vec<ColumnAt>> = BTreeMap::new();
        for (m, member) in self.members.iter().enumerate() {
            for (g, group) in member.groups.iter().enumerate() {
                for (c, column) in group.columns.iter().enumerate() {
                    for resource in half_resources(cluster, &self.census, group, column.class) {
                        counted
                            .entry((column.class, resource))
                            .or_default()
                            .push((m, g, c));
                    }
                }
            }
        }
        let mut last: Option<(usize, &[ColumnAt])> = None;
        let mut rows = Vec::new();
        for (&(class, resource), columns) in &counted {
            if last == Some((class, columns)) {
                continue;
            }
            let groups = || columns.iter().map(|&(m, g, _)| &self.members[m].groups[g]);
            let agents = half_agents(&self.census, groups(), class);
            let least = groups()
                .map(|group| group.demand.0[resource])
                .min()
                .unwrap_or(1);
            let by_capacity =
                self.census.classes[class].capacity[resource] <= agents * i128::from(least);
            let alone = matches!(columns[..], [(m, g, c)] if self.members[m].groups[g].columns[c].fit <= agents as f64);
            if !by_capacity && !alone {
                last = Some((class, columns));
                let mut owners: Vec<usize> = columns.iter().map(|&(m, _, _)| m).collect();
                owners.dedup();
                rows.push((
                    Half {
                        class,
                        resource,
                        agents,
                        owners,
                    },
                    columns.clone(),
                ));
            }
        }
        for (row, columns) in rows {
            for (m, g, c) in columns {
                self.members[m].groups[g].columns[c]
                    .halves
                    .push(self.halves.len());
            }
            self.halves.push(row);
        }
    }
}

/// The capacities of agents of `class` that a group could use.
fn usable<'a>(
    census: &'a Census,
    group: &'a Group,
    class: usize,
) -> (
    impl Iterator<Item = usize> + 'a,
    impl Iterator<Item = AgentIdx> + 'a,
) {
    let first = &group.tasks[0];
    let copies = first.shape.copies.iter().enumerate();
    let kinds =
        copies.filter(move |&(kind, &copies)| copies > 0 && census.kinds[kind].class == class);
    let strays = first.strays.iter().map(|stray| stray.agent);
    let strays = strays.filter(move |agent| census.class_of(*agent) == class);
    (kinds.map(|(kind, _)| kind), strays)
}

/// Resources of which one instance takes more than half on every agent of the class that the group could use.
fn half_resources(cluster: &Cluster, census: &Census, group: &Group, class: usize) -> Vec<usize> {
    let more = |capacity: &Quantities, resource: usize, need: i64| {
        2 * i128::from(need) > i128::from(capacity.0[resource])
    };
    needs(&group.demand)
        .filter(|&(resource, need)| {
            let (mut kinds, mut strays) = usable(census, group, class);
            kinds.all(|kind| more(&census.kinds[kind].capacity, resource, need))
                && strays.all(|agent| more(&cluster.agent(agent).capacity, resource, need))
        })
        .map(|(resource, _)| resource)
        .collect()
}

/// Agents of a class that at least one of these groups could use.
fn half_agents<'a>(
    census: &'a Census,
    groups: impl Iterator<Item = &'a Group>,
    class: usize,
) -> i128 {
    let mut kinds = BTreeSet::new();
    let mut strays = BTreeSet::new();
    for group in groups {
        let (some, others) = usable(census, group, class);
        kinds.extend(some);
        strays.extend(others);
    }
    strays.retain(|agent| !kinds.contains(&census.kind_of[agent.at()]));
    let open: i128 = kinds
        .iter()
        .map(|&kind| census.kinds[kind].agents.len() as i128)
        .sum();
    open + strays.len() as i128
}
