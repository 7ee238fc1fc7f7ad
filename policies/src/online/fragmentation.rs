//! How much of an agent's free devices the typical task cannot use, and the rule that descends it.
//!
//! # Model
//!
//! Let an agent have free thousandths `g_d` on its devices `d`, in sum `G`. Task shape `k`, with share `p_k` of
//! arrivals, needs `c_k` CPU and `m_k` thousandths on each of `n_k` devices. It strands
//!
//! - all of `G`, if it needs no device, or does not fit in CPU and devices, or its models exclude the agent's;
//! - the sum of those `g_d` with `g_d < m_k` otherwise.
//!
//! The fragmentation of the agent is the sum over `k` of `p_k` times what `k` strands.
//!
//! # Units
//!
//! Thousandths of a device, expected over the population.
//!
//! # Source
//!
//! Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient
//! Descent", USENIX ATC 2023, sections 3 and 4; rounding and ties as in its public simulator.

use super::fleet::{Agent, CPU, Shape};
use super::population::Population;
use super::random::SplitMix64;
use super::rule::{Rule, Standing};

/// The part of arrivals that typical shapes cover.
const TYPICAL_SHARE: f64 = 0.95;

/// An agent's free CPU and devices, for asking what if.
#[derive(Debug, Clone)]
pub struct Room {
    /// Free CPU, in thousandths of a core.
    pub cpu_milli: i64,
    /// Free thousandths of each device.
    pub device_free: Vec<i64>,
    /// The model of the devices.
    pub model: Option<u32>,
}

impl Room {
    /// What `agent` has left.
    #[must_use]
    pub fn of(agent: &Agent) -> Self {
        Self {
            cpu_milli: agent.free_cpu(),
            device_free: agent.device_free().to_vec(),
            model: agent.model(),
        }
    }
}

/// Thousandths of `room`'s devices that the population cannot use, in expectation.
#[must_use]
pub fn fragmentation(room: &Room, population: &Population) -> f64 {
    let total: i64 = room.device_free.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let stranded = population
        .shapes()
        .iter()
        .map(|(shape, share)| share * stranded(room, total, shape) as f64);
    stranded.sum()
}

fn stranded(room: &Room, total: i64, shape: &Shape) -> i64 {
    let enough_cpu = shape
        .amounts
        .get(CPU)
        .is_none_or(|&need| room.cpu_milli >= need);
    if shape.devices == 0 || !enough_cpu || !shape.accepts(room.model) {
        return total;
    }
    let mut n_usable = 0;
    let mut too_small = 0;
    for &free in &room.device_free {
        if free >= shape.device_milli {
            n_usable += 1;
        } else {
            too_small += free;
        }
    }
    if n_usable >= shape.devices {
        too_small
    } else {
        total
    }
}

/// Fragmentation gradient descent: the agent, and the device for a part of one, on which the task raises
/// fragmentation least.
///
/// The score is 100 / (1 + exp(rise / 1000)), rounded down, for a rise in thousandths of a device.
#[derive(Debug, Clone)]
pub struct GradientDescent {
    typical: Population,
}

impl GradientDescent {
    /// The rule for arrivals like `population`.
    #[must_use]
    pub fn new(population: &Population) -> Self {
        Self {
            typical: population.typical(TYPICAL_SHARE),
        }
    }

    /// The best score, and the device that gives it where the task takes a part of one.
    fn best(&self, standing: Standing<'_>, shape: &Shape) -> (i64, Vec<usize>) {
        let mut room = Room::of(standing.agent);
        room.cpu_milli -= shape.amount(CPU);
        let score = |room: &Room| {
            let rise = fragmentation(room, &self.typical) - standing.worth;
            (100.0 / (1.0 + (rise / 1000.0).exp())) as i64
        };
        if !shape.is_fraction() {
            let devices = standing.agent.tightest_devices(shape);
            for &device in &devices {
                room.device_free[device] -= shape.device_milli;
            }
            return (score(&room), devices);
        }
        let mut best: Option<(i64, usize)> = None;
        for device in 0..room.device_free.len() {
            let free = room.device_free[device];
            // A device with as much left as an earlier one would score the same.
            if free < shape.device_milli || room.device_free[..device].contains(&free) {
                continue;
            }
            room.device_free[device] = free - shape.device_milli;
            let score = score(&room);
            room.device_free[device] = free;
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, device));
            }
        }
        best.map_or((0, Vec::new()), |(score, device)| (score, vec![device]))
    }
}

impl Rule for GradientDescent {
    fn worth(&self, agent: &Agent) -> f64 {
        fragmentation(&Room::of(agent), &self.typical)
    }

    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        self.best(standing, shape).0
    }

    fn devices(&self, standing: Standing<'_>, shape: &Shape, _: &mut SplitMix64) -> Vec<usize> {
        self.best(standing, shape).1
    }
}
