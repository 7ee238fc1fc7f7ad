//! Small random models whose answers brute force, or the twin backend, knows. Seeded: the same every time.

use apportion_models::{ColumnKind, Milp, Sense};

use crate::draws::Random;

impl Random {
    /// A whole number from `first` to `last`, both included, as models have it.
    pub fn number(&mut self, first: i64, last: i64) -> f64 {
        self.whole(first, last) as f64
    }
}

/// A model of at most five columns in small boxes. Rows are ranges, one-sided, equations or free.
pub fn model(seed: u64, pure_integer: bool) -> Milp {
    let random = &mut Random(seed);
    let sense = if random.chance(50) {
        Sense::Minimize
    } else {
        Sense::Maximize
    };
    let mut model = Milp::new(format!("random {seed}"), sense);
    model.offset = random.number(-3, 3);
    for column in 0..random.number(1, 5) as usize {
        let lower = random.number(-3, 2);
        let kind = if pure_integer || random.chance(50) {
            ColumnKind::Integer
        } else {
            ColumnKind::Continuous
        };
        let fraction = random.number(0, 3) * 0.25;
        model.add_column(
            format!("x{column}"),
            lower,
            lower + random.number(0, 5) + fraction,
            kind,
            random.number(-6, 6),
        );
    }
    for row in 0..random.number(0, 4) as usize {
        let terms: Vec<(usize, f64)> = (0..model.columns.len())
            .filter_map(|column| {
                let coefficient = random.number(-5, 5);
                random.chance(80).then_some((column, coefficient))
            })
            .collect();
        let middle = random.number(-6, 8);
        let (lower, upper) = match random.next() % 8 {
            0 => (middle, middle),
            1 => (f64::NEG_INFINITY, f64::INFINITY),
            2 | 3 => (middle, middle + random.number(0, 4)),
            4 | 5 => (middle, f64::INFINITY),
            _ => (f64::NEG_INFINITY, middle),
        };
        model.add_row(format!("r{row}"), lower, upper, terms);
    }
    model
}
