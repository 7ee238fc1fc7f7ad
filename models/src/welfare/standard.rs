//! The form in which the interior point method sees a problem: reduced, scaled, every term a row.
//!
//! A logarithm becomes a row. With `z` its slack and `m` its multiplier, the row `-value . x + z = 0` under the
//! complementarity target `z m = weight` says exactly that `m = weight / z` is the marginal utility; the other rows
//! have target 0. What is left is linear but for these products.
//!
//! Scaling: a column is measured in the most of it that its rows and its bound allow alone, a row in its own bound
//! (its largest entry, where that is more, if it has entries of both signs). So entries lie between 0 and 1 and
//! bounds are about 1, whether a row counted thousandths or billions. Scales are powers of two: they round nothing.

use super::matrix::{Flat, Matrix, Span};
use super::presolve::Reduced;
use super::problem::Objective;
use super::solution::Duals;

/// A row that stands for the logarithm of a block, in [`Standard::row_origins`].
const LOGARITHM: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Standard {
    pub matrix: Matrix,
    /// Right-hand sides.
    pub bounds: Vec<f64>,
    /// The product that slack and multiplier of a row tend to: a weight for the row of a logarithm, else 0.
    pub targets: Vec<f64>,
    /// Linear values (all 0 under a logarithm), and upper bounds.
    pub values: Vec<f64>,
    pub uppers: Vec<f64>,
    /// The most of each column that any feasible point has, by its bound and by single rows; may be infinite.
    pub limits: Vec<f64>,
    /// The same by column of the flat problem, unscaled.
    flat_limits: Vec<f64>,
    column_origins: Vec<usize>,
    row_origins: Vec<usize>,
    column_scales: Vec<f64>,
    row_scales: Vec<f64>,
    /// One unit of the scaled objective in units of the stated one.
    money: f64,
}

impl Standard {
    pub fn of(flat: &Flat, reduced: &Reduced) -> Self {
        let limits = column_limits(flat, reduced);
        let column_scales: Vec<f64> = limits.iter().map(|&limit| power_of_two(limit)).collect();
        let money = money(flat, reduced, &column_scales);
        let mut standard = Self {
            matrix: Matrix::default(),
            bounds: Vec::new(),
            targets: Vec::new(),
            values: Vec::new(),
            uppers: Vec::new(),
            limits: Vec::new(),
            flat_limits: limits,
            column_origins: Vec::new(),
            row_origins: Vec::new(),
            column_scales: Vec::new(),
            row_scales: Vec::new(),
            money,
        };
        let scales = row_scales(flat, reduced, &column_scales);
        let row_position = standard.place_rows(flat, reduced, &scales, &column_scales);
        let logarithm_rows: Vec<Option<usize>> = standard.logarithm_rows(flat.matrix.spans.len());
        let mut spans = Vec::with_capacity(flat.matrix.spans.len());
        for (block, span) in flat.matrix.spans.iter().enumerate() {
            let first = standard.column_origins.len();
            for column in span
                .columns
                .clone()
                .filter(|&column| reduced.column_alive[column])
            {
                let logarithm = logarithm_rows[block];
                standard.push_column(flat, column, (&row_position, &scales), logarithm);
            }
            let rows = standard.matrix.spans[block].rows.clone();
            spans.push(Span {
                columns: first..standard.column_origins.len(),
                rows,
            });
        }
        if let Some(common) = flat.matrix.common()
            && reduced.column_alive[common]
        {
            standard.push_column(flat, common, (&row_position, &scales), None);
        }
        spans.retain(|span| !span.columns.is_empty() || !span.rows.is_empty());
        standard.matrix.spans = spans;
        standard
    }

