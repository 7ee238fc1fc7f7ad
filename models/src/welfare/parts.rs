//! Passes over all columns, on several threads where there are many.
//!
//! What is cut where depends on the sizes alone, never on the threads, and sums of pieces are added up in order: the same input
//! gives the same output, bit by bit.

use std::ops::Range;

use rayon::prelude::*;

use super::matrix::{Matrix, Span};

/// Numbers that one thread takes at a time; fewer than [`MANY`] are left to the caller's.
const PIECE: usize = 8192;
const MANY: usize = 2 * PIECE;
/// Entries below which a part is not worth a thread, and the most parts.
const FEW_ENTRIES: usize = 25_000;
const MOST_PARTS: usize = 16;

/// Sets each number of `out` by its position.
pub(super) fn fill(out: &mut [f64], value: impl Fn(usize) -> f64 + Sync) {
    let set = |(piece, numbers): (usize, &mut [f64])| {
        for (number, at) in numbers.iter_mut().zip(piece * PIECE..) {
            *number = value(at);
        }
    };
    if out.len() < MANY {
        set((0, out));
    } else {
        out.par_chunks_mut(PIECE).enumerate().for_each(set);
    }
}

/// The same, into a vector of its own.
pub(super) fn filled(length: usize, value: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
    let mut out = vec![0.0; length];
    fill(&mut out, value);
    out
}

/// The sum over all positions.
pub(super) fn sum(length: usize, value: impl Fn(usize) -> f64 + Sync) -> f64 {
    pieces(length, |piece| piece.map(&value).sum::<f64>())
        .into_iter()
        .sum()
}

/// What `work` says of each piece of the positions, in order.
pub(super) fn pieces<T: Send>(length: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    if length < MANY {
        return vec![work(0..length)];
    }
    let starts = (0..length).into_par_iter().step_by(PIECE);
    starts
        .map(|start| work(start..(start + PIECE).min(length)))
        .collect()
}

/// `target += factor * source`.
pub(super) fn add_scaled(target: &mut [f64], factor: f64, source: &[f64]) {
    let add = |(target, source): (&mut [f64], &[f64])| {
        for (target, source) in target.iter_mut().zip(source) {
            *target += factor * source;
        }
    };
    if target.len() < MANY {
        add((target, source));
    } else {
        let sources = source.par_chunks(PIECE);
        target.par_chunks_mut(PIECE).zip(sources).for_each(add);
    }
}

/// Some blocks in a row, with their columns and own rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub blocks: Range<usize>,
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

impl Part {
    /// The own rows of a block of the part, of those of the part.
    pub fn rows_of<'a>(&self, block: &Span, own: &'a mut [f64]) -> &'a mut [f64] {
        &mut own[block.rows.start - self.rows.start..block.rows.end - self.rows.start]
    }
}

/// A matrix cut between blocks; the column that is in no block is in no part.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    list: Vec<Part>,
    shared_start: usize,
}

impl Parts {
    pub fn of(matrix: &Matrix) -> Self {
        let n_entries = matrix.rows().len();
        let n_parts = (n_entries / FEW_ENTRIES).clamp(1, MOST_PARTS);
        let mut list: Vec<Part> = Vec::with_capacity(n_parts);
        let mut entries = 0;
        for (at, span) in matrix.spans.iter().enumerate() {
            // A block is in the part that its first entry is in.
            let part = entries * n_parts / n_entries.max(1);
            let columns = span.columns.clone();
            entries += columns.map(|it| matrix.entries(it).len()).sum::<usize>();
            if part >= list.len() {
                list.push(Part {
                    blocks: at..at,
                    columns: span.columns.start..span.columns.start,
                    rows: span.rows.start..span.rows.start,
                });
            }
            if let Some(last) = list.last_mut() {
                last.blocks.end = at + 1;
                last.columns.end = span.columns.end;
                last.rows.end = span.rows.end;
            }
        }
        Self {
            list,
            shared_start: matrix.shared_start,
        }
    }

    /// Does `work` on each part with its rows of a vector over all rows, and a vector that is added to the shared rows of it.
    pub fn on_rows(&self, vector: &mut [f64], work: impl Fn(&Part, &mut [f64], &mut [f64]) + Sync) {
        self.spread(vector, [], |part, own, shared, []| work(part, own, shared));
    }

    /// The same, where each part has its columns of some lists besides.
    fn spread<const N: usize>(
        &self,
        vector: &mut [f64],
        lists: [&mut [f64]; N],
        work: impl Fn(&Part, &mut [f64], &mut [f64], [&mut [f64]; N]) + Sync,
    ) {
        let (own, shared) = vector.split_at_mut(self.shared_start);
        if let [only] = &self.list[..] {
            work(only, own, shared, lists);
            return;
        }
        let n_shared = shared.len();
        let mut jobs = Vec::with_capacity(self.list.len());
        let mut rest = lists;
        for (part, own) in self.with_rows(own) {
            let mut lists: [&mut [f64]; N] = std::array::from_fn(|_| &mut [][..]);
            for (list, rest) in lists.iter_mut().zip(&mut rest) {
                (*list, *rest) = std::mem::take(rest).split_at_mut(part.columns.len());
            }
            jobs.push((part, own, lists));
        }
        let added = jobs.into_par_iter().map(|(part, own, lists)| {
            let mut added = vec![0.0; n_shared];
            work(part, own, &mut added, lists);
            added
        });
        for added in added.collect::<Vec<Vec<f64>>>() {
            let sums = shared.iter_mut().zip(added);
            sums.for_each(|(sum, it)| *sum += it);
        }
    }

