//! Bounds by published prices.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Multiplier, StageResult};

use super::DataReach;
use super::distance::{copied, io, utilization};
use super::prices::Prices;
use crate::verify::report::Findings;
use crate::verify::stages::Measure;
use crate::verify::units;

impl DataReach<'_> {
    /// The bound by prices; absent where they name something unknown or are negative, which is reported.
    pub(in crate::verify) fn multipliers(
        &self,
        measure: Measure,
        earlier: &[(Measure, &StageResult)],
        prices: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let prices = self.prices(earlier, prices, findings)?;
        let direction = if matches!(measure, Measure::Placed(_)) {
            -1.0
        } else {
            1.0
        };
        let mut sum = 0.0;
        if measure == Measure::Utilization {
            sum += self.peak_constant(&prices);
        }
        for (&(agent, resource), price) in &prices.agents {
            if let Some(offer) = self.state.offers[self.framework].get(&agent) {
                sum -= price * offer[resource] as f64;
            }
        }
        for (&(unit, at), price) in &prices.units {
            sum -= price * self.state.unit_offers[self.framework][unit][at] as f64;
        }
        for (&stage, price) in &prices.kept {
            let (kept, result) = earlier[stage];
            sum += price * sign(kept) * (result.objective - self.constant(kept));
        }
        for &task in &self.tasks {
            sum += self.cheapest(measure, direction, task, earlier, &prices);
        }
        Some(
            direction * sum
                + if measure == Measure::Utilization {
                    0.0
                } else {
                    self.constant(measure)
                },
        )
    }

    /// What is in the bound of the fullest unit whatever is placed where.
    fn peak_constant(&self, prices: &Prices) -> f64 {
        let state = self.state;
        let mut own = state.kept_on_units.clone();
        own.retain(|(task, ..), _| self.tasks.contains(task));
        let kept = units::load(state, &own);
        let mut sum = 0.0;
        for (&(unit, at), weight) in &prices.peak {
            let amount = state.cluster.units[unit].amounts[at];
            if amount > 0 {
                sum += weight * 1000.0 * kept[unit][at] as f64 / amount as f64;
            }
        }
        // The fullest unit is at least as full as what stays makes it: that bounds the weight that is left.
        let rest = 1.0 - prices.peak.values().sum::<f64>();
        sum + rest.max(0.0) * utilization(state, self.framework, &state.kept_on_units)
    }

    /// The least sum of coefficients over the ways to place a task alone, under the rule that gives most.
    fn cheapest(
        &self,
        measure: Measure,
        direction: f64,
        task: usize,
        earlier: &[(Measure, &StageResult)],
        prices: &Prices,
    ) -> f64 {
        let (most, least) = (self.most[&task], self.least(task, earlier));
        let mut pairs: Vec<(f64, usize, usize, i128)> = Vec::new();
        let of_agents: Vec<f64> = self.on_agents[&task]
            .iter()
            .map(|&(agent, _)| prices.of_agent(agent, self.state.demand(task)))
            .collect();
        for &(unit, holds) in &self.on_units[&task] {
            let of_unit = self.of_unit(measure, task, unit, prices);
            let copied = copied(self.state, task, unit) as f64;
            for (&(agent, count), of_agent) in self.on_agents[&task].iter().zip(&of_agents) {
                let way = io(self.state, task) as f64 * self.hops[agent][unit] as f64 + copied;
                let mut sum = of_unit + of_agent;
                if measure == Measure::Distance {
                    sum += way;
                }
                sum += direction * self.value(measure, task) as f64;
                for (&stage, price) in &prices.kept {
                    let (kept, _) = earlier[stage];
                    let counts = if kept == Measure::Distance {
                        way
                    } else {
                        self.value(kept, task) as f64
                    };
                    sum -= price * sign(kept) * counts;
                }
                pairs.push((sum, agent, unit, count.min(holds)));
            }
        }
        if self.state.cluster.tasks[task].shard.is_none() {
            for (&(agent, count), of_agent) in self.on_agents[&task].iter().zip(&of_agents) {
                let mut sum = of_agent + direction * self.value(measure, task) as f64;
                for (&stage, price) in &prices.kept {
                    sum -=
                        price * sign(earlier[stage].0) * self.value(earlier[stage].0, task) as f64;
                }
                pairs.push((sum, agent, usize::MAX, count));
            }
        }
        let mut best = filled(&pairs, most, least, |_, _| 0, |_| most);
        for apart in self.apart(task) {
            let domain = |agent: usize, unit: usize| {
                if apart.by_unit {
                    self.state.cluster.units[unit].domains[apart.level].at()
                } else {
                    self.state.cluster.agents[agent].domains[apart.level].at()
                }
            };
            best = best.max(filled(&pairs, most, least, domain, |at| apart.room(at)));
        }
        best
    }

    fn of_unit(&self, measure: Measure, task: usize, unit: usize, prices: &Prices) -> f64 {
        let Some(shard) = &self.state.cluster.tasks[task].shard else {
            return 0.0;
        };
        let mut sum = 0.0;
        for at in 0..3 {
            let need = shard.need[at] as f64;
            sum += prices.units.get(&(unit, at)).copied().unwrap_or(0.0) * need;
            let amount = self.state.cluster.units[unit].amounts[at];
            if measure == Measure::Utilization && amount > 0 {
                let weight = prices.peak.get(&(unit, at)).copied().unwrap_or(0.0);
                sum += weight * 1000.0 * need / amount as f64;
            }
        }
        sum
    }
}

/// 1 where more is better.
fn sign(measure: Measure) -> f64 {
    if matches!(measure, Measure::Placed(_)) {
        1.0
    } else {
        -1.0
    }
}

/// The least sum for at least `least` and at most `most` replicas, with so much room in each domain.
fn filled(
    pairs: &[(f64, usize, usize, i128)],
    most: i128,
    least: i128,
    domain: impl Fn(usize, usize) -> usize,
    room: impl Fn(usize) -> i128,
) -> f64 {
    // Of each domain no more than its room is ever used.
    let mut best: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for &(cost, agent, unit, count) in pairs {
        let at = domain(agent, unit);
        let room = room(at).min(most) as usize;
        let costs = best.entry(at).or_default();
        for _ in 0..count.min(room as i128) {
            if costs.len() == room && costs.last().is_none_or(|worst| cost >= *worst) {
                break;
            }
            let position = costs.partition_point(|other| *other <= cost);
            costs.insert(position, cost);
            costs.truncate(room);
        }
    }
    let mut all: Vec<f64> = best.into_values().flatten().collect();
    all.sort_by(f64::total_cmp);
    let mut sum = 0.0;
    for (cost, number) in all.into_iter().zip(1..) {
        if number <= least || (number <= most && cost < 0.0) {
            sum += cost;
        }
    }
    sum
}
