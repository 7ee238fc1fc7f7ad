//! Where in a snapshot something stands: `jobs[2].tasks[0].constraints.limit[1].level`.

use std::fmt::Write as _;

use super::text;

/// A path, linked to its parent on the stack: free to make, turned into text only for a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'p> {
    /// The whole file.
    Root,
    /// A key of an object.
    Key(&'p Path<'p>, &'p str),
    /// An element of a list, with its id if it has one.
    At(&'p Path<'p>, usize, &'p str),
}

/// One step of a path, owned. Keys order by name, elements by position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A key of an object.
    Key(String),
    /// An element of a list.
    At(usize),
}

impl<'p> Path<'p> {
    /// The value under `key`.
    pub(super) fn key(&'p self, key: &'p str) -> Self {
        Self::Key(self, key)
    }

    /// The element at `index`, which has no id.
    pub(super) fn at(&'p self, index: usize) -> Self {
        Self::At(self, index, "")
    }

    /// The element at `index`, which is called `id`.
    pub(super) fn element(&'p self, index: usize, id: &'p str) -> Self {
        Self::At(self, index, id)
    }

    /// The steps from the root.
    pub(super) fn steps(&self) -> Vec<Step> {
        match self {
            Self::Root => Vec::new(),
            Self::Key(parent, key) => {
                let mut steps = parent.steps();
                steps.push(Step::Key(text::cut(key)));
                steps
            }
            Self::At(parent, index, _) => {
                let mut steps = parent.steps();
                steps.push(Step::At(*index));
                steps
            }
        }
    }

    /// The elements with ids that the path runs through: `job web, task api`; empty if there are none.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(parent, _) | Self::At(parent, _, "") => parent.subject(),
            Self::At(parent, _, id) => {
                let mut subject = parent.subject();
                if let Self::Key(_, list) = parent {
                    let separator = if subject.is_empty() { "" } else { ", " };
                    let noun = list.strip_suffix('s').unwrap_or(list);
                    subject += separator;
                    subject += noun;
                    subject.push(' ');
                    subject += &text::cut(id);
                }
                subject
            }
        }
    }
}

/// The path as people write it; the whole file is `$`.
pub(super) fn written(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::At(index) => {
                write!(path, "[{index}]").expect("writing to a string does not fail");
            }
            Step::Key(key) if is_plain(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Step::Key(key) => {
                write!(path, "[{key:?}]").expect("writing to a string does not fail");
            }
        }
    }
    if path.is_empty() {
        "$".to_owned()
    } else {
        path
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_people_write_them() {
        let root = Path::Root;
        let jobs = root.key("jobs");
        let job = jobs.element(2, "web");
        let tasks = job.key("tasks");
        let task = tasks.element(0, "api");
        let amount = task.key("resources");
        assert_eq!(
            written(&amount.key("a.b").steps()),
            "jobs[2].tasks[0].resources[\"a.b\"]"
        );
        assert_eq!(amount.subject(), "job web, task api");
        assert_eq!(written(&root.steps()), "$");
    }
}
