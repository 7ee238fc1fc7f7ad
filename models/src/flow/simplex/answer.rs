//! Reading the tree: flows, costs, bounds, and proofs that there is no flow.

use super::Core;
use super::tree::{ARTIFICIAL, ENDLESS, NONE, PENALTY, PROVISIONAL, ROOT};
use crate::flow::outcome::{Cut, CutSide, proved_bound};

impl Core {
    /// Whether no artificial arc carries anything.
    pub(super) fn is_feasible(&self) -> bool {
        self.children(ROOT).all(|child| self.carried(child) == 0)
    }

    /// The children of a node of the tree.
    pub(super) fn children(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let present = |node: u32| (node != NONE).then_some(node);
        let first = present(self.nodes[node as usize].first_child);
        std::iter::successors(first, move |&child| {
            present(self.nodes[child as usize].next_sibling)
        })
    }

    /// What the artificial arc of a child of the root carries upward.
    pub(super) fn carried(&self, child: u32) -> i64 {
        let entry = &self.nodes[child as usize];
        match entry.arc {
            ARTIFICIAL if entry.room_up >= ENDLESS => entry.room_down,
            ARTIFICIAL => -entry.room_up,
            _ => 0,
        }
    }

    /// At an optimum, the nodes whose prices bear the penalty are those whose supply, or demand, does not go through: their border is full.
    pub(super) fn violated_cut(&self) -> Option<Cut> {
        let (mut supply, mut demand) = (false, false);
        for child in self.children(ROOT) {
            let carried = self.carried(child);
            supply |= carried > 0;
            demand |= carried < 0;
        }
        let side = match (supply, demand) {
            (true, _) => CutSide::Supply,
            (false, true) => CutSide::Demand,
            (false, false) => return None,
        };
        let bears = |potential: i64| match side {
            CutSide::Supply => potential < -PENALTY / 2,
            CutSide::Demand => potential > PENALTY / 2,
        };
        let nodes = (self.potentials[1..].iter().enumerate())
            .filter(|&(_, &potential)| bears(potential))
            .map(|(node, _)| node)
            .collect();
        Some(Cut { nodes, side })
    }

    /// The flow on every arc.
    pub(in crate::flow) fn flows(&self) -> Vec<i64> {
        let full = |state: i8, capacity: i64| if state < 0 { capacity } else { 0 };
        let mut flows: Vec<i64> = (self.lowers.iter().zip(&self.states).zip(&self.capacities))
            .map(|((&lower, &state), &capacity)| lower + full(state, capacity))
            .collect();
        for (node, entry) in self.nodes.iter().enumerate().skip(1) {
            if entry.arc < PROVISIONAL {
                #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
                let flow = self.tree_flow(node as u32);
                flows[entry.arc as usize] += flow;
            }
        }
        flows
    }

    /// What the flow costs, artificial arcs left out.
    pub(in crate::flow) fn cost(&self) -> i128 {
        (self.costs.iter().zip(self.flows()))
            .map(|(&cost, flow)| i128::from(cost) * i128::from(flow))
            .sum()
    }

    /// What the prices prove.
    pub(in crate::flow) fn bound(&self) -> Option<i128> {
        let arcs = (0..self.costs.len()).map(|arc| self.arc(arc));
        proved_bound(arcs, &self.supplies, |node| self.potentials[node + 1])
    }

    /// The price of each node.
    pub(in crate::flow) fn prices(&self) -> &[i64] {
        &self.potentials[1..]
    }

    /// The arcs of the cycle that an arc closes, in the direction of its flow. None of them has a limit, so that none is passed against its
    /// own direction.
    pub(super) fn cycle(&self, arc: u32) -> Vec<usize> {
        let position = arc as usize;
        let (mut from, mut to) = (self.tails[position] + 1, self.heads[position] + 1);
        if self.states[position] < 0 {
            std::mem::swap(&mut from, &mut to);
        }
        let (mut before, mut after) = (Vec::new(), vec![position]);
        while from != to {
            let (first, second) = (&self.nodes[from as usize], &self.nodes[to as usize]);
            if first.depth >= second.depth {
                before.push(first.arc as usize);
                from = first.parent;
            } else {
                after.push(second.arc as usize);
                to = second.parent;
            }
        }
        before.reverse();
        before.extend(after);
        before
    }

    /// Makes every arc free, and prices what they are then.
    pub(super) fn forget_costs(&mut self) {
        self.costs.fill(0);
        let children: Vec<u32> = self.children(ROOT).collect();
        for child in children {
            let potential = self.potentials[child as usize];
            let level = match self.nodes[child as usize].arc {
                PROVISIONAL => 0,
                _ if potential < 0 => -PENALTY,
                _ => PENALTY,
            };
            self.level(child, level);
        }
    }

    /// Gives one price to a child of the root and everything below it.
    fn level(&mut self, child: u32, level: i64) {
        let mut stack = vec![child];
        while let Some(node) = stack.pop() {
            self.potentials[node as usize] = level;
            stack.extend(self.children(node));
        }
    }
}
