//! What others do with streams and batches: Storm's default, R-Storm, and HEFT.
//!
//! They look at the model of a slice, so that all are held against the same estimate. They are written anew, beside the methods of the
//! engine, and share nothing with them.

use std::collections::BTreeMap;

use apportion_models::assignment::{Assignment, Objective, Placement, Traffic};
use apportion_models::schedule::{Edge, Schedule, TimedEntry, Timetable};

/// A way to place what sends data to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkflowBaseline {
    /// Instances are dealt out to agents in turn, as Storm does by default.
    RoundRobin,
    /// Breadth first, each beside the one before it where it fits best: R-Storm (Peng et al., Middleware 2015).
    RStorm,
    /// The longest way to the end first, each where it ends first: HEFT (Topcuoglu, Hariri and Wu, IEEE TPDS 2002), with insertion.
    /// Of streams, in which nothing ends, as [`RStorm`](Self::RStorm).
    Heft,
}

impl WorkflowBaseline {
    /// Every baseline.
    pub const ALL: [Self; 3] = [Self::RoundRobin, Self::RStorm, Self::Heft];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::RStorm => "r-storm",
            Self::Heft => "heft",
        }
    }

    /// A placement of a stream; copies for which there is no room are left out. Of the rules it knows capacity and eligibility.
    #[must_use]
    pub fn place(self, model: &Assignment) -> Placement {
        let traffic = model
            .stages
            .iter()
            .find_map(|stage| match &stage.objective {
                Objective::Traffic(traffic) => Some(traffic),
                _ => None,
            });
        let mut free: Vec<Vec<i64>> = model.bins.iter().map(|bin| bin.capacity.clone()).collect();
        let mut entries = Vec::new();
        let order = match self {
            Self::RoundRobin => (0..model.items.len() as u32).collect(),
            Self::RStorm | Self::Heft => breadth_first(model.items.len(), &stream_edges(traffic)),
        };
        let mut storm = Storm::new(&free, racks_of(model, traffic));
        for item in order {
            let of = &model.items[item as usize];
            for _ in 0..of.count {
                let fits = |bin: u32| {
                    let free = &free[bin as usize];
                    of.demand.iter().zip(free).all(|(need, free)| need <= free)
                };
                let open: Vec<u32> = of
                    .eligible
                    .iter()
                    .copied()
                    .filter(|&bin| fits(bin))
                    .collect();
                let chosen = match self {
                    Self::RoundRobin => storm.next_in_turn(&open),
                    Self::RStorm | Self::Heft => storm.nearest(&open, &free, &of.demand),
                };
                let Some(bin) = chosen else {
                    break;
                };
                for (free, need) in free[bin as usize].iter_mut().zip(&of.demand) {
                    *free -= need;
                }
                entries.push((item, bin, 1));
            }
        }
        Placement::new(entries)
    }

    /// A timetable of a batch. What no bin can hold, and all that follows it, is left out.
    #[must_use]
    pub fn schedule(self, model: &Schedule) -> Timetable {
        match self {
            Self::Heft => heft(model),
            Self::RoundRobin | Self::RStorm => self.schedule_in_order(model),
        }
    }

    /// Operations breadth first, to bins that are chosen without a look at time, each as early as it then can.
    ///
    /// R-Storm reserves for all tasks at once. What has no room beside what is reserved already starts a new round in which all is free.
    fn schedule_in_order(self, model: &Schedule) -> Timetable {
        let edges: Vec<(u32, u32)> = model
            .edges
            .iter()
            .map(|edge| (edge.from, edge.to))
            .collect();
        let whole: Vec<Vec<i64>> = model.bins.iter().map(|bin| bin.capacity.clone()).collect();
        let mut free = whole.clone();
        let mut storm = Storm::new(&whole, model.group_of.to_vec());
        let mut plan = Plan::new(model);
        for operation in topological(model.operations.len(), &edges) {
            let of = &model.operations[operation as usize];
            let fits = |free: &[Vec<i64>], bin: u32| {
                let free = &free[bin as usize];
                of.demand.iter().zip(free).all(|(need, free)| need <= free)
            };
            for _ in 0..of.count {
                let can = |free: &[Vec<i64>]| -> Vec<u32> {
                    of.eligible
                        .iter()
                        .copied()
                        .filter(|&bin| fits(free, bin))
                        .collect()
                };
                let chosen = match self {
                    Self::RoundRobin => storm.next_in_turn(&can(&whole)),
                    Self::RStorm | Self::Heft => {
                        if can(&free).is_empty() {
                            free.clone_from(&whole);
                        }
                        storm.nearest(&can(&free), &free, &of.demand)
                    }
                };
                let Some(bin) = chosen else {
                    break;
                };
                for (free, need) in free[bin as usize].iter_mut().zip(&of.demand) {
                    *free -= need;
                }
                if plan
                    .start(operation, bin)
                    .is_some_and(|start| plan.put(operation, bin, start))
                {
                    continue;
                }
                break;
            }
        }
        plan.timetable()
    }
}

