//! Files: models as [LP](lp) and [MPS](mps), instances of the [generalized assignment problem](gap), and [flow networks](dimacs) with their
//! changes.
//!
//! # Guarantees
//! What is written is read back as the same model, name for name and bit for bit, provided that the terms of every row are in the order that
//! [`Milp::add_row`](crate::Milp::add_row) puts them in. Reading never panics, whatever the bytes; it reports the first line that it cannot make sense of.

pub mod dimacs;
pub mod gap;
pub mod lp;
pub mod mps;
mod names;

use crate::milp::Milp;
use crate::validate::{LARGEST_BOUND, ModelFault};
use std::collections::BTreeMap;

/// Why a file could not be read or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A line means nothing, or something that models here do not have.
    #[error("line {line}: {cause}")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// The model to be written means nothing.
    #[error("invalid model: {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    InvalidModel {
        /// Everything that is wrong with it.
        faults: Vec<ModelFault>,
    },
    /// The format has no way to say something exactly.
    #[error("the format cannot express this exactly: {what}")]
    Inexpressible {
        /// What it cannot say.
        what: String,
    },
}

impl FormatError {
    fn at(line: usize, cause: impl Into<String>) -> Self {
        Self::Line {
            line,
            cause: cause.into(),
        }
    }
}

/// The text of a file, or the line where it stops being text.
fn text_of(bytes: &[u8]) -> Result<&str, FormatError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        FormatError::at(line, "the file is not UTF-8 text")
    })
}

/// A number in its shortest form that reads back as the same number.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || value.is_infinite() || (1e-5..1e15).contains(&magnitude) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Bounds from this size on are infinite in files, as they are to solvers.
fn bound(value: f64) -> f64 {
    if value.abs() >= LARGEST_BOUND {
        value.signum() * f64::INFINITY
    } else {
        value
    }
}

/// Where each name was last mentioned: the line to report when the model turns out to mean nothing.
#[derive(Default)]
struct Mentions(BTreeMap<String, usize>);

impl Mentions {
    fn note(&mut self, name: &str, line: usize) {
        if let Some(last) = self.0.get_mut(name) {
            *last = line;
        } else {
            self.0.insert(name.to_owned(), line);
        }
    }

    /// The model, if it means something.
    fn checked(&self, model: Milp, last_line: usize) -> Result<Milp, FormatError> {
        let Err(faults) = model.validate() else {
            return Ok(model);
        };
        let fault = faults.first().expect("an invalid model has a fault");
        let name = match fault {
            ModelFault::Cost { column: name, .. }
            | ModelFault::Bound { name, .. }
            | ModelFault::CrossedBounds { name, .. }
            | ModelFault::Coefficient { row: name, .. }
            | ModelFault::UnknownColumn { row: name, .. }
            | ModelFault::RepeatedColumn { row: name, .. }
            | ModelFault::DuplicateName { name, .. } => Some(name),
            ModelFault::Offset(_) | ModelFault::EmptyName { .. } => None,
        };
        let line = name.and_then(|name| self.0.get(name)).copied();
        Err(FormatError::at(
            line.unwrap_or(last_line),
            fault.to_string(),
        ))
    }
}
