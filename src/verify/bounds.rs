//! What a framework could reach within its offers: bounds by counting, and by prices.
//!
//! Kept instances `K[t,a]` stay; `P_t = wanted - K_t` are pending; `O_a` is the offer on agent `a`;
//! `copies[t,a]` is how many pending instances `O_a` holds where the task may go.

use std::collections::BTreeMap;

use apportion_cluster::LimitRule;
use apportion_cluster::plan::Multiplier;

use super::domains::{by_domain, counted};
use super::report::Findings;
use super::rule::Rule;
use super::stages::{Measure, job_by_domain, job_size, level_weight, placed_value};
use super::state::{State, known_agent, known_resource, total};

/// One framework's tasks with the most that each could place alone.
pub(super) struct Reach<'a> {
    state: &'a State<'a>,
    framework: usize,
    tasks: Vec<usize>,
    /// `K_t`.
    kept: BTreeMap<usize, i128>,
    /// `B_t`: the most of the pending instances that the task could place if it were alone.
    most: BTreeMap<usize, i128>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let tasks = state.tasks_of(framework);
        let kept = tasks.iter().map(|&task| (task, total(&state.kept[task])));
        let mut reach = Self {
            state,
            framework,
            kept: kept.collect(),
            most: BTreeMap::new(),
            tasks: tasks.clone(),
        };
        for task in tasks {
            let most = reach.most_alone(task);
            reach.most.insert(task, most);
        }
        reach
    }

    /// `P_t`.
    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - self.kept[&task]).max(0)
    }

    /// `copies[t,a]` where that is positive, at most `P_t` each.
    fn copies(&self, task: usize) -> Vec<(usize, i128)> {
        let pending = self.pending(task);
        let demand = self.state.demand(task);
        let asks = demand.iter().any(|&need| need > 0);
        let mut copies = Vec::new();
        for agent in 0..self.state.cluster.agents.len() {
            if !self.state.open(task, agent) {
                continue;
            }
            let mut count = pending;
            if asks {
                let Some(offer) = self.state.offers[self.framework].get(&agent) else {
                    continue;
                };
                for (&need, &have) in demand.iter().zip(offer).filter(|(need, _)| **need > 0) {
                    count = count.min(have / i128::from(need));
                }
            }
            if count > 0 {
                copies.push((agent, count));
            }
        }
        copies
    }

    /// `B_t = min(P_t, sum_a copies, and per limit sum_g min(max(0, max - base_g), copies in g))`.
    fn most_alone(&self, task: usize) -> i128 {
        let copies = self.copies(task);
        let sum: i128 = copies.iter().map(|&(_, count)| count).sum();
        let mut most = self.pending(task).min(sum);
        for rule in &self.state.cluster.tasks[task].limits {
            let room = self.room(task, rule);
            let by_domain = self.sum_by_domain(&copies, rule.level.at());
            let within = by_domain
                .iter()
                .map(|(domain, &sum)| sum.min(room(*domain)));
            most = most.min(within.sum());
        }
        most
    }

    /// `max(0, max - base_g)` of a limit, by domain.
    fn room(&self, task: usize, rule: &LimitRule) -> impl Fn(usize) -> i128 + use<> {
        let cluster = self.state.cluster;
        let tasks = counted(cluster, task, rule.group);
        let base = by_domain(cluster, &self.state.kept, &tasks, rule.level.at());
        let max = i128::from(rule.max);
        move |domain| (max - base.get(&domain).copied().unwrap_or_default()).max(0)
    }

    fn sum_by_domain(&self, copies: &[(usize, i128)], level: usize) -> BTreeMap<usize, i128> {
        let mut sums = BTreeMap::new();
        for &(agent, count) in copies {
            let domain = self.state.cluster.agents[agent].domains[level].at();
            *sums.entry(domain).or_default() += count;
        }
        sums
    }

    /// The bound by counting.
    pub(super) fn combinatorial(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Placed(priority) => self.value_in_reach(priority) as f64,
            Measure::MinAvailable => self.least_shortfall() as f64,
            Measure::Spread => self.least_worst_shares(),
            Measure::AgentsUsed => 0.0,
        }
    }

    /// `sum_t v_t (K_t + B_t)`.
    fn value_in_reach(&self, priority: Option<i64>) -> i128 {
        let tasks = self
            .tasks
            .iter()
            .filter(|&&task| self.has_priority(task, priority));
        let values =
            tasks.map(|task| self.state.value(*task) * (self.kept[task] + self.most[task]));
        values.sum()
    }

    /// `sum_t v_t (K_t + min(P_t, sum_a copies))`: one task at a time, limits aside.
    pub(super) fn offered_value(&self) -> i128 {
        let values = self.tasks.iter().map(|&task| {
            let copies: i128 = self.copies(task).iter().map(|(_, count)| count).sum();
            self.state.value(task) * (self.kept[&task] + copies.min(self.pending(task)))
        });
        values.sum()
    }

    fn has_priority(&self, task: usize, priority: Option<i64>) -> bool {
        let job = self.state.cluster.tasks[task].job.at();
        priority.is_none_or(|it| it == self.state.cluster.jobs[job].priority)
    }

    fn job_tasks(&self, job: usize) -> Vec<usize> {
        let tasks = self.state.cluster.jobs[job].tasks.iter();
        tasks.map(|task| task.at()).collect()
    }

    /// Per domain what stays of a job, and how much more the domain could take.
    fn job_room(&self, job: usize, level: usize) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for (domain, have) in job_by_domain(self.state, job, level, &self.state.kept) {
            rooms.entry(domain).or_default().0 = have;
        }
        for task in self.job_tasks(job) {
            let limits = self.state.cluster.tasks[task].limits.iter();
            let limits = limits.filter(|rule| rule.level.at() == level);
            let limits: Vec<_> = limits.map(|rule| self.room(task, rule)).collect();
            for (domain, sum) in self.sum_by_domain(&self.copies(task), level) {
                let most = limits.iter().map(|room| room(domain)).min();
                let fit = sum.min(self.most[&task]).min(most.unwrap_or(sum));
                rooms.entry(domain).or_default().1 += fit;
            }
        }
        rooms.into_values().collect()
    }

    /// Instances of a job that every plan of at least this plan's value has.
    fn certainly_placed(&self, job: usize) -> i128 {
        let tasks = self.job_tasks(job);
        let kept: i128 = tasks.iter().map(|task| self.kept[task]).sum();
        let most: i128 = tasks.iter().map(|task| self.most[task]).sum();
        let lost = self.value_in_reach(None)
            - placed_value(self.state, self.framework, None, &self.state.placed);
        let movable = tasks.iter().filter(|task| self.most[task] > 0);
        let cheapest = movable.map(|&task| self.state.value(task).max(1)).min();
        let missing = cheapest.map_or(0, |value| lost.max(0) / value);
        kept.max(kept + most - missing)
    }

    /// `sum_j sum_L w_L waterfill(j, L, q_j) / n_j`.
    fn least_worst_shares(&self) -> f64 {
        let mut sum = 0.0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            let placed = self.certainly_placed(job.at());
            for (level, it) in self.state.cluster.levels.iter().enumerate() {
                if it.declared {
                    let worst = waterfill(&self.job_room(job.at(), level), placed);
                    let weight = level_weight(self.state, self.framework, level);
                    sum += weight * worst as f64 / job_size(self.state, job.at()) as f64;
                }
            }
        }
        sum
    }

    /// `sum_j max(0, m_j - (T_j - waterfill(j, L_j, T_j)))`.
    fn least_shortfall(&self) -> i128 {
        let mut sum = 0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            let it = &self.state.cluster.jobs[job.at()];
            if let Some(rule) = it.min_available {
                let tasks = self.job_tasks(job.at());
                let most: i128 = tasks.iter().map(|t| self.kept[t] + self.most[t]).sum();
                let rooms = self.job_room(job.at(), rule.level.at());
                let most = most.min(rooms.iter().map(|(have, fit)| have + fit).sum());
                let survivors = most - waterfill(&rooms, most);
                sum += (i128::from(rule.instances) - survivors).max(0);
            }
        }
        sum
    }

    /// `sum v K + sum_t B_t max(0, max_a (v_t - pi_a d_t)) + sum_a pi_a O_a`; absent where the prices
    /// name something unknown or are negative, which is reported.
    pub(super) fn multipliers(
        &self,
        priority: Option<i64>,
        prices: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let prices = self.prices(prices, findings)?;
        let priced = |agent: usize, amounts: &mut dyn Iterator<Item = f64>| -> f64 {
            let prices = prices.get(&agent).map_or(&[][..], Vec::as_slice);
            prices
                .iter()
                .zip(amounts)
                .map(|(price, amount)| price * amount)
                .sum()
        };
        let mut sum = 0.0;
        for &task in self
            .tasks
            .iter()
            .filter(|&&task| self.has_priority(task, priority))
        {
            let value = self.state.value(task) as f64;
            sum += value * self.kept[&task] as f64;
            let mut best = 0.0_f64;
            for (agent, _) in self.copies(task) {
                let mut demand = self.state.demand(task).iter().map(|&need| need as f64);
                best = best.max(value - priced(agent, &mut demand));
            }
            sum += self.most[&task] as f64 * best;
        }
        for (&agent, offer) in &self.state.offers[self.framework] {
            sum += priced(agent, &mut offer.iter().map(|&amount| amount as f64));
        }
        Some(sum)
    }

    fn prices(
        &self,
        prices: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<BTreeMap<usize, Vec<f64>>> {
        let names = &self.state.names;
        let mut by_agent: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for it in prices {
            let resource = known_resource(names, &it.resource, "multipliers", findings)?;
            findings.check(Rule::Bound, it.price >= 0.0, || {
                let subject = &self.state.cluster.frameworks[self.framework].id;
                let text = format!("a price of {} is negative", it.resource);
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 {
                return None;
            }
            for agent in &it.agents {
                let agent = known_agent(names, agent, "multipliers", findings)?;
                let none = || vec![0.0; self.state.cluster.resources.len()];
                by_agent.entry(agent).or_insert_with(none)[resource] += it.price;
            }
        }
        Some(by_agent)
    }
}

/// The least worst count `s >= max have` with `sum_g min(s, have_g + fit_g) >= placed`; `placed` is cut to
/// what the domains hold together.
fn waterfill(rooms: &[(i128, i128)], placed: i128) -> i128 {
    let holds: i128 = rooms.iter().map(|(have, fit)| have + fit).sum();
    let placed = placed.min(holds);
    let mut least = rooms
        .iter()
        .map(|(have, _)| *have)
        .max()
        .unwrap_or_default();
    let mut enough = rooms
        .iter()
        .map(|(have, fit)| have + fit)
        .max()
        .unwrap_or_default();
    while least < enough {
        let middle = least + (enough - least) / 2;
        let level: i128 = rooms.iter().map(|(have, fit)| middle.min(have + fit)).sum();
        if level >= placed {
            enough = middle;
        } else {
            least = middle + 1;
        }
    }
    least
}
