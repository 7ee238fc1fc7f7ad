//! Limits and guarantees of roles, as rows.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;

use super::Market;

/// The most of a resource that a subtree may hold.
#[derive(Debug)]
pub(in crate::broker) struct LimitRow {
    pub role: usize,
    pub resource: usize,
    pub amount: f64,
    /// Members below the role that need the resource, ascending.
    pub members: Vec<usize>,
}

/// What of a resource a subtree is sure to have: what it uses, and what is held for it and the roles below.
#[derive(Debug)]
pub(in crate::broker) struct GuaranteeRow {
    pub role: usize,
    pub resource: usize,
    pub amount: f64,
    /// Members below the role, ascending.
    pub members: Vec<usize>,
    /// Classes where it may be held, ascending.
    pub classes: Vec<usize>,
    /// Rows of the roles above it and of its own: what is held for it counts in each.
    pub above: Vec<usize>,
}

/// Whose rows a row is among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) enum Place {
    Shared,
    /// The only member that it binds.
    Own(usize),
    /// No member: a block of its own.
    Alone,
}

impl Market {
    /// Members below each role, ascending.
    fn members_below(&self, cluster: &Cluster) -> Vec<Vec<usize>> {
        let mut below = vec![Vec::new(); cluster.roles.len()];
        for (position, member) in self.members.iter().enumerate() {
            for role in self
                .tree
                .upward(cluster.framework(member.framework).role.at())
            {
                below[role].push(position);
            }
        }
        below
    }

    /// The limits that can bind.
    pub(super) fn number_limits(&mut self, cluster: &Cluster, limits: &[Vec<Option<i128>>]) {
        let below = self.members_below(cluster);
        let mut total = vec![0_i128; cluster.resources.len()];
        for class in &self.census.classes {
            for (total, amount) in total.iter_mut().zip(&class.capacity) {
                *total += amount;
            }
        }
        for (role, limits) in limits.iter().enumerate() {
            for (resource, limit) in limits.iter().enumerate() {
                let Some(amount) = limit.filter(|&limit| limit < total[resource]) else {
                    continue;
                };
                let needing = |&position: &usize| {
                    let mut groups = self.members[position].groups.iter();
                    groups.any(|group| group.demand.0[resource] > 0)
                };
                let members: Vec<usize> = below[role].iter().copied().filter(needing).collect();
                let place = match members[..] {
                    [] => continue,
                    [only] => Place::Own(only),
                    _ => Place::Shared,
                };
                for &member in &members {
                    self.limits_on[member].push(self.limits.len());
                }
                self.limit_places.push(place);
                self.limits.push(LimitRow {
                    role,
                    resource,
                    amount: amount as f64,
                    members,
                });
            }
        }
    }

    /// The guarantees that are held.
    pub(super) fn number_holds(&mut self, cluster: &Cluster) {
        let below = self.members_below(cluster);
        let mut rows: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for guarantee in self.guarantees.iter().filter(|it| it.held) {
            let role = guarantee.role.at();
            let amounts = guarantee.amounts.0.iter().enumerate();
            for (resource, &amount) in amounts.filter(|(_, amount)| **amount > 0) {
                let usable = |class: &usize| {
                    guarantee.classes.contains(class)
                        && self.census.classes[*class].capacity[resource] > 0
                };
                rows.insert((role, resource), self.holds.len());
                self.holds.push(GuaranteeRow {
                    role,
                    resource,
                    amount: amount as f64,
                    members: below[role].clone(),
                    classes: (0..self.census.classes.len()).filter(usable).collect(),
                    above: Vec::new(),
                });
            }
        }
        let mut nested = vec![false; self.holds.len()];
        for at in 0..self.holds.len() {
            let hold = &self.holds[at];
            let above = self.tree.upward(hold.role);
            let above: Vec<usize> = above
                .filter_map(|role| rows.get(&(role, hold.resource)).copied())
                .collect();
            if above.len() > 1 {
                above.iter().for_each(|&row| nested[row] = true);
            }
            self.holds[at].above = above;
        }
        for (at, hold) in self.holds.iter().enumerate() {
            let place = match hold.members[..] {
                [] if !nested[at] => Place::Alone,
                [only] if !nested[at] => Place::Own(only),
                _ => Place::Shared,
            };
            for &member in &hold.members {
                self.holds_on[member].push(at);
            }
            self.hold_places.push(place);
        }
    }
}
