//! Floors: what a framework could reach alone in its fraction of every agent, by a published witness.

use std::collections::BTreeMap;

use apportion_cluster::plan::FairnessCertificate;

use super::market::{Duals, Half, Market, Row, Whole};
use super::report::Findings;
use super::rule::Rule;
use super::state::{known_task, unique};
use super::tolerance::ROW_TOLERANCE;

/// The value that the witness of each active framework proves.
pub(super) struct Floors<'a> {
    market: &'a Market<'a>,
    proved: Vec<f64>,
}

impl<'a> Floors<'a> {
    /// Reads the witness and checks that it fits into each framework's fraction.
    pub(super) fn read(
        market: &'a Market<'a>,
        certificate: &FairnessCertificate,
        findings: &mut Findings,
    ) -> Self {
        let mut witness: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        for it in &certificate.floor_witness {
            let subject = || format!("witness {}/{} on {}", it.job, it.task, it.class);
            let names = &market.state.names;
            let task = known_task(names, (&it.job, &it.task, None), "floor_witness", findings);
            let class = market.class(&it.class, "floor_witness", findings);
            let task = task.and_then(|task| {
                market
                    .tasks
                    .binary_search_by_key(&task, |(task, _)| *task)
                    .ok()
            });
            findings.check(Rule::Floors, it.instances >= 0.0, || {
                let text = "a part of the witness is negative".to_owned();
                (subject(), 0.0, it.instances, text)
            });
            if let (Some(task), Some(class)) = (task, class) {
                let new = witness.insert((task, class), it.instances.max(0.0));
                unique(new.is_none(), subject, findings);
            }
        }
        let mut proved = vec![0.0; market.active.len()];
        for (&(at, _), instances) in &witness {
            let (task, active) = market.tasks[at];
            proved[active] += market.state.value(task) as f64 * instances;
        }
        own_rows(market, &witness, findings);
        fractions(market, &witness, findings);
        limits(market, &witness, findings);
        halves(market, &witness, findings);
        domains(market, &witness, findings);
        let floors = Self { market, proved };
        floors.published(findings);
        floors
    }

    /// The share's floor is what the witness reaches, where it has one.
    fn published(&self, findings: &mut Findings) {
        for (active, &proved) in self.market.active.iter().zip(&self.proved) {
            let floor = active.share.floor;
            let holds = floor <= proved + slack(proved);
            findings.check(Rule::Floors, holds, || {
                let name = &self.market.state.cluster.frameworks[active.framework].id;
                let text = "the floor is more than its witness reaches".to_owned();
                (name.clone(), proved, floor, text)
            });
        }
    }

    /// Every floor row used by a certificate asks for no more than its witness reaches.
    pub(super) fn check(&self, duals: &Duals, findings: &mut Findings) {
        for (&row, &(_, rhs)) in &duals.rows {
            let Row::Floor(active) = row else { continue };
            let proved = self.proved[active];
            findings.check(Rule::Floors, rhs <= proved + slack(proved), || {
                let name = self.market.active_name(active);
                let text = "the floor's row asks for more than its witness reaches".to_owned();
                (format!("floor[{name}]"), proved, rhs, text)
            });
        }
    }
}

fn slack(of: f64) -> f64 {
    ROW_TOLERANCE * of.abs().max(1.0)
}

/// `x_ks <= room_ks` and `sum_s x_ks <= n_k`, both fractional as shares are.
fn own_rows(market: &Market<'_>, witness: &BTreeMap<(usize, usize), f64>, findings: &mut Findings) {
    let mut sums: BTreeMap<usize, f64> = BTreeMap::new();
    let mut rooms: BTreeMap<usize, BTreeMap<usize, f64>> = BTreeMap::new();
    for (&(at, class), &instances) in witness {
        *sums.entry(at).or_default() += instances;
        let rooms = rooms.entry(at).or_insert_with(|| market.rooms_of(at));
        let fit = rooms.get(&class).copied().unwrap_or_default();
        findings.check(Rule::Floors, instances <= fit + slack(fit), || {
            let text = "the witness has more instances on a class than fit there".to_owned();
            (
                market.state.task_name(market.tasks[at].0),
                fit,
                instances,
                text,
            )
        });
    }
    for (at, sum) in sums {
        let task = market.tasks[at].0;
        let most = market.empty.most_room(task);
        findings.check(Rule::Floors, sum <= most + slack(most), || {
            let text = "the witness has more instances than could ever be placed".to_owned();
            (market.state.task_name(task), most, sum, text)
        });
    }
}

