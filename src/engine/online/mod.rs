//! Tasks one at a time: each is placed at once or refused, and nothing is known of what is to come.
//!
//! 1. What runs stays where it is, whatever rules it breaks there; what is free beside it is the [`fleet`].
//! 2. Tasks arrive in an [`order`]. Each instance of a task is an arrival of its own. The tasks of a gang arrive
//!    together, where the first of them is listed: at least as many instances as the job's minimum are placed, those
//!    that run counted in, or none.
//! 3. The snapshot's hard [`rules`] say where an arrival may go: they hold at every step. Among these agents the
//!    rule of online planning chooses ([`apportion_policies::online`]).
//! 4. Replicas, which need a unit as well as an agent, and the tasks of frameworks that plan ahead, whose places are
//!    free again after a time, are not for rules that look at agents alone: they wait.
//! 5. A refusal is final. Frameworks share the cluster first come, first served: there are no shares and no offers,
//!    so what a framework took is stated as what it was offered.
//!
//! What a policy prefers (a model of device, an even spread that is not hard) does not decide here; it is measured in
//! the plan's stages and metrics.

mod fleet;
mod order;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use apportion_cluster::plan::{OnlineOptions, Reason};
use apportion_cluster::{
    AgentIdx, Cluster, DeviceIdx, DeviceNeed, DeviceUse, FrameworkIdx, JobIdx, Proposal,
    Quantities, Running, RunningDevices, Slice, TaskIdx,
};
use apportion_policies::online::{Answer, Planner, rule};

use super::EngineError;
use super::context::Context;
use super::devices::{self, Devices};
use super::offers;
use super::options::{Mode, Options, Progress};
use super::roles::Roles;
use super::solve::{self, Rows};
use super::state::State;
use fleet::Mapped;
use rules::{Open, Rules};

pub use order::{Listed, Order};

/// The most instances that arrive in one plan: each is remembered, and takes a look at every agent.
const MOST_ARRIVALS: i64 = 10_000_000;

/// What came of the arrivals, the placements aside.
pub(super) struct Outcome {
    /// Tasks that never arrived, and why.
    pub absent: BTreeMap<TaskIdx, Reason>,
    /// Whether a deadline or a cancellation cut the arrivals short.
    pub stopped: bool,
    /// `decision_mean` and `decision_p99`, if anything arrived.
    pub timings_ms: BTreeMap<String, f64>,
}

/// Lets every task arrive, and commits what is placed.
pub(super) fn run(state: &mut State<'_>, context: &Context<'_>) -> Result<Outcome, EngineError> {
    let (cluster, options) = (context.cluster, context.options);
    let order = &options.online.order;
    if let Some(digest) = order.digest().filter(|digest| *digest != cluster.digest) {
        let (order, snapshot) = (digest.to_owned(), cluster.digest.clone());
        return Err(EngineError::OtherSnapshot { order, snapshot });
    }
    stay(state, context);
    let planned: BTreeSet<FrameworkIdx> = context.planned().collect();
    let mut tasks = order.tasks(cluster, options.seed);
    let mut absent = unlisted(cluster, &tasks);
    let later = not_for_rules(cluster, context);
    tasks
        .retain(|task| planned.contains(&cluster.framework_of(*task)) && !later.contains_key(task));
    absent.extend(later);
    let pending = pending(cluster);
    let have = tasks
        .iter()
        .fold(0, |sum: i64, task| sum.saturating_add(pending[task.at()]));
    if have > MOST_ARRIVALS {
        let most = MOST_ARRIVALS;
        return Err(EngineError::TooManyArrivals { have, most });
    }
    (options.progress)(Progress::Arrivals {
        tasks: tasks.len(),
        instances: have,
    });
    let mut desk = Desk::new(state, options, pending)?;
    let mut stopped = false;
    let arrivals = arrivals(cluster, &tasks);
    for (at, arrival) in arrivals.iter().enumerate() {
        if !desk.arrive(arrival, context) {
            stopped = true;
            let late = arrivals[at..].iter().flat_map(Arrival::tasks);
            absent.extend(late.map(|&task| (task, too_late())));
            break;
        }
    }
    let timings_ms = desk.timings();
    desk.commit(state);
    Ok(Outcome {
        absent,
        stopped,
        timings_ms,
    })
}

/// What the plan states of an online run.
pub(super) fn plan_options(options: &Options) -> Option<OnlineOptions> {
    (options.mode == Mode::Online).then(|| OnlineOptions {
        order: options.online.order.stated(),
        rule: options.online.rule.clone(),
    })
}

