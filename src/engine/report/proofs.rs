//! Proofs of bounds in the plan's words.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Multiplier, PartWeight, Proof};
use apportion_cluster::{DeviceIdx, Slice};
use apportion_models::assignment::{self, StageAnswer};
use apportion_policies::Formulation;

/// The prices of places in time, by agents that share them: of one instance, and of a millisecond until a moment.
pub(super) fn of_places(slice: &Slice<'_>, all: &assignment::Prices, unit: f64) -> Vec<Multiplier> {
    let resources = (all.until.iter()).map(|moment| format!("place_ms:{moment}"));
    let resources: Vec<String> = std::iter::once("places".to_owned())
        .chain(resources)
        .collect();
    let mut agents: BTreeMap<(usize, u64), Vec<String>> = BTreeMap::new();
    for (offer, prices) in slice.offers.iter().zip(&all.by_bin) {
        for (at, price) in prices.iter().enumerate().filter(|(_, price)| **price > 0.0) {
            let id = slice.cluster.agent(offer.agent).id.clone();
            // The bits of a positive number order as the number does.
            agents
                .entry((at, (price / unit).to_bits()))
                .or_default()
                .push(id);
        }
    }
    let multipliers = agents.into_iter().map(|((at, price), agents)| Multiplier {
        agents,
        resource: resources[at].clone(),
        price: f64::from_bits(price),
        ..Multiplier::default()
    });
    multipliers.collect()
}

/// The prices of what earlier stages have reached.
pub(super) fn kept(
    formulation: &Formulation,
    answers: &[StageAnswer],
    all: &assignment::Prices,
    unit: f64,
) -> Vec<Multiplier> {
    let earlier = all.kept.iter().zip(answers).zip(&formulation.units);
    let priced = earlier.filter(|((price, _), _)| **price > 0.0);
    let multiplier = |((&price, earlier), &of): ((&f64, &StageAnswer), &i64)| Multiplier {
        resource: format!("kept:{}", earlier.name),
        price: price * of as f64 / unit,
        ..Multiplier::default()
    };
    priced.map(multiplier).collect()
}

/// A proof in the plan's words: prices by agents that share them, zero prices left out. The model counts devices by
/// kind after the resources, the plan as the resources that total them.
pub(super) fn proof(
    slice: &Slice<'_>,
    proof: Option<&assignment::Proof>,
    unit: f64,
) -> (Option<Proof>, Option<Vec<Multiplier>>) {
    let all = match proof {
        None => return (None, None),
        Some(assignment::Proof::Combinatorial) => return (Some(Proof::Combinatorial), None),
        Some(assignment::Proof::Search) => return (Some(Proof::Search), None),
        Some(assignment::Proof::Multipliers(all)) => all,
    };
    let weights = |count: &assignment::Count| -> Vec<PartWeight> {
        let weights = count.weights.iter();
        weights
            .map(|&(milli, weight)| PartWeight { milli, weight })
            .collect()
    };
    let mut agents: BTreeMap<(usize, u64, Vec<PartWeight>), Vec<String>> = BTreeMap::new();
    for (at, (offer, prices)) in slice.offers.iter().zip(&all.by_bin).enumerate() {
        let id = &slice.cluster.agent(offer.agent).id;
        let mut by_resource = prices[..slice.cluster.resources.len()].to_vec();
        for (kind, price) in prices[by_resource.len()..].iter().enumerate() {
            if let Some(total) = slice.cluster.device_total(DeviceIdx::of(kind)) {
                by_resource[total] += price;
            }
        }
        let plain = by_resource.into_iter().enumerate();
        let mut priced: Vec<_> = plain.map(|(at, price)| (at, price, Vec::new())).collect();
        let counts = all.counts_of[at]
            .iter()
            .map(|&count| &all.counts[count as usize]);
        for count in counts {
            if let Some(total) = slice
                .cluster
                .device_total(DeviceIdx::of(count.kind as usize))
            {
                priced.push((total, count.price, weights(count)));
            }
        }
        for (resource, price, weights) in priced.into_iter().filter(|priced| priced.1 > 0.0) {
            // The bits of a positive number order as the number does.
            let key = (resource, (price / unit).to_bits(), weights);
            agents.entry(key).or_default().push(id.clone());
        }
    }
    let multipliers = agents
        .into_iter()
        .map(|((resource, price, weights), agents)| Multiplier {
            agents,
            resource: slice.cluster.resources[resource].clone(),
            price: f64::from_bits(price),
            weights,
            units: Vec::new(),
        });
    (Some(Proof::Multipliers), Some(multipliers.collect()))
}
