//! The command as a user meets it: exit codes, streams, files, and the README's own commands.

#![allow(clippy::unwrap_used)]

#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/imports.rs"]
mod imports;
#[path = "cli/models.rs"]
mod models;
#[path = "cli/plans.rs"]
mod plans;
#[path = "cli/simulate.rs"]
mod simulate;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// One run of the command.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in:\n{}{}", self.out, self.err))
    }

    fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}stderr:\n{}",
            self.out, self.err
        );
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("apportion"));
    command.current_dir(folder).stdin(Stdio::null());
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs `apportion` with words that have no spaces in them.
fn run(folder: &Path, line: &str) -> Run {
    command(folder)
        .args(line.split_whitespace())
        .output()
        .unwrap()
        .into()
}

/// A folder with the examples in it.
fn workspace() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("examples")).unwrap();
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            std::fs::copy(
                &path,
                folder
                    .path()
                    .join("examples")
                    .join(path.file_name().unwrap()),
            )
            .unwrap();
        }
    }
    folder
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn help_goes_to_standard_output_and_names_commands_and_exit_codes() {
    let folder = workspace();
    let help = run(folder.path(), "--help").expect(0);
    for word in [
        "plan",
        "verify",
        "apply",
        "lint",
        "import",
        "generate",
        "simulate",
        "solve",
        "Exit codes",
    ] {
        assert!(
            help.out.contains(word),
            "{word} is missing in:\n{}",
            help.out
        );
    }
    assert!(!help.out.contains("solve-model"), "{}", help.out);
    assert_eq!(help.err, "");
    assert!(
        run(folder.path(), "--version")
            .expect(0)
            .out
            .starts_with("apportion ")
    );
    for line in help.out.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn wrong_usage_is_2_and_says_what_is_possible() {
    let folder = workspace();
    let cases = [
        ("", "Usage"),
        ("plna x", "plan"),
        ("plan", "SNAPSHOT"),
        (
            "plan examples/shop.json --mode optimal",
            "brokered, monolithic, greedy",
        ),
        ("plan examples/shop.json --fairness utility", "nash"),
        (
            "plan examples/shop.json --online name --rule worst_fit",
            "shadow_price",
        ),
        ("plan examples/shop.json --rule fgd", "--online"),
        (
            "plan examples/shop.json --online name --mode greedy",
            "--mode",
        ),
        ("plan examples/shop.json --online nowhere.txt", "shuffled"),
        ("plan - --online -", "only once"),
        ("plan - --previous -", "only once"),
        (
            "plan examples/shop.json --online name --previous plan.json",
            "--previous",
        ),
        (
            "plan examples/shop.json --mode greedy --previous plan.json",
            "greedy has none",
        ),
        (
            "plan examples/shop.json --previous nowhere.json",
            "nowhere.json",
        ),
        (
            "generate --agents 4 --jobs 4 --policies ml,service --frameworks 1",
            "fewer frameworks",
        ),
        ("generate --agents 4 --jobs 4 --policies storm", "service"),
        ("plan examples/shop.json --deadline soon", "10s"),
        ("plan examples/shop.json --gap 2", "0.01"),
        ("plan examples/shop.json --threads 0", "1..=1024"),
        ("import opnb nodes.csv pods.csv", "openb"),
        ("import", "FORMAT"),
        ("verify - -", "only once"),
        ("plan nowhere.json", "nowhere.json"),
        ("plan examples", "examples"),
        ("man nothing", "nothing"),
    ];
    for (line, words) in cases {
        let wrong = run(folder.path(), line).expect(2);
        assert_eq!(wrong.out, "", "{line}");
        assert!(wrong.err.contains(words), "{line}: {}", wrong.err);
    }
}

#[test]
fn every_failure_is_json_where_json_was_asked_for() {
    let folder = workspace();
    let broken = r#"{"version": "apportion/v1", "agents": [{"id": "a"}, {"id": "a"}], "jbs": []}"#;
    std::fs::write(folder.path().join("broken.json"), broken).unwrap();
    let cases = [
        ("plan --json --mode nothing x", "usage"),
        ("plan nowhere.json --json", "usage"),
        ("plan broken.json --json", "input"),
        ("verify broken.json broken.json --json", "input"),
        ("apply broken.json broken.json --json", "input"),
        ("import kubernetes broken.json --json", "input"),
        ("solve broken.min --json", "usage"),
    ];
    for (line, kind) in cases {
        let failed = run(folder.path(), line).expect(2);
        let document = failed.json();
        assert_eq!(document["error"]["kind"], kind, "{line}: {document}");
        assert_eq!(
            document["error"]["faults"].as_array().unwrap().is_empty(),
            kind != "input",
            "{line}"
        );
    }
}

#[test]
fn all_input_faults_are_told_with_code_path_line_cause_and_action() {
    let folder = workspace();
    let broken = "{\"version\": \"apportion/v1\",\n \"agents\": [{\"id\": \"a\", \"resorces\": {}}],\n \"frameworks\": \
                  [{\"id\": \"f\", \"policy\": \"servce\"}]}";
    std::fs::write(folder.path().join("broken.json"), broken).unwrap();
    let failed = run(folder.path(), "plan broken.json").expect(2);
    assert_eq!(failed.out, "");
    let parts = [
        "E0205",
        "agents[0].resorces",
        "broken.json:2:",
        "did you mean `resources`?",
        "E0403",
        "frameworks[0].policy",
        "broken.json:3:",
        "did you mean `service`?",
        "2 input faults in broken.json",
    ];
    for part in parts {
        assert!(
            failed.err.contains(part),
            "{part} is missing in:\n{}",
            failed.err
        );
    }
    let json = run(folder.path(), "plan broken.json --json")
        .expect(2)
        .json();
    let faults = json["error"]["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 2);
    for fault in faults {
        for key in ["code", "path", "cause", "action", "place"] {
            assert!(!fault[key].is_null(), "{key} in {fault}");
        }
    }
}

#[test]
fn lint_tells_faults_and_suspicions_apart() {
    let folder = workspace();
    assert_eq!(
        run(folder.path(), "lint examples/shop.json --json")
            .expect(0)
            .json()["errors"],
        0
    );
    let broken = r#"{"version": "apportion/v1", "agents": [{"id": "a"}, {"id": "a"}]}"#;
    std::fs::write(folder.path().join("broken.json"), broken).unwrap();
    let document = run(folder.path(), "lint broken.json --json")
        .expect(2)
        .json();
    assert_eq!(document["errors"], 1, "{document}");
    assert!(
        run(folder.path(), "lint broken.json")
            .expect(2)
            .out
            .contains("1 error,")
    );
    let odd = r#"{"version": "apportion/v1", "agents": [{"id": "a", "resources": {"cpu_milli": 4000}}],
        "frameworks": [{"id": "f", "policy": "service"}], "jobs": [{"id": "j", "framework": "f",
        "tasks": [{"id": "t", "resources": {"cpu_milli": 9000}}]}]}"#;
    std::fs::write(folder.path().join("odd.json"), odd).unwrap();
    let document = run(folder.path(), "lint odd.json --json").expect(0).json();
    assert_ne!(
        document["findings"].as_array().unwrap().len(),
        0,
        "{document}"
    );
}

#[test]
fn shells_get_completions_and_man_a_page() {
    let folder = workspace();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(folder.path(), &format!("completions {shell}"))
            .expect(0)
            .out;
        assert!(script.contains("detailed-exitcode"), "{shell}");
    }
    assert!(run(folder.path(), "man").expect(0).out.contains(".TH"));
    assert!(
        run(folder.path(), "man plan")
            .expect(0)
            .out
            .contains("apportion plan")
    );
}

