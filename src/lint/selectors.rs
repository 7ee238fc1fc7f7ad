//! Findings about which agents tasks may use.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{AgentIdx, AttributeRule, Cluster, Task, TaskIdx};

use super::{Findings, Subject, code, did_you_mean};
use crate::snapshot::text::{list, quote};

/// Most checks of a set of rules against an agent: a few seconds.
const MOST_CHECKS: usize = 20_000_000;

/// Agents that each task's own rules allow, cordoned ones left out; equal rules share a list.
pub(super) struct Eligible {
    lists: Vec<Vec<AgentIdx>>,
    /// The list of each task; absent for tasks beyond [`MOST_CHECKS`].
    of_task: Vec<Option<usize>>,
}

impl Eligible {
    /// The list of `task`, if its agents were looked up.
    pub(super) fn list_of(&self, task: TaskIdx) -> Option<usize> {
        self.of_task[task.at()]
    }

    /// The agents of a list.
    pub(super) fn list(&self, list: usize) -> &[AgentIdx] {
        &self.lists[list]
    }
}

/// Every task's eligible agents; a task without any is a finding.
pub(super) fn eligible_agents(subject: &Subject<'_>, findings: &mut Findings) -> Eligible {
    let cluster = subject.cluster;
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    let mut eligible = Eligible {
        lists: Vec::new(),
        of_task: Vec::new(),
    };
    let most = (MOST_CHECKS / cluster.agents.len().max(1)).max(1);
    for index in cluster.task_indices() {
        let task = cluster.task(index);
        let rules = task.eligibility();
        let at = known.get(&rules).copied();
        if at.is_none() && known.len() < most {
            let allowed = |&agent: &AgentIdx| {
                !cluster.agent(agent).cordoned && cluster.broken_rule(task, agent).is_none()
            };
            let agents: Vec<AgentIdx> = cluster.agent_indices().filter(allowed).collect();
            if agents.is_empty() && !cluster.agents.is_empty() {
                nobody(subject, index, findings);
            }
            known.insert(rules, eligible.lists.len());
            eligible.of_task.push(Some(eligible.lists.len()));
            eligible.lists.push(agents);
        } else {
            eligible.of_task.push(at);
        }
    }
    if let Some(first) = eligible.of_task.iter().position(Option::is_none) {
        let text = format!(
            "tasks have more than {most} different sets of rules; the rest is not checked against the agents"
        );
        findings.note(
            code::UNCHECKED,
            subject.task_path(TaskIdx::of(first)),
            text,
            "share rules between tasks",
        );
    }
    eligible
}

/// Says which rules together leave `task` without an agent.
fn nobody(subject: &Subject<'_>, index: TaskIdx, findings: &mut Findings) {
    let task = subject.cluster.task(index);
    let agents = &subject.cluster.agents;
    let cordoned = agents.iter().filter(|agent| agent.cordoned).count();
    let mut refused = [0; 4];
    for agent in subject
        .cluster
        .agent_indices()
        .filter(|&agent| !subject.cluster.agent(agent).cordoned)
    {
        use apportion_cluster::Refusal;
        let reason = match subject.cluster.broken_rule(task, agent) {
            Some(Refusal::Dedicated(_)) => 0,
            Some(Refusal::NotNamed) => 1,
            Some(Refusal::DeviceModel(_) | Refusal::TooFewDevices(_)) => 3,
            _ => 2,
        };
        refused[reason] += 1;
    }
    let devices = match refused[3] {
        0 => String::new(),
        n => format!(", {n} lack devices"),
    };
    let text = format!(
        "no agent may take `{}`: of {}, {cordoned} are cordoned, {} dedicated to others, {} not named, {} lack attributes{devices}",
        subject.cluster.task_name(index),
        agents.len(),
        refused[0],
        refused[1],
        refused[2]
    );
    findings.warn(
        code::NO_AGENT,
        format!("{}.constraints", subject.task_path(index)),
        text,
        "relax one of the rules",
    );
}

/// A list of values that no agent can satisfy whatever it is like.
pub(super) fn contradictions(subject: &Subject<'_>, findings: &mut Findings) {
    for index in subject.cluster.task_indices() {
        let rules = &subject.cluster.task(index).attributes;
        let contradicts = |rule: &AttributeRule| {
            let excluded = !rule.any_of.is_empty()
                && rule.any_of.iter().all(|value| rule.none_of.contains(value));
            let twice = rules.iter().any(|other| {
                other.key == rule.key && other.present == Some(false) && rule.present == Some(true)
            });
            excluded || twice || (rule.present == Some(false) && !rule.any_of.is_empty())
        };
        for rule in rules.iter().filter(|rule| contradicts(rule)) {
            let path = rule_path(subject, index, rule);
            let text = format!(
                "the values of {} contradict each other: no agent can satisfy them",
                quote(&rule.key)
            );
            findings.warn(
                code::CONTRADICTION,
                path,
                text,
                "remove the values that exclude the others",
            );
        }
    }
}

fn rule_path(subject: &Subject<'_>, task: TaskIdx, rule: &AttributeRule) -> String {
    format!(
        "{}.constraints.attributes.{}",
        subject.task_path(task),
        rule.key
    )
}

/// The values that agents have, by key.
fn values(cluster: &Cluster) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for agent in &cluster.agents {
        for (key, value) in &agent.attributes {
            values.entry(key).or_default().insert(value);
        }
        values.entry("agent").or_default().insert(&agent.id);
    }
    for level in cluster
        .levels
        .iter()
        .filter(|level| level.declared && level.name != "agent")
    {
        let named = level
            .domains
            .iter()
            .filter(|domain| !domain.starts_with("agent:"));
        values
            .entry(&level.name)
            .or_default()
            .extend(named.map(String::as_str));
    }
    values
}

