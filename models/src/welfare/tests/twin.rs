//! A slow, obvious twin: the same rows given to a simplex code, and conditional gradients (Frank and Wolfe 1956) on it.

use good_lp::{Expression, ProblemVariables, Solution as _, SolverModel, variable};

use super::super::{Block, Common, Objective, Problem, Settings, Status, solve};
use super::support::{Random, random_problem};

/// The best point of the rows of `problem` for a linear objective over all columns.
fn simplex(problem: &Problem, gains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut variables = ProblemVariables::new();
    let x: Vec<Vec<_>> = (problem.blocks().iter())
        .map(|block| {
            let column = |&upper: &f64| {
                let column = variable().min(0.0);
                variables.add(if upper.is_finite() {
                    column.max(upper)
                } else {
                    column
                })
            };
            block.uppers().iter().map(column).collect()
        })
        .collect();
    let objective: Expression = x
        .iter()
        .zip(gains)
        .flat_map(|(x, gains)| x.iter().zip(gains))
        .map(|(&x, &gain)| gain * x)
        .sum();
    let mut model = variables.maximise(objective).using(good_lp::microlp);
    let mut shared = vec![Expression::from(0.0); problem.shared_bounds().len()];
    for (block, x) in problem.blocks().iter().zip(&x) {
        let mut own = vec![Expression::from(0.0); block.own_bounds().len()];
        for (column, &x) in x.iter().enumerate() {
            for &(row, coefficient) in block.shared_entries(column) {
                shared[row as usize] += coefficient * x;
            }
            for &(row, coefficient) in block.own_entries(column) {
                own[row as usize] += coefficient * x;
            }
        }
        for (row, &bound) in own.into_iter().zip(block.own_bounds()) {
            model = model.with(row.leq(bound));
        }
    }
    for (row, &bound) in shared.into_iter().zip(problem.shared_bounds()) {
        model = model.with(row.leq(bound));
    }
    let solution = model.solve().unwrap();
    x.iter()
        .map(|x| x.iter().map(|&x| solution.value(x)).collect())
        .collect()
}

/// The largest level that all blocks can be held to, as a column of its own; and as a block whose column is in a shared row of
/// each block.
#[test]
fn a_common_level_is_that_of_rows_that_all_share() {
    let mut random = Random(33);
    let (mut compared, mut unsolved) = (0, 0);
    for _ in 0..60 {
        let (blocks, classes) = (1 + random.below(6), 1 + random.below(3));
        let base = random_problem(&mut random, Objective::Linear, blocks, classes);
        let scales: Vec<f64> = (0..blocks).map(|_| 1.0 + random.below(4) as f64).collect();
        let mut own = Problem::new(Objective::Linear);
        let mut shared = Problem::new(Objective::Linear);
        for &bound in base.shared_bounds() {
            own.add_shared_row(bound);
            shared.add_shared_row(bound);
        }
        let mut entries = Vec::new();
        let mut t = Block::new(1.0);
        let mut rows = Vec::new();
        for (at, (block, &scale)) in base.blocks().iter().zip(&scales).enumerate() {
            let mut level = block.clone();
            level.set_weight(0.0);
            entries.push((at, level.add_floor(0.0), scale));
            own.add_block(level);
            rows.push((shared.add_shared_row(0.0), scale));
            let mut copy = Block::new(0.0);
            for &bound in block.own_bounds() {
                copy.add_own_row(bound);
            }
            for column in 0..block.columns() {
                let narrow = |&(row, entry): &(u32, f64)| (row as usize, entry);
                let counted = (rows[at].0, -block.values()[column]);
                copy.add_column(
                    0.0,
                    block.uppers()[column],
                    block
                        .shared_entries(column)
                        .iter()
                        .map(narrow)
                        .chain([counted]),
                    block.own_entries(column).iter().map(narrow),
                );
            }
            shared.add_block(copy);
        }
        own.set_common(Common {
            value: 1.0,
            upper: f64::INFINITY,
            entries,
        });
        t.add_column(1.0, f64::INFINITY, rows, []);
        shared.add_block(t);
        let found = solve(&own, &Settings::default()).unwrap();
        let expected = solve(&shared, &Settings::default()).unwrap();
        // Whoever is told that it is not the optimum does not take it for one.
        let is_known = matches!(found.status, Status::Optimal | Status::Inaccurate);
        if !is_known || expected.status != Status::Optimal {
            unsolved += 1;
            continue;
        }
        let expected = expected.utilities[blocks];
        assert!(
            (found.common - expected).abs() <= 1e-5 * expected.max(1e-3),
            "{} {expected}",
            found.common
        );
        let simplex = simplex(&shared, &shared_gains(&shared));
        let simplex = simplex[blocks][0];
        assert!((found.common - simplex).abs() <= 1e-5 * simplex.max(1e-3));
        compared += 1;
    }
    assert!(
        compared > 40 && unsolved * 10 <= compared,
        "{compared} {unsolved}"
    );
}

/// The gains of a problem's columns.
fn shared_gains(problem: &Problem) -> Vec<Vec<f64>> {
    let gains = |block: &Block| {
        let values = block.values().iter();
        values.map(|value| block.weight() * value).collect()
    };
    problem.blocks().iter().map(gains).collect()
}

fn utilities(problem: &Problem, x: &[Vec<f64>]) -> Vec<f64> {
    problem
        .blocks()
        .iter()
        .zip(x)
        .map(|(block, x)| block.utility(x))
        .collect()
}

