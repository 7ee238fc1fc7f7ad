//! The rules and the objectives of `service` and `ml` read once more, as naively as possible, in the words of
//! the snapshot; and every placement of a small cluster, one after another. What single devices hold, and the
//! stages that only `ml` has, are in `naive_devices`; those of `mapreduce` in `naive_data`.
//!
//! It shares nothing with the engine, the policies, the models or the verifier but the nouns.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{Agent, AttributeRule, Cluster, LevelIdx, Task};

use super::naive_data;
use super::naive_devices::{self, Fits};

/// Instances by task and agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub Vec<Vec<i64>>);

impl Counts {
    /// No instance anywhere.
    pub fn nothing(cluster: &Cluster) -> Self {
        Self(vec![vec![0; cluster.agents.len()]; cluster.tasks.len()])
    }

    /// What runs now.
    pub fn running(cluster: &Cluster) -> Self {
        let mut counts = Self::nothing(cluster);
        for running in &cluster.running {
            counts.0[running.task.at()][running.agent.at()] += running.instances;
        }
        counts
    }

    /// Instances of a task, wherever they are.
    pub fn of_task(&self, task: usize) -> i64 {
        self.0[task].iter().sum()
    }
}

/// Whether the rules of the task let it onto the agent, cordons and sizes aside.
pub fn allowed(cluster: &Cluster, task: usize, agent: usize) -> bool {
    if !naive_devices::has_allowed(cluster, task, agent) {
        return false;
    }
    let (task, at, agent) = (&cluster.tasks[task], agent, &cluster.agents[agent]);
    let tolerated = agent
        .dedicated
        .as_ref()
        .is_none_or(|word| task.tolerates.contains(word));
    let named = task
        .agents
        .as_ref()
        .is_none_or(|named| named.iter().any(|it| it.at() == at));
    tolerated
        && named
        && task
            .attributes
            .iter()
            .all(|rule| attribute_holds(rule, agent))
}

/// Rules on attributes proper; random clusters ask for no others.
fn attribute_holds(rule: &AttributeRule, agent: &Agent) -> bool {
    let value = agent.attributes.get(&rule.key);
    let any = rule.any_of.is_empty() || value.is_some_and(|value| rule.any_of.contains(value));
    let none = value.is_none_or(|value| !rule.none_of.contains(value));
    any && none
        && rule
            .present
            .is_none_or(|present| present == value.is_some())
}

/// Whether this could run: sizes, demands, eligibility and limits hold.
pub fn may_run(cluster: &Cluster, counts: &Counts) -> bool {
    within_capacity(cluster, counts)
        && within_limits(cluster, counts)
        && (0..cluster.tasks.len()).all(|task| {
            let allowed =
                |agent: usize| counts.0[task][agent] == 0 || allowed(cluster, task, agent);
            counts.of_task(task) <= cluster.tasks[task].instances
                && (0..cluster.agents.len()).all(allowed)
        })
}

fn within_capacity(cluster: &Cluster, counts: &Counts) -> bool {
    (0..cluster.agents.len()).all(|agent| {
        (0..cluster.resources.len()).all(|resource| {
            let used = (0..cluster.tasks.len())
                .map(|task| cluster.tasks[task].demand.0[resource] * counts.0[task][agent]);
            used.sum::<i64>() <= cluster.agents[agent].capacity.0[resource]
        })
    })
}

fn within_limits(cluster: &Cluster, counts: &Counts) -> bool {
    (0..cluster.tasks.len()).all(|task| {
        cluster.tasks[task].limits.iter().all(|rule| {
            let counted = counted(cluster, task, rule.group.map(|group| group.at()));
            by_domain(cluster, counts, &counted, rule.level)
                .values()
                .all(|&count| count <= rule.max)
        })
    })
}

/// Tasks that a rule of `task` counts.
fn counted(cluster: &Cluster, task: usize, group: Option<usize>) -> Vec<usize> {
    let member = |it: &Task, group: usize| it.groups.iter().any(|own| own.at() == group);
    match group {
        None => vec![task],
        Some(group) => (0..cluster.tasks.len())
            .filter(|&it| member(&cluster.tasks[it], group))
            .collect(),
    }
}

