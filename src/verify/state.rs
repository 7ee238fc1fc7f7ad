//! The plan and the snapshot as counts of instances by task and agent.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, MAX_INSTANCES, MAX_QUANTITY};

use super::domains::{CountedLimit, limits};
use super::eligibility::Allowed;
use super::names::Names;
use super::report::Findings;
use super::rule::Rule;
use super::units;

/// Instances by agent, for each task.
pub(super) type Counts = Vec<BTreeMap<usize, i128>>;

/// Everything that the rules look at. Entries with unknown names or senseless counts are reported
/// once, where they are read, and left out here.
pub(super) struct State<'a> {
    pub cluster: &'a Cluster,
    pub plan: &'a PlanFile,
    pub names: Names<'a>,
    pub allowed: Allowed,
    /// What runs in the snapshot.
    pub running: Counts,
    /// What the plan places, running instances included.
    pub placed: Counts,
    /// Those of them that follow others, one entry each.
    pub times: Vec<TimedCount>,
    /// What counts for shares: all that is placed, but of a framework whose instances follow one another those at the
    /// first of the moments at which most value is in progress.
    pub held: Counts,
    /// What moves away or has to go, by task and source.
    pub leaving: Counts,
    /// What has to go for others, by task and source, whether it moves or not.
    pub displaced: Counts,
    /// What moves in, by task and destination.
    pub entering: Counts,
    /// What stays where it runs: `running - leaving`.
    pub kept: Counts,
    /// What is new on its agent: `placed - kept`.
    pub arriving: Counts,
    /// Every limit, and the limits that count each task.
    pub limits: Vec<CountedLimit<'a>>,
    pub limits_on: Vec<Vec<usize>>,
    /// Agents on which something runs in the snapshot.
    pub occupied: Vec<bool>,
    /// What each framework was offered, by agent; amounts by resource.
    pub offers: Vec<BTreeMap<usize, Vec<i128>>>,
    /// The thousandths offered of each device, by agent, then kind and number.
    pub offered_devices: Vec<OfferedDevices>,
    /// Replicas that keep their data on a unit, by task, agent and unit.
    pub on_units: BTreeMap<(usize, usize, usize), i128>,
    /// The same of those that stay where they run.
    pub kept_on_units: BTreeMap<(usize, usize, usize), i128>,
    /// What each framework was offered of each unit.
    pub unit_offers: Vec<Vec<[i128; 3]>>,
}

/// Instances of a task on an agent from one moment to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedCount {
    pub task: usize,
    pub agent: usize,
    pub start_ms: i64,
    pub end_ms: i64,
    pub instances: i128,
}

impl TimedCount {
    /// Whether they run at a moment.
    fn runs_at(&self, moment: i64) -> bool {
        self.start_ms <= moment && moment < self.end_ms
    }
}

/// Thousandths by agent, then kind and number of the device.
pub(super) type OfferedDevices = BTreeMap<usize, BTreeMap<(usize, i64), i128>>;

impl<'a> State<'a> {
    /// Reads the plan against the snapshot, reporting names, duplicates and counts on the way.
    pub(super) fn read(cluster: &'a Cluster, plan: &'a PlanFile, findings: &mut Findings) -> Self {
        let names = Names::of(cluster);
        let n_tasks = cluster.tasks.len();
        let mut running = vec![BTreeMap::new(); n_tasks];
        for it in &cluster.running {
            add(
                &mut running[it.task.at()],
                it.agent.at(),
                it.instances.into(),
            );
        }
        let (placed, times) = read_placements(plan, &names, n_tasks, findings);
        let held = held(cluster, &placed, &times);
        let (mut leaving, entering) = read_moves(plan, &names, n_tasks, findings);
        let displaced = read_victims(plan, &names, &mut leaving, findings);
        let offers = read_offers(cluster, plan, &names, findings);
        let offered_devices = read_offered_devices(cluster, plan, &names, findings);
        let kept = minus(&running, &leaving);
        let arriving = minus(&placed, &kept);
        let limits = limits(cluster, &running, &kept);
        let mut limits_on = vec![Vec::new(); n_tasks];
        for (at, limit) in limits.iter().enumerate() {
            for &task in &limit.tasks {
                limits_on[task].push(at);
            }
        }
        let on_units = units::read_placements(plan, &names);
        let kept_on_units = units::kept(cluster, &kept);
        let unit_offers = units::read_offers(cluster, plan, &names, findings);
        let mut occupied = vec![false; cluster.agents.len()];
        for (&agent, _) in running.iter().flatten() {
            occupied[agent] = true;
        }
        Self {
            cluster,
            plan,
            names,
            allowed: Allowed::of(cluster),
            running,
            placed,
            times,
            held,
            leaving,
            displaced,
            entering,
            kept,
            arriving,
            limits,
            limits_on,
            occupied,
            offers,
            offered_devices,
            on_units,
            kept_on_units,
            unit_offers,
        }
    }

