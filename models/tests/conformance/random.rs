//! Small random models whose answers brute force, or the twin backend, knows. Seeded: the same every time.

use apportion_models::{ColumnKind, Milp, Sense};

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number from `first` to `last`, both included.
    pub fn whole(&mut self, first: i64, last: i64) -> f64 {
        let span = (last - first + 1) as u64;
        (first + (self.next() % span) as i64) as f64
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
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
    model.offset = random.whole(-3, 3);
    for column in 0..random.whole(1, 5) as usize {
        let lower = random.whole(-3, 2);
        let kind = if pure_integer || random.chance(50) {
            ColumnKind::Integer
        } else {
            ColumnKind::Continuous
        };
        let fraction = random.whole(0, 3) * 0.25;
        model.add_column(
            format!("x{column}"),
            lower,
            lower + random.whole(0, 5) + fraction,
            kind,
            random.whole(-6, 6),
        );
    }
    for row in 0..random.whole(0, 4) as usize {
        let terms: Vec<(usize, f64)> = (0..model.columns.len())
            .filter_map(|column| {
                let coefficient = random.whole(-5, 5);
                random.chance(80).then_some((column, coefficient))
            })
            .collect();
        let middle = random.whole(-6, 8);
        let (lower, upper) = match random.next() % 8 {
            0 => (middle, middle),
            1 => (f64::NEG_INFINITY, f64::INFINITY),
            2 | 3 => (middle, middle + random.whole(0, 4)),
            4 | 5 => (middle, f64::INFINITY),
            _ => (f64::NEG_INFINITY, middle),
        };
        model.add_row(format!("r{row}"), lower, upper, terms);
    }
    model
}
