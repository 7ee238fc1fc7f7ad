//! Recorded workflows of WfCommons (WfFormat 1.5) as a snapshot: each file a job whose tasks wait for each other.
//!
//! | WfFormat | snapshot |
//! |---|---|
//! | file | a job of that name in the framework `workflows` (policy `workflow`) |
//! | task | a task of that id, one instance |
//! | runtime | `work_ms` |
//! | cores, memory | `cpu_milli`, `memory_mib` |
//! | parents and children, and files that one writes and the other reads | an edge, with the sum of these files in MiB |
//! | machine | an agent of that name; or agents that are made up, alike and in racks |
//!
//! Nothing is placed: where tasks ran is not read.
//!
//! Source: Coleman et al., WfCommons: A framework for enabling scientific workflow research and development, FGCS 2022.

mod agents;
mod format;
mod job;

use std::collections::BTreeSet;

use apportion_cluster::file::{FrameworkFile, SnapshotFile, VERSION};

use self::format::Instance;
use super::notes::{Notes, codes};
use super::{ImportError, Imported, Importer, InputFault, Setting, Settings, Takes};
use crate::snapshot::text::quote;
use crate::snapshot::text_of;

pub use agents::MadeUp;

codes! {
    CPU_USE NotExpressed "cpu-use" "how busy a task kept its cores; it gets all of them";
    FILE_IO NotExpressed "file-io" "what tasks read and wrote in all: only files that one task writes and another reads are carried";
    PLACES NotExpressed "places" "where tasks ran: nothing is placed";
    PRIORITY NotExpressed "priority" "the priority of a task within its workflow; the order of tasks is up to the plan";
    MACHINE_SPEED NotExpressed "machine-speed" "the clock rate of a machine: every agent has the usual speed";
    ONE_CORE Reworded "one-core" "tasks that do not say how many cores they use: one";
    MACHINE_UNSTATED Reworded "machine-unstated" "a machine that does not say how many cores it has, or how much memory: one core, 1 TiB";
    ROUNDED_UP Reworded "rounded-up" "files of less than whole MiB: what an edge carries is rounded up";
    AGENTS_MADE_UP Fact "agents-made-up" "the machines are not those of the files";
    MACHINE_TWICE Fact "machine-twice" "a machine that files describe in several ways: the largest of each";
    EDGE_OF_FILES Fact "edge-of-files" "a task that reads what another writes without being its child: it waits for it";
}

/// What [`wfcommons_with`] does beyond reading the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WfcommonsOptions {
    /// Agents instead of the machines that the files list.
    pub made_up: Option<MadeUp>,
    /// The parameter `order` of the framework; its default if absent.
    pub order: Option<&'static str>,
}

/// [`wfcommons_with`] the machines that the files list.
///
/// # Errors
/// Every fault of the input, with the place in its file.
pub fn wfcommons(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    wfcommons_with(inputs, &WfcommonsOptions::default())
}

/// Imports recorded workflows, each of which becomes a job.
///
/// # Errors
/// Every fault of the input, with the place in its file.
pub fn wfcommons_with(
    inputs: &[(&str, &[u8])],
    options: &WfcommonsOptions,
) -> Result<Imported, ImportError> {
    let mut faults = Vec::new();
    let mut notes = Notes::default();
    let mut machines = agents::Machines::default();
    let mut jobs = Vec::new();
    let mut names = BTreeSet::new();
    if inputs.is_empty() {
        faults.push(InputFault {
            file: String::new(),
            place: String::new(),
            cause: "no file is given".to_owned(),
            action: "give one or more files in WfFormat".to_owned(),
        });
    }
    for &(file, bytes) in inputs {
        let name = job_name(file);
        if !names.insert(name.clone()) {
            let cause = format!("another file makes a job called {} too", quote(&name));
            faults.push(fault(file, String::new(), cause, "rename one of the files"));
            continue;
        }
        let Some(instance) = read(file, bytes, &mut faults) else {
            continue;
        };
        let found = faults.len();
        let job = job::job(file, &name, &instance, &mut notes, &mut faults);
        if options.made_up.is_none() {
            machines.add(file, &instance.machines, &mut notes, &mut faults);
        }
        if faults.len() == found {
            jobs.push(job);
        }
    }
    let agents = match options.made_up {
        Some(made_up) => {
            notes.add(AGENTS_MADE_UP, "agents", made_up.to_string());
            made_up.agents()
        }
        None => machines.into_agents(inputs, &mut faults),
    };
    if !faults.is_empty() {
        return Err(ImportError::Input(faults));
    }
    let parameters = options
        .order
        .map(|order| ("order".to_owned(), order.into()));
    let racks = options.made_up.is_some();
    let framework = FrameworkFile {
        id: "workflows".to_owned(),
        policy: "workflow".to_owned(),
        parameters: parameters.into_iter().collect(),
        ..FrameworkFile::default()
    };
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster: match &jobs[..] {
            [job] => job.id.clone(),
            _ => "wfcommons".to_owned(),
        },
        levels: racks.then(|| "rack".to_owned()).into_iter().collect(),
        agents,
        frameworks: vec![framework],
        jobs,
        ..SnapshotFile::default()
    };
    Ok(Imported {
        order: snapshot.jobs.iter().map(|job| job.id.clone()).collect(),
        snapshot,
        notes: notes.into_sorted(),
    })
}

