//! The places of bins as queues of copies, each with a moment at which it has to have ended.

use super::kinds::Kinds;
use super::places::fitting;
use super::timetable::TimedEntry;
use super::types::Schedule;

/// Longer queues stay in the order of what is due, and none of their copies makes way: both look at all pairs.
const LONGEST_QUEUE: usize = 2048;

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
    /// It is free from then.
    pub(super) from: i64,
    /// And until then.
    pub(super) until: i64,
    /// What is due first comes first.
    pub(super) queued: Vec<Queued>,
}

impl Place {
    /// The time that is left for copies due at a moment, if one of those that are there is not counted.
    fn slack(&self, due: i64, except: Option<usize>) -> i64 {
        let (mut used, mut slack) = (self.from, None);
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

    pub(super) fn insert(&mut self, copy: Queued) {
        let at = self.queued.partition_point(|it| it.due <= copy.due);
        self.queued.insert(at, copy);
    }

    /// The copies in an order in which each ends in time: always the most urgent of those that may come next, of these the shortest.
    fn in_order(&self, schedule: &Schedule) -> Vec<Queued> {
        let mut left = self.queued.clone();
        if left.len() > LONGEST_QUEUE {
            return left;
        }
        let mut order = Vec::with_capacity(left.len());
        let mut now = self.from;
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
            from: 0,
            until,
            queued: Vec::new(),
        };
        let places = until.into_iter();
        let places = places.map(|bin| bin.into_iter().map(place).collect());
        Self::of(schedule, kinds, places.collect(), effort)
    }

    /// Places with all that is queued in them.
    pub(super) fn of(
        schedule: &'s Schedule,
        kinds: &'s Kinds,
        places: Vec<Vec<Place>>,
        effort: usize,
    ) -> Self {
        let counts = schedule.operations.iter().map(|it| it.count);
        let mut left: Vec<i64> = counts.collect();
        for copy in places.iter().flatten().flat_map(|place| &place.queued) {
            left[copy.operation as usize] -= 1;
        }
        Self {
            schedule,
            kinds,
            places,
            left,
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
                if of.queued.len() > LONGEST_QUEUE {
                    continue;
                }
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
                let mut start = place.from;
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
mod tests;
