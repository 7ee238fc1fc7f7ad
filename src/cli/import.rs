//! `import`: clusters of other systems as snapshots.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::console::{self, Tone, styled};
use super::files::Destination;
use super::numbers::{count, counted};
use super::table::{self, Align};
use super::{Context, Exit, Failure, files};
use crate::import::{self, ImportError, Imported, InputFault, Weight, importers};
use crate::snapshot::{self, Fault};

/// The code of every fault of a foreign file.
const CODE: &str = "import";

/// Make a snapshot from another system's files
#[derive(clap::Args)]
#[command(after_help = "\
Names of the source are kept. What a snapshot cannot say, or says in other words, is listed as a
note, never dropped in silence.

Examples:
  kubectl get nodes,pods -A -o json | apportion import kubernetes - -o cluster.json
  apportion import kubernetes nodes.json pods.json --framework-by namespace -o cluster.json
  apportion import kubernetes cluster-dump.json.gz --unplace | apportion plan -
  apportion import openb openb_node_list_gpu_node.csv openb_pod_list_default.csv -o openb.json
  apportion import openb NODES.csv PODS.csv --demand 1.3 --seed 42 --order arrivals.txt -o full.json
  apportion import vm-topology servers.csv racks.csv vms.csv -o vms.json
  apportion import dlrm disaggregated_DLRM_trace.csv node_info_df.csv --cpu-nodes 8000 -o dlrm.json
  apportion import wfcommons montage.json blast.json --agents 20 --racks 4 -o workflows.json
  apportion import swim FB-2010.tsv --agents 600 --racks 30 --hour 7 --scale 0.2 -o hour.json
  apportion import --list")]
pub(super) struct Arguments {
    /// The format
    #[arg(value_parser = formats(), required_unless_present = "list")]
    format: Option<String>,
    /// The files; - for standard input
    #[arg(required_unless_present = "list")]
    files: Vec<PathBuf>,
    /// Where to write the snapshot [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where to write the order in which jobs arrive, for `plan --online`: that of the source's list
    #[arg(long, value_name = "FILE")]
    order: Option<PathBuf>,
    /// Make whatever may move pending, instead of running where it is
    #[arg(long)]
    unplace: bool,
    /// What becomes a framework
    #[arg(long, value_enum)]
    framework_by: Option<FrameworkBy>,
    /// openb: draw pods from the list until they ask for so much of the GPUs, as in 1.3 for 130 %
    #[arg(long, value_name = "FRACTION")]
    demand: Option<String>,
    /// openb: leave nodes without GPUs out
    #[arg(long)]
    gpu_nodes_only: bool,
    /// dlrm: make up so many CPU nodes, for the instances that belong on them
    #[arg(long, value_name = "N")]
    cpu_nodes: Option<String>,
    /// wfcommons, swim: make up so many agents, instead of the machines of the files [swim: 600]
    #[arg(long, value_name = "N")]
    agents: Option<String>,
    /// wfcommons, swim: spread them over so many racks [default: 1; swim: 30]
    #[arg(long, value_name = "N")]
    racks: Option<String>,
    /// wfcommons: the cores of each [default: 4]
    #[arg(long, value_name = "N")]
    cores: Option<String>,
    /// wfcommons: the memory of each [default: 16384]
    #[arg(long, value_name = "MIB")]
    memory_mib: Option<String>,
    /// wfcommons: the network of each [default: 125]
    #[arg(long, value_name = "MIB_S")]
    network_mib_s: Option<String>,
    /// wfcommons: what the framework wants first
    #[arg(long, value_name = "makespan|traffic")]
    stage_order: Option<String>,
    /// swim: the tasks that each agent runs at a time [default: 4]
    #[arg(long, value_name = "N")]
    slots: Option<String>,
    /// swim: only jobs that were submitted from this hour on
    #[arg(long, value_name = "N")]
    hour: Option<String>,
    /// swim: during so many hours [default: 1]
    #[arg(long, value_name = "N")]
    hours: Option<String>,
    /// swim: multiply all sizes
    #[arg(long, value_name = "FACTOR")]
    scale: Option<String>,
    /// What is drawn for --demand and --cpu-nodes, and where swim's blocks are [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// List the formats
    #[arg(long, conflicts_with_all = ["format", "files", "output", "order", "unplace", "framework_by", "demand", "gpu_nodes_only", "cpu_nodes", "seed", "agents", "racks", "cores", "memory_mib", "network_mib_s", "stage_order", "slots", "hour", "hours", "scale"])]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FrameworkBy {
    /// All of it is one framework
    One,
    /// Each namespace
    Namespace,
}

