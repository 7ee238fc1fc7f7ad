//! Where a framework would put its share.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Offer, Proposal, TaskIdx};

use super::Free;
use super::claims::Scene;
use crate::engine::beside::Beside;
use crate::engine::choice::Choice;
use crate::engine::quotas::Quotas;
use crate::engine::roles::Roles;
use crate::engine::solve::{self, Effort, Rows};
use crate::engine::state::State;

/// A constructive placement of a framework's share.
pub(in crate::engine) struct Sketch {
    pub witness: Proposal,
    /// Agents that some task of the framework may use.
    pub usable: Option<Vec<bool>>,
    /// Whether some of its demand is left open.
    pub unmet: bool,
    /// Whether all of its share is placed.
    pub is_whole: bool,
}

/// A framework's share, to be placed.
pub(super) struct Asked<'r, 's> {
    pub scene: &'r Scene<'r, 's>,
    pub framework: FrameworkIdx,
    pub share: &'r BTreeMap<TaskIdx, i64>,
}

/// Where a share may be placed: everywhere by default.
#[derive(Clone, Copy, Default)]
pub(super) struct Ground<'g> {
    /// On these agents only.
    only: Option<&'g [AgentIdx]>,
    /// So many of each shape on each class.
    quotas: Option<&'g Quotas<'g>>,
    /// Less what stands beside free devices.
    beside: Option<&'g Beside<'g>>,
}

impl Asked<'_, '_> {
    /// Class by class, or whole on a choice of agents.
    pub(super) fn chosen(
        &self,
        room: (&Free, &Roles<'_>),
        choice: &mut Choice<'_>,
    ) -> Option<Sketch> {
        let shares = self.scene.shares;
        let by_class = choice.by_class(self.scene.state, shares, self.framework, self.share, room);
        let sketched = by_class.or_else(|| {
            let chosen = choice.agents(shares, self.framework, room.0);
            let ground = Ground {
                only: Some(&chosen),
                ..Ground::default()
            };
            let sketch = self.sketch(room, ground, &Proposal::default());
            sketch.filter(|it| it.is_whole)
        });
        sketched.map(|sketch| Sketch {
            usable: None,
            ..sketch
        })
    }

    /// As [`modest`](Self::modest), and what that leaves short wherever there is room: for claims that nothing completes later.
    pub(super) fn liked(&self, room: (&Free, &Roles<'_>)) -> Option<Sketch> {
        let sketched = self.modest(room, None)?;
        if sketched.is_whole || !needs_no_device(self.scene.state, self.framework) {
            return Some(sketched);
        }
        self.sketch(room, Ground::default(), &sketched.witness)
    }

    /// Where its policy likes best. Whoever needs no device goes first where there is none, and leaves alone what stands beside one.
    pub(super) fn modest(
        &self,
        room: (&Free, &Roles<'_>),
        quotas: Option<&Quotas<'_>>,
    ) -> Option<Sketch> {
        let nothing = Proposal::default();
        let ground = Ground {
            quotas,
            ..Ground::default()
        };
        if !needs_no_device(self.scene.state, self.framework) {
            return self.sketch(room, ground, &nothing);
        }
        let apart = apart(self.scene.state.cluster, room.0);
        let only = Some(&apart[..]);
        let sketched = self.sketch(room, Ground { only, ..ground }, &nothing)?;
        if sketched.is_whole || apart.len() == self.scene.state.cluster.agents.len() {
            return Some(sketched);
        }
        let beside = Some(&self.scene.beside);
        self.sketch(room, Ground { beside, ..ground }, &sketched.witness)
    }

    /// Places the share in what is free, keeping `start`.
    pub(super) fn sketch(
        &self,
        room: (&Free, &Roles<'_>),
        ground: Ground<'_>,
        start: &Proposal,
    ) -> Option<Sketch> {
        let (state, context, framework) = (self.scene.state, self.scene.context, self.framework);
        let (cluster, share) = (state.cluster, self.share);
        let slice = state.slice(framework, self.offered(room, ground));
        let policy = context.policy(framework)?;
        // A policy that fails here fails again in its round, where the failure is recorded.
        let rows = Rows::default();
        let mut formulation = solve::formulate(&**policy, &slice, &rows).ok()?;
        // Shares are of what is held at one moment.
        formulation.schedule = None;
        let mut usable = vec![false; cluster.agents.len()];
        for item in &formulation.assignment.items {
            for &bin in item.eligible.iter() {
                for agent in formulation.agents_of(bin as usize) {
                    usable[agent.at()] = true;
                }
            }
        }
        if let Some(quotas) = ground.quotas {
            quotas.apply(&mut formulation);
        }
        let mut unmet = false;
        for (item, (task, pending)) in formulation.assignment.items.iter_mut().zip(&slice.pending) {
            item.count = share.get(task).copied().unwrap_or(0).min(*pending);
            unmet |= item.count < *pending;
        }
        let answer = solve::answer(
            &**policy,
            &slice,
            (formulation, &rows),
            start,
            Effort::Sketch,
            &self.scene.options,
        );
        let witness = answer.map(|answer| answer.proposal).unwrap_or_default();
        let placed = witness.placements.iter().map(|placed| placed.instances);
        let is_whole = placed.sum::<i64>() >= share.values().sum();
        Some(Sketch {
            witness,
            usable: Some(usable),
            unmet: unmet || !is_whole,
            is_whole,
        })
    }

    /// What is free on its ground.
    fn offered(&self, (free, roles): (&Free, &Roles<'_>), ground: Ground<'_>) -> Vec<Offer> {
        let cluster = self.scene.state.cluster;
        let all: Vec<AgentIdx>;
        let agents = match ground.only {
            Some(agents) => agents,
            None => {
                all = cluster.agent_indices().collect();
                &all
            }
        };
        let open = agents.iter().copied();
        let open = open.filter(|&agent| !cluster.agent(agent).cordoned);
        let offers = open.map(|agent| {
            let mut offer = Offer {
                agent,
                resources: free.resources[agent.at()].clone(),
                devices: free.devices[agent.at()].clone(),
            };
            roles.withhold(self.framework, &mut offer);
            if let Some(beside) = ground.beside {
                beside.leave(agent, &mut offer.resources, &offer.devices);
            }
            offer
        });
        offers.collect()
    }
}

pub(super) fn needs_no_device(state: &State<'_>, framework: FrameworkIdx) -> bool {
    let pending = state.pending(framework);
    let mut tasks = pending.iter().map(|&(task, _)| state.cluster.task(task));
    tasks.all(|task| task.devices.is_empty())
}

/// Agents beside whose resources no device is left.
fn apart(cluster: &Cluster, free: &Free) -> Vec<AgentIdx> {
    let agents = cluster.agent_indices();
    let apart = agents.filter(|agent| {
        let mut devices = free.devices[agent.at()].iter().flatten();
        devices.all(|&milli| milli == 0)
    });
    apart.collect()
}
