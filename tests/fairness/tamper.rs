//! A certificate that was changed after the fact is refused.

use apportion::verify::{Rule, verify};
use apportion_cluster::Cluster;
use apportion_cluster::plan::{FairnessCertificate, PlanFile, Share};
use serde_json::json;

use super::counts::Counts;

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

/// A way to change a plan that changes a claim in it; false where there is nothing to change.
type Way = fn(&mut PlanFile) -> bool;

fn certificate(plan: &mut PlanFile) -> &mut FairnessCertificate {
    plan.fairness.as_mut().unwrap()
}

/// Changes the share of the first framework for which that is a change.
fn first_share(plan: &mut PlanFile, change: impl Fn(&mut Share) -> bool) -> bool {
    let mut shares = plan
        .frameworks
        .iter_mut()
        .filter_map(|it| it.share.as_mut());
    shares.any(change)
}

/// Whether there is enough money in it for anybody to see.
fn is_worth_something(value: f64, rhs: f64) -> bool {
    value * rhs > 1e-3
}

/// At least ten ways, each of which some instances allow.
pub const WAYS: &[(&str, Way)] = &[
    ("tamper: a price is lowered", |plan| {
        let prices = certificate(plan).prices.iter_mut();
        // The least price of a resource of an agent that is worth something: agents have thousands of each.
        let Some(price) = { prices }.find(|it| it.price > 1e-6) else {
            return false;
        };
        price.price *= 0.9;
        true
    }),
    ("tamper: a price is raised", |plan| {
        let prices = certificate(plan).prices_fractional.iter_mut();
        let Some(price) = { prices }.find(|it| it.price > 1e-6) else {
            return false;
        };
        price.price *= 1.1;
        true
    }),
    ("tamper: a dual is left out", |plan| {
        let duals = &mut certificate(plan).duals;
        let at = duals
            .iter()
            .position(|it| is_worth_something(it.value, it.rhs));
        at.map(|at| duals.remove(at)).is_some()
    }),
    ("tamper: a dual is raised", |plan| {
        let duals = certificate(plan).duals_fractional.iter_mut();
        let Some(dual) = { duals }.find(|it| is_worth_something(it.value, it.rhs)) else {
            return false;
        };
        dual.value *= 1.5;
        true
    }),
    ("tamper: a row is said to be tighter", |plan| {
        let duals = certificate(plan).duals.iter_mut();
        let Some(dual) = { duals }.find(|it| is_worth_something(it.value, it.rhs)) else {
            return false;
        };
        dual.rhs *= 0.9;
        true
    }),
    ("tamper: a row has another owner", |plan| {
        let ids: Vec<String> = plan.frameworks.iter().map(|it| it.id.clone()).collect();
        let Some(dual) = certificate(plan).duals.first_mut() else {
            return false;
        };
        let other = ids.into_iter().find(|id| !dual.owners.contains(id));
        other.map(|other| dual.owners = vec![other]).is_some()
    }),
    ("tamper: epsilon is smaller", |plan| {
        let epsilon = certificate(plan).epsilon.as_mut();
        epsilon.map(|epsilon| *epsilon -= 0.01).is_some()
    }),
    ("tamper: epsilon_fractional is smaller", |plan| {
        let any = plan.frameworks.iter().any(|it| it.share.is_some());
        certificate(plan).epsilon_fractional -= 0.01;
        any
    }),
    ("tamper: epsilon_one_unit is larger than epsilon", |plan| {
        let certificate = certificate(plan);
        certificate.epsilon_one_unit = certificate.epsilon.map(|epsilon| epsilon + 0.01);
        certificate.epsilon.is_some()
    }),
    ("tamper: a starved framework is hidden", |plan| {
        let certificate = certificate(plan);
        let hidden = certificate.epsilon.is_none();
        certificate.epsilon = certificate.epsilon_one_unit;
        hidden
    }),
    ("tamper: a rent is larger", |plan| {
        first_share(plan, |share| {
            share.rent += 0.01;
            true
        })
    }),
    ("tamper: a bound on envy is lower", |plan| {
        let envy = certificate(plan).envy.first_mut();
        envy.map(|it| it.bound -= 0.01).is_some()
    }),
    ("tamper: a pair that may envy is left out", |plan| {
        certificate(plan).envy.pop().is_some()
    }),
    ("tamper: a bundle is cheaper", |plan| {
        first_share(plan, |share| {
            let is_priced = share.priced_bundle > 1e-3;
            share.priced_bundle *= 0.9;
            is_priced
        })
    }),
    ("tamper: a floor is higher", |plan| {
        first_share(plan, |share| {
            let is_any = share.floor > 1e-3;
            share.floor *= 1.1;
            is_any
        })
    }),
    ("tamper: a share is higher", |plan| {
        first_share(plan, |share| {
            share.deserved += 0.5;
            true
        })
    }),
    ("tamper: a weight is larger", |plan| {
        first_share(plan, |share| {
            share.weight += 0.01;
            true
        })
    }),
    ("tamper: a value is larger", |plan| {
        first_share(plan, |share| {
            share.utility += 1.0;
            true
        })
    }),
    ("tamper: a framework is said to fit nowhere", |plan| {
        let of = plan.frameworks.iter_mut().find(|it| it.share.is_some());
        let Some(result) = of else { return false };
        result.share = None;
        let framework = result.id.clone();
        let reason = "no agent that its tasks may use holds one of them".to_owned();
        let excluded = &mut certificate(plan).excluded;
        excluded.push(apportion_cluster::plan::Excluded { framework, reason });
        true
    }),
    ("tamper: a witness needs more than there is", |plan| {
        let witness = certificate(plan).floor_witness.iter_mut();
        { witness }.fold(false, |_, it| {
            it.instances *= 10.0;
            it.instances > 1.0
        })
    }),
    ("tamper: floors lose their witness", |plan| {
        certificate(plan).floor_witness.clear();
        let mut shares = plan.frameworks.iter().filter_map(|it| it.share.as_ref());
        shares.any(|share| share.floor > 1e-3)
    }),
    ("tamper: an agent is in no class", |plan| {
        let class = certificate(plan).classes.first_mut();
        class.and_then(|class| class.agents.pop()).is_some()
    }),
    ("tamper: a guarantee is cut", |plan| {
        // Half of nothing is nothing, and of what is lent as much may be stated as is asked for.
        let mut guarantees = plan.guarantees.iter_mut();
        let guarantee = guarantees.find(|it| it.fraction > 1e-3 && it.idle == "hold");
        guarantee.map(|it| it.fraction *= 0.5).is_some()
    }),
    ("tamper: what is held is given away", |plan| {
        let held = plan.guarantees.iter_mut().find(|it| !it.held.is_empty());
        held.map(|it| it.held.clear()).is_some()
    }),
];

