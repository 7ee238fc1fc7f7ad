//! The published experiments on public traces: prints every table of `docs/benchmarks.md`.
//!
//! ```text
//! cargo run --release --example experiments -- --data DIR [NAME...] [--seeds 42..51] [--seconds 60] [--loads 1.3]
//! ```
//!
//! DIR has a folder for each trace, laid out as `docs/benchmarks.md` says. NAME is one of `multi-framework`, `brokering`, `storage` and
//! `five-policies` (which need no DIR), `openb`, `openb-online`, `openb-full`, `vm-topology`, `dlrm`, `brokering-openb`, `wfcommons` and `swim`;
//! without one, all of them. Snapshots are made by the importers, plans by the
//! engine with the options that the page's commands state, and every plan passes the verifier before its row is printed.

mod allocator;
mod brokering;
mod databases;
mod mixed;
mod openb;
#[path = "../../policies/examples/openb/published.rs"]
mod published;
mod run;
mod services;
mod swim;
mod workflows;

use std::path::PathBuf;

/// What is asked for on the command line.
pub struct Arguments {
    data: PathBuf,
    names: Vec<String>,
    seeds: Vec<u64>,
    seconds: u64,
    loads: Vec<f64>,
}

/// A failed experiment, in words.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

type Experiment = fn(&Arguments) -> Result<(), Failure>;

const EXPERIMENTS: [(&str, Experiment); 12] = [
    ("multi-framework", allocator::multi_framework),
    ("openb", openb::offline),
    ("openb-online", openb::online),
    ("openb-full", openb::full),
    ("vm-topology", services::vm_topology),
    ("dlrm", services::dlrm),
    ("brokering", brokering::generated),
    ("brokering-openb", brokering::openb),
    ("wfcommons", workflows::wfcommons),
    ("swim", swim::facebook),
    ("storage", databases::storage),
    ("five-policies", mixed::five),
];

fn main() {
    if let Err(failure) = all() {
        eprintln!("experiments: {failure}");
        std::process::exit(2);
    }
}

fn all() -> Result<(), Failure> {
    let arguments = arguments()?;
    let is_known = |name: &&String| EXPERIMENTS.iter().any(|(known, _)| known == name);
    if let Some(name) = arguments.names.iter().find(|name| !is_known(name)) {
        return Err(format!("no experiment {name}").into());
    }
    for (name, experiment) in EXPERIMENTS {
        if arguments.names.is_empty() || arguments.names.iter().any(|it| it == name) {
            println!("\n## {name}\n");
            experiment(&arguments)?;
        }
    }
    Ok(())
}

fn arguments() -> Result<Arguments, Failure> {
    let mut arguments = Arguments {
        data: std::env::var_os("APPORTION_DATA").map_or_else(PathBuf::new, PathBuf::from),
        names: Vec::new(),
        seeds: (42..=51).collect(),
        seconds: 60,
        loads: vec![0.8, 1.0, 1.3],
    };
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        if !word.starts_with("--") {
            arguments.names.push(word);
            continue;
        }
        let value = given.next().ok_or(format!("{word} needs a value"))?;
        match word.as_str() {
            "--data" => arguments.data = value.into(),
            "--seconds" => arguments.seconds = value.parse()?,
            "--loads" => {
                let loads = value.split(',').map(str::parse);
                arguments.loads = loads.collect::<Result<_, _>>()?;
            }
            "--seeds" => {
                arguments.seeds.clear();
                for part in value.split(',') {
                    let (first, last) = part.split_once("..").unwrap_or((part, part));
                    arguments
                        .seeds
                        .extend(first.parse::<u64>()?..=last.parse()?);
                }
            }
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok(arguments)
}
