//! LP text in, tokens out.

use crate::formats::FormatError;

/// One word, number or sign of an LP file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// Never negative: the sign is a token of its own. Infinity is a number.
    Number(f64),
    Plus,
    Minus,
    AtMost,
    AtLeast,
    Equal,
    Colon,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub token: Token<'a>,
    pub line: usize,
    /// Nothing but white space stands before it on its line, which is where words of the format are.
    pub first: bool,
}

/// Characters that end a name.
const ENDS_OF_NAMES: &[u8] = b"\\:+-<>=^/*[];";

pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, FormatError> {
    let mut tokens = Vec::new();
    for (line_idx, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        let mut first = true;
        while let Some(&byte) = rest.as_bytes().first() {
            if byte == b'\\' {
                break;
            }
            let (token, length) = token(rest, line_idx + 1)?;
            tokens.push(Placed {
                token,
                line: line_idx + 1,
                first,
            });
            first = false;
            rest = rest[length..].trim_start();
        }
    }
    Ok(tokens)
}

/// The token at the start of `text`, which is not empty, and its length.
fn token(text: &str, line: usize) -> Result<(Token<'_>, usize), FormatError> {
    let bytes = text.as_bytes();
    let comparison = |byte: u8| matches!(byte, b'<' | b'>' | b'=');
    Ok(match bytes[0] {
        b'+' => (Token::Plus, 1),
        b'-' => (Token::Minus, 1),
        b':' => (Token::Colon, 1),
        sign if comparison(sign) => {
            let length = if bytes.get(1).copied().is_some_and(comparison) {
                2
            } else {
                1
            };
            let token = match &bytes[..length] {
                b"<" | b"<=" | b"=<" => Token::AtMost,
                b">" | b">=" | b"=>" => Token::AtLeast,
                b"=" => Token::Equal,
                _ => {
                    return Err(FormatError::at(
                        line,
                        format!("`{}` is no comparison", &text[..length]),
                    ));
                }
            };
            (token, length)
        }
        b'0'..=b'9' | b'.' => number(text, line)?,
        b'[' | b']' | b'*' | b'^' | b'/' => {
            return Err(FormatError::at(line, "quadratic terms are not supported"));
        }
        b';' => return Err(FormatError::at(line, "`;` means nothing here")),
        _ => name(text),
    })
}

fn name(text: &str) -> (Token<'_>, usize) {
    let length = text
        .char_indices()
        .find(|(_, character)| {
            character.is_whitespace()
                || u8::try_from(*character).is_ok_and(|byte| ENDS_OF_NAMES.contains(&byte))
        })
        .map_or(text.len(), |(position, _)| position);
    let name = &text[..length];
    let token = if name.eq_ignore_ascii_case("inf") || name.eq_ignore_ascii_case("infinity") {
        Token::Number(f64::INFINITY)
    } else {
        Token::Name(name)
    };
    (token, length)
}

/// Digits, a point, more digits, an exponent: as much of it as there is.
fn number(text: &str, line: usize) -> Result<(Token<'_>, usize), FormatError> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut length = digits(0);
    if bytes.get(length) == Some(&b'.') {
        length += 1 + digits(length + 1);
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits((length + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let value = text[..length]
        .parse()
        .map_err(|_| FormatError::at(line, format!("`{}` is not a number", &text[..length])))?;
    Ok((Token::Number(value), length))
}
