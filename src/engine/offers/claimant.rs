//! A framework that wants something, and the part of its share that it is served.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Proposal, Running, TaskIdx};

use super::Free;
use super::claims::Scene;
use super::turns::Turn;
use crate::broker::Shares;
use crate::engine::devices;
use crate::engine::roles::{Counts, Roles};
use crate::engine::state::State;

/// A framework that wants something, while offers are made.
#[derive(Clone)]
pub(super) struct Claimant {
    pub framework: FrameworkIdx,
    pub witness: Proposal,
    pub counts: Option<Counts>,
    /// Agents that some task of it may use; `None` where it was placed on a choice of agents.
    pub usable: Option<Vec<bool>>,
    /// Whether its share leaves some of its demand open.
    pub unmet: bool,
    /// Weight, at least a little.
    pub weight: f64,
    /// What a part of its share counts: the more, the more it is owed from before.
    pub urgency: f64,
    /// Whole instances of its share.
    pub share: BTreeMap<TaskIdx, i64>,
    /// The part of its share, in value, that the witness holds.
    pub served: f64,
    /// Leftovers received, in fractions of an agent.
    pub given: f64,
}

/// What a weight counts at least.
const LEAST_WEIGHT: f64 = 1e-9;

/// Whoever is served less of its share counts as served this part of it.
const LEAST_SERVED: f64 = 1e-3;

impl Claimant {
    /// One that claims nothing, for want of time: what it needs is re-offered.
    pub(super) fn without(
        scene: &Scene<'_, '_>,
        (framework, share): Turn,
        is_limited: bool,
    ) -> Self {
        Self {
            framework,
            witness: Proposal::default(),
            counts: is_limited.then(Counts::new),
            usable: None,
            unmet: true,
            weight: weight(scene.shares, framework),
            urgency: urgency(scene, framework),
            served: part_served(scene.state.cluster, &share, &[]),
            share,
            given: 0.0,
        }
    }

    /// Logarithm, by urgency, of the part of its share that it is served.
    pub(super) fn welfare(&self) -> f64 {
        self.urgency * self.served.clamp(LEAST_SERVED, 1.0).ln()
    }

    /// Takes the witness out of what is free.
    pub(super) fn take(&self, state: &State<'_>, free: &mut Free, roles: &mut Roles<'_>) {
        let cluster = state.cluster;
        for placed in &self.witness.placements {
            let demand = &cluster.task(placed.task).demand;
            free.resources[placed.agent.at()].subtract(demand, placed.instances);
        }
        for held in &self.witness.devices {
            devices::take(cluster, &mut free.devices, held);
        }
        let kept = &state.kept[self.framework.at()];
        let added = &self.witness.placements;
        roles.count(self.framework, kept, added);
        if let Some(counts) = &self.counts {
            let most = counts.iter().map(|(&task, &instances)| Running {
                task,
                agent: AgentIdx::of(0),
                instances,
            });
            let most: Vec<Running> = most.collect();
            roles.promise(self.framework, kept, &most);
        }
        roles.settle(self.framework, &free.resources);
    }

    /// Gives the witness back to what is free.
    pub(super) fn give(&self, cluster: &Cluster, free: &mut Free) {
        for placed in &self.witness.placements {
            let demand = &cluster.task(placed.task).demand;
            free.resources[placed.agent.at()].add(demand, placed.instances);
        }
        for held in &self.witness.devices {
            devices::give(cluster, &mut free.devices, held);
        }
    }
}

pub(super) fn weight(shares: &Shares, framework: FrameworkIdx) -> f64 {
    shares.frameworks[framework.at()].weight.max(LEAST_WEIGHT)
}

pub(super) fn urgency(scene: &Scene<'_, '_>, framework: FrameworkIdx) -> f64 {
    weight(scene.shares, framework) * (1.0 + scene.context.credit(framework).max(0.0))
}

/// The part of a share, in value, that placements hold; 1 if it is nothing.
pub(super) fn part_served(
    cluster: &Cluster,
    share: &BTreeMap<TaskIdx, i64>,
    placed: &[Running],
) -> f64 {
    let value = |task: TaskIdx, instances: i64| {
        i128::from(cluster.task(task).value) * i128::from(instances)
    };
    let wanted: i128 = share.iter().map(|(&task, &count)| value(task, count)).sum();
    let placed = placed.iter().map(|it| value(it.task, it.instances));
    match wanted {
        0 => 1.0,
        wanted => placed.sum::<i128>() as f64 / wanted as f64,
    }
}
