//! How well a workflow framework is served, on a final state.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::AgentIdx;

use super::graph::{self, Carried};
use super::parameters::Parameters;
use crate::contract::Standing;

/// What edges carry between instances in place (what waits sends nothing yet, though the stage `traffic` counts it as apart): `traffic_within_agent`, `traffic_within_rack`, `traffic_across_racks` (without a level that counts as rack all
/// that leaves an agent is across), and `busiest_agent` (the most that any agent sends and receives): MiB per second, or MiB where edges
/// state amounts. `edges_crossing` counts the edges that leave an agent with any part; `agents_used` the agents.
pub(super) fn all(standing: &Standing<'_>) -> BTreeMap<String, f64> {
    let cluster = standing.cluster;
    let framework = cluster.framework(standing.framework);
    let level = Parameters::read(cluster, framework)
        .ok()
        .and_then(|it| it.level);
    let places = graph::places(standing.placements);
    let mut all = Carried::default();
    let mut links: BTreeMap<AgentIdx, f64> = BTreeMap::new();
    let mut crossing = 0;
    for edge in graph::edges(cluster, standing.framework) {
        let carried = graph::carried(cluster, edge, &places, level);
        all.within_agent += carried.within_agent;
        all.within_rack += carried.within_rack;
        all.across_racks += carried.across_racks;
        crossing += usize::from(carried.moved() > 0.0);
        graph::parts(cluster, edge, &places, |from, to, part| {
            if from != to {
                *links.entry(from).or_insert(0.0) += part;
                *links.entry(to).or_insert(0.0) += part;
            }
        });
    }
    let agents: BTreeSet<_> = standing
        .placements
        .iter()
        .map(|placed| placed.agent)
        .collect();
    let busiest = links.values().copied().fold(0.0, f64::max);
    BTreeMap::from([
        ("traffic_within_agent".to_owned(), all.within_agent),
        ("traffic_within_rack".to_owned(), all.within_rack),
        ("traffic_across_racks".to_owned(), all.across_racks),
        ("busiest_agent".to_owned(), busiest),
        ("edges_crossing".to_owned(), crossing as f64),
        ("agents_used".to_owned(), agents.len() as f64),
    ])
}