/// Nothing that runs is moved, not even what breaks a rule where it is.
fn stay(state: &mut State<'_>, context: &Context<'_>) {
    let cluster = state.cluster;
    state.roles.set_released(&[]);
    for running in std::mem::take(&mut state.released) {
        state.keep(cluster.framework_of(running.task), running);
        let text = format!(
            "{} running on {} break a hard rule there: they stay, as online planning moves nothing",
            running.instances,
            cluster.agent(running.agent).id
        );
        context.warn(
            "rule_broken_by_running",
            &cluster.task_name(running.task),
            text,
        );
    }
}

/// Tasks that rules of online planning cannot place, and why.
fn not_for_rules(cluster: &Cluster, context: &Context<'_>) -> BTreeMap<TaskIdx, Reason> {
    let plans_ahead = |framework: FrameworkIdx| {
        let policy = context.policy(framework)?;
        let slice = Slice {
            offers: Vec::new(),
            ..Slice::whole(cluster, framework)
        };
        solve::formulate(&**policy, &slice, &Rows::default())
            .ok()?
            .schedule
    };
    let frameworks = context.planned();
    let ahead: BTreeSet<FrameworkIdx> = frameworks
        .filter(|&framework| plans_ahead(framework).is_some())
        .collect();
    let running = cluster.running_counts();
    let waits = |task: TaskIdx| {
        let text = if cluster.task(task).shard.is_some() {
            "rules of online planning look at agents, and a replica needs a unit as well"
        } else if ahead.contains(&cluster.framework_of(task)) {
            "its framework plans ahead, and rules of online planning look at one moment"
        } else {
            return None;
        };
        (running[task.at()] < cluster.task(task).instances).then(|| Reason {
            code: "not_arrived".to_owned(),
            text: format!("{text}: plan it without online"),
            rule: "online".to_owned(),
        })
    };
    let tasks = cluster.task_indices();
    tasks
        .filter_map(|task| Some((task, waits(task)?)))
        .collect()
}

/// Instances of each task that do not run.
fn pending(cluster: &Cluster) -> Vec<i64> {
    let running = cluster.running_counts();
    let tasks = cluster.tasks.iter().zip(running);
    tasks
        .map(|(task, running)| (task.instances - running).max(0))
        .collect()
}

fn unlisted(cluster: &Cluster, tasks: &[TaskIdx]) -> BTreeMap<TaskIdx, Reason> {
    let listed: BTreeSet<TaskIdx> = tasks.iter().copied().collect();
    let missing = cluster.task_indices().filter(|task| !listed.contains(task));
    missing
        .map(|task| {
            let reason = Reason {
                code: "not_arrived".to_owned(),
                text: "the order of arrivals does not list it: it never arrived".to_owned(),
                rule: "order".to_owned(),
            };
            (task, reason)
        })
        .collect()
}

fn too_late() -> Reason {
    Reason {
        code: "not_arrived".to_owned(),
        text: "the time was over before all of it had arrived".to_owned(),
        rule: "deadline".to_owned(),
    }
}

/// What arrives together.
enum Arrival {
    /// The instances of a task, one after the other.
    Task(TaskIdx),
    /// Tasks of a job that is placed whole or not at all.
    Gang(JobIdx, Vec<TaskIdx>),
}

impl Arrival {
    fn tasks(&self) -> &[TaskIdx] {
        match self {
            Self::Task(task) => std::slice::from_ref(task),
            Self::Gang(_, tasks) => tasks,
        }
    }
}

fn arrivals(cluster: &Cluster, tasks: &[TaskIdx]) -> Vec<Arrival> {
    let mut gangs: BTreeMap<JobIdx, Vec<TaskIdx>> = BTreeMap::new();
    for &task in tasks {
        let job = cluster.task(task).job;
        if cluster.job(job).gang_min.is_some() {
            gangs.entry(job).or_default().push(task);
        }
    }
    let arrival = |&task: &TaskIdx| {
        let job = cluster.task(task).job;
        if cluster.job(job).gang_min.is_none() {
            return Some(Arrival::Task(task));
        }
        gangs.remove(&job).map(|tasks| Arrival::Gang(job, tasks))
    };
    tasks.iter().filter_map(arrival).collect()
}

/// One instance that found a place.
struct Placed {
    /// Its number with the planner.
    number: usize,
    held: RunningDevices,
}

/// Where arrivals are answered.
struct Desk<'a> {
    cluster: &'a Cluster,
    planner: Planner,
    rules: Rules<'a>,
    shape_of: Vec<usize>,
    /// The kind of device that the planner chooses itself.
    kind: Option<DeviceIdx>,
    /// Free thousandths of each device, by agent.
    free: Vec<Devices>,
    /// What roles may hold, and what is kept free for them.
    roles: Roles<'a>,
    /// Free amounts by agent.
    room: Vec<Quantities>,
    /// Instances of each task that wait.
    pending: Vec<i64>,
    /// Tasks of each shape that have not arrived: then its scores are not needed any more.
    to_come: Vec<usize>,
    placed: Vec<Placed>,
    /// Nanoseconds of each decision.
    decisions: Vec<u64>,
}

