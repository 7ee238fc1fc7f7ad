//! `generate`: synthetic clusters of any size.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use serde::Serialize;

use super::console;
use super::files::Destination;
use super::numbers::{count, counted};
use super::{Context, Exit, Failure};
use crate::generate::{GenerateOptions, Kind, generate};
use crate::snapshot;

/// Make a synthetic cluster: the same for the same numbers
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  apportion generate --agents 100 --jobs 40 --frameworks 3 --seed 1 -o cluster.json
  apportion generate --agents 400 --jobs 120 --policies service,ml --load 1.1 --seed 1 -o gpus.json
  apportion generate --agents 1000 --jobs 200 --frameworks 5 -o all.json \\
    --policies service,ml,mapreduce,storage,workflow
  apportion generate --agents 5000 --jobs 200 --instances 20000 --seed 7 | apportion plan -")]
pub(super) struct Arguments {
    /// Agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    agents: u32,
    /// Jobs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    jobs: u32,
    /// Frameworks
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    frameworks: u32,
    /// What frameworks do, in turn; each brings what it needs: GPUs, blocks, storage units
    #[arg(long, value_name = "POLICY,...", value_delimiter = ',', default_value = "service", value_parser = kinds())]
    policies: Vec<String>,
    /// Seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Instances over all jobs [default: as many as the load asks for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    instances: Option<u32>,
    /// Demand as a part of the capacity
    #[arg(long, value_name = "FRACTION", default_value = "0.7", value_parser = parse_load)]
    load: f64,
    /// Most distinct task shapes of each policy
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    shapes: u32,
    /// Storage units, with the policy storage [default: one for every eight agents]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    units: Option<u32>,
    /// Where to write the snapshot [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn kinds() -> PossibleValuesParser {
    Kind::ALL.map(Kind::policy).into()
}

fn parse_load(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(load) if load > 0.0 && load <= 10.0 => Ok(load),
        _ => Err(
            "a load is a number above 0 and at most 10, as in 0.7 for 70 % of the capacity"
                .to_owned(),
        ),
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let destination = Destination::or_standard_output(arguments.output.as_deref())?;
    let whole = |number: u32| usize::try_from(number).expect("usize has at least 32 bits here");
    let kind = |name: &String| Kind::ALL.into_iter().find(|kind| kind.policy() == name);
    let options = GenerateOptions {
        agents: whole(arguments.agents),
        jobs: whole(arguments.jobs),
        frameworks: whole(arguments.frameworks),
        policies: arguments.policies.iter().filter_map(kind).collect(),
        seed: arguments.seed,
        load: arguments.load,
        instances: arguments.instances.map(whole),
        shapes: whole(arguments.shapes),
        units: arguments.units.map(whole),
    };
    if options.frameworks < options.kinds().len() {
        let text = "there are fewer frameworks than policies: each framework has one";
        return Err(Failure::usage(text).with_action("ask for more --frameworks"));
    }
    let file = generate(&options);
    destination.write(snapshot::to_json(&file).as_bytes())?;
    if destination.is_standard_output() {
        return Ok(Exit::Done);
    }
    let tasks = file.jobs.iter().flat_map(|job| &job.tasks);
    let written = Written {
        output: destination.name(),
        agents: file.agents.len(),
        frameworks: file.frameworks.len(),
        jobs: file.jobs.len(),
        instances: tasks.map(|task| task.instances).sum(),
    };
    if context.json {
        console::print_json(&written)?;
    } else {
        console::print(&written.text())?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Written {
    output: String,
    agents: usize,
    frameworks: usize,
    jobs: usize,
    instances: i64,
}

impl Written {
    fn text(&self) -> String {
        format!(
            "{} written: {}, {}, {}, {} instances wanted\n",
            self.output,
            counted(self.agents, "agent"),
            counted(self.frameworks, "framework"),
            counted(self.jobs, "job"),
            count(self.instances),
        )
    }
}