/// The choices of Storm and R-Storm.
struct Storm {
    turn: u32,
    reference: Option<u32>,
    scale: Vec<f64>,
    rack_of: Vec<u32>,
    /// The rack with the most resources, where the first task goes.
    largest_rack: Option<u32>,
}

impl Storm {
    fn new(capacity: &[Vec<i64>], rack_of: Vec<u32>) -> Self {
        let n_resources = capacity.first().map_or(0, Vec::len);
        let largest = |at: usize| capacity.iter().map(|it| it[at]).max().unwrap_or(0).max(1);
        let scale: Vec<f64> = (0..n_resources)
            .map(|at| 1.0 / largest(at) as f64)
            .collect();
        let mut racks: BTreeMap<u32, f64> = BTreeMap::new();
        for (amounts, &rack) in capacity.iter().zip(&rack_of) {
            let size: f64 = amounts
                .iter()
                .zip(&scale)
                .map(|(&it, scale)| it as f64 * scale)
                .sum();
            *racks.entry(rack).or_insert(0.0) += size;
        }
        let largest = racks
            .iter()
            .max_by(|left, right| left.1.total_cmp(right.1).then(right.0.cmp(left.0)));
        Self {
            turn: 0,
            reference: None,
            largest_rack: largest.map(|(&rack, _)| rack),
            scale,
            rack_of,
        }
    }

    /// The first bin from where the last turn ended.
    fn next_in_turn(&mut self, open: &[u32]) -> Option<u32> {
        let next = open.iter().find(|&&bin| bin >= self.turn).or(open.first());
        let next = *next?;
        self.turn = next + 1;
        Some(next)
    }

    /// The bin whose free amounts are nearest to what is needed, where distance from the reference counts as one more dimension. The
    /// first bin, that with the most free in the rack with the most, becomes the reference.
    fn nearest(&mut self, open: &[u32], free: &[Vec<i64>], demand: &[i64]) -> Option<u32> {
        let size = |bin: u32| -> f64 {
            let amounts = free[bin as usize].iter().zip(&self.scale);
            amounts.map(|(&it, scale)| it as f64 * scale).sum()
        };
        let Some(reference) = self.reference else {
            let in_largest = |bin: u32| Some(self.rack_of[bin as usize]) == self.largest_rack;
            let first = open.iter().copied().max_by(|&left, &right| {
                let by_size = size(left).total_cmp(&size(right));
                in_largest(left)
                    .cmp(&in_largest(right))
                    .then(by_size)
                    .then(right.cmp(&left))
            });
            self.reference = first;
            return first;
        };
        let distance = |bin: u32| {
            let amounts = free[bin as usize].iter().zip(demand).zip(&self.scale);
            let off = amounts.map(|((&free, &need), scale)| ((free - need) as f64 * scale).powi(2));
            let near = self.rack_of[bin as usize] == self.rack_of[reference as usize]
                && self.rack_of[bin as usize] != u32::MAX;
            let network = if bin == reference {
                0.0
            } else if near {
                1.0
            } else {
                2.0
            };
            (off.sum::<f64>() + f64::powi(network, 2)).sqrt()
        };
        open.iter().copied().min_by(|&left, &right| {
            distance(left)
                .total_cmp(&distance(right))
                .then(left.cmp(&right))
        })
    }
}

