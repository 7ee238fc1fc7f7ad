//! One step: an arc enters the tree, flow goes around the cycle that it closes, and the arc that blocks more of it leaves.

use super::Core;
use super::tree::{self, ENDLESS, PROVISIONAL, ROOT, TreeNode, less, more};

/// What a pivot came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pivot {
    /// The basis changed.
    Done,
    /// An artificial arc was about to carry flow without its penalty. It has it now, and prices are others.
    Penalized,
    /// Nothing limits the flow around the cycle.
    Endless,
}

/// An arc that enters the tree, and the way in which flow goes over it.
#[derive(Clone, Copy)]
pub(super) struct Entering {
    /// The arc's position.
    pub(super) arc: u32,
    /// Whether flow goes from the arc's tail to its head; a loop does not tell by its ends.
    pub(super) forward: bool,
    /// The node that flow comes from.
    pub(super) first: u32,
    /// The node that it goes to.
    pub(super) second: u32,
    /// How much more may flow this way.
    pub(super) room: i64,
    /// How much may flow back.
    pub(super) back: i64,
}

/// Where a cycle is blocked.
struct Blocked {
    amount: i64,
    /// The node below the blocking arc; none if it is the entering arc itself.
    below: Option<u32>,
    /// Whether that node is on the path to where the entering arc takes its flow from.
    on_first: bool,
    /// The top of the cycle.
    join: u32,
    /// The last node of the second path, below the top.
    second_top: u32,
}

impl Core {
    /// Lets a nonbasic arc that violates optimality enter the tree.
    #[inline]
    pub(super) fn pivot(&mut self, arc: u32) -> Pivot {
        let position = arc as usize;
        let (tail, head) = (self.tails[position] + 1, self.heads[position] + 1);
        let forward = self.states[position] > 0;
        let (first, second) = if forward { (tail, head) } else { (head, tail) };
        let room = self.capacities[position];
        self.enter(Entering {
            arc,
            forward,
            first,
            second,
            room,
            back: 0,
        })
    }

    pub(super) fn enter(&mut self, entering: Entering) -> Pivot {
        let blocked = self.blocked(&entering);
        if blocked.amount >= ENDLESS {
            return Pivot::Endless;
        }
        if blocked.join == ROOT
            && blocked.amount > 0
            && self.nodes[blocked.second_top as usize].arc == PROVISIONAL
        {
            self.penalize(blocked.second_top, true);
            return Pivot::Penalized;
        }
        let Entering {
            arc,
            forward,
            first,
            second,
            ..
        } = entering;
        self.push(first, second, blocked.join, blocked.amount);
        let (room, back) = (
            less(entering.room, blocked.amount),
            more(entering.back, blocked.amount),
        );
        let Some(below) = blocked.below else {
            // Full in the direction of the flow.
            self.states[arc as usize] = if forward { -1 } else { 1 };
            return Pivot::Done;
        };
        self.leave(below);
        self.states[arc as usize] = 0;
        let (inner, outer, room_up, room_down) = if blocked.on_first {
            (first, second, room, back)
        } else {
            (second, first, back, room)
        };
        self.hang(inner, outer, below, arc, room_up, room_down);
        let reduced = self.reduced_cost(arc);
        let change = if (inner == first) == forward {
            -reduced
        } else {
            reduced
        };
        tree::shift(&mut self.nodes, &mut self.potentials, inner, change);
        Pivot::Done
    }

    /// How much may go around the cycle, and what blocks more: the last such arc in the direction of the flow, seen from the top of the cycle.
    /// This choice keeps the tree strongly feasible (from every node more could flow to the root), and so pivots cannot go round in circles.
    ///
    /// # Source
    /// Cunningham: A network simplex method, Mathematical Programming 11, 1976.
    #[inline]
    fn blocked(&self, entering: &Entering) -> Blocked {
        let (mut left, mut right) = (entering.first, entering.second);
        let mut second_top = right;
        let (mut amount, mut below, mut on_first) = (entering.room, None, false);
        while left != right {
            let (left_node, right_node) = (&self.nodes[left as usize], &self.nodes[right as usize]);
            if left_node.depth >= right_node.depth {
                if left_node.room_down < amount {
                    (amount, below, on_first) = (left_node.room_down, Some(left), true);
                }
                left = left_node.parent;
            } else {
                if right_node.room_up <= amount && right_node.room_up < ENDLESS {
                    (amount, below, on_first) = (right_node.room_up, Some(right), false);
                }
                second_top = right;
                right = right_node.parent;
            }
        }
        Blocked {
            amount,
            below,
            on_first,
            join: left,
            second_top,
        }
    }

    #[inline]
    fn push(&mut self, first: u32, second: u32, join: u32, amount: i64) {
        if amount == 0 {
            return;
        }
        let mut node = first;
        while node != join {
            let entry = &mut self.nodes[node as usize];
            entry.send(-amount);
            node = entry.parent;
        }
        node = second;
        while node != join {
            let entry = &mut self.nodes[node as usize];
            entry.send(amount);
            node = entry.parent;
        }
    }

    /// Takes the arc above `below` out of the basis. Artificial arcs are gone for good.
    pub(super) fn leave(&mut self, below: u32) {
        let TreeNode { arc, .. } = self.nodes[below as usize];
        if arc >= PROVISIONAL {
            return;
        }
        let flow = self.tree_flow(below);
        self.states[arc as usize] = if self.capacities[arc as usize] == 0 {
            0
        } else if flow == 0 {
            1
        } else {
            -1
        };
    }

    /// Hangs the part of the tree below `below` from `outer` by the entering arc, which ends at `inner`.
    pub(super) fn hang(
        &mut self,
        inner: u32,
        outer: u32,
        below: u32,
        entering: u32,
        mut room_up: i64,
        mut room_down: i64,
    ) {
        let nodes = &mut self.nodes;
        let (mut node, mut parent, mut arc) = (inner, outer, entering);
        loop {
            let old = nodes[node as usize];
            tree::detach(nodes, node);
            tree::attach(nodes, node, parent);
            let entry = &mut nodes[node as usize];
            (entry.arc, entry.room_up, entry.room_down) = (arc, room_up, room_down);
            if node == below {
                return;
            }
            (parent, node, arc) = (node, old.parent, old.arc);
            (room_up, room_down) = (old.room_down, old.room_up);
        }
    }
}
