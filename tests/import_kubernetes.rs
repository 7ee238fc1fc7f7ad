//! Kubernetes clusters as snapshots: the example list, foreign shapes of input, faults, and the real
//! clusters where the data folder is at hand. That rules are said exactly: `import_exactness.rs`.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use apportion::import::kubernetes::CODES;
use apportion::import::{
    Frameworks, ImportError, Imported, KubernetesOptions, Weight, import, importers, kubernetes,
};
use apportion::snapshot;
use apportion_cluster::Cluster;
use apportion_cluster::file::{AgentFile, ConstraintsFile, JobFile, SnapshotFile, TaskFile};
use proptest::prelude::*;
use serde_json::{Value, json};

const EXAMPLE: &[u8] = include_bytes!("../examples/kubernetes/list.json");

fn read(bytes: &[u8]) -> Imported {
    kubernetes(&[("list.json", bytes)], &KubernetesOptions::default()).unwrap()
}

fn read_value(list: &Value) -> Imported {
    read(&serde_json::to_vec(list).unwrap())
}

fn unplaced(bytes: &[u8]) -> Imported {
    let options = KubernetesOptions {
        unplace: true,
        ..KubernetesOptions::default()
    };
    kubernetes(&[("list.json", bytes)], &options).unwrap()
}

fn job<'s>(snapshot: &'s SnapshotFile, id: &str) -> &'s JobFile {
    snapshot.jobs.iter().find(|job| job.id == id).unwrap()
}

fn task<'s>(snapshot: &'s SnapshotFile, id: &str) -> &'s TaskFile {
    let mut tasks = snapshot.jobs.iter().flat_map(|job| &job.tasks);
    tasks.find(|task| task.id == id).unwrap()
}

fn agent<'s>(snapshot: &'s SnapshotFile, id: &str) -> &'s AgentFile {
    snapshot.agents.iter().find(|agent| agent.id == id).unwrap()
}

/// Subjects by code.
fn subjects(imported: &Imported) -> BTreeMap<&str, Vec<&str>> {
    let mut subjects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for note in &imported.notes {
        subjects
            .entry(note.code.name)
            .or_default()
            .push(&note.subject);
    }
    subjects
}

/// Rules that the running state breaks, from the resolved cluster: eligibility, limits of groups, hard
/// spread, capacity.
fn broken(cluster: &Cluster) -> Vec<String> {
    let mut broken = Vec::new();
    for running in &cluster.running {
        let task = cluster.task(running.task);
        if let Some(rule) = cluster.broken_rule(task, running.agent) {
            broken.push(format!("{}: {rule:?}", cluster.task_name(running.task)));
        }
        let counts = |level, group| {
            let mut counts: BTreeMap<_, i64> = BTreeMap::new();
            for other in &cluster.running {
                if cluster.task(other.task).groups.contains(&group) {
                    *counts
                        .entry(cluster.domain(other.agent, level))
                        .or_default() += other.instances;
                }
            }
            counts
        };
        for limit in &task.limits {
            let counts = counts(limit.level, limit.group.unwrap());
            if counts.values().any(|count| *count > limit.max) {
                broken.push(format!("{}: {limit:?}", cluster.task_name(running.task)));
            }
        }
        for spread in task.spreads.iter().filter(|spread| spread.hard) {
            let counts = counts(spread.level, spread.group.unwrap());
            let usable = cluster
                .agent_indices()
                .filter(|a| cluster.broken_rule(task, *a).is_none());
            let domains: BTreeSet<_> = usable.map(|a| cluster.domain(a, spread.level)).collect();
            let least = domains
                .iter()
                .map(|d| counts.get(d).copied().unwrap_or(0))
                .min();
            if counts
                .values()
                .any(|count| *count > least.unwrap_or(0) + spread.max_skew)
            {
                broken.push(format!("{}: {spread:?}", cluster.task_name(running.task)));
            }
        }
    }
    let free = cluster.free();
    for (agent, free) in cluster.agents.iter().zip(&free) {
        if free.0.iter().any(|amount| *amount < 0) {
            broken.push(format!("{}: {free:?}", agent.id));
        }
    }
    broken
}