fn stream_edges(traffic: Option<&Traffic>) -> Vec<(u32, u32)> {
    let Some(traffic) = traffic else {
        return Vec::new();
    };
    let items = |end: u32| traffic.ends[end as usize].packings[0].items.iter().copied();
    let flows = traffic.flows.iter();
    flows
        .flat_map(|flow| {
            items(flow.from).flat_map(move |from| items(flow.to).map(move |to| (from, to)))
        })
        .collect()
}

fn racks_of(model: &Assignment, traffic: Option<&Traffic>) -> Vec<u32> {
    let end = traffic.and_then(|traffic| traffic.ends.first());
    match end.and_then(|end| end.packings.get(1)) {
        Some(packing) => packing.group_of.to_vec(),
        None => vec![u32::MAX; model.bins.len()],
    }
}

/// From what nothing sends to, along the edges, layer by layer; on a circle from its first member.
fn breadth_first(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut after = vec![Vec::new(); n];
    let mut is_sent_to = vec![false; n];
    for &(from, to) in edges {
        after[from as usize].push(to);
        is_sent_to[to as usize] = true;
    }
    let mut seen = vec![false; n];
    let mut order: Vec<u32> = Vec::with_capacity(n);
    let sources = (0..n as u32).filter(|&it| !is_sent_to[it as usize]);
    for first in sources.chain(0..n as u32).collect::<Vec<u32>>() {
        if std::mem::replace(&mut seen[first as usize], true) {
            continue;
        }
        let mut at = order.len();
        order.push(first);
        while at < order.len() {
            for &next in &after[order[at] as usize] {
                if !std::mem::replace(&mut seen[next as usize], true) {
                    order.push(next);
                }
            }
            at += 1;
        }
    }
    order
}

/// Layer by layer, each after all that it follows; what is on a circle is left out.
fn topological(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut waits = vec![0_usize; n];
    let mut after = vec![Vec::new(); n];
    for &(from, to) in edges {
        waits[to as usize] += 1;
        after[from as usize].push(to);
    }
    let mut order: Vec<u32> = (0..n as u32)
        .filter(|&it| waits[it as usize] == 0)
        .collect();
    let mut at = 0;
    while at < order.len() {
        for &next in &after[order[at] as usize] {
            waits[next as usize] -= 1;
            if waits[next as usize] == 0 {
                order.push(next);
            }
        }
        at += 1;
    }
    order
}

/// The published method: upward ranks by mean durations and mean transfers, then each copy to the bin where it ends first.
fn heft(model: &Schedule) -> Timetable {
    let n = model.operations.len();
    let edges: Vec<(u32, u32)> = model
        .edges
        .iter()
        .map(|edge| (edge.from, edge.to))
        .collect();
    let order = topological(n, &edges);
    let mut ranks = vec![0.0_f64; n];
    let mut after: Vec<Vec<&Edge>> = vec![Vec::new(); n];
    for edge in &model.edges {
        after[edge.from as usize].push(edge);
    }
    let mean_transfer = mean_transfer(model);
    for &operation in order.iter().rev() {
        let durations = &model.operations[operation as usize].durations;
        let mean = durations.iter().sum::<i64>() as f64 / durations.len().max(1) as f64;
        let next = after[operation as usize].iter();
        let next = next.map(|edge| edge.amount as f64 * mean_transfer + ranks[edge.to as usize]);
        ranks[operation as usize] = mean + next.fold(0.0, f64::max);
    }
    // Of equal ranks the order of the layers decides: an operation that takes no time still comes before what follows it.
    let mut ranked = order;
    ranked.sort_by(|&left, &right| ranks[right as usize].total_cmp(&ranks[left as usize]));
    let mut plan = Plan::new(model);
    for operation in ranked {
        let of = &model.operations[operation as usize];
        for _ in 0..of.count {
            let ways = of.eligible.iter().zip(of.durations.iter());
            let ways = ways.filter_map(|(&bin, duration)| {
                let start = plan.start(operation, bin)?;
                Some((start + duration, bin, start))
            });
            let Some((_, bin, start)) = ways.min() else {
                break;
            };
            plan.put(operation, bin, start);
        }
    }
    plan.timetable()
}

