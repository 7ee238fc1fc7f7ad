//! Roles and frameworks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::file::{AgentFile, RoleFile, SnapshotFile};
use apportion_cluster::{WHOLE_DEVICE, device_resource};
use apportion_policies::Registry;

use super::values::{amounts, distinct, name, suggestion, weight};
use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::roles::{MOST_COMPONENTS, ancestors, parent};
use crate::snapshot::text;

/// Roles are distinct paths with weights, guarantees and limits.
pub(super) fn roles(file: &SnapshotFile, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("roles");
    distinct(
        file.roles.iter().map(|r| r.path.as_str()),
        &list,
        "path",
        faults,
    );
    for (index, role) in file.roles.iter().enumerate() {
        let path = list.element(index, &role.path);
        role_path(&role.path, &path.key("path"), faults);
        weight(role.weight, &path.key("weight"), faults);
        idle_guarantee(role, &path.key("idle_guarantee"), faults);
        for (key, stated) in [("guarantee", &role.guarantee), ("limit", &role.limit)] {
            if let Some(stated) = stated {
                amounts(stated, &path.key(key), faults);
            }
        }
        guarantee_within_limits(file, role, &path, faults);
    }
}

/// A role is promised no more than it, and what is above it, may hold.
fn guarantee_within_limits(
    file: &SnapshotFile,
    role: &RoleFile,
    path: &Path<'_>,
    faults: &mut Faults,
) {
    for (resource, &promised) in role.guarantee.iter().flatten() {
        let limits = file.roles.iter().filter_map(|limited| {
            let counts = limited.path == role.path
                || ancestors(&role.path).any(|above| above == limited.path);
            let most = *limited.limit.as_ref()?.get(resource)?;
            (counts && most < promised).then_some((most, &limited.path))
        });
        if let Some((most, limited)) = limits.min() {
            let cause = format!(
                "the guarantee of {} is {promised}, and the limit of {} is {most}",
                text::quote(resource),
                text::quote(limited)
            );
            let action = "lower the guarantee or raise the limit";
            faults.add(
                code::GUARANTEE_ABOVE_LIMIT,
                &path.key("guarantee"),
                cause,
                action,
            );
        }
    }
}

fn idle_guarantee(role: &RoleFile, path: &Path<'_>, faults: &mut Faults) {
    if let Some(word) = role.idle_guarantee.as_deref()
        && !matches!(word, "hold" | "lend")
    {
        let cause = format!("{} is neither `hold` nor `lend`", text::quote(word));
        let action = suggestion(word, ["hold", "lend"], "allowed words", faults);
        faults.add(code::WORD, path, cause, action);
    }
}

fn role_path(role: &str, path: &Path<'_>, faults: &mut Faults) {
    if role.is_empty() {
        name(role, path, faults);
    } else if role.split('/').any(str::is_empty) {
        let cause = format!("{} has an empty component", text::quote(role));
        faults.add(
            code::ROLE_PATH,
            path,
            cause,
            "write components separated by single `/`",
        );
    } else if role.split('/').count() > MOST_COMPONENTS {
        let cause = format!(
            "{} has more than {MOST_COMPONENTS} components",
            text::quote(role)
        );
        faults.add(
            code::ROLE_PATH,
            path,
            cause,
            "make the tree of roles flatter",
        );
    }
}

