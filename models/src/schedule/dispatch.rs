//! Copies that have their bins, started as soon as these have room: one moment after the other.
//!
//! Each bin has a queue of copies that follow nothing, the highest rank first; what follows others goes where there is room, of what is
//! ready rather to the group that most is handed over from. A bin whose queue is empty may take from the queue of a bin that would end
//! after a given moment: rather what is cheap for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::divide::Work;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Edge, Schedule};

/// How many of what is ready are looked at for a bin.
const LOOKED_AT: usize = 32;
/// How many copies of a queue are looked at by who takes from it.
const TAKEN_FROM: usize = 200;

/// What all attempts at one schedule share.
pub(super) struct Dispatch<'a> {
    schedule: &'a Schedule,
    work: &'a Work<'a>,
    after: Vec<Vec<Edge>>,
    before: Vec<Vec<Edge>>,
    /// By bin, operations with a least cost there, the highest rank first.
    near: Vec<Vec<u32>>,
    /// Higher ranks go first.
    ranks: &'a [(i64, i64)],
}

/// Copies of an operation in the queue of a bin.
#[derive(Clone, Copy, Debug)]
struct Queued {
    operation: u32,
    copies: i64,
}

/// One attempt.
struct Attempt<'d, 'a> {
    dispatch: &'d Dispatch<'a>,
    free: Vec<Vec<i64>>,
    queues: Vec<Vec<Queued>>,
    /// By bin, the first of its queue that may have copies left.
    heads: Vec<usize>,
    /// By operation, bins and positions in their queues.
    spots: Vec<Vec<(u32, usize)>>,
    /// By bin, milliseconds that its queue takes in one place, and the places.
    queued: Vec<i64>,
    places: Vec<i64>,
    /// By bin, the next of what is near to look at.
    looked: Vec<usize>,
    /// By operation, copies that have not ended.
    open: Vec<i64>,
    /// By operation, operations that it waits for.
    waits: Vec<usize>,
    /// By operation that follows others, copies that have not started.
    unstarted: Vec<i64>,
    /// What follows others and may start.
    ready: BTreeSet<(Reverse<(i64, i64)>, u32)>,
    /// By operation that is ready, what is handed over from each group; nothing where it is all the same.
    handed: BTreeMap<u32, BTreeMap<u32, i128>>,
    ends: BinaryHeap<Reverse<(i64, u32, u32)>>,
    started: Vec<TimedEntry>,
    /// By operation, the groups where its copies are.
    groups: Vec<Vec<(u32, i64)>>,
    now: i64,
}

impl<'a> Dispatch<'a> {
    pub(super) fn new(
        schedule: &'a Schedule,
        work: &'a Work<'a>,
        first: &[u32],
        ranks: &'a [(i64, i64)],
    ) -> Self {
        let n = schedule.operations.len();
        let (mut after, mut before) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        for edge in &schedule.edges {
            after[edge.from as usize].push(*edge);
            before[edge.to as usize].push(*edge);
        }
        let mut order = first.to_vec();
        order.sort_by_key(|&it| (Reverse(ranks[it as usize]), it));
        let mut near = vec![Vec::new(); schedule.bins.len()];
        for operation in order {
            let of = &schedule.operations[operation as usize];
            let ways = &work.ways[operation as usize];
            let costs: Vec<i64> = ways.iter().map(|way| of.cost_in(way.0)).collect();
            let least = costs.iter().min().copied().unwrap_or(0);
            // What is as cheap everywhere is near nothing.
            if costs.iter().any(|&it| it > least) {
                let cheap = ways.iter().zip(&costs).filter(|(_, cost)| **cost == least);
                for (way, _) in cheap {
                    near[way.0 as usize].push(operation);
                }
            }
        }
        Self {
            schedule,
            work,
            after,
            before,
            near,
            ranks,
        }
    }

    /// The timetable of copies in these bins, by operation. Bins take from others that would end after `late`, if that is stated.
    pub(super) fn run(&self, divided: &[(u32, Vec<(u32, i64)>)], late: Option<i64>) -> Timetable {
        let mut attempt = Attempt::new(self, divided);
        let all: Vec<u32> = (0u32..).take(self.schedule.bins.len()).collect();
        attempt.fill(&all, late);
        while let Some(&Reverse((moment, _, _))) = attempt.ends.peek() {
            attempt.now = moment;
            let mut bins = BTreeSet::new();
            let mut is_new_ready = false;
            while let Some(&Reverse((end, bin, operation))) = attempt.ends.peek()
                && end == moment
            {
                attempt.ends.pop();
                bins.insert(bin);
                is_new_ready |= attempt.end(bin, operation);
            }
            if is_new_ready {
                attempt.fill(&all, late);
            } else {
                attempt.fill(&bins.into_iter().collect::<Vec<u32>>(), late);
            }
        }
        Timetable::new(attempt.started)
    }
}

