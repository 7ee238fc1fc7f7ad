//! `plan`: the main job.

mod dump;
mod online;
mod report;
mod terms;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apportion_cluster::plan::PlanFile;
use apportion_cluster::{Cluster, Fairness};
use clap::ValueEnum;

use super::files::Destination;
use super::numbers::{count, counted, parse_duration, parse_gap};
use super::progress::Reporter;
use super::solvers::SolverArguments;
use super::{Context, Exit, Failure, console, files, inputs};
use crate::engine::{self, Mode, Options, Progress, brokering};
use dump::Dump;

/// Say where everything should go, why the rest has no place, how fair that is, and how far from the best
#[derive(clap::Args)]
#[command(after_help = "\
The plan's placements are the whole final state. Every number in it can be checked: see
`apportion verify`. Without --deadline, equal snapshots and options give byte-identical plans
(with --no-timings).

Examples:
  apportion plan cluster.json
  apportion plan cluster.json -o plan.json --deadline 10s
  apportion plan cluster.json --json --no-timings | jq .frameworks
  apportion plan cluster.json --mode greedy
  apportion plan cluster.json --mode monolithic --deadline 60s -o monolithic.json
  apportion plan cluster.json --against monolithic.json -o plan.json
  apportion plan cluster.json --online shuffled --seed 3 --rule best_fit
  apportion plan cluster.json --online arrivals.txt -o plan.json

--online: tasks arrive one at a time; each is placed at once or refused for good, without
knowledge of what is to come. What runs stays. All hard rules of the snapshot hold at every
step; the tasks of a gang arrive together. Frameworks share the cluster first come, first
served: no shares, and no bounds. A file lists one `job` or `job/task` a line, with blank lines
and # comments; what it does not list never arrives.

