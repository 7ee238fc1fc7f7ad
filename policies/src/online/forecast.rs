//! What a population will ask of a fleet: needs of other resources, and claims on scarce hosts.

use std::collections::BTreeMap;

use super::fleet::{Agent, Fleet, Shape};
use super::part_prices::PartPrices;
use super::population::Population;

/// What filling one thousandth of worth takes of one resource: a mean and a spread (standard deviation).
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) resource: usize,
    pub(super) mean: f64,
    pub(super) spread: f64,
}

/// A population measured in worth: the share of all arriving worth that each shape has.
pub(super) struct Forecast<'a> {
    fleet: &'a Fleet,
    /// Shapes that use devices, with their share of arrivals and their worth in thousandths.
    arriving: Vec<(&'a Shape, f64, f64)>,
    total_worth: f64,
}

impl<'a> Forecast<'a> {
    pub(super) fn new(fleet: &'a Fleet, population: &'a Population, prices: &PartPrices) -> Self {
        let on_devices = population
            .shapes()
            .iter()
            .filter(|(shape, _)| shape.devices > 0);
        let worth = |shape: &Shape| shape.devices as f64 * prices.worth(shape.device_milli);
        let arriving: Vec<_> = on_devices
            .map(|(shape, share)| (shape, *share, worth(shape)))
            .collect();
        Self {
            fleet,
            total_worth: arriving.iter().map(|(_, share, worth)| share * worth).sum(),
            arriving,
        }
    }

    /// Mean and spread of what the tasks that `agent`'s devices may serve take of each resource.
    pub(super) fn needs(&self, agent: &Agent) -> Vec<Need> {
        let served = || {
            self.arriving
                .iter()
                .filter(|(shape, ..)| shape.accepts(agent.model()))
        };
        let total_worth: f64 = served().map(|(_, share, worth)| share * worth).sum();
        let need = |resource: usize| {
            let taken: f64 = served()
                .map(|(shape, share, _)| share * shape.amount(resource) as f64)
                .sum();
            let mean = taken / total_worth;
            let squares = served().map(|(shape, share, worth)| {
                // A task on several devices counts as that many tasks on one.
                let devices = shape.devices as f64;
                let deviation = (shape.amount(resource) as f64 - mean * worth) / devices;
                share * devices * deviation * deviation
            });
            let spread = (squares.sum::<f64>() / total_worth).sqrt();
            Need {
                resource,
                mean,
                spread,
            }
        };
        let n_resources = if total_worth > 0.0 {
            agent.free().len()
        } else {
            0
        };
        (0..n_resources)
            .map(need)
            .filter(|need| need.mean > 0.0)
            .collect()
    }

    /// The part of each device model that tasks naming models will claim.
    ///
    /// A task that accepts several models claims each in proportion to its devices.
    pub(super) fn model_claims(&self) -> BTreeMap<u32, f64> {
        let mut capacity: BTreeMap<u32, i64> = BTreeMap::new();
        for agent in self.fleet.agents() {
            if let Some(model) = agent.model() {
                *capacity.entry(model).or_default() += agent.device_milli();
            }
        }
        let mut claims = BTreeMap::new();
        for &(shape, share, worth) in &self.arriving {
            let accepted = || {
                capacity
                    .iter()
                    .filter(|(model, _)| shape.models.contains(model))
            };
            let hosts: i64 = accepted().map(|(_, milli)| milli).sum();
            for (&model, _) in accepted() {
                *claims.entry(model).or_insert(0.0) += self.claim(share * worth, hosts);
            }
        }
        claims
    }

    /// Shapes on several devices, each with the part that it will claim of the agents that could host it.
    pub(super) fn group_claims(&self) -> Vec<(Shape, f64)> {
        let several = self.arriving.iter().filter(|(shape, ..)| shape.devices > 1);
        several
            .map(|&(shape, share, worth)| {
                let hosts = self
                    .fleet
                    .agents()
                    .iter()
                    .filter(|agent| agent.could_host(shape));
                let claim = self.claim(share * worth, hosts.map(Agent::device_milli).sum());
                (shape.clone(), claim)
            })
            .collect()
    }

    /// The part of hosts with `host_milli` that `worth` per arrival claims if arrivals ask for the whole fleet.
    fn claim(&self, worth: f64, host_milli: i64) -> f64 {
        if host_milli == 0 || self.total_worth <= 0.0 {
            return 0.0;
        }
        worth / self.total_worth * self.fleet.device_milli() as f64 / host_milli as f64
    }
}