impl FrameworkBy {
    fn setting(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Namespace => "by-namespace",
        }
    }
}

fn formats() -> PossibleValuesParser {
    importers()
        .iter()
        .map(|importer| importer.name())
        .collect::<Vec<_>>()
        .into()
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Some(format) = &arguments.format else {
        list(context)?;
        return Ok(Exit::Done);
    };
    let paths: Vec<_> = arguments.files.iter().map(PathBuf::as_path).collect();
    files::one_standard_input(&paths)?;
    let destination = Destination::or_standard_output(arguments.output.as_deref())?;
    let mut inputs = Vec::new();
    for path in paths {
        inputs.push((files::name(path), files::read(path)?));
    }
    let borrowed: Vec<(&str, &[u8])> = inputs
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let order = order_destination(arguments)?;
    let imported = import::import(format, &borrowed, &settings(arguments)).map_err(failure)?;
    if let Some(order) = order {
        if imported.order.is_empty() {
            let text =
                format!("there is no order to write: `{format}` states none for these files");
            return Err(Failure::usage(text));
        }
        let lines: String = imported
            .order
            .iter()
            .map(|job| format!("{job}\n"))
            .collect();
        order.write(lines.as_bytes())?;
    }
    destination.write(snapshot::to_json(&imported.snapshot).as_bytes())?;
    report(context, &destination, &imported)?;
    Ok(Exit::Done)
}

/// Where the order goes; not to where the snapshot goes.
fn order_destination(arguments: &Arguments) -> Result<Option<Destination>, Failure> {
    let Some(path) = &arguments.order else {
        return Ok(None);
    };
    if arguments.output.as_ref() == Some(path) {
        let text = "--order and --output name the same file".to_owned();
        return Err(Failure::usage(text));
    }
    let destination = Destination::open(path)?;
    if destination.is_standard_output() {
        let text = "--order takes a file, as standard output is for the snapshot".to_owned();
        return Err(Failure::usage(text));
    }
    Ok(Some(destination))
}

fn settings(arguments: &Arguments) -> Vec<(&'static str, &str)> {
    let mut settings = Vec::new();
    let given = [
        ("demand", &arguments.demand),
        ("cpu-nodes", &arguments.cpu_nodes),
        ("seed", &arguments.seed),
        ("agents", &arguments.agents),
        ("racks", &arguments.racks),
        ("cores", &arguments.cores),
        ("memory-mib", &arguments.memory_mib),
        ("network-mib-s", &arguments.network_mib_s),
        ("stage-order", &arguments.stage_order),
        ("slots", &arguments.slots),
        ("hour", &arguments.hour),
        ("hours", &arguments.hours),
        ("scale", &arguments.scale),
    ];
    for (key, value) in given {
        settings.extend(value.as_deref().map(|value| (key, value)));
    }
    if arguments.gpu_nodes_only {
        settings.push(("gpu-nodes-only", "true"));
    }
    if arguments.unplace {
        settings.push(("unplace", "true"));
    }
    if let Some(what) = arguments.framework_by {
        settings.push(("frameworks", what.setting()));
    }
    settings
}

fn failure(error: ImportError) -> Failure {
    match error {
        ImportError::Input(faults) => Failure::Input {
            file: "the input".to_owned(),
            bytes: Vec::new(),
            faults: faults.into_iter().map(fault).collect(),
        },
        other => Failure::usage(other.to_string()),
    }
}

fn fault(fault: InputFault) -> Fault {
    Fault {
        code: CODE,
        path: fault.file,
        subject: fault.place,
        cause: fault.cause,
        action: fault.action,
        place: None,
    }
}

