//! What a solve returns, and what it may be asked to keep to.

/// How far a solve goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The relative duality gap, and the relative residuals, that are aimed at. Where rounding ends progress before,
    /// a point within a hundred times this still counts as optimal.
    pub tolerance: f64,
    /// The number of Newton steps after which the best point so far is returned.
    pub max_iterations: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 1e-10,
            max_iterations: 150,
        }
    }
}

/// How a solve ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// Residuals and gap are within the tolerance, or within a hundred times of it where rounding allows no more.
    Optimal,
    /// Progress ended before the tolerance was reached, but within a ten-thousandth: read the residuals.
    Inaccurate,
    /// The rows contradict each other: proved when a row alone shows it, else shown by duals that form a
    /// Farkas certificate up to rounding.
    Infeasible,
    /// The objective grows without bound along some column.
    Unbounded,
    /// The iterations ran out, or progress ended, far from the tolerance.
    IterationLimit,
    /// The caller asked to stop.
    Stopped,
}

/// How far a point is from optimal; each is relative, and 0 at an exact optimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residuals {
    /// The largest violation of a row, relative to the row's scale.
    pub primal: f64,
    /// The largest violation of a column's dual equation, relative to the terms it is made of.
    pub dual: f64,
    /// The complementarity left: in total relative to the objective's weight (its value, if linear), and in each
    /// block relative to a hundred times the block's weight; the larger.
    pub gap: f64,
}

impl Residuals {
    /// The worst of the three.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.primal.max(self.dual).max(self.gap)
    }
}

/// Multipliers of a problem's rows and upper bounds, all at least 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Duals {
    /// The price of each shared row.
    pub shared: Vec<f64>,
    /// The multiplier of each own row, block by block.
    pub own: Vec<Vec<f64>>,
    /// The multiplier of each column's upper bound, block by block; 0 where the bound is infinite.
    pub upper: Vec<Vec<f64>>,
}

/// A point, its multipliers, and how good they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// How the solve ended.
    pub status: Status,
    /// The columns' values, block by block.
    pub x: Vec<Vec<f64>>,
    /// `value . x` of each block.
    pub utilities: Vec<f64>,
    /// The multipliers.
    pub duals: Duals,
    /// The amount of the column that is in no block; 0 where there is none.
    pub common: f64,
    /// The blocks of positive weight that can have no utility, because each of their columns of positive value is
    /// fixed at 0 by a bound or a row of capacity 0. Under a logarithm they are left out of the objective.
    pub excluded: Vec<usize>,
    /// How far the point is from optimal.
    pub residuals: Residuals,
    /// The Newton steps taken.
    pub iterations: usize,
}
