//! `compare`, and the price of brokering in `plan` and `verify`.

use serde_json::Value;

use super::{run, workspace};

#[test]
fn every_way_has_a_row_and_no_line_is_too_wide() {
    let folder = workspace();
    run(
        folder.path(),
        "generate --agents 12 --jobs 20 --frameworks 14 --seed 5 --load 1.2 -o g.json",
    )
    .expect(0);
    for snapshot in ["examples/shop.json", "examples/five-kinds.json", "g.json"] {
        let told = run(folder.path(), &format!("compare {snapshot} --deadline 5s")).expect(0);
        for name in ["brokered nash", "maxmin", "drf", "monolithic", "greedy"] {
            assert!(told.out.contains(name), "{name}:\n{}", told.out);
        }
        for line in told.out.lines() {
            assert!(line.chars().count() <= 100, "{snapshot}: {line}");
        }
    }
    let told = run(folder.path(), "compare examples/shop.json --json --quiet").expect(0);
    let document = told.json();
    let rows = document["plans"].as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert!(document["baselines"].as_array().unwrap().is_empty());
    for row in rows {
        let brokered = row["mode"] == "brokered";
        assert_eq!(row["price_of_brokering"].is_number(), brokered, "{row}");
        assert_eq!(
            row["fairness"].is_string(),
            row["mode"] != "greedy",
            "{row}"
        );
        assert!(row["welfare"].as_f64().unwrap() <= row["bound"].as_f64().unwrap() + 1e-6);
        assert_eq!(row["quality"].as_array().unwrap().len(), 3, "{row}");
        assert!(row["time_ms"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(told.err, "");
}

#[test]
fn a_plan_states_what_brokering_costs_and_the_verifier_recomputes_it() {
    let folder = workspace();
    let at = |command: &str| run(folder.path(), command);
    at("plan examples/shop.json --mode monolithic -o mono.json").expect(0);
    at("verify examples/shop.json mono.json").expect(0);
    at("plan examples/shop.json --against mono.json -o plan.json").expect(0);
    at("verify examples/shop.json plan.json").expect(0);
    at("verify examples/shop.json plan.json --against mono.json").expect(0);
    let path = folder.path().join("plan.json");
    let mut plan = serde_json::from_str::<Value>(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let section = &plan["brokering"];
    let (price, bound) = (&section["price"], &section["price_bound"]);
    assert!(
        price.as_f64().unwrap() <= bound.as_f64().unwrap() + 1e-9,
        "{section}"
    );
    for key in ["division_loss", "solver_loss"] {
        let range = section[key].as_array().unwrap();
        assert!(
            range[0].as_f64().unwrap() <= range[1].as_f64().unwrap(),
            "{section}"
        );
    }
    let cheaper = price.as_f64().unwrap() - 0.01;
    plan["brokering"]["price"] = Value::from(cheaper);
    std::fs::write(&path, plan.to_string()).unwrap();
    at("verify examples/shop.json plan.json --against mono.json").expect(5);
    plan["brokering"]["price_bound"] = Value::from(-0.5);
    std::fs::write(&path, plan.to_string()).unwrap();
    at("verify examples/shop.json plan.json").expect(5);
}

#[test]
fn only_a_monolithic_plan_of_the_same_snapshot_is_compared_with() {
    let folder = workspace();
    let at = |command: &str| run(folder.path(), command);
    at("plan examples/shop.json -o plan.json").expect(0);
    let told = at("plan examples/shop.json --against plan.json").expect(2);
    assert!(told.err.contains("--mode monolithic"), "{}", told.err);
    at("plan examples/two-tenants.json --mode monolithic -o other.json").expect(0);
    let told = at("plan examples/shop.json --against other.json").expect(2);
    assert!(told.err.contains("another snapshot"), "{}", told.err);
    let told =
        at("plan examples/two-tenants.json --mode monolithic --against other.json").expect(2);
    assert!(told.err.contains("brokered"), "{}", told.err);
    at("compare nothing.json").expect(2);
}
