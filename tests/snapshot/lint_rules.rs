//! One small snapshot per lint rule: it fires there, and nowhere in a clean one.

use std::collections::BTreeSet;

use apportion::lint::{Severity, code, lint};
use apportion::snapshot::to_json;

/// A snapshot that nothing is wrong with. `with` edits it.
const CLEAN: &str = r"
version: apportion/v1
levels: [rack]
agents:
  - {id: a1, domains: {rack: r1}, attributes: {disk: ssd}, resources: {cpu_milli: 8000, memory_mib: 32768}}
  - {id: a2, domains: {rack: r2}, attributes: {disk: hdd}, resources: {cpu_milli: 4000, memory_mib: 65536}}
  - {id: a3, domains: {rack: r3}, attributes: {disk: ssd}, resources: {cpu_milli: 4000, memory_mib: 65536}, dedicated: night}
roles:
  - {path: prod, weight: 2}
frameworks:
  - {id: web, policy: service, role: prod}
jobs:
  - id: shop
    framework: web
    tasks:
      - id: api
        instances: 4
        resources: {cpu_milli: 1000, memory_mib: 512}
        constraints:
          attributes: {disk: [ssd]}
          tolerates: [night]
          limit: [{level: rack, max: 2}]
placements:
  - {job: shop, task: api, agent: a1, instances: 1}
";

fn codes(text: &str) -> Vec<&'static str> {
    lint(text.as_bytes())
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// The clean snapshot with `from` replaced by `to`.
fn with(from: &str, to: &str) -> String {
    assert!(CLEAN.contains(from), "{from}");
    CLEAN.replacen(from, to, 1)
}

/// Edits, each with the code that it provokes and a path.
fn edits() -> Vec<(String, &'static str, &'static str)> {
    let cordoned = CLEAN
        .replace(
            "resources: {cpu_milli: 8",
            "cordoned: true, resources: {cpu_milli: 8",
        )
        .replace(
            "resources: {cpu_milli: 4",
            "cordoned: true, resources: {cpu_milli: 4",
        );
    let constraints = "jobs[0].tasks[0].constraints";
    let attribute = "jobs[0].tasks[0].constraints.attributes.disk";
    vec![
        (with("[ssd]", "[sdd]"), code::SELECTOR, attribute),
        (
            with("{disk: [ssd]}", "{dsik: [ssd]}"),
            code::SELECTOR,
            "jobs[0].tasks[0].constraints.attributes.dsik",
        ),
        (
            with("{disk: [ssd]}", "{disk: [hdd], rack: [r1]}"),
            code::NO_AGENT,
            constraints,
        ),
        (
            with("cpu_milli: 1000", "cpu_milli: 9000"),
            code::NEVER_FITS,
            "jobs[0].tasks[0].resources.cpu_milli",
        ),
        (
            with(
                "cpu_milli: 1000, memory_mib: 512",
                "cpu_milli: 6000, memory_mib: 60000",
            ),
            code::NEVER_FITS,
            "jobs[0].tasks[0].resources",
        ),
        (
            with("cpu_milli: 1000", "cpu_mili: 1000"),
            code::NO_RESOURCE,
            "jobs[0].tasks[0].resources.cpu_mili",
        ),
        (
            with("[ssd]", "[ssd, '!ssd']"),
            code::CONTRADICTION,
            attribute,
        ),
        (with("[ssd]", "['*', '!*']"), code::CONTRADICTION, attribute),
        (
            with("tolerates: [night]", "tolerates: [nigth]"),
            code::TOLERATES,
            "jobs[0].tasks[0].constraints.tolerates",
        ),
        (
            with("dedicated: night", "dedicated: day"),
            code::DEDICATED,
            "agents[2].dedicated",
        ),
        (cordoned, code::CORDONED, "agents"),
        (
            with("levels: [rack]", "levels: [rack, zone]"),
            code::LEVEL,
            "levels[1]",
        ),
        (with("domains: {rack: r2}, ", ""), code::LEVEL, "levels[0]"),
        (
            with(
                "- {path: prod, weight: 2}",
                "- {path: prod, weight: 2}\n  - {path: test}",
            ),
            code::UNUSED_ROLE,
            "roles[1]",
        ),
        (
            with("role: prod", "role: prdo"),
            code::MISSPELLED_ROLE,
            "frameworks[0].role",
        ),
        (
            with(
                "- {path: prod, weight: 2}",
                "- {path: prod, weight: 2, limit: {cpu_mili: 4000}}",
            ),
            code::LIMIT_OF_NOTHING,
            "roles[0].limit.cpu_mili",
        ),
        (
            with("jobs:", "  - {id: idle, policy: service}\njobs:"),
            code::IDLE_FRAMEWORK,
            "frameworks[1]",
        ),
        (
            with("instances: 4", "instances: 5"),
            code::LIMIT,
            "jobs[0].tasks[0].constraints.limit",
        ),
        (
            with(
                "framework: web",
                "framework: web\n    min_available: {level: rack, instances: 3}",
            ),
            code::SURVIVAL,
            "jobs[0].min_available",
        ),
        (
            with(
                "placements:",
                "  - {id: none, framework: web, tasks: []}\nplacements:",
            ),
            code::NOTHING_WANTED,
            "jobs[1]",
        ),
        (
            with("cpu_milli: 8000", "cpu_milli: 900"),
            code::OVERCOMMITTED,
            "agents[0]",
        ),
        (
            with("agent: a1, instances", "agent: a2, instances"),
            code::MISPLACED,
            "jobs[0].tasks[0]",
        ),
        (
            with("agent: a1, instances: 1", "agent: a1, instances: 3"),
            code::OVER_LIMIT,
            "jobs[0].tasks[0].constraints.limit",
        ),
        (
            with("cpu_milli: 1000", "cpu_milli: 1"),
            code::CPU_UNIT,
            "jobs[0].tasks[0].resources.cpu_milli",
        ),
        (
            with("cpu_milli: 8000", "cpu_milli: 64"),
            code::CPU_UNIT,
            "agents[0].resources.cpu_milli",
        ),
        (
            with("memory_mib: 32768", "memory_mib: 34359738368"),
            code::BYTES,
            "agents[0].resources.memory_mib",
        ),
        (
            with("memory_mib: 32768", "memory_mib: 32"),
            code::GIBIBYTES,
            "agents[0].resources.memory_mib",
        ),
    ]
}

