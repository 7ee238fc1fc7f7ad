//! List scheduling: one copy after the other to where it ends first.

use std::collections::BTreeMap;

use super::profile::Profile;
use super::timetable::{TimedEntry, Timetable};
use super::types::{Edge, Network, Schedule, TimeObjective};
use crate::assignment::{NO_GROUP, Stop};

/// Copies in the order of their operations' ranks, each where and when it ends first; of equal ends the one with the least traffic, then the cheapest.
///
/// The rank of an operation is the longest way from it to the end, by mean durations and mean transfers. What is left out because
/// nothing can hold it, or `stop` says that the time is up, leaves out all that follows it.
///
/// # Source
/// Topcuoglu, Hariri, Wu: Performance-effective and low-complexity task scheduling for heterogeneous computing, IEEE TPDS 13(3),
/// 2002 (HEFT). Here bins hold several copies at a time.
#[must_use]
pub fn list_schedule(schedule: &Schedule, stop: &Stop) -> Timetable {
    let order = by_rank(schedule);
    let mut list = List::new(schedule);
    for operation in order {
        if stop.reason().is_some() {
            break;
        }
        list.place(operation);
    }
    Timetable::new(list.placed.into_iter().flatten().collect())
}

/// What is placed already, and the rest as [`list_schedule`] has it; with `enough`, ends up to that moment are as good as each other, and
/// decide last.
pub(super) fn complete(
    schedule: &Schedule,
    placed: &Timetable,
    enough: Option<i64>,
    stop: &Stop,
) -> Timetable {
    let mut list = List::new(schedule);
    list.enough = enough;
    for &entry in placed.entries() {
        let demand = &schedule.operations[entry.operation as usize].demand;
        list.take(entry.bin, (entry.start, entry.end), demand, entry.copies);
        list.placed[entry.operation as usize].push(entry);
    }
    for operation in by_rank(schedule) {
        if stop.reason().is_some() {
            break;
        }
        if list.placed[operation as usize].is_empty() {
            list.place(operation);
        }
    }
    Timetable::new(list.placed.into_iter().flatten().collect())
}

/// Operations, each after all that it follows; the highest rank first. Those on a cycle are left out.
fn by_rank(schedule: &Schedule) -> Vec<u32> {
    let n = schedule.operations.len();
    let mut following: Vec<Vec<&Edge>> = vec![Vec::new(); n];
    let mut n_after = vec![0_usize; n];
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); n];
    for edge in &schedule.edges {
        following[edge.from as usize].push(edge);
        before[edge.to as usize].push(edge.from);
        n_after[edge.from as usize] += 1;
    }
    let mut ranks = vec![0.0_f64; n];
    let mut ready: Vec<usize> = (0..n).filter(|&it| n_after[it] == 0).collect();
    let mut ranked = Vec::new();
    while let Some(operation) = ready.pop() {
        let longest = following[operation].iter().map(|edge| {
            let seconds = Network::seconds(schedule.network.across);
            let transfer = 1000.0 * seconds * edge.amount as f64;
            transfer + ranks[edge.to as usize]
        });
        let durations = &schedule.operations[operation].durations;
        let mean = durations.iter().sum::<i64>() as f64 / durations.len().max(1) as f64;
        ranks[operation] = mean + longest.fold(0.0, f64::max);
        ranked.push(operation);
        for &earlier in &before[operation] {
            n_after[earlier as usize] -= 1;
            if n_after[earlier as usize] == 0 {
                ready.push(earlier as usize);
            }
        }
    }
    // Ranks rise against the edges, but for operations that take no time: these go by the order in which they were ranked.
    let mut order: Vec<(usize, usize)> = ranked.into_iter().rev().enumerate().collect();
    let urgency = |operation: usize| schedule.operations[operation].urgency;
    order.sort_by(|(left_at, left), (right_at, right)| {
        ranks[*right]
            .total_cmp(&ranks[*left])
            .then_with(|| urgency(*right).cmp(&urgency(*left)))
            .then(left_at.cmp(right_at))
    });
    order
        .into_iter()
        .map(|(_, operation)| u32::try_from(operation).expect("operations are counted in 32 bits"))
        .collect()
}

/// A schedule in the making.
struct List<'a> {
    schedule: &'a Schedule,
    profiles: Vec<Profile>,
    /// By operation.
    placed: Vec<Vec<TimedEntry>>,
    /// Edges by the operation that follows.
    before: Vec<Vec<Edge>>,
    /// The least that any operation needs of each resource.
    least: Vec<i64>,
    /// The moment up to which all ends are as good; then what comes first of costs and traffic is looked at first.
    enough: Option<i64>,
}

