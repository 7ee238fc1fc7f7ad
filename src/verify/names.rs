//! Ids to positions, by plain maps.

use std::collections::BTreeMap;

use apportion_cluster::Cluster;

/// Positions by name.
pub(super) struct Names<'a> {
    pub agents: BTreeMap<&'a str, usize>,
    pub frameworks: BTreeMap<&'a str, usize>,
    pub resources: BTreeMap<&'a str, usize>,
    pub units: BTreeMap<&'a str, usize>,
    /// By job, task of the file, and shard (empty if it has none).
    tasks: BTreeMap<(&'a str, &'a str, &'a str), usize>,
    /// `job/task` to tasks: two tasks may share it if ids contain a slash.
    task_rows: BTreeMap<String, Vec<usize>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(cluster: &'a Cluster) -> Self {
        let mut tasks = BTreeMap::new();
        let mut task_rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, task) in cluster.tasks.iter().enumerate() {
            let job = cluster.jobs[task.job.at()].id.as_str();
            let (file, shard) = match &task.shard {
                Some(shard) => (shard.task.as_str(), shard.id.as_str()),
                None => (task.id.as_str(), ""),
            };
            tasks.insert((job, file, shard), at);
            let name = format!("{job}/{}", task.id);
            task_rows.entry(name).or_default().push(at);
        }
        // Rows of certificates name a shard as a task of its own.
        for (at, task) in cluster.tasks.iter().enumerate() {
            let job = cluster.jobs[task.job.at()].id.as_str();
            tasks.entry((job, task.id.as_str(), "")).or_insert(at);
        }
        Self {
            units: positions(cluster.units.iter().map(|unit| unit.id.as_str())),
            agents: positions(cluster.agents.iter().map(|agent| agent.id.as_str())),
            frameworks: positions(cluster.frameworks.iter().map(|it| it.id.as_str())),
            resources: positions(cluster.resources.iter().map(String::as_str)),
            tasks,
            task_rows,
        }
    }

    /// A task of the file, or one of its shards.
    pub(super) fn task(&self, job: &str, task: &str, shard: Option<&String>) -> Option<usize> {
        let shard = shard.map_or("", String::as_str);
        self.tasks.get(&(job, task, shard)).copied()
    }

    /// The tasks called `job/task`.
    pub(super) fn tasks_called(&self, name: &str) -> &[usize] {
        self.task_rows.get(name).map_or(&[], Vec::as_slice)
    }
}

fn positions<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    names.enumerate().map(|(at, name)| (name, at)).collect()
}
