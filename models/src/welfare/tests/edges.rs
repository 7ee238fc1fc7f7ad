//! Degenerate, empty, contradictory and boundless problems.

use std::cell::Cell;

use super::super::{
    Block, Objective, Problem, ProblemFault, Settings, Solution, Status, solve, solve_until,
};
use super::support::kkt;

const NONE: f64 = f64::INFINITY;

fn answer(problem: &Problem) -> Solution {
    solve(problem, &Settings::default()).unwrap()
}

/// One shared row of `bound`, and a block of one column of value 1 for each weight.
fn one_row(bound: f64, weights: &[f64]) -> Problem {
    let mut problem = Problem::new(Objective::LogUtility);
    let row = problem.add_shared_row(bound);
    for &weight in weights {
        let mut block = Block::new(weight);
        block.add_column(1.0, NONE, [(row, 1.0)], []);
        problem.add_block(block);
    }
    problem
}

#[test]
fn weights_divide_a_single_row() {
    let solution = answer(&one_row(1e9, &[1.0, 2.0, 1e-6]));
    let total = 3.0 + 1e-6;
    for (utility, weight) in solution.utilities.iter().zip([1.0, 2.0, 1e-6]) {
        let expected = 1e9 * weight / total;
        assert!(
            (utility - expected).abs() < 1e-8 * expected,
            "{utility} {expected}"
        );
    }
    assert!((solution.duals.shared[0] - total / 1e9).abs() < 1e-7 * total / 1e9);
}

#[test]
fn redundant_rows_change_nothing() {
    let mut problem = Problem::new(Objective::LogUtility);
    let rows: Vec<usize> = [6.0, 6.0, 12.0, 600.0]
        .map(|bound| problem.add_shared_row(bound))
        .into();
    for weight in [1.0, 2.0] {
        let mut block = Block::new(weight);
        let own = block.add_own_row(1e6);
        let twice = block.add_own_row(2e6);
        let entries = [
            (rows[0], 1.0),
            (rows[1], 1.0),
            (rows[2], 2.0),
            (rows[3], 1.0),
        ];
        block.add_column(1.0, NONE, entries, [(own, 1.0), (twice, 2.0)]);
        problem.add_block(block);
    }
    let solution = answer(&problem);
    assert_eq!(solution.status, Status::Optimal);
    assert!((solution.utilities[0] - 2.0).abs() < 1e-8);
    assert!((solution.utilities[1] - 4.0).abs() < 1e-8);
    assert!(kkt(&problem, &solution).slackness < 1e-8);
}

#[test]
fn a_block_that_can_have_nothing_is_reported_and_left_out() {
    let mut problem = one_row(10.0, &[1.0, 1.0]);
    let empty = problem.add_shared_row(0.0);
    let mut block = Block::new(5.0);
    block.add_column(1.0, NONE, [(0, 1.0), (empty, 2.0)], []);
    block.add_column(7.0, 0.0, [(0, 1.0)], []);
    problem.add_block(block);
    let solution = answer(&problem);
    assert_eq!(solution.status, Status::Optimal);
    assert_eq!(solution.excluded, [2]);
    assert_eq!(solution.x[2], [0.0, 0.0]);
    assert!((solution.utilities[0] - 5.0).abs() < 1e-8);
}

#[test]
fn a_row_of_capacity_zero_is_priced_so_that_its_columns_are_covered() {
    let mut problem = Problem::new(Objective::LogUtility);
    let (row, empty) = (problem.add_shared_row(10.0), problem.add_shared_row(0.0));
    let mut block = Block::new(1.0);
    block.add_column(1.0, NONE, [(row, 1.0)], []);
    block.add_column(100.0, NONE, [(row, 1.0), (empty, 4.0)], []);
    problem.add_block(block);
    let solution = answer(&problem);
    assert!((solution.utilities[0] - 10.0).abs() < 1e-8);
    assert!(
        (solution.duals.shared[empty] - (10.0 - 0.1) / 4.0).abs() < 1e-7,
        "{:?}",
        solution.duals
    );
    assert!(kkt(&problem, &solution).dual < 1e-9);
}

