//! Roles and frameworks.

use std::collections::BTreeMap;

use apportion_cluster::file::SnapshotFile;
use apportion_cluster::{Framework, IdleGuarantee, Job, JobIdx, Role, RoleIdx};

use super::positions::Positions;
use crate::snapshot::roles::ancestors;

/// The declared roles, those that frameworks name, and everything above them.
pub(super) fn roles(file: &SnapshotFile, positions: &Positions<'_>) -> Vec<Role> {
    let n_resources = positions.resources.len();
    let mut roles: BTreeMap<&str, Role> = BTreeMap::new();
    let declared = file.roles.iter().map(|role| role.path.as_str());
    let named = file
        .frameworks
        .iter()
        .map(|f| f.role.as_deref().unwrap_or(&f.id));
    for path in declared.chain(named) {
        for path in std::iter::once(path).chain(ancestors(path)) {
            roles
                .entry(path)
                .or_insert_with(|| Role::new(path, 1.0, n_resources));
        }
    }
    for stated in &file.roles {
        let role = roles
            .get_mut(stated.path.as_str())
            .expect("declared roles were collected");
        role.weight = stated.weight.unwrap_or(1.0);
        if let Some(guarantee) = &stated.guarantee {
            role.guarantee = positions.quantities(guarantee);
        }
        for (resource, &most) in stated.limit.iter().flatten() {
            role.limit[positions.resource(resource)] = Some(most);
        }
        if stated.idle_guarantee.as_deref() == Some("lend") {
            role.idle_guarantee = IdleGuarantee::Lend;
        }
    }
    roles.into_values().collect()
}

pub(super) fn frameworks(file: &SnapshotFile, roles: &[Role], jobs: &[Job]) -> Vec<Framework> {
    let mut jobs_of = vec![Vec::new(); file.frameworks.len()];
    for (at, job) in jobs.iter().enumerate() {
        jobs_of[job.framework.at()].push(JobIdx::of(at));
    }
    let framework = |(framework, jobs): (&apportion_cluster::file::FrameworkFile, Vec<JobIdx>)| {
        let path = framework.role.as_deref().unwrap_or(&framework.id);
        let role = roles.binary_search_by(|role| role.path.as_str().cmp(path));
        Framework {
            id: framework.id.clone(),
            policy: framework.policy.clone(),
            role: RoleIdx::of(role.expect("roles were collected from all frameworks")),
            weight: framework.weight.unwrap_or(1.0),
            parameters: framework.parameters.clone(),
            jobs,
        }
    };
    file.frameworks.iter().zip(jobs_of).map(framework).collect()
}
