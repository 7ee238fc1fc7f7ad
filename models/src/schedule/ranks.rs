//! In which order operations are placed: the longest way to the end first.

use super::slots::Shop;
use super::types::Network;

/// What the way to the end is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measure {
    /// Of the times that an operation takes in its bins: the mean, or the least.
    pub least: bool,
    /// The part of the time that a transfer between groups takes.
    pub transfer: f64,
}

/// The measures that are tried, beside that of the published method.
pub(super) const MEASURES: [Measure; 6] = [
    Measure {
        least: false,
        transfer: 1.0,
    },
    Measure {
        least: false,
        transfer: 0.5,
    },
    Measure {
        least: false,
        transfer: 0.0,
    },
    Measure {
        least: true,
        transfer: 1.0,
    },
    Measure {
        least: true,
        transfer: 0.0,
    },
    Measure {
        least: false,
        transfer: 2.0,
    },
];

impl Shop<'_> {
    /// The measure of the published method: transfers take their mean over all pairs of different bins.
    pub(super) fn published(&self) -> Measure {
        let (mut sum, mut pairs) = (0.0, 0.0);
        let n_bins = self.schedule.bins.len() as u32;
        for one in 0..n_bins {
            for other in (0..n_bins).filter(|&other| other != one) {
                sum += Network::seconds(self.schedule.rate(one, other));
                pairs += 1.0;
            }
        }
        let across = Network::seconds(self.schedule.network.across);
        let is_known = pairs > 0.0 && across > 0.0;
        Measure {
            least: false,
            transfer: if is_known { sum / pairs / across } else { 1.0 },
        }
    }

    /// The longest way from each operation to the end.
    pub(super) fn ranks(&self, measure: Measure) -> Vec<f64> {
        let mut ranks = vec![0.0_f64; self.schedule.operations.len()];
        let per_unit = 1000.0 * Network::seconds(self.schedule.network.across) * measure.transfer;
        for &operation in self.topological.iter().rev() {
            let ways = self.ways[operation as usize].iter().map(|way| way.1);
            let duration = if measure.least {
                ways.min().unwrap_or(0) as f64
            } else {
                let n = self.ways[operation as usize].len().max(1) as f64;
                ways.sum::<i64>() as f64 / n
            };
            let next = self.after[operation as usize].iter();
            let next = next.map(|edge| ranks[edge.to as usize] + per_unit * edge.amount as f64);
            ranks[operation as usize] = duration + next.fold(0.0, f64::max);
        }
        ranks
    }

    /// The operations, the highest rank first, each after all that it follows.
    pub(super) fn order(&self, ranks: &[f64]) -> Vec<u32> {
        let mut waits: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut ready: std::collections::BinaryHeap<(Rank, std::cmp::Reverse<u32>)> =
            (self.topological.iter())
                .filter(|&&it| waits[it as usize] == 0)
                .map(|&it| (Rank(ranks[it as usize]), std::cmp::Reverse(it)))
                .collect();
        let mut order = Vec::with_capacity(self.topological.len());
        while let Some((_, std::cmp::Reverse(operation))) = ready.pop() {
            order.push(operation);
            for edge in &self.after[operation as usize] {
                waits[edge.to as usize] -= 1;
                if waits[edge.to as usize] == 0 {
                    ready.push((Rank(ranks[edge.to as usize]), std::cmp::Reverse(edge.to)));
                }
            }
        }
        order
    }
}

/// A number that can be sorted by.
#[derive(PartialEq)]
struct Rank(f64);

impl Eq for Rank {}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
