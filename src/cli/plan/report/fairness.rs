//! How fair a plan is, and what brokering costs.

use apportion_cluster::plan::{FairnessCertificate, PlanFile};

use super::shares::value;
use super::{MOST_ROWS, heading};
use crate::cli::numbers::percent;
use crate::cli::table::wrapped;

pub(super) fn fairness(plan: &PlanFile) -> String {
    let Some(fairness) = &plan.fairness else {
        return String::new();
    };
    let mut text = heading("Fairness") + &wrapped(&epsilon(fairness));
    if let Some(price) = fairness.price_of_fairness {
        let price = percent((price * 1e6).round() / 1e6);
        text.push_str(&wrapped(&format!(
            "Fair shares cost {price} of the most value that could be placed in fractions of instances."
        )));
    }
    text.push_str(&brokering(plan));
    for excluded in fairness.excluded.iter().take(MOST_ROWS) {
        text.push_str(&wrapped(&format!(
            "Left out: {}: {}",
            excluded.framework, excluded.reason
        )));
    }
    text
}

/// What the plan lacks of the most welfare; of a brokered plan, that is what brokering can cost.
fn brokering(plan: &PlanFile) -> String {
    let part = |fraction: f64| percent((fraction * 1e6).round() / 1e6);
    match (&plan.brokering, &plan.welfare) {
        (Some(section), _) => {
            let most = part(section.price_bound);
            let price = section.price.map_or_else(String::new, |price| {
                format!(", and {} beside the monolithic plan", part(price))
            });
            wrapped(&format!(
                "Brokering costs at most {most} of what frameworks could have were the cluster planned as one{price}."
            ))
        }
        (None, Some(welfare)) => wrapped(&format!(
            "No plan that leaves everybody its floor gives the frameworks more than {} more, on the weighted geometric mean.",
            part(welfare.gap)
        )),
        (None, None) => String::new(),
    }
}

fn epsilon(fairness: &FairnessCertificate) -> String {
    let rule = &fairness.rule;
    let fractional = value(fairness.epsilon_fractional.max(0.0));
    let one_unit = fairness
        .epsilon_one_unit
        .map_or_else(|| "unknown".to_owned(), |one| value(one.max(0.0)));
    match fairness.epsilon {
        Some(epsilon) => format!(
            "epsilon {} ({rule}): no allocation that fits{} would gain the frameworks, weighted, more than {} on \
             average. In fractions of instances it is {fractional}; with one instance more for each, {one_unit}.",
            value(epsilon),
            match rule.as_str() {
                "drf" => "",
                _ => " and leaves everybody its floor",
            },
            percent((epsilon.max(0.0) * 1e6).round() / 1e6),
        ),
        None => format!(
            "no epsilon ({rule}): a framework with demand that could be placed holds nothing. With one instance \
             more for each it is {one_unit}; in fractions of instances, {fractional}."
        ),
    }
}