/// Together, guarantees are at most the cluster's capacity; a child's counts within its parent's.
pub(super) fn guarantees(file: &SnapshotFile, faults: &mut Faults) {
    let mut wanted: BTreeMap<&str, Vec<(&str, i128)>> = BTreeMap::new();
    for role in &file.roles {
        for (resource, &amount) in role.guarantee.iter().flatten() {
            wanted
                .entry(resource)
                .or_default()
                .push((&role.path, amount.into()));
        }
    }
    for (resource, roles) in &mut wanted {
        roles.sort_unstable();
        let total = together(roles);
        let amounts = file.agents.iter().map(|agent| capacity_of(agent, resource));
        let capacity: i128 = amounts.sum();
        if total > capacity {
            let each: Vec<String> = roles
                .iter()
                .take(8)
                .map(|(role, amount)| format!("{} {amount}", text::quote(role)))
                .collect();
            let cause = format!(
                "guarantees of {} are together {total}, the agents have {capacity}: {}",
                text::quote(resource),
                each.join(", ")
            );
            let action = if capacity == 0 {
                let had = file.agents.iter().flat_map(|agent| {
                    let devices = agent.devices.iter();
                    let totals = devices.map(|devices| device_resource(&devices.name));
                    agent.resources.keys().cloned().chain(totals)
                });
                let had: BTreeSet<String> = had.collect();
                let had = had.iter().map(String::as_str);
                suggestion(resource, had, "resources of agents", faults)
            } else {
                "lower a guarantee or add agents".to_owned()
            };
            let path = Path::Root.key("roles");
            faults.add(code::GUARANTEES, &path, cause, action);
        }
    }
}

/// What an agent has of a resource, one that totals devices included.
fn capacity_of(agent: &AgentFile, resource: &str) -> i128 {
    let plain = agent.resources.get(resource).copied().unwrap_or(0);
    let devices = agent.devices.iter();
    let devices = devices.filter(|devices| device_resource(&devices.name) == resource);
    let milli = devices.map(|devices| i128::from(devices.count) * i128::from(WHOLE_DEVICE));
    i128::from(plain) + milli.sum::<i128>()
}

/// What all roles are promised together: a role's own guarantee or its children's sum, whichever is
/// more.
fn together(roles: &[(&str, i128)]) -> i128 {
    let mut own: BTreeMap<&str, i128> = BTreeMap::new();
    for (role, amount) in roles {
        *own.entry(role).or_default() += amount;
        for vertex in ancestors(role) {
            own.entry(vertex).or_default();
        }
    }
    let mut deepest_first: Vec<&str> = own.keys().copied().collect();
    deepest_first.sort_by_key(|role| Reverse(role.matches('/').count()));
    let mut children: BTreeMap<&str, i128> = BTreeMap::new();
    for role in deepest_first {
        let held = own[role].max(children.get(role).copied().unwrap_or(0));
        *children.entry(parent(role)).or_default() += held;
    }
    children.get("").copied().unwrap_or(0)
}

/// Frameworks are distinct, and name policies that exist.
pub(super) fn frameworks(file: &SnapshotFile, registry: &Registry, faults: &mut Faults) {
    let root = Path::Root;
    let list = root.key("frameworks");
    distinct(
        file.frameworks.iter().map(|f| f.id.as_str()),
        &list,
        "id",
        faults,
    );
    for (index, framework) in file.frameworks.iter().enumerate() {
        let path = list.element(index, &framework.id);
        name(&framework.id, &path.key("id"), faults);
        weight(framework.weight, &path.key("weight"), faults);
        match &framework.role {
            Some(role) => role_path(role, &path.key("role"), faults),
            None if framework.id.is_empty() => {}
            None => role_path(&framework.id, &path.key("role"), faults),
        }
        if registry.get(&framework.policy).is_none() {
            policy(&framework.policy, registry, &path.key("policy"), faults);
        }
    }
}

fn policy(policy: &str, registry: &Registry, path: &Path<'_>, faults: &mut Faults) {
    let cause = format!("there is no policy {}", text::quote(policy));
    let action = suggestion(policy, registry.names(), "policies", faults);
    faults.add(code::UNKNOWN_POLICY, path, cause, action);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_childs_guarantee_counts_within_its_parents() {
        assert_eq!(together(&[("a", 5), ("a/b", 3), ("a/c", 4), ("d/e", 2)]), 9);
        assert_eq!(together(&[("a", 5), ("a/b", 3), ("ab", 1)]), 6);
        assert_eq!(together(&[]), 0);
    }
}
