//! Optimality conditions, checked naively, on random problems and on the shapes that matter.

use super::super::{Block, Objective, Problem, Settings, Solution, Status, solve};
use super::support::{Random, kkt, random_problem};

#[track_caller]
fn assert_optimal(problem: &Problem, label: &str) -> Solution {
    let solution = solve(problem, &Settings::default()).unwrap();
    let kkt = kkt(problem, &solution);
    assert_eq!(
        solution.status,
        Status::Optimal,
        "{label}: {:?} {kkt:?}",
        solution.residuals
    );
    assert!(
        kkt.primal < 1e-9 && kkt.dual < 1e-7 && kkt.slackness < 1e-7,
        "{label}: {kkt:?} {:?}",
        solution.residuals
    );
    solution
}

#[test]
fn random_problems_meet_the_optimality_conditions() {
    let mut random = Random(7);
    let (mut capped, mut excluded, mut contended) = (0, 0, 0);
    for case in 0..300 {
        for objective in [Objective::LogUtility, Objective::Linear] {
            let (blocks, classes) = (1 + random.below(12), 1 + random.below(6));
            let problem = random_problem(&mut random, objective, blocks, classes);
            let solution = assert_optimal(&problem, &format!("case {case} {objective:?}"));
            excluded += solution.excluded.len();
            capped += solution
                .duals
                .own
                .iter()
                .flatten()
                .filter(|&&dual| dual > 1e-6)
                .count();
            contended += solution
                .duals
                .shared
                .iter()
                .filter(|&&price| price > 1e-6)
                .count();
        }
    }
    // The generator must produce what the conditions are about.
    assert!(
        capped > 100 && excluded > 100 && contended > 100,
        "{capped} {excluded} {contended}"
    );
}

/// Blocks of `tasks` groups of columns, one column for each class, a cap for each group.
fn clustered(players: usize, classes: usize, tasks: usize, random: &mut Random) -> Problem {
    const UNITS: [f64; 4] = [64e3, 256e3, 8e3, 1e6];
    const DEMANDS: [f64; 4] = [1000.0, 2048.0, 1000.0, 100.0];
    let mut problem = Problem::new(Objective::LogUtility);
    for unit in (0..classes).flat_map(|_| UNITS) {
        problem.add_shared_row((1 + random.below(20)) as f64 * unit);
    }
    for _ in 0..players {
        let mut block = Block::new(1.0 + random.below(3) as f64);
        for _ in 0..tasks {
            let demand: Vec<f64> = DEMANDS
                .iter()
                .enumerate()
                .map(|(kind, unit)| {
                    if kind == 2 && random.chance(0.6) {
                        0.0
                    } else {
                        (1 + random.below(16)) as f64 * unit
                    }
                })
                .collect();
            let value = 1.0 + random.below(4) as f64;
            let row = block.add_own_row(if random.chance(0.5) {
                1.0 + random.below(10) as f64
            } else {
                1000.0
            });
            for class in (0..classes)
                .filter(|_| random.chance(0.9))
                .collect::<Vec<_>>()
            {
                let shared = demand
                    .iter()
                    .enumerate()
                    .map(|(kind, &amount)| (4 * class + kind, amount));
                block.add_column(value, (1 + random.below(500)) as f64, shared, [(row, 1.0)]);
            }
        }
        problem.add_block(block);
    }
    problem
}

/// Adds to each block the floor that it can reach alone in its weight's fraction of every shared row.
fn with_floors(problem: &Problem) -> Problem {
    let total: f64 = problem.blocks().iter().map(Block::weight).sum();
    let mut floored = Problem::new(problem.objective());
    for &bound in problem.shared_bounds() {
        floored.add_shared_row(bound);
    }
    for block in problem.blocks() {
        let mut alone = Problem::new(Objective::Linear);
        for &bound in problem.shared_bounds() {
            alone.add_shared_row(bound * block.weight() / total);
        }
        alone.add_block(block.clone());
        let solution = assert_optimal(&alone, "floor");
        let mut block = block.clone();
        block.add_floor(solution.utilities[0]);
        floored.add_block(block);
    }
    floored
}

