//! Changes of a network whose flow and prices are kept. What they leave wrong, mending finds in the lists that they write.

use super::lists::List;
use super::{Arc, BATCH, Kept, Node, index};
use crate::flow::changes::Change;
use crate::flow::network::{FlowArc, FlowFault, MOST_ELEMENTS, arc_faults};
use crate::flow::solver::FlowError;
use std::cmp::Reverse;
use std::hint::black_box;

impl Kept {
    /// Makes a change. Returns the position of what is added.
    pub(in crate::flow) fn apply(&mut self, change: &Change) -> Result<Option<usize>, FlowError> {
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
                let FlowArc { tail, head, .. } = self.known_arc(arc)?;
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

    fn known_node(&self, node: usize) -> Result<(), FlowError> {
        if self.has_node(node) {
            Ok(())
        } else {
            Err(refused(FlowFault::NoNode { node }))
        }
    }

    fn known_arc(&self, arc: usize) -> Result<FlowArc, FlowError> {
        self.arc(arc)
            .ok_or_else(|| refused(FlowFault::NoArc { arc }))
    }

    /// The least position of a node that is free.
    fn free_node(&mut self) -> Option<usize> {
        while let Some(&Reverse(node)) = self.free_nodes.peek() {
            if !self.has_node[node as usize] {
                return Some(node as usize);
            }
            self.free_nodes.pop();
        }
        None
    }

    fn add_node(&mut self, supply: i64) -> Result<usize, FlowError> {
        let free = self.free_node();
        let n_nodes = self.supplies.len() + usize::from(free.is_none());
        let mut extent = self.extent;
        extent.add_supply(supply);
        checked(extent.faults(n_nodes))?;
        if n_nodes > MOST_ELEMENTS {
            let (what, count) = ("nodes", n_nodes);
            return Err(refused(FlowFault::TooMany { what, count }));
        }
        self.extent = extent;
        let node = free.unwrap_or_else(|| {
            self.supplies.push(0);
            self.nodes.push(Node::default());
            self.lists.push(List::default());
            self.has_node.push(false);
            self.supplies.len() - 1
        });
        self.appear(node, supply);
        Ok(node)
    }

    fn restore_node(&mut self, node: usize, supply: i64) -> Result<(), FlowError> {
        if self.has_node.get(node) != Some(&false) {
            return Err(refused(FlowFault::NotRemoved { node }));
        }
        let mut extent = self.extent;
        extent.add_supply(supply);
        checked(extent.faults(self.supplies.len()))?;
        self.extent = extent;
        self.appear(node, supply);
        Ok(())
    }

    fn appear(&mut self, node: usize, supply: i64) {
        self.has_node[node] = true;
        self.supplies[node] = supply;
        self.fresh.push(index(node));
        self.leave_at(index(node), supply);
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
        self.leave_at(index(node), supply - before);
        Ok(())
    }

    fn remove_node(&mut self, node: usize) -> Result<(), FlowError> {
        self.set_supply(node, 0)?;
        self.list_new();
        loop {
            self.touch_last(node);
            for _ in 0..BATCH {
                let Some(end) = self.lists[node].all().last() else {
                    self.has_node[node] = false;
                    self.free_nodes.push(Reverse(index(node)));
                    return Ok(());
                };
                self.remove_arc(end.way as usize / 2)?;
            }
        }
    }

    /// Reads what the removal of the last arcs of a node touches.
    fn touch_last(&self, node: usize) {
        let ends = self.lists[node].all();
        let ends = &ends[ends.len().saturating_sub(BATCH)..];
        let mut seen = 0;
        for end in ends {
            let place = self.arcs[end.way as usize / 2].places[0];
            seen ^= place as usize ^ self.lists[end.other as usize].len();
        }
        black_box(seen);
        let mut moved = [[0; 3]; BATCH];
        for (end, moved) in ends.iter().zip(&mut moved) {
            let places = self.arcs[end.way as usize / 2].places;
            let place = places[(end.way as usize % 2) ^ 1];
            *moved = self.lists[end.other as usize].peek(place);
        }
        let mut seen = 0;
        for way in moved.into_iter().take(ends.len()).flatten() {
            seen ^= self.arcs[way as usize / 2].places[0];
        }
        black_box(seen);
    }

    fn add_arc(&mut self, arc: &FlowArc) -> Result<usize, FlowError> {
        self.known_node(arc.tail as usize)?;
        self.known_node(arc.head as usize)?;
        let n_arcs = self.arcs.len();
        let position = (self.free_arcs.last()).map_or(n_arcs, |&arc| arc as usize);
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
        if self.free_arcs.pop().is_some() {
            self.arcs[position] = Arc::new(*arc);
        } else {
            self.arcs.push(Arc::new(*arc));
        }
        self.unlisted.push(index(position));
        self.touched.push(index(position));
        self.leave_at(arc.tail, -arc.lower);
        self.leave_at(arc.head, arc.lower);
        Ok(position)
    }

    fn remove_arc(&mut self, position: usize) -> Result<(), FlowError> {
        let arc = self.known_arc(position)?;
        self.list_new();
        self.extent.remove_arc(&arc);
        for (end, node) in [arc.tail, arc.head].into_iter().enumerate() {
            let place = self.arcs[position].places[end] as usize;
            self.lists[node as usize].take(place, &mut self.arcs);
        }
        let flow = self.arcs[position].flow;
        self.leave_at(arc.tail, flow);
        self.leave_at(arc.head, -flow);
        let removed = &mut self.arcs[position];
        (removed.flow, removed.exists) = (0, false);
        removed.is = FlowArc {
            lower: 0,
            capacity: 0,
            cost: 0,
            ..arc
        };
        self.free_arcs.push(index(position));
        Ok(())
    }

    /// Gives an arc other bounds and another cost. Its flow stays where it can; what cannot is left at its ends.
    fn set_arc(&mut self, position: usize, arc: &FlowArc) -> Result<(), FlowError> {
        let mut faults = Vec::new();
        arc_faults(position, arc, self.supplies.len(), &mut faults);
        let mut extent = self.extent;
        extent.remove_arc(&self.arcs[position].is);
        extent.add_arc(arc);
        faults.extend(extent.faults(self.supplies.len()));
        checked(faults)?;
        self.extent = extent;
        self.list_new();
        self.arcs[position].is = *arc;
        for (end, (node, cost)) in [(arc.tail, arc.cost), (arc.head, -arc.cost)]
            .into_iter()
            .enumerate()
        {
            let place = self.arcs[position].places[end] as usize;
            self.lists[node as usize].set_cost(place, cost);
        }
        self.set_flow(
            position,
            self.arcs[position].flow.clamp(arc.lower, arc.capacity),
        );
        self.touched.push(index(position));
        Ok(())
    }

    /// Makes an arc carry another amount, and writes down what its ends have more or less then.
    pub(super) fn set_flow(&mut self, position: usize, flow: i64) {
        let FlowArc { tail, head, .. } = self.arcs[position].is;
        let more = flow - self.arcs[position].flow;
        self.arcs[position].flow = flow;
        self.relist(position);
        self.leave_at(tail, -more);
        self.leave_at(head, more);
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
