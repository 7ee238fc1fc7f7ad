//! The network simplex method.
//!
//! # Shape
//! `run.rs` is the method; `tree.rs` is the spanning tree, `pivot.rs` one step, `pricing.rs` the choice of the next one, `basis.rs` keeps the tree a
//! basis where something else than a pivot changes it, `crossover.rs` makes a tree of a flow that another method found, `answer.rs` reads the tree.
//!
//! # Guarantees
//! Whole numbers of 64 bits; what [`FlowNetwork::validate`] lets through cannot overflow. Pivots end: the tree is kept strongly feasible, and is
//! made so again where a crossover left it otherwise and no pivot has moved any flow for long.

mod answer;
mod basis;
mod crossover;
mod pivot;
mod pricing;
mod run;
mod tree;

use super::network::{FlowArc, FlowNetwork, UNLIMITED};
use super::start;
use tree::{ARTIFICIAL, ENDLESS, PENALTY, ROOT, TreeNode};

/// The numbers of the method: arcs by position, tree nodes with the root in front.
#[derive(Clone, Debug)]
pub(super) struct Core {
    tails: Vec<u32>,
    heads: Vec<u32>,
    costs: Vec<i64>,
    /// Above the lower bound; [`ENDLESS`] without a limit.
    capacities: Vec<i64>,
    lowers: Vec<i64>,
    supplies: Vec<i64>,
    /// 1 at the lower bound, -1 full, 0 in the tree or without any choice.
    states: Vec<i8>,
    nodes: Vec<TreeNode>,
    potentials: Vec<i64>,
    cursor: usize,
    /// Whether the tree is more than nodes that hang alone.
    started: bool,
    /// How often the basis has changed since the last run began.
    pivots: u64,
}

impl Core {
    /// A tree in which every node hangs from the root by an artificial arc.
    pub(super) fn new(network: &FlowNetwork) -> Self {
        let n_nodes = network.supplies.len();
        let mut core = Self {
            tails: network.arcs.iter().map(|arc| arc.tail).collect(),
            heads: network.arcs.iter().map(|arc| arc.head).collect(),
            costs: network.arcs.iter().map(|arc| arc.cost).collect(),
            capacities: network.arcs.iter().map(range).collect(),
            lowers: network.arcs.iter().map(|arc| arc.lower).collect(),
            supplies: network.supplies.clone(),
            states: vec![0; network.arcs.len()],
            nodes: vec![TreeNode::ALONE; n_nodes + 1],
            potentials: vec![0; n_nodes + 1],
            cursor: 0,
            started: false,
            pivots: 0,
        };
        core.reset();
        core
    }

    /// Every arc carries its lower bound, and every node hangs from the root.
    fn reset(&mut self) {
        for (state, &capacity) in self.states.iter_mut().zip(&self.capacities) {
            *state = i8::from(capacity > 0);
        }
        self.nodes.fill(TreeNode::ALONE);
        for node in (1..self.nodes.len()).rev() {
            self.hang_alone(node);
        }
    }

    /// Hangs a new node from the root.
    fn hang_alone(&mut self, node: usize) {
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        tree::attach(&mut self.nodes, node as u32, ROOT);
        let entry = &mut self.nodes[node];
        entry.arc = ARTIFICIAL;
        entry.depth = 1;
        entry.room_up = ENDLESS;
        self.potentials[node] = -PENALTY;
    }

    /// What each node has too much when every arc carries its lower bound.
    fn excesses(&self) -> Vec<i64> {
        let mut excesses = self.supplies.clone();
        for ((&tail, &head), &lower) in self.tails.iter().zip(&self.heads).zip(&self.lowers) {
            if lower != 0 {
                excesses[tail as usize] -= lower;
                excesses[head as usize] += lower;
            }
        }
        excesses
    }

    #[inline]
    fn reduced_cost(&self, arc: u32) -> i64 {
        let arc = arc as usize;
        self.costs[arc]
            .wrapping_add(self.potentials[self.tails[arc] as usize + 1])
            .wrapping_sub(self.potentials[self.heads[arc] as usize + 1])
    }

    /// What a node supplies, if there is one at the position.
    pub(super) fn supply(&self, node: usize) -> Option<i64> {
        self.supplies.get(node).copied()
    }

    pub(super) fn n_arcs(&self) -> usize {
        self.tails.len()
    }

    /// The network that is solved.
    pub(super) fn network(&self) -> FlowNetwork {
        FlowNetwork {
            supplies: self.supplies.clone(),
            arcs: (0..self.tails.len()).map(|arc| self.arc(arc)).collect(),
        }
    }

    fn view(&self) -> start::View<'_> {
        start::View {
            tails: &self.tails,
            heads: &self.heads,
            costs: &self.costs,
            capacities: &self.capacities,
        }
    }

    /// The arc at a position.
    pub(super) fn arc(&self, arc: usize) -> FlowArc {
        let (lower, range) = (self.lowers[arc], self.capacities[arc]);
        FlowArc {
            tail: self.tails[arc],
            head: self.heads[arc],
            lower,
            capacity: if range >= ENDLESS {
                UNLIMITED
            } else {
                lower + range
            },
            cost: self.costs[arc],
        }
    }
}

/// How much more than its lower bound an arc may carry.
fn range(arc: &FlowArc) -> i64 {
    if arc.capacity == UNLIMITED {
        ENDLESS
    } else {
        arc.capacity - arc.lower
    }
}
