//! Levels with their domains, and agents.

use std::borrow::Cow;

use apportion_cluster::file::{AgentFile, SnapshotFile};
use apportion_cluster::{Agent, DomainIdx, Level};

use super::positions::Positions;
use super::storage;
use crate::snapshot::check::Words;

/// The domain of `agent` at the level `name`: as it states it, or its own.
pub(super) fn domain_of<'f>(agent: &'f AgentFile, name: &str, declared: bool) -> Cow<'f, str> {
    let stated = if declared {
        agent.domains.get(name)
    } else {
        agent.attributes.get(name)
    };
    match stated {
        _ if name == "agent" => Cow::Borrowed(&agent.id),
        Some(domain) => Cow::Borrowed(domain),
        None => Cow::Owned(format!("agent:{}", agent.id)),
    }
}

pub(super) fn levels(file: &SnapshotFile, words: &Words<'_>) -> Vec<Level> {
    let declared = words.levels.iter().map(|&name| (name, true));
    let implicit = words.implicit.iter().map(|&name| (name, false));
    let level = |(name, declared): (&str, bool)| {
        let mut domains: Vec<Cow<'_, str>> = file
            .agents
            .iter()
            .map(|agent| domain_of(agent, name, declared))
            .collect();
        domains.extend(storage::domains_of_units(file, name, declared));
        domains.sort_unstable();
        domains.dedup();
        let domains = domains.into_iter().map(Cow::into_owned).collect();
        Level {
            name: name.to_owned(),
            declared,
            domains,
        }
    };
    declared.chain(implicit).map(level).collect()
}

pub(super) fn agents(
    file: &SnapshotFile,
    levels: &[Level],
    positions: &Positions<'_>,
) -> Vec<Agent> {
    let domain = |agent: &AgentFile, level: &Level| {
        let name = domain_of(agent, &level.name, level.declared);
        let at = level
            .domains
            .binary_search_by(|domain| domain.as_str().cmp(&name));
        DomainIdx::of(at.expect("domains were collected from all agents"))
    };
    let agent = |agent: &AgentFile| Agent {
        id: agent.id.clone(),
        capacity: positions.capacity(agent),
        devices: agent
            .devices
            .iter()
            .map(|devices| positions.devices(devices))
            .collect(),
        domains: levels.iter().map(|level| domain(agent, level)).collect(),
        attributes: agent.attributes.clone(),
        dedicated: agent.dedicated.clone(),
        cordoned: agent.cordoned,
        speed: agent.speed.unwrap_or(1000),
    };
    file.agents.iter().map(agent).collect()
}
