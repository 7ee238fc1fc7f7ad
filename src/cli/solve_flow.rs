//! `solve` of a flow network, and of what becomes of it.

use std::time::Instant;

use apportion_models::flow::{
    CutSide, FlowNetwork, FlowOutcome, NetworkSimplex, Refutation, check,
};
use apportion_models::formats::dimacs;
use serde::Serialize;
use serde_json::Number;

use super::super::console::milliseconds;
use super::super::numbers::{count, counted, duration_ms, short};
use super::super::progress::Reporter;
use super::super::table::{self, Align};
use super::super::{Context, Exit, Failure, files};
use super::{Arguments, COLUMNS, Timings, cells, limits, print, status_word};

/// One solve, as `--json` prints it.
#[derive(Serialize)]
struct Run {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    objective: Option<Number>,
    bound: Option<Number>,
    gap: Option<f64>,
    backend: String,
    /// With `--changes`: 0 for the network itself, then the groups of changes counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<usize>,
    /// With `--changes`: the line that the group begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    pivots: Option<u64>,
    /// Why there is no flow, or none of least cost.
    #[serde(flatten)]
    why: Option<Why>,
    timings_ms: Timings,
}

/// What refutes a network, in the numbers of its file.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    /// Nodes that supply more than can leave them, or demand more than can reach them.
    Cut {
        nodes: Vec<usize>,
        side: &'static str,
    },
    /// Tails and heads of arcs without limit in a circle that costs less than nothing.
    Cycle(Vec<[u32; 2]>),
}

/// Nodes that are told in words; the others are counted.
const MOST_TOLD: usize = 12;

impl Why {
    fn of(network: &FlowNetwork, outcome: &FlowOutcome) -> Option<Self> {
        match outcome.refutation.as_ref()? {
            Refutation::Cut(cut) => Some(Self::Cut {
                nodes: cut.nodes.iter().map(|node| node + 1).collect(),
                side: match cut.side {
                    CutSide::Supply => "supply",
                    CutSide::Demand => "demand",
                },
            }),
            Refutation::Cycle(arcs) => {
                let arcs = arcs.iter().map(|&arc| &network.arcs[arc]);
                Some(Self::Cycle(
                    arcs.map(|arc| [arc.tail + 1, arc.head + 1]).collect(),
                ))
            }
        }
    }

    fn text(&self) -> String {
        let list = |words: Vec<String>| {
            let more = words.len().saturating_sub(MOST_TOLD);
            let told = words[..words.len() - more].join(", ");
            match more {
                0 => told,
                _ => format!("{told} and {more} more"),
            }
        };
        match self {
            Self::Cut { nodes, side } => {
                let nodes = list(nodes.iter().map(ToString::to_string).collect());
                let why = match *side {
                    "supply" => "supply more than can leave them",
                    _ => "demand more than can reach them",
                };
                format!("cut: nodes {nodes} {why}")
            }
            Self::Cycle(arcs) => {
                let arcs = arcs.iter().map(|[tail, head]| format!("{tail} -> {head}"));
                let arcs = list(arcs.collect());
                format!("cycle: {arcs} have no limit and cost less than nothing in all")
            }
        }
    }
}

impl Run {
    fn new(network: &FlowNetwork, outcome: &FlowOutcome, read: f64, solve: f64) -> Self {
        Self {
            status: status_word(&outcome.status),
            reason: outcome.status.stop_reason().map(ToString::to_string),
            objective: outcome.objective.map(number),
            bound: outcome.bound.map(number),
            gap: outcome.gap(),
            backend: outcome.solver.clone(),
            change: None,
            line: None,
            pivots: outcome.pivots,
            why: Why::of(network, outcome),
            timings_ms: Timings { read, solve },
        }
    }
}

/// Whole as far as 64 bits go; the nearest float beyond.
fn number(value: i128) -> Number {
    match i64::try_from(value) {
        Ok(whole) => whole.into(),
        Err(_) => Number::from_f64(value as f64).expect("it is finite"),
    }
}

pub(super) fn run(
    arguments: &Arguments,
    bytes: &[u8],
    context: &Context,
    reporter: &Reporter,
) -> Result<Exit, Failure> {
    if arguments.solver.is_chosen() {
        let message = "flow networks are solved by a method of their own";
        return Err(Failure::usage(message).with_action("leave out --solver and --isolate"));
    }
    let network = dimacs::read(bytes).map_err(|error| in_file(&arguments.file, &error))?;
    let groups = match &arguments.changes {
        None => Vec::new(),
        Some(path) => {
            let bytes = files::read(path)?;
            dimacs::changes::read(&bytes).map_err(|error| in_file(path, &error))?
        }
    };
    let read_ms = context.elapsed_ms();
    let mut solver = Solver {
        arguments,
        context,
        reporter,
        read_ms,
        runs: Vec::new(),
    };
    let solved = match &arguments.changes {
        None => solver.repeat(&network),
        Some(path) => solver.follow(&network, &groups, path),
    };
    reporter.finish();
    solved?;
    let runs = solver.runs;
    let is_single = arguments.changes.is_none() && arguments.repeat == 1;
    print(context, &runs, is_single, || {
        text(arguments, &network, &runs)
    })?;
    Ok(Exit::Done)
}