    /// Does `work` on each part with its rows of a vector over all own rows.
    pub fn on_own_rows(&self, own: &mut [f64], work: impl Fn(&Part, &mut [f64]) + Sync) {
        if let [only] = &self.list[..] {
            work(only, own);
            return;
        }
        let jobs = self.with_rows(own).into_par_iter();
        jobs.for_each(|(part, rows)| work(part, rows));
    }

    fn with_rows<'a>(&self, mut own: &'a mut [f64]) -> Vec<(&Part, &'a mut [f64])> {
        let mut pairs = Vec::with_capacity(self.list.len());
        for part in &self.list {
            let (rows, rest) = own.split_at_mut(part.rows.len());
            own = rest;
            pairs.push((part, rows));
        }
        pairs
    }

    /// `out += A x`, where `x` is a function of the column.
    pub fn add_product(&self, matrix: &Matrix, x: impl Fn(usize) -> f64 + Sync, out: &mut [f64]) {
        self.map_and_add(matrix, [], out, |column| ([], x(column)));
    }

    /// `out += (A o A) x`: entries squared.
    pub fn add_squares(&self, matrix: &Matrix, x: &[f64], out: &mut [f64]) {
        let square = |entry: f64, x: f64| entry * entry * x;
        self.map_and_add_terms(matrix, [], out, |column| ([], x[column]), square);
    }

    /// `rows += A x`, and numbers by column, in one pass over the matrix, as memory is what passes wait for: `of` says the numbers of a
    /// column, and its `x`.
    pub fn map_and_add<const N: usize>(
        &self,
        matrix: &Matrix,
        lists: [&mut [f64]; N],
        rows: &mut [f64],
        of: impl Fn(usize) -> ([f64; N], f64) + Sync,
    ) {
        self.map_and_add_terms(matrix, lists, rows, of, |entry, x| entry * x);
    }

    fn map_and_add_terms<const N: usize>(
        &self,
        matrix: &Matrix,
        lists: [&mut [f64]; N],
        rows: &mut [f64],
        of: impl Fn(usize) -> ([f64; N], f64) + Sync,
        term: impl Fn(f64, f64) -> f64 + Sync,
    ) {
        let mut lists = lists;
        if let Some(common) = matrix.common() {
            // Of no part: its number is the last of each list.
            let (numbers, x) = of(common);
            for (list, number) in lists.iter_mut().zip(numbers) {
                if let Some((last, rest)) = std::mem::take(list).split_last_mut() {
                    (*last, *list) = (number, rest);
                }
            }
            for (row, entry) in matrix.column(common) {
                rows[row] += term(entry, x);
            }
        }
        self.spread(rows, lists, |part, own, shared, mut lists| {
            for (at, column) in part.columns.clone().enumerate() {
                let (numbers, x) = of(column);
                for (list, number) in lists.iter_mut().zip(numbers) {
                    list[at] = number;
                }
                for (row, entry) in matrix.column(column) {
                    match row.checked_sub(matrix.shared_start) {
                        Some(row) => shared[row] += term(entry, x),
                        None => own[row - part.rows.start] += term(entry, x),
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::Flat;
    use super::super::problem::Objective;
    use super::super::tests::support::{Random, random_problem};
    use super::*;

    #[test]
    fn parts_cover_every_block_and_add_up_to_the_product() {
        let mut random = Random(5);
        for (n_blocks, least) in [(3, 1), (1500, 2), (6000, 8)] {
            let problem = random_problem(&mut random, Objective::Linear, n_blocks, 12);
            let matrix = Flat::of(&problem).matrix;
            let parts = Parts::of(&matrix);
            assert!(parts.list.len() >= least, "{}", parts.list.len());
            let mut next = (0, 0, 0);
            for part in &parts.list {
                let starts = (part.blocks.start, part.columns.start, part.rows.start);
                assert_eq!(starts, next);
                next = (part.blocks.end, part.columns.end, part.rows.end);
            }
            assert_eq!(
                next,
                (n_blocks, matrix.n_columns(), matrix.shared_start),
                "all are in a part"
            );
            let x: Vec<f64> = (0..matrix.n_columns()).map(|_| random.unit()).collect();
            let mut expected = vec![1.0; matrix.n_rows];
            matrix.add_product(&x, &mut expected);
            let mut found = vec![1.0; matrix.n_rows];
            parts.add_product(&matrix, |column| x[column], &mut found);
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-9 * expected.abs());
            }
            let mut squares = vec![0.0; matrix.n_rows];
            parts.add_squares(&matrix, &x, &mut squares);
            let mut expected = vec![0.0; matrix.n_rows];
            for (column, &x) in x.iter().enumerate() {
                for (row, entry) in matrix.column(column) {
                    expected[row] += entry * entry * x;
                }
            }
            for (found, expected) in squares.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-9 * expected.abs());
            }
        }
    }

    #[test]
    fn pieces_say_what_one_loop_says() {
        for length in [0, 1, MANY - 1, MANY, 5 * PIECE + 3] {
            let numbers = filled(length, |at| at as f64);
            assert!(numbers.iter().enumerate().all(|(at, &it)| it == at as f64));
            let expected = (length * length.saturating_sub(1) / 2) as f64;
            assert_eq!(sum(length, |at| at as f64), expected);
            let mut doubled = numbers.clone();
            add_scaled(&mut doubled, 1.0, &numbers);
            assert!(
                doubled
                    .iter()
                    .zip(&numbers)
                    .all(|(it, one)| *it == 2.0 * one)
            );
            let places: Vec<usize> = pieces(length, |piece| piece)
                .into_iter()
                .flatten()
                .collect();
            assert_eq!(places, (0..length).collect::<Vec<usize>>());
        }
    }
}
