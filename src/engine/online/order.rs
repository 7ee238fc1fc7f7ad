//! The order in which tasks arrive.

use std::collections::BTreeMap;

use apportion_cluster::plan::OnlineOrder;
use apportion_cluster::{Cluster, JobIdx, TaskIdx};
use apportion_policies::online::SplitMix64;

use crate::snapshot::text::{closest, quote};
use crate::snapshot::{Fault, InputFaults, Place, code};

/// Most faults of an order that are told.
const MOST_FAULTS: usize = 1000;
/// Faults up to which a name that is close is looked for.
const MOST_SUGGESTIONS: usize = 20;

/// The order in which tasks arrive in the mode [`Mode::Online`](super::super::Mode::Online).
///
/// A cluster's lists are sorted, so the order of a snapshot's lists is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Order {
    /// By job, then by task.
    #[default]
    Name,
    /// In an order drawn with the seed.
    Shuffled,
    /// In the order of a list; what is not listed does not arrive.
    Listed(Listed),
}

/// A list of tasks of one snapshot, each once.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    digest: String,
    lines: Vec<String>,
    tasks: Vec<TaskIdx>,
}

impl Listed {
    /// Reads an order: one `job` (all of its tasks) or `job/task` a line. Blanks around a line mean nothing, and
    /// neither do blank lines, lines that begin with `#`, and a byte order mark.
    ///
    /// # Errors
    ///
    /// All names that the snapshot does not have, that mean two things, or that list a task again.
    pub fn read(cluster: &Cluster, text: &str) -> Result<Self, InputFaults> {
        let mut reader = Reader {
            cluster,
            names: names(cluster),
            faults: Vec::new(),
            uncounted: 0,
            listed: vec![None; cluster.tasks.len()],
            lines: Vec::new(),
            tasks: Vec::new(),
        };
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut offset = text.len() - unmarked.len();
        for (number, line) in (1..).zip(unmarked.split_inclusive('\n')) {
            reader.line(line, number, offset);
            offset += line.len();
        }
        if reader.faults.is_empty() {
            Ok(Self {
                digest: cluster.digest.clone(),
                lines: reader.lines,
                tasks: reader.tasks,
            })
        } else {
            Err(InputFaults(reader.told()))
        }
    }
}

impl Order {
    /// Tasks as they arrive.
    pub(super) fn tasks(&self, cluster: &Cluster, seed: u64) -> Vec<TaskIdx> {
        match self {
            Self::Name => cluster.task_indices().collect(),
            Self::Shuffled => {
                let mut tasks: Vec<TaskIdx> = cluster.task_indices().collect();
                // The planner draws from the seed itself.
                SplitMix64::new(!seed).shuffle(&mut tasks);
                tasks
            }
            Self::Listed(listed) => listed.tasks.clone(),
        }
    }

    /// The digest of the snapshot that a list belongs to.
    pub(super) fn digest(&self) -> Option<&str> {
        match self {
            Self::Listed(listed) => Some(&listed.digest),
            Self::Name | Self::Shuffled => None,
        }
    }

    /// The order as the plan states it.
    pub(super) fn stated(&self) -> OnlineOrder {
        match self {
            Self::Name => OnlineOrder::Name,
            Self::Shuffled => OnlineOrder::Shuffled,
            Self::Listed(listed) => OnlineOrder::Listed(listed.lines.clone()),
        }
    }
}

/// What one line may mean. Ids may hold slashes, so a name can be both a job's and a task's.
#[derive(Clone, Copy)]
enum Named {
    Job(JobIdx),
    Task(TaskIdx),
    Several,
}

fn names(cluster: &Cluster) -> BTreeMap<String, Named> {
    let mut names = BTreeMap::new();
    let jobs = (0..cluster.jobs.len()).map(JobIdx::of);
    for job in jobs {
        names.insert(cluster.job(job).id.clone(), Named::Job(job));
    }
    for task in cluster.task_indices() {
        names
            .entry(cluster.task_name(task))
            .and_modify(|named| *named = Named::Several)
            .or_insert(Named::Task(task));
    }
    names
}

struct Reader<'a> {
    cluster: &'a Cluster,
    names: BTreeMap<String, Named>,
    faults: Vec<Fault>,
    /// Faults beyond those that are told.
    uncounted: usize,
    /// The line that lists each task.
    listed: Vec<Option<usize>>,
    lines: Vec<String>,
    tasks: Vec<TaskIdx>,
}

impl Reader<'_> {
    fn line(&mut self, line: &str, number: usize, offset: usize) {
        let name = line.trim();
        if name.is_empty() || name.starts_with('#') {
            return;
        }
        let before = line.len() - line.trim_start().len();
        let place = Place {
            line: number,
            column: line[..before].chars().count() + 1,
            offset: offset + before,
        };
        let tasks = match self.names.get(name) {
            Some(Named::Job(job)) => self.cluster.job(*job).tasks.clone(),
            Some(Named::Task(task)) => vec![*task],
            Some(Named::Several) => {
                let cause = format!("{} is the name of two things", quote(name));
                let action = "give one of them another id: each contains a slash".to_owned();
                return self.fault(code::DUPLICATE_NAME, place, cause, action);
            }
            None => {
                let cause = format!("there is no job and no task {}", quote(name));
                let action = self.suggestion(name);
                return self.fault(code::UNKNOWN_JOB, place, cause, action);
            }
        };
        let again = tasks
            .iter()
            .find_map(|&task| Some((task, self.listed[task.at()]?)));
        if let Some((task, line)) = again {
            let task = quote(&self.cluster.task_name(task));
            let cause = format!("the task {task} arrives in line {line} already");
            let action = "list each task once".to_owned();
            return self.fault(code::DUPLICATE_NAME, place, cause, action);
        }
        for &task in &tasks {
            self.listed[task.at()] = Some(number);
        }
        self.tasks.extend(tasks);
        self.lines.push(name.to_owned());
    }

    fn suggestion(&self, name: &str) -> String {
        let close = (self.faults.len() < MOST_SUGGESTIONS)
            .then(|| closest(name, self.names.keys().map(String::as_str)))
            .flatten();
        close.map_or_else(
            || "name a job of the snapshot, or a task as job/task".to_owned(),
            |close| format!("did you mean {}?", quote(close)),
        )
    }

    fn fault(&mut self, code: &'static str, place: Place, cause: String, action: String) {
        if self.faults.len() >= MOST_FAULTS {
            self.uncounted += 1;
            return;
        }
        self.faults.push(Fault {
            code,
            path: format!("line {}", place.line),
            subject: String::new(),
            cause,
            action,
            place: Some(place),
        });
    }

    /// The faults, and how many more there are.
    fn told(self) -> Vec<Fault> {
        let more = Fault::more(self.uncounted);
        self.faults.into_iter().chain(more).collect()
    }
}
