//! What fair shares are bound by.

use std::collections::BTreeMap;

use super::Auditor;
use super::published::Published;
use crate::broker::market::needs;
use crate::broker::share::FrameworkShare;

/// The most that a framework is told of what binds it, and the least part of its money that is told.
const MOST_NAMED: usize = 3;
const LEAST_PART: f64 = 0.05;

/// What a framework pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Paid<'a> {
    /// A resource of a class.
    Resource(usize, usize),
    /// A row that is not a capacity.
    Row(&'a str),
}

impl Auditor<'_> {
    /// What each framework pays for in its fair share, dearest first: resources of classes, limits, its own demand.
    pub(super) fn bound_by(&self, fractional: &Published) -> Vec<Vec<String>> {
        let cluster = self.cluster;
        let frameworks = &self.shares.frameworks;
        let name = |resource: usize, class: Option<usize>| {
            let resource = &cluster.resources[resource];
            match class {
                Some(class) if self.shares.classes.len() > 1 => {
                    format!("{resource} of {}", self.shares.classes[class].name)
                }
                _ => resource.clone(),
            }
        };
        let told = |(paid, share): (BTreeMap<Paid<'_>, f64>, &FrameworkShare)| {
            let least = LEAST_PART * share.weight;
            // A resource that it pays for on several classes is told once, for all of them.
            let mut resources: BTreeMap<usize, (f64, Option<usize>)> = BTreeMap::new();
            let mut told: Vec<(String, f64)> = Vec::new();
            for (paid, money) in paid.into_iter().filter(|(_, money)| *money > 0.0) {
                match paid {
                    Paid::Row(row) => told.push((row.to_owned(), money)),
                    Paid::Resource(resource, class) => {
                        let known = resources.entry(resource).or_insert((0.0, Some(class)));
                        known.0 += money;
                        known.1 = known.1.filter(|&only| only == class);
                    }
                }
            }
            let resources = resources.into_iter();
            told.extend(resources.map(|(resource, (money, class))| (name(resource, class), money)));
            told.retain(|&(_, money)| money > least);
            told.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
            told.truncate(MOST_NAMED);
            told.into_iter().map(|(name, _)| name).collect()
        };
        let paid = self.paid(fractional).into_iter();
        paid.zip(frameworks).map(told).collect()
    }

    /// What each framework pays in its fair share, and for what.
    fn paid<'p>(&self, fractional: &'p Published) -> Vec<BTreeMap<Paid<'p>, f64>> {
        let cluster = self.cluster;
        let frameworks = &self.shares.frameworks;
        let mut paid: Vec<BTreeMap<Paid<'_>, f64>> = vec![BTreeMap::new(); frameworks.len()];
        for (paid, share) in paid.iter_mut().zip(frameworks) {
            for &(task, class, instances) in &share.allocation {
                for (resource, need) in needs(&cluster.task(task).demand) {
                    if let Some(price) = fractional.by_class.get(&(class, resource)) {
                        let sum = paid.entry(Paid::Resource(resource, class)).or_default();
                        *sum += price * need as f64 * instances;
                    }
                }
            }
        }
        let ids = cluster.frameworks.iter().enumerate();
        let by_id: BTreeMap<&str, usize> = ids.map(|(at, it)| (it.id.as_str(), at)).collect();
        for dual in &fractional.duals {
            let kind = dual.row.split('[').next().unwrap_or_default();
            let row = match kind {
                "demand" => Paid::Row("its own demand"),
                "fit" if !fractional.limited.contains(&dual.row) => {
                    Paid::Row("what fits on an agent")
                }
                "half" => Paid::Row("one large task per agent"),
                "half_device" => Paid::Row("one large part per device"),
                "fit" | "domain" => Paid::Row("its limits per failure domain"),
                "limit" => Paid::Row(&dual.row),
                _ => continue,
            };
            let owners = || dual.owners.iter().map(|owner| by_id[owner.as_str()]);
            let weight: f64 = owners().map(|at| frameworks[at].weight).sum();
            for at in owners() {
                let part = frameworks[at].weight / weight;
                *paid[at].entry(row).or_default() += dual.value * dual.rhs * part;
            }
        }
        paid
    }
}
