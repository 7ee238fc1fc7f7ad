//! Fairness, judged from outside: worked numbers, and every bound that a certificate states held against linear programs of
//! the tests' own, on random small clusters with trees of roles, limits and guarantees.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "fairness/lp.rs"]
mod lp;
#[path = "fairness/tamper.rs"]
mod tamper;

use apportion::broker::Sorter;
use apportion::engine::{self, Options};
use apportion::snapshot;
use apportion_cluster::plan::{PlanFile, Share};
use apportion_cluster::{Cluster, Fairness, FrameworkIdx, Quantities};
use apportion_policies::online::SplitMix64;
use serde_json::{Value, json};

use common::{planned, quiet, result};
use lp::Market;

fn cluster(file: &Value) -> Cluster {
    snapshot::read(file.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{faults}\n{file}"))
}

fn options(fairness: Fairness) -> Options {
    Options {
        fairness: Some(fairness),
        ..quiet()
    }
}

fn share<'p>(plan: &'p PlanFile, id: &str) -> &'p Share {
    result(plan, id).share.as_ref().unwrap()
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{found} instead of {expected}"
    );
}

struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }
}

/// A few agents of two sizes, frameworks in a tree of roles with several tasks, caps, eligibility; `plain` leaves out limits
/// and guarantees.
fn random_snapshot(random: &mut Random, plain: bool) -> Value {
    let agents: Vec<Value> = (0..2 + random.below(3))
        .map(|at| {
            let disk = if random.below(2) == 0 { "ssd" } else { "hdd" };
            json!({"id": format!("a{at}"), "attributes": {"disk": disk},
                   "resources": {"cpu_milli": 4000 * (1 + random.below(2)), "memory_mib": 4096 * (1 + random.below(3))}})
        })
        .collect();
    let paths = ["x", "y", "y/u", "y/v"];
    let mut roles = Vec::new();
    for path in paths {
        let mut role = json!({"path": path, "weight": 1 + random.below(3)});
        if !plain && random.below(3) == 0 {
            role["limit"] = json!({"cpu_milli": 4000 + 1000 * random.below(6)});
        }
        if !plain && path != "y" && random.below(4) == 0 {
            role["guarantee"] =
                json!({"cpu_milli": 500 * random.below(4), "memory_mib": 512 * random.below(4)});
            if random.below(3) == 0 {
                role["idle_guarantee"] = json!("lend");
            }
        }
        roles.push(role);
    }
    let mut frameworks = Vec::new();
    let mut jobs = Vec::new();
    for p in 0..1 + random.below(4) {
        let id = format!("f{p}");
        let role = paths[random.below(4) as usize];
        frameworks.push(
            json!({"id": id, "policy": "service", "role": role, "weight": 1 + random.below(2)}),
        );
        for k in 0..1 + random.below(3) {
            let resources = json!({"cpu_milli": 250 * (1 + random.below(10)), "memory_mib": 512 * random.below(5)});
            let mut task = json!({"id": "t", "instances": 1 + random.below(12), "value": 1 + random.below(3),
                                  "resources": resources});
            if random.below(4) == 0 {
                task["constraints"] = json!({"attributes": {"disk": ["ssd"]}});
            }
            jobs.push(json!({"id": format!("{id}-{k}"), "framework": id, "tasks": [task]}));
        }
    }
    json!({"version": "apportion/v1", "agents": agents, "roles": roles, "frameworks": frameworks, "jobs": jobs})
}

/// How many instances the suite draws: about a minute on a free core. `APPORTION_FAIRNESS_INSTANCES` draws more.
fn n_instances() -> u64 {
    let stated = std::env::var("APPORTION_FAIRNESS_INSTANCES").ok();
    stated.and_then(|it| it.parse().ok()).unwrap_or(1000)
}

/// Every bound that the certificates of random plans state holds; 10,000 bounds and more are looked at.
#[test]
fn every_bound_of_a_random_plan_holds() {
    let mut random = Random::new(5);
    let mut counts = lp::Counts::default();
    for case in 0..n_instances() {
        let file = random_snapshot(&mut random, case % 3 == 0);
        let cluster = cluster(&file);
        let rule = Fairness::ALL[(case % 2 + case / 2 % 2) as usize];
        let plan = planned(&cluster, &options(rule));
        let market = Market::of(&cluster, &plan);
        market.efficiency(&mut counts);
        market.sharing_incentive(&mut counts);
        market.envy(&mut counts);
        market.core(&mut counts);
        market.floors(rule, &mut counts);
    }
    println!("{counts:?}");
    let total = counts.efficiency + counts.sharing + counts.envy + counts.core + counts.floors;
    assert!(total > 10 * n_instances(), "{counts:?}");
    assert!(counts.efficiency >= n_instances() / 2, "{counts:?}");
    assert!(
        counts.sharing > n_instances() && counts.core > n_instances(),
        "{counts:?}"
    );
    assert!(
        counts.envy > n_instances() && counts.floors > n_instances(),
        "{counts:?}"
    );
}

