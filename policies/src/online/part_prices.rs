//! What a part of a device is worth: shadow prices of packing parts into devices.
//!
//! # Model
//!
//! Sizes `m_k` (thousandths of a device) arrive with weight `a_k`. A pattern holds `n_k` parts of each size, in
//! sum at most one device. The fluid packing problem takes each pattern `p` in some amount `x_p >= 0`:
//!
//! - minimize the number of devices, the sum of `x_p`;
//! - `arrivals[k]`: the sum over `p` of `n_kp x_p` is at least `a_k`.
//!
//! The shadow price `pi_k` of row `k` is what one part of that size costs in devices when packing is as good as
//! it can be; no pattern is worth more than one device. Free room `f` on a device is worth the best that fits:
//! `phi(f) = max of the sum of n_k pi_k with the sum of n_k m_k at most f`. A scarce filler is priced low, so room
//! that only it could fill is worth little: where parts of 810 are many and parts of 160 few, `phi(190) = 0`.
//!
//! # Units
//!
//! Thousandths of a device, both for sizes and for worth: `phi(1000) = 1000`.
//!
//! # Source
//!
//! Patterns and pricing by knapsack: Gilmore and Gomory, "A Linear Programming Approach to the Cutting-Stock
//! Problem", Operations Research 9, 1961. Scaling of prices that are not yet optimal: Farley, "A note on
//! bounding a class of linear programming problems", Operations Research 38, 1990.

use std::collections::BTreeMap;

use super::fleet::WHOLE_DEVICE;
use super::population::Population;

/// More distinct sizes than this are rounded up to multiples of [`COARSE_STEP`].
const MAX_SIZES: usize = 128;
const COARSE_STEP: i64 = 8;
const TOLERANCE: f64 = 1e-9;

/// The worth of free room on one device, for one population.
#[derive(Debug, Clone)]
pub struct PartPrices {
    /// `phi`, by free thousandths.
    worth: Vec<f64>,
}

impl PartPrices {
    /// Prices for arrivals like `population`.
    #[must_use]
    pub fn of(population: &Population) -> Self {
        let mut arrivals: BTreeMap<i64, f64> = BTreeMap::new();
        for (shape, share) in population.shapes() {
            if shape.devices > 0 && shape.device_milli < WHOLE_DEVICE {
                *arrivals.entry(shape.device_milli).or_default() += share * shape.devices as f64;
            }
        }
        if arrivals.len() > MAX_SIZES {
            let mut coarse: BTreeMap<i64, f64> = BTreeMap::new();
            for (size, weight) in arrivals {
                let rounded = (size + COARSE_STEP - 1) / COARSE_STEP * COARSE_STEP;
                *coarse.entry(rounded.min(WHOLE_DEVICE)).or_default() += weight;
            }
            arrivals = coarse;
        }
        let sizes: Vec<usize> = arrivals.keys().map(|&size| size as usize).collect();
        let weights: Vec<f64> = arrivals.values().copied().collect();
        let packing = Packing::solve(&sizes, &weights);
        // Prices of a search that was cut short may value a pattern above one device: scale them down.
        let (best, _) = best_pattern(&sizes, &packing.prices, WHOLE_DEVICE as usize);
        let scale = WHOLE_DEVICE as f64 / best.max(1.0);
        let prices: Vec<f64> = packing
            .prices
            .iter()
            .map(|price| price.max(0.0) * scale)
            .collect();
        let mut worth = knapsack(&sizes, &prices, WHOLE_DEVICE as usize);
        for worth in &mut worth {
            *worth = worth.min(WHOLE_DEVICE as f64);
        }
        worth[WHOLE_DEVICE as usize] = WHOLE_DEVICE as f64;
        Self { worth }
    }

    /// What `free` thousandths of one device are worth, in thousandths.
    #[must_use]
    pub fn worth(&self, free: i64) -> f64 {
        self.worth[free.clamp(0, WHOLE_DEVICE) as usize]
    }
}

/// The best total price within each room up to `room`.
fn knapsack(sizes: &[usize], prices: &[f64], room: usize) -> Vec<f64> {
    let mut best = vec![0.0_f64; room + 1];
    for free in 1..=room {
        let mut highest = best[free - 1];
        for (&size, &price) in sizes.iter().zip(prices) {
            if size <= free {
                highest = highest.max(best[free - size] + price);
            }
        }
        best[free] = highest;
    }
    best
}

