//! Preemption: who had to go, for whom, and that nobody went in vain or below what is guaranteed.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{PlanStatus, Preemption};

use super::report::Findings;
use super::roles::Roles;
use super::rule::Rule;
use super::state::{State, known, known_agent, known_task, total};

const WHOLE: i128 = 1000;

/// The code of the reason of displaced instances that wait.
const REASON: &str = "preempted";

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    reasons(state, findings);
    let entries = &state.plan.preemptions;
    if entries.is_empty() {
        return;
    }
    let options = &state.plan.options;
    fault_unless(
        options.preempt,
        ("plan", "the option `preempt`", "none"),
        "instances go for others only where that was asked for",
        findings,
    );
    let sorted = entries.is_sorted_by_key(|it| (&it.job, &it.role));
    findings.check(Rule::Order, sorted, || {
        let text = "`preemptions` is not in order".to_owned();
        (
            "preemptions".to_owned(),
            "by job, role",
            "another order",
            text,
        )
    });
    let roles = Roles::of(state);
    let mut beneficiaries: BTreeMap<usize, Vec<i128>> = BTreeMap::new();
    let mut new: BTreeMap<(usize, usize), i128> = BTreeMap::new();
    for entry in entries {
        let Some((framework, role)) = named(state, &roles, entry, findings) else {
            continue;
        };
        let sums = beneficiaries
            .entry(role)
            .or_insert_with(|| vec![0; state.cluster.resources.len()]);
        placed(state, (entry, framework), sums, &mut new, findings);
        outside(state, &roles, entry, role, findings);
    }
    for ((task, agent), count) in new {
        let arriving = state.arriving[task]
            .get(&agent)
            .copied()
            .unwrap_or_default();
        findings.check(Rule::Preemption, count <= arriving, || {
            let text = "others went for more instances than are new there".to_owned();
            (place(state, task, agent), count, arriving, text)
        });
    }
    covered(state, &roles, &beneficiaries, findings);
    running(state, findings);
    protected(state, &roles, findings);
    available(state, findings);
    if state.plan.status != PlanStatus::Deadline {
        spared(state, &roles, findings);
    }
}

fn fault_unless(
    holds: bool,
    (subject, need, have): (&str, &str, &str),
    text: &str,
    findings: &mut Findings,
) {
    findings.check(Rule::Preemption, holds, || {
        (subject.to_owned(), need, have, text.to_owned())
    });
}

fn place(state: &State<'_>, task: usize, agent: usize) -> String {
    format!("{} on {}", state.task_name(task), state.agent_name(agent))
}

/// The framework and the role of an entry: a role with a guarantee, at or above the framework's.
fn named(
    state: &State<'_>,
    roles: &Roles,
    entry: &Preemption,
    findings: &mut Findings,
) -> Option<(usize, usize)> {
    let cluster = state.cluster;
    let job = cluster.jobs.iter().find(|job| job.id == entry.job);
    let framework = job.map(|job| job.framework.at());
    let framework = known(framework, "job", &entry.job, "preemptions", findings)?;
    let role = cluster
        .roles
        .iter()
        .position(|role| role.path == entry.role);
    let role = known(role, "role", &entry.role, "preemptions", findings)?;
    fault_unless(
        roles.above(framework).contains(&role) && !cluster.roles[role].guarantee.is_zero(),
        (&entry.job, "a role above it with a guarantee", &entry.role),
        "the role does not cover the job",
        findings,
    );
    fault_unless(
        !entry.placed.is_empty() && !entry.victims.is_empty(),
        (&entry.job, "instances that are placed, and victims", "none"),
        "nobody goes for nothing",
        findings,
    );
    Some((framework, role))
}

/// What is placed is of the job and new; a gang is whole.
fn placed(
    state: &State<'_>,
    (entry, framework): (&Preemption, usize),
    sums: &mut [i128],
    new: &mut BTreeMap<(usize, usize), i128>,
    findings: &mut Findings,
) {
    let own: BTreeSet<usize> = state.tasks_of(framework).into_iter().collect();
    for it in &entry.placed {
        let task = known_task(
            &state.names,
            (&it.job, &it.task, None),
            "preemptions",
            findings,
        );
        let agent = known_agent(&state.names, &it.agent, "preemptions", findings);
        let (Some(task), Some(agent)) = (task, agent) else {
            continue;
        };
        findings.check(Rule::Instances, it.instances >= 1, || {
            let text = "a count of instances is at least 1".to_owned();
            (place(state, task, agent), 1_i64, it.instances, text)
        });
        let count = i128::from(it.instances.max(0));
        *new.entry((task, agent)).or_default() += count;
        for (sum, &need) in sums.iter_mut().zip(state.demand(task)) {
            *sum += i128::from(need) * count;
        }
        fault_unless(
            it.job == entry.job && own.contains(&task),
            (&entry.job, "instances of this job", &it.job),
            "what is placed is of another job",
            findings,
        );
    }
    let job = state.cluster.jobs.iter().find(|job| job.id == entry.job);
    let gang = job.and_then(|job| Some((job, job.gang_min?)));
    if let Some((job, min)) = gang {
        let tasks = job.tasks.iter().map(|task| task.at());
        let count: i128 = tasks.map(|task| total(&state.placed[task])).sum();
        findings.check(Rule::Preemption, count >= min.into(), || {
            let text = "others went for a gang that is not whole".to_owned();
            (job.id.clone(), min, count, text)
        });
    }
}

