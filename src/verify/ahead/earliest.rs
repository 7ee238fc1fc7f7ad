//! How early everything could end.

use std::collections::BTreeMap;

use super::Ahead;
use crate::verify::stages::thousandths;

/// What all pending tasks with a way need, found in one walk over their ways.
pub(super) struct Survey {
    /// Milliseconds that an instance takes where it takes least, by task.
    shortest: BTreeMap<usize, i64>,
    /// By agent: how many instances its offer holds at a time of the least that any needs, and the shortest of them.
    pub places: Vec<(usize, i128, i64)>,
}

impl Ahead<'_> {
    /// Pending tasks with a way, whatever they wait for, with every way looked at once.
    pub(super) fn survey(&self) -> &Survey {
        self.survey.get_or_init(|| {
            let mut shortest = BTreeMap::new();
            let mut by_agent: BTreeMap<usize, (Vec<i64>, i64)> = BTreeMap::new();
            let mut copies = 0;
            for &task in self.tasks.iter().filter(|task| self.pending(**task) > 0) {
                let demand = self.state.demand(task);
                let mut of_task: Option<i64> = None;
                for &agent in self.fits[&task].iter() {
                    let takes = self.hadoop.duration_ms(task, agent);
                    of_task = Some(of_task.map_or(takes, |it| it.min(takes)));
                    let (least, shortest) = by_agent
                        .entry(agent)
                        .or_insert_with(|| (demand.to_vec(), takes));
                    *shortest = takes.min(*shortest);
                    for (least, &need) in least.iter_mut().zip(demand) {
                        *least = need.min(*least);
                    }
                }
                if let Some(of_task) = of_task {
                    shortest.insert(task, of_task);
                    copies += self.pending(task);
                }
            }
            let offers = &self.state.offers[self.framework];
            let places = by_agent.into_iter().map(|(agent, (least, shortest))| {
                let needed = least.iter().zip(&offers[&agent]).filter(|it| *it.0 > 0);
                let places = needed.map(|(&need, &has)| has / i128::from(need));
                (agent, places.fold(copies, i128::min), shortest)
            });
            Survey {
                shortest,
                places: places.collect(),
            }
        })
    }

    /// Milliseconds of the longest that a task waits for, where it takes least; 0 if it waits for nothing.
    fn before(&self, task: usize) -> i64 {
        let shortest = &self.survey().shortest;
        let waits = self.waits_for(task).into_iter();
        let waits = waits.filter_map(|map| shortest.get(&map).copied());
        waits.max().unwrap_or(0)
    }

    /// Instances that run at a time, at most.
    fn all_places(&self) -> i128 {
        self.survey().places.iter().map(|it| it.1).sum()
    }

    /// Milliseconds that pass after a map task at the least: the longest of the reduce tasks that wait for it, where it takes least.
    pub(super) fn after(&self) -> BTreeMap<usize, i64> {
        let mut after: BTreeMap<usize, i64> = BTreeMap::new();
        for reduce in self.placeable() {
            let shortest = self.survey().shortest[&reduce];
            for map in self.waits_for(reduce) {
                let known = after.entry(map).or_default();
                *known = shortest.max(*known);
            }
        }
        after
    }

    /// Milliseconds: of the instances after which at least so much time passes, all by the time that they take, and those that take at
    /// least so long by their number, as an agent's place runs them one after the other; and that time.
    fn in_turns(&self) -> i128 {
        let places = self.all_places();
        if places == 0 {
            return 0;
        }
        let after = self.after();
        let mut by_after: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for task in self.placeable() {
            let passes = after.get(&task).copied().unwrap_or(0);
            by_after.entry(passes).or_default().push(task);
        }
        let mut counts: BTreeMap<i64, i128> = BTreeMap::new();
        let mut least = 0;
        while let Some((passes, tasks)) = by_after.pop_last() {
            for task in tasks {
                let shortest = self.survey().shortest[&task];
                *counts.entry(shortest).or_default() += self.pending(task);
            }
            let (mut area, mut longer) = (0, 0);
            for (&takes, &count) in counts.iter().rev() {
                area += i128::from(takes) * count;
                longer += count;
                let turns = (longer + places - 1) / places;
                least = least.max(i128::from(passes) + i128::from(takes) * turns);
            }
            least = least.max(i128::from(passes) + (area + places - 1) / places);
        }
        least
    }

    /// Seconds: the longest instance and what it waits for; all instances by their number; and those after which some time passes, by the
    /// time that they take and by the number of the long ones.
    pub(in crate::verify) fn least_makespan(&self) -> f64 {
        if !self.is_whole() {
            return 0.0;
        }
        let placeable = self.placeable();
        let shortest = |task: usize| self.survey().shortest[&task];
        let mut least = self.in_turns();
        for &task in &placeable {
            least = least.max(i128::from(self.before(task) + shortest(task)));
        }
        for resource in 0..self.state.cluster.resources.len() {
            let work = placeable.iter().map(|&task| {
                let need = i128::from(self.state.demand(task)[resource]);
                need * i128::from(shortest(task)) * self.pending(task)
            });
            let work: i128 = work.sum();
            let offers = self.state.offers[self.framework].values();
            let offered: i128 = offers.map(|offer| offer[resource]).sum();
            if offered > 0 {
                least = least.max((work + offered - 1) / offered);
            }
        }
        let copies: i128 = placeable.iter().map(|&task| self.pending(task)).sum();
        let mut high = i128::from(self.makespan_ms()).max(least);
        while least < high {
            let middle = least + (high - least) / 2;
            let held = self.survey().places.iter();
            let held = held.map(|&(_, places, shortest)| turns(copies, places, shortest, middle));
            if held.sum::<i128>() >= copies {
                high = middle;
            } else {
                least = middle + 1;
            }
        }
        least as f64 / 1000.0
    }

    /// Seconds: the sum of the ends of everything that has a way, if nothing waited for room.
    pub(in crate::verify) fn least_completion(&self) -> f64 {
        if !self.is_whole() {
            return 0.0;
        }
        let ends = self.placeable().into_iter().map(|task| {
            let end = self.before(task) + self.survey().shortest[&task];
            i128::from(end) * self.pending(task)
        });
        thousandths(ends.sum())
    }
}

/// The most instances that an agent with so many places holds one after the other within so many milliseconds.
pub(super) fn turns(copies: i128, places: i128, shortest: i64, ms: i128) -> i128 {
    match i128::from(shortest) {
        0 => copies,
        shortest => (places * (ms / shortest)).min(copies),
    }
}
