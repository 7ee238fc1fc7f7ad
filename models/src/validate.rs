//! What is wrong with a model.

use crate::milp::{Milp, Row};
use std::collections::BTreeMap;

/// Magnitudes at and above this are infinite to solvers, so a finite bound or cost has to stay below.
pub const LARGEST_BOUND: f64 = 1e20;
/// Coefficients above this are refused by solvers.
pub const LARGEST_COEFFICIENT: f64 = 1e15;
/// Coefficients at or below this are silently dropped by solvers, and therefore refused here.
pub const SMALLEST_COEFFICIENT: f64 = 1e-9;

/// Why a [`Milp`] means nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFault {
    /// The offset is not a finite number below [`LARGEST_BOUND`].
    #[error("the offset {0} is not a finite number of usable size")]
    Offset(f64),
    /// A cost is not a finite number below [`LARGEST_BOUND`].
    #[error("column `{column}` has the cost {cost}, which is not a finite number of usable size")]
    Cost {
        /// The column's name.
        column: String,
        /// Its cost.
        cost: f64,
    },
    /// A bound is not a number, or so large that solvers take it for infinite.
    #[error("`{name}` has the bound {bound}, which is neither infinite nor of usable size")]
    Bound {
        /// The column's or row's name.
        name: String,
        /// The bound.
        bound: f64,
    },
    /// A lower bound is above the upper one, or infinite on the wrong side.
    #[error("`{name}` has no value between its bounds {lower} and {upper}")]
    CrossedBounds {
        /// The column's or row's name.
        name: String,
        /// The lower bound.
        lower: f64,
        /// The upper bound.
        upper: f64,
    },
    /// A coefficient is not a number of a size that solvers keep.
    #[error("row `{row}` has the coefficient {coefficient}, which is outside what solvers keep")]
    Coefficient {
        /// The row's name.
        row: String,
        /// The coefficient.
        coefficient: f64,
    },
    /// A row speaks of a column that does not exist.
    #[error("row `{row}` has a term in column {column}, and there are {n_columns} columns")]
    UnknownColumn {
        /// The row's name.
        row: String,
        /// The position that it gives.
        column: usize,
        /// How many columns there are.
        n_columns: usize,
    },
    /// A row has two terms in one column.
    #[error("row `{row}` has column {column} twice")]
    RepeatedColumn {
        /// The row's name.
        row: String,
        /// The column's position.
        column: usize,
    },
    /// A name is empty.
    #[error("{kind} {position} has no name")]
    EmptyName {
        /// `column` or `row`.
        kind: &'static str,
        /// Its position.
        position: usize,
    },
    /// Two columns, or two rows, have one name.
    #[error("{kind}s {first} and {second} are both called `{name}`")]
    DuplicateName {
        /// `column` or `row`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The position that has it first.
        first: usize,
        /// The position that has it again.
        second: usize,
    },
}

pub(crate) fn validate(model: &Milp) -> Result<(), Vec<ModelFault>> {
    let mut faults = Vec::new();
    if !is_usable(model.offset) {
        faults.push(ModelFault::Offset(model.offset));
    }
    for column in &model.columns {
        if !is_usable(column.cost) {
            faults.push(ModelFault::Cost {
                column: column.name.clone(),
                cost: column.cost,
            });
        }
        validate_bounds(&column.name, column.lower, column.upper, &mut faults);
    }
    let mut last_row_of_column = vec![usize::MAX; model.columns.len()];
    for (row_idx, row) in model.rows.iter().enumerate() {
        validate_bounds(&row.name, row.lower, row.upper, &mut faults);
        validate_terms(row_idx, row, &mut last_row_of_column, &mut faults);
    }
    validate_names(
        "column",
        model.columns.iter().map(|column| column.name.as_str()),
        &mut faults,
    );
    validate_names(
        "row",
        model.rows.iter().map(|row| row.name.as_str()),
        &mut faults,
    );
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn is_usable(number: f64) -> bool {
    number.abs() < LARGEST_BOUND // false for NaN
}

fn validate_bounds(name: &str, lower: f64, upper: f64, faults: &mut Vec<ModelFault>) {
    let mut usable = true;
    for bound in [lower, upper] {
        if !is_usable(bound) && !bound.is_infinite() {
            usable = false;
            faults.push(ModelFault::Bound {
                name: name.to_owned(),
                bound,
            });
        }
    }
    if usable && (lower > upper || lower == f64::INFINITY || upper == f64::NEG_INFINITY) {
        faults.push(ModelFault::CrossedBounds {
            name: name.to_owned(),
            lower,
            upper,
        });
    }
}

fn validate_terms(
    row_idx: usize,
    row: &Row,
    last_row_of_column: &mut [usize],
    faults: &mut Vec<ModelFault>,
) {
    for &(column, coefficient) in &row.terms {
        let magnitude = coefficient.abs();
        if !(magnitude > SMALLEST_COEFFICIENT && magnitude <= LARGEST_COEFFICIENT) {
            faults.push(ModelFault::Coefficient {
                row: row.name.clone(),
                coefficient,
            });
        }
        let n_columns = last_row_of_column.len();
        match last_row_of_column.get_mut(column) {
            None => faults.push(ModelFault::UnknownColumn {
                row: row.name.clone(),
                column,
                n_columns,
            }),
            Some(last) if *last == row_idx => faults.push(ModelFault::RepeatedColumn {
                row: row.name.clone(),
                column,
            }),
            Some(last) => *last = row_idx,
        }
    }
}

fn validate_names<'a>(
    kind: &'static str,
    names: impl Iterator<Item = &'a str>,
    faults: &mut Vec<ModelFault>,
) {
    let mut seen = BTreeMap::new();
    for (position, name) in names.enumerate() {
        if name.is_empty() {
            faults.push(ModelFault::EmptyName { kind, position });
        } else if let Some(&first) = seen.get(name) {
            faults.push(ModelFault::DuplicateName {
                kind,
                name: name.to_owned(),
                first,
                second: position,
            });
        } else {
            seen.insert(name, position);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milp::{ColumnKind, Sense};

    fn model() -> Milp {
        let mut model = Milp::new("m", Sense::Minimize);
        let x = model.add_column("x", 0.0, 10.0, ColumnKind::Integer, 1.0);
        let y = model.add_column(
            "y",
            f64::NEG_INFINITY,
            f64::INFINITY,
            ColumnKind::Continuous,
            1.0,
        );
        model.add_row("pair", 1.0, 4.0, [(x, 1.0), (y, 1.0)]);
        model.add_row("whole", f64::NEG_INFINITY, 2e9, [(x, 1e9)]);
        model
    }

    #[test]
    fn every_fault_of_a_model_is_found_at_once() {
        let mut model = model();
        assert_eq!(model.validate(), Ok(()));
        model.offset = f64::NAN;
        model.columns[0].cost = f64::INFINITY;
        model.columns[0].lower = f64::NAN;
        model.columns[1].name = "x".into();
        model.rows[0].lower = 5.0;
        model.rows[0].terms = vec![(0, 1.0), (0, 1.0), (7, 1.0)];
        model.rows[1].terms[0].1 = 1e-12;
        model.rows[1].name.clear();
        let faults = model.validate().expect_err("the model has many faults");
        assert_eq!(faults.len(), 9, "{faults:?}");
    }

    #[test]
    fn bounds_infinite_on_the_wrong_side_are_crossed() {
        let mut model = model();
        model.columns[1].lower = f64::INFINITY;
        assert!(matches!(
            &model.validate().expect_err("nothing is above infinity")[..],
            [ModelFault::CrossedBounds { .. }]
        ));
    }
}
