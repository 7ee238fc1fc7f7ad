//! What moves, and what has to go for others.

use apportion_cluster::plan::PlanFile;

use super::{MOST_ROWS, and_more, heading};
use crate::cli::numbers::count;
use crate::cli::table::{self, Align};

/// Who had to go, for whom.
pub(super) fn preemptions(plan: &PlanFile) -> String {
    if plan.preemptions.is_empty() {
        return String::new();
    }
    let columns = [
        ("displaced", Align::Right),
        ("moved", Align::Right),
        ("job", Align::Left),
        ("task", Align::Left),
        ("from", Align::Left),
        ("for", Align::Left),
        ("guarantee of", Align::Left),
    ];
    let entries = plan.preemptions.iter();
    let all = entries.flat_map(|entry| entry.victims.iter().map(move |victim| (entry, victim)));
    let rows: Vec<Vec<String>> = all
        .clone()
        .take(MOST_ROWS)
        .map(|(entry, victim)| {
            vec![
                count(victim.instances),
                count(victim.moved),
                victim.job.clone(),
                victim.task.clone(),
                victim.agent.clone(),
                entry.job.clone(),
                entry.role.clone(),
            ]
        })
        .collect();
    let more = and_more(all.count(), "place");
    format!(
        "{}{}{more}",
        heading("Displaced for guarantees"),
        table::render(&columns, &rows)
    )
}

pub(super) fn moves(plan: &PlanFile) -> String {
    if plan.moves.is_empty() {
        return String::new();
    }
    let columns = [
        ("instances", Align::Right),
        ("job", Align::Left),
        ("task", Align::Left),
        ("from", Align::Left),
        ("to", Align::Left),
    ];
    let rows: Vec<Vec<String>> = plan
        .moves
        .iter()
        .take(MOST_ROWS)
        .map(|step| {
            vec![
                count(step.instances),
                step.job.clone(),
                step.task.clone(),
                step.from.clone(),
                step.to.clone(),
            ]
        })
        .collect();
    let more = and_more(plan.moves.len(), "move");
    format!(
        "{}{}{more}",
        heading("Moves"),
        table::render(&columns, &rows)
    )
}
