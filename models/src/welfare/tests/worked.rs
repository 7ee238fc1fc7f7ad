//! Small problems whose answers are known by hand.

use super::super::{Block, Objective, Problem, Settings, Solution, Status, solve};

const NONE: f64 = f64::INFINITY;

fn optimum(problem: &Problem) -> Solution {
    let solution = solve(problem, &Settings::default()).unwrap();
    assert_eq!(solution.status, Status::Optimal, "{solution:?}");
    solution
}

#[track_caller]
fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1e-3),
        "{found} instead of {expected}"
    );
}

#[test]
fn two_players_share_nine_units_and_eighteen() {
    let mut problem = Problem::new(Objective::LogUtility);
    let cpu = problem.add_shared_row(9.0);
    let memory = problem.add_shared_row(18.0);
    for demand in [(1.0, 4.0), (3.0, 1.0)] {
        let mut block = Block::new(1.0);
        block.add_column(1.0, NONE, [(cpu, demand.0), (memory, demand.1)], []);
        problem.add_block(block);
    }
    let solution = optimum(&problem);
    close(solution.utilities[0], 45.0 / 11.0, 1e-8);
    close(solution.utilities[1], 18.0 / 11.0, 1e-8);
    close(solution.duals.shared[cpu], 0.2, 1e-7);
    close(solution.duals.shared[memory], 1.0 / 90.0, 1e-7);
}

#[test]
fn who_needs_the_scarce_class_gets_it_all() {
    let mut problem = Problem::new(Objective::LogUtility);
    let first = [problem.add_shared_row(8.0), problem.add_shared_row(4.0)];
    let second = [problem.add_shared_row(8.0), problem.add_shared_row(0.0)];
    let mut learner = Block::new(1.0);
    learner.add_column(1.0, NONE, [(first[0], 1.0), (first[1], 1.0)], []);
    learner.add_column(1.0, NONE, [(second[0], 1.0), (second[1], 1.0)], []);
    let mut batch = Block::new(1.0);
    batch.add_column(1.0, NONE, [(first[0], 1.0)], []);
    batch.add_column(1.0, NONE, [(second[0], 1.0)], []);
    problem.add_block(learner);
    problem.add_block(batch);
    let solution = optimum(&problem);
    close(solution.utilities[0], 4.0, 1e-8);
    close(solution.utilities[1], 12.0, 1e-8);
    assert_eq!(solution.x[0][1], 0.0);
}

#[test]
fn opposite_needs_fit_side_by_side() {
    let mut problem = Problem::new(Objective::LogUtility);
    let rows: Vec<usize> = [2.0, 12.0, 12.0, 2.0]
        .map(|bound| problem.add_shared_row(bound))
        .into();
    for demand in [[0.2, 1.0], [1.0, 0.2]] {
        let mut block = Block::new(1.0);
        for class in rows.chunks(2) {
            block.add_column(1.0, NONE, class.iter().copied().zip(demand), []);
        }
        problem.add_block(block);
    }
    let solution = optimum(&problem);
    close(solution.utilities[0], 10.0, 1e-8);
    close(solution.utilities[1], 10.0, 1e-8);
}

#[test]
fn a_capped_precious_task_does_not_buy_more_of_the_cheap_ones() {
    let mut problem = Problem::new(Objective::LogUtility);
    let cpu = problem.add_shared_row(100.0);
    let mut a = Block::new(1.0);
    a.add_column(1.0, NONE, [(cpu, 1.0)], []);
    let mut b = Block::new(1.0);
    b.add_column(100.0, 1.0, [(cpu, 1.0)], []);
    b.add_column(1.0, NONE, [(cpu, 1.0)], []);
    problem.add_block(a);
    problem.add_block(b);
    let solution = optimum(&problem);
    close(solution.utilities[0], 99.0, 1e-8);
    close(solution.x[1][0], 1.0, 1e-8);
    close(solution.utilities[1], 100.0, 1e-8);
    close(solution.duals.shared[cpu], 1.0 / 99.0, 1e-7);
    close(solution.duals.upper[1][0], 1.0 - 1.0 / 99.0, 1e-7);
}