/// Victims are of frameworks outside the subtree of the role.
fn outside(
    state: &State<'_>,
    roles: &Roles,
    entry: &Preemption,
    role: usize,
    findings: &mut Findings,
) {
    for victim in &entry.victims {
        let job = state.cluster.jobs.iter().find(|job| job.id == victim.job);
        let Some(job) = job else { continue };
        let inside = roles.above(job.framework.at()).contains(&role);
        fault_unless(
            !inside,
            (&victim.job, "a framework outside the role", &entry.role),
            "a role takes nothing from those below it",
            findings,
        );
    }
}

/// `guarantee` of each role has room for everything that others went for, beside what ran below it and stays.
fn covered(
    state: &State<'_>,
    roles: &Roles,
    beneficiaries: &BTreeMap<usize, Vec<i128>>,
    findings: &mut Findings,
) {
    let usage = roles.usage(state, &state.running);
    let displaced = roles.usage(state, &state.displaced);
    for (&role, sums) in beneficiaries {
        let guarantee = &state.cluster.roles[role].guarantee.0;
        let mut any = false;
        for (resource, &promised) in guarantee.iter().enumerate() {
            if promised == 0 || sums[resource] == 0 {
                continue;
            }
            any = true;
            let used = usage[role][resource] - displaced[role][resource] + sums[resource];
            findings.check(Rule::Preemption, used <= promised.into(), || {
                let path = &state.cluster.roles[role].path;
                let name = format!("guarantee[{path},{}]", state.cluster.resources[resource]);
                let text = "others went for more than the role's guarantee covers".to_owned();
                (name, promised, used, text)
            });
        }
        fault_unless(
            any,
            (
                &state.cluster.roles[role].path,
                "a resource that is guaranteed",
                "none",
            ),
            "others went for what the guarantee does not speak of",
            findings,
        );
    }
}

/// Displaced instances ran; those that moved are among the moves.
fn running(state: &State<'_>, findings: &mut Findings) {
    for (task, by_agent) in state.displaced.iter().enumerate() {
        for (&agent, &count) in by_agent {
            let ran = state.running[task].get(&agent).copied().unwrap_or_default();
            findings.check(Rule::Preemption, count <= ran, || {
                let text = "more instances had to go than run".to_owned();
                (place(state, task, agent), ran, count, text)
            });
        }
    }
    let mut moved: BTreeMap<(&str, &str, &str), i128> = BTreeMap::new();
    for victim in state.plan.preemptions.iter().flat_map(|it| &it.victims) {
        let place = (
            victim.job.as_str(),
            victim.task.as_str(),
            victim.agent.as_str(),
        );
        *moved.entry(place).or_default() += i128::from(victim.moved);
    }
    for ((job, task, agent), count) in moved {
        let moves = state.plan.moves.iter();
        let from = moves.filter(|it| (&*it.job, &*it.task, &*it.from) == (job, task, agent));
        let listed: i128 = from.map(|it| i128::from(it.instances)).sum();
        findings.check(Rule::Preemption, count <= listed, || {
            let text = "more displaced instances are said to move than moves are listed".to_owned();
            (format!("{job}/{task} on {agent}"), count, listed, text)
        });
    }
}

/// No role ends below what is guaranteed to it and was used.
fn protected(state: &State<'_>, roles: &Roles, findings: &mut Findings) {
    let before = roles.usage(state, &state.running);
    let after = roles.usage(state, &state.placed);
    for (role, it) in state.cluster.roles.iter().enumerate() {
        for (resource, &promised) in it.guarantee.0.iter().enumerate() {
            let least = before[role][resource].min(promised.into());
            let has = after[role][resource];
            findings.check(Rule::Preemption, has >= least, || {
                let name = format!(
                    "guarantee[{},{}]",
                    it.path, state.cluster.resources[resource]
                );
                let text = "a role lost some of what is guaranteed to it".to_owned();
                (name, least, has, text)
            });
        }
    }
}