    /// `job/task`.
    pub(super) fn task_name(&self, task: usize) -> String {
        let it = &self.cluster.tasks[task];
        format!("{}/{}", self.cluster.jobs[it.job.at()].id, it.id)
    }

    pub(super) fn agent_name(&self, agent: usize) -> &'a str {
        &self.cluster.agents[agent].id
    }

    /// The tasks of a framework.
    pub(super) fn tasks_of(&self, framework: usize) -> Vec<usize> {
        let jobs = self.cluster.frameworks[framework].jobs.iter();
        let tasks = jobs.flat_map(|job| &self.cluster.jobs[job.at()].tasks);
        tasks.map(|task| task.at()).collect()
    }

    pub(super) fn demand(&self, task: usize) -> &'a [i64] {
        &self.cluster.tasks[task].demand.0
    }

    /// Instances wanted, running ones included.
    pub(super) fn wanted(&self, task: usize) -> i128 {
        i128::from(self.cluster.tasks[task].instances).max(0)
    }

    /// How fast a task runs on an agent, in thousandths of its usual speed: the slowest of its devices decides; 0
    /// where the agent lacks a model that it allows.
    pub(super) fn speed(&self, task: usize, agent: usize) -> i128 {
        let mut slowest = None;
        for need in &self.cluster.tasks[task].devices {
            let mut speed = 0;
            for devices in &self.cluster.agents[agent].devices {
                if devices.kind != need.kind {
                    continue;
                }
                if need.models.is_empty() {
                    speed = 1000;
                }
                for choice in need.models.iter().filter(|it| it.model == devices.model) {
                    speed = i128::from(choice.throughput);
                }
            }
            slowest = Some(slowest.map_or(speed, |slowest: i128| slowest.min(speed)));
        }
        slowest.unwrap_or(1000)
    }

    pub(super) fn value(&self, task: usize) -> i128 {
        self.cluster.tasks[task].value.into()
    }

    /// What an instance is worth on an agent, in thousandths: its value, or its value times its speed there.
    pub(super) fn worth(&self, task: usize, agent: usize, at_speed: bool) -> i128 {
        let speed = if at_speed {
            self.speed(task, agent)
        } else {
            1000
        };
        self.value(task) * speed
    }

    /// Whether the task may put something new there, whatever else is there.
    pub(super) fn open(&self, task: usize, agent: usize) -> bool {
        self.allowed.allows(task, agent) && !self.cluster.agents[agent].cordoned
    }

    /// The most that some frameworks' instances use at any moment, what is placed for good beside what follows one another; by
    /// agent and resource.
    pub(super) fn load_over_time(
        &self,
        counts: &Counts,
        framework: Option<usize>,
    ) -> Vec<Vec<i128>> {
        let own = framework.map(|it| own_tasks(self.cluster, it));
        let belongs = |task: usize| own.as_ref().is_none_or(|own| own[task]);
        let mut steady = counts.clone();
        for (task, by_agent) in steady.iter_mut().enumerate() {
            if !belongs(task) {
                by_agent.clear();
            }
        }
        let times: Vec<&TimedCount> = self.times.iter().filter(|it| belongs(it.task)).collect();
        for it in &times {
            add(&mut steady[it.task], it.agent, -it.instances);
        }
        let steady = self.load(&steady);
        let mut most = steady.clone();
        for (agent, most) in most.iter_mut().enumerate() {
            let here: Vec<&&TimedCount> = times.iter().filter(|it| it.agent == agent).collect();
            for begun in &here {
                let mut now = steady[agent].clone();
                for it in here.iter().filter(|it| it.runs_at(begun.start_ms)) {
                    for (now, &need) in now.iter_mut().zip(self.demand(it.task)) {
                        *now += i128::from(need) * it.instances;
                    }
                }
                for (most, now) in most.iter_mut().zip(now) {
                    *most = now.max(*most);
                }
            }
        }
        most
    }

    /// What `counts` use, by agent and resource.
    pub(super) fn load(&self, counts: &Counts) -> Vec<Vec<i128>> {
        let mut load = vec![vec![0; self.cluster.resources.len()]; self.cluster.agents.len()];
        for (task, by_agent) in counts.iter().enumerate() {
            for (&agent, &count) in by_agent {
                for (used, &need) in load[agent].iter_mut().zip(self.demand(task)) {
                    *used += i128::from(need) * count;
                }
            }
        }
        load
    }
}

