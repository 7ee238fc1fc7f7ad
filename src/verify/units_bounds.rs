//! What a framework that keeps data could reach within its offers of agents and units.
//!
//! `f[t,a]` is how many pending replicas the offer on `a` holds where the task may go, `U[t,u]` how many the offer of `u` does.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Multiplier, StageResult};

use super::report::Findings;
use super::rule::Rule;
use super::stages::Measure;
use super::state::{State, known_agent, known_resource, total};
use super::units;

/// The levels that lengthen the way: the finest declared one, agents aside, and those made of whole domains of it.
pub(super) fn distance_levels(state: &State<'_>) -> Vec<usize> {
    let levels = &state.cluster.levels;
    let mut finest: Option<usize> = None;
    for (at, level) in levels.iter().enumerate() {
        let is_finer = finest.is_none_or(|it| level.domains.len() > levels[it].domains.len());
        if level.declared && level.name != "agent" && is_finer {
            finest = Some(at);
        }
    }
    let Some(finest) = finest else {
        return Vec::new();
    };
    let mut places: Vec<Vec<usize>> = Vec::new();
    for agent in &state.cluster.agents {
        places.push(agent.domains.iter().map(|it| it.at()).collect());
    }
    for unit in &state.cluster.units {
        places.push(unit.domains.iter().map(|it| it.at()).collect());
    }
    let mut around = Vec::new();
    for (at, level) in levels.iter().enumerate() {
        if !level.declared || level.name == "agent" {
            continue;
        }
        let mut outer: BTreeMap<usize, usize> = BTreeMap::new();
        let whole = places
            .iter()
            .all(|domains| *outer.entry(domains[finest]).or_insert(domains[at]) == domains[at]);
        if whole {
            around.push(at);
        }
    }
    around
}

/// 0 to a unit of one's own; else 1, and 1 for each level apart.
pub(super) fn hops(state: &State<'_>, levels: &[usize], agent: usize, unit: usize) -> i128 {
    let unit = &state.cluster.units[unit];
    if unit.agent.is_some_and(|it| it.at() == agent) {
        return 0;
    }
    let mut hops = 1;
    for &level in levels {
        if unit.domains[level] != state.cluster.agents[agent].domains[level] {
            hops += 1;
        }
    }
    hops
}

/// MiB that a new replica copies to a unit.
fn copied(state: &State<'_>, task: usize, unit: usize) -> i128 {
    let Some(shard) = &state.cluster.tasks[task].shard else {
        return 0;
    };
    let mut runs = false;
    for it in &state.cluster.running_units {
        if it.task.at() == task {
            runs = true;
            if it.unit.at() == unit {
                return 0;
            }
        }
    }
    let mut sum = 0;
    for volume in &shard.volumes {
        let here = volume.unit.is_some_and(|it| it.at() == unit);
        if !here && (runs || volume.unit.is_some()) {
            sum += i128::from(volume.mib);
        }
    }
    sum
}

fn io(state: &State<'_>, task: usize) -> i128 {
    state.cluster.tasks[task].shard.as_ref().map_or(0, |shard| {
        let [_, iops, mib_s] = shard.need;
        i128::from(if iops > 0 { iops } else { mib_s })
    })
}

/// `sum of io x hops` of everything of the framework, and MiB copied by what is new.
pub(super) fn distance(state: &State<'_>, framework: usize) -> i128 {
    let levels = distance_levels(state);
    let tasks = state.tasks_of(framework);
    let mut sum = 0;
    for (&(task, agent, unit), &count) in &state.on_units {
        if tasks.contains(&task) {
            let kept = state
                .kept_on_units
                .get(&(task, agent, unit))
                .copied()
                .unwrap_or(0);
            sum += io(state, task) * hops(state, &levels, agent, unit) * count;
            sum += copied(state, task, unit) * (count - kept).max(0);
        }
    }
    sum
}