/// Jobs that lose instances keep what must survive the loss of a domain.
fn available(state: &State<'_>, findings: &mut Findings) {
    for job in &state.cluster.jobs {
        let Some(rule) = job.min_available else {
            continue;
        };
        let tasks: Vec<usize> = job.tasks.iter().map(|task| task.at()).collect();
        if tasks.iter().all(|&task| state.displaced[task].is_empty()) {
            continue;
        }
        let left = |counts: &super::state::Counts| {
            let mut by_domain: BTreeMap<usize, i128> = BTreeMap::new();
            for &task in &tasks {
                for (&agent, &count) in &counts[task] {
                    let domain = state.cluster.agents[agent].domains[rule.level.at()].at();
                    *by_domain.entry(domain).or_default() += count;
                }
            }
            let most = by_domain.values().max().copied().unwrap_or_default();
            by_domain.values().sum::<i128>() - most
        };
        let need = left(&state.running).min(rule.instances.into());
        let have = left(&state.placed);
        findings.check(Rule::Preemption, have >= need, || {
            let text = "the job lost instances that must survive the loss of a domain".to_owned();
            (job.id.clone(), need, have, text)
        });
    }
}

/// No victim could have stayed beside everything that is placed. Of a gang that went whole, all of it together.
fn spared(state: &State<'_>, roles: &Roles, findings: &mut Findings) {
    let ground = Ground::of(state, roles);
    let mut gangs: BTreeMap<usize, Vec<(usize, usize, i128)>> = BTreeMap::new();
    for (task, by_agent) in state.displaced.iter().enumerate() {
        let job = state.cluster.tasks[task].job.at();
        let of = &state.cluster.jobs[job];
        let tasks = of.tasks.iter().map(|task| task.at());
        let stays: i128 = tasks.map(|task| total(&state.kept[task])).sum();
        let alone = of.gang_min.is_none_or(|min| stays + 1 >= min.into());
        for (&agent, &count) in by_agent {
            match alone {
                true => ground.check(&[(task, agent, 1)], findings),
                false => gangs.entry(job).or_default().push((task, agent, count)),
            }
        }
    }
    for gang in gangs.values() {
        ground.check(gang, findings);
    }
}

/// What is left in the plan.
struct Ground<'a> {
    state: &'a State<'a>,
    roles: &'a Roles,
    usage: Vec<Vec<i128>>,
    load: Vec<Vec<i128>>,
    /// What is held on agents, by role and agent.
    held: Vec<(usize, usize, Vec<i128>)>,
    /// Thousandths held of each device, by agent, kind and number.
    devices: BTreeMap<(usize, usize, i64), i128>,
}

impl<'a> Ground<'a> {
    fn of(state: &'a State<'a>, roles: &'a Roles) -> Self {
        let cluster = state.cluster;
        let mut held = Vec::new();
        for entry in &state.plan.guarantees {
            let role = cluster
                .roles
                .iter()
                .position(|role| role.path == entry.role);
            for part in &entry.held {
                let agent = state.names.agents.get(part.agent.as_str()).copied();
                let (Some(role), Some(agent)) = (role, agent) else {
                    continue;
                };
                let amount = |name: &String| part.resources.get(name).copied().unwrap_or_default();
                let amounts = cluster
                    .resources
                    .iter()
                    .map(|name| i128::from(amount(name)));
                held.push((role, agent, amounts.collect()));
            }
        }
        let mut devices = BTreeMap::new();
        for entry in &state.plan.placements {
            let agent = state.names.agents.get(entry.agent.as_str());
            for device in &entry.devices {
                let kind = cluster.devices.iter().position(|kind| *kind == device.name);
                if let (Some(&agent), Some(kind)) = (agent, kind) {
                    *devices.entry((agent, kind, device.index)).or_default() +=
                        i128::from(device.milli);
                }
            }
        }
        Self {
            state,
            roles,
            usage: roles.usage(state, &state.placed),
            load: state.load(&state.placed),
            held,
            devices,
        }
    }

    /// These instances, put back together, do not fit. Rules that count over domains are not looked at: where there
    /// are any, nothing is said.
    fn check(&self, back: &[(usize, usize, i128)], findings: &mut Findings) {
        let state = self.state;
        let counted = |task: usize| {
            let spreads = state
                .cluster
                .tasks
                .iter()
                .any(|it| it.spreads.iter().any(|rule| rule.hard));
            !state.limits_on[task].is_empty() || spreads
        };
        if back.iter().any(|&(task, ..)| counted(task)) {
            return;
        }
        let fits = self.has_room(back) && self.within_limits(back);
        findings.check(Rule::Preemption, !fits, || {
            let (task, agent, count) = back[0];
            let text = "had to go though it could have stayed beside what is placed".to_owned();
            (
                place(state, task, agent),
                "no room",
                format!("room for {count}"),
                text,
            )
        });
    }