#[test]
fn a_clean_snapshot_has_no_findings() {
    assert_eq!(codes(CLEAN), Vec::<&str>::new());
}

#[test]
fn every_rule_fires_where_it_should() {
    for (text, code, path) in edits() {
        let findings = lint(text.as_bytes());
        assert!(
            findings
                .iter()
                .any(|f| (f.code, f.path.as_str()) == (code, path)),
            "{code} {path}: {findings:#?}"
        );
        assert!(
            findings.iter().all(|f| f.severity != Severity::Error),
            "{findings:#?}"
        );
    }
    let mut covered: BTreeSet<&str> = edits().iter().map(|edit| edit.1).collect();
    // Needs a policy that takes devices: see `devices.rs`.
    covered.insert(code::DEVICE);
    // Millions of checks: see `rules_that_cannot_all_be_checked_are_said`.
    covered.insert(code::UNCHECKED);
    assert_eq!(covered, code::ALL.iter().copied().collect());
}

#[test]
fn a_typo_gets_a_suggestion() {
    let suggests = |text: String, word: &str| {
        let findings = lint(text.as_bytes());
        assert!(
            findings.iter().any(|f| f.action.contains(word)),
            "{word}: {findings:#?}"
        );
    };
    suggests(with("[ssd]", "[sdd]"), "did you mean `ssd`?");
    suggests(
        with("{disk: [ssd]}", "{dsik: [ssd]}"),
        "did you mean `disk`?",
    );
    suggests(
        with("tolerates: [night]", "tolerates: [nigth]"),
        "did you mean `night`?",
    );
    suggests(with("role: prod", "role: prdo"), "did you mean `prod`?");
    suggests(
        with("cpu_milli: 1000", "cpu_mili: 1000"),
        "did you mean `cpu_milli`?",
    );
}

#[test]
fn input_faults_are_errors() {
    let findings = lint(with("weight: 2", "weight: -2").as_bytes());
    assert_eq!(
        (findings[0].severity, findings[0].code),
        (Severity::Error, "E0304")
    );
    assert!(
        findings[0].text.starts_with("line 9, column "),
        "{findings:?}"
    );
    assert_eq!(lint(b"").len(), 1);
}

#[test]
fn many_findings_of_a_kind_are_counted() {
    let tasks: String = (0..100)
        .map(|at| {
            format!(
                "      - {{id: t{at}, resources: {{gpu_milli: {}}}}}\n",
                at + 1
            )
        })
        .collect();
    let findings = lint(
        with(
            "placements:",
            &format!("  - id: many\n    framework: web\n    tasks:\n{tasks}placements:"),
        )
        .as_bytes(),
    );
    let of = findings.iter().filter(|f| f.code == code::NO_RESOURCE);
    assert_eq!(of.count(), 21);
    assert!(
        findings.last().unwrap().text.starts_with("80 more"),
        "{findings:#?}"
    );
}

#[test]
fn rules_that_cannot_all_be_checked_are_said() {
    let mut file = crate::generated::snapshot(1, 10_000, 450);
    for (at, task) in file
        .jobs
        .iter_mut()
        .flat_map(|job| &mut job.tasks)
        .enumerate()
    {
        task.constraints.agents = Some(vec![format!("agent-{at}")]);
    }
    let started = std::time::Instant::now();
    assert!(codes(&to_json(&file)).contains(&code::UNCHECKED));
    println!("linted in {:?}", started.elapsed());
}