/// The fullest unit by the framework's own replicas, in thousandths of its operations or bandwidth.
pub(super) fn utilization(
    state: &State<'_>,
    framework: usize,
    on_units: &BTreeMap<(usize, usize, usize), i128>,
) -> f64 {
    let tasks = state.tasks_of(framework);
    let mut own = on_units.clone();
    own.retain(|(task, ..), _| tasks.contains(task));
    let load = units::load(state, &own);
    let mut most = 0.0_f64;
    for (unit, load) in state.cluster.units.iter().zip(load) {
        for at in [1, 2] {
            if unit.amounts[at] > 0 {
                most = most.max(1000.0 * load[at] as f64 / unit.amounts[at] as f64);
            }
        }
    }
    most
}

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

    /// The least of: what is pending; what agents, and what units, hold; and for each rule that keeps replicas apart, the sum over its
    /// domains of what they may take.
    fn most_alone(
        &self,
        task: usize,
        on_agents: &[(usize, i128)],
        on_units: &[(usize, i128)],
    ) -> i128 {
        let held: i128 = on_agents.iter().map(|it| it.1).sum();
        let mut kept: i128 = on_units.iter().map(|it| it.1).sum();
        if self.state.cluster.tasks[task].shard.is_none() {
            // What keeps no data needs no unit.
            kept = self.pending(task);
        }
        let mut most = self.pending(task).min(held).min(kept);
        for apart in self.apart(task) {
            let mut sums: BTreeMap<usize, i128> = BTreeMap::new();
            let (places, beside) = if apart.by_unit {
                (on_units, held)
            } else {
                (on_agents, kept)
            };
            for &(place, count) in places {
                let domain = if apart.by_unit {
                    self.state.cluster.units[place].domains[apart.level]
                } else {
                    self.state.cluster.agents[place].domains[apart.level]
                };
                *sums.entry(domain.at()).or_insert(0) += count.min(beside);
            }
            let within = sums
                .iter()
                .map(|(&domain, &sum)| sum.min(beside).min(apart.room(domain)));
            most = most.min(within.sum());
        }
        most
    }

    /// The rules that keep replicas of a task apart.
    fn apart(&self, task: usize) -> Vec<Apart> {
        let state = self.state;
        let mut all = Vec::new();
        let shard = state.cluster.tasks[task].shard.as_ref();
        if let Some(level) = shard.and_then(|shard| shard.distinct) {
            for by_unit in [true, false] {
                let mut base: BTreeMap<usize, i128> = BTreeMap::new();
                for (&(other, agent, unit), &count) in &state.kept_on_units {
                    if other == task {
                        let domain = if by_unit {
                            state.cluster.units[unit].domains[level.at()]
                        } else {
                            state.cluster.agents[agent].domains[level.at()]
                        };
                        *base.entry(domain.at()).or_insert(0) += count;
                    }
                }
                all.push(Apart {
                    by_unit,
                    level: level.at(),
                    max: 1,
                    base,
                });
            }
        }
        for &limit in &state.limits_on[task] {
            let limit = &state.limits[limit];
            let level = limit.rule.level.at();
            let domains = 0..state.cluster.levels[level].domains.len();
            // What a limit leaves, as one that allows as much on top of nothing.
            let most = i128::from(limit.rule.max);
            let base = domains
                .map(|domain| (domain, most - limit.room(domain)))
                .collect();
            all.push(Apart {
                by_unit: false,
                level,
                max: most,
                base,
            });
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

    /// The bound by counting.
    pub(super) fn combinatorial(
        &self,
        measure: Measure,
        earlier: &[(Measure, &StageResult)],
    ) -> Option<f64> {
        match measure {
            Measure::Placed(_) => {
                let sum = self.tasks.iter();
                let sum = sum.map(|task| self.value(measure, *task) * self.most[task]);
                Some(self.constant(measure) + sum.sum::<i128>() as f64)
            }
            Measure::Distance => {
                let sum = self
                    .tasks
                    .iter()
                    .map(|&task| self.least_distance(task, earlier));
                Some(self.constant(measure) + sum.sum::<i128>() as f64)
            }
            Measure::Utilization => Some(self.least_utilization(earlier)),
            _ => None,
        }
    }

    /// The replicas that must be placed where they cost least: on each pair of agent and unit what both hold, on a unit what it holds.
    fn least_distance(&self, task: usize, earlier: &[(Measure, &StageResult)]) -> i128 {
        let mut pairs: BTreeMap<(i128, usize), i128> = BTreeMap::new();
        for &(unit, most) in &self.on_units[&task] {
            let copied = copied(self.state, task, unit);
            for &(agent, count) in &self.on_agents[&task] {
                let cost = io(self.state, task) * self.hops[agent][unit] + copied;
                *pairs.entry((cost, unit)).or_insert(0) += count.min(most);
            }
        }
        let mut room: BTreeMap<usize, i128> = self.on_units[&task].iter().copied().collect();
        let mut left = self.least(task, earlier);
        let mut sum = 0;
        for ((cost, unit), count) in pairs {
            let room = room.entry(unit).or_insert(0);
            let here = count.min(*room).min(left);
            *room -= here;
            left -= here;
            sum += cost * here;
        }
        sum
    }

    /// What stays, and each replica that must be placed, on the unit that it fills least.
    fn least_utilization(&self, earlier: &[(Measure, &StageResult)]) -> f64 {
        let state = self.state;
        let mut least = utilization(state, self.framework, &state.kept_on_units);
        let mut own = state.kept_on_units.clone();
        own.retain(|(task, ..), _| self.tasks.contains(task));
        let kept = units::load(state, &own);
        for &task in &self.tasks {
            let Some(shard) = &state.cluster.tasks[task].shard else {
                continue;
            };
            if self.least(task, earlier) == 0 || self.on_agents[&task].is_empty() {
                continue;
            }
            let mut best = f64::INFINITY;
            for &(unit, _) in &self.on_units[&task] {
                let mut most = 0.0_f64;
                for at in [1, 2] {
                    let amount = state.cluster.units[unit].amounts[at];
                    if amount > 0 {
                        let used = kept[unit][at] + i128::from(shard.need[at]);
                        most = most.max(1000.0 * used as f64 / amount as f64);
                    }
                }
                best = best.min(most);
            }
            if best.is_finite() {
                least = least.max(best);
            }
        }
        least
    }

    /// The bound by prices; absent where they name something unknown or are negative, which is reported.
    pub(super) fn multipliers(
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

    fn prices(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<Prices> {
        let names = &self.state.names;
        let mut prices = Prices::default();
        let subject = &self.state.cluster.frameworks[self.framework].id;
        for it in multipliers {
            findings.check(Rule::Bound, it.price >= 0.0, || {
                let text = format!("a price of {} is negative", it.resource);
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 || !it.price.is_finite() {
                return None;
            }
            if let Some(name) = it.resource.strip_prefix("kept:") {
                let stage = earlier.iter().position(|(_, stage)| stage.name == name);
                findings.check(Rule::Bound, stage.is_some(), || {
                    let text = "a price is of a stage that is not an earlier one".to_owned();
                    (
                        subject.clone(),
                        "an earlier stage".to_owned(),
                        name.to_owned(),
                        text,
                    )
                });
                *prices.kept.entry(stage?).or_insert(0.0) += it.price;
                continue;
            }
            let peak = it.resource.strip_prefix("peak:");
            for unit in &it.units {
                let found = names.units.get(unit.as_str()).copied();
                let unit = super::state::known(found, "unit", unit, "multipliers", findings)?;
                let name = peak.unwrap_or(&it.resource);
                let at = ["capacity_mib", "iops", "mib_s"]
                    .iter()
                    .position(|it| *it == name);
                let at =
                    super::state::known(at, "resource of units", name, "multipliers", findings)?;
                let of = if peak.is_some() {
                    &mut prices.peak
                } else {
                    &mut prices.units
                };
                *of.entry((unit, at)).or_insert(0.0) += it.price;
            }
            for agent in &it.agents {
                let agent = known_agent(names, agent, "multipliers", findings)?;
                let resource = known_resource(names, &it.resource, "multipliers", findings)?;
                *prices.agents.entry((agent, resource)).or_insert(0.0) += it.price;
            }
        }
        let weights: f64 = prices.peak.values().sum();
        findings.check(Rule::Bound, weights <= 1.0 + 1e-9, || {
            let text = "the weights of units in the fullest one sum to more than 1".to_owned();
            (subject.clone(), 1.0, weights, text)
        });
        (weights <= 1.0 + 1e-9).then_some(prices)
    }
}

/// Published prices.
#[derive(Default)]
struct Prices {
    agents: BTreeMap<(usize, usize), f64>,
    units: BTreeMap<(usize, usize), f64>,
    peak: BTreeMap<(usize, usize), f64>,
    /// By position among the earlier stages.
    kept: BTreeMap<usize, f64>,
}

impl Prices {
    fn of_agent(&self, agent: usize, demand: &[i64]) -> f64 {
        let mut sum = 0.0;
        for (resource, &need) in demand.iter().enumerate() {
            sum += self.agents.get(&(agent, resource)).copied().unwrap_or(0.0) * need as f64;
        }
        sum
    }
}

/// A rule that keeps replicas apart.
struct Apart {
    by_unit: bool,
    level: usize,
    max: i128,
    base: BTreeMap<usize, i128>,
}

impl Apart {
    fn room(&self, domain: usize) -> i128 {
        (self.max - self.base.get(&domain).copied().unwrap_or(0)).max(0)
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
