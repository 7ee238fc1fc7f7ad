//! The network, its flow and its prices as the last solve left them, and how they are mended after changes.
//!
//! # Shape
//! `lists.rs` says which arcs a node has; `changes.rs` are the changes; `mend.rs` makes flow and prices right again after them, by shortest paths
//! that `search.rs` finds.
//!
//! # Guarantees
//! Prices support the flow before and after mending: where the reduced cost is negative the arc is full, where it is positive the arc carries its
//! lower bound. What nodes have too much or too little is written down beside. Nothing here takes time that grows with the network, unless
//! the changes reach through all of it.

mod changes;
mod lists;
mod mend;
mod search;

use super::network::{Extent, FlowArc, FlowNetwork, UNLIMITED};
use super::outcome::proved_bound;
use lists::{End, List, Places, group};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

pub(super) use mend::Mended;

/// Flows, prices and amounts at nodes beyond this are not mended any more, so that nothing overflows.
const LARGEST: i64 = 1 << 61;
/// Room of an arc without limit.
const ENDLESS: i64 = i64::MAX / 2;
/// Changes come to places all over the memory, which is slow to answer. For so many arcs, what will be touched is read first, so that the
/// waits overlap.
const BATCH: usize = 16;

/// What is known of a node, on one line of memory: a look at it needs nearly all of that.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Node {
    /// Its supply less what leaves it and is not made up for by what enters.
    excess: i64,
    price: i64,
    mark: search::Mark,
}

/// What is known of an arc, side by side: changes come to arcs anywhere in memory.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Arc {
    is: FlowArc,
    flow: i64,
    /// Where its ends are in the lists of the nodes: at the tail, at the head.
    places: [u32; 2],
    /// Whether it was not removed.
    exists: bool,
}

impl Arc {
    fn new(arc: FlowArc) -> Self {
        Self {
            is: arc,
            flow: arc.lower,
            places: [0; 2],
            exists: true,
        }
    }

    /// Whether it may carry more, and less.
    #[inline]
    fn is_open(&self) -> (bool, bool) {
        (self.flow < self.is.capacity, self.flow > self.is.lower)
    }

    /// The node where a way begins.
    #[inline]
    fn origin(&self, way: u32) -> u32 {
        if way.is_multiple_of(2) {
            self.is.tail
        } else {
            self.is.head
        }
    }

    /// How much more may go a way.
    #[inline]
    fn room(&self, way: u32) -> i64 {
        match (way % 2, self.is.capacity) {
            (0, UNLIMITED) => ENDLESS,
            (0, capacity) => capacity - self.flow,
            _ => self.flow - self.is.lower,
        }
    }
}

impl Places for Vec<Arc> {
    #[inline]
    fn put(&mut self, way: u32, place: u32) {
        self[way as usize / 2].places[way as usize % 2] = place;
    }
}

/// A network with a flow and prices.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    arcs: Vec<Arc>,
    supplies: Vec<i64>,
    nodes: Vec<Node>,
    lists: Vec<List>,
    extent: Extent,
    has_node: Vec<bool>,
    /// Positions to use again, the least first. A node that came back by itself may still be here, or be here twice.
    free_nodes: BinaryHeap<Reverse<u32>>,
    free_arcs: Vec<u32>,
    /// New arcs that are not in the lists of their nodes yet.
    unlisted: Vec<u32>,
    /// Nodes that changes have added.
    fresh: Vec<u32>,
    /// Arcs that changes have touched.
    touched: Vec<u32>,
    /// Nodes that may have too much or too little.
    unbalanced: Vec<u32>,
    /// The node of the largest supply or demand, as far as is known.
    hub: Option<u32>,
    search: search::Search,
    /// Whether flow and prices cannot be mended.
    lost: bool,
}

impl Kept {
    /// Keeps a network without an answer.
    pub(super) fn new(network: FlowNetwork) -> Self {
        let FlowNetwork { supplies, arcs } = network;
        let n_nodes = supplies.len();
        let mut extent = Extent::default();
        supplies
            .iter()
            .for_each(|&supply| extent.add_supply(supply));
        arcs.iter().for_each(|arc| extent.add_arc(arc));
        let mut degrees = vec![0; n_nodes];
        for arc in &arcs {
            degrees[arc.tail as usize] += 1;
            degrees[arc.head as usize] += 1;
        }
        let mut kept = Self {
            nodes: vec![Node::default(); n_nodes],
            lists: degrees.into_iter().map(List::with_capacity).collect(),
            has_node: vec![true; n_nodes],
            free_nodes: BinaryHeap::new(),
            free_arcs: Vec::new(),
            unlisted: Vec::new(),
            fresh: Vec::new(),
            touched: Vec::new(),
            unbalanced: Vec::new(),
            hub: None,
            search: search::Search::default(),
            lost: true,
            arcs: arcs.into_iter().map(Arc::new).collect(),
            supplies,
            extent,
        };
        kept.list_all();
        kept
    }

    /// Takes over a flow, and prices that may support it.
    pub(super) fn take_over(&mut self, flows: Vec<i64>, potentials: &[i64], supported: bool) {
        for (arc, flow) in self.arcs.iter_mut().zip(flows) {
            arc.flow = flow;
        }
        for (node, &price) in self.nodes.iter_mut().zip(potentials) {
            *node = Node {
                price,
                ..Node::default()
            };
        }
        self.fresh.clear();
        self.touched.clear();
        if !supported {
            self.touched.extend(0..index(self.arcs.len()));
        }
        self.unbalanced.clear();
        self.search = search::Search::default();
        self.lost = false;
        for node in 0..self.supplies.len() {
            self.leave_at(index(node), self.supplies[node]);
        }
        for arc in 0..self.arcs.len() {
            let (FlowArc { tail, head, .. }, flow) = (self.arcs[arc].is, self.arcs[arc].flow);
            self.leave_at(tail, -flow);
            self.leave_at(head, flow);
        }
        let nodes = &self.nodes;
        self.unbalanced
            .retain(|&node| nodes[node as usize].excess != 0);
        let amount = |&node: &u32| self.supplies[node as usize].unsigned_abs();
        self.hub = (0..index(self.supplies.len())).max_by_key(amount);
        self.lists.iter_mut().for_each(List::clear);
        self.list_all();
    }

