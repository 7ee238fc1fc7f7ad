//! What gives way, by hand and on random assignments.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::displace;
use crate::assignment::placement::Placement;
use crate::assignment::tally::tests::generate::{Random, Size, with_devices};
use crate::assignment::tally::tests::some_place;
use crate::assignment::tally::{Index, Stop, Tally};
use crate::assignment::types::{Assignment, Bin, Gang, Item, Objective, Rate, Stage, Term, Yield};

/// Bins of one resource; items of so many copies that need so much each.
fn assignment(bins: &[i64], items: &[(i64, i64)], stages: Vec<Objective>) -> Assignment {
    let eligible = Arc::new((0..bins.len() as u32).collect::<Vec<u32>>());
    let item = |(at, &(count, demand)): (usize, &(i64, i64))| Item {
        name: format!("i{at}"),
        count,
        demand: vec![demand],
        eligible: Arc::clone(&eligible),
        devices: Vec::new(),
    };
    let bin = |(at, &capacity): (usize, &i64)| Bin {
        name: format!("b{at}"),
        capacity: vec![capacity],
        devices: Vec::new(),
    };
    let stage = |(at, objective)| Stage {
        name: format!("s{at}"),
        objective,
    };
    let assignment = Assignment {
        resources: vec!["cpu".to_owned()],
        items: items.iter().enumerate().map(item).collect(),
        bins: bins.iter().enumerate().map(bin).collect(),
        caps: Vec::new(),
        limits: Vec::new(),
        gangs: Vec::new(),
        balances: Vec::new(),
        stages: stages.into_iter().enumerate().map(stage).collect(),
    };
    assignment.validate().unwrap();
    assignment
}

fn value(terms: &[(u32, i64)]) -> Objective {
    let terms = terms.iter().map(|&(item, value)| Term { item, value });
    Objective::Value(terms.collect())
}

fn displaced(assignment: &Assignment, start: &[(u32, u32, i64)]) -> Vec<(u32, u32, i64)> {
    let start = Placement::new(start.to_vec());
    assert_eq!(assignment.faults(&start), []);
    let made = displace(assignment, &start, &Stop::default());
    assert_eq!(made.stopped, None);
    assert_eq!(assignment.faults(&made.placement), []);
    made.placement.entries().to_vec()
}

/// The first item needs 4. In the first bin, four of the second would have to go; in the second bin, two of the third, which are worth
/// less together.
#[test]
fn what_is_worth_least_gives_way() {
    let stages = vec![value(&[(0, 1)]), value(&[(1, 1), (2, 1)])];
    let assignment = assignment(&[8, 8], &[(1, 4), (8, 1), (4, 2)], stages);
    let made = displaced(&assignment, &[(1, 0, 8), (2, 1, 4)]);
    assert_eq!(made, [(0, 1, 1), (1, 0, 8), (2, 1, 2)]);
}

#[test]
fn nothing_gives_way_to_what_is_worth_less() {
    let stages = vec![value(&[(0, 3), (1, 2)])];
    let assignment = assignment(&[4], &[(1, 4), (2, 2)], stages);
    assert_eq!(displaced(&assignment, &[(1, 0, 2)]), [(1, 0, 2)]);
}

/// One that comes first is worth twice as much in the first bin: it changes places with one that does not care.
#[test]
fn who_gives_way_goes_where_the_other_was() {
    let rates = vec![Rate {
        item: 0,
        values: vec![2, 1],
    }];
    let first = Objective::Yield(Yield {
        class_of: Arc::new(vec![0, 1]),
        rates,
    });
    let assignment = assignment(&[1, 1], &[(1, 1), (1, 1)], vec![first, value(&[(1, 1)])]);
    assert_eq!(
        displaced(&assignment, &[(0, 1, 1), (1, 0, 1)]),
        [(0, 0, 1), (1, 1, 1)]
    );
}