/// `drf`, total (100, 100): shares over weights are .05, .03, .04, .02.
#[test]
fn the_sorter_orders_by_dominant_share_over_weight() {
    let frameworks: Vec<Value> = ["a", "b", "c", "d"]
        .iter()
        .map(|id| json!({"id": id, "policy": "service", "role": id}))
        .collect();
    let roles = [("a", 1), ("b", 2), ("c", 1), ("d", 10)];
    let roles: Vec<Value> = (roles.iter())
        .map(|(path, weight)| json!({"path": path, "weight": weight}))
        .collect();
    let cluster = cluster(&json!({"version": "apportion/v1",
        "agents": [{"id": "one", "resources": {"cpu_milli": 100, "memory_mib": 100}}],
        "roles": roles, "frameworks": frameworks}));
    let mut sorter = Sorter::new(&cluster);
    let order = |sorter: &Sorter| -> Vec<usize> {
        sorter.order().into_iter().map(FrameworkIdx::at).collect()
    };
    // Nobody holds anything: by path.
    assert_eq!(order(&sorter), [0, 1, 2, 3]);
    for (at, held) in [(5, 5), (6, 6), (4, 4), (10, 20)].into_iter().enumerate() {
        sorter.allocate(FrameworkIdx::of(at), &Quantities(vec![held.0, held.1]), 1);
    }
    assert_eq!(order(&sorter), [3, 1, 2, 0]);
    close(sorter.dominant_share(FrameworkIdx::of(3)) / 10.0, 0.02);
    // Of equal shares, whoever was served less often: b reaches .04 in its second allocation, c had one.
    sorter.allocate(FrameworkIdx::of(1), &Quantities(vec![2, 0]), 1);
    assert_eq!(order(&sorter), [3, 2, 1, 0]);
    sorter.finish(FrameworkIdx::of(3));
    assert_eq!(sorter.next(), Some(FrameworkIdx::of(2)));
}

/// Three GPUs and two queues with one job of two GPUs each: they take turns, plan after plan.
#[test]
fn who_lost_a_rounding_is_first_next_time() {
    let job = |id: &str| json!({"id": id, "framework": id, "tasks": [{"id": "t", "instances": 1, "resources": {"gpu_milli": 2000}}]});
    let cluster = cluster(&json!({"version": "apportion/v1",
        "agents": [{"id": "one", "resources": {"gpu_milli": 3000}}],
        "frameworks": [{"id": "f", "policy": "service"}, {"id": "g", "policy": "service"}],
        "jobs": [job("f"), job("g")]}));
    let mut served = String::new();
    let mut credit = std::collections::BTreeMap::new();
    for _ in 0..6 {
        let options = Options { credit, ..quiet() };
        let plan = planned(&cluster, &options);
        assert_eq!(plan.placements.len(), 1);
        served.push_str(&plan.placements[0].job);
        credit = engine::credit(&plan);
    }
    assert_eq!(served.matches('f').count(), 3, "{served}");
    assert!(
        !served.contains("fff") && !served.contains("ggg"),
        "{served}"
    );
}

/// A random churn of arrivals around the tree of 100 cpu and 100 gpu: whenever all want all, the shares are 50, 50, 100.
#[test]
fn churn_settles_where_it_should() {
    let mut random = Random::new(11);
    for _ in 0..20 {
        let mut job = |id: &str, resource: &str| {
            let instances = 100 + random.below(200);
            json!({"id": id, "framework": id, "tasks": [{"id": "t", "instances": instances, "resources": {resource: 1000}}]})
        };
        let jobs = [
            job("n1", "cpu_milli"),
            job("a", "cpu_milli"),
            job("b", "gpu_milli"),
        ];
        let cluster = cluster(&json!({"version": "apportion/v1",
            "agents": [{"id": "one", "resources": {"cpu_milli": 100_000, "gpu_milli": 100_000}}],
            "frameworks": [{"id": "n1", "policy": "service", "role": "n1"}, {"id": "a", "policy": "service", "role": "n2/a"},
                           {"id": "b", "policy": "service", "role": "n2/b"}],
            "jobs": jobs}));
        let plan = planned(&cluster, &options(Fairness::Nash));
        for (id, expected) in [("n1", 50.0), ("a", 50.0), ("b", 100.0)] {
            close(share(&plan, id).deserved, expected);
            close(share(&plan, id).utility, expected);
        }
    }
}

/// The option wins over the snapshot.
#[test]
fn the_rule_of_the_options_wins() {
    let file = json!({"version": "apportion/v1", "fairness": "drf",
        "agents": [{"id": "one", "resources": {"cpu_milli": 1000}}],
        "frameworks": [{"id": "f", "policy": "service"}],
        "jobs": [{"id": "j", "framework": "f", "tasks": [{"id": "t", "instances": 5, "resources": {"cpu_milli": 100}}]}]});
    let cluster = cluster(&file);
    let rule = |fairness| {
        let plan = planned(
            &cluster,
            &Options {
                fairness,
                ..quiet()
            },
        );
        assert_eq!(plan.fairness.unwrap().rule, plan.options.fairness);
        plan.options.fairness
    };
    assert_eq!(rule(None), "drf");
    assert_eq!(rule(Some(Fairness::Maxmin)), "maxmin");
}
