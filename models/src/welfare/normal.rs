//! The normal equations `(A Theta A^T + diag) d = r`, solved block by block.
//!
//! Own rows of different blocks never meet, so each block is eliminated by itself (a skyline factor: own rows are
//! mostly disjoint, the row of the logarithm comes last) and leaves its share of a dense Schur complement on the
//! shared rows:
//!
//! ```text
//! [ K_1           G_1 ]     K_p = own rows of block p      Y_p = L_p^-1 G_p
//! [      ...      ... ]     G_p = own x shared rows        S' = S - sum_p Y_p^T Y_p
//! [           K_P G_P ]
//! [ G_1' ... G_P'  S  ]
//! ```

use super::cholesky::{Dense, Skyline, dot, subtract_scaled};
use super::matrix::{Matrix, Span};

/// Rows of `Y` that are subtracted from the Schur complement at once.
const BATCH: usize = 8;

/// One block's part of the equations.
#[derive(Debug)]
struct BlockEquations {
    span: Span,
    /// The shared rows that the block's columns enter, counted from the first shared row, ascending.
    support: Vec<u32>,
    own: Skyline,
    /// `G`, then `Y`: own rows by `support`.
    coupling: Vec<f64>,
}

/// The normal equations of a matrix, and their factor.
#[derive(Debug)]
pub(super) struct NormalEquations {
    blocks: Vec<BlockEquations>,
    /// For each entry of the matrix: its own row within the block, or its shared row within the block's support.
    places: Vec<u32>,
    shared: Dense,
    n_shared: usize,
    shared_start: usize,
}

impl NormalEquations {
    pub fn new(matrix: &Matrix) -> Self {
        let n_shared = matrix.n_rows - matrix.shared_start;
        let mut places = vec![0; matrix.rows().len()];
        let blocks = matrix
            .spans
            .iter()
            .map(|span| BlockEquations::new(matrix, span, &mut places))
            .collect();
        Self {
            blocks,
            places,
            shared: Dense::new(n_shared),
            n_shared,
            shared_start: matrix.shared_start,
        }
    }

    /// Fills in and factors `A diag(theta) A^T + diag(diagonal)`.
    pub fn factor(&mut self, matrix: &Matrix, theta: &[f64], diagonal: &[f64]) {
        self.shared.clear();
        for block in &mut self.blocks {
            block.assemble(matrix, &self.places, theta, diagonal, &mut self.shared);
        }
        for (row, &value) in diagonal[self.shared_start..].iter().enumerate() {
            self.shared.add(row, row, value);
        }
        self.shared.mark_diagonal();
        let mut batch = Vec::with_capacity(BATCH * self.n_shared);
        for block in &mut self.blocks {
            block.own.factor();
            let width = block.support.len();
            if width == 0 {
                continue;
            }
            block.own.solve_lower_many(&mut block.coupling, width);
            for vector in block.coupling.chunks_exact(width) {
                if 2 * width < self.n_shared {
                    self.shared.subtract_sparse_outer(&block.support, vector);
                    continue;
                }
                let start = batch.len();
                batch.resize(start + self.n_shared, 0.0);
                for (&row, &value) in block.support.iter().zip(vector) {
                    batch[start + row as usize] = value;
                }
                if batch.len() == BATCH * self.n_shared {
                    self.shared.subtract_outer(&batch);
                    batch.clear();
                }
            }
        }
        if !batch.is_empty() {
            self.shared.subtract_outer(&batch);
        }
        self.shared.factor();
    }

    /// Solves with the factor, in place.
    pub fn solve(&self, vector: &mut [f64]) {
        let (own, shared) = vector.split_at_mut(self.shared_start);
        for block in &self.blocks {
            let part = &mut own[block.span.rows.clone()];
            block.own.solve_lower(part);
            let width = block.support.len();
            for (&value, coupling) in part.iter().zip(block.coupling.chunks_exact(width.max(1))) {
                for (&row, &factor) in block.support.iter().zip(coupling) {
                    shared[row as usize] -= value * factor;
                }
            }
        }
        self.shared.solve(shared);
        let mut gathered = Vec::new();
        for block in &self.blocks {
            let part = &mut own[block.span.rows.clone()];
            gathered.clear();
            gathered.extend(block.support.iter().map(|&row| shared[row as usize]));
            for (value, coupling) in part
                .iter_mut()
                .zip(block.coupling.chunks_exact(gathered.len().max(1)))
            {
                *value -= dot(coupling, &gathered);
            }
            block.own.solve_upper(part);
        }
    }
}

