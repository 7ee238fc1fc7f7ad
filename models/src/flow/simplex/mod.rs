//! The network simplex method, with a basis that outlives changes of the network.
//!
//! # Shape
//! `tree.rs` is the spanning tree, `pivot.rs` one step, `pricing.rs` the choice of the next one, `basis.rs` repairs a tree that a change has
//! broken, `changes.rs` are the changes, `mend.rs` sends on what they leave behind, `crossover.rs` makes a tree of a flow that another method found, `answer.rs` reads the tree.
//!
//! # Guarantees
//! Whole numbers of 64 bits; what [`FlowNetwork::validate`] lets through cannot overflow. Pivots end: the tree is kept strongly feasible, and is
//! made so again where a change or a crossover left it otherwise and no pivot has moved any flow for long.

mod answer;
mod basis;
mod changes;
mod crossover;
mod mend;
mod pivot;
mod pricing;
pub(super) mod tree;

use super::network::{Extent, FlowArc, FlowNetwork, UNLIMITED};
use super::outcome::{FlowOutcome, Refutation};
use super::solver::FlowError;
use super::start;
use crate::outcome::{Status, StopReason};
use crate::solver::Limits;
use pivot::Pivot;
use std::time::Instant;
use tree::{ARTIFICIAL, ENDLESS, PENALTY, ROOT, TreeNode};

/// Pivots that a basis kept through changes is worth, whatever its size.
const FREE_PIVOTS: u64 = 2_000;
/// Pivots between two looks at the clock.
const PIVOTS_PER_LOOK: u64 = 256;

/// The numbers of the method: arcs by position, tree nodes with the root in front.
#[derive(Clone, Debug)]
struct Core {
    tails: Vec<u32>,
    heads: Vec<u32>,
    costs: Vec<i64>,
    /// Above the lower bound; [`ENDLESS`] without a limit.
    capacities: Vec<i64>,
    lowers: Vec<i64>,
    /// 1 at the lower bound, -1 full, 0 in the tree or without any choice.
    states: Vec<i8>,
    nodes: Vec<TreeNode>,
    potentials: Vec<i64>,
    cursor: usize,
}

/// The network simplex method with a memory: after changes it solves again from the basis that it had.
///
/// Positions are those of the network that it was made from; [`apply`](Self::apply) returns those of what is added.
#[derive(Clone, Debug)]
pub struct NetworkSimplex {
    core: Core,
    supplies: Vec<i64>,
    extent: Extent,
    started: bool,
    /// Amounts that changes have left at nodes, until the next solve sends them on.
    pending: Vec<(u32, i64)>,
    /// Nodes that changes have added.
    fresh: Vec<u32>,
    links: Option<changes::Links>,
    alive: changes::Alive,
    status: Status,
    refutation: Option<Refutation>,
    pivots: u64,
}

impl NetworkSimplex {
    /// What outcomes call this method.
    pub const NAME: &'static str = "network-simplex";

    /// Takes the network in.
    ///
    /// # Errors
    /// Everything that is wrong with the network.
    pub fn new(network: &FlowNetwork) -> Result<Self, FlowError> {
        network
            .validate()
            .map_err(|faults| FlowError::InvalidNetwork { faults })?;
        let mut extent = Extent::default();
        for &supply in &network.supplies {
            extent.add_supply(supply);
        }
        for arc in &network.arcs {
            extent.add_arc(arc);
        }
        Ok(Self {
            core: Core::new(network),
            supplies: network.supplies.clone(),
            extent,
            started: false,
            pending: Vec::new(),
            fresh: Vec::new(),
            links: None,
            alive: changes::Alive::all(network.supplies.len(), network.arcs.len()),
            status: Status::NoSolution(StopReason::IterationLimit),
            refutation: None,
            pivots: 0,
        })
    }

    /// Solves the network as it is now: the first time from scratch, later from the last basis.
    pub fn solve(&mut self, limits: &Limits) -> &Status {
        let deadline = limits
            .time
            .and_then(|time| Instant::now().checked_add(time));
        let stop = Stop { deadline, limits };
        self.refutation = None;
        self.pivots = 0;
        let mut patience = u64::MAX;
        if !self.started || !self.send_pending() {
            self.start(&stop);
        } else {
            // A basis that is so far from the best one is worth less than a new start.
            patience = FREE_PIVOTS + self.core.nodes.len() as u64 / 4;
        }
        self.status = match self.run(&stop, patience) {
            Status::NoSolution(StopReason::IterationLimit) => {
                self.start(&stop);
                self.run(&stop, u64::MAX)
            }
            status => status,
        };
        &self.status
    }

    fn start(&mut self, stop: &Stop<'_>) {
        self.started = true;
        self.core.reset();
        let excesses = self.core.excesses(&self.supplies);
        match start::start(&self.core.view(), excesses.clone(), stop) {
            Some(start) => self.core.cross_over(start),
            None => {
                for (node, excess) in excesses.into_iter().enumerate() {
                    #[expect(clippy::cast_possible_truncation, reason = "nodes are below 2^30")]
                    self.core.inject(node as u32 + 1, excess);
                }
            }
        }
    }