impl<'a> List<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        let n = schedule.operations.len();
        let mut before = vec![Vec::new(); n];
        for edge in &schedule.edges {
            before[edge.to as usize].push(*edge);
        }
        let bins = schedule.bins.iter();
        let demands = schedule.operations.iter().map(|it| it.demand.clone());
        let least = demands.reduce(|mut least, demand| {
            for (least, need) in least.iter_mut().zip(demand) {
                *least = need.min(*least);
            }
            least
        });
        Self {
            schedule,
            least: least.unwrap_or_default(),
            enough: None,
            profiles: bins.map(|bin| Profile::new(&bin.capacity)).collect(),
            placed: vec![Vec::new(); n],
            before,
        }
    }

    /// Places as many copies as can be held.
    fn place(&mut self, operation: u32) {
        let of = &self.schedule.operations[operation as usize];
        let waits = self.before[operation as usize].iter().any(|edge| {
            let copies = self.placed[edge.from as usize].iter();
            copies.map(|entry| entry.copies).sum::<i64>()
                < self.schedule.operations[edge.from as usize].count
        });
        if waits {
            return;
        }
        let ready: Vec<i64> = of
            .eligible
            .iter()
            .map(|&bin| self.ready(operation, bin))
            .collect();
        let traffic = self.traffic(operation);
        let traffic_is_first = self.traffic_is_first();
        for _ in 0..of.count {
            let ways = of.eligible.iter().enumerate().filter_map(|(at, &bin)| {
                let duration = of.durations[at];
                let profile = &self.profiles[bin as usize];
                let start = profile.earliest(ready[at], duration, &of.demand)?;
                let end = start.saturating_add(duration);
                let late = self.enough.map_or(end, |enough| end.max(enough));
                let (traffic, cost) = (traffic[at], i128::from(of.cost_in(bin)));
                let (one, other) = match self.enough {
                    Some(_) if !traffic_is_first => (cost, traffic),
                    _ => (traffic, cost),
                };
                Some((late, one, other, end, bin, start))
            });
            let Some((_, _, _, end, bin, start)) = ways.min() else {
                return;
            };
            self.take(bin, (start, end), &of.demand, 1);
            self.placed[operation as usize].push(TimedEntry {
                operation,
                bin,
                start,
                end,
                copies: 1,
            });
        }
    }

    /// Whether a stage of traffic comes before costs.
    fn traffic_is_first(&self) -> bool {
        let mut stages = self.schedule.stages.iter().map(|stage| stage.objective);
        let first =
            stages.find(|it| matches!(it, TimeObjective::Cost | TimeObjective::Traffic { .. }));
        matches!(first, Some(TimeObjective::Traffic { .. }))
    }

    fn take(&mut self, bin: u32, (start, end): (i64, i64), demand: &[i64], copies: i64) {
        let profile = &mut self.profiles[bin as usize];
        profile.take(start, end, demand, copies);
        profile.forget_full(&self.least);
    }

    /// What an operation would be handed over from other bins in each of its own, weighted; nothing where no stage asks.
    fn traffic(&self, operation: u32) -> Vec<i128> {
        let eligible = &self.schedule.operations[operation as usize].eligible;
        let stages = self.schedule.stages.iter();
        let mut weights = stages.filter_map(|stage| match stage.objective {
            TimeObjective::Traffic {
                within_group,
                across,
            } => Some((i128::from(within_group), i128::from(across))),
            _ => None,
        });
        let Some((within_group, across)) = weights.next_back() else {
            return vec![0; eligible.len()];
        };
        let (mut all, mut by_bin, mut by_group) = (0, BTreeMap::new(), BTreeMap::new());
        for edge in &self.before[operation as usize] {
            let count = self.schedule.operations[edge.from as usize].count.max(1);
            for entry in &self.placed[edge.from as usize] {
                // In thousandths, as parts are no whole amounts.
                let part = i128::from(edge.amount) * 1000 * i128::from(entry.copies);
                let part = part / i128::from(count);
                let group = self.schedule.group_of[entry.bin as usize];
                all += part;
                *by_bin.entry(entry.bin).or_insert(0) += part;
                *by_group.entry(group).or_insert(0) += part;
            }
        }
        let of_bin = |bin: &u32| {
            let group = self.schedule.group_of[*bin as usize];
            let here = by_bin.get(bin).copied().unwrap_or(0);
            let near = match group {
                NO_GROUP => here,
                group => by_group.get(&group).copied().unwrap_or(0),
            };
            (near - here) * within_group + (all - near) * across
        };
        eligible.iter().map(of_bin).collect()
    }

    /// The moment at which a bin has everything that an operation needs from those before it.
    fn ready(&self, operation: u32, bin: u32) -> i64 {
        let mut ready = self.schedule.operations[operation as usize].release;
        for edge in &self.before[operation as usize] {
            for entry in &self.placed[edge.from as usize] {
                let transfer = self.schedule.transfer(edge, entry.bin, bin);
                ready = ready.max(entry.end.saturating_add(transfer));
            }
        }
        ready
    }
}
