//! Where the sorter's order leads if instances are divided as finely as one likes.
//!
//! # Model
//! A vertex of the role tree has the dominant share of all that is held below it (the sorter's; see [`super::super::sorter`]),
//! over its weight. Of siblings with somebody below who can have more, those behind are served, so their shares over weights rise
//! together: that says, down the tree, how fast everybody's own share rises. It changes when somebody can have no more, and
//! when another resource becomes the dominant one of a vertex. A vertex whose share does not rise by what is added below it
//! stays behind, and gets all that its siblings do not: until the resource that does rise is its dominant one.

use apportion_cluster::{Cluster, Quantities};

use super::super::market::Market;
use super::super::tree::Tree;

/// Two resources are held in equal parts if they differ by less, relatively.
const EQUAL: f64 = 1e-9;

/// How fast everybody's dominant share rises, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// By member; 0 of those who can have no more, or wait for a sibling that is behind.
    pub rates: Vec<f64>,
    /// Until another resource is the dominant one of some vertex.
    pub until: f64,
}

#[derive(Debug, Default)]
struct Vertex {
    weight: f64,
    below: Vec<usize>,
}

/// The role tree with the members as leaves: the root, then the roles, then the members. Everything is after what is above it.
#[derive(Debug)]
pub(super) struct Fluid {
    vertices: Vec<Vertex>,
    n_roles: usize,
    total: Vec<i128>,
}

/// What a vertex has, and what a rise of its share by one unit uses.
#[derive(Clone, Default)]
struct Rise {
    is_open: bool,
    /// Parts of the cluster, by resource.
    held: Vec<f64>,
    way: Vec<f64>,
    /// Its share does not rise.
    is_still: bool,
    /// How fast each vertex below rises, for a unit of this one.
    parts: Vec<f64>,
}

impl Fluid {
    pub fn of(cluster: &Cluster, market: &Market, total: &[i128]) -> Self {
        let tree = Tree::of(cluster);
        let n_roles = cluster.roles.len();
        let mut vertices = vec![Vertex::default()];
        vertices.extend(cluster.roles.iter().map(|role| Vertex {
            weight: role.weight,
            below: Vec::new(),
        }));
        for role in 0..n_roles {
            let above = tree.upward(role).nth(1).map_or(0, |above| above + 1);
            vertices[above].below.push(role + 1);
        }
        for member in &market.members {
            let framework = cluster.framework(member.framework);
            let leaf = vertices.len();
            vertices[framework.role.at() + 1].below.push(leaf);
            vertices.push(Vertex {
                weight: framework.weight,
                below: Vec::new(),
            });
        }
        Self {
            vertices,
            n_roles,
            total: total.to_vec(),
        }
    }

    /// Whether rates are the weights of members whoever else can have more: no branch of the tree parts again.
    pub fn is_flat(&self) -> bool {
        let mut leaves = vec![0; self.vertices.len()];
        for at in (0..self.vertices.len()).rev() {
            let below = &self.vertices[at].below;
            leaves[at] = if at > self.n_roles {
                1
            } else {
                below.iter().map(|&child| leaves[child]).sum()
            };
            let branches = below.iter().filter(|&&child| leaves[child] > 0).count();
            let parts_again = below.iter().any(|&child| leaves[child] > 1);
            if branches > 1 && parts_again {
                return false;
            }
        }
        true
    }

    /// Parts of the cluster that an instance needs, by resource.
    pub fn parts(&self, demand: &Quantities) -> Vec<f64> {
        let amounts = demand.0.iter().zip(&self.total);
        let part = |(&need, &total): (&i64, &i128)| {
            if total > 0 {
                need as f64 / total as f64
            } else {
                0.0
            }
        };
        amounts.map(part).collect()
    }