fn in_file(path: &std::path::Path, error: &apportion_models::formats::FormatError) -> Failure {
    Failure::usage(format!("{}: {error}", files::name(path)))
}

struct Solver<'a> {
    arguments: &'a Arguments,
    context: &'a Context,
    reporter: &'a Reporter,
    read_ms: f64,
    runs: Vec<Run>,
}

impl Solver<'_> {
    /// The network from scratch, as often as asked for.
    fn repeat(&mut self, network: &FlowNetwork) -> Result<(), Failure> {
        for _ in 0..self.arguments.repeat {
            self.reporter.phase(&solving(network));
            let started = Instant::now();
            let mut simplex = fresh(network)?;
            simplex.solve(&limits(self.arguments, self.context));
            self.keep(network, &simplex, milliseconds(started.elapsed()))?;
        }
        Ok(())
    }

    /// The network, and after each group of changes what it is then.
    fn follow(
        &mut self,
        network: &FlowNetwork,
        groups: &[dimacs::changes::Group],
        path: &std::path::Path,
    ) -> Result<(), Failure> {
        self.reporter.phase(&solving(network));
        let started = Instant::now();
        let mut simplex = fresh(network)?;
        simplex.solve(&limits(self.arguments, self.context));
        let solve_ms = milliseconds(started.elapsed());
        self.keep(network, &simplex, solve_ms)?.change = Some(0);
        simplex.prepare_changes();
        let mut changer = dimacs::changes::Changer::new(network);
        for (position, group) in groups.iter().enumerate() {
            let phase = format!("change {} of {}", position + 1, groups.len());
            self.reporter.phase(&phase);
            let started = Instant::now();
            changer
                .apply(group, &mut simplex)
                .map_err(|error| in_file(path, &error))?;
            simplex.solve(&limits(self.arguments, self.context));
            let solve_ms = milliseconds(started.elapsed());
            let run = self.keep(&simplex.network(), &simplex, solve_ms)?;
            run.change = Some(position + 1);
            run.line = Some(group.line());
        }
        Ok(())
    }

    /// Checks the proof of an answer and keeps what is printed of it.
    fn keep(
        &mut self,
        network: &FlowNetwork,
        simplex: &NetworkSimplex,
        solve_ms: f64,
    ) -> Result<&mut Run, Failure> {
        let outcome = simplex.outcome();
        if let Some(violation) = check(network, &outcome).first() {
            let message = format!("{} gave a wrong answer: {violation}", outcome.solver);
            return Err(Failure::error(message));
        }
        self.runs
            .push(Run::new(network, &outcome, self.read_ms, solve_ms));
        Ok(self.runs.last_mut().expect("one was added"))
    }
}

fn fresh(network: &FlowNetwork) -> Result<NetworkSimplex, Failure> {
    NetworkSimplex::new(network).map_err(|error| Failure::error(error.to_string()))
}

fn solving(network: &FlowNetwork) -> String {
    format!("solving {}", size(network))
}

fn size(network: &FlowNetwork) -> String {
    let nodes = counted(network.supplies.len(), "node");
    let arcs = counted(network.arcs.len(), "arc");
    format!("{nodes}, {arcs}")
}

fn text(arguments: &Arguments, network: &FlowNetwork, runs: &[Run]) -> String {
    let shown = |number: &Number| match number.as_i64() {
        Some(whole) => count(whole),
        None => number.as_f64().map_or_else(String::new, short),
    };
    let skip = usize::from(arguments.changes.is_none());
    let mut columns = vec![("line", Align::Right)];
    columns.extend(COLUMNS);
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let status = (run.status, run.reason.as_deref());
            let values = [&run.objective, &run.bound].map(|value| value.as_ref().map(shown));
            let line = run.line.map_or_else(String::new, |line| line.to_string());
            let cells = cells(status, values, run.gap, run.timings_ms.solve);
            [line].into_iter().chain(cells).skip(skip).collect()
        })
        .collect();
    let read = runs.first().map_or(0.0, |run| run.timings_ms.read);
    let mut whys: Vec<String> = Vec::new();
    for run in runs {
        if let Some(why) = &run.why {
            let place = run
                .line
                .map_or_else(String::new, |line| format!("line {line}: "));
            let text = format!("{place}{}\n", why.text());
            if whys.last() != Some(&text) {
                whys.push(text);
            }
        }
    }
    format!(
        "{}: minimize, {}; read in {}, solved by {}\n\n{}{}",
        files::name(&arguments.file),
        size(network),
        duration_ms(read),
        NetworkSimplex::NAME,
        table::render(&columns[skip..], &rows),
        whys.concat(),
    )
}
