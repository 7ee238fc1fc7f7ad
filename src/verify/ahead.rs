//! A `mapreduce` framework that plans ahead: when its instances end, what they cost, and what no plan is better than.

use apportion_cluster::plan::Multiplier;
use apportion_cluster::{Phase, Shuffle};

use super::mapreduce::{Hadoop, mib};
use super::state::{State, total};

/// What the resource of a price of places is called.
const PLACES: &str = "places";

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
}

impl<'a> Ahead<'a> {
    pub(super) fn of(state: &'a State<'a>, framework: usize) -> Self {
        Self {
            state,
            framework,
            hadoop: Hadoop::of(state, framework),
        }
    }

    fn tasks(&self) -> Vec<usize> {
        self.state.tasks_of(self.framework)
    }

    fn own(&self, task: usize) -> bool {
        let job = self.state.cluster.tasks[task].job;
        self.state.cluster.frameworks[self.framework]
            .jobs
            .contains(&job)
    }

    /// Milliseconds at which the last instance ends.
    fn makespan_ms(&self) -> i64 {
        let times = self.state.times.iter().filter(|it| self.own(it.task));
        times.map(|it| it.end_ms).max().unwrap_or(0)
    }

    pub(super) fn makespan(&self) -> f64 {
        self.makespan_ms() as f64 / 1000.0
    }

    /// The sum of the moments at which instances end, in seconds.
    pub(super) fn completion(&self) -> f64 {
        let times = self.state.times.iter().filter(|it| self.own(it.task));
        let ends: i128 = times.map(|it| i128::from(it.end_ms) * it.instances).sum();
        (ends / 1000) as f64 + (ends % 1000) as f64 / 1000.0
    }

    /// What everything in place costs, in MiB.
    pub(super) fn network(&self) -> f64 {
        let mut sum = 0;
        for task in self.tasks() {
            for (&agent, &count) in &self.state.placed[task] {
                sum += self.hadoop.here(task, agent) * count;
            }
        }
        mib(sum)
    }

    /// MiB that new reduce instances pull across racks from new map instances; absent where they pull nothing, or without racks.
    pub(super) fn shuffled(&self) -> Option<f64> {
        if !self.hadoop.has_racks() {
            return None;
        }
        let (mut sum, mut any) = (0.0, false);
        for (map, reduce, part) in self.pulls() {
            any |= part > 0.0;
            let (mut pairs, mut together) = (0, 0);
            for (&from, &here) in &self.state.arriving[map] {
                for (&to, &there) in &self.state.arriving[reduce] {
                    pairs += here * there;
                    if self.hadoop.are_near(from, to) {
                        together += here * there;
                    }
                }
            }
            sum += part * (pairs - together) as f64;
        }
        any.then_some(sum)
    }

