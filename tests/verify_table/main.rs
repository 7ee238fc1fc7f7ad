//! The verifier fires: for each rule, a plan that is correct but for one thing.

#![allow(clippy::unwrap_used, missing_docs)]

mod arbitrary;
mod bounds;
mod build;
mod certificate;
mod devices;
mod fair;
mod preemptions;
mod rules;
mod scale;
mod timed;
mod units;

use std::collections::BTreeSet;

use apportion::verify::{Report, Rule, verify};
use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanFile;

/// A plan with one fault, and the rules that it violates, the one that it is about first.
pub struct Mutation {
    pub name: &'static str,
    pub rules: &'static [Rule],
    pub make: fn() -> (Cluster, PlanFile),
}

fn mutations() -> impl Iterator<Item = &'static Mutation> {
    let of_rules = rules::MUTATIONS.iter().chain(certificate::MUTATIONS);
    of_rules
        .chain(preemptions::MUTATIONS)
        .chain(timed::MUTATIONS)
        .chain(units::MUTATIONS)
}

fn violated(report: &Report) -> BTreeSet<Rule> {
    report.violations.iter().map(|it| it.rule).collect()
}

#[test]
fn each_mutation_violates_its_rule_by_name() {
    let mut wrong = Vec::new();
    for mutation in mutations() {
        let (cluster, plan) = (mutation.make)();
        let report = verify(&cluster, &plan);
        let expected: BTreeSet<Rule> = mutation.rules.iter().copied().collect();
        if violated(&report) != expected {
            let lines = report.violations.iter().map(ToString::to_string);
            let lines: Vec<String> = lines.collect();
            let name = mutation.name;
            wrong.push(format!(
                "{name}: expected {expected:?}\n  {}",
                lines.join("\n  ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_mutation_that_is_about_it() {
    let about: BTreeSet<Rule> = mutations().map(|it| it.rules[0]).collect();
    let all: BTreeSet<Rule> = Rule::ALL.iter().copied().collect();
    assert_eq!(about, all);
}

#[test]
fn correct_plans_hold() {
    let cluster = build::cluster();
    let plan = build::plan(&cluster, build::PLACED, &[]);
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let (cluster, plan) = devices::case();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let (cluster, plan) = preemptions::case();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let (cluster, plan) = units::case();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let (cluster, plan) = fair::case();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let (cluster, plan) = fair::priced();
    let report = verify(&cluster, &plan);
    assert!(report.holds(), "{report:#?}");
    let checked: BTreeSet<Rule> = report.checks.iter().map(|it| it.rule).collect();
    for rule in [
        Rule::Columns,
        Rule::Epsilon,
        Rule::Envy,
        Rule::Floors,
        Rule::Rent,
        Rule::Rows,
    ] {
        assert!(checked.contains(&rule), "{rule} is checked");
    }
}

#[test]
fn reports_serialize_with_rule_names_and_figures() {
    let (cluster, mut plan) = fair::case();
    plan.snapshot_digest = "other".to_owned();
    let report = serde_json::to_value(verify(&cluster, &plan)).unwrap();
    assert_eq!(report["violations"][0]["rule"], "digest");
    assert_eq!(report["violations"][0]["need"], "d1");
    assert_eq!(report["violations"][0]["have"], "other");
}

#[test]
fn the_documentation_names_every_rule() {
    let docs = include_str!("../../docs/verify.md");
    for rule in Rule::ALL {
        assert!(
            docs.contains(&format!("| `{rule}` |")),
            "docs/verify.md lacks {rule}"
        );
    }
}
