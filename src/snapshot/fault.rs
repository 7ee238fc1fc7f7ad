//! Input faults: what is wrong, where, why, and how to mend it. All of them, not the first.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;

use serde::Serialize;

use super::code;
use super::path::{Path, Step, written};
use super::tree::Tree;

/// Most faults that one report holds; the rest are counted.
const MOST_FAULTS: usize = 1_000;

/// One thing that is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Stable code; `docs/errors.md` is the index.
    pub code: &'static str,
    /// Where: `agents[3].resources.cpu_milli`; `$` is the whole file.
    pub path: String,
    /// The elements with ids that the path runs through: `job web, task api`; empty if none.
    pub subject: String,
    /// What is wrong.
    pub cause: String,
    /// How to mend it.
    pub action: String,
    /// Where in the text, if the input was text.
    pub place: Option<Place>,
}

impl Fault {
    /// That there are `uncounted` more than are told, if there are any.
    pub(crate) fn more(uncounted: usize) -> Option<Self> {
        (uncounted > 0).then(|| Self {
            code: code::MORE,
            path: "$".to_owned(),
            subject: String::new(),
            cause: format!("{uncounted} more faults were found"),
            action: "mend those above first".to_owned(),
            place: None,
        })
    }
}

/// A position in the (unpacked) text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in bytes, from 0.
    pub offset: usize,
}

/// Everything that is wrong with an input, in the order of the paths; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct InputFaults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.code, self.path)?;
        let mut details = Vec::new();
        if !self.subject.is_empty() {
            details.push(self.subject.clone());
        }
        if let Some(place) = self.place {
            details.push(format!("line {}, column {}", place.line, place.column));
        }
        if !details.is_empty() {
            write!(out, " ({})", details.join("; "))?;
        }
        write!(out, ": {}; {}", self.cause, self.action)
    }
}

impl fmt::Display for InputFaults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(out, "{} input fault{plural}", self.0.len())?;
        for fault in &self.0 {
            write!(out, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InputFaults {}

/// A fault, its path in steps, and the offset where the path alone does not tell it.
#[derive(Debug)]
struct Found {
    steps: Vec<Step>,
    offset: Option<usize>,
    fault: Fault,
}

/// Faults while they are collected.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Found>,
    uncounted: usize,
    /// Paths that an earlier pass found faulty: what a later pass says about them is an echo.
    broken: BTreeSet<Vec<Step>>,
}

impl Faults {
    /// Adds a fault at `path`.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        cause: impl Into<String>,
        action: impl Into<String>,
    ) {
        self.add_at(code, path, None, cause, action);
    }

    /// As [`Faults::add`], at an offset that the path alone may not tell.
    pub(super) fn add_at(
        &mut self,
        code: &'static str,
        path: &Path<'_>,
        offset: Option<usize>,
        cause: impl Into<String>,
        action: impl Into<String>,
    ) {
        let steps = path.steps();
        if self.is_echo(&steps) {
            return;
        }
        if self.is_full() {
            self.uncounted += 1;
            return;
        }
        let fault = Fault {
            code,
            path: written(&steps),
            subject: path.subject(),
            cause: cause.into(),
            action: action.into(),
            place: None,
        };
        self.found.push(Found {
            steps,
            offset,
            fault,
        });
    }

    /// Takes over what was found in a file made of parts of this one. `path_of` says where a path of that file lies in
    /// this one.
    pub(super) fn absorb(&mut self, other: Self, path_of: impl Fn(&[Step]) -> Vec<Step>) {
        for mut found in other.found {
            found.steps = path_of(&found.steps);
            if self.is_echo(&found.steps) {
                continue;
            }
            if self.is_full() {
                self.uncounted += 1;
                continue;
            }
            found.fault.path = written(&found.steps);
            self.found.push(found);
        }
        self.uncounted += other.uncounted;
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether a further suggestion is worth its time.
    pub(super) fn may_suggest(&self) -> bool {
        self.found.len() < 100
    }

    /// Whether later faults are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST_FAULTS
    }

    /// From here on, faults at, above or below those found so far are echoes.
    pub(super) fn end_of_pass(&mut self) {
        self.broken = self.found.iter().map(|found| found.steps.clone()).collect();
    }

    /// Whether the name of an element of `list`, or how many there are of it, may have been lost to a
    /// fault found so far: then a reference to an unknown name, or a wrong sum, says nothing.
    pub(super) fn lost(&self, list: &str) -> bool {
        self.broken.iter().any(|steps| match &steps[..] {
            [Step::Key(key)] | [Step::Key(key), Step::At(_)] => key == list,
            [Step::Key(key), Step::At(_), Step::Key(field)] => {
                key == list && matches!(field.as_str(), "id" | "attributes" | "tasks" | "devices")
            }
            [Step::Key(key), Step::At(_), Step::Key(field), ..] if field == "devices" => {
                key == list
            }
            [
                Step::Key(key),
                Step::At(_),
                Step::Key(tasks),
                Step::At(_),
                rest @ ..,
            ] => {
                let counts =
                    |field: &str| matches!(field, "id" | "groups" | "instances" | "devices");
                let field = matches!(rest, [Step::Key(field), ..] if counts(field));
                key == list && tasks == "tasks" && (rest.is_empty() || field)
            }
            _ => false,
        })
    }

    fn is_echo(&self, steps: &[Step]) -> bool {
        if self.broken.is_empty() {
            return false;
        }
        let above = (1..=steps.len()).any(|n| self.broken.contains(&steps[..n]));
        let mut below = self
            .broken
            .range::<[Step], _>((Bound::Included(steps), Bound::Unbounded));
        above || (!steps.is_empty() && below.next().is_some_and(|b| b.starts_with(steps)))
    }

    /// The report: in the order of the paths, with places from `tree`.
    ///
    /// # Errors
    /// If anything was found.
    pub(super) fn finish(mut self, tree: Option<&Tree<'_>>) -> Result<(), InputFaults> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.found
            .sort_by(|a, b| (&a.steps, a.offset).cmp(&(&b.steps, b.offset)));
        if let Some(tree) = tree {
            let offsets = self
                .found
                .iter()
                .map(|f| f.offset.unwrap_or_else(|| tree.offset_of(&f.steps)));
            let places = places(tree.text, &offsets.collect::<Vec<_>>());
            for (found, place) in self.found.iter_mut().zip(places) {
                found.fault.place = Some(place);
            }
        }
        let mut faults: Vec<Fault> = self.found.into_iter().map(|found| found.fault).collect();
        faults.extend(Fault::more(self.uncounted));
        Err(InputFaults(faults))
    }
}

