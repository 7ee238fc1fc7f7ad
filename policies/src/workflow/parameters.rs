//! The parameters of a `workflow` framework.

use apportion_cluster::{Cluster, Framework, LevelIdx};
use serde_json::Value;

use crate::contract::ParameterFault;
use crate::parameters::{self, declared_level, fault, find_declared, unknown, whole};

const NAMES: [&str; 6] = [
    "order",
    "level",
    "within_rack_mib_s",
    "across_racks_mib_s",
    "agent_weight",
    "rack_weight",
];

/// The rate of a network of which nothing is said: a gigabit.
const USUAL_MIB_S: i64 = 125;
/// Highest rate.
const MOST_MIB_S: i64 = 1_000_000_000;
/// Highest weight.
const MOST_WEIGHT: i64 = 1000;

/// What a batch wants first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// An early end of all.
    #[default]
    Makespan,
    /// Little between racks.
    Traffic,
}

/// Validated parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// What a batch wants first.
    pub order: Order,
    /// The level that counts as rack.
    pub level: Option<LevelIdx>,
    /// MiB per second between agents of one rack.
    pub within_rack_mib_s: i64,
    /// MiB per second between racks.
    pub across_racks_mib_s: i64,
    /// What a stream's MiB per second between agents costs.
    pub agent_weight: i64,
    /// What a stream's MiB per second between racks costs on top.
    pub rack_weight: i64,
}

impl Parameters {
    /// Reads the parameters of `framework`, or says everything that is wrong with them.
    ///
    /// # Errors
    /// Every parameter that is unknown or has no sensible value.
    pub fn read(cluster: &Cluster, framework: &Framework) -> Result<Self, Vec<ParameterFault>> {
        let within = usual_rate(cluster);
        let defaults = Self {
            order: Order::default(),
            level: find_declared(cluster, "rack"),
            within_rack_mib_s: within,
            across_racks_mib_s: 0,
            agent_weight: 1,
            rack_weight: 1,
        };
        let mut read = parameters::read(framework, defaults, |it, key, value| {
            it.set(cluster, key, value)
        })?;
        if read.across_racks_mib_s == 0 {
            read.across_racks_mib_s = (read.within_rack_mib_s / 2).max(1);
        }
        Ok(read)
    }

    fn set(&mut self, cluster: &Cluster, key: &str, value: &Value) -> Result<(), ParameterFault> {
        match (key, value.as_str()) {
            ("order", Some("makespan")) => self.order = Order::Makespan,
            ("order", Some("traffic")) => self.order = Order::Traffic,
            ("order", _) => {
                let cause = "must be `makespan` or `traffic`";
                return Err(fault(key, cause, "write what a batch wants first"));
            }
            ("level", Some(name)) => self.level = Some(declared_level(cluster, key, name)?),
            ("level", None) => {
                return Err(fault(key, "must be text", "name a level, such as \"rack\""));
            }
            ("within_rack_mib_s", _) => self.within_rack_mib_s = whole(key, value, 1..=MOST_MIB_S)?,
            ("across_racks_mib_s", _) => {
                self.across_racks_mib_s = whole(key, value, 1..=MOST_MIB_S)?;
            }
            ("agent_weight", _) => self.agent_weight = whole(key, value, 0..=MOST_WEIGHT)?,
            ("rack_weight", _) => self.rack_weight = whole(key, value, 0..=MOST_WEIGHT)?,
            _ => return Err(unknown("workflow", key, &NAMES)),
        }
        Ok(())
    }
}

/// The least rate that any agent states.
fn usual_rate(cluster: &Cluster) -> i64 {
    let at = cluster
        .resources
        .iter()
        .position(|name| name == "network_mib_s");
    let stated = at.into_iter().flat_map(|at| {
        let agents = cluster.agents.iter();
        agents.map(move |agent| agent.capacity.0[at])
    });
    let least = stated.filter(|&rate| rate > 0).min();
    least.unwrap_or(USUAL_MIB_S).min(MOST_MIB_S)
}
