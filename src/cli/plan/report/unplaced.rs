//! What did not fit, and what else is worth knowing.

use std::collections::BTreeMap;

use apportion_cluster::plan::{Note, PlanFile, Unplaced};

use super::{MOST_ROWS, and_more, heading};
use crate::cli::console::{Tone, styled};
use crate::cli::numbers::{count, plural};
use crate::cli::table::{self, Align, wrapped};

/// What has no place, gathered by reason.
pub(super) fn unplaced(plan: &PlanFile) -> String {
    if plan.unplaced.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&Unplaced>> = BTreeMap::new();
    for entry in &plan.unplaced {
        let key = (entry.reason.code.as_str(), family(&entry.reason.rule));
        groups.entry(key).or_default().push(entry);
    }
    let total = |group: &[&Unplaced]| group.iter().map(|entry| entry.instances).sum::<i64>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| total(&b.1).cmp(&total(&a.1)).then(a.0.cmp(&b.0)));
    let columns = [
        ("instances", Align::Right),
        ("tasks", Align::Right),
        ("reason", Align::Left),
        ("rule", Align::Left),
        ("for example", Align::Left),
    ];
    let n_groups = groups.len();
    let rows: Vec<Vec<String>> = groups
        .iter()
        .take(MOST_ROWS)
        .map(|((code, rule), group)| {
            let example = group[0];
            vec![
                count(total(group)),
                group.len().to_string(),
                code.replace('_', " "),
                (*rule).to_owned(),
                format!("{}/{}: {}", example.job, example.task, example.reason.text),
            ]
        })
        .collect();
    let instances: i64 = plan.unplaced.iter().map(|entry| entry.instances).sum();
    let title = format!(
        "Unplaced: {} {}",
        count(instances),
        plural(instances, "instance")
    );
    format!(
        "{}{}{}",
        heading(&title),
        table::render(&columns, &rows),
        and_more(n_groups, "reason")
    )
}

/// `limit[web/web,rack][r1]` and its like belong to the family `limit`.
fn family(rule: &str) -> &str {
    rule.split('[').next().unwrap_or(rule)
}

/// Notes, those that say the same together.
pub(super) fn notes(plan: &PlanFile) -> String {
    if plan.notes.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in &plan.notes {
        groups.entry(&note.text).or_default().push(note);
    }
    let total = |group: &[&Note]| group.iter().map(|note| note.instances).sum::<i64>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|a, b| total(&b.1).cmp(&total(&a.1)).then(a.0.cmp(b.0)));
    let columns = [
        ("instances", Align::Right),
        ("tasks", Align::Right),
        ("note", Align::Left),
        ("for example", Align::Left),
    ];
    let n_groups = groups.len();
    let rows = groups.into_iter().take(MOST_ROWS).map(|(text, group)| {
        vec![
            count(total(&group)),
            group.len().to_string(),
            text.to_owned(),
            format!("{}/{}", group[0].job, group[0].task),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let (table, more) = (table::render(&columns, &rows), and_more(n_groups, "note"));
    format!("{}{table}{more}", heading("Notes"))
}

pub(super) fn warnings(plan: &PlanFile) -> String {
    if plan.warnings.is_empty() {
        return String::new();
    }
    let lines: String = plan
        .warnings
        .iter()
        .take(MOST_ROWS)
        .map(|warning| {
            let code = styled(Tone::Caution, &warning.code);
            wrapped(&format!("{code} {}: {}", warning.subject, warning.text))
        })
        .collect();
    let more = and_more(plan.warnings.len(), "warning");
    format!("{}{lines}{more}", heading("Warnings"))
}