/// Says what was written and what has to be said about it: on standard output if that is free, else on standard error.
fn report(
    context: &Context,
    destination: &Destination,
    imported: &Imported,
) -> Result<(), Failure> {
    let free = !destination.is_standard_output();
    match (context.json, free) {
        (true, true) => console::print_json(&Document::of(destination, imported)),
        (true, false) => {
            let bytes = console::to_json(&Document::of(destination, imported));
            context.note(String::from_utf8_lossy(&bytes).trim_end());
            Ok(())
        }
        (false, true) => {
            let written = format!("{} written: {}\n", destination.name(), summary(imported));
            console::print(&(written + &notes(imported)))
        }
        (false, false) => {
            context.note(format!("{}\n{}", summary(imported), notes(imported)).trim_end());
            Ok(())
        }
    }
}

fn summary(imported: &Imported) -> String {
    let file = &imported.snapshot;
    let tasks = file.jobs.iter().flat_map(|job| &job.tasks);
    let wanted: i64 = tasks.map(|task| task.instances).sum();
    let running: i64 = file
        .placements
        .iter()
        .map(|placement| placement.instances)
        .sum();
    format!(
        "{}, {}, {}, {} instances wanted, {} running",
        counted(file.agents.len(), "agent"),
        counted(file.frameworks.len(), "framework"),
        counted(file.jobs.len(), "job"),
        count(wanted),
        count(running),
    )
}

fn notes(imported: &Imported) -> String {
    if imported.notes.is_empty() {
        return String::new();
    }
    let columns = [
        ("what", Align::Left),
        ("note", Align::Left),
        ("times", Align::Right),
        ("for example", Align::Left),
    ];
    let rows: Vec<Vec<String>> = imported
        .by_code()
        .into_iter()
        .map(|group| {
            let example = &group.notes[0];
            vec![
                group.code.weight.to_string(),
                group.code.name.to_owned(),
                group.notes.len().to_string(),
                format!("{}: {}", example.subject, example.text),
            ]
        })
        .collect();
    let title = styled(Tone::Heading, "\nNotes (each of them with --json)\n");
    format!("{title}{}", table::render(&columns, &rows))
}

#[derive(Serialize)]
struct Document<'a> {
    output: String,
    agents: usize,
    frameworks: usize,
    jobs: usize,
    instances: i64,
    running: i64,
    notes: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Note<'a> {
    weight: &'static str,
    code: &'a str,
    subject: &'a str,
    text: &'a str,
}

impl<'a> Document<'a> {
    fn of(destination: &Destination, imported: &'a Imported) -> Self {
        let file = &imported.snapshot;
        let tasks = file.jobs.iter().flat_map(|job| &job.tasks);
        Self {
            output: destination.name(),
            agents: file.agents.len(),
            frameworks: file.frameworks.len(),
            jobs: file.jobs.len(),
            instances: tasks.map(|task| task.instances).sum(),
            running: file
                .placements
                .iter()
                .map(|placement| placement.instances)
                .sum(),
            notes: imported.notes.iter().map(Note::of).collect(),
        }
    }
}

impl<'a> Note<'a> {
    fn of(note: &'a import::Note) -> Self {
        Self {
            weight: match note.code.weight {
                Weight::NotExpressed => "not_expressed",
                Weight::Reworded => "reworded",
                Weight::Fact => "fact",
            },
            code: note.code.name,
            subject: &note.subject,
            text: &note.text,
        }
    }
}

/// `--list`: every format with its files and settings.
fn list(context: &Context) -> Result<(), Failure> {
    if context.json {
        let formats: Vec<Format> = importers()
            .iter()
            .map(|importer| Format {
                name: importer.name(),
                about: importer.about(),
                inputs: importer.inputs(),
            })
            .collect();
        return console::print_json(&formats);
    }
    let columns = [
        ("format", Align::Left),
        ("holds", Align::Left),
        ("files", Align::Left),
    ];
    let rows: Vec<Vec<String>> = importers()
        .iter()
        .map(|importer| {
            [importer.name(), importer.about(), importer.inputs()]
                .map(str::to_owned)
                .to_vec()
        })
        .collect();
    console::print(&table::render(&columns, &rows))
}

#[derive(Serialize)]
struct Format {
    name: &'static str,
    about: &'static str,
    inputs: &'static str,
}