/// Instances of some tasks per domain of a level; domains without any are left out.
pub fn by_domain(
    cluster: &Cluster,
    counts: &Counts,
    tasks: &[usize],
    level: LevelIdx,
) -> BTreeMap<usize, i64> {
    let mut sums = BTreeMap::new();
    for &task in tasks {
        for (agent, &count) in cluster
            .agents
            .iter()
            .zip(&counts.0[task])
            .filter(|(_, count)| **count > 0)
        {
            *sums.entry(agent.domains[level.at()].at()).or_insert(0) += count;
        }
    }
    sums
}

/// The first rule that `counts` breaks as the state after `running`.
pub fn broken(cluster: &Cluster, running: &Counts, counts: &Counts) -> Option<&'static str> {
    if !within_capacity(cluster, counts) {
        return Some("capacity");
    }
    for task in 0..cluster.tasks.len() {
        for agent in 0..cluster.agents.len() {
            let new = counts.0[task][agent] - running.0[task][agent];
            if new < 0 {
                return Some("stays");
            }
            if new > 0 && (cluster.agents[agent].cordoned || !allowed(cluster, task, agent)) {
                return Some("eligibility");
            }
        }
        if counts.of_task(task) > cluster.tasks[task].instances {
            return Some("once");
        }
    }
    if !within_limits(cluster, counts) {
        return Some("limit");
    }
    if !(0..cluster.tasks.len()).all(|task| spreads_hold(cluster, running, counts, task)) {
        return Some("spread");
    }
    (!gangs_hold(cluster, running, counts)).then_some("gang")
}

fn spreads_hold(cluster: &Cluster, running: &Counts, counts: &Counts, task: usize) -> bool {
    cluster.tasks[task]
        .spreads
        .iter()
        .filter(|rule| rule.hard)
        .all(|rule| {
            let counted = counted(cluster, task, rule.group.map(|group| group.at()));
            let usable = (0..cluster.agents.len()).filter(|&agent| allowed(cluster, task, agent));
            let domains: BTreeSet<usize> = usable
                .map(|agent| cluster.agents[agent].domains[rule.level.at()].at())
                .collect();
            let skew = |counts: &Counts| {
                let sums = by_domain(cluster, counts, &counted, rule.level);
                let heights = || {
                    domains
                        .iter()
                        .map(|domain| sums.get(domain).copied().unwrap_or(0))
                };
                heights().max().unwrap_or(0) - heights().min().unwrap_or(0)
            };
            // Nobody whom the rule counts is new: it has nothing to say.
            let new: i64 = counted
                .iter()
                .map(|&task| counts.of_task(task) - running.of_task(task))
                .sum();
            new == 0 || skew(counts) <= rule.max_skew.max(skew(running))
        })
}

fn gangs_hold(cluster: &Cluster, running: &Counts, counts: &Counts) -> bool {
    cluster.jobs.iter().all(|job| {
        let total = |counts: &Counts| {
            job.tasks
                .iter()
                .map(|task| counts.of_task(task.at()))
                .sum::<i64>()
        };
        let (before, after) = (total(running), total(counts));
        job.gang_min
            .is_none_or(|min| after == before || after >= min)
    })
}

/// The objective of the only framework, stage by stage: (name, whether more is better, value).
pub fn values(cluster: &Cluster, running: &Counts, counts: &Counts) -> Vec<(String, bool, f64)> {
    let mut values = Vec::new();
    let is_ml = cluster.frameworks[0].policy == "ml";
    let priorities: BTreeSet<i64> = cluster.jobs.iter().map(|job| job.priority).collect();
    let sum = |priority: Option<i64>, at_speed: bool| {
        let jobs = cluster
            .jobs
            .iter()
            .filter(|job| priority.is_none_or(|it| it == job.priority));
        let tasks = jobs.flat_map(|job| &job.tasks);
        tasks
            .map(|task| match at_speed {
                true => naive_devices::worth(cluster, counts, task.at()),
                false => (cluster.tasks[task.at()].value * counts.of_task(task.at())) as f64,
            })
            .sum::<f64>()
    };
    if priorities.len() > 1 {
        for &priority in priorities.iter().rev() {
            values.push((
                format!("placed:{priority}"),
                true,
                sum(Some(priority), false),
            ));
        }
        let mut needs = cluster.tasks.iter().flat_map(|task| &task.devices);
        let differs = needs.any(|need| need.models.iter().any(|it| it.throughput != 1000));
        for &priority in priorities.iter().rev().filter(|_| is_ml && differs) {
            values.push((
                format!("throughput:{priority}"),
                true,
                sum(Some(priority), true),
            ));
        }
    }
    values.push(("placed".to_owned(), true, sum(None, is_ml)));
    if cluster.jobs.iter().any(|job| job.min_available.is_some()) {
        values.push((
            "min_available".to_owned(),
            false,
            missing_survivors(cluster, counts),
        ));
    }
    if cluster.frameworks[0].policy == "mapreduce" {
        values.extend(naive_data::values(cluster, running, counts));
        return values;
    }
    if cluster.frameworks[0].policy == "workflow" {
        values.extend(traffic(cluster, counts).map(|value| ("traffic".to_owned(), false, value)));
        values.push((
            "agents_used".to_owned(),
            false,
            opened(cluster, running, counts),
        ));
        return values;
    }
    if is_ml {
        values.extend(naive_devices::span(cluster, counts));
        return values;
    }
    if cluster.levels.iter().any(|level| level.declared) {
        values.push(("spread".to_owned(), false, worst_losses(cluster, counts)));
    }
    values.push((
        "agents_used".to_owned(),
        false,
        opened(cluster, running, counts),
    ));
    values
}

