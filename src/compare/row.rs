//! What is told of one plan beside others.

use std::collections::BTreeMap;

use apportion_cluster::plan::{PlanFile, PlanStatus, Share, StageSense};
use apportion_cluster::{Cluster, TaskIdx};
use serde::Serialize;

use super::Made;
use crate::engine::Mode;

/// One plan beside others. What does not apply, or nothing is known of, is absent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// How it is called in tables: `brokered nash`.
    pub name: String,
    /// `brokered`, `monolithic`, `greedy`; of a baseline, its name.
    pub mode: String,
    /// Fairness rule, if shares were computed.
    pub fairness: Option<String>,
    /// How the run ended.
    pub status: PlanStatus,
    /// Instances placed, running ones included.
    pub placed: i64,
    /// Instances wanted, running ones included.
    pub demand: i64,
    /// `sum of weight x ln utility`.
    pub welfare: Option<f64>,
    /// Whether a framework holds nothing, so that the welfare counts one unit more for each.
    pub one_unit_more: bool,
    /// The most welfare that any plan has, by the best proof of all rows.
    pub bound: Option<f64>,
    /// `1 - exp(welfare - bound)`.
    pub gap: Option<f64>,
    /// No allocation has a weighted average relative gain above it.
    pub epsilon: Option<f64>,
    /// The same with one unit more for each framework.
    pub epsilon_one_unit: Option<f64>,
    /// `1 - exp(welfare - welfare of the monolithic plan)`.
    pub price_of_brokering: Option<f64>,
    /// The most that this can be.
    pub price_bound: Option<f64>,
    /// What of the price is due to who holds what: at least and at most, in welfare.
    pub division_loss: Option<[f64; 2]>,
    /// What of the price is due to what is done with it: at least and at most, in welfare.
    pub solver_loss: Option<[f64; 2]>,
    /// What fair shares lose of the most value that could be placed.
    pub price_of_fairness: Option<f64>,
    /// Each framework's own main stage.
    pub quality: Vec<Quality>,
    /// Wall-clock time.
    pub time_ms: f64,
}

/// A framework's main stage: the first after those that place.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// Framework.
    pub framework: String,
    /// Its policy.
    pub policy: String,
    /// Instances placed.
    pub placed: i64,
    /// Instances wanted.
    pub demand: i64,
    /// Name of the stage; absent where nothing is known of the framework's stages.
    pub stage: Option<String>,
    /// Whether more or less is better.
    pub sense: Option<StageSense>,
    /// The value reached.
    pub objective: Option<f64>,
    /// No plan on the same offers, as good in the earlier stages, is better.
    pub bound: Option<f64>,
    /// The distance between them.
    pub gap: Option<f64>,
}

/// The rows of plans of one cluster.
pub(super) fn rows(cluster: &Cluster, made: &[Made]) -> Vec<Row> {
    let shares = shares(made);
    let mut rows: Vec<Row> = made.iter().map(|it| row(cluster, &shares, it)).collect();
    // Weights do not depend on the rule, so that every bound is one of all plans that count alike.
    let mut bounds: BTreeMap<bool, f64> = BTreeMap::new();
    for (row, made) in rows.iter().zip(made) {
        if let Some(welfare) = &made.plan.welfare {
            let best = bounds.entry(row.one_unit_more).or_insert(f64::INFINITY);
            *best = best.min(welfare.bound);
        }
    }
    for (row, made) in rows.iter_mut().zip(made) {
        // A bound is about plans in which everybody has its floor: one that leaves a floor may be beyond another's, not its own.
        let shared = bounds.get(&row.one_unit_more).copied();
        let shared = shared.filter(|&bound| row.welfare.is_some_and(|it| it <= bound));
        row.bound = shared.or_else(|| made.plan.welfare.as_ref().map(|it| it.bound));
        let apart = row.welfare.zip(row.bound);
        row.gap = apart.map(|(welfare, bound)| (1.0 - (welfare - bound).exp()).max(0.0));
    }
    rows
}

