//! Welfare problems: blocks of columns that meet in shared rows, and an interior point method that uses it.
//!
//! # Model
//! Blocks (players) `p` with weight `w_p`, columns `x_p`, values `v_p`.
//!
//! ```text
//! maximize    sum_p w_p ln(v_p . x_p)         or, linear:   sum_p w_p (v_p . x_p)
//! subject to  sum_p D_p x_p <= C              shared rows   multipliers pi >= 0 ("prices")
//!             B_p x_p <= b_p                  own rows      multipliers y_p >= 0
//!             0 <= x_p <= u_p                 bounds        multipliers nu_p >= 0 (u may be infinite)
//! ```
//!
//! Coefficients and right-hand sides may have any sign: a floor `v . x >= f` is the own row `-v . x <= -f`
//! ([`Block::add_floor`]). Under the logarithm values are at least 0. A block of weight 0 has no utility.
//!
//! A linear problem may have one column more that is in own rows of many blocks ([`Common`]): a level `t` with
//! `v_p . x_p >= t a_p`, whose largest value is a program of its own.
//!
//! Optimal are exactly the feasible points with multipliers such that, with `m_p = w_p / (v_p . x_p)` (linear:
//! `m_p = w_p`) for each column `j`
//!
//! ```text
//! D_pj . pi + B_pj . y_p + nu_pj >= m_p v_pj      with equality where x_pj > 0
//! ```
//!
//! and every row and bound with a positive multiplier is tight. Then `pi . C + sum_p y_p . b_p + sum_p nu_p . u_p`
//! is `sum_p w_p` (linear: the optimal value).
//!
//! # Method
//! Rows and columns that a bound or a right-hand side of 0 settles are taken out first (`presolve`); the rest is
//! scaled and every logarithm becomes a row (`standard`); a primal-dual predictor-corrector method follows the
//! central path from an infeasible start (`interior`); each Newton step eliminates block by block (`normal`), so its
//! cost is linear in the blocks and cubic only in the shared rows. The same input gives the same output, bit by bit.
//!
//! Rows may leave no interior (floors that only just fit, as stated, are fine): then multipliers are not unique, and
//! some choice is returned. Rows that leave an interior narrower than about `1e-7` of their size, but not none, are the
//! hard case: the point is still good to that width, the multipliers may not be.
//!
//! [`solve()`] answers to about ten digits. [`repair()`] turns its multipliers, or any others, into ones
//! that satisfy every column's inequality exactly, as computed in `f64`.
//!
//! # Source
//! The welfare program: Eisenberg and Gale, *Consensus of subjective probabilities: the pari-mutuel method*, Annals of
//! Mathematical Statistics 30 (1959). The method: Mehrotra, *On the implementation of a primal-dual interior point
//! method*, SIAM Journal on Optimization 2 (1992); Wright, *Primal-Dual Interior-Point Methods*, SIAM (1997), chapters
//! 10 and 11. Deviation: the pair of a logarithm keeps its weight as the target of its product, while the targets of
//! all other products go to 0.

mod cholesky;
mod interior;
mod matrix;
mod newton;
mod normal;
mod parts;
mod point;
mod presolve;
mod problem;
mod repair;
mod solution;
mod solve;
mod standard;
#[cfg(test)]
mod tests;

pub use problem::{Block, Common, Objective, Problem, ProblemFault};
pub use repair::{Repaired, dual_value, marginal_values, repair};
pub use solution::{Duals, Residuals, Settings, Solution, Status};
pub use solve::{solve, solve_until};
