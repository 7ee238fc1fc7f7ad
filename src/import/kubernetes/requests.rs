//! What a pod asks for, by the scheduler's arithmetic.
//!
//! Containers run together: their requests add up. Init containers run one after the other before
//! them: the largest counts, beside the sidecars (init containers that restart always) started before
//! it; sidecars go on running beside the containers. Requests of the pod as a whole, where stated,
//! replace the sum; overhead comes on top. A limit without a request is the request.

use std::collections::BTreeMap;

use super::objects::{Container, ContainerStatus, Pod, ResourceList, Resources};
use super::quantity::Quantity;

/// Requests of one pod, by Kubernetes resource name; `pods` is not among them.
pub(super) fn pod_requests(pod: &Pod) -> ResourceList {
    let mut together = ResourceList::new();
    for container in &pod.spec.containers {
        let held = container_requests(pod, container, &pod.status.container_statuses);
        add(&mut together, &held);
    }
    let mut sidecars = ResourceList::new();
    let mut starting = ResourceList::new();
    for container in &pod.spec.init_containers {
        let mut needed = container_requests(pod, container, &pod.status.init_container_statuses);
        if container.restart_policy == "Always" {
            add(&mut together, &needed);
            add(&mut sidecars, &needed);
            needed = sidecars.clone();
        } else {
            add(&mut needed, &sidecars);
        }
        raise(&mut starting, &needed);
    }
    raise(&mut together, &starting);
    replace_by_pod_level(&mut together, &pod.spec.resources);
    add(&mut together, &pod.spec.overhead);
    together.retain(|_, amount| *amount != Quantity::ZERO);
    together
}

/// A container's requests; while it is being resized, the larger of what it asks for and what its node
/// has set aside.
fn container_requests(pod: &Pod, container: &Container, held: &[ContainerStatus]) -> ResourceList {
    let mut requests = with_limits(&container.resources);
    let Some(status) = held.iter().find(|status| status.name == container.name) else {
        return requests;
    };
    // Only what the container asks for can be resized: never a resource that only a status names.
    let mut set_aside = status.allocated_resources.clone();
    raise(&mut set_aside, &status.resources.requests);
    set_aside.retain(|name, _| requests.contains_key(name));
    let impossible = pod.status.conditions.iter().any(|condition| {
        condition.kind == "PodResizePending"
            && condition.status == "True"
            && condition.reason == "Infeasible"
    });
    if impossible && !set_aside.is_empty() {
        requests.extend(set_aside);
    } else {
        raise(&mut requests, &set_aside);
    }
    requests
}

/// Requests, each missing one taken from its limit.
fn with_limits(resources: &Resources) -> ResourceList {
    let mut requests = resources.limits.clone();
    requests.extend(
        resources
            .requests
            .iter()
            .map(|(name, amount)| (name.clone(), *amount)),
    );
    requests
}

/// Requests of the whole pod replace the sum over its containers, for the resources that may be stated
/// so; a limit of the whole pod counts only where no container asks.
fn replace_by_pod_level(together: &mut ResourceList, pod_level: &Resources) {
    let allowed = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    for (name, limit) in pod_level.limits.iter().filter(|(name, _)| allowed(name)) {
        together.entry(name.clone()).or_insert(*limit);
    }
    for (name, request) in pod_level.requests.iter().filter(|(name, _)| allowed(name)) {
        together.insert(name.clone(), *request);
    }
}

fn add(sum: &mut ResourceList, more: &ResourceList) {
    for (name, amount) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = total.plus(*amount);
    }
}

fn raise(level: &mut ResourceList, other: &ResourceList) {
    for (name, amount) in other {
        let highest = level.entry(name.clone()).or_default();
        *highest = (*highest).max(*amount);
    }
}

/// How a snapshot counts a Kubernetes resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Its name there.
    pub name: String,
    /// Billionths of the Kubernetes unit in one of ours.
    pub unit_nano: i128,
    /// Whether the name differs from what the rules of this module would give, because it is taken.
    pub renamed: bool,
}

const ONE: i128 = 1_000_000_000;
const MILLI: i128 = ONE / 1_000;
const MIB: i128 = ONE << 20;

/// The snapshot's name and unit for a Kubernetes resource.
pub(super) fn counted(resource: &str) -> Counted {
    let plain = |name: &str, unit_nano| Counted {
        name: name.to_owned(),
        unit_nano,
        renamed: false,
    };
    match resource {
        "cpu" => plain("cpu_milli", MILLI),
        "memory" => plain("memory_mib", MIB),
        "ephemeral-storage" => plain("disk_mib", MIB),
        _ if resource.starts_with("hugepages-") => plain(&format!("{resource}_mib"), MIB),
        "cpu_milli" | "memory_mib" | "disk_mib" | "" => Counted {
            name: format!("kubernetes:{resource}"),
            unit_nano: ONE,
            renamed: true,
        },
        other => plain(other, ONE),
    }
}