/// Who takes part in the shares, with which weight and unit: by framework.
fn shares(made: &[Made]) -> BTreeMap<String, Share> {
    let mut shares = BTreeMap::new();
    for result in made.iter().flat_map(|it| &it.plan.frameworks) {
        if let Some(share) = &result.share {
            let known = shares.entry(result.id.clone());
            known.or_insert_with(|| share.clone());
        }
    }
    shares
}

fn row(cluster: &Cluster, shares: &BTreeMap<String, Share>, made: &Made) -> Row {
    let plan = &made.plan;
    let has_shares = made.mode != Mode::Greedy;
    let (welfare, one_unit_more) = welfare(cluster, shares, plan);
    let sum = |of: fn(&apportion_cluster::plan::FrameworkResult) -> i64| {
        plan.frameworks.iter().map(of).sum()
    };
    let fairness = plan.fairness.as_ref();
    let section = plan.brokering.as_ref();
    Row {
        name: made.name.clone(),
        mode: plan.options.mode.clone(),
        fairness: has_shares.then(|| plan.options.fairness.clone()),
        status: plan.status,
        placed: sum(|result| result.placed),
        demand: sum(|result| result.demand),
        welfare,
        one_unit_more,
        bound: None,
        gap: None,
        epsilon: fairness.and_then(|it| it.epsilon),
        epsilon_one_unit: fairness.and_then(|it| it.epsilon_one_unit),
        price_of_brokering: section.and_then(|it| it.price),
        price_bound: section.map(|it| it.price_bound),
        division_loss: section.map(|it| it.division_loss),
        solver_loss: section.map(|it| it.solver_loss),
        price_of_fairness: fairness.and_then(|it| it.price_of_fairness),
        quality: quality(plan),
        time_ms: made.took.as_secs_f64() * 1e3,
    }
}

/// The welfare of what is placed, and whether it counts one unit more for each.
fn welfare(
    cluster: &Cluster,
    shares: &BTreeMap<String, Share>,
    plan: &PlanFile,
) -> (Option<f64>, bool) {
    let utilities = utilities(cluster, plan);
    let utility = |id: &str| utilities.get(id).copied().unwrap_or(0) as f64;
    let starved = shares.keys().any(|id| utility(id) <= 0.0);
    let counted = shares.iter().map(|(id, share)| {
        let shift = if starved { share.unit } else { 0.0 };
        share.weight * (utility(id) + shift).ln()
    });
    let welfare: f64 = counted.sum();
    let is_known = !shares.is_empty() && welfare.is_finite();
    (is_known.then_some(welfare), starved)
}

/// The value placed of each framework, from the placements.
fn utilities<'c>(cluster: &'c Cluster, plan: &PlanFile) -> BTreeMap<&'c str, i64> {
    let tasks = cluster.tasks.iter().enumerate().map(|(at, task)| {
        let job = &cluster.job(task.job).id;
        let framework = cluster.framework_of(TaskIdx::of(at));
        let owner = cluster.framework(framework).id.as_str();
        ((job.as_str(), task.id.as_str()), (owner, task.value))
    });
    let tasks: BTreeMap<(&str, &str), (&str, i64)> = tasks.collect();
    let mut utilities = BTreeMap::new();
    for placed in &plan.placements {
        if let Some((owner, value)) = tasks.get(&(placed.job.as_str(), placed.task.as_str())) {
            *utilities.entry(*owner).or_insert(0) += value * placed.instances;
        }
    }
    utilities
}

fn quality(plan: &PlanFile) -> Vec<Quality> {
    let of_framework = |result: &apportion_cluster::plan::FrameworkResult| {
        let last = result
            .stages
            .iter()
            .rposition(|stage| stage.name.starts_with("placed"));
        let own = last.map_or(0, |last| last + 1);
        let stage = result.stages.get(own).or(result.stages.last());
        Quality {
            framework: result.id.clone(),
            policy: result.policy.clone(),
            placed: result.placed,
            demand: result.demand,
            stage: stage.map(|stage| stage.name.clone()),
            sense: stage.map(|stage| stage.sense),
            objective: stage.map(|stage| stage.objective),
            bound: stage.and_then(|stage| stage.bound),
            gap: stage.and_then(|stage| stage.gap),
        }
    };
    plan.frameworks.iter().map(of_framework).collect()
}