    /// Appends a column of the flat problem that is left, scaled; `logarithm` is the row of its block's logarithm.
    fn push_column(
        &mut self,
        flat: &Flat,
        column: usize,
        (row_position, row_scales): (&[Option<u32>], &[f64]),
        logarithm: Option<usize>,
    ) {
        let scale = power_of_two(self.flat_limits[column]);
        let entries = flat.matrix.column(column);
        let entries = entries.filter_map(|(row, coefficient)| {
            Some((row_position[row]?, coefficient * scale / row_scales[row]))
        });
        let mut entries: Vec<(u32, f64)> = entries.collect();
        let value = flat.values[column];
        if let Some(row) = logarithm
            && value > 0.0
        {
            let scaled = value * scale / self.row_scales[row];
            let row = u32::try_from(row).expect("rows are fewer than 2^32");
            entries.push((row, -scaled));
        }
        self.matrix.push_column(&mut entries);
        self.values.push(if flat.objective == Objective::Linear {
            value * scale / self.money
        } else {
            0.0
        });
        // A bound that the rows imply needs no multiplier of its own.
        let limit = self.flat_limits[column];
        let binding = flat.uppers[column] <= limit;
        self.uppers.push(if binding {
            flat.uppers[column] / scale
        } else {
            f64::INFINITY
        });
        self.limits.push(limit / scale);
        self.column_scales.push(scale);
        self.column_origins.push(column);
    }

    /// Lays out the rows that are left: those of a block by ascending number of entries (so that a block's own
    /// factor fills in little), its logarithm last; then the shared rows.
    fn place_rows(
        &mut self,
        flat: &Flat,
        reduced: &Reduced,
        scales: &[f64],
        column_scales: &[f64],
    ) -> Vec<Option<u32>> {
        let matrix = &flat.matrix;
        let mut sizes = vec![0_usize; matrix.n_rows];
        for column in (0..matrix.n_columns()).filter(|&column| reduced.column_alive[column]) {
            for (row, _) in matrix.column(column) {
                sizes[row] += 1;
            }
        }
        let weight_total: f64 = flat.weights.iter().sum();
        let mut position = vec![None; matrix.n_rows];
        for (block, span) in matrix.spans.iter().enumerate() {
            let first = self.bounds.len();
            let mut rows: Vec<usize> = span
                .rows
                .clone()
                .filter(|&row| reduced.row_alive[row])
                .collect();
            rows.sort_by_key(|&row| (sizes[row], row));
            for row in rows {
                position[row] =
                    Some(self.push_row(row, flat.bounds[row] / scales[row], scales[row], 0.0));
            }
            let in_objective =
                flat.weights[block] > 0.0 && reduced.excluded.binary_search(&block).is_err();
            if flat.objective == Objective::LogUtility && in_objective {
                let best = span
                    .columns
                    .clone()
                    .filter(|&column| reduced.column_alive[column])
                    .map(|column| flat.values[column] * column_scales[column])
                    .fold(0.0, f64::max);
                self.push_row(
                    LOGARITHM,
                    0.0,
                    power_of_two(best),
                    flat.weights[block] / weight_total,
                );
            }
            self.matrix.spans.push(Span {
                columns: 0..0,
                rows: first..self.bounds.len(),
            });
        }
        self.matrix.shared_start = self.bounds.len();
        for row in (matrix.shared_start..matrix.n_rows).filter(|&row| reduced.row_alive[row]) {
            position[row] =
                Some(self.push_row(row, flat.bounds[row] / scales[row], scales[row], 0.0));
        }
        self.matrix.n_rows = self.bounds.len();
        position
    }

    fn push_row(&mut self, origin: usize, bound: f64, scale: f64, target: f64) -> u32 {
        self.bounds.push(bound);
        self.targets.push(target);
        self.row_origins.push(origin);
        self.row_scales.push(scale);
        u32::try_from(self.bounds.len() - 1).expect("rows are fewer than 2^32")
    }

    fn logarithm_rows(&self, blocks: usize) -> Vec<Option<usize>> {
        let spans = &self.matrix.spans[..blocks];
        spans
            .iter()
            .map(|span| {
                span.rows
                    .clone()
                    .next_back()
                    .filter(|&row| self.row_origins[row] == LOGARITHM)
            })
            .collect()
    }

    /// Writes a scaled point into the columns of the flat problem.
    pub fn write_columns(&self, x: &[f64], out: &mut [f64]) {
        for ((&origin, &scale), &x) in self.column_origins.iter().zip(&self.column_scales).zip(x) {
            out[origin] = x * scale;
        }
    }

