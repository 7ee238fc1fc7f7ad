//! A flow network: what it is, and what may be wrong with it.

/// The capacity of an arc that carries any amount.
pub const UNLIMITED: i64 = i64::MAX;
/// The largest sum of the amounts in a network: the magnitudes of all supplies and lower bounds, and all limited capacities.
pub const LARGEST_TOTAL: i64 = 1 << 60;
/// The largest product of the number of nodes and the largest magnitude of a cost.
pub const LARGEST_PRICE: i64 = 1 << 58;
/// The most nodes, and the most arcs.
pub const MOST_ELEMENTS: usize = 1 << 30;

/// An arc: at least `lower` and at most `capacity` flows from `tail` to `head`, at `cost` for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowArc {
    /// The position of the node that it leaves.
    pub tail: u32,
    /// The position of the node that it enters.
    pub head: u32,
    /// The least flow, not negative.
    pub lower: i64,
    /// The most flow, or [`UNLIMITED`].
    pub capacity: i64,
    /// The cost of one unit, of any sign.
    pub cost: i64,
}

/// Nodes that supply or demand something, and arcs that carry it.
///
/// # Model
/// - Sets: nodes `v` with supplies `b(v)` (negative: demands); arcs `a` from `tail(a)` to `head(a)`. Arcs may be parallel, and may be loops.
/// - Columns: the flow `x(a)`, a whole number, `lower(a) <= x(a) <= capacity(a)`.
/// - Rows: `balance(v)`: the flow out of `v` less the flow into `v` is `b(v)`.
/// - Objective: minimize the sum of `cost(a) x(a)`.
///
/// # Units
/// Whole numbers throughout; the unit of flow and that of cost are the caller's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowNetwork {
    /// What each node supplies.
    pub supplies: Vec<i64>,
    /// The arcs.
    pub arcs: Vec<FlowArc>,
}

impl FlowNetwork {
    /// A network of nodes without supplies and arcs.
    #[must_use]
    pub fn new(n_nodes: usize) -> Self {
        Self {
            supplies: vec![0; n_nodes],
            arcs: Vec::new(),
        }
    }

    /// Adds a node and returns its position.
    pub fn add_node(&mut self, supply: i64) -> usize {
        self.supplies.push(supply);
        self.supplies.len() - 1
    }

    /// Adds an arc and returns its position.
    pub fn add_arc(&mut self, arc: FlowArc) -> usize {
        self.arcs.push(arc);
        self.arcs.len() - 1
    }

    /// Whether the network means something that solvers can compute with.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn validate(&self) -> Result<(), Vec<FlowFault>> {
        let mut faults = Vec::new();
        for (count, what) in [(self.supplies.len(), "nodes"), (self.arcs.len(), "arcs")] {
            if count > MOST_ELEMENTS {
                faults.push(FlowFault::TooMany { what, count });
            }
        }
        let mut extent = Extent::default();
        for &supply in &self.supplies {
            extent.add_supply(supply);
        }
        for (position, arc) in self.arcs.iter().enumerate() {
            arc_faults(position, arc, self.supplies.len(), &mut faults);
            extent.add_arc(arc);
        }
        faults.extend(extent.faults(self.supplies.len()));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// The cost of a flow, one amount for each arc.
    #[must_use]
    pub fn cost(&self, flows: &[i64]) -> i128 {
        (self.arcs.iter().zip(flows))
            .map(|(arc, &flow)| i128::from(arc.cost) * i128::from(flow))
            .sum()
    }
}

