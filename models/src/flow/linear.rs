//! Networks as linear programs, for any backend.

use super::network::{FlowNetwork, UNLIMITED};
use super::outcome::FlowOutcome;
use super::solver::{FlowError, FlowSolver};
use crate::guard::solve_guarded;
use crate::milp::{ColumnKind, Milp, Sense};
use crate::outcome::Status;
use crate::solver::{Limits, MilpSolver};
use std::sync::Arc;

/// A backend of linear programs as a solver of networks: slow, and independent of our own.
///
/// It proves nothing: outcomes carry neither potentials nor refutations, and no bound.
pub struct Linear(pub Arc<dyn MilpSolver>);

impl FlowNetwork {
    /// The linear program of the network: columns and rows as its model names them, by position.
    #[must_use]
    pub fn to_milp(&self, name: &str) -> Milp {
        let mut model = Milp::new(name, Sense::Minimize);
        let mut terms = vec![Vec::new(); self.supplies.len()];
        for (position, arc) in self.arcs.iter().enumerate() {
            let capacity = if arc.capacity == UNLIMITED {
                f64::INFINITY
            } else {
                arc.capacity as f64
            };
            let column = model.add_column(
                format!("x({position})"),
                arc.lower as f64,
                capacity,
                ColumnKind::Continuous,
                arc.cost as f64,
            );
            // A loop leaves its node and enters it: its terms cancel.
            if arc.tail != arc.head {
                terms[arc.tail as usize].push((column, 1.0));
                terms[arc.head as usize].push((column, -1.0));
            }
        }
        for (node, (terms, &supply)) in terms.into_iter().zip(&self.supplies).enumerate() {
            model.add_row(
                format!("balance({node})"),
                supply as f64,
                supply as f64,
                terms,
            );
        }
        model
    }
}

impl FlowSolver for Linear {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn solve(&self, network: &FlowNetwork, limits: &Limits) -> Result<FlowOutcome, FlowError> {
        network
            .validate()
            .map_err(|faults| FlowError::InvalidNetwork { faults })?;
        let answer = solve_guarded(&self.0, &Arc::new(network.to_milp("flow")), limits)?;
        let mut outcome = FlowOutcome::of_status(answer.status, answer.backend);
        if let Some(values) = answer.solution {
            let flows = (values.iter().enumerate())
                .map(|(arc, &value)| whole(arc, value, &outcome.solver))
                .collect::<Result<Vec<i64>, _>>()?;
            outcome.objective = Some(network.cost(&flows));
            if outcome.status == Status::Optimal {
                outcome.bound = outcome.objective;
            }
            outcome.flows = Some(flows);
        }
        Ok(outcome)
    }
}

/// The flow at a vertex of the program is whole, but for the rounding of the backend.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked against the limits of exact floats"
)]
fn whole(arc: usize, value: f64, solver: &str) -> Result<i64, FlowError> {
    const TOLERANCE: f64 = 1e-5;
    const LARGEST_EXACT: f64 = 9e15;
    let rounded = value.round();
    if (value - rounded).abs() > TOLERANCE || rounded.abs() > LARGEST_EXACT {
        return Err(FlowError::BrokenFlow {
            solver: solver.to_owned(),
            arc,
            flow: value,
        });
    }
    Ok(rounded as i64)
}
