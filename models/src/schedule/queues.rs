//! The places of bins as queues of copies, each with a moment at which it has to have ended.

use super::kinds::Kinds;
use super::places::fitting;
use super::timetable::TimedEntry;
use super::types::Schedule;

/// A copy in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) operation: u32,
    pub(super) duration: i64,
    /// The moment at which it has to have ended.
    pub(super) due: i64,
}

/// What holds one copy at a time.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// It is free from 0 until then.
    pub(super) until: i64,
    /// What is due first comes first.
    pub(super) queued: Vec<Queued>,
}

impl Place {
    /// The time that is left for copies due at a moment, if one of those that are there is not counted.
    fn slack(&self, due: i64, except: Option<usize>) -> i64 {
        let (mut used, mut slack) = (0, None);
        for (at, it) in self.queued.iter().enumerate() {
            if it.due > due && slack.is_none() {
                slack = Some(due.min(self.until) - used);
            }
            if except != Some(at) {
                used += it.duration;
            }
            slack = slack.map(|slack: i64| slack.min(it.due.min(self.until) - used));
        }
        slack.unwrap_or(due.min(self.until) - used)
    }

    fn insert(&mut self, copy: Queued) {
        let at = self.queued.partition_point(|it| it.due <= copy.due);
        self.queued.insert(at, copy);
    }

    /// The copies in an order in which each ends in time: always the most urgent of those that may come next, of these the shortest.
    fn in_order(&self, schedule: &Schedule) -> Vec<Queued> {
        let mut left = self.queued.clone();
        let mut order = Vec::with_capacity(left.len());
        let mut now = 0;
        while !left.is_empty() {
            // What is due later may come before all that would still end in time after it.
            let (mut spare, mut end) = (i64::MAX, now);
            let mut best: Option<(_, usize)> = None;
            for (at, it) in left.iter().enumerate() {
                if it.duration <= spare {
                    let urgency = schedule.operations[it.operation as usize].urgency;
                    let key = (std::cmp::Reverse(urgency), it.duration, it.operation);
                    if best.is_none_or(|(least, _)| key < least) {
                        best = Some((key, at));
                    }
                }
                end += it.duration;
                spare = spare.min(it.due - end);
            }
            // The first is always allowed.
            let next = left.remove(best.map_or(0, |it| it.1));
            now += next.duration;
            order.push(next);
        }
        order
    }
}

/// A step of a chain of moves: a copy wants to come into a bin.
struct Step {
    bin: u32,
    copy: Queued,
    /// The step that made it leave its bin, and its place and position there.
    from: Option<(usize, usize, usize)>,
}

/// The queues of all places.
pub(super) struct Queues<'s> {
    schedule: &'s Schedule,
    kinds: &'s Kinds,
    /// By bin.
    pub(super) places: Vec<Vec<Place>>,
    /// Copies without a place, by operation.
    pub(super) left: Vec<i64>,
    /// Bins that may still be looked at by chains of moves.
    effort: usize,
}

impl<'s> Queues<'s> {
    /// Empty queues; the places of each bin are free until the moments stated.
    pub(super) fn new(
        schedule: &'s Schedule,
        kinds: &'s Kinds,
        until: Vec<Vec<i64>>,
        effort: usize,
    ) -> Self {
        let place = |until: i64| Place {
            until,
            queued: Vec::new(),
        };
        let places = until.into_iter();
        Self {
            schedule,
            kinds,
            places: places
                .map(|bin| bin.into_iter().map(place).collect())
                .collect(),
            left: schedule.operations.iter().map(|it| it.count).collect(),
            effort,
        }
    }

    /// How many copies of a duration each bin still holds by each of some moments, at most `most`.
    pub(super) fn free(
        &self,
        duration: impl Fn(usize) -> i64,
        moments: &[i64],
        most: i64,
    ) -> Vec<Vec<i64>> {
        let of_bin = |(bin, places): (usize, &Vec<Place>)| {
            let duration = duration(bin);
            let by = |&moment: &i64| {
                let of_place = |place: &Place| match (place.slack(moment, None), duration) {
                    (slack, _) if slack < 0 => 0,
                    (_, 0) => most,
                    (slack, _) => slack / duration,
                };
                let all = places.iter().map(of_place);
                all.fold(0, i64::saturating_add).min(most)
            };
            moments.iter().map(by).collect()
        };
        self.places.iter().enumerate().map(of_bin).collect()
    }

