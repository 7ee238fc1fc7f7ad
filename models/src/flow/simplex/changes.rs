//! Changes of a network whose basis is kept.

use super::tree::{self, ENDLESS, NONE, TreeNode, less};
use super::{Core, NetworkSimplex, range};
use crate::flow::changes::Change;
use crate::flow::network::{FlowArc, FlowFault, MOST_ELEMENTS, arc_faults};
use crate::flow::solver::FlowError;
use std::collections::BTreeSet;

/// Which nodes and arcs exist, and which positions are free.
#[derive(Clone, Debug)]
pub(super) struct Alive {
    nodes: Vec<bool>,
    arcs: Vec<bool>,
    free_nodes: BTreeSet<usize>,
    free_arcs: BTreeSet<usize>,
}

impl Alive {
    pub(super) fn all(n_nodes: usize, n_arcs: usize) -> Self {
        Self {
            nodes: vec![true; n_nodes],
            arcs: vec![true; n_arcs],
            free_nodes: BTreeSet::new(),
            free_arcs: BTreeSet::new(),
        }
    }
}

/// An arc's place in two lists: that of the arcs that leave its tail, and that of the arcs that enter its head.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: [u32; 2],
    previous: [u32; 2],
}

/// For each node, the arcs that leave it and those that enter it.
#[derive(Clone, Debug)]
pub(super) struct Links {
    first: Vec<[u32; 2]>,
    links: Vec<Link>,
}

impl Links {
    fn new(core: &Core, alive: &Alive) -> Self {
        let nothing = Link {
            next: [NONE; 2],
            previous: [NONE; 2],
        };
        let mut links = Self {
            first: vec![[NONE; 2]; core.nodes.len() - 1],
            links: vec![nothing; core.tails.len()],
        };
        for arc in (0..core.tails.len()).filter(|&arc| alive.arcs[arc]) {
            links.put(arc, [core.tails[arc], core.heads[arc]]);
        }
        links
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "positions of arcs are below 2^30"
    )]
    fn put(&mut self, arc: usize, ends: [u32; 2]) {
        for (list, end) in ends.into_iter().enumerate() {
            let second = std::mem::replace(&mut self.first[end as usize][list], arc as u32);
            if second != NONE {
                self.links[second as usize].previous[list] = arc as u32;
            }
            self.links[arc].next[list] = second;
            self.links[arc].previous[list] = NONE;
        }
    }

    fn take(&mut self, arc: usize, ends: [u32; 2]) {
        for (list, end) in ends.into_iter().enumerate() {
            let (next, previous) = (self.links[arc].next[list], self.links[arc].previous[list]);
            if previous == NONE {
                self.first[end as usize][list] = next;
            } else {
                self.links[previous as usize].next[list] = next;
            }
            if next != NONE {
                self.links[next as usize].previous[list] = previous;
            }
        }
    }

    /// The arcs of a node: whether each leaves it, and its position.
    pub(super) fn of(&self, node: u32) -> impl Iterator<Item = (bool, u32)> {
        let first = self.first[node as usize];
        [(true, 0), (false, 1)]
            .into_iter()
            .flat_map(move |(leaves, list)| {
                let start = Some(first[list]).filter(|&arc| arc != NONE);
                std::iter::successors(start, move |&arc| {
                    let next = self.links[arc as usize].next[list];
                    (next != NONE).then_some(next)
                })
                .map(move |arc| (leaves, arc))
            })
    }

    /// Some arc of the node.
    fn any(&self, node: usize) -> Option<usize> {
        let [out, into] = self.first[node];
        [out, into]
            .into_iter()
            .find(|&arc| arc != NONE)
            .map(|arc| arc as usize)
    }
}

