//! Every tolerance of the verifier, by name. Integers have none.

/// Relative: objectives, bounds and gaps.
pub const STAGE_TOLERANCE: f64 = 1e-6;

/// Relative: the numbers of shares, rents and envy.
pub const SHARE_TOLERANCE: f64 = 1e-6;

/// Relative to `1 + epsilon`: epsilons.
pub const EPSILON_TOLERANCE: f64 = 1e-6;

/// Relative to the right side of a column test: what it may lack. A shortage of this size in every
/// column costs no more than itself in `1 + epsilon`.
pub const COLUMN_TOLERANCE: f64 = 1e-7;

/// Relative: rows of a fractional allocation, and right-hand sides.
pub const ROW_TOLERANCE: f64 = 1e-7;

/// Whether two numbers are equal up to a tolerance relative to the larger one, or to 1.
pub(super) fn close(left: f64, right: f64, tolerance: f64) -> bool {
    let largest = left.abs().max(right.abs());
    left == right || (largest.is_finite() && (left - right).abs() <= tolerance * largest.max(1.0))
}
