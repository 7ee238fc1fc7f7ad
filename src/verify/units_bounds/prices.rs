//! Published prices.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Multiplier, StageResult};

use super::DataReach;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::stages::Measure;
use crate::verify::state::{known, known_agent, known_resource};

/// Published prices.
#[derive(Default)]
pub(super) struct Prices {
    pub agents: BTreeMap<(usize, usize), f64>,
    pub units: BTreeMap<(usize, usize), f64>,
    pub peak: BTreeMap<(usize, usize), f64>,
    /// By position among the earlier stages.
    pub kept: BTreeMap<usize, f64>,
}

impl Prices {
    pub(super) fn of_agent(&self, agent: usize, demand: &[i64]) -> f64 {
        let mut sum = 0.0;
        for (resource, &need) in demand.iter().enumerate() {
            sum += self.agents.get(&(agent, resource)).copied().unwrap_or(0.0) * need as f64;
        }
        sum
    }
}

impl DataReach<'_> {
    pub(super) fn prices(
        &self,
        earlier: &[(Measure, &StageResult)],
        multipliers: &[Multiplier],
        findings: &mut Findings,
    ) -> Option<Prices> {
        let names = &self.state.names;
        let mut prices = Prices::default();
        let subject = &self.state.cluster.frameworks[self.framework].id;
        for it in multipliers {
            findings.check(Rule::Bound, it.price >= 0.0, || {
                let text = format!("a price of {} is negative", it.resource);
                (subject.clone(), 0.0, it.price, text)
            });
            if it.price < 0.0 || !it.price.is_finite() {
                return None;
            }
            if let Some(name) = it.resource.strip_prefix("kept:") {
                let stage = earlier.iter().position(|(_, stage)| stage.name == name);
                findings.check(Rule::Bound, stage.is_some(), || {
                    let text = "a price is of a stage that is not an earlier one".to_owned();
                    (
                        subject.clone(),
                        "an earlier stage".to_owned(),
                        name.to_owned(),
                        text,
                    )
                });
                *prices.kept.entry(stage?).or_insert(0.0) += it.price;
                continue;
            }
            let peak = it.resource.strip_prefix("peak:");
            for unit in &it.units {
                let found = names.units.get(unit.as_str()).copied();
                let unit = known(found, "unit", unit, "multipliers", findings)?;
                let name = peak.unwrap_or(&it.resource);
                let at = ["capacity_mib", "iops", "mib_s"]
                    .iter()
                    .position(|it| *it == name);
                let at = known(at, "resource of units", name, "multipliers", findings)?;
                let of = if peak.is_some() {
                    &mut prices.peak
                } else {
                    &mut prices.units
                };
                *of.entry((unit, at)).or_insert(0.0) += it.price;
            }
            for agent in &it.agents {
                let agent = known_agent(names, agent, "multipliers", findings)?;
                let resource = known_resource(names, &it.resource, "multipliers", findings)?;
                *prices.agents.entry((agent, resource)).or_insert(0.0) += it.price;
            }
        }
        let weights: f64 = prices.peak.values().sum();
        findings.check(Rule::Bound, weights <= 1.0 + 1e-9, || {
            let text = "the weights of units in the fullest one sum to more than 1".to_owned();
            (subject.clone(), 1.0, weights, text)
        });
        (weights <= 1.0 + 1e-9).then_some(prices)
    }
}
