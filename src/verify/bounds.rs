//! What a framework could reach within its offers: bounds by counting, and by prices.
//!
//! Kept instances `K[t,a]` stay; `P_t = wanted - K_t` are pending; `O_a` is the offer on agent `a`;
//! `copies[t,a]` is how many pending instances `O_a` holds where the task may go.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::plan::{Multiplier, PartWeight, StageResult};

use super::ahead::Ahead;
use super::domains::CountedLimit;
use super::mapreduce::{Hadoop, mib};
use super::report::Findings;
use super::rule::Rule;
use super::stages::{
    Measure, Timed, job_by_domain, job_size, level_weight, placed_value, span_levels, thousandths,
};
use super::state::{State, known_agent, known_resource, total};
use super::units_bounds::DataReach;
use super::workflow::Flows;

/// Copies of one task by agent.
type Copies = Vec<(usize, i128)>;

/// One framework's tasks with the most that each could place alone.
pub(super) struct Reach<'a> {
    state: &'a State<'a>,
    framework: usize,
    tasks: Vec<usize>,
    /// Tasks of one shape ask the same questions: each is answered once.
    shapes: BTreeMap<usize, usize>,
    /// `copies[t,a]` by shape, once somebody asked.
    copies: Vec<OnceCell<Copies>>,
    /// `K_t`.
    kept: BTreeMap<usize, i128>,
    /// `B_t`: the most of the pending instances that the task could place if it were alone.
    most: BTreeMap<usize, i128>,
    /// What one more instance is worth on the fastest agent that it could be placed on, in thousandths; 0 for none.
    best_worth: BTreeMap<usize, i128>,
    /// `U - V`: value in reach that the plan does not place.
    lost: i128,
    /// The same times speed in thousandths, every instance in reach at the best speed of its task.
    lost_worth: i128,
}

