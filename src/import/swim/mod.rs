//! Days of a Hadoop cluster (SWIM, Facebook 2009 and 2010) as a snapshot: jobs with map and reduce tasks, their input as blocks.
//!
//! | SWIM | snapshot |
//! |---|---|
//! | job | job of that name in the framework `mapreduce` (policy `mapreduce`) |
//! | submit time | `waited_ms`, until the end of the hours that are read |
//! | input path | a file of blocks of 128 MiB; without paths, a file for each job |
//! | map input bytes | a map task for each block, from the file's first on; one without input, where it is 0 |
//! | shuffle bytes | `shuffle_mib_total` of the task `reduce`, which has an instance for each GiB |
//!
//! The trace has no machines and no times. Agents, alike and in racks, are made up, and so are the places of the blocks: three
//! copies as HDFS puts them, see [`blocks`]. A MiB takes 20 ms, and 10 ms more if it is not on the agent.
//!
//! Source: Chen et al., Interactive Analytical Processing in Big Data Systems, VLDB 2012; SWIMProjectUCB/SWIM. Its replays divide
//! all sizes by the ratio of the clusters, as `scale` does.

mod blocks;

use std::collections::{BTreeMap, BTreeSet};

use apportion_cluster::MAX_DATA_MIB;
use apportion_cluster::file::{
    AgentFile, DataFile, FrameworkFile, JobFile, MapFile, ReduceFile, SnapshotFile, TaskFile,
    VERSION,
};

use self::blocks::Files;
use super::csv::Faults;
use super::notes::{Notes, codes};
use super::{ImportError, Imported, Importer, Setting, Settings, Takes, named_files, stem};
use crate::snapshot::text::quote;
use crate::snapshot::text_of;

/// Thousandths of a core that a slot is.
const SLOT: i64 = 1000;
/// How long a MiB takes beside it.
const MS_PER_MIB: i64 = 20;
/// How much longer from elsewhere.
const REMOTE_MS_PER_MIB: i64 = 10;
/// What a reduce instance pulls.
const MIB_PER_REDUCE: i64 = 1024;
/// Most reduce instances of a job.
const MOST_REDUCES: i64 = 1000;
const MIB: u64 = 1 << 20;
/// More bytes of one job are a mistake.
const MOST_BYTES: u64 = 1 << 60;
/// Nine years in seconds: later jobs are a mistake, and waits as long as that can still be told.
const LATEST: u64 = 9 * 366 * 24 * 3600;
/// More map tasks are no snapshot that anybody could use.
const MOST_MAPS: u64 = 5_000_000;
/// Job, submit time, gap, map input, shuffle, output.
const COLUMNS: [&str; 6] = ["job", "submit", "gap", "input", "shuffle", "output"];

/// The column of the submit time.
const SUBMIT: usize = 1;

codes! {
    OUTPUT NotExpressed "output" "bytes that jobs write: only what they read and shuffle is planned";
    AGENTS_MADE_UP Fact "agents-made-up" "the trace has no machines: agents are made up, alike and in racks";
    BLOCKS_PLACED Fact "blocks-placed" "the trace has no places of data: copies are drawn as HDFS puts them";
    TIMES_MADE_UP Fact "times-made-up" "the trace has no run times: they are made up from bytes";
    SCALED Fact "scaled" "all sizes are multiplied, for a cluster of another size than the recorded one";
    OTHER_HOURS Fact "other-hours" "jobs that were submitted at other times are left out";
    NO_INPUT Fact "no-input" "a job that reads nothing: one map task without input";
}

/// What [`swim_with`] makes of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwimOptions {
    /// Agents that are made up.
    pub agents: u64,
    /// Racks over which they are spread.
    pub racks: u64,
    /// Tasks that each runs at a time.
    pub slots: u64,
    /// The first hour that is read, and how many; all without.
    pub hours: Option<(u64, u64)>,
    /// What all sizes are multiplied by, in thousandths.
    pub scale_milli: u64,
    /// Decides where blocks are.
    pub seed: u64,
}

impl Default for SwimOptions {
    fn default() -> Self {
        Self {
            agents: 600,
            racks: 30,
            slots: 4,
            hours: None,
            scale_milli: 1000,
            seed: 0,
        }
    }
}

