//! Value stages by packing patterns: whole fillings of bins instead of copies one by one.
//!
//! # Model
//! Bins of which equally much is free, and to which the same items may go, are a class `c` of `n_c` bins. A pattern `p` of a class is a
//! set of copies that fits into one of its bins; `value_p` is what they are worth. The program
//! `max sum_p value_p y_p`, `sum_{p of c} y_p <= n_c`, `sum_p copies_ip y_p <= count_i`, `y >= 0` starts with the fillings that there
//! are, and takes in patterns that its prices ask for (column generation). Then it is rounded down, and solved again for what is left,
//! until every bin is filled.
//!
//! Caps, limits, balances and gangs are kept when the patterns are placed: copies that they forbid are left out, gangs that stay
//! incomplete are taken out, and what else fits is added by the constructive method. Only a better placement is taken.
//!
//! Source: P. C. Gilmore, R. E. Gomory, "A linear programming approach to the cutting-stock problem", Operations Research 9 (1961).

mod program;

use self::program::Program;
use super::construct::construct;
use super::improve::Random;
use super::ladder::{Bounds, Run};
use super::tally::{Index, Tally};

/// Bins that are filled anew together, and how often that may fail in a row.
const BINS: usize = 40;
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
    repack(run, &mut tally, stage, &all);
    let mut random = Random::new(run.options.seed, stage);
    let mut idle = 0;
    for _ in 0..run.options.neighborhoods {
        if idle >= IDLE_ROUNDS || bounds.is_met(run, stage) || run.must_stop() || !run.is_usable {
            break;
        }
        tally = Tally::new(assignment, &index, &run.incumbent);
        let bins = some_bins(&tally, &mut random);
        let is_better = repack(run, &mut tally, stage, &bins);
        idle = if is_better { 0 } else { idle + 1 };
    }
}

/// Half of them bins in which most is free, the others at random; ascending.
fn some_bins(tally: &Tally<'_>, random: &mut Random) -> Vec<u32> {
    let n_bins = tally.assignment.bins.len();
    let mut bins: Vec<u32> = (0..n_bins as u32).collect();
    let free = |bin: u32| tally.free_devices(bin).iter().flatten().sum::<i64>();
    bins.sort_by_key(|&bin| (-free(bin), bin));
    let emptiest = random.some(&bins[..n_bins.min(4 * BINS)], BINS / 2);
    let mut chosen = random.some(&bins, BINS - BINS / 2);
    chosen.extend(emptiest);
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// Fills the bins anew; says whether the placement that comes out is better.
fn repack(run: &mut Run<'_>, tally: &mut Tally<'_>, stage: usize, bins: &[u32]) -> bool {
    let before = run.values.clone();
    let Some(mut program) = Program::new(tally, stage, bins) else {
        return false;
    };
    program.empty(tally);
    if !program.generate(run) {
        return false;
    }
    program.round(run, tally);
    remove_incomplete(tally, program.items());
    let placed = construct(tally.assignment, Some(&tally.placement()), &run.stop()).placement;
    run.take(&placed);
    tally.assignment.compare(&run.values, &before).is_lt()
}

/// Takes out all copies of gangs that are neither complete nor absent, as far as the items may be moved.
fn remove_incomplete(tally: &mut Tally<'_>, items: &[u32]) {
    for &item in items {
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
