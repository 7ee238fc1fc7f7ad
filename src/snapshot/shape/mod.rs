//! A [`Tree`](super::tree::Tree) into the file's types, with every fault of structure on the way: the thorough reader.
//!
//! A part that cannot be read is replaced by its default and reading goes on, so positions stay those
//! of the file and one run reports everything.

mod events;
mod fields;
mod objects;
mod values;

pub(super) use events::events;
pub(super) use objects::snapshot;
