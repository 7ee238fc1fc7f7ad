//! `solve`, and the models that `plan --dump-models` writes.

use serde_json::Value;

use super::{run, workspace};

const KNAPSACK: &str = "Maximize\n obj: 9 tent + 5 stove + 4 lamp\nSubject To\n weight: 4 tent + 2 stove + 2 lamp <= 4\n\
                        Binaries\n tent stove lamp\nEnd\n";

#[test]
fn a_model_is_solved_and_its_answer_has_the_promised_keys() {
    let folder = workspace();
    std::fs::write(folder.path().join("k.lp"), KNAPSACK).unwrap();
    for line in [
        "solve k.lp --json",
        "solve k.lp --json --solver microlp",
        "solve k.lp --json --isolate",
    ] {
        let answer = run(folder.path(), line).expect(0).json();
        assert_eq!(answer["status"], "optimal", "{line}");
        assert_eq!(
            (&answer["objective"], &answer["bound"], &answer["gap"]),
            (&9.0.into(), &9.0.into(), &0.0.into())
        );
        assert!(
            answer["timings_ms"]["read"].is_number() && answer["timings_ms"]["solve"].is_number(),
            "{answer}"
        );
    }
    let text = run(folder.path(), "solve k.lp").expect(0).out;
    assert!(
        text.contains("optimal") && text.contains("maximize"),
        "{text}"
    );
}

#[test]
fn repeats_are_one_line_each() {
    let folder = workspace();
    std::fs::write(folder.path().join("k.lp"), KNAPSACK).unwrap();
    let out = run(folder.path(), "solve k.lp --json --repeat 3")
        .expect(0)
        .out;
    let answers: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 3);
    assert!(
        answers.iter().all(|answer| answer["objective"] == 9.0),
        "{out}"
    );
}

#[test]
fn that_there_is_no_solution_is_an_answer() {
    let folder = workspace();
    let model = "Minimize\n obj: x\nSubject To\n a: x >= 2\n b: x <= 1\nEnd\n";
    std::fs::write(folder.path().join("no.lp"), model).unwrap();
    let answer = run(folder.path(), "solve no.lp --json").expect(0).json();
    assert_eq!(answer["status"], "infeasible");
    assert!(
        answer["objective"].is_null() && answer["gap"].is_null(),
        "{answer}"
    );
}

#[test]
fn a_generalized_assignment_instance_is_solved_to_its_optimum() {
    let folder = workspace();
    // Two bins, three items: costs 1 2 3 and 2 1 1, weights all 1, capacities 2 and 2.
    std::fs::write(
        folder.path().join("g"),
        "2 3\n1 2 3\n2 1 1\n1 1 1\n1 1 1\n2 2\n",
    )
    .unwrap();
    let answer = run(folder.path(), "solve g --format gap --json")
        .expect(0)
        .json();
    assert_eq!(
        (&answer["status"], &answer["objective"]),
        (&"optimal".into(), &3.0.into()),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    let folder = workspace();
    std::fs::write(
        folder.path().join("bad.lp"),
        "Maximize\n obj: 9 tent\nSubject To\n weight: 4 tent <=\nEnd\n",
    )
    .unwrap();
    let failed = run(folder.path(), "solve bad.lp").expect(2);
    assert!(failed.err.contains("bad.lp: line "), "{}", failed.err);
    std::fs::write(folder.path().join("net.min"), "p min 2 1\n").unwrap();
    let failed = run(folder.path(), "solve net.min").expect(2);
    assert!(failed.err.contains("flow network"), "{}", failed.err);
    let failed = run(folder.path(), "solve examples/shop.json").expect(2);
    assert!(failed.err.contains("--format"), "{}", failed.err);
}

#[test]
fn dumped_models_are_models_that_solve_reads() {
    let folder = workspace();
    run(
        folder.path(),
        "plan examples/shop.json --dump-models models --quiet",
    )
    .expect(0);
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(
        names.iter().any(|name| name == "web.placed.lp"),
        "{names:?}"
    );
    for name in &names {
        let answer = run(
            folder.path(),
            &format!("solve models/{name} --deadline 20s --json"),
        )
        .expect(0)
        .json();
        assert!(
            ["optimal", "feasible"].contains(&answer["status"].as_str().unwrap()),
            "{name}: {answer}"
        );
    }
}
