//! Copies of items whose curve would rise more, in place of others whose curve falls less.

use super::Search;
use super::unplaced::place_more;
use crate::assignment::construct::fill_up;
use crate::assignment::evaluate::TIE;
use crate::assignment::ladder::Run;
use crate::assignment::tally::Tally;
use crate::assignment::types::{Curve, Objective, Term};

/// Copies that one copy may take the place of.
const MOST_REPLACED: i64 = 8;
/// Exchanges that are tried for one copy, the best first.
const TRIES: usize = 16;
/// The part of the wanted items, those that are worth most, that neighborhoods are chosen around; at least so many.
const CHOSEN_PART: usize = 4;
const CHOSEN_LEAST: usize = 8;

/// Some copies of one item in a bin, for one copy of another.
struct Exchange {
    gain: f64,
    bin: u32,
    other: u32,
    copies: i64,
}

/// The curves of a stage, looked up by item, and where they stand.
struct Standing<'c> {
    curves: &'c [Curve],
    /// By item: its curve, and the value of a copy.
    of_item: Vec<Option<(usize, i64)>>,
    /// The value placed of each curve.
    totals: Vec<i64>,
}

impl<'c> Standing<'c> {
    fn new(tally: &Tally<'_>, curves: &'c [Curve]) -> Self {
        let mut of_item = vec![None; tally.assignment.items.len()];
        for (position, curve) in curves.iter().enumerate() {
            for term in &curve.terms {
                of_item[term.item as usize] = Some((position, term.value));
            }
        }
        let mut standing = Self {
            curves,
            of_item,
            totals: Vec::new(),
        };
        standing.update(tally);
        standing
    }

    fn update(&mut self, tally: &Tally<'_>) {
        let total = |curve: &Curve| {
            let placed = |term: &Term| term.value * tally.placed[term.item as usize];
            curve.base + curve.terms.iter().map(placed).sum::<i64>()
        };
        self.totals = self.curves.iter().map(total).collect();
    }

    fn change_of(&self, curve: usize, change: i64) -> f64 {
        let total = self.totals[curve];
        self.curves[curve].worth_of(total + change) - self.curves[curve].worth_of(total)
    }

    /// What the curves gain by one copy of the item, and lose by some of another.
    fn gain(&self, item: u32, (other, copies): (u32, i64)) -> f64 {
        match (self.of_item[item as usize], self.of_item[other as usize]) {
            (None, None) => 0.0,
            (Some((curve, value)), None) => self.change_of(curve, value),
            (None, Some((curve, value))) => self.change_of(curve, -copies * value),
            (Some((to, gained)), Some((from, lost))) if to == from => {
                self.change_of(to, gained - copies * lost)
            }
            (Some((to, gained)), Some((from, lost))) => {
                self.change_of(to, gained) + self.change_of(from, -copies * lost)
            }
        }
    }

    /// By item, what one more copy is worth, in parts of the most that any is.
    fn worth_now(&self) -> Vec<Term> {
        const PARTS: f64 = 1e12;
        let mut gains: Vec<(u32, f64)> = Vec::new();
        for (item, of_item) in (0_u32..).zip(&self.of_item) {
            if let &Some((curve, value)) = of_item {
                gains.push((item, self.change_of(curve, value)));
            }
        }
        let most = gains.iter().map(|gain| gain.1).fold(0.0, f64::max);
        gains.retain(|gain| gain.1 > most / PARTS);
        let parts = |(item, gain): (u32, f64)| Term {
            item,
            value: (gain / most * PARTS) as i64,
        };
        gains.into_iter().map(parts).collect()
    }
}

/// Items with copies to place, by what one is worth now: whole numbers that order as that does. Those that are worth most.
pub(super) fn worth_most(tally: &Tally<'_>, curves: &[Curve]) -> Vec<Term> {
    let mut terms = Standing::new(tally, curves).worth_now();
    terms.retain(|term| tally.remaining(term.item) > 0);
    terms.sort_by_key(|term| (-term.value, term.item));
    terms.truncate((terms.len() / CHOSEN_PART).max(CHOSEN_LEAST));
    terms
}