/// Amounts in the snapshot's units before they are bounded: rounded up for what is asked, down for
/// what is offered.
pub(super) fn in_units(list: &ResourceList, round_up: bool) -> BTreeMap<String, i128> {
    let mut amounts = BTreeMap::new();
    for (resource, quantity) in list {
        let counted = counted(resource);
        let amount = if round_up {
            quantity.ceil_in(counted.unit_nano)
        } else {
            quantity.floor_in(counted.unit_nano)
        };
        *amounts.entry(counted.name).or_insert(0) += amount;
    }
    amounts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn asked(spec: &serde_json::Value) -> BTreeMap<String, i128> {
        let pod = json!({"metadata": {"name": "p"}, "spec": spec});
        in_units(&pod_requests(&serde_json::from_value(pod).unwrap()), true)
    }

    fn cpu(spec: &serde_json::Value) -> i128 {
        asked(spec).get("cpu_milli").copied().unwrap_or(0)
    }

    fn container(cpu: &str) -> serde_json::Value {
        json!({"resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(cpu: &str) -> serde_json::Value {
        json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn requests_follow_the_scheduler() {
        let table = [
            (json!({}), 0),
            (
                json!({"containers": [container("100m"), container("200m")]}),
                300,
            ),
            // The largest init container counts, not their sum.
            (
                json!({"containers": [container("100m")], "initContainers": [container("500m"), container("400m")]}),
                500,
            ),
            (
                json!({"containers": [container("600m")], "initContainers": [container("500m")]}),
                600,
            ),
            // A sidecar stays beside the containers,
            (
                json!({"containers": [container("100m")], "initContainers": [sidecar("50m")]}),
                150,
            ),
            // and beside the init containers after it, not those before it.
            (
                json!({"containers": [container("100m")], "initContainers": [sidecar("50m"), container("500m")]}),
                550,
            ),
            (
                json!({"containers": [container("100m")], "initContainers": [container("500m"), sidecar("50m")]}),
                500,
            ),
            (
                json!({"containers": [container("1")], "initContainers": [sidecar("50m"), container("100m"), sidecar("50m")]}),
                1_100,
            ),
            // Overhead comes on top.
            (
                json!({"containers": [container("100m")], "overhead": {"cpu": "250m"}}),
                350,
            ),
            // The pod's own request replaces the sum; its limit only fills a hole.
            (
                json!({"containers": [container("100m")], "resources": {"requests": {"cpu": "1"}}}),
                1_000,
            ),
            (
                json!({"containers": [container("100m")], "resources": {"limits": {"cpu": "1"}}}),
                100,
            ),
            (
                json!({"containers": [{}], "resources": {"limits": {"cpu": "1"}}}),
                1_000,
            ),
            (
                json!({"containers": [container("100m")], "resources": {"requests": {"cpu": "1"}}, "overhead": {"cpu": "10m"}}),
                1_010,
            ),
            // A limit stands in for a missing request, never for a stated one.
            (
                json!({"containers": [{"resources": {"limits": {"cpu": "2"}}}]}),
                2_000,
            ),
            (
                json!({"containers": [{"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}}]}),
                1_000,
            ),
            // Rounded up once, over the whole pod.
            (
                json!({"containers": [container("100u"), container("100u")]}),
                1,
            ),
            (
                json!({"containers": [container("1001u"), container("1001u")]}),
                3,
            ),
        ];
        for (spec, expected) in table {
            assert_eq!(cpu(&spec), expected, "{spec}");
        }
    }

    #[test]
    fn a_resize_under_way_counts_the_larger_amount() {
        let pod = |conditions: serde_json::Value| {
            let pod = json!({
                "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "4", "memory": "1Gi"}}}]},
                "status": {"conditions": conditions, "containerStatuses": [
                    {"name": "c", "allocatedResources": {"cpu": "1"}, "resources": {"requests": {"cpu": "2", "memory": "2Gi", "disk": "1"}}}
                ]}
            });
            in_units(&pod_requests(&serde_json::from_value(pod).unwrap()), true)
        };
        let growing = pod(json!([]));
        assert_eq!(
            (growing["cpu_milli"], growing["memory_mib"]),
            (4_000, 2_048)
        );
        assert!(!growing.contains_key("disk"));
        let refused =
            json!([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}]);
        assert_eq!(pod(refused)["cpu_milli"], 2_000);
    }

    #[test]
    fn every_resource_has_a_name_and_a_unit() {
        let spec = json!({"containers": [{"resources": {"requests": {
            "cpu": "1", "memory": "128974849", "ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi",
            "nvidia.com/gpu": "2", "memory_mib": "7"
        }}}]});
        let amounts = asked(&spec);
        let expected = [
            ("cpu_milli", 1_000),
            ("disk_mib", 1_024),
            ("hugepages-2Mi_mib", 4),
            ("kubernetes:memory_mib", 7),
            ("memory_mib", 124),
            ("nvidia.com/gpu", 2),
        ];
        let expected = expected.map(|(name, amount)| (name.to_owned(), amount));
        assert_eq!(amounts, BTreeMap::from(expected));
    }
}
