//! What a framework could reach within its offers: bounds by counting, and by prices.
//!
//! Kept instances `K[t,a]` stay; `P_t = wanted - K_t` are pending; `O_a` is the offer on agent `a`;
//! `copies[t,a]` is how many pending instances `O_a` holds where the task may go.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::plan::{Multiplier, PartWeight};

use super::domains::CountedLimit;
use super::report::Findings;
use super::rule::Rule;
use super::stages::{
    Measure, job_by_domain, job_size, level_weight, placed_value, span_levels, thousandths,
};
use super::state::{State, known_agent, known_resource, total};

/// Copies of one task by agent.
type Copies = Vec<(usize, i128)>;

/// One framework's tasks with the most that each could place alone.
pub(super) struct Reach<'a> {
    state: &'a State<'a>,
    framework: usize,
    tasks: Vec<usize>,
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
        for task in reach.tasks.clone() {
            let copies = reach.copies(task);
            let speeds = copies.iter().map(|&(agent, _)| state.speed(task, agent));
            let worth = state.value(task) * speeds.max().unwrap_or(0);
            reach.most.insert(task, reach.most_alone(task, &copies));
            reach.best_worth.insert(task, worth);
        }
        let placed = placed_value(state, framework, None, &state.placed);
        reach.lost = (reach.value_in_reach(None) - placed).max(0);
        reach.lost_worth = reach.worth_not_placed();
        reach
    }

    fn without_bounds(state: &'a State<'a>, framework: usize) -> Self {
        let tasks = state.tasks_of(framework);
        let kept = tasks.iter().map(|&task| (task, total(&state.kept[task])));
        Self {
            state,
            framework,
            kept: kept.collect(),
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
    fn copies(&self, task: usize) -> Copies {
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

    /// The bound by counting.
    pub(super) fn combinatorial(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Placed(priority) => thousandths(self.worth_in_reach(priority)),
            Measure::MinAvailable => self.least_shortfall() as f64,
            Measure::Spread => self.least_worst_shares(),
            Measure::AgentsUsed => self.least_opened() as f64,
            Measure::Span => self.fewest_domains() as f64,
            Measure::Claimed | Measure::Distance | Measure::Utilization => 0.0,
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
            let copies = self.copies(task).into_iter();
            let mut speeds: Vec<(i128, i128)> = copies
                .map(|(agent, count)| (self.state.speed(task, agent), count))
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
                let copies = self.job_copies(job.at());
                sum += fewest(&self.job_room_on_agents(job.at(), &copies), placed);
                for level in span_levels(self.state) {
                    sum += fewest(&self.job_room(job.at(), level, &copies), placed);
                }
            }
        }
        sum
    }

    /// As [`Self::job_room`], agent by agent.
    fn job_room_on_agents(&self, job: usize, copies: &[(usize, Copies)]) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for task in self.job_tasks(job) {
            for (&agent, &count) in &self.state.kept[task] {
                rooms.entry(agent).or_default().0 += count;
            }
        }
        for (task, copies) in copies {
            for &(agent, count) in copies {
                let mut fit = count.min(self.most[task]);
                for limit in self.limits(*task) {
                    let level = limit.rule.level.at();
                    let domain = self.state.cluster.agents[agent].domains[level].at();
                    fit = fit.min(limit.room(domain));
                }
                rooms.entry(agent).or_default().1 += fit;
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

    /// `copies` of each of a job's tasks.
    fn job_copies(&self, job: usize) -> Vec<(usize, Copies)> {
        let tasks = self.job_tasks(job).into_iter();
        tasks.map(|task| (task, self.copies(task))).collect()
    }

    /// Per domain what stays of a job, and how much more the domain could take.
    fn job_room(&self, job: usize, level: usize, copies: &[(usize, Copies)]) -> Vec<(i128, i128)> {
        let mut rooms: BTreeMap<usize, (i128, i128)> = BTreeMap::new();
        for (domain, have) in job_by_domain(self.state, job, level, &self.state.kept) {
            rooms.entry(domain).or_default().0 = have;
        }
        for (task, copies) in copies {
            let mut fits = self.sum_by_domain(copies, level);
            for limit in self.limits(*task) {
                let within = self.within_limit(copies, level, limit);
                for (domain, fit) in &mut fits {
                    *fit = (*fit).min(within[domain]);
                }
            }
            for (domain, fit) in fits {
                rooms.entry(domain).or_default().1 += fit.min(self.most[task]);
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
            let copies = self.job_copies(job.at());
            for (level, it) in self.state.cluster.levels.iter().enumerate() {
                if it.declared {
                    let worst = waterfill(&self.job_room(job.at(), level, &copies), placed);
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
                let copies = self.job_copies(job.at());
                let rooms = self.job_room(job.at(), rule.level.at(), &copies);
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
        for &task in &self.tasks {
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

    /// `sum v K + sum_t B_t max(0, max_a (v_t - pi_a d_t)) + sum_a pi_a O_a`, where parts of devices weigh what the
    /// prices say; absent where the prices name something unknown or are negative, which is reported.
    pub(super) fn multipliers(
        &self,
        priority: Option<i64>,
        prices: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let prices = self.prices(prices, findings)?;
        let of_agent = |agent: usize| prices.get(&agent).into_iter().flatten();
        let mut sum = 0.0;
        for &task in self
            .tasks
            .iter()
            .filter(|&&task| self.has_priority(task, priority))
        {
            for (&agent, &count) in &self.state.kept[task] {
                sum += thousandths(self.state.value(task) * self.state.speed(task, agent) * count);
            }
            let mut best = 0.0_f64;
            for (agent, _) in self.copies(task) {
                let value = thousandths(self.state.value(task) * self.state.speed(task, agent));
                let paid = of_agent(agent).map(|price| price.price * self.needed(task, price));
                best = best.max(value - paid.sum::<f64>());
            }
            sum += self.most[&task] as f64 * best;
        }
        for (&agent, offer) in &self.state.offers[self.framework] {
            for price in of_agent(agent) {
                sum += price.price * self.offered(agent, offer, price);
            }
        }
        Some(sum)
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
    fn offered(&self, agent: usize, offer: &[i128], price: &Price<'_>) -> f64 {
        let Some(parts) = &price.parts else {
            return offer[price.resource] as f64;
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
