//! Notes on edges that carry something from agent to agent.

use std::collections::BTreeMap;

use apportion_cluster::plan::Note;
use apportion_cluster::{Cluster, Edge, EdgeLoad, Running, TaskIdx};

/// Edges that are named, of each framework: those that carry most.
const MOST_NAMED: usize = 20;

/// One note for each of the edges that carry most from agent to agent, at the task that sends, by job, task and text.
pub(super) fn notes(cluster: &Cluster, placements: &[Running]) -> Vec<Note> {
    let mut places: BTreeMap<TaskIdx, Vec<Running>> = BTreeMap::new();
    for placed in placements {
        places.entry(placed.task).or_default().push(*placed);
    }
    let mut notes = Vec::new();
    for framework in &cluster.frameworks {
        let jobs = framework.jobs.iter();
        let edges = jobs.flat_map(|&job| &cluster.job(job).edges);
        let mut moving: Vec<(f64, &Edge)> = edges
            .map(|edge| (moved(cluster, edge, &places), edge))
            .filter(|(moved, _)| *moved > 0.0)
            .collect();
        moving.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
        moving.truncate(MOST_NAMED);
        notes.extend(moving.iter().map(|&(moved, edge)| {
            let (amount, unit) = match edge.load {
                EdgeLoad::MibPerSecond(rate) => (rate, "MiB/s"),
                EdgeLoad::Mib(amount) => (amount, "MiB"),
            };
            let from = cluster.task(edge.from);
            let senders = places.get(&edge.from).into_iter().flatten();
            Note {
                job: cluster.job(from.job).id.clone(),
                task: from.id.clone(),
                text: format!(
                    "sends {} of {amount} {unit} to {} on other agents",
                    rounded(moved),
                    cluster.task(edge.to).id
                ),
                code: "edge".to_owned(),
                instances: senders.map(|placed| placed.instances).sum(),
            }
        }));
    }
    notes
}

/// What an edge carries between instances on different agents.
fn moved(cluster: &Cluster, edge: &Edge, places: &BTreeMap<TaskIdx, Vec<Running>>) -> f64 {
    let (EdgeLoad::MibPerSecond(amount) | EdgeLoad::Mib(amount)) = edge.load;
    let of = |task: TaskIdx| places.get(&task).into_iter().flatten();
    let mut pairs = 0;
    for from in of(edge.from) {
        for to in of(edge.to).filter(|to| to.agent != from.agent) {
            pairs += i128::from(from.instances) * i128::from(to.instances);
        }
    }
    let wanted = |task: TaskIdx| cluster.task(task).instances.max(1) as f64;
    amount as f64 * pairs as f64 / wanted(edge.from) / wanted(edge.to)
}

/// A number with at most one decimal.
fn rounded(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
