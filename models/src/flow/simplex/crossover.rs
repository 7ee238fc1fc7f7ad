//! From a flow and prices to a basis.

use super::Core;
use super::pivot::{Entering, Pivot};
use super::tree::{self, ENDLESS, NONE, PROVISIONAL, ROOT, TreeNode, less};
use crate::flow::start::Start;

/// Groups of nodes that are joined, as a forest of representatives.
struct Groups(Vec<u32>);

impl Groups {
    #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
    fn alone(n_nodes: usize) -> Self {
        Self((0..n_nodes as u32).collect())
    }

    fn of(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] != node {
            let above = self.0[self.0[node as usize] as usize];
            self.0[node as usize] = above;
            node = above;
        }
        node
    }

    /// Joins the groups of two nodes, unless they are one.
    fn join(&mut self, left: u32, right: u32) -> bool {
        let (left, right) = (self.of(left), self.of(right));
        self.0[left.max(right) as usize] = left.min(right);
        left != right
    }
}

impl Core {
    /// Makes a basis of a flow that keeps to the bounds, and of prices that almost support it. What is not balanced goes over artificial arcs.
    pub(super) fn cross_over(&mut self, start: Start) {
        let Start {
            flows,
            potentials,
            excesses,
            tolerance,
        } = start;
        self.potentials[1..].copy_from_slice(&potentials);
        let (tree_arcs, loose) = self.choose(&flows, tolerance);
        self.grow(&tree_arcs, &flows);
        for arc in loose {
            self.insert(arc, flows[arc as usize]);
        }
        for (node, excess) in excesses.into_iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
            self.inject(node as u32 + 1, excess);
        }
    }

    /// Arcs for the tree: first those between their bounds, then the others, the best supported by prices first.
    /// Arcs between their bounds that would close a cycle are returned apart. States are set for all others.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions of arcs are below 2^30"
    )]
    fn choose(&mut self, flows: &[i64], tolerance: i64) -> (Vec<u32>, Vec<u32>) {
        let mut groups = Groups::alone(self.nodes.len());
        let (mut chosen, mut loose) = (Vec::new(), Vec::new());
        let mut supported = Vec::new();
        for (arc, &flow) in flows.iter().enumerate() {
            let capacity = self.capacities[arc];
            if capacity == 0 {
                continue;
            }
            let (tail, head) = (self.tails[arc] + 1, self.heads[arc] + 1);
            self.states[arc] = if flow == capacity { -1 } else { 1 };
            if flow > 0 && flow < capacity {
                if groups.join(tail, head) {
                    chosen.push(arc as u32);
                } else {
                    loose.push(arc as u32);
                }
                continue;
            }
            let reduced = self.reduced_cost(arc as u32).saturating_abs();
            if reduced <= tolerance {
                supported.push((reduced, arc as u32));
            }
        }
        supported.sort_unstable();
        for (_, arc) in supported {
            if groups.join(self.tails[arc as usize] + 1, self.heads[arc as usize] + 1) {
                chosen.push(arc);
            }
        }
        (chosen, loose)
    }

    /// Builds the tree of the chosen arcs: each group hangs from the root by its node of most arcs, whose price stays.
    fn grow(&mut self, chosen: &[u32], flows: &[i64]) {
        let (first, around) = self.around(chosen);
        self.nodes.fill(TreeNode::ALONE);
        let degree = |node: usize| first[node + 1] - first[node];
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        let mut tops: Vec<u32> = (1..self.nodes.len() as u32).collect();
        tops.sort_by_key(|&node| std::cmp::Reverse(degree(node as usize)));
        let mut queue = Vec::new();
        for top in tops {
            if self.nodes[top as usize].parent != NONE {
                continue;
            }
            tree::attach(&mut self.nodes, top, ROOT);
            let entry = &mut self.nodes[top as usize];
            (entry.arc, entry.depth, entry.room_up) = (PROVISIONAL, 1, ENDLESS);
            queue.push(top);
            while let Some(node) = queue.pop() {
                let here = self.nodes[node as usize];
                let range = first[node as usize] as usize..first[node as usize + 1] as usize;
                for &arc in &around[range] {
                    if arc != here.arc {
                        let other = self.tails[arc as usize] + self.heads[arc as usize] + 2 - node;
                        self.hang_below(other, node, arc, flows[arc as usize]);
                        queue.push(other);
                    }
                }
            }
        }
    }

    /// For each node, its chosen arcs.
    fn around(&self, chosen: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let ends = |arc: u32| [self.tails[arc as usize] + 1, self.heads[arc as usize] + 1];
        let mut first = vec![0_u32; self.nodes.len() + 1];
        for node in chosen.iter().flat_map(|&arc| ends(arc)) {
            first[node as usize + 1] += 1;
        }
        for node in 1..first.len() {
            first[node] += first[node - 1];
        }
        let mut next = first.clone();
        let mut around = vec![0; 2 * chosen.len()];
        for &arc in chosen {
            for node in ends(arc) {
                around[next[node as usize] as usize] = arc;
                next[node as usize] += 1;
            }
        }
        (first, around)
    }

    fn hang_below(&mut self, node: u32, parent: u32, arc: u32, flow: i64) {
        tree::attach(&mut self.nodes, node, parent);
        let depth = self.nodes[parent as usize].depth + 1;
        let upward = self.tails[arc as usize] + 1 == node;
        let room = less(self.capacities[arc as usize], flow);
        let cost = self.costs[arc as usize];
        let above = self.potentials[parent as usize];
        let entry = &mut self.nodes[node as usize];
        (entry.arc, entry.depth) = (arc, depth);
        (
            entry.room_up,
            entry.room_down,
            self.potentials[node as usize],
        ) = if upward {
            (room, flow, above - cost)
        } else {
            (flow, room, above + cost)
        };
        self.states[arc as usize] = 0;
    }

    /// Brings an arc between its bounds that is not in the tree into it, or to one of its bounds.
    fn insert(&mut self, arc: u32, flow: i64) {
        let (tail, head) = (self.tails[arc as usize] + 1, self.heads[arc as usize] + 1);
        let room = less(self.capacities[arc as usize], flow);
        loop {
            let forward = self.reduced_cost(arc) < 0 && room < ENDLESS;
            let entering = if forward {
                Entering {
                    arc,
                    forward,
                    first: tail,
                    second: head,
                    room,
                    back: flow,
                }
            } else {
                Entering {
                    arc,
                    forward,
                    first: head,
                    second: tail,
                    room: flow,
                    back: room,
                }
            };
            // The room is limited, so that the cycle is; a penalty changes prices, and the question is put again.
            if self.enter(entering) != Pivot::Penalized {
                return;
            }
        }
    }
}
