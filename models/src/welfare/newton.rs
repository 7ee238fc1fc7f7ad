//! One step along the path: predictor, corrector, centering, and how far to go.

use super::interior::Path;
use super::normal::{add_to, leftover, weighted_norm};
use super::point::Direction;

/// The squared relative residual at which a solve needs no refinement.
const REFINED: f64 = 1e-24;
/// The largest centering: where predictors are short, the correctors below center better than a larger aim does.
const CENTERING: f64 = 0.03;
/// The most centrality correctors of a step.
const CORRECTORS: usize = 2;
/// How much farther than its steps a direction is corrected: a factor, and a part of the full step.
const REACH: (f64, f64) = (1.1, 0.1);
/// Products within these multiples of their aim are central enough.
const BAND: (f64, f64) = (0.1, 10.0);

/// What is to be added to the products of a point: slack and price, `x` and its multiplier, room and its multiplier.
struct Aims {
    slack: Vec<f64>,
    low: Vec<f64>,
    up: Vec<f64>,
}

impl Path<'_> {
    /// One predictor-corrector step.
    pub fn step(&mut self) {
        let point = &self.point;
        self.average = self.pair_total() / self.n_pairs;
        self.theta.clear();
        self.theta.extend((0..point.x.len()).map(|column| {
            let up = point.up[column] / point.room[column];
            1.0 / (point.low[column] / point.x[column] + up)
        }));
        self.diagonal.clear();
        let pairs = point.slack.iter().zip(&point.price);
        self.diagonal
            .extend(pairs.map(|(slack, price)| slack / price));
        self.equations
            .factor(self.matrix, &self.theta, &self.diagonal);
        self.invert_diagonal();

        let predictor = self.solve(&self.aims(0.0, None), true);
        let (primal, dual) = self.point.steps(&predictor, 1.0);
        let after = self.pair_total_after(&predictor, primal, dual) / self.n_pairs;
        let centering = (after / self.average)
            .clamp(0.0, 1.0)
            .powi(3)
            .min(CENTERING);
        let aim = centering * self.average;
        let corrector = self.solve(&self.aims(aim, Some(&predictor)), true);
        let corrector = self.center(corrector, aim);
        let keep = 1.0 - (0.1_f64).min(0.0005_f64.max(centering));
        let (primal, dual) = self.point.steps(&corrector, keep);
        self.point.advance(&corrector, primal, dual);
    }

    fn invert_diagonal(&mut self) {
        self.inverse_diagonal.clone_from(&self.diagonal);
        for (column, &theta) in self.theta.iter().enumerate() {
            for (row, coefficient) in self.matrix.column(column) {
                self.inverse_diagonal[row] += coefficient * coefficient * theta;
            }
        }
        for entry in &mut self.inverse_diagonal {
            *entry = 1.0 / *entry;
        }
    }

    /// The right-hand sides of complementarity: products to move to `aim` (a logarithm's to its weight), less the
    /// second-order terms of `predictor`.
    fn aims(&self, aim: f64, predictor: Option<&Direction>) -> Aims {
        let point = &self.point;
        let n_columns = point.x.len();
        let mut aims = Aims {
            slack: Vec::with_capacity(point.slack.len()),
            low: Vec::with_capacity(n_columns),
            up: vec![0.0; n_columns],
        };
        for column in 0..n_columns {
            let (x, low, up) = predictor.map_or((0.0, 0.0, 0.0), |p| {
                (p.x[column], p.low[column], p.up[column])
            });
            aims.low
                .push(aim - point.x[column] * point.low[column] - x * low);
            if point.room[column].is_finite() {
                aims.up[column] = aim - point.room[column] * point.up[column] + x * up;
            }
        }
        for (row, &target) in self.standard.targets.iter().enumerate() {
            let second = predictor.map_or(0.0, |p| p.slack[row] * p.price[row]);
            let aim = if target > 0.0 { target } else { aim };
            aims.slack
                .push(aim - point.slack[row] * point.price[row] - second);
        }
        aims
    }

    /// The Newton step for the residuals at the point and these aims.
    fn solve(&self, aims: &Aims, with_residuals: bool) -> Direction {
        let point = &self.point;
        let share = if with_residuals { 1.0 } else { 0.0 };
        let pull: Vec<f64> = (0..point.x.len())
            .map(|column| {
                share * self.dual[column] + aims.low[column] / point.x[column]
                    - aims.up[column] / point.room[column]
            })
            .collect();
        let mut right: Vec<f64> = (0..point.slack.len())
            .map(|row| aims.slack[row] / point.price[row] - share * self.primal[row])
            .collect();
        for (column, (&theta, &pull)) in self.theta.iter().zip(&pull).enumerate() {
            for (row, coefficient) in self.matrix.column(column) {
                right[row] += coefficient * theta * pull;
            }
        }
        let price = self.solve_refined(&right);
        let x: Vec<f64> = (0..point.x.len())
            .map(|column| self.theta[column] * (pull[column] - self.matrix.dot(column, &price)))
            .collect();
        let low = (0..x.len())
            .map(|column| (aims.low[column] - point.low[column] * x[column]) / point.x[column])
            .collect();
        let up = (0..x.len())
            .map(|column| (aims.up[column] + point.up[column] * x[column]) / point.room[column])
            .collect();
        // A wide slack follows from its row, so that rounding does not pile up in the rows; a narrow one from its
        // product, so that it keeps its relative accuracy.
        let mut slack: Vec<f64> = self
            .primal
            .iter()
            .map(|residual| share * residual)
            .collect();
        for (column, &x) in x.iter().enumerate() {
            for (row, coefficient) in self.matrix.column(column) {
                slack[row] -= coefficient * x;
            }
        }
        for (row, change) in slack.iter_mut().enumerate() {
            if self.standard.targets[row] == 0.0 && point.slack[row] < point.price[row] {
                *change = (aims.slack[row] - point.slack[row] * price[row]) / point.price[row];
            }
        }
        Direction {
            x,
            slack,
            low,
            up,
            price,
        }
    }

    /// Adds centrality correctors to a direction: as long as the steps grow, it looks a little farther than they
    /// reach and pulls the products that are far off `aim` there back towards it.
    fn center(&self, mut direction: Direction, aim: f64) -> Direction {
        let mut steps = self.point.steps(&direction, 1.0);
        for _ in 0..CORRECTORS {
            if steps.0 > 0.95 && steps.1 > 0.95 {
                break;
            }
            let farther = (
                (steps.0 * REACH.0 + REACH.1).min(1.0),
                (steps.1 * REACH.0 + REACH.1).min(1.0),
            );
            let mut trial = self.solve(&self.pulls(&direction, farther, aim), false);
            trial.add(&direction);
            let reached = self.point.steps(&trial, 1.0);
            if reached.0 < steps.0 + 0.1 * (farther.0 - steps.0)
                && reached.1 < steps.1 + 0.1 * (farther.1 - steps.1)
            {
                break;
            }
            direction = trial;
            steps = reached;
        }
        direction
    }

    /// What would bring the products after these steps back between [`BAND`] times their aims.
    fn pulls(&self, direction: &Direction, (primal, dual): (f64, f64), aim: f64) -> Aims {
        let point = &self.point;
        let pull = |product: f64, aim: f64| {
            let near = product.max(BAND.0 * aim).min(BAND.1 * aim);
            (near - product).max(-BAND.1 * aim)
        };
        let n_columns = point.x.len();
        let mut low = Vec::with_capacity(n_columns);
        let mut up = vec![0.0; n_columns];
        for (column, change) in direction.x.iter().enumerate() {
            let moved = primal * change;
            let product =
                (point.x[column] + moved) * (point.low[column] + dual * direction.low[column]);
            low.push(pull(product, aim));
            if point.room[column].is_finite() {
                let product =
                    (point.room[column] - moved) * (point.up[column] + dual * direction.up[column]);
                up[column] = pull(product, aim);
            }
        }
        let slack = (self.standard.targets.iter().enumerate())
            .map(|(row, &target)| {
                let slack = point.slack[row] + primal * direction.slack[row];
                let product = slack * (point.price[row] + dual * direction.price[row]);
                pull(product, if target > 0.0 { target } else { aim })
            })
            .collect();
        Aims { slack, low, up }
    }

    /// Solves the normal equations and, unless the answer is to be rough, repairs the rounding of the factor, as long as that
    /// helps.
    fn solve_refined(&self, right: &[f64]) -> Vec<f64> {
        let leftover = |solution: &[f64], rest: &mut Vec<f64>| {
            leftover(
                self.matrix,
                &self.theta,
                &self.diagonal,
                right,
                solution,
                rest,
            );
            weighted_norm(rest, &self.inverse_diagonal)
        };
        let mut solution = right.to_vec();
        self.equations.solve(&mut solution);
        if self.is_rough {
            return solution;
        }
        let enough = REFINED * weighted_norm(right, &self.inverse_diagonal);
        let mut rest = Vec::new();
        let mut norm = leftover(&solution, &mut rest);
        for _ in 0..2 {
            if norm <= enough {
                break;
            }
            let mut trial = rest.clone();
            self.equations.solve(&mut trial);
            add_to(&mut trial, &solution);
            let trial_norm = leftover(&trial, &mut rest);
            if trial_norm.partial_cmp(&norm) != Some(std::cmp::Ordering::Less) {
                break;
            }
            solution = trial;
            norm = trial_norm;
        }
        solution
    }
}