impl SwimOptions {
    /// With an agent, a rack and a slot at least, and no more racks than agents.
    fn at_least_one(self) -> Self {
        let agents = self.agents.max(1);
        Self {
            agents,
            racks: self.racks.clamp(1, agents),
            slots: self.slots.max(1),
            ..self
        }
    }
}

/// [`swim_with`] the usual options: 600 agents of 4 slots in 30 racks, and all hours.
///
/// # Errors
/// Every fault of the input, with its line.
pub fn swim(inputs: &[(&str, &[u8])]) -> Result<Imported, ImportError> {
    swim_with(inputs, &SwimOptions::default())
}

/// Imports a trace.
///
/// # Errors
/// Every fault of the input, with its line.
pub fn swim_with(inputs: &[(&str, &[u8])], options: &SwimOptions) -> Result<Imported, ImportError> {
    let options = &options.at_least_one();
    let [(name, bytes)] = named_files("swim", ["TSV"], inputs)?;
    let mut faults = Faults::default();
    let mut notes = Notes::default();
    let rows = rows(name, bytes, options, &mut faults, &mut notes);
    let rows = faults.finish(rows).map_err(ImportError::Input)?;
    let mut files = Files::new(options);
    let end = rows.iter().map(|row| row.submit + 1).max().unwrap_or(0);
    let end = options.hours.map_or(end, |(first, hours)| {
        first.saturating_add(hours).saturating_mul(3600)
    });
    let jobs: Vec<JobFile> = rows
        .iter()
        .map(|row| job(row, end, options, &mut files, &mut notes))
        .collect();
    remarks(options, files.len(), &mut notes);
    let snapshot = SnapshotFile {
        version: VERSION.to_owned(),
        cluster: stem(name, "swim"),
        levels: vec!["rack".to_owned()],
        agents: agents(options),
        frameworks: vec![FrameworkFile {
            id: "mapreduce".to_owned(),
            policy: "mapreduce".to_owned(),
            ..FrameworkFile::default()
        }],
        data: DataFile {
            blocks: files.into_blocks(),
            ..DataFile::default()
        },
        jobs,
        ..SnapshotFile::default()
    };
    Ok(Imported {
        order: rows.into_iter().map(|row| row.name).collect(),
        snapshot,
        notes: notes.into_sorted(),
    })
}

/// A job of the trace, sizes as they are to be.
struct Row {
    name: String,
    /// Seconds.
    submit: u64,
    input: u64,
    shuffle: u64,
    /// Empty where the trace has none.
    path: String,
}

fn rows(
    file: &str,
    bytes: &[u8],
    options: &SwimOptions,
    faults: &mut Faults,
    notes: &mut Notes,
) -> Vec<Row> {
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(found) => {
            for fault in found.0 {
                faults.add(file, String::new(), fault.cause.clone(), &fault.action);
            }
            return Vec::new();
        }
    };
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    let (mut others, mut written, mut blocks) = (0_u64, false, 0_u64);
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim().is_empty() {
            continue;
        }
        let found = {
            let mut fault = |cause: String, action: &str| {
                faults.add(file, format!("line {line}"), cause, action);
            };
            row(content, options, &mut fault)
        };
        let Some((row, output)) = found else { continue };
        if !seen.insert(row.name.clone()) {
            let cause = format!("the job {} is there twice", quote(&row.name));
            faults.add(file, format!("line {line}"), cause, "rename one of the two");
            continue;
        }
        written |= output > 0;
        let hour = row.submit / 3600;
        let is_read =
            |(first, hours): (u64, u64)| (first..first.saturating_add(hours)).contains(&hour);
        if options.hours.is_none_or(is_read) {
            blocks += row.input / blocks::BYTES + 1;
            rows.push(row);
        } else {
            others += 1;
        }
    }
    if blocks > MOST_MAPS {
        let cause = format!("jobs read {blocks} blocks, above the most, {MOST_MAPS}");
        faults.add(
            file,
            String::new(),
            cause,
            "choose fewer hours, or a smaller scale",
        );
    }
    if others > 0 {
        notes.add(OTHER_HOURS, "jobs", format!("{others} jobs"));
    }
    if written {
        notes.add(OUTPUT, "jobs", "what they write is not planned");
    }
    rows
}

