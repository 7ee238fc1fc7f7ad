//! The certificate: prices and duals that prove how fair a plan is, in the plan's own names.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::plan::{
    AgentClassFile, ClassPrice, Envy, Excluded, FairnessCertificate, FloorWitness, RowDual,
};
use apportion_cluster::{Cluster, Running};
use apportion_models::welfare::{
    Duals, Objective, Problem, Repaired, Solution, Status, repair, solve_until,
};
use apportion_policies::Bid;

use super::half::Whole;
use super::market::{Market, Place, Scope, needs};
use super::rules::alone_values;
use super::share::FrameworkShare;
use super::share::{ACCURACY, MANY_COLUMNS, Proof, Shares};

/// Frameworks up to which every pair has an envy number.
const ENVY_FRAMEWORKS: usize = 50;
/// The most that a framework is told of what binds it, and the least part of its money that is told.
const MOST_NAMED: usize = 3;
const LEAST_PART: f64 = 0.05;
/// Columns up to which more programs are solved than the certificate needs.
const CHEAP_COLUMNS: usize = 4_000;

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

/// What a framework pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Paid<'a> {
    /// A resource of a class.
    Resource(usize, usize),
    /// A row that is not a capacity.
    Row(&'a str),
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

/// Prices and duals in the plan's names, with the money that they are worth.
struct Published {
    prices: Vec<ClassPrice>,
    duals: Vec<RowDual>,
    /// `pi . C + y . b - phi . f`.
    money: f64,
    /// Whether no framework takes part.
    is_empty: bool,
    /// By framework.
    rents: Vec<f64>,
    by_class: BTreeMap<(usize, usize), f64>,
    /// Rows of what fits that say what limits per failure domain let in.
    limited: BTreeSet<String>,
}

impl Published {
    /// The weights of active frameworks sum to 1; where there are none, there is nothing to gain.
    fn epsilon(&self) -> f64 {
        if self.is_empty { 0.0 } else { self.money - 1.0 }
    }
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

    /// The best multipliers that cover `w_p / u_p` times every value.
    fn prove(&self, utilities: &[f64]) -> Repaired {
        let mut problem = self.of_whole_devices();
        let mut required: Vec<Vec<f64>> = problem
            .blocks()
            .iter()
            .map(|block| vec![0.0; block.columns()])
            .collect();
        for (p, (member, &utility)) in self.market().members.iter().zip(utilities).enumerate() {
            // A framework without a unit of value has no column; its weight does not matter.
            let weight = if utility > 0.0 {
                member.weight / utility
            } else {
                0.0
            };
            let block = problem.block_mut(p);
            block.set_weight(weight);
            let values = block.values().iter();
            required[p] = values.map(|value| weight * value).collect();
        }
        let quick = self.market().n_columns() > MANY_COLUMNS;
        let solution = (!quick).then(|| self.solve(&problem));
        let solved = solution.as_ref().map(|solution| &solution.duals);
        solved
            .into_iter()
            .chain([&*self.duals_of_shares(&problem)])
            .map(|duals| {
                repair(&problem, &required, duals)
                    .expect("every column has a demand row to pay from")
            })
            .min_by(|left, right| left.value.total_cmp(&right.value))
            .expect("there is a candidate")
    }

    /// The program of the shares, and whole devices: whatever can be placed obeys it.
    fn of_whole_devices(&self) -> Problem {
        let scope = &self.shares_proof.scope;
        let halves = self.market().whole().halves;
        if halves.len() == scope.halves.len() {
            return self.shares_proof.problem.clone();
        }
        let scope = Scope {
            halves,
            ..scope.clone()
        };
        let floors = self.shares.has_floors.then_some(&self.shares.floors[..]);
        self.market().problem(&scope, Objective::Linear, floors)
    }

    /// The multipliers of the shares, for a program of theirs that may count devices besides: nothing is paid for these.
    fn duals_of_shares(&self, problem: &Problem) -> Cow<'a, Duals> {
        let known = &self.shares_proof.duals;
        let devices = problem.shared_bounds().len() - known.shared.len();
        if devices == 0 {
            return Cow::Borrowed(known);
        }
        let mut duals = known.clone();
        let first_limit = known.shared.len() - self.shared_rows_of_roles();
        let unpaid = std::iter::repeat_n(0.0, devices);
        duals.shared.splice(first_limit..first_limit, unpaid);
        Cow::Owned(duals)
    }

    /// How many shared rows are limits and guarantees: the last ones.
    fn shared_rows_of_roles(&self) -> usize {
        let scope = &self.shares_proof.scope;
        let (limits, holds) = self.market().rows_at(Place::Shared, scope);
        limits.len() + holds.len()
    }

    fn solve(&self, problem: &Problem) -> Solution {
        solve_until(problem, &ACCURACY, self.stop)
            .expect("capacities, demands, values and weights are finite")
    }

    /// Puts multipliers into the plan's words. Zeros are left out.
    fn publish(&self, duals: &Duals) -> Published {
        let (cluster, market) = (self.cluster, self.market());
        let mut published = Published {
            prices: Vec::new(),
            duals: Vec::new(),
            money: 0.0,
            is_empty: market.members.is_empty(),
            rents: vec![0.0; cluster.frameworks.len()],
            by_class: BTreeMap::new(),
            limited: BTreeSet::new(),
        };
        let (capacities, rest) = duals.shared.split_at(market.capacities.len());
        let (halves, rest) = rest.split_at(rest.len() - self.shared_rows_of_roles());
        let (limits, holds) = market.rows_at(Place::Shared, &self.shares_proof.scope);
        let (limit_duals, hold_duals) = rest.split_at(limits.len());
        for (&(class, resource), &price) in market
            .capacities
            .iter()
            .zip(capacities)
            .filter(|(_, price)| **price > 0.0)
        {
            published.money += price * self.shares.classes[class].capacity[resource] as f64;
            published.by_class.insert((class, resource), price);
            published.prices.push(ClassPrice {
                class: self.shares.classes[class].name.clone(),
                agents: Vec::new(),
                resource: cluster.resources[resource].clone(),
                price,
            });
        }
        for (half, &value) in market
            .halves
            .iter()
            .zip(halves)
            .filter(|(_, value)| **value > 0.0)
        {
            let class = &self.shares.classes[half.class].name;
            let family = match half.whole {
                Whole::Agent => "half",
                Whole::Device => "half_device",
            };
            let row = format!("{family}[{class},{}]", cluster.resources[half.resource]);
            published.add(self, row, &half.owners, value, half.most);
        }
        for (&at, &value) in limits.iter().zip(limit_duals) {
            self.publish_limit(at, value, &mut published);
        }
        for (&at, &value) in holds.iter().zip(hold_duals) {
            self.publish_hold(at, value, &mut published);
        }
        let (_, alone) = market.rows_at(Place::Alone, &self.shares_proof.scope);
        for (&at, own) in alone.iter().zip(&duals.own[market.members.len()..]) {
            self.publish_hold(at, own[0], &mut published);
        }
        for position in 0..market.members.len() {
            self.publish_member(
                position,
                &duals.own[position],
                &duals.upper[position],
                &mut published,
            );
        }
        published
    }

    /// A member's own rows: those of a group once for each of its tasks.
    fn publish_member(
        &self,
        position: usize,
        own: &[f64],
        upper: &[f64],
        published: &mut Published,
    ) {
        let market = self.market();
        let member = &market.members[position];
        let mut upper = upper.iter();
        for (group, &demand) in member.groups.iter().zip(own) {
            let name = |task| self.cluster.task_name(task);
            if demand > 0.0 {
                for wanted in &group.tasks {
                    let row = format!("demand[{}]", name(wanted.task));
                    published.add(self, row, &[position], demand, wanted.most);
                }
            }
            for (column, &fit) in group
                .columns
                .iter()
                .zip(&mut upper)
                .filter(|(_, fit)| **fit > 0.0)
            {
                for wanted in &group.tasks {
                    let class = &self.shares.classes[column.class].name;
                    let row = format!("fit[{},{class}]", name(wanted.task));
                    let most = wanted.fit(column.class, &market.census);
                    if wanted.is_limited(column.class) {
                        published.limited.insert(row.clone());
                    }
                    published.add(self, row, &[position], fit, most);
                }
            }
        }
        let rest = &own[member.groups.len()..];
        let (domain_duals, rest) = rest.split_at(market.domains(member).len());
        let domains = market.domains(member).iter().zip(domain_duals);
        for (row, &value) in domains.filter(|(_, value)| **value > 0.0) {
            let level = &self.cluster.levels[row.level.at()].name;
            let class = &self.shares.classes[row.class].name;
            for &(counted, most) in &row.counted {
                let name = counted.name(self.cluster);
                let row = format!("domain[{name},{level},{class}]");
                published.add(self, row, &[position], value, most);
            }
        }
        let (limits, holds) = market.own_rows(position, &self.shares_proof.scope);
        let (limit_duals, rest) = rest.split_at(limits.len());
        let (hold_duals, floor) = rest.split_at(holds.len());
        for (&at, &value) in limits.iter().zip(limit_duals) {
            self.publish_limit(at, value, published);
        }
        for (&at, &value) in holds.iter().zip(hold_duals) {
            self.publish_hold(at, value, published);
        }
        if let Some(&floor) = floor.first()
            && floor > 0.0
        {
            let id = self.cluster.framework(member.framework).id.clone();
            let rhs = self.shares.floors[position];
            published.money -= floor * rhs;
            published.duals.push(RowDual {
                row: format!("floor[{id}]"),
                owners: vec![id],
                value: floor,
                rhs,
            });
        }
    }

    fn publish_limit(&self, at: usize, value: f64, published: &mut Published) {
        if value > 0.0 {
            let limit = &self.market().limits[at];
            let row = self.role_row("limit", limit.role, limit.resource);
            published.add(self, row, &limit.members, value, limit.amount);
        }
    }

    /// A guarantee takes from what the others may use: it lowers the bound, and is nobody's rent.
    fn publish_hold(&self, at: usize, value: f64, published: &mut Published) {
        if value > 0.0 {
            let hold = &self.market().holds[at];
            published.money -= value * hold.amount;
            let members = hold.members.iter().map(|&member| {
                let framework = self.market().members[member].framework;
                self.cluster.framework(framework).id.clone()
            });
            published.duals.push(RowDual {
                row: self.role_row("guarantee", hold.role, hold.resource),
                owners: members.collect(),
                value,
                rhs: hold.amount,
            });
        }
    }

    fn role_row(&self, kind: &str, role: usize, resource: usize) -> String {
        let path = &self.cluster.roles[role].path;
        format!("{kind}[{path},{}]", self.cluster.resources[resource])
    }

    /// What each framework pays for in its fair share, dearest first: resources of classes, limits, its own demand.
    fn bound_by(&self, fractional: &Published) -> Vec<Vec<String>> {
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
        paid.into_iter().zip(frameworks).map(told).collect()
    }

    /// With one more unit each, scaled from what is proved of the plan; where it is cheap, by a program of its own.
    fn one_unit(&self, exact: &[f64], one_more: &[f64], proved: f64) -> f64 {
        let scale = exact
            .iter()
            .zip(one_more)
            .map(|(utility, more)| utility / more)
            .fold(0.0, f64::max);
        let scaled = (scale * (1.0 + proved) - 1.0).min(proved);
        if exact.is_empty() {
            return proved;
        }
        if self.market().n_columns() > CHEAP_COLUMNS || (self.stop)() {
            return scaled;
        }
        scaled.min(self.publish(&self.prove(one_more).duals).epsilon())
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

    /// `1 - Z / Z_max` for `Z = sum_p w_p u_p / h_p` at the share, `h_p` being the most that `p` alone could place;
    /// absent where it is not cheap.
    fn price_of_fairness(&self) -> Option<f64> {
        let market = self.market();
        if market.n_columns() > CHEAP_COLUMNS || market.members.is_empty() || (self.stop)() {
            return None;
        }
        let most = alone_values(market);
        let mut weights = Vec::with_capacity(most.len());
        let mut problem = market.problem(&self.shares_proof.scope, Objective::Linear, None);
        let mut fair = 0.0;
        for (p, (member, most)) in market.members.iter().zip(&most).enumerate() {
            // Who can place nothing, as one that only runs what its agent is too small for, counts for nothing.
            let weight = if *most > 0.0 {
                member.weight / most
            } else {
                0.0
            };
            problem.block_mut(p).set_weight(weight);
            weights.push(weight);
            fair += weight * self.shares.deserved[p];
        }
        let solution = self.solve(&problem);
        let best: f64 = (weights.iter().zip(&solution.utilities))
            .map(|(weight, utility)| weight * utility)
            .sum();
        (solution.status == Status::Optimal && best > 0.0).then(|| (1.0 - fair / best).max(0.0))
    }
}

impl Published {
    /// Adds a row that is not a capacity, and the rent that it is to each of its owners.
    fn add(&mut self, auditor: &Auditor<'_>, row: String, owners: &[usize], value: f64, rhs: f64) {
        let members = &auditor.market().members;
        let weight: f64 = owners.iter().map(|&owner| members[owner].weight).sum();
        for &owner in owners {
            self.rents[members[owner].framework.at()] += value * rhs / weight;
        }
        self.money += value * rhs;
        let owners = owners.iter().map(|&owner| {
            auditor
                .cluster
                .framework(members[owner].framework)
                .id
                .clone()
        });
        self.duals.push(RowDual {
            row,
            owners: owners.collect(),
            value,
            rhs,
        });
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
