//! What is kept of each plan: who holds what, and by how much everybody is short so far.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{FrameworkResult, PlanFile};
use apportion_cluster::{Cluster, FrameworkIdx};
use serde::Serialize;

/// One plan of a simulation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Milliseconds after the moment of the snapshot.
    pub at_ms: i64,
    /// What happened since the plan before, in plain words.
    pub events: Vec<String>,
    /// Instances in place.
    pub placed: i64,
    /// Instances wanted.
    pub wanted: i64,
    /// Agents that are lost.
    pub lost_agents: usize,
    /// Running instances that the plan moved.
    pub moves: i64,
    /// Running instances that had to go for a job under a guarantee, moved or not.
    pub preempted: i64,
    /// How far from efficient the plan is, but for one unit each; absent where the plan has no certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon_one_unit: Option<f64>,
    /// By framework id.
    pub frameworks: BTreeMap<String, Point>,
    /// The events, the conversation of offers, and what waits; empty unless it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transcript: Vec<String>,
}

/// One framework at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Point {
    /// Instances in place.
    pub placed: i64,
    /// Instances wanted.
    pub wanted: i64,
    /// Value in place.
    pub utility: f64,
    /// The value that it deserves; 0 where it wants nothing.
    pub deserved: f64,
    /// The largest part that it holds of any resource of the agents that are there.
    pub dominant_share: f64,
    /// Value below the deserved while something waits.
    pub shortfall: f64,
    /// The sum over plans of deserved less held value while something waits, never below 0: what it is behind. 0 as
    /// soon as nothing waits.
    pub cumulative_shortfall: f64,
    /// The same in shares, as the next plan takes it into account.
    pub credit: f64,
}

/// What frameworks are behind, from plan to plan.
#[derive(Default)]
pub(super) struct Accounts {
    behind: BTreeMap<String, f64>,
}

impl Accounts {
    pub(super) fn step(
        &mut self,
        at_ms: i64,
        cluster: &Cluster,
        plan: &PlanFile,
        lost: &BTreeSet<String>,
    ) -> Step {
        let shares = dominant_shares(cluster, plan, lost);
        let frameworks = plan.frameworks.iter().zip(shares);
        let points = frameworks.map(|(framework, share)| {
            let point = self.point(framework, share);
            (framework.id.clone(), point)
        });
        let points: BTreeMap<String, Point> = points.collect();
        let certificate = plan.fairness.as_ref();
        Step {
            at_ms,
            events: Vec::new(),
            placed: points.values().map(|point| point.placed).sum(),
            wanted: points.values().map(|point| point.wanted).sum(),
            lost_agents: lost.len(),
            moves: plan.moves.iter().map(|it| it.instances).sum(),
            preempted: plan
                .preemptions
                .iter()
                .flat_map(|it| &it.victims)
                .map(|victim| victim.instances)
                .sum(),
            epsilon_one_unit: certificate.and_then(|it| it.epsilon_one_unit),
            frameworks: points,
            transcript: Vec::new(),
        }
    }

    fn point(&mut self, framework: &FrameworkResult, dominant_share: f64) -> Point {
        let share = framework.share.as_ref();
        let utility = share.map_or(0.0, |share| share.utility);
        let deserved = share.map_or(0.0, |share| share.deserved);
        let behind = self.behind.entry(framework.id.clone()).or_default();
        let waits = framework.placed < framework.demand;
        *behind = match waits {
            true => (*behind + deserved - utility).max(0.0),
            false => 0.0,
        };
        Point {
            placed: framework.placed,
            wanted: framework.demand,
            utility,
            deserved,
            dominant_share,
            shortfall: if waits {
                (deserved - utility).max(0.0)
            } else {
                0.0
            },
            cumulative_shortfall: *behind,
            credit: share.map_or(0.0, |share| share.credit),
        }
    }
}

/// By framework.
fn dominant_shares(cluster: &Cluster, plan: &PlanFile, lost: &BTreeSet<String>) -> Vec<f64> {
    let mut totals = vec![0_i128; cluster.resources.len()];
    for agent in cluster
        .agents
        .iter()
        .filter(|agent| !lost.contains(&agent.id))
    {
        for (total, &amount) in totals.iter_mut().zip(&agent.capacity.0) {
            *total += i128::from(amount);
        }
    }
    let tasks: BTreeMap<(&str, &str, Option<String>), _> = cluster
        .task_indices()
        .map(|task| {
            let it = cluster.task(task);
            (
                (&*cluster.job(it.job).id, it.file_id(), it.shard_id()),
                task,
            )
        })
        .collect();
    let mut held = vec![vec![0_i128; totals.len()]; cluster.frameworks.len()];
    for placed in &plan.placements {
        let Some(&task) = tasks.get(&(&*placed.job, &*placed.task, placed.shard.clone())) else {
            continue;
        };
        let framework: FrameworkIdx = cluster.framework_of(task);
        let demand = &cluster.task(task).demand.0;
        for (held, &need) in held[framework.at()].iter_mut().zip(demand) {
            *held += i128::from(need) * i128::from(placed.instances);
        }
    }
    let share = |held: &Vec<i128>| {
        let parts = held.iter().zip(&totals).filter(|(_, total)| **total > 0);
        let parts = parts.map(|(&held, &total)| held as f64 / total as f64);
        parts.fold(0.0, f64::max)
    };
    held.iter().map(share).collect()
}