/// A row, and the bytes that its job writes.
fn row(
    content: &str,
    options: &SwimOptions,
    fault: &mut impl FnMut(String, &str),
) -> Option<(Row, u64)> {
    let fields: Vec<&str> = content.split('\t').map(str::trim).collect();
    if fields.len() < COLUMNS.len() {
        let cause = format!(
            "there are {} columns, {} are needed",
            fields.len(),
            COLUMNS.len()
        );
        fault(
            cause,
            "give job, submit time, gap, input, shuffle and output bytes, separated by tabs",
        );
        return None;
    }
    if fields[0].is_empty() {
        fault("the job has no name".to_owned(), "give it a name");
        return None;
    }
    let mut number = |column: usize| {
        let most = if column == SUBMIT { LATEST } else { MOST_BYTES };
        let read = fields[column].parse::<u64>().ok();
        let read = read.filter(|it| *it <= most);
        if read.is_none() {
            let name = COLUMNS[column];
            let cause = format!(
                "column {} ({name}): {} is not a whole number from 0 to {most}",
                column + 1,
                quote(fields[column])
            );
            fault(cause, "correct the number");
        }
        read
    };
    let numbers = [1, 2, 3, 4, 5].map(&mut number);
    let [
        Some(submit),
        Some(_),
        Some(input),
        Some(shuffle),
        Some(output),
    ] = numbers
    else {
        return None;
    };
    let scaled = |bytes: u64| {
        let scaled = u128::from(bytes) * u128::from(options.scale_milli) / 1000;
        u64::try_from(scaled).unwrap_or(MOST_BYTES)
    };
    let shuffle = scaled(shuffle);
    if shuffle.div_ceil(MIB) > MAX_DATA_MIB.unsigned_abs() {
        let cause = format!(
            "{shuffle} bytes are shuffled, more than the {MAX_DATA_MIB} MiB that a snapshot can state"
        );
        fault(cause, "correct the number, or scale it down");
        return None;
    }
    let row = Row {
        name: fields[0].to_owned(),
        submit,
        input: scaled(input),
        shuffle,
        path: fields.get(6).copied().unwrap_or_default().to_owned(),
    };
    Some((row, output))
}

fn job(
    row: &Row,
    end: u64,
    options: &SwimOptions,
    files: &mut Files<'_>,
    notes: &mut Notes,
) -> JobFile {
    let path = if row.path.is_empty() {
        &row.name
    } else {
        &row.path
    };
    let inputs = files.read(path, row.input);
    let width = inputs.len().saturating_sub(1).to_string().len();
    let map = |(at, (id, mib)): (usize, (String, i64))| {
        let map = MapFile {
            inputs: vec![id],
            work_ms: mib * MS_PER_MIB,
            remote_penalty_ms: mib * REMOTE_MS_PER_MIB,
        };
        task(format!("map-{at:0width$}"), 1, |task| task.map = Some(map))
    };
    let mut tasks: Vec<TaskFile> = inputs.into_iter().enumerate().map(map).collect();
    if tasks.is_empty() {
        notes.add(NO_INPUT, &row.name, "one map task without input");
        let map = MapFile {
            work_ms: MS_PER_MIB,
            ..MapFile::default()
        };
        tasks.push(task("map".to_owned(), 1, |task| task.map = Some(map)));
    }
    let shuffle = i64::try_from(row.shuffle.div_ceil(MIB)).unwrap_or(i64::MAX);
    if shuffle > 0 {
        let most = i64::try_from(options.agents.saturating_mul(options.slots));
        let most = most.unwrap_or(MOST_REDUCES).min(MOST_REDUCES);
        let instances =
            (shuffle.saturating_add(MIB_PER_REDUCE - 1) / MIB_PER_REDUCE).clamp(1, most);
        let reduce = ReduceFile {
            shuffle_mib_total: Some(shuffle),
            work_ms: shuffle / instances * MS_PER_MIB,
            ..ReduceFile::default()
        };
        tasks.push(task("reduce".to_owned(), instances, |task| {
            task.reduce = Some(reduce);
        }));
    }
    let waited = end.saturating_sub(row.submit).saturating_mul(1000);
    JobFile {
        id: row.name.clone(),
        framework: "mapreduce".to_owned(),
        waited_ms: i64::try_from(waited).unwrap_or(i64::MAX),
        tasks,
        ..JobFile::default()
    }
}

