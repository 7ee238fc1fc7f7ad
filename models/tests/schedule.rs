//! Timetables: what list scheduling makes breaks no row, and every row is noticed when it is broken.

#![allow(clippy::unwrap_used)]

#[path = "support/draws.rs"]
mod draws;

use std::sync::Arc;

use apportion_models::assignment::{Bin, Stop};
use apportion_models::schedule::{
    Edge, Network, Operation, Schedule, TimeObjective, TimeStage, TimedEntry, Timetable,
    list_schedule,
};
use draws::Random;

fn draw(random: &mut Random, n: usize) -> Schedule {
    let n_bins = 3;
    let bins = (0..n_bins).map(|bin| Bin {
        name: format!("b{bin}"),
        capacity: vec![random.whole(1, 3), random.whole(2, 6)],
        devices: Vec::new(),
    });
    let bins: Vec<Bin> = bins.collect();
    let operations = (0..n).map(|at| {
        let eligible: Vec<u32> = (0..n_bins).filter(|_| random.whole(0, 2) > 0).collect();
        let durations = eligible.iter().map(|_| random.whole(0, 9)).collect();
        Operation {
            name: format!("o{at}"),
            count: random.whole(1, 3),
            demand: vec![random.whole(0, 2), random.whole(0, 3)],
            eligible: Arc::new(eligible),
            durations: Arc::new(durations),
            costs: Arc::default(),
            value: 1,
            release: random.whole(0, 3),
            urgency: 0,
        }
    });
    let operations: Vec<Operation> = operations.collect();
    let mut edges = Vec::new();
    for to in 1..n as u32 {
        for from in 0..to {
            if random.chance(25) {
                let amount = random.whole(0, 5000);
                edges.push(Edge { from, to, amount });
            }
        }
    }
    let stage = |name: &str, objective| TimeStage {
        name: name.to_owned(),
        objective,
    };
    Schedule {
        resources: vec!["r".to_owned(), "s".to_owned()],
        operations,
        bins,
        group_of: Arc::new(vec![0, 0, 1]),
        edges,
        network: Network {
            within_group: 1_000_000,
            across: 300_000,
        },
        stages: vec![
            stage("placed", TimeObjective::Value),
            stage("makespan", TimeObjective::Makespan),
        ],
    }
}

#[test]
fn list_scheduling_breaks_no_row() {
    let random = &mut Random(1);
    let mut placed_all = 0;
    for _ in 0..500 {
        let schedule = draw(random, 6);
        let timetable = list_schedule(&schedule, &Stop::default());
        assert_eq!(schedule.faults(&timetable), []);
        let placed: i64 = timetable.entries().iter().map(|entry| entry.copies).sum();
        let wanted: i64 = schedule.operations.iter().map(|it| it.count).sum();
        placed_all += i32::from(placed == wanted);
    }
    assert!(
        placed_all > 20,
        "most draws must not be hopeless: {placed_all}"
    );
}

#[test]
fn every_row_is_noticed() {
    let one = |name: &str, demand| Operation {
        name: name.to_owned(),
        count: 1,
        demand: vec![demand],
        eligible: Arc::new(vec![0, 1]),
        durations: Arc::new(vec![10, 20]),
        release: 5,
        value: 1,
        ..Operation::default()
    };
    let bin = |name: &str| Bin {
        name: name.to_owned(),
        capacity: vec![2],
        devices: Vec::new(),
    };
    let schedule = Schedule {
        resources: vec!["r".to_owned()],
        operations: vec![one("first", 2), one("second", 1)],
        bins: vec![bin("near"), bin("far")],
        group_of: Arc::new(vec![0, 1]),
        edges: vec![Edge {
            from: 0,
            to: 1,
            amount: 7,
        }],
        network: Network {
            within_group: 7000,
            across: 1000,
        },
        stages: Vec::new(),
    };
    let entry = |operation, bin, start, end, copies| TimedEntry {
        operation,
        bin,
        start,
        end,
        copies,
    };
    let rows = |entries: &[TimedEntry]| -> Vec<String> {
        let faults = schedule.faults(&Timetable::new(entries.to_vec()));
        faults.into_iter().map(|fault| fault.row).collect()
    };
    let first = entry(0, 0, 5, 15, 1);
    assert!(rows(&[first, entry(1, 0, 15, 25, 1)]).is_empty());
    assert!(rows(&[first, entry(1, 1, 22, 42, 1)]).is_empty());
    assert_eq!(
        rows(&[first, entry(1, 1, 21, 41, 1)]),
        ["edge[first,second]"]
    );
    assert_eq!(rows(&[entry(1, 0, 15, 25, 1)]), ["edge[first,second]"]);
    assert_eq!(rows(&[entry(0, 0, 4, 14, 1)]), ["release[first]"]);
    assert_eq!(rows(&[entry(0, 0, 5, 16, 1)]), ["duration[first]"]);
    assert_eq!(rows(&[first, entry(0, 1, 5, 25, 1)]), ["once[first]"]);
    assert_eq!(
        rows(&[first, entry(1, 0, 14, 24, 1)]),
        ["capacity[near,r]", "edge[first,second]"]
    );
}
