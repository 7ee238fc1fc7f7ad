//! Half rows: instances of more than half an agent, or of more than half a device, counted whole.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, Cluster, Quantities, WHOLE_DEVICE};

use super::classes::Census;
use super::market::{Group, Market, needs};

/// What can hold one instance of more than half of it, or two of exactly half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whole {
    /// An agent, for instances that take more than half of the resource on every agent of the class that they could use.
    Agent,
    /// A device, for instances that take half of single devices or more: the resource is the devices' total.
    Device,
}

/// Of what cannot be shared, no more than there is.
#[derive(Debug)]
pub(super) struct Half {
    pub class: usize,
    pub resource: usize,
    pub whole: Whole,
    /// The agents or devices that the counted instances could use.
    pub most: f64,
    /// Members with a task that the row counts, ascending.
    pub owners: Vec<usize>,
}

/// A column by member, group and position, and how much of the row one instance takes.
type Counted = ((usize, usize, usize), f64);

impl Market {
    /// Finds the half rows that can bind: not those that the capacity row implies, nor those of one group alone that
    /// its own fit implies, nor the copy that a second resource makes of a row.
    pub fn number_halves(&mut self, cluster: &Cluster) {
        let mut rows: Vec<(Half, Vec<Counted>)> = Vec::new();
        for ((whole, class, resource), columns) in self.candidates(cluster) {
            let groups = || {
                columns
                    .iter()
                    .map(|&((m, g, _), _)| &self.members[m].groups[g])
            };
            let agents = usable_by_any(cluster, &self.census, groups(), class);
            let most = match whole {
                Whole::Agent => agents.iter().map(|(_, agents)| agents).sum::<i128>(),
                Whole::Device => (agents.iter())
                    .map(|(capacity, agents)| {
                        i128::from(capacity.0[resource] / WHOLE_DEVICE) * agents
                    })
                    .sum(),
            };
            let most = most as f64;
            // A unit of the row takes at least so much of the resource.
            let amounts = { columns.iter() }.zip(groups());
            let least = amounts
                .map(|((_, count), group)| group.demand.0[resource] as f64 / count)
                .fold(f64::INFINITY, f64::min);
            let by_capacity = self.census.classes[class].capacity[resource] as f64 <= most * least;
            let alone = matches!(columns[..], [((m, g, c), count)]
                if self.members[m].groups[g].columns[c].room * count <= most);
            let copied = rows
                .iter()
                .any(|(half, other)| half.class == class && half.most == most && *other == columns);
            if !by_capacity && !alone && !copied {
                let mut owners: Vec<usize> = columns.iter().map(|&((m, _, _), _)| m).collect();
                owners.dedup();
                let half = Half {
                    class,
                    resource,
                    whole,
                    most,
                    owners,
                };
                rows.push((half, columns));
            }
        }
        for (row, columns) in rows {
            for ((m, g, c), count) in columns {
                self.members[m].groups[g].columns[c].add_half(self.halves.len(), count);
            }
            self.halves.push(row);
        }
    }

    /// The columns that each row would count, by what is whole, class and resource.
    fn candidates(&self, cluster: &Cluster) -> BTreeMap<(Whole, usize, usize), Vec<Counted>> {
        let mut rows: BTreeMap<(Whole, usize, usize), Vec<Counted>> = BTreeMap::new();
        for (m, member) in self.members.iter().enumerate() {
            for (g, group) in member.groups.iter().enumerate() {
                let by_device = device_halves(cluster, group);
                for (c, column) in group.columns.iter().enumerate() {
                    let mut count = |whole: Whole, resource: usize, count: f64| {
                        let row = rows.entry((whole, column.class, resource)).or_default();
                        row.push(((m, g, c), count));
                    };
                    for resource in half_resources(cluster, &self.census, group, column.class) {
                        count(Whole::Agent, resource, 1.0);
                    }
                    for &(resource, devices) in &by_device {
                        count(Whole::Device, resource, devices);
                    }
                }
            }
        }
        rows
    }
}

/// Of how many devices one instance leaves nothing to another of half a device or more, by the resource that totals
/// them. A device of which it takes exactly half is half of one.
fn device_halves(cluster: &Cluster, group: &Group) -> Vec<(usize, f64)> {
    let needs = cluster.task(group.tasks[0].task).devices.iter();
    let halves = needs.filter_map(|need| {
        let part = match (2 * need.milli).cmp(&WHOLE_DEVICE) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 1.0,
        };
        let resource = cluster.device_total(need.kind)?;
        Some((resource, part * need.count as f64))
    });
    halves.collect()
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

/// Capacities of the agents of a class that at least one of these groups could use, and how many have each.
fn usable_by_any<'a>(
    cluster: &'a Cluster,
    census: &'a Census,
    groups: impl Iterator<Item = &'a Group>,
    class: usize,
) -> Vec<(&'a Quantities, i128)> {
    let mut kinds = BTreeSet::new();
    let mut strays = BTreeSet::new();
    for group in groups {
        let (some, others) = usable(census, group, class);
        kinds.extend(some);
        strays.extend(others);
    }
    strays.retain(|agent| !kinds.contains(&census.kind_of[agent.at()]));
    let strays = strays
        .iter()
        .map(|&agent| (&cluster.agent(agent).capacity, 1));
    let kinds = kinds.iter().map(|&kind| &census.kinds[kind]);
    let kinds = kinds.map(|kind| (&kind.capacity, kind.agents.len() as i128));
    kinds.chain(strays).collect()
}