/// Agents on which nothing ran and something does.
fn opened(cluster: &Cluster, running: &Counts, counts: &Counts) -> f64 {
    let opened = (0..cluster.agents.len()).filter(|&agent| {
        let here = |counts: &Counts| counts.0.iter().map(|by_agent| by_agent[agent]).sum::<i64>();
        here(running) == 0 && here(counts) > 0
    });
    opened.count() as f64
}

/// What streams send between agents, and again between racks, instance by instance; what has no place is far from all.
fn traffic(cluster: &Cluster, counts: &Counts) -> Option<f64> {
    let parameters = &cluster.frameworks[0].parameters;
    let weight = |key: &str| {
        parameters
            .get(key)
            .and_then(|it| it.as_f64())
            .unwrap_or(1.0)
    };
    let rack = cluster
        .levels
        .iter()
        .position(|level| level.declared && level.name == "rack");
    let places = |task: usize| -> Vec<Option<usize>> {
        let placed = counts.0[task].iter().enumerate();
        let mut places: Vec<Option<usize>> = placed
            .flat_map(|(agent, &count)| (0..count).map(move |_| Some(agent)))
            .collect();
        let wanted = cluster.tasks[task].instances.max(1) as usize;
        places.resize(wanted.max(places.len()), None);
        places
    };
    let mut sum = 0.0;
    let mut any = false;
    for edge in cluster.jobs.iter().flat_map(|job| &job.edges) {
        any = true;
        let apportion_cluster::EdgeLoad::MibPerSecond(rate) = edge.load else {
            panic!("only streams have traffic here")
        };
        let (from, to) = (places(edge.from.at()), places(edge.to.at()));
        let each = rate as f64 / from.len() as f64 / to.len() as f64;
        // An instance that sends to itself moves nothing, but one without a place still counts as apart.
        for one in &from {
            for other in &to {
                let same = one.is_some() && one == other;
                let near = same
                    || one
                        .zip(*other)
                        .zip(rack)
                        .is_some_and(|((one, other), rack)| {
                            cluster.agents[one].domains[rack] == cluster.agents[other].domains[rack]
                        });
                sum += if same {
                    0.0
                } else {
                    weight("agent_weight") * each
                };
                sum += if near || rack.is_none() {
                    0.0
                } else {
                    weight("rack_weight") * each
                };
            }
        }
    }
    any.then_some(sum)
}

fn missing_survivors(cluster: &Cluster, counts: &Counts) -> f64 {
    let missing = cluster.jobs.iter().filter_map(|job| {
        let rule = job.min_available?;
        let tasks: Vec<usize> = job.tasks.iter().map(|task| task.at()).collect();
        let sums = by_domain(cluster, counts, &tasks, rule.level);
        let survivors = sums.values().sum::<i64>() - sums.values().max().unwrap_or(&0);
        Some((rule.instances - survivors).max(0))
    });
    missing.sum::<i64>() as f64
}

fn worst_losses(cluster: &Cluster, counts: &Counts) -> f64 {
    let mut sum = 0.0;
    for job in &cluster.jobs {
        let tasks: Vec<usize> = job.tasks.iter().map(|task| task.at()).collect();
        let wanted: i64 = tasks
            .iter()
            .map(|&task| cluster.tasks[task].instances)
            .sum();
        let parameters = &cluster.framework(job.framework).parameters;
        for (at, level) in cluster
            .levels
            .iter()
            .enumerate()
            .filter(|(_, level)| level.declared)
        {
            let weight = parameters
                .get("level_weights")
                .and_then(|weights| weights[&level.name].as_f64());
            let worst = by_domain(cluster, counts, &tasks, LevelIdx::of(at))
                .into_values()
                .max()
                .unwrap_or(0);
            sum += weight.unwrap_or(1.0) * worst as f64 / wanted as f64;
        }
    }
    sum
}

