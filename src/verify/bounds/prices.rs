//! Published prices, what an instance needs and what an offer holds of what is priced.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use apportion_cluster::plan::{Multiplier, PartWeight};

use super::Reach;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::state::{known_agent, known_resource};

/// A published price.
pub(super) struct Price<'p> {
    resource: usize,
    pub price: f64,
    parts: Option<Parts<'p>>,
}

/// What parts of the devices of a kind weigh.
struct Parts<'p> {
    kind: usize,
    weights: &'p [PartWeight],
    /// The most weight that fits into so many thousandths (shape: 0 to 1000).
    most: Vec<i128>,
}

impl Parts<'_> {
    fn weight(&self, milli: i64) -> i128 {
        let found = self.weights.iter().find(|it| it.milli == milli);
        found.map_or(0, |it| i128::from(it.weight))
    }
}

impl Reach<'_> {
    /// The greatest common divisor of what pending tasks need of each resource, at least 1.
    pub(super) fn divisors(&self) -> Vec<i128> {
        let mut divisors = vec![0_i128; self.state.cluster.resources.len()];
        for &task in self.tasks.iter().filter(|task| self.pending(**task) > 0) {
            for (divisor, &need) in divisors.iter_mut().zip(self.state.demand(task)) {
                let (mut left, mut right) = (*divisor, i128::from(need));
                while right != 0 {
                    (left, right) = (right, left % right);
                }
                *divisor = left;
            }
        }
        divisors.into_iter().map(|it| it.max(1)).collect()
    }

    /// What an instance needs of what is priced.
    pub(super) fn needed(&self, task: usize, price: &Price<'_>) -> f64 {
        let Some(parts) = &price.parts else {
            return self.state.demand(task)[price.resource] as f64;
        };
        let needs = &self.state.cluster.tasks[task].devices;
        let of_kind = needs.iter().filter(|need| need.kind.at() == parts.kind);
        of_kind
            .map(|need| i128::from(need.count) * parts.weight(need.milli))
            .sum::<i128>() as f64
    }

    /// What an offer holds of what is priced.
    pub(super) fn offered(
        &self,
        agent: usize,
        offer: &[i128],
        price: &Price<'_>,
        divisors: &[i128],
    ) -> f64 {
        let Some(parts) = &price.parts else {
            let has = offer[price.resource];
            return (has - has % divisors[price.resource]) as f64;
        };
        let devices = self.state.offered_devices[self.framework].get(&agent);
        let of_kind = (devices.into_iter().flatten()).filter(|((kind, _), _)| *kind == parts.kind);
        let held = of_kind.map(|(_, &milli)| parts.most[milli.clamp(0, 1000) as usize]);
        held.sum::<i128>() as f64
    }

    pub(super) fn prices<'p>(
        &self,
        prices: &'p [Multiplier],
        findings: &mut Findings,
    ) -> Option<BTreeMap<usize, Vec<Rc<Price<'p>>>>> {
        let names = &self.state.names;
        let mut by_agent: BTreeMap<usize, Vec<Rc<Price<'p>>>> = BTreeMap::new();
        for it in prices {
            let resource = known_resource(names, &it.resource, "multipliers", findings)?;
            let subject = &self.state.cluster.frameworks[self.framework].id;
            findings.check(Rule::Bound, it.price >= 0.0, || {
                let text = format!("a price of {} is negative", it.resource);
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 || !it.price.is_finite() {
                return None;
            }
            let parts = if it.weights.is_empty() {
                None
            } else {
                let parts = self.parts(resource, &it.weights);
                findings.check(Rule::Bound, parts.is_some(), || {
                    let text = format!(
                        "weights of parts of {}: it is no kind of device, or a weight or a size is out of range or there twice",
                        it.resource
                    );
                    (subject.clone(), 0.0, it.weights.len() as f64, text)
                });
                Some(parts?)
            };
            let price = Rc::new(Price {
                resource,
                price: it.price,
                parts,
            });
            for agent in &it.agents {
                let agent = known_agent(names, agent, "multipliers", findings)?;
                by_agent.entry(agent).or_default().push(Rc::clone(&price));
            }
        }
        Some(by_agent)
    }

    /// What the parts of the devices that a resource totals weigh, if that is well stated.
    fn parts<'p>(&self, resource: usize, weights: &'p [PartWeight]) -> Option<Parts<'p>> {
        let cluster = self.state.cluster;
        let total_of = |device: &String| format!("{device}_milli") == cluster.resources[resource];
        let kind = cluster.devices.iter().position(total_of)?;
        let sizes: BTreeSet<i64> = weights.iter().map(|it| it.milli).collect();
        let in_range = |it: &PartWeight| {
            (1..=1000).contains(&it.milli) && (1..=1_000_000_000).contains(&it.weight)
        };
        if sizes.len() < weights.len() || !weights.iter().all(in_range) {
            return None;
        }
        // The most that parts weigh which fit into so many thousandths: the last one is of some size, or there is none.
        let mut most = vec![0_i128; 1001];
        for free in 1..=1000_usize {
            most[free] = most[free - 1];
            for it in weights {
                if it.milli as usize <= free {
                    let with = most[free - it.milli as usize] + i128::from(it.weight);
                    most[free] = most[free].max(with);
                }
            }
        }
        Some(Parts {
            kind,
            weights,
            most,
        })
    }
}
