//! Items that no rule and no stage tells apart become one item with their counts added.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::placement::{Entry, Placement};
use super::tally::Index;
use super::types::{Assignment, Item, Objective, Packing, Term};

/// An assignment over classes of alike items.
#[derive(Debug)]
pub struct Reduced<'a> {
    /// The assignment over classes, which has the same stage values and rules.
    pub assignment: Cow<'a, Assignment>,
    /// The class of each item.
    class_of: Vec<u32>,
    /// The items of each class, ascending.
    members: Vec<Vec<u32>>,
    /// The count of each item.
    counts: Vec<i64>,
}

/// Merges items that have the same demand, devices, bins, rules and values. The assignment must be valid.
#[must_use]
pub fn reduce(assignment: &Assignment) -> Reduced<'_> {
    let mut class_of = Vec::with_capacity(assignment.items.len());
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut classes = BTreeMap::new();
    for (item, signature) in signatures(assignment).into_iter().enumerate() {
        let class = *classes.entry(signature).or_insert(members.len());
        if class == members.len() {
            members.push(Vec::new());
        }
        members[class].push(item as u32);
        class_of.push(class as u32);
    }
    let counts = assignment.items.iter().map(|item| item.count).collect();
    let assignment = if members.len() == assignment.items.len() {
        Cow::Borrowed(assignment)
    } else {
        Cow::Owned(over_classes(assignment, &class_of, &members))
    };
    Reduced {
        assignment,
        class_of,
        members,
        counts,
    }
}

impl Reduced<'_> {
    /// The placement over classes.
    #[must_use]
    pub fn fold(&self, placement: &Placement) -> Placement {
        let of_class = |&(item, bin, copies): &Entry| (self.class_of[item as usize], bin, copies);
        Placement::new(placement.entries().iter().map(of_class).collect())
    }

    /// A placement over items: as many as possible stay where `start` has them, the others go in order of items, then bins.
    #[must_use]
    pub fn unfold(&self, placement: &Placement, start: Option<&Placement>) -> Placement {
        let mut entries: Vec<Entry> = Vec::new();
        for (class, members) in self.members.iter().enumerate() {
            let of_class = placement.of_item(class as u32);
            if let [only] = members[..] {
                entries.extend(of_class.iter().map(|&(_, bin, copies)| (only, bin, copies)));
            } else {
                self.unfold_class(of_class, members, start, &mut entries);
            }
        }
        Placement::new(entries)
    }

    fn unfold_class(
        &self,
        of_class: &[Entry],
        members: &[u32],
        start: Option<&Placement>,
        entries: &mut Vec<Entry>,
    ) {
        let mut left: BTreeMap<u32, i64> = of_class.iter().map(|&(_, bin, n)| (bin, n)).collect();
        let first = entries.len();
        for &member in members {
            for &(_, bin, copies) in start.map_or(&[][..], |start| start.of_item(member)) {
                if let Some(left) = left.get_mut(&bin) {
                    let stays = copies.min(*left);
                    *left -= stays;
                    entries.push((member, bin, stays));
                }
            }
        }
        let mut bins = left.into_iter().filter(|&(_, copies)| copies > 0);
        let mut current = bins.next();
        let kept: BTreeMap<u32, i64> =
            entries[first..]
                .iter()
                .fold(BTreeMap::new(), |mut kept, &(member, _, copies)| {
                    *kept.entry(member).or_insert(0) += copies;
                    kept
                });
        for &member in members {
            let mut room = self.counts[member as usize] - kept.get(&member).copied().unwrap_or(0);
            while let (Some((bin, copies)), true) = (current, room > 0) {
                let taken = copies.min(room);
                entries.push((member, bin, taken));
                room -= taken;
                current = if taken == copies {
                    bins.next()
                } else {
                    Some((bin, copies - taken))
                };
            }
        }
    }
}

