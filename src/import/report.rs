//! What an import answers: a snapshot with notes, or every fault of the input.

use std::fmt;

use apportion_cluster::file::SnapshotFile;

/// A foreign cluster as a snapshot, and what has to be said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The snapshot.
    pub snapshot: SnapshotFile,
    /// Jobs in the order in which the source lists them, or in which they arrive: an order for online planning. Empty
    /// where the source has none.
    pub order: Vec<String>,
    /// What could not be said, was said in other words, or deserves attention: by code, then subject.
    pub notes: Vec<Note>,
}

/// A remark on one thing of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What kind of remark.
    pub code: Code,
    /// The thing, by its name in the source.
    pub subject: String,
    /// The remark.
    pub text: String,
}

/// A kind of remark: its name, how grave it is, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// How grave.
    pub weight: Weight,
    /// Its name, as the documentation lists it.
    pub name: &'static str,
    /// What it means, in a phrase.
    pub meaning: &'static str,
}

/// How grave a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The source says something that the snapshot does not: a plan may disregard it.
    NotExpressed,
    /// The snapshot says it in other words, or more strictly.
    Reworded,
    /// A fact about the source.
    Fact,
}

/// All notes of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteGroup<'a> {
    /// The code.
    pub code: Code,
    /// Its notes, by subject.
    pub notes: &'a [Note],
}

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The input is at fault; every fault that was found.
    #[error("{}", list(.0))]
    Input(Vec<InputFault>),
    /// No importer has this name.
    #[error("unknown format `{name}`; known: {known}")]
    UnknownFormat {
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The importer has no such setting, or not this value.
    #[error("`{format}` does not take `{setting}`; it takes: {known}")]
    UnknownSetting {
        /// The importer.
        format: &'static str,
        /// The setting, as `key=value`.
        setting: String,
        /// What it takes.
        known: String,
    },
    /// A setting means nothing without another one.
    #[error("`{format}` takes `{setting}` only together with `{needs}`")]
    SettingAlone {
        /// The importer.
        format: &'static str,
        /// The setting.
        setting: &'static str,
        /// What it needs.
        needs: &'static str,
    },
}

/// A fault of the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputFault {
    /// The file.
    pub file: String,
    /// Where in it: an object's name and a path, or a line.
    pub place: String,
    /// What is wrong.
    pub cause: String,
    /// What to do about it.
    pub action: String,
}

impl Imported {
    /// The notes, code by code.
    #[must_use]
    pub fn by_code(&self) -> Vec<NoteGroup<'_>> {
        let groups = self.notes.chunk_by(|a, b| a.code == b.code);
        groups
            .map(|notes| NoteGroup {
                code: notes[0].code,
                notes,
            })
            .collect()
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotExpressed => "not expressed",
            Self::Reworded => "reworded",
            Self::Fact => "fact",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code.name, self.subject, self.text)
    }
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            place,
            cause,
            action,
        } = self;
        write!(f, "{file}: ")?;
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        write!(f, "{cause}; {action}")
    }
}

fn list(faults: &[InputFault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
