//! Limits of roles as rows of models.
//!
//! ```text
//! role_limit[r,k]:   sum over items below r, bins   need_ik x_ib  <=  limit_rk - what else is used below r
//! ```
//!
//! What was released from its place counts until as many of its task are placed elsewhere: it may have to go back. Of a task of which more
//! is pending than was released, all that is placed counts beside that, or no more is placed than was released.
//!
//! So whoever waits without a place takes nothing of a limit from whoever has one. Where all need alike, the row counts copies. Rows
//! that cannot bind are left out. Models in time have no such rows: their counts are cut instead ([`Roles::allowance`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{Cluster, FrameworkIdx, Proposal, Running, TaskIdx};
use apportion_models::assignment::{Assignment, Cap};

use super::roles::{Counts, Roles};

const NAME: &str = "role_limit";

/// The most of a resource that some frameworks below a role may hold beside what of them stays running or was released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    pub role: usize,
    pub resource: usize,
    pub most: i64,
    pub frameworks: Vec<FrameworkIdx>,
    /// How many instances of each task were released.
    released: Arc<Counts>,
}

impl Ceiling {
    /// The same as rows over the items of a model, which are these tasks; those that cannot bind are left out.
    pub fn rows(&self, cluster: &Cluster, model: &Assignment, tasks: &[TaskIdx]) -> Vec<Cap> {
        let need = |task: TaskIdx| cluster.task(task).demand.0[self.resource];
        let counted =
            |task: TaskIdx| need(task) > 0 && self.frameworks.contains(&cluster.framework_of(task));
        let items = (0_u32..).zip(tasks.iter().zip(&model.items));
        let items = items.filter(|(_, (task, _))| counted(**task));
        // Whatever of a task is no more than was released takes nothing.
        let items = items.filter(|(_, (task, item))| item.count > self.released_of(**task));
        let items: Vec<(u32, TaskIdx, i64)> = items
            .map(|(position, (&task, item))| (position, task, item.count))
            .collect();
        let wanted = items.iter().map(|&(_, task, count)| {
            i128::from(need(task)) * i128::from(count - self.released_of(task))
        });
        if wanted.sum::<i128>() <= i128::from(self.most) {
            return Vec::new();
        }
        let role = &cluster.roles[self.role].path;
        let name = format!("{NAME}[{role},{}]", cluster.resources[self.resource]);
        let bins = Arc::new((0..).take(model.bins.len()).collect());
        let (held, open): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|&(_, task, _)| self.released_of(task) > 0 && need(task) > self.most);
        let mut rows: Vec<Cap> = (held.iter())
            .map(|&(position, task, _)| Cap {
                name: name.clone(),
                items: Arc::new(vec![position]),
                bins: Arc::clone(&bins),
                max: self.released_of(task),
                weights: Vec::new(),
            })
            .collect();
        let needs: Vec<i64> = open.iter().map(|&(_, task, _)| need(task)).collect();
        let Some(&first) = needs.first() else {
            return rows;
        };
        let are_alike = needs.iter().all(|&need| need == first);
        rows.push(Cap {
            name,
            items: Arc::new(open.iter().map(|&(position, ..)| position).collect()),
            bins,
            max: if are_alike {
                self.most / first
            } else {
                self.most
            },
            weights: if are_alike { Vec::new() } else { needs },
        });
        rows
    }

    fn released_of(&self, task: TaskIdx) -> i64 {
        self.released.get(&task).copied().unwrap_or(0)
    }

    /// Whether what is proposed keeps to it.
    pub fn allows(&self, cluster: &Cluster, proposal: &Proposal) -> bool {
        let mut counts = Counts::new();
        for it in &proposal.placements {
            if self.frameworks.contains(&cluster.framework_of(it.task)) {
                *counts.entry(it.task).or_insert(0) += it.instances;
            }
        }
        let held = counts.iter().map(|(&task, &instances)| {
            let need = cluster.task(task).demand.0[self.resource];
            i128::from(need) * i128::from((instances - self.released_of(task)).max(0))
        });
        held.sum::<i128>() <= i128::from(self.most)
    }
}

/// Whether a cap of a model is a limit of a role.
pub(super) fn is_ceiling(cap: &Cap) -> bool {
    cap.name.starts_with(NAME)
}

impl Roles<'_> {
    /// What limits leave these frameworks together beside what of them stays running or was released, by role and resource.
    pub(super) fn ceilings(&self, frameworks: &[(FrameworkIdx, &[Running])]) -> Vec<Ceiling> {
        let mut below: BTreeMap<usize, Vec<(FrameworkIdx, &[Running])>> = BTreeMap::new();
        for &(framework, kept) in frameworks {
            for role in self.above(framework) {
                below.entry(role).or_default().push((framework, kept));
            }
        }
        let mut ceilings = Vec::new();
        for (role, below) in below {
            let limits = self.limits(role);
            for (resource, limit) in limits.iter().enumerate() {
                let Some(limit) = limit else { continue };
                let own = below.iter().map(|&(framework, kept)| {
                    self.beside(framework, kept, resource) - self.moving(framework, resource)
                });
                let left = limit - self.taken(role, resource) + own.sum::<i128>();
                ceilings.push(Ceiling {
                    role,
                    resource,
                    most: i64::try_from(left.max(0)).unwrap_or(i64::MAX),
                    frameworks: below.iter().map(|&(framework, _)| framework).collect(),
                    released: Arc::clone(self.released()),
                });
            }
        }
        ceilings
    }
}