impl BlockEquations {
    fn new(matrix: &Matrix, span: &Span, places: &mut [u32]) -> Self {
        let shared_start = matrix.shared_start;
        let mut support: Vec<u32> = Vec::new();
        let mut first: Vec<usize> = (0..span.rows.len()).collect();
        for column in span.columns.clone() {
            let mut least = None;
            for (row, _) in matrix.column(column) {
                if row >= shared_start {
                    support
                        .push(u32::try_from(row - shared_start).expect("rows are fewer than 2^32"));
                } else {
                    let row = row - span.rows.start;
                    let least = *least.get_or_insert(row);
                    first[row] = first[row].min(least);
                }
            }
        }
        support.sort_unstable();
        support.dedup();
        for entry in span
            .columns
            .clone()
            .flat_map(|column| matrix.entries(column))
        {
            let row = matrix.rows()[entry] as usize;
            let place = if row < shared_start {
                row - span.rows.start
            } else {
                support.partition_point(|&other| (other as usize) < row - shared_start)
            };
            places[entry] = u32::try_from(place).expect("rows are fewer than 2^32");
        }
        let coupling = vec![0.0; first.len() * support.len()];
        Self {
            span: span.clone(),
            support,
            own: Skyline::new(first),
            coupling,
        }
    }

    /// Fills in `K` and `G`, and adds the block's columns to the shared part.
    fn assemble(
        &mut self,
        matrix: &Matrix,
        places: &[u32],
        theta: &[f64],
        diagonal: &[f64],
        shared: &mut Dense,
    ) {
        self.own.clear();
        self.coupling.fill(0.0);
        let width = self.support.len();
        for column in self.span.columns.clone() {
            let entries = matrix.entries(column);
            let rows = &matrix.rows()[entries.clone()];
            let places = &places[entries.clone()];
            let coefficients = &matrix.coefficients()[entries];
            let n_own = rows.partition_point(|&row| (row as usize) < matrix.shared_start);
            for (position, &coefficient) in coefficients.iter().enumerate() {
                let scaled = coefficient * theta[column];
                let place = places[position] as usize;
                if position < n_own {
                    for other in 0..=position {
                        self.own
                            .add(place, places[other] as usize, scaled * coefficients[other]);
                    }
                    let coupling = &mut self.coupling[place * width..(place + 1) * width];
                    for other in n_own..coefficients.len() {
                        coupling[places[other] as usize] += scaled * coefficients[other];
                    }
                } else {
                    let row = self.support[place] as usize;
                    for other in n_own..=position {
                        let other_row = self.support[places[other] as usize] as usize;
                        shared.add(row, other_row, scaled * coefficients[other]);
                    }
                }
            }
        }
        for (place, row) in self.span.rows.clone().enumerate() {
            self.own.add(place, place, diagonal[row]);
        }
    }
}

/// `out = r - (A diag(theta) A^T + diag) d`: what a solve left over.
pub(super) fn leftover(
    matrix: &Matrix,
    theta: &[f64],
    diagonal: &[f64],
    right: &[f64],
    solution: &[f64],
    out: &mut Vec<f64>,
) {
    out.clear();
    out.extend(
        right
            .iter()
            .zip(diagonal.iter().zip(solution))
            .map(|(r, (d, x))| r - d * x),
    );
    for (column, &theta) in theta.iter().enumerate() {
        let factor = theta * matrix.dot(column, solution);
        for (row, coefficient) in matrix.column(column) {
            out[row] -= coefficient * factor;
        }
    }
}

/// `sum_i weight_i vector_i^2`: with the inverse diagonal as weights, rows of every size count alike.
pub(super) fn weighted_norm(vector: &[f64], weights: &[f64]) -> f64 {
    vector
        .iter()
        .zip(weights)
        .map(|(entry, weight)| weight * entry * entry)
        .sum()
}

/// `target += source`.
pub(super) fn add_to(target: &mut [f64], source: &[f64]) {
    subtract_scaled(target, -1.0, source);
}
