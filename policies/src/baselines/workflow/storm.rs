//! The choices of Storm and R-Storm: in turn, or near to what was chosen before.

use std::collections::BTreeMap;

use apportion_models::assignment::{Assignment, Traffic};

/// The choices of Storm and R-Storm.
pub(super) struct Storm {
    turn: u32,
    reference: Option<u32>,
    scale: Vec<f64>,
    rack_of: Vec<u32>,
    /// The rack with the most resources, where the first task goes.
    largest_rack: Option<u32>,
}

impl Storm {
    pub(super) fn new(capacity: &[Vec<i64>], rack_of: Vec<u32>) -> Self {
        let n_resources = capacity.first().map_or(0, Vec::len);
        let largest = |at: usize| capacity.iter().map(|it| it[at]).max().unwrap_or(0).max(1);
        let scale: Vec<f64> = (0..n_resources)
            .map(|at| 1.0 / largest(at) as f64)
            .collect();
        let mut racks: BTreeMap<u32, f64> = BTreeMap::new();
        for (amounts, &rack) in capacity.iter().zip(&rack_of) {
            let size: f64 = amounts
                .iter()
                .zip(&scale)
                .map(|(&it, scale)| it as f64 * scale)
                .sum();
            *racks.entry(rack).or_insert(0.0) += size;
        }
        let largest = racks
            .iter()
            .max_by(|left, right| left.1.total_cmp(right.1).then(right.0.cmp(left.0)));
        Self {
            turn: 0,
            reference: None,
            largest_rack: largest.map(|(&rack, _)| rack),
            scale,
            rack_of,
        }
    }

    /// The first bin from where the last turn ended.
    pub(super) fn next_in_turn(&mut self, open: &[u32]) -> Option<u32> {
        let next = open.iter().find(|&&bin| bin >= self.turn).or(open.first());
        let next = *next?;
        self.turn = next + 1;
        Some(next)
    }

    /// The bin whose free amounts are nearest to what is needed, where distance from the reference counts as one more dimension. The
    /// first bin, that with the most free in the rack with the most, becomes the reference.
    pub(super) fn nearest(
        &mut self,
        open: &[u32],
        free: &[Vec<i64>],
        demand: &[i64],
    ) -> Option<u32> {
        let size = |bin: u32| -> f64 {
            let amounts = free[bin as usize].iter().zip(&self.scale);
            amounts.map(|(&it, scale)| it as f64 * scale).sum()
        };
        let Some(reference) = self.reference else {
            let in_largest = |bin: u32| Some(self.rack_of[bin as usize]) == self.largest_rack;
            let first = open.iter().copied().max_by(|&left, &right| {
                let by_size = size(left).total_cmp(&size(right));
                in_largest(left)
                    .cmp(&in_largest(right))
                    .then(by_size)
                    .then(right.cmp(&left))
            });
            self.reference = first;
            return first;
        };
        let distance = |bin: u32| {
            let amounts = free[bin as usize].iter().zip(demand).zip(&self.scale);
            let off = amounts.map(|((&free, &need), scale)| ((free - need) as f64 * scale).powi(2));
            let near = self.rack_of[bin as usize] == self.rack_of[reference as usize]
                && self.rack_of[bin as usize] != u32::MAX;
            let network = if bin == reference {
                0.0
            } else if near {
                1.0
            } else {
                2.0
            };
            (off.sum::<f64>() + f64::powi(network, 2)).sqrt()
        };
        open.iter().copied().min_by(|&left, &right| {
            distance(left)
                .total_cmp(&distance(right))
                .then(left.cmp(&right))
        })
    }
}

pub(super) fn racks_of(model: &Assignment, traffic: Option<&Traffic>) -> Vec<u32> {
    let end = traffic.and_then(|traffic| traffic.ends.first());
    match end.and_then(|end| end.packings.get(1)) {
        Some(packing) => packing.group_of.to_vec(),
        None => vec![u32::MAX; model.bins.len()],
    }
}