#[test]
fn nodes_become_agents() {
    let snapshot = read(EXAMPLE).snapshot;
    assert_eq!(snapshot.cluster, "list");
    assert_eq!(snapshot.levels, ["region", "zone", "agent"]);
    let worker = agent(&snapshot, "worker-2");
    let offered = [
        ("cpu_milli", 3_900),
        ("disk_mib", 102_400),
        ("memory_mib", 15_917), // 16,300,000 KiB, rounded down.
        ("pods", 110),
    ];
    assert_eq!(
        worker.resources,
        offered.map(|(k, v)| (k.to_owned(), v)).into()
    );
    assert_eq!(worker.domains["zone"], "b");
    assert_eq!(worker.attributes["disktype"], "hdd");
    assert_eq!(worker.attributes["topology.kubernetes.io/zone"], "b");
    assert!(!worker.cordoned && worker.dedicated.is_none());
    let cordoned = agent(&snapshot, "worker-3");
    assert!(cordoned.cordoned && cordoned.dedicated.is_none());
    let gpu = agent(&snapshot, "gpu-1");
    assert_eq!(
        gpu.dedicated.as_deref(),
        Some("nvidia.com/gpu=present:NoSchedule")
    );
    assert_eq!(gpu.resources["nvidia.com/gpu"], 2);
    assert_eq!(gpu.resources["hugepages-2Mi_mib"], 1_024);
}

#[test]
fn pods_become_tasks_of_their_controller() {
    let snapshot = read(EXAMPLE).snapshot;
    let web = job(&snapshot, "shop/web-7c9f");
    assert_eq!(
        (web.framework.as_str(), web.priority),
        ("kubernetes", 1_000)
    );
    let names: Vec<&str> = web.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(names, ["web-7c9f-k2x", "web-7c9f-p7q", "web-7c9f-z4m"]);
    // 500m and the sidecar's 50m run; before that, 1 CPU of the init container beside the sidecar.
    assert_eq!(web.tasks[0].resources["cpu_milli"], 1_050);
    assert_eq!(web.tasks[0].resources["memory_mib"], 320);
    assert_eq!(web.tasks[0].resources["pods"], 1);
    assert_eq!(job(&snapshot, "shop/report").tasks[0].id, "report");
    assert_eq!(
        task(&snapshot, "ingress-66d-5h8").resources["cpu_milli"],
        200
    );
    let train = task(&snapshot, "train-0");
    assert_eq!(train.resources["cpu_milli"], 2_100);
    assert_eq!(train.resources["nvidia.com/gpu"], 1);
    assert_eq!(train.resources["hugepages-2Mi_mib"], 512);
    assert_eq!(snapshot.placements.len(), 11);
    let placed: BTreeSet<&str> = snapshot
        .placements
        .iter()
        .map(|p| p.task.as_str())
        .collect();
    assert!(placed.contains("old") && !placed.contains("web-7c9f-z4m"));
}

