//! The mode `monolithic` and the price of brokering, against every placement of small clusters.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use apportion::compare::compare;
use apportion::engine::{Mode, Options, brokering};
use apportion::snapshot;
use apportion::verify::verify_against;
use apportion_cluster::Cluster;
use apportion_cluster::file::{RoleFile, SnapshotFile};
use apportion_cluster::plan::{PlanFile, Proof, Warning};

use apportion_models::{
    Capabilities, Limits, Milp, MilpSolver, Outcome, SolverError, default_solver,
};
use common::naive::{Counts, Values};
use common::{cluster, naive, planned, quiet, random, without_timings};
use serde_json::json;

const TOLERANCE: f64 = 1e-6;

fn monolithic() -> Options {
    Options {
        mode: Mode::Monolithic,
        ..quiet()
    }
}

fn tiny(seed: u64) -> random::Size {
    random::Size {
        agents: 3,
        instances: 8,
        frameworks: 2 + i64::from(seed.is_multiple_of(3)),
        room: if seed.is_multiple_of(4) { 16 } else { 7 },
        running: seed.is_multiple_of(2),
    }
}

/// Weight, unit and whole-number floor of everybody who takes part, by framework.
type Shares = BTreeMap<usize, (f64, f64, f64)>;

/// What whole units can be asked to reach of a floor that is published but for its last digits.
fn target(floor: f64, unit: f64) -> f64 {
    let whole = (floor + (1e-9 * floor).min(1e-3)).floor();
    (whole - (unit - 1.0)).max(0.0)
}

fn shares(cluster: &Cluster, plan: &PlanFile) -> Shares {
    let results = plan.frameworks.iter();
    let shares = results.filter_map(|result| {
        let at = cluster.frameworks.iter().position(|it| it.id == result.id);
        let share = result.share.as_ref()?;
        let target = target(share.floor, share.unit);
        Some((at?, (share.weight, share.unit, target)))
    });
    shares.collect()
}

/// Floors, how many have something, and welfare, from how much everybody has.
fn stages(shares: &Shares, utility: &dyn Fn(usize) -> f64) -> Values {
    let (mut floors, mut served, mut welfare) = (0.0, 0.0, 0.0);
    // Where somebody has nothing, one unit more counts for each.
    let starved = shares.keys().any(|&framework| utility(framework) <= 0.0);
    for (&framework, &(weight, unit, target)) in shares {
        let has = utility(framework);
        if target >= 1.0 {
            floors += weight * (has / target).min(1.0);
        }
        served += (has / unit).min(1.0);
        welfare += weight * (has + if starved { unit } else { 0.0 }).ln();
    }
    let values = [("floors", floors), ("served", served), ("welfare", welfare)];
    let values = values.into_iter();
    values
        .map(|(name, value)| (name.to_owned(), true, value))
        .collect()
}

fn utility_of(cluster: &Cluster, counts: &Counts, framework: usize) -> f64 {
    let tasks = cluster.tasks.iter().enumerate();
    let own = tasks.filter(|(_, task)| cluster.jobs[task.job.at()].framework.at() == framework);
    own.map(|(at, task)| (task.value * counts.of_task(at)) as f64)
        .sum()
}

fn stages_of(cluster: &Cluster, shares: &Shares, plan: &PlanFile) -> Values {
    stages(shares, &|framework| {
        let id = &cluster.frameworks[framework].id;
        let result = plan.frameworks.iter().find(|it| it.id == *id).unwrap();
        result.share.as_ref().unwrap().utility
    })
}

/// Positive if the left values are better at the first difference.
fn ahead(left: &Values, right: &Values) -> f64 {
    let mut gains = left.iter().zip(right).map(|(left, right)| left.2 - right.2);
    gains.find(|gain| gain.abs() > TOLERANCE).unwrap_or(0.0)
}

/// No solver failed.
fn brokered_warnings(plan: &PlanFile) -> Vec<Warning> {
    let fine = plan.warnings.iter();
    fine.filter(|it| it.code != "solver_failed")
        .cloned()
        .collect()
}

