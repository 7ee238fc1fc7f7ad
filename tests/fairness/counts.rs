//! How often what was looked at.

use std::collections::BTreeMap;

use apportion_cluster::plan::PlanFile;

/// Claims, rows of certificates and ways to tamper with them, by name.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub fn count(&mut self, name: &str) {
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub fn add(mut self, other: Self) -> Self {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
        self
    }

    /// The kinds of rows that bind, once for each plan.
    pub fn count_rows(&mut self, plan: &PlanFile) {
        let certificate = plan.fairness.as_ref().unwrap();
        let duals = certificate
            .duals
            .iter()
            .chain(&certificate.duals_fractional);
        let kinds: std::collections::BTreeSet<&str> = duals
            .filter_map(|dual| dual.row.split('[').next())
            .collect();
        for kind in kinds {
            self.count(kind);
        }
    }
}