/// The pattern with the highest total price: its value and how many parts of each size it has.
fn best_pattern(sizes: &[usize], prices: &[f64], room: usize) -> (f64, Vec<f64>) {
    let best = knapsack(sizes, prices, room);
    let mut counts = vec![0.0; sizes.len()];
    let mut free = room;
    while free > 0 {
        // The first size that explains the value; otherwise a thousandth stays empty.
        let part = (0..sizes.len()).find(|&part| {
            prices[part] > 0.0
                && sizes[part] <= free
                && best[free] <= best[free - sizes[part]] + prices[part]
        });
        match part {
            Some(part) if best[free] > best[free - 1] => {
                counts[part] += 1.0;
                free -= sizes[part];
            }
            _ => free -= 1,
        }
    }
    (best[room], counts)
}

/// The fluid packing problem, solved by column generation with a dense basis inverse.
struct Packing {
    /// Devices per size, by row.
    prices: Vec<f64>,
    /// The amount of the column that is basic in each row, and what it costs (patterns 1, surplus 0).
    amounts: Vec<f64>,
    costs: Vec<f64>,
    inverse: Vec<Vec<f64>>,
}

impl Packing {
    fn solve(sizes: &[usize], weights: &[f64]) -> Self {
        let mut packing = Self::pure_patterns(sizes, weights);
        let room = WHOLE_DEVICE as usize;
        // Far more than column generation needs; a cycle of degenerate steps ends here.
        for _ in 0..1000 + 50 * sizes.len() {
            packing.price();
            let negative = (0..sizes.len()).find(|&row| packing.prices[row] < -TOLERANCE);
            let (cost, column) = if let Some(row) = negative {
                let mut surplus = vec![0.0; sizes.len()];
                surplus[row] = -1.0;
                (0.0, surplus)
            } else {
                let (value, pattern) = best_pattern(sizes, &packing.prices, room);
                if value <= 1.0 + TOLERANCE {
                    break;
                }
                (1.0, pattern)
            };
            if !packing.enter(cost, &column) {
                break;
            }
        }
        packing
    }

    /// The basis in which each size is packed with its own kind only.
    fn pure_patterns(sizes: &[usize], weights: &[f64]) -> Self {
        let n_rows = sizes.len();
        let per_device: Vec<f64> = sizes
            .iter()
            .map(|size| (WHOLE_DEVICE as usize / size) as f64)
            .collect();
        let row = |row: usize| {
            (0..n_rows)
                .map(|at| {
                    if at == row {
                        1.0 / per_device[row]
                    } else {
                        0.0
                    }
                })
                .collect()
        };
        Self {
            prices: vec![0.0; n_rows],
            amounts: weights
                .iter()
                .zip(&per_device)
                .map(|(weight, count)| weight / count)
                .collect(),
            costs: vec![1.0; n_rows],
            inverse: (0..n_rows).map(row).collect(),
        }
    }

    /// Prices of the current basis: its costs times its inverse.
    fn price(&mut self) {
        self.prices.fill(0.0);
        for (cost, row) in self.costs.iter().zip(&self.inverse) {
            for (price, entry) in self.prices.iter_mut().zip(row) {
                *price += cost * entry;
            }
        }
    }

