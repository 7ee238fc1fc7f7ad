//! `solve`: one model from a file.

#[path = "solve_flow.rs"]
mod flow;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use apportion_models::{Limits, Milp, Outcome, Sense, Status, formats, solve_guarded};
use clap::ValueEnum;
use serde::Serialize;

use super::console::{self, milliseconds};
use super::numbers::{duration_ms, parse_duration, parse_gap, percent, short};
use super::solvers::SolverArguments;
use super::table::{self, Align};
use super::{Context, Exit, Failure, files};

/// What is kept of the deadline at least, and as a part of it: a solver that does not stop in time is given up within a grace,
/// and the answer must be printed.
const LEAST_RESERVE: Duration = Duration::from_millis(120);
const RESERVE_DIVISOR: u32 = 40;

/// Solve one model: a dumped one, or a foreign one
#[derive(clap::Args)]
#[command(after_help = "\
Formats: LP, MPS and flow networks by their extension (.lp, .mps, .min) or content, generalized
assignment instances by --format gap. Flow networks (DIMACS minimum cost flow) are solved by a
network simplex of our own, in whole numbers; --changes solves them again after each change,
from where it was.

Examples:
  apportion solve models/web.placed.lp
  apportion solve gap/d05100 --format gap --deadline 30s --json
  apportion solve knapsack.mps --repeat 5
  apportion solve cluster.min --changes arrivals.txt --json

JSON: {\"status\", \"reason\"?, \"objective\", \"bound\", \"gap\", \"backend\", \"timings_ms\":
{\"read\", \"solve\"}}; with --repeat, one line for each run; with --changes, one for the
network and one for each change. Of a network also \"pivots\", and \"cut\" (nodes that supply
more than can leave them, or demand more than can reach them) where no flow meets it, or
\"cycle\" (arcs without limit that cost less than nothing) where none costs least. The
status is one of optimal, feasible, no_solution, infeasible, unbounded.")]
pub(super) struct Arguments {
    /// Model file, or - for standard input
    file: PathBuf,
    /// What the file is [default: by its extension or content]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The answer must be there by then, from the start of the process: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    deadline: Option<Duration>,
    /// Stop at this relative gap
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_gap)]
    gap: f64,
    /// Solve it so many times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Changes of a flow network, solved one after the other, each from the flow and prices before it
    #[arg(long, value_name = "FILE", conflicts_with = "repeat")]
    changes: Option<PathBuf>,
    /// Seed of everything that the solver draws
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    #[command(flatten)]
    solver: SolverArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// CPLEX LP
    Lp,
    /// MPS, free or fixed
    Mps,
    /// Generalized assignment, as in the OR-Library
    Gap,
    /// Flow network, as in the DIMACS challenge
    Min,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let reporter = context.reporter();
    reporter.phase("reading");
    let changes = arguments.changes.as_deref();
    let inputs: Vec<&Path> = [Some(arguments.file.as_path()), changes]
        .into_iter()
        .flatten()
        .collect();
    files::one_standard_input(&inputs)?;
    let bytes = files::read(&arguments.file)?;
    let format = match arguments.format {
        Some(format) => format,
        None => {
            by_extension(&arguments.file).or_else(|failure| by_content(&bytes).ok_or(failure))?
        }
    };
    if format == Format::Min {
        return flow::run(arguments, &bytes, context, &reporter);
    }
    if changes.is_some() {
        return Err(Failure::usage(
            "--changes are of flow networks: DIMACS .min files",
        ));
    }
    let solver = arguments.solver.solver()?;
    let model = Arc::new(read(arguments, format, &bytes)?);
    drop(bytes);
    let read_ms = context.elapsed_ms();
    let mut runs = Vec::new();
    for _ in 0..arguments.repeat {
        reporter.phase(&format!(
            "solving {} rows, {} columns with {}",
            model.rows.len(),
            model.columns.len(),
            solver.name()
        ));
        let started = Instant::now();
        let solved = solve_guarded(&solver, &model, &limits(arguments, context));
        let outcome = solved.map_err(|error| {
            reporter.finish();
            Failure::error(error.to_string())
        })?;
        runs.push(Run::new(&outcome, read_ms, milliseconds(started.elapsed())));
    }
    reporter.finish();
    let is_single = arguments.repeat == 1;
    print(context, &runs, is_single, || text(&model, &runs))?;
    Ok(Exit::Done)
}

fn limits(arguments: &Arguments, context: &Context) -> Limits {
    let left = arguments.deadline.map(|time| {
        let reserve = (time / RESERVE_DIVISOR).max(LEAST_RESERVE).min(time / 2);
        let spent = context.started.elapsed() + reserve;
        time.saturating_sub(spent).max(Duration::from_millis(1))
    });
    Limits {
        time: left,
        relative_gap: arguments.gap,
        seed: arguments.seed,
        ..Limits::default()
    }
}

