//! Welfare, the most that any plan has, and the price of brokering.
//!
//! `Z = sum_p w_p ln u_p` over active frameworks; where one holds nothing, `u_p + g_p` stands for `u_p` throughout. The published
//! prices and duals cover `m_p` times every value, so that no plan has more than `sum_p w_p ln(w_p / m_p) + ln(B + sum_p m_p s_p)`, `s_p` being
//! 0 or `g_p`, and `B` the money without what floors are kept up to one unit for.

use apportion_cluster::Cluster;
use apportion_cluster::plan::{PlanFile, Proof};

use super::market::{Duals, Market, Row};
use super::report::{Findings, Report};
use super::rule::Rule;
use super::shares::Active;
use super::stages::placed_value;
use super::state::State;
use super::tolerance::{EPSILON_TOLERANCE, close};

/// Welfare and prices of a plan with a certificate. `plan` and `fractional` are its duals, `money` what they are worth.
pub(super) fn check(
    market: &Market<'_>,
    (plan, money): (&Duals, f64),
    (fractional, fractional_money): (&Duals, f64),
    findings: &mut Findings,
) {
    let file = market.state.plan;
    let members = || market.active.iter();
    let starved = members().any(|it| it.utility == 0);
    let shift = |it: &Active<'_>| if starved { it.unit as f64 } else { 0.0 };
    let counted = |it: &Active<'_>| it.utility as f64 + shift(it);
    let objective: f64 = members().map(|it| it.weight * counted(it).ln()).sum();

    // The prices of the plan cover `w / (u + s)`, those of the shares `w / deserved`.
    let with = |duals: &Duals, money: f64, at: &dyn Fn(&Active<'_>) -> f64| -> f64 {
        let mut log = 0.0;
        let mut budget = money;
        for (position, it) in market.active.iter().enumerate() {
            log += it.weight * at(it).ln();
            budget += it.weight * shift(it) / at(it) + below_floor(market, duals, position);
        }
        log + budget.ln()
    };
    let certificate = file.fairness.as_ref();
    let has_own = certificate.is_some_and(|it| !starved || it.epsilon_one_unit.is_some());
    let mut proved = f64::INFINITY;
    if has_own {
        proved = with(plan, money, &counted);
    }
    let dual = with(fractional, fractional_money, &|it| it.share.deserved);
    if dual.is_finite() {
        proved = proved.min(dual);
    }
    let by_prices = proved.max(objective);
    // Nobody gets more than everything that it wants.
    let all: f64 = members()
        .map(|it| it.weight * (wants(market, it) as f64 + shift(it)).ln())
        .sum();
    let proved = by_prices.min(all.max(objective));

    welfare(file, objective, (by_prices, all), findings);
    brokering(market, objective, proved, findings);
}

/// `phi_p (f_p - t_p)`, `t_p` being the floor less what one unit cannot split.
fn below_floor(market: &Market<'_>, duals: &Duals, position: usize) -> f64 {
    let Some((value, floor)) = duals.rows.get(&Row::Floor(position)) else {
        return 0.0;
    };
    let unit = market.active[position].unit as f64;
    // A floor that is whole but for its last digits is whole.
    let whole = (floor + (1e-9 * floor).min(1e-3)).floor();
    value * (floor - (whole - (unit - 1.0)).max(0.0)).max(0.0)
}

/// The value of everything that a framework wants, and at least what it has.
fn wants(market: &Market<'_>, active: &Active<'_>) -> i128 {
    let tasks = market.state.tasks_of(active.framework).into_iter();
    let all: i128 = tasks
        .map(|task| market.state.value(task) * market.state.wanted(task))
        .sum();
    all.max(active.utility)
}

fn welfare(
    file: &PlanFile,
    objective: f64,
    (by_prices, by_counting): (f64, f64),
    findings: &mut Findings,
) {
    let Some(welfare) = &file.welfare else { return };
    let mut compare = |what: &str, need: f64, have: f64, holds: bool, text: &str| {
        findings.check(Rule::Welfare, holds, || {
            (what.to_owned(), need, have, text.to_owned())
        });
    };
    let holds = close(objective, welfare.objective, EPSILON_TOLERANCE);
    let text = "the plan's placements have another welfare";
    compare("welfare", objective, welfare.objective, holds, text);
    let holds = welfare.bound >= welfare.objective - EPSILON_TOLERANCE;
    let text = "the plan has more welfare than its bound";
    compare("bound", welfare.objective, welfare.bound, holds, text);
    let gap = 1.0 - (welfare.objective - welfare.bound).exp();
    let holds = close(gap, welfare.gap, EPSILON_TOLERANCE);
    let text = "the gap does not follow from welfare and bound";
    compare("gap", gap, welfare.gap, holds, text);
    match welfare.proof {
        Proof::Search => {
            findings.claim(format!("welfare: bound {} by search", welfare.bound));
        }
        Proof::Multipliers | Proof::Combinatorial => {
            let proved = match welfare.proof {
                Proof::Combinatorial => by_counting,
                _ => by_prices,
            };
            let holds = welfare.bound >= proved - EPSILON_TOLERANCE * (1.0 + proved.abs());
            let text = "the bound on welfare is tighter than its proof";
            compare("bound", proved, welfare.bound, holds, text);
        }
    }
}

