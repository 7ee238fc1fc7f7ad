//! Shares under limits per failure domain.

use apportion::engine::{Mode, Options};
use apportion::verify::{Rule, verify};
use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, Fairness};
use serde_json::{Value, json};

use super::common::planned;
use super::draw::Random;
use super::{close, cluster, options, share};

/// An agent of a rack, of so many cpus; `rack` is an attribute too.
fn agent(id: &str, rack: &str, cpus: i64) -> Value {
    json!({"id": id, "domains": {"rack": rack}, "attributes": {"rack": rack, "cpus": cpus.to_string()},
           "resources": {"cpu_milli": 1000 * cpus}})
}

fn job(framework: &str, instances: i64, cpus: i64, constraints: &Value) -> Value {
    json!({"id": format!("{framework}-{cpus}"), "framework": framework,
           "tasks": [{"id": "t", "instances": instances, "resources": {"cpu_milli": 1000 * cpus}, "constraints": constraints}]})
}

fn racks(agents: &[Value], jobs: &[Value]) -> Cluster {
    let frameworks: Vec<Value> = ["a", "b"]
        .iter()
        .map(|id| json!({"id": id, "policy": "service"}))
        .collect();
    cluster(
        &json!({"version": "apportion/v1", "levels": ["rack"], "agents": agents, "frameworks": frameworks, "jobs": jobs}),
    )
}

/// Racks of 100 and 30 cpus: `a` may have 20 in each, `b` knows only the smaller one.
fn uneven() -> Cluster {
    let limited = json!({"limit": [{"level": "rack", "max": 20}]});
    let in_small = json!({"attributes": {"rack": ["small"]}});
    racks(
        &[
            agent("x", "large", 50),
            agent("y", "large", 50),
            agent("z", "small", 30),
        ],
        &[job("a", 40, 1, &limited), job("b", 40, 1, &in_small)],
    )
}

#[test]
fn a_share_is_no_more_than_racks_let_in() {
    let cluster = uneven();
    for mode in [Mode::Brokered, Mode::Monolithic] {
        let plan = planned(
            &cluster,
            &Options {
                mode,
                ..options(Fairness::Nash)
            },
        );
        for (id, expected) in [("a", 35.0), ("b", 15.0)] {
            close(share(&plan, id).deserved, expected);
            close(share(&plan, id).utility, expected);
        }
        close(plan.fairness.unwrap().epsilon.unwrap(), 0.0);
    }
}

/// Four racks of two kinds of agents, the first two larger: `a` has a limit on a task and one on two tasks together, `b` wants
/// all small agents, in one job or in one for each rack.
fn alike(by_rack: bool) -> Cluster {
    let agents = (0..4).flat_map(|rack| {
        let n = if rack < 2 { 3 } else { 1 };
        let name = format!("r{rack}");
        (0..n).flat_map(move |at| {
            let name = name.clone();
            [8, 20].map(|cpus| agent(&format!("{name}-{cpus}-{at}"), &name, cpus))
        })
    });
    let limited = json!({"limit": [{"level": "rack", "max": 9}]});
    let together = json!({"limit": [{"level": "rack", "max": 6, "group": "g"}]});
    let mut jobs = vec![
        job("a", 40, 1, &limited),
        job("a", 40, 2, &together),
        job("a", 40, 3, &together),
    ];
    for job in &mut jobs[1..] {
        job["tasks"][0]["groups"] = json!(["g"]);
    }
    let small = json!({"cpus": ["8"]});
    if by_rack {
        for rack in ["r0", "r1", "r2", "r3"] {
            let mut rules = small.clone();
            rules["rack"] = json!([rack]);
            let mut job = job("b", 100, 4, &json!({"attributes": rules}));
            job["id"] = json!(rack);
            jobs.push(job);
        }
    } else {
        jobs.push(job("b", 100, 4, &json!({"attributes": small})));
    }
    racks(&agents.collect::<Vec<_>>(), &jobs)
}

fn row_kinds(plan: &PlanFile) -> Vec<&str> {
    let duals = plan.fairness.as_ref().unwrap().duals_fractional.iter();
    let domains = duals.filter_map(|dual| dual.row.strip_prefix("domain["));
    domains.map(|row| row.split(',').next().unwrap()).collect()
}

/// Racks that are alike count together, and shares are what they are where rules tell every rack apart.
#[test]
fn racks_that_are_alike_share_a_class_and_lose_nothing() {
    let [together, apart] = [false, true].map(|by_rack| {
        let cluster = alike(by_rack);
        planned(&cluster, &options(Fairness::Nash))
    });
    let n_classes = |plan: &PlanFile| plan.fairness.as_ref().unwrap().classes.len();
    assert_eq!([n_classes(&together), n_classes(&apart)], [4, 8]);
    let counted = row_kinds(&together);
    assert!(counted.contains(&"a-1/t"), "{counted:?}");
    assert!(counted.contains(&"group:g"), "{counted:?}");
    for id in ["a", "b"] {
        close(share(&apart, id).deserved, share(&together, id).deserved);
        close(share(&apart, id).floor, share(&together, id).floor);
    }
}

