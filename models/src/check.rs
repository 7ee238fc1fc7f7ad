//! What is wrong with a solution. Naive on purpose: no solver code is shared.

use crate::milp::{ColumnKind, Milp, Row};
use crate::validate::LARGEST_BOUND;

/// How values break a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// There are not as many values as columns.
    #[error("{given} values for {expected} columns")]
    Length {
        /// How many values there are.
        given: usize,
        /// How many columns there are.
        expected: usize,
    },
    /// A value is infinite or not a number.
    #[error("column `{column}` is {value}")]
    NotFinite {
        /// The column's name.
        column: String,
        /// The value.
        value: f64,
    },
    /// A value is outside its column's bounds.
    #[error("column `{column}` is {value}, outside {lower}..{upper}")]
    Bound {
        /// The column's name.
        column: String,
        /// The value.
        value: f64,
        /// The column's lower bound.
        lower: f64,
        /// The column's upper bound.
        upper: f64,
    },
    /// An integer column has a broken value.
    #[error("integer column `{column}` is {value}")]
    Fractional {
        /// The column's name.
        column: String,
        /// The value.
        value: f64,
    },
    /// A row's sum is outside its bounds.
    #[error("row `{row}` is {activity}, outside {lower}..{upper}")]
    Row {
        /// The row's name.
        row: String,
        /// The row's sum.
        activity: f64,
        /// The row's lower bound.
        lower: f64,
        /// The row's upper bound.
        upper: f64,
    },
}

/// Everything that keeps `values` from being a feasible solution of a valid model, in column, then row order.
///
/// A value may miss a bound or a whole number by `tolerance`. A row over integer columns whose coefficients, bounds and values are
/// whole numbers is computed exactly and allowed no error, so that a large coefficient does not make a large violation pass.
/// Any other row may miss its bound by `tolerance` times the largest of 1, the bound and its terms.
#[must_use]
pub fn check(model: &Milp, values: &[f64], tolerance: f64) -> Vec<Violation> {
    if values.len() != model.columns.len() {
        return vec![Violation::Length {
            given: values.len(),
            expected: model.columns.len(),
        }];
    }
    let mut violations = Vec::new();
    for (column, &value) in model.columns.iter().zip(values) {
        if !value.is_finite() {
            violations.push(Violation::NotFinite {
                column: column.name.clone(),
                value,
            });
            continue;
        }
        if value < column.lower - tolerance || value > column.upper + tolerance {
            violations.push(Violation::Bound {
                column: column.name.clone(),
                value,
                lower: column.lower,
                upper: column.upper,
            });
        }
        if column.kind == ColumnKind::Integer && (value - value.round()).abs() > tolerance {
            violations.push(Violation::Fractional {
                column: column.name.clone(),
                value,
            });
        }
    }
    if values.iter().all(|value| value.is_finite()) {
        violations.extend(
            model
                .rows
                .iter()
                .filter_map(|row| check_row(model, row, values, tolerance)),
        );
    }
    violations
}

fn check_row(model: &Milp, row: &Row, values: &[f64], tolerance: f64) -> Option<Violation> {
    let (holds, activity) = if let Some(activity) = exact_activity(model, row, values) {
        // Bounds are whole numbers below 2^67 or infinite, so that the comparison in floats only rounds the activity.
        let holds = (row.lower == f64::NEG_INFINITY || activity >= row.lower as i128)
            && (row.upper == f64::INFINITY || activity <= row.upper as i128);
        (holds, activity as f64)
    } else {
        let activity = row.activity(values);
        let largest_term = row
            .terms
            .iter()
            .map(|&(column, coefficient)| (coefficient * values[column]).abs())
            .fold(1.0, f64::max);
        let slack = |bound: f64| tolerance * largest_term.max(bound.abs());
        let holds = (row.lower == f64::NEG_INFINITY || activity >= row.lower - slack(row.lower))
            && (row.upper == f64::INFINITY || activity <= row.upper + slack(row.upper));
        (holds, activity)
    };
    (!holds).then(|| Violation::Row {
        row: row.name.clone(),
        activity,
        lower: row.lower,
        upper: row.upper,
    })
}

/// The row's sum as an integer, where everything in it is one.
fn exact_activity(model: &Milp, row: &Row, values: &[f64]) -> Option<i128> {
    let whole_or_infinite = |bound: f64| bound.is_infinite() || whole(bound).is_some();
    if !whole_or_infinite(row.lower) || !whole_or_infinite(row.upper) {
        return None;
    }
    let mut activity: i128 = 0;
    for &(column, coefficient) in &row.terms {
        if model.columns[column].kind != ColumnKind::Integer {
            return None;
        }
        let product = whole(coefficient)?.checked_mul(whole(values[column])?)?;
        activity = activity.checked_add(product)?;
    }
    Some(activity)
}

/// The number as an integer, if it is one of moderate size.
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < LARGEST_BOUND).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milp::Sense;

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
    fn feasible_values_pass_and_each_rule_fires_by_name() {
        let model = model();
        assert_eq!(model.check(&[2.0, 1.5], 1e-6), []);
        assert!(matches!(
            model.check(&[1.0], 1e-6)[..],
            [Violation::Length {
                given: 1,
                expected: 2
            }]
        ));
        assert!(
            matches!(&model.check(&[1.0, f64::NAN], 1e-6)[..], [Violation::NotFinite { column, .. }] if column == "y")
        );
        assert!(
            matches!(&model.check(&[-1.0, 2.5], 1e-6)[..], [Violation::Bound { column, .. }] if column == "x")
        );
        assert!(
            matches!(&model.check(&[0.5, 1.0], 1e-6)[..], [Violation::Fractional { column, .. }] if column == "x")
        );
        assert!(
            matches!(&model.check(&[2.0, 3.0], 1e-6)[..], [Violation::Row { row, .. }] if row == "pair")
        );
        assert!(
            matches!(&model.check(&[0.0, 0.9], 1e-6)[..], [Violation::Row { row, .. }] if row == "pair")
        );
    }

    #[test]
    fn whole_rows_are_exact_however_large_their_coefficients() {
        let mut model = model();
        model.rows[1].upper = 2e9 - 1.0;
        assert!(
            matches!(&model.check(&[2.0, 0.0], 1e-6)[..], [Violation::Row { row, .. }] if row == "whole")
        );
    }
}
