//! LP text in, model out.

use super::lex::{Placed, Token, tokens};
use super::sections::{Section, section_at};
use super::{LOWER_HALF, NAME_COMMENT, UPPER_HALF};
use crate::formats::{FormatError, Mentions, bound, names, text_of};
use crate::milp::{ColumnKind, Milp, Sense};
use std::collections::BTreeMap;

/// The model in an LP file.
///
/// Columns come in the order in which they are first mentioned; constraints without a name are called `r1`, `r2` and so on by position.
///
/// # Errors
/// The first line that means nothing, or something that models here do not have.
pub fn read(bytes: &[u8]) -> Result<Milp, FormatError> {
    let text = text_of(bytes)?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix(NAME_COMMENT))
        .map_or_else(String::new, names::decode);
    let mut reader = Reader {
        tokens: tokens(text)?,
        position: 0,
        last_line: text.lines().count().max(1),
        model: Milp::new(name, Sense::Minimize),
        columns: BTreeMap::new(),
        mentions: Mentions::default(),
    };
    reader.read_sections()?;
    let mut model = reader.model;
    join_halves(&mut model);
    for row in &mut model.rows {
        row.name = names::decode(&row.name);
    }
    reader.mentions.checked(model, reader.last_line)
}

/// A sum of terms, and a constant.
#[derive(Default)]
struct Sum {
    terms: Vec<(usize, f64)>,
    constant: f64,
}

struct Reader<'a> {
    tokens: Vec<Placed<'a>>,
    position: usize,
    last_line: usize,
    /// Rows have their names as they are written until all are read.
    model: Milp,
    columns: BTreeMap<String, usize>,
    mentions: Mentions,
}

impl<'a> Reader<'a> {
    fn read_sections(&mut self) -> Result<(), FormatError> {
        let Some((Section::Objective(sense), length)) = self.section() else {
            return Err(self.error("the file does not begin with `Minimize` or `Maximize`"));
        };
        self.position += length;
        self.model.sense = sense;
        self.read_objective()?;
        while self.position < self.tokens.len() {
            let Some((section, length)) = self.section() else {
                return Err(self.error("a section was expected"));
            };
            self.position += length;
            match section {
                Section::Objective(_) => {
                    return Err(self.error_before("there is a second objective"));
                }
                Section::Constraints => self.until_section(Self::read_constraint)?,
                Section::Bounds => self.until_section(Self::read_bound)?,
                Section::General => self.until_section(|reader| reader.read_integer(false))?,
                Section::Binary => self.until_section(|reader| reader.read_integer(true))?,
                Section::Unsupported => {
                    return Err(self.error_before(
                        "semi-continuous columns and special ordered sets are not supported",
                    ));
                }
                Section::End if self.position < self.tokens.len() => {
                    return Err(self.error("there is something after `End`"));
                }
                Section::End => return Ok(()),
            }
        }
        Err(self.error("the file ends without `End`"))
    }

    fn until_section(
        &mut self,
        read: impl Fn(&mut Self) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        while self.position < self.tokens.len() && self.section().is_none() {
            read(self)?;
        }
        Ok(())
    }

    fn section(&self) -> Option<(Section, usize)> {
        section_at(&self.tokens, self.position)
    }

    fn read_objective(&mut self) -> Result<(), FormatError> {
        self.read_label();
        let sum = self.read_sum()?;
        for (column, coefficient) in sum.terms {
            self.model.columns[column].cost += coefficient;
        }
        self.model.offset = sum.constant;
        Ok(())
    }

    /// The name before a colon, as it is written.
    fn read_label(&mut self) -> Option<String> {
        let (Some(Token::Name(name)), Some(Token::Colon)) = (self.peek(0), self.peek(1)) else {
            return None;
        };
        self.position += 2;
        Some(name.to_owned())
    }

