//! Moves and neighborhoods for stages about open bins.

use super::moves::touched;
use super::worst::raised;
use super::{BINS, Search, inside};
use crate::assignment::evaluate::TIE;
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;

impl Search {
    /// Empties bins into other open ones, those with the fewest copies first, where no earlier stage suffers.
    pub(super) fn close_bins(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        costs: &[i64],
        looks: &mut usize,
    ) -> bool {
        let mut closed = false;
        for bin in open_bins(tally, costs) {
            if *looks == 0 || run.must_stop() {
                break;
            }
            closed |= close_bin(tally, self.stage, bin, looks);
        }
        closed
    }

    /// An open bin that holds little, and other open bins.
    pub(super) fn around_open(
        &mut self,
        tally: &Tally<'_>,
        costs: &[i64],
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let mut smallest = open_bins(tally, costs);
        smallest.truncate(BINS);
        let first = *self.random.pick(&smallest)?;
        let mut bins = vec![first];
        let used: Vec<u32> = (0_u32..)
            .zip(&tally.load)
            .filter(|&(_, &load)| load > 0)
            .map(|(bin, _)| bin)
            .collect();
        self.add_random(&used, &mut bins);
        Some((Vec::new(), bins))
    }
}

/// Bins that hold something and cost something, those with the fewest copies first.
fn open_bins(tally: &Tally<'_>, costs: &[i64]) -> Vec<u32> {
    let mut open: Vec<(i64, u32)> = (0_u32..)
        .zip(tally.load.iter().zip(costs))
        .filter(|&(_, (&load, &cost))| load > 0 && cost > 0)
        .map(|(bin, (&load, _))| (load, bin))
        .collect();
    open.sort_unstable();
    open.into_iter().map(|(_, bin)| bin).collect()
}

/// Empties a bin, or leaves everything as it is.
fn close_bin(tally: &mut Tally<'_>, stage: usize, bin: u32, looks: &mut usize) -> bool {
    let mut moved: Vec<(u32, u32)> = Vec::new();
    let copies = inside(tally, &[bin]).into_iter().flat_map(|item| {
        let n = tally.at[item as usize][&bin] as usize;
        std::iter::repeat_n(item, n)
    });
    for item in copies.collect::<Vec<u32>>() {
        *looks = looks.saturating_sub(tally.assignment.items[item as usize].eligible.len());
        match move_to_open(tally, stage, item, bin) {
            Some(to) => moved.push((item, to)),
            None => {
                for &(item, to) in moved.iter().rev() {
                    tally.change(item, to, -1);
                    tally.change(item, bin, 1);
                }
                return false;
            }
        }
    }
    true
}

/// Moves one copy to the tightest open bin where it raises least; no stage before `stage` may suffer.
fn move_to_open(tally: &mut Tally<'_>, stage: usize, item: u32, from: u32) -> Option<u32> {
    tally.change(item, from, -1);
    let eligible = &tally.assignment.items[item as usize].eligible;
    let target = (eligible.iter().copied())
        .filter(|&bin| bin != from && tally.load[bin as usize] > 0 && tally.room(item, bin) > 0)
        .min_by_key(|&bin| {
            let free = tally.free(bin).iter().sum::<i64>();
            (raised(tally, item, bin).0, free, bin)
        });
    tally.change(item, from, 1);
    if let Some(to) = target {
        let before = touched(tally, item, from, to);
        tally.change(item, from, -1);
        tally.change(item, to, 1);
        let after = touched(tally, item, from, to);
        let suffers = (tally.assignment.stages[..stage]
            .iter()
            .zip(after.iter().zip(&before)))
        .any(|(stage, (&after, &before))| stage.objective.sense().is_better(before, after, TIE));
        if !suffers && tally.holds(item) {
            return Some(to);
        }
        tally.change(item, to, -1);
        tally.change(item, from, 1);
    }
    None
}
