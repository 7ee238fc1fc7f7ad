//! A `mapreduce` framework that plans ahead: when its instances end, what they cost, and what no plan is better than.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::plan::Multiplier;
use apportion_cluster::{Phase, Shuffle};

use super::mapreduce::{Hadoop, mib};
use super::report::Findings;
use super::rule::Rule;
use super::stages::thousandths;
use super::state::{Counts, State, TimedCount, total};

/// What the resources of prices of places are called: of a place once, and of a millisecond of a place until a moment.
const PLACES: &str = "places";
const PLACE_MS: &str = "place_ms:";

/// Whether the tasks of a framework may follow one another.
pub(super) fn plans_ahead(state: &State<'_>, framework: usize) -> bool {
    let cluster = state.cluster;
    let stated = cluster.frameworks[framework].parameters.get("plan_ahead");
    if stated == Some(&serde_json::Value::Bool(false)) {
        return false;
    }
    for job in &cluster.frameworks[framework].jobs {
        let job = &cluster.jobs[job.at()];
        if job.gang_min.is_some() || job.min_available.is_some() {
            return false;
        }
        for task in &job.tasks {
            let task = &cluster.tasks[task.at()];
            let work_ms = match &task.phase {
                Some(Phase::Map(work)) => work.work_ms,
                Some(Phase::Reduce(work)) => work.work_ms,
                None => 0,
            };
            let ruled = !task.limits.is_empty() || task.spreads.iter().any(|it| it.hard);
            if work_ms <= 0 || ruled || !task.devices.is_empty() {
                return false;
            }
        }
    }
    true
}

/// What can be said of a framework that plans ahead.
pub(super) struct Ahead<'a> {
    state: &'a State<'a>,
    framework: usize,
    hadoop: Hadoop<'a>,
    tasks: Vec<usize>,
    /// By task, whether it is the framework's.
    own: Vec<bool>,
    /// By task, agents whose offer holds an instance that may go there; tasks of one shape share a list.
    fits: BTreeMap<usize, Rc<Vec<usize>>>,
    survey: OnceCell<Survey>,
}

/// What all pending tasks with a way need, found in one walk over their ways.
struct Survey {
    /// Milliseconds that an instance takes where it takes least, by task.
    shortest: BTreeMap<usize, i64>,
    /// By agent: how many instances its offer holds at a time of the least that any needs, and the shortest of them.
    places: Vec<(usize, i128, i64)>,
}

