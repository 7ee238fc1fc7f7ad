//! Backends that misbehave, each in its own way, and what the guard makes of them.
#![allow(clippy::unwrap_used)]

use apportion_models::{
    AnswerFault, CancelToken, Capabilities, ColumnKind, Limits, Milp, MilpSolver, Outcome, Sense,
    SolverError, Status, StopReason, Violation, solve_guarded,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A backend that is a function.
struct Rogue<F>(F);

impl<F: Fn(&Milp, &Limits) -> Result<Outcome, SolverError> + Send + Sync> MilpSolver for Rogue<F> {
    fn name(&self) -> &'static str {
        "rogue"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            dual_bound: true,
            start: true,
            row_duals: true,
            time_limit: true,
            interrupt: true,
            node_limit: true,
        }
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        (self.0)(model, limits)
    }
}

/// Maximize `3 x + y` with `x + y <= 4` and `x <= 2`; the best is 8 at (2, 2).
fn model() -> Arc<Milp> {
    let mut model = Milp::new("small", Sense::Maximize);
    let x = model.add_column("x", 0.0, 2.0, ColumnKind::Integer, 3.0);
    let y = model.add_column("y", 0.0, 9.0, ColumnKind::Integer, 1.0);
    model.add_row("sum", f64::NEG_INFINITY, 4.0, [(x, 1.0), (y, 1.0)]);
    Arc::new(model)
}

fn honest() -> Outcome {
    Outcome {
        solution: Some(vec![2.0, 2.0]),
        objective: Some(8.0),
        dual_bound: Some(8.0),
        ..Outcome::without_solution(Status::Optimal, "rogue")
    }
}

fn call(
    limits: &Limits,
    backend: impl Fn(&Milp, &Limits) -> Result<Outcome, SolverError> + Send + Sync + 'static,
) -> Result<Outcome, SolverError> {
    let solver: Arc<dyn MilpSolver> = Arc::new(Rogue(backend));
    solve_guarded(&solver, &model(), limits)
}

fn faults_of(limits: &Limits, outcome: &Outcome) -> Vec<AnswerFault> {
    let answer = outcome.clone();
    match call(limits, move |_, _| Ok(answer.clone())) {
        Ok(_) => Vec::new(),
        Err(SolverError::WrongAnswer { faults, .. }) => faults,
        Err(error) => panic!("{error}"),
    }
}

fn with_start(start: [f64; 2]) -> Limits {
    Limits {
        start: Some(start.to_vec()),
        ..Limits::default()
    }
}

#[test]
fn an_honest_answer_passes_unchanged() {
    assert_eq!(call(&Limits::default(), |_, _| Ok(honest())), Ok(honest()));
}

#[test]
fn a_panic_becomes_an_error_with_its_words_and_place() {
    let answer = call(&Limits::default(), |_, _| {
        panic!("the {} is on fire", "basis")
    });
    let Err(SolverError::Panicked { backend, message }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(backend, "rogue");
    assert!(
        message.starts_with("the basis is on fire (") && message.contains("guard.rs"),
        "{message}"
    );
}

#[test]
fn a_hang_is_abandoned_after_time_and_grace() {
    let began = Instant::now();
    let answer = call(&Limits::within(Duration::from_millis(50)), |_, limits| {
        while !limits.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(400));
        Ok(honest())
    });
    assert!(
        matches!(&answer, Err(SolverError::Abandoned { after, .. }) if *after >= Duration::from_millis(250)),
        "{answer:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_backend_that_knows_no_clock_is_asked_to_stop_at_the_limit() {
    let answer = call(&Limits::within(Duration::from_millis(50)), |_, limits| {
        while !limits.cancel.is_cancelled() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Outcome {
            status: Status::Feasible(StopReason::Cancelled),
            dual_bound: None,
            ..honest()
        })
    });
    assert_eq!(
        answer.unwrap().status,
        Status::Feasible(StopReason::Deadline)
    );
}

#[test]
fn a_backend_that_is_late_within_the_grace_is_heard() {
    let answer = call(&Limits::within(Duration::from_millis(20)), |_, limits| {
        std::thread::sleep(limits.time.unwrap() + Duration::from_millis(10));
        Ok(honest())
    });
    assert_eq!(answer, Ok(honest()));
}