With --detailed-exitcode: 0 nothing to do, 3 something with demand is unplaced, 4 changes are
proposed.")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
    /// Write the plan to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How the plan is made
    #[arg(long, value_enum, default_value_t = ModeWord::Brokered)]
    mode: ModeWord,
    #[command(flatten)]
    online: online::Arguments,
    /// How shares are computed [default: what the snapshot says]
    #[arg(long, value_enum)]
    fairness: Option<FairnessWord>,
    /// Let frameworks under their guarantee displace instances of frameworks above theirs
    #[arg(long)]
    preempt: bool,
    /// An earlier plan: whoever lost a rounding there is first now
    #[arg(long, value_name = "PLAN")]
    previous: Option<PathBuf>,
    /// A monolithic plan of the same snapshot: state the price of brokering against it
    #[arg(long, value_name = "PLAN")]
    against: Option<PathBuf>,
    /// The answer must be written by then, from the start of the process: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    deadline: Option<Duration>,
    /// Stop improving at this relative gap
    #[arg(long, default_value = "0", value_name = "FRACTION", value_parser = parse_gap)]
    gap: f64,
    /// Threads; they do not influence the plan [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Seed of everything that draws
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Leave timings out of the plan
    #[arg(long)]
    no_timings: bool,
    /// Say in the exit code whether anything changes or is unplaced
    #[arg(long)]
    detailed_exitcode: bool,
    /// Write each first-round model to this folder, as LP files
    #[arg(long, value_name = "DIR", help_heading = "Solver")]
    dump_models: Option<PathBuf>,
    #[command(flatten)]
    solver: SolverArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeWord {
    /// Fair shares, offers, one model per framework
    Brokered,
    /// One model over the whole cluster, for the same welfare
    Monolithic,
    /// The baseline: frameworks in order of id, each takes the first good place
    Greedy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FairnessWord {
    /// Weighted Nash welfare with floors
    Nash,
    /// The least relative utility first, with the same floors
    Maxmin,
    /// Dominant resource fairness, as in Mesos
    Drf,
}

impl FairnessWord {
    pub(super) fn rule(self) -> Fairness {
        match self {
            Self::Nash => Fairness::Nash,
            Self::Maxmin => Fairness::Maxmin,
            Self::Drf => Fairness::Drf,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let destination = arguments
        .output
        .as_deref()
        .map(Destination::open)
        .transpose()?;
    let reporter = context.reporter();
    let dump = arguments
        .dump_models
        .as_deref()
        .map(Dump::open)
        .transpose()?;
    reporter.phase("reading");
    let previous = arguments.previous.as_deref();
    let against = arguments.against.as_deref();
    let inputs = [
        Some(arguments.snapshot.as_path()),
        arguments.online.order(),
        previous,
        against,
    ];
    files::one_standard_input(&inputs.into_iter().flatten().collect::<Vec<_>>())?;
    let credit = credit(arguments)?;
    preempts(arguments)?;
    let cluster = inputs::cluster(&arguments.snapshot)?;
    let online = arguments.online.read(&cluster)?;
    let against = monolithic(arguments, &cluster)?;
    let read_ms = context.elapsed_ms();

    let mut options = options(arguments, context, &cluster, &reporter, dump.as_ref())?;
    options.credit = credit;
    if let Some(online) = online {
        options.mode = Mode::Online;
        options.online = online;
    }
    let planned = engine::plan(&cluster, &options);
    reporter.finish();
    let mut plan = planned.map_err(|error| Failure::error(error.to_string()))?;
    if let Some(against) = &against {
        brokering::compare(&mut plan, against);
    }
    if let Some(dump) = dump {
        dump.finish()?;
    }
    time(&mut plan, arguments, context, read_ms);

    let exit = exit(arguments, &cluster, &plan);
    print(arguments, context, &cluster, &plan, destination.as_ref())?;
    // The process is about to end: a large plan and cluster need not be taken apart piece by piece.
    std::mem::forget((plan, cluster));
    Ok(exit)
}

/// The credit of an earlier plan; only where there are shares to be owed.
fn credit(arguments: &Arguments) -> Result<BTreeMap<String, f64>, Failure> {
    match &arguments.previous {
        None => Ok(BTreeMap::new()),
        Some(_) if arguments.mode == ModeWord::Greedy => Err(Failure::usage(
            "--previous goes with shares, and --mode greedy has none",
        )
        .with_action("leave out one of the two")),
        Some(path) => Ok(engine::credit(&inputs::plan(path)?)),
    }
}

/// Preemption is for guarantees, beside shares.
fn preempts(arguments: &Arguments) -> Result<(), Failure> {
    let other = arguments.mode != ModeWord::Brokered || arguments.online.order().is_some();
    match arguments.preempt && other {
        false => Ok(()),
        true => Err(Failure::usage("--preempt goes with --mode brokered alone")
            .with_action("leave out one of the two")),
    }
}

/// The monolithic plan to compare with: of this snapshot, and monolithic.
fn monolithic(arguments: &Arguments, cluster: &Cluster) -> Result<Option<PlanFile>, Failure> {
    let Some(path) = &arguments.against else {
        return Ok(None);
    };
    if arguments.mode != ModeWord::Brokered {
        let failure = Failure::usage(
            "--against goes with a brokered plan: only that has a price of brokering",
        );
        return Err(failure.with_action("leave out --against, or the other mode"));
    }
    let plan = inputs::plan(path)?;
    let path = path.display();
    if plan.options.mode != "monolithic" {
        let failure = Failure::usage(format!(
            "{path} is a plan of the mode {}",
            plan.options.mode
        ));
        return Err(failure.with_action("make it with `plan --mode monolithic`"));
    }
    if plan.snapshot_digest != cluster.digest {
        let failure = Failure::usage(format!("{path} is a plan of another snapshot"));
        return Err(failure.with_action("make it from this snapshot with `plan --mode monolithic`"));
    }
    Ok(Some(plan))
}

fn options(
    arguments: &Arguments,
    context: &Context,
    cluster: &Cluster,
    reporter: &Reporter,
    dump: Option<&Dump>,
) -> Result<Options, Failure> {
    let deadline = arguments
        .deadline
        .map(|time| context.started + time - reserve(time, cluster));
    Ok(Options {
        mode: match arguments.mode {
            ModeWord::Brokered => Mode::Brokered,
            ModeWord::Monolithic => Mode::Monolithic,
            ModeWord::Greedy => Mode::Greedy,
        },
        deadline: deadline.map(|moment| moment.max(Instant::now())),
        deadline_ms: arguments
            .deadline
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        preempt: arguments.preempt,
        gap: arguments.gap,
        fairness: arguments.fairness.map(FairnessWord::rule),
        seed: arguments.seed,
        threads: arguments.threads.map_or(0, usize::from),
        solver: arguments.solver.solver()?,
        progress: progress(reporter),
        dump: dump.map(Dump::sink),
        ..Options::default()
    })
}

/// What is kept of the deadline for writing the plan and its summary: by the size of the plan, for a machine that is busy with
/// other work too, and at most half.
fn reserve(deadline: Duration, cluster: &Cluster) -> Duration {
    const LEAST: Duration = Duration::from_millis(40);
    const PER_PART: Duration = Duration::from_micros(4);
    const DIVISOR: u32 = 50;
    let n_parts = cluster.agents.len() * cluster.frameworks.len().min(8)
        + cluster.tasks.len()
        + cluster.running.len();
    let parts = u32::try_from(n_parts).unwrap_or(u32::MAX);
    (LEAST + PER_PART.saturating_mul(parts) + deadline / DIVISOR).min(deadline / 2)
}

fn progress(reporter: &Reporter) -> Arc<dyn Fn(Progress) + Send + Sync> {
    let reporter = reporter.clone();
    Arc::new(move |progress| match progress {
        Progress::Shares {
            frameworks,
            classes,
        } => {
            let frameworks = counted(frameworks, "framework");
            let classes = counted(classes, "agent class");
            reporter.phase(&format!("shares: {frameworks}, {classes}"));
        }
        Progress::Arrivals { tasks, instances } => {
            let tasks = counted(tasks, "task");
            reporter.phase(&format!(
                "arrivals: {tasks}, {}",
                counted(usize::try_from(instances).unwrap_or(0), "instance")
            ));
        }
        Progress::Round {
            number,
            frameworks,
            pending,
        } => {
            let frameworks = counted(frameworks, "framework");
            reporter.phase(&format!(
                "round {number}: {frameworks}, {} pending",
                counted(usize::try_from(pending).unwrap_or(0), "instance")
            ));
        }
        Progress::Solved {
            framework,
            placed,
            pending,
        } => {
            reporter.step(&format!(
                "{framework}: {} of {} placed",
                count(placed),
                count(pending)
            ));
        }
        Progress::Audit => reporter.phase("certificate"),
    })
}

fn time(plan: &mut PlanFile, arguments: &Arguments, context: &Context, read_ms: f64) {
    if arguments.no_timings {
        plan.timings_ms = None;
        return;
    }
    let timings = plan.timings_ms.get_or_insert_default();
    timings.insert("read".to_owned(), read_ms);
    timings.insert("total".to_owned(), context.elapsed_ms());
}

fn print(
    arguments: &Arguments,
    context: &Context,
    cluster: &Cluster,
    plan: &PlanFile,
    destination: Option<&Destination>,
) -> Result<(), Failure> {
    if let Some(destination) = destination {
        destination.write(&console::to_json(plan))?;
        if destination.is_standard_output() {
            return Ok(());
        }
    }
    if context.json {
        return console::print_json(plan);
    }
    let snapshot = arguments.snapshot.display().to_string();
    let written = destination.map(Destination::name);
    console::print(&report::text(cluster, plan, &snapshot, written.as_deref()))
}

fn exit(arguments: &Arguments, cluster: &Cluster, plan: &PlanFile) -> Exit {
    if !arguments.detailed_exitcode {
        Exit::Done
    } else if !plan.unplaced.is_empty() {
        Exit::Unplaced
    } else if changes(cluster, plan) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

/// Whether the plan's final state is another than what runs. Both lists are in the order of (job, task, agent).
fn changes(cluster: &Cluster, plan: &PlanFile) -> bool {
    let running = cluster.running.iter().map(|running| {
        let task = cluster.task(running.task);
        let job = cluster.job(task.job).id.as_str();
        let agent = cluster.agent(running.agent).id.as_str();
        (job, task.id.as_str(), agent, running.instances)
    });
    let placed = plan.placements.iter().map(|placed| {
        let (job, task, agent) = (&placed.job, &placed.task, &placed.agent);
        (
            job.as_str(),
            task.as_str(),
            agent.as_str(),
            placed.instances,
        )
    });
    !running.eq(placed)
}
