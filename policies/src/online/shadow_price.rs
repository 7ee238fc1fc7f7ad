//! The rule that gives away the least: every agent is worth what it can be expected to hold.
//!
//! # Model
//!
//! Let an agent have free thousandths `g_d` on its devices `d`, and `free_r` of each other resource `r`.
//!
//! - Room: `R`, the sum over `d` of `phi(g_d)`, with `phi` the worth of a part of a device ([`PartPrices`]): what
//!   the devices could hold if packing goes on as well as the population allows.
//! - Need: tasks that fill one thousandth of worth take `rho_r` of resource `r` on average, with spread `sigma_r`,
//!   over the part of the population that the agent's device model may serve. Filling `R` takes
//!   `N_r ~ Normal(rho_r R, (sigma_r / 2)^2 R)`. The spread is halved because tasks do not come to an agent at
//!   random: those that need much are sent where much is left.
//! - Shortage: `S_r = E[max(0, N_r - free_r)] / rho_r`, the room that will stay empty for want of `r`.
//! - Claims: let arrivals ask for as much as the whole fleet. `c_t` is the part of the devices of the agent's model
//!   `t` that tasks naming models will claim; `c_k` is the part that shape `k`, on several devices, will claim of
//!   the agents that could host it when idle.
//! - Stranded: `T_k` is, for an agent that could host shape `k` when idle, all of `R` if it cannot now, and
//!   otherwise the worth of the devices with less left than `k` needs of each.
//! - Worth: `V = (1 + c_t) (R - sum over r of S_r) - sum over k of (c_k / 4) T_k`. A quarter, because what is
//!   stranded for groups still serves others.
//!
//! A task goes where `V` falls least, both in choosing the agent and in choosing the device for a part of one.
//! Losses are told apart in steps of ten thousandths; among equal ones the agent with the fewest free
//! thousandths is taken, so that idle agents stay idle for tasks that need all of their devices.
//!
//! Tasks without devices lose only by the shortage that they cause: they go to agents without devices, or to those
//! with more CPU and memory than their devices will ever need.
//!
//! # Units
//!
//! Worth, room, shortage, stranded and loss in thousandths of a device; claims are parts of one.
//!
//! # Guarantees
//!
//! Every task that fits somewhere is placed. Nothing is known of the future but the population.
//!
//! # Source
//!
//! Ours. `T_k` is the fragmentation of Weng et al. (see [`fragmentation`](super::fragmentation())), weighted
//! by claims and kept for groups only; bid prices as in revenue management (Talluri and van Ryzin, "The Theory and
//! Practice of Revenue Management", 2004, chapter 3).

use std::collections::BTreeMap;

use super::fleet::{Agent, Fleet, Shape};
use super::forecast::{Forecast, Need};
use super::normal::expected_excess;
use super::part_prices::PartPrices;
use super::population::Population;
use super::random::SplitMix64;
use super::rule::{Rule, Standing};

/// Losses are told apart in steps of this many thousandths of a device.
const STEP: f64 = 10.0;

/// More steps than any loss that means something: amounts of other resources may be as large as they like.
const MOST_STEPS: f64 = 1e12;

/// The part of a random task's spread that is left when tasks are steered.
const STEERED_SPREAD: f64 = 0.5;

/// What a thousandth that is stranded for a claim of one counts.
const GROUP_WEIGHT: f64 = 0.25;

/// The rule described in the [module](self).
#[derive(Debug, Clone)]
pub struct ShadowPrice {
    prices: PartPrices,
    needs: BTreeMap<Option<u32>, Vec<Need>>,
    model_claims: BTreeMap<u32, f64>,
    group_claims: Vec<(Shape, f64)>,
}

/// What an agent has left, or would have.
struct Left<'a> {
    agent: &'a Agent,
    shape: Option<&'a Shape>,
    devices: &'a [usize],
}

