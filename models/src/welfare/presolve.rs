//! What can be settled before any number is computed: columns that must be 0, rows that bind nobody.

use super::matrix::Flat;
use super::solution::Status;

/// Why a column is fixed at 0, and thereby which multiplier pays for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its upper bound is 0.
    Upper,
    /// It needs this row, which has nothing to give.
    Row(usize),
    /// It has no value, and only takes.
    Worthless,
}

/// The columns and rows that are left, and what became of the others.
#[derive(Debug)]
pub(super) struct Reduced {
    pub column_alive: Vec<bool>,
    pub row_alive: Vec<bool>,
    /// The columns fixed at 0, in the order in which they were fixed.
    pub fixed: Vec<(usize, Cause)>,
    /// Blocks of positive weight without a column of positive value.
    pub excluded: Vec<usize>,
    /// `Infeasible` or `Unbounded`, when a single row or column shows it.
    pub verdict: Option<Status>,
}

/// Signs of a row's coefficients over the columns that are left.
#[derive(Debug, Clone, Copy, Default)]
struct Signs {
    positive: usize,
    negative: usize,
}

struct Presolve<'a> {
    flat: &'a Flat,
    /// The columns of each row, `row_starts` delimiting them.
    row_starts: Vec<usize>,
    row_columns: Vec<u32>,
    signs: Vec<Signs>,
    waiting: Vec<usize>,
    reduced: Reduced,
}

/// Drops rows that cannot bind and fixes columns that cannot move, until nothing changes.
pub(super) fn reduce(flat: &Flat) -> Reduced {
    let mut presolve = Presolve::new(flat);
    for column in 0..flat.matrix.n_columns() {
        presolve.look_at_column(column);
    }
    while let Some(row) = presolve.waiting.pop() {
        presolve.look_at_row(row);
    }
    presolve.finish()
}

impl<'a> Presolve<'a> {
    fn new(flat: &'a Flat) -> Self {
        let matrix = &flat.matrix;
        let mut signs = vec![Signs::default(); matrix.n_rows];
        let mut row_starts = vec![0; matrix.n_rows + 1];
        for (&row, &coefficient) in matrix.rows().iter().zip(matrix.coefficients()) {
            row_starts[row as usize + 1] += 1;
            if coefficient > 0.0 {
                signs[row as usize].positive += 1;
            } else {
                signs[row as usize].negative += 1;
            }
        }
        for row in 0..matrix.n_rows {
            row_starts[row + 1] += row_starts[row];
        }
        let mut next = row_starts.clone();
        let mut row_columns = vec![0_u32; matrix.rows().len()];
        for column in 0..matrix.n_columns() {
            for (row, _) in matrix.column(column) {
                row_columns[next[row]] =
                    u32::try_from(column).expect("columns are fewer than 2^32");
                next[row] += 1;
            }
        }
        Self {
            flat,
            row_starts,
            row_columns,
            signs,
            // Popped from the back: ascending order.
            waiting: (0..matrix.n_rows).rev().collect(),
            reduced: Reduced {
                column_alive: vec![true; matrix.n_columns()],
                row_alive: vec![true; matrix.n_rows],
                fixed: Vec::new(),
                excluded: Vec::new(),
                verdict: None,
            },
        }
    }

    fn look_at_column(&mut self, column: usize) {
        let value = self.flat.values[column];
        let upper = self.flat.uppers[column];
        let mut coefficients = self
            .flat
            .matrix
            .column(column)
            .map(|(_, coefficient)| coefficient);
        if upper == 0.0 {
            self.fix(column, Cause::Upper);
        } else if value <= 0.0 && coefficients.clone().all(|coefficient| coefficient > 0.0) {
            self.fix(column, Cause::Worthless);
        } else if value > 0.0
            && upper.is_infinite()
            && coefficients.all(|coefficient| coefficient < 0.0)
        {
            self.reduced.verdict.get_or_insert(Status::Unbounded);
        }
    }

    fn look_at_row(&mut self, row: usize) {
        if !self.reduced.row_alive[row] {
            return;
        }
        let bound = self.flat.bounds[row];
        let Signs { positive, negative } = self.signs[row];
        if bound < 0.0 && negative == 0 {
            self.reduced.verdict = Some(Status::Infeasible);
        } else if positive == 0 && bound >= 0.0 {
            self.reduced.row_alive[row] = false;
        } else if negative == 0 && bound == 0.0 {
            self.reduced.row_alive[row] = false;
            for entry in self.row_starts[row]..self.row_starts[row + 1] {
                let column = self.row_columns[entry] as usize;
                if self.reduced.column_alive[column] {
                    self.fix(column, Cause::Row(row));
                }
            }
        }
    }

    fn fix(&mut self, column: usize, cause: Cause) {
        self.reduced.column_alive[column] = false;
        self.reduced.fixed.push((column, cause));
        for (row, coefficient) in self.flat.matrix.column(column) {
            if coefficient > 0.0 {
                self.signs[row].positive -= 1;
            } else {
                self.signs[row].negative -= 1;
            }
            self.waiting.push(row);
        }
    }

    fn finish(mut self) -> Reduced {
        let flat = self.flat;
        for (block, span) in flat.matrix.spans.iter().enumerate() {
            let possible = span
                .columns
                .clone()
                .any(|column| self.reduced.column_alive[column] && flat.values[column] > 0.0);
            if flat.weights[block] > 0.0 && !possible {
                self.reduced.excluded.push(block);
            }
        }
        self.reduced
    }
}

impl Reduced {
    /// Raises the multipliers of what fixed a column until the column's dual equation holds, latest column first:
    /// rows of capacity 0 and bounds of 0 cost nothing.
    ///
    /// `required` is the marginal value of each column.
    pub fn price_fixed_columns(
        &self,
        flat: &Flat,
        required: impl Fn(usize) -> f64,
        row_duals: &mut [f64],
        upper_duals: &mut [f64],
    ) {
        for &(column, cause) in self.fixed.iter().rev() {
            let missing =
                required(column) - flat.matrix.dot(column, row_duals) - upper_duals[column];
            if missing <= 0.0 {
                continue;
            }
            match cause {
                Cause::Upper => upper_duals[column] += missing,
                Cause::Row(row) => {
                    let coefficient = flat.matrix.column(column).find(|entry| entry.0 == row);
                    let (_, coefficient) =
                        coefficient.expect("the column was found through this row");
                    row_duals[row] += missing / coefficient;
                }
                // It has no value and every coefficient is positive: nothing can be missing.
                Cause::Worthless => {}
            }
        }
    }
}
