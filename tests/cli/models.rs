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

const NETWORK: &str =
    "c two ways to the sink\np min 3 3\nn 1 2\nn 3 -2\na 1 3 0 1 1\na 1 2 0 2 2\na 2 3 0 2 3\n";

fn json_lines(text: &str) -> Vec<Value> {
    (text.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_flow_network_is_solved_in_whole_numbers() {
    let folder = workspace();
    for name in ["net.min", "net.in"] {
        std::fs::write(folder.path().join(name), NETWORK).unwrap();
        let answer = run(
            folder.path(),
            &format!("solve {name} --json --deadline 20s"),
        )
        .expect(0)
        .json();
        assert_eq!(
            (
                &answer["status"],
                &answer["objective"],
                &answer["bound"],
                &answer["gap"]
            ),
            (&"optimal".into(), &6.into(), &6.into(), &0.0.into()),
            "{answer}"
        );
        assert!(
            answer["timings_ms"]["solve"].is_number() && answer["timings_ms"]["read"].is_number()
        );
    }
    let text = run(folder.path(), "solve net.min").expect(0).out;
    assert!(
        text.contains("3 nodes, 3 arcs") && text.contains("optimal"),
        "{text}"
    );
    let repeated = run(folder.path(), "solve net.min --json --repeat 3")
        .expect(0)
        .out;
    assert_eq!(json_lines(&repeated).len(), 3);
}

#[test]
fn what_refutes_a_flow_network_is_told() {
    let folder = workspace();
    let file = folder.path().join("net.min");
    // Five leave node 1, and three get through to node 4.
    std::fs::write(
        &file,
        "p min 4 3\nn 1 5\nn 4 -5\na 1 2 0 5 1\na 2 3 0 3 1\na 3 4 0 9 1\n",
    )
    .unwrap();
    let answer = run(folder.path(), "solve net.min --json").expect(0).json();
    assert_eq!(answer["status"], "infeasible");
    let nodes = answer["cut"]["nodes"].as_array().unwrap();
    let within: Vec<u64> = nodes.iter().map(|node| node.as_u64().unwrap()).collect();
    let narrow = match answer["cut"]["side"].as_str() {
        Some("supply") => vec![1, 2],
        _ => vec![3, 4],
    };
    assert_eq!(within, narrow, "{answer}");
    let text = run(folder.path(), "solve net.min").expect(0).out;
    assert!(text.contains("cut: nodes "), "{text}");
    std::fs::write(&file, "p min 2 2\na 1 2 0 -1 1\na 2 1 0 -1 -2\n").unwrap();
    let answer = run(folder.path(), "solve net.min --json").expect(0).json();
    assert_eq!(answer["status"], "unbounded");
    assert_eq!(
        answer["cycle"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    let text = run(folder.path(), "solve net.min").expect(0).out;
    assert!(
        text.contains("cycle: ") && text.contains("1 -> 2"),
        "{text}"
    );
}

#[test]
fn changes_of_a_flow_network_are_one_line_each() {
    let folder = workspace();
    std::fs::write(folder.path().join("net.min"), NETWORK).unwrap();
    let changes = "c dearer\nx 1 3 0 1 9\nd 1 0 1\na 0 3 0 1 7\nr 1\nx 4 3 0 0 0\n";
    std::fs::write(folder.path().join("changes"), changes).unwrap();
    let out = run(folder.path(), "solve net.min --changes changes --json")
        .expect(0)
        .out;
    let answers: Vec<_> = json_lines(&out)
        .iter()
        .map(|answer| {
            (
                answer["status"].to_string(),
                answer["objective"].as_i64(),
                answer["line"].as_i64(),
            )
        })
        .collect();
    let optimal = "\"optimal\"".to_owned();
    let expected = [
        (optimal.clone(), Some(6), None),
        (optimal.clone(), Some(10), Some(2)),
        (optimal.clone(), Some(17), Some(3)),
        (optimal, Some(7), Some(5)),
        ("\"infeasible\"".to_owned(), None, Some(6)),
    ];
    assert_eq!(answers, expected);
    std::fs::write(folder.path().join("bad"), "r 1\nr 1\n").unwrap();
    let failed = run(folder.path(), "solve net.min --changes bad").expect(2);
    assert!(failed.err.contains("bad: line 2"), "{}", failed.err);
    run(folder.path(), "solve net.min --changes bad --repeat 2").expect(2);
    run(folder.path(), "solve net.min --solver microlp").expect(2);
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
    std::fs::write(
        folder.path().join("net.min"),
        "c one\np min 2 1\na 1 3 0 1 1\n",
    )
    .unwrap();
    let failed = run(folder.path(), "solve net.min").expect(2);
    assert!(failed.err.contains("net.min: line 3"), "{}", failed.err);
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
