//! Vectors of resource amounts: integers, one per resource of the cluster.

use serde::{Deserialize, Serialize};

/// The largest amount of one resource that a snapshot may state (10^15): sums over any cluster that
/// fits in memory stay far inside 128 bits, and single amounts are exact as `f64`.
pub const MAX_QUANTITY: i64 = 1_000_000_000_000_000;

/// The largest number of instances that one task may ask for.
pub const MAX_INSTANCES: i64 = 1_000_000_000;

/// Longest work of one instance, and longest wait of a job, in milliseconds: about 31 years.
pub const MAX_WORK_MS: i64 = 1_000_000_000_000;

/// Largest block, and the most that a reduce task pulls from one map task or all, in MiB.
pub const MAX_DATA_MIB: i64 = 1_000_000_000;

/// An amount of each resource, in the unit that the resource's name states.
///
/// Shape: one entry per entry of [`Cluster::resources`](crate::Cluster::resources), same order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantities(pub Vec<i64>);

impl Quantities {
    /// Nothing of each of `n_resources` resources.
    #[must_use]
    pub fn zero(n_resources: usize) -> Self {
        Self(vec![0; n_resources])
    }

    /// Whether every amount is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|&amount| amount == 0)
    }

    /// Whether `self` fits into `room`, resource by resource; only resources asked for count.
    #[must_use]
    pub fn fits_in(&self, room: &Self) -> bool {
        self.0
            .iter()
            .zip(&room.0)
            .all(|(&need, &have)| need == 0 || need <= have)
    }

    /// How many copies of `self` fit into `room`; `i64::MAX` if `self` asks for nothing.
    #[must_use]
    pub fn copies_in(&self, room: &Self) -> i64 {
        let counts = self.0.iter().zip(&room.0).filter(|&(&need, _)| need > 0);
        counts
            .map(|(&need, &have)| (have / need).max(0))
            .min()
            .unwrap_or(i64::MAX)
    }

    /// Adds `count` copies of `other`.
    ///
    /// # Panics
    /// On overflow; amounts bounded by [`MAX_QUANTITY`] and counts that fit a capacity cannot reach it.
    pub fn add(&mut self, other: &Self, count: i64) {
        for (amount, &more) in self.0.iter_mut().zip(&other.0) {
            *amount += more * count;
        }
    }

    /// Takes away `count` copies of `other`; the result may be negative.
    ///
    /// # Panics
    /// On overflow, as [`Quantities::add`].
    pub fn subtract(&mut self, other: &Self, count: i64) {
        self.add(other, -count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requested_resources_count() {
        let demand = Quantities(vec![2, 0]);
        assert!(demand.fits_in(&Quantities(vec![2, -5])));
        assert!(!demand.fits_in(&Quantities(vec![1, 9])));
        assert_eq!(demand.copies_in(&Quantities(vec![7, -5])), 3);
        assert_eq!(demand.copies_in(&Quantities(vec![-7, 0])), 0);
        assert_eq!(
            Quantities::zero(2).copies_in(&Quantities::zero(2)),
            i64::MAX
        );
    }
}
