//! What roles may hold at most, and what is kept free for them, while a plan is made.
//!
//! Limits bind whole subtrees. What they leave is a row of a model ([`ceilings`](super::ceilings)); where frameworks below one limit
//! are asked side by side, each is promised a part, and its pending counts are cut to it ([`Roles::allowance`]). So no answer of a
//! solver can go beyond them. What runs may be above a limit already; then nothing is added. Held guarantees are amounts on agents that only frameworks below the role are offered; as these place
//! something, less is held ([`Roles::settle`]).

mod allowance;
mod holding;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Quantities, Running, TaskIdx};

use crate::broker::tree::{self, Tree};
use holding::Hold;
use usage::{add, by_task};

/// Counts of instances that a framework may place, by task.
pub(super) type Counts = BTreeMap<TaskIdx, i64>;

/// Usage, limits and held guarantees of all roles.
#[derive(Clone)]
pub(super) struct Roles<'a> {
    cluster: &'a Cluster,
    tree: Arc<Tree>,
    limits: Arc<Vec<Vec<Option<i128>>>>,
    /// Roles that have a limit.
    limited: Vec<bool>,
    /// What each subtree uses.
    usage: Vec<Vec<i128>>,
    /// What each framework uses.
    used: Vec<Vec<i128>>,
    /// How many instances of each task were released: as they may have to go back, limits count them until as many were added.
    released: Arc<Counts>,
    /// What each framework may add to that, and others may not: it counts for limits, not for guarantees.
    promised: Vec<Vec<i128>>,
    /// What is promised below each role.
    promises: Vec<Vec<i128>>,
    /// By role, ascending.
    holds: Vec<Hold>,
    /// The sum of all that is held, by agent.
    held: BTreeMap<AgentIdx, Quantities>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(cluster: &'a Cluster, released: &[Running]) -> Self {
        let mut used = vec![vec![0; cluster.resources.len()]; cluster.frameworks.len()];
        for running in &cluster.running {
            let demand = &cluster.task(running.task).demand;
            add(
                &mut used[cluster.framework_of(running.task).at()],
                demand,
                running.instances,
            );
        }
        let limited = cluster.roles.iter();
        Self {
            cluster,
            tree: Arc::new(Tree::of(cluster)),
            limits: Arc::new(tree::limits(cluster)),
            limited: limited
                .map(|role| role.limit.iter().any(Option::is_some))
                .collect(),
            usage: tree::running_usage(cluster),
            promised: vec![vec![0; cluster.resources.len()]; cluster.frameworks.len()],
            promises: vec![vec![0; cluster.resources.len()]; cluster.roles.len()],
            used,
            released: Arc::new(by_task(released)),
            holds: Vec::new(),
            held: BTreeMap::new(),
        }
    }

    /// Counts only these as released, from the next count of their framework on.
    pub(super) fn set_released(&mut self, released: &[Running]) {
        self.released = Arc::new(by_task(released));
    }

    /// How many instances of each task were released.
    pub(super) fn released(&self) -> &Arc<Counts> {
        &self.released
    }

    /// Of a resource, what of a framework was released.
    pub(super) fn moving(&self, framework: FrameworkIdx, resource: usize) -> i128 {
        let own = self.released.iter();
        let own = own.filter(|(task, _)| self.cluster.framework_of(**task) == framework);
        let amounts = own.map(|(&task, &instances)| {
            i128::from(self.cluster.task(task).demand.0[resource]) * i128::from(instances)
        });
        amounts.sum()
    }

    /// The roles at and above a framework's, upward.
    pub(super) fn above(&self, framework: FrameworkIdx) -> Vec<usize> {
        let role = self.cluster.framework(framework).role.at();
        self.tree.upward(role).collect()
    }

    /// What everything below a role uses.
    pub(super) fn usage(&self, role: usize) -> &[i128] {
        &self.usage[role]
    }

    /// Whether a limit stands above a framework.
    pub(super) fn is_limited(&self, framework: FrameworkIdx) -> bool {
        self.above(framework).iter().any(|&role| self.limited[role])
    }

    /// The limits of a role, by resource.
    pub(super) fn limits(&self, role: usize) -> &[Option<i128>] {
        &self.limits[role]
    }

    /// What of a resource is used or promised below a role.
    pub(super) fn taken(&self, role: usize, resource: usize) -> i128 {
        self.usage[role][resource] + self.promises[role][resource]
    }

    /// What a framework uses, or is promised, of a resource beside what of it stays running.
    pub(super) fn beside(
        &self,
        framework: FrameworkIdx,
        kept: &[Running],
        resource: usize,
    ) -> i128 {
        let own = self.used[framework.at()][resource] + self.promised[framework.at()][resource];
        let kept = kept.iter().map(|kept| {
            let need = self.cluster.task(kept.task).demand.0[resource];
            i128::from(need) * i128::from(kept.instances)
        });
        own - kept.sum::<i128>()
    }

    /// Whether one more instance keeps every limit above its framework.
    pub(super) fn lets_in(&self, task: TaskIdx) -> bool {
        let demand = &self.cluster.task(task).demand.0;
        self.above(self.cluster.framework_of(task))
            .iter()
            .all(|&role| {
                let limits = self.limits[role].iter().zip(&self.usage[role]).zip(demand);
                limits.into_iter().all(|((limit, used), &need)| {
                    need == 0 || limit.is_none_or(|limit| used + i128::from(need) <= limit)
                })
            })
    }

    /// The first limit that keeps so many instances of a task out: role and resource, with the limit and what is used.
    pub(super) fn obstacle(
        &self,
        task: TaskIdx,
        instances: i64,
    ) -> Option<(usize, usize, i128, i128)> {
        let demand = &self.cluster.task(task).demand.0;
        let above = self.above(self.cluster.framework_of(task));
        above.into_iter().find_map(|role| {
            let mut limits = self.limits[role].iter().enumerate();
            limits.find_map(|(resource, limit)| {
                let (limit, used) = ((*limit)?, self.usage[role][resource]);
                let need = i128::from(demand[resource]) * i128::from(instances);
                (need > 0 && used + need > limit).then_some((role, resource, limit, used))
            })
        })
    }

    /// Whether no role limits or holds anything.
    pub(super) fn are_free(&self) -> bool {
        self.holds.is_empty() && !self.limited.contains(&true)
    }
}
