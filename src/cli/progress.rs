//! Progress on standard error: a moving line on a terminal, else one line a phase.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::console;

/// Somebody who is told about phases.
#[derive(Clone)]
pub(crate) enum Reporter {
    Silent,
    Lines,
    Spinner(ProgressBar),
}

impl Reporter {
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .expect("the template has only known keys");
        let bar = ProgressBar::new_spinner().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self::Spinner(bar)
    }

    /// A phase begins.
    pub(crate) fn phase(&self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Lines => console::error(&format!("{text}\n")),
            Self::Spinner(bar) => bar.set_message(text.to_owned()),
        }
    }

    /// Something inside a phase; only a moving line shows it.
    pub(crate) fn step(&self, text: &str) {
        if let Self::Spinner(bar) = self {
            bar.set_message(text.to_owned());
        }
    }

    /// Takes the moving line away, so that the result stands alone.
    pub(crate) fn finish(&self) {
        if let Self::Spinner(bar) = self {
            bar.finish_and_clear();
        }
    }
}
