//! How little could cross racks: by counting, and by prices.

use std::collections::BTreeMap;

use apportion_cluster::plan::Multiplier;

use super::Ahead;
use crate::verify::mapreduce::mib;

impl Ahead<'_> {
    /// MiB that must cross racks: of tasks that have no rack in common.
    pub(in crate::verify) fn least_shuffled(&self) -> f64 {
        let mut sum = 0.0;
        if !self.is_whole() {
            return sum;
        }
        for (map, reduce, part) in self.pulls() {
            let (from, to) = (&self.fits[&map], &self.fits[&reduce]);
            let near = from.iter().any(|&one| {
                to.iter()
                    .any(|&other| one == other || self.hadoop.are_near(one, other))
            });
            if !near {
                sum += part * (self.pending(map) * self.pending(reduce)) as f64;
            }
        }
        sum
    }

    /// MiB that cross racks in plans that read no more over the network than this one, with a price of what is read beyond the least.
    /// Wherever a reduce instance is, a map instance is in its rack, and then costs what it costs there at least, or its output crosses
    /// racks; absent where a price is of something else.
    pub(in crate::verify) fn least_shuffled_at(&self, prices: &[Multiplier]) -> Option<f64> {
        let mut price = 0.0;
        for it in prices {
            if it.resource != "kept:network" || !it.agents.is_empty() || it.price < 0.0 {
                return None;
            }
            price += it.price;
        }
        if !self.is_whole() {
            return Some(0.0);
        }
        let pulls = self.pulls().into_iter().filter(|it| it.2 > 0.0);
        let pulls: Vec<(usize, usize, f64)> = pulls.collect();
        let mut pulled_by: BTreeMap<usize, f64> = BTreeMap::new();
        let mut of_reduce: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
        for &(map, reduce, part) in &pulls {
            *pulled_by.entry(map).or_default() += 1.0;
            let amount = part * (self.pending(map) * self.pending(reduce)) as f64;
            of_reduce.entry(reduce).or_default().push((map, amount));
        }
        let dearer: BTreeMap<usize, BTreeMap<Option<usize>, f64>> =
            (pulled_by.iter().map(|(&map, &reduces)| {
                let mut by_rack = self.least_by_rack(map);
                let least = by_rack.values().copied().fold(f64::INFINITY, f64::min);
                for cost in by_rack.values_mut() {
                    *cost = (*cost - least) * self.pending(map) as f64 / reduces;
                }
                (map, by_rack)
            }))
            .collect();
        let mut sum = -price * (self.network() - self.least_network()).max(0.0);
        for (reduce, maps) in of_reduce {
            let racks = self.least_by_rack(reduce).into_keys();
            let in_rack = racks.map(|rack| {
                let parts = maps.iter().map(|&(map, amount)| {
                    let dearer = dearer[&map].get(&rack);
                    dearer.map_or(amount, |dearer| amount.min(price * dearer))
                });
                parts.sum::<f64>()
            });
            let least = in_rack.fold(f64::INFINITY, f64::min);
            sum += if least.is_finite() { least } else { 0.0 };
        }
        Some(sum)
    }

    /// MiB that an instance costs in each rack at the least.
    fn least_by_rack(&self, task: usize) -> BTreeMap<Option<usize>, f64> {
        let mut by_rack = BTreeMap::new();
        for &agent in self.fits[&task].iter() {
            let cost = mib(self.hadoop.here(task, agent));
            let least = by_rack.entry(self.hadoop.rack_of(agent)).or_insert(cost);
            *least = cost.min(*least);
        }
        by_rack
    }
}
