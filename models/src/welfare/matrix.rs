//! All rows and columns of a problem in one numbering, column by column.

use std::ops::Range;

use super::problem::{Objective, Problem};

/// The columns and the own rows of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

/// The constraint matrix: the own rows of all blocks first, block by block, then the shared rows; the columns block by block, and
/// last one that is in own rows of many blocks, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Matrix {
    pub spans: Vec<Span>,
    /// The first shared row.
    pub shared_start: usize,
    pub n_rows: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    coefficients: Vec<f64>,
}

impl Matrix {
    pub fn n_columns(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The entries of a column, rows ascending, each row once.
    #[inline]
    pub fn column(&self, column: usize) -> impl Iterator<Item = (usize, f64)> + Clone + '_ {
        let range = self.starts[column]..self.starts[column + 1];
        self.rows[range.clone()]
            .iter()
            .zip(&self.coefficients[range])
            .map(|(&row, &coefficient)| (row as usize, coefficient))
    }

    /// The column that is in no block, if there is one.
    pub fn common(&self) -> Option<usize> {
        let in_blocks = self.spans.iter().map(|span| span.columns.end).max();
        (in_blocks.unwrap_or(0) < self.n_columns()).then(|| self.n_columns() - 1)
    }

    /// The range of a column's entries in the arrays of all entries.
    pub fn entries(&self, column: usize) -> Range<usize> {
        self.starts[column]..self.starts[column + 1]
    }

    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Appends a column; duplicate rows are added up, zeros left out.
    pub fn push_column(&mut self, entries: &mut Vec<(u32, f64)>) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        entries.sort_by_key(|&(row, _)| row);
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        for &(row, coefficient) in entries.iter().filter(|entry| entry.1 != 0.0) {
            self.rows.push(row);
            self.coefficients.push(coefficient);
        }
        self.starts.push(self.rows.len());
    }

    /// `out += A x`.
    pub fn add_product(&self, x: &[f64], out: &mut [f64]) {
        for (column, &value) in x.iter().enumerate() {
            for (row, coefficient) in self.column(column) {
                out[row] += coefficient * value;
            }
        }
    }

    /// The entry of `A^T y` for one column.
    #[inline]
    pub fn dot(&self, column: usize, y: &[f64]) -> f64 {
        self.column(column)
            .map(|(row, coefficient)| coefficient * y[row])
            .sum()
    }
}

/// A problem in one numbering.
#[derive(Debug, Clone)]
pub(super) struct Flat {
    pub matrix: Matrix,
    /// The right-hand side of each row.
    pub bounds: Vec<f64>,
    /// The upper bound of each column.
    pub uppers: Vec<f64>,
    /// The value of each column: as stated under a logarithm, times the weight if linear; 0 in a block of weight 0.
    pub values: Vec<f64>,
    pub weights: Vec<f64>,
    pub objective: Objective,
}

impl Flat {
    pub fn of(problem: &Problem) -> Self {
        let own_rows: usize = problem
            .blocks()
            .iter()
            .map(|block| block.own_bounds().len())
            .sum();
        let objective = problem.objective();
        let mut flat = Self {
            matrix: Matrix {
                shared_start: own_rows,
                n_rows: own_rows + problem.shared_bounds().len(),
                ..Matrix::default()
            },
            bounds: Vec::new(),
            uppers: Vec::new(),
            values: Vec::new(),
            weights: problem
                .blocks()
                .iter()
                .map(super::problem::Block::weight)
                .collect(),
            objective,
        };
        let mut entries = Vec::new();
        for block in problem.blocks() {
            let first_row = flat.bounds.len();
            let first_column = flat.values.len();
            flat.bounds.extend_from_slice(block.own_bounds());
            flat.uppers.extend_from_slice(block.uppers());
            let factor = match objective {
                Objective::LogUtility if block.weight() > 0.0 => 1.0,
                Objective::LogUtility => 0.0,
                Objective::Linear => block.weight(),
            };
            flat.values
                .extend(block.values().iter().map(|value| factor * value));
            for column in 0..block.columns() {
                entries.clear();
                let shift = |start: usize| {
                    move |&(row, coefficient): &(u32, f64)| {
                        let row =
                            u32::try_from(start + row as usize).expect("rows are fewer than 2^32");
                        (row, coefficient)
                    }
                };
                entries.extend(block.own_entries(column).iter().map(shift(first_row)));
                entries.extend(block.shared_entries(column).iter().map(shift(own_rows)));
                flat.matrix.push_column(&mut entries);
            }
            flat.matrix.spans.push(Span {
                columns: first_column..flat.values.len(),
                rows: first_row..flat.bounds.len(),
            });
        }
        flat.bounds.extend_from_slice(problem.shared_bounds());
        if let Some(common) = problem.common() {
            entries.clear();
            entries.extend(common.entries.iter().map(|&(block, row, coefficient)| {
                let row = flat.matrix.spans[block].rows.start + row;
                let row = u32::try_from(row).expect("rows are fewer than 2^32");
                (row, coefficient)
            }));
            flat.matrix.push_column(&mut entries);
            flat.values.push(common.value);
            flat.uppers.push(common.upper);
        }
        flat
    }
}