    /// Map and reduce tasks of one job that both have instances to come, and the MiB that each pair of instances exchanges.
    fn pulls(&self) -> Vec<(usize, usize, f64)> {
        let cluster = self.state.cluster;
        let mut pulls = Vec::new();
        for reduce in self.tasks() {
            let Some(Phase::Reduce(work)) = &cluster.tasks[reduce].phase else {
                continue;
            };
            let maps = self.hadoop.maps_of(reduce);
            if self.hadoop.all_run(&maps) || self.pending(reduce) == 0 {
                continue;
            }
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

    /// Agents whose offer holds an instance of a task that may go there, and how long it runs there.
    fn ways(&self, task: usize) -> Vec<(usize, i64)> {
        let mut ways = Vec::new();
        for (&agent, offer) in &self.state.offers[self.framework] {
            let mut needs = self.state.demand(task).iter().zip(offer);
            let fits = needs.all(|(&need, &has)| need <= 0 || i128::from(need) <= has);
            if fits && self.state.open(task, agent) {
                ways.push((agent, self.hadoop.duration_ms(task, agent)));
            }
        }
        ways
    }

    /// Pending tasks with a way, with their ways; reduce tasks only if all that they wait for has one.
    fn placeable(&self) -> Vec<(usize, Vec<(usize, i64)>)> {
        let mut placeable = Vec::new();
        for task in self
            .tasks()
            .into_iter()
            .filter(|task| self.pending(*task) > 0)
        {
            let ways = self.ways(task);
            let mut waits = self.waits_for(task).into_iter();
            if !ways.is_empty() && waits.all(|map| !self.ways(map).is_empty()) {
                placeable.push((task, ways));
            }
        }
        placeable
    }

    /// Pending map tasks whose instances a reduce task follows.
    fn waits_for(&self, task: usize) -> Vec<usize> {
        if !matches!(self.state.cluster.tasks[task].phase, Some(Phase::Reduce(_))) {
            return Vec::new();
        }
        let maps = self.hadoop.maps_of(task);
        if self.hadoop.all_run(&maps) {
            return Vec::new();
        }
        maps.into_iter()
            .filter(|map| self.pending(*map) > 0)
            .collect()
    }

    /// `sum v (K + P)` over what has a way.
    pub(super) fn value_in_reach(&self) -> f64 {
        let mut sum = 0;
        for task in self.tasks() {
            sum += self.state.value(task) * total(&self.state.kept[task]);
        }
        for (task, _) in self.placeable() {
            sum += self.state.value(task) * self.pending(task);
        }
        sum as f64
    }

    /// Whether everything is placed that has a way: bounds speak of such plans.
    fn is_whole(&self) -> bool {
        let placed = |task: &usize| total(&self.state.arriving[*task]) >= self.pending(*task);
        self.placeable().iter().all(|(task, _)| placed(task))
    }

    /// Seconds: the longest instance and what it waits for; all instances by their number; and all of them by the time that they take.
    pub(super) fn least_makespan(&self) -> f64 {
        if !self.is_whole() {
            return 0.0;
        }
        let placeable = self.placeable();
        let shortest = |ways: &[(usize, i64)]| ways.iter().map(|way| way.1).min().unwrap_or(0);
        let mut least = 0;
        let mut area = 0;
        for (task, ways) in &placeable {
            let before = self.waits_for(*task).into_iter();
            let before = before.map(|map| shortest(&self.ways(map))).max();
            least = least.max(i128::from(before.unwrap_or(0) + shortest(ways)));
            area += i128::from(shortest(ways)) * self.pending(*task);
        }
        let places: i128 = self.places().iter().map(|it| it.1).sum();
        if places > 0 {
            least = least.max((area + places - 1) / places);
        }
        for resource in 0..self.state.cluster.resources.len() {
            let work = placeable.iter().map(|(task, ways)| {
                let need = i128::from(self.state.demand(*task)[resource]);
                need * i128::from(shortest(ways)) * self.pending(*task)
            });
            let work: i128 = work.sum();
            let offers = self.state.offers[self.framework].values();
            let offered: i128 = offers.map(|offer| offer[resource]).sum();
            if offered > 0 {
                least = least.max((work + offered - 1) / offered);
            }
        }
        let mut high = i128::from(self.makespan_ms()).max(least);
        while least < high {
            let middle = least + (high - least) / 2;
            if self.held_by(middle) >= self.copies() {
                high = middle;
            } else {
                least = middle + 1;
            }
        }
        least as f64 / 1000.0
    }

    /// Instances with a way.
    fn copies(&self) -> i128 {
        let placeable = self.placeable();
        placeable.iter().map(|(task, _)| self.pending(*task)).sum()
    }

    /// By agent: how many instances its offer holds at a time of the least that any needs, and the shortest of them.
    fn places(&self) -> Vec<(usize, i128, i64)> {
        let mut found: Vec<(usize, i128, i64)> = Vec::new();
        let ways: Vec<(usize, Vec<(usize, i64)>)> = self.pending_ways();
        let copies: i128 = ways.iter().map(|(task, _)| self.pending(*task)).sum();
        for (&agent, offer) in &self.state.offers[self.framework] {
            let mut least: Option<Vec<i64>> = None;
            let mut shortest: Option<i64> = None;
            for (task, ways) in &ways {
                let Some(way) = ways.iter().find(|way| way.0 == agent) else {
                    continue;
                };
                shortest = Some(shortest.map_or(way.1, |it| it.min(way.1)));
                let demand = self.state.demand(*task);
                let least = least.get_or_insert_with(|| demand.to_vec());
                for (least, &need) in least.iter_mut().zip(demand) {
                    *least = (*least).min(need);
                }
            }
            let (Some(least), Some(shortest)) = (least, shortest) else {
                continue;
            };
            let mut places = copies;
            for (&need, &has) in least.iter().zip(offer).filter(|it| *it.0 > 0) {
                places = places.min(has / i128::from(need));
            }
            found.push((agent, places, shortest));
        }
        found
    }

    /// Pending tasks and their ways, whatever they wait for.
    fn pending_ways(&self) -> Vec<(usize, Vec<(usize, i64)>)> {
        let tasks = self.tasks().into_iter();
        let pending = tasks.filter(|task| self.pending(*task) > 0);
        let ways = pending.map(|task| (task, self.ways(task)));
        ways.filter(|(_, ways)| !ways.is_empty()).collect()
    }

    /// The most instances that an agent holds one after the other within so many milliseconds.
    fn turns(&self, places: i128, shortest: i64, ms: i128) -> i128 {
        match i128::from(shortest) {
            0 => self.copies(),
            shortest => (places * (ms / shortest)).min(self.copies()),
        }
    }

    fn held_by(&self, ms: i128) -> i128 {
        let places = self.places().into_iter();
        places
            .map(|(_, places, shortest)| self.turns(places, shortest, ms))
            .sum()
    }

    /// MiB: what stays, and everything that has a way where it costs least.
    pub(super) fn least_network(&self) -> f64 {
        let mut sum = self.kept_network();
        if self.is_whole() {
            for (task, ways) in self.placeable() {
                let costs = ways.iter().map(|way| self.hadoop.here(task, way.0));
                sum += costs.min().unwrap_or(0) * self.pending(task);
            }
        }
        mib(sum)
    }

    fn kept_network(&self) -> i128 {
        let mut sum = 0;
        for task in self.tasks() {
            for (&agent, &count) in &self.state.kept[task] {
                sum += self.hadoop.here(task, agent) * count;
            }
        }
        sum
    }

    /// `sum c K + sum_t P_t min_a (c_ta + pi_a) - sum_a pi_a turns_a` for plans that end as early as this one; absent where a price is of
    /// something else.
    pub(super) fn least_network_at(&self, prices: &[Multiplier]) -> Option<f64> {
        let mut by_agent = vec![0.0; self.state.cluster.agents.len()];
        for it in prices {
            if it.resource != PLACES || it.price < 0.0 {
                return None;
            }
            for agent in &it.agents {
                by_agent[*self.state.names.agents.get(agent.as_str())?] = it.price;
            }
        }
        if !self.is_whole() {
            return Some(mib(self.kept_network()));
        }
        let mut sum = mib(self.kept_network());
        for (task, ways) in self.placeable() {
            let paid = |way: &(usize, i64)| mib(self.hadoop.here(task, way.0)) + by_agent[way.0];
            let least = ways.iter().map(paid).fold(f64::INFINITY, f64::min);
            sum += least * self.pending(task) as f64;
        }
        let makespan = i128::from(self.makespan_ms());
        for (agent, places, shortest) in self.places() {
            sum -= by_agent[agent] * self.turns(places, shortest, makespan) as f64;
        }
        Some(sum)
    }

    /// MiB that must cross racks: of tasks that have no rack in common.
    pub(super) fn least_shuffled(&self) -> f64 {
        let mut sum = 0.0;
        if !self.is_whole() {
            return sum;
        }
        for (map, reduce, part) in self.pulls() {
            let (from, to) = (self.ways(map), self.ways(reduce));
            let near = from.iter().any(|one| {
                to.iter()
                    .any(|other| one.0 == other.0 || self.hadoop.are_near(one.0, other.0))
            });
            if !near {
                sum += part * (self.pending(map) * self.pending(reduce)) as f64;
            }
        }
        sum
    }
}
