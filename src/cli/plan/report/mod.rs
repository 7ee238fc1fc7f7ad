//! A plan for people: what got placed, what each framework got, how good and how fair it is, and what did not fit.

mod changes;
mod fairness;
mod quality;
mod shares;
mod unplaced;

use apportion_cluster::Cluster;
use apportion_cluster::plan::{FrameworkResult, PlanFile, PlanStatus};

use crate::cli::console::{Tone, styled};
use crate::cli::numbers::{count, counted, duration_ms};
use changes::{moves, preemptions};
use fairness::fairness;
use quality::{quality, survival, terms};
use shares::shares;
use unplaced::{notes, unplaced, warnings};

/// Rows that a table of frameworks, reasons, moves or warnings shows; the plan itself has all of them.
const MOST_ROWS: usize = 12;
/// Frameworks up to which every stage is shown.
const MOST_IN_FULL: usize = 4;

/// The report on `plan`; `snapshot` and `written` are the files' names, for the commands to try next.
pub(super) fn text(
    cluster: &Cluster,
    plan: &PlanFile,
    snapshot: &str,
    written: Option<&str>,
) -> String {
    let parts = [
        header(cluster, plan),
        shares(plan),
        quality(plan),
        terms(cluster, plan),
        survival(cluster, plan),
        fairness(plan),
        unplaced(plan),
        moves(plan),
        preemptions(plan),
        notes(plan),
        warnings(plan),
        footer(plan, snapshot, written),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn header(cluster: &Cluster, plan: &PlanFile) -> String {
    let placed: i64 = plan
        .frameworks
        .iter()
        .map(|framework| framework.placed)
        .sum();
    let demand: i64 = plan
        .frameworks
        .iter()
        .map(|framework| framework.demand)
        .sum();
    let numbers = format!("{} of {} instances placed", count(placed), count(demand));
    let status = match plan.status {
        PlanStatus::Complete => styled(Tone::Good, "complete"),
        PlanStatus::Partial => styled(Tone::Caution, "partial"),
        PlanStatus::Deadline => styled(Tone::Caution, "cut short by the deadline"),
    };
    let name = if cluster.name.is_empty() {
        "cluster"
    } else {
        &cluster.name
    };
    let running: i64 = cluster
        .running
        .iter()
        .map(|running| running.instances)
        .sum();
    // An online plan has no shares, and so no rule of fairness.
    let rule = match &plan.options.online {
        Some(online) => &online.rule,
        None => &plan.options.fairness,
    };
    let digest: String = plan.snapshot_digest.chars().take(12).collect();
    format!(
        "{}: {status}, {numbers}\n{}, {}, {}, {} running; snapshot {digest}; {}, {}\n",
        styled(Tone::Heading, name),
        counted(cluster.agents.len(), "agent"),
        counted(cluster.frameworks.len(), "framework"),
        counted(cluster.jobs.len(), "job"),
        count(running),
        plan.options.mode,
        rule,
    )
}

/// The frameworks that a table shows: all, or those with most unplaced, then with the largest gap.
fn shown(plan: &PlanFile) -> Vec<&FrameworkResult> {
    let mut frameworks: Vec<&FrameworkResult> = plan.frameworks.iter().collect();
    if frameworks.len() > MOST_ROWS {
        frameworks.sort_by(|a, b| {
            let missing = |f: &FrameworkResult| f.demand.saturating_sub(f.placed);
            let gap = |f: &FrameworkResult| f.gap.unwrap_or(1.0);
            missing(b).cmp(&missing(a)).then(gap(b).total_cmp(&gap(a)))
        });
        frameworks.truncate(MOST_ROWS);
        frameworks.sort_by(|a, b| a.id.cmp(&b.id));
    }
    frameworks
}

fn and_more(total: usize, noun: &str) -> String {
    match total.checked_sub(MOST_ROWS) {
        None | Some(0) => String::new(),
        Some(more) => format!(
            "... {} (all of them with --json)\n",
            counted(more, &format!("more {noun}"))
        ),
    }
}

fn footer(plan: &PlanFile, snapshot: &str, written: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(timings) = &plan.timings_ms {
        let order = ["read", "broker", "formulate", "solve", "verify", "total"];
        let known = order
            .iter()
            .filter_map(|&phase| Some((phase, *timings.get(phase)?)));
        let phases: Vec<String> = known
            .map(|(phase, time)| format!("{phase} {}", duration_ms(time)))
            .collect();
        text.push_str(&styled(
            Tone::Faint,
            &format!("Time: {}", phases.join(", ")),
        ));
        text.push('\n');
        if let Some((mean, p99)) = timings
            .get("decision_mean")
            .zip(timings.get("decision_p99"))
        {
            let decisions = format!("A decision: {mean:.3} ms on average, 99 % within {p99:.3} ms");
            text.push_str(&styled(Tone::Faint, &decisions));
            text.push('\n');
        }
    }
    let next = match written {
        _ if snapshot == "-" => return text,
        Some(plan) => format!(
            "Next:\n  apportion verify {snapshot} {plan}\n  apportion apply {snapshot} {plan} -o next.json\n"
        ),
        None => format!("Next:\n  apportion plan {snapshot} -o plan.json\n"),
    };
    text.push_str(&styled(Tone::Faint, next.trim_end()));
    text.push('\n');
    text
}

fn heading(text: &str) -> String {
    format!("{}\n", styled(Tone::Heading, text))
}

/// A difference to what is deserved, but for what shares are inaccurate by.
fn apart(difference: f64, deserved: f64) -> f64 {
    if difference > 1e-6 * deserved {
        difference
    } else {
        0.0
    }
}
