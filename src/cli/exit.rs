//! How a subcommand ends.

use std::process::ExitCode;

use crate::snapshot::Fault;

/// What the process answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// Something went wrong that is neither the input's fault nor a bug.
    Error,
    /// A fault in the input, or wrong usage.
    Input,
    /// `plan --detailed-exitcode`: something with demand has no place.
    Unplaced,
    /// `plan --detailed-exitcode`: everything has a place, and something changes.
    Changes,
    /// `verify` found a violation.
    Violation,
    /// A bug in this program.
    Bug,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Input => 2,
            Self::Unplaced => 3,
            Self::Changes => 4,
            Self::Violation => 5,
            Self::Bug => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a subcommand has no result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A file that does not say what it should.
    Input {
        /// The file, as the user named it.
        file: String,
        /// Its content, to show the line.
        bytes: Vec<u8>,
        /// Everything that is wrong with it.
        faults: Vec<Fault>,
    },
    /// The command was used wrongly.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        action: Option<String>,
    },
    /// Something else went wrong.
    Error {
        /// What went wrong.
        message: String,
        /// What to do.
        action: Option<String>,
    },
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            action: None,
        }
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Error {
            message: message.into(),
            action: None,
        }
    }

    pub(crate) fn with_action(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Usage { action, .. } | Self::Error { action, .. } => *action = Some(text.into()),
            Self::Input { .. } => {}
        }
        self
    }
}