/// The sum of a task's counts.
pub(super) fn total(by_agent: &BTreeMap<usize, i128>) -> i128 {
    by_agent.values().sum()
}

fn add(by_agent: &mut BTreeMap<usize, i128>, agent: usize, count: i128) {
    *by_agent.entry(agent).or_default() += count;
}

/// `left - right` where that is positive.
fn minus(left: &Counts, right: &Counts) -> Counts {
    let tasks = left.iter().zip(right);
    tasks
        .map(|(left, right)| {
            let rest = left.iter().map(|(&agent, &count)| {
                (
                    agent,
                    count - right.get(&agent).copied().unwrap_or_default(),
                )
            });
            rest.filter(|&(_, count)| count > 0).collect()
        })
        .collect()
}

fn read_placements(
    plan: &PlanFile,
    names: &Names<'_>,
    n_tasks: usize,
    findings: &mut Findings,
) -> (Counts, Vec<TimedCount>) {
    let mut placed = vec![BTreeMap::new(); n_tasks];
    let mut times = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in &plan.placements {
        let subject = || format!("{}/{} on {}", entry.job, entry.task, entry.agent);
        let task = known_task(
            names,
            (&entry.job, &entry.task, entry.shard.as_ref()),
            "placements",
            findings,
        );
        let agent = known_agent(names, &entry.agent, "placements", findings);
        let counts = positive(entry.instances, subject, findings);
        // Instances with devices of their own are listed one by one, even where they are alike.
        let what = (&entry.job, &entry.task, &entry.shard);
        let key = (
            what,
            &entry.agent,
            &entry.unit,
            entry.start_ms,
            entry.end_ms,
        );
        let first = seen.insert(key) || !entry.devices.is_empty();
        unique(first, subject, findings);
        let timed = match (entry.start_ms, entry.end_ms) {
            (None, None) => None,
            (start, end) => Some((start.unwrap_or(-1), end.unwrap_or(-1))),
        };
        let sensible = timed.is_none_or(|(start, end)| 0 <= start && start <= end);
        findings.check(Rule::Instances, sensible && (timed.is_none() || entry.devices.is_empty()), || {
            let text = "what follows others starts at 0 ms or later, ends no earlier, and holds no single devices";
            (subject(), "0 <= start_ms <= end_ms", format!("{timed:?}"), text.to_owned())
        });
        if let (Some(task), Some(agent), true, true, true) = (task, agent, counts, first, sensible)
        {
            add(&mut placed[task], agent, entry.instances.into());
            if let Some((start_ms, end_ms)) = timed {
                let instances = entry.instances.into();
                times.push(TimedCount {
                    task,
                    agent,
                    start_ms,
                    end_ms,
                    instances,
                });
            }
        }
    }
    (placed, times)
}

/// By task, whether it is a framework's.
fn own_tasks(cluster: &Cluster, framework: usize) -> Vec<bool> {
    let mut own = vec![false; cluster.tasks.len()];
    for job in &cluster.frameworks[framework].jobs {
        for task in &cluster.jobs[job.at()].tasks {
            own[task.at()] = true;
        }
    }
    own
}