impl<'d, 'a> Attempt<'d, 'a> {
    fn new(dispatch: &'d Dispatch<'a>, divided: &[(u32, Vec<(u32, i64)>)]) -> Self {
        let schedule = dispatch.schedule;
        let (n, n_bins) = (schedule.operations.len(), schedule.bins.len());
        let mut queues: Vec<Vec<Queued>> = vec![Vec::new(); n_bins];
        for (operation, places) in divided {
            for &(bin, copies) in places {
                queues[bin as usize].push(Queued {
                    operation: *operation,
                    copies,
                });
            }
        }
        let mut spots = vec![Vec::new(); n];
        let mut queued = vec![0_i64; n_bins];
        for (bin, queue) in (0u32..).zip(&mut queues) {
            queue.sort_by_key(|it| (Reverse(dispatch.ranks[it.operation as usize]), it.operation));
            for (at, it) in queue.iter().enumerate() {
                spots[it.operation as usize].push((bin, at));
                queued[bin as usize] += dispatch.work.shortest(it.operation) * it.copies;
            }
        }
        let counts = schedule.operations.iter().map(|it| it.count);
        let counts: Vec<i64> = counts.collect();
        let mut attempt = Self {
            dispatch,
            free: schedule.bins.iter().map(|it| it.capacity.clone()).collect(),
            queues,
            heads: vec![0; n_bins],
            spots,
            queued,
            places: (0..n_bins)
                .map(|it| dispatch.work.places(it).max(1))
                .collect(),
            looked: vec![0; n_bins],
            open: counts.clone(),
            waits: dispatch.before.iter().map(Vec::len).collect(),
            unstarted: counts,
            ready: BTreeSet::new(),
            handed: BTreeMap::new(),
            ends: BinaryHeap::new(),
            started: Vec::new(),
            groups: vec![Vec::new(); n],
            now: 0,
        };
        for operation in 0..n as u32 {
            // Nothing follows what has no copies.
            if attempt.open[operation as usize] == 0 {
                attempt.ended(operation);
            }
        }
        attempt
    }

    /// A copy ends; whether something may start that could not before.
    fn end(&mut self, bin: u32, operation: u32) -> bool {
        let of = &self.dispatch.schedule.operations[operation as usize];
        for (free, need) in self.free[bin as usize].iter_mut().zip(&of.demand) {
            *free += need;
        }
        self.open[operation as usize] -= 1;
        self.open[operation as usize] == 0 && self.ended(operation)
    }

    /// All copies of an operation have ended; whether something may start that could not before.
    fn ended(&mut self, operation: u32) -> bool {
        let mut any = false;
        for edge in &self.dispatch.after[operation as usize] {
            let waits = &mut self.waits[edge.to as usize];
            *waits -= 1;
            if *waits == 0 && self.unstarted[edge.to as usize] > 0 {
                self.ready
                    .insert((Reverse(self.dispatch.ranks[edge.to as usize]), edge.to));
                self.handed.insert(edge.to, self.handed_over(edge.to));
                any = true;
            }
        }
        any
    }

    /// What an operation is handed over from each group.
    fn handed_over(&self, operation: u32) -> BTreeMap<u32, i128> {
        let mut from: BTreeMap<u32, i128> = BTreeMap::new();
        for edge in &self.dispatch.before[operation as usize] {
            let count = i128::from(self.dispatch.schedule.operations[edge.from as usize].count);
            for &(group, copies) in &self.groups[edge.from as usize] {
                let part = i128::from(edge.amount) * i128::from(copies) / count.max(1);
                *from.entry(group).or_insert(0) += part;
            }
        }
        from
    }

    fn fill(&mut self, bins: &[u32], late: Option<i64>) {
        for &bin in bins {
            while self.start_one(bin, late) {}
        }
    }

    /// Starts a copy in a bin, if any is to be had.
    fn start_one(&mut self, bin: u32, late: Option<i64>) -> bool {
        let own = self.head(bin);
        let follower = self.follower(bin);
        let rank = |operation: u32| self.dispatch.ranks[operation as usize];
        match (own, follower) {
            (Some(at), other) => {
                let operation = self.queues[bin as usize][at].operation;
                match other {
                    Some(other) if rank(other) > rank(operation) => self.start_follower(bin, other),
                    _ => self.start_queued(bin, (bin, at)),
                }
            }
            (None, Some(other)) => self.start_follower(bin, other),
            (None, None) => {
                let taken = late.and_then(|late| self.take(bin, late));
                let Some(spot) = taken else { return false };
                self.start_queued(bin, spot);
            }
        }
        true
    }

    fn fits(&self, bin: u32, operation: u32) -> bool {
        let of = &self.dispatch.schedule.operations[operation as usize];
        let mut needs = of.demand.iter().zip(&self.free[bin as usize]);
        needs.all(|(need, free)| need <= free)
    }

