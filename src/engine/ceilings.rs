//! Limits of roles as rows of models.
//!
//! ```text
//! role_limit[r,k]:   sum over items below r, bins   need_ik x_ib  <=  limit_rk - what else is used below r
//! ```
//!
//! So whoever waits without a place takes nothing of a limit from whoever has one. Where all need alike, the row counts copies. Rows
//! that cannot bind are left out. Models in time have no such rows: their counts are cut instead ([`Roles::allowance`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion_cluster::{Cluster, FrameworkIdx, Proposal, Running, TaskIdx};
use apportion_models::assignment::{Assignment, Cap};

use super::roles::Roles;

const NAME: &str = "role_limit";

/// The most of a resource that some frameworks below a role may hold beside what of them stays running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ceiling {
    pub role: usize,
    pub resource: usize,
    pub most: i64,
    pub frameworks: Vec<FrameworkIdx>,
}

impl Ceiling {
    /// The same as a row over the items of a model, which are these tasks; `None` if it cannot bind.
    pub fn row(&self, cluster: &Cluster, model: &Assignment, tasks: &[TaskIdx]) -> Option<Cap> {
        let need = |task: TaskIdx| cluster.task(task).demand.0[self.resource];
        let counted =
            |task: TaskIdx| need(task) > 0 && self.frameworks.contains(&cluster.framework_of(task));
        let items = (0_u32..).zip(tasks.iter().zip(&model.items));
        let items: Vec<(u32, i64, i64)> = items
            .filter(|(_, (task, _))| counted(**task))
            .map(|(position, (&task, item))| (position, need(task), item.count))
            .collect();
        let wanted = items
            .iter()
            .map(|&(_, need, count)| i128::from(need) * i128::from(count));
        if wanted.sum::<i128>() <= i128::from(self.most) {
            return None;
        }
        let first = items.first()?.1;
        let are_alike = items.iter().all(|&(_, need, _)| need == first);
        let role = &cluster.roles[self.role].path;
        Some(Cap {
            name: format!("{NAME}[{role},{}]", cluster.resources[self.resource]),
            items: Arc::new(items.iter().map(|&(position, ..)| position).collect()),
            bins: Arc::new((0..).take(model.bins.len()).collect()),
            max: if are_alike {
                self.most / first
            } else {
                self.most
            },
            weights: match are_alike {
                true => Vec::new(),
                false => items.iter().map(|&(_, need, _)| need).collect(),
            },
        })
    }

    /// Whether what is proposed keeps to it.
    pub fn allows(&self, cluster: &Cluster, proposal: &Proposal) -> bool {
        let placements = proposal.placements.iter();
        let counted =
            placements.filter(|it| self.frameworks.contains(&cluster.framework_of(it.task)));
        let held = counted.map(|it| {
            let need = cluster.task(it.task).demand.0[self.resource];
            i128::from(need) * i128::from(it.instances)
        });
        held.sum::<i128>() <= i128::from(self.most)
    }
}

/// Whether a cap of a model is a limit of a role.
pub(super) fn is_ceiling(cap: &Cap) -> bool {
    cap.name.starts_with(NAME)
}

impl Roles<'_> {
    /// What limits leave these frameworks together beside what of them stays running, by role and resource.
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
                let own = below
                    .iter()
                    .map(|&(framework, kept)| self.beside(framework, kept, resource));
                let left = limit - self.taken(role, resource) + own.sum::<i128>();
                ceilings.push(Ceiling {
                    role,
                    resource,
                    most: i64::try_from(left.max(0)).unwrap_or(i64::MAX),
                    frameworks: below.iter().map(|&(framework, _)| framework).collect(),
                });
            }
        }
        ceilings
    }
}
