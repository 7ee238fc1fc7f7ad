//! Bounds of values by published prices, and what earlier stages have reached at theirs.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Multiplier, StageResult};

use super::Reach;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::stages::{Measure, thousandths};

/// A published price of what an earlier stage about values has reached.
pub(super) struct KeptPrice {
    priority: Option<i64>,
    at_speed: bool,
    price: f64,
}

impl Reach<'_> {
    /// `sum v K + sum_t B_t max(0, max_a (v_t + sum_s mu_s v_st - pi_a d_t)) + sum_a pi_a O_a - sum_s mu_s (value of s that arrives)`, each value
    /// times the speed where the measure, or the earlier stage `s`, is a throughput.
    /// Parts of devices weigh what the prices say, and of `O_a` whole multiples of the greatest common divisor of all demands count. Absent
    /// where the prices name something unknown or are negative, which is reported.
    pub(in crate::verify) fn multipliers(
        &self,
        measure: Measure,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<f64> {
        let (priority, at_speed) = match measure {
            Measure::Placed(priority) => (priority, false),
            Measure::Throughput(priority) => (priority, true),
            _ => return None,
        };
        let worth = |task: usize, agent: usize| self.state.worth(task, agent, at_speed);
        let (kept, prices) = self.kept_prices(earlier, multipliers, findings)?;
        let prices = self.prices(&prices, findings)?;
        let of_agent = |agent: usize| prices.get(&agent).into_iter().flatten();
        let mut best_of: BTreeMap<(usize, i64), f64> = BTreeMap::new();
        let mut sum = -self.kept_value(&kept);
        for &task in &self.tasks {
            let counts = self.has_priority(task, priority);
            if counts {
                for (&agent, &count) in &self.state.kept[task] {
                    sum += thousandths(worth(task, agent) * count);
                }
            }
            let of_priority =
                self.state.cluster.jobs[self.state.cluster.tasks[task].job.at()].priority;
            let key = (self.shapes[&task], of_priority);
            let best = *best_of.entry(key).or_insert_with(|| {
                let worths = self.copies(task).iter().map(|&(agent, _)| {
                    let own = if counts { worth(task, agent) } else { 0 };
                    let value = thousandths(own) + self.kept_worth(task, agent, &kept);
                    let paid = of_agent(agent).map(|price| price.price * self.needed(task, price));
                    value - paid.sum::<f64>()
                });
                worths.fold(0.0, f64::max)
            });
            sum += self.most[&task] as f64 * best;
        }
        let divisors = self.divisors();
        for (&agent, offer) in &self.state.offers[self.framework] {
            for price in of_agent(agent) {
                sum += price.price * self.offered(agent, offer, price, &divisors);
            }
        }
        Some(sum)
    }

    /// The prices of what earlier stages about values have reached, and all others. Absent where one is of another stage or negative,
    /// which is reported.
    pub(super) fn kept_prices(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<(Vec<KeptPrice>, Vec<Multiplier>)> {
        let (of_stages, others): (Vec<&Multiplier>, Vec<&Multiplier>) =
            multipliers.iter().partition(|it| it.agents.is_empty());
        let mut kept = Vec::new();
        for it in of_stages {
            let name = it.resource.strip_prefix("kept:");
            let stage = earlier
                .iter()
                .find(|(_, stage)| name == Some(stage.name.as_str()));
            let of_values = match stage.map(|(measure, _)| *measure) {
                Some(Measure::Placed(priority)) => Some((priority, false)),
                Some(Measure::Throughput(priority)) => Some((priority, true)),
                _ => None,
            };
            let subject = &self.state.cluster.frameworks[self.framework].id;
            findings.check(Rule::Bound, of_values.is_some() && it.price >= 0.0, || {
                let text = format!(
                    "{} is no stage about values before this one, or its price is negative",
                    it.resource
                );
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 || !it.price.is_finite() {
                return None;
            }
            let (priority, at_speed) = of_values?;
            kept.push(KeptPrice {
                priority,
                at_speed,
                price: it.price,
            });
        }
        Some((kept, others.into_iter().cloned().collect()))
    }

    /// What an instance counts in the earlier stages, at their prices.
    pub(super) fn kept_worth(&self, task: usize, agent: usize, kept: &[KeptPrice]) -> f64 {
        let of_task = kept
            .iter()
            .filter(|it| self.has_priority(task, it.priority));
        let worths =
            of_task.map(|it| it.price * thousandths(self.state.worth(task, agent, it.at_speed)));
        worths.sum()
    }

    /// What arrives in an earlier stage, in thousandths.
    fn arriving_worth(&self, kept: &KeptPrice) -> i128 {
        let tasks = self.tasks.iter();
        let counted = tasks.filter(|&&task| self.has_priority(task, kept.priority));
        let arriving = counted.flat_map(|&task| {
            let arriving = self.state.arriving[task].iter();
            arriving.map(move |(&agent, &count)| (task, agent, count))
        });
        arriving
            .filter(|&(task, agent, _)| self.state.speed(task, agent) > 0)
            .map(|(task, agent, count)| self.state.worth(task, agent, kept.at_speed) * count)
            .sum()
    }

    /// What arrives in the earlier stages, at their prices.
    pub(super) fn kept_value(&self, kept: &[KeptPrice]) -> f64 {
        let values = kept
            .iter()
            .map(|it| it.price * thousandths(self.arriving_worth(it)));
        values.sum()
    }
}