impl<'a> Reach<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let mut reach = Self::without_bounds(state, framework);
        let mut known: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for task in reach.tasks.clone() {
            let (most, worth) = *known.entry(reach.shapes[&task]).or_insert_with(|| {
                let copies = reach.copies(task);
                let speeds = copies.iter().map(|&(agent, _)| state.speed(task, agent));
                let worth = state.value(task) * speeds.max().unwrap_or(0);
                (reach.most_alone(task, copies), worth)
            });
            reach.most.insert(task, most);
            reach.best_worth.insert(task, worth);
        }
        if state.cluster.frameworks[framework].policy == "storage" {
            // Replicas need a unit, too.
            let data = DataReach::of(state, framework);
            for (&task, most) in &mut reach.most {
                *most = data.most(task).min(*most);
            }
        }
        let placed = placed_value(state, framework, None, &state.placed);
        reach.lost = (reach.value_in_reach(None) - placed).max(0);
        reach.lost_worth = reach.worth_not_placed();
        reach
    }

    fn without_bounds(state: &'a State<'a>, framework: usize) -> Self {
        let tasks = state.tasks_of(framework);
        let kept: BTreeMap<usize, i128> = (tasks.iter())
            .map(|&task| (task, total(&state.kept[task])))
            .collect();
        let mut known = BTreeMap::new();
        let mut shapes = BTreeMap::new();
        for &task in &tasks {
            let it = &state.cluster.tasks[task];
            let rules = (
                &it.attributes,
                &it.agents,
                &it.tolerates,
                &state.limits_on[task],
            );
            // Where what asks for nothing may be depends on where it is.
            let alone = it.demand.0.iter().all(|&need| need <= 0).then_some(task);
            let wants = (
                &it.demand,
                &it.devices,
                it.value,
                state.wanted(task) - kept[&task],
                alone,
            );
            let n_known = known.len();
            shapes.insert(task, *known.entry((rules, wants)).or_insert(n_known));
        }
        let mut copies = Vec::new();
        copies.resize_with(known.len(), OnceCell::new);
        Self {
            state,
            framework,
            shapes,
            copies,
            kept,
            most: BTreeMap::new(),
            best_worth: BTreeMap::new(),
            lost: 0,
            lost_worth: 0,
            tasks,
        }
    }

    /// `sum_t v_t (K_t + min(P_t, sum_a copies))`: one task at a time, limits aside.
    pub(super) fn offered_value(state: &'a State<'a>, framework: usize) -> i128 {
        let reach = Self::without_bounds(state, framework);
        let values = reach.tasks.iter().map(|&task| {
            let copies: i128 = reach.copies(task).iter().map(|(_, count)| count).sum();
            state.value(task) * (reach.kept[&task] + copies.min(reach.pending(task)))
        });
        values.sum()
    }

    /// `P_t`.
    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - self.kept[&task]).max(0)
    }

    /// `copies[t,a]` where that is positive, at most `P_t` each.
    fn copies(&self, task: usize) -> &Copies {
        self.copies[self.shapes[&task]].get_or_init(|| self.count_copies(task))
    }

    fn count_copies(&self, task: usize) -> Copies {
        let pending = self.pending(task);
        let demand = self.state.demand(task);
        let offers = &self.state.offers[self.framework];
        let mut copies = Vec::new();
        for (&agent, offer) in offers {
            let mut count = pending;
            for (&need, &have) in demand.iter().zip(offer).filter(|(need, _)| **need > 0) {
                count = count.min(have / i128::from(need));
            }
            count = count.min(self.device_copies(task, agent));
            if count > 0 && self.state.open(task, agent) {
                copies.push((agent, count));
            }
        }
        // What asks for nothing needs no offer where it is.
        if demand.iter().all(|&need| need <= 0) && pending > 0 {
            let placed = self.state.arriving[task].keys().copied();
            let beyond = placed
                .filter(|&agent| !offers.contains_key(&agent) && self.state.open(task, agent));
            copies.extend(beyond.map(|agent| (agent, pending)));
        }
        copies
    }

    /// Where one pending instance fits into what is offered there.
    pub(super) fn agents(&self, task: usize) -> Vec<usize> {
        let copies = self.copies(task).iter();
        copies.map(|&(agent, _)| agent).collect()
    }

    /// The most pending instances that hold the devices that they need on those that are offered there: `n` do if
    /// the devices, each counted at most `n` times, have `n x count` places.
    fn device_copies(&self, task: usize, agent: usize) -> i128 {
        let offered = self.state.offered_devices[self.framework].get(&agent);
        let mut most = self.pending(task);
        for need in &self.state.cluster.tasks[task].devices {
            let of_kind = |kind: usize| kind == need.kind.at();
            let devices = offered.into_iter().flatten();
            let places: Vec<i128> = devices
                .filter(|((kind, _), _)| of_kind(*kind))
                .map(|(_, milli)| milli / i128::from(need.milli.max(1)))
                .collect();
            let holds = |n: i128| {
                let usable: i128 = places.iter().map(|&places| places.min(n)).sum();
                usable >= n * i128::from(need.count)
            };
            while most > 0 && !holds(most) {
                most = (most - 1).min(places.iter().sum());
            }
        }
        most
    }

    /// `B_t = min(P_t, sum_a copies, and per limit sum_g min(max(0, max - base_g), copies in g))`.
    fn most_alone(&self, task: usize, copies: &[(usize, i128)]) -> i128 {
        let sum: i128 = copies.iter().map(|&(_, count)| count).sum();
        let mut most = self.pending(task).min(sum);
        for limit in self.limits(task) {
            let by_domain = self.sum_by_domain(copies, limit.rule.level.at());
            let within = by_domain
                .iter()
                .map(|(&domain, &sum)| sum.min(limit.room(domain)));
            most = most.min(within.sum());
        }
        most
    }

    /// The limits that count a task.
    fn limits(&self, task: usize) -> impl Iterator<Item = &CountedLimit<'a>> {
        let limits = self.state.limits_on[task].iter();
        limits.map(|&limit| &self.state.limits[limit])
    }

    fn sum_by_domain(&self, copies: &[(usize, i128)], level: usize) -> BTreeMap<usize, i128> {
        let mut sums = BTreeMap::new();
        for &(agent, count) in copies {
            let domain = self.state.cluster.agents[agent].domains[level].at();
            *sums.entry(domain).or_default() += count;
        }
        sums
    }

    pub(super) fn ahead(&self) -> Ahead<'a> {
        Ahead::of(self.state, self.framework)
    }

    /// The bound by counting.
    pub(super) fn combinatorial(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Placed(priority) => {
                let by_edges = Flows::of(self.state, self.framework).value_in_reach(self);
                let all = self.value_in_reach(priority);
                by_edges.map_or(all, |it| it.min(all)) as f64
            }
            Measure::Throughput(priority) => thousandths(self.worth_in_reach(priority)),
            Measure::MinAvailable => self.least_shortfall() as f64,
            Measure::Spread => self.least_worst_shares(),
            Measure::AgentsUsed => self.least_opened() as f64,
            Measure::Span => self.fewest_domains() as f64,
            Measure::Network => self.least_network_alone(),
            Measure::Ahead(Timed::Placed) => self.ahead().value_in_reach(),
            Measure::Ahead(Timed::Makespan) => self.ahead().least_makespan(),
            Measure::Ahead(Timed::Network) => self.ahead().least_network(),
            Measure::Ahead(Timed::Shuffle) => self.ahead().least_shuffled(),
            Measure::Ahead(Timed::Completion) => self.ahead().least_completion(),
            Measure::Traffic { .. } | Measure::Makespan { .. } | Measure::Completion => {
                Flows::of(self.state, self.framework).least(self, measure)
            }
            Measure::Shuffle | Measure::Distance | Measure::Utilization | Measure::Claimed => 0.0,
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

    /// `sum_t v_t` times what stays at its speed and `B_t` instances where they are fastest, in thousandths.
    fn worth_in_reach(&self, priority: Option<i64>) -> i128 {
        let mut sum = 0;
        for &task in self
            .tasks
            .iter()
            .filter(|&&it| self.has_priority(it, priority))
        {
            let value = self.state.value(task);
            for (&agent, &count) in &self.state.kept[task] {
                sum += value * self.state.speed(task, agent) * count;
            }
            let copies = self.copies(task).iter();
            let mut speeds: Vec<(i128, i128)> = copies
                .map(|&(agent, count)| (self.state.speed(task, agent), count))
                .collect();
            speeds.sort_unstable();
            let mut left = self.most[&task];
            for (speed, count) in speeds.into_iter().rev() {
                sum += value * speed * count.min(left);
                left -= count.min(left);
            }
        }
        sum
    }

    fn worth_not_placed(&self) -> i128 {
        let mut lost = 0;
        for &task in &self.tasks {
            lost += self.best_worth[&task] * self.most[&task];
            for (&agent, &count) in &self.state.arriving[task] {
                lost -= self.state.value(task) * self.state.speed(task, agent) * count;
            }
        }
        lost.max(0)
    }

    /// Over jobs of several instances, and agents and levels: the fewest domains with room for what is certainly
    /// placed of the job, those that hold some already, then those with most room.
    fn fewest_domains(&self) -> usize {
        let mut sum = 0;
        for job in &self.state.cluster.frameworks[self.framework].jobs {
            if job_size(self.state, job.at()) > 1 {
                let placed = self.certainly_placed(job.at());
                sum += fewest(&self.job_room_on_agents(job.at()), placed);
                for level in span_levels(self.state) {
                    sum += fewest(&self.job_room(job.at(), level), placed);
                }
            }
        }
        sum
    }

    /// As [`Self::job_room`], agent by agent.
    fn job_room_on_agents(&self, job: usize) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for task in self.job_tasks(job) {
            for (&agent, &count) in &self.state.kept[task] {
                rooms.entry(agent).or_default().0 += count;
            }
        }
        for (task, alike) in self.job_shapes(job) {
            for &(agent, count) in self.copies(task) {
                let mut fit = count.min(self.most[&task]);
                for limit in self.limits(task) {
                    let level = limit.rule.level.at();
                    let domain = self.state.cluster.agents[agent].domains[level].at();
                    fit = fit.min(limit.room(domain));
                }
                rooms.entry(agent).or_default().1 += fit * alike;
            }
        }
        rooms.into_values().collect()
    }

    fn has_priority(&self, task: usize, priority: Option<i64>) -> bool {
        let job = self.state.cluster.tasks[task].job.at();
        priority.is_none_or(|it| it == self.state.cluster.jobs[job].priority)
    }

    fn job_tasks(&self, job: usize) -> Vec<usize> {
        let tasks = self.state.cluster.jobs[job].tasks.iter();
        tasks.map(|task| task.at()).collect()
    }

    /// A task of each shape in a job, and how many tasks have it.
    fn job_shapes(&self, job: usize) -> Vec<(usize, i128)> {
        let mut shapes: BTreeMap<usize, (usize, i128)> = BTreeMap::new();
        for task in self.job_tasks(job) {
            shapes.entry(self.shapes[&task]).or_insert((task, 0)).1 += 1;
        }
        shapes.into_values().collect()
    }

    /// Per domain what stays of a job, and how much more the domain could take.
    fn job_room(&self, job: usize, level: usize) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for (domain, have) in job_by_domain(self.state, job, level, &self.state.kept) {
            rooms.entry(domain).or_default().0 = have;
        }
        for (task, alike) in self.job_shapes(job) {
            let copies = self.copies(task);
            let mut fits = self.sum_by_domain(copies, level);
            for limit in self.limits(task) {
                let within = self.within_limit(copies, level, limit);
                for (domain, fit) in &mut fits {
                    *fit = (*fit).min(within[domain]);
                }
            }
            for (domain, fit) in fits {
                rooms.entry(domain).or_default().1 += fit.min(self.most[&task]) * alike;
            }
        }
        rooms.into_values().collect()
    }

    /// `sum_h min(max(0, max - base_h), copies in g and h)` over the limit's domains `h`, by domain `g`.
    fn within_limit(
        &self,
        copies: &[(usize, i128)],
        level: usize,
        limit: &CountedLimit<'_>,
    ) -> BTreeMap<usize, i128> {
        let mut both: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for &(agent, count) in copies {
            let domains = &self.state.cluster.agents[agent].domains;
            let pair = (domains[level].at(), domains[limit.rule.level.at()].at());
            *both.entry(pair).or_default() += count;
        }
        let mut sums = BTreeMap::new();
        for ((domain, of_limit), count) in both {
            *sums.entry(domain).or_default() += count.min(limit.room(of_limit));
        }
        sums
    }

    /// Instances of a job that every plan of at least this plan's value has.
    fn certainly_placed(&self, job: usize) -> i128 {
        let tasks = self.job_tasks(job);
        let kept: i128 = tasks.iter().map(|task| self.kept[task]).sum();
        let most: i128 = tasks.iter().map(|task| self.most[task]).sum();
        let movable = tasks.iter().filter(|task| self.most[task] > 0);
        let cheapest = movable.map(|task| self.best_worth[task].max(1)).min();
        let missing = cheapest.map_or(0, |worth| self.lost_worth / worth);
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

    /// For each resource: agents to open, the largest offers first, for what has to be placed for the plan's
    /// value and does not fit on agents where something stays. The largest of these numbers.
    fn least_opened(&self) -> usize {
        let mut usable: BTreeSet<usize> = BTreeSet::new();
        let one_of_each: BTreeMap<usize, usize> = self
            .shapes
            .iter()
            .map(|(&task, &shape)| (shape, task))
            .collect();
        for task in one_of_each.into_values() {
            usable.extend(self.copies(task).iter().map(|(agent, _)| agent));
        }
        let offers = &self.state.offers[self.framework];
        let n_resources = self.state.cluster.resources.len();
        let of_resource = |resource: usize| {
            let (needed, unit) = self.least_demand(resource);
            let amounts = usable
                .iter()
                .filter_map(|agent| Some((agent, offers.get(agent)?[resource])));
            let (open, closed): (Vec<_>, Vec<_>) =
                amounts.partition(|(agent, _)| self.state.occupied[**agent]);
            let mut held: i128 = open.iter().map(|(_, amount)| amount).sum();
            let mut closed: Vec<i128> = closed.into_iter().map(|(_, amount)| amount).collect();
            closed.sort_unstable();
            let mut opened = 0;
            while held * unit < needed
                && let Some(amount) = closed.pop()
            {
                held += amount;
                opened += 1;
            }
            opened
        };
        (0..n_resources).map(of_resource).max().unwrap_or_default()
    }

    /// The least amount of a resource that instances of the plan's value need, as a fraction: whole and
    /// parts of instances are given up for `U - V`, those that need most for their value first.
    fn least_demand(&self, resource: usize) -> (i128, i128) {
        let mut tasks: Vec<(i128, i128, i128)> = Vec::new();
        for &task in &self.tasks {
            let need = i128::from(self.state.demand(task)[resource]);
            if need > 0 && self.most[&task] > 0 {
                tasks.push((need, self.state.value(task).max(1), self.most[&task]));
            }
        }
        tasks.sort_by(|left, right| (right.0 * left.1).cmp(&(left.0 * right.1)));
        let (mut lost, mut needed, mut unit) = (self.lost, 0, 1);
        for (need, value, most) in tasks {
            if lost >= value * most {
                lost -= value * most;
            } else if lost > 0 {
                // The only task that is given up in part: everything is counted in parts of its value.
                (needed, unit) = (need * (value * most - lost), value);
                lost = 0;
            } else {
                needed += need * most * unit;
            }
        }
        (needed, unit)
    }

    /// `sum v K + sum_t B_t max(0, max_a (v_t + sum_s mu_s v_st - pi_a d_t)) + sum_a pi_a O_a - sum_s mu_s (value of s that arrives)`, each value
    /// times the speed where the measure, or the earlier stage `s`, is a throughput.
    /// Parts of devices weigh what the prices say, and of `O_a` whole multiples of the greatest common divisor of all demands count. Absent
    /// where the prices name something unknown or are negative, which is reported.
    pub(super) fn multipliers(
        &self,
        measure: Measure,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let (priority, at_speed) = match measure {
            Measure::Placed(priority) => (priority, false),
            Measure::Throughput(priority) => (priority, true),
            _ => return None,
        };
        let worth = |task: usize, agent: usize| self.state.worth(task, agent, at_speed);
        let (kept, prices) = self.kept_prices(earlier, multipliers, findings)?;
        let prices = self.prices(&prices, findings)?;
        let of_agent = |agent: usize| prices.get(&agent).into_iter().flatten();
        let mut best_of: BTreeMap<(usize, i64), f64> = BTreeMap::new();
        let mut sum = -self.kept_value(&kept);
        for &task in &self.tasks {
            let counts = self.has_priority(task, priority);
            if counts {
                for (&agent, &count) in &self.state.kept[task] {
                    sum += thousandths(worth(task, agent) * count);
                }
            }
            let of_priority =
                self.state.cluster.jobs[self.state.cluster.tasks[task].job.at()].priority;
            let key = (self.shapes[&task], of_priority);
            let best = *best_of.entry(key).or_insert_with(|| {
                let worths = self.copies(task).iter().map(|&(agent, _)| {
                    let own = if counts { worth(task, agent) } else { 0 };
                    let value = thousandths(own) + self.kept_worth(task, agent, &kept);
                    let paid = of_agent(agent).map(|price| price.price * self.needed(task, price));
                    value - paid.sum::<f64>()
                });
                worths.fold(0.0, f64::max)
            });
            sum += self.most[&task] as f64 * best;
        }
        let divisors = self.divisors();
        for (&agent, offer) in &self.state.offers[self.framework] {
            for price in of_agent(agent) {
                sum += price.price * self.offered(agent, offer, price, &divisors);
            }
        }
        Some(sum)
    }

    /// The prices of what earlier stages about values have reached, and all others. Absent where one is of another stage or negative,
    /// which is reported.
    fn kept_prices(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<(Vec<KeptPrice>, Vec<Multiplier>)> {
        let (of_stages, others): (Vec<&Multiplier>, Vec<&Multiplier>) =
            multipliers.iter().partition(|it| it.agents.is_empty());
        let mut kept = Vec::new();
        for it in of_stages {
            let name = it.resource.strip_prefix("kept:");
            let stage = earlier
                .iter()
                .find(|(_, stage)| name == Some(stage.name.as_str()));
            let of_values = match stage.map(|(measure, _)| *measure) {
                Some(Measure::Placed(priority)) => Some((priority, false)),
                Some(Measure::Throughput(priority)) => Some((priority, true)),
                _ => None,
            };
            let subject = &self.state.cluster.frameworks[self.framework].id;
            findings.check(Rule::Bound, of_values.is_some() && it.price >= 0.0, || {
                let text = format!(
                    "{} is no stage about values before this one, or its price is negative",
                    it.resource
                );
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 || !it.price.is_finite() {
                return None;
            }
            let (priority, at_speed) = of_values?;
            kept.push(KeptPrice {
                priority,
                at_speed,
                price: it.price,
            });
        }
        Some((kept, others.into_iter().cloned().collect()))
    }

    /// What an instance counts in the earlier stages, at their prices.
    fn kept_worth(&self, task: usize, agent: usize, kept: &[KeptPrice]) -> f64 {
        let of_task = kept
            .iter()
            .filter(|it| self.has_priority(task, it.priority));
        let worths =
            of_task.map(|it| it.price * thousandths(self.state.worth(task, agent, it.at_speed)));
        worths.sum()
    }

    /// What arrives in an earlier stage, in thousandths.
    fn arriving_worth(&self, kept: &KeptPrice) -> i128 {
        let tasks = self.tasks.iter();
        let counted = tasks.filter(|&&task| self.has_priority(task, kept.priority));
        let arriving = counted.flat_map(|&task| {
            let arriving = self.state.arriving[task].iter();
            arriving.map(move |(&agent, &count)| (task, agent, count))
        });
        arriving
            .filter(|&(task, agent, _)| self.state.speed(task, agent) > 0)
            .map(|(task, agent, count)| self.state.worth(task, agent, kept.at_speed) * count)
            .sum()
    }

    /// What arrives in the earlier stages, at their prices.
    fn kept_value(&self, kept: &[KeptPrice]) -> f64 {
        let values = kept
            .iter()
            .map(|it| it.price * thousandths(self.arriving_worth(it)));
        values.sum()
    }

    /// Instances of a task that every plan places which is as good in the stages about what is placed.
    fn fewest(&self, task: usize) -> i128 {
        let job = &self.state.cluster.jobs[self.state.cluster.tasks[task].job.at()];
        let stages = self.placing_priorities();
        let of_stage = |priority: Option<i64>| {
            if priority.is_some_and(|it| it != job.priority) {
                return 0;
            }
            let placed = placed_value(self.state, self.framework, priority, &self.state.placed);
            let lost = (self.value_in_reach(priority) - placed).max(0);
            self.most[&task] - (lost / self.state.value(task).max(1)).min(self.most[&task])
        };
        stages.into_iter().map(of_stage).max().unwrap_or(0)
    }

    /// The priorities that have a stage of their own, and all.
    fn placing_priorities(&self) -> Vec<Option<i64>> {
        let jobs = self.state.cluster.frameworks[self.framework].jobs.iter();
        let own: BTreeSet<i64> = jobs
            .map(|job| self.state.cluster.jobs[job.at()].priority)
            .collect();
        let mut all = vec![None];
        if own.len() > 1 {
            all.extend(own.into_iter().map(Some));
        }
        all
    }

    /// What stays, and of each task the instances that are certainly placed where they cost least.
    fn least_network_alone(&self) -> f64 {
        let hadoop = Hadoop::of(self.state, self.framework);
        let mut sum = hadoop.costs(&self.state.kept);
        for &task in &self.tasks {
            let mut costs: Vec<(i128, i128)> = self
                .copies(task)
                .iter()
                .map(|&(agent, count)| (hadoop.cost(task, agent), count))
                .collect();
            costs.sort_unstable();
            let mut left = self.fewest(task);
            for (cost, count) in costs {
                sum += cost * count.min(left);
                left -= count.min(left);
            }
        }
        mib(sum)
    }

    /// `sum c K + sum_t least_t + sum_s mu_s (value of s that arrives) - sum_a pi_a O_a`, where an instance counts
    /// `c + pi_a d - sum_s mu_s v_s` and `least_t` is the least sum over the ways to place the task alone; of an offer only whole
    /// multiples of the greatest common divisor of all demands count.
    pub(super) fn least_network(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let (kept, prices) = self.kept_prices(earlier, multipliers, findings)?;
        let prices = self.prices(&prices, findings)?;
        let hadoop = Hadoop::of(self.state, self.framework);
        let mut sum = mib(hadoop.costs(&self.state.kept)) + self.kept_value(&kept);
        for &task in &self.tasks {
            sum += self.least_of(task, &hadoop, &prices, &kept);
        }
        let divisors = self.divisors();
        for (&agent, offer) in &self.state.offers[self.framework] {
            for price in prices.get(&agent).into_iter().flatten() {
                sum -= price.price * self.offered(agent, offer, price, &divisors);
            }
        }
        Some(sum)
    }

    /// The greatest common divisor of what pending tasks need of each resource, at least 1.
    fn divisors(&self) -> Vec<i128> {
        let mut divisors = vec![0_i128; self.state.cluster.resources.len()];
        for &task in self.tasks.iter().filter(|task| self.pending(**task) > 0) {
            for (divisor, &need) in divisors.iter_mut().zip(self.state.demand(task)) {
                let (mut left, mut right) = (*divisor, i128::from(need));
                while right != 0 {
                    (left, right) = (right, left % right);
                }
                *divisor = left;
            }
        }
        divisors.into_iter().map(|it| it.max(1)).collect()
    }

    /// The least that a task's instances sum up to at these prices, under the one of its limits that gives most.
    fn least_of(
        &self,
        task: usize,
        hadoop: &Hadoop<'_>,
        prices: &BTreeMap<usize, Vec<Rc<Price<'_>>>>,
        kept: &[KeptPrice],
    ) -> f64 {
        let mut bins: Vec<(f64, usize, i128)> = Vec::new();
        for &(agent, count) in self.copies(task) {
            let paid = prices.get(&agent).into_iter().flatten();
            let paid: f64 = paid
                .map(|price| price.price * self.needed(task, price))
                .sum();
            bins.push((
                mib(hadoop.cost(task, agent)) + paid - self.kept_worth(task, agent, kept),
                agent,
                count,
            ));
        }
        bins.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let fewest = self.fewest(task);
        let with = |limit: Option<&CountedLimit<'_>>| {
            let mut used: BTreeMap<usize, i128> = BTreeMap::new();
            let (mut sum, mut placed) = (0.0, 0);
            for &(coefficient, agent, count) in &bins {
                let wanted = if coefficient < 0.0 {
                    self.most[&task]
                } else {
                    fewest
                };
                let mut here = count.min(wanted - placed).max(0);
                if let Some(limit) = limit {
                    let level = limit.rule.level.at();
                    let domain = self.state.cluster.agents[agent].domains[level].at();
                    let used = used.entry(domain).or_default();
                    here = here.min(limit.room(domain) - *used).max(0);
                    *used += here;
                }
                placed += here;
                sum += coefficient * here as f64;
            }
            sum
        };
        let limits = self.limits(task).map(|limit| with(Some(limit)));
        limits.fold(with(None), f64::max)
    }

    /// What an instance needs of what is priced.
    fn needed(&self, task: usize, price: &Price<'_>) -> f64 {
        let Some(parts) = &price.parts else {
            return self.state.demand(task)[price.resource] as f64;
        };
        let needs = &self.state.cluster.tasks[task].devices;
        let of_kind = needs.iter().filter(|need| need.kind.at() == parts.kind);
        of_kind
            .map(|need| i128::from(need.count) * parts.weight(need.milli))
            .sum::<i128>() as f64
    }

    /// What an offer holds of what is priced.
    fn offered(&self, agent: usize, offer: &[i128], price: &Price<'_>, divisors: &[i128]) -> f64 {
        let Some(parts) = &price.parts else {
            let has = offer[price.resource];
            return (has - has % divisors[price.resource]) as f64;
        };
        let devices = self.state.offered_devices[self.framework].get(&agent);
        let of_kind = (devices.into_iter().flatten()).filter(|((kind, _), _)| *kind == parts.kind);
        let held = of_kind.map(|(_, &milli)| parts.most[milli.clamp(0, 1000) as usize]);
        held.sum::<i128>() as f64
    }

    fn prices<'p>(
        &self,
        prices: &'p [Multiplier],
        findings: &mut Findings,
    ) -> Option<BTreeMap<usize, Vec<Rc<Price<'p>>>>> {
        let names = &self.state.names;
        let mut by_agent: BTreeMap<usize, Vec<Rc<Price<'p>>>> = BTreeMap::new();
        for it in prices {
            let resource = known_resource(names, &it.resource, "multipliers", findings)?;
            let subject = &self.state.cluster.frameworks[self.framework].id;
            findings.check(Rule::Bound, it.price >= 0.0, || {
                let text = format!("a price of {} is negative", it.resource);
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 {
                return None;
            }
            let parts = if it.weights.is_empty() {
                None
            } else {
                let parts = self.parts(resource, &it.weights);
                findings.check(Rule::Bound, parts.is_some(), || {
                    let text = format!(
                        "weights of parts of {}: it is no kind of device, or a weight or a size is out of range or there twice",
                        it.resource
                    );
                    (subject.clone(), 0.0, it.weights.len() as f64, text)
                });
                Some(parts?)
            };
            let price = Rc::new(Price {
                resource,
                price: it.price,
                parts,
            });
            for agent in &it.agents {
                let agent = known_agent(names, agent, "multipliers", findings)?;
                by_agent.entry(agent).or_default().push(Rc::clone(&price));
            }
        }
        Some(by_agent)
    }

    /// What the parts of the devices that a resource totals weigh, if that is well stated.
    fn parts<'p>(&self, resource: usize, weights: &'p [PartWeight]) -> Option<Parts<'p>> {
        let cluster = self.state.cluster;
        let total_of = |device: &String| format!("{device}_milli") == cluster.resources[resource];
        let kind = cluster.devices.iter().position(total_of)?;
        let sizes: BTreeSet<i64> = weights.iter().map(|it| it.milli).collect();
        let in_range = |it: &PartWeight| {
            (1..=1000).contains(&it.milli) && (1..=1_000_000_000).contains(&it.weight)
        };
        if sizes.len() < weights.len() || !weights.iter().all(in_range) {
            return None;
        }
        // The most that parts weigh which fit into so many thousandths: the last one is of some size, or there is none.
        let mut most = vec![0_i128; 1001];
        for free in 1..=1000_usize {
            most[free] = most[free - 1];
            for it in weights {
                if it.milli as usize <= free {
                    let with = most[free - it.milli as usize] + i128::from(it.weight);
                    most[free] = most[free].max(with);
                }
            }
        }
        Some(Parts {
            kind,
            weights,
            most,
        })
    }
}