#[test]
fn rules_are_said_as_the_snapshot_can() {
    let snapshot = read(EXAMPLE).snapshot;
    let rules = |id: &str| &task(&snapshot, id).constraints;
    let listed = |id: &str| rules(id).agents.clone().unwrap();
    // Alternatives: an SSD, or any other known disk outside zone a.
    assert_eq!(listed("report"), ["worker-1", "worker-2", "worker-3"]);
    // Beside a cache.
    assert_eq!(listed("warmer"), ["worker-1", "worker-2"]);
    assert_eq!(listed("old"), ["worker-2"]);
    assert_eq!(listed("node-exporter-1g"), ["gpu-1"]);
    assert_eq!(listed("kube-proxy-gpu-1"), ["gpu-1"]);
    // A static pod stays where the kubelet runs it, whatever the taint says.
    assert_eq!(
        rules("kube-proxy-gpu-1").tolerates,
        ["nvidia.com/gpu=present:NoSchedule"]
    );
    assert_eq!(
        rules("train-0").tolerates,
        ["nvidia.com/gpu=present:NoSchedule"]
    );
    assert_eq!(rules("train-0").attributes["disktype"], ["nvme"]);
    assert_eq!(
        rules("ingress-66d-9t2").attributes["kubernetes.io/os"],
        ["linux"]
    );
    assert_eq!(rules("gated").attributes["agent"], ["!*"]);
    assert_eq!(*rules("huge"), ConstraintsFile::default());
    let groups = |id: &str| task(&snapshot, id).groups.clone();
    let limits = |id: &str| -> Vec<(String, i64, String)> {
        let limits = rules(id).limit.iter();
        limits
            .map(|l| (l.level.clone(), l.max, l.group.clone().unwrap()))
            .collect()
    };
    let port = "host-port/TCP/80".to_owned();
    assert_eq!(groups("ingress-66d-5h8"), std::slice::from_ref(&port));
    assert_eq!(limits("ingress-66d-9t2"), [("agent".to_owned(), 1, port)]);
    // Web keeps apart from itself, and stands evenly over zones.
    let key = "anti-affinity/shop/web-7c9f/kubernetes.io/hostname";
    let zones = "spread/shop/web-7c9f/topology.kubernetes.io/zone";
    assert_eq!(groups("web-7c9f-k2x"), [key, zones]);
    assert_eq!(groups("web-7c9f-z4m"), [key, zones]);
    // Stress keeps away from each cache; the caches do not mind each other.
    assert_eq!(groups("stress").len(), 2);
    assert_eq!(groups("cache-0").len(), 1);
    assert_ne!(groups("cache-0"), groups("cache-1"));
    assert!(
        limits("stress")
            .iter()
            .all(|(level, max, _)| level == "agent" && *max == 1)
    );
    let spread = &rules("web-7c9f-k2x").spread;
    assert_eq!(
        (spread[0].level.as_str(), spread[0].max_skew, spread[0].hard),
        ("zone", 1, true)
    );
    // Every node exporter has its node to itself: port 9100 needs no group.
    assert_eq!(groups("node-exporter-1w"), Vec::<String>::new());
}

#[test]
fn what_is_not_said_is_noted() {
    let imported = read(EXAMPLE);
    let subjects = subjects(&imported);
    let expected: &[(&str, &[&str])] = &[
        ("preferred-node-affinity", &["shop/cache-0", "shop/cache-1"]),
        (
            "preferred-pod-anti-affinity",
            &["shop/cache-0", "shop/cache-1"],
        ),
        ("prefer-no-schedule", &["gpu-1"]),
        ("volume-claim", &["shop/cache-0", "shop/cache-1"]),
        ("agents-list", &["shop/report"]),
        ("affinity-narrowed", &["shop/warmer"]),
        ("finished", &["shop/nightly-28-x1"]),
        ("terminating", &["shop/old"]),
        ("scheduling-gated", &["shop/gated"]),
        ("runtime-class", &["ml/train-0"]),
        ("never-fits", &["shop/huge"]),
        ("preemption", &["shop/ingress-66d-9t2", "shop/web-7c9f-z4m"]),
    ];
    for (code, names) in expected {
        assert_eq!(
            subjects.get(code).map(Vec::as_slice),
            Some(*names),
            "{code}"
        );
    }
    assert!(!subjects.contains_key("running-breaks-rule"));
    assert!(!subjects.contains_key("overcommitted"));
    let groups = imported.by_code();
    assert_eq!(groups.len(), subjects.len());
    assert!(groups.is_sorted_by_key(|group| group.code.weight));
}

#[test]
fn the_example_resolves_and_runs_within_its_rules() {
    for imported in [read(EXAMPLE), unplaced(EXAMPLE)] {
        let cluster = snapshot::resolve(&imported.snapshot).unwrap();
        assert_eq!(broken(&cluster), Vec::<String>::new());
    }
}

