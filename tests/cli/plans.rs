//! `plan`, `verify` and `apply`.

use std::time::{Duration, Instant};

use apportion_cluster::plan::PlanFile;

use super::{command, run, workspace};

#[test]
fn the_result_is_on_standard_output_and_progress_on_standard_error() {
    let folder = workspace();
    let told = run(folder.path(), "plan examples/shop.json").expect(0);
    for heading in [
        "shop: ", "Shares", "Quality", "Fairness", "Unplaced", "Next:",
    ] {
        assert!(
            told.out.contains(heading),
            "{heading} is missing in:\n{}",
            told.out
        );
    }
    assert!(
        told.err.contains("shares:") && told.err.contains("round 1:"),
        "{}",
        told.err
    );
    assert_eq!(
        run(folder.path(), "plan examples/shop.json --quiet")
            .expect(0)
            .err,
        ""
    );
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    let folder = workspace();
    run(
        folder.path(),
        "generate --agents 15 --jobs 20 --frameworks 14 --seed 5 --load 1.2 -o g.json",
    )
    .expect(0);
    for snapshot in [
        "examples/shop.json",
        "examples/handover.json",
        "examples/two-tenants.json",
        "g.json",
    ] {
        let told = run(folder.path(), &format!("plan {snapshot} -o plan.json")).expect(0);
        let judged = run(folder.path(), &format!("verify {snapshot} plan.json")).expect(0);
        for line in told.out.lines().chain(judged.out.lines()) {
            assert!(line.chars().count() <= 100, "{snapshot}: {line}");
        }
    }
}

/// What is placed on another than its first choice is told, with what the first one lacks.
#[test]
fn notes_say_which_choice_it_is_and_what_the_better_ones_lack() {
    let folder = workspace();
    let scenarios = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    for (name, words) in [
        (
            "the_second_choice_where_the_first_is_missing",
            "choice 2 of 2, H100 short by 2",
        ),
        (
            "a_disk_of_five_hundred_and_three_of_two_hundred",
            "short by 100",
        ),
    ] {
        let from = scenarios.join(name).join("snapshot.json");
        std::fs::copy(from, folder.path().join("story.json")).unwrap();
        let told = run(folder.path(), "plan story.json").expect(0);
        let flat: Vec<&str> = told.out.split_whitespace().collect();
        assert!(flat.join(" ").contains(words), "{}", told.out);
        let is_noted = told.out.contains("Notes");
        assert_eq!(is_noted, words.starts_with("choice"), "{}", told.out);
        for line in told.out.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
    }
}

#[test]
fn styles_are_for_terminals_unless_they_are_forced() {
    let folder = workspace();
    let words = ["plan", "examples/shop.json"];
    let plain = command(folder.path()).args(words).output().unwrap();
    assert!(!plain.stdout.contains(&0x1b));
    let forced = command(folder.path())
        .args(words)
        .env("CLICOLOR_FORCE", "1")
        .output()
        .unwrap();
    assert!(forced.stdout.contains(&0x1b));
    let refused = command(folder.path())
        .args(words)
        .env("CLICOLOR_FORCE", "0")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!refused.stdout.contains(&0x1b));
}

#[test]
fn every_example_has_a_plan_that_the_verifier_accepts() {
    let folder = workspace();
    for entry in std::fs::read_dir(folder.path().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for mode in ["brokered", "greedy"] {
            run(
                folder.path(),
                &format!("plan examples/{name} --mode {mode} -o plan.json"),
            )
            .expect(0);
            let report = run(
                folder.path(),
                &format!("verify examples/{name} plan.json --json"),
            )
            .expect(0)
            .json();
            assert_eq!(report["holds"], true, "{name}, {mode}");
        }
    }
}

#[test]
fn the_plan_is_the_same_printed_or_written_by_one_thread_or_more_in_process_or_not() {
    let folder = workspace();
    run(
        folder.path(),
        "generate --agents 10 --jobs 6 --frameworks 3 --seed 2 --instances 60 -o g.json",
    )
    .expect(0);
    for snapshot in ["examples/shop.json", "g.json"] {
        let line = format!("plan {snapshot} --json --no-timings --threads");
        let one = run(folder.path(), &format!("{line} 1")).expect(0).out;
        assert_eq!(
            one,
            run(folder.path(), &format!("{line} 3")).expect(0).out,
            "{snapshot}"
        );
        assert_eq!(
            one,
            run(folder.path(), &format!("{line} 2 --isolate"))
                .expect(0)
                .out,
            "{snapshot}"
        );
        run(
            folder.path(),
            &format!("plan {snapshot} --no-timings -o plan.json"),
        )
        .expect(0);
        assert_eq!(
            one,
            std::fs::read_to_string(folder.path().join("plan.json")).unwrap(),
            "{snapshot}"
        );
    }
}

