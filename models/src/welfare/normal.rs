//! The normal equations `(A Theta A^T + diag) d = r`, solved block by block.
//!
//! Own rows of different blocks never meet, so each block is eliminated by itself (a skyline factor: own rows are
//! mostly disjoint, the row of the logarithm comes last) and leaves its share of a dense Schur complement on the
//! shared rows:
//!
//! ```text
//! [ K_1           G_1 ]     K_p = own rows of block p, L_p its factor
//! [      ...      ... ]     G_p = own x shared rows = E_p H_p
//! [           K_P G_P ]     S'  = S - sum_p H_p^T (E_p^T K_p^-1 E_p) H_p
//! [ G_1' ... G_P'  S  ]
//! ```
//!
//! Columns with equal entries in a block's own rows make a *bundle*: `E_p` has those entries, a column for each bundle,
//! and `H_p` what the bundle's columns put on the shared rows. So a block costs the Schur complement as many rows as it has
//! bundles, however many own rows say something of them.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cholesky::{Dense, Skyline, dot, subtract_scaled};
use super::matrix::{Matrix, Span};
use super::parts::{Part, Parts};

/// Pivots of a bundle's part below this fraction of what they started from are noise.
const NOISE: f64 = 1e-14;

/// The sums that the shared part is added up in, where there is much to add.
const SUMS: usize = 4;

/// Entries of columns beyond which blocks are worked on by several threads.
const MANY_ENTRIES: usize = 50_000;

/// One block's part of the equations.
#[derive(Debug)]
struct BlockEquations {
    span: Span,
    /// The shared rows that the block's columns enter, counted from the first shared row, ascending.
    support: Vec<u32>,
    own: Skyline,
    /// The bundle of each column.
    bundle_of: Vec<u32>,
    /// Own entries of each bundle, rows counted from the block's first.
    bundles: Vec<Vec<(u32, f64)>>,
    /// The sum of `theta` over each bundle.
    thetas: Vec<f64>,
    /// `H`: bundles by `support`.
    coupling: Vec<f64>,
    /// What is subtracted from the Schur complement, as rows `v` of `v^T v`: bundles by `support`.
    vectors: Vec<f64>,
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
    parts: Parts,
    is_large: bool,
    common: Option<CommonColumn>,
}

/// The column `a` that is in no block. It adds `theta a a^T` to the matrix `M` of the others, whose inverse is then changed by
/// `q q^T / (1 / theta + a . q)`, `q` being `M^-1 a` (Sherman and Morrison).
#[derive(Debug)]
struct CommonColumn {
    entries: Vec<(usize, f64)>,
    solved: Vec<f64>,
    divisor: f64,
}

impl NormalEquations {
    pub fn new(matrix: &Matrix, parts: &Parts) -> Self {
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
            parts: parts.clone(),
            is_large: matrix.rows().len() > MANY_ENTRIES,
            common: matrix.common().map(|column| CommonColumn {
                entries: matrix.column(column).collect(),
                solved: Vec::new(),
                divisor: 0.0,
            }),
        }
    }

    /// Fills in and factors `A diag(theta) A^T + diag(diagonal)`.
    pub fn factor(&mut self, matrix: &Matrix, theta: &[f64], diagonal: &[f64]) {
        let places = &self.places;
        let eliminate =
            |block: &mut BlockEquations| block.eliminate(matrix, places, theta, diagonal);
        if self.is_large {
            self.blocks
                .par_iter_mut()
                .with_min_len(16)
                .for_each(eliminate);
        } else {
            self.blocks.iter_mut().for_each(eliminate);
        }
        self.shared.clear();
        let add = |blocks: &[BlockEquations], shared: &mut Dense| {
            for block in blocks {
                block.add_shared(matrix, places, theta, shared);
            }
        };
        // Worth it as long as a sum has fewer terms than there are to add up.
        if self.is_large && matrix.rows().len() > SUMS * self.n_shared * self.n_shared {
            let pieces = self.blocks.par_chunks(self.blocks.len().div_ceil(SUMS));
            let sums = pieces.map(|blocks| {
                let mut sum = Dense::new(self.n_shared);
                add(blocks, &mut sum);
                sum
            });
            for sum in sums.collect::<Vec<Dense>>() {
                self.shared.add_matrix(&sum);
            }
        } else {
            add(&self.blocks, &mut self.shared);
        }
        for (row, &value) in diagonal[self.shared_start..].iter().enumerate() {
            self.shared.add(row, row, value);
        }
        self.shared.mark_diagonal();
        let mut wide = Vec::new();
        for block in &self.blocks {
            let width = block.support.len();
            if width == 0 {
                continue;
            }
            for vector in block.vectors.chunks_exact(width) {
                if 2 * width < self.n_shared {
                    self.shared.subtract_sparse_outer(&block.support, vector);
                    continue;
                }
                let start = wide.len();
                wide.resize(start + self.n_shared, 0.0);
                for (&row, &value) in block.support.iter().zip(vector) {
                    wide[start + row as usize] = value;
                }
            }
        }
        self.shared.subtract_outer(&wide);
        self.shared.factor();
        if let Some(mut common) = self.common.take() {
            common.solved.clear();
            common.solved.resize(matrix.n_rows, 0.0);
            for &(row, entry) in &common.entries {
                common.solved[row] = entry;
            }
            self.solve_blocks(&mut common.solved);
            let own = common
                .entries
                .iter()
                .map(|&(row, entry)| entry * common.solved[row]);
            common.divisor = 1.0 / theta[matrix.n_columns() - 1] + own.sum::<f64>();
            self.common = Some(common);
        }
    }

    /// Solves with the factor, in place.
    pub fn solve(&self, vector: &mut [f64]) {
        self.solve_blocks(vector);
        if let Some(common) = &self.common {
            let part = common
                .entries
                .iter()
                .map(|&(row, entry)| entry * vector[row]);
            let factor = part.sum::<f64>() / common.divisor;
            subtract_scaled(vector, factor, &common.solved);
        }
    }

    /// The same without the column that is in no block.
    fn solve_blocks(&self, vector: &mut [f64]) {
        let down = |part: &Part, own: &mut [f64], shared: &mut [f64]| {
            for block in &self.blocks[part.blocks.clone()] {
                block.solve_down(part.rows_of(&block.span, own), shared);
            }
        };
        self.parts.on_rows(vector, down);
        let (own, shared) = vector.split_at_mut(self.shared_start);
        self.shared.solve(shared);
        let up = |part: &Part, own: &mut [f64]| {
            for block in &self.blocks[part.blocks.clone()] {
                block.solve_up(part.rows_of(&block.span, own), shared);
            }
        };
        self.parts.on_own_rows(own, up);
    }
}

