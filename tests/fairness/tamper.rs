//! A certificate that was changed after the fact is refused.

use apportion::verify::{Rule, verify};
use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;
use serde_json::json;

use super::{cluster, options, planned};
use apportion_cluster::Fairness;

/// Two roles under a limited parent, a guarantee that is held, and scarce memory.
fn contended() -> Cluster {
    let job = |id: &str, value: i64, instances: i64, cpu: i64, memory: i64| {
        json!({"id": format!("{id}-{value}"), "framework": id, "tasks": [{"id": "t", "instances": instances, "value": value,
               "resources": {"cpu_milli": cpu, "memory_mib": memory}}]})
    };
    cluster(&json!({"version": "apportion/v1",
        "agents": [{"id": "a1", "resources": {"cpu_milli": 16000, "memory_mib": 16384}},
                   {"id": "a2", "resources": {"cpu_milli": 16000, "memory_mib": 16384}}],
        "roles": [{"path": "top", "limit": {"cpu_milli": 12000}}, {"path": "top/a"}, {"path": "top/b"},
                  {"path": "idle", "guarantee": {"cpu_milli": 4000, "memory_mib": 2048}}, {"path": "c"}],
        "frameworks": [{"id": "a", "policy": "service", "role": "top/a"}, {"id": "b", "policy": "service", "role": "top/b"},
                       {"id": "c", "policy": "service", "role": "c"}],
        "jobs": [job("a", 1, 40, 1000, 256), job("b", 1, 40, 1000, 512), job("b", 9, 1, 500, 512), job("c", 1, 40, 250, 2048)]}))
}

/// A change of a plan that no honest plan would have, and the rules that may see it.
type Case = (&'static str, &'static [Rule], fn(&mut PlanFile));

const CASES: &[Case] = &[
    (
        "a price is lowered",
        &[Rule::Columns, Rule::Epsilon],
        |plan| {
            let prices = &mut plan.fairness.as_mut().unwrap().prices;
            prices.iter_mut().for_each(|it| it.price *= 0.9);
        },
    ),
    (
        "the dual of a limit is left out",
        &[Rule::Columns, Rule::Epsilon, Rule::Rent],
        |plan| {
            let duals = &mut plan.fairness.as_mut().unwrap().duals_fractional;
            let before = duals.len();
            duals.retain(|it| !it.row.starts_with("limit["));
            assert!(duals.len() < before, "the limit binds");
        },
    ),
    (
        "a limit is said to be lower",
        &[Rule::Rows, Rule::Epsilon, Rule::Rent],
        |plan| {
            let duals = &mut plan.fairness.as_mut().unwrap().duals_fractional;
            duals
                .iter_mut()
                .filter(|it| it.row.starts_with("limit["))
                .for_each(|it| it.rhs *= 0.5);
        },
    ),
    (
        "a limit is owned by one of two",
        &[Rule::Rows, Rule::Rent],
        |plan| {
            let duals = &mut plan.fairness.as_mut().unwrap().duals_fractional;
            let limit = duals
                .iter_mut()
                .find(|it| it.row.starts_with("limit["))
                .unwrap();
            limit.owners.truncate(1);
        },
    ),
    (
        "a guarantee is said to be larger",
        &[Rule::Rows, Rule::Epsilon, Rule::Columns, Rule::UnknownName],
        |plan| {
            let certificate = plan.fairness.as_mut().unwrap();
            let row = "guarantee[idle,memory_mib]".to_owned();
            let owners = Vec::new();
            certificate.duals_fractional.retain(|it| it.row != row);
            certificate
                .duals_fractional
                .push(apportion_cluster::plan::RowDual {
                    row,
                    owners,
                    value: 1e-6,
                    rhs: 9000.0,
                });
        },
    ),
    ("epsilon is smaller", &[Rule::Epsilon], |plan| {
        let certificate = plan.fairness.as_mut().unwrap();
        certificate.epsilon_fractional -= 0.01;
    }),
    ("a rent is larger", &[Rule::Rent, Rule::Envy], |plan| {
        plan.frameworks[1].share.as_mut().unwrap().rent += 0.5;
    }),
    ("a floor is higher", &[Rule::Floors, Rule::Share], |plan| {
        let share = plan.frameworks[2].share.as_mut().unwrap();
        share.floor *= 1.5;
    }),
    ("a share is higher", &[Rule::Columns, Rule::Share], |plan| {
        let share = plan.frameworks[0].share.as_mut().unwrap();
        share.deserved *= 0.8;
        share.borrowed = (share.utility - share.deserved).max(0.0);
    }),
    ("a witness goes beyond its limit", &[Rule::Floors], |plan| {
        let witness = &mut plan.fairness.as_mut().unwrap().floor_witness;
        witness.iter_mut().for_each(|it| it.instances *= 1.5);
    }),
    ("what is held is given away", &[Rule::Guarantee], |plan| {
        plan.guarantees[0].held.clear();
    }),
    ("a guarantee is forgotten", &[Rule::Guarantee], |plan| {
        plan.guarantees.clear();
    }),
    ("a guarantee is cut", &[Rule::Guarantee], |plan| {
        plan.guarantees[0].fraction = 0.5;
    }),
    ("a weight ignores the tree", &[Rule::Weight], |plan| {
        plan.frameworks[0].share.as_mut().unwrap().weight = 1.0 / 3.0;
    }),
];

#[test]
fn certificates_are_rejected_after_tampering() {
    let cluster = contended();
    for rule in Fairness::ALL {
        let honest = planned(&cluster, &options(rule));
        for (name, rules, change) in CASES {
            let mut plan = honest.clone();
            change(&mut plan);
            let report = verify(&cluster, &plan);
            let seen = report.violations.iter().any(|it| rules.contains(&it.rule));
            assert!(seen, "{}: {name}: {:?}", rule.name(), report.violations);
        }
    }
}

#[test]
fn more_than_a_limit_is_refused() {
    let cluster = contended();
    let mut plan = planned(&cluster, &options(Fairness::Nash));
    let placed = plan
        .placements
        .iter_mut()
        .find(|it| it.job == "a-1")
        .unwrap();
    placed.instances += 9;
    let report = verify(&cluster, &plan);
    assert!(
        report
            .violations
            .iter()
            .any(|it| it.rule == Rule::RoleLimit),
        "{:?}",
        report.violations
    );
}
