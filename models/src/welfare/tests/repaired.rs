//! Repaired multipliers cover every column, whatever they started from.

use super::super::{
    Block, Duals, Objective, Problem, Settings, dual_value, marginal_values, repair, solve,
};
use super::support::{Random, random_problem};

/// Whether every column is covered, its terms summed in order (`false`) or from the back (`true`).
fn covered(problem: &Problem, required: &[Vec<f64>], duals: &Duals, backwards: bool) -> bool {
    problem.blocks().iter().enumerate().all(|(p, block)| {
        (0..block.columns()).all(|column| {
            let shared = block
                .shared_entries(column)
                .iter()
                .map(|&(row, a)| a * duals.shared[row as usize]);
            let own = block
                .own_entries(column)
                .iter()
                .map(|&(row, a)| a * duals.own[p][row as usize]);
            let mut terms: Vec<f64> = shared.chain(own).chain([duals.upper[p][column]]).collect();
            if backwards {
                terms.reverse();
            }
            terms.iter().sum::<f64>() >= required[p][column]
        })
    })
}

#[test]
fn optimal_multipliers_become_valid_at_hardly_any_cost() {
    let mut random = Random(13);
    for _ in 0..200 {
        let (blocks, classes) = (1 + random.below(8), 1 + random.below(4));
        let problem = random_problem(&mut random, Objective::LogUtility, blocks, classes);
        let solution = solve(&problem, &Settings::default()).unwrap();
        let required = marginal_values(&problem, &solution.utilities);
        let repaired = repair(&problem, &required, &solution.duals).unwrap();
        assert!(covered(&problem, &required, &repaired.duals, false));
        assert!(covered(&problem, &required, &repaired.duals, true));
        let weight: f64 = (problem.blocks().iter().enumerate())
            .filter(|(p, _)| !solution.excluded.contains(p))
            .map(|(_, block)| block.weight())
            .sum();
        assert_eq!(repaired.value, dual_value(&problem, &repaired.duals));
        assert!(
            (repaired.value - weight).abs() <= 1e-7 * weight.max(1e-3),
            "{} {weight}",
            repaired.value
        );
    }
}

#[test]
fn multipliers_of_another_point_become_valid_and_prove_weak_duality() {
    let mut random = Random(17);
    for _ in 0..200 {
        let problem = random_problem(&mut random, Objective::LogUtility, 4, 3);
        let solution = solve(&problem, &Settings::default()).unwrap();
        // Any utilities, and multipliers spoilt at random.
        let utilities: Vec<f64> = solution
            .utilities
            .iter()
            .map(|u| u * (0.3 + random.unit()))
            .collect();
        let mut duals = solution.duals.clone();
        for dual in duals
            .shared
            .iter_mut()
            .chain(duals.own.iter_mut().flatten())
        {
            *dual *= random.unit() - 0.1;
        }
        let required = marginal_values(&problem, &utilities);
        let repaired = repair(&problem, &required, &duals).unwrap();
        assert!(covered(&problem, &required, &repaired.duals, false));
        let gained: f64 = (required.iter().zip(&solution.x))
            .flat_map(|(required, x)| required.iter().zip(x).map(|(g, x)| g * x))
            .sum();
        assert!(
            gained <= repaired.value * (1.0 + 1e-9) + 1e-9,
            "{gained} {}",
            repaired.value
        );
    }
}

#[test]
fn noise_is_snapped_to_zero() {
    let mut problem = Problem::new(Objective::LogUtility);
    let rows = [problem.add_shared_row(10.0), problem.add_shared_row(1000.0)];
    let mut block = Block::new(1.0);
    block.add_column(1.0, f64::INFINITY, rows.map(|row| (row, 1.0)), []);
    problem.add_block(block);
    let duals = Duals {
        shared: vec![0.1, 1e-17],
        own: vec![vec![]],
        upper: vec![vec![0.0]],
    };
    let repaired = repair(&problem, &[vec![0.1]], &duals).unwrap();
    assert_eq!(repaired.duals.shared[1], 0.0);
    assert!(covered(&problem, &[vec![0.1]], &repaired.duals, false));
}

#[test]
fn a_column_that_nothing_can_pay_for_is_told() {
    let mut problem = Problem::new(Objective::Linear);
    let mut block = Block::new(1.0);
    block.add_column(1.0, f64::INFINITY, [], []);
    problem.add_block(block);
    let duals = Duals {
        shared: vec![],
        own: vec![vec![]],
        upper: vec![vec![0.0]],
    };
    assert_eq!(repair(&problem, &[vec![1.0]], &duals), None);
}