/// A selector that asks for a key or values that no agent has. Each is said once, at its first use.
pub(super) fn selectors(subject: &Subject<'_>, findings: &mut Findings) {
    let values = values(subject.cluster);
    let mut seen = BTreeSet::new();
    for index in subject.cluster.task_indices() {
        for rule in &subject.cluster.task(index).attributes {
            if rule.any_of.is_empty() && rule.present != Some(true) || !seen.insert(rule) {
                continue;
            }
            let path = rule_path(subject, index, rule);
            let Some(known) = values
                .get(rule.key.as_str())
                .filter(|known| !known.is_empty())
            else {
                let text = format!("no agent has the attribute {}", quote(&rule.key));
                let keys = values.keys().copied();
                let otherwise = format!("agents have {}", list(keys.clone(), 8));
                findings.warn(
                    code::SELECTOR,
                    path,
                    text,
                    did_you_mean(&rule.key, keys, &otherwise),
                );
                continue;
            };
            for value in rule
                .any_of
                .iter()
                .filter(|value| !known.contains(value.as_str()))
            {
                let text = format!(
                    "no agent has the value {} of {}",
                    quote(value),
                    quote(&rule.key)
                );
                let otherwise = format!("agents have {}", list(known.iter().copied(), 8));
                let action = did_you_mean(value, known.iter().copied(), &otherwise);
                findings.warn(code::SELECTOR, path.clone(), text, action);
            }
        }
    }
}

/// A tolerated word that no agent is dedicated to. Each is said once, at its first use.
pub(super) fn tolerations(subject: &Subject<'_>, findings: &mut Findings) {
    let words: BTreeSet<&str> = subject
        .cluster
        .agents
        .iter()
        .filter_map(|a| a.dedicated.as_deref())
        .collect();
    let mut seen = BTreeSet::new();
    for index in subject.cluster.task_indices() {
        for word in &subject.cluster.task(index).tolerates {
            if !words.contains(word.as_str()) && seen.insert(word) {
                let path = format!("{}.constraints.tolerates", subject.task_path(index));
                let text = format!("no agent is dedicated to {}", quote(word));
                let action = did_you_mean(word, words.iter().copied(), "the word has no effect");
                findings.warn(code::TOLERATES, path, text, action);
            }
        }
    }
}

/// An instance that is larger than any agent that the task may use: it never fits.
pub(super) fn sizes(subject: &Subject<'_>, eligible: &Eligible, findings: &mut Findings) {
    let cluster = subject.cluster;
    // Of each list of agents, the largest amount of each resource.
    let most_of = |agents: &[AgentIdx], resource: usize| {
        agents
            .iter()
            .map(|&a| cluster.agent(a).capacity.0[resource])
            .max()
            .unwrap_or(0)
    };
    let resources = 0..cluster.resources.len();
    let lists = eligible.lists.iter();
    let most: Vec<Vec<i64>> = lists
        .map(|agents| resources.clone().map(|r| most_of(agents, r)).collect())
        .collect();
    let present: Vec<bool> = resources
        .clone()
        .map(|r| cluster.agents.iter().any(|a| a.capacity.0[r] > 0))
        .collect();
    for index in cluster.task_indices() {
        let Some(at) = eligible.of_task[index.at()].filter(|&at| !eligible.lists[at].is_empty())
        else {
            continue;
        };
        let task = cluster.task(index);
        let short = resources.clone().find(|&r| task.demand.0[r] > most[at][r]);
        if let Some(resource) = short {
            let path = format!(
                "{}.resources.{}",
                subject.task_path(index),
                cluster.resources[resource]
            );
            size(
                subject,
                index,
                resource,
                (most[at][resource], present[resource]),
                &path,
                findings,
            );
        } else if !eligible.lists[at]
            .iter()
            .any(|&agent| task.demand.fits_in(&cluster.agent(agent).capacity))
        {
            let text = format!(
                "`{}` fits on none of the {} agents that it may use: each lacks one resource or another",
                cluster.task_name(index),
                eligible.lists[at].len()
            );
            findings.warn(
                code::NEVER_FITS,
                format!("{}.resources", subject.task_path(index)),
                text,
                smaller(task),
            );
        }
    }
}

fn size(
    subject: &Subject<'_>,
    index: TaskIdx,
    resource: usize,
    (most, present): (i64, bool),
    path: &str,
    findings: &mut Findings,
) {
    let task = subject.cluster.task(index);
    let name = &subject.cluster.resources[resource];
    let task_name = subject.cluster.task_name(index);
    if present {
        let text = format!(
            "`{task_name}` needs {} {name} an instance, the largest agent that it may use has {most}",
            task.demand.0[resource]
        );
        findings.warn(code::NEVER_FITS, path, text, smaller(task));
    } else {
        let text = format!("`{task_name}` needs {}, which no agent has", quote(name));
        let others = subject.cluster.resources.iter().map(String::as_str);
        let action = did_you_mean(
            name,
            others,
            "add it to the agents' resources, or remove it",
        );
        findings.warn(code::NO_RESOURCE, path, text, action);
    }
}

fn smaller(task: &Task) -> String {
    match task.instances {
        1 => "make the instance smaller, or add a larger agent".to_owned(),
        n => format!("make the {n} instances smaller, or add larger agents"),
    }
}