impl NetworkSimplex {
    /// Makes a change; the next [`solve`](Self::solve) begins where the last one ended. Returns the position of what is added.
    ///
    /// # Errors
    /// When the change speaks of what does not exist, or the network would mean nothing. Nothing is changed then.
    pub fn apply(&mut self, change: &Change) -> Result<Option<usize>, FlowError> {
        match *change {
            Change::AddNode { supply } => self.add_node(supply).map(Some),
            Change::RestoreNode { node, supply } => {
                self.restore_node(node, supply)?;
                Ok(Some(node))
            }
            Change::RemoveNode { node } => self.remove_node(node).map(|()| None),
            Change::SetSupply { node, supply } => self.set_supply(node, supply).map(|()| None),
            Change::AddArc(arc) => self.add_arc(&arc).map(Some),
            Change::RemoveArc { arc } => self.remove_arc(arc).map(|()| None),
            Change::SetArc {
                arc,
                lower,
                capacity,
                cost,
            } => {
                self.known_arc(arc)?;
                let (tail, head) = (self.core.tails[arc], self.core.heads[arc]);
                let changed = FlowArc {
                    tail,
                    head,
                    lower,
                    capacity,
                    cost,
                };
                self.set_arc(arc, &changed).map(|()| None)
            }
        }
    }

    /// Whether there is a node at the position.
    #[must_use]
    pub fn has_node(&self, node: usize) -> bool {
        self.alive.nodes.get(node) == Some(&true)
    }

    /// What a node supplies.
    #[must_use]
    pub fn supply(&self, node: usize) -> Option<i64> {
        self.has_node(node).then(|| self.supplies[node])
    }

    /// The arc at a position.
    #[must_use]
    pub fn arc(&self, arc: usize) -> Option<FlowArc> {
        (self.alive.arcs.get(arc) == Some(&true)).then(|| self.core.arc(arc))
    }

    /// The positions of the arcs from one node to another, ascending.
    #[must_use]
    pub fn arcs_between(&mut self, tail: usize, head: usize) -> Vec<usize> {
        if !self.has_node(tail) || !self.has_node(head) {
            return Vec::new();
        }
        let links = self.links();
        // Which of the two lists is the shorter one is not known, so that both are followed at once.
        let (mut out, mut into) = (links.first[tail][0], links.first[head][1]);
        let (mut from_out, mut from_into) = (Vec::new(), Vec::new());
        while out != NONE && into != NONE {
            from_out.push(out as usize);
            from_into.push(into as usize);
            out = links.links[out as usize].next[0];
            into = links.links[into as usize].next[1];
        }
        let mut arcs = if out == NONE { from_out } else { from_into };
        let core = &self.core;
        arcs.retain(|&arc| core.tails[arc] as usize == tail && core.heads[arc] as usize == head);
        arcs.sort_unstable();
        arcs
    }

    /// Collects what changes need to know, which otherwise the first change that needs it does.
    pub fn prepare_changes(&mut self) {
        self.links();
    }

    fn links(&mut self) -> &mut Links {
        self.links
            .get_or_insert_with(|| Links::new(&self.core, &self.alive))
    }

    fn known_node(&self, node: usize) -> Result<(), FlowError> {
        if self.has_node(node) {
            Ok(())
        } else {
            Err(refused(FlowFault::NoNode { node }))
        }
    }

    fn known_arc(&self, arc: usize) -> Result<(), FlowError> {
        if self.alive.arcs.get(arc) == Some(&true) {
            Ok(())
        } else {
            Err(refused(FlowFault::NoArc { arc }))
        }
    }

    /// An amount at a node that the basis does not know yet.
    fn leave_at(&mut self, node: u32, amount: i64) {
        if self.started && amount != 0 {
            self.pending.push((node, amount));
        }
    }

    /// A node that the basis does not know yet.
    fn arrive(&mut self, node: u32) {
        if self.started {
            self.fresh.push(node);
        }
    }

