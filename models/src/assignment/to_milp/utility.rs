//! Concave functions of values placed, as columns below straight lines.
//!
//! The column `worth[c]` counts a curve's rise above its value at the reference point, in units of the slope there, so that
//! coefficients are neither tiny nor huge: `worth <= (line_n(y) - shape(reference)) / slope(reference)` for the lines of
//! [`Curve::lines`].

use super::{Auxiliary, Builder, Expression, FREE};
use crate::assignment::placement::Placement;
use crate::assignment::types::{Assignment, Curve, Objective};
use crate::milp::ColumnKind;

/// A curve of a utility stage.
pub(super) fn curve(assignment: &Assignment, stage: usize, curve: usize) -> &Curve {
    match &assignment.stages[stage].objective {
        Objective::Utility(curves) => &curves[curve],
        _ => unreachable!("only utility stages have columns for curves"),
    }
}

/// The value of a curve's column for a placement.
pub(super) fn worth(curve: &Curve, placement: &Placement) -> f64 {
    let (at, slope) = reference(curve);
    (curve.shape.of(curve.total(placement)) - curve.shape.of(at)) / slope
}

/// Where the column of a curve is 0, and the slope there, in units of the shape; 1 where it is flat.
fn reference(curve: &Curve) -> (i64, f64) {
    let at = curve.near.max(curve.base);
    let slope = curve.shape.of(at + 1) - curve.shape.of(at);
    (at, if slope > 0.0 { slope } else { 1.0 })
}

impl Builder<'_> {
    /// The columns of the curves, with what their units are worth.
    pub(super) fn add_utility(&mut self, stage: usize, curves: &[Curve]) -> Expression {
        let mut constant = 0.0;
        let mut terms = Vec::new();
        for (position, curve) in curves.iter().enumerate() {
            let (at, slope) = reference(curve);
            constant += curve.worth_of(at);
            let column = self.add_curve(stage, position, curve);
            if curve.weight > 0.0 {
                terms.push((column, curve.weight * slope));
            }
        }
        let smallest = terms
            .iter()
            .map(|term| term.1)
            .fold(f64::INFINITY, f64::min);
        Expression {
            constant,
            terms,
            scale: if smallest.is_finite() {
                1.0 / smallest
            } else {
                1.0
            },
            whole: false,
        }
    }

    fn add_curve(&mut self, stage: usize, position: usize, curve: &Curve) -> usize {
        let mut sum: Vec<(usize, f64)> = Vec::new();
        let mut most = curve.base;
        for term in curve.terms.iter().filter(|term| term.value > 0) {
            let columns: Vec<usize> = self.columns_of(term.item).collect();
            most += term.value * self.largest_sum(&columns) as i64;
            let value = -(term.value as f64);
            sum.extend(columns.into_iter().map(|column| (column, value)));
        }
        let base = curve.base as f64;
        let name = format!("total[{}]", curve.name);
        let total = self.add_real(
            name.clone(),
            Auxiliary::Total(stage, position),
            base,
            most as f64,
        );
        sum.push((total, 1.0));
        self.milp.add_row(name, base, base, sum);

        let (at, slope) = reference(curve);
        let scaled = |y: i64| (curve.shape.of(y) - curve.shape.of(at)) / slope;
        let (lower, upper) = (scaled(curve.base), scaled(most));
        let name = format!("worth[{}]", curve.name);
        let worth = self.add_real(name, Auxiliary::Worth(stage, position), lower, upper);
        let mut last = f64::NAN;
        for n in curve.lines(most) {
            let rise = scaled(n + 1) - scaled(n);
            // A line like the one before, or no lower than the most that there is, says nothing new.
            if rise == last || rise <= 0.0 {
                continue;
            }
            last = rise;
            let name = format!("worth[{},{n}]", curve.name);
            let terms = [(worth, 1.0), (total, -rise)];
            self.milp
                .add_row(name, -FREE, scaled(n) - rise * n as f64, terms);
        }
        worth
    }

    fn add_real(&mut self, name: String, auxiliary: Auxiliary, lower: f64, upper: f64) -> usize {
        self.auxiliaries.push(auxiliary);
        let kind = ColumnKind::Continuous;
        self.milp.add_column(name, lower, upper, kind, 0.0)
    }
}
