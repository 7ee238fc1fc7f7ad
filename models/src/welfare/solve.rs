//! Reduce, scale, follow the path, translate back.

use super::interior::{self, PathEnd};
use super::matrix::Flat;
use super::point::Point;
use super::presolve::{self, Reduced};
use super::problem::{Objective, Problem, ProblemFault};
use super::solution::{Duals, Residuals, Settings, Solution, Status};
use super::standard::{Standard, split_duals};

/// Solves a welfare problem.
///
/// That no point is feasible, or that the objective has no bound, is an answer: see [`Solution::status`].
///
/// # Errors
/// A problem that [`Problem::check`] finds fault with.
pub fn solve(problem: &Problem, settings: &Settings) -> Result<Solution, ProblemFault> {
    solve_until(problem, settings, &|| false)
}

/// As [`solve`], but asks before each Newton step whether to stop, and then returns the best point so far.
///
/// # Errors
/// A problem that [`Problem::check`] finds fault with.
pub fn solve_until(
    problem: &Problem,
    settings: &Settings,
    should_stop: &dyn Fn() -> bool,
) -> Result<Solution, ProblemFault> {
    problem.check()?;
    let flat = Flat::of(problem);
    let reduced = presolve::reduce(&flat);
    if let Some(status) = reduced.verdict {
        return Ok(settled(problem, &flat, status, reduced.excluded));
    }
    let standard = Standard::of(&flat, &reduced);
    let end = interior::follow(&standard, settings, should_stop);
    Ok(translate(problem, &flat, &reduced, &standard, end))
}

/// The answer of a problem that a single row or column settles.
fn settled(problem: &Problem, flat: &Flat, status: Status, excluded: Vec<usize>) -> Solution {
    let rows = vec![0.0; flat.matrix.n_rows];
    let columns = vec![0.0; flat.matrix.n_columns()];
    Solution {
        status,
        x: problem
            .blocks()
            .iter()
            .map(|block| vec![0.0; block.columns()])
            .collect(),
        utilities: vec![0.0; problem.blocks().len()],
        common: 0.0,
        duals: split_duals(flat, &rows, &columns),
        excluded,
        residuals: Residuals {
            primal: f64::INFINITY,
            dual: f64::INFINITY,
            gap: f64::INFINITY,
        },
        iterations: 0,
    }
}

fn translate(
    problem: &Problem,
    flat: &Flat,
    reduced: &Reduced,
    standard: &Standard,
    end: PathEnd,
) -> Solution {
    let PathEnd {
        point,
        status,
        residuals,
        iterations,
    } = end;
    let mut columns = vec![0.0; flat.matrix.n_columns()];
    standard.write_columns(&point.x, &mut columns);
    let x: Vec<Vec<f64>> = flat
        .matrix
        .spans
        .iter()
        .map(|span| columns[span.columns.clone()].to_vec())
        .collect();
    let utilities: Vec<f64> = problem
        .blocks()
        .iter()
        .zip(&x)
        .map(|(block, x)| block.utility(x))
        .collect();
    let duals = translate_duals(flat, reduced, standard, &point, &utilities);
    Solution {
        status,
        x,
        utilities,
        common: flat.matrix.common().map_or(0.0, |column| columns[column]),
        duals,
        excluded: reduced.excluded.clone(),
        residuals,
        iterations,
    }
}

fn translate_duals(
    flat: &Flat,
    reduced: &Reduced,
    standard: &Standard,
    point: &Point,
    utilities: &[f64],
) -> Duals {
    let mut rows = vec![0.0; flat.matrix.n_rows];
    let mut uppers = vec![0.0; flat.matrix.n_columns()];
    standard.write_row_duals(&point.price, &mut rows);
    standard.write_upper_duals(&point.up, &mut uppers);
    let mut marginal = flat.values.clone();
    if flat.objective == Objective::LogUtility {
        for ((span, &weight), &utility) in
            flat.matrix.spans.iter().zip(&flat.weights).zip(utilities)
        {
            let factor = if utility > 0.0 { weight / utility } else { 0.0 };
            marginal[span.columns.clone()]
                .iter_mut()
                .for_each(|value| *value *= factor);
        }
    }
    reduced.price_fixed_columns(flat, |column| marginal[column], &mut rows, &mut uppers);
    split_duals(flat, &rows, &uppers)
}
