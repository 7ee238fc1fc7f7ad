//! Operations that follow nothing, in queues, against every way to divide their copies among the places of bins.
#![allow(clippy::unwrap_used)]

#[path = "support/draws.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod draws;

use std::sync::Arc;

use apportion_models::assignment::{Bin, LadderOptions, Stop};
use apportion_models::default_solver;
use apportion_models::schedule::{
    Edge, Operation, Schedule, TimeObjective, TimeStage, audit, list_schedule, solve,
};
use draws::Random;

/// Up to three bins of one or two places, and few copies. With `even`, copies take one time in each bin.
fn draw(seed: u64, even: bool) -> Schedule {
    let random = &mut Random(seed);
    let n_bins = random.whole(1, 3) as u32;
    let n_operations = random.whole(1, 3);
    let bins = (0..n_bins).map(|bin| Bin {
        name: format!("b{bin}"),
        capacity: vec![random.whole(1, 2) * 2 + random.whole(0, 1)],
        ..Bin::default()
    });
    let bins: Vec<Bin> = bins.collect();
    let of_bin: Vec<i64> = (0..n_bins).map(|_| random.whole(1, 5)).collect();
    let shared: Arc<Vec<u32>> = Arc::new((0..n_bins).collect());
    let operations = (0..n_operations).map(|at| Operation {
        name: format!("o{at}"),
        count: random.whole(1, 2),
        demand: vec![2],
        eligible: Arc::clone(&shared),
        durations: Arc::new(
            of_bin
                .iter()
                .map(|&it| if even { it } else { random.whole(1, 5) })
                .collect(),
        ),
        costs: Arc::new((0..n_bins).map(|_| random.whole(0, 4)).collect()),
        value: 1,
        ..Operation::default()
    });
    let stage = |name: &str, objective| TimeStage {
        name: name.to_owned(),
        objective,
    };
    Schedule {
        resources: vec!["r".to_owned()],
        operations: operations.collect(),
        bins,
        group_of: Arc::new(vec![0; n_bins as usize]),
        stages: vec![
            stage("placed", TimeObjective::Value),
            stage("makespan", TimeObjective::Makespan),
            stage("cost", TimeObjective::Cost),
        ],
        ..Schedule::default()
    }
}

/// The least makespan, and the least cost with it, over all ways to put each copy into a place.
fn best(schedule: &Schedule) -> (i64, i64) {
    let places: Vec<u32> = (0u32..)
        .zip(&schedule.bins)
        .flat_map(|(bin, of)| (0..of.capacity[0] / 2).map(move |_| bin))
        .collect();
    let copies: Vec<usize> = (schedule.operations.iter().enumerate())
        .flat_map(|(at, it)| (0..it.count).map(move |_| at))
        .collect();
    let mut best = (i64::MAX, i64::MAX);
    let mut used = vec![0; places.len()];
    fill(schedule, &places, &copies, 0, &mut used, &mut best);
    best
}

fn fill(
    schedule: &Schedule,
    places: &[u32],
    copies: &[usize],
    cost: i64,
    used: &mut Vec<i64>,
    best: &mut (i64, i64),
) {
    let Some((&copy, rest)) = copies.split_first() else {
        let makespan = used.iter().copied().max().unwrap_or(0);
        *best = (*best).min((makespan, cost));
        return;
    };
    let operation = &schedule.operations[copy];
    for place in 0..places.len() {
        let bin = places[place];
        let duration = operation.duration_in(bin).unwrap();
        used[place] += duration;
        fill(
            schedule,
            places,
            rest,
            cost + operation.cost_in(bin),
            used,
            best,
        );
        used[place] -= duration;
    }
}

fn options() -> LadderOptions {
    LadderOptions::new(default_solver())
}

#[test]
fn bounds_hold_and_small_schedules_are_solved() {
    let mut met = 0;
    for seed in 0..300 {
        let schedule = draw(seed, seed % 2 == 0);
        let solved = solve(&schedule, &options());
        assert_eq!(schedule.faults(&solved.timetable), [], "seed {seed}");
        let (makespan, cost) = best(&schedule);
        let [placed, of_makespan, of_cost] = &solved.stages[..] else {
            panic!("three stages");
        };
        assert_eq!(placed.gap(), Some(0.0), "seed {seed}");
        assert_eq!(
            of_makespan.objective, makespan as f64,
            "seed {seed}: {of_makespan:?}"
        );
        assert!(
            of_makespan.bound.unwrap() <= makespan as f64,
            "seed {seed}: {of_makespan:?}"
        );
        assert_eq!(of_cost.objective, cost as f64, "seed {seed}: {of_cost:?}");
        assert!(
            of_cost.bound.unwrap() <= cost as f64,
            "seed {seed}: {of_cost:?}"
        );
        met += i32::from(of_makespan.gap() == Some(0.0));
    }
    assert!(met >= 150, "{met}");
}

/// The story of a thousand copies that are shorter in one of ten bins.
#[test]
fn a_thousand_copies_are_divided_between_the_near_bin_and_the_others() {
    let n_bins = 10;
    let near = |near: i64, far: i64| {
        Arc::new(
            (0..n_bins)
                .map(|bin| if bin == 0 { near } else { far })
                .collect(),
        )
    };
    let schedule = Schedule {
        resources: vec!["slots".to_owned()],
        operations: vec![Operation {
            name: "map".to_owned(),
            count: 1000,
            demand: vec![1],
            eligible: Arc::new((0..n_bins).collect()),
            durations: near(1000, 1500),
            costs: near(0, 128),
            value: 1,
            ..Operation::default()
        }],
        bins: (0..n_bins)
            .map(|bin| Bin {
                name: format!("b{bin}"),
                capacity: vec![4],
                ..Bin::default()
            })
            .collect(),
        group_of: Arc::new(vec![0; n_bins as usize]),
        stages: draw(0, true).stages,
        ..Schedule::default()
    };
    let solved = solve(&schedule, &options());
    let values: Vec<(f64, Option<f64>)> = solved
        .stages
        .iter()
        .map(|it| (it.objective, it.bound))
        .collect();
    assert_eq!(
        values,
        [
            (1000.0, Some(1000.0)),
            (36_000.0, Some(36_000.0)),
            (856.0 * 128.0, Some(856.0 * 128.0))
        ]
    );
}

/// Three copies take two turns in two places, and what follows them comes after that: neither the longest way nor the work says so.
#[test]
fn what_follows_waits_for_the_last_turn() {
    let operation = |name: &str, count, duration| Operation {
        name: name.to_owned(),
        count,
        demand: vec![1],
        eligible: Arc::new(vec![0]),
        durations: Arc::new(vec![duration]),
        value: 1,
        ..Operation::default()
    };
    let schedule = Schedule {
        resources: vec!["slots".to_owned()],
        operations: vec![operation("first", 3, 10), operation("then", 1, 20)],
        bins: vec![Bin {
            name: "b".to_owned(),
            capacity: vec![2],
            ..Bin::default()
        }],
        group_of: Arc::new(vec![0]),
        edges: vec![Edge {
            from: 0,
            to: 1,
            amount: 0,
        }],
        stages: draw(0, true).stages,
        ..Schedule::default()
    };
    assert_eq!(
        (schedule.critical_path(), schedule.work_over_capacity()),
        (30, 25)
    );
    let list = list_schedule(&schedule, &Stop::default());
    let makespan = &audit(&schedule, &list, None)[1];
    assert_eq!((makespan.objective, makespan.bound), (40.0, Some(40.0)));
}
