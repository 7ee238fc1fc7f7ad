//! Points of the standard form, steps between them, and where to start.

use super::parts::{add_scaled, pieces};
use super::standard::Standard;

/// Primal and dual variables of the standard form. `room` is what is left to an upper bound (infinite without one).
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub x: Vec<f64>,
    pub room: Vec<f64>,
    pub slack: Vec<f64>,
    /// Multipliers of `x >= 0`, of the upper bounds, and of the rows.
    pub low: Vec<f64>,
    pub up: Vec<f64>,
    pub price: Vec<f64>,
}

/// A Newton step, or the right-hand sides of the three kinds of complementarity.
#[derive(Debug, Clone)]
pub(super) struct Direction {
    pub x: Vec<f64>,
    pub slack: Vec<f64>,
    pub low: Vec<f64>,
    pub up: Vec<f64>,
    pub price: Vec<f64>,
}

impl Direction {
    pub fn add(&mut self, other: &Self) {
        add_scaled(&mut self.x, 1.0, &other.x);
        add_scaled(&mut self.slack, 1.0, &other.slack);
        add_scaled(&mut self.low, 1.0, &other.low);
        add_scaled(&mut self.up, 1.0, &other.up);
        add_scaled(&mut self.price, 1.0, &other.price);
    }
}

impl Point {
    /// The complementarity products of a column.
    pub fn pair_sum(&self, column: usize) -> f64 {
        let upper = if self.room[column].is_finite() {
            self.room[column] * self.up[column]
        } else {
            0.0
        };
        self.x[column] * self.low[column] + upper
    }

    /// The longest primal and dual steps, at most 1, that go `keep` of the way to the nearest zero.
    pub fn steps(&self, direction: &Direction, keep: f64) -> (f64, f64) {
        // A bound that does not exist has multiplier and change 0, and stops no step.
        let longest = |limit: f64, values: &[f64], changes: &[f64], sign: f64| {
            let of_piece = |piece: std::ops::Range<usize>| {
                let pairs = values[piece.clone()].iter().zip(&changes[piece]);
                pairs.fold(limit, |limit, (&value, &change)| {
                    let change = sign * change;
                    if limit * change < -value {
                        -value / change
                    } else {
                        limit
                    }
                })
            };
            let pieces = pieces(values.len(), of_piece);
            pieces.into_iter().fold(limit, f64::min)
        };
        let limit = 1.0 / keep;
        let primal = longest(limit, &self.x, &direction.x, 1.0);
        let primal = longest(primal, &self.room, &direction.x, -1.0);
        let primal = longest(primal, &self.slack, &direction.slack, 1.0);
        let dual = longest(limit, &self.low, &direction.low, 1.0);
        let dual = longest(dual, &self.up, &direction.up, 1.0);
        let dual = longest(dual, &self.price, &direction.price, 1.0);
        ((keep * primal).min(1.0), (keep * dual).min(1.0))
    }

    pub fn advance(&mut self, direction: &Direction, primal: f64, dual: f64) {
        add_scaled(&mut self.x, primal, &direction.x);
        add_scaled(&mut self.room, -primal, &direction.x);
        add_scaled(&mut self.slack, primal, &direction.slack);
        add_scaled(&mut self.low, dual, &direction.low);
        add_scaled(&mut self.up, dual, &direction.up);
        add_scaled(&mut self.price, dual, &direction.price);
    }
}

/// A starting point: half of every packing row used, and multipliers high enough to cover every column that some row
/// or bound can cover, in proportion to one over the slacks. Products are at least about `product`.
pub(super) fn start(standard: &Standard, product: f64) -> Point {
    let matrix = &standard.matrix;
    let x = start_columns(standard);
    let mut activity = vec![0.0; matrix.n_rows];
    matrix.add_product(&x, &mut activity);
    let mut slack = Vec::with_capacity(matrix.n_rows);
    let mut price = Vec::with_capacity(matrix.n_rows);
    for (row, &target) in standard.targets.iter().enumerate() {
        let rest = standard.bounds[row] - activity[row];
        slack.push(if target > 0.0 { rest } else { rest.max(1.0) });
        price.push(target / slack[row]);
    }
    let room: Vec<f64> = standard
        .uppers
        .iter()
        .zip(&x)
        .map(|(upper, x)| upper - x)
        .collect();
    // So far only the logarithms have multipliers: what a column gains must be covered by the others.
    let level = (0..x.len()).fold(product, |level, column| {
        let gain = standard.values[column] - matrix.dot(column, &price);
        let payers = matrix
            .column(column)
            .filter(|&(row, entry)| entry > 0.0 && standard.targets[row] == 0.0);
        let cover: f64 =
            payers.map(|(row, entry)| entry / slack[row]).sum::<f64>() + 1.0 / room[column];
        if cover > 0.0 {
            level.max(gain / cover)
        } else {
            level
        }
    });
    for (row, price) in price.iter_mut().enumerate() {
        if standard.targets[row] == 0.0 {
            *price = level / slack[row];
        }
    }
    let up: Vec<f64> = room.iter().map(|room| level / room).collect();
    let low = (0..x.len())
        .map(|column| {
            let excess = matrix.dot(column, &price) + up[column] - standard.values[column];
            excess.max(0.1 * product / x[column])
        })
        .collect();
    Point {
        x,
        room,
        slack,
        low,
        up,
        price,
    }
}

/// Each column's even part of half of the scarcest row that it is in.
fn start_columns(standard: &Standard) -> Vec<f64> {
    let matrix = &standard.matrix;
    let mut load = vec![0.0_f64; matrix.n_rows];
    for (&row, &coefficient) in matrix.rows().iter().zip(matrix.coefficients()) {
        load[row as usize] += coefficient.max(0.0);
    }
    (0..matrix.n_columns())
        .map(|column| {
            let limit = if standard.limits[column].is_finite() {
                standard.limits[column]
            } else {
                1.0
            };
            matrix
                .column(column)
                .filter(|&(row, coefficient)| coefficient > 0.0 && standard.bounds[row] > 0.0)
                .map(|(row, _)| 0.5 * standard.bounds[row] / load[row])
                .fold(0.5 * limit, f64::min)
        })
        .collect()
}
