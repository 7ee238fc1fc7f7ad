//! Roles: what subtrees hold at most, and what is kept for them.

use std::collections::BTreeMap;

use apportion_cluster::IdleGuarantee;
use apportion_cluster::file::Amounts;

use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State, known, known_agent, known_resource, unique};

/// Usage and limits of subtrees, read from the snapshot by paths.
pub(super) struct Roles {
    /// The roles at and above each framework's, by framework.
    above: Vec<Vec<usize>>,
    /// The most of each resource: the limit, or what runs where that is more; by role.
    pub limits: Vec<Vec<Option<i128>>>,
}

impl Roles {
    pub(super) fn of(state: &State<'_>) -> Self {
        let cluster = state.cluster;
        let above = cluster.frameworks.iter().map(|framework| {
            let own = &cluster.roles[framework.role.at()].path;
            let roles = cluster.roles.iter().enumerate();
            roles
                .filter(|(_, role)| lies_at_or_below(own, &role.path))
                .map(|(at, _)| at)
                .collect()
        });
        let mut roles = Self {
            above: above.collect(),
            limits: Vec::new(),
        };
        let running = roles.usage(state, &state.running);
        let limits = cluster.roles.iter().zip(running).map(|(role, running)| {
            let pairs = role.limit.iter().zip(running);
            pairs
                .map(|(limit, used)| limit.map(|limit| i128::from(limit).max(used)))
                .collect()
        });
        roles.limits = limits.collect();
        roles
    }

    /// What each subtree uses, by role and resource.
    pub(super) fn usage(&self, state: &State<'_>, counts: &Counts) -> Vec<Vec<i128>> {
        let mut usage = vec![vec![0; state.cluster.resources.len()]; state.cluster.roles.len()];
        for framework in 0..self.above.len() {
            for task in state.tasks_of(framework) {
                let count: i128 = counts[task].values().sum();
                for &role in &self.above[framework] {
                    for (used, &need) in usage[role].iter_mut().zip(state.demand(task)) {
                        *used += i128::from(need) * count;
                    }
                }
            }
        }
        usage
    }

    pub(super) fn above(&self, framework: usize) -> &[usize] {
        &self.above[framework]
    }

    /// Whether a limit is below what a single instance of the task needs, and none runs.
    pub(super) fn blocks(&self, state: &State<'_>, task: usize) -> bool {
        let job = state.cluster.tasks[task].job.at();
        let framework = state.cluster.jobs[job].framework.at();
        state.running[task].is_empty()
            && self.above[framework].iter().any(|&role| {
                let mut limits = self.limits[role].iter().zip(state.demand(task));
                limits.any(|(limit, &need)| {
                    need > 0 && limit.is_some_and(|limit| limit < i128::from(need))
                })
            })
    }
}

/// Whether `path` is `vertex` or below it.
pub(super) fn lies_at_or_below(path: &str, vertex: &str) -> bool {
    path == vertex || (path.starts_with(vertex) && path.as_bytes()[vertex.len()] == b'/')
}

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    let roles = Roles::of(state);
    let usage = roles.usage(state, &state.held);
    limits(state, &roles, &usage, findings);
    guarantees(state, &roles, &usage, findings);
}

/// No subtree holds more than its limit, or than what runs already.
fn limits(state: &State<'_>, roles: &Roles, usage: &[Vec<i128>], findings: &mut Findings) {
    for (role, (limits, usage)) in roles.limits.iter().zip(usage).enumerate() {
        for (resource, (limit, &used)) in limits.iter().zip(usage).enumerate() {
            let Some(limit) = *limit else { continue };
            findings.check(Rule::RoleLimit, used <= limit, || {
                let path = &state.cluster.roles[role].path;
                let resource = &state.cluster.resources[resource];
                let text = "the subtree holds more than its limit";
                (
                    format!("limit[{path},{resource}]"),
                    limit,
                    used,
                    text.to_owned(),
                )
            });
        }
    }
}

