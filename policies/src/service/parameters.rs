//! The parameters of a `service` framework.

use apportion_cluster::{Cluster, Framework};

use crate::contract::ParameterFault;
use crate::parameters::{declared_level, fault, unknown};

/// Validated parameters.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    /// Weight of each level of the cluster in the spread objective; 0 for levels that are not declared.
    pub level_weights: Vec<f64>,
}

impl Parameters {
    /// Reads the parameters of `framework`, or says everything that is wrong with them.
    pub(super) fn read(
        cluster: &Cluster,
        framework: &Framework,
    ) -> Result<Self, Vec<ParameterFault>> {
        let mut faults = Vec::new();
        let declared = cluster
            .levels
            .iter()
            .map(|level| if level.declared { 1.0 } else { 0.0 });
        let mut level_weights: Vec<f64> = declared.collect();
        for (key, value) in &framework.parameters {
            match (key.as_str(), value.as_object()) {
                ("level_weights", Some(weights)) => {
                    for (level, weight) in weights {
                        match read_weight(cluster, level, weight) {
                            Ok((at, weight)) => level_weights[at] = weight,
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
                ("level_weights", None) => faults.push(fault(
                    key,
                    "must be an object of level names and weights",
                    "write {\"rack\": 2, \"zone\": 1}",
                )),
                _ => faults.push(unknown("service", key, &["level_weights"])),
            }
        }
        if faults.is_empty() {
            Ok(Self { level_weights })
        } else {
            Err(faults)
        }
    }
}

fn read_weight(
    cluster: &Cluster,
    level: &str,
    weight: &serde_json::Value,
) -> Result<(usize, f64), ParameterFault> {
    let key = format!("level_weights.{level}");
    let at = declared_level(cluster, &key, level)?;
    let weight = weight
        .as_f64()
        .filter(|w| w.is_finite() && (0.0..=1e6).contains(w));
    let weight = weight
        .ok_or_else(|| fault(&key, "must be a number from 0 to 1000000", "write a number"))?;
    Ok((at.at(), weight))
}
