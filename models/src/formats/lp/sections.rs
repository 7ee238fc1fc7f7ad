//! The words that begin the sections of an LP file.

use super::lex::{Placed, Token};
use crate::milp::Sense;

/// A part of an LP file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Section {
    Objective(Sense),
    Constraints,
    Bounds,
    General,
    Binary,
    Unsupported,
    End,
}

/// The section that begins at a position, and how many tokens its name has. Such words stand first on their line, and before no colon.
pub(super) fn section_at(tokens: &[Placed<'_>], position: usize) -> Option<(Section, usize)> {
    let Placed {
        token: Token::Name(word),
        first: true,
        ..
    } = *tokens.get(position)?
    else {
        return None;
    };
    let next = tokens.get(position + 1).map(|placed| placed.token);
    if next == Some(Token::Colon) {
        return None;
    }
    let then = |expected: &str| matches!(next, Some(Token::Name(word)) if word.eq_ignore_ascii_case(expected));
    Some(match word.to_ascii_lowercase().as_str() {
        "minimize" | "minimise" | "minimum" | "min" => (Section::Objective(Sense::Minimize), 1),
        "maximize" | "maximise" | "maximum" | "max" => (Section::Objective(Sense::Maximize), 1),
        "subject" if then("to") => (Section::Constraints, 2),
        "such" if then("that") => (Section::Constraints, 2),
        "st" | "s.t." | "st." => (Section::Constraints, 1),
        "bounds" | "bound" => (Section::Bounds, 1),
        "general" | "generals" | "gen" | "integer" | "integers" | "int" => (Section::General, 1),
        "binary" | "binaries" | "bin" => (Section::Binary, 1),
        "semi" | "semis" | "sos" | "sos1" | "sos2" | "sin" => (Section::Unsupported, 1),
        "end" => (Section::End, 1),
        _ => return None,
    })
}
