//! The path: predictor, corrector, steps, and when to stop.

use super::matrix::Matrix;
use super::normal::NormalEquations;
use super::parts::{Parts, filled, sum};
use super::point::{Direction, Point, start};
use super::solution::{Residuals, Settings, Status};
use super::standard::Standard;

/// How a path ended, and where.
#[derive(Debug)]
pub(super) struct PathEnd {
    pub point: Point,
    pub status: Status,
    pub residuals: Residuals,
    pub iterations: usize,
}

/// A point this close is called inaccurate rather than lost.
const USABLE: f64 = 1e-4;
/// Steps without an improvement after which progress has ended: far from the tolerance, and within [`NEAR`] of it.
const PATIENCE: (usize, usize) = (20, 3);
/// The complementarity at the start, in units of the total weight (of the largest value, if linear).
const FIRST_GAP: f64 = 1.0;
/// A tolerance from which on steps need not be exact.
const ROUGH: f64 = 1e-6;
/// What rounding may leave of the tolerance, as a factor.
const NEAR: f64 = 100.0;

/// Follows the central path of `standard` from its starting point.
pub(super) fn follow(
    standard: &Standard,
    settings: &Settings,
    should_stop: &dyn Fn() -> bool,
) -> PathEnd {
    let mut path = Path::new(standard, settings.tolerance >= ROUGH);
    let mut best = PathEnd {
        point: path.point.clone(),
        status: Status::IterationLimit,
        residuals: Residuals {
            primal: f64::INFINITY,
            dual: f64::INFINITY,
            gap: f64::INFINITY,
        },
        iterations: 0,
    };
    let mut last_improvement = 0;
    let mut least_merit = f64::INFINITY;
    for iteration in 0..=settings.max_iterations {
        let residuals = path.measure();
        if !residuals.worst().is_finite() {
            break;
        }
        let floored = |residual: f64| residual.max(0.1 * settings.tolerance);
        let merit = floored(residuals.primal) * floored(residuals.dual) * floored(residuals.gap);
        if merit < 0.8 * least_merit {
            least_merit = merit;
            last_improvement = iteration;
        }
        if residuals.worst() < best.residuals.worst() {
            best.residuals = residuals;
            best.point.clone_from(&path.point);
        }
        best.iterations = iteration;
        if residuals.worst() <= settings.tolerance {
            best.status = Status::Optimal;
            return best;
        }
        if path.proves_infeasible() {
            best.status = Status::Infeasible;
            return best;
        }
        if should_stop() {
            best.status = Status::Stopped;
            return best;
        }
        let near = best.residuals.worst() <= NEAR * settings.tolerance;
        let patience = if near { PATIENCE.1 } else { PATIENCE.0 };
        if iteration == settings.max_iterations || iteration > last_improvement + patience {
            break;
        }
        path.step();
    }
    if best.residuals.worst() <= NEAR * settings.tolerance {
        best.status = Status::Optimal;
    } else if best.residuals.worst() <= USABLE {
        best.status = Status::Inaccurate;
    }
    best
}

/// A path: where it is, and the equations of its next step.
pub(super) struct Path<'a> {
    pub standard: &'a Standard,
    pub matrix: &'a Matrix,
    pub parts: Parts,
    pub equations: NormalEquations,
    pub point: Point,
    /// The primal and the dual residual at the point.
    pub primal: Vec<f64>,
    pub dual: Vec<f64>,
    /// `Theta` and the diagonal of the normal equations, and one over the diagonal of the whole.
    pub theta: Vec<f64>,
    pub diagonal: Vec<f64>,
    pub inverse_diagonal: Vec<f64>,
    /// Pairs whose product tends to 0, and the average of these products.
    pub n_pairs: f64,
    pub average: f64,
    /// Whether what rounding leaves of a step is left to the next one.
    pub is_rough: bool,
}

impl<'a> Path<'a> {
    fn new(standard: &'a Standard, is_rough: bool) -> Self {
        let bounded = standard
            .uppers
            .iter()
            .filter(|upper| upper.is_finite())
            .count();
        let rows = standard
            .targets
            .iter()
            .filter(|&&target| target == 0.0)
            .count();
        let parts = Parts::of(&standard.matrix);
        let pairs = standard.uppers.len() + bounded + rows;
        let n_pairs = pairs.max(1) as f64;
        Self {
            standard,
            matrix: &standard.matrix,
            equations: NormalEquations::new(&standard.matrix, &parts),
            parts,
            point: start(standard, FIRST_GAP / n_pairs),
            primal: Vec::new(),
            dual: vec![0.0; standard.uppers.len()],
            theta: Vec::new(),
            diagonal: Vec::new(),
            inverse_diagonal: Vec::new(),
            n_pairs,
            average: 0.0,
            is_rough,
        }
    }

