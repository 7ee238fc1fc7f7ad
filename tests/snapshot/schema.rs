//! The JSON Schemas in `docs/` are those of the types, and agree with the reader.

use std::path::{Path, PathBuf};

use apportion::snapshot::{parse, to_json};
use apportion_cluster::events::EventsFile;
use apportion_cluster::file::SnapshotFile;
use apportion_cluster::plan::PlanFile;
use schemars::JsonSchema;

use crate::generated::snapshot;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The schema of `T` as kept in `docs/`; with `UPDATE_SCHEMAS=1` in the environment it is rewritten.
fn kept<T: JsonSchema>(file: &str) -> serde_json::Value {
    let schema = serde_json::to_value(schemars::schema_for!(T)).unwrap();
    let path = folder("docs").join(file);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap_or_default();
    assert!(
        kept == schema,
        "docs/{file} is stale: run `UPDATE_SCHEMAS=1 cargo test --release --test snapshot schema`"
    );
    schema
}

#[test]
fn the_snapshot_schema_is_current_and_accepts_what_the_reader_accepts() {
    let schema = kept::<SnapshotFile>("snapshot.schema.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let generated = serde_json::from_str(&to_json(&snapshot(1, 10, 5))).unwrap();
    validator.validate(&generated).unwrap();
    let mut examples = 0;
    for entry in std::fs::read_dir(folder("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let text = std::fs::read(&path).unwrap();
            parse(&text).unwrap_or_else(|faults| panic!("{}: {faults}", path.display()));
            let example = serde_json::from_slice(&text).unwrap();
            if let Err(error) = validator.validate(&example) {
                panic!("{}: {error}", path.display());
            }
            examples += 1;
        }
    }
    assert!(examples > 0);
}

#[test]
fn the_snapshot_schema_refuses_what_the_reader_refuses() {
    let validator =
        jsonschema::validator_for(&kept::<SnapshotFile>("snapshot.schema.json")).unwrap();
    for text in [
        r#"{}"#,
        r#"[]"#,
        r#"{"version": 1}"#,
        r#"{"version": "apportion/v1", "agent": []}"#,
        r#"{"version": "apportion/v1", "agents": [{}]}"#,
        r#"{"version": "apportion/v1", "agents": [{"id": "a", "resources": {"cpu_milli": 1.5}}]}"#,
        r#"{"version": "apportion/v1", "levels": "rack"}"#,
    ] {
        assert!(
            !validator.is_valid(&serde_json::from_str(text).unwrap()),
            "{text}"
        );
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn the_events_schema_is_current_and_accepts_the_documented_example() {
    let schema = kept::<EventsFile>("events.schema.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let page = std::fs::read_to_string(folder("docs/simulate.md")).unwrap();
    let block = page.split("```json\n").nth(1).unwrap();
    let text = block.split("```").next().unwrap();
    validator
        .validate(&serde_json::from_str(text).unwrap())
        .unwrap();
    let snapshot = parse(
        br#"{"version": "apportion/v1", "agents": [{"id": "a3"}],
             "frameworks": [{"id": "analytics", "policy": "service"}, {"id": "web", "policy": "service"}],
             "jobs": [{"id": "web", "framework": "web", "tasks": [{"id": "api", "instances": 3}]}]}"#,
    );
    let events = apportion::snapshot::events(text.as_bytes(), &snapshot.unwrap());
    assert_eq!(
        events
            .unwrap_or_else(|faults| panic!("{faults}"))
            .events
            .len(),
        5
    );
}

#[test]
fn the_plan_schema_is_current() {
    let schema = kept::<PlanFile>("plan.schema.json");
    jsonschema::validator_for(&schema).unwrap();
    assert!(schema["properties"].get("snapshot_digest").is_some());
}

#[test]
fn the_examples_in_the_documentation_are_valid() {
    let page = std::fs::read_to_string(folder("docs/snapshot.md")).unwrap();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    let snapshots = blocks.iter().filter_map(|block| {
        block
            .strip_prefix("json\n")
            .or(block.strip_prefix("yaml\n"))
    });
    let mut clusters = Vec::new();
    for text in snapshots.filter(|text| text.contains("apportion/v1")) {
        clusters.push(
            apportion::snapshot::read(text.as_bytes())
                .unwrap_or_else(|faults| panic!("{text}\n{faults}")),
        );
    }
    assert_eq!(
        clusters.len(),
        2,
        "the page shows one snapshot in JSON and in YAML"
    );
    assert_eq!(clusters[0], clusters[1]);
}

#[test]
fn the_index_of_errors_is_complete() {
    let page = std::fs::read_to_string(folder("docs/errors.md")).unwrap();
    let mut indexed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### ")?.split(' ').next())
        .collect();
    let mut codes = apportion::snapshot::code::ALL.to_vec();
    codes.extend(apportion::lint::code::ALL);
    indexed.sort_unstable();
    codes.sort_unstable();
    assert_eq!(indexed, codes);
    for code in codes {
        let section = page.split(&format!("### {code} ")).nth(1).unwrap();
        let section = section.split("\n### ").next().unwrap();
        assert!(
            section.contains("\nExample: ") && section.contains("\nDo: "),
            "{code}"
        );
    }
}