    fn add_node(&mut self, supply: i64) -> Result<usize, FlowError> {
        let mut extent = self.extent;
        extent.add_supply(supply);
        let n_nodes = self.supplies.len() + usize::from(self.alive.free_nodes.is_empty());
        checked(extent.faults(n_nodes))?;
        if n_nodes > MOST_ELEMENTS {
            let what = "nodes";
            let count = n_nodes;
            return Err(refused(FlowFault::TooMany { what, count }));
        }
        self.extent = extent;
        let node = self.alive.free_nodes.pop_first().unwrap_or_else(|| {
            self.supplies.push(0);
            self.alive.nodes.push(false);
            if let Some(links) = &mut self.links {
                links.first.push([NONE; 2]);
            }
            self.core.nodes.push(TreeNode::ALONE);
            self.core.potentials.push(0);
            let node = self.core.nodes.len() - 1;
            self.core.hang_alone(node);
            node - 1
        });
        self.alive.nodes[node] = true;
        self.supplies[node] = supply;
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        self.arrive(node as u32);
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        self.leave_at(node as u32, supply);
        Ok(node)
    }

    fn restore_node(&mut self, node: usize, supply: i64) -> Result<(), FlowError> {
        if !self.alive.free_nodes.remove(&node) {
            return Err(refused(FlowFault::NotRemoved { node }));
        }
        self.alive.nodes[node] = true;
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        self.arrive(node as u32);
        let restored = self.set_supply(node, supply);
        if restored.is_err() {
            self.alive.nodes[node] = false;
            self.alive.free_nodes.insert(node);
        }
        restored
    }

    fn set_supply(&mut self, node: usize, supply: i64) -> Result<(), FlowError> {
        self.known_node(node)?;
        let before = self.supplies[node];
        let mut extent = self.extent;
        extent.remove_supply(before);
        extent.add_supply(supply);
        checked(extent.faults(self.supplies.len()))?;
        self.extent = extent;
        self.supplies[node] = supply;
        #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
        self.leave_at(node as u32, supply - before);
        Ok(())
    }

    fn remove_node(&mut self, node: usize) -> Result<(), FlowError> {
        self.set_supply(node, 0)?;
        while let Some(arc) = self.links().any(node) {
            self.remove_arc(arc)?;
        }
        self.alive.nodes[node] = false;
        self.alive.free_nodes.insert(node);
        Ok(())
    }

    fn add_arc(&mut self, arc: &FlowArc) -> Result<usize, FlowError> {
        self.known_node(arc.tail as usize)?;
        self.known_node(arc.head as usize)?;
        let n_arcs = self.core.tails.len();
        let position = self.alive.free_arcs.first().copied().unwrap_or(n_arcs);
        let mut faults = Vec::new();
        arc_faults(position, arc, self.supplies.len(), &mut faults);
        let mut extent = self.extent;
        extent.add_arc(arc);
        faults.extend(extent.faults(self.supplies.len()));
        if position >= MOST_ELEMENTS {
            let (what, count) = ("arcs", position + 1);
            faults.push(FlowFault::TooMany { what, count });
        }
        checked(faults)?;
        self.extent = extent;
        if self.alive.free_arcs.pop_first().is_none() {
            self.core.push_arc();
            self.alive.arcs.push(true);
            if let Some(links) = &mut self.links {
                links.links.push(Link {
                    next: [NONE; 2],
                    previous: [NONE; 2],
                });
            }
        }
        self.alive.arcs[position] = true;
        if let Some(links) = &mut self.links {
            links.put(position, [arc.tail, arc.head]);
        }
        (self.core.tails[position], self.core.heads[position]) = (arc.tail, arc.head);
        self.core.lowers[position] = arc.lower;
        self.core.capacities[position] = range(arc);
        self.core.costs[position] = arc.cost;
        self.core.states[position] = i8::from(arc.capacity > arc.lower);
        self.leave_at(arc.tail, -arc.lower);
        self.leave_at(arc.head, arc.lower);
        Ok(position)
    }