/// A published price of what an earlier stage about values has reached.
struct KeptPrice {
    priority: Option<i64>,
    at_speed: bool,
    price: f64,
}

/// A published price.
struct Price<'p> {
    resource: usize,
    price: f64,
    parts: Option<Parts<'p>>,
}

/// What parts of the devices of a kind weigh.
struct Parts<'p> {
    kind: usize,
    weights: &'p [PartWeight],
    /// The most weight that fits into so many thousandths (shape: 0 to 1000).
    most: Vec<i128>,
}

impl Parts<'_> {
    fn weight(&self, milli: i64) -> i128 {
        let found = self.weights.iter().find(|it| it.milli == milli);
        found.map_or(0, |it| i128::from(it.weight))
    }
}

/// How many domains (what is there, what fits beside it) hold `placed` at least.
fn fewest(rooms: &[(i128, i128)], placed: i128) -> usize {
    let used = || rooms.iter().filter(|(have, _)| *have > 0);
    let mut left = placed - used().map(|(have, fit)| have + fit).sum::<i128>();
    let unused = rooms.iter().filter(|(have, fit)| *have == 0 && *fit > 0);
    let mut fits: Vec<i128> = unused.map(|(_, fit)| *fit).collect();
    fits.sort_unstable();
    let mut sum = used().count();
    while left > 0
        && let Some(fit) = fits.pop()
    {
        left -= fit;
        sum += 1;
    }
    sum
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
