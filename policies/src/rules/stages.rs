//! Stages that several policies have: what is placed, what survives, which agents are opened.

use std::collections::BTreeSet;

use apportion_models::assignment::{Objective, Stage, Survival, Term};

use super::tables::Tables;
use crate::contract::StageRole;

/// A stage with what it is for and what stays running contributes to it.
pub(crate) struct OwnStage {
    pub stage: Stage,
    /// The priority that a placing stage is about, if not all.
    pub priority: Option<i64>,
    pub role: StageRole,
    /// As in [`Formulation::units`](crate::Formulation::units).
    pub unit: i64,
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
        priority,
        role: StageRole::Placed,
        unit: 1,
        constant: constant as f64,
    }
}

/// Instances missing from what must survive; absent if no job asks for it.
pub(crate) fn min_available(tables: &Tables<'_>) -> Option<OwnStage> {
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
    asked.then(|| OwnStage {
        stage: Stage {
            name: "min_available".to_owned(),
            objective: Objective::Shortfall(terms),
        },
        priority: None,
        role: StageRole::Quality,
        unit: 1,
        constant: constant as f64,
    })
}

/// Agents opened on which nothing stays running.
pub(crate) fn agents_used(tables: &Tables<'_>) -> OwnStage {
    let offers = tables.slice.offers.iter();
    let costs = offers.map(|offer| i64::from(!tables.slice.occupied[offer.agent.at()]));
    OwnStage {
        stage: Stage {
            name: "agents_used".to_owned(),
            objective: Objective::Opened(costs.collect()),
        },
        priority: None,
        role: StageRole::TieBreak,
        unit: 1,
        constant: 0.0,
    }
}
