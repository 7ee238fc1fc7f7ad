//! Standard output and standard error, and what every subcommand knows about them.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use super::exit::Failure;
use super::progress::Reporter;

/// What every subcommand knows: when the run began, and how to speak.
pub(crate) struct Context {
    /// When the process began; deadlines count from here.
    pub(crate) started: Instant,
    /// Results and errors as JSON.
    pub(crate) json: bool,
    /// No progress.
    pub(crate) quiet: bool,
}

impl Context {
    pub(crate) fn new(started: Instant, json: bool, quiet: bool) -> Self {
        Self {
            started,
            json,
            quiet,
        }
    }

    /// Milliseconds since the process began.
    pub(crate) fn elapsed_ms(&self) -> f64 {
        milliseconds(self.started.elapsed())
    }

    /// Somebody to tell about phases.
    pub(crate) fn reporter(&self) -> Reporter {
        Reporter::new(self.quiet)
    }

    /// A line on standard error that is not progress: notes, warnings.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            error(&format!("{text}\n"));
        }
    }
}

/// Writes a result to standard output. That the reader went away (`| head`) is not a failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    finish(write_all(&mut anstream::stdout().lock(), text.as_bytes()))
}

/// Writes a result as it is: styles, if any, are the content's own.
pub(crate) fn print_raw(bytes: &[u8]) -> Result<(), Failure> {
    finish(write_all(&mut io::stdout().lock(), bytes))
}

/// Prints a value as pretty JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    print_raw(&to_json(value))
}

/// A value as pretty JSON with a final line end.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(value).expect("results have string keys and finite numbers");
    bytes.push(b'\n');
    bytes
}

/// Writes to standard error; that nobody reads it is nobody's problem.
pub(crate) fn error(text: &str) {
    let _ = write_all(&mut anstream::stderr().lock(), text.as_bytes());
}

fn write_all(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::error(format!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    // Whole microseconds: more digits would only be noise in files.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// The look of a word that carries a meaning.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Heading,
    Good,
    Caution,
    Bad,
    Faint,
}

/// `text` in the look of `tone`; the streams take it out again where it does not belong.
pub(crate) fn styled(tone: Tone, text: &str) -> String {
    let color = |color: AnsiColor| color.on_default();
    let style = match tone {
        Tone::Heading => Style::new().bold(),
        Tone::Good => color(AnsiColor::Green),
        Tone::Caution => color(AnsiColor::Yellow),
        Tone::Bad => color(AnsiColor::Red).bold(),
        Tone::Faint => Style::new().dimmed(),
    };
    format!("{style}{text}{style:#}")
}