#[test]
fn a_hang_without_time_limit_ends_with_the_cancel_token() {
    let cancel = CancelToken::new();
    let limits = Limits {
        cancel: cancel.clone(),
        ..Limits::default()
    };
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        cancel.cancel();
    });
    let answer = call(&limits, |_, _| {
        loop {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    canceller.join().unwrap();
    assert!(
        matches!(answer, Err(SolverError::Abandoned { .. })),
        "{answer:?}"
    );
}

#[test]
fn errors_of_the_backend_are_passed_on() {
    let error = SolverError::Backend {
        backend: "rogue".into(),
        message: "no".into(),
    };
    let same = error.clone();
    assert_eq!(
        call(&Limits::default(), move |_, _| Err(same.clone())),
        Err(error)
    );
}

#[test]
fn solutions_that_break_the_model_are_refused_by_name() {
    let breaking = |values: &[f64]| {
        let objective = 3.0 * values.first().unwrap_or(&0.0) + values.get(1).unwrap_or(&0.0);
        let outcome = Outcome {
            solution: Some(values.to_vec()),
            objective: Some(objective),
            dual_bound: Some(objective),
            ..honest()
        };
        faults_of(&Limits::default(), &outcome)
    };
    assert!(
        matches!(&breaking(&[2.0, 3.0])[..], [AnswerFault::Violation(Violation::Row { row, .. })] if row == "sum")
    );
    assert!(
        matches!(&breaking(&[3.0, 1.0])[..], [AnswerFault::Violation(Violation::Bound { column, .. })] if column == "x")
    );
    assert!(matches!(
        &breaking(&[1.5, 2.0])[..],
        [AnswerFault::Violation(Violation::Fractional { .. })]
    ));
    assert!(matches!(
        &breaking(&[2.0])[..],
        [AnswerFault::Violation(Violation::Length {
            given: 1,
            expected: 2
        })]
    ));
    assert!(matches!(
        &breaking(&[f64::NAN, 1.0])[0],
        AnswerFault::Violation(Violation::NotFinite { .. })
    ));
}

#[test]
fn statuses_and_solutions_have_to_agree() {
    let none = Outcome {
        solution: None,
        ..honest()
    };
    assert_eq!(
        faults_of(&Limits::default(), &none),
        [AnswerFault::SolutionMismatch { given: false }]
    );
    let some = Outcome {
        status: Status::Infeasible,
        ..honest()
    };
    assert_eq!(
        faults_of(&Limits::default(), &some),
        [AnswerFault::SolutionMismatch { given: true }]
    );
}

#[test]
fn objectives_are_recomputed() {
    for stated in [None, Some(7.0), Some(f64::NAN), Some(f64::INFINITY)] {
        let outcome = Outcome {
            objective: stated,
            dual_bound: None,
            ..honest()
        };
        let faults = faults_of(&Limits::default(), &outcome);
        assert!(
            matches!(
                faults[..],
                [AnswerFault::Objective {
                    recomputed: 8.0,
                    ..
                }]
            ),
            "{faults:?}"
        );
    }
}

#[test]
fn bounds_have_to_be_on_their_side_and_close_when_optimal() {
    let with_bound = |status: Status, bound: f64| {
        let outcome = Outcome {
            status,
            dual_bound: Some(bound),
            ..honest()
        };
        faults_of(&Limits::default(), &outcome)
    };
    let stopped = Status::Feasible(StopReason::NodeLimit);
    assert!(matches!(
        with_bound(stopped.clone(), 7.0)[..],
        [AnswerFault::Bound { .. }]
    ));
    assert!(matches!(
        with_bound(stopped.clone(), f64::NAN)[..],
        [AnswerFault::Bound { .. }]
    ));
    assert!(matches!(
        with_bound(Status::NoSolution(StopReason::Deadline), 9.0)[..],
        [AnswerFault::SolutionMismatch { .. }]
    ));
    assert!(matches!(
        with_bound(stopped.clone(), f64::NEG_INFINITY)[..],
        [AnswerFault::Bound { .. }]
    ));
    assert_eq!(with_bound(stopped.clone(), f64::INFINITY), []);
    assert_eq!(with_bound(stopped, 9.0), []);
    assert!(matches!(
        with_bound(Status::Optimal, f64::INFINITY)[..],
        [AnswerFault::Gap { .. }]
    ));
    assert!(matches!(
        with_bound(Status::Optimal, 9.0)[..],
        [AnswerFault::Gap { .. }]
    ));
}

#[test]
fn row_duals_are_one_number_per_row() {
    for (duals, n_faults) in [(vec![1.0], 0), (vec![], 1), (vec![f64::NAN], 1)] {
        let outcome = Outcome {
            row_duals: Some(duals),
            ..honest()
        };
        assert_eq!(faults_of(&Limits::default(), &outcome).len(), n_faults);
    }
}

#[test]
fn a_feasible_start_contradicts_infeasible_and_a_better_one_contradicts_optimal() {
    let infeasible = Outcome::without_solution(Status::Infeasible, "rogue");
    assert_eq!(
        faults_of(&with_start([0.0, 0.0]), &infeasible),
        [AnswerFault::FalseInfeasible]
    );
    assert_eq!(
        faults_of(&with_start([0.0, 5.0]), &infeasible),
        [],
        "an infeasible start proves nothing"
    );
    let poor = Outcome {
        solution: Some(vec![1.0, 2.0]),
        objective: Some(5.0),
        dual_bound: None,
        ..honest()
    };
    assert_eq!(faults_of(&with_start([1.0, 2.0]), &poor), []);
    assert_eq!(
        faults_of(&with_start([2.0, 2.0]), &poor),
        [AnswerFault::StartIsBetter {
            start: 8.0,
            stated: 5.0
        }]
    );
    let bound = Outcome {
        status: Status::NoSolution(StopReason::Deadline),
        solution: None,
        objective: None,
        dual_bound: Some(6.0),
        ..honest()
    };
    assert_eq!(
        faults_of(&with_start([2.0, 2.0]), &bound),
        [AnswerFault::StartIsBetter {
            start: 8.0,
            stated: 6.0
        }]
    );
}

#[test]
fn a_stopped_solve_returns_at_least_the_start() {
    let nothing = |_: &Milp, _: &Limits| {
        Ok(Outcome {
            dual_bound: Some(9.5),
            ..Outcome::without_solution(Status::NoSolution(StopReason::Deadline), "rogue")
        })
    };
    let outcome = call(&with_start([2.0, 1.0]), nothing).unwrap();
    assert_eq!(outcome.status, Status::Feasible(StopReason::Deadline));
    assert_eq!(
        (outcome.solution, outcome.objective, outcome.dual_bound),
        (Some(vec![2.0, 1.0]), Some(7.0), Some(9.5))
    );

    let less = |_: &Milp, _: &Limits| {
        Ok(Outcome {
            status: Status::Feasible(StopReason::NodeLimit),
            solution: Some(vec![1.0, 0.0]),
            objective: Some(3.0),
            dual_bound: None,
            ..honest()
        })
    };
    let outcome = call(&with_start([2.0, 1.0]), less).unwrap();
    assert_eq!(
        (outcome.status, outcome.objective),
        (Status::Feasible(StopReason::NodeLimit), Some(7.0))
    );

    let either = |_: &Milp, _: &Limits| {
        Ok(Outcome::without_solution(
            Status::NoSolution(StopReason::InfeasibleOrUnbounded),
            "rogue",
        ))
    };
    assert_eq!(
        call(&with_start([2.0, 1.0]), either).unwrap().status,
        Status::Unbounded
    );
}

#[test]
fn a_model_that_means_nothing_reaches_no_backend() {
    let solver: Arc<dyn MilpSolver> =
        Arc::new(Rogue(|_: &Milp, _: &Limits| panic!("this is never called")));
    let mut model = model().as_ref().clone();
    model.columns[0].cost = f64::NAN;
    model.rows[0].terms[0].0 = 17;
    let Err(SolverError::InvalidModel { faults }) =
        solve_guarded(&solver, &Arc::new(model), &Limits::default())
    else {
        panic!("the model has two faults");
    };
    assert_eq!(faults.len(), 2);
}
