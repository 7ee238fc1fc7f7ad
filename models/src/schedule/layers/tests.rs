//! Layers on random jobs.
#![allow(clippy::unwrap_used)]

use super::super::list::list_schedule;
use super::*;

#[path = "../../../tests/timetables/generate.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod generate;

/// Its slow twin is the list, whose makespan stays.
#[test]
fn what_settles_is_cheaper_and_ends_no_later() {
    let (mut cheaper, mut drawn) = (0, 0);
    for seed in 0..300 {
        let schedule = generate::jobs(seed);
        let Some(layers) = Layers::of(&schedule) else {
            continue;
        };
        drawn += 1;
        let list = list_schedule(&schedule, &Stop::default());
        let settled = layers.settled(&list, &Stop::default()).unwrap();
        assert_eq!(schedule.faults(&settled), [], "seed {seed}");
        let (before, after) = (schedule.values(&list), schedule.values(&settled));
        assert_eq!(before[0], after[0], "seed {seed}");
        assert!(after[1] <= before[1], "seed {seed}: {before:?} {after:?}");
        assert!(after[2] <= before[2], "seed {seed}: {before:?} {after:?}");
        cheaper += i32::from(after[2] < before[2]);
    }
    assert!(drawn > 250 && cheaper > 100, "{drawn} {cheaper}");
}

/// Whatever is kept has room at the end, and what it follows has to have ended before.
#[test]
fn what_is_kept_ends_in_time_after_what_it_follows() {
    let mut kept_some = 0;
    for seed in 0..300 {
        let schedule = generate::jobs(seed);
        let Some(layers) = Layers::of(&schedule) else {
            continue;
        };
        let places = Places::of(&schedule);
        let reserved = Reserved::of(&schedule, &places, &layers.follows).unwrap();
        // As late as may be: everything before it ends when it is due.
        let end = reserved.least() + 100;
        let mut first = Vec::new();
        for &operation in &layers.first {
            let due = end - reserved.tails[operation as usize];
            first.push(TimedEntry {
                operation,
                bin: 0,
                start: due - 1,
                end: due,
                copies: 1,
            });
        }
        let after = reserved.after(&schedule, &first, reserved.until(end));
        for entry in &after {
            assert!(entry.end <= end, "seed {seed}: {entry:?} after {end}");
            kept_some += 1;
        }
        let following = schedule.operations.iter().zip(&layers.follows);
        let following = following.filter(|it| *it.1).map(|it| it.0.count);
        let copies: i64 = after.iter().map(|it| it.copies).sum();
        assert_eq!(copies, following.sum::<i64>(), "seed {seed}");
    }
    assert!(kept_some > 500, "{kept_some}");
}