    /// The first copy in a bin's own queue that fits now.
    fn head(&mut self, bin: u32) -> Option<usize> {
        let queue = &self.queues[bin as usize];
        let head = &mut self.heads[bin as usize];
        while queue.get(*head).is_some_and(|it| it.copies == 0) {
            *head += 1;
        }
        let mut open = (self.heads[bin as usize]..queue.len()).filter(|&at| queue[at].copies > 0);
        // What needs much may wait for a while behind what needs less.
        let mut seen = 0;
        open.find(|&at| {
            seen += 1;
            seen > LOOKED_AT || self.fits(bin, queue[at].operation)
        })
        .filter(|&at| self.fits(bin, queue[at].operation))
    }

    /// Of what follows others and fits now, the one that is handed over most from the bin's group; of equals the highest rank.
    fn follower(&self, bin: u32) -> Option<u32> {
        let schedule = self.dispatch.schedule;
        let group = schedule.group_of[bin as usize];
        let mut best: Option<(i128, u32)> = None;
        for &(_, operation) in self.ready.iter().take(LOOKED_AT) {
            let may = schedule.operations[operation as usize].duration_in(bin);
            if may.is_none() || !self.fits(bin, operation) {
                continue;
            }
            let handed = self.handed.get(&operation);
            let here = handed.and_then(|it| it.get(&group)).copied().unwrap_or(0);
            let count = i128::from(schedule.operations[operation as usize].count.max(1));
            let key = here / count;
            if best.is_none_or(|best| key > best.0) {
                best = Some((key, operation));
            }
        }
        best.map(|it| it.1)
    }

    fn start_follower(&mut self, bin: u32, operation: u32) {
        let left = &mut self.unstarted[operation as usize];
        *left -= 1;
        if *left == 0 {
            let rank = self.dispatch.ranks[operation as usize];
            self.ready.remove(&(Reverse(rank), operation));
            self.handed.remove(&operation);
        }
        self.start(bin, operation);
    }

    /// Starts a copy from some bin's queue.
    fn start_queued(&mut self, bin: u32, (of, at): (u32, usize)) {
        let queued = &mut self.queues[of as usize][at];
        queued.copies -= 1;
        let operation = queued.operation;
        self.queued[of as usize] -= self.dispatch.work.shortest(operation);
        self.start(bin, operation);
    }

    fn start(&mut self, bin: u32, operation: u32) {
        let schedule = self.dispatch.schedule;
        let of = &schedule.operations[operation as usize];
        let duration = of.duration_in(bin).unwrap_or(0);
        for (free, need) in self.free[bin as usize].iter_mut().zip(&of.demand) {
            *free -= need;
        }
        let end = self.now + duration;
        self.started.push(TimedEntry {
            operation,
            bin,
            start: self.now,
            end,
            copies: 1,
        });
        let group = schedule.group_of[bin as usize];
        let groups = &mut self.groups[operation as usize];
        match groups.iter_mut().find(|it| it.0 == group) {
            Some(known) => known.1 += 1,
            None => groups.push((group, 1)),
        }
        self.ends.push(Reverse((end, bin, operation)));
    }

    /// When the queue of a bin would be empty.
    fn would_end(&self, bin: u32) -> i64 {
        self.now + self.queued[bin as usize] / self.places[bin as usize]
    }

    /// A copy in the queue of another bin that would end late: what is cheapest here, if there is any, or else the cheapest of what is last
    /// in the longest queue.
    fn take(&mut self, bin: u32, late: i64) -> Option<(u32, usize)> {
        let near = &self.dispatch.near[bin as usize];
        for at in self.looked[bin as usize]..near.len() {
            let mut is_over = true;
            for &(of, spot) in &self.spots[near[at] as usize] {
                if of == bin || self.queues[of as usize][spot].copies == 0 {
                    continue;
                }
                is_over = false;
                if self.would_end(of) > late && self.fits(bin, near[at]) {
                    return Some((of, spot));
                }
            }
            if is_over && at == self.looked[bin as usize] {
                self.looked[bin as usize] += 1;
            }
        }
        let n_bins = self.queues.len() as u32;
        let longest = (0..n_bins).max_by_key(|&it| (self.would_end(it), Reverse(it)))?;
        if self.would_end(longest) <= late {
            return None;
        }
        let schedule = self.dispatch.schedule;
        let queue = &self.queues[longest as usize];
        let open = (self.heads[longest as usize]..queue.len()).rev();
        let open = open.filter(|&at| queue[at].copies > 0).take(TAKEN_FROM);
        let ways = open.filter_map(|at| {
            let operation = queue[at].operation;
            let of = &schedule.operations[operation as usize];
            let duration = of.duration_in(bin)?;
            // Not where it would end later than where it is.
            (self.fits(bin, operation) && self.now + duration < self.would_end(longest)).then(
                || {
                    (
                        of.cost_in(bin) - self.least_cost(operation, longest),
                        duration,
                        Reverse(at),
                    )
                },
            )
        });
        ways.min().map(|(_, _, Reverse(at))| (longest, at))
    }

    fn least_cost(&self, operation: u32, bin: u32) -> i64 {
        self.dispatch.schedule.operations[operation as usize].cost_in(bin)
    }
}