#[test]
fn linear_optima_are_those_of_a_simplex_code() {
    let mut random = Random(21);
    for _ in 0..60 {
        let (blocks, classes) = (1 + random.below(5), 1 + random.below(3));
        let problem = random_problem(&mut random, Objective::Linear, blocks, classes);
        let gains: Vec<Vec<f64>> = (problem.blocks().iter())
            .map(|block| {
                block
                    .values()
                    .iter()
                    .map(|value| block.weight() * value)
                    .collect()
            })
            .collect();
        let value = |x: &[Vec<f64>]| -> f64 {
            utilities(&problem, x)
                .iter()
                .zip(problem.blocks())
                .map(|(u, block)| u * block.weight())
                .sum()
        };
        let solution = solve(&problem, &Settings::default()).unwrap();
        assert_eq!(solution.status, Status::Optimal);
        let (ours, theirs) = (value(&solution.x), value(&simplex(&problem, &gains)));
        assert!(
            (ours - theirs).abs() <= 1e-7 * theirs.max(1e-3),
            "{ours} {theirs}"
        );
    }
}

/// `sum w ln u` over the blocks that are not excluded.
fn welfare(problem: &Problem, excluded: &[usize], utilities: &[f64]) -> f64 {
    let blocks = problem.blocks().iter().zip(utilities).enumerate();
    blocks
        .filter(|(p, _)| !excluded.contains(p))
        .map(|(_, (block, utility))| block.weight() * utility.ln())
        .sum()
}

#[test]
fn conditional_gradients_approach_the_optimum_from_below_and_bound_it_from_above() {
    let mut random = Random(5);
    let mut compared = 0;
    for _ in 0..12 {
        let problem = random_problem(&mut random, Objective::LogUtility, 3, 2);
        let solution = solve(&problem, &Settings::default()).unwrap();
        assert_eq!(solution.status, Status::Optimal);
        let active = |p: usize| !solution.excluded.contains(&p);
        if problem.blocks().iter().enumerate().all(|(p, _)| !active(p)) {
            continue;
        }
        let optimum = welfare(&problem, &solution.excluded, &solution.utilities);
        // A start inside: the average of the best points of each block.
        let alone = |favored: usize| -> Vec<Vec<f64>> {
            let gain = |(p, block): (usize, &super::super::Block)| {
                block
                    .values()
                    .iter()
                    .map(|value| if p == favored { *value } else { 0.0 })
                    .collect()
            };
            simplex(
                &problem,
                &problem
                    .blocks()
                    .iter()
                    .enumerate()
                    .map(gain)
                    .collect::<Vec<_>>(),
            )
        };
        let starts: Vec<_> = (0..3).map(alone).collect();
        let mut point = utilities(&problem, &starts[0]);
        for start in &starts[1..] {
            point
                .iter_mut()
                .zip(utilities(&problem, start))
                .for_each(|(sum, u)| *sum += u);
        }
        point.iter_mut().for_each(|sum| *sum /= 3.0);
        let mut upper = f64::INFINITY;
        for _ in 0..150 {
            let gains: Vec<Vec<f64>> = (problem.blocks().iter().enumerate())
                .map(|(p, block)| {
                    let factor = if active(p) {
                        block.weight() / point[p]
                    } else {
                        0.0
                    };
                    block.values().iter().map(|value| factor * value).collect()
                })
                .collect();
            let target = utilities(&problem, &simplex(&problem, &gains));
            let slope: f64 = (0..3)
                .filter(|&p| active(p))
                .map(|p| problem.blocks()[p].weight() * (target[p] - point[p]) / point[p])
                .sum();
            upper = upper.min(welfare(&problem, &solution.excluded, &point) + slope);
            let at = |step: f64| -> Vec<f64> {
                point
                    .iter()
                    .zip(&target)
                    .map(|(from, to)| from + step * (to - from))
                    .collect()
            };
            // The best step by thirds: the welfare is concave along the segment.
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..60 {
                let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
                let value = |step| welfare(&problem, &solution.excluded, &at(step));
                if value(left) < value(right) {
                    low = left;
                } else {
                    high = right;
                }
            }
            point = at(low);
        }
        let lower = welfare(&problem, &solution.excluded, &point);
        assert!(
            lower <= optimum + 1e-7 && optimum <= upper + 1e-7,
            "{lower} {optimum} {upper}"
        );
        assert!(upper - lower < 0.3, "{lower} {upper}");
        compared += 1;
    }
    assert!(compared >= 6, "{compared}");
}

#[test]
fn two_blocks_on_one_class_agree_with_a_grid() {
    let mut random = Random(9);
    for _ in 0..40 {
        let mut amount = || 1.0 + random.below(9) as f64;
        let bounds = [10.0 * amount(), 10.0 * amount()];
        let demands = [[amount(), amount()], [amount(), amount()]];
        let weights = [amount(), amount()];
        let mut problem = Problem::new(Objective::LogUtility);
        let rows = bounds.map(|bound| problem.add_shared_row(bound));
        for (demand, weight) in demands.iter().zip(weights) {
            let mut block = super::super::Block::new(weight);
            block.add_column(1.0, f64::INFINITY, rows.iter().copied().zip(*demand), []);
            problem.add_block(block);
        }
        let solution = solve(&problem, &Settings::default()).unwrap();
        let most = (bounds[0] / demands[0][0]).min(bounds[1] / demands[0][1]);
        let rest = |first: f64| {
            (0..2)
                .map(|kind| (bounds[kind] - demands[0][kind] * first) / demands[1][kind])
                .fold(f64::INFINITY, f64::min)
        };
        let value = |first: f64| weights[0] * first.ln() + weights[1] * rest(first).ln();
        let best = (1..20_000)
            .map(|step| value(most * f64::from(step) / 20_000.0))
            .fold(f64::NEG_INFINITY, f64::max);
        let ours = value(solution.utilities[0].min(most * (1.0 - 1e-12)));
        assert!(ours >= best - 1e-9, "{ours} {best}");
        assert!(ours <= best + 1e-3, "{ours} {best}");
    }
}
