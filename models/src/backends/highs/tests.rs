#![allow(clippy::unwrap_used)]
use super::*;

/// Minimize `3 open + flow` with `flow <= 1e6 open` and `flow >= 2.5`; the best is 5.5.
fn pipe() -> Milp {
    let mut model = Milp::new("pipe", Sense::Minimize);
    let flow = model.add_column("flow", 0.0, f64::INFINITY, ColumnKind::Continuous, 1.0);
    let open = model.add_column("open", 0.0, 1.0, ColumnKind::Integer, 3.0);
    model.add_row(
        "switch",
        f64::NEG_INFINITY,
        0.0,
        [(flow, 1.0), (open, -1e6)],
    );
    model.add_row("demand", 2.5, f64::INFINITY, [(flow, 1.0)]);
    model
}

fn broken(model: &Milp, values: [f64; 2], bound: f64) -> Outcome {
    Outcome {
        objective: Some(model.objective_value(&values)),
        solution: Some(values.to_vec()),
        dual_bound: Some(bound),
        nodes: Some(7),
        ..Outcome::without_solution(Status::Optimal, "highs")
    }
}

#[test]
fn a_solution_that_rounding_broke_is_mended_beside_its_integers() {
    let (model, limits) = (pipe(), Limits::default());
    let outcome = broken(&model, [2.4, 1.0], 5.5);
    assert_eq!(violations(&model, &outcome).len(), 1);
    let mended = mend(&model, &limits, &Watch::new(&limits), outcome).unwrap();
    assert_eq!(mended.solution, Some(vec![2.5, 1.0]));
    assert_eq!(
        (mended.objective, mended.dual_bound, mended.nodes),
        (Some(5.5), Some(5.5), Some(7))
    );
}

#[test]
fn integers_that_leave_no_solution_beside_them_are_solved_again() {
    let (model, limits) = (pipe(), Limits::default());
    let outcome = broken(&model, [2.5, 0.0], 2.5);
    let mended = mend(&model, &limits, &Watch::new(&limits), outcome).unwrap();
    assert_eq!(
        (mended.status, mended.solution),
        (Status::Optimal, Some(vec![2.5, 1.0]))
    );
}

#[test]
fn infeasible_and_unbounded_are_told_apart() {
    let limits = Limits::default();
    let either = || {
        Outcome::without_solution(
            Status::NoSolution(StopReason::InfeasibleOrUnbounded),
            "highs",
        )
    };
    let tell = |model: &Milp| {
        tell_infeasible_from_unbounded(model, &limits, &Watch::new(&limits), either())
            .unwrap()
            .status
    };
    let mut model = Milp::new("ray", Sense::Maximize);
    let x = model.add_column("x", 0.0, f64::INFINITY, ColumnKind::Integer, 1.0);
    assert_eq!(tell(&model), Status::Unbounded);
    model.add_row("nothing", f64::NEG_INFINITY, -1.0, [(x, 1.0)]);
    assert_eq!(tell(&model), Status::Infeasible);
}

#[test]
fn each_status_of_highs_keeps_its_own_meaning() {
    let limits = Limits {
        nodes: Some(5),
        ..Limits::default()
    };
    let watch = Watch::new(&limits);
    let stopped = |status, nodes| match ending(status, &limits, &watch, nodes) {
        Ok(Ending::Stopped(reason)) => reason,
        Ok(Ending::Proved(status)) => panic!("{status}"),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(
        stopped(HighsModelStatus::ReachedSolutionLimit, 5),
        StopReason::NodeLimit
    );
    assert_eq!(
        stopped(HighsModelStatus::ReachedSolutionLimit, 4),
        StopReason::SolutionLimit
    );
    assert_eq!(
        stopped(HighsModelStatus::ReachedTimeLimit, 0),
        StopReason::Deadline
    );
    assert_eq!(
        stopped(HighsModelStatus::ReachedMemoryLimit, 0),
        StopReason::MemoryLimit
    );
    assert_eq!(
        stopped(HighsModelStatus::ReachedIterationLimit, 0),
        StopReason::IterationLimit
    );
    assert_eq!(
        stopped(HighsModelStatus::ObjectiveTarget, 0),
        StopReason::ObjectiveLimit
    );
    limits.cancel.cancel();
    assert!(watch.should_stop());
    assert_eq!(
        stopped(HighsModelStatus::ReachedInterrupt, 0),
        StopReason::Cancelled
    );
    for status in [
        HighsModelStatus::SolveError,
        HighsModelStatus::NotSet,
        HighsModelStatus::LoadError,
    ] {
        assert!(matches!(
            ending(status, &limits, &watch, 0),
            Err(SolverError::Backend { .. })
        ));
    }
}

/// A run that ends in an error, or contradicts itself, is made again without presolve.
#[test]
fn where_presolve_fails_the_model_is_solved_without_it() {
    let file = include_bytes!("../../../tests/models/presolve_error.lp");
    let model = crate::formats::lp::read(file).unwrap();
    let limits = Limits {
        relative_gap: 0.0,
        ..Limits::default()
    };
    let watch = Watch::new(&limits);
    let usual = run(&model, &limits, &watch, USUAL);
    assert!(usual.is_err() || usual.is_ok_and(|it| contradicts_itself(&model, &limits, &it)));
    let outcome = Highs.solve(&model, &limits).unwrap();
    assert_eq!(outcome.status, Status::Optimal);
    assert!((outcome.objective.unwrap() - 27_600.0).abs() < 1e-6);
    assert!(!contradicts_itself(&model, &limits, &outcome));
}
