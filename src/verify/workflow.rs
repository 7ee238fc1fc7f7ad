//! What a `workflow` framework's tasks send to each other: values, bounds, and what follows what.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Edge, EdgeLoad};

use super::bounds::Reach;
use super::report::Findings;
use super::rule::Rule;
use super::stages::Measure;
use super::state::{State, TimedCount, total};

/// A framework's edges and what its parameters say of them.
pub(super) struct Flows<'s> {
    state: &'s State<'s>,
    framework: usize,
    /// Position of the level that counts as rack.
    level: Option<usize>,
    pub wants_traffic_first: bool,
    /// What flows between agents costs, and what flows between racks costs on top.
    weights: (i128, i128),
    /// Milliseconds for 1000 MiB within a rack, and beyond.
    network: (i128, i128),
}

impl<'s> Flows<'s> {
    pub(super) fn of(state: &'s State<'s>, framework: usize) -> Self {
        let cluster = state.cluster;
        let parameters = &cluster.frameworks[framework].parameters;
        let number = |key: &str| parameters.get(key).and_then(serde_json::Value::as_i64);
        let level = parameters.get("level").and_then(serde_json::Value::as_str);
        let level = level.unwrap_or("rack");
        let mut levels = cluster.levels.iter();
        let mut least = None;
        for (at, name) in cluster.resources.iter().enumerate() {
            for agent in &cluster.agents {
                let rate = agent.capacity.0[at];
                if name == "network_mib_s" && rate > 0 {
                    least = Some(least.map_or(rate, |least: i64| least.min(rate)));
                }
            }
        }
        let within = number("within_rack_mib_s").unwrap_or(least.unwrap_or(125).min(1_000_000_000));
        let across = number("across_racks_mib_s").unwrap_or((within / 2).max(1));
        let per_thousand = |rate: i64| (1_000_000 + i128::from(rate) - 1) / i128::from(rate.max(1));
        Self {
            state,
            framework,
            level: levels.position(|it| it.declared && it.name == level),
            wants_traffic_first: parameters.get("order").and_then(serde_json::Value::as_str)
                == Some("traffic"),
            weights: (
                number("agent_weight").unwrap_or(1).into(),
                number("rack_weight").unwrap_or(1).into(),
            ),
            network: (per_thousand(within), per_thousand(across)),
        }
    }