    fn remove_arc(&mut self, arc: usize) -> Result<(), FlowError> {
        self.known_arc(arc)?;
        // Its cost stays until it is out of the tree, so that no price moves.
        let gone = FlowArc {
            lower: 0,
            capacity: 0,
            ..self.core.arc(arc)
        };
        self.set_arc(arc, &gone)?;
        // An arc that is no more must not stay in the tree: its position may get other ends.
        if let Some(below) = self.core.below(arc) {
            self.core.cut_off(below, 0);
        }
        self.core.costs[arc] = 0;
        let ends = [gone.tail, gone.head];
        self.links().take(arc, ends);
        self.alive.arcs[arc] = false;
        self.alive.free_arcs.insert(arc);
        Ok(())
    }

    /// Gives an arc other bounds and another cost. Its flow stays where it can; what cannot is left at its ends.
    fn set_arc(&mut self, position: usize, arc: &FlowArc) -> Result<(), FlowError> {
        let mut faults = Vec::new();
        arc_faults(position, arc, self.supplies.len(), &mut faults);
        let mut extent = self.extent;
        extent.remove_arc(&self.core.arc(position));
        extent.add_arc(arc);
        faults.extend(extent.faults(self.supplies.len()));
        checked(faults)?;
        self.extent = extent;
        let moved = self.core.set_arc(position, arc);
        self.leave_at(arc.tail, -moved);
        self.leave_at(arc.head, moved);
        Ok(())
    }
}

fn refused(fault: FlowFault) -> FlowError {
    FlowError::InvalidNetwork {
        faults: vec![fault],
    }
}

fn checked(faults: Vec<FlowFault>) -> Result<(), FlowError> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(FlowError::InvalidNetwork { faults })
    }
}

impl Core {
    fn push_arc(&mut self) {
        self.tails.push(0);
        self.heads.push(0);
        self.costs.push(0);
        self.capacities.push(0);
        self.lowers.push(0);
        self.states.push(0);
    }

    /// The node below an arc, if the arc is in the tree.
    fn below(&self, arc: usize) -> Option<u32> {
        [self.tails[arc] + 1, self.heads[arc] + 1]
            .into_iter()
            .find(|&node| self.nodes[node as usize].arc as usize == arc)
    }

    /// Gives an arc other bounds and another cost. Returns by how much its flow grew.
    fn set_arc(&mut self, position: usize, arc: &FlowArc) -> i64 {
        match self.below(position) {
            Some(below) => self.set_tree_arc(position, arc, below),
            None => self.set_other_arc(position, arc),
        }
    }

    fn set_other_arc(&mut self, position: usize, arc: &FlowArc) -> i64 {
        let full = self.states[position] < 0;
        let before = self.lowers[position] + if full { self.capacities[position] } else { 0 };
        self.put_arc(position, arc);
        let capacity = self.capacities[position];
        let stays_full = full && capacity < ENDLESS;
        self.states[position] = match (capacity, stays_full) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let after = arc.lower + if stays_full { capacity } else { 0 };
        after - before
    }

    fn set_tree_arc(&mut self, position: usize, arc: &FlowArc, below: u32) -> i64 {
        let before = self.lowers[position] + self.tree_flow(below);
        let dearer = arc.cost - self.costs[position];
        self.put_arc(position, arc);
        let after = before.clamp(arc.lower, arc.capacity);
        let upward = self.tails[position] + 1 == below;
        let back = after - arc.lower;
        let room = less(self.capacities[position], back);
        let entry = &mut self.nodes[below as usize];
        (entry.room_up, entry.room_down) = if upward { (room, back) } else { (back, room) };
        if dearer != 0 {
            let change = if upward { -dearer } else { dearer };
            tree::shift(&mut self.nodes, &mut self.potentials, below, change);
        }
        after - before
    }

    fn put_arc(&mut self, position: usize, arc: &FlowArc) {
        self.lowers[position] = arc.lower;
        self.capacities[position] = range(arc);
        self.costs[position] = arc.cost;
    }
}
