//! A linear program with integer columns, as a plain value.

use crate::check::{self, Violation};
use crate::validate::{self, ModelFault};
use serde::{Deserialize, Serialize};

/// Whether the objective is to be made small or large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    /// The smaller the better.
    Minimize,
    /// The larger the better.
    Maximize,
}

impl Sense {
    /// Whether the objective value `left` is better than `right`, by more than `margin`.
    #[must_use]
    pub fn is_better(self, left: f64, right: f64, margin: f64) -> bool {
        match self {
            Self::Minimize => left < right - margin,
            Self::Maximize => left > right + margin,
        }
    }
}

/// The values that a column may take between its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// Any real number.
    Continuous,
    /// Whole numbers only.
    Integer,
}

/// A variable of a [`Milp`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// A name that no other column of the model has.
    pub name: String,
    /// The smallest value; minus infinity for none.
    #[serde(with = "extended")]
    pub lower: f64,
    /// The largest value; infinity for none.
    #[serde(with = "extended")]
    pub upper: f64,
    /// Which values between the bounds are allowed.
    pub kind: ColumnKind,
    /// The coefficient in the objective.
    pub cost: f64,
}

/// A linear constraint of a [`Milp`]: `lower <= sum of coefficient x column <= upper`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// A name that no other row of the model has.
    pub name: String,
    /// The smallest activity; minus infinity for none.
    #[serde(with = "extended")]
    pub lower: f64,
    /// The largest activity; infinity for none.
    #[serde(with = "extended")]
    pub upper: f64,
    /// Column position and coefficient, each column at most once.
    pub terms: Vec<(usize, f64)>,
}

impl Row {
    /// The value of the row's sum under `values`.
    ///
    /// A term beyond the end of `values` panics: call it on valid models and whole solutions.
    #[must_use]
    pub fn activity(&self, values: &[f64]) -> f64 {
        self.terms
            .iter()
            .map(|&(column, coefficient)| coefficient * values[column])
            .sum()
    }
}

/// A mixed integer linear program.
///
/// # Model
/// Optimize `offset + sum of cost x column` in the given sense, subject to every [`Row`] and every [`Column`]'s bounds and kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Milp {
    /// What files and reports call the model.
    pub name: String,
    /// Whether the objective is to be made small or large.
    pub sense: Sense,
    /// A constant that is part of the objective.
    pub offset: f64,
    /// The variables; a position here is a column's identity.
    pub columns: Vec<Column>,
    /// The constraints, in the order in which solvers see them.
    pub rows: Vec<Row>,
}

impl Milp {
    /// A model without columns and rows.
    #[must_use]
    pub fn new(name: impl Into<String>, sense: Sense) -> Self {
        Self {
            name: name.into(),
            sense,
            offset: 0.0,
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds a column and returns its position.
    pub fn add_column(
        &mut self,
        name: impl Into<String>,
        lower: f64,
        upper: f64,
        kind: ColumnKind,
        cost: f64,
    ) -> usize {
        self.columns.push(Column {
            name: name.into(),
            lower,
            upper,
            kind,
            cost,
        });
        self.columns.len() - 1
    }

    /// Adds a row and returns its position.
    ///
    /// Terms are put in column order, those of one column are added together, and zero coefficients are left out,
    /// so that a model does not depend on the order in which a sum was written down.
    pub fn add_row(
        &mut self,
        name: impl Into<String>,
        lower: f64,
        upper: f64,
        terms: impl IntoIterator<Item = (usize, f64)>,
    ) -> usize {
        let mut terms: Vec<(usize, f64)> = terms.into_iter().collect();
        terms.sort_by_key(|&(column, _)| column);
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        terms.retain(|&(_, coefficient)| coefficient != 0.0);
        self.rows.push(Row {
            name: name.into(),
            lower,
            upper,
            terms,
        });
        self.rows.len() - 1
    }

    /// The objective under `values`, which has one entry per column.
    #[must_use]
    pub fn objective_value(&self, values: &[f64]) -> f64 {
        let linear: f64 = self
            .columns
            .iter()
            .zip(values)
            .filter(|(column, _)| column.cost != 0.0)
            .map(|(column, value)| column.cost * value)
            .sum();
        self.offset + linear
    }

    /// Whether any column is integer.
    #[must_use]
    pub fn is_mixed_integer(&self) -> bool {
        self.columns
            .iter()
            .any(|column| column.kind == ColumnKind::Integer)
    }

    /// Everything that keeps `values` from being a feasible solution, in column, then row order; see [`check::check`].
    #[must_use]
    pub fn check(&self, values: &[f64], tolerance: f64) -> Vec<Violation> {
        check::check(self, values, tolerance)
    }

    /// Whether the model means anything: finite numbers, existing columns, distinct names, bounds that do not cross.
    ///
    /// # Errors
    /// Every fault, in the order in which columns and rows come.
    pub fn validate(&self) -> Result<(), Vec<ModelFault>> {
        validate::validate(self)
    }
}

/// Numbers that JSON has no literal for are written as `"inf"`, `"-inf"` and `"NaN"`.
mod extended {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Number {
        Finite(f64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            Number::Finite(*value).serialize(serializer)
        } else {
            Number::Text(value.to_string()).serialize(serializer)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Number::deserialize(deserializer)? {
            Number::Finite(value) => Ok(value),
            Number::Text(text) => text
                .parse()
                .map_err(|_| D::Error::custom(format!("`{text}` is not a number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_are_put_in_column_order_and_merged() {
        let mut model = Milp::new("m", Sense::Minimize);
        let row = model.add_row(
            "r",
            0.0,
            1.0,
            [(2, 1.0), (0, 3.0), (2, -1.0), (1, 0.0), (0, 1.0)],
        );
        assert_eq!(model.rows[row].terms, [(0, 4.0)]);
    }

    #[test]
    fn infinite_bounds_survive_json() {
        let mut model = Milp::new("m", Sense::Maximize);
        model.offset = 0.1;
        let x = model.add_column(
            "x",
            f64::NEG_INFINITY,
            f64::INFINITY,
            ColumnKind::Continuous,
            1.0 / 3.0,
        );
        model.add_row("r", f64::NEG_INFINITY, 7.0, [(x, 1e-7)]);
        let text = serde_json::to_string(&model).unwrap();
        assert!(text.contains(r#""lower":"-inf","upper":"inf""#), "{text}");
        assert_eq!(serde_json::from_str::<Milp>(&text).unwrap(), model);
        assert!(serde_json::from_str::<Milp>(&text.replace("\"inf\"", "\"many\"")).is_err());
    }
}