fn fault(file: &str, place: String, cause: String, action: &str) -> InputFault {
    InputFault {
        file: file.to_owned(),
        place,
        cause,
        action: action.to_owned(),
    }
}

/// What a file's job is called: the file without its folder and endings.
fn job_name(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(name);
    match name.strip_suffix(".json").unwrap_or(name) {
        "" | "-" | "standard input" => "workflow".to_owned(),
        stem => stem.to_owned(),
    }
}

fn read(file: &str, bytes: &[u8], faults: &mut Vec<InputFault>) -> Option<Instance> {
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(unreadable) => {
            let all = unreadable.0.into_iter();
            faults.extend(all.map(|it| fault(file, String::new(), it.cause, &it.action)));
            return None;
        }
    };
    let value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(error) => {
            let cause = format!("is no JSON: {error}");
            let action = "give a workflow in WfFormat 1.5";
            faults.push(fault(file, String::new(), cause, action));
            return None;
        }
    };
    let found = faults.len();
    let instance = Instance::of(file, value, faults);
    // References to what could not be read would be faults, too.
    instance.filter(|_| faults.len() == found)
}

/// The importer of this module, by name.
pub(super) struct Wfcommons;

impl Importer for Wfcommons {
    fn name(&self) -> &'static str {
        "wfcommons"
    }

    fn about(&self) -> &'static str {
        "recorded scientific workflows (WfFormat 1.5)"
    }

    fn inputs(&self) -> &'static str {
        "JSON...; .gz"
    }

    fn settings(&self) -> &'static [Setting] {
        const MADE_UP: Option<&str> = Some("agents");
        &[
            Setting {
                key: "agents",
                takes: Takes::Whole(1, 100_000),
                needs: None,
                about: "so many alike agents instead of the machines of the files",
            },
            Setting {
                key: "racks",
                takes: Takes::Whole(1, 100_000),
                needs: MADE_UP,
                about: "the racks over which they are spread; 1",
            },
            Setting {
                key: "cores",
                takes: Takes::Whole(1, 1_000_000),
                needs: MADE_UP,
                about: "the cores of each; 4",
            },
            Setting {
                key: "memory-mib",
                takes: Takes::Whole(1, 1_000_000_000),
                needs: MADE_UP,
                about: "the memory of each; 16384",
            },
            Setting {
                key: "network-mib-s",
                takes: Takes::Whole(1, 1_000_000_000),
                needs: MADE_UP,
                about: "the network of each; 125",
            },
            Setting {
                key: "stage-order",
                takes: Takes::Words(&["makespan", "traffic"]),
                needs: None,
                about: "what the framework wants first",
            },
        ]
    }

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError> {
        let usual = MadeUp::default();
        let number = |key: &str, otherwise: i64| {
            let chosen = settings.number(key).and_then(|it| i64::try_from(it).ok());
            chosen.unwrap_or(otherwise)
        };
        let made_up = settings.number("agents").map(|_| MadeUp {
            agents: number("agents", usual.agents),
            racks: number("racks", usual.racks),
            cores: number("cores", usual.cores),
            memory_mib: number("memory-mib", usual.memory_mib),
            network_mib_s: number("network-mib-s", usual.network_mib_s),
        });
        let options = WfcommonsOptions {
            made_up,
            order: settings.word("stage-order"),
        };
        wfcommons_with(inputs, &options)
    }
}