/// Milliseconds for one unit, mean over all pairs of different bins.
fn mean_transfer(model: &Schedule) -> f64 {
    let n = model.bins.len();
    let (mut sum, mut pairs) = (0.0, 0.0);
    for one in 0..n {
        for other in (0..n).filter(|&other| other != one) {
            let near =
                model.group_of[one] == model.group_of[other] && model.group_of[one] != u32::MAX;
            let network = &model.network;
            let per_thousand = if near {
                network.within_group
            } else {
                network.across
            };
            sum += per_thousand as f64 / 1000.0;
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { sum / pairs } else { 0.0 }
}

/// A timetable in the making, by looking at everything each time.
struct Plan<'m> {
    model: &'m Schedule,
    before: Vec<Vec<Edge>>,
    placed: Vec<Vec<TimedEntry>>,
    in_bin: Vec<Vec<TimedEntry>>,
}

impl<'m> Plan<'m> {
    fn new(model: &'m Schedule) -> Self {
        let mut before = vec![Vec::new(); model.operations.len()];
        for edge in &model.edges {
            before[edge.to as usize].push(*edge);
        }
        Self {
            model,
            before,
            placed: vec![Vec::new(); model.operations.len()],
            in_bin: vec![Vec::new(); model.bins.len()],
        }
    }

    /// The earliest start of one more copy; `None` if the bin never holds it, or something that it follows is missing.
    fn start(&self, operation: u32, bin: u32) -> Option<i64> {
        let of = &self.model.operations[operation as usize];
        let capacity = &self.model.bins[bin as usize].capacity;
        if of.demand.iter().zip(capacity).any(|(need, has)| need > has) {
            return None;
        }
        let duration = of.duration_in(bin)?;
        let mut ready = of.release;
        for edge in &self.before[operation as usize] {
            let from = &self.placed[edge.from as usize];
            if (from.len() as i64) < self.model.operations[edge.from as usize].count {
                return None;
            }
            for entry in from {
                ready = ready.max(entry.end + self.transfer(edge, entry.bin, bin));
            }
        }
        let ends = self.in_bin[bin as usize].iter().map(|entry| entry.end);
        let mut candidates: Vec<i64> = ends.filter(|&end| end > ready).collect();
        candidates.push(ready);
        candidates.sort_unstable();
        candidates.dedup();
        candidates
            .into_iter()
            .find(|&start| self.has_room(&of.demand, bin, start, start + duration))
    }

    fn has_room(&self, demand: &[i64], bin: u32, start: i64, end: i64) -> bool {
        let here = &self.in_bin[bin as usize];
        let begun = here.iter().map(|entry| entry.start);
        let moments = begun.filter(|&moment| start < moment && moment < end);
        let mut moments = moments.chain([start]);
        moments.all(|moment| {
            let running = here
                .iter()
                .filter(|it| it.start <= moment && moment < it.end);
            let mut free = self.model.bins[bin as usize].capacity.clone();
            for entry in running {
                let needs = &self.model.operations[entry.operation as usize].demand;
                for (free, need) in free.iter_mut().zip(needs) {
                    *free -= need;
                }
            }
            demand.iter().zip(free).all(|(&need, free)| need <= free)
        })
    }

    fn transfer(&self, edge: &Edge, one: u32, other: u32) -> i64 {
        if one == other {
            return 0;
        }
        let group = |bin: u32| self.model.group_of[bin as usize];
        let near = group(one) == group(other) && group(one) != u32::MAX;
        let network = &self.model.network;
        let per_thousand = if near {
            network.within_group
        } else {
            network.across
        };
        let count = |it: u32| i128::from(self.model.operations[it as usize].count.max(1));
        let parts = count(edge.from) * count(edge.to) * 1000;
        let whole = i128::from(edge.amount) * i128::from(per_thousand);
        i64::try_from((whole + parts - 1) / parts).unwrap_or(i64::MAX / 4)
    }

    fn put(&mut self, operation: u32, bin: u32, start: i64) -> bool {
        let Some(duration) = self.model.operations[operation as usize].duration_in(bin) else {
            return false;
        };
        let entry = TimedEntry {
            operation,
            bin,
            start,
            end: start + duration,
            copies: 1,
        };
        self.placed[operation as usize].push(entry);
        self.in_bin[bin as usize].push(entry);
        true
    }

    fn timetable(self) -> Timetable {
        Timetable::new(self.placed.into_iter().flatten().collect())
    }
}
