//! Cholesky factors of the two kinds of matrices that occur: a skyline for a block, dense for the shared rows.
//!
//! A pivot that cancels to rounding noise belongs to a row that depends on the rows before it. It is replaced by a
//! huge one, which leaves that row's multiplier where it is.

use rayon::prelude::*;

/// Pivots below this fraction of the diagonal they started from are noise.
const NOISE: f64 = 1e-14;
/// What replaces such a pivot (its square root): the row's step becomes nothing.
const HUGE: f64 = 1e64;

fn pivot(original: f64, reduced: f64) -> f64 {
    if reduced > NOISE * original {
        reduced.sqrt()
    } else {
        HUGE
    }
}

/// An inner product in four strands, so that it is fast and its order fixed.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let mut strands = [0.0_f64; 8];
    let (left_chunks, right_chunks) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest: f64 = left_chunks
        .remainder()
        .iter()
        .zip(right_chunks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in left_chunks.zip(right_chunks) {
        for lane in 0..8 {
            strands[lane] += a[lane] * b[lane];
        }
    }
    let (even, odd) = (strands[0] + strands[4], strands[1] + strands[5]);
    let (third, fourth) = (strands[2] + strands[6], strands[3] + strands[7]);
    ((even + odd) + (third + fourth)) + rest
}

/// `target -= factor * source`.
pub(super) fn subtract_scaled(target: &mut [f64], factor: f64, source: &[f64]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target -= factor * source;
    }
}

/// A symmetric matrix whose row `i` is stored from its first entry to the diagonal, and its factor in place.
#[derive(Debug, Clone)]
pub(super) struct Skyline {
    first: Vec<usize>,
    starts: Vec<usize>,
    entries: Vec<f64>,
}

impl Skyline {
    /// A zero matrix whose row `i` reaches from column `first[i]` to `i`.
    pub fn new(first: Vec<usize>) -> Self {
        let mut starts = Vec::with_capacity(first.len() + 1);
        let mut length = 0;
        for (row, &column) in first.iter().enumerate() {
            starts.push(length);
            length += row - column + 1;
        }
        starts.push(length);
        Self {
            first,
            starts,
            entries: vec![0.0; length],
        }
    }

    pub fn size(&self) -> usize {
        self.first.len()
    }

    pub fn clear(&mut self) {
        self.entries.fill(0.0);
    }

    /// Adds to the entry at `row`, `column <= row`.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.entries[self.starts[row] + column - self.first[row]] += value;
    }

    /// The stored part of a row: its first column, and the entries up to the diagonal.
    fn row(&self, row: usize) -> (usize, &[f64]) {
        (
            self.first[row],
            &self.entries[self.starts[row]..self.starts[row + 1]],
        )
    }

    /// Replaces the matrix by its lower factor.
    pub fn factor(&mut self) {
        for row in 0..self.size() {
            let first = self.first[row];
            let (done, rest) = self.entries.split_at_mut(self.starts[row]);
            let current = &mut rest[..=row - first];
            for column in first..row {
                let above_first = self.first[column];
                let above = &done[self.starts[column]..self.starts[column + 1]];
                let from = first.max(above_first);
                let sum = dot(
                    &current[from - first..column - first],
                    &above[from - above_first..column - above_first],
                );
                current[column - first] =
                    (current[column - first] - sum) / above[column - above_first];
            }
            let (diagonal, before) = current.split_last_mut().expect("a row holds its diagonal");
            *diagonal = pivot(*diagonal, *diagonal - dot(before, before));
        }
    }

    /// Solves with the lower factor, in place.
    pub fn solve_lower(&self, vector: &mut [f64]) {
        for row in 0..self.size() {
            let (first, entries) = self.row(row);
            let (diagonal, before) = entries.split_last().expect("a row holds its diagonal");
            vector[row] = (vector[row] - dot(before, &vector[first..row])) / diagonal;
        }
    }

    /// Solves with the transpose of the lower factor, in place.
    pub fn solve_upper(&self, vector: &mut [f64]) {
        for row in (0..self.size()).rev() {
            let (first, entries) = self.row(row);
            let (diagonal, before) = entries.split_last().expect("a row holds its diagonal");
            vector[row] /= diagonal;
            let value = vector[row];
            subtract_scaled(&mut vector[first..row], value, before);
        }
    }

    /// Solves with the lower factor for many right-hand sides at once: `columns` of them, stored row by row.
    pub fn solve_lower_many(&self, matrix: &mut [f64], columns: usize) {
        for row in 0..self.size() {
            let (first, entries) = self.row(row);
            let (diagonal, before) = entries.split_last().expect("a row holds its diagonal");
            let (above, rest) = matrix.split_at_mut(row * columns);
            let current = &mut rest[..columns];
            for (offset, &factor) in before.iter().enumerate().filter(|entry| *entry.1 != 0.0) {
                let source = (first + offset) * columns;
                subtract_scaled(current, factor, &above[source..source + columns]);
            }
            let inverse = 1.0 / diagonal;
            current.iter_mut().for_each(|entry| *entry *= inverse);
        }
    }
}