/// What is wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowFault {
    /// There are more nodes or arcs than can be numbered.
    #[error("there are {count} {what}, and at most {MOST_ELEMENTS} can be numbered")]
    TooMany {
        /// `nodes` or `arcs`.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// An arc speaks of a node that does not exist.
    #[error("arc {arc} has the end {node}, and there are {n_nodes} nodes, counted from 0")]
    UnknownNode {
        /// The arc's position.
        arc: usize,
        /// The position that it gives.
        node: u32,
        /// How many nodes there are.
        n_nodes: usize,
    },
    /// A lower bound is negative.
    #[error("arc {arc} has the lower bound {lower}, which is negative: turn the arc around")]
    NegativeLower {
        /// The arc's position.
        arc: usize,
        /// Its lower bound.
        lower: i64,
    },
    /// A lower bound is above the capacity.
    #[error("arc {arc} has the lower bound {lower} above its capacity {capacity}")]
    CrossedBounds {
        /// The arc's position.
        arc: usize,
        /// Its lower bound.
        lower: i64,
        /// Its capacity.
        capacity: i64,
    },
    /// Amounts are so large that sums of them might not be numbers any more.
    #[error(
        "supplies, lower bounds and limited capacities add up to {total}, above {LARGEST_TOTAL}: choose a larger unit, or unlimited capacities"
    )]
    Amounts {
        /// Their sum.
        total: i128,
    },
    /// Costs are so large that prices might not be numbers any more.
    #[error(
        "the largest cost {cost} times {n_nodes} nodes is above {LARGEST_PRICE}: choose a larger unit"
    )]
    Costs {
        /// The cost of the largest magnitude.
        cost: i64,
        /// How many nodes there are.
        n_nodes: usize,
    },
    /// A change speaks of an arc that does not exist, or does not any more.
    #[error("there is no arc {arc}")]
    NoArc {
        /// The position that it gives.
        arc: usize,
    },
    /// A change restores a node that was not removed.
    #[error("node {node} was not removed")]
    NotRemoved {
        /// The position that it gives.
        node: usize,
    },
    /// A change speaks of a node that does not exist, or does not any more.
    #[error("there is no node {node}")]
    NoNode {
        /// The position that it gives.
        node: usize,
    },
}

pub(super) fn arc_faults(
    position: usize,
    arc: &FlowArc,
    n_nodes: usize,
    faults: &mut Vec<FlowFault>,
) {
    for node in [arc.tail, arc.head] {
        if node as usize >= n_nodes {
            faults.push(FlowFault::UnknownNode {
                arc: position,
                node,
                n_nodes,
            });
        }
    }
    if arc.lower < 0 {
        faults.push(FlowFault::NegativeLower {
            arc: position,
            lower: arc.lower,
        });
    }
    if arc.lower > arc.capacity {
        faults.push(FlowFault::CrossedBounds {
            arc: position,
            lower: arc.lower,
            capacity: arc.capacity,
        });
    }
}

/// How large the numbers of a network are: what keeps 64 bits from overflowing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    total: i128,
    largest_cost: i64,
}

impl Extent {
    pub(super) fn add_supply(&mut self, supply: i64) {
        self.total += i128::from(supply.unsigned_abs());
    }

    pub(super) fn remove_supply(&mut self, supply: i64) {
        self.total -= i128::from(supply.unsigned_abs());
    }

    pub(super) fn add_arc(&mut self, arc: &FlowArc) {
        self.total += Self::amounts(arc);
        if arc.cost.unsigned_abs() > self.largest_cost.unsigned_abs() {
            self.largest_cost = arc.cost;
        }
    }

    /// The largest cost stays: it only ever grows.
    pub(super) fn remove_arc(&mut self, arc: &FlowArc) {
        self.total -= Self::amounts(arc);
    }

    /// The sum of all amounts, of a valid network.
    pub(super) fn total(&self) -> i64 {
        self.total.try_into().unwrap_or(LARGEST_TOTAL)
    }

    fn amounts(arc: &FlowArc) -> i128 {
        let capacity = if arc.capacity == UNLIMITED {
            0
        } else {
            arc.capacity
        };
        i128::from(arc.lower.unsigned_abs()) + i128::from(capacity.unsigned_abs())
    }

    pub(super) fn faults(&self, n_nodes: usize) -> Vec<FlowFault> {
        let mut faults = Vec::new();
        if self.total > i128::from(LARGEST_TOTAL) {
            faults.push(FlowFault::Amounts { total: self.total });
        }
        let price = i128::from(self.largest_cost.unsigned_abs()) * (n_nodes as i128 + 1);
        if price > i128::from(LARGEST_PRICE) {
            faults.push(FlowFault::Costs {
                cost: self.largest_cost,
                n_nodes,
            });
        }
        faults
    }
}