/// `sum_k d_kr x_ks <= C_sr` for all witnesses together; and, where nothing is guaranteed, for each top of the role tree
/// its fraction of that: a subtree's floors lie in its own slice.
fn fractions(
    market: &Market<'_>,
    witness: &BTreeMap<(usize, usize), f64>,
    findings: &mut Findings,
) {
    let cluster = market.state.cluster;
    let promised = cluster.roles.iter().any(|role| !role.guarantee.is_zero());
    let top = |active: usize| {
        let framework = market.active[active].framework;
        let path = &cluster.roles[cluster.frameworks[framework].role.at()].path;
        path.split('/').next().unwrap_or_default()
    };
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    for (position, active) in market.active.iter().enumerate() {
        *weights.entry(top(position)).or_default() += active.weight;
    }
    let mut used: BTreeMap<(&str, usize, usize), f64> = BTreeMap::new();
    for (&(at, class), instances) in witness {
        let (task, active) = market.tasks[at];
        for (resource, &need) in market.state.demand(task).iter().enumerate() {
            let key = (top(active), class, resource);
            *used.entry(key).or_default() += need as f64 * instances;
        }
    }
    let capacity = market.capacity();
    let mut sums: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&(top, class, resource), &used) in &used {
        *sums.entry((class, resource)).or_default() += used;
        let part = weights[top] * capacity[class][resource] as f64;
        findings.check(Rule::Floors, promised || used <= part + slack(part), || {
            let resource = &cluster.resources[resource];
            let text = "the witness needs more than the subtree's fraction of a class".to_owned();
            let class = market.class_name(class);
            (format!("{top},{class},{resource}"), part, used, text)
        });
    }
    for ((class, resource), used) in sums {
        let most = capacity[class][resource] as f64;
        findings.check(Rule::Floors, used <= most + slack(most), || {
            let name = format!(
                "{},{}",
                market.class_name(class),
                cluster.resources[resource]
            );
            let text = "the witnesses together need more than a class has".to_owned();
            (name, most, used, text)
        });
    }
}

/// What the witnesses of a subtree use is within its limits.
fn limits(market: &Market<'_>, witness: &BTreeMap<(usize, usize), f64>, findings: &mut Findings) {
    let mut used: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&(at, _), instances) in witness {
        let (task, active) = market.tasks[at];
        for &role in market.empty.roles.above(market.active[active].framework) {
            for (resource, &need) in market.state.demand(task).iter().enumerate() {
                *used.entry((role, resource)).or_default() += need as f64 * instances;
            }
        }
    }
    for ((role, resource), used) in used {
        let Some(limit) = market.empty.roles.limits[role][resource] else {
            continue;
        };
        let limit = limit as f64;
        findings.check(Rule::Floors, used <= limit + slack(limit), || {
            let cluster = market.state.cluster;
            let (path, name) = (&cluster.roles[role].path, &cluster.resources[resource]);
            let text = "the witnesses of a subtree use more than its limit".to_owned();
            (format!("limit[{path},{name}]"), limit, used, text)
        });
    }
}

/// Instances that take more than half an agent are, over all witnesses, at most one for each agent, and so with
/// devices: so the floors of all frameworks are reachable together.
fn halves(market: &Market<'_>, witness: &BTreeMap<(usize, usize), f64>, findings: &mut Findings) {
    let mut sums: BTreeMap<Half, f64> = BTreeMap::new();
    for (&(at, class), instances) in witness {
        for (row, count) in market.halves_on(at, class) {
            *sums.entry(row).or_default() += count * instances;
        }
    }
    for (row, sum) in sums {
        let most = market.most_of_half(row) as f64;
        findings.check(Rule::Floors, sum <= most + slack(most), || {
            let (family, whole) = match row.whole {
                Whole::Agent => ("half", "an agent"),
                Whole::Device => ("half_device", "a device"),
            };
            let resource = &market.state.cluster.resources[row.resource];
            let subject = format!("{family}[{},{resource}]", market.class_name(row.class));
            let text = format!("the witnesses put two instances of more than half {whole} on one");
            (subject, most, sum, text)
        });
    }
}

/// Each framework's witness stays within its limits per failure domain, where classes tell domains apart.
fn domains(market: &Market<'_>, witness: &BTreeMap<(usize, usize), f64>, findings: &mut Findings) {
    let state = market.state;
    let levels = 0..state.cluster.levels.len();
    let firsts: Vec<Option<Vec<usize>>> = levels.map(|level| market.domain_sets(level)).collect();
    let mut sums: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&(at, class), instances) in witness {
        for &limit in &state.limits_on[market.tasks[at].0] {
            if let Some(firsts) = &firsts[state.limits[limit].rule.level.at()] {
                *sums.entry((limit, firsts[class])).or_default() += instances;
            }
        }
    }
    for ((limit, class), sum) in sums {
        let limit = &state.limits[limit];
        let most = market.most_in_domains(limit, class) as f64;
        findings.check(Rule::Floors, sum <= most + slack(most), || {
            let level = &state.cluster.levels[limit.rule.level.at()].name;
            let class = market.class_name(class);
            let text = "the witness goes beyond a limit per failure domain".to_owned();
            (
                format!("domain[{},{level},{class}]", limit.name),
                most,
                sum,
                text,
            )
        });
    }
}
