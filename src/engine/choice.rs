//! Where there are too many agents and frameworks to look at every pair: shares placed class by class.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::{
    AgentIdx, Cluster, FrameworkIdx, Offer, Proposal, Quantities, Running, TaskIdx,
};

use super::offers::{Free, Sketch};
use super::roles::Roles;
use super::state::State;
use crate::broker::{AgentClass, Shares};

/// Agents to place a share on where there are too many agents and frameworks to look at all of them: of each class in the
/// share, the next agents with room for a little more than the share has there.
pub(super) struct Choice<'a> {
    cluster: &'a Cluster,
    classes: &'a [AgentClass],
    /// By class: agents before this are full.
    full: Vec<usize>,
    /// By class: the agent whose turn it is.
    turn: Vec<usize>,
}

/// Agents times frameworks beyond which offers are made from a choice of agents.
const MANY_PAIRS: usize = 1_000_000;
/// How much more room is chosen than a share has, and what is chosen at least.
const SPARE: f64 = 1.25;
const LEAST_COPIES: i64 = 2;

impl<'a> Choice<'a> {
    pub(super) fn of(cluster: &'a Cluster, shares: &'a Shares, n_wanting: usize) -> Option<Self> {
        (cluster.agents.len() * n_wanting > MANY_PAIRS).then(|| Self {
            cluster,
            classes: &shares.classes,
            full: vec![0; shares.classes.len()],
            turn: vec![0; shares.classes.len()],
        })
    }

    /// The share class by class, agents in turn, for a framework whose tasks have no rules but where they may go. Whatever
    /// resources it needs most, its neighbors on an agent are likely to need others.
    pub(super) fn by_class(
        &mut self,
        state: &State<'_>,
        shares: &Shares,
        framework: FrameworkIdx,
        share: &BTreeMap<TaskIdx, i64>,
        (free, roles): (&Free, &Roles<'_>),
    ) -> Option<Sketch> {
        let cluster = self.cluster;
        if !share.keys().all(|&task| is_plain(cluster, task)) {
            return None;
        }
        let mut room: BTreeMap<AgentIdx, Quantities> = BTreeMap::new();
        let mut open = share.clone();
        let mut placed: BTreeMap<(TaskIdx, AgentIdx), i64> = BTreeMap::new();
        let mut carried: BTreeMap<TaskIdx, f64> = BTreeMap::new();
        let allocation = &shares.frameworks[framework.at()].allocation;
        let first = framework.at() % allocation.len().max(1);
        let rotated = || allocation[first..].iter().chain(&allocation[..first]);
        // By the share; then what that left, wherever there is room.
        for is_rest in [false, true] {
            for &(task, class, instances) in rotated() {
                let left = open.entry(task).or_insert(0);
                let carried = carried.entry(task).or_insert(0.0);
                *carried += if is_rest { *left as f64 } else { instances };
                let mut want = (*carried as i64).min(*left);
                *carried -= want as f64;
                *left -= want;
                let of = cluster.task(task);
                let agents = &self.classes[class].agents;
                // So many at a time that several frameworks meet on an agent.
                let whole = agents.first().map(|&agent| &cluster.agent(agent).capacity);
                let chunk = whole
                    .map_or(1, |whole| of.demand.copies_in(whole) / 8)
                    .max(1);
                for _ in 0..agents.len() {
                    if want == 0 {
                        break;
                    }
                    let agent = agents[self.turn[class] % agents.len()];
                    self.turn[class] += 1;
                    let fits = of.demand.fits_in(&free.resources[agent.at()]);
                    if !fits || cluster.refusal(of, agent).is_some() {
                        continue;
                    }
                    let room = room.entry(agent).or_insert_with(|| {
                        let mut offer = Offer {
                            agent,
                            resources: free.resources[agent.at()].clone(),
                            devices: Vec::new(),
                        };
                        roles.withhold(framework, &mut offer);
                        offer.resources
                    });
                    let count = of.demand.copies_in(room).min(want).min(chunk);
                    if count > 0 {
                        room.subtract(&of.demand, count);
                        *placed.entry((task, agent)).or_insert(0) += count;
                        want -= count;
                    }
                }
                *left += want;
            }
        }
        let placements = placed.into_iter();
        let placements = placements.map(|((task, agent), instances)| Running {
            task,
            agent,
            instances,
        });
        let is_whole = open.values().all(|&left| left == 0);
        let pending = state.pending(framework).into_iter();
        let unmet = pending
            .map(|(task, count)| count - share.get(&task).copied().unwrap_or(0))
            .any(|left| left > 0);
        Some(Sketch {
            witness: Proposal {
                placements: placements.collect(),
                devices: Vec::new(),
                units: Vec::new(),
            },
            usable: None,
            unmet: unmet || !is_whole,
            is_whole,
        })
    }

    pub(super) fn agents(
        &mut self,
        shares: &Shares,
        framework: FrameworkIdx,
        free: &Free,
    ) -> Vec<AgentIdx> {
        let mut chosen = BTreeSet::new();
        let allocation = &shares.frameworks[framework.at()].allocation;
        // A share may lie on many classes, a part of an instance on each: what is left of one is carried to the next, and
        // not everybody begins with the same.
        let turn = framework.at() % allocation.len().max(1);
        let rotated = allocation[turn..].iter().chain(&allocation[..turn]);
        let mut carried = 0.0;
        for (at, &(task, class, instances)) in rotated.enumerate() {
            carried += instances;
            if carried < 1.0 && at + 1 < allocation.len() {
                continue;
            }
            let agents = &self.classes[class].agents;
            let empty = |agent: AgentIdx| free.resources[agent.at()].0.iter().all(|&it| it <= 0);
            while self.full[class] < agents.len() && empty(agents[self.full[class]]) {
                self.full[class] += 1;
            }
            let of = self.cluster.task(task);
            let mut open = (carried * SPARE).ceil() as i64 + LEAST_COPIES;
            carried = 0.0;
            for &agent in &agents[self.full[class]..] {
                if open <= 0 {
                    break;
                }
                let copies = of.demand.copies_in(&free.resources[agent.at()]);
                if copies > 0 && self.cluster.refusal(of, agent).is_none() {
                    chosen.insert(agent);
                    open -= copies.min(open);
                }
            }
        }
        chosen.into_iter().collect()
    }
}

/// Whether a task's only rules are on where its instances may go, one by one.
fn is_plain(cluster: &Cluster, task: TaskIdx) -> bool {
    let of = cluster.task(task);
    let job = cluster.job(of.job);
    of.limits.is_empty()
        && of.spreads.is_empty()
        && of.groups.is_empty()
        && of.devices.is_empty()
        && job.gang_min.is_none()
        && job.min_available.is_none()
}
