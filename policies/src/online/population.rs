//! Which shapes arrive, and how often: what a rule may know about the future.

use std::collections::BTreeMap;

use super::fault::{Fault, FaultCode};
use super::fleet::{CPU, Shape};

/// Shapes with the share of arrivals that each has; the shares sum to 1.
#[derive(Debug, Clone, Default)]
pub struct Population {
    shapes: Vec<(Shape, f64)>,
}

impl Population {
    /// The population in which each shape arrives in proportion to its weight, for example its count.
    ///
    /// # Errors
    ///
    /// All weights that are not numbers above 0.
    pub fn new(weighted: &[(Shape, f64)]) -> Result<Self, Vec<Fault>> {
        let is_bad = |weight: f64| !(weight > 0.0 && weight.is_finite());
        let mut faults: Vec<Fault> = weighted
            .iter()
            .enumerate()
            .filter(|(_, (_, weight))| is_bad(*weight))
            .map(|(at, (_, weight))| {
                let have = weight.to_string();
                Fault::new(format!("population[{at}]"), FaultCode::Weight { have })
            })
            .collect();
        for (at, (shape, _)) in weighted.iter().enumerate() {
            shape.faults(
                &format!("population[{at}]"),
                shape.amounts.len(),
                &mut faults,
            );
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
        let shapes = weighted
            .iter()
            .map(|(shape, weight)| (shape.clone(), weight / total))
            .collect();
        Ok(Self { shapes })
    }

    /// Shapes and shares, in the order given.
    #[must_use]
    pub fn shapes(&self) -> &[(Shape, f64)] {
        &self.shapes
    }

    /// The most frequent shapes that together make at least `share` of arrivals, most frequent first.
    ///
    /// Shapes that differ only in resources other than CPU are one. Their shares sum to 1 again.
    ///
    /// # Source
    ///
    /// The typical tasks of Weng et al., "Beware of Fragmentation", USENIX ATC 2023: 95 % of arrivals.
    #[must_use]
    pub fn typical(&self, share: f64) -> Self {
        let mut merged: BTreeMap<Shape, f64> = BTreeMap::new();
        for (shape, weight) in &self.shapes {
            let mut shape = shape.clone();
            shape.amounts.truncate(CPU + 1);
            *merged.entry(shape).or_default() += weight;
        }
        let mut ranked: Vec<(Shape, f64)> = merged.into_iter().collect();
        // The sort is stable: among equals the order of shapes decides.
        ranked.sort_by(|left, right| right.1.total_cmp(&left.1));
        let mut covered = 0.0;
        ranked.retain(|(_, weight)| {
            let is_needed = covered < share;
            if is_needed {
                covered += weight;
            }
            is_needed
        });
        for (_, weight) in &mut ranked {
            *weight /= covered;
        }
        Self { shapes: ranked }
    }
}
