//! `lint`: what is wrong with a snapshot, or looks wrong.

use std::path::PathBuf;

use serde::Serialize;

use super::console::{self, Tone, styled};
use super::numbers::counted;
use super::{Context, Exit, Failure, faults, files, table};
use crate::lint::{Finding, Severity, lint};
use crate::snapshot::{self, Fault, InputFaults};

/// Say what is wrong with a snapshot, and what looks wrong
#[derive(clap::Args)]
#[command(after_help = "\
Errors are input faults: no plan can be made. Warnings and notes are what a person would want to
know: a rule that matches no agent, a request larger than any agent, amounts that look like
another unit. Exits with 2 if there is an error.

Examples:
  apportion lint cluster.json
  apportion lint cluster.yaml --json | jq '.findings[].text'")]
pub(super) struct Arguments {
    /// Snapshot file (JSON or YAML, also gzipped), or - for standard input
    snapshot: PathBuf,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let bytes = files::read(&arguments.snapshot)?;
    let (faults, findings) = examine(&bytes);
    if context.json {
        console::print_json(&Document::new(&faults, &findings))?;
    } else {
        let name = files::name(&arguments.snapshot);
        if !faults.is_empty() {
            console::error(&faults::listing(&name, &bytes, &faults));
        }
        console::print(&text(&name, &faults, &findings))?;
    }
    let wrong = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if faults.is_empty() && !wrong {
        Exit::Done
    } else {
        Exit::Input
    })
}

/// The input faults; without one, what looks wrong.
fn examine(bytes: &[u8]) -> (Vec<Fault>, Vec<Finding>) {
    match snapshot::read(bytes) {
        Err(InputFaults(faults)) => (faults, Vec::new()),
        Ok(_) => (Vec::new(), lint(bytes)),
    }
}

fn text(name: &str, faults: &[Fault], findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (tone, word) = match finding.severity {
            Severity::Error => (Tone::Bad, "error"),
            Severity::Warning => (Tone::Caution, "warning"),
            Severity::Note => (Tone::Faint, "note"),
        };
        text.push_str(&format!(
            "{} {} {}\n{}{}",
            styled(tone, word),
            finding.code,
            finding.path,
            table::indented(&finding.text, 4),
            table::indented(&styled(Tone::Faint, &finding.action), 4),
        ));
    }
    if !findings.is_empty() {
        text.push('\n');
    }
    let number = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let n_errors = faults.len() + number(Severity::Error);
    text.push_str(&format!(
        "{name}: {}, {}, {}\n",
        counted(n_errors, "error"),
        counted(number(Severity::Warning), "warning"),
        counted(number(Severity::Note), "note"),
    ));
    text
}

#[derive(Serialize)]
struct Document<'a> {
    errors: usize,
    warnings: usize,
    notes: usize,
    faults: &'a [Fault],
    findings: &'a [Finding],
}

impl<'a> Document<'a> {
    fn new(faults: &'a [Fault], findings: &'a [Finding]) -> Self {
        let number = |severity| {
            findings
                .iter()
                .filter(|finding| finding.severity == severity)
                .count()
        };
        Self {
            errors: faults.len() + number(Severity::Error),
            warnings: number(Severity::Warning),
            notes: number(Severity::Note),
            faults,
            findings,
        }
    }
}