#[test]
fn floors_that_leave_little_or_no_interior_are_met() {
    let mut random = Random(3);
    for (players, classes, tasks) in [(1, 3, 2), (2, 10, 1), (10, 4, 8), (60, 5, 1), (5, 6, 40)] {
        let problem = with_floors(&clustered(players, classes, tasks, &mut random));
        assert_optimal(&problem, &format!("{players} {classes} {tasks}"));
    }
    // Players who are all alike: every floor and every scarce row is tight at once.
    let mut alike = Problem::new(Objective::LogUtility);
    let row = alike.add_shared_row(12.0);
    for _ in 0..4 {
        let mut block = Block::new(1.0);
        block.add_column(1.0, f64::INFINITY, [(row, 1.0)], []);
        block.add_floor(3.0);
        alike.add_block(block);
    }
    let solution = assert_optimal(&alike, "alike");
    for utility in solution.utilities {
        assert!((utility - 3.0).abs() < 1e-7, "{utility}");
    }
}

#[test]
fn a_block_of_many_own_rows_is_no_harder_than_its_columns() {
    let problem = clustered(1, 6, 235, &mut Random(5));
    assert_optimal(&problem, "235 own rows");
}

#[test]
fn the_same_problem_gives_the_same_bits() {
    let problem = clustered(20, 6, 2, &mut Random(11));
    assert_eq!(
        assert_optimal(&problem, "first"),
        assert_optimal(&problem, "second")
    );
}

/// Prints the time of the largest shapes: `cargo test --release -p apportion-models large -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn large_problems() {
    for (players, classes, tasks) in [
        (1, 20, 1),
        (1, 6, 235),
        (100, 6, 30),
        (1000, 60, 1),
        (3000, 20, 1),
        (10, 200, 20),
    ] {
        let problem = clustered(players, classes, tasks, &mut Random(3));
        for (floors, problem) in [
            ("no floors", problem.clone()),
            ("floors", with_floors(&problem)),
        ] {
            let start = std::time::Instant::now();
            let solution = solve(&problem, &Settings::default()).unwrap();
            let columns: usize = problem.blocks().iter().map(Block::columns).sum();
            println!(
                "{players} blocks, {columns} columns, {} shared rows, {floors}: {:?}, {} steps, {:?}, worst residual {:.1e}",
                4 * classes,
                start.elapsed(),
                solution.iterations,
                solution.status,
                solution.residuals.worst()
            );
        }
    }
}

/// Enough columns for several threads, and for the pieces that these work on.
#[test]
fn a_large_problem_is_solved_alike_by_one_and_by_three_threads() {
    let mut random = Random(11);
    for objective in [Objective::LogUtility, Objective::Linear] {
        let problem = random_problem(&mut random, objective, 1500, 20);
        let columns: usize = problem.blocks().iter().map(Block::columns).sum();
        assert!(columns > 20_000, "{columns}");
        let on_threads = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
            let solved = pool
                .build()
                .unwrap()
                .install(|| solve(&problem, &Settings::default()));
            solved.unwrap()
        };
        let (one, three) = (on_threads(1), on_threads(3));
        assert_eq!(one.status, Status::Optimal);
        assert_eq!(one, three);
        let bits = |solution: &Solution| {
            let numbers = solution.x.iter().flatten().chain(&solution.duals.shared);
            numbers.map(|it| it.to_bits()).collect::<Vec<u64>>()
        };
        assert_eq!(bits(&one), bits(&three));
        let found = kkt(&problem, &one);
        assert!(
            found.primal < 1e-8 && found.dual < 1e-7 && found.slackness < 1e-6,
            "{found:?}"
        );
    }
}