/// A role's entry, read.
struct Entry {
    amounts: Vec<i128>,
    held: BTreeMap<usize, Vec<i128>>,
}

/// Every guarantee has an entry; what it states is used or held, on agents that have it and that the role may use.
fn guarantees(state: &State<'_>, roles: &Roles, usage: &[Vec<i128>], findings: &mut Findings) {
    let cluster = state.cluster;
    let mut entries: BTreeMap<usize, Entry> = BTreeMap::new();
    for entry in &state.plan.guarantees {
        let role = cluster
            .roles
            .iter()
            .position(|role| role.path == entry.role);
        let role = known(role, "role", &entry.role, "guarantees", findings);
        let Some(role) = role else { continue };
        let amounts = read(state, &entry.amounts, findings);
        let mut held = BTreeMap::new();
        for part in &entry.held {
            let agent = known_agent(&state.names, &part.agent, "guarantees", findings);
            let amounts = read(state, &part.resources, findings);
            if let Some(agent) = agent {
                let subject = || format!("held for {} on {}", entry.role, part.agent);
                unique(held.insert(agent, amounts).is_none(), subject, findings);
            }
        }
        stated(
            state,
            role,
            (entry.fraction, &entry.idle),
            &amounts,
            findings,
        );
        let subject = || format!("guarantee of {}", entry.role);
        let new = entries.insert(role, Entry { amounts, held }).is_none();
        unique(new, subject, findings);
    }
    for (role, it) in cluster.roles.iter().enumerate() {
        let lends = it.idle_guarantee == IdleGuarantee::Lend;
        let holds = it.guarantee.is_zero() || lends || entries.contains_key(&role);
        findings.check(Rule::Guarantee, holds, || {
            let text = "the plan does not say what it holds for this guarantee".to_owned();
            (it.path.clone(), "an entry", "none", text)
        });
    }
    for (&role, entry) in &entries {
        if cluster.roles[role].idle_guarantee == IdleGuarantee::Hold {
            kept(state, role, (&entries, entry), usage, findings);
        }
        let usable = Usable::of(state, roles, role);
        for &agent in entry.held.keys() {
            findings.check(Rule::Guarantee, usable.contains(agent), || {
                let text = "what is held is on an agent that nothing of the role may use";
                let subject = cluster.roles[role].path.clone();
                (
                    subject,
                    "a usable agent",
                    state.agent_name(agent),
                    text.to_owned(),
                )
            });
        }
    }
    within_agents(state, &entries, findings);
}

fn read(state: &State<'_>, amounts: &Amounts, findings: &mut Findings) -> Vec<i128> {
    let mut read = vec![0; state.cluster.resources.len()];
    for (resource, &amount) in amounts {
        findings.check(Rule::Instances, amount >= 0, || {
            let text = "what is held is not negative".to_owned();
            (resource.clone(), 0_i64, amount, text)
        });
        if let Some(at) = known_resource(&state.names, resource, "guarantees", findings) {
            read[at] = i128::from(amount.max(0));
        }
    }
    read
}

/// The amounts are the stated fraction of the guarantee; where it is lent, at most that.
fn stated(
    state: &State<'_>,
    role: usize,
    (fraction, idle): (f64, &str),
    amounts: &[i128],
    findings: &mut Findings,
) {
    let it = &state.cluster.roles[role];
    let word = match it.idle_guarantee {
        IdleGuarantee::Hold => "hold",
        IdleGuarantee::Lend => "lend",
    };
    findings.check(Rule::Guarantee, idle == word, || {
        let text = "`idle` is not what the snapshot says".to_owned();
        (it.path.clone(), word, idle, text)
    });
    findings.check(Rule::Guarantee, (0.0..=1.0).contains(&fraction), || {
        let text = "the fraction of a guarantee lies between 0 and 1".to_owned();
        (it.path.clone(), 1.0, fraction, text)
    });
    if fraction < 1.0 {
        findings.claim(format!(
            "guarantee of {}: no more than {fraction} of it can be had",
            it.path
        ));
    }
    for (resource, (&amount, &whole)) in amounts.iter().zip(&it.guarantee.0).enumerate() {
        let part = fraction.clamp(0.0, 1.0) * whole as f64;
        let slack = 1.0 + 1e-6 * part;
        let enough = amount as f64 >= part - slack || word == "lend";
        let holds = amount <= i128::from(whole) && amount as f64 <= part + slack && enough;
        findings.check(Rule::Guarantee, holds, || {
            let name = format!(
                "guarantee[{},{}]",
                it.path, state.cluster.resources[resource]
            );
            let text = "the amount is not the stated fraction of the guarantee".to_owned();
            (name, part, amount as f64, text)
        });
    }
}

