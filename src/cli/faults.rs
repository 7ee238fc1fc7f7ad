//! Failures for people and for programs: one block per fault with code, place, cause and action.

use anstyle::{AnsiColor, Style};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError,
    MietteSpanContents, Report, SourceCode, SourceSpan, SpanContents,
};
use serde::Serialize;

use super::console::{self, Context, Tone, styled};
use super::exit::{Exit, Failure};
use super::numbers::counted;
use super::table::WIDTH;
use crate::snapshot::{Fault, Place};

/// Faults that are shown in full; the rest are counted.
const MOST_SHOWN: usize = 20;
/// What is shown of a long line before and after the place, in bytes.
const EXCERPT_BYTES: usize = 60;

/// Says what went wrong, and how the process should end.
pub(super) fn report(failure: &Failure, context: &Context) -> Exit {
    if context.json {
        // The result of a failed run is its failure. A reader that is gone, or a full disk, changes nothing about the exit code.
        let _ = console::print_json(&Document::of(failure));
    }
    match failure {
        Failure::Input {
            file,
            bytes,
            faults,
        } => {
            if !context.json {
                console::error(&listing(file, bytes, faults));
            }
            Exit::Input
        }
        Failure::Usage { message, action } => {
            say(message, action.as_deref(), context);
            Exit::Input
        }
        Failure::Error { message, action } => {
            say(message, action.as_deref(), context);
            Exit::Error
        }
    }
}

fn say(message: &str, action: Option<&str>, context: &Context) {
    if context.json {
        return;
    }
    let error = styled(Tone::Bad, "error:");
    let action = action.map_or_else(String::new, |action| format!("  {action}\n"));
    console::error(&format!("{error} {message}\n{action}"));
}

/// Faults as blocks, at most [`MOST_SHOWN`] of them.
pub(super) fn listing(file: &str, bytes: &[u8], faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults.iter().take(MOST_SHOWN) {
        text.push_str(&block(file, bytes, fault));
        text.push('\n');
    }
    if faults.len() > MOST_SHOWN {
        let more = counted(faults.len() - MOST_SHOWN, "more fault");
        text.push_str(&format!("... {more} (all of them with --json)\n"));
    }
    let count = counted(faults.len(), "input fault");
    let error = styled(Tone::Bad, "error:");
    text.push_str(&format!("{error} {count} in {file}; nothing was done\n"));
    text
}

fn block(file: &str, bytes: &[u8], fault: &Fault) -> String {
    let mut diagnostic = MietteDiagnostic::new(title(fault))
        .with_code(fault.code)
        .with_help(fault.action.clone());
    let excerpt = fault
        .place
        .and_then(|place| Excerpt::around(file, bytes, place));
    if let Some(excerpt) = &excerpt {
        diagnostic = diagnostic.with_label(LabeledSpan::at(excerpt.span, "here"));
    }
    let report = Report::new(diagnostic);
    let report = match excerpt {
        Some(excerpt) => report.with_source_code(excerpt),
        None => report,
    };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(usize::from(WIDTH))
        .with_context_lines(0);
    if handler.render_report(&mut text, report.as_ref()).is_err() {
        return format!("{fault}\n");
    }
    text
}

fn title(fault: &Fault) -> String {
    let Fault {
        path,
        subject,
        cause,
        ..
    } = fault;
    let strong = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    if subject.is_empty() {
        format!("{strong}{path}{strong:#}: {cause}")
    } else {
        format!("{strong}{path}{strong:#} ({subject}): {cause}")
    }
}

/// The line of a fault, cut to what fits a screen.
#[derive(Debug)]
struct Excerpt {
    file: String,
    text: String,
    place: Place,
    span: SourceSpan,
}

