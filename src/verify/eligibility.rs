//! Which agents a task's own rules allow: the verifier's own reading of the rules.

use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::{Agent, AttributeRule, Cluster, DeviceNeed, Task};

/// Allowed agents per task, before cordons and sizes.
pub(super) struct Allowed {
    by_task: Vec<Rc<Vec<bool>>>,
}

impl Allowed {
    pub(super) fn of(cluster: &Cluster) -> Self {
        // Tasks with equal rules share one table: it is the same question.
        let mut known = BTreeMap::new();
        let by_task = cluster.tasks.iter().map(|task| {
            let rules = (
                &task.attributes,
                &task.agents,
                &task.tolerates,
                &task.devices,
            );
            let table = known
                .entry(rules)
                .or_insert_with(|| Rc::new(agents_allowed(cluster, task)));
            Rc::clone(table)
        });
        Self {
            by_task: by_task.collect(),
        }
    }

    /// Whether the rules of `task` allow `agent`; cordons and sizes do not count.
    pub(super) fn allows(&self, task: usize, agent: usize) -> bool {
        self.by_task[task][agent]
    }
}

fn agents_allowed(cluster: &Cluster, task: &Task) -> Vec<bool> {
    let agents = cluster.agents.iter().enumerate();
    agents
        .map(|(at, agent)| {
            let tolerated = match &agent.dedicated {
                None => true,
                Some(word) => task.tolerates.contains(word),
            };
            let named = match &task.agents {
                None => true,
                Some(named) => named.iter().any(|it| it.at() == at),
            };
            tolerated
                && named
                && task.devices.iter().all(|need| provided(agent, need))
                && task
                    .attributes
                    .iter()
                    .all(|rule| holds(cluster, agent, rule))
        })
        .collect()
}

/// The agent has enough devices of the kind, of a model that the task may use.
fn provided(agent: &Agent, need: &DeviceNeed) -> bool {
    agent.devices.iter().any(|devices| {
        let mut models = need.models.iter();
        let allowed = need.models.is_empty() || models.any(|it| it.model == devices.model);
        devices.kind == need.kind && devices.count >= need.count && allowed
    })
}

fn holds(cluster: &Cluster, agent: &Agent, rule: &AttributeRule) -> bool {
    let value = value_of(cluster, agent, &rule.key);
    if !rule.any_of.is_empty() && !value.is_some_and(|it| rule.any_of.iter().any(|any| any == it)) {
        return false;
    }
    if value.is_some_and(|it| rule.none_of.iter().any(|none| none == it)) {
        return false;
    }
    match rule.present {
        None => true,
        Some(wanted) => wanted == value.is_some(),
    }
}

/// An attribute; failing that the agent's id, or its domain at a declared level where it names one.
fn value_of<'a>(cluster: &'a Cluster, agent: &'a Agent, key: &str) -> Option<&'a str> {
    if agent.attributes.contains_key(key) {
        return agent.attributes.get(key).map(String::as_str);
    }
    if key == "agent" {
        return Some(&agent.id);
    }
    for (level, domain) in cluster.levels.iter().zip(&agent.domains) {
        if level.declared && level.name == key {
            let name = level.domains[domain.at()].as_str();
            let own = name.strip_prefix("agent:") == Some(agent.id.as_str());
            return (!own).then_some(name);
        }
    }
    None
}