#[test]
fn unplaced_pods_wait_and_fixed_ones_stay() {
    let snapshot = unplaced(EXAMPLE).snapshot;
    let placed: BTreeSet<&str> = snapshot
        .placements
        .iter()
        .map(|p| p.task.as_str())
        .collect();
    let fixed = [
        "kube-proxy-gpu-1",
        "node-exporter-1g",
        "node-exporter-1w",
        "node-exporter-2w",
        "node-exporter-3w",
        "old",
    ];
    assert_eq!(placed, BTreeSet::from(fixed));
    assert_eq!(snapshot.jobs.len(), read(EXAMPLE).snapshot.jobs.len());
}

#[test]
fn a_framework_per_namespace() {
    let settings = [("frameworks", "by-namespace")];
    let imported = import("kubernetes", &[("l", EXAMPLE)], &settings).unwrap();
    let ids: Vec<&str> = imported
        .snapshot
        .frameworks
        .iter()
        .map(|f| f.id.as_str())
        .collect();
    assert_eq!(ids, ["kube-system", "ml", "shop"]);
    assert_eq!(job(&imported.snapshot, "ml/train").framework, "ml");
    assert!(snapshot::resolve(&imported.snapshot).is_ok());
    let options = KubernetesOptions {
        frameworks: Frameworks::ByNamespace,
        unplace: false,
    };
    assert_eq!(imported, kubernetes(&[("l", EXAMPLE)], &options).unwrap());
}

#[test]
fn rules_across_frameworks_are_noted() {
    let clash = |namespace: &str, name: &str| {
        json!({"kind": "Pod", "metadata": {"namespace": namespace, "name": name}, "spec": {
            "containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]}})
    };
    let list = json!({"kind": "List", "items": [node("n1"), node("n2"), clash("a", "x"), clash("b", "y"), clash("b", "z")]});
    let bytes = serde_json::to_vec(&list).unwrap();
    let one = read(&bytes);
    assert_eq!(task(&one.snapshot, "x").groups, ["host-port/TCP/80"]);
    assert!(!subjects(&one).contains_key("host-port"));
    let settings = [("frameworks", "by-namespace")];
    let split = import("kubernetes", &[("l", &bytes)], &settings).unwrap();
    assert_eq!(subjects(&split)["host-port"], ["a/x", "b/y", "b/z"]);
    assert_eq!(task(&split.snapshot, "x").groups, Vec::<String>::new());
    assert_eq!(task(&split.snapshot, "y").groups, ["host-port/TCP/80"]);
    assert!(snapshot::resolve(&split.snapshot).is_ok());
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}}})
}

#[test]
fn every_shape_of_input_gives_the_same() {
    let expected = read(EXAMPLE).snapshot;
    let list: Value = serde_json::from_slice(EXAMPLE).unwrap();
    let items = list["items"].as_array().unwrap();
    let of_kind = |kind: &str| -> Vec<Value> {
        items
            .iter()
            .filter(|item| item["kind"] == kind)
            .cloned()
            .collect()
    };
    let bare = |kind: &str| -> Value {
        let items = of_kind(kind).into_iter().map(|mut item| {
            item.as_object_mut()
                .unwrap()
                .retain(|key, _| key != "kind" && key != "apiVersion");
            item["spec"]["nothing"] = Value::Null;
            item
        });
        json!({"items": items.collect::<Vec<_>>(), "kind": format!("{kind}List"), "apiVersion": "v1"})
    };
    let text = |value: &Value| serde_json::to_vec(value).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(EXAMPLE).unwrap();
    let packed = packed.finish().unwrap();
    let mut in_a_row = text(&bare("Node"));
    in_a_row.extend(b"\n");
    in_a_row.extend(text(&bare("Pod")));
    let reversed: Vec<Value> = items.iter().rev().cloned().collect();
    let singles: Vec<Vec<u8>> = items.iter().map(text).collect();
    let shapes: Vec<Vec<Vec<u8>>> = vec![
        vec![packed],
        vec![text(&bare("Node")), text(&bare("Pod"))],
        vec![text(&bare("Pod")), text(&bare("Node"))],
        vec![in_a_row],
        vec![text(&json!(items))],
        vec![text(&json!({"kind": "List", "items": reversed}))],
        vec![text(
            &json!({"kind": "List", "items": [bare("Node"), {"kind": "List", "items": of_kind("Pod")}]}),
        )],
        vec![[b"\xef\xbb\xbf", EXAMPLE].concat()],
        singles,
    ];
    for (at, files) in shapes.iter().enumerate() {
        let inputs: Vec<(&str, &[u8])> = files.iter().map(|f| ("list.json.gz", &f[..])).collect();
        let imported = kubernetes(&inputs, &KubernetesOptions::default()).unwrap();
        assert_eq!(imported.snapshot, expected, "shape {at}");
    }
}