fn task(id: String, instances: i64, phase: impl FnOnce(&mut TaskFile)) -> TaskFile {
    let mut task = TaskFile {
        id,
        instances,
        value: 1,
        resources: [("cpu_milli".to_owned(), SLOT)].into(),
        ..TaskFile::default()
    };
    phase(&mut task);
    task
}

fn agents(options: &SwimOptions) -> Vec<AgentFile> {
    let slots = i64::try_from(options.slots).unwrap_or(i64::MAX);
    let agent = |at: u64| AgentFile {
        id: blocks::agent(at),
        domains: BTreeMap::from([(
            "rack".to_owned(),
            format!("rack-{:03}", blocks::rack(at, options)),
        )]),
        resources: [("cpu_milli".to_owned(), slots.saturating_mul(SLOT))].into(),
        ..AgentFile::default()
    };
    (0..options.agents).map(agent).collect()
}

fn remarks(options: &SwimOptions, n_blocks: usize, notes: &mut Notes) {
    let SwimOptions {
        agents,
        racks,
        slots,
        seed,
        scale_milli,
        ..
    } = options;
    let text = format!("{agents} of {slots} slots in {racks} racks");
    notes.add(AGENTS_MADE_UP, "agents", text);
    let text = format!("{n_blocks} of 128 MiB or less, three copies each, with the seed {seed}");
    notes.add(BLOCKS_PLACED, "blocks", text);
    let text =
        format!("{MS_PER_MIB} ms for a MiB, {REMOTE_MS_PER_MIB} ms more if it is not on the agent");
    notes.add(TIMES_MADE_UP, "tasks", text);
    if *scale_milli != 1000 {
        notes.add(
            SCALED,
            "jobs",
            format!("by {}", *scale_milli as f64 / 1000.0),
        );
    }
}

/// The importer of this module, by name.
pub(super) struct Swim;

impl Importer for Swim {
    fn name(&self) -> &'static str {
        "swim"
    }

    fn about(&self) -> &'static str {
        "map and reduce jobs of a Hadoop day (SWIM: Facebook 2009, 2010)"
    }

    fn inputs(&self) -> &'static str {
        "TSV; .gz"
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                key: "agents",
                takes: Takes::Whole(1, 100_000),
                needs: None,
                about: "so many agents; 600",
            },
            Setting {
                key: "racks",
                takes: Takes::Whole(1, 100_000),
                needs: None,
                about: "the racks over which they are spread; 30",
            },
            Setting {
                key: "slots",
                takes: Takes::Whole(1, 1_000_000),
                needs: None,
                about: "the tasks that each runs at a time; 4",
            },
            Setting {
                key: "hour",
                takes: Takes::Whole(0, 1_000_000),
                needs: None,
                about: "only jobs that were submitted from this hour on",
            },
            Setting {
                key: "hours",
                takes: Takes::Whole(1, 1_000_000),
                needs: Some("hour"),
                about: "during so many hours; 1",
            },
            Setting {
                key: "scale",
                takes: Takes::Thousandths(1_000_000),
                needs: None,
                about: "what all sizes are multiplied by; 1",
            },
            Setting {
                key: "seed",
                takes: Takes::Whole(0, u64::MAX),
                needs: None,
                about: "where copies of blocks are; 0",
            },
        ]
    }

    fn import(
        &self,
        inputs: &[(&str, &[u8])],
        settings: &Settings,
    ) -> Result<Imported, ImportError> {
        let usual = SwimOptions::default();
        let number = |key: &str, otherwise: u64| settings.number(key).unwrap_or(otherwise);
        let hours = settings.number("hour");
        let options = SwimOptions {
            agents: number("agents", usual.agents),
            racks: number("racks", usual.racks),
            slots: number("slots", usual.slots),
            hours: hours.map(|first| (first, number("hours", 1))),
            scale_milli: number("scale", usual.scale_milli),
            seed: number("seed", usual.seed),
        };
        swim_with(inputs, &options)
    }
}