impl BlockEquations {
    fn new(matrix: &Matrix, span: &Span, places: &mut [u32]) -> Self {
        let shared_start = matrix.shared_start;
        let narrow = |number: usize| u32::try_from(number).expect("rows are fewer than 2^32");
        let mut support: Vec<u32> = Vec::new();
        let mut first: Vec<usize> = (0..span.rows.len()).collect();
        let mut numbers: BTreeMap<Vec<(u32, u64)>, u32> = BTreeMap::new();
        let mut bundle_of = Vec::with_capacity(span.columns.len());
        for column in span.columns.clone() {
            let mut least = None;
            let mut own = Vec::new();
            for (row, coefficient) in matrix.column(column) {
                if row >= shared_start {
                    support.push(narrow(row - shared_start));
                } else {
                    let row = row - span.rows.start;
                    let least = *least.get_or_insert(row);
                    first[row] = first[row].min(least);
                    own.push((narrow(row), coefficient.to_bits()));
                }
            }
            let next = narrow(numbers.len());
            bundle_of.push(*numbers.entry(own).or_insert(next));
        }
        support.sort_unstable();
        support.dedup();
        for entry in span
            .columns
            .clone()
            .flat_map(|column| matrix.entries(column))
        {
            let row = matrix.rows()[entry] as usize;
            places[entry] = narrow(if row < shared_start {
                row - span.rows.start
            } else {
                support.partition_point(|&other| (other as usize) < row - shared_start)
            });
        }
        let mut bundles = vec![Vec::new(); numbers.len()];
        for (own, number) in numbers {
            let own = own.into_iter();
            bundles[number as usize] = own.map(|(row, bits)| (row, f64::from_bits(bits))).collect();
        }
        Self {
            span: span.clone(),
            own: Skyline::new(first),
            thetas: vec![0.0; bundles.len()],
            coupling: vec![0.0; bundles.len() * support.len()],
            vectors: Vec::new(),
            support,
            bundle_of,
            bundles,
        }
    }

    /// The own entries of each bundle, with its row of `H`.
    fn by_bundle(&self) -> impl Iterator<Item = (&Vec<(u32, f64)>, &[f64])> {
        let coupling = self.coupling.chunks_exact(self.support.len().max(1));
        self.bundles.iter().zip(coupling)
    }

    /// Solves with `K`, and takes what that moves in the shared rows off them.
    fn solve_down(&self, own: &mut [f64], shared: &mut [f64]) {
        self.own.solve_lower(own);
        self.own.solve_upper(own);
        for (bundle, coupling) in self.by_bundle() {
            let value: f64 = { bundle.iter() }
                .map(|&(row, entry)| entry * own[row as usize])
                .sum();
            for (&row, &factor) in self.support.iter().zip(coupling) {
                shared[row as usize] -= value * factor;
            }
        }
    }

    /// Takes off what the shared rows, solved, move in the block's own.
    fn solve_up(&self, own: &mut [f64], shared: &[f64]) {
        let support = self.support.iter();
        let gathered: Vec<f64> = support.map(|&row| shared[row as usize]).collect();
        let mut change = vec![0.0; own.len()];
        for (bundle, coupling) in self.by_bundle() {
            let value = dot(coupling, &gathered);
            for &(row, entry) in bundle {
                change[row as usize] += entry * value;
            }
        }
        self.own.solve_lower(&mut change);
        self.own.solve_upper(&mut change);
        subtract_scaled(own, 1.0, &change);
    }

