//! The cases, each a function of a backend.

use crate::{draws, hard, random};
use ColumnKind::{Continuous, Integer};
use apportion_models::{
    CancelToken, ColumnKind, Limits, Milp, MilpSolver, Outcome, Sense, SolverError, Status,
    StopReason, solve_guarded,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub type Backend = Arc<dyn MilpSolver>;

const INFINITY: f64 = f64::INFINITY;

/// A test for every case, in a module named for the backend.
macro_rules! conformance {
    ($name:ident, $backend:expr) => {
        mod $name {
            use crate::cases::{self, Backend};
            use std::sync::Arc;

            $crate::cases::each_case!($backend);
        }
    };
}
pub(crate) use conformance;

macro_rules! each_case {
    ($backend:expr) => {
        $crate::cases::each_case!($backend;
            linear_program_with_its_duals, linear_program_with_a_lower_row, mixed_integer_program, infeasible_linear_program,
            infeasible_integers, empty_integer_range, fractional_bounds_of_integers, unbounded_linear_program, unbounded_integers, infeasible_is_not_unbounded,
            equations, ranges, negative_and_free_columns, fixed_columns, no_columns, no_rows, rows_without_terms,
            constant_objective, large_numbers, trickle_flow, start_is_never_lost, infeasible_start_does_no_harm, relative_gap,
            node_limit, no_time_at_all, deadline_with_solution, deadline_without_solution, cancellation,
            same_answer_twice, random_integer_programs, random_mixed_programs
        );
    };
    ($backend:expr; $($case:ident),*) => {
        $(#[test]
        fn $case() {
            let backend: Backend = Arc::new($backend);
            cases::$case(&backend);
        })*
    };
}
pub(crate) use each_case;

/// Solves, and excuses only the oracle, and only from models that it cannot enumerate.
fn solve_within(backend: &Backend, model: &Milp, limits: &Limits) -> Option<Outcome> {
    match solve_guarded(backend, &Arc::new(model.clone()), limits) {
        Ok(outcome) => Some(outcome),
        Err(SolverError::Unsupported { .. })
            if backend.name() == "brute-force"
                && (model.columns.len() > 20
                    || model.columns.iter().any(|column| {
                        column.kind == Continuous || column.upper - column.lower > 1e6
                    })) =>
        {
            None
        }
        Err(error) => panic!("{} on {}: {error}", backend.name(), model.name),
    }
}

fn solve(backend: &Backend, model: &Milp) -> Option<Outcome> {
    solve_within(backend, model, &Limits::default())
}

fn expect_optimum(backend: &Backend, model: &Milp, objective: f64, solution: &[f64]) {
    let Some(outcome) = solve(backend, model) else {
        return;
    };
    assert_eq!(outcome.status, Status::Optimal);
    assert_near(outcome.objective.unwrap(), objective);
    for (found, expected) in outcome.solution.unwrap().iter().zip(solution) {
        assert_near(*found, *expected);
    }
    assert_near(outcome.dual_bound.unwrap(), objective);
    assert_eq!(outcome.backend, backend.name());
}

fn expect_status(backend: &Backend, model: &Milp, status: &Status) {
    if let Some(outcome) = solve(backend, model) {
        assert_eq!(&outcome.status, status);
        assert_eq!((outcome.solution, outcome.objective), (None, None));
    }
}

fn assert_near(left: f64, right: f64) {
    assert!(
        (left - right).abs() <= 1e-6 * right.abs().max(1.0),
        "{left} is not {right}"
    );
}

pub fn linear_program_with_its_duals(backend: &Backend) {
    let mut model = Milp::new("lp", Sense::Maximize);
    let x = model.add_column("x", 0.0, 3.0, Continuous, 3.0);
    let y = model.add_column("y", 0.0, INFINITY, Continuous, 2.0);
    model.add_row("sum", -INFINITY, 4.0, [(x, 1.0), (y, 1.0)]);
    model.add_row("slack", -INFINITY, 7.0, [(x, 1.0), (y, 3.0)]);
    expect_optimum(backend, &model, 11.0, &[3.0, 1.0]);
    let duals = solve(backend, &model).and_then(|outcome| outcome.row_duals);
    assert_eq!(duals.is_some(), backend.capabilities().row_duals);
    if let Some(duals) = duals {
        assert_near(duals[0], 2.0);
        assert_near(duals[1], 0.0);
    }
}

pub fn linear_program_with_a_lower_row(backend: &Backend) {
    let mut model = Milp::new("lp", Sense::Minimize);
    let x = model.add_column("x", 0.0, 3.0, Continuous, 2.0);
    let y = model.add_column("y", 0.0, INFINITY, Continuous, 3.0);
    model.add_row("sum", 4.0, INFINITY, [(x, 1.0), (y, 1.0)]);
    expect_optimum(backend, &model, 9.0, &[3.0, 1.0]);
    if let Some(duals) = solve(backend, &model).and_then(|outcome| outcome.row_duals) {
        assert_near(duals[0], 3.0);
    }
}

pub fn mixed_integer_program(backend: &Backend) {
    let mut model = Milp::new("mip", Sense::Maximize);
    let x = model.add_column("x", 2.0, INFINITY, Continuous, 50.0);
    let y = model.add_column("y", 0.0, 7.0, Continuous, 40.0);
    let z = model.add_column("z", 0.0, INFINITY, Integer, 45.0);
    model.add_row("a", -INFINITY, 20.0, [(x, 3.0), (y, 2.0), (z, 1.0)]);
    model.add_row("b", -INFINITY, 15.0, [(x, 2.0), (y, 1.0), (z, 3.0)]);
    expect_optimum(backend, &model, 405.0, &[2.0, 6.5, 1.0]);
}

pub fn infeasible_linear_program(backend: &Backend) {
    let mut model = Milp::new("infeasible", Sense::Minimize);
    let x = model.add_column("x", 0.0, 1.0, Continuous, 1.0);
    let y = model.add_column("y", 0.0, 1.0, Continuous, 1.0);
    model.add_row("too much", 3.0, INFINITY, [(x, 1.0), (y, 1.0)]);
    expect_status(backend, &model, &Status::Infeasible);
}

pub fn infeasible_integers(backend: &Backend) {
    let mut model = Milp::new("parity", Sense::Minimize);
    let x = model.add_column("x", 0.0, 10.0, Integer, 1.0);
    let y = model.add_column("y", 0.0, 10.0, Integer, 1.0);
    model.add_row("odd", 7.0, 7.0, [(x, 2.0), (y, 4.0)]);
    expect_status(backend, &model, &Status::Infeasible);
}

pub fn empty_integer_range(backend: &Backend) {
    let mut model = Milp::new("no whole number", Sense::Minimize);
    model.add_column("x", 0.25, 0.75, Integer, 1.0);
    expect_status(backend, &model, &Status::Infeasible);
}

/// HiGHS 1.15.0 answers 3.5 when it is given these bounds as they are.
pub fn fractional_bounds_of_integers(backend: &Backend) {
    for (sense, optimum) in [(Sense::Minimize, -2.0), (Sense::Maximize, 3.0)] {
        let mut model = Milp::new("fractional bounds", sense);
        let x = model.add_column("x", -2.25, 3.5, Integer, 1.0);
        model.add_row("above", -15.0, INFINITY, [(x, 5.0)]);
        model.add_row("below", -INFINITY, 15.5, [(x, 3.0)]);
        expect_optimum(backend, &model, optimum, &[optimum]);
    }
}

pub fn unbounded_linear_program(backend: &Backend) {
    let mut model = Milp::new("unbounded", Sense::Maximize);
    let x = model.add_column("x", 0.0, INFINITY, Continuous, 1.0);
    let y = model.add_column("y", 0.0, INFINITY, Continuous, 1.0);
    model.add_row("difference", -1.0, 1.0, [(x, 1.0), (y, -1.0)]);
    expect_status(backend, &model, &Status::Unbounded);
}

pub fn unbounded_integers(backend: &Backend) {
    let mut model = Milp::new("unbounded integers", Sense::Minimize);
    let x = model.add_column("x", -INFINITY, INFINITY, Integer, 1.0);
    let y = model.add_column("y", -INFINITY, INFINITY, Integer, 1.0);
    model.add_row("difference", 0.5, 1.5, [(x, 1.0), (y, -1.0)]);
    expect_status(backend, &model, &Status::Unbounded);
}

pub fn infeasible_is_not_unbounded(backend: &Backend) {
    let mut model = Milp::new(
        "infeasible, and its objective has no limit",
        Sense::Maximize,
    );
    model.add_column("x", 0.0, INFINITY, Continuous, 1.0);
    let y = model.add_column("y", 0.0, 5.0, Integer, 0.0);
    let z = model.add_column("z", 0.0, 5.0, Integer, 0.0);
    model.add_row("odd", 5.0, 5.0, [(y, 2.0), (z, 2.0)]);
    expect_status(backend, &model, &Status::Infeasible);

    let mut relaxed = Milp::new("an infeasible linear program of that kind", Sense::Minimize);
    let x = relaxed.add_column("x", -INFINITY, INFINITY, Continuous, 1.0);
    let y = relaxed.add_column("y", 0.0, INFINITY, Continuous, 0.0);
    relaxed.add_row("first", 1.0, INFINITY, [(x, 1.0), (y, -1.0)]);
    relaxed.add_row("second", -INFINITY, 0.0, [(x, 1.0), (y, -1.0)]);
    expect_status(backend, &relaxed, &Status::Infeasible);
}

pub fn equations(backend: &Backend) {
    let mut model = Milp::new("equations", Sense::Minimize);
    let x = model.add_column("x", 0.0, 10.0, Integer, 1.0);
    let y = model.add_column("y", 0.0, 10.0, Integer, 3.0);
    let z = model.add_column("z", 0.0, 10.0, Integer, 2.0);
    model.add_row("sum", 10.0, 10.0, [(x, 1.0), (y, 1.0), (z, 1.0)]);
    model.add_row("mix", 19.0, 19.0, [(x, 1.0), (y, 2.0), (z, 3.0)]);
    // y + 2z = 9: z = 4, y = 1, x = 5.
    expect_optimum(backend, &model, 16.0, &[5.0, 1.0, 4.0]);
}

pub fn ranges(backend: &Backend) {
    for (sense, objective, solution) in [
        (Sense::Minimize, 3.0, [3.0, 0.0]),
        (Sense::Maximize, 13.0, [3.0, 5.0]),
    ] {
        let mut model = Milp::new("ranges", sense);
        let x = model.add_column("x", 0.0, 3.0, Integer, 1.0);
        let y = model.add_column("y", 0.0, 5.0, Integer, 2.0);
        model.add_row("range", 3.0, 9.0, [(x, 1.0), (y, 1.0)]);
        expect_optimum(backend, &model, objective, &solution);
    }
}

pub fn negative_and_free_columns(backend: &Backend) {
    let mut model = Milp::new("negative", Sense::Minimize);
    let x = model.add_column("x", -7.5, -2.0, Integer, 1.0);
    let y = model.add_column("y", -4.0, 4.0, Integer, 1.5);
    model.add_row("sum", -10.0, INFINITY, [(x, 1.0), (y, 2.0)]);
    expect_optimum(backend, &model, -9.0, &[-6.0, -2.0]);

    let mut free = Milp::new("free", Sense::Minimize);
    let x = free.add_column("x", -INFINITY, INFINITY, Continuous, 1.0);
    let y = free.add_column("y", -INFINITY, 2.0, Continuous, -2.0);
    free.add_row("above", -3.5, INFINITY, [(x, 1.0), (y, -1.0)]);
    expect_optimum(backend, &free, -5.5, &[-1.5, 2.0]);
}

pub fn fixed_columns(backend: &Backend) {
    let mut model = Milp::new("fixed", Sense::Maximize);
    let x = model.add_column("x", 2.0, 2.0, Integer, 5.0);
    let y = model.add_column("y", 0.0, 9.0, Integer, 1.0);
    model.add_row("sum", -INFINITY, 6.0, [(x, 2.0), (y, 1.0)]);
    expect_optimum(backend, &model, 12.0, &[2.0, 2.0]);
}

pub fn no_columns(backend: &Backend) {
    let mut model = Milp::new("nothing", Sense::Minimize);
    model.offset = 4.0;
    expect_optimum(backend, &model, 4.0, &[]);
    model.add_row("zero", 0.0, 0.0, []);
    expect_optimum(backend, &model, 4.0, &[]);
    model.add_row("one", 1.0, INFINITY, []);
    expect_status(backend, &model, &Status::Infeasible);
}

pub fn no_rows(backend: &Backend) {
    let mut model = Milp::new("box", Sense::Maximize);
    model.add_column("x", -1.0, 3.7, Integer, 2.0);
    model.add_column("y", -5.0, 3.0, Integer, -1.0);
    expect_optimum(backend, &model, 11.0, &[3.0, -5.0]);
}

pub fn rows_without_terms(backend: &Backend) {
    let mut model = Milp::new("rows without terms", Sense::Maximize);
    model.add_column("x", 0.0, 3.0, Integer, 1.0);
    model.add_row("holds", -1.0, 1.0, []);
    expect_optimum(backend, &model, 3.0, &[3.0]);
    model.add_row("cannot hold", -INFINITY, -1.0, []);
    expect_status(backend, &model, &Status::Infeasible);
}

pub fn constant_objective(backend: &Backend) {
    for sense in [Sense::Minimize, Sense::Maximize] {
        let mut model = Milp::new("constant", sense);
        model.offset = -2.5;
        let x = model.add_column("x", 0.0, 3.0, Integer, 0.0);
        let y = model.add_column("y", 0.0, 3.0, Integer, 0.0);
        model.add_row("sum", 6.0, 6.0, [(x, 1.0), (y, 1.0)]);
        expect_optimum(backend, &model, -2.5, &[3.0, 3.0]);
    }
}

/// Capacities as large as instances may have: the exact row of the check leaves no room for a solver's tolerance.
pub fn large_numbers(backend: &Backend) {
    let random = &mut draws::Random(5);
    for _ in 0..5 {
        let mut model = Milp::new("large", Sense::Maximize);
        let weights: Vec<f64> = (0..12)
            .map(|_| random.number(100_000_000, 900_000_000))
            .collect();
        for (item, weight) in weights.iter().enumerate() {
            model.add_column(
                format!("x{item}"),
                0.0,
                1.0,
                Integer,
                weight + random.number(0, 1000),
            );
        }
        let capacity = (weights.iter().sum::<f64>() / 3.0).floor();
        model.add_row(
            "capacity",
            -INFINITY,
            capacity,
            weights.into_iter().enumerate(),
        );
        let outcome = solve(backend, &model).unwrap();
        assert_eq!(outcome.status, Status::Optimal);
    }
}

/// A switch that is open by less than a solver's tolerance lets a flow trickle through: rounding it shuts the flow off.
pub fn trickle_flow(backend: &Backend) {
    for capacity in [1e6, 5e6, 1e7, 1e8] {
        let mut model = Milp::new("trickle flow", Sense::Minimize);
        let mut total = Vec::new();
        for pipe in 0..6 {
            let flow = model.add_column(
                format!("flow{pipe}"),
                0.0,
                INFINITY,
                Continuous,
                1e-6 * f64::from(pipe),
            );
            let open = model.add_column(
                format!("open{pipe}"),
                0.0,
                1.0,
                Integer,
                1.0 + f64::from(pipe),
            );
            model.add_row(
                format!("switch{pipe}"),
                -INFINITY,
                0.0,
                [(flow, 1.0), (open, -capacity)],
            );
            total.push((flow, 1.0));
        }
        model.add_row("demand", 2.5, INFINITY, total);
        let Some(outcome) = solve(backend, &model) else {
            return;
        };
        assert_eq!(outcome.status, Status::Optimal);
        assert_near(outcome.objective.unwrap(), 1.0);
    }
}

pub fn start_is_never_lost(backend: &Backend) {
    let model = hard::knapsack(60, 5);
    let mut start = vec![0.0; 60];
    start[3] = 1.0;
    let objective = model.objective_value(&start);
    let limits = Limits {
        start: Some(start),
        nodes: Some(1),
        ..Limits::within(Duration::from_millis(200))
    };
    if let Some(outcome) = solve_within(backend, &model, &limits) {
        assert!(outcome.objective.unwrap() >= objective);
    }
    let wrong = Limits {
        start: Some(vec![0.0]),
        ..Limits::default()
    };
    assert_eq!(
        solve_guarded(backend, &Arc::new(model), &wrong),
        Err(SolverError::StartLength {
            given: 1,
            expected: 60
        })
    );
}

pub fn infeasible_start_does_no_harm(backend: &Backend) {
    let mut model = Milp::new("start", Sense::Maximize);
    let x = model.add_column("x", 0.0, 3.0, Integer, 3.0);
    let y = model.add_column("y", 0.0, 9.0, Integer, 2.0);
    model.add_row("sum", -INFINITY, 6.0, [(x, 2.0), (y, 1.0)]);
    for start in [
        [9.0, 9.0],
        [-1.0, 0.5],
        [f64::NAN, 1.0],
        [INFINITY, 0.0],
        [3.0, 0.0],
        [0.0, 6.0],
    ] {
        let limits = Limits {
            start: Some(start.to_vec()),
            ..Limits::default()
        };
        let outcome = solve_within(backend, &model, &limits).unwrap();
        assert_eq!(
            (outcome.status, outcome.objective),
            (Status::Optimal, Some(12.0))
        );
    }
}

pub fn relative_gap(backend: &Backend) {
    let model = hard::knapsack(40, 3);
    let limits = Limits {
        relative_gap: 0.2,
        ..Limits::within(Duration::from_secs(20))
    };
    if let Some(outcome) = solve_within(backend, &model, &limits) {
        assert_eq!(outcome.status, Status::Optimal);
        assert!(outcome.gap().unwrap() <= 0.2 + 1e-9);
    }
}

pub fn node_limit(backend: &Backend) {
    if !backend.capabilities().node_limit {
        return;
    }
    let model = hard::knapsack(60, 6);
    let limits = Limits {
        nodes: Some(3),
        ..Limits::within(Duration::from_secs(60))
    };
    let outcome = solve_within(backend, &model, &limits).unwrap();
    assert_eq!(outcome.status, Status::Feasible(StopReason::NodeLimit));
    assert!(outcome.dual_bound.unwrap() > outcome.objective.unwrap());
    assert!(outcome.gap().unwrap() < 0.1, "{:?}", outcome.gap());
}

pub fn no_time_at_all(backend: &Backend) {
    let model = hard::knapsack(100, 10);
    let began = Instant::now();
    if let Some(outcome) = solve_within(backend, &model, &Limits::within(Duration::ZERO)) {
        assert_eq!(outcome.status.stop_reason(), Some(&StopReason::Deadline));
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

pub fn deadline_with_solution(backend: &Backend) {
    let time = Duration::from_millis(400);
    let began = Instant::now();
    if let Some(outcome) = solve_within(backend, &hard::knapsack(100, 10), &Limits::within(time)) {
        assert_eq!(outcome.status, Status::Feasible(StopReason::Deadline));
        if backend.capabilities().dual_bound {
            assert!(outcome.dual_bound.unwrap() > outcome.objective.unwrap());
        }
        assert!(began.elapsed() >= time && began.elapsed() < time + Duration::from_secs(2));
    }
}

pub fn deadline_without_solution(backend: &Backend) {
    let limits = Limits::within(Duration::from_millis(300));
    if let Some(outcome) = solve_within(backend, &hard::market_split(50, 6), &limits) {
        assert_eq!(outcome.status, Status::NoSolution(StopReason::Deadline));
        assert_eq!((outcome.solution, outcome.objective), (None, None));
    }
}

pub fn cancellation(backend: &Backend) {
    let cancel = CancelToken::new();
    let limits = Limits {
        cancel: cancel.clone(),
        // A backend that cannot be cancelled is not to run on behind the other tests.
        ..Limits::within(Duration::from_secs(2))
    };
    let began = Instant::now();
    let model = Arc::new(if backend.name() == "brute-force" {
        hard::market_split(20, 4)
    } else {
        hard::knapsack(100, 10)
    });
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        cancel.cancel();
    });
    let answer = solve_guarded(backend, &model, &limits);
    assert!(began.elapsed() < Duration::from_secs(5));
    canceller.join().unwrap();
    if backend.capabilities().interrupt {
        let outcome = answer.unwrap();
        // The oracle may be through with its enumeration before anybody cancels.
        let done = backend.name() == "brute-force" && outcome.status == Status::Infeasible;
        assert!(
            done || outcome.status.stop_reason() == Some(&StopReason::Cancelled),
            "{}",
            outcome.status
        );
    } else {
        assert!(
            matches!(answer, Err(SolverError::Abandoned { .. })),
            "{answer:?}"
        );
    }
    let early = solve_guarded(backend, &model, &limits).unwrap();
    assert_eq!(early.status, Status::NoSolution(StopReason::Cancelled));
}

pub fn same_answer_twice(backend: &Backend) {
    let model = hard::knapsack(18, 3);
    let limits = Limits {
        seed: 42,
        ..Limits::default()
    };
    let first = solve_within(backend, &model, &limits);
    assert_eq!(first, solve_within(backend, &model, &limits));
}

/// Three hundred small integer programs, against every combination.
#[cfg(feature = "oracle")]
pub fn random_integer_programs(backend: &Backend) {
    let oracle: Backend = Arc::new(apportion_models::backends::BruteForce);
    let (mut n_optimal, mut n_infeasible) = (0, 0);
    for seed in 0..300 {
        let model = random::model(seed, true);
        let expected = solve(&oracle, &model).unwrap();
        let found = solve(backend, &model).unwrap();
        assert_eq!(found.status, expected.status, "{model:?}");
        if let (Some(found), Some(expected)) = (found.objective, expected.objective) {
            assert_near(found, expected);
            n_optimal += 1;
        } else {
            n_infeasible += 1;
        }
    }
    assert!(
        n_optimal > 50 && n_infeasible > 50,
        "the generator is one-sided: {n_optimal}, {n_infeasible}"
    );
}

#[cfg(not(feature = "oracle"))]
pub fn random_integer_programs(backend: &Backend) {
    against_the_twin(backend, true);
}

/// Mixed programs, against the other backend.
pub fn random_mixed_programs(backend: &Backend) {
    if backend.name() != "brute-force" {
        against_the_twin(backend, false);
    }
}

fn against_the_twin(backend: &Backend, pure_integer: bool) {
    let twin: Backend = Arc::new(apportion_models::backends::GoodLp);
    for seed in 1000..1300 {
        let model = random::model(seed, pure_integer);
        let (found, expected) = (
            solve(backend, &model).unwrap(),
            solve(&twin, &model).unwrap(),
        );
        assert_eq!(found.status, expected.status, "{model:?}");
        if let (Some(found), Some(expected)) = (found.objective, expected.objective) {
            assert_near(found, expected);
        }
    }
}
