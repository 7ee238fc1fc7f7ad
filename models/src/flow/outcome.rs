//! What solving a network answers, with its proof.

use super::network::{FlowArc, UNLIMITED};
use crate::outcome::Status;

/// The answer to a solve of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowOutcome {
    /// What is known.
    pub status: Status,
    /// The flow on each arc; present when the status has a solution.
    pub flows: Option<Vec<i64>>,
    /// The cost of the flow.
    pub objective: Option<i128>,
    /// A cost that no flow goes below.
    pub bound: Option<i128>,
    /// The price of each node. At an optimum, an arc whose reduced cost `cost + price(tail) - price(head)` is negative is full, and one whose
    /// reduced cost is positive carries its lower bound: this proves the optimum. At a stop, they are what proves the bound.
    pub potentials: Option<Vec<i64>>,
    /// Why there is no solution, or no best one.
    pub refutation: Option<Refutation>,
    /// How often the basis changed, where there is one.
    pub pivots: Option<u64>,
    /// The name of the solver that answered.
    pub solver: String,
}

impl FlowOutcome {
    /// An outcome that says nothing but its status.
    #[must_use]
    pub fn of_status(status: Status, solver: impl Into<String>) -> Self {
        Self {
            status,
            flows: None,
            objective: None,
            bound: None,
            potentials: None,
            refutation: None,
            pivots: None,
            solver: solver.into(),
        }
    }

    /// How far the flow may be from the best one: `|objective - bound| / max(|objective|, |bound|, 1)`.
    #[must_use]
    pub fn gap(&self) -> Option<f64> {
        let (objective, bound) = (self.objective?, self.bound?);
        let scale = objective.abs().max(bound.abs()).max(1);
        Some((objective - bound).abs() as f64 / scale as f64)
    }
}

/// Why a network has no flow, or none of least cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refutation {
    /// No flow keeps to the bounds: some nodes supply more than can leave them, or demand more than can reach them.
    Cut(Cut),
    /// The positions of arcs without limit, each beginning where the one before ends, whose costs add up to less than nothing.
    Cycle(Vec<usize>),
}

/// A set of nodes whose supply does not go through the arcs at its border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The positions of the nodes, ascending.
    pub nodes: Vec<usize>,
    /// Which way the border is too narrow.
    pub side: CutSide,
}

/// Which way the border of a set of nodes is too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutSide {
    /// The nodes supply more than the capacities out of the set less the lower bounds into it.
    Supply,
    /// The nodes demand more than the capacities into the set less the lower bounds out of it.
    Demand,
}

/// What prices prove: each arc at the end of its bounds that its reduced cost prefers, less the value of all supplies; nothing, where such an arc
/// has no limit.
pub(super) fn proved_bound(
    arcs: impl Iterator<Item = FlowArc>,
    supplies: &[i64],
    price: impl Fn(usize) -> i64,
) -> Option<i128> {
    let mut sum = 0;
    for arc in arcs {
        let (tail, head) = (price(arc.tail as usize), price(arc.head as usize));
        let reduced = i128::from(arc.cost) + i128::from(tail) - i128::from(head);
        if reduced < 0 && arc.capacity == UNLIMITED {
            return None;
        }
        let amount = if reduced < 0 { arc.capacity } else { arc.lower };
        sum += reduced * i128::from(amount);
    }
    for (node, &supply) in supplies.iter().enumerate() {
        sum -= i128::from(supply) * i128::from(price(node));
    }
    Some(sum)
}
