//! Minimum cost flow: networks, a solver that keeps its basis from one change to the next, and proofs of what it answers.
//!
//! # Shape
//! - [`FlowNetwork`] is what is to be solved; [`FlowNetwork::validate`] says what is wrong with it.
//! - [`FlowSolver`] is one method; [`Simplex`] is ours, [`Linear`] hands the network to a backend of linear programs. Both answer a [`FlowOutcome`].
//! - [`NetworkSimplex`] is the same method with a memory: it takes [`Change`]s and solves again from where it was.
//! - [`check()`] says what is wrong with an outcome, from the network alone: prices prove an optimum, a cut proves that there is no flow, a cycle
//!   proves that costs have no limit.
//!
//! ```
//! use apportion_models::flow::{FlowArc, FlowNetwork, FlowSolver, Simplex, UNLIMITED};
//! use apportion_models::{Limits, Status};
//!
//! let mut network = FlowNetwork::new(0);
//! let mine = network.add_node(5);
//! let town = network.add_node(-5);
//! let (tail, head) = (mine as u32, town as u32);
//! network.add_arc(FlowArc { tail, head, lower: 0, capacity: 3, cost: 1 });
//! network.add_arc(FlowArc { tail, head, lower: 0, capacity: UNLIMITED, cost: 4 });
//! let outcome = Simplex.solve(&network, &Limits::default())?;
//! assert_eq!(outcome.status, Status::Optimal);
//! assert_eq!((outcome.flows, outcome.objective), (Some(vec![3, 2]), Some(11)));
//! # Ok::<(), apportion_models::flow::FlowError>(())
//! ```

mod changes;
mod check;
mod kept;
mod linear;
mod memory;
mod network;
mod outcome;
mod simplex;
mod solver;
mod start;
mod stop;

pub use changes::Change;
pub use check::{FlowViolation, check};
pub use linear::Linear;
pub use memory::NetworkSimplex;
pub use network::{
    FlowArc, FlowFault, FlowNetwork, LARGEST_PRICE, LARGEST_TOTAL, MOST_ELEMENTS, UNLIMITED,
};
pub use outcome::{Cut, CutSide, FlowOutcome, Refutation};

pub use solver::{FlowError, FlowSolver, Simplex};
