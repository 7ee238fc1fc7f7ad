//! The names that a snapshot declares, for looking up references.

use std::collections::{BTreeSet, HashMap, HashSet};

use apportion_cluster::file::{SnapshotFile, TaskFile};

/// Positions of elements by name. Of two elements with one name the first counts. Looked up, never walked.
pub(super) struct Names<'f> {
    /// Positions of agents.
    pub(super) agents: HashMap<&'f str, usize>,
    /// Positions of storage units.
    pub(super) units: HashMap<&'f str, usize>,
    /// Positions of frameworks.
    pub(super) frameworks: HashMap<&'f str, usize>,
    /// Positions of jobs; empty if there are no placements to look up.
    pub(super) jobs: HashMap<&'f str, usize>,
    /// Positions of tasks in their job, by (position of the job, id); empty like `jobs`.
    pub(super) tasks: HashMap<(usize, &'f str), usize>,
    /// Words that are not elements.
    pub(super) words: Words<'f>,
}

/// The words of a snapshot that are used without being elements of it.
pub(in crate::snapshot) struct Words<'f> {
    /// Declared levels.
    pub(in crate::snapshot) levels: BTreeSet<&'f str>,
    /// Levels that rules name without a declaration.
    pub(in crate::snapshot) implicit: BTreeSet<&'f str>,
    /// Attribute keys that some agent has.
    pub(super) attributes: BTreeSet<&'f str>,
    /// Groups that some task belongs to, ascending.
    pub(in crate::snapshot) groups: Vec<&'f str>,
}

impl<'f> Names<'f> {
    /// The names in `file`.
    pub(super) fn of(file: &'f SnapshotFile) -> Self {
        let mut names = Self {
            agents: first_positions(file.agents.iter().map(|a| a.id.as_str())),
            units: first_positions(file.data.units.iter().map(|unit| unit.id.as_str())),
            frameworks: first_positions(file.frameworks.iter().map(|f| f.id.as_str())),
            jobs: HashMap::new(),
            tasks: HashMap::new(),
            words: Words::of(file),
        };
        if !file.placements.is_empty() {
            names.jobs = first_positions(file.jobs.iter().map(|j| j.id.as_str()));
            for (at, job) in file.jobs.iter().enumerate() {
                for (position, task) in job.tasks.iter().enumerate() {
                    names.tasks.entry((at, &task.id)).or_insert(position);
                }
                if job.tasks.is_empty() && !job.shards.is_empty() {
                    names.tasks.entry((at, &job.id)).or_insert(0);
                }
            }
        }
        names
    }
}

impl<'f> Words<'f> {
    /// The words in `file`.
    pub(in crate::snapshot) fn of(file: &'f SnapshotFile) -> Self {
        let attributes = file.agents.iter().flat_map(|a| a.attributes.keys());
        let mut words = Self {
            levels: file.levels.iter().map(String::as_str).collect(),
            implicit: BTreeSet::new(),
            attributes: attributes.map(String::as_str).collect(),
            groups: Vec::new(),
        };
        let mut groups = HashSet::new();
        for job in &file.jobs {
            words
                .implicit
                .extend(job.min_available.iter().map(|m| m.level.as_str()));
            let of_tasks = job.tasks.iter().flat_map(|task| &task.shards);
            for shard in job.shards.iter().chain(of_tasks) {
                words.implicit.extend(shard.distinct.as_deref());
            }
            for task in &job.tasks {
                groups.extend(task.groups.iter().map(String::as_str));
                words.implicit.extend(levels_of(task));
            }
        }
        words.implicit.retain(|level| !words.levels.contains(level));
        words.groups = groups.into_iter().collect();
        words.groups.sort_unstable();
        words
    }

    /// Whether a rule may name `level`.
    pub(super) fn is_level(&self, level: &str) -> bool {
        level == "agent" || self.levels.contains(level) || self.attributes.contains(level)
    }
}

/// The levels that the rules of `task` name.
fn levels_of(task: &TaskFile) -> impl Iterator<Item = &str> {
    let limits = task
        .constraints
        .limit
        .iter()
        .map(|rule| rule.level.as_str());
    limits.chain(
        task.constraints
            .spread
            .iter()
            .map(|rule| rule.level.as_str()),
    )
}

fn first_positions<'f>(names: impl Iterator<Item = &'f str>) -> HashMap<&'f str, usize> {
    let mut positions = HashMap::new();
    for (position, name) in names.enumerate() {
        positions.entry(name).or_insert(position);
    }
    positions
}