    /// Fills in and factors `K`, fills in `H`, and finds what of the shared part goes with the block.
    fn eliminate(&mut self, matrix: &Matrix, places: &[u32], theta: &[f64], diagonal: &[f64]) {
        let width = self.support.len();
        self.own.clear();
        self.thetas.fill(0.0);
        self.coupling.fill(0.0);
        for (&bundle, column) in self.bundle_of.iter().zip(self.span.columns.clone()) {
            let theta = theta[column];
            self.thetas[bundle as usize] += theta;
            let coupling = &mut self.coupling[bundle as usize * width..];
            let entries = matrix.entries(column);
            let n_own = self.bundles[bundle as usize].len();
            let shared = entries.start + n_own..entries.end;
            let coefficients = &matrix.coefficients()[shared.clone()];
            for (&place, &coefficient) in places[shared].iter().zip(coefficients) {
                coupling[place as usize] += theta * coefficient;
            }
        }
        for (bundle, &theta) in self.bundles.iter().zip(&self.thetas) {
            for (position, &(row, entry)) in bundle.iter().enumerate() {
                for &(other, other_entry) in &bundle[..=position] {
                    let value = theta * entry * other_entry;
                    self.own.add(row as usize, other as usize, value);
                }
            }
        }
        for (place, row) in self.span.rows.clone().enumerate() {
            self.own.add(place, place, diagonal[row]);
        }
        self.own.factor();
        self.find_vectors();
    }

    /// Rows whose outer products are `H^T E^T K^-1 E H`: `R H` for `R^T R = E^T K^-1 E`, or `L^-1 E H` if that has fewer.
    fn find_vectors(&mut self) {
        let (n_rows, n_bundles) = (self.own.size(), self.bundles.len());
        let width = self.support.len();
        self.vectors.clear();
        if width == 0 || n_rows == 0 {
            return;
        }
        // `L^-1 E`, row by row.
        let mut lower = vec![0.0; n_rows * n_bundles];
        for (at, bundle) in self.bundles.iter().enumerate() {
            for &(row, entry) in bundle {
                lower[row as usize * n_bundles + at] = entry;
            }
        }
        self.own.solve_lower_many(&mut lower, n_bundles);
        let factor = if n_bundles < n_rows {
            square_root(&lower, n_bundles)
        } else {
            lower
        };
        for row in factor.chunks_exact(n_bundles) {
            let start = self.vectors.len();
            self.vectors.resize(start + width, 0.0);
            let vector = &mut self.vectors[start..];
            for (&part, coupling) in row.iter().zip(self.coupling.chunks_exact(width)) {
                if part != 0.0 {
                    subtract_scaled(vector, -part, coupling);
                }
            }
        }
    }

    /// Adds the block's columns to the shared part.
    fn add_shared(&self, matrix: &Matrix, places: &[u32], theta: &[f64], shared: &mut Dense) {
        for (&bundle, column) in self.bundle_of.iter().zip(self.span.columns.clone()) {
            let n_own = self.bundles[bundle as usize].len();
            let entries = matrix.entries(column);
            let entries = entries.start + n_own..entries.end;
            let places = &places[entries.clone()];
            let coefficients = &matrix.coefficients()[entries];
            for (position, (&place, &coefficient)) in places.iter().zip(coefficients).enumerate() {
                let scaled = coefficient * theta[column];
                let row = self.support[place as usize] as usize;
                for (&other, &coefficient) in places[..=position].iter().zip(coefficients) {
                    shared.add(
                        row,
                        self.support[other as usize] as usize,
                        scaled * coefficient,
                    );
                }
            }
        }
    }
}

/// Upper triangular `R` with `R^T R = M^T M` for `M` with `width` columns, by rows. Rows that depend on those before them are
/// zero.
fn square_root(matrix: &[f64], width: usize) -> Vec<f64> {
    let mut root = vec![0.0; width * width];
    for row in matrix.chunks_exact(width) {
        for (at, &left) in row.iter().enumerate().filter(|it| *it.1 != 0.0) {
            subtract_scaled(
                &mut root[at * width + at..][..width - at],
                -left,
                &row[at..],
            );
        }
    }
    for at in 0..width {
        let (done, rest) = root.split_at_mut(at * width);
        let current = &mut rest[..width];
        let original = current[at];
        for above in done.chunks_exact(width) {
            subtract_scaled(&mut current[at..], above[at], &above[at..]);
        }
        let scale = if current[at] > NOISE * original {
            1.0 / current[at].sqrt()
        } else {
            0.0
        };
        current[at..].iter_mut().for_each(|entry| *entry *= scale);
    }
    root
}

/// `sum_i weight_i vector_i^2`: with the inverse diagonal as weights, rows of every size count alike.
pub(super) fn weighted_norm(vector: &[f64], weights: &[f64]) -> f64 {
    vector
        .iter()
        .zip(weights)
        .map(|(entry, weight)| weight * entry * entry)
        .sum()
}
