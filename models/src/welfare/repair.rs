//! Multipliers made valid, so that anybody can re-check the bound that they prove.

use super::problem::{Block, Problem};
use super::solution::Duals;

/// Multipliers worth less than this fraction of all are noise.
const NOISE: f64 = 1e-11;
/// How often a column may be raised again because a raise was lost to rounding.
const ATTEMPTS: i32 = 8;

/// Multipliers under which every column is covered, with the bound they prove.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// The multipliers: `>= 0`, covering every column as computed in `f64` in any order of summation.
    pub duals: Duals,
    /// `price . C + sum_p y_p . b_p + sum_p nu_p . u_p`.
    pub value: f64,
}

/// Raises multipliers, as cheaply as it can tell, until they cover every column's `required` value:
///
/// ```text
/// D_pj . price + B_pj . y_p + nu_pj >= required_pj
/// ```
///
/// Negative multipliers and those that are only noise become 0 first. What a column then lacks is paid by the cheapest
/// among its upper bound, its own rows and its shared rows, or by scaling all prices, whichever costs less in total.
/// Rows with negative entries are never raised: that would uncover other columns. `None` if a column lacks something
/// and nothing can pay for it (no bound, no positive entry in a row without negative ones), or there is a column that is in no block.
#[must_use]
pub fn repair(problem: &Problem, required: &[Vec<f64>], duals: &Duals) -> Option<Repaired> {
    if problem.common().is_some() {
        return None;
    }
    let raisable = Raisable::of(problem);
    let exact = without_negatives(problem, duals);
    let plain = cheapest(problem, &raisable, required, &exact);
    let snapped = cheapest(
        problem,
        &raisable,
        required,
        &without_noise(problem, &exact),
    );
    match (plain, snapped) {
        (Some(plain), Some(snapped)) => {
            let close = snapped.value <= plain.value + 100.0 * NOISE * plain.value.abs();
            Some(if close { snapped } else { plain })
        }
        (plain, snapped) => plain.or(snapped),
    }
}

/// The bound on the objective (under a logarithm: on the total of weights) that covering multipliers prove.
#[must_use]
pub fn dual_value(problem: &Problem, duals: &Duals) -> f64 {
    let shared: f64 = duals
        .shared
        .iter()
        .zip(problem.shared_bounds())
        .map(|(price, bound)| price * bound)
        .sum();
    let blocks = problem
        .blocks()
        .iter()
        .zip(duals.own.iter().zip(&duals.upper));
    blocks.fold(shared, |total, (block, (own, upper))| {
        let rows: f64 = own
            .iter()
            .zip(block.own_bounds())
            .map(|(dual, bound)| dual * bound)
            .sum();
        let bounds = upper
            .iter()
            .zip(block.uppers())
            .filter(|entry| *entry.0 != 0.0);
        total + rows + bounds.map(|(dual, bound)| dual * bound).sum::<f64>()
    })
}

/// The marginal values `weight / utility * value` of all columns; 0 in a block without utility.
#[must_use]
pub fn marginal_values(problem: &Problem, utilities: &[f64]) -> Vec<Vec<f64>> {
    let marginal = |block: &Block, utility: f64| {
        let factor = if utility > 0.0 {
            block.weight() / utility
        } else {
            0.0
        };
        block.values().iter().map(|value| factor * value).collect()
    };
    problem
        .blocks()
        .iter()
        .zip(utilities)
        .map(|(block, &utility)| marginal(block, utility))
        .collect()
}

/// Which rows have no negative entry, and so may be raised without uncovering a column.
struct Raisable {
    shared: Vec<bool>,
    own: Vec<Vec<bool>>,
}

impl Raisable {
    fn of(problem: &Problem) -> Self {
        let mut shared = vec![true; problem.shared_bounds().len()];
        let mut own = Vec::with_capacity(problem.blocks().len());
        for block in problem.blocks() {
            let mut rows = vec![true; block.own_bounds().len()];
            for column in 0..block.columns() {
                for &(row, coefficient) in block.shared_entries(column) {
                    shared[row as usize] &= coefficient >= 0.0;
                }
                for &(row, coefficient) in block.own_entries(column) {
                    rows[row as usize] &= coefficient >= 0.0;
                }
            }
            own.push(rows);
        }
        Self { shared, own }
    }
}

fn for_each_dual(problem: &Problem, duals: &mut Duals, change: impl Fn(&mut f64, f64)) {
    duals
        .shared
        .iter_mut()
        .zip(problem.shared_bounds())
        .for_each(|(dual, &bound)| change(dual, bound));
    for ((block, own), upper) in problem
        .blocks()
        .iter()
        .zip(&mut duals.own)
        .zip(&mut duals.upper)
    {
        own.iter_mut()
            .zip(block.own_bounds())
            .for_each(|(dual, &bound)| change(dual, bound));
        upper
            .iter_mut()
            .zip(block.uppers())
            .for_each(|(dual, &bound)| change(dual, bound));
    }
}

fn without_negatives(problem: &Problem, duals: &Duals) -> Duals {
    let mut kept = duals.clone();
    for_each_dual(problem, &mut kept, |dual, bound| {
        if !(*dual > 0.0 && dual.is_finite() && bound.is_finite()) {
            *dual = 0.0;
        }
    });
    kept
}

/// Without multipliers that are worth next to nothing; those of a bound of 0 cost nothing, and stay.
fn without_noise(problem: &Problem, duals: &Duals) -> Duals {
    let noise = NOISE * dual_value(problem, duals).abs();
    let mut kept = duals.clone();
    for_each_dual(problem, &mut kept, |dual, bound| {
        if bound != 0.0 && *dual * bound.abs() <= noise {
            *dual = 0.0;
        }
    });
    kept
}