/// What counts for shares; see [`State::held`].
fn held(cluster: &Cluster, placed: &Counts, times: &[TimedCount]) -> Counts {
    let mut held = placed.clone();
    for framework in 0..cluster.frameworks.len() {
        let of_framework = own_tasks(cluster, framework);
        let own: Vec<&TimedCount> = times.iter().filter(|it| of_framework[it.task]).collect();
        // What begins at each moment less what ends then.
        let mut changes: BTreeMap<i64, i128> = BTreeMap::new();
        for it in &own {
            let value = i128::from(cluster.tasks[it.task].value) * it.instances;
            *changes.entry(it.start_ms).or_default() += value;
            *changes.entry(it.end_ms).or_default() -= value;
        }
        let starts: BTreeSet<i64> = own.iter().map(|it| it.start_ms).collect();
        let mut best: Option<(i128, i64)> = None;
        let mut value = 0;
        for (moment, change) in changes {
            value += change;
            if starts.contains(&moment) && best.is_none_or(|(most, _)| value > most) {
                best = Some((value, moment));
            }
        }
        for it in &own {
            let at_peak = best.is_some_and(|(_, moment)| it.runs_at(moment));
            if !at_peak {
                add(&mut held[it.task], it.agent, -it.instances);
            }
        }
    }
    for by_agent in &mut held {
        by_agent.retain(|_, count| *count > 0);
    }
    held
}

fn read_moves(
    plan: &PlanFile,
    names: &Names<'_>,
    n_tasks: usize,
    findings: &mut Findings,
) -> (Counts, Counts) {
    let mut leaving = vec![BTreeMap::new(); n_tasks];
    let mut entering = vec![BTreeMap::new(); n_tasks];
    let mut seen = BTreeSet::new();
    for entry in &plan.moves {
        let subject = || {
            format!(
                "{}/{} from {} to {}",
                entry.job, entry.task, entry.from, entry.to
            )
        };
        let task = known_task(
            names,
            (&entry.job, &entry.task, entry.shard.as_ref()),
            "moves",
            findings,
        );
        let from = known_agent(names, &entry.from, "moves", findings);
        let to = known_agent(names, &entry.to, "moves", findings);
        let counts = positive(entry.instances, subject, findings);
        let what = (&entry.job, &entry.task, &entry.shard);
        let first = seen.insert((what, &entry.from, &entry.to));
        unique(first, subject, findings);
        if let (Some(task), Some(from), Some(to), true, true) = (task, from, to, counts, first) {
            add(&mut leaving[task], from, entry.instances.into());
            add(&mut entering[task], to, entry.instances.into());
        }
    }
    (leaving, entering)
}

/// Who has to go; those of them that do not move leave all the same.
fn read_victims(
    plan: &PlanFile,
    names: &Names<'_>,
    leaving: &mut Counts,
    findings: &mut Findings,
) -> Counts {
    let mut displaced = vec![BTreeMap::new(); leaving.len()];
    for victim in plan.preemptions.iter().flat_map(|it| &it.victims) {
        let subject = || format!("{}/{} on {}", victim.job, victim.task, victim.agent);
        let task = known_task(
            names,
            (&victim.job, &victim.task, None),
            "preemptions",
            findings,
        );
        let agent = known_agent(names, &victim.agent, "preemptions", findings);
        let counts = positive(victim.instances, subject, findings);
        let sensible = (0..=victim.instances).contains(&victim.moved);
        findings.check(Rule::Instances, sensible, || {
            let text = "as many as had to go can have moved, and no more".to_owned();
            (subject(), victim.instances, victim.moved, text)
        });
        if let (Some(task), Some(agent), true, true) = (task, agent, counts, sensible) {
            add(&mut displaced[task], agent, victim.instances.into());
            let gone = victim.instances - victim.moved;
            if gone > 0 {
                add(&mut leaving[task], agent, gone.into());
            }
        }
    }
    displaced
}

