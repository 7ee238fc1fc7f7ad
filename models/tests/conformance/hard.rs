//! Models that no branch and bound finishes in the time of a test.

use crate::draws::Random;
use apportion_models::{ColumnKind, Milp, Sense};

/// A multi-dimensional knapsack: good solutions are found at once, and proofs take long.
pub fn knapsack(n_items: usize, n_rows: usize) -> Milp {
    let random = &mut Random(7);
    let mut model = Milp::new("knapsack", Sense::Maximize);
    let weights: Vec<Vec<f64>> = (0..n_rows)
        .map(|_| (0..n_items).map(|_| random.number(1, 1000)).collect())
        .collect();
    for item in 0..n_items {
        let total: f64 = weights.iter().map(|row| row[item]).sum();
        let value = (total / n_rows as f64).floor() + random.number(0, 500);
        model.add_column(format!("take{item}"), 0.0, 1.0, ColumnKind::Integer, value);
    }
    for (row, weights) in weights.iter().enumerate() {
        let capacity = (weights.iter().sum::<f64>() / 2.0).floor();
        model.add_row(
            format!("capacity{row}"),
            f64::NEG_INFINITY,
            capacity,
            weights.iter().copied().enumerate(),
        );
    }
    model
}

/// A market split (Cornuejols, Dawande: A class of hard small 0-1 programs, IPCO 1998): there is hardly ever a solution, and the
/// relaxation does not notice.
pub fn market_split(n_columns: usize, n_rows: usize) -> Milp {
    let random = &mut Random(11);
    let mut model = Milp::new("market split", Sense::Minimize);
    for column in 0..n_columns {
        model.add_column(format!("x{column}"), 0.0, 1.0, ColumnKind::Integer, 0.0);
    }
    for row in 0..n_rows {
        let shares: Vec<f64> = (0..n_columns).map(|_| random.number(0, 99)).collect();
        let half = (shares.iter().sum::<f64>() / 2.0).floor();
        model.add_row(
            format!("market{row}"),
            half,
            half,
            shares.into_iter().enumerate(),
        );
    }
    model
}