/// The cheaper of raising column by column and of scaling the prices first.
fn cheapest(
    problem: &Problem,
    raisable: &Raisable,
    required: &[Vec<f64>],
    duals: &Duals,
) -> Option<Repaired> {
    let raised = raise_columns(problem, raisable, required, duals.clone());
    let scaled = scale_prices(problem, raisable, required, duals.clone())
        .and_then(|duals| raise_columns(problem, raisable, required, duals));
    let value = |repaired: &Option<Repaired>| {
        repaired
            .as_ref()
            .map_or(f64::INFINITY, |repaired| repaired.value)
    };
    if value(&scaled) < value(&raised) {
        scaled
    } else {
        raised
    }
}

/// What covers a column: the sum, and the sum of the terms' sizes.
fn cover(block: &Block, p: usize, column: usize, duals: &Duals) -> (f64, f64, usize) {
    let mut sum = duals.upper[p][column];
    let mut size = sum;
    let (shared, own) = (block.shared_entries(column), block.own_entries(column));
    let shared_terms = shared
        .iter()
        .map(|&(row, coefficient)| coefficient * duals.shared[row as usize]);
    let own_terms = own
        .iter()
        .map(|&(row, coefficient)| coefficient * duals.own[p][row as usize]);
    for term in shared_terms.chain(own_terms) {
        sum += term;
        size += term.abs();
    }
    (sum, size, shared.len() + own.len())
}

/// What a column lacks, with a margin for the rounding of its sum in any order; at most 0 if it is covered.
fn missing(block: &Block, p: usize, column: usize, required: f64, duals: &Duals) -> f64 {
    let (sum, size, terms) = cover(block, p, column, duals);
    let margin = if required > 0.0 || sum < 0.0 {
        (terms as f64 + 4.0) * f64::EPSILON * (size + required.abs())
    } else {
        0.0
    };
    required + margin - sum
}

fn raise_columns(
    problem: &Problem,
    raisable: &Raisable,
    required: &[Vec<f64>],
    mut duals: Duals,
) -> Option<Repaired> {
    for (p, block) in problem.blocks().iter().enumerate() {
        for (column, &required) in required[p].iter().enumerate() {
            let mut attempts = 0_i32;
            loop {
                let missing = missing(block, p, column, required, &duals);
                if missing <= 0.0 {
                    break;
                }
                attempts += 1;
                if attempts > ATTEMPTS {
                    return None;
                }
                // Twice the margin of rounding, so that the raise is not lost again.
                let raise = missing + 2.0_f64.powi(attempts) * f64::EPSILON * required.abs();
                raise_column(problem, raisable, (p, column), raise, &mut duals)?;
            }
        }
    }
    let value = dual_value(problem, &duals);
    Some(Repaired { duals, value })
}

/// Pays what one column lacks from the cheapest multiplier that can.
fn raise_column(
    problem: &Problem,
    raisable: &Raisable,
    (p, column): (usize, usize),
    missing: f64,
    duals: &mut Duals,
) -> Option<()> {
    let block = &problem.blocks()[p];
    let mut best = block.uppers()[column];
    let mut payer: Option<(&mut f64, f64)> = None;
    if best.is_finite() {
        payer = Some((&mut duals.upper[p][column], 1.0));
    }
    let mut own_row = None;
    for &(row, coefficient) in block.own_entries(column) {
        let row = row as usize;
        let price = block.own_bounds()[row] / coefficient;
        if raisable.own[p][row] && coefficient > 0.0 && price < best {
            best = price;
            own_row = Some((row, coefficient));
        }
    }
    if let Some((row, coefficient)) = own_row {
        payer = Some((&mut duals.own[p][row], coefficient));
    }
    let mut shared_row = None;
    for &(row, coefficient) in block.shared_entries(column) {
        let row = row as usize;
        let price = problem.shared_bounds()[row] / coefficient;
        if raisable.shared[row] && coefficient > 0.0 && price < best {
            best = price;
            shared_row = Some((row, coefficient));
        }
    }
    if let Some((row, coefficient)) = shared_row {
        payer = Some((&mut duals.shared[row], coefficient));
    }
    let (dual, coefficient) = payer?;
    *dual = (*dual + missing / coefficient).next_up();
    Some(())
}

/// Scales the prices that may be raised by the least factor that covers every column they enter; `None` if none
/// needs it.
fn scale_prices(
    problem: &Problem,
    raisable: &Raisable,
    required: &[Vec<f64>],
    mut duals: Duals,
) -> Option<Duals> {
    let mut factor = 1.0_f64;
    for (p, block) in problem.blocks().iter().enumerate() {
        for (column, &required) in required[p].iter().enumerate() {
            let missing = missing(block, p, column, required, &duals);
            if missing <= 0.0 {
                continue;
            }
            let paid: f64 = (block.shared_entries(column).iter())
                .filter(|&&(row, _)| raisable.shared[row as usize])
                .map(|&(row, coefficient)| coefficient * duals.shared[row as usize])
                .sum();
            if paid > 0.0 {
                factor = factor.max(1.0 + missing / paid);
            }
        }
    }
    if factor <= 1.0 || !factor.is_finite() {
        return None;
    }
    for (price, _) in duals
        .shared
        .iter_mut()
        .zip(&raisable.shared)
        .filter(|(price, raisable)| **raisable && **price > 0.0)
    {
        *price = (*price * factor).next_up();
    }
    Some(duals)
}
