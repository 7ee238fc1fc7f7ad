//! From a public trace to a plan, and from one plan to the next.

use super::{run, workspace};

const NODES: &str =
    "sn,cpu_milli,memory_mib,gpu,model\nn1,64000,262144,2,T4\nn2,96000,786432,4,G2\n";
const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n\
    p1,4000,1024,1,500,\np2,4000,1024,1,1000,\np3,8000,2048,2,1000,G2\np4,1000,1024,0,0,\n";

fn with_trace() -> tempfile::TempDir {
    let folder = workspace();
    std::fs::write(folder.path().join("nodes.csv"), NODES).unwrap();
    std::fs::write(folder.path().join("pods.csv"), PODS).unwrap();
    folder
}

#[test]
fn a_trace_resampled_is_planned_in_its_own_order() {
    let folder = with_trace();
    let folder = folder.path();
    let import = "import openb nodes.csv pods.csv --demand 1.3 --seed 42 --gpu-nodes-only";
    run(folder, &format!("{import} --order order.txt -o full.json")).expect(0);
    run(folder, &format!("{import} --order again.txt -o again.json")).expect(0);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("full.json"), read("again.json"));
    assert_eq!(read("order.txt"), read("again.txt"));
    assert!(
        read("order.txt").lines().count() > 4,
        "{}",
        read("order.txt")
    );
    run(
        folder,
        "plan full.json --online order.txt --rule first_fit -o plan.json",
    )
    .expect(0);
    run(folder, "verify full.json plan.json").expect(0);
}

/// What kubectl prints of a cluster of one node.
const NODE_LIST: &str = r#"{"items": [{"kind": "Node", "metadata": {"name": "n1"},
    "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}}}]}"#;

#[test]
fn orders_and_settings_that_make_no_sense_are_refused() {
    let folder = with_trace();
    std::fs::write(folder.path().join("list.json"), NODE_LIST).unwrap();
    let cases = [
        (
            "openb nodes.csv pods.csv --order - -o out.json",
            "takes a file",
        ),
        (
            "openb nodes.csv pods.csv --order out.json -o out.json",
            "same file",
        ),
        ("openb nodes.csv pods.csv --demand much", "demand"),
        ("openb nodes.csv pods.csv --seed 3", "demand"),
        ("dlrm nodes.csv pods.csv --cpu-nodes few", "cpu-nodes"),
        (
            "kubernetes list.json --order order.txt -o out.json",
            "no order",
        ),
    ];
    for (line, words) in cases {
        let wrong = run(folder.path(), &format!("import {line}")).expect(2);
        assert!(wrong.err.contains(words), "{line}: {}", wrong.err);
        assert!(!folder.path().join("out.json").exists(), "{line}");
    }
}

#[test]
fn generated_clusters_have_the_policies_asked_for() {
    let folder = workspace();
    let generate = "generate --agents 12 --jobs 8 --frameworks 2 --seed 5 --policies";
    run(
        folder.path(),
        &format!("{generate} ml,service -o mixed.json"),
    )
    .expect(0);
    let single = "generate --agents 12 --jobs 8 --frameworks 1 --policies ml,ml -o ml.json";
    run(folder.path(), single).expect(0);
    for (file, policies) in [
        ("mixed.json", ["ml", "service"].as_slice()),
        ("ml.json", &["ml"]),
    ] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap();
        let snapshot: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let frameworks = snapshot["frameworks"].as_array().unwrap();
        let found: Vec<&str> = (frameworks.iter())
            .map(|framework| framework["policy"].as_str().unwrap())
            .collect();
        assert_eq!(found, policies, "{file}");
    }
}

#[test]
fn rules_and_credit_go_from_plan_to_plan() {
    let folder = workspace();
    for rule in ["nash", "maxmin", "drf"] {
        let plan = format!("plan examples/two-tenants.json --fairness {rule} -o plan.json");
        run(folder.path(), &plan).expect(0);
        run(folder.path(), "verify examples/two-tenants.json plan.json").expect(0);
        let next = "plan examples/two-tenants.json --previous plan.json --json --no-timings";
        let next = run(folder.path(), next).expect(0).json();
        let bytes = std::fs::read(folder.path().join("plan.json")).unwrap();
        let first: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(first["fairness"]["rule"], rule);
        assert_eq!(next["fairness"]["rule"], "nash", "what the snapshot says");
        let credit = |plan: &serde_json::Value, at: usize| {
            plan["frameworks"][at]["share"]["credit"]
                .as_f64()
                .unwrap_or(0.0)
        };
        // Whoever lacks a part of its share in both plans is owed more after the second.
        if rule == "nash" {
            let owed = (0..2).filter(|&at| credit(&first, at) > 0.0);
            let grown = owed
                .clone()
                .filter(|&at| credit(&next, at) != credit(&first, at));
            assert!(owed.count() > 0 && grown.count() > 0, "{first} {next}");
        }
    }
}