    /// Pivots to the end, to a stop, or until patience does: the iteration limit says so.
    fn run(&mut self, stop: &Stop<'_>, patience: u64) -> Status {
        // Longer without a change of flow than any sequence that a strongly feasible tree usually sees.
        let mut next_strengthening = self.pivots + 4 * self.core.nodes.len() as u64 + 1_000;
        let last = self.pivots.saturating_add(patience);
        loop {
            if self.pivots.is_multiple_of(PIVOTS_PER_LOOK)
                && let Some(reason) = stop.reason()
            {
                return if self.core.is_feasible() {
                    Status::Feasible(reason)
                } else {
                    Status::NoSolution(reason)
                };
            }
            if self.pivots >= next_strengthening {
                self.core.strengthen();
                next_strengthening = u64::MAX;
            }
            let Some(arc) = self.core.entering() else {
                return self.at_optimum();
            };
            if self.pivots >= last {
                return Status::NoSolution(StopReason::IterationLimit);
            }
            self.pivots += 1;
            if self.core.pivot(arc) == Pivot::Endless {
                return self.without_limit(arc, stop);
            }
        }
    }

    fn at_optimum(&mut self) -> Status {
        match self.core.violated_cut() {
            None => Status::Optimal,
            Some(cut) => {
                self.refutation = Some(Refutation::Cut(cut));
                Status::Infeasible
            }
        }
    }

    /// A cycle without limit pays: costs have no limit if there is any flow at all, which a network without costs tells.
    fn without_limit(&mut self, arc: u32, stop: &Stop<'_>) -> Status {
        let cycle = self.core.cycle(arc);
        if !self.core.is_feasible() {
            let mut free = self.clone();
            free.core.forget_costs();
            match free.run(stop, u64::MAX) {
                Status::Infeasible => {
                    self.refutation = free.refutation;
                    return Status::Infeasible;
                }
                Status::NoSolution(reason) => return Status::NoSolution(reason),
                Status::Optimal | Status::Feasible(_) | Status::Unbounded => {}
            }
        }
        self.refutation = Some(Refutation::Cycle(cycle));
        Status::Unbounded
    }

    /// What is known after the last solve.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Everything that is known after the last solve, with its proof.
    #[must_use]
    pub fn outcome(&self) -> FlowOutcome {
        let mut outcome = FlowOutcome::of_status(self.status.clone(), Self::NAME);
        outcome.pivots = Some(self.pivots);
        outcome.refutation.clone_from(&self.refutation);
        if self.status.has_solution() {
            outcome.flows = Some(self.core.flows());
            outcome.objective = Some(self.core.cost());
        }
        if self.status.has_solution() || self.status.stop_reason().is_some() {
            outcome.potentials = Some(self.core.potentials[1..].to_vec());
            outcome.bound = self.core.bound(&self.supplies);
        }
        outcome
    }

    /// The cost of the flow that the last solve ended with, if it has one.
    #[must_use]
    pub fn objective(&self) -> Option<i128> {
        self.status.has_solution().then(|| self.core.cost())
    }

    /// The network as it is now. Removed nodes have no supply, and removed arcs no capacity.
    #[must_use]
    pub fn network(&self) -> FlowNetwork {
        let arcs = (0..self.core.tails.len())
            .map(|arc| self.core.arc(arc))
            .collect();
        FlowNetwork {
            supplies: self.supplies.clone(),
            arcs,
        }
    }
}

/// When a solve has to end.
pub(super) struct Stop<'a> {
    deadline: Option<Instant>,
    limits: &'a Limits,
}

impl Stop<'_> {
    pub(super) fn reason(&self) -> Option<StopReason> {
        if self.limits.cancel.is_cancelled() {
            return Some(StopReason::Cancelled);
        }
        let deadline = self.deadline?;
        (Instant::now() >= deadline).then_some(StopReason::Deadline)
    }
}

impl Core {
    /// A tree in which every node hangs from the root by an artificial arc.
    fn new(network: &FlowNetwork) -> Self {
        let n_nodes = network.supplies.len();
        let mut core = Self {
            tails: network.arcs.iter().map(|arc| arc.tail).collect(),
            heads: network.arcs.iter().map(|arc| arc.head).collect(),
            costs: network.arcs.iter().map(|arc| arc.cost).collect(),
            capacities: network.arcs.iter().map(range).collect(),
            lowers: network.arcs.iter().map(|arc| arc.lower).collect(),
            states: vec![0; network.arcs.len()],
            nodes: vec![TreeNode::ALONE; n_nodes + 1],
            potentials: vec![0; n_nodes + 1],
            cursor: 0,
        };
        core.reset();
        core
    }

    /// Forgets the basis: every arc carries its lower bound, and every node hangs from the root.
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
    fn excesses(&self, supplies: &[i64]) -> Vec<i64> {
        let mut excesses = supplies.to_vec();
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

    fn view(&self) -> start::View<'_> {
        start::View {
            tails: &self.tails,
            heads: &self.heads,
            costs: &self.costs,
            capacities: &self.capacities,
        }
    }

    fn arc(&self, arc: usize) -> FlowArc {
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