    /// Computes the residuals at the point, and how far it is from optimal.
    fn measure(&mut self) -> Residuals {
        let (standard, point) = (self.standard, &self.point);
        self.primal.clear();
        self.primal.extend(
            standard
                .bounds
                .iter()
                .zip(&point.slack)
                .map(|(bound, slack)| bound - slack),
        );
        let mut scale: Vec<f64> = standard
            .bounds
            .iter()
            .map(|bound| 1.0_f64.max(bound.abs()))
            .collect();
        let matrix = self.matrix;
        let of_column = |column: usize| {
            let mut size = standard.values[column].abs() + point.up[column] + point.low[column];
            let mut priced = 0.0;
            for (row, coefficient) in matrix.column(column) {
                let term = coefficient * point.price[row];
                priced += term;
                size += term.abs();
            }
            let residual = standard.values[column] - priced - point.up[column] + point.low[column];
            ([residual, residual.abs() / size], -point.x[column])
        };
        let mut relative = vec![0.0; point.x.len()];
        let outs = [&mut self.dual[..], &mut relative];
        self.parts
            .map_and_add(matrix, outs, &mut self.primal, of_column);
        // A utility may be small beside its row's unit: its row counts relative to itself.
        for (row, &target) in standard.targets.iter().enumerate() {
            if target > 0.0 {
                scale[row] = point.slack[row];
            }
        }
        let primal = self
            .primal
            .iter()
            .zip(&scale)
            .map(|(residual, scale)| residual.abs() / scale)
            .fold(0.0, worse);
        Residuals {
            primal,
            dual: relative.into_iter().fold(0.0, worse),
            gap: self.measure_gap(),
        }
    }

    /// The complementarity left, relative; see [`Residuals::gap`].
    fn measure_gap(&mut self) -> f64 {
        let (standard, point) = (self.standard, &self.point);
        let row_gap = |rows: std::ops::Range<usize>| -> f64 {
            rows.map(|row| (point.slack[row] * point.price[row] - standard.targets[row]).abs())
                .sum()
        };
        let mut gap = 0.0;
        let mut total = row_gap(self.matrix.shared_start..self.matrix.n_rows);
        let spans = &self.matrix.spans;
        let by_block = filled(spans.len(), |block| {
            let columns = spans[block].columns.clone();
            columns.map(|column| point.pair_sum(column)).sum()
        });
        for (span, columns) in spans.iter().zip(by_block) {
            let block = columns + row_gap(span.rows.clone());
            let weight = span
                .rows
                .clone()
                .next_back()
                .map_or(0.0, |row| standard.targets[row]);
            if weight > 0.0 {
                gap = worse(gap, 0.01 * block / weight);
            }
            total += block;
        }
        if let Some(common) = self.matrix.common() {
            total += point.pair_sum(common);
        }
        let logarithmic = standard.targets.iter().any(|&target| target > 0.0);
        let value = sum(point.x.len(), |column| {
            standard.values[column] * point.x[column]
        });
        worse(
            gap,
            total
                / if logarithmic {
                    1.0
                } else {
                    value.abs().max(1e-3)
                },
        )
    }

    /// Whether the prices, applied to the box of what single rows allow, show that the rows contradict each other.
    fn proves_infeasible(&self) -> bool {
        let standard = self.standard;
        let mut value = 0.0;
        let mut size = 0.0;
        let mut ray = self.point.price.clone();
        for (row, (price, &target)) in ray.iter_mut().zip(&standard.targets).enumerate() {
            if target > 0.0 {
                *price = 0.0;
            }
            value += standard.bounds[row] * *price;
            size += (standard.bounds[row] * *price).abs();
        }
        if value >= 0.0 {
            return false;
        }
        for column in 0..self.point.x.len() {
            let reduced = self.matrix.dot(column, &ray);
            if reduced < 0.0 {
                value -= reduced * standard.limits[column];
                size -= reduced * standard.limits[column];
            }
        }
        value < -1e-9 * size
    }

    pub fn pair_total(&self) -> f64 {
        let columns = sum(self.point.x.len(), |column| self.point.pair_sum(column));
        let rows = self
            .standard
            .targets
            .iter()
            .zip(self.point.slack.iter().zip(&self.point.price));
        columns
            + rows
                .filter(|row| *row.0 == 0.0)
                .map(|(_, (slack, price))| slack * price)
                .sum::<f64>()
    }

    pub fn pair_total_after(&self, direction: &Direction, primal: f64, dual: f64) -> f64 {
        let point = &self.point;
        let of_column = |column: usize| {
            let moved = primal * direction.x[column];
            let low =
                (point.x[column] + moved) * (point.low[column] + dual * direction.low[column]);
            if point.room[column].is_finite() {
                let up = point.up[column] + dual * direction.up[column];
                low + (point.room[column] - moved) * up
            } else {
                low
            }
        };
        let mut total = sum(point.x.len(), of_column);
        for (row, _) in self
            .standard
            .targets
            .iter()
            .enumerate()
            .filter(|entry| *entry.1 == 0.0)
        {
            let slack = point.slack[row] + primal * direction.slack[row];
            total += slack * (point.price[row] + dual * direction.price[row]);
        }
        total
    }
}

fn worse(left: f64, right: f64) -> f64 {
    // Unlike `f64::max`, keeps what is not a number.
    if right > left || right.is_nan() {
        right
    } else {
        left
    }
}
