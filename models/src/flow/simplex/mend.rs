//! Sending on what changes have left at nodes, along the tree and by dual pivots, so that prices keep supporting the flow: what the simplex
//! method then has left to do is little.

use super::changes::Links;
use super::tree::{self, NONE, PENALTY, PROVISIONAL, ROOT, TreeNode};
use super::{Core, NetworkSimplex};
use std::collections::BinaryHeap;

/// The largest part of the tree that a dual pivot looks at, in nodes.
const LARGEST_PART: usize = 128;
/// Dual pivots that there may be, whatever the number of amounts, beside one for each.
const FREE_DUAL_PIVOTS: usize = 256;

/// What is on its way to the root.
struct Mender<'a> {
    core: &'a mut Core,
    links: &'a Links,
    /// What each node holds.
    amounts: Vec<i64>,
    /// Nodes that hold something, the deepest first, so that amounts meet where their ways do.
    queue: BinaryHeap<(u32, u32)>,
    /// Children of the root that hold something, and below which there is too much to look at.
    waiting: Vec<u32>,
    /// When a node was last seen as part of a subtree.
    seen: Vec<u32>,
    part: Vec<u32>,
    n_looks: u32,
    /// How many dual pivots there may still be.
    n_left: usize,
}

/// A way out of a part of the tree.
struct Exit {
    price: i64,
    arc: u32,
    inner: u32,
    outer: u32,
}

impl NetworkSimplex {
    /// Sends on what changes have left at nodes. False if a new start is better.
    pub(super) fn send_pending(&mut self) -> bool {
        let pending = std::mem::take(&mut self.pending);
        let fresh = std::mem::take(&mut self.fresh);
        if pending.is_empty() {
            return true;
        }
        self.prepare_changes();
        let links = self.links.as_ref().expect("they were prepared");
        for node in fresh {
            self.core
                .hang_best(node + 1, self.supplies[node as usize] >= 0, links);
        }
        let n_nodes = self.core.nodes.len();
        let mut mender = Mender {
            core: &mut self.core,
            links,
            amounts: vec![0; n_nodes],
            queue: BinaryHeap::new(),
            waiting: Vec::new(),
            seen: vec![0; n_nodes],
            part: Vec::new(),
            n_looks: 0,
            n_left: FREE_DUAL_PIVOTS + pending.len(),
        };
        for (node, amount) in pending {
            mender.leave_at(node + 1, amount);
        }
        mender.send_all()
    }
}