/// What tells items apart, as numbers: demand, devices, the set of bins, rules and values.
fn signatures(assignment: &Assignment) -> Vec<Vec<i64>> {
    let index = Index::new(assignment);
    let sets = bin_sets(assignment);
    let mut values = vec![Vec::new(); assignment.items.len()];
    for (position, stage) in assignment.stages.iter().enumerate() {
        match &stage.objective {
            Objective::Value(terms) => {
                for term in terms.iter().filter(|term| term.value > 0) {
                    values[term.item as usize].extend([position as i64, term.value]);
                }
            }
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                for rate in &by_class.rates {
                    let of_item = &mut values[rate.item as usize];
                    of_item.extend([position as i64, rate.values.len() as i64]);
                    of_item.extend(&rate.values);
                }
            }
            Objective::Utility(curves) => {
                for (curve, of_curve) in curves.iter().enumerate() {
                    for term in of_curve.terms.iter().filter(|term| term.value > 0) {
                        let of_item = &mut values[term.item as usize];
                        of_item.extend([position as i64, curve as i64, term.value]);
                    }
                }
            }
            _ => {}
        }
    }
    (assignment.items.iter().enumerate())
        .map(|(position, item)| {
            let mut signature = item.demand.clone();
            signature.push(item.devices.len() as i64);
            let needs = item.devices.iter();
            signature.extend(needs.flat_map(|need| [i64::from(need.kind), need.count, need.milli]));
            signature.push(sets[position] as i64);
            signature.push(index.gang_of[position].map_or(-1, i64::from));
            for list in [&index.rules_of[position], &index.caps_of[position]] {
                signature.push(list.len() as i64);
                signature.extend(list.iter().map(|&rule| i64::from(rule)));
            }
            let caps = index.caps_of[position].iter();
            signature
                .extend(caps.map(|&cap| assignment.caps[cap as usize].weight(position as u32)));
            signature.append(&mut values[position]);
            signature
        })
        .collect()
}

/// A number for each item's set of bins, equal for equal sets.
fn bin_sets(assignment: &Assignment) -> Vec<usize> {
    let mut by_address: BTreeMap<usize, usize> = BTreeMap::new();
    let mut by_content: BTreeMap<&[u32], usize> = BTreeMap::new();
    (assignment.items.iter())
        .map(|item| {
            let address = Arc::as_ptr(&item.eligible) as usize;
            *by_address.entry(address).or_insert_with(|| {
                let next = by_content.len();
                *by_content.entry(&item.eligible).or_insert(next)
            })
        })
        .collect()
}

fn over_classes(assignment: &Assignment, class_of: &[u32], members: &[Vec<u32>]) -> Assignment {
    let mut classes = assignment.clone();
    classes.items = (members.iter())
        .map(|members| Item {
            count: (members.iter())
                .map(|&member| assignment.items[member as usize].count)
                .sum(),
            ..assignment.items[members[0] as usize].clone()
        })
        .collect();
    let translate = |items: &[u32]| -> Vec<u32> {
        let mut items: Vec<u32> = (items.iter())
            .map(|&item| class_of[item as usize])
            .collect();
        items.sort_unstable();
        items.dedup();
        items
    };
    let packing = |packing: &mut Packing| packing.items = Arc::new(translate(&packing.items));
    for cap in &mut classes.caps {
        let items = translate(&cap.items);
        if !cap.weights.is_empty() {
            // Items of a class have one weight.
            let weight = |&class: &u32| cap.weight(members[class as usize][0]);
            cap.weights = items.iter().map(weight).collect();
        }
        cap.items = Arc::new(items);
    }
    for limit in &mut classes.limits {
        packing(&mut limit.packing);
    }
    for gang in &mut classes.gangs {
        gang.items = translate(&gang.items);
    }
    for balance in &mut classes.balances {
        packing(&mut balance.packing);
    }
    for stage in &mut classes.stages {
        match &mut stage.objective {
            Objective::Value(terms) => merge_terms(terms, class_of),
            Objective::Utility(curves) => {
                for curve in curves {
                    merge_terms(&mut curve.terms, class_of);
                }
            }
            Objective::Yield(by_class) | Objective::Cost(by_class) => {
                for rate in &mut by_class.rates {
                    rate.item = class_of[rate.item as usize];
                }
                by_class.rates.sort_by_key(|rate| rate.item);
                by_class.rates.dedup_by_key(|rate| rate.item);
            }
            Objective::Shortfall(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::WorstShare(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::Span(terms) => {
                terms.iter_mut().for_each(|term| packing(&mut term.packing));
            }
            Objective::Traffic(traffic) => {
                let packings = traffic.ends.iter_mut().flat_map(|end| &mut end.packings);
                packings.for_each(packing);
            }
            Objective::Fragmentation(_) | Objective::Opened(_) | Objective::Peak(_) => {}
        }
    }
    classes
}

/// The values of classes: those of their items, which are equal.
fn merge_terms(terms: &mut Vec<Term>, class_of: &[u32]) {
    terms.retain(|term| term.value > 0);
    for term in terms.iter_mut() {
        term.item = class_of[term.item as usize];
    }
    terms.sort_unstable_by_key(|term| term.item);
    terms.dedup_by_key(|term| term.item);
}
