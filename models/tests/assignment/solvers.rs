//! Solvers that misbehave.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apportion_models::{
    Capabilities, Limits, Milp, MilpSolver, Outcome, Sense, SolverError, Status, StopReason,
    default_solver,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mischief {
    Panic,
    Hang,
    Overfill,
    Infeasible,
    WrongBound,
    NotANumber,
    Nothing,
}

pub struct Misbehaving(pub Mischief);

impl MilpSolver for Misbehaving {
    fn name(&self) -> &str {
        "misbehaving"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dual_bound: true,
            start: true,
            row_duals: true,
            time_limit: true,
            interrupt: true,
            node_limit: true,
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        let answer = |values: Vec<f64>, bound: Option<f64>| Outcome {
            objective: Some(model.objective_value(&values)),
            solution: Some(values),
            dual_bound: bound,
            ..Outcome::without_solution(Status::Optimal, self.name())
        };
        let tops: Vec<f64> = model
            .columns
            .iter()
            .map(|column| column.upper.min(1e6))
            .collect();
        match self.0 {
            Mischief::Panic => panic!("as it pleases"),
            Mischief::Hang => loop {
                std::thread::sleep(Duration::from_millis(50));
            },
            Mischief::Overfill => Ok(answer(tops, None)),
            Mischief::Infeasible => Ok(Outcome::without_solution(Status::Infeasible, self.name())),
            Mischief::WrongBound => {
                let start = limits
                    .start
                    .clone()
                    .unwrap_or(vec![0.0; model.columns.len()]);
                let far = if model.sense == Sense::Maximize {
                    -1e6
                } else {
                    1e6
                };
                Ok(answer(start, Some(far)))
            }
            Mischief::NotANumber => Ok(answer(vec![f64::NAN; model.columns.len()], Some(f64::NAN))),
            Mischief::Nothing => Ok(Outcome::without_solution(Status::Optimal, self.name())),
        }
    }
}

/// The default backend, which answers only so many times where it is asked about packing patterns, and then takes all of its time.
pub struct TiresOfPatterns(AtomicUsize);

impl TiresOfPatterns {
    pub fn after(answers: usize) -> Self {
        Self(AtomicUsize::new(answers))
    }
}

impl MilpSolver for TiresOfPatterns {
    fn name(&self) -> &str {
        "tired"
    }

    fn capabilities(&self) -> Capabilities {
        default_solver().capabilities()
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        let one_less = |left: usize| left.checked_sub(1);
        if model.name == "patterns"
            && (self.0)
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_err()
        {
            std::thread::sleep(limits.time.unwrap_or_default());
            let status = Status::NoSolution(StopReason::Deadline);
            return Ok(Outcome::without_solution(status, self.name()));
        }
        default_solver().solve(model, limits)
    }
}
