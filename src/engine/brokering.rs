//! The price of brokering: what it costs that the cluster is divided among frameworks first, instead of planned as one.
//!
//! # Definitions
//! `Z = sum_p w_p ln u_p` over the frameworks that take part in the shares, whose weights `w_p` sum to 1; where any of them holds
//! nothing, `u_p + g_p` stands for `u_p` throughout, `g_p` being the value of its smallest task or gang.
//!
//! ```text
//! price          1 - exp(Z - Z_mono)                    against a monolithic plan
//! price_bound    1 - exp(Z - Mbar)                      against every plan
//! solver_loss    [0, Zbar - Z]                          what frameworks do not get out of what they hold
//! division_loss  [max(0, M - Zbar), Mbar - Z]           what is lost by who holds what
//! ```
//!
//! `M` is the best welfare known: of the monolithic plan, if there is one, else `Z`. `Zbar = sum_p w_p ln b_p`, where `p` can place no more
//! than `b_p` within what it holds and what is free in the end. `Mbar` is from the certificate.
//!
//! # Why `Mbar` is a bound
//! Prices and duals that cover `m_p` times every value prove `sum_p m_p u'_p <= B` for every allocation `u'`; and by Jensen's inequality
//! `sum_p w_p ln u'_p <= sum_p w_p ln(w_p / m_p) + ln B`. With `m_p = w_p / u_p` that is `Z + ln(1 + epsilon)`, so the price is at most
//! `epsilon / (1 + epsilon)` where no floor is paid for; with `m_p = w_p / deserved_p` it is `sum_p w_p ln deserved_p + ln(1 + epsilon_fractional)`, the dual of the welfare.
//! The less of the two counts, or what everybody had with all that it wants. Duals of floors prove it for plans above the floors; for whole instances a floor is to be reached up
//! to one unit (`t_p`), so that `B` is larger by `phi_p (f_p - t_p)`.

use std::collections::BTreeMap;

use apportion_cluster::plan::{
    Brokering, FairnessCertificate, FrameworkResult, PlanFile, Proof, RowDual, Share, WelfareResult,
};

/// What a published floor may be below the floor for want of digits: a part of it, and the most.
const FLOOR_DIGITS: (f64, f64) = (1e-9, 1e-3);

/// The most that whole units can be asked to reach of a floor: less what one unit cannot split.
pub(super) fn floor_target(floor: f64, unit: f64) -> f64 {
    let whole = (floor + (FLOOR_DIGITS.0 * floor).min(FLOOR_DIGITS.1)).floor();
    (whole - (unit - 1.0)).max(0.0)
}

/// The welfare of a plan and the most that any plan has, by its certificate, by `searched`, or by the value
/// that each wants in all (`wanted`, by result), whichever is least; `None` where nobody takes
/// part, or nothing is proved.
pub(super) fn welfare(
    frameworks: &[FrameworkResult],
    certificate: &FairnessCertificate,
    searched: Option<f64>,
    wanted: &[f64],
) -> Option<WelfareResult> {
    let shares = shares(frameworks);
    if shares.is_empty() {
        return None;
    }
    let starved = shares.values().any(|share| share.utility <= 0.0);
    let shift = |share: &Share| if starved { share.unit } else { 0.0 };
    let counted = |share: &Share| share.utility + shift(share);
    let sum = |of: &dyn Fn(&Share) -> f64| shares.values().map(|share| of(share)).sum::<f64>();

    let objective = sum(&|share| share.weight * counted(share).ln());
    let own = match (starved, certificate.epsilon, certificate.epsilon_one_unit) {
        (false, Some(epsilon), _) | (true, _, Some(epsilon)) => {
            let added = sum(&|share| share.weight * shift(share) / counted(share));
            let budget = 1.0 + epsilon + below_floors(&certificate.duals, &shares) + added;
            objective + budget.ln()
        }
        _ => f64::INFINITY,
    };
    let added = sum(&|share| share.weight * shift(share) / share.deserved);
    let below = below_floors(&certificate.duals_fractional, &shares);
    let budget = 1.0 + certificate.epsilon_fractional + below + added;
    let dual = sum(&|share| share.weight * share.deserved.ln()) + budget.ln();
    let proved = if dual.is_finite() { own.min(dual) } else { own };
    // Nobody gets more than everything.
    let all = frameworks
        .iter()
        .zip(wanted)
        .filter_map(|(result, wanted)| {
            let share = result.share.as_ref()?;
            let most = wanted.max(share.utility) + shift(share);
            Some(share.weight * most.ln())
        });
    let searched = searched.filter(|_| !starved).unwrap_or(f64::INFINITY);
    let (mut bound, mut proof) = (proved, Proof::Multipliers);
    for (other, by) in [(all.sum(), Proof::Combinatorial), (searched, Proof::Search)] {
        if other < bound {
            (bound, proof) = (other, by);
        }
    }
    // The plan itself is one of those that the bound is about, but for rounding.
    let bound = bound.max(objective);
    bound.is_finite().then(|| WelfareResult {
        objective,
        bound,
        gap: 1.0 - (objective - bound).exp(),
        proof,
    })
}