/// Changes an honest plan in every way, one at a time, and has each judged.
pub fn every_way(cluster: &Cluster, honest: &PlanFile, counts: &mut Counts) {
    for (name, change) in WAYS {
        let mut plan = honest.clone();
        if change(&mut plan) {
            assert!(
                !verify(cluster, &plan).holds(),
                "{name}: {}",
                serde_json::to_string(&plan).unwrap()
            );
            counts.count(name);
        }
    }
}

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

/// Nine devices for tasks of 600 thousandths and of 500: the plan is the best there is, and the row of devices proves it.
#[test]
fn devices_are_counted_whole_and_no_fewer_than_there_are() {
    let cluster = cluster(
        &serde_json::from_str(include_str!(
            "../scenarios/large_parts_of_devices_share_none/snapshot.json"
        ))
        .unwrap(),
    );
    let honest = planned(&cluster, &options(Fairness::Nash));
    let changed = |change: &dyn Fn(&mut apportion_cluster::plan::RowDual)| {
        let mut plan = honest.clone();
        let certificate = plan.fairness.as_mut().unwrap();
        let duals = certificate.duals.iter_mut();
        let rows = { duals }.filter(|dual| dual.row.starts_with("half_device["));
        assert_eq!(rows.map(change).count(), 1);
        let report = verify(&cluster, &plan);
        let broken = report.violations.iter().map(|it| it.rule);
        broken.collect::<Vec<Rule>>()
    };
    assert_eq!(changed(&|_| {}), []);
    assert!(changed(&|dual| dual.rhs -= 1.0).contains(&Rule::Rows));
    assert!(changed(&|dual| dual.value *= 0.9).contains(&Rule::Columns));
    assert!(changed(&|dual| drop(dual.owners.pop())).contains(&Rule::Rows));
    // It is no row of agents.
    assert!(
        changed(&|dual| dual.row = dual.row.replace("half_device", "half")).contains(&Rule::Rows)
    );
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
