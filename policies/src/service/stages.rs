//! The objective, stage by stage.

use apportion_cluster::LevelIdx;
use apportion_models::assignment::{Loss, Objective, Stage};

use super::parameters::Parameters;
use crate::contract::StageRole;
use crate::rules::{OwnStage, Tables, agents_used, min_available, placed};

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>, parameters: &Parameters) -> Vec<OwnStage> {
    let mut stages = placed(tables);
    stages.extend(min_available(tables));
    stages.extend(spread(tables, parameters));
    stages.push(agents_used(tables));
    stages
}

/// The worst fraction lost with one domain, over jobs and declared levels; absent without levels.
fn spread(tables: &Tables<'_>, parameters: &Parameters) -> Option<OwnStage> {
    let cluster = tables.slice.cluster;
    let weighted = cluster
        .levels
        .iter()
        .zip(&parameters.level_weights)
        .enumerate();
    let levels: Vec<(usize, f64)> = weighted
        .filter(|(_, (level, _))| level.declared)
        .map(|(at, (_, &weight))| (at, weight))
        .collect();
    let mut terms = Vec::new();
    let mut constant = 0.0;
    for (job, items) in &tables.jobs {
        let total: i64 = cluster
            .job(*job)
            .tasks
            .iter()
            .map(|&task| cluster.task(task).instances)
            .sum();
        for &(level, weight) in &levels {
            let packing = tables.packing(*job, items, LevelIdx::of(level));
            if items.is_empty() {
                let worst = packing.base.iter().copied().max().unwrap_or(0);
                constant += weight * worst as f64 / total.max(1) as f64;
            } else {
                let name = format!(
                    "spread[{},{}]",
                    cluster.job(*job).id,
                    cluster.levels[level].name
                );
                terms.push(Loss {
                    name,
                    packing,
                    total,
                    weight,
                });
            }
        }
    }
    (!levels.is_empty()).then(|| OwnStage {
        stage: Stage {
            name: "spread".to_owned(),
            objective: Objective::WorstShare(terms),
        },
        priority: None,
        role: StageRole::Quality,
        unit: 1,
        constant,
    })
}
