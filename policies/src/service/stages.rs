//! The objective, stage by stage.

use std::collections::BTreeSet;

use apportion_cluster::LevelIdx;
use apportion_models::assignment::{Loss, Objective, Stage, Survival, Term};

use super::parameters::Parameters;
use super::tables::Tables;
use crate::contract::StageRole;

/// A stage with what it is for and what stays running contributes to it.
pub(super) struct ServiceStage {
    pub stage: Stage,
    pub role: StageRole,
    pub constant: f64,
}

/// Every stage, the most important first.
pub(super) fn all(tables: &Tables<'_>, parameters: &Parameters) -> Vec<ServiceStage> {
    let mut stages = placed(tables);
    stages.extend(min_available(tables));
    stages.extend(spread(tables, parameters));
    stages.push(agents_used(tables));
    stages
}

/// `placed:<priority>` from high to low where there are several, then `placed` over all.
fn placed(tables: &Tables<'_>) -> Vec<ServiceStage> {
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

fn placed_stage(tables: &Tables<'_>, name: String, priority: Option<i64>) -> ServiceStage {
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
    ServiceStage {
        stage: Stage {
            name,
            objective: Objective::Value(terms.collect()),
        },
        role: StageRole::Placed,
        constant: constant as f64,
    }
}

/// Instances missing from what must survive; absent if no job asks for it.
fn min_available(tables: &Tables<'_>) -> Option<ServiceStage> {
    let cluster = tables.slice.cluster;
    let mut terms = Vec::new();
    let mut constant = 0;
    let mut asked = false;
    for (job, items) in &tables.jobs {
        let Some(rule) = cluster.job(*job).min_available else {
            continue;
        };
        asked = true;
        let packing = tables.packing(*job, items, rule.level);
        if items.is_empty() {
            let survivors =
                packing.base.iter().sum::<i64>() - packing.base.iter().max().unwrap_or(&0);
            constant += (rule.instances - survivors).max(0);
        } else {
            let name = format!("min_available[{}]", cluster.job(*job).id);
            terms.push(Survival {
                name,
                packing,
                need: rule.instances,
            });
        }
    }
    asked.then(|| ServiceStage {
        stage: Stage {
            name: "min_available".to_owned(),
            objective: Objective::Shortfall(terms),
        },
        role: StageRole::Quality,
        constant: constant as f64,
    })
}

/// The worst fraction lost with one domain, over jobs and declared levels; absent without levels.
fn spread(tables: &Tables<'_>, parameters: &Parameters) -> Option<ServiceStage> {
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
    (!levels.is_empty()).then(|| ServiceStage {
        stage: Stage {
            name: "spread".to_owned(),
            objective: Objective::WorstShare(terms),
        },
        role: StageRole::Quality,
        constant,
    })
}

/// Agents opened on which nothing stays running.
fn agents_used(tables: &Tables<'_>) -> ServiceStage {
    let offers = tables.slice.offers.iter();
    let costs = offers.map(|offer| i64::from(!tables.slice.occupied[offer.agent.at()]));
    ServiceStage {
        stage: Stage {
            name: "agents_used".to_owned(),
            objective: Objective::Opened(costs.collect()),
        },
        role: StageRole::TieBreak,
        constant: 0.0,
    }
}
