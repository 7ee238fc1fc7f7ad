//! Levels and agents.

use apportion_cluster::file::{AgentFile, SnapshotFile};

use super::Names;
use super::values::{amounts, distinct, name, suggestion};
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// The prefix of the domains of agents that name none.
const OWN_DOMAIN: &str = "agent:";

/// Highest speed, in thousandths.
const MAX_SPEED: i64 = 1_000_000;

/// Declared levels are distinct names.
pub(super) fn levels(file: &SnapshotFile, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("levels");
    for (index, level) in file.levels.iter().enumerate() {
        name(level, &list.at(index), faults);
    }
    distinct(file.levels.iter().map(String::as_str), &list, "", faults);
}

/// Agents are distinct, and say about themselves what they may.
pub(super) fn agents(file: &SnapshotFile, names: &Names<'_>, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("agents");
    distinct(
        file.agents.iter().map(|a| a.id.as_str()),
        &list,
        "id",
        faults,
    );
    for (index, agent) in file.agents.iter().enumerate() {
        let path = list.element(index, &agent.id);
        name(&agent.id, &path.key("id"), faults);
        amounts(&agent.resources, &path.key("resources"), faults);
        domains(agent, names, &path.key("domains"), faults);
        attributes(agent, names, &path.key("attributes"), faults);
        if let Some(word) = &agent.dedicated {
            name(word, &path.key("dedicated"), faults);
        }
        if let Some(speed) = agent.speed
            && !(1..=MAX_SPEED).contains(&speed)
        {
            let cause = format!("the speed {speed} is not in 1 to {MAX_SPEED}");
            let action = "state thousandths of the usual speed: 1000 is usual";
            faults.add(code::SPEED, &path.key("speed"), cause, action);
        }
    }
}

fn domains(agent: &AgentFile, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    for (level, domain) in &agent.domains {
        let path = path.key(level);
        name(domain, &path, faults);
        own_domain(domain, &path, faults);
        if level == "agent" {
            let cause = "an agent is its own domain at the level `agent`";
            faults.add(code::RESERVED_NAME, &path, cause, "remove the key");
        } else if !names.words.levels.contains(level.as_str()) && !faults.lost("levels") {
            let cause = format!("the level {} is not declared", text::quote(level));
            let hint = suggestion(
                level,
                names.words.levels.iter().copied(),
                "declared levels",
                faults,
            );
            let action = format!("add it to `levels`; {hint}");
            faults.add(code::UNDECLARED_LEVEL, &path, cause, action);
        }
    }
}

fn attributes(agent: &AgentFile, names: &Names<'_>, path: &Path<'_>, faults: &mut Faults) {
    for (key, value) in &agent.attributes {
        let path = path.key(key);
        name(key, &path, faults);
        if key == "agent" {
            let cause = "the attribute `agent` is always the agent's id";
            faults.add(code::RESERVED_NAME, &path, cause, "rename the attribute");
        }
        if names.words.implicit.contains(key.as_str()) {
            own_domain(value, &path, faults);
        }
        if names.words.levels.contains(key.as_str()) && agent.domains.get(key) != Some(value) {
            let named = match agent.domains.get(key) {
                Some(domain) => format!("is {}", text::quote(domain)),
                None => "is not stated".to_owned(),
            };
            let cause = format!(
                "{} is a level, and the agent's domain there {named}",
                text::quote(key)
            );
            faults.add(
                code::ATTRIBUTE_LEVEL,
                &path,
                cause,
                "state it under `domains` only",
            );
        }
    }
}

fn own_domain(domain: &str, path: &Path<'_>, faults: &mut Faults) {
    if domain.starts_with(OWN_DOMAIN) {
        let cause =
            format!("names that begin with `{OWN_DOMAIN}` are kept for agents that name no domain");
        faults.add(code::RESERVED_NAME, path, cause, "rename the domain");
    }
}
