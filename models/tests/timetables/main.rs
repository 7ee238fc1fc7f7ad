//! Schedules against every timetable there is, and the promises of the ladder.
#![allow(missing_docs, clippy::unwrap_used)]

mod brute;
mod generate;

use apportion_models::assignment::{LadderOptions, Proof, Stop};
use apportion_models::default_solver;
use apportion_models::schedule::{Schedule, Scheduled, audit, list_schedule, solve};

fn solved(schedule: &Schedule) -> Scheduled {
    solve(schedule, &LadderOptions::new(default_solver()))
}

/// The answer, judged.
fn solved_soundly(schedule: &Schedule, seed: u64) -> Scheduled {
    let scheduled = solved(schedule);
    assert_eq!(schedule.faults(&scheduled.timetable), [], "seed {seed}");
    let values = schedule.values(&scheduled.timetable);
    let stated: Vec<f64> = scheduled
        .stages
        .iter()
        .map(|stage| stage.objective)
        .collect();
    assert_eq!(values, stated, "seed {seed}");
    let greedy = list_schedule(schedule, &Stop::default());
    assert_eq!(schedule.faults(&greedy), [], "seed {seed}");
    let greedy = schedule.values(&greedy);
    assert!(
        schedule.compare(&values, &greedy).is_le(),
        "seed {seed}: {values:?} after {greedy:?}"
    );
    for stage in &scheduled.stages {
        let bound = stage.bound.unwrap();
        let is_beaten = stage.sense.is_better(stage.objective, bound, 1e-9);
        assert!(!is_beaten, "seed {seed}: {stage:?}");
    }
    scheduled
}

#[test]
fn tiny_schedules_are_solved_to_the_optimum_of_every_stage() {
    for seed in 0..300 {
        let schedule = generate::tiny(seed);
        let scheduled = solved_soundly(&schedule, seed);
        let best = brute::best(&schedule);
        let values = schedule.values(&scheduled.timetable);
        assert!(
            schedule.compare(&values, &best).is_eq(),
            "seed {seed}: {values:?} instead of {best:?}"
        );
        for (stage, best) in scheduled.stages.iter().zip(&best) {
            assert!(
                (stage.bound.unwrap() - best).abs() < 1e-9,
                "seed {seed}: {stage:?}"
            );
        }
    }
}

#[test]
fn the_generator_makes_what_matters() {
    let (mut timed, mut searched, mut unplaced) = (0, 0, 0);
    for seed in 0..300 {
        let schedule = generate::tiny(seed);
        let scheduled = solved(&schedule);
        timed += i32::from(scheduled.stages.iter().any(|stage| stage.objective > 0.0));
        searched += i32::from(
            scheduled
                .stages
                .iter()
                .any(|it| it.proof == Some(Proof::Search)),
        );
        let wanted: i64 = schedule.operations.iter().map(|it| it.count).sum();
        let placed: i64 = scheduled
            .timetable
            .entries()
            .iter()
            .map(|it| it.copies)
            .sum();
        unplaced += i32::from(placed < wanted);
    }
    assert!(
        timed > 200 && searched > 50 && unplaced > 10,
        "{timed} {searched} {unplaced}"
    );
}

#[test]
fn large_schedules_are_sound_and_repeatable() {
    for seed in 0..6 {
        let schedule = generate::layers(seed, 300);
        let scheduled = solved_soundly(&schedule, seed);
        assert_eq!(scheduled, solved(&schedule), "seed {seed}");
    }
}

/// Counted bounds and those by prices, apart from the search that proves what they leave open.
#[test]
fn bounds_of_batches_hold_for_the_best_timetable() {
    let (mut priced, mut tight) = (0, 0);
    for seed in 0..300 {
        let schedule = generate::batch(seed);
        let scheduled = solved_soundly(&schedule, seed);
        let best = brute::best(&schedule);
        let values = schedule.values(&scheduled.timetable);
        assert!(
            schedule.compare(&values, &best).is_eq(),
            "seed {seed}: {values:?} instead of {best:?}"
        );
        let audited = audit(&schedule, &scheduled.timetable, None);
        for (stage, best) in audited.iter().zip(&best) {
            let Some(bound) = stage.bound else { continue };
            let is_beaten = stage.sense.is_better(*best, bound, 1e-9);
            assert!(!is_beaten, "seed {seed}: {stage:?}, best {best}");
            if stage.name == "shuffle" && matches!(stage.proof, Some(Proof::Multipliers(_))) {
                priced += 1;
                tight += i32::from((bound - best).abs() < 1e-6);
            }
        }
    }
    assert!(priced > 0 && tight > 0, "{priced} {tight}");
}

/// Jobs of two layers: none is worse than the list, and most are better.
#[test]
fn jobs_in_queues_are_no_worse_than_the_list() {
    let (mut better, mut met) = (0, 0);
    for seed in 0..300 {
        let schedule = generate::jobs(seed);
        let scheduled = solved_soundly(&schedule, seed);
        if seed % 10 == 0 {
            assert_eq!(scheduled, solved(&schedule), "seed {seed}");
        }
        let greedy = schedule.values(&list_schedule(&schedule, &Stop::default()));
        let values = schedule.values(&scheduled.timetable);
        better += i32::from(schedule.compare(&values, &greedy).is_lt());
        met += i32::from(scheduled.stages[1].gap() == Some(0.0));
    }
    assert!(better > 200 && met > 100, "{better} {met}");
}

/// A bound is over all timetables at least as good in the earlier stages.
#[test]
fn bounds_of_batches_hold_for_every_timetable_as_good_before() {
    let (mut compared, mut priced) = (0, 0);
    for seed in 0..300 {
        let schedule = generate::batch(seed);
        let random = &mut generate::Random::new(seed);
        let drawn = (0..40).filter_map(|_| generate::serial(&schedule, random));
        let drawn: Vec<_> = drawn.collect();
        for one in &drawn {
            assert_eq!(schedule.faults(one), [], "seed {seed}");
            let audited = audit(&schedule, one, None);
            for other in &drawn {
                let values = schedule.values(other);
                for (at, stage) in audited.iter().enumerate() {
                    let mut earlier = audited[..at].iter().zip(&values);
                    if earlier.any(|(it, value)| it.sense.is_better(it.objective, *value, 1e-9)) {
                        break;
                    }
                    compared += 1;
                    let bound = stage.bound.unwrap();
                    let by_price = matches!(stage.proof, Some(Proof::Multipliers(_)));
                    priced += i32::from(by_price && stage.name == "shuffle");
                    let is_beaten = stage.sense.is_better(values[at], bound, 1e-6);
                    assert!(!is_beaten, "seed {seed}: {stage:?}, {values:?}");
                }
            }
        }
    }
    println!("{compared} {priced}");
    assert!(compared > 10_000 && priced > 300, "{compared} {priced}");
}