fn read_offers(
    cluster: &Cluster,
    plan: &PlanFile,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<BTreeMap<usize, Vec<i128>>> {
    let mut offers = vec![BTreeMap::new(); cluster.frameworks.len()];
    let mut seen = BTreeSet::new();
    for entry in &plan.offers {
        let subject = || format!("offer to {} on {}", entry.framework, entry.agent);
        let framework = known_framework(names, &entry.framework, "offers", findings);
        let agent = known_agent(names, &entry.agent, "offers", findings);
        let first = seen.insert((&entry.framework, &entry.agent));
        unique(first, subject, findings);
        let mut amounts = vec![0; cluster.resources.len()];
        for (resource, &amount) in &entry.resources {
            let position = known_resource(names, resource, "offers", findings);
            findings.check(Rule::Instances, amount >= 0, || {
                let text = format!("an offer of {resource} is not negative");
                (subject(), 0_i64, amount, text)
            });
            if let Some(position) = position {
                // What no agent has is cut: it is beyond every agent still.
                amounts[position] = i128::from(amount.clamp(0, MAX_QUANTITY + 1));
            }
        }
        if let (Some(framework), Some(agent), true) = (framework, agent, first) {
            offers[framework].insert(agent, amounts);
        }
    }
    offers
}

fn read_offered_devices(
    cluster: &Cluster,
    plan: &PlanFile,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<OfferedDevices> {
    let mut offered: Vec<OfferedDevices> = vec![BTreeMap::new(); cluster.frameworks.len()];
    for entry in &plan.offers {
        let framework = names.frameworks.get(entry.framework.as_str()).copied();
        let agent = names.agents.get(entry.agent.as_str()).copied();
        let (Some(framework), Some(agent)) = (framework, agent) else {
            continue;
        };
        for device in &entry.devices {
            let subject = || format!("offer to {} on {}", entry.framework, entry.agent);
            let kind = cluster.devices.iter().position(|kind| *kind == device.name);
            let kind = known(kind, "device", &device.name, "offers", findings);
            let sensible = device.milli >= 0 && device.milli <= 1000;
            findings.check(Rule::Instances, sensible, || {
                let text = format!("an offer of {} {} is 0 to 1000", device.name, device.index);
                (subject(), 1000_i64, device.milli, text)
            });
            if let Some(kind) = kind {
                let by_device = offered[framework].entry(agent).or_default();
                let amount = device.milli.clamp(0, 1000).into();
                let first = by_device.insert((kind, device.index), amount).is_none();
                unique(first, subject, findings);
            }
        }
    }
    offered
}

fn positive(instances: i64, subject: impl Fn() -> String, findings: &mut Findings) -> bool {
    let sensible = (1..=MAX_INSTANCES).contains(&instances);
    findings.check(Rule::Instances, sensible, || {
        let text = format!("a count of instances is from 1 to {MAX_INSTANCES}");
        (subject(), 1_i64, instances, text)
    });
    sensible
}

pub(super) fn unique(first: bool, subject: impl Fn() -> String, findings: &mut Findings) {
    findings.check(Rule::Duplicate, first, || {
        (subject(), "once", "again", "is listed twice".to_owned())
    });
}

pub(super) fn known_task(
    names: &Names<'_>,
    (job, task, shard): (&str, &str, Option<&String>),
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.task(job, task, shard);
    known(found, "task", &format!("{job}/{task}"), place, findings)
}

pub(super) fn known_agent(
    names: &Names<'_>,
    agent: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    known(
        names.agents.get(agent).copied(),
        "agent",
        agent,
        place,
        findings,
    )
}

pub(super) fn known_framework(
    names: &Names<'_>,
    framework: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.frameworks.get(framework).copied();
    known(found, "framework", framework, place, findings)
}

pub(super) fn known_resource(
    names: &Names<'_>,
    resource: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    let found = names.resources.get(resource).copied();
    known(found, "resource", resource, place, findings)
}

pub(super) fn known(
    found: Option<usize>,
    kind: &str,
    name: &str,
    place: &str,
    findings: &mut Findings,
) -> Option<usize> {
    findings.check(Rule::UnknownName, found.is_some(), || {
        let text = format!("`{place}` names a {kind} that is not there");
        (name.to_owned(), format!("a known {kind}"), name, text)
    });
    found
}