impl<'a> Desk<'a> {
    fn new(state: &State<'a>, options: &Options, pending: Vec<i64>) -> Result<Self, EngineError> {
        let mapped = Mapped::new(state);
        let name = &options.online.rule;
        let rule = rule(name, &mapped.fleet, &mapped.population);
        let have = || name.clone();
        let rule = rule.ok_or_else(|| EngineError::UnknownRule { have: have() })?;
        let mut to_come = vec![0; mapped.fleet.shapes().len()];
        for &shape in &mapped.shape_of {
            to_come[shape] += 1;
        }
        Ok(Self {
            cluster: state.cluster,
            planner: Planner::new(mapped.fleet, rule, options.seed),
            rules: Rules::new(state.cluster),
            shape_of: mapped.shape_of,
            kind: mapped.kind,
            free: state.free_devices.clone(),
            roles: state.roles.clone(),
            room: state.free.clone(),
            pending,
            to_come,
            placed: Vec::new(),
            decisions: Vec::new(),
        })
    }

    /// Answers an arrival; false if the time is over before it is answered whole.
    fn arrive(&mut self, arrival: &Arrival, context: &Context<'_>) -> bool {
        let in_time = match arrival {
            Arrival::Task(task) => self.task(*task, context),
            Arrival::Gang(job, tasks) => self.gang(*job, tasks, context),
        };
        for task in arrival.tasks() {
            let shape = self.shape_of[task.at()];
            self.to_come[shape] -= 1;
            if self.to_come[shape] == 0 {
                self.planner.forget(shape);
            }
        }
        in_time
    }

    /// The instances of a task in turn. They are alike, so after a refusal all are refused.
    fn task(&mut self, task: TaskIdx, context: &Context<'_>) -> bool {
        let open = self.rules.open(task);
        while self.pending[task.at()] > 0 {
            if context.out_of_time() {
                return false;
            }
            let begun = Instant::now();
            let placed = self.place(task, &open);
            self.decided(begun.elapsed());
            if !placed {
                break;
            }
        }
        true
    }

    /// The instances of a gang in turn: enough of them are placed, or none.
    fn gang(&mut self, job: JobIdx, tasks: &[TaskIdx], context: &Context<'_>) -> bool {
        let begun = Instant::now();
        let first = self.placed.len();
        let open: Vec<Open> = tasks.iter().map(|&task| self.rules.open(task)).collect();
        let mut in_time = true;
        // A rule over a group may let a task in only once another one is placed.
        let mut progressed = true;
        while progressed && in_time {
            let before = self.placed.len();
            for (&task, open) in tasks.iter().zip(&open) {
                while in_time && self.pending[task.at()] > 0 {
                    in_time = !context.out_of_time();
                    if !in_time || !self.place(task, open) {
                        break;
                    }
                }
            }
            progressed = self.placed.len() > before;
        }
        let tasks = self.cluster.job(job).tasks.iter();
        let in_place = tasks.map(|&it| self.cluster.task(it).instances - self.pending[it.at()]);
        let in_place: i64 = in_place.sum();
        let enough = self.cluster.job(job).gang_min.unwrap_or(0);
        if in_place < enough {
            self.take_back(first);
        }
        self.decided(begun.elapsed());
        in_time
    }

    /// Places one instance where the rules allow it, if anywhere.
    fn place(&mut self, task: TaskIdx, open: &Open) -> bool {
        if !self.roles.lets_in(task) {
            return false;
        }
        let (cluster, rules, free) = (self.cluster, &self.rules, &self.free);
        let (roles, room) = (&self.roles, &self.room);
        let framework = cluster.framework_of(task);
        let others = || {
            let needs = cluster.task(task).devices.iter();
            needs.filter(|need| Some(need.kind) != self.kind)
        };
        let allowed = |agent: usize| {
            let agent = AgentIdx::of(agent);
            open.contains(agent)
                && rules.allow(task, agent)
                && roles.leaves_room(
                    framework,
                    &cluster.task(task).demand,
                    agent,
                    &room[agent.at()],
                )
                && cluster.device_copies(cluster.task(task), agent, &free[agent.at()]) > 0
        };
        let answer = self.planner.place_where(self.shape_of[task.at()], allowed);
        let Answer::Placed(decision) = answer.expect("the fleet knows the shape of every task")
        else {
            return false;
        };
        let agent = AgentIdx::of(decision.agent);
        let mut uses: Vec<DeviceUse> = others()
            .filter_map(|need| tightest(cluster, agent, need, free))
            .flatten()
            .collect();
        let own = cluster.task(task).devices.iter();
        for need in own.filter(|need| Some(need.kind) == self.kind) {
            uses.extend(decision.devices.iter().map(|&index| device(need, index)));
        }
        uses.sort_unstable();
        let held = RunningDevices {
            task,
            agent,
            devices: uses,
        };
        devices::take(cluster, &mut self.free, &held);
        self.rules.change(task, agent, 1);
        self.count(task, agent, 1);
        self.pending[task.at()] -= 1;
        self.placed.push(Placed {
            number: decision.task,
            held,
        });
        true
    }

