//! Which tasks are map and which are reduce tasks: they say so themselves, or their job does.

use apportion_cluster::file::{JobFile, MapFile, ReduceFile, TaskFile};

/// What a task is, by what it and its job state.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stated<'f> {
    /// Neither.
    Neither,
    /// A map task.
    Map(&'f MapFile),
    /// A reduce task.
    Reduce(&'f ReduceFile),
    /// It states both itself.
    Both,
    /// Its job states both, and its id begins with neither `map` nor `reduce`.
    Unclear,
}

/// What `task` of `job` is.
pub(super) fn stated<'f>(job: &'f JobFile, task: &'f TaskFile) -> Stated<'f> {
    match (&task.map, &task.reduce, &job.map, &job.reduce) {
        (Some(_), Some(_), _, _) => Stated::Both,
        (Some(map), None, _, _) | (None, None, Some(map), None) => Stated::Map(map),
        (None, Some(reduce), _, _) | (None, None, None, Some(reduce)) => Stated::Reduce(reduce),
        (None, None, Some(map), Some(_)) if task.id.starts_with("map") => Stated::Map(map),
        (None, None, Some(_), Some(reduce)) if task.id.starts_with("reduce") => {
            Stated::Reduce(reduce)
        }
        (None, None, Some(_), Some(_)) => Stated::Unclear,
        (None, None, None, None) => Stated::Neither,
    }
}

/// Positions of the job's map tasks, in the order in which it lists them.
pub(super) fn map_tasks(job: &JobFile) -> Vec<usize> {
    let tasks = job.tasks.iter().enumerate();
    tasks
        .filter(|(_, task)| matches!(stated(job, task), Stated::Map(_)))
        .map(|(at, _)| at)
        .collect()
}