/// The brokering section of a plan, no monolithic plan known. `most`, by result, is what each framework could place within what it holds.
pub(super) fn section(
    frameworks: &[FrameworkResult],
    welfare: &WelfareResult,
    most: &[f64],
) -> Brokering {
    let starved = shares(frameworks)
        .values()
        .any(|share| share.utility <= 0.0);
    let above = welfare.bound - welfare.objective;
    let within = frameworks.iter().zip(most).filter_map(|(result, most)| {
        let share = result.share.as_ref()?;
        let shift = if starved { share.unit } else { 0.0 };
        let most = most.max(share.utility) + shift;
        Some(share.weight * (most / (share.utility + shift)).ln())
    });
    Brokering {
        price: None,
        price_bound: welfare.gap,
        division_loss: [0.0, above],
        solver_loss: [0.0, within.sum::<f64>().clamp(0.0, above)],
    }
}

/// States what brokering costs in `plan`, compared with a monolithic plan of the same snapshot.
///
/// Nothing changes if one of them has no shares, or they are about other frameworks.
pub fn compare(plan: &mut PlanFile, monolithic: &PlanFile) {
    let Some(price) = price(plan, monolithic) else {
        return;
    };
    let Some(section) = &mut plan.brokering else {
        return;
    };
    // Whole instances may leave a floor by more than one unit: then more is possible than the bound is about.
    let gained = (1.0 / (1.0 - price)).ln();
    section.price = Some(price);
    section.price_bound = section.price_bound.max(price);
    let [at_least, at_most] = &mut section.division_loss;
    *at_least = (gained - section.solver_loss[1]).max(0.0);
    *at_most = at_most.max(gained);
}

/// `1 - exp(sum_p w_p ln(u_p / u_p of the other))` by the shares of `plan`; with one unit more for everybody where anybody holds nothing.
#[must_use]
pub fn price(plan: &PlanFile, other: &PlanFile) -> Option<f64> {
    let (own, other) = (shares(&plan.frameworks), shares(&other.frameworks));
    if own.is_empty() || !own.keys().eq(other.keys()) {
        return None;
    }
    let starved = own
        .values()
        .chain(other.values())
        .any(|it| it.utility <= 0.0);
    let lost = own.iter().map(|(id, share)| {
        let shift = if starved { share.unit } else { 0.0 };
        share.weight * ((share.utility + shift) / (other[id].utility + shift)).ln()
    });
    Some(1.0 - lost.sum::<f64>().exp())
}

/// Shares by framework.
fn shares(frameworks: &[FrameworkResult]) -> BTreeMap<&str, &Share> {
    let shares = frameworks.iter();
    shares
        .filter_map(|result| Some((result.id.as_str(), result.share.as_ref()?)))
        .collect()
}

/// `sum phi_p (f_p - t_p)`.
fn below_floors(duals: &[RowDual], shares: &BTreeMap<&str, &Share>) -> f64 {
    let of_dual = |dual: &RowDual| {
        let id = dual.row.strip_prefix("floor[")?.strip_suffix(']')?;
        let share = shares.get(id)?;
        let below = dual.rhs - floor_target(dual.rhs, share.unit);
        Some(dual.value * below.max(0.0))
    };
    duals.iter().filter_map(of_dual).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Floors are published as what is surely reached: a whole one must not lose a unit over its last digits.
    #[test]
    fn a_floor_that_is_whole_but_for_its_last_digits_is_whole() {
        for (floor, unit, target) in [
            (149.0, 1.0, 149.0),
            (148.999_999_998_75, 1.0, 149.0),
            (148.9, 1.0, 148.0),
            (16.0 * (1.0 - 1e-12), 2.0, 15.0),
            (0.999, 1.0, 0.0),
            (2e9 - 0.5, 1.0, 2e9 - 1.0),
            (0.0, 5.0, 0.0),
        ] {
            assert_eq!(floor_target(floor, unit), target, "{floor} {unit}");
        }
    }
}