impl Mender<'_> {
    fn leave_at(&mut self, node: u32, amount: i64) {
        self.amounts[node as usize] += amount;
        self.queue
            .push((self.core.nodes[node as usize].depth, node));
    }

    /// False if so little found its way that a new start is better.
    fn send_all(&mut self) -> bool {
        while let Some((_, node)) = self.queue.pop() {
            let amount = std::mem::take(&mut self.amounts[node as usize]);
            if amount != 0 {
                if self.n_left == 0 {
                    return false;
                }
                self.send_up(node, amount);
            }
        }
        for node in std::mem::take(&mut self.waiting) {
            let amount = std::mem::take(&mut self.amounts[node as usize]);
            self.core.inject(node, amount);
        }
        true
    }

    /// Sends what a node holds to its parent, as far as there is room; for the rest another way is looked for.
    fn send_up(&mut self, node: u32, amount: i64) {
        let TreeNode {
            arc,
            parent,
            room_up,
            room_down,
            ..
        } = self.core.nodes[node as usize];
        if arc >= PROVISIONAL {
            if arc != PROVISIONAL || !self.reroute(node, amount) {
                self.amounts[node as usize] = amount;
                self.waiting.push(node);
            }
            return;
        }
        let room = if amount > 0 { room_up } else { room_down };
        let passing = amount.clamp(-room, room);
        self.core.nodes[node as usize].send(passing);
        if passing != 0 {
            self.leave_at(parent, passing);
        }
        let rest = amount - passing;
        if rest != 0 && !self.reroute(node, rest) {
            self.core.cut_off(node, rest);
        }
    }

    /// A dual pivot: the full arc above a node leaves the tree, and the part below hangs from the arc that lets the amount out (or in) at the
    /// least price, so that prices support the flow as before. False if there is none, or it would take too long to find.
    fn reroute(&mut self, node: u32, amount: i64) -> bool {
        if self.n_left == 0 || !self.look_below(node) {
            return false;
        }
        self.n_left -= 1;
        let Some(Exit {
            price,
            arc,
            inner,
            outer,
        }) = self.exit(amount > 0)
        else {
            return false;
        };
        let core = &mut *self.core;
        core.leave(node);
        core.states[arc as usize] = 0;
        let room = core.capacities[arc as usize];
        let (room_up, room_down, change) = if amount > 0 {
            (room, 0, -price)
        } else {
            (0, room, price)
        };
        core.hang(inner, outer, node, arc, room_up, room_down);
        tree::shift(&mut core.nodes, &mut core.potentials, inner, change);
        self.leave_at(node, amount);
        true
    }

    /// Collects the part of the tree from a node on down; false if it is too large.
    fn look_below(&mut self, node: u32) -> bool {
        self.n_looks += 1;
        self.part.clear();
        self.part.push(node);
        let mut next = 0;
        while let Some(&here) = self.part.get(next) {
            next += 1;
            self.seen[here as usize] = self.n_looks;
            for child in self.core.children(here) {
                if self.part.len() >= LARGEST_PART {
                    return false;
                }
                self.part.push(child);
            }
        }
        true
    }

    /// The arc of least price by which more may flow out of the part, or into it.
    fn exit(&self, outward: bool) -> Option<Exit> {
        let core = &*self.core;
        let mut best: Option<Exit> = None;
        for &inner in &self.part {
            for (leaves, arc) in self.links.of(inner - 1) {
                // An arc at its lower bound lets more through its own way, a full one back.
                let wanted = if leaves == outward { 1 } else { -1 };
                if core.states[arc as usize] != wanted {
                    continue;
                }
                let ends = if leaves { &core.heads } else { &core.tails };
                let outer = ends[arc as usize] + 1;
                if self.seen[outer as usize] == self.n_looks {
                    continue;
                }
                let price = i64::from(wanted) * core.reduced_cost(arc);
                let better = |best: &Exit| (price, arc) < (best.price, best.arc);
                if best.as_ref().is_none_or(better) {
                    best = Some(Exit {
                        price,
                        arc,
                        inner,
                        outer,
                    });
                }
            }
        }
        best
    }
}

impl Core {
    /// Hangs a new node without anything below it from the arc that gives it the price at which none of its arcs pays: the best of those that leave
    /// it, or enter it if it demands something.
    fn hang_best(&mut self, node: u32, supplies: bool, links: &Links) {
        let entry = self.nodes[node as usize];
        let is_alone =
            entry.parent == ROOT && entry.arc >= PROVISIONAL && entry.first_child == NONE;
        // A node that was removed and is back may still have what did not go through before.
        if !is_alone || self.carried(node) != 0 {
            return;
        }
        let mut best: Option<(i64, u32, u32)> = None;
        for (leaves, arc) in links.of(node - 1) {
            let ends = if leaves { &self.heads } else { &self.tails };
            let other = ends[arc as usize] + 1;
            let above = self.potentials[other as usize];
            let usable = leaves == supplies && self.states[arc as usize] == 1 && other != node;
            if !usable || above.abs() > PENALTY / 2 {
                continue;
            }
            let cost = self.costs[arc as usize];
            // The lower the better, both ways.
            let price = if supplies { cost - above } else { cost + above };
            if best.is_none_or(|best| (price, arc) < (best.0, best.1)) {
                best = Some((price, arc, other));
            }
        }
        let Some((price, arc, other)) = best else {
            return;
        };
        self.states[arc as usize] = 0;
        let room = self.capacities[arc as usize];
        let (room_up, room_down, potential) = if supplies {
            (room, 0, -price)
        } else {
            (0, room, price)
        };
        self.hang(node, other, node, arc, room_up, room_down);
        let change = potential - self.potentials[node as usize];
        tree::shift(&mut self.nodes, &mut self.potentials, node, change);
    }
}
