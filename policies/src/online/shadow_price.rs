//! The rule that gives away the least: every agent is worth what it can be expected to hold.
//!
//! # Model
//!
//! Let an agent have free thousandths `g_d` on its devices and `free_r` of each other resource `r`.
//!
//! - Room: `R = sum over d of phi(g_d)`, with `phi` the worth of a part of a device ([`PartPrices`]): what its
//!   devices could hold if packing goes on as well as the population allows.
//! - Need: tasks that fill one thousandth of worth take `rho_r` of resource `r` on average, with variance
//!   `sigma_r^2`, over the population that the agent's device model may serve. To fill `R` takes about
//!   `N_r ~ Normal(rho_r R, (sigma_r / 2)^2 R)`. The spread is halved because tasks do not come to an agent at
//!   random: those that need much are sent to where much is left.
//! - Shortage: `S_r = E[max(0, N_r - free_r)] / rho_r`, the room that will stay empty for want of `r`.
//! - Worth: `V = R - sum over r of S_r`.
//!
//! A task goes where `V` falls least, both in choosing the agent and in choosing the device for a part of one.
//! Losses that differ by less than a step of ten thousandths are equal; the agent with the fewest free thousandths
//! is then taken, so that idle agents stay idle for tasks that need all of their devices.
//!
//! Tasks without devices lose only by the shortage that they cause. So they go to agents without devices, or
//! to those with more CPU and memory than their devices will ever need.
//!
//! # Units
//!
//! Worth, room, shortage and loss in thousandths of a device.
//!
//! # Guarantees
//!
//! Every task that fits somewhere is placed. Nothing is known of the future but the population.

use std::collections::BTreeMap;

use super::fleet::{Agent, Fleet, Shape};
use super::part_prices::PartPrices;
use super::population::Population;
use super::random::SplitMix64;
use super::rule::{Rule, Standing};

/// Losses are told apart in steps of this many thousandths of a device.
const STEP: f64 = 10.0;

/// The part of a random task's spread that is left when tasks are steered.
const STEERED_SPREAD: f64 = 0.5;

/// What filling one thousandth of worth takes of one resource.
#[derive(Debug, Clone, Copy)]
struct Need {
    resource: usize,
    mean: f64,
    spread: f64,
}

/// The rule described in the [module](self).
#[derive(Debug, Clone)]
pub struct ShadowPrice {
    prices: PartPrices,
    needs: BTreeMap<Option<u32>, Vec<Need>>,
}

impl ShadowPrice {
    /// The rule for `fleet` and arrivals like `population`.
    #[must_use]
    pub fn new(fleet: &Fleet, population: &Population) -> Self {
        let prices = PartPrices::of(population);
        let mut needs = BTreeMap::new();
        for agent in fleet.agents() {
            let served = || needs_of(agent, population, &prices);
            needs.entry(agent.model()).or_insert_with(served);
        }
        Self { prices, needs }
    }

    /// `V`, with `free` and `device_free` in place of what `agent` has left.
    fn worth_of(&self, agent: &Agent, free: impl Fn(usize) -> i64, device_free: impl Iterator<Item = i64>) -> f64 {
        let room: f64 = device_free.map(|free| self.prices.worth(free)).sum();
        if room <= 0.0 {
            return 0.0;
        }
        let needs = self.needs.get(&agent.model()).map_or(&[][..], Vec::as_slice);
        let shortage = needs.iter().map(|need| {
            let spread = STEERED_SPREAD * need.spread * room.sqrt();
            expected_excess(need.mean * room, spread, free(need.resource) as f64) / need.mean
        });
        room - shortage.sum::<f64>()
    }

    /// The loss of worth if a task of `shape` takes `devices`.
    fn loss(&self, standing: Standing<'_>, shape: &Shape, devices: &[usize]) -> f64 {
        let agent = standing.agent;
        let free = |resource: usize| agent.free()[resource] - shape.amounts[resource];
        let device_free = agent.device_free().iter().enumerate().map(|(device, &free)| {
            let taken = if devices.contains(&device) { shape.device_milli } else { 0 };
            free - taken
        });
        standing.worth - self.worth_of(agent, free, device_free)
    }

