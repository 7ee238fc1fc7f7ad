//! The role tree: who is below whom, what each subtree may hold at most and is promised.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;

/// Roles as a tree, members as its leaves. The root is the empty path, above every role.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The role above each role.
    parent: Vec<Option<usize>>,
    /// Roles directly below each role, and below the root.
    children: Vec<Vec<usize>>,
    top: Vec<usize>,
}

impl Tree {
    /// The tree of a cluster's roles, which are by path and hold every ancestor.
    pub fn of(cluster: &Cluster) -> Self {
        let position: BTreeMap<&str, usize> = cluster
            .roles
            .iter()
            .enumerate()
            .map(|(at, role)| (role.path.as_str(), at))
            .collect();
        let mut tree = Self {
            parent: vec![None; cluster.roles.len()],
            children: vec![Vec::new(); cluster.roles.len()],
            top: Vec::new(),
        };
        for (at, role) in cluster.roles.iter().enumerate() {
            let above = role.path.rsplit_once('/').map(|(above, _)| position[above]);
            tree.parent[at] = above;
            match above {
                Some(above) => tree.children[above].push(at),
                None => tree.top.push(at),
            }
        }
        tree
    }

    /// A role and the roles above it, upward.
    pub fn upward(&self, role: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(role), |&role| self.parent[role])
    }

    /// Roles directly below a role; `None` is the root.
    pub fn below(&self, role: Option<usize>) -> &[usize] {
        role.map_or(&self.top, |role| &self.children[role])
    }

    /// All roles, every role after the roles below it.
    pub fn bottom_up(&self) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::with_capacity(self.parent.len());
        let mut open: Vec<usize> = self.top.clone();
        while let Some(role) = open.pop() {
            order.push(role);
            open.extend(&self.children[role]);
        }
        order.reverse();
        order
    }
}

/// What each subtree uses where it runs, by role and resource.
pub(crate) fn running_usage(cluster: &Cluster) -> Vec<Vec<i128>> {
    let tree = Tree::of(cluster);
    let mut usage = vec![vec![0; cluster.resources.len()]; cluster.roles.len()];
    for running in &cluster.running {
        let framework = cluster.framework(cluster.framework_of(running.task));
        let demand = &cluster.task(running.task).demand.0;
        for role in tree.upward(framework.role.at()) {
            for (used, &need) in usage[role].iter_mut().zip(demand) {
                *used += i128::from(need) * i128::from(running.instances);
            }
        }
    }
    usage
}

/// The most that each subtree may hold, by role and resource: its limit, or what it holds already where that is more.
pub(crate) fn limits(cluster: &Cluster) -> Vec<Vec<Option<i128>>> {
    let usage = running_usage(cluster);
    let roles = cluster.roles.iter().zip(usage);
    let limits = roles.map(|(role, usage)| {
        let limits = role.limit.iter().zip(usage);
        limits
            .map(|(limit, used)| limit.map(|limit| i128::from(limit).max(used)))
            .collect()
    });
    limits.collect()
}
