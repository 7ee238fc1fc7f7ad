//! A tally that is changed copy by copy against one made anew, and against the slow definitions.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

#[path = "../../../tests/assignment/generate.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(in crate::assignment) mod generate;

use self::generate::{Random, Size, with_devices};
use super::{Index, Rule, Tally};
use crate::assignment::evaluate::PlacementFault;
use crate::assignment::placement::Placement;
use crate::assignment::types::{Assignment, Objective};

const SIZE: Size = Size {
    bins: 5,
    items: 5,
    count: 4,
    capacity: 9,
};

/// The value of every stage, from the tally's own counts.
fn values(tally: &Tally<'_>) -> Vec<f64> {
    let n_bins = tally.assignment.bins.len() as u32;
    let of_rules = |stage: usize| -> f64 {
        let is_of_stage = |rule: &Rule| match *rule {
            Rule::Survival(of, _) | Rule::Loss(of, _) | Rule::Span(of, _) => of == stage,
            Rule::Limit(_) | Rule::Balance(_) | Rule::End(..) => false,
        };
        let rules = (0_u32..).zip(&tally.index.rules);
        let rules = rules.filter(|(_, rule)| is_of_stage(rule));
        rules.map(|(rule, _)| tally.term_value(rule)).sum()
    };
    let of_stage = |(stage, objective): (usize, &Objective)| match objective {
        Objective::Fragmentation(probes) => (0..n_bins)
            .map(|bin| tally.fragmentation(probes, bin))
            .sum::<i128>() as f64,
        Objective::Value(_) | Objective::Yield(_) => {
            let worth = objective.worth().unwrap();
            let mut sum = 0;
            for (item, bins) in (0_u32..).zip(&tally.at) {
                sum += bins
                    .iter()
                    .map(|(&bin, n)| worth.of(item, bin) * n)
                    .sum::<i64>();
            }
            sum as f64
        }
        Objective::Cost(costs) => {
            let of_item = |(item, bins): (u32, &BTreeMap<u32, i64>)| {
                (bins.iter().map(|(&bin, n)| costs.of(item, bin) * n)).sum::<i64>()
            };
            (0_u32..).zip(&tally.at).map(of_item).sum::<i64>() as f64
        }
        // Its changes have tests of their own.
        Objective::Utility(_) | Objective::Traffic(_) => {
            tally.assignment.values(&tally.placement())[stage]
        }
        Objective::Peak(peak) => tally.peak(peak),
        Objective::Opened(costs) => {
            let open = tally.load.iter().zip(costs).filter(|(load, _)| **load > 0);
            open.map(|(_, cost)| cost).sum::<i64>() as f64
        }
        Objective::Shortfall(_) | Objective::WorstShare(_) | Objective::Span(_) => of_rules(stage),
    };
    let stages = tally.assignment.stages.iter().map(|stage| &stage.objective);
    stages.enumerate().map(of_stage).collect()
}

/// A random item and a bin that it may go to, if there is one.
pub(in crate::assignment) fn some_place(
    random: &mut Random,
    assignment: &Assignment,
) -> Option<(u32, u32)> {
    let item = random.within(0, assignment.items.len() as i64 - 1) as u32;
    let eligible = &assignment.items[item as usize].eligible;
    if eligible.is_empty() {
        return None;
    }
    let bin = eligible[random.within(0, eligible.len() as i64 - 1) as usize];
    Some((item, bin))
}

/// Whether one more copy breaks no rule but those that more copies could mend.
fn is_allowed(assignment: &Assignment, tally: &Tally<'_>, item: u32, bin: u32) -> bool {
    let mut entries = tally.placement().entries().to_vec();
    entries.push((item, bin, 1));
    let faults = assignment.faults(&Placement::new(entries));
    faults
        .iter()
        .all(|fault| matches!(fault, PlacementFault::Partial { .. }))
}

#[test]
fn a_changed_tally_is_the_same_as_a_new_one() {
    let (mut added, mut repacked) = (0, 0);
    for seed in 0..300 {
        let mut assignment = with_devices(seed, &SIZE);
        // Removals may break them, and then nothing is allowed.
        assignment.balances.clear();
        let index = Index::new(&assignment);
        let mut tally = Tally::new(&assignment, &index, &Placement::default());
        let random = &mut Random::new(seed);
        for _ in 0..60 {
            let Some((item, bin)) = some_place(random, &assignment) else {
                continue;
            };
            let here = tally.at[item as usize].get(&bin).copied().unwrap_or(0);
            if random.chance(35) && here > 0 {
                tally.change(item, bin, -random.within(1, here));
            } else {
                let room = tally.room(item, bin);
                assert_eq!(
                    room > 0,
                    is_allowed(&assignment, &tally, item, bin),
                    "seed {seed}"
                );
                if room > 0 {
                    let before = tally.free_devices(bin).to_vec();
                    let needs = &assignment.items[item as usize].devices;
                    repacked += i32::from(super::super::devices::copies_on(&before, needs, 1) == 0);
                    tally.change(item, bin, random.within(1, room));
                    added += 1;
                }
            }
            let anew = Tally::new(&assignment, &index, &tally.placement());
            assert_eq!(tally.devices, anew.devices, "seed {seed}");
            let slow = assignment.values(&tally.placement());
            let order = assignment.compare(&values(&tally), &slow);
            assert!(
                order.is_eq(),
                "seed {seed}: {:?} instead of {slow:?}",
                values(&tally)
            );
        }
    }
    assert!(
        added > 2000 && repacked > 10,
        "{added} added, {repacked} repacked"
    );
}
