//! The fairness certificate: epsilons, floors, rents and envy, from the published prices and duals.

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::IdleGuarantee;
use apportion_cluster::plan::{FairnessCertificate, PlanStatus};

use super::empty::EmptyCluster;
use super::floors::Floors;
use super::market::{Duals, Market, Row};
use super::report::Findings;
use super::roles::{Usable, lies_at_or_below};
use super::rule::Rule;
use super::shares::{self, Active};
use super::state::{State, known_framework, unique};
use super::tolerance::{COLUMN_TOLERANCE, EPSILON_TOLERANCE, SHARE_TOLERANCE, close};
use super::welfare;

/// Frameworks up to which every pair has an envy number.
const ENVY_FRAMEWORKS: usize = 50;

pub(super) fn check(state: &State<'_>, findings: &mut Findings) {
    let shared = state.plan.frameworks.iter().any(|it| it.share.is_some());
    let Some(certificate) = &state.plan.fairness else {
        let mode = state.plan.options.mode.as_str();
        let brokered = matches!(mode, "brokered" | "monolithic");
        let prices = state.plan.welfare.is_some() || state.plan.brokering.is_some();
        findings.check(Rule::Welfare, !prices, || {
            let text = "welfare and its price are proved by a certificate".to_owned();
            ("welfare".to_owned(), "a certificate", "none", text)
        });
        let excused = state.plan.status == PlanStatus::Deadline;
        findings.check(Rule::Classes, !shared && (!brokered || excused), || {
            let text = "a plan with shares has a certificate".to_owned();
            ("fairness".to_owned(), "a certificate", "none", text)
        });
        return;
    };
    let rule = state.plan.options.fairness.as_str();
    let known = ["nash", "maxmin", "drf"].contains(&rule);
    findings.check(Rule::Classes, known && certificate.rule == rule, || {
        let text = "the certificate is not of the plan's fairness rule".to_owned();
        ("fairness".to_owned(), rule, certificate.rule.as_str(), text)
    });
    let empty = EmptyCluster::of(state);
    let active = shares::check(state, &empty, findings);
    let market = Market::read(state, &empty, &active, certificate, findings);
    let plan = market.duals(&certificate.prices, &certificate.duals, "duals", findings);
    let fractional = market.duals(
        &certificate.prices_fractional,
        &certificate.duals_fractional,
        "duals_fractional",
        findings,
    );
    let floors = Floors::read(&market, certificate, findings);
    for duals in [&plan, &fractional] {
        floors.check(duals, findings);
    }
    if active.is_empty() {
        nobody(certificate, findings);
    } else {
        epsilons(&market, certificate, &plan, &fractional, findings);
        welfare::check(
            &market,
            (&plan, money(&market, &plan)),
            (&fractional, money(&market, &fractional)),
            findings,
        );
    }
    rents(&market, &plan, findings);
    envy(&market, certificate, &plan, findings);
    if let Some(price) = certificate.price_of_fairness {
        findings.claim(format!("fairness: price of fairness {price}"));
    }
}

/// Where nobody takes part, nobody can gain.
fn nobody(certificate: &FairnessCertificate, findings: &mut Findings) {
    let none = [
        ("epsilon", certificate.epsilon.unwrap_or(0.0)),
        ("epsilon_fractional", certificate.epsilon_fractional),
        (
            "epsilon_one_unit",
            certificate.epsilon_one_unit.unwrap_or(0.0),
        ),
    ];
    for (name, have) in none {
        findings.check(Rule::Epsilon, have == 0.0, || {
            let text = "no framework takes part: there is nothing to gain".to_owned();
            (name.to_owned(), 0.0, have, text)
        });
    }
}

/// Which epsilons there are, and that each follows from its prices.
fn epsilons(
    market: &Market<'_>,
    certificate: &FairnessCertificate,
    plan: &Duals,
    fractional: &Duals,
    findings: &mut Findings,
) {
    let starved = market.active.iter().find(|it| it.utility == 0);
    let holds = certificate.epsilon.is_none() == starved.is_some();
    findings.check(Rule::Epsilon, holds, || {
        let need = if starved.is_some() {
            "none"
        } else {
            "a number"
        };
        let have = certificate
            .epsilon
            .map_or("none".to_owned(), |it| it.to_string());
        let text =
            "epsilon is absent exactly if a framework that could place something holds nothing";
        ("epsilon".to_owned(), need, have, text.to_owned())
    });
    let exact = |it: &Active<'_>| it.utility as f64;
    let one_more = |it: &Active<'_>| (it.utility + it.unit) as f64;
    if let (Some(epsilon), None) = (certificate.epsilon, starved) {
        epsilon_of(market, "epsilon", epsilon, plan, exact, findings);
        if let Some(one_unit) = certificate.epsilon_one_unit {
            one_unit_beside(market, epsilon, one_unit, findings);
        }
    } else if let Some(one_unit) = certificate.epsilon_one_unit {
        epsilon_of(
            market,
            "epsilon_one_unit",
            one_unit,
            plan,
            one_more,
            findings,
        );
    }
    let name = "epsilon_fractional";
    let deserved = |it: &Active<'_>| it.share.deserved;
    epsilon_of(
        market,
        name,
        certificate.epsilon_fractional,
        fractional,
        deserved,
        findings,
    );
}

