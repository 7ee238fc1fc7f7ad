//! What stands beside free devices and is left to those that use devices.
//!
//! Whoever needs no device may fill agents to the brim and strand the devices there: all of their processors taken, nobody can use
//! them. The fractional shares know better: they give such frameworks what those that use devices leave of each class.
//!
//! # Model
//! For a class `c` of agents let `u(c, r)` be the amount of resource `r` that the shares give there to tasks that need devices, and `d(c)` all
//! of its devices, in thousandths. An agent with `f` free thousandths of devices has `f u(c, r) / d(c)` of each resource beside them.

use apportion_cluster::{AgentIdx, Cluster, Quantities, WHOLE_DEVICE};

use super::devices::Devices;
use crate::broker::Shares;

/// Amounts of each resource beside a free thousandth of a device, by class of agents.
pub(super) struct Beside<'c> {
    class_of: &'c [usize],
    amounts: Vec<Vec<f64>>,
}

impl<'c> Beside<'c> {
    /// `class_of` has the class of each agent.
    pub(super) fn of(cluster: &Cluster, shares: &Shares, class_of: &'c [usize]) -> Self {
        let mut amounts = vec![vec![0.0; cluster.resources.len()]; shares.classes.len()];
        let allocated = shares.frameworks.iter().flat_map(|it| &it.allocation);
        for &(task, class, instances) in allocated {
            let of = cluster.task(task);
            if !of.devices.is_empty() {
                for (amount, &need) in amounts[class].iter_mut().zip(&of.demand.0) {
                    *amount += need as f64 * instances;
                }
            }
        }
        let mut devices = vec![0_i64; shares.classes.len()];
        for (agent, &class) in cluster.agents.iter().zip(class_of) {
            let counts = agent.devices.iter().map(|devices| devices.count);
            devices[class] += counts.sum::<i64>() * WHOLE_DEVICE;
        }
        for (amounts, devices) in amounts.iter_mut().zip(devices) {
            for amount in amounts {
                *amount /= devices.max(1) as f64;
            }
        }
        Self { class_of, amounts }
    }

    /// Leaves of what is free on an agent what is not beside its free devices.
    pub(super) fn leave(&self, agent: AgentIdx, free: &mut Quantities, devices: &Devices) {
        let milli = total(devices) as f64;
        let beside = &self.amounts[self.class_of[agent.at()]];
        for (free, amount) in free.0.iter_mut().zip(beside) {
            // Rounded down: a thousandth more or less strands nothing.
            *free -= ((amount * milli) as i64).min(*free);
        }
    }
}

/// Thousandths of devices, those that are over-used not counted.
fn total(devices: &Devices) -> i64 {
    devices.iter().flatten().map(|&milli| milli.max(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker;
    use crate::engine::context::Context;
    use crate::engine::{Options, quotas};

    /// Two agents with 8 CPUs and two GPUs each; four that need a GPU and 2 CPUs, and two that need 4 CPUs and would fill one agent.
    #[test]
    fn what_free_devices_need_is_left() {
        let file = br#"{"version": "apportion/v1",
            "agents": [
                {"id": "one", "resources": {"cpu_milli": 8000}, "devices": [{"name": "gpu", "model": "T4", "count": 2}]},
                {"id": "two", "resources": {"cpu_milli": 8000}, "devices": [{"name": "gpu", "model": "T4", "count": 2}]}],
            "frameworks": [{"id": "f", "policy": "service"}, {"id": "g", "policy": "ml"}],
            "jobs": [{"id": "j", "framework": "f",
                      "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 4000}}]},
                     {"id": "k", "framework": "g",
                      "tasks": [{"id": "t", "instances": 4, "resources": {"cpu_milli": 2000}, "devices": [{"name": "gpu"}]}]}]}"#;
        let cluster = crate::snapshot::read(file).expect("the snapshot is valid");
        let options = Options::default();
        let context = Context::new(&cluster, &options);
        let shares = broker::shares(&cluster, &context.bids, context.fairness(), &|| false);
        let class_of = quotas::class_of(&shares.classes, cluster.agents.len());
        let beside = Beside::of(&cluster, &shares, &class_of);
        let cpu = cluster.resources.iter().position(|it| it == "cpu_milli");
        let cpu = cpu.expect("agents have CPUs");
        let left = |devices: [i64; 2], free: i64| {
            let agent = AgentIdx::of(0);
            let mut resources = Quantities::zero(cluster.resources.len());
            resources.0[cpu] = free;
            beside.leave(agent, &mut resources, &vec![devices.to_vec()]);
            resources.0[cpu]
        };
        let is_near = |left: i64, right: i64| (left - right).abs() <= 20;
        assert!(is_near(left([1000, 1000], 8000), 4000));
        assert!(is_near(left([1000, 0], 8000), 6000));
        assert!(is_near(left([500, -500], 8000), 7000));
        assert_eq!(left([0, 0], 8000), 8000);
        assert_eq!(left([1000, 1000], 3000), 0);
    }
}
