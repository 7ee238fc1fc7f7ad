//! Instances of the generalized assignment problem, as the OR-Library has them.
//!
//! # Shape
//! Whole numbers divided by white space: the number of bins and of items; for each bin its cost for every item; for each bin
//! its weight for every item; the capacity of each bin.
//!
//! # Source
//! Chu, Beasley: A genetic algorithm for the generalised assignment problem, Computers & Operations Research 24 (1), 1997; instances of types A to E.

use super::{FormatError, text_of};
use crate::milp::{ColumnKind, Milp, Sense};

/// Items to put into bins at the least cost, each into one, with a weight and a cost that depend on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// For each bin, the cost of each item in it.
    pub costs: Vec<Vec<i64>>,
    /// For each bin, the weight of each item in it.
    pub weights: Vec<Vec<i64>>,
    /// For each bin, the weight that it holds.
    pub capacities: Vec<i64>,
}

impl Instance {
    /// The integer program of the instance.
    ///
    /// # Model
    /// - `x(b,i)` is 1 if item `i` is in bin `b`; minimize the sum of `cost(b,i) x(b,i)`.
    /// - `one(i)`: the `x(b,i)` of an item add up to 1.
    /// - `capacity(b)`: the `weight(b,i) x(b,i)` of a bin add up to at most its capacity.
    #[must_use]
    pub fn to_milp(&self, name: &str) -> Milp {
        let mut model = Milp::new(name, Sense::Minimize);
        let n_items = self.costs.first().map_or(0, Vec::len);
        for (bin, costs) in self.costs.iter().enumerate() {
            for (item, &cost) in costs.iter().enumerate() {
                model.add_column(
                    format!("x({bin},{item})"),
                    0.0,
                    1.0,
                    ColumnKind::Integer,
                    cost as f64,
                );
            }
        }
        for item in 0..n_items {
            let terms = (0..self.costs.len()).map(|bin| (bin * n_items + item, 1.0));
            model.add_row(format!("one({item})"), 1.0, 1.0, terms);
        }
        for (bin, (weights, &capacity)) in self.weights.iter().zip(&self.capacities).enumerate() {
            let terms = weights
                .iter()
                .enumerate()
                .map(|(item, &weight)| (bin * n_items + item, weight as f64));
            model.add_row(
                format!("capacity({bin})"),
                f64::NEG_INFINITY,
                capacity as f64,
                terms,
            );
        }
        model
    }
}

/// The instance in a file.
///
/// # Errors
/// The line where a number is missing, is none, or is one too many.
pub fn read(bytes: &[u8]) -> Result<Instance, FormatError> {
    let text = text_of(bytes)?;
    let mut numbers = Numbers {
        last_line: text.lines().count().max(1),
        fields: text.lines().enumerate().flat_map(|(line_idx, line)| {
            line.split_whitespace()
                .map(move |field| (line_idx + 1, field))
        }),
    };
    let n_bins = numbers.count("bins")?;
    let n_items = numbers.count("items")?;
    // Every entry takes a byte at least, so that a file cannot ask for more memory than it has a right to.
    if n_bins
        .max(1)
        .checked_mul(n_items.max(1))
        .is_none_or(|entries| entries > bytes.len())
    {
        return Err(FormatError::at(
            1,
            format!("the file has no room for {n_bins} bins and {n_items} items"),
        ));
    }
    let costs = numbers.table(n_bins, n_items, "cost")?;
    let weights = numbers.table(n_bins, n_items, "weight")?;
    let capacities = numbers.list(n_bins, "capacity")?;
    match numbers.fields.next() {
        Some((line, field)) => Err(FormatError::at(
            line,
            format!("`{field}` comes after the last capacity"),
        )),
        None => Ok(Instance {
            costs,
            weights,
            capacities,
        }),
    }
}

struct Numbers<I> {
    fields: I,
    last_line: usize,
}

impl<'a, I: Iterator<Item = (usize, &'a str)>> Numbers<I> {
    fn count(&mut self, what: &str) -> Result<usize, FormatError> {
        let (line, count) = self.next(&format!("the number of {what}"))?;
        usize::try_from(count)
            .map_err(|_| FormatError::at(line, format!("there are {count} {what}")))
    }

    fn table(
        &mut self,
        n_rows: usize,
        n_columns: usize,
        what: &str,
    ) -> Result<Vec<Vec<i64>>, FormatError> {
        (0..n_rows).map(|_| self.list(n_columns, what)).collect()
    }

    fn list(&mut self, length: usize, what: &str) -> Result<Vec<i64>, FormatError> {
        (0..length).map(|_| Ok(self.next(what)?.1)).collect()
    }

    fn next(&mut self, what: &str) -> Result<(usize, i64), FormatError> {
        let Some((line, field)) = self.fields.next() else {
            return Err(FormatError::at(
                self.last_line,
                format!("the file ends where {what} was expected"),
            ));
        };
        match field.parse() {
            Ok(number) => Ok((line, number)),
            Err(_) => Err(FormatError::at(
                line,
                format!("`{field}` is no whole number, where {what} was expected"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SMALL: &str = " 2 3\n 1 2 3\n 4 5 6\n 1 1 1\n 2 2 2\n 2 4\n";

    #[test]
    fn an_instance_becomes_its_program() {
        let instance = read(SMALL.as_bytes()).unwrap();
        assert_eq!(instance.costs, [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(
            (instance.weights[1][2], &instance.capacities[..]),
            (2, &[2, 4][..])
        );
        let model = instance.to_milp("small");
        assert_eq!(model.validate(), Ok(()));
        assert_eq!((model.columns.len(), model.rows.len()), (6, 5));
        assert_eq!(model.columns[5].name, "x(1,2)");
        assert_eq!(model.objective_value(&[1.0, 1.0, 0.0, 0.0, 0.0, 1.0]), 9.0);
        assert_eq!(model.check(&[1.0, 1.0, 0.0, 0.0, 0.0, 1.0], 0.0), []);
    }

    #[test]
    fn errors_name_their_line() {
        for (text, line) in [
            ("", 1),
            ("2\n-3", 2),
            ("2 3\n1 2 x", 2),
            ("2 3\n1 2 3\n4 5 6\n1 1 1\n2 2 2\n2\n", 6),
            ("1 1\n1\n1\n1\n9", 5),
            ("99999999999 99999999999", 1),
            ("99999999999 0", 1),
        ] {
            match read(text.as_bytes()) {
                Err(FormatError::Line { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
