//! A `mapreduce` framework that plans ahead: when its instances end, what they cost, and what no plan is better than.

mod earliest;
mod follows;
mod network;
mod shuffle;
mod values;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::Phase;

use super::mapreduce::Hadoop;
use super::report::Findings;
use super::state::{State, TimedCount, total};
use earliest::Survey;

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

/// When instances of every framework that plans ahead start and end.
pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    for (at, framework) in state.cluster.frameworks.iter().enumerate() {
        if framework.policy == "mapreduce" && plans_ahead(state, at) {
            Ahead::of(state, at).check(findings);
        }
    }
}