impl InputFaults {
    /// A report of one fault about the whole input.
    pub(super) fn whole(
        code: &'static str,
        place: Option<Place>,
        cause: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        Self(vec![Fault {
            code,
            path: "$".to_owned(),
            subject: String::new(),
            cause: cause.into(),
            action: action.into(),
            place,
        }])
    }
}

/// The place of each offset, in one sweep over the text however long its lines are.
pub(super) fn places(text: &str, offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|&i| offsets[i]);
    let mut places = vec![
        Place {
            line: 1,
            column: 1,
            offset: 0
        };
        offsets.len()
    ];
    let (mut line, mut column, mut at) = (1, 1, 0);
    for i in order {
        let mut offset = offsets[i].min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let passed = &text[at..offset];
        match passed.rfind('\n') {
            Some(end) => {
                line += passed.matches('\n').count();
                column = 1 + passed[end + 1..].chars().count();
            }
            None => column += passed.chars().count(),
        }
        at = offset;
        places[i] = Place {
            line,
            column,
            offset,
        };
    }
    places
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let text = "ä\nbü c\n";
        let at = |offset| places(text, &[offset])[0];
        assert_eq!((at(0).line, at(0).column), (1, 1));
        assert_eq!((at(7).line, at(7).column), (2, 4));
        assert_eq!(places(text, &[7, 0, 99])[2].offset, text.len());
    }

    #[test]
    fn what_a_later_pass_says_about_a_broken_part_is_an_echo() {
        let mut faults = Faults::default();
        let root = Path::Root;
        let agents = root.key("agents");
        faults.add(code::TYPE, &agents.at(3), "a", "b");
        faults.end_of_pass();
        faults.add(code::EMPTY_NAME, &agents.at(3).key("id"), "echo", "");
        faults.add(code::DUPLICATE_NAME, &agents, "echo", "");
        faults.add(code::EMPTY_NAME, &agents.at(4).key("id"), "new", "");
        assert!(faults.lost("agents") && !faults.lost("jobs"));
        let report = faults.finish(None).unwrap_err();
        assert_eq!(report.0.len(), 2);
    }
}
