//! The rules of an imported snapshot allow exactly the placements that Kubernetes allows.
//!
//! Small random clusters are described once, written as Kubernetes objects, imported, and every complete
//! placement is judged twice: by the rules of the resolved snapshot, and by a naive scheduler that adds
//! the pods one by one in some order. Where a note says that a rule is not expressed, the snapshot may
//! only allow more.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use apportion::import::{Imported, KubernetesOptions, Weight, kubernetes};
use apportion::snapshot;
use apportion_cluster::{AgentIdx, Cluster, TaskIdx};
use serde_json::{Value, json};

const HOST: &str = "kubernetes.io/hostname";
const ZONE: &str = "topology.kubernetes.io/zone";
const DISK: &str = "disk";
const KEYS: [&str; 3] = [HOST, ZONE, DISK];

struct Node {
    labels: BTreeMap<&'static str, String>,
    tainted: bool,
}

#[derive(Clone, Copy)]
enum DiskRule {
    Free,
    In(&'static str),
    NotIn(&'static str),
    Exists,
    DoesNotExist,
    /// This disk, or none.
    Either(&'static str),
}

struct Pod {
    app: &'static str,
    tolerates: bool,
    disk: DiskRule,
    /// Keeps away from this app within this topology.
    away: Option<(&'static str, &'static str)>,
    /// Number and address.
    port: Option<(i64, &'static str)>,
    spread: Option<Spread>,
}

struct Spread {
    key: &'static str,
    app: &'static str,
    max_skew: i64,
    min_domains: Option<i64>,
    ignore_affinity: bool,
    honor_taints: bool,
}

/// A linear congruential generator: plain, seeded, and not the engine's.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.roll(from.len() as u64)).unwrap()]
    }
}

fn nodes(dice: &mut Dice) -> Vec<Node> {
    let all_zones = dice.one_in(2);
    let taints = dice.one_in(2);
    let node = |at: u64| {
        let mut labels = BTreeMap::from([(HOST, format!("host-{at}"))]);
        if all_zones || !dice.one_in(3) {
            labels.insert(ZONE, dice.pick(&["a", "b"]).to_owned());
        }
        if !dice.one_in(3) {
            labels.insert(DISK, dice.pick(&["ssd", "hdd"]).to_owned());
        }
        Node {
            labels,
            tainted: taints && dice.one_in(3),
        }
    };
    let mut node = node;
    (0..4).map(&mut node).collect()
}

/// `alike`: the pods of one controller, stating the same; otherwise each its own.
fn pods(dice: &mut Dice) -> Vec<Pod> {
    let alike = dice.one_in(2);
    let mut first = pod(dice);
    first.spread = first.spread.map(|spread| Spread {
        app: first.app,
        ..spread
    });
    let copy = |p: &Pod| Pod {
        spread: p.spread.as_ref().map(|s| Spread { ..*s }),
        ..*p
    };
    (0..4)
        .map(|at| {
            if alike && at < 3 {
                copy(&first)
            } else {
                pod(dice)
            }
        })
        .collect()
}

fn pod(dice: &mut Dice) -> Pod {
    let disk = match dice.roll(9) {
        0 => DiskRule::In(dice.pick(&["ssd", "hdd"])),
        1 => DiskRule::NotIn("hdd"),
        2 => DiskRule::Exists,
        3 => DiskRule::DoesNotExist,
        4 => DiskRule::Either("ssd"),
        _ => DiskRule::Free,
    };
    Pod {
        app: dice.pick(&["web", "db"]),
        tolerates: dice.one_in(2),
        disk,
        away: dice
            .one_in(3)
            .then(|| (dice.pick(&KEYS), dice.pick(&["web", "db"]))),
        port: dice
            .one_in(4)
            .then(|| (80, dice.pick(&["", "0.0.0.0", "10.0.0.1", "10.0.0.2"]))),
        spread: dice.one_in(3).then(|| Spread {
            key: dice.pick(&KEYS),
            app: dice.pick(&["web", "db"]),
            max_skew: dice.pick(&[1, 1, 2]),
            min_domains: dice.one_in(4).then(|| dice.pick(&[2, 3])),
            ignore_affinity: dice.one_in(4),
            honor_taints: dice.one_in(3),
        }),
    }
}

fn node_object(at: usize, node: &Node) -> Value {
    let mut spec = json!({});
    if node.tainted {
        spec = json!({"taints": [{"key": "t", "value": "v", "effect": "NoSchedule"}]});
    }
    json!({"kind": "Node", "metadata": {"name": format!("n{at}"), "labels": node.labels}, "spec": spec,
        "status": {"allocatable": {"cpu": "8", "pods": "10"}}})
}

fn pod_object(at: usize, pod: &Pod) -> Value {
    let one = |operator: &str, values: &[&str]| json!([{"matchExpressions": [{"key": DISK, "operator": operator, "values": values}]}]);
    let terms = match pod.disk {
        DiskRule::Free => Value::Null,
        DiskRule::In(disk) => one("In", &[disk]),
        DiskRule::NotIn(disk) => one("NotIn", &[disk]),
        DiskRule::Exists => one("Exists", &[]),
        DiskRule::DoesNotExist => one("DoesNotExist", &[]),
        DiskRule::Either(disk) => {
            let mut terms = one("In", &[disk]);
            let none = one("DoesNotExist", &[]);
            terms.as_array_mut().unwrap().push(none[0].clone());
            terms
        }
    };
    let mut affinity = json!({});
    if !terms.is_null() {
        affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
            json!({"nodeSelectorTerms": terms});
    }
    if let Some((key, app)) = pod.away {
        affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
            json!([{"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}]);
    }
    let ports = pod
        .port
        .map(|(port, address)| json!({"containerPort": port, "hostPort": port, "hostIP": address}));
    let spread = pod.spread.as_ref().map(|spread| {
        json!({"topologyKey": spread.key, "maxSkew": spread.max_skew, "whenUnsatisfiable": "DoNotSchedule",
            "minDomains": spread.min_domains, "labelSelector": {"matchLabels": {"app": spread.app}},
            "nodeAffinityPolicy": if spread.ignore_affinity { "Ignore" } else { "Honor" },
            "nodeTaintsPolicy": if spread.honor_taints { "Honor" } else { "Ignore" }})
    });
    let tolerations = if pod.tolerates {
        json!([{"key": "t", "operator": "Exists"}])
    } else {
        json!([])
    };
    json!({"kind": "Pod", "metadata": {"namespace": "d", "name": format!("p{at}"), "labels": {"app": pod.app}},
        "spec": {"containers": [{"ports": ports.into_iter().collect::<Vec<_>>()}], "affinity": affinity,
            "tolerations": tolerations, "topologySpreadConstraints": spread.into_iter().collect::<Vec<_>>()}})
}

/// The scheduler's filters, straight from their documentation.
struct Scheduler<'a> {
    nodes: &'a [Node],
    pods: &'a [Pod],
}

impl Scheduler<'_> {
    fn selects(&self, pod: &Pod, node: &Node) -> bool {
        let disk = node.labels.get(DISK).map(String::as_str);
        match pod.disk {
            DiskRule::Free => true,
            DiskRule::In(wanted) => disk == Some(wanted),
            DiskRule::NotIn(unwanted) => disk != Some(unwanted),
            DiskRule::Exists => disk.is_some(),
            DiskRule::DoesNotExist => disk.is_none(),
            DiskRule::Either(wanted) => disk.is_none_or(|disk| disk == wanted),
        }
    }

    /// Whether `pod` may be added on `node` beside those placed.
    fn admits(&self, pod: usize, node: usize, placed: &[(usize, usize)]) -> bool {
        let (own, place) = (&self.pods[pod], &self.nodes[node]);
        if place.tainted && !own.tolerates || !self.selects(own, place) {
            return false;
        }
        let meet = |key: &str, other: usize| {
            let (a, b) = (place.labels.get(key), self.nodes[other].labels.get(key));
            a.is_some() && a == b
        };
        for &(other, at) in placed {
            let other = &self.pods[other];
            let keeps_away = |one: &Pod, two: &Pod| {
                one.away
                    .is_some_and(|(key, app)| app == two.app && meet(key, at))
            };
            if keeps_away(own, other) || keeps_away(other, own) {
                return false;
            }
            if let (true, Some((a, x)), Some((b, y))) = (at == node, own.port, other.port) {
                let any = |address: &str| address.is_empty() || address == "0.0.0.0";
                if a == b && (any(x) || any(y) || x == y) {
                    return false;
                }
            }
        }
        own.spread
            .as_ref()
            .is_none_or(|spread| self.stays_even(own, spread, node, placed))
    }

    fn stays_even(
        &self,
        own: &Pod,
        spread: &Spread,
        node: usize,
        placed: &[(usize, usize)],
    ) -> bool {
        let Some(domain) = self.nodes[node].labels.get(spread.key) else {
            return false;
        };
        let counts_node = |node: &Node| {
            node.labels.contains_key(spread.key)
                && (spread.ignore_affinity || self.selects(own, node))
                && (!spread.honor_taints || !node.tainted || own.tolerates)
        };
        let mut counts: BTreeMap<&String, i64> = BTreeMap::new();
        for (at, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| counts_node(node))
        {
            let matching = placed
                .iter()
                .filter(|(pod, on)| *on == at && self.pods[*pod].app == spread.app);
            *counts.entry(&node.labels[spread.key]).or_default() +=
                i64::try_from(matching.count()).unwrap();
        }
        let too_few = spread
            .min_domains
            .is_some_and(|least| (counts.len() as i64) < least);
        let least = if too_few {
            0
        } else {
            counts.values().copied().min().unwrap_or(0)
        };
        let itself = i64::from(own.app == spread.app);
        counts.get(domain).copied().unwrap_or(0) + itself - least <= spread.max_skew
    }

    /// Whether some order of scheduling ends in this placement.
    fn reaches(&self, placement: &[usize], placed: &mut Vec<(usize, usize)>) -> bool {
        if placed.len() == placement.len() {
            return true;
        }
        for (pod, &node) in placement.iter().enumerate() {
            if placed.iter().any(|(other, _)| *other == pod) || !self.admits(pod, node, placed) {
                continue;
            }
            placed.push((pod, node));
            let reached = self.reaches(placement, placed);
            placed.pop();
            if reached {
                return true;
            }
        }
        false
    }
}

/// Whether the snapshot's rules allow the placement: task `t` (pod `t`) on agent `placement[t]`.
fn allows(cluster: &Cluster, placement: &[usize]) -> bool {
    let on = |task: TaskIdx| AgentIdx::of(placement[task.at()]);
    cluster.task_indices().all(|index| {
        let task = cluster.task(index);
        let counts = |level, group| {
            let mut counts = BTreeMap::new();
            for other in cluster.task_indices() {
                if cluster.task(other).groups.contains(&group) {
                    *counts
                        .entry(cluster.domain(on(other), level))
                        .or_insert(0_i64) += 1;
                }
            }
            counts
        };
        let within = task.limits.iter().all(|limit| {
            let counts = counts(limit.level, limit.group.unwrap());
            counts.values().all(|count| *count <= limit.max)
        });
        let even = task
            .spreads
            .iter()
            .filter(|spread| spread.hard)
            .all(|spread| {
                let counts = counts(spread.level, spread.group.unwrap());
                let usable = cluster
                    .agent_indices()
                    .filter(|a| cluster.broken_rule(task, *a).is_none());
                let counts = usable.map(|agent| {
                    counts
                        .get(&cluster.domain(agent, spread.level))
                        .copied()
                        .unwrap_or(0)
                });
                let counts: Vec<i64> = counts.collect();
                counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0)
                    <= spread.max_skew
            });
        cluster.broken_rule(task, on(index)).is_none() && within && even
    })
}

fn import(nodes: &[Node], pods: &[Pod]) -> Imported {
    let nodes = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| node_object(at, node));
    let pods = pods.iter().enumerate().map(|(at, pod)| pod_object(at, pod));
    let list = json!({"kind": "List", "items": nodes.chain(pods).collect::<Vec<_>>()});
    let bytes = serde_json::to_vec(&list).unwrap();
    kubernetes(&[("x", &bytes)], &KubernetesOptions::default()).unwrap()
}

/// How often each thing was put to the test.
#[derive(Debug, Default)]
struct Tally {
    exact: usize,
    allowed: usize,
    refused: usize,
    one_sided_away: usize,
    hard_spread: usize,
    limit_by_spread: usize,
    shared_port: usize,
}

#[test]
fn snapshots_allow_what_kubernetes_allows() {
    let mut tally = Tally::default();
    for seed in 0..1_500 {
        let mut dice = Dice(seed);
        let (nodes, pods) = (nodes(&mut dice), pods(&mut dice));
        let imported = import(&nodes, &pods);
        let cluster = snapshot::resolve(&imported.snapshot).unwrap();
        let exact = imported
            .notes
            .iter()
            .all(|note| note.code.weight != Weight::NotExpressed);
        count_rules(&cluster, &pods, exact, &mut tally);
        let scheduler = Scheduler {
            nodes: &nodes,
            pods: &pods,
        };
        for code in 0..256_usize {
            let placement: Vec<usize> = (0..4).map(|pod| code >> (2 * pod) & 3).collect();
            let reached = scheduler.reaches(&placement, &mut Vec::new());
            let allowed = allows(&cluster, &placement);
            let agree = if exact {
                allowed == reached
            } else {
                allowed || !reached
            };
            assert!(
                agree,
                "seed {seed}, {placement:?}: snapshot {allowed}, Kubernetes {reached}\n{:#?}",
                imported.notes
            );
            if exact && reached {
                tally.allowed += 1;
            } else if exact {
                tally.refused += 1;
            }
        }
    }
    // The generator makes each case often enough to matter.
    assert!(
        tally.exact > 500 && tally.allowed > 5_000 && tally.refused > 5_000,
        "{tally:?}"
    );
    assert!(
        tally.one_sided_away > 100 && tally.shared_port > 50,
        "{tally:?}"
    );
    assert!(
        tally.hard_spread > 30 && tally.limit_by_spread > 10,
        "{tally:?}"
    );
}

fn count_rules(cluster: &Cluster, pods: &[Pod], exact: bool, tally: &mut Tally) {
    if !exact {
        return;
    }
    tally.exact += 1;
    let group_is = |start: &str| cluster.groups.iter().any(|name| name.starts_with(start));
    tally.one_sided_away += usize::from(
        group_is("anti-affinity/")
            && pods
                .iter()
                .any(|pod| pod.away.is_some_and(|(_, app)| app != pod.app)),
    );
    tally.shared_port += usize::from(group_is("host-port/"));
    let spreads = cluster.tasks.iter().flat_map(|task| &task.spreads);
    tally.hard_spread += usize::from(spreads.into_iter().any(|spread| spread.hard));
    let by_spread = |group: usize| cluster.groups[group].starts_with("spread/");
    let mut limits = cluster.tasks.iter().flat_map(|task| &task.limits);
    tally.limit_by_spread +=
        usize::from(limits.any(|limit| limit.group.is_some_and(|group| by_spread(group.at()))));
}
