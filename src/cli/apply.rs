//! `apply`: the snapshot after a plan.

use std::path::PathBuf;

use serde::Serialize;

use super::console;
use super::files::Destination;
use super::numbers::counted;
use super::{Context, Exit, Failure, files, inputs};
use crate::{engine, snapshot};

/// Write the snapshot as it will be once a plan is carried out
#[derive(clap::Args)]
#[command(after_help = "\
The plan must answer exactly this snapshot: its digest is checked.

Examples:
  apportion apply cluster.json plan.json -o next.json
  apportion apply cluster.json plan.json | apportion plan -")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
    /// Plan file, or - for standard input
    plan: PathBuf,
    /// Where to write the new snapshot [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    files::one_standard_input(&[&arguments.snapshot, &arguments.plan])?;
    let destination = Destination::or_standard_output(arguments.output.as_deref())?;
    let (file, cluster) = inputs::snapshot_and_cluster(&arguments.snapshot)?;
    let plan = inputs::plan(&arguments.plan)?;
    let next = engine::apply(&file, &cluster, &plan)
        .map_err(|error| Failure::usage(format!("the plan cannot be applied: {error}")))?;
    destination.write(snapshot::to_json(&next).as_bytes())?;
    if !destination.is_standard_output() {
        let running: i64 = next
            .placements
            .iter()
            .map(|placement| placement.instances)
            .sum();
        report(context, &destination, running)?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Written {
    output: String,
    running: i64,
}

fn report(context: &Context, destination: &Destination, running: i64) -> Result<(), Failure> {
    if context.json {
        return console::print_json(&Written {
            output: destination.name(),
            running,
        });
    }
    let running = usize::try_from(running).unwrap_or_default();
    console::print(&format!(
        "{} written: {} running\n",
        destination.name(),
        counted(running, "instance")
    ))
}