    /// Takes back what was placed since `first`, the last one first.
    fn take_back(&mut self, first: usize) {
        while self.placed.len() > first {
            let Some(Placed { number, held }) = self.placed.pop() else {
                return;
            };
            devices::give(self.cluster, &mut self.free, &held);
            self.rules.change(held.task, held.agent, -1);
            self.count(held.task, held.agent, -1);
            self.pending[held.task.at()] += 1;
            self.planner
                .remove(number)
                .expect("what was placed just now runs");
        }
    }

    /// Counts an instance more, or less, for its roles.
    fn count(&mut self, task: TaskIdx, agent: AgentIdx, instances: i64) {
        let demand = &self.cluster.task(task).demand;
        self.room[agent.at()].subtract(demand, instances);
        self.roles.change(task, instances);
        self.roles
            .settle(self.cluster.framework_of(task), &self.room);
    }

    fn decided(&mut self, time: Duration) {
        self.decisions
            .push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Mean and 99th percentile of the time that a decision took.
    fn timings(&mut self) -> BTreeMap<String, f64> {
        let count = self.decisions.len();
        if count == 0 {
            return BTreeMap::new();
        }
        let total: u128 = self.decisions.iter().map(|&time| u128::from(time)).sum();
        let rank = (count * 99).div_ceil(100) - 1;
        let (_, &mut p99, _) = self.decisions.select_nth_unstable(rank);
        BTreeMap::from([
            (
                "decision_mean".to_owned(),
                total as f64 / count as f64 / 1e6,
            ),
            ("decision_p99".to_owned(), p99 as f64 / 1e6),
        ])
    }

    /// Hands what was placed to the state, framework by framework, as what each was offered and took.
    fn commit(self, state: &mut State<'_>) {
        let cluster = self.cluster;
        let mut by_framework: BTreeMap<FrameworkIdx, Vec<RunningDevices>> = BTreeMap::new();
        for Placed { held, .. } in self.placed {
            let framework = cluster.framework_of(held.task);
            by_framework.entry(framework).or_default().push(held);
        }
        for (framework, mut held) in by_framework {
            held.sort_unstable();
            let proposal = proposal(cluster, held);
            let taken = offers::of_proposal(cluster, &proposal).into_values();
            state.record(framework, &taken.collect::<Vec<_>>(), &[]);
            state.commit(framework, proposal);
        }
    }
}

/// Instances as a proposal; `held` is sorted.
fn proposal(cluster: &Cluster, held: Vec<RunningDevices>) -> Proposal {
    let mut placements: Vec<Running> = Vec::new();
    for &RunningDevices { task, agent, .. } in &held {
        match placements.last_mut() {
            Some(last) if (last.task, last.agent) == (task, agent) => last.instances += 1,
            _ => placements.push(Running {
                task,
                agent,
                instances: 1,
            }),
        }
    }
    let mut devices = held;
    devices.retain(|held| !cluster.task(held.task).devices.is_empty());
    Proposal {
        placements,
        devices,
        times: Vec::new(),
        units: Vec::new(),
    }
}

/// The devices of one kind with the least left among those that will do, ties to the first; `None` if they are
/// too few.
fn tightest(
    cluster: &Cluster,
    agent: AgentIdx,
    need: &DeviceNeed,
    free: &[Devices],
) -> Option<Vec<DeviceUse>> {
    let at = cluster.agent(agent).device_position(need.kind)?;
    let free = &free[agent.at()][at];
    let mut usable: Vec<usize> = (0..free.len())
        .filter(|&index| free[index] >= need.milli)
        .collect();
    let count = usize::try_from(need.count).ok()?;
    if usable.len() < count {
        return None;
    }
    usable.sort_by_key(|&index| free[index]);
    usable.truncate(count);
    Some(usable.iter().map(|&index| device(need, index)).collect())
}

fn device(need: &DeviceNeed, index: usize) -> DeviceUse {
    DeviceUse {
        kind: need.kind,
        index: index as i64,
        milli: need.milli,
    }
}