/// A cluster planned in both modes, and the best of all placements.
fn judge(seed: u64, file: &SnapshotFile) -> (PlanFile, PlanFile) {
    let cluster = cluster(file);
    let plan = planned(&cluster, &monolithic());
    assert_eq!(plan.warnings, brokered_warnings(&plan), "seed {seed}");
    let shares = shares(&cluster, &plan);
    let best = naive::best_by(&cluster, &|counts| {
        stages(&shares, &|framework| {
            utility_of(&cluster, counts, framework)
        })
    });
    let have = stages_of(&cluster, &shares, &plan);
    let apart = ahead(&best.best, &have).abs();
    assert!(
        shares.is_empty() || apart <= TOLERANCE,
        "seed {seed}: {have:?}, best {:?}",
        best.best
    );
    let brokered = planned(&cluster, &quiet());
    assert!(
        ahead(&have, &stages_of(&cluster, &shares, &brokered)) >= 0.0,
        "seed {seed}"
    );
    bounds_hold(seed, &plan, &brokered, &best.best);
    (plan, brokered)
}

/// Every bound on the welfare of plans that keep the floors is one on the best of them.
fn bounds_hold(seed: u64, monolithic: &PlanFile, brokered: &PlanFile, best: &Values) {
    let starved = |plan: &PlanFile| {
        let mut shares = plan.frameworks.iter().filter_map(|it| it.share.as_ref());
        shares.any(|share| share.utility <= 0.0)
    };
    let targets = monolithic.frameworks.iter().filter_map(|it| {
        let share = it.share.as_ref()?;
        let target = target(share.floor, share.unit);
        (target >= 1.0).then_some(share.weight)
    });
    let all: f64 = targets.sum();
    let keeps_floors = best
        .first()
        .is_some_and(|(_, _, floors)| *floors >= all - 1e-9);
    if !keeps_floors || starved(monolithic) {
        return;
    }
    for plan in [monolithic, brokered] {
        if let Some(welfare) = plan.welfare.filter(|_| !starved(plan)) {
            let text = format!("seed {seed}: {welfare:?}, best {best:?}");
            assert!(welfare.bound >= best[2].2 - TOLERANCE, "{text}");
        }
    }
}

#[test]
fn the_welfare_of_tiny_clusters_is_the_best_of_all_placements() {
    let (mut searched, mut proved) = (0, 0);
    for seed in 0..160 {
        let (plan, _) = judge(seed, &random::snapshot(seed, tiny(seed)));
        if let Some(welfare) = plan.welfare {
            searched += usize::from(welfare.proof == Proof::Search);
            proved += usize::from(welfare.gap <= TOLERANCE);
        }
    }
    // Search says more than prices where whole instances leave something over.
    assert!(searched > 20 && proved > 100, "{searched} {proved}");
}

/// Two frameworks take devices of the same agents: who holds which is decided together.
#[test]
fn devices_are_given_out_to_all_together() {
    for seed in 0..60 {
        judge(seed, &random::mixed(seed, tiny(seed * 2 + 1)));
        judge(seed, &random::with_devices(seed, tiny(seed * 2 + 1)));
    }
}

/// Limits and guarantees of roles hold, as the verifier says of every plan, and nothing is worse than brokered.
#[test]
fn roles_keep_their_limits_and_guarantees() {
    let mut bound = 0;
    for seed in 0..80 {
        let size = random::Size {
            agents: 5,
            instances: 16,
            frameworks: 3,
            room: 9,
            running: seed % 2 == 1,
        };
        let mut file = random::snapshot(seed, size);
        let Some(framework) = file.frameworks.first_mut() else {
            continue;
        };
        framework.role = Some("promised".to_owned());
        let amounts = |amount: i64| BTreeMap::from([("cpu_milli".to_owned(), amount)]);
        file.roles.push(RoleFile {
            path: "promised".to_owned(),
            guarantee: Some(amounts(1 + seed as i64 % 4)),
            ..RoleFile::default()
        });
        if let Some(role) = file.roles.iter_mut().find(|it| it.path == "shared/role") {
            role.limit = Some(amounts(4));
        }
        let cluster = cluster(&file);
        let plan = planned(&cluster, &monolithic());
        let brokered = planned(&cluster, &quiet());
        let shares = shares(&cluster, &plan);
        let (have, before) = (
            stages_of(&cluster, &shares, &plan),
            stages_of(&cluster, &shares, &brokered),
        );
        assert!(
            ahead(&have, &before) >= 0.0,
            "seed {seed}: {have:?} {before:?}"
        );
        bound += usize::from(plan.guarantees.iter().any(|it| !it.held.is_empty()));
    }
    assert!(
        bound > 3,
        "guarantees hold something free in {bound} of these"
    );
}

