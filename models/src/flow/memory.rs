//! The solver with a memory.

use super::changes::Change;
use super::kept::{Kept, Mended};
use super::network::{FlowArc, FlowNetwork};
use super::outcome::{FlowOutcome, Refutation};
use super::simplex::Core;
use super::solver::FlowError;
use super::stop::Stop;
use crate::outcome::{Status, StopReason};
use crate::solver::Limits;

/// The network simplex method with a memory: after changes, the flow and the prices that it had are mended.
///
/// Positions are those of the network that it was made from; [`apply`](Self::apply) returns those of what is added.
#[derive(Clone, Debug)]
pub struct NetworkSimplex {
    /// The basis of the last solve from scratch, as long as it is what is known.
    core: Option<Core>,
    /// The network, its flow and its prices, once changes are expected.
    kept: Option<Kept>,
    status: Status,
    refutation: Option<Refutation>,
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
        Ok(Self {
            core: Some(Core::new(network)),
            kept: None,
            status: UNKNOWN,
            refutation: None,
        })
    }

    /// Solves the network as it is now: the first time from scratch, later from the last flow and prices.
    pub fn solve(&mut self, limits: &Limits) -> &Status {
        let stop = Stop::of(limits);
        let mended = match &mut self.kept {
            Some(kept) if !kept.is_lost() => kept.mend(&stop),
            _ => None,
        };
        (self.status, self.refutation) = match mended {
            Some(Mended::Optimal) => (Status::Optimal, None),
            Some(Mended::Infeasible(cut)) => (Status::Infeasible, Some(Refutation::Cut(cut))),
            Some(Mended::Stopped(reason)) => (Status::NoSolution(reason), None),
            None => self.solve_from_scratch(&stop),
        };
        &self.status
    }

    fn solve_from_scratch(&mut self, stop: &Stop<'_>) -> (Status, Option<Refutation>) {
        let core = match (&mut self.core, &self.kept) {
            (Some(core), _) => core,
            (core, Some(kept)) => core.insert(Core::new(&kept.network())),
            (None, None) => unreachable!("one of them holds the network"),
        };
        let answer = core.solve(stop);
        self.hand_over(&answer.0);
        answer
    }

    /// Lets what is kept take over an answer, if it can.
    fn hand_over(&mut self, status: &Status) {
        if let Some(kept) = &mut self.kept
            && let Some(core) = &self.core
            && matches!(status, Status::Optimal | Status::Infeasible)
        {
            // That there is no flow may have been found without regard to costs.
            let supported = *status == Status::Optimal;
            kept.take_over(core.flows(), core.prices(), supported);
            self.core = None;
        }
    }

    /// Makes a change; the next [`solve`](Self::solve) begins where the last one ended. Returns the position of what is added.
    ///
    /// # Errors
    /// When the change speaks of what does not exist, or the network would mean nothing. Nothing is changed then.
    pub fn apply(&mut self, change: &Change) -> Result<Option<usize>, FlowError> {
        self.prepare_changes();
        let kept = self.kept.as_mut().expect("it was prepared");
        let added = kept.apply(change)?;
        // Nothing is known of the network as it is now.
        self.core = None;
        self.refutation = None;
        self.status = UNKNOWN;
        Ok(added)
    }

    /// Prepares for changes what takes time that grows with the network, which otherwise the first change does.
    pub fn prepare_changes(&mut self) {
        if self.kept.is_none()
            && let Some(core) = &self.core
        {
            self.kept = Some(Kept::new(core.network()));
            self.hand_over(&self.status.clone());
        }
    }

    /// Whether there is a node at the position.
    #[must_use]
    pub fn has_node(&self, node: usize) -> bool {
        match &self.kept {
            Some(kept) => kept.has_node(node),
            None => self.supply(node).is_some(),
        }
    }

    /// What a node supplies.
    #[must_use]
    pub fn supply(&self, node: usize) -> Option<i64> {
        match (&self.kept, &self.core) {
            (Some(kept), _) => kept.supply(node),
            (None, core) => core.as_ref()?.supply(node),
        }
    }

    /// The arc at a position.
    #[must_use]
    pub fn arc(&self, arc: usize) -> Option<FlowArc> {
        match (&self.kept, &self.core) {
            (Some(kept), _) => kept.arc(arc),
            (None, core) => core
                .as_ref()
                .filter(|core| arc < core.n_arcs())
                .map(|core| core.arc(arc)),
        }
    }

    /// The positions of the arcs from one node to another, ascending.
    #[must_use]
    pub fn arcs_between(&mut self, tail: usize, head: usize) -> Vec<usize> {
        self.prepare_changes();
        (self.kept.as_mut()).map_or_else(Vec::new, |kept| kept.arcs_between(tail, head))
    }

    /// What is known after the last solve; nothing, if a change came after it.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Everything that is known after the last solve, with its proof.
    #[must_use]
    pub fn outcome(&self) -> FlowOutcome {
        let mut outcome = FlowOutcome::of_status(self.status.clone(), Self::NAME);
        outcome.refutation.clone_from(&self.refutation);
        let proves_bound = self.status.has_solution() || self.status.stop_reason().is_some();
        match (&self.core, &self.kept) {
            (Some(core), _) => {
                outcome.pivots = Some(core.pivots());
                if self.status.has_solution() {
                    outcome.flows = Some(core.flows());
                }
                if proves_bound {
                    outcome.potentials = Some(core.prices().to_vec());
                    outcome.bound = core.bound();
                }
            }
            (None, Some(kept)) if !kept.is_lost() => {
                outcome.pivots = Some(0);
                if self.status.has_solution() {
                    outcome.flows = Some(kept.flows());
                }
                if proves_bound {
                    outcome.potentials = Some(kept.potentials());
                    outcome.bound = kept.bound();
                }
            }
            _ => {}
        }
        outcome.objective = self.objective();
        outcome
    }

    /// The cost of the flow that the last solve ended with, if it has one.
    #[must_use]
    pub fn objective(&self) -> Option<i128> {
        if !self.status.has_solution() {
            return None;
        }
        match (&self.core, &self.kept) {
            (Some(core), _) => Some(core.cost()),
            (None, kept) => kept.as_ref().map(Kept::cost),
        }
    }

    /// The network as it is now. Removed nodes have no supply, and removed arcs no capacity.
    #[must_use]
    pub fn network(&self) -> FlowNetwork {
        match (&self.kept, &self.core) {
            (Some(kept), _) => kept.network(),
            (None, Some(core)) => core.network(),
            (None, None) => unreachable!("one of them holds the network"),
        }
    }
}

/// Before the first solve, and after a change.
const UNKNOWN: Status = Status::NoSolution(StopReason::IterationLimit);
