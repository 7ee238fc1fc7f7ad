//! Characters into rows of fields, each with its place: quotes as in RFC 4180.

use super::{Faults, Field};

/// Every row of `text`; blank lines at the end are none.
pub(super) fn rows(text: &str, file: &str, faults: &mut Faults) -> Vec<Vec<Field>> {
    Parser::new(text, file).rows(faults)
}

/// Splits text into rows of fields.
struct Parser<'t> {
    characters: std::iter::Peekable<std::str::Chars<'t>>,
    file: &'t str,
    line: usize,
    column: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, file: &'t str) -> Self {
        Self {
            characters: text.chars().peekable(),
            file,
            line: 1,
            column: 1,
        }
    }

    /// Every row; blank lines at the end are none.
    fn rows(mut self, faults: &mut Faults) -> Vec<Vec<Field>> {
        let mut rows = Vec::new();
        while self.characters.peek().is_some() {
            rows.push(self.row(faults));
        }
        let blank = |row: &Vec<Field>| row.len() == 1 && row[0].text.is_empty();
        while rows.last().is_some_and(blank) {
            rows.pop();
        }
        rows
    }

    fn row(&mut self, faults: &mut Faults) -> Vec<Field> {
        let mut row = Vec::new();
        loop {
            let mut field = Field {
                text: String::new(),
                line: self.line,
                column: self.column,
            };
            if self.characters.peek() == Some(&'"') {
                self.quoted(&mut field, faults);
            }
            self.plain(&mut field, faults);
            row.push(field);
            if self.next() != Some(',') {
                return row;
            }
        }
    }

    /// The rest of a field up to the comma or the end of the line; after a quoted part there is none.
    fn plain(&mut self, field: &mut Field, faults: &mut Faults) {
        let before = field.text.len();
        let was_quoted = self.column != field.column || self.line != field.line;
        while let Some(&next) = self.characters.peek() {
            match next {
                ',' | '\n' => break,
                '\r' if self.ends_line() => break,
                _ => {}
            }
            field.text.push(next);
            self.next();
        }
        let added = &field.text[before..];
        if (was_quoted && !added.is_empty()) || added.contains('"') {
            let place = format!("line {}, column {}", field.line, field.column);
            let cause = "quotes inside a field that is not quoted as a whole".to_owned();
            let action = "quote the whole field, and write a quote in it twice";
            faults.add(self.file, place, cause, action);
        }
    }

    /// Whether a line feed follows the carriage return that is next.
    fn ends_line(&self) -> bool {
        let mut ahead = self.characters.clone();
        ahead.next();
        ahead.next() == Some('\n')
    }

    /// A quoted field, quotes included.
    fn quoted(&mut self, field: &mut Field, faults: &mut Faults) {
        self.next();
        loop {
            match self.next() {
                Some('"') if self.characters.peek() == Some(&'"') => {
                    self.next();
                    field.text.push('"');
                }
                Some('"') => return,
                Some(character) => field.text.push(character),
                None => {
                    let place = format!("line {}, column {}", field.line, field.column);
                    let cause = "the quotes of this field are not closed".to_owned();
                    faults.add(self.file, place, cause, "close them");
                    return;
                }
            }
        }
    }

    /// Takes a character; the end of a line is `\n`, however it is written.
    fn next(&mut self) -> Option<char> {
        let mut character = self.characters.next()?;
        if character == '\r' && self.characters.peek() == Some(&'\n') {
            self.characters.next();
            character = '\n';
        }
        if character == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(character)
    }
}