    /// The place of a bin where most time is left for a copy, and that time; of equals the emptiest.
    fn roomiest(&self, bin: u32, copy: &Queued) -> Option<(usize, i64)> {
        let places = self.places[bin as usize].iter().enumerate();
        let slacks = places.map(|(at, place)| (place.slack(copy.due, None), place, at));
        let fitting = slacks.filter(|it| it.0 >= copy.duration);
        let best = fitting.max_by_key(|(slack, place, at)| {
            (*slack, place.slack(i64::MAX, None), std::cmp::Reverse(*at))
        });
        best.map(|(slack, _, at)| (at, slack))
    }

    fn add(&mut self, bin: u32, place: usize, copy: Queued) {
        self.places[bin as usize][place].insert(copy);
        self.left[copy.operation as usize] -= 1;
    }

    /// Queues a copy in a bin, if it has room.
    pub(super) fn queue(&mut self, bin: u32, copy: Queued) -> bool {
        let room = self.roomiest(bin, &copy);
        if let Some((place, _)) = room {
            self.add(bin, place, copy);
        }
        room.is_some()
    }

    /// Queues a copy in the roomiest of the bins that are nearest to it.
    pub(super) fn queue_near(&mut self, copy: Queued) -> bool {
        let Some(kind) = self.kinds.of[copy.operation as usize] else {
            return false;
        };
        let near = self.kinds.list[kind].near.iter().enumerate();
        let rooms = near.filter_map(|(at, &bin)| {
            let (place, slack) = self.roomiest(bin, &copy)?;
            let left = self.places[bin as usize][place].slack(i64::MAX, None);
            Some((slack, left, std::cmp::Reverse(at), bin, place))
        });
        let Some((.., bin, place)) = rooms.max() else {
            return false;
        };
        self.add(bin, place, copy);
        true
    }

    /// Queues a copy in one of the bins that are nearest to it, others moving on to bins that are nearest to them. Where there is no way,
    /// the bins that were looked at are closed to later attempts with copies as long that are due no later.
    pub(super) fn squeeze(&mut self, copy: Queued, closed: &mut [bool]) -> bool {
        let mut seen = closed.to_vec();
        let mut steps: Vec<Step> = Vec::new();
        self.enter(copy, None, &mut seen, &mut steps);
        self.make_way(steps, seen, closed)
    }

    /// The same in one of the bins where it costs less than `cost`, the cheapest first.
    fn squeeze_below(&mut self, copy: Queued, cost: i64, closed: &mut [bool]) -> bool {
        let operation = &self.schedule.operations[copy.operation as usize];
        let mut bins: Vec<(i64, u32, i64)> = fitting(self.schedule, operation)
            .into_iter()
            .map(|(bin, duration)| (operation.cost_in(bin), bin, duration))
            .filter(|it| it.0 < cost && !closed[it.1 as usize])
            .collect();
        bins.sort_unstable();
        let mut seen = closed.to_vec();
        let mut steps = Vec::new();
        for (_, bin, duration) in bins {
            seen[bin as usize] = true;
            steps.push(Step {
                bin,
                copy: Queued { duration, ..copy },
                from: None,
            });
        }
        self.make_way(steps, seen, closed)
    }

    /// Follows steps by others until one ends in a place that has room.
    fn make_way(&mut self, mut steps: Vec<Step>, mut seen: Vec<bool>, closed: &mut [bool]) -> bool {
        let mut at = 0;
        while at < steps.len() {
            let Step { bin, copy, .. } = steps[at];
            if let Some((place, _)) = self.roomiest(bin, &copy) {
                self.follow(&steps, at, place);
                return true;
            }
            if self.effort == 0 {
                return false;
            }
            self.effort -= 1;
            for (place, of) in self.places[bin as usize].iter().enumerate() {
                for (position, other) in of.queued.iter().enumerate() {
                    if of.slack(copy.due, Some(position)) >= copy.duration {
                        let from = Some((at, place, position));
                        self.enter(*other, from, &mut seen, &mut steps);
                    }
                }
            }
            at += 1;
        }
        for step in steps {
            closed[step.bin as usize] = true;
        }
        false
    }

    /// A step into each bin near a copy that was not looked at.
    fn enter(
        &self,
        copy: Queued,
        from: Option<(usize, usize, usize)>,
        seen: &mut [bool],
        steps: &mut Vec<Step>,
    ) {
        let kind = self.kinds.of[copy.operation as usize].map(|at| &self.kinds.list[at]);
        let Some(kind) = kind else { return };
        for &bin in &kind.near {
            if !std::mem::replace(&mut seen[bin as usize], true) {
                let duration = kind.shortest;
                let copy = Queued { duration, ..copy };
                steps.push(Step { bin, copy, from });
            }
        }
    }

