//! Parts of devices that count more than their thousandths.
//!
//! # Model
//! A [`Count`] gives every size of part a weight. A device of which `f` thousandths are free holds parts that weigh at most
//! `W(f) = max { sum_s weight_s n_s : sum_s s n_s <= f, n whole }`, a knapsack. So for every bin: the weights of the parts that its copies take
//! are at most the sum of `W` over its devices. With the thousandths themselves as weights that is the plain capacity; with others it
//! says what thousandths cannot say, that two parts of 600 do not fit into 1200, or that parts of 470 leave 60 for nobody.
//!
//! The best weights are the duals of a linear program over fillings of single devices (cutting stock); see `prices`.
//!
//! Source: P. C. Gilmore, R. E. Gomory, "A linear programming approach to the cutting-stock problem", Operations Research 9 (1961).

use serde::{Deserialize, Serialize};

use super::devices::WHOLE_DEVICE;
use super::types::DeviceNeed;

/// A part with the largest weight weighs this much.
const SCALE: f64 = 1e9;

/// Weights of the parts of one kind of device, and the price of a unit of weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Kind of device.
    pub kind: u32,
    /// Sizes of parts in thousandths, ascending, and their weights, above 0; any other part weighs nothing.
    pub weights: Vec<(i64, i64)>,
    /// The price of a unit of weight, at least 0.
    pub price: f64,
}

impl Count {
    /// The count whose weights times price are nearest to `values` of parts of `sizes`, if any is above 0.
    pub(super) fn near(kind: u32, sizes: &[i64], values: &[f64]) -> Option<Self> {
        let largest = values.iter().copied().fold(0.0, f64::max);
        let weights = (sizes.iter().zip(values))
            .map(|(&size, &value)| (size, (value / largest * SCALE).round() as i64))
            .filter(|weight| weight.1 > 0);
        (largest > 0.0).then(|| Self {
            kind,
            weights: weights.collect(),
            price: largest / SCALE,
        })
    }

    /// The weight of a part.
    fn weight(&self, milli: i64) -> i64 {
        let found = self.weights.binary_search_by_key(&milli, |weight| weight.0);
        found.map_or(0, |position| self.weights[position].1)
    }

    /// What the parts of one copy weigh.
    pub(super) fn of_needs(&self, needs: &[DeviceNeed]) -> i64 {
        let of_kind = needs.iter().filter(|need| need.kind == self.kind);
        (of_kind.map(|need| need.count * self.weight(need.milli))).sum()
    }

    /// `W(f)` for `f` from 0 to [`WHOLE_DEVICE`].
    #[must_use]
    pub fn most(&self) -> Vec<i64> {
        let mut most = vec![0_i64; WHOLE_DEVICE as usize + 1];
        for free in 1..most.len() {
            let with = |&(size, weight): &(i64, i64)| {
                let rest = free.checked_sub(size as usize)?;
                Some(most[rest] + weight)
            };
            let best = self.weights.iter().filter_map(with).max().unwrap_or(0);
            most[free] = best.max(most[free - 1]);
        }
        most
    }
}

/// The fillings of a device that are worth more than `price`: for each size, the best one with such a part. Sizes are positions,
/// each with how often it is in.
pub(super) fn fillings(
    free: i64,
    sizes: &[i64],
    values: &[f64],
    price: f64,
) -> Vec<Vec<(usize, i64)>> {
    let mut best = vec![(0.0_f64, usize::MAX); free as usize + 1];
    for amount in 1..best.len() {
        best[amount] = (best[amount - 1].0, usize::MAX);
        for (position, (&size, &value)) in sizes.iter().zip(values).enumerate() {
            if let Some(rest) = amount.checked_sub(size as usize)
                && best[rest].0 + value > best[amount].0
            {
                best[amount] = (best[rest].0 + value, position);
            }
        }
    }
    let mut fillings: Vec<Vec<(usize, i64)>> = Vec::new();
    for (first, (&size, &value)) in sizes.iter().zip(values).enumerate() {
        let Some(mut rest) = (free as usize).checked_sub(size as usize) else {
            continue;
        };
        if value + best[rest].0 <= price {
            continue;
        }
        let mut parts = vec![0_i64; sizes.len()];
        parts[first] = 1;
        while rest > 0 {
            match best[rest].1 {
                usize::MAX => rest -= 1,
                position => {
                    parts[position] += 1;
                    rest -= sizes[position] as usize;
                }
            }
        }
        let parts = parts.into_iter().enumerate().filter(|part| part.1 > 0);
        let filling: Vec<(usize, i64)> = parts.collect();
        if !fillings.contains(&filling) {
            fillings.push(filling);
        }
    }
    fillings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most that parts weigh, trying every number of every part.
    fn slow(free: i64, weights: &[(i64, i64)]) -> i64 {
        let Some((&(size, weight), rest)) = weights.split_first() else {
            return 0;
        };
        let of_number = |n: i64| n * weight + slow(free - n * size, rest);
        (0..=free / size).map(of_number).max().unwrap_or(0)
    }

    #[test]
    fn a_device_holds_what_the_best_filling_weighs() {
        let count = Count {
            kind: 0,
            weights: vec![(190, 3), (250, 7), (470, 11), (600, 12), (1000, 20)],
            price: 1.0,
        };
        let most = count.most();
        for free in (0..=1000).step_by(10) {
            assert_eq!(most[free as usize], slow(free, &count.weights), "{free}");
        }
        let needs = [DeviceNeed {
            kind: 0,
            count: 3,
            milli: 470,
        }];
        assert_eq!(count.of_needs(&needs), 33);
    }

    #[test]
    fn fillings_fit_and_are_worth_more_than_the_price() {
        let (sizes, values) = ([160, 320, 470, 810], [0.1, 0.33, 0.49, 0.81]);
        let found = fillings(1000, &sizes, &values, 0.9);
        let value = |filling: &[(usize, i64)]| -> f64 {
            filling.iter().map(|&(at, n)| values[at] * n as f64).sum()
        };
        let taken = |filling: &[(usize, i64)]| -> i64 {
            filling.iter().map(|&(at, n)| sizes[at] * n).sum()
        };
        assert!(
            found
                .iter()
                .all(|filling| taken(filling) <= 1000 && value(filling) > 0.9)
        );
        assert!(found.contains(&vec![(1, 3)]) && found.contains(&vec![(0, 1), (3, 1)]));
        assert!(fillings(1000, &sizes, &values, 1.0).is_empty());
    }

    #[test]
    fn weights_are_whole_and_the_largest_is_a_billion() {
        let count = Count {
            kind: 2,
            weights: vec![(700, 1_000_000_000)],
            price: 5e-9,
        };
        assert_eq!(Count::near(2, &[300, 700], &[0.0, 5.0]), Some(count));
        assert_eq!(Count::near(0, &[300], &[0.0]), None);
    }
}