/// A gang of three has room for two, whatever gives way: nothing does.
#[test]
fn a_gang_is_placed_whole_or_displaces_nothing() {
    let stages = || vec![value(&[(0, 1)]), value(&[(1, 1)])];
    let mut assignment = assignment(&[4], &[(3, 2), (4, 1)], stages());
    let gang = |least| Gang {
        name: "g".to_owned(),
        items: vec![0],
        min: least,
        base: 0,
    };
    assignment.gangs = vec![gang(3)];
    assert_eq!(displaced(&assignment, &[(1, 0, 4)]), [(1, 0, 4)]);
    assignment.gangs = vec![gang(2)];
    assert_eq!(displaced(&assignment, &[(1, 0, 4)]), [(0, 0, 2)]);
}

/// Copies of a gang that is no larger than it must be do not give way.
#[test]
fn no_gang_breaks() {
    let stages = vec![value(&[(0, 1)]), value(&[(1, 1), (2, 2)])];
    let mut assignment = assignment(&[4], &[(1, 1), (3, 1), (1, 1)], stages);
    assignment.gangs = vec![Gang {
        name: "g".to_owned(),
        items: vec![1],
        min: 3,
        base: 0,
    }];
    let made = displaced(&assignment, &[(1, 0, 3), (2, 0, 1)]);
    assert_eq!(made, [(0, 0, 1), (1, 0, 3)]);
}

/// Whatever is placed before, no rule breaks, and what is placed is worth at least as much.
#[test]
fn no_rule_breaks_and_nothing_is_lost() {
    const SIZE: Size = Size {
        bins: 5,
        items: 6,
        count: 4,
        capacity: 9,
    };
    let mut n_changed = 0;
    for seed in 0..2_000 {
        let assignment = with_devices(seed, &SIZE);
        let start = some(&assignment, seed);
        let made = displace(&assignment, &start, &Stop::default());
        assert_eq!(assignment.faults(&made.placement), [], "seed {seed}");
        let worth = |placement: &Placement| {
            let values = assignment.values(placement).into_iter();
            let stages = values.zip(&assignment.stages);
            let stages = stages.filter(|(_, stage)| stage.objective.worth().is_some());
            stages.map(|(value, _)| value).collect::<Vec<f64>>()
        };
        assert!(worth(&made.placement) >= worth(&start), "seed {seed}");
        let stays = |entry: &(u32, u32, i64)| {
            let mut entries = made.placement.entries().iter();
            entries.any(|other| (other.0, other.1) == (entry.0, entry.1) && other.2 >= entry.2)
        };
        n_changed += usize::from(!start.entries().iter().all(stays));
    }
    assert!(n_changed > 200, "something gave way {n_changed} times");
}

/// Items in random order, in random bins: gangs whole, or not at all.
fn some(assignment: &Assignment, seed: u64) -> Placement {
    let random = &mut Random::new(seed + 5);
    let index = Index::new(assignment);
    let mut tally = Tally::new(assignment, &index, &Placement::default());
    for _ in 0..40 {
        let Some((item, bin)) = some_place(random, assignment) else {
            continue;
        };
        let gang = index.gang_of[item as usize];
        let least = gang.map_or(1, |gang| {
            let placed = tally.gangs[gang as usize];
            (assignment.gangs[gang as usize].least() - placed).max(1)
        });
        for placed in 0..least {
            if tally.room(item, bin) <= 0 {
                tally.change(item, bin, -placed);
                break;
            }
            tally.change(item, bin, 1);
        }
        if !assignment.faults(&tally.placement()).is_empty() {
            // A balance that single copies cannot keep.
            return Placement::default();
        }
    }
    tally.placement()
}

/// Counts in the millions: copies do not take their places one by one without end.
#[test]
fn millions_of_copies_end_soon() {
    const MANY: i64 = 1 << 26;
    let stages = || vec![value(&[(0, 1)]), value(&[(1, 1)])];
    let start = [(1, 0, MANY)];
    let one_by_one = assignment(&[MANY], &[(MANY, 1), (MANY, 1)], stages());
    let made = displaced(&one_by_one, &start);
    assert_eq!(made.iter().map(|entry| entry.2).sum::<i64>(), MANY);
    let at_once = assignment(&[MANY], &[(1, MANY), (MANY, 1)], stages());
    assert_eq!(displaced(&at_once, &start), start);
}
