//! A flow and prices to start the simplex method from: most of the supply sent along shortest paths, the rest by cost scaling, neither of
//! them to the end. What is found need not be the best, nor complete; the simplex method goes on from it.

mod paths;
mod residual;
mod scaling;

use super::stop::Stop;
use residual::Residual;

/// The arcs of a network, lower bounds taken off.
pub(super) struct View<'a> {
    pub(super) tails: &'a [u32],
    pub(super) heads: &'a [u32],
    pub(super) costs: &'a [i64],
    pub(super) capacities: &'a [i64],
}

/// Where the simplex method starts.
pub(super) struct Start {
    /// The flow on each arc, within its bounds.
    pub(super) flows: Vec<i64>,
    /// A price for each node.
    pub(super) potentials: Vec<i64>,
    /// What each node still has too much.
    pub(super) excesses: Vec<i64>,
    /// Arcs whose reduced cost is at most this, either way, are well supported by the prices.
    pub(super) tolerance: i64,
}

/// How far the largest cost is above the slack of the first refinement, and of the last.
const FIRST_PART: i64 = 128;
const LAST_PART: i64 = 512;
/// By how much the last refinement is sharper where most nodes supply something: ties abound there, and pivots between them are slow.
const SHARPER: i64 = 8;
/// Each refinement has a slack this much smaller than the one before.
const STEP: i64 = 4;
/// The largest factor by which costs are multiplied, so that slacks can be fractions of a cost.
const LARGEST_FACTOR: i64 = 16;
/// Looks at the directions of arcs that paths are worth, for each arc: altogether, and for some searches in a row.
const LOOKS_PER_ARC: usize = 12;
const ARCS_PER_LOOK_OF_WINDOW: usize = 2;

/// A start for a network with these excesses; none where the numbers are too large for it.
///
/// Where little competes for the same arcs, shortest paths find everything at once. Where much does, searches get long; they are given up for
/// cost scaling, which is best at that, and stops at a slack from which few pivots are left.
pub(super) fn start(view: &View<'_>, excesses: Vec<i64>, stop: &Stop<'_>) -> Option<Start> {
    let largest_cost = view.costs.iter().map(|cost| cost.saturating_abs()).max()?;
    let n_sources = excesses.iter().filter(|&&excess| excess > 0).count();
    let sharpness = if 2 * n_sources > excesses.len() {
        LAST_PART * SHARPER
    } else {
        LAST_PART
    };
    let mut factor = 1;
    while factor < LARGEST_FACTOR && largest_cost.saturating_mul(factor) < sharpness {
        factor *= 2;
    }
    let mut residual = Residual::new(view, excesses, factor)?;
    let budget = paths::Budget {
        total: LOOKS_PER_ARC * view.tails.len(),
        window: view.tails.len() / ARCS_PER_LOOK_OF_WINDOW,
    };
    if paths::route(&mut residual, budget, stop) {
        return Some(residual.into_start(factor, 0));
    }
    let largest = largest_cost * factor;
    let last = (largest / sharpness).max(1);
    let mut slack = (largest / FIRST_PART).max(last);
    while scaling::refine(&mut residual, slack, stop) && slack > last {
        slack = (slack / STEP).max(last);
    }
    Some(residual.into_start(factor, 2 * slack))
}
