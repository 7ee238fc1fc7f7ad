//! Solvers that misbehave.

use std::time::Duration;

use apportion_models::{
    Capabilities, Limits, Milp, MilpSolver, Outcome, Sense, SolverError, Status,
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
