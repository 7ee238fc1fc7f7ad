//! One step along the path: predictor, corrector, centering, and how far to go.

use super::interior::Path;
use super::normal::weighted_norm;
use super::parts::{add_scaled, fill, filled};
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
        self.theta.resize(point.x.len(), 0.0);
        fill(&mut self.theta, |column| {
            let up = point.up[column] / point.room[column];
            1.0 / (point.low[column] / point.x[column] + up)
        });
        self.diagonal.clear();
        let pairs = point.slack.iter().zip(&point.price);
        self.diagonal
            .extend(pairs.map(|(slack, price)| slack / price));
        self.equations
            .factor(self.matrix, &self.theta, &self.diagonal);
        if !self.is_rough {
            self.invert_diagonal();
        }
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
        self.parts
            .add_squares(self.matrix, &self.theta, &mut self.inverse_diagonal);
        for entry in &mut self.inverse_diagonal {
            *entry = 1.0 / *entry;
        }
    }

    /// The right-hand sides of complementarity: products to move to `aim` (a logarithm's to its weight), less the
    /// second-order terms of `predictor`.
    fn aims(&self, aim: f64, predictor: Option<&Direction>) -> Aims {
        let point = &self.point;
        let n_columns = point.x.len();
        let low = |column: usize| {
            let second = predictor.map_or(0.0, |it| it.x[column] * it.low[column]);
            aim - point.x[column] * point.low[column] - second
        };
        let up = |column: usize| {
            let second = predictor.map_or(0.0, |it| it.x[column] * it.up[column]);
            if point.room[column].is_finite() {
                aim - point.room[column] * point.up[column] + second
            } else {
                0.0
            }
        };
        let slack = |(row, &target): (usize, &f64)| {
            let second = predictor.map_or(0.0, |it| it.slack[row] * it.price[row]);
            let aim = if target > 0.0 { target } else { aim };
            aim - point.slack[row] * point.price[row] - second
        };
        Aims {
            slack: self
                .standard
                .targets
                .iter()
                .enumerate()
                .map(slack)
                .collect(),
            low: filled(n_columns, low),
            up: filled(n_columns, up),
        }
    }

    /// The Newton step for the residuals at the point and these aims.
    fn solve(&self, aims: &Aims, with_residuals: bool) -> Direction {
        let point = &self.point;
        let share = if with_residuals { 1.0 } else { 0.0 };
        let n_columns = point.x.len();
        let mut pull = vec![0.0; n_columns];
        let mut right: Vec<f64> = (0..point.slack.len())
            .map(|row| aims.slack[row] / point.price[row] - share * self.primal[row])
            .collect();
        let pulled = |column: usize| {
            let pull = share * self.dual[column] + aims.low[column] / point.x[column]
                - aims.up[column] / point.room[column];
            ([pull], self.theta[column] * pull)
        };
        self.parts
            .map_and_add(self.matrix, [&mut pull], &mut right, pulled);
        let price = self.solve_refined(&right);
        // A wide slack follows from its row, so that rounding does not pile up in the rows; a narrow one from its
        // product, so that it keeps its relative accuracy.
        let mut slack: Vec<f64> = self
            .primal
            .iter()
            .map(|residual| share * residual)
            .collect();
        let mut direction = Direction {
            x: vec![0.0; n_columns],
            slack: Vec::new(),
            low: vec![0.0; n_columns],
            up: vec![0.0; n_columns],
            price,
        };
        let price = &direction.price;
        let moved = |column: usize| {
            let x = self.theta[column] * (pull[column] - self.matrix.dot(column, price));
            let low = (aims.low[column] - point.low[column] * x) / point.x[column];
            let up = (aims.up[column] + point.up[column] * x) / point.room[column];
            ([x, low, up], -x)
        };
        let outs = [&mut direction.x[..], &mut direction.low, &mut direction.up];
        self.parts.map_and_add(self.matrix, outs, &mut slack, moved);
        for (row, change) in slack.iter_mut().enumerate() {
            if self.standard.targets[row] == 0.0 && point.slack[row] < point.price[row] {
                *change = (aims.slack[row] - point.slack[row] * price[row]) / point.price[row];
            }
        }
        direction.slack = slack;
        direction
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
        let low = filled(point.x.len(), |column| {
            let x = point.x[column] + primal * direction.x[column];
            pull(x * (point.low[column] + dual * direction.low[column]), aim)
        });
        let up = filled(point.x.len(), |column| {
            if point.room[column].is_finite() {
                let room = point.room[column] - primal * direction.x[column];
                pull(room * (point.up[column] + dual * direction.up[column]), aim)
            } else {
                0.0
            }
        });
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
        // `right - (A diag(theta) A^T + diag) solution`: what a solve left over.
        let leftover = |solution: &[f64], rest: &mut Vec<f64>| {
            rest.clear();
            let rows = right.iter().zip(self.diagonal.iter().zip(solution));
            rest.extend(rows.map(|(right, (diagonal, it))| right - diagonal * it));
            let moved = |column: usize| -self.theta[column] * self.matrix.dot(column, solution);
            self.parts.add_product(self.matrix, moved, rest);
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
            add_scaled(&mut trial, 1.0, &solution);
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
