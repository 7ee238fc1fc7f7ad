//! Keeping the tree a basis when something else than a pivot changes it: an amount appears at a node, an arc goes.

use super::Core;
use super::tree::{self, ARTIFICIAL, ENDLESS, PENALTY, PROVISIONAL, ROOT, TreeNode};

impl Core {
    /// Sends an amount that appeared at a node (or, if it is negative, is missing there) along the tree to the root, as far as there is room.
    /// Where there is not enough, the node is cut off and the rest goes over an artificial arc.
    pub(super) fn inject(&mut self, node: u32, amount: i64) {
        let (mut node, mut amount) = (node, amount);
        while amount != 0 && node != ROOT {
            let TreeNode {
                arc,
                parent,
                room_up,
                room_down,
                ..
            } = self.nodes[node as usize];
            if arc >= PROVISIONAL {
                self.inject_artificial(node, amount);
                return;
            }
            let room = if amount > 0 { room_up } else { room_down };
            let passing = amount.clamp(-room, room);
            self.nodes[node as usize].send(passing);
            if passing != amount {
                self.cut_off(node, amount - passing);
            }
            amount = passing;
            node = parent;
        }
    }

    /// Sends an amount from a child of the root to the root, or back.
    fn inject_artificial(&mut self, node: u32, amount: i64) {
        self.carry(node, self.carried(node) + amount);
    }

    /// Takes the arc above a node out of the tree, and hangs the node from the root by an artificial arc that carries an amount,
    /// or a provisional one.
    pub(super) fn cut_off(&mut self, node: u32, amount: i64) {
        self.leave(node);
        tree::detach(&mut self.nodes, node);
        tree::attach(&mut self.nodes, node, ROOT);
        if amount == 0 {
            // Nothing flows: prices may stay what they are.
            let entry = &mut self.nodes[node as usize];
            (entry.arc, entry.room_up, entry.room_down) = (PROVISIONAL, ENDLESS, 0);
            tree::shift(&mut self.nodes, &mut self.potentials, node, 0);
        } else {
            self.penalize(node, amount > 0);
            self.carry(node, amount);
        }
    }

    /// Makes the artificial arc of a child of the root carry an amount: upward, if it is positive.
    fn carry(&mut self, node: u32, amount: i64) {
        let upward = amount >= 0;
        let entry = &self.nodes[node as usize];
        let already = entry.arc == ARTIFICIAL && (entry.room_up >= ENDLESS) == upward;
        if !already {
            self.penalize(node, upward);
        }
        let entry = &mut self.nodes[node as usize];
        if amount >= 0 {
            entry.room_down = amount;
        } else {
            entry.room_up = -amount;
        }
    }

    /// Gives the artificial arc of a child of the root its penalty, and a direction; it carries nothing.
    pub(super) fn penalize(&mut self, node: u32, upward: bool) {
        let entry = &mut self.nodes[node as usize];
        entry.arc = ARTIFICIAL;
        let potential = if upward {
            (entry.room_up, entry.room_down) = (ENDLESS, 0);
            -PENALTY
        } else {
            (entry.room_up, entry.room_down) = (0, ENDLESS);
            PENALTY
        };
        let change = potential - self.potentials[node as usize];
        tree::shift(&mut self.nodes, &mut self.potentials, node, change);
    }

    /// Hangs every node from which nothing more could flow to its parent from the root: the tree is strongly feasible then, whatever changed it.
    pub(super) fn strengthen(&mut self) {
        for node in 1..self.nodes.len() {
            let entry = &self.nodes[node];
            #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
            let node = node as u32;
            if entry.room_up > 0 {
                continue;
            }
            if entry.arc < PROVISIONAL {
                self.cut_off(node, 0);
            } else {
                self.penalize(node, true);
            }
        }
    }

    /// The flow on the arc above a node, above its lower bound.
    pub(super) fn tree_flow(&self, node: u32) -> i64 {
        let entry = &self.nodes[node as usize];
        if self.tails[entry.arc as usize] + 1 == node {
            entry.room_down
        } else {
            entry.room_up
        }
    }
}
