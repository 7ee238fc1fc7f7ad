//! Findings about agents as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Subject, code};

/// With every agent cordoned nothing new is placed.
pub(super) fn cordons(subject: &Subject<'_>, findings: &mut Findings) {
    let agents = &subject.cluster.agents;
    if agents.iter().all(|agent| agent.cordoned) {
        let text = match agents.len() {
            0 => "there are no agents".to_owned(),
            n => format!("all {n} agents are cordoned"),
        };
        findings.warn(
            code::CORDONED,
            "agents",
            text,
            "nothing new can be placed; uncordon or add agents",
        );
    }
}

/// Agents that name no domain at a declared level share its fate with nobody.
pub(super) fn levels(subject: &Subject<'_>, findings: &mut Findings) {
    let agents = &subject.file.agents;
    let declared = subject
        .file
        .levels
        .iter()
        .enumerate()
        .filter(|(_, level)| *level != "agent");
    for (index, level) in declared {
        let mut without = agents
            .iter()
            .filter(|agent| !agent.domains.contains_key(level));
        let Some(first) = without.next() else {
            continue;
        };
        let path = format!("levels[{index}]");
        let lacking = 1 + without.count();
        let text = format!(
            "{lacking} of {} agents name no domain at the level `{level}` (`{}` is one)",
            agents.len(),
            first.id
        );
        let action = "each counts as a domain of its own; name their domains if they share any";
        if lacking == agents.len() {
            findings.warn(code::LEVEL, path, text, action);
        } else {
            findings.note(code::LEVEL, path, text, action);
        }
    }
}

/// An agent dedicated to a word that no task tolerates takes nothing.
pub(super) fn dedications(subject: &Subject<'_>, findings: &mut Findings) {
    let tolerated: BTreeSet<&str> = subject
        .cluster
        .tasks
        .iter()
        .flat_map(|t| &t.tolerates)
        .map(String::as_str)
        .collect();
    let mut agents: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, agent) in subject.file.agents.iter().enumerate() {
        if let Some(word) = &agent.dedicated
            && !tolerated.contains(word.as_str())
        {
            agents.entry(word).or_default().push(index);
        }
    }
    for (word, agents) in agents {
        let text = format!(
            "no task tolerates `{word}`, which {} agents are dedicated to",
            agents.len()
        );
        let action = super::did_you_mean(word, tolerated.iter().copied(), "they take nothing new");
        findings.note(
            code::DEDICATED,
            format!("agents[{}].dedicated", agents[0]),
            text,
            action,
        );
    }
}