    /// Brings a column into the basis; false if no row leaves.
    fn enter(&mut self, cost: f64, column: &[f64]) -> bool {
        let dot = |row: &Vec<f64>| {
            row.iter()
                .zip(column)
                .map(|(entry, count)| entry * count)
                .sum()
        };
        let direction: Vec<f64> = self.inverse.iter().map(dot).collect();
        let ratio = |row: usize| self.amounts[row] / direction[row];
        let leaving = (0..direction.len())
            .filter(|&row| direction[row] > TOLERANCE)
            .min_by(|&left, &right| ratio(left).total_cmp(&ratio(right)));
        let Some(leaving) = leaving else { return false };
        let step = ratio(leaving);
        let pivot: Vec<f64> = self.inverse[leaving]
            .iter()
            .map(|entry| entry / direction[leaving])
            .collect();
        for (row, along) in direction
            .iter()
            .enumerate()
            .filter(|&(row, _)| row != leaving)
        {
            self.amounts[row] = (self.amounts[row] - step * along).max(0.0);
            for (entry, pivot) in self.inverse[row].iter_mut().zip(&pivot) {
                *entry -= along * pivot;
            }
        }
        self.inverse[leaving] = pivot;
        self.amounts[leaving] = step;
        self.costs[leaving] = cost;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::fleet::Shape;
    use super::super::population::Population;
    use super::super::random::SplitMix64;
    use super::{Packing, PartPrices, best_pattern};

    fn devices(packing: &Packing) -> f64 {
        packing
            .amounts
            .iter()
            .zip(&packing.costs)
            .map(|(amount, cost)| amount * cost)
            .sum()
    }

    #[test]
    fn two_sizes_that_fill_a_device_share_its_price() {
        let packing = Packing::solve(&[400, 600], &[1.0, 1.0]);
        assert!((devices(&packing) - 1.0).abs() < 1e-9);
        assert!((packing.prices[0] + packing.prices[1] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn room_is_worth_what_the_population_puts_there() {
        let part = |device_milli| Shape {
            amounts: vec![],
            devices: 1,
            device_milli,
            models: vec![],
        };
        let population = Population::new(&[(part(810), 9.0), (part(160), 1.0)]);
        let prices = PartPrices::of(&population.expect("weights are above 0"));
        let worth = [0, 190, 809, 810, 1000].map(|free| prices.worth(free).round() as i64);
        assert_eq!(worth, [0, 0, 0, 1000, 1000]);
    }

    #[test]
    fn many_sizes_are_priced_as_well() {
        let part = |device_milli| Shape {
            amounts: vec![],
            devices: 1,
            device_milli,
            models: vec![],
        };
        let weighted: Vec<(Shape, f64)> = (1..1000).map(|size| (part(size), 1.0)).collect();
        let prices = PartPrices::of(&Population::new(&weighted).expect("weights are above 0"));
        let worth: Vec<f64> = (0..=1000).map(|free| prices.worth(free)).collect();
        assert!(worth.windows(2).all(|pair| pair[0] <= pair[1]));
        // No two parts that share a device are worth more than it.
        assert!((0..=1000).all(|free| worth[free] + worth[1000 - free] <= 1000.0 + 1e-6));
    }

    #[test]
    fn a_scarce_filler_is_free() {
        let packing = Packing::solve(&[160, 810], &[0.1, 1.0]);
        assert!((packing.prices[1] - 1.0).abs() < 1e-9);
        assert!(packing.prices[0].abs() < 1e-9);
    }

    #[test]
    fn an_abundant_filler_costs_its_own_packing() {
        // Six parts of 160 fill a device, far more arrive than the gaps beside 810 take.
        let packing = Packing::solve(&[160, 810], &[10.0, 1.0]);
        assert!((packing.prices[0] - 1.0 / 6.0).abs() < 1e-9);
        assert!((packing.prices[1] - 5.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn prices_prove_the_packing_optimal_on_random_sizes() {
        let mut random = SplitMix64::new(3);
        for _ in 0..200 {
            let mut sizes: Vec<usize> = (0..1 + random.below(20))
                .map(|_| 1 + random.below(999))
                .collect();
            sizes.sort_unstable();
            sizes.dedup();
            let weights: Vec<f64> = sizes
                .iter()
                .map(|_| 1.0 + random.below(100) as f64)
                .collect();
            let packing = Packing::solve(&sizes, &weights);
            // Primal and dual feasible with equal objectives: both optimal.
            let dual: f64 = packing
                .prices
                .iter()
                .zip(&weights)
                .map(|(price, weight)| price * weight)
                .sum();
            assert!(
                (devices(&packing) - dual).abs() < 1e-6 * dual.max(1.0),
                "{sizes:?} {weights:?}"
            );
            assert!(best_pattern(&sizes, &packing.prices, 1000).0 < 1.0 + 1e-6);
            assert!(packing.prices.iter().all(|&price| price > -1e-6));
        }
    }
}