impl<'a> Ahead<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        let tasks = state.tasks_of(framework);
        let mut own = vec![false; state.cluster.tasks.len()];
        for &task in &tasks {
            own[task] = true;
        }
        let mut known = BTreeMap::new();
        let mut fits = BTreeMap::new();
        for &task in &tasks {
            let it = &state.cluster.tasks[task];
            let shape = (&it.demand, &it.attributes, &it.agents, &it.tolerates);
            let list = known
                .entry(shape)
                .or_insert_with(|| Rc::new(fitting(state, framework, task)));
            fits.insert(task, Rc::clone(list));
        }
        Self {
            state,
            framework,
            hadoop: Hadoop::of(state, framework),
            tasks,
            own,
            fits,
            survey: OnceCell::new(),
        }
    }

    /// The framework's instances that have a start and an end.
    fn times(&self) -> impl Iterator<Item = &TimedCount> {
        self.state.times.iter().filter(|it| self.own[it.task])
    }

    /// Milliseconds at which the last instance ends.
    fn makespan_ms(&self) -> i64 {
        self.times().map(|it| it.end_ms).max().unwrap_or(0)
    }

    pub(super) fn makespan(&self) -> f64 {
        self.makespan_ms() as f64 / 1000.0
    }

    /// The sum of the moments at which instances end, in seconds.
    pub(super) fn completion(&self) -> f64 {
        let ends = self.times().map(|it| i128::from(it.end_ms) * it.instances);
        thousandths(ends.sum())
    }

    /// What everything in place costs, in MiB.
    pub(super) fn network(&self) -> f64 {
        mib(self.costs(&self.state.placed))
    }

    /// What so many instances cost, in millionths of a MiB.
    fn costs(&self, counts: &Counts) -> i128 {
        let mut sum = 0;
        for &task in &self.tasks {
            for (&agent, &count) in &counts[task] {
                sum += self.hadoop.here(task, agent) * count;
            }
        }
        sum
    }

    /// MiB that new reduce instances pull across racks from new map instances; absent where they pull nothing, or without racks.
    pub(super) fn shuffled(&self) -> Option<f64> {
        if !self.hadoop.has_racks() {
            return None;
        }
        let (mut sum, mut any) = (0.0, false);
        for (map, reduce, part) in self.pulls() {
            any |= part > 0.0;
            for (&from, &here) in &self.state.arriving[map] {
                for (&to, &there) in &self.state.arriving[reduce] {
                    if !self.hadoop.are_near(from, to) {
                        sum += part * (here * there) as f64;
                    }
                }
            }
        }
        any.then_some(sum)
    }

    /// Map and reduce tasks of one job that both have instances to come, and the MiB that each pair of instances exchanges.
    fn pulls(&self) -> Vec<(usize, usize, f64)> {
        let cluster = self.state.cluster;
        let mut pulls = Vec::new();
        for &reduce in &self.tasks {
            let Some(Phase::Reduce(work)) = &cluster.tasks[reduce].phase else {
                continue;
            };
            if self.hadoop.maps_all_run(reduce) || self.pending(reduce) == 0 {
                continue;
            }
            let maps = self.hadoop.maps_of(reduce);
            let instances: i128 = maps.iter().map(|map| self.state.wanted(*map)).sum();
            for &map in maps.iter().filter(|map| self.pending(**map) > 0) {
                let pair = match &work.shuffle {
                    Shuffle::Total(mib) => *mib as f64 / instances.max(1) as f64,
                    Shuffle::ByTask(amounts) => {
                        let own = amounts.iter().find(|(it, _)| it.at() == map);
                        let mib = own.map_or(0, |it| it.1);
                        mib as f64 / self.state.wanted(map).max(1) as f64
                    }
                };
                pulls.push((map, reduce, pair / self.state.wanted(reduce).max(1) as f64));
            }
        }
        pulls
    }

    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - total(&self.state.kept[task])).max(0)
    }

    /// Whether some agent's offer holds an instance.
    fn has_way(&self, task: usize) -> bool {
        !self.fits[&task].is_empty()
    }

    /// Pending tasks with a way; reduce tasks only if all that they wait for has one.
    fn placeable(&self) -> Vec<usize> {
        let mut placeable = Vec::new();
        for &task in &self.tasks {
            let mut waits = self.waits_for(task).into_iter();
            if self.pending(task) > 0 && self.has_way(task) && waits.all(|map| self.has_way(map)) {
                placeable.push(task);
            }
        }
        placeable
    }

    /// Pending map tasks whose instances a reduce task follows.
    fn waits_for(&self, task: usize) -> Vec<usize> {
        if !matches!(self.state.cluster.tasks[task].phase, Some(Phase::Reduce(_))) {
            return Vec::new();
        }
        if self.hadoop.maps_all_run(task) {
            return Vec::new();
        }
        let maps = self.hadoop.maps_of(task).into_iter();
        maps.filter(|map| self.pending(*map) > 0).collect()
    }

    /// New instances have a start and an end as far apart as their work takes, and those of reduce tasks start when all that
    /// these wait for has ended.
    fn check(&self, findings: &mut Findings) {
        let state = self.state;
        let mut timed: BTreeMap<usize, Vec<&TimedCount>> = BTreeMap::new();
        for it in self.times() {
            timed.entry(it.task).or_default().push(it);
        }
        let of = |task: usize| timed.get(&task).into_iter().flatten();
        for &task in &self.tasks {
            let (need, has) = (
                total(&state.arriving[task]),
                of(task).map(|it| it.instances).sum::<i128>(),
            );
            findings.check(Rule::Times, has == need, || {
                let text = "new instances of tasks that are planned ahead have a start and an end";
                (state.task_name(task), need, has, text.to_owned())
            });
            for it in of(task) {
                let need = self.hadoop.duration_ms(task, it.agent);
                let has = it.end_ms - it.start_ms;
                findings.check(Rule::Times, has == need, || {
                    let text = "the instance takes another time than its work there";
                    let agent = state.agent_name(it.agent);
                    let subject = format!("{} on {agent}", state.task_name(task));
                    (subject, need, has, text.to_owned())
                });
            }
            let Some(first) = of(task).map(|it| it.start_ms).min() else {
                continue;
            };
            for map in self.waits_for(task) {
                let subject = || format!("{} -> {}", state.task_name(map), state.task_name(task));
                let (need, has) = (
                    self.pending(map),
                    of(map).map(|it| it.instances).sum::<i128>(),
                );
                findings.check(Rule::Follows, has == need, || {
                    let text = "something starts though not all that it follows has a place";
                    (subject(), need, has, text.to_owned())
                });
                let last = of(map).map(|it| it.end_ms).max().unwrap_or(0);
                findings.check(Rule::Follows, first >= last, || {
                    let text = "it starts before what it follows has ended";
                    (subject(), last, first, text.to_owned())
                });
            }
        }
    }

    /// `sum v (K + P)` over what has a way.
    pub(super) fn value_in_reach(&self) -> f64 {
        let mut sum = 0;
        for &task in &self.tasks {
            sum += self.state.value(task) * total(&self.state.kept[task]);
        }
        for task in self.placeable() {
            sum += self.state.value(task) * self.pending(task);
        }
        sum as f64
    }

    /// Whether everything is placed that has a way: bounds speak of such plans.
    fn is_whole(&self) -> bool {
        let placed = |task: &usize| total(&self.state.arriving[*task]) >= self.pending(*task);
        self.placeable().iter().all(placed)
    }

    /// Pending tasks with a way, whatever they wait for, with every way looked at once.
    fn survey(&self) -> &Survey {
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
    fn after(&self) -> BTreeMap<usize, i64> {
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
    pub(super) fn least_makespan(&self) -> f64 {
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

    /// MiB: what stays, and everything that has a way where it costs least.
    pub(super) fn least_network(&self) -> f64 {
        let mut sum = self.costs(&self.state.kept);
        if self.is_whole() {
            for task in self.placeable() {
                let agents = self.fits[&task].iter();
                let costs = agents.map(|&agent| self.hadoop.here(task, agent));
                sum += costs.min().unwrap_or(0) * self.pending(task);
            }
        }
        mib(sum)
    }

    /// `sum c K + sum_t P_t min_a (c_ta + pi_a + d_ta sum_(m >= due_t) mu_am) - sum_a (pi_a turns_a + sum_m mu_am places_a m)` for plans that
    /// end as early as this one, at `T`, where a task is due at `T` less what passes after it; absent where a price is of something else.
    pub(super) fn least_network_at(&self, prices: &[Multiplier]) -> Option<f64> {
        let n_agents = self.state.cluster.agents.len();
        let mut once = vec![0.0; n_agents];
        let mut by_time: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for it in prices {
            let of = if it.resource == PLACES {
                &mut once
            } else {
                let moment: i64 = it.resource.strip_prefix(PLACE_MS)?.parse().ok()?;
                // Before the beginning nobody pays, and time that there is not would be paid for.
                if moment < 0 {
                    return None;
                }
                let of = by_time.entry(moment);
                of.or_insert_with(|| vec![0.0; n_agents])
            };
            if it.price < 0.0 {
                return None;
            }
            for agent in &it.agents {
                of[*self.state.names.agents.get(agent.as_str())?] = it.price;
            }
        }
        let mut sum = mib(self.costs(&self.state.kept));
        if !self.is_whole() {
            return Some(sum);
        }
        let placeable = self.placeable();
        let copies: i128 = placeable.iter().map(|&task| self.pending(task)).sum();
        let makespan = i128::from(self.makespan_ms());
        for &(agent, places, shortest) in &self.survey().places {
            sum -= once[agent] * turns(copies, places, shortest, makespan) as f64;
            for (&moment, prices) in &by_time {
                sum -= prices[agent] * (places * i128::from(moment)) as f64;
            }
        }
        let after = self.after();
        let mut by_due: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for task in placeable {
            let passes = after.get(&task).copied().unwrap_or(0);
            by_due
                .entry(self.makespan_ms() - passes)
                .or_default()
                .push(task);
        }
        // What a millisecond costs on each agent, from what is due last on.
        let mut paid = vec![0.0; n_agents];
        let mut moments = by_time.into_iter().rev().peekable();
        for (due, tasks) in by_due.into_iter().rev() {
            while let Some((_, prices)) = moments.next_if(|it| it.0 >= due) {
                for (paid, price) in paid.iter_mut().zip(prices) {
                    *paid += price;
                }
            }
            for task in tasks {
                let costs = self.fits[&task].iter().map(|&agent| {
                    let time = paid[agent] * self.hadoop.duration_ms(task, agent) as f64;
                    mib(self.hadoop.here(task, agent)) + once[agent] + time
                });
                sum += costs.fold(f64::INFINITY, f64::min) * self.pending(task) as f64;
            }
        }
        Some(sum)
    }

    /// Seconds: the sum of the ends of everything that has a way, if nothing waited for room.
    pub(super) fn least_completion(&self) -> f64 {
        if !self.is_whole() {
            return 0.0;
        }
        let ends = self.placeable().into_iter().map(|task| {
            let end = self.before(task) + self.survey().shortest[&task];
            i128::from(end) * self.pending(task)
        });
        thousandths(ends.sum())
    }

    /// MiB that must cross racks: of tasks that have no rack in common.
    pub(super) fn least_shuffled(&self) -> f64 {
        let mut sum = 0.0;
        if !self.is_whole() {
            return sum;
        }
        for (map, reduce, part) in self.pulls() {
            let (from, to) = (&self.fits[&map], &self.fits[&reduce]);
            let near = from.iter().any(|&one| {
                to.iter()
                    .any(|&other| one == other || self.hadoop.are_near(one, other))
            });
            if !near {
                sum += part * (self.pending(map) * self.pending(reduce)) as f64;
            }
        }
        sum
    }

    /// MiB that cross racks in plans that read no more over the network than this one, with a price of what is read beyond the least.
    /// Wherever a reduce instance is, a map instance is in its rack, and then costs what it costs there at least, or its output crosses
    /// racks; absent where a price is of something else.
    pub(super) fn least_shuffled_at(&self, prices: &[Multiplier]) -> Option<f64> {
        let mut price = 0.0;
        for it in prices {
            if it.resource != "kept:network" || !it.agents.is_empty() || it.price < 0.0 {
                return None;
            }
            price += it.price;
        }
        if !self.is_whole() {
            return Some(0.0);
        }
        let pulls = self.pulls().into_iter().filter(|it| it.2 > 0.0);
        let pulls: Vec<(usize, usize, f64)> = pulls.collect();
        let mut pulled_by: BTreeMap<usize, f64> = BTreeMap::new();
        let mut of_reduce: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for &(map, reduce, part) in &pulls {
            *pulled_by.entry(map).or_default() += 1.0;
            let amount = part * (self.pending(map) * self.pending(reduce)) as f64;
            of_reduce.entry(reduce).or_default().push((map, amount));
        }
        let dearer: BTreeMap<usize, BTreeMap<Option<usize>, f64>> =
            (pulled_by.iter().map(|(&map, &reduces)| {
                let mut by_rack = self.least_by_rack(map);
                let least = by_rack.values().copied().fold(f64::INFINITY, f64::min);
                for cost in by_rack.values_mut() {
                    *cost = (*cost - least) * self.pending(map) as f64 / reduces;
                }
                (map, by_rack)
            }))
            .collect();
        let mut sum = -price * (self.network() - self.least_network()).max(0.0);
        for (reduce, maps) in of_reduce {
            let racks = self.least_by_rack(reduce).into_keys();
            let in_rack = racks.map(|rack| {
                let parts = maps.iter().map(|&(map, amount)| {
                    let dearer = dearer[&map].get(&rack);
                    dearer.map_or(amount, |dearer| amount.min(price * dearer))
                });
                parts.sum::<f64>()
            });
            let least = in_rack.fold(f64::INFINITY, f64::min);
            sum += if least.is_finite() { least } else { 0.0 };
        }
        Some(sum)
    }

    /// MiB that an instance costs in each rack at the least.
    fn least_by_rack(&self, task: usize) -> BTreeMap<Option<usize>, f64> {
        let mut by_rack = BTreeMap::new();
        for &agent in self.fits[&task].iter() {
            let cost = mib(self.hadoop.here(task, agent));
            let least = by_rack.entry(self.hadoop.rack_of(agent)).or_insert(cost);
            *least = cost.min(*least);
        }
        by_rack
    }
}

/// Agents whose offer holds an instance of a task that may go there.
fn fitting(state: &State<'_>, framework: usize, task: usize) -> Vec<usize> {
    let mut agents = Vec::new();
    for (&agent, offer) in &state.offers[framework] {
        let mut needs = state.demand(task).iter().zip(offer);
        let fits = needs.all(|(&need, &has)| need <= 0 || i128::from(need) <= has);
        if fits && state.open(task, agent) {
            agents.push(agent);
        }
    }
    agents
}

/// The most instances that an agent with so many places holds one after the other within so many milliseconds.
fn turns(copies: i128, places: i128, shortest: i64, ms: i128) -> i128 {
    match i128::from(shortest) {
        0 => copies,
        shortest => (places * (ms / shortest)).min(copies),
    }
}

/// When instances of every framework that plans ahead start and end.
pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    for (at, framework) in state.cluster.frameworks.iter().enumerate() {
        if framework.policy == "mapreduce" && plans_ahead(state, at) {
            Ahead::of(state, at).check(findings);
        }
    }
}
