//! Who wanted, deserves and got how much.

use apportion_cluster::plan::PlanFile;

use super::{MOST_IN_FULL, and_more, apart, heading, shown};
use crate::cli::numbers::{count, percent, short};
use crate::cli::table::{self, Align, wrapped};

/// Who wanted, deserves and got how much. Shares are in value: instances, where each is worth 1.
pub(super) fn shares(plan: &PlanFile) -> String {
    let columns = [
        ("framework", Align::Left),
        ("policy", Align::Left),
        ("placed", Align::Right),
        ("wanted", Align::Right),
        ("weight", Align::Right),
        ("deserved", Align::Right),
        ("got", Align::Right),
        ("borrowed", Align::Right),
        ("lent", Align::Right),
    ];
    let rows: Vec<Vec<String>> = shown(plan)
        .into_iter()
        .map(|framework| {
            let mut row = vec![
                framework.id.clone(),
                framework.policy.clone(),
                count(framework.placed),
                count(framework.demand),
            ];
            match &framework.share {
                Some(share) => row.extend([
                    percent(share.weight),
                    value(share.deserved),
                    value(share.utility),
                    value(apart(share.borrowed, share.deserved)),
                    value(apart(share.lent, share.deserved)),
                ]),
                None => row.extend(["-", "-", "-", "-", "-"].map(str::to_owned)),
            }
            row
        })
        .collect();
    let more = and_more(plan.frameworks.len(), "framework");
    let sentences: String = if plan.frameworks.len() > MOST_IN_FULL {
        String::new()
    } else {
        let shares = plan
            .frameworks
            .iter()
            .filter_map(|framework| Some((framework, framework.share.as_ref()?)));
        shares
            .map(|(framework, share)| wrapped(&format!("{}: {}", framework.id, share.text)))
            .collect()
    };
    format!(
        "{}{}{more}{sentences}",
        heading("Shares"),
        table::render(&columns, &rows)
    )
}

/// A number without what solvers leave beyond the sixth decimal.
pub(super) fn value(number: f64) -> String {
    short((number * 1e6).round() / 1e6)
}