#[test]
fn yaml_is_read_too() {
    let yaml = b"---
apiVersion: v1
kind: NodeList
items:
- metadata: {name: n1, labels: {zone: x}}
  status:
    allocatable: {cpu: 2, memory: 1.5Gi}
---
apiVersion: v1
items:
- kind: Pod
  metadata: {name: p, namespace: a}
  spec:
    containers:
    - resources: {requests: {cpu: 0.5, memory: 100Mi}}
kind: PodList
";
    let snapshot = read(yaml).snapshot;
    assert_eq!(agent(&snapshot, "n1").resources["memory_mib"], 1_536);
    assert_eq!(agent(&snapshot, "n1").resources["cpu_milli"], 2_000);
    assert_eq!(task(&snapshot, "p").resources["cpu_milli"], 500);
}

#[test]
fn odd_clusters_import_and_resolve() {
    let pod = |name: &str, more: Value| {
        let mut pod = json!({"kind": "Pod", "metadata": {"namespace": "a", "name": name}, "spec": {"containers": []}});
        merge(&mut pod, more);
        pod
    };
    let named = |kind: &str, controller: bool| json!({"metadata": {"ownerReferences": [{"kind": kind, "apiVersion": "v1", "name": "x", "controller": controller}]}});
    let mut shadowed = node("n1");
    shadowed["metadata"]["labels"] =
        json!({"agent": "v", "zone": "here", "topology.kubernetes.io/zone": "z1", "": "nameless"});
    let list = json!({"kind": "List", "items": [
        shadowed, node("n2"), node("n1"),
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"}, "spec": {"containers": 3}},
        {"kind": "Node", "apiVersion": "longhorn.io/v1", "metadata": {"name": "l"}, "spec": 5},
        pod("x", json!({})), pod("y", named("Job", true)), pod("z", named("StatefulSet", true)),
        pod("w", named("ConfigMap", false)),
        pod("lost", json!({"spec": {"nodeName": "gone"}})),
        pod("leaving", json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}})),
        pod("label", json!({"spec": {"nodeSelector": {"zone": "here"}}})),
        pod("nameless", json!({"spec": {"nodeSelector": {"": "nameless"}}})),
        pod("nowhere", json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}}})),
        pod("away", json!({"spec": {"nodeName": "n2", "nodeSelector": {"disk": "ssd"}}})),
        pod("big", json!({"spec": {"nodeName": "n2", "containers": [{"resources": {"requests": {"cpu": "9E", "memory": "-5Mi"}}}]}})),
        pod("odd", json!({"spec": {"tolerations": [{"operator": "Near"}], "schedulerName": "mine", "resourceClaims": [{"name": "gpu"}]}})),
    ]});
    let imported = read_value(&list);
    let subjects = subjects(&imported);
    let expected: &[(&str, &[&str])] = &[
        ("duplicate-object", &["n1"]),
        (
            "ignored-objects",
            &["Deployment.apps/v1", "Node.longhorn.io/v1"],
        ),
        ("job-renamed", &["a/x@Job", "a/x@StatefulSet"]),
        ("unknown-node", &["a/lost"]),
        ("terminating-unassigned", &["a/leaving"]),
        ("label-set-aside", &["n1", "n1", "n1"]),
        ("agents-list", &["a/label", "a/nameless", "a/nowhere"]),
        ("no-node-matches", &["a/nowhere"]),
        ("running-breaks-rule", &["a/away"]),
        ("amount-capped", &["a/big", "a/big"]),
        ("overcommitted", &["n2"]),
        ("unknown-operator", &["a/odd"]),
        ("other-scheduler", &["a/odd"]),
        ("resource-claim", &["a/odd"]),
    ];
    for (code, names) in expected {
        assert_eq!(
            subjects.get(code).map(Vec::as_slice),
            Some(*names),
            "{code}"
        );
    }
    assert_eq!(
        task(&imported.snapshot, "label").constraints.agents,
        Some(vec!["n1".to_owned()])
    );
    let cluster = snapshot::resolve(&imported.snapshot).unwrap();
    let nowhere = cluster
        .tasks
        .iter()
        .find(|task| task.id == "nowhere")
        .unwrap();
    for agent in cluster.agent_indices() {
        assert!(cluster.broken_rule(nowhere, agent).is_some());
    }
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

