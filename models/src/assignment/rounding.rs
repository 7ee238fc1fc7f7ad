//! A placement near the optimum of a linear program: its whole copies first, then each of the rest where it costs least at the
//! program's prices, among the bins that have room, and where none has, another makes room.
//!
//! A program over many items and few rows has few items in parts, so that little is lost. It is a candidate like any other: what
//! breaks a rule, or is no better, is not taken.

use super::improve::ejections::{are_free, put_by_ejection};
use super::least::Least;
use super::placement::Placement;
use super::prices::Prices;
use super::tally::{Index, Stop, Tally};

/// The answer of a stage's linear program.
pub(super) struct Fractions {
    /// For each item, copies in bins.
    pub(super) of_item: Vec<Vec<(u32, f64)>>,
    /// The program's prices.
    pub(super) prices: Prices,
}

/// Bins that are looked at to make room for what has no place.
const LOOKS: usize = 20_000_000;

/// Parts below this are none.
const TINY: f64 = 1e-6;

/// The placement that `fractions` suggest.
pub(super) fn round(least: &Least<'_>, fractions: &Fractions, stop: &Stop) -> Option<Placement> {
    let assignment = least.assignment;
    let index = Index::new(assignment);
    let mut tally = Tally::new(assignment, &index, &Placement::default());
    let mut parts: Vec<(u32, u32, f64)> = Vec::new();
    for (item, bins) in (0_u32..).zip(&fractions.of_item) {
        for &(bin, copies) in bins {
            let whole = (copies + TINY).floor();
            put(&mut tally, item, bin, whole as i64);
            if copies - whole > TINY {
                parts.push((item, bin, copies - whole));
            }
        }
    }
    // What is nearly there goes first.
    parts.sort_by(|left, right| {
        let order = right.2.total_cmp(&left.2);
        order.then((left.0, left.1).cmp(&(right.0, right.1)))
    });
    let wanted: Vec<i64> = (0_u32..)
        .zip(&fractions.of_item)
        .map(|(item, bins)| {
            let sum: f64 = bins.iter().map(|it| it.1).sum();
            let placed = assignment.items[item as usize].count - tally.remaining(item);
            (sum.round() as i64 - placed).max(0)
        })
        .collect();
    let mut open = wanted;
    for (item, bin, _) in parts {
        if open[item as usize] > 0 {
            open[item as usize] -= put(&mut tally, item, bin, 1);
        }
    }
    let of_caps = least.cap_prices(&fractions.prices);
    let may_eject = are_free(assignment, least.stage);
    let mut looks = LOOKS;
    let mut rest: Vec<u32> = (0_u32..)
        .zip(&open)
        .filter(|(_, open)| **open > 0)
        .map(|(item, _)| item)
        .collect();
    rest.sort_by_cached_key(|&item| std::cmp::Reverse(least.size(item)));
    for item in rest {
        if stop.reason().is_some() {
            return None;
        }
        let eligible = assignment.items[item as usize].eligible.iter();
        let reduced = least.reduced(item, &fractions.prices, &of_caps);
        let mut bins: Vec<(f64, u32)> = eligible.map(|&bin| (reduced(bin), bin)).collect();
        bins.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        for &(_, bin) in &bins {
            if open[item as usize] <= 0 {
                break;
            }
            open[item as usize] -= put(&mut tally, item, bin, open[item as usize]);
        }
        for &(_, bin) in &bins {
            if open[item as usize] <= 0 || !may_eject || stop.reason().is_some() {
                break;
            }
            let ejected =
                put_by_ejection(&mut tally, least.stage, (item, bin), i64::MAX, &mut looks);
            open[item as usize] -= i64::from(ejected);
        }
    }
    // A gang that is not whole is none.
    for (gang, of) in (0_u32..).zip(&assignment.gangs) {
        if !tally.gang_holds(gang) {
            for &item in &of.items {
                let placed: Vec<(u32, i64)> = (tally.at[item as usize].iter())
                    .map(|(&bin, &copies)| (bin, copies))
                    .collect();
                for (bin, copies) in placed {
                    tally.change(item, bin, -copies);
                }
            }
        }
    }
    Some(tally.placement())
}

/// Adds up to so many copies, as far as there is room; how many.
fn put(tally: &mut Tally<'_>, item: u32, bin: u32, copies: i64) -> i64 {
    let copies = copies.min(tally.room(item, bin));
    if copies <= 0 {
        return 0;
    }
    tally.add(item, bin, copies)
}
