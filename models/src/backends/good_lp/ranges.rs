//! Ranges of integer columns that fit into 32 bits, which is all that microlp takes.

use crate::backends::whole_bounds;
use crate::milp::{ColumnKind, Milp, Row};

/// The largest magnitude that microlp searches.
const LARGEST: f64 = i32::MAX as f64;
/// Bounds implied by other bounds get tighter from round to round, mostly in the first.
const ROUNDS: usize = 4;
/// Bounds that rows imply are taken this much wider, so that rounding in floats cannot cut off a solution.
const SLACK: f64 = 1e-6;

/// One pair of bounds for every column of a model.
pub(super) enum Ranges {
    /// No solution is lost.
    Whole(Vec<(f64, f64)>),
    /// Some integer column is cut off, and solutions may be lost.
    Cut(Vec<(f64, f64)>),
    /// Some integer column has no whole number between its bounds.
    Empty,
    /// This integer column has no whole number of 32 bits between its bounds.
    Beyond(String),
}

pub(super) fn within_32_bits(model: &Milp) -> Ranges {
    let mut bounds: Vec<(f64, f64)> = model.columns.iter().map(whole_bounds).collect();
    for _ in 0..ROUNDS {
        if !model
            .columns
            .iter()
            .zip(&bounds)
            .any(|(column, &range)| column.kind == ColumnKind::Integer && is_wide(range))
        {
            break;
        }
        for row in &model.rows {
            tighten(model, row, &mut bounds);
        }
    }
    let mut cut = false;
    for (column, range) in model.columns.iter().zip(&mut bounds) {
        if column.kind == ColumnKind::Integer {
            cut |= is_wide(*range);
            if range.0 > range.1 {
                return Ranges::Empty;
            }
            if range.0 > LARGEST || range.1 < -LARGEST {
                return Ranges::Beyond(column.name.clone());
            }
            *range = (
                range.0.clamp(-LARGEST, LARGEST),
                range.1.clamp(-LARGEST, LARGEST),
            );
        }
    }
    if cut {
        Ranges::Cut(bounds)
    } else {
        Ranges::Whole(bounds)
    }
}

fn is_wide((lower, upper): (f64, f64)) -> bool {
    lower < -LARGEST || upper > LARGEST
}

/// Takes from a row what it implies for its wide integer columns, given the bounds of its other columns.
fn tighten(model: &Milp, row: &Row, bounds: &mut [(f64, f64)]) {
    for &(column, coefficient) in &row.terms {
        if model.columns[column].kind != ColumnKind::Integer || !is_wide(bounds[column]) {
            continue;
        }
        let (mut least, mut most) = (0.0, 0.0);
        for &(other, factor) in row.terms.iter().filter(|term| term.0 != column) {
            let (lower, upper) = bounds[other];
            least += if factor > 0.0 {
                factor * lower
            } else {
                factor * upper
            };
            most += if factor > 0.0 {
                factor * upper
            } else {
                factor * lower
            };
        }
        // Infinite ends stay infinite through both lines: no sum here adds infinities of both signs.
        let ends = (
            (row.lower - most) / coefficient,
            (row.upper - least) / coefficient,
        );
        let (lower, upper) = if coefficient > 0.0 {
            ends
        } else {
            (ends.1, ends.0)
        };
        let range = &mut bounds[column];
        range.0 = range.0.max((lower - SLACK * lower.abs().max(1.0)).ceil());
        range.1 = range.1.min((upper + SLACK * upper.abs().max(1.0)).floor());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::milp::Sense;

    #[test]
    fn rows_bound_columns_that_have_no_bounds() {
        let mut model = Milp::new("m", Sense::Maximize);
        let x = model.add_column("x", 0.0, f64::INFINITY, ColumnKind::Integer, 1.0);
        let y = model.add_column("y", f64::NEG_INFINITY, 5.0, ColumnKind::Integer, 1.0);
        model.add_row("r", 2.0, 9.0, [(x, 2.0), (y, 1.0)]);
        model.add_row("s", -3.0, f64::INFINITY, [(y, 1.0)]);
        let Ranges::Whole(bounds) = within_32_bits(&model) else {
            panic!("everything is bounded by rows");
        };
        assert_eq!(bounds, [(0.0, 6.0), (-3.0, 5.0)]);
    }

    #[test]
    fn what_nothing_bounds_is_cut_and_said_to_be() {
        let mut model = Milp::new("m", Sense::Maximize);
        model.add_column("x", 0.0, f64::INFINITY, ColumnKind::Integer, 1.0);
        assert!(
            matches!(within_32_bits(&model), Ranges::Cut(bounds) if bounds == [(0.0, LARGEST)])
        );
        model.columns[0].lower = 3e9;
        assert!(matches!(within_32_bits(&model), Ranges::Beyond(name) if name == "x"));
        model.columns[0].upper = 0.9;
        model.columns[0].lower = 0.1;
        assert!(matches!(within_32_bits(&model), Ranges::Empty));
    }
}
