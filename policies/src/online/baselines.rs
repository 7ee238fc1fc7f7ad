//! Five rules of the published comparison: random, dot product, clustering, packing, best fit.
//!
//! # Source
//!
//! Definitions as in the evaluation of Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing
//! Workloads with Fragmentation Gradient Descent", USENIX ATC 2023 (baselines), and its public simulator,
//! hkust-adsl/kubernetes-scheduler-simulator. Scores are integers from 0 to 100, rounded down: the ties that
//! this makes are part of the definition. Only CPU and devices count; memory decides what fits.

use super::fleet::{Agent, CPU, Fleet, Shape, WHOLE_DEVICE};
use super::random::SplitMix64;
use super::rule::{Rule, Selection, Standing};

const HIGHEST: i64 = 100;

/// The largest agent of a fleet, by which amounts are made comparable.
#[derive(Debug, Clone, Copy)]
pub struct Largest {
    cpu_milli: f64,
    device_milli: i64,
}

impl Largest {
    /// The most CPU and the most devices that one agent of `fleet` has.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let cpu = |agent: &Agent| agent.capacity().get(CPU).copied().unwrap_or(0);
        let devices = |agent: &Agent| agent.device_free().len() as i64 * WHOLE_DEVICE;
        Self {
            cpu_milli: fleet.agents().iter().map(cpu).max().unwrap_or(0).max(1) as f64,
            device_milli: fleet.agents().iter().map(devices).max().unwrap_or(0).max(1),
        }
    }

    /// CPU and device thousandths, as parts of the largest agent's.
    fn parts(self, cpu_milli: i64, device_milli: i64) -> [f64; 2] {
        [
            cpu_milli as f64 / self.cpu_milli,
            device_milli as f64 / self.device_milli as f64,
        ]
    }

    fn free(self, agent: &Agent) -> [f64; 2] {
        self.parts(agent.free_cpu(), agent.total_device_free())
    }

    fn need(self, shape: &Shape) -> [f64; 2] {
        self.parts(shape.amount(CPU), shape.total_milli())
    }
}

/// Any agent, any device, with the same probability.
#[derive(Debug, Clone, Copy)]
pub struct Random;

impl Rule for Random {
    fn score(&self, _: Standing<'_>, _: &Shape) -> i64 {
        0
    }

    fn devices(
        &self,
        standing: Standing<'_>,
        shape: &Shape,
        random: &mut SplitMix64,
    ) -> Vec<usize> {
        let mut devices: Vec<usize> = standing
            .agent
            .device_free()
            .iter()
            .enumerate()
            .filter(|&(_, &free)| shape.devices > 0 && free >= shape.device_milli)
            .map(|(device, _)| device)
            .collect();
        random.shuffle(&mut devices);
        devices.truncate(shape.devices);
        devices
    }

    fn selection(&self) -> Selection {
        Selection::Uniform
    }
}

/// The agent whose free vector has the smallest product with the task's: 1 - (free . need) / 2, in parts of
/// the largest agent.
#[derive(Debug, Clone, Copy)]
pub struct DotProduct(pub Largest);

impl Rule for DotProduct {
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        let (free, need) = (self.0.free(standing.agent), self.0.need(shape));
        let product = free[0] * need[0] + free[1] * need[1];
        (HIGHEST as f64 * (1.0 - product / 2.0)) as i64
    }
}

/// Tasks that use devices alike go together: first to agents that hold only their kind, then to agents that
/// hold theirs among others, then to agents without tasks on devices, then to the rest; within each of the
/// four, to the agent with the fewest free thousandths.
#[derive(Debug, Clone, Copy)]
pub struct Clustering(pub Largest);

impl Rule for Clustering {
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        if shape.devices == 0 {
            return 0;
        }
        let agent = standing.agent;
        let band = match (agent.n_alike(shape) > 0, agent.n_ways()) {
            (true, 1) => 3,
            (true, _) => 2,
            (false, 0) => 1,
            (false, _) => 0,
        };
        let quarter = HIGHEST / 4;
        quarter * (self.0.device_milli - agent.total_device_free()) / self.0.device_milli
            + band * quarter
    }
}

/// Devices in use first, the fullest first; then idle devices of an agent in use; then idle agents, the
/// smallest first.
#[derive(Debug, Clone, Copy)]
pub struct Packing;

impl Rule for Packing {
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        if shape.devices == 0 {
            return 0;
        }
        let agent = standing.agent;
        let n_idle = agent.n_idle_devices();
        if n_idle == agent.device_free().len() {
            return (HIGHEST / 3 - n_idle as i64).max(n_idle as i64);
        }
        let free = agent
            .tightest_devices(shape)
            .into_iter()
            .map(|device| agent.device_free()[device]);
        let n_idle_used = free.clone().filter(|&free| free == WHOLE_DEVICE).count() as i64;
        if n_idle_used > 0 {
            return (HIGHEST / 2 - n_idle_used).max(HIGHEST / 3);
        }
        let percent_free: i64 = free.map(|free| free * 100 / WHOLE_DEVICE).sum();
        (HIGHEST - percent_free / 10).max(HIGHEST / 2)
    }
}

/// The agent with the least left: 1 - (left over of CPU + left over of devices) / 2, in parts of the largest
/// agent.
#[derive(Debug, Clone, Copy)]
pub struct BestFit(pub Largest);

impl Rule for BestFit {
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        let (free, need) = (self.0.free(standing.agent), self.0.need(shape));
        let left = (free[0] - need[0]) * 0.5 + (free[1] - need[1]) * 0.5;
        ((1.0 - left) * HIGHEST as f64) as i64
    }
}
