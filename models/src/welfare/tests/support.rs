//! Random problems and a naive check of the optimality conditions.

use super::super::{Block, Objective, Problem, Solution};

/// A small generator of pseudo-random numbers (splitmix64), so that failures repeat.
pub(in crate::welfare) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// Classes of capacities (cpu-like, memory-like, a scarce one) as shared rows; blocks with demands, caps and floors.
pub(in crate::welfare) fn random_problem(
    random: &mut Random,
    objective: Objective,
    blocks: usize,
    classes: usize,
) -> Problem {
    let mut problem = Problem::new(objective);
    let units = [
        10_f64.powi(random.below(9) as i32),
        10_f64.powi(random.below(6) as i32),
        1.0,
    ];
    for _ in 0..classes {
        for (kind, unit) in units.iter().enumerate() {
            let scarce = kind == 2 && random.chance(0.5);
            let amount = 1.0 + random.below(40) as f64;
            problem.add_shared_row(if scarce { 0.0 } else { unit * amount });
        }
    }
    for _ in 0..blocks {
        let weight = if random.chance(0.1) {
            1e-4
        } else {
            1.0 + random.below(5) as f64
        };
        let mut block = Block::new(weight);
        for _ in 0..1 + random.below(3) {
            let value = 1.0 + random.below(9) as f64;
            let demand: Vec<f64> = units
                .iter()
                .enumerate()
                .map(|(kind, unit)| {
                    if kind == 2 && random.chance(0.7) {
                        0.0
                    } else {
                        unit * (1 + random.below(6)) as f64
                    }
                })
                .collect();
            let row = random
                .chance(0.6)
                .then(|| block.add_own_row(random.below(12) as f64));
            for class in (0..classes)
                .filter(|_| random.chance(0.7))
                .collect::<Vec<_>>()
            {
                let shared: Vec<(usize, f64)> = demand
                    .iter()
                    .enumerate()
                    .map(|(kind, &d)| (class * units.len() + kind, d))
                    .collect();
                let upper = if random.chance(0.3) {
                    random.below(5) as f64
                } else {
                    f64::INFINITY
                };
                block.add_column(value, upper, shared, row.map(|row| (row, 1.0)));
            }
        }
        problem.add_block(block);
    }
    problem
}

/// The worst violations, each relative to what it is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kkt {
    pub primal: f64,
    pub dual: f64,
    pub slackness: f64,
}

/// Checks the optimality conditions as the module documentation states them, naively.
pub(super) fn kkt(problem: &Problem, solution: &Solution) -> Kkt {
    let mut kkt = Kkt::default();
    let duals = &solution.duals;
    let mut load = vec![0.0; problem.shared_bounds().len()];
    let mut money = 0.0;
    let mut gap = 0.0;
    for (p, block) in problem.blocks().iter().enumerate() {
        let out = solution.excluded.contains(&p) || block.weight() == 0.0;
        let marginal = match problem.objective() {
            Objective::LogUtility if out => 0.0,
            Objective::LogUtility => block.weight() / solution.utilities[p],
            Objective::Linear => block.weight(),
        };
        money += marginal * solution.utilities[p];
        let mut own_load = vec![0.0; block.own_bounds().len()];
        for j in 0..block.columns() {
            let x = solution.x[p][j];
            assert!(x >= 0.0);
            assert!(duals.upper[p][j] >= 0.0);
            kkt.primal = kkt.primal.max((x - block.uppers()[j]) / (1.0 + x));
            let mut test = duals.upper[p][j];
            let gain = marginal * block.values()[j];
            let mut size = test + gain.abs();
            for &(row, a) in block.shared_entries(j) {
                load[row as usize] += a * x;
                test += a * duals.shared[row as usize];
                size += (a * duals.shared[row as usize]).abs();
            }
            for &(row, a) in block.own_entries(j) {
                own_load[row as usize] += a * x;
                test += a * duals.own[p][row as usize];
                size += (a * duals.own[p][row as usize]).abs();
            }
            if size > 0.0 {
                kkt.dual = kkt.dual.max((gain - test) / size);
            }
            gap += (x * (test - gain)).abs();
            if block.uppers()[j].is_finite() {
                gap += duals.upper[p][j] * (block.uppers()[j] - x).abs();
            }
        }
        for (row, &bound) in block.own_bounds().iter().enumerate() {
            let y = duals.own[p][row];
            assert!(y >= 0.0);
            kkt.primal = kkt
                .primal
                .max((own_load[row] - bound) / (bound.abs() + 1e-300).max(own_load[row].abs()));
            gap += y * (bound - own_load[row]).abs();
        }
    }
    for (row, &bound) in problem.shared_bounds().iter().enumerate() {
        let price = duals.shared[row];
        assert!(price >= 0.0);
        kkt.primal = kkt
            .primal
            .max((load[row] - bound) / (bound.abs() + 1e-300).max(load[row].abs()));
        gap += price * (bound - load[row]).abs();
    }
    kkt.slackness = gap / money.max(1e-300);
    kkt
}
