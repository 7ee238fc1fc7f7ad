//! The stages: what each counts, what the stage's objective is, and the rows that keep what earlier stages have reached.

use super::losses::whole_scale;
use super::{Auxiliary, Builder, FREE};
use crate::assignment::types::{Objective, Peak, Stage};
use crate::milp::{ColumnKind, Sense};

/// A stage's value as a sum over columns.
pub(super) struct Expression {
    pub(super) constant: f64,
    pub(super) terms: Vec<(usize, f64)>,
    /// Makes every coefficient and the constant whole, or at least not tiny.
    pub(super) scale: f64,
    pub(super) whole: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn add_stage(&mut self, position: usize, stage: &'a Stage) -> Expression {
        let mut expression = match &stage.objective {
            Objective::Value(terms) => Expression::whole(
                (terms.iter())
                    .flat_map(|term| {
                        (self.columns_of(term.item)).map(|column| (column, term.value as f64))
                    })
                    .collect(),
            ),
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                let value = |column: usize| {
                    let (item, bin) = self.columns[column];
                    (column, by_class.of(item, bin) as f64)
                };
                let columns = by_class
                    .rates
                    .iter()
                    .flat_map(|rate| self.columns_of(rate.item));
                Expression::whole(columns.map(value).collect())
            }
            Objective::Utility(curves) => self.add_utility(position, curves),
            Objective::Shortfall(terms) => {
                let shorts = (terms.iter().enumerate())
                    .map(|(term, survival)| (self.add_survival(position, term, survival), 1.0));
                Expression::whole(shorts.collect())
            }
            Objective::WorstShare(terms) => {
                let weights = (terms.iter().enumerate())
                    .map(|(term, loss)| (self.add_loss(position, term, loss), loss.share_of(1)));
                let weights = weights.collect();
                let (scale, whole) = whole_scale(terms);
                Expression {
                    constant: 0.0,
                    terms: weights,
                    scale,
                    whole,
                }
            }
            Objective::Span(terms) => {
                let mut expression = Expression::whole(Vec::new());
                for (term, span) in terms.iter().enumerate() {
                    self.add_span(position, term, span, &mut expression);
                }
                expression
            }
            Objective::Traffic(traffic) => self.add_traffic(position, traffic),
            Objective::Fragmentation(probes) => self.add_fragmentation(probes),
            Objective::Opened(costs) => Expression::whole(self.add_opened(costs)),
            Objective::Peak(peak) => Expression {
                constant: 0.0,
                terms: vec![(self.add_peak(position, peak), 1.0)],
                scale: 1.0,
                whole: false,
            },
        };
        expression
            .terms
            .retain(|&(_, coefficient)| coefficient != 0.0);
        expression
    }

    /// A column that is at least the used part of every cap; it need not be whole.
    fn add_peak(&mut self, stage: usize, peak: &Peak) -> usize {
        let name = format!("peak[{}]", self.assignment.stages[stage].name);
        self.auxiliaries.push(Auxiliary::Peak(stage));
        let kind = ColumnKind::Continuous;
        let column = (self.milp).add_column(name, peak.least, 1e12, kind, 0.0);
        for part in &peak.parts {
            let cap = &self.assignment.caps[part.cap as usize];
            let mut terms = self.under(cap);
            let scale = 1000.0 / part.total as f64;
            terms.iter_mut().for_each(|term| term.1 *= -scale);
            terms.push((column, 1.0));
            let name = format!("peak[{}]", cap.name);
            self.milp.add_row(name, part.used(0), FREE, terms);
        }
        column
    }

    pub(super) fn set_objective(&mut self, expression: &Expression) {
        self.scale = expression.scale;
        self.whole = expression.whole;
        self.milp.offset = expression.constant * expression.scale;
        for &(column, coefficient) in &expression.terms {
            self.milp.columns[column].cost = expression.scaled(coefficient);
        }
    }

    pub(super) fn add_kept_row(&mut self, stage: &Stage, expression: &Expression, value: f64) {
        let name = format!("kept[{}]", stage.name);
        let value = (value - expression.constant) * expression.scale;
        let value = if expression.whole {
            value.round()
        } else {
            value
        };
        let slack = if expression.whole {
            0.0
        } else {
            1e-9 * value.abs().max(1.0)
        };
        let (lower, upper) = match stage.objective.sense() {
            Sense::Minimize => (-FREE, value + slack),
            Sense::Maximize => (value - slack, FREE),
        };
        let terms = (expression.terms.iter())
            .map(|&(column, coefficient)| (column, expression.scaled(coefficient)));
        let terms: Vec<_> = terms.collect();
        self.milp.add_row(name, lower, upper, terms);
    }
}

impl Expression {
    pub(super) fn whole(terms: Vec<(usize, f64)>) -> Self {
        Self {
            constant: 0.0,
            terms,
            scale: 1.0,
            whole: true,
        }
    }

    fn scaled(&self, coefficient: f64) -> f64 {
        let scaled = coefficient * self.scale;
        if self.whole { scaled.round() } else { scaled }
    }
}