#[test]
fn the_plan_file_has_timings_unless_they_are_left_out() {
    let folder = workspace();
    let plan: PlanFile =
        serde_json::from_str(&run(folder.path(), "plan examples/shop.json --json").out).unwrap();
    let timings = plan.timings_ms.unwrap();
    for phase in ["read", "broker", "solve", "verify", "total"] {
        assert!(timings.contains_key(phase), "{phase}: {timings:?}");
    }
    assert!(
        timings["total"] >= timings["read"] + timings["solve"],
        "{timings:?}"
    );
    let out = run(folder.path(), "plan examples/shop.json --json --no-timings").out;
    assert!(!out.contains("timings_ms"));
}

#[test]
fn the_detailed_exit_code_tells_unplaced_changes_and_nothing_to_do() {
    let folder = workspace();
    run(folder.path(), "plan examples/shop.json --detailed-exitcode").expect(3);
    run(
        folder.path(),
        "plan examples/handover.json --detailed-exitcode -o plan.json",
    )
    .expect(4);
    run(
        folder.path(),
        "apply examples/handover.json plan.json -o next.json",
    )
    .expect(0);
    run(folder.path(), "plan next.json --detailed-exitcode").expect(0);
}

#[test]
fn a_forged_plan_is_a_violation_that_is_named() {
    let folder = workspace();
    run(folder.path(), "plan examples/shop.json -o plan.json").expect(0);
    let text = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    let mut plan: PlanFile = serde_json::from_str(&text).unwrap();
    plan.placements[0].instances += 1_000;
    std::fs::write(
        folder.path().join("forged.json"),
        serde_json::to_string(&plan).unwrap(),
    )
    .unwrap();
    let report = run(
        folder.path(),
        "verify examples/shop.json forged.json --json",
    )
    .expect(5)
    .json();
    assert_eq!(report["holds"], false);
    let rules: Vec<&str> = report["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["rule"].as_str().unwrap())
        .collect();
    assert!(
        rules.contains(&"once") && rules.contains(&"capacity"),
        "{rules:?}"
    );
    let told = run(folder.path(), "verify examples/shop.json forged.json")
        .expect(5)
        .out;
    assert!(told.contains("capacity"), "{told}");
}

#[test]
fn a_plan_is_applied_only_to_its_own_snapshot() {
    let folder = workspace();
    run(folder.path(), "plan examples/handover.json -o plan.json").expect(0);
    let refused = run(
        folder.path(),
        "apply examples/shop.json plan.json -o next.json",
    )
    .expect(2);
    assert!(refused.err.contains("digest"), "{}", refused.err);
    assert!(!folder.path().join("next.json").exists());
    let applied = run(
        folder.path(),
        "apply examples/handover.json plan.json -o next.json --json",
    )
    .expect(0)
    .json();
    assert_eq!(applied["running"], 7);
}

#[test]
fn tasks_arrive_one_at_a_time_in_the_order_of_a_file() {
    let folder = workspace();
    let order = folder.path().join("order.txt");
    std::fs::write(&order, "# the shop first\nstorefront\nreports/worker\n").unwrap();
    let line = "plan examples/shop.json --online order.txt --rule best_fit -o plan.json";
    let told = run(folder.path(), line).expect(0);
    for words in ["online, best_fit", "not arrived", "A decision:"] {
        assert!(told.out.contains(words), "{words}:\n{}", told.out);
    }
    run(folder.path(), "verify examples/shop.json plan.json").expect(0);
    let text = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    let plan: PlanFile = serde_json::from_str(&text).unwrap();
    assert!(plan.fairness.is_none());
    std::fs::write(&order, "storefrnt\n").unwrap();
    let wrong = run(folder.path(), line).expect(2);
    for words in ["order.txt:1:1", "did you mean `storefront`?"] {
        assert!(wrong.err.contains(words), "{words}:\n{}", wrong.err);
    }
}

#[test]
fn what_has_no_bound_is_not_counted_as_far_from_the_best() {
    let folder = workspace();
    let told = run(folder.path(), "plan examples/five-kinds.json --online name").expect(0);
    let of = told
        .out
        .lines()
        .find(|line| line.ends_with("without a bound"));
    assert!(
        of.is_some_and(|line| line.contains("stages")),
        "{}",
        told.out
    );
    assert!(!told.out.contains("proved best"), "{}", told.out);
}

#[test]
fn a_deadline_covers_the_whole_run() {
    let folder = workspace();
    run(
        folder.path(),
        "generate --agents 400 --jobs 120 --frameworks 4 --seed 1 --load 1.1 -o g.json",
    )
    .expect(0);
    for (deadline, most) in [("1s", 1.0), ("3s", 3.0)] {
        let begun = Instant::now();
        run(
            folder.path(),
            &format!("plan g.json --deadline {deadline} -o plan.json"),
        )
        .expect(0);
        // Starting a process on a loaded machine takes its time too.
        let slack = Duration::from_millis(500);
        assert!(
            begun.elapsed() < Duration::from_secs_f64(most) + slack,
            "{deadline}: {:?}",
            begun.elapsed()
        );
        run(folder.path(), "verify g.json plan.json").expect(0);
    }
}
