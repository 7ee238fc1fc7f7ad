//! The contract between whoever has a network and whoever solves it.

use super::memory::NetworkSimplex;
use super::network::{FlowFault, FlowNetwork};
use super::outcome::FlowOutcome;
use crate::solver::{Limits, SolverError};

/// One way to solve a [`FlowNetwork`].
///
/// # Guarantees
/// It keeps nothing from one call to the next, and answers the same for the same network as long as no clock or cancel token stops it. Of the limits
/// it keeps time and cancellation; flows are whole and optima exact, so that gap, nodes, seed and start have no use.
pub trait FlowSolver: Send + Sync {
    /// The name that outcomes and reports carry.
    fn name(&self) -> &str;

    /// Solves the network, or says how far it came.
    ///
    /// # Errors
    /// When the network means nothing, or the solver fails. That there is no flow is an outcome.
    fn solve(&self, network: &FlowNetwork, limits: &Limits) -> Result<FlowOutcome, FlowError>;
}

/// Why a network could not be solved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The network means nothing.
    #[error("invalid network: {}", list(faults))]
    InvalidNetwork {
        /// Everything that is wrong with it.
        faults: Vec<FlowFault>,
    },
    /// The backend of linear programs failed.
    #[error(transparent)]
    Backend(#[from] SolverError),
    /// The backend of linear programs answered with broken flows.
    #[error("{solver} gave the flow {flow} on arc {arc}, where a whole number was expected")]
    BrokenFlow {
        /// The backend.
        solver: String,
        /// The arc's position.
        arc: usize,
        /// What it said.
        flow: f64,
    },
}

/// The first few of many faults, in one line.
fn list(faults: &[FlowFault]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = faults.iter().take(SHOWN).map(ToString::to_string).collect();
    match faults.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join("; "),
        Some(more) => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// The network simplex method of this crate, from scratch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Simplex;

impl FlowSolver for Simplex {
    fn name(&self) -> &str {
        NetworkSimplex::NAME
    }

    fn solve(&self, network: &FlowNetwork, limits: &Limits) -> Result<FlowOutcome, FlowError> {
        let mut simplex = NetworkSimplex::new(network)?;
        simplex.solve(limits);
        Ok(simplex.outcome())
    }
}
