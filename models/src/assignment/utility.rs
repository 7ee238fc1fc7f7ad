//! Concave functions of the value that is placed: how they are evaluated, and the lines that stand for them in a program.
//!
//! A stage `sum over curves of weight x shape(y)`, `y = base + value placed of the curve's items`, is bounded from above by
//! straight lines through neighboring whole numbers: the line through `n` and `n + 1` touches the curve at both, and lies
//! above it at every other whole number, as the curve is concave. A column `z <= line_n(y)` for enough `n` is then the
//! curve itself wherever `y` is whole.

use super::placement::Placement;
use super::types::{Curve, Shape};

/// Up to so many whole numbers, there is a line for each.
const MOST_LINES: i64 = 64;
/// Lines on either side of [`Curve::near`] where there are more.
const NEAR_LINES: i64 = 16;
/// Beyond, each next line is so much farther away, as a part of the number that it is at.
const LINES_PER_NUMBER: i64 = 16;

impl Shape {
    /// The shape at a whole number; concave, and rising as far as it changes.
    #[must_use]
    pub fn of(self, y: i64) -> f64 {
        match self {
            Self::UpTo(most) => y.min(most) as f64,
            Self::Logarithm(least) if y >= least.max(1) => (y as f64).ln(),
            Self::Logarithm(least) => {
                let least = least.max(1) as f64;
                least.ln() + (y as f64 - least) / least
            }
        }
    }
}

impl Curve {
    /// The value placed of its items, what is there already included.
    #[must_use]
    pub fn total(&self, placement: &Placement) -> i64 {
        let of_term =
            |term: &super::types::Term| placement.copies_of(term.item).saturating_mul(term.value);
        (self.terms.iter()).fold(self.base, |sum, term| sum.saturating_add(of_term(term)))
    }

    /// What the curve contributes to its stage at a value placed.
    #[must_use]
    pub fn worth_of(&self, total: i64) -> f64 {
        self.weight * self.shape.of(total)
    }

    /// The same for a placement.
    #[must_use]
    pub fn worth(&self, placement: &Placement) -> f64 {
        self.worth_of(self.total(placement))
    }

    /// What one unit more is worth from a value placed on.
    #[must_use]
    pub fn slope(&self, total: i64) -> f64 {
        self.worth_of(total + 1) - self.worth_of(total)
    }

    /// The whole numbers at which lines begin, from `base` to below `most`, ascending.
    pub(super) fn lines(&self, most: i64) -> Vec<i64> {
        let range = self.base..most;
        if most - self.base <= MOST_LINES {
            return range.collect();
        }
        let near = self.near.clamp(self.base, most);
        let mut lines: Vec<i64> = (near - NEAR_LINES..near + NEAR_LINES).collect();
        let (mut below, mut above) = (near - NEAR_LINES, near + NEAR_LINES);
        while below > self.base {
            below -= (below / LINES_PER_NUMBER).max(1);
            lines.push(below);
        }
        while above < most {
            lines.push(above);
            above += (above / LINES_PER_NUMBER).max(1);
        }
        // Where the shape bends.
        let (Shape::UpTo(bend) | Shape::Logarithm(bend)) = self.shape;
        lines.extend([self.base, bend - 1, bend, most - 1]);
        lines.retain(|line| range.contains(line));
        lines.sort_unstable();
        lines.dedup();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(base: i64, near: i64, shape: Shape) -> Curve {
        Curve {
            name: "c".into(),
            weight: 0.5,
            base,
            near,
            shape,
            terms: Vec::new(),
        }
    }

    /// Concave: no unit is worth more than the one before; and lines lie above, touching where they begin and end.
    #[test]
    fn lines_lie_above_the_curve() {
        for shape in [Shape::UpTo(40), Shape::Logarithm(1), Shape::Logarithm(90)] {
            for (base, near, most) in [(0, 0, 50), (0, 700, 1000), (3, 20, 5000), (7, 7, 7)] {
                let curve = curve(base, near, shape);
                let lines = curve.lines(most);
                assert!(lines.is_sorted());
                assert_eq!(lines.is_empty(), base == most);
                for y in base..=most {
                    assert!(
                        curve.slope(y + 1) <= curve.slope(y) + 1e-15,
                        "{shape:?} {y}"
                    );
                    let least = lines
                        .iter()
                        .map(|&n| curve.worth_of(n) + curve.slope(n) * (y - n) as f64);
                    let least = least.fold(f64::INFINITY, f64::min);
                    let exact = curve.worth_of(y);
                    assert!(least >= exact - 1e-12, "{shape:?} {y}: {least} < {exact}");
                    let is_close = (y - near).abs() <= NEAR_LINES || most - base <= MOST_LINES;
                    if is_close && !lines.is_empty() {
                        assert!(least <= exact + 1e-12, "{shape:?} {y}: {least} > {exact}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_logarithm_goes_on_straight_below_its_least() {
        let shape = Shape::Logarithm(4);
        assert_eq!(shape.of(4), 4f64.ln());
        assert_eq!(shape.of(0), 4f64.ln() - 1.0);
        assert_eq!(shape.of(100), 100f64.ln());
        assert_eq!(Shape::Logarithm(0).of(0), -1.0);
    }
}
