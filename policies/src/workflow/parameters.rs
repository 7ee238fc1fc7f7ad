//! The parameters of a `workflow` framework.

use apportion_cluster::{Cluster, Framework, LevelIdx};
use serde_json::Value;

use crate::contract::ParameterFault;

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
        let mut read = Self {
            order: Order::default(),
            level: declared(cluster, "rack"),
            within_rack_mib_s: within,
            across_racks_mib_s: 0,
            agent_weight: 1,
            rack_weight: 1,
        };
        let mut faults = Vec::new();
        for (key, value) in &framework.parameters {
            let number = |faults: &mut Vec<ParameterFault>, least: i64, most: i64| {
                let number = value.as_i64().filter(|it| (least..=most).contains(it));
                if number.is_none() {
                    faults.push(ParameterFault {
                        key: key.clone(),
                        cause: format!("must be a whole number from {least} to {most}"),
                        action: "write a number".to_owned(),
                    });
                }
                number.unwrap_or(least)
            };
            match key.as_str() {
                "order" => match value.as_str() {
                    Some("makespan") => read.order = Order::Makespan,
                    Some("traffic") => read.order = Order::Traffic,
                    _ => faults.push(ParameterFault {
                        key: key.clone(),
                        cause: "must be `makespan` or `traffic`".to_owned(),
                        action: "write what a batch wants first".to_owned(),
                    }),
                },
                "level" => match level(cluster, value) {
                    Ok(level) => read.level = Some(level),
                    Err(fault) => faults.push(fault),
                },
                "within_rack_mib_s" => {
                    read.within_rack_mib_s = number(&mut faults, 1, MOST_MIB_S);
                }
                "across_racks_mib_s" => {
                    read.across_racks_mib_s = number(&mut faults, 1, MOST_MIB_S);
                }
                "agent_weight" => read.agent_weight = number(&mut faults, 0, MOST_WEIGHT),
                "rack_weight" => read.rack_weight = number(&mut faults, 0, MOST_WEIGHT),
                _ => faults.push(ParameterFault {
                    key: key.clone(),
                    cause: "the policy `workflow` has no such parameter".to_owned(),
                    action: "remove it, or use `order`, `level`, `within_rack_mib_s`, `across_racks_mib_s`, `agent_weight` or `rack_weight`"
                        .to_owned(),
                }),
            }
        }
        if read.across_racks_mib_s == 0 {
            read.across_racks_mib_s = (read.within_rack_mib_s / 2).max(1);
        }
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
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

fn declared(cluster: &Cluster, name: &str) -> Option<LevelIdx> {
    let mut levels = cluster.levels.iter();
    let at = levels.position(|level| level.declared && level.name == name)?;
    Some(LevelIdx::of(at))
}

fn level(cluster: &Cluster, value: &Value) -> Result<LevelIdx, ParameterFault> {
    let found = value.as_str().and_then(|name| declared(cluster, name));
    found.ok_or_else(|| {
        let levels = cluster.levels.iter().filter(|level| level.declared);
        let names: Vec<&str> = levels.map(|level| level.name.as_str()).collect();
        ParameterFault {
            key: "level".to_owned(),
            cause: "is no declared level".to_owned(),
            action: match names.is_empty() {
                true => "declare it in `levels`".to_owned(),
                false => format!("use one of: {}", names.join(", ")),
            },
        }
    })
}
