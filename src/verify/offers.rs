//! Offers: what was promised is there, and new instances lie within it.

use std::collections::BTreeMap;

use super::report::Findings;
use super::rule::Rule;
use super::state::{Counts, State};

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    within_agents(state, findings);
    holdings_within_offers(state, findings);
}

/// Each offer is at most what the agent has beside what stays running.
fn within_agents(state: &State<'_>, findings: &mut Findings) {
    let kept = state.load(&state.kept);
    for (framework, offers) in state.offers.iter().enumerate() {
        for (&agent, offer) in offers {
            for (resource, &amount) in offer.iter().enumerate() {
                let has = i128::from(state.cluster.agents[agent].capacity.0[resource]);
                let free = (has - kept[agent][resource]).max(0);
                findings.check(Rule::Offers, amount <= free, || {
                    let text = "the offer is more than the agent has beside what stays running";
                    let subject = subject(state, framework, agent, resource);
                    (subject, free, amount, text.to_owned())
                });
            }
        }
    }
}

/// A framework's new instances need at most what it was offered, agent by agent.
fn holdings_within_offers(state: &State<'_>, findings: &mut Findings) {
    for framework in 0..state.cluster.frameworks.len() {
        let mut new: Counts = vec![BTreeMap::new(); state.cluster.tasks.len()];
        for task in state.tasks_of(framework) {
            new[task] = state.arriving[task].clone();
        }
        let load = state.load_over_time(&new, Some(framework));
        for (agent, used) in load.into_iter().enumerate() {
            let offer = state.offers[framework].get(&agent);
            for (resource, used) in used.into_iter().enumerate().filter(|(_, used)| *used > 0) {
                let offered = offer.map_or(0, |amounts| amounts[resource]);
                findings.check(Rule::Offers, used <= offered, || {
                    let text = "new instances need more than was offered there".to_owned();
                    let subject = subject(state, framework, agent, resource);
                    (subject, used, offered, text)
                });
            }
        }
    }
}

fn subject(state: &State<'_>, framework: usize, agent: usize, resource: usize) -> String {
    let framework = &state.cluster.frameworks[framework].id;
    let resource = &state.cluster.resources[resource];
    format!("{framework} on {},{resource}", state.agent_name(agent))
}