    /// `held` are parts of the cluster by member, and `ways` what a unit of dominant share more of each member needs; `None` if
    /// it can have no more.
    pub fn course(&self, held: &[Vec<f64>], ways: &[Option<Vec<f64>>]) -> Course {
        let rises = self.rises(held, ways);
        let mut speeds = vec![0.0; self.vertices.len()];
        speeds[0] = 1.0;
        let mut until = f64::INFINITY;
        for (at, vertex) in self.vertices.iter().enumerate().take(1 + self.n_roles) {
            let open = vertex.below.iter().filter(|&&child| rises[child].is_open);
            let has_siblings = open.count() > 1;
            for (&child, part) in vertex.below.iter().zip(&rises[at].parts) {
                speeds[child] = speeds[at] * part;
                if has_siblings && child <= self.n_roles && speeds[child] > 0.0 {
                    until = until.min(rises[child].overtaken() / speeds[child]);
                }
            }
        }
        Course {
            rates: speeds.split_off(1 + self.n_roles),
            until,
        }
    }

    fn rises(&self, held: &[Vec<f64>], ways: &[Option<Vec<f64>>]) -> Vec<Rise> {
        let n_resources = self.total.len();
        let mut rises = vec![Rise::default(); self.vertices.len()];
        for at in (0..self.vertices.len()).rev() {
            if let Some(member) = at.checked_sub(1 + self.n_roles) {
                rises[at] = Rise {
                    is_open: ways[member].is_some(),
                    held: held[member].clone(),
                    way: ways[member].clone().unwrap_or_default(),
                    is_still: false,
                    parts: Vec::new(),
                };
                continue;
            }
            let below = &self.vertices[at].below;
            let mut rise = Rise {
                held: vec![0.0; n_resources],
                way: vec![0.0; n_resources],
                ..Rise::default()
            };
            let stays = |child: usize| rises[child].is_open && rises[child].is_still;
            let someone_stays = below.iter().any(|&child| stays(child));
            for &child in below {
                let other = &rises[child];
                add(&mut rise.held, &other.held, 1.0);
                let is_served = other.is_open && (other.is_still || !someone_stays);
                let part = if is_served {
                    self.vertices[child].weight
                } else {
                    0.0
                };
                add(&mut rise.way, &other.way, part);
                rise.parts.push(part);
                rise.is_open |= other.is_open;
            }
            rise.scale();
            rises[at] = rise;
        }
        rises
    }
}

impl Rise {
    /// Parts and way for a rise of the share by one; where it does not rise, of what does.
    fn scale(&mut self) {
        let rise = self.rise();
        self.is_still = rise <= 0.0;
        let unit = if self.is_still {
            self.way.iter().copied().fold(0.0, f64::max)
        } else {
            rise
        };
        if unit > 0.0 {
            self.way.iter_mut().for_each(|amount| *amount /= unit);
            self.parts.iter_mut().for_each(|part| *part /= unit);
        }
    }

    fn most(&self) -> f64 {
        self.held.iter().copied().fold(0.0, f64::max)
    }

    /// How much its way adds to its dominant share; of several resources that are, the largest.
    fn rise(&self) -> f64 {
        let least = self.most() * (1.0 - EQUAL);
        let amounts = self.held.iter().zip(&self.way);
        let dominant = amounts.filter(|(held, _)| **held >= least);
        dominant.map(|(_, &way)| way).fold(0.0, f64::max)
    }

    /// How much of its way there is until another resource is the dominant one.
    fn overtaken(&self) -> f64 {
        let (most, rise) = (self.most(), self.rise());
        let amounts = self.held.iter().zip(&self.way);
        let others = amounts.filter(|&(&held, &way)| held < most * (1.0 - EQUAL) && way > rise);
        let times = others.map(|(held, way)| (most - held) / (way - rise));
        times.fold(f64::INFINITY, f64::min)
    }
}

fn add(sums: &mut [f64], amounts: &[f64], times: f64) {
    for (sum, amount) in sums.iter_mut().zip(amounts) {
        *sum += times * amount;
    }
}