impl Excerpt {
    /// The line around `place`, unless the bytes are not the text that the place speaks of (they are packed).
    fn around(file: &str, bytes: &[u8], place: Place) -> Option<Self> {
        let whole = std::str::from_utf8(bytes).ok()?;
        if place.offset > whole.len() || !whole.is_char_boundary(place.offset) {
            return None;
        }
        let (before, after) = whole.split_at(place.offset);
        let line_before = before.rsplit('\n').next().unwrap_or(before);
        let line_after = after.split('\n').next().unwrap_or(after);
        let head = floor(line_before, line_before.len().saturating_sub(EXCERPT_BYTES));
        let tail = floor(line_after, line_after.len().min(EXCERPT_BYTES));
        let shown_before = &line_before[head..];
        let text = format!("{shown_before}{}", line_after[..tail].trim_end());
        Some(Self {
            file: file.to_owned(),
            span: SourceSpan::from((shown_before.len(), token(line_after, tail))),
            text,
            place,
        })
    }
}

/// How much to underline: the word at the place, at least one character.
fn token(after: &str, tail: usize) -> usize {
    let shown = &after[..tail];
    let body = shown.strip_prefix('"').unwrap_or(shown);
    let quoted = shown.len() - body.len();
    let ends = |c: char| c == '"' || (quoted == 0 && (c.is_whitespace() || ",:{}[]".contains(c)));
    let length = body.find(ends).map_or(body.len(), |end| end + quoted) + quoted;
    length.clamp(1, shown.len().max(1))
}

/// The greatest character boundary of `text` at or below `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            self.text.as_bytes(),
            SourceSpan::from((0, self.text.len())),
            self.place.line.saturating_sub(1),
            self.place.column.saturating_sub(1),
            1,
        )))
    }
}

/// A failure as JSON.
#[derive(Serialize)]
struct Document<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    faults: &'a [Fault],
}

impl<'a> Document<'a> {
    fn of(failure: &'a Failure) -> Self {
        let error = match failure {
            Failure::Input { file, faults, .. } => Error {
                kind: "input",
                message: format!("{} in {file}", counted(faults.len(), "input fault")),
                action: None,
                file: Some(file),
                faults,
            },
            Failure::Usage { message, action } => Error {
                kind: "usage",
                message: message.clone(),
                action: action.as_deref(),
                file: None,
                faults: &[],
            },
            Failure::Error { message, action } => Error {
                kind: "error",
                message: message.clone(),
                action: action.as_deref(),
                file: None,
                faults: &[],
            },
        };
        Self { error }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(line: usize, column: usize, offset: usize) -> Place {
        Place {
            line,
            column,
            offset,
        }
    }

    fn fault(place: Option<Place>) -> Fault {
        Fault {
            code: "E0201",
            path: "agents[0].id".to_owned(),
            subject: "agent a1".to_owned(),
            cause: "a number where a string belongs".to_owned(),
            action: "put it in quotes".to_owned(),
            place,
        }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_fault_shows_code_path_line_cause_and_action() {
        let bytes = b"{\"agents\":\n [{\"id\": 17}]}";
        let text = plain(&listing("x.json", bytes, &[fault(Some(place(2, 9, 19)))]));
        for part in [
            "E0201",
            "agents[0].id",
            "agent a1",
            "x.json:2:",
            "\"id\": 17",
            "quotes",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert!(text.contains("1 input fault in x.json"), "{text}");
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        let bytes = format!("{}é17{}", "x".repeat(1 << 20), "y".repeat(1 << 20));
        let offset = (1 << 20) + 'é'.len_utf8();
        let text = plain(&listing(
            "x",
            bytes.as_bytes(),
            &[fault(Some(place(1, offset, offset)))],
        ));
        assert!(text.len() < 2_000, "{} bytes", text.len());
        assert!(text.contains("é17y"), "{text}");
    }

    #[test]
    fn a_place_outside_of_the_bytes_shows_no_line() {
        for offset in [1, 50] {
            let faults = [fault(Some(place(3, 1, offset)))];
            let text = plain(&listing("x.gz", "é".as_bytes(), &faults));
            assert!(text.contains("E0201"), "{text}");
        }
    }

    #[test]
    fn many_faults_are_counted() {
        let faults: Vec<Fault> = (0..50).map(|_| fault(None)).collect();
        let text = plain(&listing("x", b"", &faults));
        assert_eq!(text.matches("E0201").count(), MOST_SHOWN);
        assert!(
            text.contains("30 more faults") && text.contains("50 input faults"),
            "{text}"
        );
    }
}
