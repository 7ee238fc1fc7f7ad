//! `verify`: the independent judge.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::console::{self, Tone, styled};
use super::numbers::{counted, short};
use super::table::{self, Align};
use super::{Context, Exit, Failure, files, inputs};
use crate::verify::{Figure, Report, Rule, Violation, verify, verify_against};

/// Violations of one rule that the table shows; `--json` has all of them.
const MOST_OF_A_RULE: usize = 5;

/// Check every rule, certificate and bound of a plan that can be recomputed
#[derive(clap::Args)]
#[command(after_help = "\
The verifier shares no code with the planner and needs no solver. It exits with 0 if every claim
holds, with 5 if one does not. Bounds that a solver found by search cannot be recomputed; they
are listed as claimed.

Examples:
  apportion verify cluster.json plan.json
  apportion verify cluster.json plan.json --against monolithic.json
  apportion plan cluster.json --json | apportion verify cluster.json -")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
    /// Plan file, or - for standard input
    plan: PathBuf,
    /// The monolithic plan that the plan's price of brokering compares with: the price is recomputed
    #[arg(long, value_name = "PLAN")]
    against: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let against = arguments.against.as_deref();
    let inputs = [
        Some(arguments.snapshot.as_path()),
        Some(arguments.plan.as_path()),
        against,
    ];
    files::one_standard_input(&inputs.into_iter().flatten().collect::<Vec<_>>())?;
    let cluster = inputs::cluster(&arguments.snapshot)?;
    let plan = inputs::plan(&arguments.plan)?;
    let report = match against {
        None => verify(&cluster, &plan),
        Some(path) => verify_against(&cluster, &plan, &inputs::plan(path)?),
    };
    if context.json {
        console::print_json(&Document {
            holds: report.holds(),
            report: &report,
        })?;
    } else {
        console::print(&text(&report))?;
    }
    Ok(if report.holds() {
        Exit::Done
    } else {
        Exit::Violation
    })
}

#[derive(Serialize)]
struct Document<'a> {
    holds: bool,
    #[serde(flatten)]
    report: &'a Report,
}

fn text(report: &Report) -> String {
    let n_checks: usize = report.checks.iter().map(|check| check.subjects).sum();
    let verdict = if report.holds() {
        styled(Tone::Good, "every claim that can be recomputed holds")
    } else {
        let count = counted(report.violations.len(), "violation");
        styled(Tone::Bad, &count)
    };
    let mut text = format!(
        "{verdict}: {} of {}\n\n",
        counted(n_checks, "check"),
        counted(report.checks.len(), "rule"),
    );
    if !report.violations.is_empty() {
        text.push_str(&violations(&report.violations));
        text.push('\n');
    }
    text.push_str(&checks(report));
    if !report.claimed.is_empty() {
        text.push_str(&styled(Tone::Heading, "\nTaken on trust: not recomputed\n"));
        for claim in &report.claimed {
            text.push_str(&format!("  {claim}\n"));
        }
    }
    text
}

/// The first few violations of each rule.
fn violations(violations: &[Violation]) -> String {
    let columns = [
        ("rule", Align::Left),
        ("subject", Align::Left),
        ("need", Align::Right),
        ("have", Align::Right),
        ("what", Align::Left),
    ];
    let mut seen: BTreeMap<Rule, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for violation in violations {
        let n_seen = seen.entry(violation.rule).or_default();
        *n_seen += 1;
        if *n_seen <= MOST_OF_A_RULE {
            rows.push(vec![
                violation.rule.to_string(),
                violation.subject.clone(),
                figure(&violation.need),
                figure(&violation.have),
                violation.text.clone(),
            ]);
        }
    }
    let mut text = table::render(&columns, &rows);
    if violations.len() > rows.len() {
        let more = counted(violations.len() - rows.len(), "more violation");
        text.push_str(&format!(
            "... {more} of these rules (all of them with --json)\n"
        ));
    }
    text
}

fn figure(figure: &Figure) -> String {
    match figure {
        Figure::Number(number) => short(*number),
        other => other.to_string(),
    }
}

/// How often each rule was checked, in as many columns as fit.
fn checks(report: &Report) -> String {
    let cells: Vec<String> = report
        .checks
        .iter()
        .map(|check| format!("{} {}", check.rule, counted(check.subjects, "subject")))
        .map(|cell| cell.replace(" subjects", "").replace(" subject", ""))
        .collect();
    let mut text = styled(Tone::Heading, "Checked\n");
    text.push_str(&table::fill(&cells));
    text
}