    /// Does what a chain of steps says, the last of which ends in a place that has room.
    fn follow(&mut self, steps: &[Step], mut at: usize, mut place: usize) {
        loop {
            let Step { bin, copy, from } = steps[at];
            self.add(bin, place, copy);
            let Some((before, of, position)) = from else {
                return;
            };
            let source = &mut self.places[steps[before].bin as usize][of];
            source.queued.remove(position);
            self.left[copy.operation as usize] += 1;
            (at, place) = (before, of);
        }
    }

    /// Moves copies that cost more than they have to, where chains of moves make room for them: to bins where they cost least, then to
    /// cheaper ones.
    pub(super) fn cheapen(&mut self) {
        for least in [true, false] {
            let mut closed = vec![false; self.places.len()];
            let mut last = None;
            for (bin, place, copy, cost) in self.dear() {
                let of = &mut self.places[bin as usize][place];
                // Chains may have moved it already.
                let Some(at) = of.queued.iter().position(|it| *it == copy) else {
                    continue;
                };
                of.queued.remove(at);
                self.left[copy.operation as usize] += 1;
                if last != Some((copy.duration, copy.due, cost)) {
                    closed.fill(false);
                    last = Some((copy.duration, copy.due, cost));
                }
                let moved = match least {
                    true => self.squeeze(copy, &mut closed),
                    false => self.squeeze_below(copy, cost, &mut closed),
                };
                if !moved {
                    self.add(bin, place, copy);
                }
            }
        }
    }

    /// Copies that cost more than they have to, with their bins and places, and what they cost.
    fn dear(&self) -> Vec<(u32, usize, Queued, i64)> {
        let mut dear = Vec::new();
        for (bin, places) in (0_u32..).zip(&self.places) {
            for (place, of) in places.iter().enumerate() {
                for &copy in &of.queued {
                    let cost = self.schedule.operations[copy.operation as usize].cost_in(bin);
                    let kind = self.kinds.of[copy.operation as usize];
                    let least = kind.map_or(cost, |at| self.kinds.list[at].least_cost);
                    if cost > least {
                        dear.push((bin, place, copy, cost));
                    }
                }
            }
        }
        dear.sort_by_key(|&(bin, place, copy, cost)| {
            let dearest = std::cmp::Reverse(cost);
            (copy.duration, copy.due, dearest, bin, place, copy.operation)
        });
        dear
    }

    /// When all copies have ended, by bin and place.
    pub(super) fn used(&self) -> Vec<Vec<i64>> {
        let of_place = |place: &Place| place.queued.iter().map(|it| it.duration).sum();
        let of_bin = |places: &Vec<Place>| places.iter().map(of_place).collect();
        self.places.iter().map(of_bin).collect()
    }

    /// All copies with their times.
    pub(super) fn entries(&self) -> Vec<TimedEntry> {
        let mut entries = Vec::new();
        for (bin, places) in (0u32..).zip(&self.places) {
            for place in places {
                let mut start = 0;
                for copy in place.in_order(self.schedule) {
                    let end = start + copy.duration;
                    entries.push(TimedEntry {
                        operation: copy.operation,
                        bin,
                        start,
                        end,
                        copies: 1,
                    });
                    start = end;
                }
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
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

    /// Whether copies in this order all end in time.
    fn in_time(order: &[Queued], until: i64) -> bool {
        let mut now = 0;
        order.iter().all(|it| {
            now += it.duration;
            now <= it.due.min(until)
        })
    }

    /// A place with a few copies that all end in time.
    fn draw(random: &mut Random) -> Place {
        let mut place = Place {
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
            if in_time(&with.queued, with.until) {
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
                in_time(&with.queued, with.until)
            };
            let longest = (0..=20).filter(|&it| fits(it)).max();
            assert_eq!(place.slack(due, except), longest.unwrap_or(-1), "{place:?}");
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
            assert!(in_time(&order, place.until), "{place:?} {order:?}");
            let urgency = |it: &Queued| schedule.operations[it.operation as usize].urgency;
            reordered += i32::from(order != place.queued);
            // Whatever is more urgent than the first would make something late if it were the first.
            for (at, other) in place.queued.iter().enumerate() {
                let mut rest = place.queued.clone();
                rest.remove(at);
                let mut first = vec![*other];
                first.extend(rest);
                if urgency(other) > urgency(&order[0]) {
                    assert!(!in_time(&first, place.until), "{place:?} {order:?}");
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
                assert!(in_time(&place.queued, end));
            }
        }
        assert!(
            squeezed > 50 && closed_some > 100,
            "{squeezed} {closed_some}"
        );
    }
}
