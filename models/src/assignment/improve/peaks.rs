//! Copies that leave the fullest cap.

use super::moves::{exchange_if, touched};
use super::{Search, inside};
use crate::assignment::evaluate::TIE;
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::{Cap, Part, Peak};

/// Bins that a copy of the fullest cap may be exchanged with, those whose caps are emptiest.
const BINS_TO_EXCHANGE_WITH: usize = 60;

impl Search {
    /// Moves copies out of the fullest cap, or exchanges them for ones that weigh less, where no earlier stage suffers.
    pub(super) fn lower_peak(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        peak: &Peak,
        looks: &mut usize,
    ) -> bool {
        let mut lowered = false;
        while *looks > 0 && !run.must_stop() {
            let Some(part) = fullest(tally, peak) else {
                break;
            };
            let copies = under(tally, part);
            let moved = (copies.iter())
                .any(|&(item, from)| leave(tally, peak, part, item, from, looks))
                || (copies.iter())
                    .any(|&(item, from)| exchange(tally, peak, part, item, from, looks));
            if !moved {
                break;
            }
            lowered = true;
        }
        lowered
    }

    /// Some bins of the fullest cap, and bins where there is less.
    pub(super) fn around_peak(
        &mut self,
        tally: &Tally<'_>,
        peak: &Peak,
    ) -> Option<(Vec<u32>, Vec<u32>)> {
        let part = fullest(tally, peak)?;
        let copies = under(tally, part);
        let (item, _) = *self.random.pick(&copies)?;
        let used: Vec<u32> = copies.iter().map(|copy| copy.1).collect();
        let mut bins = self.random.some(&used, super::BINS / 3 + 1);
        let eligible = &tally.assignment.items[item as usize].eligible;
        self.add_random(eligible, &mut bins);
        Some((vec![item], bins))
    }
}

/// The fullest cap, if any is fuller than all that is outside.
fn fullest<'p>(tally: &Tally<'_>, peak: &'p Peak) -> Option<&'p Part> {
    let parts = peak.parts.iter();
    let fullest = parts.max_by(|left, right| {
        let order = tally.used(left).total_cmp(&tally.used(right));
        order.then(right.cap.cmp(&left.cap))
    })?;
    (tally.used(fullest) > peak.least + TIE).then_some(fullest)
}

/// Items and bins of the copies under a cap, those that weigh least first.
fn under(tally: &Tally<'_>, part: &Part) -> Vec<(u32, u32)> {
    let cap: &Cap = &tally.assignment.caps[part.cap as usize];
    let mut copies = Vec::new();
    for &bin in cap.bins.iter() {
        for item in inside(tally, &[bin]) {
            let weight = cap.weight(item);
            if weight > 0 {
                copies.push((weight, item, bin));
            }
        }
    }
    copies.sort_unstable();
    copies
        .into_iter()
        .map(|(_, item, bin)| (item, bin))
        .collect()
}

/// Bins outside of a cap where a copy may go, with how full their fullest cap is then, the emptiest first.
fn targets(tally: &Tally<'_>, peak: &Peak, part: &Part, item: u32) -> Vec<(f64, u32)> {
    let assignment = tally.assignment;
    let cap = &assignment.caps[part.cap as usize];
    let eligible = assignment.items[item as usize].eligible.iter().copied();
    let mut targets: Vec<(f64, u32)> = eligible
        .filter(|bin| cap.bins.binary_search(bin).is_err())
        .map(|bin| (tally.used_with(peak, item, bin), bin))
        .collect();
    targets.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    targets
}

/// Moves a copy to the bin whose caps are then least full, if they are less full than the fullest is now.
fn leave(
    tally: &mut Tally<'_>,
    peak: &Peak,
    part: &Part,
    item: u32,
    from: u32,
    looks: &mut usize,
) -> bool {
    let most = tally.used(part);
    let eligible = &tally.assignment.items[item as usize].eligible;
    *looks = looks.saturating_sub(eligible.len());
    tally.change(item, from, -1);
    let mut targets = targets(tally, peak, part, item);
    targets.retain(|&(used, bin)| used < most - TIE && tally.room(item, bin) > 0);
    tally.change(item, from, 1);
    for (_, to) in targets {
        let before = touched(tally, item, from, to);
        tally.change(item, from, -1);
        tally.change(item, to, 1);
        let after = touched(tally, item, from, to);
        if tally.assignment.compare(&after, &before).is_le() && tally.holds(item) {
            return true;
        }
        tally.change(item, to, -1);
        tally.change(item, from, 1);
    }
    false
}

/// Exchanges a copy for one that weighs less, so that both caps are then less full than the fullest is now.
fn exchange(
    tally: &mut Tally<'_>,
    peak: &Peak,
    part: &Part,
    item: u32,
    from: u32,
    looks: &mut usize,
) -> bool {
    let most = tally.used(part);
    let assignment = tally.assignment;
    let cap = &assignment.caps[part.cap as usize];
    let weight = cap.weight(item);
    let targets = targets(tally, peak, part, item);
    for (_, to) in targets.into_iter().take(BINS_TO_EXCHANGE_WITH) {
        for other in inside(tally, &[to]) {
            if *looks == 0 {
                return false;
            }
            *looks -= 1;
            if other == item || cap.weight(other) >= weight || !assignment.is_eligible(other, from)
            {
                continue;
            }
            let is_wanted = |tally: &Tally<'_>, order: std::cmp::Ordering| {
                let is_less = |bin: u32| {
                    let caps = tally.index.caps_in[bin as usize].iter();
                    let mut parts = caps.filter_map(|cap| {
                        let found = peak.parts.binary_search_by_key(cap, |part| part.cap);
                        found.ok().map(|at| &peak.parts[at])
                    });
                    parts.all(|part| tally.used(part) < most - TIE)
                };
                order.is_le() && is_less(from) && is_less(to)
            };
            if exchange_if(tally, (item, from), (other, to), is_wanted) {
                return true;
            }
        }
    }
    false
}