    fn edges(&self) -> impl Iterator<Item = &'s Edge> {
        let cluster = self.state.cluster;
        let jobs = cluster.frameworks[self.framework].jobs.iter();
        jobs.flat_map(|job| &cluster.jobs[job.at()].edges)
    }

    pub(super) fn is_batch(&self) -> bool {
        let tasks = self.state.tasks_of(self.framework);
        let mut tasks = tasks.into_iter();
        tasks.any(|task| self.state.cluster.tasks[task].work_ms.is_some())
    }

    pub(super) fn has_edges(&self) -> bool {
        self.edges().next().is_some()
    }

    /// The measures after those of placing, with their names.
    pub(super) fn stages(&self) -> Vec<(String, Measure)> {
        let has_racks = self.level.is_some();
        let traffic = |agents, racks, quality| Measure::Traffic {
            agents,
            racks,
            quality,
        };
        let makespan = |quality| ("makespan".to_owned(), Measure::Makespan { quality });
        let mut stages = Vec::new();
        if !self.is_batch() {
            if self.has_edges() {
                let (agents, racks) = self.weights;
                stages.push(("traffic".to_owned(), traffic(agents, racks, true)));
            }
            stages.push(("agents_used".to_owned(), Measure::AgentsUsed));
            return stages;
        }
        let first = self.wants_traffic_first;
        let between_racks = match has_racks {
            true => traffic(0, 1, first),
            false => traffic(1, 0, first),
        };
        stages.push(makespan(!first));
        stages.push(("traffic".to_owned(), between_racks));
        if first {
            stages.reverse();
        }
        if has_racks {
            stages.push(("traffic_within".to_owned(), traffic(1, -1, false)));
        }
        stages.push(("completion".to_owned(), Measure::Completion));
        stages
    }

    fn are_near(&self, one: usize, other: usize) -> bool {
        let domain = |agent: usize, level: usize| self.state.cluster.agents[agent].domains[level];
        self.level
            .is_some_and(|level| domain(one, level) == domain(other, level))
    }

    fn amount(edge: &Edge) -> i128 {
        match edge.load {
            EdgeLoad::MibPerSecond(amount) | EdgeLoad::Mib(amount) => amount.into(),
        }
    }

    fn wanted(&self, task: usize) -> i128 {
        self.state.wanted(task).max(1)
    }

    fn pending(&self, task: usize) -> i128 {
        (self.state.wanted(task) - total(&self.state.kept[task])).max(0)
    }

    /// What the pending instances of both ends exchange, rounded up.
    fn pending_amount(&self, edge: &Edge) -> i128 {
        let (from, to) = (edge.from.at(), edge.to.at());
        let all = self.wanted(from) * self.wanted(to);
        (Self::amount(edge) * self.pending(from) * self.pending(to) + all - 1) / all
    }

    fn times(&self, task: usize) -> impl Iterator<Item = &'s TimedCount> {
        self.state.times.iter().filter(move |it| it.task == task)
    }

    /// What flows between agents, times one weight, and between racks, times the other.
    pub(super) fn traffic(&self, agents: i128, racks: i128) -> f64 {
        let mut sum = 0.0;
        for edge in self.edges() {
            let (from, to) = (edge.from.at(), edge.to.at());
            if self.is_batch() {
                let pairs = (self.pending(from) * self.pending(to)).max(1);
                for one in self.times(from) {
                    for other in self.times(to) {
                        if one.agent != other.agent {
                            let near = self.are_near(one.agent, other.agent);
                            let weight = agents + if near { 0 } else { self.beyond(racks) };
                            let parts = weight
                                * self.pending_amount(edge)
                                * one.instances
                                * other.instances;
                            sum += parts as f64 / pairs as f64;
                        }
                    }
                }
                continue;
            }
            let mut together = 0;
            for (&one, senders) in &self.state.placed[from] {
                for (&other, receivers) in &self.state.placed[to] {
                    if one == other {
                        together += agents * senders * receivers;
                    }
                    if one == other || self.are_near(one, other) {
                        together += self.beyond(racks) * senders * receivers;
                    }
                }
            }
            let pairs = self.wanted(from) * self.wanted(to);
            let apart = (agents + self.beyond(racks)) * pairs - together;
            sum += (Self::amount(edge) * apart) as f64 / pairs as f64;
        }
        sum
    }

    /// The weight of what flows between racks; nothing where no level counts as rack.
    fn beyond(&self, racks: i128) -> i128 {
        if self.level.is_some() { racks } else { 0 }
    }

    pub(super) fn makespan(&self) -> f64 {
        let times = self.state.tasks_of(self.framework).into_iter();
        let ends = times.flat_map(|task| self.times(task)).map(|it| it.end_ms);
        ends.max().unwrap_or(0) as f64
    }

    pub(super) fn completion(&self) -> f64 {
        let times = self.state.tasks_of(self.framework).into_iter();
        let all = times.flat_map(|task| self.times(task));
        all.map(|it| i128::from(it.end_ms) * it.instances)
            .sum::<i128>() as f64
    }

    fn duration(&self, task: usize, agent: usize) -> i128 {
        let work = i128::from(self.state.cluster.tasks[task].work_ms.unwrap_or(0)) * 1000;
        let speed = i128::from(self.state.cluster.agents[agent].speed.max(1));
        (work + speed - 1) / speed
    }

    /// Milliseconds for a part of what an edge carries: an amount over so many pairs.
    fn transfer(&self, amount: i128, pairs: i128, per_thousand: i128) -> i128 {
        let parts = pairs.max(1) * 1000;
        (amount * per_thousand + parts - 1) / parts
    }

    fn transfer_between(&self, edge: &Edge, one: usize, other: usize) -> i128 {
        let pairs = self.pending(edge.from.at()) * self.pending(edge.to.at());
        let amount = self.pending_amount(edge);
        match (one == other, self.are_near(one, other)) {
            (true, _) => 0,
            (false, true) => self.transfer(amount, pairs, self.network.0),
            (false, false) => self.transfer(amount, pairs, self.network.1),
        }
    }

    /// When a task may start at the earliest because of what runs already.
    fn released(&self, task: usize) -> i128 {
        let mut released = 0;
        for edge in self.edges().filter(|edge| edge.to.at() == task) {
            let from = edge.from.at();
            let pairs = self.wanted(from) * self.wanted(task);
            let transfer = self.transfer(Self::amount(edge), pairs, self.network.1);
            for &agent in self.state.kept[from].keys() {
                released = released.max(self.duration(from, agent) + transfer);
            }
        }
        released
    }

    /// Instances of a batch have a start and an end that are so far apart as their work takes, and start when those before them have
    /// ended and what these send is there.
    fn check(&self, findings: &mut Findings) {
        let state = self.state;
        let is_batch = self.is_batch();
        for task in state.tasks_of(self.framework) {
            let arriving = total(&state.arriving[task]);
            let timed: i128 = self.times(task).map(|it| it.instances).sum();
            let need = if is_batch { arriving } else { 0 };
            findings.check(Rule::Times, timed == need, || {
                let text =
                    "new instances of a batch have a start and an end, and no others do".to_owned();
                (state.task_name(task), need, timed, text)
            });
            for it in self.times(task) {
                let (has, need) = (
                    i128::from(it.end_ms - it.start_ms),
                    self.duration(task, it.agent),
                );
                findings.check(Rule::Times, has == need, || {
                    let text =
                        "the instance takes another time than its work at the speed of the agent"
                            .to_owned();
                    (
                        format!(
                            "{} on {}",
                            state.task_name(task),
                            state.agent_name(it.agent)
                        ),
                        need,
                        has,
                        text,
                    )
                });
                let released = self.released(task);
                findings.check(Rule::Follows, i128::from(it.start_ms) >= released, || {
                    let text = "it starts before what it follows, which runs, has ended".to_owned();
                    (
                        state.task_name(task),
                        released,
                        i128::from(it.start_ms),
                        text,
                    )
                });
            }
        }
        if !is_batch {
            return;
        }
        for edge in self.edges() {
            let (from, to) = (edge.from.at(), edge.to.at());
            let subject = || format!("{} -> {}", state.task_name(from), state.task_name(to));
            if self.times(to).next().is_none() {
                continue;
            }
            let sent: i128 = self.times(from).map(|it| it.instances).sum();
            findings.check(Rule::Follows, sent == self.pending(from), || {
                let text = "something starts though not all that it follows has a place".to_owned();
                (subject(), self.pending(from), sent, text)
            });
            for one in self.times(from) {
                for other in self.times(to) {
                    let arrives = i128::from(one.end_ms)
                        + self.transfer_between(edge, one.agent, other.agent);
                    findings.check(Rule::Follows, i128::from(other.start_ms) >= arrives, || {
                        let text = "it starts before what it follows has ended and sent everything"
                            .to_owned();
                        (subject(), arrives, i128::from(other.start_ms), text)
                    });
                }
            }
        }
    }

    /// Of a batch: what stays, and everything that has an agent, as has all that it follows.
    pub(super) fn value_in_reach(&self, reach: &Reach<'_>) -> Option<i128> {
        if self.state.cluster.frameworks[self.framework].policy != "workflow" || !self.is_batch() {
            return None;
        }
        let ways = self.ways(reach);
        let tasks = self.state.tasks_of(self.framework).into_iter();
        let values = tasks.map(|task| {
            let has_way = ways.get(&task).is_some_and(|agents| !agents.is_empty());
            let arriving = if has_way { self.pending(task) } else { 0 };
            self.state.value(task) * (total(&self.state.kept[task]) + arriving)
        });
        Some(values.sum())
    }

    /// The least that a stage can be, by counting.
    pub(super) fn least(&self, reach: &Reach<'_>, measure: Measure) -> f64 {
        if !self.is_batch() {
            return match measure {
                Measure::Traffic { agents, racks, .. } => {
                    self.least_stream_traffic(reach, agents, racks)
                }
                _ => 0.0,
            };
        }
        let ways = self.ways(reach);
        // Nothing is known of plans that leave out what could be placed.
        let whole = ways.iter().all(|(&task, agents)| {
            agents.is_empty() || total(&self.state.arriving[task]) == self.pending(task)
        });
        if !whole {
            return 0.0;
        }
        match measure {
            Measure::Traffic { agents, racks, .. } => {
                let mut sum = 0;
                for edge in self.edges().filter(|edge| self.joins_pending(edge)) {
                    let costs = self.pairs_of(&ways, edge).into_iter().map(|(one, other)| {
                        let near = self.are_near(one, other);
                        match (one == other, near) {
                            (true, _) => 0,
                            (false, true) => agents,
                            (false, false) => agents + self.beyond(racks),
                        }
                    });
                    sum += costs.min().unwrap_or(0) * self.pending_amount(edge);
                }
                sum as f64
            }
            Measure::Makespan { .. } => {
                let heads = self.heads(&ways);
                let path = heads.iter().filter(|(task, _)| !ways[*task].is_empty());
                let path = path.map(|(&task, head)| head + self.shortest(&ways, task));
                let least = path.max().unwrap_or(0);
                let least = least.max(self.work_over_capacity(&ways));
                least.max(self.in_turns(&ways)) as f64
            }
            Measure::Completion => {
                let heads = self.heads(&ways);
                let placed = heads.iter().filter(|(task, _)| !ways[*task].is_empty());
                let ends = placed
                    .map(|(&task, head)| (head + self.shortest(&ways, task)) * self.pending(task));
                ends.sum::<i128>() as f64
            }
            _ => 0.0,
        }
    }

    fn joins_pending(&self, edge: &Edge) -> bool {
        self.pending(edge.from.at()) > 0 && self.pending(edge.to.at()) > 0
    }

    /// Where each pending task could be; nowhere if something that it follows could be nowhere.
    fn ways(&self, reach: &Reach<'_>) -> BTreeMap<usize, Vec<usize>> {
        let tasks = self.state.tasks_of(self.framework);
        let pending = tasks.into_iter().filter(|&task| self.pending(task) > 0);
        let mut ways: BTreeMap<usize, Vec<usize>> =
            pending.map(|task| (task, reach.agents(task))).collect();
        loop {
            let mut lost = Vec::new();
            for edge in self.edges().filter(|edge| self.joins_pending(edge)) {
                let (from, to) = (edge.from.at(), edge.to.at());
                if ways[&from].is_empty() && !ways[&to].is_empty() {
                    lost.push(to);
                }
            }
            if lost.is_empty() {
                return ways;
            }
            for task in lost {
                ways.insert(task, Vec::new());
            }
        }
    }

    fn pairs_of(&self, ways: &BTreeMap<usize, Vec<usize>>, edge: &Edge) -> Vec<(usize, usize)> {
        let (from, to) = (&ways[&edge.from.at()], &ways[&edge.to.at()]);
        let common = from.iter().find(|agent| to.contains(agent));
        match common {
            Some(&agent) => vec![(agent, agent)],
            None => from
                .iter()
                .flat_map(|&one| to.iter().map(move |&other| (one, other)))
                .collect(),
        }
    }

    fn shortest(&self, ways: &BTreeMap<usize, Vec<usize>>, task: usize) -> i128 {
        let durations = ways[&task].iter().map(|&agent| self.duration(task, agent));
        durations.min().unwrap_or(0)
    }

    /// The earliest start of each task if capacity were no matter.
    fn heads(&self, ways: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<usize, i128> {
        let released = ways.keys().map(|&task| (task, self.released(task)));
        let follows = self.edges().filter(|edge| self.joins_pending(edge));
        let follows = follows.map(|edge| {
            let (from, to) = (edge.from.at(), edge.to.at());
            let length = self.shortest(ways, from) + self.least_transfer(ways, edge);
            (from, to, length)
        });
        longest(released.collect(), &follows.collect::<Vec<_>>())
    }

    /// The least time from the end of each task to the end of all that follow it.
    fn tails(&self, ways: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<usize, i128> {
        let ends = ways.keys().map(|&task| (task, 0));
        let follows = self.edges().filter(|edge| self.joins_pending(edge));
        let placed = follows.filter(|edge| !ways[&edge.to.at()].is_empty());
        let back = placed.map(|edge| {
            let (from, to) = (edge.from.at(), edge.to.at());
            let length = self.least_transfer(ways, edge) + self.shortest(ways, to);
            (to, from, length)
        });
        longest(ends.collect(), &back.collect::<Vec<_>>())
    }

    fn least_transfer(&self, ways: &BTreeMap<usize, Vec<usize>>, edge: &Edge) -> i128 {
        let pairs = self.pairs_of(ways, edge).into_iter();
        let transfers = pairs.map(|(one, other)| self.transfer_between(edge, one, other));
        transfers.min().unwrap_or(0)
    }

    /// The least time by the number of instances: an agent has as many places as its offer holds of the least that any needs, and a place
    /// runs one instance after the other. All instances, by the shortest on each agent; and those after which at least so much time
    /// passes, by the time that they take, and those of them that take at least so long by their number.
    fn in_turns(&self, ways: &BTreeMap<usize, Vec<usize>>) -> i128 {
        let offers = &self.state.offers[self.framework];
        let placed = ways.iter().filter(|(_, agents)| !agents.is_empty());
        let copies: i128 = placed.clone().map(|(&task, _)| self.pending(task)).sum();
        // Places of each agent, and the shortest instance there.
        let mut by_agent: BTreeMap<usize, (Vec<i64>, i128)> = BTreeMap::new();
        for (&task, agents) in placed.clone() {
            let demand = self.state.demand(task);
            for &agent in agents {
                let takes = self.duration(task, agent);
                let (least, shortest) = by_agent
                    .entry(agent)
                    .or_insert_with(|| (demand.to_vec(), takes));
                *shortest = takes.min(*shortest);
                for (least, &need) in least.iter_mut().zip(demand) {
                    *least = need.min(*least);
                }
            }
        }
        let places = by_agent.into_iter().map(|(agent, (least, shortest))| {
            let offer = offers.get(&agent);
            let has = |resource: usize| offer.map_or(0, |offer| offer[resource]);
            let needed = least.iter().enumerate().filter(|it| *it.1 > 0);
            let places = needed.map(|(resource, &need)| has(resource) / i128::from(need));
            (places.fold(copies, i128::min), shortest)
        });
        let places: Vec<(i128, i128)> = places.collect();
        let all = places.iter().map(|it| it.0).sum::<i128>().max(1);
        let tails = self.tails(ways);
        let mut by_tail: BTreeMap<i128, Vec<usize>> = BTreeMap::new();
        for (&task, _) in placed {
            by_tail.entry(tails[&task]).or_default().push(task);
        }
        let mut counts: BTreeMap<i128, i128> = BTreeMap::new();
        let mut least = 0;
        while let Some((passes, tasks)) = by_tail.pop_last() {
            for task in tasks {
                *counts.entry(self.shortest(ways, task)).or_insert(0) += self.pending(task);
            }
            let (mut area, mut longer) = (0, 0);
            for (&takes, &count) in counts.iter().rev() {
                area += takes * count;
                longer += count;
                least = least.max(passes + takes * ((longer + all - 1) / all));
            }
            least = least.max(passes + (area + all - 1) / all);
        }
        // The first moment by which all places together hold all.
        let holds = |ms: i128| {
            let held = places.iter().map(|&(places, shortest)| match shortest {
                0 => copies,
                _ => (places * (ms / shortest)).min(copies),
            });
            held.sum::<i128>() >= copies
        };
        let mut high = (self.makespan() as i128).max(least);
        while least < high {
            let middle = least + (high - least) / 2;
            if holds(middle) {
                high = middle;
            } else {
                least = middle + 1;
            }
        }
        least
    }

    fn work_over_capacity(&self, ways: &BTreeMap<usize, Vec<usize>>) -> i128 {
        let offers = &self.state.offers[self.framework];
        let mut most = 0;
        for resource in 0..self.state.cluster.resources.len() {
            let capacity: i128 = offers.values().map(|amounts| amounts[resource]).sum();
            let mut work = 0;
            for &task in ways.keys() {
                let demand = i128::from(self.state.demand(task)[resource]);
                work += self.shortest(ways, task) * demand * self.pending(task);
            }
            if capacity > 0 {
                most = most.max((work + capacity - 1) / capacity);
            }
        }
        most
    }

    /// Everything, less half of what each instance could exchange with those that fit beside it.
    fn least_stream_traffic(&self, reach: &Reach<'_>, agents: i128, racks: i128) -> f64 {
        let all: i128 = self.edges().map(Self::amount).sum();
        let mut least = 0.0;
        for (weight, by_rack) in [(agents, false), (self.beyond(racks), true)] {
            let half = self.most_exchanged(reach, by_rack) / 2.0;
            least += weight as f64 * (all as f64 - half).max(0.0);
        }
        least
    }

    /// The most that all instances exchange in their groups, agents or racks, each looked at alone.
    fn most_exchanged(&self, reach: &Reach<'_>, by_rack: bool) -> f64 {
        let offers = &self.state.offers[self.framework];
        let tasks = self.state.tasks_of(self.framework);
        let kept = tasks.iter().flat_map(|&task| self.state.kept[task].keys());
        let used: BTreeSet<usize> = offers.keys().chain(kept).copied().collect();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for agent in used {
            let known = groups
                .iter_mut()
                .find(|group| by_rack && self.are_near(group[0], agent));
            match known {
                Some(group) => group.push(agent),
                None => groups.push(vec![agent]),
            }
        }
        let mut sum = 0.0;
        for &task in &tasks {
            let mut partners: BTreeMap<usize, f64> = BTreeMap::new();
            for edge in self.edges() {
                let (from, to) = (edge.from.at(), edge.to.at());
                let pairs = self.wanted(from) * self.wanted(to);
                let each = Self::amount(edge) as f64 / pairs as f64;
                if from == task {
                    *partners.entry(to).or_insert(0.0) += each;
                }
                if to == task {
                    *partners.entry(from).or_insert(0.0) += each;
                }
            }
            if partners.is_empty() {
                continue;
            }
            let open = reach.agents(task);
            let to_itself = partners.get(&task).copied().unwrap_or(0.0);
            let mut best: f64 = 0.0;
            for group in &groups {
                let mut capacity = vec![0; self.state.cluster.resources.len()];
                for offer in group.iter().filter_map(|agent| offers.get(agent)) {
                    for (sum, amount) in capacity.iter_mut().zip(offer) {
                        *sum += amount;
                    }
                }
                let here = |task: usize| -> i128 {
                    let kept = &self.state.kept[task];
                    group.iter().filter_map(|agent| kept.get(agent)).sum()
                };
                let there: f64 = partners
                    .iter()
                    .map(|(&it, each)| each * here(it) as f64)
                    .sum();
                sum += here(task) as f64 * (there + self.filling(&partners, &capacity));
                if group.iter().any(|agent| open.contains(agent)) {
                    for (capacity, &need) in capacity.iter_mut().zip(self.state.demand(task)) {
                        *capacity -= i128::from(need);
                    }
                    if capacity.iter().all(|&left| left >= 0) {
                        best = best.max(to_itself + there + self.filling(&partners, &capacity));
                    }
                }
            }
            sum += best * self.pending(task) as f64;
        }
        sum
    }

    /// The most that pending instances in this much capacity are worth: the least over resources, each filled by parts of instances.
    fn filling(&self, partners: &BTreeMap<usize, f64>, capacity: &[i128]) -> f64 {
        let worth = partners
            .iter()
            .map(|(&task, each)| each * self.pending(task) as f64);
        let mut least: f64 = worth.sum();
        for (resource, &capacity) in capacity.iter().enumerate() {
            let mut left = capacity as f64;
            let mut sum = 0.0;
            let mut rest: Vec<(f64, f64, f64)> = Vec::new();
            for (&task, &each) in partners {
                let need = self.state.demand(task)[resource] as f64;
                let copies = self.pending(task) as f64;
                if need > 0.0 {
                    rest.push((each / need, need, copies));
                } else {
                    sum += each * copies;
                }
            }
            rest.sort_by(|left, right| right.0.total_cmp(&left.0));
            for (density, need, copies) in rest {
                let taken = left.min(need * copies);
                left -= taken;
                sum += density * taken;
            }
            least = least.min(sum);
        }
        least
    }
}

/// The longest way to each task: from what it begins with, over arcs (from, to, length) without a cycle.
fn longest(begins: BTreeMap<usize, i128>, arcs: &[(usize, usize, i128)]) -> BTreeMap<usize, i128> {
    let mut ways = begins;
    loop {
        let mut settled = true;
        for &(from, to, length) in arcs {
            let arrives = ways[&from] + length;
            if arrives > ways[&to] {
                ways.insert(to, arrives);
                settled = false;
            }
        }
        if settled {
            return ways;
        }
    }
}

/// What follows what, in every framework; only `workflow` has tasks that do.
pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    for (at, framework) in state.cluster.frameworks.iter().enumerate() {
        if framework.policy == "workflow" {
            Flows::of(state, at).check(findings);
        }
    }
}