/// A dense symmetric matrix, its lower triangle stored by full rows, and its factor in place.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    size: usize,
    entries: Vec<f64>,
    /// The diagonal before anything was subtracted: the measure of a pivot's noise.
    original: Vec<f64>,
}

/// Rows that are factored together, so that those above are read once for all of them.
const PANEL: usize = 32;
/// Rows from which vectors are subtracted together, and vectors that are subtracted together: both stay near.
const BAND: usize = 16;
const BATCH: usize = 8;
/// Products beyond which bands are worked on by several threads.
const MANY_PRODUCTS: usize = 1_000_000;

impl Dense {
    pub fn new(size: usize) -> Self {
        Self {
            size,
            entries: vec![0.0; size * size],
            original: vec![0.0; size],
        }
    }

    pub fn clear(&mut self) {
        self.entries.fill(0.0);
    }

    /// Adds to the entry at `row`, `column <= row`.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.entries[row * self.size + column] += value;
    }

    /// Adds another matrix of the same size.
    pub fn add_matrix(&mut self, other: &Self) {
        subtract_scaled(&mut self.entries, -1.0, &other.entries);
    }

    /// Remembers the diagonal as it is now, before subtractions, as the measure of noise.
    pub fn mark_diagonal(&mut self) {
        for row in 0..self.size {
            self.original[row] = self.entries[row * self.size + row];
        }
    }

    /// Subtracts `vectors^T vectors`, `vectors` holding rows over all columns. Every entry is summed in the same order,
    /// however many threads there are.
    pub fn subtract_outer(&mut self, vectors: &[f64]) {
        let size = self.size;
        if vectors.is_empty() {
            return;
        }
        let subtract = |(band, rows): (usize, &mut [f64])| {
            for batch in vectors.chunks(BATCH * size) {
                for (at, target) in rows.chunks_exact_mut(size).enumerate() {
                    subtract_batch(target, band * BAND + at, batch, size);
                }
            }
        };
        if vectors.len() * size > MANY_PRODUCTS {
            let bands = self.entries.par_chunks_mut(BAND * size);
            bands.enumerate().for_each(subtract);
        } else {
            let bands = self.entries.chunks_mut(BAND * size);
            bands.enumerate().for_each(subtract);
        }
    }

    /// Subtracts `vector^T vector` for a vector given on `support` (ascending) only.
    pub fn subtract_sparse_outer(&mut self, support: &[u32], vector: &[f64]) {
        for (position, (&row, &factor)) in support.iter().zip(vector).enumerate() {
            if factor == 0.0 {
                continue;
            }
            let target = &mut self.entries[row as usize * self.size..];
            for (&column, &value) in support[..=position].iter().zip(vector) {
                target[column as usize] -= factor * value;
            }
        }
    }

    /// Replaces the matrix by its lower factor.
    pub fn factor(&mut self) {
        let size = self.size;
        for start in (0..size).step_by(PANEL) {
            let end = (start + PANEL).min(size);
            let (done, panel) = self.entries.split_at_mut(start * size);
            let panel = &mut panel[..(end - start) * size];
            // The part of the panel left of its own diagonal block, against the rows above.
            for (column, above) in done.chunks_exact(size).enumerate() {
                let inverse = 1.0 / above[column];
                for current in panel.chunks_exact_mut(size) {
                    let sum = dot(&current[..column], &above[..column]);
                    current[column] = (current[column] - sum) * inverse;
                }
            }
            for row in start..end {
                let (before, current) = panel.split_at_mut((row - start) * size);
                let current = &mut current[..=row];
                for (column, above) in (start..row).zip(before.chunks_exact(size)) {
                    let sum = dot(&current[..column], &above[..column]);
                    current[column] = (current[column] - sum) / above[column];
                }
                let rest = current[row] - dot(&current[..row], &current[..row]);
                current[row] = pivot(self.original[row], rest);
            }
        }
    }

    /// Solves with the factor and its transpose, in place.
    pub fn solve(&self, vector: &mut [f64]) {
        let size = self.size;
        for row in 0..size {
            let entries = &self.entries[row * size..=row * size + row];
            vector[row] = (vector[row] - dot(&entries[..row], &vector[..row])) / entries[row];
        }
        for row in (0..size).rev() {
            let entries = &self.entries[row * size..=row * size + row];
            vector[row] /= entries[row];
            let value = vector[row];
            subtract_scaled(&mut vector[..row], value, &entries[..row]);
        }
    }
}