    /// Terms and constants up to what is neither. Each but the first has a sign, or the sum would run on into the next line.
    fn read_sum(&mut self) -> Result<Sum, FormatError> {
        let mut sum = Sum::default();
        let mut is_first = true;
        loop {
            let (sign, n_signs) = self.read_signs();
            if n_signs == 0 && !is_first {
                return Ok(sum);
            }
            match (self.read_unsigned(), self.read_column()) {
                (None, None) if n_signs > 0 => {
                    return Err(self.error("a sign is followed by neither number nor column"));
                }
                (None, None) => return Ok(sum),
                (Some(number), Some(_)) if number.is_infinite() => {
                    return Err(self.error_before("a coefficient is infinite"));
                }
                (number, Some(column)) => sum.terms.push((column, sign * number.unwrap_or(1.0))),
                (Some(number), None) => sum.constant += sign * number,
            }
            is_first = false;
        }
    }

    fn read_signs(&mut self) -> (f64, usize) {
        let (mut sign, mut n_signs) = (1.0, 0);
        loop {
            match self.peek(0) {
                Some(Token::Plus) => {}
                Some(Token::Minus) => sign = -sign,
                _ => return (sign, n_signs),
            }
            n_signs += 1;
            self.position += 1;
        }
    }

    fn read_unsigned(&mut self) -> Option<f64> {
        let Some(Token::Number(number)) = self.peek(0) else {
            return None;
        };
        self.position += 1;
        Some(number)
    }

    fn read_number(&mut self) -> Result<f64, FormatError> {
        let (sign, _) = self.read_signs();
        match self.read_unsigned() {
            Some(number) => Ok(sign * number),
            None => Err(self.error("a number was expected")),
        }
    }

    /// The column named here. The name before a colon, or of a section, is none.
    fn read_column(&mut self) -> Option<usize> {
        let Some(Token::Name(written)) = self.peek(0) else {
            return None;
        };
        if self.peek(1) == Some(Token::Colon) || self.section().is_some() {
            return None;
        }
        let line = self.line();
        self.position += 1;
        Some(self.column(written, line))
    }

    fn column(&mut self, written: &str, line: usize) -> usize {
        let name = names::decode(written);
        self.mentions.note(&name, line);
        if let Some(&column) = self.columns.get(&name) {
            return column;
        }
        let column = self.model.add_column(
            name.clone(),
            0.0,
            f64::INFINITY,
            ColumnKind::Continuous,
            0.0,
        );
        self.columns.insert(name, column);
        column
    }

    /// `name: sum <= number`, `name: number <= sum`, or `name: number <= sum <= number`.
    fn read_constraint(&mut self) -> Result<(), FormatError> {
        let line = self.line();
        let label = self.read_label();
        let name = label.unwrap_or_else(|| format!("r{}", self.model.rows.len() + 1));
        let (mut lower, mut upper) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut sum = self.read_sum()?;
        let comparison = self.read_comparison()?;
        if sum.terms.is_empty() {
            let right = self.read_sum()?;
            if right.terms.is_empty() {
                narrow(&mut lower, &mut upper, comparison, right.constant);
            } else {
                narrow(&mut lower, &mut upper, reversed(comparison), sum.constant);
                sum = right;
                if let Some(comparison) = self.next_comparison() {
                    narrow(&mut lower, &mut upper, comparison, self.read_number()?);
                }
            }
        } else {
            narrow(&mut lower, &mut upper, comparison, self.read_number()?);
        }
        for half in [LOWER_HALF, UPPER_HALF, ""] {
            if let Some(whole) = name.strip_suffix(half) {
                self.mentions.note(&names::decode(whole), line);
            }
        }
        let (lower, upper) = (bound(lower - sum.constant), bound(upper - sum.constant));
        self.model.add_row(name, lower, upper, sum.terms);
        Ok(())
    }