impl Search {
    /// Places more by moving, then exchanges copies as long as that helps.
    pub(super) fn raise_utility(
        &self,
        run: &mut Run<'_>,
        tally: &mut Tally<'_>,
        curves: &[Curve],
        looks: &mut usize,
    ) -> bool {
        let mut standing = Standing::new(tally, curves);
        let mut raised = place_more(run, tally, &standing.worth_now(), looks);
        let Some(mut earlier) = self.earlier(tally) else {
            return raised;
        };
        loop {
            standing.update(tally);
            let mut exchanged = false;
            for item in wanted(tally, &standing) {
                while tally.remaining(item) > 0 && *looks > 0 && !run.must_stop() {
                    earlier.iter_mut().for_each(|stage| stage.update(tally));
                    standing.update(tally);
                    if !exchange(tally, (&standing, &earlier), item, looks) {
                        break;
                    }
                    exchanged = true;
                }
            }
            if !exchanged {
                return raised;
            }
            raised = true;
            fill_up(tally, &run.stop());
        }
    }

    /// The earlier stages, if what an exchange does to them is known without placing anything.
    fn earlier<'a>(&self, tally: &Tally<'a>) -> Option<Vec<Standing<'a>>> {
        let earlier = &tally.assignment.stages[..self.stage];
        let standing = earlier.iter().map(|stage| match &stage.objective {
            Objective::Utility(curves) => Some(Standing::new(tally, curves)),
            _ => None,
        });
        standing.collect()
    }
}

/// Items with copies to place that may be placed one by one, those that are worth most first.
fn wanted(tally: &Tally<'_>, standing: &Standing<'_>) -> Vec<u32> {
    let mut wanted = standing.worth_now();
    wanted.retain(|term| {
        let gang = tally.index.gang_of[term.item as usize];
        let is_there = gang.is_none_or(|gang| tally.gangs[gang as usize] > 0);
        is_there && tally.remaining(term.item) > 0
    });
    wanted.sort_by_key(|term| (-term.value, term.item));
    wanted.iter().map(|term| term.item).collect()
}

/// Puts one copy of the item in the place of the copies that are missed least, if that is better.
fn exchange(
    tally: &mut Tally<'_>,
    (standing, earlier): (&Standing<'_>, &[Standing<'_>]),
    item: u32,
    looks: &mut usize,
) -> bool {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for &bin in tally.assignment.items[item as usize].eligible.iter() {
        for &other in &tally.inside[bin as usize] {
            *looks = looks.saturating_sub(1);
            let Some(copies) = replaced(tally, item, other, bin) else {
                continue;
            };
            let gain = standing.gain(item, (other, copies));
            let suffers = |stage: &Standing<'_>| stage.gain(item, (other, copies)) < -TIE;
            if gain > TIE && !earlier.iter().any(suffers) {
                exchanges.push(Exchange {
                    gain,
                    bin,
                    other,
                    copies,
                });
            }
        }
    }
    exchanges.sort_by(|left, right| {
        (right.gain.total_cmp(&left.gain))
            .then((left.bin, left.other).cmp(&(right.bin, right.other)))
    });
    exchanges.truncate(TRIES);
    exchanges.iter().any(|exchange| take(tally, item, exchange))
}

/// How many copies of the other item must leave the bin for one copy of the item, if few are enough.
fn replaced(tally: &Tally<'_>, item: u32, other: u32, bin: u32) -> Option<i64> {
    if item == other {
        return None;
    }
    let items = &tally.assignment.items;
    let demands = (items[item as usize].demand.iter()).zip(&items[other as usize].demand);
    let mut copies = 1;
    for (&free, (&wanted, &freed)) in tally.free(bin).iter().zip(demands) {
        if wanted > free {
            if freed == 0 {
                return None;
            }
            copies = copies.max((wanted - free + freed - 1) / freed);
        }
    }
    let here = tally.at[other as usize].get(&bin).copied().unwrap_or(0);
    (copies <= here.min(MOST_REPLACED)).then_some(copies)
}

/// Makes an exchange, if the rules allow it.
fn take(tally: &mut Tally<'_>, item: u32, exchange: &Exchange) -> bool {
    let &Exchange {
        bin, other, copies, ..
    } = exchange;
    tally.change(other, bin, -copies);
    if tally.room(item, bin) > 0 {
        tally.change(item, bin, 1);
        if tally.holds(item) && tally.holds(other) {
            return true;
        }
        tally.change(item, bin, -1);
    }
    tally.change(other, bin, copies);
    false
}
