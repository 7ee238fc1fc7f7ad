//! The names that a snapshot declares, for looking up references.

use std::collections::{BTreeSet, HashMap};

use apportion_cluster::file::{SnapshotFile, TaskFile};

/// Positions by name. Of two elements with one name the first counts. Looked up, never walked.
pub(in crate::snapshot) struct Names<'f> {
    /// Positions of agents.
    pub(in crate::snapshot) agents: HashMap<&'f str, usize>,
    /// Positions of frameworks.
    pub(in crate::snapshot) frameworks: HashMap<&'f str, usize>,
    /// Positions of jobs.
    pub(in crate::snapshot) jobs: HashMap<&'f str, usize>,
    /// Positions of tasks in their job, by (position of the job, id).
    pub(in crate::snapshot) tasks: HashMap<(usize, &'f str), usize>,
    /// Declared levels.
    pub(in crate::snapshot) levels: BTreeSet<&'f str>,
    /// Levels that rules name without a declaration, `agent` included.
    pub(in crate::snapshot) implicit: BTreeSet<&'f str>,
    /// Attribute keys that some agent has.
    pub(in crate::snapshot) attributes: BTreeSet<&'f str>,
    /// Groups that some task belongs to.
    pub(in crate::snapshot) groups: BTreeSet<&'f str>,
}

impl<'f> Names<'f> {
    /// The names in `file`.
    pub(in crate::snapshot) fn of(file: &'f SnapshotFile) -> Self {
        let levels: BTreeSet<&str> = file.levels.iter().map(String::as_str).collect();
        let attributes = file.agents.iter().flat_map(|a| a.attributes.keys());
        let mut names = Self {
            agents: first_positions(file.agents.iter().map(|a| a.id.as_str())),
            frameworks: first_positions(file.frameworks.iter().map(|f| f.id.as_str())),
            jobs: first_positions(file.jobs.iter().map(|j| j.id.as_str())),
            tasks: HashMap::new(),
            implicit: BTreeSet::new(),
            attributes: attributes.map(String::as_str).collect(),
            groups: BTreeSet::new(),
            levels,
        };
        for (at, job) in file.jobs.iter().enumerate() {
            names
                .implicit
                .extend(job.min_available.iter().map(|m| m.level.as_str()));
            for (position, task) in job.tasks.iter().enumerate() {
                names.tasks.entry((at, &task.id)).or_insert(position);
                names.groups.extend(task.groups.iter().map(String::as_str));
                names.implicit.extend(levels_of(task));
            }
        }
        names.implicit.retain(|level| !names.levels.contains(level));
        names
    }

    /// Whether a rule may name `level`.
    pub(in crate::snapshot) fn is_level(&self, level: &str) -> bool {
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