fn read(arguments: &Arguments, format: Format, bytes: &[u8]) -> Result<Milp, Failure> {
    let path = &arguments.file;
    let read = match format {
        Format::Lp => formats::lp::read(bytes),
        Format::Mps => formats::mps::read(bytes),
        Format::Gap => {
            let name = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            formats::gap::read(bytes).map(|instance| instance.to_milp(&name))
        }
        Format::Min => unreachable!("flow networks have a way of their own"),
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", files::name(path))))
}

/// A flow network says so in its first line that is no comment.
fn by_content(bytes: &[u8]) -> Option<Format> {
    let first = bytes
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty() && !line.starts_with(b"c"))?;
    let mut words = first
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    (words.next() == Some(b"p") && words.next() == Some(b"min")).then_some(Format::Min)
}

fn by_extension(path: &Path) -> Result<Format, Failure> {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("lp") => Ok(Format::Lp),
        Some("mps") => Ok(Format::Mps),
        Some("min") => Ok(Format::Min),
        _ => Err(Failure::usage(format!(
            "the format of `{}` is not clear from its name",
            files::name(path)
        ))
        .with_action("say it by --format lp, --format mps, --format gap or --format min")),
    }
}

/// One solve, as `--json` prints it.
#[derive(Serialize)]
struct Run {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    objective: Option<f64>,
    bound: Option<f64>,
    gap: Option<f64>,
    backend: String,
    timings_ms: Timings,
}

#[derive(Serialize)]
struct Timings {
    read: f64,
    solve: f64,
}

fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Optimal => "optimal",
        Status::Feasible(_) => "feasible",
        Status::NoSolution(_) => "no_solution",
        Status::Infeasible => "infeasible",
        Status::Unbounded => "unbounded",
    }
}

impl Run {
    fn new(outcome: &Outcome, read_ms: f64, solve_ms: f64) -> Self {
        Self {
            status: status_word(&outcome.status),
            reason: outcome.status.stop_reason().map(ToString::to_string),
            objective: outcome.objective,
            bound: outcome.dual_bound,
            gap: outcome.gap(),
            backend: outcome.backend.clone(),
            timings_ms: Timings {
                read: read_ms,
                solve: solve_ms,
            },
        }
    }
}

/// Prints the runs: as a table, as one JSON value, or as one a line.
fn print<R: Serialize>(
    context: &Context,
    runs: &[R],
    is_single: bool,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    match runs {
        _ if !context.json => console::print(&text()),
        [run] if is_single => console::print_json(run),
        runs => console::print_raw(&json_lines(runs)),
    }
}

fn json_lines(runs: &[impl Serialize]) -> Vec<u8> {
    let mut lines = Vec::new();
    for run in runs {
        serde_json::to_writer(&mut lines, run).expect("a run has string keys and finite numbers");
        lines.push(b'\n');
    }
    lines
}

/// What a table shows of every run.
const COLUMNS: [(&str, Align); 5] = [
    ("status", Align::Left),
    ("objective", Align::Right),
    ("bound", Align::Right),
    ("gap", Align::Right),
    ("solve", Align::Right),
];

/// The cells of a run under [`COLUMNS`].
fn cells(
    (status, reason): (&str, Option<&str>),
    [objective, bound]: [Option<String>; 2],
    gap: Option<f64>,
    solve_ms: f64,
) -> [String; 5] {
    let or_dash = |shown: Option<String>| shown.unwrap_or_else(|| "-".to_owned());
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    [
        format!("{}{reason}", status.replace('_', " ")),
        or_dash(objective),
        or_dash(bound),
        or_dash(gap.map(percent)),
        duration_ms(solve_ms),
    ]
}

fn text(model: &Milp, runs: &[Run]) -> String {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let status = (run.status, run.reason.as_deref());
            let values = [run.objective.map(short), run.bound.map(short)];
            cells(status, values, run.gap, run.timings_ms.solve).to_vec()
        })
        .collect();
    let sense = match model.sense {
        Sense::Minimize => "minimize",
        Sense::Maximize => "maximize",
    };
    let backend = runs.first().map_or("", |run| run.backend.as_str());
    let read = runs.first().map_or(0.0, |run| run.timings_ms.read);
    format!(
        "{}: {sense}, {} rows, {} columns; read in {}, solved by {backend}\n\n{}",
        if model.name.is_empty() {
            "model"
        } else {
            &model.name
        },
        model.rows.len(),
        model.columns.len(),
        duration_ms(read),
        table::render(&COLUMNS, &rows),
    )
}
