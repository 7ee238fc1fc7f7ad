//! `simulate`: a virtual cluster over time.

mod report;

use std::path::PathBuf;
use std::time::Duration;

use apportion_cluster::events::{EventsFile, MAX_TIME_MS};
use apportion_cluster::file::SnapshotFile;
use serde::Serialize;

use super::files::Destination;
use super::numbers::{count, parse_duration};
use super::plan::FairnessWord;
use super::solvers::SolverArguments;
use super::{Context, Exit, Failure, console, files, inputs};
use crate::engine::Options;
use crate::simulate::{
    Draws, Mix, SimulateError, SimulateOptions, Simulation, Step, chart, draw, simulate,
};
use crate::snapshot;

/// Let a virtual cluster live: work arrives and ends, agents fail and return, and the broker plans
#[derive(clap::Args)]
#[command(after_help = "\
Without EVENTS, events are drawn with the seed: jobs like those of the snapshot arrive and run
for a drawn time, instances end or restart, agents fail and return. --write-events keeps them,
so that a run can be repeated, changed, or run under another rule. Every plan passes the
verifier. Nothing waits for the clock.

Examples:
  apportion simulate cluster.json --events 200 --seed 7
  apportion simulate cluster.json --events 200 --chart shares.svg --write-events events.json
  apportion simulate cluster.json events.json --fairness drf
  apportion simulate cluster.json --events 20 --transcript
  apportion simulate cluster.json --events 1000 --mix restart=1 --json")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
    /// Events file (JSON or YAML, also gzipped) [default: drawn events]
    #[arg(value_name = "EVENTS", conflicts_with_all = ["events", "mix", "mean_gap", "mean_run", "mean_outage"])]
    file: Option<PathBuf>,
    /// How many events are drawn
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000), help_heading = "Drawn events")]
    events: u32,
    /// How often each kind of event happens, relative to the others; kinds left out do not happen
    #[arg(long, value_name = "KIND=N,...", default_value = "arrive=4,complete=2,restart=3,fail=1", value_parser = parse_mix, help_heading = "Drawn events")]
    mix: Mix,
    /// Mean time between events
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_duration, help_heading = "Drawn events")]
    mean_gap: Duration,
    /// Mean time that instances of jobs that arrive run
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = parse_duration, help_heading = "Drawn events")]
    mean_run: Duration,
    /// Mean time until a lost agent returns
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_duration, help_heading = "Drawn events")]
    mean_outage: Duration,
    /// Seed of the events, and of everything that draws in a plan
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Plan at multiples of this time only [default: whenever something happens]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    every: Option<Duration>,
    /// How shares are computed [default: what the snapshot says]
    #[arg(long, value_enum)]
    fairness: Option<FairnessWord>,
    /// Let frameworks under their guarantee displace instances of frameworks above theirs
    #[arg(long)]
    preempt: bool,
    /// Forget who lost a rounding from one plan to the next
    #[arg(long)]
    no_credit: bool,
    /// Do not let the verifier judge every plan
    #[arg(long)]
    no_verify: bool,
    /// Tell the conversation of offers, acceptances and declines, one line each
    #[arg(long)]
    transcript: bool,
    /// Draw shares and shortfalls over time to this SVG file
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Write the events to this file
    #[arg(long, value_name = "FILE")]
    write_events: Option<PathBuf>,
    /// Write the cluster as it is in the end to this file, as a snapshot
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Threads; they do not influence the plans [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    solver: SolverArguments,
}

