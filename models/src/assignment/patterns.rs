//! Value stages by packing patterns: whole fillings of bins instead of copies one by one.
//!
//! # Model
//! Bins of which equally much is free, and to which the same items may go, are a class `c` of `n_c` bins (see `classes`). A pattern `p` of a class is a
//! set of copies that fits into one of its bins; `value_p` is what they are worth. The program
//! `max sum_p value_p y_p`, `sum_{p of c} y_p <= n_c`, `sum_p copies_ip y_p <= count_i`, `y >= 0` starts with the fillings that there
//! are, and takes in patterns that its prices ask for (column generation). Then it is rounded down, and solved again for what is left,
//! until every bin is filled.
//!
//! Caps, limits, balances and gangs are kept when the patterns are placed: copies that they forbid are left out, gangs that stay
//! incomplete are taken out, and what else fits is added by the constructive method. Only a better placement is taken.
//!
//! Source: P. C. Gilmore, R. E. Gomory, "A linear programming approach to the cutting-stock problem", Operations Research 9 (1961).

mod classes;
mod program;

use self::program::Program;
use super::construct::fill_up;
use super::improve::Random;
use super::ladder::{Bounds, Run};
use super::tally::{Index, Tally};

/// Bins that are filled anew together: where few are alike, there are more patterns to be found for each.
const BINS: usize = 40;
const DISTINCT_BINS: usize = 16;
/// How often that may fail in a row.
const IDLE_ROUNDS: usize = 8;

/// Improves a stage of the incumbent that values items: all bins anew, then some bins anew as long as that helps.
pub(super) fn improve(run: &mut Run<'_>, bounds: &Bounds<'_>, stage: usize) {
    let assignment = run.assignment;
    let has_devices = assignment.items.iter().any(|item| !item.devices.is_empty());
    if !has_devices || !run.options.solver.capabilities().row_duals {
        return;
    }
    let index = Index::new(assignment);
    let all: Vec<u32> = (0..assignment.bins.len() as u32).collect();
    let mut tally = Tally::new(assignment, &index, &run.incumbent);
    let Some(is_merged) = repack(run, &mut tally, stage, &all, bounds) else {
        return;
    };
    let n_bins = if is_merged { DISTINCT_BINS } else { BINS };
    let mut random = Random::new(run.options.seed, stage);
    let mut idle = 0;
    for _ in 0..run.options.neighborhoods {
        if idle >= IDLE_ROUNDS || bounds.is_met(run, stage) || run.must_stop() || !run.is_usable {
            break;
        }
        tally = Tally::new(assignment, &index, &run.incumbent);
        let bins = some_bins(&tally, &mut random, n_bins);
        let before = run.values.clone();
        repack(run, &mut tally, stage, &bins, bounds);
        let is_better = assignment.compare(&run.values, &before).is_lt();
        idle = if is_better { 0 } else { idle + 1 };
    }
}

/// Half of them bins in which most is free, the others at random; ascending.
fn some_bins(tally: &Tally<'_>, random: &mut Random, n_bins: usize) -> Vec<u32> {
    let mut bins: Vec<u32> = (0..tally.assignment.bins.len() as u32).collect();
    let free = |bin: u32| tally.free_devices(bin).iter().flatten().sum::<i64>();
    bins.sort_by_key(|&bin| (-free(bin), bin));
    let n_empty = bins.len().min(4 * n_bins);
    let emptiest = random.some(&bins[..n_empty], n_bins / 2);
    let mut chosen = random.some(&bins, n_bins - n_bins / 2);
    chosen.extend(emptiest);
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Fills the bins anew, and takes the placement that comes out if it is better; says whether bins were merged, and nothing if there
/// is nothing to be filled, or no prices to do it by.
fn repack(
    run: &mut Run<'_>,
    tally: &mut Tally<'_>,
    stage: usize,
    bins: &[u32],
    bounds: &Bounds<'_>,
) -> Option<bool> {
    let mut program = Program::new(tally, stage, bins)?;
    program.empty(tally);
    if let Some(priced) = bounds.prices(stage) {
        program.guide(priced);
    }
    if !program.generate(run) {
        return None;
    }
    program.round(run, tally);
    remove_incomplete(tally, &program);
    fill_up(tally, &run.stop());
    let placed = tally.placement();
    // Copies that stay may need others that are gone now.
    if tally.assignment.faults(&placed).is_empty() {
        run.accept(placed, false);
    }
    Some(program.is_merged())
}

/// Takes out all copies of gangs that are neither complete nor absent, as far as the items may be moved.
fn remove_incomplete(tally: &mut Tally<'_>, program: &Program<'_>) {
    let items = 0..tally.assignment.items.len() as u32;
    for item in items.filter(|&item| program.is_free(item)) {
        let gang = tally.index.gang_of[item as usize];
        if gang.is_some_and(|gang| !tally.gang_holds(gang)) {
            let bins: Vec<(u32, i64)> = tally.at[item as usize]
                .iter()
                .map(|(&bin, &copies)| (bin, copies))
                .collect();
            for (bin, copies) in bins {
                tally.change(item, bin, -copies);
            }
        }
    }
}
