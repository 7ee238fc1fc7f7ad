//! Weights of frameworks: down the role tree, over active siblings.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Cluster, FrameworkIdx};

/// The weight of each framework among the active ones: the product, along its role path and down to itself, of its
/// weight over the sum of all active siblings' weights. The siblings of a framework are the frameworks of its role
/// and the roles directly below that role. Weights of active frameworks sum to 1; the others have 0.
#[must_use]
pub fn weights(cluster: &Cluster, active: &[bool]) -> Vec<f64> {
    let role_weights: BTreeMap<&str, f64> = cluster
        .roles
        .iter()
        .map(|role| (role.path.as_str(), role.weight))
        .collect();
    let weight_of = |path: &str| role_weights.get(path).copied().unwrap_or(1.0);
    let role_of = |framework: usize| {
        cluster.roles[cluster.frameworks[framework].role.at()]
            .path
            .as_str()
    };
    let members: Vec<usize> = (0..cluster.frameworks.len())
        .filter(|&framework| active[framework])
        .collect();
    let active_roles: BTreeSet<&str> = members
        .iter()
        .flat_map(|&framework| ancestry(role_of(framework)))
        .collect();
    let mut below: BTreeMap<&str, f64> = BTreeMap::new();
    for path in active_roles {
        *below.entry(parent(path)).or_insert(0.0) += weight_of(path);
    }
    for &framework in &members {
        *below.entry(role_of(framework)).or_insert(0.0) += cluster.frameworks[framework].weight;
    }
    let mut weights = vec![0.0; cluster.frameworks.len()];
    for framework in members {
        let role = role_of(framework);
        let steps = ancestry(role).map(|path| weight_of(path) / below[parent(path)]);
        let own = cluster.framework(FrameworkIdx::of(framework)).weight / below[role];
        weights[framework] = steps.product::<f64>() * own;
    }
    weights
}

/// `a`, `a/b`, `a/b/c` of `a/b/c`.
fn ancestry(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()])
        .map(|at| &path[..at])
}

/// The path above; the empty path is the root.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}