    /// Writes scaled multipliers into the rows of the flat problem.
    pub fn write_row_duals(&self, duals: &[f64], out: &mut [f64]) {
        for ((&origin, &scale), &dual) in self.row_origins.iter().zip(&self.row_scales).zip(duals) {
            if origin != LOGARITHM {
                out[origin] = dual * self.money / scale;
            }
        }
    }

    /// Writes scaled multipliers of upper bounds into the columns of the flat problem.
    pub fn write_upper_duals(&self, duals: &[f64], out: &mut [f64]) {
        for ((&origin, &scale), &dual) in self
            .column_origins
            .iter()
            .zip(&self.column_scales)
            .zip(duals)
        {
            out[origin] = dual * self.money / scale;
        }
    }
}

/// Cuts flat multipliers into blocks.
pub(super) fn split_duals(flat: &Flat, row_duals: &[f64], upper_duals: &[f64]) -> Duals {
    let spans = &flat.matrix.spans;
    Duals {
        shared: row_duals[flat.matrix.shared_start..].to_vec(),
        own: spans
            .iter()
            .map(|span| row_duals[span.rows.clone()].to_vec())
            .collect(),
        upper: spans
            .iter()
            .map(|span| upper_duals[span.columns.clone()].to_vec())
            .collect(),
    }
}

/// The power of two next to a positive number; 1 for what has no scale.
fn power_of_two(number: f64) -> f64 {
    if number > 0.0 && number.is_finite() {
        number.log2().round().clamp(-500.0, 500.0).exp2()
    } else {
        1.0
    }
}

/// The most of each column that its bound and the rows without negative entries allow it alone.
fn column_limits(flat: &Flat, reduced: &Reduced) -> Vec<f64> {
    let matrix = &flat.matrix;
    let mixed = mixed_rows(flat, reduced);
    (0..matrix.n_columns())
        .map(|column| {
            matrix
                .column(column)
                .filter(|&(row, coefficient)| {
                    coefficient > 0.0 && reduced.row_alive[row] && !mixed[row]
                })
                .map(|(row, coefficient)| flat.bounds[row] / coefficient)
                .fold(flat.uppers[column], f64::min)
        })
        .collect()
}

/// The rows with a negative entry in a column that is left.
fn mixed_rows(flat: &Flat, reduced: &Reduced) -> Vec<bool> {
    let mut mixed = vec![false; flat.matrix.n_rows];
    for column in (0..flat.matrix.n_columns()).filter(|&column| reduced.column_alive[column]) {
        for (row, coefficient) in flat.matrix.column(column) {
            mixed[row] |= coefficient < 0.0;
        }
    }
    mixed
}

/// The unit of each row: its bound, or its largest scaled entry if that is more and the row is mixed.
fn row_scales(flat: &Flat, reduced: &Reduced, column_scales: &[f64]) -> Vec<f64> {
    let mixed = mixed_rows(flat, reduced);
    let mut largest = vec![0.0_f64; flat.matrix.n_rows];
    for column in (0..flat.matrix.n_columns()).filter(|&column| reduced.column_alive[column]) {
        for (row, coefficient) in flat.matrix.column(column) {
            largest[row] = largest[row].max(coefficient.abs() * column_scales[column]);
        }
    }
    (0..flat.matrix.n_rows)
        .map(|row| {
            let bound = flat.bounds[row].abs();
            power_of_two(if mixed[row] {
                bound.max(largest[row])
            } else {
                bound
            })
        })
        .collect()
}

/// The total weight under a logarithm; the largest scaled value if linear.
fn money(flat: &Flat, reduced: &Reduced, column_scales: &[f64]) -> f64 {
    let size = match flat.objective {
        Objective::LogUtility => flat.weights.iter().sum(),
        Objective::Linear => (0..flat.values.len())
            .filter(|&column| reduced.column_alive[column])
            .map(|column| (flat.values[column] * column_scales[column]).abs())
            .fold(0.0, f64::max),
    };
    if size > 0.0 { size } else { 1.0 }
}
