//! Queues against the plainest ways to do the same.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::super::flow::{Wish, grant};
use super::super::types::Operation;
use super::*;
use crate::assignment::Bin;
use crate::solver::Limits;

/// Xorshift.
struct Random(u64);

impl Random {
    fn within(&mut self, low: i64, high: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + ((self.0 >> 11) % (high - low + 1) as u64) as i64
    }
}

/// Whether copies in this order all end in time in a place.
fn in_time(order: &[Queued], place: &Place) -> bool {
    let mut now = place.from;
    order.iter().all(|it| {
        now += it.duration;
        now <= it.due.min(place.until)
    })
}

/// A place with a few copies that all end in time.
fn draw(random: &mut Random) -> Place {
    let mut place = Place {
        from: random.within(0, 4),
        until: random.within(5, 20),
        queued: Vec::new(),
    };
    for operation in 0..random.within(0, 6) as u32 {
        let copy = Queued {
            operation,
            duration: random.within(0, 5),
            due: random.within(1, 20),
        };
        let mut with = place.clone();
        with.insert(copy);
        if in_time(&with.queued, &with) {
            place = with;
        }
    }
    place
}

#[test]
fn slack_is_the_longest_copy_that_ends_in_time_with_all_others() {
    let random = &mut Random(3);
    for _ in 0..3000 {
        let place = draw(random);
        let due = random.within(0, 20);
        let n = place.queued.len() as i64;
        let except = usize::try_from(random.within(-1, n - 1)).ok();
        let mut without = place.clone();
        if let Some(except) = except {
            without.queued.remove(except);
        }
        let fits = |duration: i64| {
            let mut with = without.clone();
            with.insert(Queued {
                operation: 9,
                duration,
                due,
            });
            in_time(&with.queued, &with)
        };
        let longest = (0..=20).filter(|&it| fits(it)).max();
        let slack = place.slack(due, except).max(-1);
        assert_eq!(slack, longest.unwrap_or(-1), "{place:?}");
    }
}

#[test]
fn the_most_urgent_comes_first_if_all_end_in_time() {
    let random = &mut Random(4);
    let mut reordered = 0;
    for _ in 0..3000 {
        let place = draw(random);
        let operations = (0..6).map(|_| Operation {
            urgency: random.within(0, 3),
            ..Operation::default()
        });
        let schedule = Schedule {
            operations: operations.collect(),
            ..Schedule::default()
        };
        let order = place.in_order(&schedule);
        assert!(in_time(&order, &place), "{place:?} {order:?}");
        let urgency = |it: &Queued| schedule.operations[it.operation as usize].urgency;
        reordered += i32::from(order != place.queued);
        // Whatever is more urgent than the first would make something late if it were the first.
        for (at, other) in place.queued.iter().enumerate() {
            let mut rest = place.queued.clone();
            rest.remove(at);
            let mut first = vec![*other];
            first.extend(rest);
            if urgency(other) > urgency(&order[0]) {
                assert!(!in_time(&first, &place), "{place:?} {order:?}");
            }
        }
    }
    assert!(reordered > 1000, "{reordered}");
}

/// Operations of one copy each that take as long in some bins as in none, and are cheap in those.
fn crowd(random: &mut Random) -> Schedule {
    let n_bins = random.within(2, 6) as u32;
    let eligible: Arc<Vec<u32>> = Arc::new((0..n_bins).collect());
    let operations = (0..random.within(4, 20)).map(|_| {
        let near = (0..n_bins).map(|_| random.within(0, 2) == 0);
        let near: Vec<bool> = near.collect();
        Operation {
            count: 1,
            demand: vec![1],
            eligible: Arc::clone(&eligible),
            durations: Arc::new(near.iter().map(|near| if *near { 2 } else { 3 }).collect()),
            costs: Arc::new(near.iter().map(|near| i64::from(!near)).collect()),
            ..Operation::default()
        }
    });
    Schedule {
        operations: operations.collect(),
        bins: (0..n_bins)
            .map(|_| Bin {
                capacity: vec![2],
                ..Bin::default()
            })
            .collect(),
        resources: vec!["r".to_owned()],
        group_of: Arc::new(vec![0; n_bins as usize]),
        ..Schedule::default()
    }
}

/// With chains of moves as many copies get near as a flow gets there.
#[test]
fn squeezing_places_as_many_as_a_flow() {
    let random = &mut Random(5);
    let (mut squeezed, mut closed_some) = (0, 0);
    for _ in 0..500 {
        let schedule = crowd(random);
        let kinds = Kinds::of(&schedule, &vec![0; schedule.operations.len()]);
        let end = random.within(2, 8);
        let until = vec![vec![end; 2]; schedule.bins.len()];
        let mut queues = Queues::new(&schedule, &kinds, until, usize::MAX);
        let mut closed = vec![false; schedule.bins.len()];
        let (mut near, mut wishes) = (0, Vec::new());
        for (operation, of) in (0_u32..).zip(&schedule.operations) {
            let bins = (0u32..).zip(of.durations.iter());
            let bins = bins.filter(|it| *it.1 == 2).map(|it| (it.0, 0));
            let wish = Wish {
                copies: 1,
                bins: bins.collect(),
                ..Wish::default()
            };
            if wish.bins.is_empty() {
                continue;
            }
            wishes.push(wish);
            let copy = Queued {
                operation,
                duration: 2,
                due: end,
            };
            let is_near = queues.queue_near(copy);
            if is_near || queues.squeeze(copy, &mut closed) {
                near += 1;
                squeezed += i32::from(!is_near);
            } else {
                closed_some += 1;
            }
        }
        let places = vec![vec![2 * (end / 2)]; schedule.bins.len()];
        let granted = grant(&schedule, &wishes, &places, &Limits::default()).unwrap();
        assert_eq!(near, wishes.len() as i64 - granted.left_out);
        for place in queues.places.iter().flatten() {
            assert!(in_time(&place.queued, place));
        }
    }
    assert!(
        squeezed > 50 && closed_some > 100,
        "{squeezed} {closed_some}"
    );
}