    fn has_room(&self, back: &[(usize, usize, i128)]) -> bool {
        let state = self.state;
        let mut load = self.load.clone();
        let mut devices = self.devices.clone();
        for &(task, agent, count) in back {
            let framework = state.cluster.jobs[state.cluster.tasks[task].job.at()]
                .framework
                .at();
            let above = self.roles.above(framework);
            let capacity = &state.cluster.agents[agent].capacity.0;
            for (resource, &need) in state.demand(task).iter().enumerate() {
                let others = self
                    .held
                    .iter()
                    .filter(|(role, at, _)| *at == agent && !above.contains(role));
                let held: i128 = others.map(|(.., amounts)| amounts[resource]).sum();
                load[agent][resource] += i128::from(need) * count;
                if need > 0 && load[agent][resource] + held > i128::from(capacity[resource]) {
                    return false;
                }
            }
            for _ in 0..count {
                if !state.open(task, agent) || !self.take(task, agent, &mut devices) {
                    return false;
                }
            }
        }
        true
    }

    /// Takes the fullest devices that still have room.
    fn take(
        &self,
        task: usize,
        agent: usize,
        devices: &mut BTreeMap<(usize, usize, i64), i128>,
    ) -> bool {
        let cluster = self.state.cluster;
        for need in &cluster.tasks[task].devices {
            let on = cluster.agents[agent]
                .devices
                .iter()
                .filter(|it| it.kind == need.kind);
            let count: i64 = on.map(|it| it.count).sum();
            let kind = need.kind.at();
            let used = |index: i64| {
                devices
                    .get(&(agent, kind, index))
                    .copied()
                    .unwrap_or_default()
            };
            let mut free: Vec<(i128, i64)> = (0..count)
                .map(|index| (WHOLE - used(index), index))
                .filter(|(room, _)| *room >= need.milli.into())
                .collect();
            free.sort_unstable();
            let chosen: Vec<i64> = free.iter().map(|(_, index)| *index).collect();
            let wanted = usize::try_from(need.count).unwrap_or(usize::MAX);
            if chosen.len() < wanted {
                return false;
            }
            for &index in &chosen[..wanted] {
                *devices.entry((agent, kind, index)).or_default() += i128::from(need.milli);
            }
        }
        true
    }

    fn within_limits(&self, back: &[(usize, usize, i128)]) -> bool {
        let state = self.state;
        let mut usage = self.usage.clone();
        for &(task, _, count) in back {
            let framework = state.cluster.jobs[state.cluster.tasks[task].job.at()]
                .framework
                .at();
            for &role in self.roles.above(framework) {
                for (resource, &need) in state.demand(task).iter().enumerate() {
                    usage[role][resource] += i128::from(need) * count;
                    let limit = self.roles.limits[role][resource];
                    if need > 0 && limit.is_some_and(|limit| usage[role][resource] > limit) {
                        return false;
                    }
                }
            }
        }
        true
    }
}

/// Displaced instances that wait are told so, with the name of each job that they went for; nobody else is.
fn reasons(state: &State<'_>, findings: &mut Findings) {
    let mut waiting: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for entry in &state.plan.preemptions {
        for victim in entry.victims.iter().filter(|it| it.instances > it.moved) {
            let task = (victim.job.as_str(), victim.task.as_str());
            waiting.entry(task).or_default().insert(&entry.job);
        }
    }
    for entry in &state.plan.unplaced {
        let task = (entry.job.as_str(), entry.task.as_str());
        let told = entry.reason.code == REASON;
        let jobs = waiting.remove(&task);
        let named = jobs
            .as_ref()
            .is_none_or(|jobs| jobs.iter().all(|job| entry.reason.text.contains(job)));
        if told || jobs.is_some() {
            fault_unless(
                told == jobs.is_some() && named,
                (
                    &format!("{}/{}", task.0, task.1),
                    "a reason that names who it went for",
                    &entry.reason.code,
                ),
                "displaced instances that wait have the reason `preempted`, and nobody else has",
                findings,
            );
        }
    }
    for ((job, task), _) in waiting {
        fault_unless(
            false,
            (&format!("{job}/{task}"), "an entry in `unplaced`", "none"),
            "displaced instances that have no place are not listed",
            findings,
        );
    }
}