/// What is claimed of brokering holds against the best there is, and the verifier agrees.
#[test]
fn the_price_of_brokering_is_within_its_bounds() {
    let mut dear = 0;
    for seed in 0..160 {
        let file = random::snapshot(seed, tiny(seed));
        let (monolithic, mut brokered) = judge(seed, &file);
        brokering::compare(&mut brokered, &monolithic);
        let Some(section) = brokered.brokering else {
            continue;
        };
        let price = section.price.unwrap();
        dear += usize::from(price > 1e-3);
        let report = verify_against(&cluster(&file), &brokered, &monolithic);
        assert!(report.holds(), "seed {seed}: {report:#?}");
        let mut cheaper = brokered.clone();
        cheaper.brokering.as_mut().unwrap().price = Some(price - 0.01);
        let report = verify_against(&cluster(&file), &cheaper, &monolithic);
        assert!(!report.holds(), "seed {seed}: a wrong price passes");
        let report = verify_against(&cluster(&file), &brokered, &brokered);
        assert!(
            !report.holds(),
            "seed {seed}: a brokered plan passes as a monolithic one"
        );
    }
    assert!(dear > 5, "brokering costs something in {dear} of these");
}

/// One framework's share is 99 parts of 100, and both floors are whole: the monolithic plan keeps them, and division costs nothing.
#[test]
fn floors_that_are_whole_are_kept_whole() {
    let file = br#"{"version": "apportion/v1",
        "agents": [{"id": "one", "resources": {"cpu_milli": 199}}],
        "frameworks": [{"id": "small", "policy": "service"}, {"id": "large", "policy": "service", "weight": 2.98}],
        "jobs": [{"id": "j", "framework": "small",
                  "tasks": [{"id": "t", "instances": 500, "resources": {"cpu_milli": 1}}]},
                 {"id": "k", "framework": "large",
                  "tasks": [{"id": "t", "instances": 500, "resources": {"cpu_milli": 1}}]}]}"#;
    let file = apportion::snapshot::parse(file).unwrap();
    let cluster = cluster(&file);
    let whole = planned(&cluster, &monolithic());
    let mut brokered = planned(&cluster, &quiet());
    for plan in [&whole, &brokered] {
        let held = plan.frameworks.iter().filter_map(|it| it.share.as_ref());
        for share in held {
            assert!(share.utility >= share.floor.round() - 1e-9, "{share:?}");
        }
    }
    brokering::compare(&mut brokered, &whole);
    assert!(brokered.brokering.unwrap().price.unwrap().abs() < 1e-9);
}