    /// The least loss, and the devices that give it.
    fn best(&self, standing: Standing<'_>, shape: &Shape) -> (f64, Vec<usize>) {
        let device_free = standing.agent.device_free();
        if !shape.is_fraction() {
            let devices = standing.agent.tightest_devices(shape);
            return (self.loss(standing, shape, &devices), devices);
        }
        let mut best: Option<(f64, usize)> = None;
        for device in 0..device_free.len() {
            // A device with as much left as an earlier one would lose the same.
            if device_free[device] < shape.device_milli || device_free[..device].contains(&device_free[device]) {
                continue;
            }
            let loss = self.loss(standing, shape, &[device]);
            let is_better = best.is_none_or(|(least, holder)| {
                let (steps, least) = (steps(loss), steps(least));
                steps < least || (steps == least && device_free[device] < device_free[holder])
            });
            if is_better {
                best = Some((loss, device));
            }
        }
        best.map_or((0.0, Vec::new()), |(loss, device)| (loss, vec![device]))
    }
}

impl Rule for ShadowPrice {
    fn name(&self) -> &'static str {
        "shadow_price"
    }

    fn worth(&self, agent: &Agent) -> f64 {
        self.worth_of(agent, |resource| agent.free()[resource], agent.device_free().iter().copied())
    }

    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        let (loss, _) = self.best(standing, shape);
        // Free thousandths break ties between equal losses, and never more than that.
        let limit = 1 << 20;
        -steps(loss) * limit - standing.agent.total_device_free().min(limit - 1)
    }

    fn devices(&self, standing: Standing<'_>, shape: &Shape, _: &mut SplitMix64) -> Vec<usize> {
        self.best(standing, shape).1
    }
}

fn steps(loss: f64) -> i64 {
    (loss / STEP).round() as i64
}

/// Mean and spread of what the tasks that `agent`'s devices may serve take of each resource.
fn needs_of(agent: &Agent, population: &Population, prices: &PartPrices) -> Vec<Need> {
    let served = || population.shapes().iter().filter(|(shape, _)| shape.devices > 0 && shape.accepts(agent.model()));
    let worth = |shape: &Shape| shape.devices as f64 * prices.worth(shape.device_milli);
    let total_worth: f64 = served().map(|(shape, share)| share * worth(shape)).sum();
    let need = |resource: usize| {
        let taken: f64 = served().map(|(shape, share)| share * shape.amounts[resource] as f64).sum();
        let mean = taken / total_worth;
        // A task on several devices counts as that many tasks on one.
        let variance: f64 = served()
            .map(|(shape, share)| {
                let per_device = (shape.amounts[resource] as f64 - mean * worth(shape)) / shape.devices as f64;
                share * shape.devices as f64 * per_device * per_device
            })
            .sum();
        let spread = (variance / total_worth).sqrt();
        Need { resource, mean, spread }
    };
    let n_resources = if total_worth > 0.0 { agent.free().len() } else { 0 };
    (0..n_resources).map(need).filter(|need| need.mean > 0.0).collect()
}

/// `E[max(0, N - limit)]` for a normal `N`.
fn expected_excess(mean: f64, spread: f64, limit: f64) -> f64 {
    let margin = limit - mean;
    if spread <= 0.0 {
        return (-margin).max(0.0);
    }
    let z = margin / spread;
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    (spread * density - margin * upper_tail(z)).max(0.0)
}

/// The probability that a standard normal exceeds `z`, to 2e-7 (Abramowitz and Stegun 26.2.17).
fn upper_tail(z: f64) -> f64 {
    const WEIGHTS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let polynomial = WEIGHTS.iter().rev().fold(0.0, |sum, weight| (sum + weight) * t);
    let tail = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * polynomial;
    if z >= 0.0 { tail } else { 1.0 - tail }
}