#[test]
fn imports_keep_names_and_say_what_they_could_not() {
    let folder = workspace();
    let list = run(folder.path(), "import --list").expect(0).out;
    assert!(list.contains("kubernetes"), "{list}");
    let pods = r#"{"kind": "List", "apiVersion": "v1", "items": [
        {"kind": "Node", "metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}},
        {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"nodeName": "n1", "containers": [
            {"name": "c", "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}}}]}, "status": {"phase": "Running"}}]}"#;
    std::fs::write(folder.path().join("list.json"), pods).unwrap();
    let imported = run(
        folder.path(),
        "import kubernetes list.json -o cluster.json --json",
    )
    .expect(0)
    .json();
    assert_eq!(
        (&imported["agents"], &imported["running"]),
        (&1.into(), &1.into()),
        "{imported}"
    );
    let snapshot = std::fs::read_to_string(folder.path().join("cluster.json")).unwrap();
    assert!(
        snapshot.contains("shop/p") && snapshot.contains("\"n1\""),
        "{snapshot}"
    );
    run(folder.path(), "lint cluster.json").expect(0);
    run(folder.path(), "plan cluster.json --detailed-exitcode").expect(0);
    let printed = run(
        folder.path(),
        "import kubernetes list.json --unplace --framework-by namespace",
    )
    .expect(0);
    let snapshot: Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(snapshot["frameworks"][0]["id"], "shop", "{snapshot}");
    assert!(snapshot["placements"].is_null(), "{snapshot}");
    assert!(printed.err.contains("1 agent"), "{}", printed.err);
}

#[test]
fn generated_clusters_are_the_same_for_the_same_seed_and_have_the_sizes_asked_for() {
    let folder = workspace();
    let line = "generate --agents 30 --jobs 12 --frameworks 2 --instances 200 --shapes 5 --seed 3";
    let first = run(folder.path(), line).expect(0);
    assert_eq!(first.out, run(folder.path(), line).expect(0).out);
    let document = first.json();
    assert_eq!(document["agents"].as_array().unwrap().len(), 30);
    assert_eq!(document["jobs"].as_array().unwrap().len(), 12);
    assert_eq!(document["frameworks"].as_array().unwrap().len(), 2);
    let written = run(folder.path(), &format!("{line} -o g.json --json"))
        .expect(0)
        .json();
    assert_eq!(written["instances"], 200);
    run(folder.path(), "lint g.json").expect(0);
}