#[test]
fn all_faults_are_told() {
    let list = json!({"kind": "List", "items": [
        {"kind": "Node", "metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "four"}}},
        {"kind": "Pod", "metadata": {"namespace": "a"}},
        {"kind": "Pod", "metadata": {"namespace": "a", "name": "p"}, "spec": {"containers": [{}, {"resources": {"requests": {"memory": "1GB"}}}]}},
        {"kind": "Pod", "metadata": {"namespace": "a", "name": "q"}, "spec": {"priority": "high"}},
        7,
    ]});
    let bytes = serde_json::to_vec(&list).unwrap();
    let inputs: [(&str, &[u8]); 3] = [
        ("a.json", &bytes),
        ("b.json", b"{\"kind\": "),
        ("c.json", b""),
    ];
    let Err(ImportError::Input(faults)) = kubernetes(&inputs, &KubernetesOptions::default()) else {
        panic!("not refused");
    };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 7, "{told:#?}");
    for (at, part) in [
        (
            0,
            "Node n: status.allocatable.cpu: `four` is not a quantity",
        ),
        (1, "no metadata.name"),
        (
            2,
            "Pod a/p: spec.containers[1].resources.requests.memory: `1GB`",
        ),
        (3, "Pod a/q: spec.priority"),
        (4, "not an object"),
        (5, "b.json: not valid JSON"),
        (6, "c.json: the file is empty"),
    ] {
        assert!(told[at].contains(part), "{part}: {}", told[at]);
    }
    let nothing = kubernetes(
        &[("x", b"{\"kind\": \"List\", \"items\": []}")],
        &KubernetesOptions::default(),
    );
    assert!(nothing.unwrap_err().to_string().contains("no node"));
    assert!(kubernetes(&[], &KubernetesOptions::default()).is_err());
}

#[test]
fn importers_are_listed_and_settings_are_checked() {
    assert!(
        importers()
            .iter()
            .any(|importer| importer.name() == "kubernetes")
    );
    let unknown = import("mesos", &[], &[]).unwrap_err().to_string();
    assert!(unknown.contains("kubernetes"), "{unknown}");
    for setting in [("unplace", "perhaps"), ("color", "red")] {
        let refused = import("kubernetes", &[("l", EXAMPLE)], &[setting]);
        assert!(matches!(refused, Err(ImportError::UnknownSetting { .. })));
    }
    let imported = import(
        "kubernetes",
        &[("list.json", EXAMPLE)],
        &[("unplace", "true")],
    );
    assert_eq!(imported.unwrap(), unplaced(EXAMPLE));
}

#[test]
fn the_guide_lists_every_code() {
    let guide = include_str!("../docs/import-kubernetes.md");
    for code in CODES {
        assert!(
            guide.contains(&format!("| `{}` |", code.name)),
            "{}",
            code.name
        );
    }
    let names: BTreeSet<&str> = CODES.iter().map(|code| code.name).collect();
    assert_eq!(names.len(), CODES.len());
}

