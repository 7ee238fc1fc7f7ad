//! The stages that place: what every policy wants first.

use std::collections::BTreeSet;

use apportion_models::assignment::{Objective, Stage, Term};

use super::tables::Tables;
use crate::contract::StageRole;

/// A stage with what it is for and what stays running contributes to it.
pub(crate) struct OwnStage {
    pub stage: Stage,
    pub role: StageRole,
    pub constant: f64,
}

/// `placed:<priority>` from high to low where there are several, then `placed` over all.
pub(crate) fn placed(tables: &Tables<'_>) -> Vec<OwnStage> {
    let cluster = tables.slice.cluster;
    let priorities: BTreeSet<i64> = tables
        .jobs
        .iter()
        .map(|(job, _)| cluster.job(*job).priority)
        .collect();
    let mut stages = Vec::new();
    if priorities.len() > 1 {
        let by_priority = priorities.into_iter().rev();
        stages
            .extend(by_priority.map(|priority| {
                placed_stage(tables, format!("placed:{priority}"), Some(priority))
            }));
    }
    stages.push(placed_stage(tables, "placed".to_owned(), None));
    stages
}

fn placed_stage(tables: &Tables<'_>, name: String, priority: Option<i64>) -> OwnStage {
    let cluster = tables.slice.cluster;
    let counts = |task| priority.is_none_or(|p| cluster.job(cluster.task(task).job).priority == p);
    let pending = (0u32..)
        .zip(&tables.slice.pending)
        .filter(|(_, (task, _))| counts(*task));
    let terms = pending.map(|(item, (task, _))| Term {
        item,
        value: cluster.task(*task).value,
    });
    let kept = tables.slice.kept.iter().filter(|kept| counts(kept.task));
    let constant: i64 = kept
        .map(|kept| cluster.task(kept.task).value * kept.instances)
        .sum();
    OwnStage {
        stage: Stage {
            name,
            objective: Objective::Value(terms.collect()),
        },
        role: StageRole::Placed,
        constant: constant as f64,
    }
}
