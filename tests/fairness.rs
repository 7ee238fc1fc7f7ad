//! Fairness, judged from outside: worked numbers, and every bound that a certificate states held against linear programs of
//! the tests' own, on random small clusters with trees of roles, limits and guarantees.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "fairness/counts.rs"]
mod counts;
#[path = "fairness/domains.rs"]
mod domains;
#[path = "fairness/draw.rs"]
mod draw;
#[path = "fairness/lp.rs"]
mod lp;
#[path = "fairness/tamper.rs"]
mod tamper;

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, available_parallelism};

use apportion::broker::Sorter;
use apportion::engine::{self, Options};
use apportion::snapshot;
use apportion_cluster::plan::{PlanFile, Share};
use apportion_cluster::{Cluster, Fairness, FrameworkIdx, Quantities};
use serde_json::{Value, json};

use common::{planned, quiet, result};
use counts::Counts;
use draw::Random;
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

/// How many instances the suite draws: some minutes on two cores. `APPORTION_FAIRNESS_INSTANCES` draws another number.
fn n_instances() -> u64 {
    let stated = std::env::var("APPORTION_FAIRNESS_INSTANCES").ok();
    stated.and_then(|it| it.parse().ok()).unwrap_or(10_000)
}

/// Says which case failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("case {}", self.0);
        }
    }
}

/// Every bound that the certificate of one random plan states, and every way to tamper with it.
fn judged(case: u64) -> Counts {
    let _named = Named(case);
    let cluster = cluster(&draw::snapshot(case));
    let rule = Fairness::ALL[(case % 2 + case / 2 % 2) as usize];
    let plan = planned(&cluster, &options(rule));
    let market = Market::of(&cluster, &plan);
    let mut counts = Counts::default();
    market.efficiency(&mut counts);
    market.reachable(&mut counts);
    market.sharing_incentive(&mut counts);
    market.envy(&mut counts);
    market.core(&mut counts);
    market.floors(rule, &mut counts);
    counts.count_rows(&plan);
    tamper::every_way(&cluster, &plan, &mut counts);
    counts
}

/// The counts of `n` random plans, on as many threads as the machine has cores.
///
/// Threads of our own: one of Rayon's that waits for a part of its plan takes up the next plan meanwhile, and so on until its
/// stack is full.
fn counts_of(n: u64) -> Counts {
    let next = AtomicU64::new(0);
    let work = || {
        let mut counts = Counts::default();
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= n {
                return counts;
            }
            counts = counts.add(judged(case));
        }
    };
    let n_threads = available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        (threads.into_iter())
            .map(|it| it.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(Counts::default(), Counts::add)
    })
}

/// Every bound that the certificates of random plans state holds, and no certificate is accepted once a claim in it was
/// changed.
#[test]
fn every_bound_of_a_random_plan_holds() {
    let n = n_instances();
    let counts = counts_of(n);
    println!("{counts:#?}");
    for (claim, least) in [
        ("epsilon", n / 2),
        ("epsilon_fractional", n / 2),
        ("epsilon_one_unit", n / 2),
        ("shares can be had", n / 2),
        ("sharing incentive", n),
        ("envy", n),
        ("core", n),
        ("above the floor", n),
        ("floor of what it places alone", n / 4),
    ] {
        assert!(counts.of(claim) >= least, "{claim}: {counts:?}");
    }
    // Every kind of row binds somewhere, and so is a part of what is proved.
    for row in [
        "demand",
        "fit",
        "half",
        "half_device",
        "domain",
        "limit",
        "guarantee",
        "floor",
    ] {
        assert!(counts.of(row) >= n / 100, "{row}: {counts:?}");
    }
    assert!(tamper::WAYS.len() >= 10);
    for (way, _) in tamper::WAYS {
        assert!(counts.of(way) >= n / 20, "{way}: {counts:?}");
    }
}

/// What is drawn has everything that the claims are about.
#[test]
fn what_is_drawn_has_every_feature() {
    let n = 1000;
    let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for case in 0..n {
        for feature in draw::features(&cluster(&draw::snapshot(case))) {
            *counts.entry(feature).or_default() += 1;
        }
    }
    for feature in draw::FEATURES {
        let seen = counts.get(feature).copied().unwrap_or(0);
        assert!(seen >= n / 20, "{feature}: {seen} of {n}");
    }
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

/// 3 of 10 over a weight of 3 is 1 of 10 over 1, whatever floating point makes of three tenths: the path decides.
#[test]
fn equal_shares_are_equal_whatever_their_weights() {
    let roles = json!([{"path": "a", "weight": 1}, {"path": "b", "weight": 3}]);
    let frameworks = ["a", "b"].map(|id| json!({"id": id, "policy": "service", "role": id}));
    let cluster = cluster(&json!({"version": "apportion/v1",
        "agents": [{"id": "one", "resources": {"cpu_milli": 10}}],
        "roles": roles, "frameworks": frameworks}));
    let mut sorter = Sorter::new(&cluster);
    sorter.allocate(FrameworkIdx::of(0), &Quantities(vec![1]), 1);
    sorter.allocate(FrameworkIdx::of(1), &Quantities(vec![3]), 1);
    assert_eq!(sorter.next(), Some(FrameworkIdx::of(0)));
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

/// How much each framework places in each of so many plans, each with the credit of the one before.
fn over_plans(file: &Value, plans: usize) -> std::collections::BTreeMap<String, Vec<i64>> {
    let cluster = cluster(file);
    let mut placed: std::collections::BTreeMap<String, Vec<i64>> = Default::default();
    let mut credit = std::collections::BTreeMap::new();
    for _ in 0..plans {
        let plan = planned(&cluster, &Options { credit, ..quiet() });
        for result in &plan.frameworks {
            let entry = placed.entry(result.id.clone()).or_default();
            entry.push(result.placed);
        }
        credit = engine::credit(&plan);
    }
    placed
}

fn slots(agent: i64, jobs: &[(&str, i64, i64)]) -> Value {
    let frameworks: Vec<Value> = jobs
        .iter()
        .map(|(id, ..)| json!({"id": id, "policy": "service"}))
        .collect();
    let jobs = jobs.iter().map(|&(id, instances, need)| {
        json!({"id": id, "framework": id, "tasks": [{"id": "t", "instances": instances, "resources": {"slots": need}}]})
    });
    json!({"version": "apportion/v1", "agents": [{"id": "one", "resources": {"slots": agent}}],
        "frameworks": frameworks, "jobs": jobs.collect::<Vec<_>>()})
}

/// Three of two out of five: each is left out once in three plans, whatever its name.
#[test]
fn whoever_won_a_rounding_is_last_next_time() {
    let placed = over_plans(&slots(5, &[("a", 1, 2), ("b", 1, 2), ("c", 1, 2)]), 12);
    for (id, placed) in placed {
        assert_eq!(placed.iter().sum::<i64>(), 8, "{id}: {placed:?}");
    }
}

/// A task of nine tenths of everything against small ones that deserve half: what these lack adds up until it counts for more.
#[test]
fn what_small_tasks_lack_beside_a_large_one_is_repaid() {
    let placed = over_plans(&slots(30, &[("large", 1, 27), ("small", 100, 1)]), 60);
    let (large, small) = (&placed["large"], &placed["small"]);
    assert!(large[0] == 1 && small[0] == 3, "{placed:?}");
    let later = |of: &[i64]| of[30..].iter().sum::<i64>() as f64 / 30.0;
    assert!((later(small) - 15.0).abs() < 2.0, "{placed:?}");
    assert!((later(large) - 15.0 / 27.0).abs() < 0.1, "{placed:?}");
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