/// Usage below the role and what is held for it and the roles below are at least its amounts.
fn kept(
    state: &State<'_>,
    role: usize,
    (entries, entry): (&BTreeMap<usize, Entry>, &Entry),
    usage: &[Vec<i128>],
    findings: &mut Findings,
) {
    let path = &state.cluster.roles[role].path;
    for (resource, &need) in entry.amounts.iter().enumerate() {
        let mut have = usage[role][resource];
        for (&other, entry) in entries {
            if lies_at_or_below(&state.cluster.roles[other].path, path) {
                have += entry.held.values().map(|held| held[resource]).sum::<i128>();
            }
        }
        findings.check(Rule::Guarantee, have >= need, || {
            let name = format!("guarantee[{path},{}]", state.cluster.resources[resource]);
            let text = "less is used and held than the role is sure to have".to_owned();
            (name, need, have, text)
        });
    }
}

/// Where something may be held for a role: where a task below it may go and fits; on any open agent if it has no task.
pub(super) struct Usable<'a> {
    state: &'a State<'a>,
    tasks: Vec<usize>,
}

impl<'a> Usable<'a> {
    pub(super) fn of(state: &'a State<'a>, roles: &Roles, role: usize) -> Self {
        let below = (0..state.cluster.frameworks.len())
            .filter(|&framework| roles.above(framework).contains(&role));
        let tasks = below
            .flat_map(|framework| state.tasks_of(framework))
            .filter(|&task| state.wanted(task) > 0 && !roles.blocks(state, task));
        Self {
            state,
            tasks: tasks.collect(),
        }
    }

    pub(super) fn contains(&self, agent: usize) -> bool {
        let it = &self.state.cluster.agents[agent];
        if it.cordoned || self.tasks.is_empty() {
            return !it.cordoned && it.dedicated.is_none();
        }
        self.tasks.iter().any(|&task| {
            let mut fits = self.state.demand(task).iter().zip(&it.capacity.0);
            self.state.open(task, agent) && fits.all(|(need, has)| need <= has)
        })
    }
}

/// What is placed and what is held fit on each agent together.
fn within_agents(state: &State<'_>, entries: &BTreeMap<usize, Entry>, findings: &mut Findings) {
    let mut held: BTreeMap<usize, Vec<i128>> = BTreeMap::new();
    for (&agent, amounts) in entries.values().flat_map(|entry| &entry.held) {
        let sum = held
            .entry(agent)
            .or_insert_with(|| vec![0; state.cluster.resources.len()]);
        for (sum, amount) in sum.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }
    if held.is_empty() {
        return;
    }
    let load = state.load_over_time(&state.placed, None);
    for (agent, held) in held {
        for (resource, held) in held.into_iter().enumerate().filter(|(_, held)| *held > 0) {
            let has = i128::from(state.cluster.agents[agent].capacity.0[resource]);
            let free = (has - load[agent][resource]).max(0);
            findings.check(Rule::Guarantee, held <= free, || {
                let name = &state.cluster.resources[resource];
                let text = "more is held than is free on the agent".to_owned();
                (
                    format!("{},{name}", state.agent_name(agent)),
                    free,
                    held,
                    text,
                )
            });
        }
    }
}