/// Where nobody can take part, nothing has a price, and the verifier agrees.
#[test]
fn nothing_has_a_price_where_nobody_takes_part() {
    let file = br#"{"version": "apportion/v1",
        "agents": [{"id": "one", "cordoned": true, "resources": {"cpu_milli": 10}}],
        "frameworks": [{"id": "f", "policy": "service"}],
        "jobs": [{"id": "j", "framework": "f",
                  "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1}}]}]}"#;
    let file = apportion::snapshot::parse(file).unwrap();
    let cluster = cluster(&file);
    let whole = planned(&cluster, &monolithic());
    let mut brokered = planned(&cluster, &quiet());
    brokering::compare(&mut brokered, &whole);
    let report = verify_against(&cluster, &brokered, &whole);
    assert!(report.holds(), "{report:#?}");
}

/// The default solver, without saying that it can limit its effort: models are then solved whole only where they are tiny.
struct Modest(Arc<dyn MilpSolver>);

impl MilpSolver for Modest {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            node_limit: false,
            ..self.0.capabilities()
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        self.0.solve(model, limits)
    }
}

/// Too large to be solved whole: exchanges and neighborhoods, from the brokered plan on.
#[test]
fn large_clusters_are_no_worse_and_the_same_for_any_number_of_threads() {
    let size = random::Size {
        agents: 20,
        instances: 90,
        frameworks: 5,
        room: 10,
        running: true,
    };
    let options = |mode: Mode, threads: usize| Options {
        mode,
        threads,
        solver: Arc::new(Modest(default_solver())),
        ..quiet()
    };
    let mut better = 0;
    for seed in 0..6 {
        let cluster = cluster(&random::snapshot(seed, size));
        let plan = planned(&cluster, &options(Mode::Monolithic, 1));
        let again = planned(&cluster, &options(Mode::Monolithic, 2));
        assert_eq!(without_timings(&plan), without_timings(&again));
        let brokered = planned(&cluster, &options(Mode::Brokered, 1));
        let shares = shares(&cluster, &plan);
        let (have, before) = (
            stages_of(&cluster, &shares, &plan),
            stages_of(&cluster, &shares, &brokered),
        );
        assert!(
            ahead(&have, &before) >= 0.0,
            "seed {seed}: {have:?} {before:?}"
        );
        better += usize::from(ahead(&have, &before) > 0.0);
    }
    assert!(better > 0, "{better}");
}

/// One of two goes without anything: the welfare counts one unit more for each, 2/3 ln 2 + 1/3 ln 5, and not whose value is larger.
#[test]
fn where_somebody_has_nothing_one_unit_more_counts_for_each() {
    let job = |id: &str, value: i64| json!({"id": id, "framework": id, "tasks": [{"id": "t", "instances": 1, "value": value, "resources": {"slots": 2}}]});
    let file = json!({"version": "apportion/v1",
        "agents": [{"id": "a", "resources": {"slots": 2}}],
        "roles": [{"path": "r", "weight": 2}, {"path": "s", "weight": 1}],
        "frameworks": [{"id": "f", "policy": "service", "role": "r"}, {"id": "g", "policy": "service", "role": "s"}],
        "jobs": [job("f", 1), job("g", 5)]});
    let cluster = snapshot::read(file.to_string().as_bytes()).unwrap();
    let plan = planned(&cluster, &monolithic());
    let welfare = plan.welfare.unwrap().objective;
    let best = 2.0 / 3.0 * 2.0_f64.ln() + 5.0_f64.ln() / 3.0;
    assert!((welfare - best).abs() < TOLERANCE, "{welfare}, {best}");
    assert_eq!(plan.placements[0].job, "f");
    let comparison = compare(&cluster, &quiet(), None, &|_| {}).unwrap();
    for row in &comparison.plans {
        assert!(row.welfare <= row.bound.or(row.welfare), "{row:?}");
    }
}

#[test]
fn comparisons_have_a_row_for_every_way() {
    let cluster = cluster(&random::snapshot(3, tiny(3)));
    let comparison = compare(&cluster, &quiet(), None, &|_| {}).unwrap();
    let names: Vec<&str> = comparison.plans.iter().map(|it| it.name.as_str()).collect();
    let need = [
        "brokered nash",
        "brokered maxmin",
        "brokered drf",
        "monolithic",
        "greedy",
    ];
    assert_eq!(names, need);
    for row in &comparison.plans {
        assert_eq!(row.quality.len(), cluster.frameworks.len(), "{row:?}");
        if let (Some(welfare), Some(bound)) = (row.welfare, row.bound) {
            assert!(welfare <= bound + TOLERANCE, "{row:?}");
        }
        assert_eq!(row.price_of_brokering.is_some(), row.mode == "brokered");
    }
}
