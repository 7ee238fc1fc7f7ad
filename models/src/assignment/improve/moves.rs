//! Moves and exchanges of single copies that are taken back where the result is not better.

use crate::assignment::tally::{Rule, Tally};
use crate::assignment::types::Objective;

/// Moves a copy if the result is better.
pub(super) fn move_if_better(tally: &mut Tally<'_>, item: u32, from: u32, to: u32) -> bool {
    let before = touched(tally, item, from, to);
    tally.change(item, from, -1);
    tally.change(item, to, 1);
    let after = touched(tally, item, from, to);
    if tally.assignment.compare(&after, &before).is_lt() && tally.holds(item) {
        return true;
    }
    tally.change(item, to, -1);
    tally.change(item, from, 1);
    false
}

/// Exchanges a copy (an item and its bin) with one of another item, if the two may be and the result is wanted, by how its stages
/// compare with those before.
pub(super) fn exchange_if(
    tally: &mut Tally<'_>,
    left: (u32, u32),
    right: (u32, u32),
    is_wanted: impl Fn(&Tally<'_>, std::cmp::Ordering) -> bool,
) -> bool {
    let value = |tally: &Tally<'_>| touched_by(tally, &[left.0, right.0], left.1, right.1);
    let before = value(tally);
    tally.change(left.0, left.1, -1);
    tally.change(right.0, right.1, -1);
    if tally.room(left.0, right.1) > 0 {
        tally.change(left.0, right.1, 1);
        if tally.room(right.0, left.1) > 0 {
            tally.change(right.0, left.1, 1);
            let order = tally.assignment.compare(&value(tally), &before);
            if is_wanted(tally, order) && tally.holds(left.0) && tally.holds(right.0) {
                return true;
            }
            tally.change(right.0, left.1, -1);
        }
        tally.change(left.0, right.1, -1);
    }
    tally.change(right.0, right.1, 1);
    tally.change(left.0, left.1, 1);
    false
}

/// By stage: the part of its value that moving a copy between the bins can change.
#[inline]
pub(super) fn touched(tally: &Tally<'_>, item: u32, from: u32, to: u32) -> Vec<f64> {
    touched_by(tally, &[item], from, to)
}

/// The same for copies of several items.
fn touched_by(tally: &Tally<'_>, items: &[u32], from: u32, to: u32) -> Vec<f64> {
    let mut values: Vec<f64> = (tally.assignment.stages.iter())
        .map(|stage| match &stage.objective {
            Objective::Opened(costs) => {
                let cost = |bin: u32| {
                    let is_open = tally.load[bin as usize] > 0;
                    if is_open { costs[bin as usize] } else { 0 }
                };
                (cost(from) + cost(to)) as f64
            }
            Objective::Peak(peak) => tally.peak(peak),
            Objective::Fragmentation(probes) => {
                let bins = [from, to].map(|bin| tally.fragmentation(probes, bin));
                bins.iter().sum::<i128>() as f64
            }
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                let value = |item: u32, bin: u32| {
                    let copies = tally.at[item as usize].get(&bin).copied().unwrap_or(0);
                    by_class.of(item, bin) as f64 * copies as f64
                };
                let of_item = |&item: &u32| value(item, from) + value(item, to);
                items.iter().map(of_item).sum()
            }
            _ => 0.0,
        })
        .collect();
    let rules_of = |item: &u32| tally.index.rules_of[*item as usize].iter().copied();
    let mut rules: Vec<u32> = items.iter().flat_map(rules_of).collect();
    rules.sort_unstable();
    rules.dedup();
    for rule in rules {
        if let Rule::Loss(stage, _) | Rule::Survival(stage, _) | Rule::Span(stage, _) =
            tally.index.rules[rule as usize]
        {
            values[stage] += tally.term_value(rule);
        }
        if let Rule::End(stage, ..) = tally.index.rules[rule as usize] {
            let mut groups = [tally.group(rule, from), tally.group(rule, to)];
            if groups[0] == groups[1] {
                groups[1] = None;
            }
            let exchanged = groups.into_iter().flatten();
            let exchanged = exchanged.map(|group| tally.exchanged(rule, group));
            values[stage] -= exchanged.sum::<f64>();
        }
    }
    values
}
