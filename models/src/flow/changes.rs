//! What may change about a network between two solves.

use super::network::FlowArc;

/// One change of a network. Positions stay what they are; those of removed nodes and arcs are used again by later additions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new node, without arcs, at the first position that is free.
    AddNode {
        /// What it supplies.
        supply: i64,
    },
    /// A node that was removed is there again, without arcs.
    RestoreNode {
        /// Its position.
        node: usize,
        /// What it supplies.
        supply: i64,
    },
    /// A node goes, with its supply and all its arcs.
    RemoveNode {
        /// Its position.
        node: usize,
    },
    /// A node supplies another amount.
    SetSupply {
        /// Its position.
        node: usize,
        /// What it supplies from now on.
        supply: i64,
    },
    /// A new arc.
    AddArc(FlowArc),
    /// An arc goes.
    RemoveArc {
        /// Its position.
        arc: usize,
    },
    /// An arc has other bounds or another cost; its ends stay.
    SetArc {
        /// Its position.
        arc: usize,
        /// Its lower bound from now on.
        lower: i64,
        /// Its capacity from now on.
        capacity: i64,
        /// Its cost from now on.
        cost: i64,
    },
}
