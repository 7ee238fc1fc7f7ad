//! What a snapshot may say by mistake: selectors that match nothing, requests that fit nowhere, typos,
//! wrong units. Input faults are errors; the rest is likely, or merely worth knowing.

mod accounts;
mod agents;
pub mod code;
mod devices;
mod rules;
mod running;
mod selectors;
mod units;

use std::collections::BTreeMap;

use apportion_cluster::file::SnapshotFile;
use apportion_cluster::{Cluster, JobIdx, TaskIdx};
use serde::Serialize;

use crate::snapshot::{self, InputFaults};

/// Most findings of one code; the rest are counted.
const MOST_PER_CODE: usize = 20;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The snapshot is refused.
    Error,
    /// Something wanted will not happen.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that lint found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable code; `docs/errors.md` is the index.
    pub code: &'static str,
    /// Where: `jobs[2].tasks[0].constraints`.
    pub path: String,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub action: String,
}

/// Reads a snapshot and lints it.
#[must_use]
pub fn lint(bytes: &[u8]) -> Vec<Finding> {
    match snapshot::parse(bytes).and_then(|file| Ok((snapshot::read(bytes)?, file))) {
        Ok((cluster, file)) => lint_cluster(&file, &cluster),
        // Reading reports more than parsing alone.
        Err(faults) => errors(&snapshot::read(bytes).err().unwrap_or(faults)),
    }
}

/// Lints a file that need not come from bytes.
#[must_use]
pub fn lint_file(file: &SnapshotFile) -> Vec<Finding> {
    match snapshot::resolve(file) {
        Ok(cluster) => lint_cluster(file, &cluster),
        Err(faults) => errors(&faults),
    }
}

/// Lints a file that `cluster` was resolved from: every rule, one after the other.
#[must_use]
pub fn lint_cluster(file: &SnapshotFile, cluster: &Cluster) -> Vec<Finding> {
    let subject = Subject::of(file, cluster);
    let mut findings = Findings::default();
    agents::cordons(&subject, &mut findings);
    agents::levels(&subject, &mut findings);
    agents::dedications(&subject, &mut findings);
    accounts::unused_roles(&subject, &mut findings);
    accounts::misspelled_roles(&subject, &mut findings);
    accounts::limits_of_nothing(&subject, &mut findings);
    accounts::idle_frameworks(&subject, &mut findings);
    units::units(&subject, &mut findings);
    selectors::contradictions(&subject, &mut findings);
    selectors::selectors(&subject, &mut findings);
    devices::devices(&subject, &mut findings);
    selectors::tolerations(&subject, &mut findings);
    rules::nothing_wanted(&subject, &mut findings);
    let eligible = selectors::eligible_agents(&subject, &mut findings);
    selectors::sizes(&subject, &eligible, &mut findings);
    rules::limits(&subject, &eligible, &mut findings);
    rules::survival(&subject, &eligible, &mut findings);
    running::overcommitted(&subject, &mut findings);
    running::misplaced(&subject, &mut findings);
    running::limits(&subject, &mut findings);
    findings.finish()
}

fn errors(faults: &InputFaults) -> Vec<Finding> {
    let error = |fault: &snapshot::Fault| {
        let place = fault
            .place
            .map(|place| format!("line {}, column {}: ", place.line, place.column));
        Finding {
            severity: Severity::Error,
            code: fault.code,
            path: fault.path.clone(),
            text: place.unwrap_or_default() + &fault.cause,
            action: fault.action.clone(),
        }
    };
    faults.0.iter().map(error).collect()
}

/// What is linted: the file as written, and what it means.
struct Subject<'s> {
    file: &'s SnapshotFile,
    cluster: &'s Cluster,
    /// Positions in the file, by position in the cluster.
    jobs: Vec<usize>,
    /// The same; `None` for the task of a job that states shards and no task.
    tasks: Vec<Option<usize>>,
    agents: Vec<usize>,
}

impl<'s> Subject<'s> {
    fn of(file: &'s SnapshotFile, cluster: &'s Cluster) -> Self {
        let jobs = order(file.jobs.iter().map(|job| job.id.as_str()));
        // A task with shards is one task for each of them.
        let tasks = jobs.iter().flat_map(|&job| {
            let job = &file.jobs[job];
            let shapes = job.shapes();
            let order = order(shapes.iter().map(|(task, _)| task.id.as_str()));
            let of_task = order.into_iter().flat_map(|at| {
                let stated = (at < job.tasks.len()).then_some(at);
                vec![stated; shapes[at].1.len().max(1)]
            });
            of_task.collect::<Vec<_>>()
        });
        let agents = order(file.agents.iter().map(|agent| agent.id.as_str()));
        Self {
            tasks: tasks.collect(),
            jobs,
            agents,
            file,
            cluster,
        }
    }

    fn job_path(&self, job: JobIdx) -> String {
        format!("jobs[{}]", self.jobs[job.at()])
    }

    fn task_path(&self, task: TaskIdx) -> String {
        let job = self.job_path(self.cluster.task(task).job);
        match self.tasks[task.at()] {
            Some(at) => format!("{job}.tasks[{at}]"),
            None => job,
        }
    }

    fn agent_path(&self, agent: usize) -> String {
        format!("agents[{}]", self.agents[agent])
    }
}

/// Positions in ascending order of the names.
fn order<'n>(names: impl Iterator<Item = &'n str>) -> Vec<usize> {
    let mut named: Vec<(&str, usize)> = names.zip(0..).collect();
    named.sort_unstable();
    named.into_iter().map(|(_, position)| position).collect()
}

/// Findings while they are collected.
#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
}

impl Findings {
    fn warn(
        &mut self,
        code: &'static str,
        path: impl Into<String>,
        text: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(
            Severity::Warning,
            code,
            path.into(),
            text.into(),
            action.into(),
        );
    }

    fn note(
        &mut self,
        code: &'static str,
        path: impl Into<String>,
        text: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add(
            Severity::Note,
            code,
            path.into(),
            text.into(),
            action.into(),
        );
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        path: String,
        text: String,
        action: String,
    ) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= MOST_PER_CODE {
            self.found.push(Finding {
                severity,
                code,
                path,
                text,
                action,
            });
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| finding.severity);
        for (code, count) in self.counts {
            if count > MOST_PER_CODE {
                self.found.push(Finding {
                    severity: Severity::Note,
                    code,
                    path: "$".to_owned(),
                    text: format!("{} more findings of this kind", count - MOST_PER_CODE),
                    action: "see to those above first".to_owned(),
                });
            }
        }
        self.found
    }
}

/// The action for a word that may be a misspelling of one of `candidates`.
fn did_you_mean<'n>(
    word: &str,
    candidates: impl IntoIterator<Item = &'n str>,
    otherwise: &str,
) -> String {
    match snapshot::text::closest(word, candidates) {
        Some(close) => format!("did you mean `{}`?", snapshot::text::cut(close)),
        None => otherwise.to_owned(),
    }
}
