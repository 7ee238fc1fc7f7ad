//! The order in which items are placed: by value, then by size, then by name; the items of a gang together.

use super::Preference;
use crate::assignment::tally::Tally;
use crate::assignment::types::Assignment;

/// The items of a gang, or one item that is in none.
pub(in crate::assignment) struct Unit {
    pub(in crate::assignment) items: Vec<u32>,
    pub(in crate::assignment) gang: Option<u32>,
}

/// All items, in the order in which they are placed.
pub(in crate::assignment) fn units(preference: Preference, tally: &Tally<'_>) -> Vec<Unit> {
    let order = order(preference, tally.assignment);
    let mut seen = vec![false; tally.assignment.items.len()];
    let mut units = Vec::new();
    for &item in &order {
        if seen[item as usize] {
            continue;
        }
        let gang = tally.index.gang_of[item as usize];
        let items: Vec<u32> = match gang {
            None => vec![item],
            Some(_) => (order.iter().copied())
                .filter(|&other| tally.index.gang_of[other as usize] == gang)
                .collect(),
        };
        for &member in &items {
            seen[member as usize] = true;
        }
        units.push(Unit { items, gang });
    }
    units
}

/// Item positions in the order in which they are placed.
fn order(preference: Preference, assignment: &Assignment) -> Vec<u32> {
    let mut values = vec![Vec::new(); assignment.items.len()];
    for stage in &assignment.stages {
        if let Some(worth) = stage.objective.worth() {
            for of_item in &mut values {
                of_item.push(0);
            }
            for term in worth.best(assignment).iter() {
                *values[term.item as usize]
                    .last_mut()
                    .expect("a value was just pushed for every item") = term.value;
            }
        }
    }
    let n_kinds = assignment.n_kinds();
    let totals = totals(assignment, n_kinds);
    let sizes: Vec<f64> = (assignment.items.iter())
        .map(|item| {
            let amounts = item.amounts(n_kinds);
            (amounts.iter().zip(&totals))
                .map(|(&demand, &total)| demand as f64 / total)
                .fold(0.0, f64::max)
        })
        .collect();
    let mut order: Vec<u32> = (0..assignment.items.len() as u32).collect();
    order.sort_by(|&left, &right| {
        let (left, right) = (left as usize, right as usize);
        (values[right].cmp(&values[left]))
            .then_with(|| match preference {
                Preference::LeastHarm | Preference::FewBins => sizes[right].total_cmp(&sizes[left]),
                Preference::TightestFit => sizes[left].total_cmp(&sizes[right]),
            })
            .then_with(|| {
                assignment.items[left]
                    .name
                    .cmp(&assignment.items[right].name)
            })
            .then_with(|| left.cmp(&right))
    });
    order
}

/// All capacity by resource and kind of device, at least 1.
fn totals(assignment: &Assignment, n_kinds: usize) -> Vec<f64> {
    let mut totals = vec![0.0; assignment.resources.len() + n_kinds];
    for bin in &assignment.bins {
        for (total, capacity) in totals.iter_mut().zip(bin.amounts(n_kinds)) {
            *total += capacity as f64;
        }
    }
    totals.iter().map(|total| total.max(1.0)).collect()
}