#[test]
fn a_block_of_weight_zero_only_helps_the_rows() {
    // The helper's column relaxes a requirement on the shared row: taken + 3 <= held, held <= 5.
    let mut problem = Problem::new(Objective::LogUtility);
    let capacity = problem.add_shared_row(8.0);
    let held = problem.add_shared_row(-3.0);
    let mut player = Block::new(1.0);
    player.add_column(2.0, NONE, [(capacity, 1.0)], []);
    problem.add_block(player);
    let mut helper = Block::new(0.0);
    helper.add_column(1.0, NONE, [(capacity, 1.0), (held, -1.0)], []);
    problem.add_block(helper);
    let solution = answer(&problem);
    assert_eq!(solution.status, Status::Optimal);
    assert!((solution.utilities[0] - 10.0).abs() < 1e-7);
    assert!((solution.x[1][0] - 3.0).abs() < 1e-7);
    assert!((solution.duals.shared[held] - 0.2).abs() < 1e-6);
    assert!(kkt(&problem, &solution).slackness < 1e-7);
}

#[test]
fn contradictions_are_told_apart_from_slowness() {
    let mut problem = one_row(10.0, &[1.0, 1.0]);
    for block in 0..2 {
        problem.block_mut(block).add_floor(6.0);
    }
    assert_eq!(answer(&problem).status, Status::Infeasible);
    assert_eq!(
        answer(&problem.with_objective(Objective::Linear)).status,
        Status::Infeasible
    );

    let mut impossible = one_row(10.0, &[1.0]);
    impossible.add_shared_row(-1.0);
    assert_eq!(answer(&impossible).status, Status::Infeasible);
}

#[test]
fn a_column_that_nothing_binds_is_unbounded() {
    let mut problem = one_row(10.0, &[1.0]);
    problem.block_mut(0).add_column(1.0, NONE, [], []);
    assert_eq!(answer(&problem).status, Status::Unbounded);
}

#[test]
fn empty_problems_have_empty_optima() {
    let solution = answer(&Problem::new(Objective::LogUtility));
    assert_eq!(solution.status, Status::Optimal);
    let mut problem = one_row(3.0, &[]);
    problem.add_block(Block::new(1.0));
    let solution = answer(&problem);
    assert_eq!(
        (solution.status, solution.excluded),
        (Status::Optimal, vec![0])
    );
}

#[test]
fn a_stop_is_obeyed_and_reported() {
    let asked = Cell::new(0);
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 2
    };
    let solution = solve_until(&one_row(10.0, &[1.0, 3.0]), &Settings::default(), &stop).unwrap();
    assert_eq!((solution.status, solution.iterations), (Status::Stopped, 2));
    let few = Settings {
        max_iterations: 1,
        ..Settings::default()
    };
    assert_eq!(
        solve(&one_row(10.0, &[1.0, 3.0]), &few).unwrap().status,
        Status::IterationLimit
    );
}

#[test]
fn nonsense_is_a_fault() {
    let mut problem = one_row(10.0, &[1.0]);
    problem.block_mut(0).add_column(1.0, NONE, [(9, 1.0)], []);
    assert!(matches!(
        solve(&problem, &Settings::default()),
        Err(ProblemFault::Block { block: 0, .. })
    ));
    let problem = one_row(f64::NAN, &[1.0]);
    assert_eq!(problem.check(), Err(ProblemFault::SharedBound { row: 0 }));
    assert!(one_row(1.0, &[-1.0]).check().is_err());
}

#[test]
fn units_do_not_matter() {
    // The same shares whether a row counts thousandths or billions.
    let build = |scale: f64| {
        let mut problem = Problem::new(Objective::LogUtility);
        let rows = [
            problem.add_shared_row(9.0 * scale),
            problem.add_shared_row(18.0 / scale),
        ];
        for demand in [(1.0, 4.0), (3.0, 1.0)] {
            let mut block = Block::new(1.0);
            block.add_column(
                1.0 / scale,
                NONE,
                [(rows[0], demand.0 * scale), (rows[1], demand.1 / scale)],
                [],
            );
            problem.add_block(block);
        }
        answer(&problem).x
    };
    for scale in [1e-8, 1e-3, 1e8] {
        for (found, expected) in build(scale)
            .iter()
            .flatten()
            .zip(build(1.0).iter().flatten())
        {
            assert!(
                (found - expected).abs() < 1e-8 * expected,
                "{found} {expected}"
            );
        }
    }
}