/// What was seen while every placement was tried.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The best values, stage by stage.
    pub best: Vec<(String, bool, f64)>,
    /// A placement with these values.
    pub places: Counts,
    /// Placements tried.
    pub tried: usize,
    /// The rules without which some placement would be better than the best.
    pub binding: BTreeSet<&'static str>,
}

/// Values stage by stage: (name, whether more is better, value).
pub type Values = Vec<(String, bool, f64)>;

/// The best placement of the only framework, by trying all.
pub fn best(cluster: &Cluster) -> Census {
    let running = Counts::running(cluster);
    best_by(cluster, &|counts| values(cluster, &running, counts))
}

/// The best placement by these values, by trying all of all frameworks.
pub fn best_by(cluster: &Cluster, values: &dyn Fn(&Counts) -> Values) -> Census {
    let running = Counts::running(cluster);
    let mut search = Search {
        cluster,
        values,
        free: cluster.free().into_iter().map(|room| room.0).collect(),
        counts: running.clone(),
        running,
        fits: Fits::new(cluster),
        census: Census::default(),
        best_without: BTreeMap::new(),
    };
    search.fill(0, 0);
    let Search {
        mut census,
        best_without,
        ..
    } = search;
    let binding = best_without
        .into_iter()
        .filter(|(_, values)| better(values, &census.best));
    census.binding = binding.map(|(rule, _)| rule).collect();
    census
}

struct Search<'a> {
    cluster: &'a Cluster,
    values: &'a dyn Fn(&Counts) -> Values,
    running: Counts,
    counts: Counts,
    free: Vec<Vec<i64>>,
    fits: Fits,
    census: Census,
    /// The best values of a placement that breaks this rule (and maybe later ones).
    best_without: BTreeMap<&'static str, Vec<(String, bool, f64)>>,
}

impl Search<'_> {
    /// Tries every number of new instances of `task` on `agent` and whatever comes after them.
    fn fill(&mut self, task: usize, agent: usize) {
        if task == self.cluster.tasks.len() {
            return self.judge();
        }
        if agent == self.cluster.agents.len() {
            return self.fill(task + 1, 0);
        }
        let wanted = self.cluster.tasks[task].instances - self.counts.of_task(task);
        let demand = &self.cluster.tasks[task].demand.0;
        let fits = demand
            .iter()
            .zip(&self.free[agent])
            .filter(|(need, _)| **need > 0);
        let fits = fits.map(|(need, have)| have / need).min().unwrap_or(wanted);
        let open = allowed(self.cluster, task, agent) && !self.cluster.agents[agent].cordoned;
        let most = if open { wanted.min(fits).max(0) } else { 0 };
        for new in 0..=most {
            self.put(task, agent, new);
            self.fill(task, agent + 1);
            self.put(task, agent, -new);
        }
    }

    fn put(&mut self, task: usize, agent: usize, new: i64) {
        self.counts.0[task][agent] += new;
        for (free, need) in self.free[agent]
            .iter_mut()
            .zip(&self.cluster.tasks[task].demand.0)
        {
            *free -= need * new;
        }
    }

    fn judge(&mut self) {
        self.census.tried += 1;
        let values = (self.values)(&self.counts);
        let fit = self.fits.all(self.cluster, &self.running, &self.counts);
        let broken = (!fit).then_some("device");
        let broken = broken.or_else(|| self::broken(self.cluster, &self.running, &self.counts));
        let best = match broken {
            Some(rule) => self.best_without.entry(rule).or_default(),
            None => &mut self.census.best,
        };
        if best.is_empty() || better(&values, best) {
            *best = values;
            if broken.is_none() {
                self.census.places.clone_from(&self.counts);
            }
        }
    }
}

/// Whether the first difference between two placements speaks for the left one.
fn better(left: &[(String, bool, f64)], right: &[(String, bool, f64)]) -> bool {
    let gains = left.iter().zip(right).map(|(left, right)| {
        if left.1 {
            left.2 - right.2
        } else {
            right.2 - left.2
        }
    });
    gains
        .into_iter()
        .find(|gain| gain.abs() > 1e-9)
        .is_some_and(|gain| gain > 0.0)
}