impl Left<'_> {
    fn free(&self, resource: usize) -> i64 {
        let taken = self.shape.map_or(0, |shape| shape.amount(resource));
        self.agent.free()[resource] - taken
    }

    fn device_free(&self) -> impl Iterator<Item = i64> {
        let taken = self.shape.map_or(0, |shape| shape.device_milli);
        let left = move |(device, &free): (usize, &i64)| {
            if self.devices.contains(&device) {
                free - taken
            } else {
                free
            }
        };
        self.agent.device_free().iter().enumerate().map(left)
    }

    fn fits(&self, shape: &Shape) -> bool {
        let has_room = |&free: &i64| free >= shape.device_milli;
        (0..self.agent.free().len()).all(|resource| self.free(resource) >= shape.amount(resource))
            && self.device_free().filter(has_room).count() >= shape.devices
    }
}

impl ShadowPrice {
    /// The rule for `fleet` and arrivals like `population`.
    #[must_use]
    pub fn new(fleet: &Fleet, population: &Population) -> Self {
        let prices = PartPrices::of(population);
        let forecast = Forecast::new(fleet, population, &prices);
        let mut needs = BTreeMap::new();
        for agent in fleet.agents() {
            needs
                .entry(agent.model())
                .or_insert_with(|| forecast.needs(agent));
        }
        Self {
            needs,
            model_claims: forecast.model_claims(),
            group_claims: forecast.group_claims(),
            prices,
        }
    }

    /// `V`.
    fn value(&self, left: &Left<'_>) -> f64 {
        let room: f64 = left.device_free().map(|free| self.prices.worth(free)).sum();
        if room <= 0.0 {
            return 0.0;
        }
        let claim = left
            .agent
            .model()
            .and_then(|model| self.model_claims.get(&model));
        (1.0 + claim.unwrap_or(&0.0)) * (room - self.shortage(left, room))
            - GROUP_WEIGHT * self.stranded(left, room)
    }

    /// The sum over `r` of `S_r`.
    fn shortage(&self, left: &Left<'_>, room: f64) -> f64 {
        let needs = self
            .needs
            .get(&left.agent.model())
            .map_or(&[][..], Vec::as_slice);
        let shortage = |need: &Need| {
            let spread = STEERED_SPREAD * need.spread * room.sqrt();
            expected_excess(need.mean * room, spread, left.free(need.resource) as f64) / need.mean
        };
        needs.iter().map(shortage).sum()
    }

    /// The sum over `k` of `c_k T_k`.
    fn stranded(&self, left: &Left<'_>, room: f64) -> f64 {
        let stranded = |(shape, claim): &(Shape, f64)| {
            if !left.agent.could_host(shape) {
                0.0
            } else if left.fits(shape) {
                let too_small = left.device_free().filter(|&free| free < shape.device_milli);
                claim * too_small.map(|free| self.prices.worth(free)).sum::<f64>()
            } else {
                claim * room
            }
        };
        self.group_claims.iter().map(stranded).sum()
    }

    /// The least loss, in steps, and the devices that give it.
    fn best(&self, standing: Standing<'_>, shape: &Shape) -> (i64, Vec<usize>) {
        let agent = standing.agent;
        let loss = |devices: &[usize]| {
            let shape = Some(shape);
            let loss = standing.worth
                - self.value(&Left {
                    agent,
                    shape,
                    devices,
                });
            (loss / STEP).round().clamp(-MOST_STEPS, MOST_STEPS) as i64
        };
        if !shape.is_fraction() {
            let devices = agent.tightest_devices(shape);
            return (loss(&devices), devices);
        }
        let free = agent.device_free();
        // A device with as much left as an earlier one would lose the same.
        let differs = |&device: &usize| {
            free[device] >= shape.device_milli && !free[..device].contains(&free[device])
        };
        let candidates = (0..free.len())
            .filter(differs)
            .map(|device| (loss(&[device]), free[device], device));
        let best = candidates.min();
        best.map_or((0, Vec::new()), |(loss, _, device)| (loss, vec![device]))
    }
}

impl Rule for ShadowPrice {
    fn worth(&self, agent: &Agent) -> f64 {
        let (shape, devices) = (None, &[][..]);
        self.value(&Left {
            agent,
            shape,
            devices,
        })
    }

    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        // Free thousandths break ties between equal losses, and never more than that.
        let limit = 1 << 20;
        -self.best(standing, shape).0 * limit - standing.agent.total_device_free().min(limit - 1)
    }

    fn devices(&self, standing: Standing<'_>, shape: &Shape, _: &mut SplitMix64) -> Vec<usize> {
        self.best(standing, shape).1
    }
}