/// More kinds of agents than are taken apart: shares are a relaxation, and what is said of them holds.
#[test]
fn many_racks_that_differ_are_not_told_apart() {
    let mut random = Random::new(3);
    let agents = (0..120).map(|at| {
        let cpus = 4 + random.below(9);
        agent(&format!("a{at}"), &format!("r{}", at % 30), cpus as i64)
    });
    let limited = json!({"limit": [{"level": "rack", "max": 2}]});
    let cluster = racks(
        &agents.collect::<Vec<_>>(),
        &[job("a", 70, 3, &limited), job("b", 500, 1, &json!({}))],
    );
    let plan = planned(&cluster, &options(Fairness::Nash));
    assert_eq!(plan.fairness.as_ref().unwrap().classes.len(), 9);
    close(share(&plan, "a").deserved, 60.0);
    assert_eq!(row_kinds(&plan), [] as [&str; 0]);
}

#[test]
fn a_row_of_failure_domains_is_judged() {
    let cluster = alike(false);
    let honest = planned(&cluster, &options(Fairness::Nash));
    let broken = |change: &dyn Fn(&mut PlanFile)| -> Vec<Rule> {
        let mut plan = honest.clone();
        change(&mut plan);
        let report = verify(&cluster, &plan);
        report.violations.iter().map(|it| it.rule).collect()
    };
    let of_rows = |change: &dyn Fn(&mut apportion_cluster::plan::RowDual)| {
        broken(&|plan| {
            let duals = &mut plan.fairness.as_mut().unwrap().duals_fractional;
            let rows = { duals.iter_mut() }.filter(|dual| dual.row.starts_with("domain["));
            assert!(rows.map(change).count() > 1);
        })
    };
    assert_eq!(of_rows(&|_| {}), []);
    assert!(of_rows(&|dual| dual.rhs -= 1.0).contains(&Rule::Rows));
    assert!(of_rows(&|dual| dual.value *= 0.9).contains(&Rule::Columns));
    assert!(of_rows(&|dual| dual.owners = vec!["b".to_owned()]).contains(&Rule::Rows));
    let no_such = |dual: &mut apportion_cluster::plan::RowDual| {
        dual.row = dual.row.replace(",rack,", ",agent,");
    };
    assert!(of_rows(&no_such).contains(&Rule::UnknownName));
    // A witness of 19 in racks of 9 each would be a floor that nobody can have.
    let beyond = broken(&|plan| {
        let witness = &mut plan.fairness.as_mut().unwrap().floor_witness;
        for it in witness.iter_mut().filter(|it| it.job == "a-1") {
            it.instances = if it.class == "class-1" || it.class == "class-2" {
                9.5
            } else {
                0.0
            };
        }
    });
    assert!(beyond.contains(&Rule::Floors), "{beyond:?}");
}

/// More rows than programs take: shares know limits class by class, floors keep within all of them, and the plan is accepted.
#[test]
fn more_rows_than_are_stated_leave_floors_that_can_be_had() {
    let agents: Vec<Value> = (0..4)
        .flat_map(|rack| {
            let n = if rack < 2 { 8 } else { 1 };
            let sizes = (0..n).flat_map(|at| [(8, at), (20, at)]);
            sizes.map(move |(cpus, at)| {
                agent(&format!("r{rack}-{cpus}-{at}"), &format!("r{rack}"), cpus)
            })
        })
        .collect();
    // Each task is like no other, may have two in a rack, and would have room for all eight in the two large racks.
    let limited = json!({"limit": [{"level": "rack", "max": 2}]});
    let jobs: Vec<Value> = (0..1_050)
        .map(|at| {
            let mut job = job(if at < 1_049 { "a" } else { "b" }, 20, 1, &limited);
            job["id"] = json!(format!("j{at:04}"));
            job["tasks"][0]["resources"] = json!({"cpu_milli": 20});
            job["tasks"][0]["value"] = json!(1 + at);
            job
        })
        .collect();
    let plan = planned(&racks(&agents, &jobs), &options(Fairness::Nash));
    assert_eq!(plan.fairness.as_ref().unwrap().classes.len(), 4);
    let all: i64 = (1..=1_049).map(|value| 8 * value).sum();
    close(share(&plan, "a").deserved, all as f64);
    // The racks' limits leave four in the large ones, and the small ones have no room for as many.
    assert!(share(&plan, "a").floor < 0.95 * all as f64);
}
