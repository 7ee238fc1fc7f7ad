//! The spanning tree of a basis. Node 0 is the root; the nodes of the network follow.
//!
//! A node holds the arc to its parent with what more may flow over it either way, so that a pivot walks over nodes alone.

/// The absence of a node, of an arc.
pub(super) const NONE: u32 = u32::MAX;
/// The place of an artificial arc: it is no arc of the network.
pub(super) const ARTIFICIAL: u32 = u32::MAX - 1;
/// The place of an artificial arc that carries nothing and whose cost is whatever makes the potential of its node what it is.
pub(super) const PROVISIONAL: u32 = u32::MAX - 2;
/// The cost of artificial arcs, above that of every path through a valid network. The root has potential 0.
pub(super) const PENALTY: i64 = 1 << 60;
/// Room without an end. Sums of two do not overflow.
pub(super) const ENDLESS: i64 = i64::MAX / 2;
/// The root.
pub(super) const ROOT: u32 = 0;

/// A node of the tree, and the tree arc between it and its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreeNode {
    pub(super) parent: u32,
    /// The arc to the parent: a position, or [`ARTIFICIAL`].
    pub(super) arc: u32,
    pub(super) first_child: u32,
    pub(super) next_sibling: u32,
    pub(super) previous_sibling: u32,
    pub(super) depth: u32,
    /// How much more may flow from the node to its parent.
    pub(super) room_up: i64,
    /// How much more may flow from the parent to the node.
    pub(super) room_down: i64,
}

impl TreeNode {
    pub(super) const ALONE: Self = Self {
        parent: NONE,
        arc: NONE,
        first_child: NONE,
        next_sibling: NONE,
        previous_sibling: NONE,
        depth: 0,
        room_up: 0,
        room_down: 0,
    };

    /// Sends an amount to the parent, or, if it is negative, from there.
    #[inline]
    pub(super) fn send(&mut self, amount: i64) {
        self.room_up = less(self.room_up, amount);
        self.room_down = more(self.room_down, amount);
    }
}

/// A room after `amount` was sent into it: without end it stays so.
#[inline]
pub(super) fn less(room: i64, amount: i64) -> i64 {
    if room >= ENDLESS { room } else { room - amount }
}

/// A room after `amount` was sent the other way.
#[inline]
pub(super) fn more(room: i64, amount: i64) -> i64 {
    if room >= ENDLESS { room } else { room + amount }
}

/// Takes the node out of its parent's children.
#[inline]
pub(super) fn detach(nodes: &mut [TreeNode], node: u32) {
    let TreeNode {
        parent,
        next_sibling,
        previous_sibling,
        ..
    } = nodes[node as usize];
    if previous_sibling == NONE {
        nodes[parent as usize].first_child = next_sibling;
    } else {
        nodes[previous_sibling as usize].next_sibling = next_sibling;
    }
    if next_sibling != NONE {
        nodes[next_sibling as usize].previous_sibling = previous_sibling;
    }
}

/// Puts the node first among the children of `parent`.
#[inline]
pub(super) fn attach(nodes: &mut [TreeNode], node: u32, parent: u32) {
    let first = std::mem::replace(&mut nodes[parent as usize].first_child, node);
    if first != NONE {
        nodes[first as usize].previous_sibling = node;
    }
    let child = &mut nodes[node as usize];
    child.parent = parent;
    child.next_sibling = first;
    child.previous_sibling = NONE;
}

/// Adds `change` to the potentials of a subtree, and counts its depths anew.
pub(super) fn shift(nodes: &mut [TreeNode], potentials: &mut [i64], top: u32, change: i64) {
    let mut node = top;
    let mut depth = nodes[nodes[top as usize].parent as usize].depth + 1;
    loop {
        let entry = &mut nodes[node as usize];
        entry.depth = depth;
        potentials[node as usize] += change;
        if entry.first_child != NONE {
            node = entry.first_child;
            depth += 1;
            continue;
        }
        let mut here = *entry;
        loop {
            if node == top {
                return;
            }
            if here.next_sibling != NONE {
                node = here.next_sibling;
                break;
            }
            node = here.parent;
            depth -= 1;
            here = nodes[node as usize];
        }
    }
}
