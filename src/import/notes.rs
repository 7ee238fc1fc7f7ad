//! Remarks while an import collects them, and the list of codes that each importer makes.

use std::collections::BTreeSet;

use super::report::{Code, Note};

/// Constants for the codes of an importer, and `CODES` with all of them.
macro_rules! codes {
    ($($constant:ident $weight:ident $name:literal $meaning:literal;)*) => {
        $(pub(super) const $constant: $crate::import::Code = $crate::import::Code {
            weight: $crate::import::Weight::$weight,
            name: $name,
            meaning: $meaning,
        };)*

        /// Every code that this importer uses.
        pub const CODES: &[$crate::import::Code] = &[$($constant),*];
    };
}
pub(super) use codes;

/// The remarks made so far.
#[derive(Debug, Default)]
pub(super) struct Notes(BTreeSet<Note>);

impl Notes {
    /// Makes a remark, once.
    pub fn add(&mut self, code: Code, subject: &str, text: impl Into<String>) {
        self.0.insert(Note {
            code,
            subject: subject.to_owned(),
            text: text.into(),
        });
    }

    /// All remarks, by code and subject.
    pub fn into_sorted(self) -> Vec<Note> {
        self.0.into_iter().collect()
    }
}
