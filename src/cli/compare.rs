//! `compare`: modes and fairness rules side by side.

use std::path::PathBuf;
use std::time::Duration;

use apportion_cluster::Cluster;
use apportion_cluster::plan::PlanStatus;

use super::console::{self, Tone, styled};
use super::numbers::{count, counted, duration_ms, parse_duration, parse_gap, percent, short};
use super::solvers::SolverArguments;
use super::table::{self, Align, wrapped};
use super::{Context, Exit, Failure, inputs};
use crate::compare::{CompareError, Comparison, Row, compare};
use crate::engine::Options;

/// Frameworks that the table of qualities shows; `--json` has all of them.
const MOST_FRAMEWORKS: usize = 12;

/// Plan one snapshot in every mode and by every fairness rule, and show what each is worth
#[derive(clap::Args)]
#[command(after_help = "\
Brokered by nash, maxmin and drf, monolithic, and greedy; every plan is verified before it is
shown. Welfare is the weighted mean of ln(utility); its gap is the part of its utility that a
framework could still gain, on the weighted geometric mean. `1 unit` is epsilon with one unit
more for each. The price of brokering (`broker`) compares with the monolithic plan, the price of
fairness (`fair`) with the most value that could be placed.

Examples:
  apportion compare cluster.json
  apportion compare cluster.json --deadline 10s
  apportion compare cluster.json --json | jq '.plans[] | {name, welfare, price_of_brokering}'")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
    /// Each plan must be there by then, from its start: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    deadline: Option<Duration>,
    /// Stop improving at this relative gap
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_gap)]
    gap: f64,
    /// Threads; they do not influence the plans [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Seed of everything that draws
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    solver: SolverArguments,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let reporter = context.reporter();
    reporter.phase("reading");
    let cluster = inputs::cluster(&arguments.snapshot)?;
    let options = Options {
        gap: arguments.gap,
        seed: arguments.seed,
        threads: arguments.threads.map_or(0, usize::from),
        solver: arguments.solver.solver()?,
        ..Options::default()
    };
    let progress = |name: &str| reporter.phase(name);
    let compared = compare(&cluster, &options, arguments.deadline, &progress);
    reporter.finish();
    let comparison = match compared {
        Ok(comparison) => comparison,
        Err(error @ CompareError::Refused { .. }) => {
            console::error(&error.to_string());
            return Ok(Exit::Bug);
        }
        Err(error) => return Err(Failure::error(error.to_string())),
    };
    if context.json {
        console::print_json(&comparison)?;
    } else {
        console::print(&text(&cluster, &comparison))?;
    }
    Ok(Exit::Done)
}

fn text(cluster: &Cluster, comparison: &Comparison) -> String {
    let name = match cluster.name.as_str() {
        "" => "cluster",
        name => name,
    };
    let wanted = comparison.plans.first().map_or(0, |row| row.demand);
    let header = format!(
        "{}: {}, {}, {}, {} wanted; {}\n",
        styled(Tone::Heading, name),
        counted(cluster.agents.len(), "agent"),
        counted(cluster.frameworks.len(), "framework"),
        counted(cluster.jobs.len(), "job"),
        counted(usize::try_from(wanted).unwrap_or(0), "instance"),
        match comparison.deadline_ms {
            Some(deadline) => format!("{} for each plan", duration_ms(deadline as f64)),
            None => "no time limit".to_owned(),
        },
    );
    let rows: Vec<&Row> = (comparison.plans.iter())
        .chain(&comparison.baselines)
        .collect();
    let parts = [header, plans(&rows), losses(&rows), qualities(&rows)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn or_dash(number: Option<f64>, tell: fn(f64) -> String) -> String {
    number.map_or_else(|| "-".to_owned(), tell)
}

/// Epsilons and prices are accurate to some millionths.
fn part(fraction: f64) -> String {
    percent((fraction * 1e5).round() / 1e5)
}

/// Brokered plans are told apart by their rule.
fn short_name(row: &Row) -> &str {
    match (row.mode.as_str(), &row.fairness) {
        ("brokered", Some(rule)) => rule,
        _ => &row.name,
    }
}

fn plans(rows: &[&Row]) -> String {
    let columns = [
        ("plan", Align::Left),
        ("placed", Align::Right),
        ("welfare", Align::Right),
        ("bound", Align::Right),
        ("gap", Align::Right),
        ("epsilon", Align::Right),
        ("1 unit", Align::Right),
        ("broker", Align::Right),
        ("fair", Align::Right),
        ("time", Align::Right),
    ];
    let welfare = |number: f64| format!("{number:.4}");
    let cells = rows.iter().map(|row| {
        vec![
            short_name(row).to_owned(),
            count(row.placed),
            or_dash(row.welfare, welfare) + if row.one_unit_more { "*" } else { "" },
            or_dash(row.bound, welfare),
            or_dash(row.gap, part),
            or_dash(row.epsilon, part),
            or_dash(row.epsilon_one_unit, part),
            or_dash(row.price_of_brokering, part),
            or_dash(row.price_of_fairness, part),
            duration_ms(row.time_ms)
                + if row.status == PlanStatus::Deadline {
                    "!"
                } else {
                    ""
                },
        ]
    });
    let mut text = table::render(&columns, &cells.collect::<Vec<_>>());
    if rows.iter().any(|row| row.one_unit_more) {
        text.push_str("* A framework holds nothing: one unit more counts for each.\n");
    }
    if rows.iter().any(|row| row.status == PlanStatus::Deadline) {
        text.push_str("! Cut short by the deadline.\n");
    }
    text
}

/// Which of the two losses a price of brokering is.
fn losses(rows: &[&Row]) -> String {
    let lines: String = rows
        .iter()
        .filter_map(|row| {
            let (bound, division, solver) =
                (row.price_bound?, row.division_loss?, row.solver_loss?);
            let range = |[least, most]: [f64; 2]| match (part(least), part(most)) {
                (least, most) if least == most => least,
                (least, most) => format!("{least} to {most}"),
            };
            Some(wrapped(&format!(
                "{}: at most {}; by who holds what {}, by what is made of it {}",
                row.name,
                part(bound),
                range(division),
                range(solver)
            )))
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("{}\n{lines}", styled(Tone::Heading, "Price of brokering"))
}

/// Each framework's main stage, plan by plan.
fn qualities(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let mut columns = vec![("framework", Align::Left), ("stage", Align::Left)];
    columns.extend(rows.iter().map(|row| (short_name(row), Align::Right)));
    let cells = first.quality.iter().take(MOST_FRAMEWORKS).map(|of| {
        let mut cells = vec![of.framework.clone(), of.stage.clone().unwrap_or_default()];
        cells.extend(rows.iter().map(|row| {
            let own = row.quality.iter().find(|it| it.framework == of.framework);
            let value = own.and_then(|own| own.objective);
            or_dash(value, short)
        }));
        cells
    });
    let cells: Vec<Vec<String>> = cells.collect();
    let title = styled(
        Tone::Heading,
        "What each framework's own first quality comes to",
    );
    let mut text = format!("{title}\n{}", table::render(&columns, &cells));
    if first.quality.len() > MOST_FRAMEWORKS {
        let more = counted(first.quality.len() - MOST_FRAMEWORKS, "more framework");
        text.push_str(&format!("... {more} (all of them with --json)\n"));
    }
    text
}