fn brokering(market: &Market<'_>, objective: f64, proved: f64, findings: &mut Findings) {
    let file = market.state.plan;
    let Some(section) = &file.brokering else {
        return;
    };
    let mut compare = |what: &str, need: f64, have: f64, holds: bool, text: &str| {
        findings.check(Rule::Brokering, holds, || {
            (what.to_owned(), need, have, text.to_owned())
        });
    };
    let holds = file.options.mode == "brokered";
    let text = "only a brokered plan has a price of brokering";
    compare("mode", 0.0, 0.0, holds, text);
    let apart = proved - objective;
    let bound = 1.0 - (-apart).exp();
    let [least_division, most_division] = section.division_loss;
    let [least_solver, most_solver] = section.solver_loss;
    // A price may be above the bound that prices prove: whole instances may leave floors by more than one unit.
    let gained = section.price.map(|price| -(1.0 - price).ln());
    let holds = section.price_bound >= bound - EPSILON_TOLERANCE && section.price_bound <= 1.0;
    let text = "the bound on the price is tighter than the certificate's prices prove";
    compare("price_bound", bound, section.price_bound, holds, text);
    let price = section.price.unwrap_or(0.0);
    let holds = price <= section.price_bound + EPSILON_TOLERANCE;
    let text = "the price is above its bound";
    compare("price", section.price_bound, price, holds, text);
    let need = apart.max(gained.unwrap_or(0.0));
    let holds = most_division >= need - EPSILON_TOLERANCE && most_division.is_finite();
    let text = "more can be lost by division than is claimed";
    compare("division_loss", need, most_division, holds, text);
    let need = (gained.unwrap_or(0.0) - most_solver).max(0.0);
    let holds = close(need, least_division, EPSILON_TOLERANCE);
    let text = "what is lost by division at least does not follow from price and solver loss";
    compare("division_loss", need, least_division, holds, text);
    let holds = least_solver == 0.0 && (0.0..f64::INFINITY).contains(&most_solver);
    let text = "the solver loss is from 0 to a number";
    compare("solver_loss", 0.0, least_solver, holds, text);
    if let Some(price) = section.price {
        findings.claim(format!(
            "brokering: price {price} against a monolithic plan"
        ));
    }
    // More than everything that it wants nobody gets, and the solver can lose no more than there is to be lost.
    let known = market.active.iter().map(|it| {
        let starved = market.active.iter().any(|it| it.utility == 0);
        let shift = if starved { it.unit } else { 0 };
        let (most, has) = (wants(market, it) + shift, it.utility + shift);
        it.weight * (most as f64 / has as f64).ln()
    });
    let known = known.sum::<f64>().min(apart);
    if most_solver < known - EPSILON_TOLERANCE {
        findings.claim(format!("brokering: solver loss of at most {most_solver}"));
    }
}

/// Judges a plan, and the price of brokering that it states against a monolithic plan, which is judged as well.
#[must_use]
pub fn verify_against(cluster: &Cluster, plan: &PlanFile, monolithic: &PlanFile) -> Report {
    let other = super::verify(cluster, monolithic);
    let mut findings = Findings::default();
    let state = super::check(cluster, plan, &mut findings);
    let mut unread = Findings::default();
    let other_state = State::read(cluster, monolithic, &mut unread);
    let holds = other.holds() && monolithic.options.mode == "monolithic";
    findings.check(Rule::Brokering, holds, || {
        let first = other.violations.first();
        let have = first.map_or(monolithic.options.mode.clone(), ToString::to_string);
        let text = "the plan that it is compared with is a monolithic plan that holds".to_owned();
        ("monolithic".to_owned(), "monolithic", have, text)
    });
    let empty = super::empty::EmptyCluster::of(&state);
    let mut known = Findings::default();
    let active = super::shares::check(&state, &empty, &mut known);
    let value = |it: &Active<'_>| placed_value(&other_state, it.framework, None, &other_state.held);
    let starved = active.iter().any(|it| it.utility == 0 || value(it) == 0);
    let lost = active.iter().map(|it| {
        let shift = if starved { it.unit } else { 0 };
        it.weight * ((it.utility + shift) as f64 / (value(it) + shift) as f64).ln()
    });
    // Where nobody takes part, nothing has a price.
    let need = (!active.is_empty()).then(|| 1.0 - lost.sum::<f64>().exp());
    let have = plan.brokering.as_ref().and_then(|section| section.price);
    let holds = match (need, have) {
        (Some(need), Some(have)) => close(need, have, EPSILON_TOLERANCE),
        (need, have) => need.is_none() && have.is_none(),
    };
    findings.check(Rule::Brokering, holds, || {
        let tell = |price: Option<f64>| price.map_or("none".to_owned(), |it| it.to_string());
        let text = "the price does not follow from the two plans".to_owned();
        ("price".to_owned(), tell(need), tell(have), text)
    });
    let mut report = findings.into_report();
    report
        .claimed
        .retain(|claim| !claim.starts_with("brokering: price"));
    report
}
