//! JSON into a [`Tree`]. Only files that the fast reader refuses come here; the grammar is RFC 8259's,
//! without extensions.

use std::borrow::Cow;

use super::code;
use super::fault::{InputFaults, places};
use super::text;
use super::tree::{DEEPEST, Entry, MOST_NODES, Node, Tree, Value};

/// Why parsing stopped: the offset, a code, and the cause.
type Stop = (usize, &'static str, String);

/// Parses `text`.
///
/// # Errors
/// One fault, at the first character that JSON does not allow.
pub(super) fn tree(text: &str) -> Result<Tree<'_>, InputFaults> {
    let mut parser = Parser {
        text,
        at: 0,
        nodes: 0,
    };
    let parsed = parser.value(0).and_then(|root| {
        parser.blank();
        match parser.peek() {
            None => Ok(root),
            Some(_) => Err(parser.stop("there is more after the end of the value")),
        }
    });
    parsed
        .map(|root| Tree { text, root })
        .map_err(|(offset, code, cause)| {
            let place = places(text, &[offset])[0];
            let action = match code {
                code::TOO_DEEP => "make the file flatter or smaller",
                _ if offset >= text.len() => "check that the file is complete",
                _ => "correct the JSON there",
            };
            InputFaults::whole(code, Some(place), cause, action)
        })
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn stop(&self, cause: impl Into<String>) -> Stop {
        (self.at, code::JSON, cause.into())
    }

    /// What stands here, for a message.
    fn here(&self) -> String {
        match self.text[self.at..].chars().next() {
            None => "the end of the file".to_owned(),
            Some(c) => text::quote(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn expected(&self, what: &str) -> Stop {
        self.stop(format!("expected {what}, found {}", self.here()))
    }

    fn value(&mut self, depth: usize) -> Result<Node<'t>, Stop> {
        self.blank();
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err((
                self.at,
                code::TOO_DEEP,
                format!("the file holds more than {MOST_NODES} values"),
            ));
        }
        let offset = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= DEEPEST => {
                return Err((
                    offset,
                    code::TOO_DEEP,
                    format!("the file nests deeper than {DEEPEST} levels"),
                ));
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            _ if self.word("null") => Value::Null,
            _ if self.word("true") => Value::Bool(true),
            _ if self.word("false") => Value::Bool(false),
            _ => return Err(self.expected("a value")),
        };
        Ok(Node { offset, value })
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn list(&mut self, depth: usize) -> Result<Value<'t>, Stop> {
        self.at += 1;
        self.blank();
        let mut nodes = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(nodes));
        }
        loop {
            nodes.push(self.value(depth + 1)?);
            if !self.goes_on(b']', "`,` or `]`")? {
                return Ok(Value::List(nodes));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'t>, Stop> {
        self.at += 1;
        self.blank();
        let mut entries = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            self.blank();
            let offset = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected("a key in double quotes"));
            }
            let key = self.string()?;
            self.blank();
            if self.peek() != Some(b':') {
                return Err(self.expected("`:`"));
            }
            self.at += 1;
            let node = self.value(depth + 1)?;
            entries.push(Entry { key, offset, node });
            if !self.goes_on(b'}', "`,` or `}`")? {
                return Ok(Value::Object(entries));
            }
        }
    }

    /// Whether a comma follows, rather than `end`.
    fn goes_on(&mut self, end: u8, wanted: &str) -> Result<bool, Stop> {
        self.blank();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.expected(wanted)),
        }
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.expected("a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<&'t str, Stop> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.stop("a number may not begin with 0"));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Stop> {
        self.at += 1;
        let mut owned: Option<String> = None;
        let mut start = self.at;
        loop {
            match self.peek() {
                None => return Err(self.stop("the text in double quotes does not end")),
                Some(b'"') => {
                    let rest = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(&self.text[start..self.at]);
                    self.at += 1;
                    let c = self.escape()?;
                    owned.get_or_insert_default().push(c);
                    start = self.at;
                }
                Some(0..=0x1f) => {
                    return Err(self.stop("text holds a control character that is not escaped"));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.expected("an escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    /// `uXXXX`, or two of them for a character beyond the basic plane.
    fn unicode(&mut self) -> Result<char, Stop> {
        let first = self.four_digits()?;
        let point = match first {
            0xd800..=0xdbff => {
                if !self.word("\\") {
                    return Err(self.expected("the second half of a surrogate pair"));
                }
                let second = self.four_digits()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.stop("a surrogate pair lacks its second half"));
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            point => point,
        };
        char::from_u32(point).ok_or_else(|| self.stop("an escape stands for no character"))
    }

    fn four_digits(&mut self) -> Result<u32, Stop> {
        if self.peek() != Some(b'u') {
            return Err(self.expected("`u`"));
        }
        self.at += 1;
        let mut point = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let digit = digit.ok_or_else(|| self.expected("a hexadecimal digit"))?;
            point = point * 16 + digit;
            self.at += 1;
        }
        Ok(point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn accepts(text: &str) -> bool {
        tree(text).is_ok()
    }

    #[test]
    fn grammar() {
        for good in [
            "{}",
            " [1, -0.5e+3, \"\\u00e9\\ud83d\\ude00\", null, true, {\"a\": []}] ",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "NaN",
            "'a'",
            "\"\n\"",
            "\"\\ud800\"",
            "{a: 1}",
            "1 2",
            "nul",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
        assert!(!accepts(&"[".repeat(1_000_000)));
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(text in "[\\[\\]{}\",:0-9.eE+\\-\\\\ untrlfase]{0,24}") {
            // serde_json also refuses numbers that overflow a float; the tree keeps them as written.
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let overflow = theirs.as_ref().is_err_and(|e| e.to_string().contains("out of range"));
            prop_assert!(overflow || theirs.is_ok() == accepts(&text), "{text}");
        }
    }
}