/// The two real clusters, where the data folder is at hand.
#[test]
fn real_clusters_import_whole() {
    let Ok(data) = std::env::var("APPORTION_DATA") else {
        println!("skipped: APPORTION_DATA is not set");
        return;
    };
    let mut n_files = 0;
    for entry in std::fs::read_dir(format!("{data}/kubernetes")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let list: Value = serde_json::from_slice(&bytes).unwrap();
        let items = list["items"].as_array().unwrap();
        let live = |pod: &&Value| {
            pod["kind"] == "Pod"
                && pod["status"]["phase"] != "Succeeded"
                && pod["status"]["phase"] != "Failed"
        };
        let (nodes, pods) = (
            items.iter().filter(|item| item["kind"] == "Node").count(),
            items.iter().filter(live).count(),
        );
        let on_nodes = items
            .iter()
            .filter(live)
            .filter(|pod| pod["spec"]["nodeName"].is_string());
        let on_nodes = on_nodes.count();
        n_files += 1;

        let imported = read(&bytes);
        let tasks = imported.snapshot.jobs.iter().flat_map(|job| &job.tasks);
        assert_eq!(imported.snapshot.agents.len(), nodes);
        assert_eq!(tasks.count(), pods);
        assert_eq!(imported.snapshot.placements.len(), on_nodes);
        let lost = imported
            .notes
            .iter()
            .filter(|note| note.code.weight == Weight::NotExpressed);
        let wishes = |code: &str| code.starts_with("preferred-") || code == "topology-spread";
        for note in lost {
            assert!(wishes(note.code.name), "{}: {note}", path.display());
        }
        assert!(!subjects(&imported).contains_key("running-breaks-rule"));
        let cluster = snapshot::resolve(&imported.snapshot).unwrap();
        assert_eq!(broken(&cluster), Vec::<String>::new(), "{}", path.display());

        let moved = unplaced(&bytes);
        assert!(moved.snapshot.placements.len() < on_nodes);
        assert!(snapshot::resolve(&moved.snapshot).is_ok());
    }
    assert!(n_files > 0, "no file in {data}/kubernetes");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = kubernetes(&[("x", &bytes)], &KubernetesOptions::default());
    }

    /// Cuts and flips bytes of the example.
    #[test]
    fn no_damaged_text_panics(at in 0..EXAMPLE.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = EXAMPLE.to_vec();
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        let _ = kubernetes(&[("x", &bytes)], &KubernetesOptions::default());
    }

    /// Puts strange values in strange places; whatever imports also resolves.
    #[test]
    fn no_strange_value_panics(places in proptest::collection::vec((any::<u64>(), 0_usize..18), 1..12)) {
        let mut list: Value = serde_json::from_slice(EXAMPLE).unwrap();
        for (walk, kind) in places {
            let strange = [
                json!(null), json!(-1), json!(0), json!(i64::MAX), json!(1e300), json!(""), json!("*"),
                json!("!x"), json!("1E"), json!("-9Ei"), json!([]), json!({}), json!(true), json!("worker-1"),
                json!("agent"), json!("zone"), json!({"agent": "!*", "zone": "a", "": ""}),
                json!([{"key": "", "operator": "Exists", "values": ["*"]}, null]),
            ];
            strew(&mut list, walk, &strange[kind]);
        }
        let bytes = serde_json::to_vec(&list).unwrap();
        for unplace in [false, true] {
            for frameworks in [Frameworks::One, Frameworks::ByNamespace] {
                let options = KubernetesOptions { unplace, frameworks };
                if let Ok(imported) = kubernetes(&[("x", &bytes)], &options) {
                    let resolved = snapshot::resolve(&imported.snapshot);
                    prop_assert!(resolved.is_ok(), "{}", resolved.unwrap_err());
                }
            }
        }
    }
}

/// Replaces the value at the end of a walk that `walk` decides.
fn strew(value: &mut Value, walk: u64, strange: &Value) {
    let choose = |n: usize| usize::try_from(walk % (n as u64 + 1)).unwrap();
    let rest = |n: usize| walk / (n as u64 + 1);
    match value {
        Value::Object(fields) if choose(fields.len()) < fields.len() => {
            let (at, rest) = (choose(fields.len()), rest(fields.len()));
            strew(fields.values_mut().nth(at).unwrap(), rest, strange);
        }
        Value::Array(items) if choose(items.len()) < items.len() => {
            let (at, rest) = (choose(items.len()), rest(items.len()));
            strew(&mut items[at], rest, strange);
        }
        other => *other = strange.clone(),
    }
}