/// The column test, and `epsilon = B + sum y b - sum phi f - 1`.
fn epsilon_of(
    market: &Market<'_>,
    name: &str,
    claimed: f64,
    duals: &Duals,
    utility: impl Fn(&Active<'_>) -> f64,
    findings: &mut Findings,
) {
    for (at, &(task, active)) in market.tasks.iter().enumerate() {
        let owner = &market.active[active];
        let phi = dual(duals, Row::Floor(active));
        let need = (owner.weight / utility(owner) + phi) * market.state.value(task) as f64;
        // Where no copy fits, there is none at any price.
        let classes = market.fits[at].iter().filter(|it| *it.1 > 0);
        for (&class, _) in classes {
            let have = column(market, duals, at, class);
            let holds = have >= need * (1.0 - COLUMN_TOLERANCE);
            findings.check(Rule::Columns, holds, || {
                let class = market.class_name(class);
                let text = format!("the prices of {name} do not cover the task's worth on {class}");
                (market.state.task_name(task), need, have, text)
            });
        }
    }
    holdings(market, name, duals, findings);
    let need = money(market, duals) - 1.0;
    let holds =
        need.is_finite() && (need - claimed).abs() <= EPSILON_TOLERANCE * (1.0 + need.abs());
    findings.check(Rule::Epsilon, holds, || {
        let text = "the published prices and duals give another number".to_owned();
        (name.to_owned(), need, claimed, text)
    });
}

/// `gamma_v` of a role and those above it is at most the price, wherever something may be held for the role.
fn holdings(market: &Market<'_>, name: &str, duals: &Duals, findings: &mut Findings) {
    let state = market.state;
    for (role, it) in state.cluster.roles.iter().enumerate() {
        for resource in 0..state.cluster.resources.len() {
            if it.guarantee.0[resource] == 0 || it.idle_guarantee != IdleGuarantee::Hold {
                continue;
            }
            let above = state.cluster.roles.iter().enumerate();
            let above = above.filter(|(_, other)| lies_at_or_below(&it.path, &other.path));
            let need: f64 = above
                .map(|(other, _)| dual(duals, Row::Hold(other, resource)))
                .sum();
            if need == 0.0 {
                continue;
            }
            let usable = Usable::of(state, &market.empty.roles, role);
            let classes: BTreeSet<usize> = (0..state.cluster.agents.len())
                .filter(|&agent| state.cluster.agents[agent].capacity.0[resource] > 0)
                .filter(|&agent| usable.contains(agent))
                .map(|agent| market.class_of[agent])
                .collect();
            for class in classes {
                let have = duals.prices.get(&(class, resource));
                let have = have.copied().unwrap_or_default();
                let holds = have >= need * (1.0 - COLUMN_TOLERANCE);
                findings.check(Rule::Columns, holds, || {
                    let subject = format!(
                        "{},{} on {}",
                        it.path,
                        state.cluster.resources[resource],
                        market.class_name(class)
                    );
                    let text = format!("the prices of {name} do not cover what is held");
                    (subject, need, have, text)
                });
            }
        }
    }
}

/// `pi_s d_k` and every dual that counts task `at` on `class`.
fn column(market: &Market<'_>, duals: &Duals, at: usize, class: usize) -> f64 {
    let (task, active) = market.tasks[at];
    let mut sum = dual(duals, Row::Demand(at)) + dual(duals, Row::Fit(at, class));
    for &role in market.empty.roles.above(market.active[active].framework) {
        for (resource, &need) in market.state.demand(task).iter().enumerate() {
            let most = dual(duals, Row::Limit(role, resource));
            sum += (most - dual(duals, Row::Hold(role, resource))) * need as f64;
        }
    }
    for (resource, &need) in market.state.demand(task).iter().enumerate() {
        let price = duals.prices.get(&(class, resource));
        sum += price.copied().unwrap_or_default() * need as f64;
    }
    sum += market.domains_on(duals, at, class).sum::<f64>();
    let halves = market.halves_on(at, class);
    sum + halves
        .map(|(row, count)| count * dual(duals, Row::Half(row)))
        .sum::<f64>()
}

/// `sum pi C + sum y b - sum phi f`.
fn money(market: &Market<'_>, duals: &Duals) -> f64 {
    let capacity = market.capacity();
    let mut sum = 0.0;
    for (&(class, resource), price) in &duals.prices {
        sum += price * capacity[class][resource] as f64;
    }
    for (row, (value, rhs)) in &duals.rows {
        match row {
            Row::Floor(_) | Row::Hold(..) => sum -= value * rhs,
            _ => sum += value * rhs,
        }
    }
    sum
}

fn dual(duals: &Duals, row: Row) -> f64 {
    duals.rows.get(&row).map_or(0.0, |(value, _)| *value)
}

/// `epsilon_one_unit` beside `epsilon` has no prices of its own: those of epsilon, scaled by the largest
/// `u / (u + g)`, prove a part of it; below that it is taken on trust.
fn one_unit_beside(market: &Market<'_>, epsilon: f64, claimed: f64, findings: &mut Findings) {
    let slack = EPSILON_TOLERANCE * (1.0 + epsilon.abs());
    findings.check(Rule::Epsilon, claimed <= epsilon + slack, || {
        let text = "one more unit each cannot make the plan less fair".to_owned();
        ("epsilon_one_unit".to_owned(), epsilon, claimed, text)
    });
    let scales = market
        .active
        .iter()
        .map(|it| it.utility as f64 / (it.utility + it.unit) as f64);
    let scale = scales.fold(0.0, f64::max);
    if claimed < scale * (1.0 + epsilon) - 1.0 - slack {
        findings.claim(format!("fairness: epsilon_one_unit {claimed}"));
    }
}

/// `rent_p = sum over rows that p owns of y b / (weight of the owners)`.
fn rents(market: &Market<'_>, duals: &Duals, findings: &mut Findings) {
    let mut rents = vec![0.0; market.active.len()];
    for (&row, (value, rhs)) in &duals.rows {
        if matches!(row, Row::Floor(_) | Row::Hold(..)) {
            continue;
        }
        let owners = market.owners_of(row);
        let weight: f64 = owners.iter().map(|&it| market.active[it].weight).sum();
        for owner in owners {
            rents[owner] += value * rhs / weight;
        }
    }
    for (active, need) in market.active.iter().zip(rents) {
        let have = active.share.rent;
        findings.check(Rule::Rent, close(need, have, SHARE_TOLERANCE), || {
            let name = &market.state.cluster.frameworks[active.framework].id;
            let text = "the rent does not follow from the duals".to_owned();
            (name.clone(), need, have, text)
        });
        let (need, have) = (bundle(market, duals, active), active.share.priced_bundle);
        findings.check(Rule::Envy, close(need, have, SHARE_TOLERANCE), || {
            let name = &market.state.cluster.frameworks[active.framework].id;
            let text = "the priced bundle does not follow from placements and prices".to_owned();
            (name.clone(), need, have, text)
        });
    }
}

/// `pi o_q / w_q` for every pair of up to 50 frameworks, and the bound `u_p (pi o_q / w_q + rent_p)`: with one unit more each
/// where the prices are those of one unit more.
fn envy(
    market: &Market<'_>,
    certificate: &FairnessCertificate,
    duals: &Duals,
    findings: &mut Findings,
) {
    let names = &market.state.names;
    let priced = market
        .active
        .iter()
        .map(|it| (it.framework, bundle(market, duals, it)));
    let priced: BTreeMap<usize, f64> = priced.collect();
    let starved = market.active.iter().any(|it| it.utility == 0);
    let utility = |it: &Active<'_>| {
        let more = if starved { it.unit } else { 0 };
        (it.utility + more) as f64
    };
    let mut seen = BTreeSet::new();
    for entry in &certificate.envy {
        let subject = || format!("envy {} of {}", entry.framework, entry.other);
        let framework = known_framework(names, &entry.framework, "envy", findings);
        let other = known_framework(names, &entry.other, "envy", findings);
        let (Some(framework), Some(other)) = (framework, other) else {
            continue;
        };
        unique(seen.insert((framework, other)), subject, findings);
        let need = priced.get(&other).copied().unwrap_or_default();
        let have = entry.priced_bundle;
        findings.check(Rule::Envy, close(need, have, SHARE_TOLERANCE), || {
            let text = "the priced bundle does not follow from placements and prices".to_owned();
            (subject(), need, have, text)
        });
        let owner = market.active.iter().find(|it| it.framework == framework);
        let need = owner.map_or(0.0, |it| utility(it) * (need + it.share.rent));
        let have = entry.bound;
        findings.check(Rule::Envy, close(need, have, SHARE_TOLERANCE), || {
            let text = "the bound on envy does not follow from prices and rent".to_owned();
            (subject(), need, have, text)
        });
    }
    if market.active.len() <= ENVY_FRAMEWORKS {
        for (framework, other) in market.active.iter().flat_map(|it| {
            let others = market
                .active
                .iter()
                .filter(|other| other.framework != it.framework);
            others.map(|other| (it.framework, other.framework))
        }) {
            findings.check(Rule::Envy, seen.contains(&(framework, other)), || {
                let id = |at: usize| &market.state.cluster.frameworks[at].id;
                let subject = format!("envy {} of {}", id(framework), id(other));
                (
                    subject,
                    "a number",
                    "none",
                    "the pair is not listed".to_owned(),
                )
            });
        }
    }
}

/// The price of what a framework holds, per weight.
fn bundle(market: &Market<'_>, duals: &Duals, active: &Active<'_>) -> f64 {
    let mut sum = 0.0;
    for task in market.state.tasks_of(active.framework) {
        for (&agent, &count) in &market.state.held[task] {
            let class = market.class_of[agent];
            for (resource, &need) in market.state.demand(task).iter().enumerate() {
                let price = duals
                    .prices
                    .get(&(class, resource))
                    .copied()
                    .unwrap_or_default();
                sum += price * need as f64 * count as f64;
            }
        }
    }
    sum / active.weight
}
