//! How much has to cross the network at least: alone, and by published prices.

use std::collections::BTreeMap;
use std::rc::Rc;

use apportion_cluster::plan::{Multiplier, StageResult};

use super::Reach;
use super::multipliers::KeptPrice;
use super::prices::Price;
use crate::verify::domains::CountedLimit;
use crate::verify::mapreduce::{Hadoop, mib};
use crate::verify::report::Findings;
use crate::verify::stages::Measure;

impl Reach<'_> {
    /// What stays, and of each task the instances that are certainly placed where they cost least.
    pub(super) fn least_network_alone(&self) -> f64 {
        let hadoop = Hadoop::of(self.state, self.framework);
        let mut sum = hadoop.costs(&self.state.kept);
        for &task in &self.tasks {
            let mut costs: Vec<(i128, i128)> = self
                .copies(task)
                .iter()
                .map(|&(agent, count)| (hadoop.cost(task, agent), count))
                .collect();
            costs.sort_unstable();
            let mut left = self.fewest(task);
            for (cost, count) in costs {
                sum += cost * count.min(left);
                left -= count.min(left);
            }
        }
        mib(sum)
    }

    /// `sum c K + sum_t least_t + sum_s mu_s (value of s that arrives) - sum_a pi_a O_a`, where an instance counts
    /// `c + pi_a d - sum_s mu_s v_s` and `least_t` is the least sum over the ways to place the task alone; of an offer only whole
    /// multiples of the greatest common divisor of all demands count.
    pub(in crate::verify) fn least_network(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let (kept, prices) = self.kept_prices(earlier, multipliers, findings)?;
        let prices = self.prices(&prices, findings)?;
        let hadoop = Hadoop::of(self.state, self.framework);
        let mut sum = mib(hadoop.costs(&self.state.kept)) + self.kept_value(&kept);
        for &task in &self.tasks {
            sum += self.least_of(task, &hadoop, &prices, &kept);
        }
        let divisors = self.divisors();
        for (&agent, offer) in &self.state.offers[self.framework] {
            for price in prices.get(&agent).into_iter().flatten() {
                sum -= price.price * self.offered(agent, offer, price, &divisors);
            }
        }
        Some(sum)
    }

    /// The least that a task's instances sum up to at these prices, under the one of its limits that gives most.
    fn least_of(
        &self,
        task: usize,
        hadoop: &Hadoop<'_>,
        prices: &BTreeMap<usize, Vec<Rc<Price<'_>>>>,
        kept: &[KeptPrice],
    ) -> f64 {
        let mut bins: Vec<(f64, usize, i128)> = Vec::new();
        for &(agent, count) in self.copies(task) {
            let paid = prices.get(&agent).into_iter().flatten();
            let paid: f64 = paid
                .map(|price| price.price * self.needed(task, price))
                .sum();
            bins.push((
                mib(hadoop.cost(task, agent)) + paid - self.kept_worth(task, agent, kept),
                agent,
                count,
            ));
        }
        bins.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
        let fewest = self.fewest(task);
        let with = |limit: Option<&CountedLimit<'_>>| {
            let mut used: BTreeMap<usize, i128> = BTreeMap::new();
            let (mut sum, mut placed) = (0.0, 0);
            for &(coefficient, agent, count) in &bins {
                let wanted = if coefficient < 0.0 {
                    self.most[&task]
                } else {
                    fewest
                };
                let mut here = count.min(wanted - placed).max(0);
                if let Some(limit) = limit {
                    let level = limit.rule.level.at();
                    let domain = self.state.cluster.agents[agent].domains[level].at();
                    let used = used.entry(domain).or_default();
                    here = here.min(limit.room(domain) - *used).max(0);
                    *used += here;
                }
                placed += here;
                sum += coefficient * here as f64;
            }
            sum
        };
        let limits = self.limits(task).map(|limit| with(Some(limit)));
        limits.fold(with(None), f64::max)
    }
}
