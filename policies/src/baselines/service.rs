//! What others do with long-running services: Aurora's random first fit, a spread score as in Kubernetes, and round robin.

use std::collections::BTreeMap;

use apportion_cluster::{AgentIdx, Running, Slice, TaskIdx};

use super::room::Room;
use crate::online::SplitMix64;

/// A way to place services, one instance after the other. All keep every hard rule; none looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceBaseline {
    /// The first agent with room, in an order that is drawn for each task: Apache Aurora.
    RandomFirstFit,
    /// The agent with the best sum of how few instances of the job its domains hold and how little of it is used: the default scores
    /// `PodTopologySpread` and `LeastAllocated` of Kubernetes, with equal weights.
    SpreadScore,
    /// Agents in turn.
    RoundRobin,
}

impl ServiceBaseline {
    /// Every baseline.
    pub const ALL: [Self; 3] = [Self::RandomFirstFit, Self::SpreadScore, Self::RoundRobin];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RandomFirstFit => "random-first-fit",
            Self::SpreadScore => "spread-score",
            Self::RoundRobin => "round-robin",
        }
    }

    /// New placements by (task, agent); tasks in order of priority, then name. `seed` decides what is drawn.
    #[must_use]
    pub fn place(self, slice: &Slice<'_>, seed: u64) -> Vec<Running> {
        let mut room = Room::new(slice);
        let mut random = SplitMix64::new(seed);
        let mut pending = slice.pending.clone();
        let priority = |task: TaskIdx| slice.cluster.job(slice.cluster.task(task).job).priority;
        pending.sort_by_key(|&(task, _)| (std::cmp::Reverse(priority(task)), task));
        let mut turn = 0;
        for (task, count) in pending {
            let mut order: Vec<usize> = (0..slice.offers.len()).collect();
            if self == Self::RandomFirstFit {
                for at in (1..order.len()).rev() {
                    order.swap(at, random.below(at + 1));
                }
            }
            for _ in 0..count {
                let chosen = match self {
                    Self::RandomFirstFit => order.iter().copied().find(|&at| room.holds(task, at)),
                    Self::RoundRobin => {
                        let n = order.len();
                        let around = (0..n).map(|step| (turn + step) % n);
                        let next = around.into_iter().find(|&at| room.holds(task, at));
                        turn = next.map_or(turn, |at| at + 1);
                        next
                    }
                    Self::SpreadScore => best_score(slice, &room, task),
                };
                let Some(at) = chosen else {
                    break;
                };
                room.put(task, at);
            }
        }
        room.into_placements()
    }
}

/// The offer with the best score; of equal ones the first.
fn best_score(slice: &Slice<'_>, room: &Room<'_>, task: TaskIdx) -> Option<usize> {
    let cluster = slice.cluster;
    let job = cluster.task(task).job;
    let mut by_domain: BTreeMap<(usize, usize), i64> = BTreeMap::new();
    for placed in room
        .in_place()
        .filter(|it| cluster.task(it.task).job == job)
    {
        for (level, domain) in cluster.agent(placed.agent).domains.iter().enumerate() {
            *by_domain.entry((level, domain.at())).or_insert(0) += placed.instances;
        }
    }
    let spread = |agent: AgentIdx| -> i64 {
        let levels = cluster.levels.iter().enumerate();
        let declared = levels.filter(|(_, level)| level.declared);
        let count = |(at, _): (usize, _)| {
            let domain = cluster.agent(agent).domains[at].at();
            by_domain.get(&(at, domain)).copied().unwrap_or(0)
        };
        declared.map(count).sum()
    };
    let open: Vec<usize> = (0..slice.offers.len())
        .filter(|&at| room.holds(task, at))
        .collect();
    let counts: Vec<i64> = open
        .iter()
        .map(|&at| spread(slice.offers[at].agent))
        .collect();
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let scored = open.iter().zip(&counts).map(|(&at, &count)| {
        let even = 100.0 * (most - count) as f64 / most as f64;
        (even + 100.0 * room.free_share(at), at)
    });
    let best = scored.max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(&left.1)));
    best.map(|(_, at)| at)
}
