//! Who is next under dominant resource fairness: Mesos's sorter.
//!
//! A vertex of the role tree has what everything below it holds. Its share is the largest fraction of the cluster's total of
//! any resource, divided by its weight. Siblings are ordered by share, then by fewer allocations so far, then by path; the
//! tree is read in pre-order. A framework is a leaf below its role.
//!
//! # Source
//! Ghodsi and others, *Dominant Resource Fairness*, NSDI 2011; ties and pre-order as in Apache Mesos,
//! `src/master/allocator/mesos/sorter/drf/sorter.cpp`.

use std::collections::BTreeSet;

use apportion_cluster::{Cluster, FrameworkIdx, Quantities};

use super::tree::Tree;

/// A vertex: the root, then the roles, then the frameworks.
#[derive(Debug, Default)]
struct Vertex {
    above: Option<usize>,
    weight: f64,
    /// Place among all vertices by path.
    rank: usize,
    held: Vec<i128>,
    allocations: i64,
    /// Vertices below that are not done, the next one first.
    below: BTreeSet<Key>,
    key: Option<Key>,
}

/// What siblings are ordered by; a share is positive or zero, so its bits order as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    share: u64,
    allocations: i64,
    rank: usize,
    vertex: usize,
}

/// Holdings of the role tree, sorted.
#[derive(Debug)]
pub struct Sorter {
    total: Vec<i128>,
    vertices: Vec<Vertex>,
    n_roles: usize,
}

impl Sorter {
    /// All frameworks, holding nothing.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        let n_resources = cluster.resources.len();
        let total = cluster.total();
        let tree = Tree::of(cluster);
        let n_roles = cluster.roles.len();
        let mut vertices = vec![Vertex {
            weight: 1.0,
            held: vec![0; n_resources],
            ..Vertex::default()
        }];
        let vertex = |above: usize, weight: f64| Vertex {
            above: Some(above),
            weight,
            held: vec![0; n_resources],
            ..Vertex::default()
        };
        for (at, role) in cluster.roles.iter().enumerate() {
            let above = tree.upward(at).nth(1).map_or(0, |above| above + 1);
            vertices.push(vertex(above, role.weight));
        }
        for framework in &cluster.frameworks {
            vertices.push(vertex(framework.role.at() + 1, framework.weight));
        }
        let mut names: Vec<(String, usize)> = Vec::new();
        let roles = cluster.roles.iter().enumerate();
        names.extend(roles.map(|(at, role)| (role.path.clone(), at + 1)));
        for (at, framework) in cluster.frameworks.iter().enumerate() {
            let role = &cluster.roles[framework.role.at()].path;
            names.push((format!("{role}/{}", framework.id), 1 + n_roles + at));
        }
        names.sort();
        for (rank, (_, vertex)) in names.into_iter().enumerate() {
            vertices[vertex].rank = rank;
        }
        let mut sorter = Self {
            total,
            vertices,
            n_roles,
        };
        for at in 0..cluster.frameworks.len() {
            sorter.insert(1 + n_roles + at);
        }
        sorter
    }

    fn leaf(&self, framework: FrameworkIdx) -> usize {
        1 + self.n_roles + framework.at()
    }

    /// The largest fraction of any resource that a vertex holds, over its weight.
    fn share(&self, vertex: usize) -> f64 {
        let it = &self.vertices[vertex];
        let parts = it.held.iter().zip(&self.total);
        let parts = parts.filter(|(_, total)| **total > 0);
        // One division of numbers that are exact where weights are whole: what is equal is equal in floating point too.
        parts
            .map(|(&held, &total)| held as f64 / (total as f64 * it.weight))
            .fold(0.0, f64::max)
    }

    /// A framework's largest fraction of any resource, over its weight among its siblings.
    #[must_use]
    pub fn dominant_share(&self, framework: FrameworkIdx) -> f64 {
        self.share(self.leaf(framework))
    }

    fn key(&self, vertex: usize) -> Key {
        Key {
            share: self.share(vertex).max(0.0).to_bits(),
            allocations: self.vertices[vertex].allocations,
            rank: self.vertices[vertex].rank,
            vertex,
        }
    }

    /// Puts a vertex, and those above it, among its siblings.
    fn insert(&mut self, mut vertex: usize) {
        while let Some(above) = self.vertices[vertex].above {
            if self.vertices[vertex].key.is_none() {
                let key = self.key(vertex);
                self.vertices[vertex].key = Some(key);
                self.vertices[above].below.insert(key);
            }
            vertex = above;
        }
    }

    /// Counts what a framework holds more, as one allocation.
    pub fn allocate(&mut self, framework: FrameworkIdx, demand: &Quantities, instances: i64) {
        let mut vertex = self.leaf(framework);
        loop {
            let it = &mut self.vertices[vertex];
            for (held, &need) in it.held.iter_mut().zip(&demand.0) {
                *held += i128::from(need) * i128::from(instances);
            }
            it.allocations += instances;
            let Some(above) = it.above else { return };
            if let Some(old) = self.vertices[vertex].key {
                let new = self.key(vertex);
                self.vertices[vertex].key = Some(new);
                self.vertices[above].below.remove(&old);
                self.vertices[above].below.insert(new);
            }
            vertex = above;
        }
    }

    /// Leaves out a framework that takes nothing more.
    pub fn finish(&mut self, framework: FrameworkIdx) {
        let mut vertex = self.leaf(framework);
        while let Some(above) = self.vertices[vertex].above {
            let Some(key) = self.vertices[vertex].key.take() else {
                return;
            };
            self.vertices[above].below.remove(&key);
            if !self.vertices[above].below.is_empty() {
                return;
            }
            vertex = above;
        }
    }

    /// The framework that is next; `None` when all are done.
    #[must_use]
    pub fn next(&self) -> Option<FrameworkIdx> {
        let mut vertex = 0;
        while vertex <= self.n_roles {
            vertex = self.vertices[vertex].below.first()?.vertex;
        }
        Some(FrameworkIdx::of(vertex - 1 - self.n_roles))
    }

    /// All frameworks that are not done, in pre-order.
    #[must_use]
    pub fn order(&self) -> Vec<FrameworkIdx> {
        let mut order = Vec::new();
        let mut open = vec![0];
        while let Some(vertex) = open.pop() {
            if vertex > self.n_roles {
                order.push(FrameworkIdx::of(vertex - 1 - self.n_roles));
            }
            let below = self.vertices[vertex].below.iter().rev();
            open.extend(below.map(|key| key.vertex));
        }
        order
    }
}
