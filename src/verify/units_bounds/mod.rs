//! What a framework that keeps data could reach within its offers of agents and units.
//!
//! `f[t,a]` is how many pending replicas the offer on `a` holds where the task may go, `U[t,u]` how many the offer of `u` does.

mod apart;
mod counting;
mod distance;
mod multipliers;
mod prices;

use std::collections::BTreeMap;

use apportion_cluster::plan::StageResult;

use super::stages::Measure;
use super::state::{State, total};
use super::units;
use distance::{distance_levels, hops, io};

pub(super) use distance::{distance, utilization};

/// One framework's pending replicas, and what each could do alone.
pub(super) struct DataReach<'a> {
    state: &'a State<'a>,
    framework: usize,
    tasks: Vec<usize>,
    /// `f[t,a]` where it is positive.
    on_agents: BTreeMap<usize, Vec<(usize, i128)>>,
    /// `U[t,u]` where it is positive.
    on_units: BTreeMap<usize, Vec<(usize, i128)>>,
    /// The most replicas of each task.
    most: BTreeMap<usize, i128>,
    hops: Vec<Vec<i128>>,
}

impl<'a> DataReach<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let levels = distance_levels(state);
        let n_units = state.cluster.units.len();
        let agents = 0..state.cluster.agents.len();
        let hops = agents.map(|agent| {
            (0..n_units)
                .map(|unit| hops(state, &levels, agent, unit))
                .collect()
        });
        let mut reach = Self {
            state,
            framework,
            tasks: state.tasks_of(framework),
            on_agents: BTreeMap::new(),
            on_units: BTreeMap::new(),
            most: BTreeMap::new(),
            hops: hops.collect(),
        };
        for task in reach.tasks.clone() {
            let (on_agents, on_units) = (reach.agents(task), reach.units(task));
            reach
                .most
                .insert(task, reach.most_alone(task, &on_agents, &on_units));
            reach.on_agents.insert(task, on_agents);
            reach.on_units.insert(task, on_units);
        }
        reach
    }

    /// `B_t`: the most replicas of a task beside what stays.
    pub(super) fn most(&self, task: usize) -> i128 {
        self.most.get(&task).copied().unwrap_or_default()
    }

    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - total(&self.state.kept[task])).max(0)
    }

    fn agents(&self, task: usize) -> Vec<(usize, i128)> {
        let demand = self.state.demand(task);
        let mut copies = Vec::new();
        for (&agent, offer) in &self.state.offers[self.framework] {
            copies.push((agent, offer.clone()));
        }
        if demand.iter().all(|&need| need <= 0) {
            // What asks for nothing needs no offer where it is.
            let offered: Vec<usize> = copies.iter().map(|it| it.0).collect();
            let nothing = vec![0; demand.len()];
            for agent in 0..self.state.cluster.agents.len() {
                if !offered.contains(&agent) {
                    copies.push((agent, nothing.clone()));
                }
            }
        }
        let mut all = Vec::new();
        for (agent, offer) in copies {
            let mut count = self.pending(task);
            for (&need, have) in demand.iter().zip(offer).filter(|(need, _)| **need > 0) {
                count = count.min(have / i128::from(need));
            }
            if count > 0 && self.state.open(task, agent) {
                all.push((agent, count));
            }
        }
        all
    }

    fn units(&self, task: usize) -> Vec<(usize, i128)> {
        let Some(shard) = &self.state.cluster.tasks[task].shard else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for (unit, offer) in self.state.unit_offers[self.framework].iter().enumerate() {
            let mut count = self.pending(task);
            for (&have, need) in offer.iter().zip(shard.need).filter(|(_, need)| *need > 0) {
                count = count.min(have / i128::from(need));
            }
            if count > 0 && units::open(self.state, task, unit) {
                all.push((unit, count));
            }
        }
        all
    }

    fn value(&self, measure: Measure, task: usize) -> i128 {
        let job = self.state.cluster.tasks[task].job.at();
        match measure {
            Measure::Placed(priority) => {
                let counts = priority.is_none_or(|it| it == self.state.cluster.jobs[job].priority);
                if counts { self.state.value(task) } else { 0 }
            }
            _ => 0,
        }
    }

    /// What stays contributes to a stage.
    fn constant(&self, measure: Measure) -> f64 {
        let mut sum = 0;
        for &task in &self.tasks {
            sum += self.value(measure, task) * total(&self.state.kept[task]);
        }
        if measure == Measure::Distance {
            for (&(task, agent, unit), &count) in &self.state.kept_on_units {
                if self.tasks.contains(&task) {
                    sum += io(self.state, task) * self.hops[agent][unit] * count;
                }
            }
        }
        sum as f64
    }

    /// Replicas that every plan has which keeps the values reached in these stages.
    fn least(&self, task: usize, earlier: &[(Measure, &StageResult)]) -> i128 {
        let mut least = 0;
        for &(measure, stage) in earlier {
            let value = self.value(measure, task);
            if value > 0 {
                let all = self.tasks.iter();
                let all: i128 = all.map(|it| self.value(measure, *it) * self.most[it]).sum();
                let reached = (stage.objective - self.constant(measure)).round() as i128;
                let missing = (all - reached).max(0) / value;
                least = least.max(self.most[&task] - missing);
            }
        }
        least
    }
}
