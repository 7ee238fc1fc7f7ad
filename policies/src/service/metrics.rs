//! How well a service framework would survive, on a final state.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{DomainIdx, LevelIdx};

use crate::contract::Standing;

/// `agents_used`, and per declared level: `worst_domain_loss[L]` (the largest fraction of a job's wanted
/// instances in one domain), `skew[L]` (the largest difference of a job's counts between domains that hold
/// instances of the framework), `survivors[L]` (the least fraction of a job's placed instances that
/// survives the loss of any one domain).
pub(super) fn all(standing: &Standing<'_>) -> BTreeMap<String, f64> {
    let agents: BTreeSet<_> = standing
        .placements
        .iter()
        .map(|placed| placed.agent)
        .collect();
    let mut metrics = BTreeMap::from([("agents_used".to_owned(), agents.len() as f64)]);
    let levels = standing
        .cluster
        .levels
        .iter()
        .enumerate()
        .filter(|(_, level)| level.declared);
    for (at, level) in levels {
        let survival = Survival::of(standing, LevelIdx::of(at));
        metrics.insert(
            format!("worst_domain_loss[{}]", level.name),
            survival.worst_loss,
        );
        metrics.insert(format!("skew[{}]", level.name), survival.skew as f64);
        metrics.insert(format!("survivors[{}]", level.name), survival.survivors);
    }
    metrics
}

struct Survival {
    worst_loss: f64,
    skew: i64,
    survivors: f64,
}

impl Survival {
    fn of(standing: &Standing<'_>, level: LevelIdx) -> Self {
        let cluster = standing.cluster;
        let mut counts: BTreeMap<_, BTreeMap<DomainIdx, i64>> = BTreeMap::new();
        let mut domains = BTreeSet::new();
        for placed in standing.placements {
            let domain = cluster.domain(placed.agent, level);
            domains.insert(domain);
            *counts
                .entry(cluster.task(placed.task).job)
                .or_default()
                .entry(domain)
                .or_insert(0) += placed.instances;
        }
        let mut survival = Self {
            worst_loss: 0.0,
            skew: 0,
            survivors: 1.0,
        };
        for (job, by_domain) in counts {
            let wanted: i64 = cluster
                .job(job)
                .tasks
                .iter()
                .map(|&task| cluster.task(task).instances)
                .sum();
            let placed: i64 = by_domain.values().sum();
            let worst = by_domain.values().copied().max().unwrap_or(0);
            let least = if by_domain.len() < domains.len() {
                0
            } else {
                by_domain.values().copied().min().unwrap_or(0)
            };
            survival.worst_loss = survival.worst_loss.max(worst as f64 / wanted.max(1) as f64);
            survival.skew = survival.skew.max(worst - least);
            survival.survivors = survival
                .survivors
                .min((placed - worst) as f64 / placed.max(1) as f64);
        }
        survival
    }
}