fn parse_mix(text: &str) -> Result<Mix, String> {
    let mut mix = Mix {
        arrive: 0,
        complete: 0,
        restart: 0,
        fail: 0,
    };
    for part in text.split(',') {
        let wrong = || {
            "write kinds with whole numbers, as in arrive=4,complete=2,restart=3,fail=1".to_owned()
        };
        let (kind, weight) = part.split_once('=').ok_or_else(wrong)?;
        let weight = weight.trim().parse::<u16>().map_err(|_| wrong())?;
        let place = match kind.trim() {
            "arrive" => &mut mix.arrive,
            "complete" => &mut mix.complete,
            "restart" => &mut mix.restart,
            "fail" => &mut mix.fail,
            _ => return Err(wrong()),
        };
        *place = weight.into();
    }
    Ok(mix)
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let open = |path: &Option<PathBuf>| path.as_deref().map(Destination::open).transpose();
    let (picture, kept, end) = (
        open(&arguments.chart)?,
        open(&arguments.write_events)?,
        open(&arguments.output)?,
    );
    let mut inputs = vec![arguments.snapshot.as_path()];
    inputs.extend(arguments.file.as_deref());
    files::one_standard_input(&inputs)?;
    let (file, cluster) = inputs::snapshot_and_cluster(&arguments.snapshot)?;
    let events = match &arguments.file {
        Some(path) => inputs::events(path, &file)?,
        None => draw(&file, &draws(arguments)),
    };
    if let Some(kept) = &kept {
        kept.write(&console::to_json(&events))?;
    }
    let simulation = match simulated(arguments, context, &file, &events)? {
        Ok(simulation) => simulation,
        Err(violation) => {
            console::error(&format!("{violation}\n"));
            return Ok(Exit::Violation);
        }
    };
    let name = match &*cluster.name {
        "" => "cluster",
        name => name,
    };
    if let Some(picture) = &picture {
        picture.write(chart(name, &simulation.steps).as_bytes())?;
    }
    if let Some(end) = &end {
        end.write(snapshot::to_json(&simulation.end).as_bytes())?;
    }
    let taken = [&picture, &kept, &end].map(Option::as_ref);
    if taken
        .into_iter()
        .flatten()
        .any(Destination::is_standard_output)
    {
        return Ok(Exit::Done);
    }
    if context.json {
        console::print_json(&Document {
            snapshot_digest: &cluster.digest,
            events: events.events.len(),
            verified: !arguments.no_verify,
            steps: &simulation.steps,
        })?;
    } else {
        let verified = !arguments.no_verify;
        console::print(&report::text(
            name,
            events.events.len(),
            &simulation.steps,
            verified,
        ))?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Document<'a> {
    snapshot_digest: &'a str,
    events: usize,
    verified: bool,
    steps: &'a [Step],
}

fn draws(arguments: &Arguments) -> Draws {
    Draws {
        events: usize::try_from(arguments.events).unwrap_or(usize::MAX),
        seed: arguments.seed,
        gap_ms: milliseconds(arguments.mean_gap),
        run_ms: milliseconds(arguments.mean_run),
        outage_ms: milliseconds(arguments.mean_outage),
        mix: arguments.mix,
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis())
        .unwrap_or(MAX_TIME_MS)
        .clamp(1, MAX_TIME_MS)
}

/// The simulation, or the violation that ended it.
fn simulated(
    arguments: &Arguments,
    context: &Context,
    file: &SnapshotFile,
    events: &EventsFile,
) -> Result<Result<Simulation, SimulateError>, Failure> {
    let options = SimulateOptions {
        plan: Options {
            fairness: arguments.fairness.map(FairnessWord::rule),
            preempt: arguments.preempt,
            seed: arguments.seed,
            threads: arguments.threads.map_or(0, usize::from),
            solver: arguments.solver.solver()?,
            ..Options::default()
        },
        every_ms: arguments.every.map(milliseconds),
        credit: !arguments.no_credit,
        verify: !arguments.no_verify,
        transcript: arguments.transcript,
    };
    let reporter = context.reporter();
    reporter.phase(&format!(
        "simulating {} events",
        count(events.events.len() as i64)
    ));
    let mut n_steps = 0;
    let outcome = simulate(file, events, &options, &mut |step| {
        n_steps += 1;
        let time = report::time(step.at_ms);
        reporter.step(&format!("plan {}, at {time}", count(n_steps)));
    });
    reporter.finish();
    match outcome {
        Ok(simulation) => Ok(Ok(simulation)),
        Err(violation @ SimulateError::Violation { .. }) => Ok(Err(violation)),
        Err(error) => Err(Failure::error(error.to_string())),
    }
}