    fn list_all(&mut self) {
        self.unlisted.clear();
        for arc in 0..self.arcs.len() {
            if self.arcs[arc].exists {
                self.list(arc);
            }
        }
    }

    /// Puts new arcs into the lists of their nodes.
    fn list_new(&mut self) {
        let new = std::mem::take(&mut self.unlisted);
        for batch in new.chunks(BATCH) {
            let mut seen = 0;
            for &arc in batch {
                let FlowArc { tail, head, .. } = self.arcs[arc as usize].is;
                seen ^= self.lists[tail as usize].len() ^ self.lists[head as usize].len();
            }
            black_box(seen);
            batch.iter().for_each(|&arc| self.list(arc as usize));
        }
        self.unlisted = new;
        self.unlisted.clear();
    }

    /// Puts both ends of an arc into the lists of their nodes.
    fn list(&mut self, arc: usize) {
        let FlowArc {
            tail, head, cost, ..
        } = self.arcs[arc].is;
        let way = 2 * index(arc);
        let (out, into) = self.arcs[arc].is_open();
        let end = |other, way, cost| End { other, way, cost };
        self.lists[tail as usize].put(end(head, way, cost), group(out, into), &mut self.arcs);
        self.lists[head as usize].put(end(tail, way + 1, -cost), group(into, out), &mut self.arcs);
    }

    /// Puts the ends of an arc where they belong after its flow or its bounds have changed.
    #[inline]
    fn relist(&mut self, arc: usize) {
        let Arc { is, places, .. } = self.arcs[arc];
        let (out, into) = self.arcs[arc].is_open();
        let [at_tail, at_head] = places.map(|place| place as usize);
        self.lists[is.tail as usize].regroup(at_tail, group(out, into), &mut self.arcs);
        // Of a loop, the other end may have moved.
        let at_head = if is.tail == is.head {
            self.arcs[arc].places[1] as usize
        } else {
            at_head
        };
        self.lists[is.head as usize].regroup(at_head, group(into, out), &mut self.arcs);
    }

    /// Writes down what a node has in addition.
    #[inline]
    fn leave_at(&mut self, node: u32, amount: i64) {
        if amount == 0 {
            return;
        }
        let excess = &mut self.nodes[node as usize].excess;
        if *excess == 0 {
            self.unbalanced.push(node);
        }
        match excess.checked_add(amount) {
            Some(sum) if (-LARGEST..=LARGEST).contains(&sum) => *excess = sum,
            _ => self.lost = true,
        }
    }

    fn reduced_cost(&self, arc: usize) -> i64 {
        let FlowArc {
            tail, head, cost, ..
        } = self.arcs[arc].is;
        cost + self.nodes[tail as usize].price - self.nodes[head as usize].price
    }

    /// Whether there is nothing to mend, so that the network has to be solved from scratch.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn has_node(&self, node: usize) -> bool {
        self.has_node.get(node) == Some(&true)
    }

    pub(super) fn supply(&self, node: usize) -> Option<i64> {
        self.has_node(node).then(|| self.supplies[node])
    }

    pub(super) fn arc(&self, arc: usize) -> Option<FlowArc> {
        (self.arcs.get(arc)).and_then(|arc| arc.exists.then_some(arc.is))
    }

    /// The positions of the arcs from one node to another, ascending.
    pub(super) fn arcs_between(&mut self, tail: usize, head: usize) -> Vec<usize> {
        self.list_new();
        if !self.has_node(tail) || !self.has_node(head) {
            return Vec::new();
        }
        let (here, there) = (self.lists[tail].all(), self.lists[head].all());
        let (ends, other, at_head) = if here.len() <= there.len() {
            (here, head, 0)
        } else {
            (there, tail, 1)
        };
        let mut arcs: Vec<usize> = (ends.iter())
            .filter(|end| end.other as usize == other && end.way % 2 == at_head)
            .map(|end| end.way as usize / 2)
            .collect();
        arcs.sort_unstable();
        arcs
    }

    /// The network as it is now. Removed nodes have no supply, and removed arcs no capacity.
    pub(super) fn network(&self) -> FlowNetwork {
        FlowNetwork {
            supplies: self.supplies.clone(),
            arcs: self.arcs.iter().map(|arc| arc.is).collect(),
        }
    }

    pub(super) fn flows(&self) -> Vec<i64> {
        self.arcs.iter().map(|arc| arc.flow).collect()
    }

    pub(super) fn potentials(&self) -> Vec<i64> {
        self.nodes.iter().map(|node| node.price).collect()
    }

    /// What the flow costs.
    pub(super) fn cost(&self) -> i128 {
        (self.arcs.iter())
            .map(|arc| i128::from(arc.is.cost) * i128::from(arc.flow))
            .sum()
    }

    /// What the prices prove.
    pub(super) fn bound(&self) -> Option<i128> {
        proved_bound(self.arcs.iter().map(|arc| arc.is), &self.supplies, |node| {
            self.nodes[node].price
        })
    }
}

/// The position of a node or an arc, of which there are less than 2^30.
#[expect(clippy::cast_possible_truncation, reason = "positions are below 2^30")]
fn index(position: usize) -> u32 {
    position as u32
}