    fn next_comparison(&mut self) -> Option<Token<'a>> {
        let comparison = self
            .peek(0)
            .filter(|token| matches!(token, Token::AtMost | Token::AtLeast | Token::Equal))?;
        self.position += 1;
        Some(comparison)
    }

    fn read_comparison(&mut self) -> Result<Token<'a>, FormatError> {
        match self.next_comparison() {
            Some(comparison) => Ok(comparison),
            None => Err(self.error("a comparison was expected")),
        }
    }

    fn read_bound(&mut self) -> Result<(), FormatError> {
        if let Some(Token::Name(written)) = self.peek(0) {
            let line = self.line();
            self.position += 1;
            let column = self.column(written, line);
            if matches!(self.peek(0), Some(Token::Name(word)) if word.eq_ignore_ascii_case("free"))
            {
                self.position += 1;
                let column = &mut self.model.columns[column];
                (column.lower, column.upper) = (f64::NEG_INFINITY, f64::INFINITY);
                return Ok(());
            }
            let comparison = self.read_comparison()?;
            let value = self.read_number()?;
            self.set_bound(column, comparison, value);
            return Ok(());
        }
        let value = self.read_number()?;
        let comparison = self.read_comparison()?;
        let (Some(Token::Name(written)), line) = (self.peek(0), self.line()) else {
            return Err(self.error("a column was expected"));
        };
        self.position += 1;
        let column = self.column(written, line);
        self.set_bound(column, reversed(comparison), value);
        if let Some(comparison) = self.next_comparison() {
            let value = self.read_number()?;
            self.set_bound(column, comparison, value);
        }
        Ok(())
    }

    fn set_bound(&mut self, column: usize, comparison: Token<'_>, value: f64) {
        let column = &mut self.model.columns[column];
        if comparison != Token::AtMost {
            column.lower = bound(value);
        }
        if comparison != Token::AtLeast {
            column.upper = bound(value);
        }
    }

    fn read_integer(&mut self, binary: bool) -> Result<(), FormatError> {
        let (Some(Token::Name(written)), line) = (self.peek(0), self.line()) else {
            return Err(self.error("a column was expected"));
        };
        self.position += 1;
        let column = self.column(written, line);
        let column = &mut self.model.columns[column];
        column.kind = ColumnKind::Integer;
        if binary && column.upper == f64::INFINITY {
            column.upper = 1.0;
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        Some(self.tokens.get(self.position + ahead)?.token)
    }

    /// The line of the next token, or the last one.
    fn line(&self) -> usize {
        self.tokens
            .get(self.position)
            .map_or(self.last_line, |placed| placed.line)
    }

    fn error(&self, cause: &str) -> FormatError {
        FormatError::at(self.line(), cause)
    }

    /// An error about the token that was read last.
    fn error_before(&self, cause: &str) -> FormatError {
        let line = self
            .position
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last));
        FormatError::at(line.map_or(1, |placed| placed.line), cause)
    }
}

/// The comparison seen from its other side.
fn reversed(comparison: Token<'_>) -> Token<'_> {
    match comparison {
        Token::AtMost => Token::AtLeast,
        Token::AtLeast => Token::AtMost,
        other => other,
    }
}

fn narrow(lower: &mut f64, upper: &mut f64, comparison: Token<'_>, value: f64) {
    if comparison != Token::AtMost {
        *lower = value;
    }
    if comparison != Token::AtLeast {
        *upper = value;
    }
}

/// Puts the two halves of a row with two bounds together again.
fn join_halves(model: &mut Milp) {
    let rows = std::mem::take(&mut model.rows);
    for row in rows {
        let base = row.name.strip_suffix(UPPER_HALF);
        if let (Some(base), Some(last)) = (base, model.rows.last_mut())
            && last.name.strip_suffix(LOWER_HALF) == Some(base)
            && last.terms == row.terms
            && last.upper == f64::INFINITY
            && row.lower == f64::NEG_INFINITY
        {
            last.name = base.to_owned();
            last.upper = row.upper;
        } else {
            model.rows.push(row);
        }
    }
}
