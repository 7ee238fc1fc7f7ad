//! The certificate: prices and duals that prove how fair a plan is, in the plan's own names.

mod bound_by;
mod proving;
mod published;

use apportion_cluster::plan::{
    AgentClassFile, ClassPrice, Envy, Excluded, FairnessCertificate, FloorWitness,
};
use apportion_cluster::{Cluster, Running};
use apportion_policies::Bid;

use super::market::{Market, needs};
use super::share::{Proof, Shares};
use published::Published;

/// Frameworks up to which every pair has an envy number.
const ENVY_FRAMEWORKS: usize = 50;

/// The certificate of a final state, and what it says about every framework.
///
/// The prices and duals are those of the linear program over `F` whose objective is the relative gain, repaired to be
/// valid exactly; when `stop` cuts it short, whatever is known is repaired, and proves a weaker epsilon.
#[must_use]
pub fn certify(
    cluster: &Cluster,
    bids: &[Bid],
    (shares, proof): (&Shares, &Proof),
    placements: &[Running],
    stop: &dyn Fn() -> bool,
) -> (FairnessCertificate, Audit) {
    let auditor = Auditor {
        cluster,
        shares,
        shares_proof: proof,
        stop,
    };
    let held = held_values(cluster, bids, placements);
    let members = &shares.market.members;
    let utilities: Vec<i128> = members
        .iter()
        .map(|member| held[member.framework.at()])
        .collect();
    let exact: Vec<f64> = utilities.iter().map(|&utility| utility as f64).collect();
    let one_more: Vec<f64> = members
        .iter()
        .zip(&utilities)
        .map(|(member, utility)| (utility + member.unit) as f64)
        .collect();
    let starved = utilities.contains(&0);
    let proved_of = if starved { &one_more } else { &exact };
    let published = auditor.publish(&auditor.prove(proved_of).duals);
    let fractional = auditor.publish(&proof.duals);
    let proved = published.epsilon();
    let bundles = auditor.bundles(&published, placements);
    let bound_by = auditor.bound_by(&fractional);
    let classes = classes(cluster, shares);
    let certificate = FairnessCertificate {
        rule: shares.fairness.name().to_owned(),
        epsilon: (!starved).then_some(proved),
        epsilon_fractional: fractional.epsilon(),
        epsilon_one_unit: Some(if starved {
            proved
        } else {
            auditor.one_unit(&exact, &one_more, proved)
        }),
        envy: auditor.envy(&published, &bundles, proved_of),
        prices: with_agents(published.prices, &classes),
        classes,
        duals: published.duals,
        prices_fractional: fractional.prices,
        duals_fractional: fractional.duals,
        floor_witness: floor_witness(cluster, shares),
        excluded: excluded(cluster, &shares.market),
        price_of_fairness: auditor.price_of_fairness(),
    };
    let audit = Audit {
        rents: published.rents,
        bundles,
        units: shares.units(cluster),
        bound_by,
    };
    (certificate, audit)
}

/// What a certificate says about each framework.
#[derive(Debug, Default)]
pub struct Audit {
    /// Money that it cannot spend because it is satiated.
    pub rents: Vec<f64>,
    /// The price of what it holds, per weight.
    pub bundles: Vec<f64>,
    /// Value of its smallest task or gang.
    pub units: Vec<f64>,
    /// What its fair share is bound by, dearest first.
    pub bound_by: Vec<Vec<String>>,
}

/// Value in place, by framework.
fn held_values(cluster: &Cluster, bids: &[Bid], placements: &[Running]) -> Vec<i128> {
    let mut values: Vec<i64> = cluster.tasks.iter().map(|task| task.value).collect();
    for class in bids.iter().flat_map(|bid| &bid.classes) {
        values[class.task.at()] = class.value;
    }
    let mut held = vec![0; cluster.frameworks.len()];
    for placed in placements {
        let value = i128::from(values[placed.task.at()]) * i128::from(placed.instances);
        held[cluster.framework_of(placed.task).at()] += value;
    }
    held
}

struct Auditor<'a> {
    cluster: &'a Cluster,
    shares: &'a Shares,
    shares_proof: &'a Proof,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Auditor<'a> {
    fn market(&self) -> &'a Market {
        &self.shares.market
    }

    /// The price of what each framework holds, per weight.
    fn bundles(&self, published: &Published, placements: &[Running]) -> Vec<f64> {
        let census = &self.market().census;
        let mut bundles = vec![0.0; self.cluster.frameworks.len()];
        for placed in placements {
            let class = census.class_of(placed.agent);
            let framework = self.cluster.framework_of(placed.task).at();
            for (resource, need) in needs(&self.cluster.task(placed.task).demand) {
                let price = published
                    .by_class
                    .get(&(class, resource))
                    .copied()
                    .unwrap_or(0.0);
                bundles[framework] += price * need as f64 * placed.instances as f64;
            }
        }
        for member in &self.market().members {
            bundles[member.framework.at()] /= member.weight;
        }
        bundles
    }

    /// For every pair, what the other's bundle could be worth; `utilities` are those of which the prices prove something.
    fn envy(&self, published: &Published, bundles: &[f64], utilities: &[f64]) -> Vec<Envy> {
        let members = &self.market().members;
        if members.len() > ENVY_FRAMEWORKS {
            return Vec::new();
        }
        let id = |p: usize| self.cluster.framework(members[p].framework).id.clone();
        let pairs = (0..members.len()).flat_map(|p| (0..members.len()).map(move |q| (p, q)));
        let pairs = pairs.filter(|(p, q)| p != q).map(|(p, q)| {
            let priced_bundle = bundles[members[q].framework.at()];
            let rent = published.rents[members[p].framework.at()];
            Envy {
                framework: id(p),
                other: id(q),
                priced_bundle,
                bound: utilities[p] * (priced_bundle + rent),
            }
        });
        pairs.collect()
    }
}

fn classes(cluster: &Cluster, shares: &Shares) -> Vec<AgentClassFile> {
    let class = |class: &super::AgentClass| AgentClassFile {
        name: class.name.clone(),
        agents: class
            .agents
            .iter()
            .map(|&agent| cluster.agent(agent).id.clone())
            .collect(),
    };
    shares.classes.iter().map(class).collect()
}

/// Prices beside the agents that they are of.
fn with_agents(mut prices: Vec<ClassPrice>, classes: &[AgentClassFile]) -> Vec<ClassPrice> {
    for price in &mut prices {
        let class = classes.iter().find(|class| class.name == price.class);
        price.agents = class.map_or_else(Vec::new, |class| class.agents.clone());
    }
    prices
}

fn floor_witness(cluster: &Cluster, shares: &Shares) -> Vec<FloorWitness> {
    let market = &shares.market;
    let mut entries = Vec::new();
    for (member, own) in market.members.iter().zip(&shares.witness) {
        for (group, parts) in member.groups.iter().zip(&own.parts) {
            for &(task, column, instances) in parts {
                entries.push(FloorWitness {
                    job: cluster.job(cluster.task(task).job).id.clone(),
                    task: cluster.task(task).id.clone(),
                    class: shares.classes[group.columns[column].class].name.clone(),
                    instances,
                });
            }
        }
    }
    entries
}

fn excluded(cluster: &Cluster, market: &Market) -> Vec<Excluded> {
    let entry = |(framework, reason): &(apportion_cluster::FrameworkIdx, String)| Excluded {
        framework: cluster.framework(*framework).id.clone(),
        reason: reason.clone(),
    };
    market.excluded.iter().map(entry).collect()
}
