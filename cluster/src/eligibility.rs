//! Which agents a task's own rules allow: the single definition that the engine and its policies use.
//! (The verifier deliberately has its own.)

use crate::cluster::{Agent, AttributeRule, Cluster, Task};
use crate::devices::DeviceNeed;
use crate::index::AgentIdx;

/// Everything about a task that decides which agents it may use, sizes aside: tasks that agree in it may use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Eligibility<'a> {
    /// Rules on the agent's attributes.
    pub attributes: &'a [AttributeRule],
    /// If present, only these agents.
    pub agents: Option<&'a [AgentIdx]>,
    /// The `dedicated` words that it tolerates.
    pub tolerates: &'a [String],
    /// The devices that it needs, with the models that it allows.
    pub devices: &'a [DeviceNeed],
}

impl Eligibility<'_> {
    /// The same but for the agents that the task names: what remains looks at an agent's properties alone.
    #[must_use]
    pub fn by_properties(self) -> Self {
        Self {
            agents: None,
            ..self
        }
    }
}

impl Task {
    /// What decides which agents the task may use.
    #[must_use]
    pub fn eligibility(&self) -> Eligibility<'_> {
        Eligibility {
            attributes: &self.attributes,
            agents: self.agents.as_deref(),
            tolerates: &self.tolerates,
            devices: &self.devices,
        }
    }
}

/// Why an agent may not take a new instance of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal<'a> {
    /// The agent is cordoned.
    Cordoned,
    /// The agent is dedicated to this word, which the task does not tolerate.
    Dedicated(&'a str),
    /// The task names its agents, and this is not one.
    NotNamed,
    /// This attribute rule fails.
    Attribute(&'a AttributeRule),
    /// The agent has no devices of this kind, or their model is not one that the task may use.
    DeviceModel(&'a DeviceNeed),
    /// The agent has fewer devices of this kind than one instance needs.
    TooFewDevices(&'a DeviceNeed),
    /// Even the empty agent lacks this resource (position).
    TooSmall(usize),
}

impl Cluster {
    /// Why `agent` may not take a new instance of `task`, whatever else runs there; `None` if it may.
    #[must_use]
    pub fn refusal<'a>(&'a self, task: &'a Task, agent: AgentIdx) -> Option<Refusal<'a>> {
        let candidate = self.agent(agent);
        if candidate.cordoned {
            return Some(Refusal::Cordoned);
        }
        self.broken_rule(task, agent).or_else(|| {
            let short = task.demand.0.iter().zip(&candidate.capacity.0);
            short
                .enumerate()
                .find(|(_, (need, have))| *need > have && **need > 0)
                .map(|(r, _)| Refusal::TooSmall(r))
        })
    }

    /// The eligibility rule that an instance of `task` on `agent` breaks, running or new: cordons and
    /// sizes do not evict what runs.
    #[must_use]
    pub fn broken_rule<'a>(&'a self, task: &'a Task, agent: AgentIdx) -> Option<Refusal<'a>> {
        let candidate = self.agent(agent);
        if let Some(word) = &candidate.dedicated
            && task.tolerates.binary_search(word).is_err()
        {
            return Some(Refusal::Dedicated(word));
        }
        if task
            .agents
            .as_ref()
            .is_some_and(|named| named.binary_search(&agent).is_err())
        {
            return Some(Refusal::NotNamed);
        }
        task.attributes
            .iter()
            .find(|rule| !self.rule_holds(rule, candidate))
            .map(Refusal::Attribute)
            .or_else(|| self.missing_device(task, agent))
    }

    fn missing_device<'a>(&'a self, task: &'a Task, agent: AgentIdx) -> Option<Refusal<'a>> {
        task.devices
            .iter()
            .find_map(|need| match self.devices_on(agent, need.kind) {
                Some(devices) if need.choice(&devices.model).is_some() => {
                    (devices.count < need.count).then_some(Refusal::TooFewDevices(need))
                }
                _ => Some(Refusal::DeviceModel(need)),
            })
    }

    /// The value of `agent` under `key`: an attribute, its domain at a declared level, or its id.
    #[must_use]
    pub fn attribute<'a>(&'a self, agent: &'a Agent, key: &str) -> Option<&'a str> {
        if let Some(value) = agent.attributes.get(key) {
            return Some(value);
        }
        if key == "agent" {
            return Some(&agent.id);
        }
        let level = self
            .levels
            .iter()
            .position(|level| level.declared && level.name == key)?;
        let domain = &self.levels[level].domains[agent.domains[level].at()];
        // An agent that names no domain is a domain of its own, which no rule can ask for by name.
        (!domain.starts_with("agent:")).then_some(domain)
    }

    fn rule_holds(&self, rule: &AttributeRule, agent: &Agent) -> bool {
        let value = self.attribute(agent, &rule.key);
        let any =
            rule.any_of.is_empty() || value.is_some_and(|v| rule.any_of.iter().any(|a| a == v));
        let none = !value.is_some_and(|v| rule.none_of.iter().any(|a| a == v));
        let present = rule.present.is_none_or(|wanted| wanted == value.is_some());
        any && none && present
    }
}