/// Subtracts a row of `batch^T batch` up to its diagonal.
fn subtract_batch(target: &mut [f64], row: usize, batch: &[f64], size: usize) {
    let target = &mut target[..=row];
    let mut quads = batch.chunks_exact(4 * size);
    for quad in quads.by_ref() {
        let (a, rest) = quad.split_at(size);
        let (b, rest) = rest.split_at(size);
        let (c, d) = rest.split_at(size);
        let (fa, fb, fc, fd) = (a[row], b[row], c[row], d[row]);
        if fa == 0.0 && fb == 0.0 && fc == 0.0 && fd == 0.0 {
            continue;
        }
        let sources = a.iter().zip(b).zip(c.iter().zip(d));
        for (target, ((a, b), (c, d))) in target.iter_mut().zip(sources) {
            *target -= (fa * a + fb * b) + (fc * c + fd * d);
        }
    }
    for vector in quads.remainder().chunks_exact(size) {
        subtract_scaled(target, vector[row], vector);
    }
}

#[cfg(test)]
#[expect(clippy::needless_range_loop, reason = "indices say what a matrix is")]
mod tests {
    use super::*;

    /// `B B^T + I` for a fixed `B` with a skyline pattern, as rows.
    fn sample(size: usize, first: &[usize]) -> Vec<Vec<f64>> {
        let factor: Vec<Vec<f64>> = (0..size)
            .map(|row| {
                (0..size)
                    .map(|column| match column {
                        _ if column < first[row] || column > row => 0.0,
                        _ if column == row => 1.0 + row as f64,
                        _ => ((row * 7 + column * 3) % 5) as f64 - 2.0,
                    })
                    .collect()
            })
            .collect();
        let entry = |row: usize, column: usize| dot(&factor[row], &factor[column]);
        (0..size)
            .map(|row| (0..size).map(|column| entry(row, column)).collect())
            .collect()
    }

    fn product(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
        matrix.iter().map(|row| dot(row, vector)).collect()
    }

    #[test]
    fn a_skyline_factor_solves_what_it_factored() {
        let first = vec![0, 0, 2, 1, 3, 0, 5];
        let matrix = sample(7, &first);
        let mut skyline = Skyline::new(first.clone());
        for row in 0..7 {
            for column in first[row]..=row {
                skyline.add(row, column, matrix[row][column]);
            }
        }
        skyline.factor();
        let expected: Vec<f64> = (0..7).map(|position| f64::from(position) - 2.5).collect();
        let mut vector = product(&matrix, &expected);
        skyline.solve_lower(&mut vector);
        skyline.solve_upper(&mut vector);
        for (found, expected) in vector.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-9, "{vector:?}");
        }
    }

    #[test]
    fn a_dense_factor_over_several_panels_solves_what_it_factored() {
        let size = 75;
        let matrix = sample(size, &vec![0; size]);
        let mut dense = Dense::new(size);
        for row in 0..size {
            for column in 0..=row {
                dense.add(row, column, matrix[row][column]);
            }
        }
        dense.mark_diagonal();
        dense.factor();
        let expected: Vec<f64> = (0..size)
            .map(|position| (position % 9) as f64 - 4.0)
            .collect();
        let mut vector = product(&matrix, &expected);
        dense.solve(&mut vector);
        for (found, expected) in vector.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn a_dependent_row_keeps_its_multiplier() {
        let mut dense = Dense::new(2);
        dense.add(0, 0, 4.0);
        dense.add(1, 0, 4.0);
        dense.add(1, 1, 4.0);
        dense.mark_diagonal();
        dense.factor();
        let mut vector = [8.0, 8.0];
        dense.solve(&mut vector);
        assert_eq!(vector, [2.0, 0.0]);
    }
}
