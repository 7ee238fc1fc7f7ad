//! Comma-separated files with a header: fields by the name of their column, every fault with its place.
//!
//! Strict: quotes as in RFC 4180, each row as long as the header, no column twice. Columns may stand in any
//! order; those that nobody asked for are named, so that they can be remarked on.

mod parse;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::notes::Notes;
use super::report::{Code, InputFault};
use super::settings::thousandths;
use crate::snapshot;
use crate::snapshot::text::quote;

/// Most faults that one import reports one by one.
const MOST_FAULTS: usize = 1_000;

/// Faults while they are collected.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<InputFault>,
    more: usize,
}

impl Faults {
    /// Adds a fault of `file`.
    pub fn add(&mut self, file: &str, place: String, cause: String, action: &str) {
        if self.found.len() >= MOST_FAULTS {
            self.more += 1;
            return;
        }
        self.found.push(InputFault {
            file: file.to_owned(),
            place,
            cause,
            action: action.to_owned(),
        });
    }

    /// `value`, or every fault if there are any.
    pub fn finish<T>(mut self, value: T) -> Result<T, Vec<InputFault>> {
        if self.found.is_empty() {
            return Ok(value);
        }
        if self.more > 0 {
            let cause = format!("{} more faults were found", self.more);
            self.found.push(InputFault {
                file: self.found[0].file.clone(),
                place: String::new(),
                cause,
                action: "mend those above first".to_owned(),
            });
        }
        Err(self.found)
    }
}

/// The columns that an importer looks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// Those that must be there.
    pub needed: &'static [&'static str],
    /// Those that may be missing.
    pub optional: &'static [&'static str],
    /// Those that are not read: that they state something is noted.
    pub noted: &'static [(&'static str, Code)],
}

impl Columns {
    fn known(self) -> impl Iterator<Item = &'static str> {
        let noted = self.noted.iter().map(|(name, _)| name);
        self.needed
            .iter()
            .chain(self.optional)
            .chain(noted)
            .copied()
    }
}

/// A file as rows of fields.
#[derive(Debug)]
pub(super) struct Table<'f> {
    file: &'f str,
    asked_for: Columns,
    /// Whether there is a header with all the columns that must be there.
    readable: bool,
    /// Position of each column that was asked for.
    columns: Vec<(&'static str, usize)>,
    /// Columns that nobody asked for.
    unknown: Vec<String>,
    rows: Vec<Vec<Field>>,
}

/// The text of a field and where it begins, both from 1.
#[derive(Clone, Debug, Default)]
struct Field {
    text: String,
    line: usize,
    column: usize,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'t> {
    table: &'t Table<'t>,
    fields: &'t [Field],
}

impl<'f> Table<'f> {
    /// Reads `bytes` (which may be gzipped); rows that cannot be read are reported and left out.
    pub fn read(file: &'f str, bytes: &[u8], columns: Columns, faults: &mut Faults) -> Self {
        let mut table = Self {
            file,
            asked_for: columns,
            readable: false,
            columns: Vec::new(),
            unknown: Vec::new(),
            rows: Vec::new(),
        };
        let text = match snapshot::text_of(bytes) {
            Ok(text) => text,
            Err(unreadable) => {
                for fault in unreadable.0 {
                    faults.add(file, String::new(), fault.cause, &fault.action);
                }
                return table;
            }
        };
        let mut rows = parse::rows(&text, file, faults).into_iter();
        let Some(header) = rows.next() else {
            let cause = "there is no header".to_owned();
            let action = "give the file with the names of its columns in the first line";
            faults.add(file, String::new(), cause, action);
            return table;
        };
        table.readable = table.find_columns(&header, faults);
        if table.readable {
            table.rows = rows.collect();
            table.check_lengths(header.len(), faults);
        }
        table
    }

    fn find_columns(&mut self, header: &[Field], faults: &mut Faults) -> bool {
        let mut seen = BTreeSet::new();
        let mut whole = true;
        for (at, field) in header.iter().enumerate() {
            let name = field.text.as_str();
            if !seen.insert(name) {
                let place = format!("line {}, column {}", field.line, field.column);
                let cause = format!("the column {} is there twice", quote(name));
                faults.add(self.file, place, cause, "rename or remove one of the two");
                whole = false;
            }
            match self.asked_for.known().find(|known| *known == name) {
                Some(known) => self.columns.push((known, at)),
                None => self.unknown.push(name.to_owned()),
            }
        }
        for needed in self.asked_for.needed {
            if !seen.contains(needed) {
                let cause = format!("there is no column {}", quote(needed));
                let action = "give the files in the order that the command's help states";
                faults.add(self.file, "line 1".to_owned(), cause, action);
                whole = false;
            }
        }
        whole
    }

    /// Reports rows that are longer or shorter than the header, and drops them.
    fn check_lengths(&mut self, length: usize, faults: &mut Faults) {
        let file = self.file;
        self.rows.retain(|row| {
            if row.len() != length {
                let place = row
                    .first()
                    .map_or(String::new(), |field| format!("line {}", field.line));
                let cause = format!("the row has {} fields, the header {length}", row.len());
                faults.add(file, place, cause, "write one field per column");
            }
            row.len() == length
        });
    }

    /// Every row, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.rows.iter().map(|fields| Record {
            table: self,
            fields,
        })
    }

    /// Whether the file has rows at all: if not, a fault says so, and what refers to a row of it is not at fault.
    pub fn readable(&self) -> bool {
        self.readable
    }

    /// Remarks on the columns that are noted where a row states something in them, with what rows are called; and, as
    /// `unknown`, on those that nobody asked for.
    pub fn remark(&self, rows: &str, unknown: Code, notes: &mut Notes) {
        for &(column, code) in self.asked_for.noted {
            let stating = self.records().filter(|row| !row.text(column).is_empty());
            let stating = stating.count();
            if stating > 0 {
                notes.add(code, column, format!("stated for {stating} {rows}"));
            }
        }
        for column in &self.unknown {
            notes.add(unknown, column, "not read");
        }
    }
}

impl<'t> Record<'t> {
    fn field(&self, column: &str) -> Option<&'t Field> {
        let columns = &self.table.columns;
        let found = columns.iter().find(|(name, _)| *name == column);
        found.map(|&(_, at)| &self.fields[at])
    }

    /// Where the field of `column` stands.
    fn place(&self, column: &str) -> String {
        let at = self.field(column).unwrap_or(&self.fields[0]);
        format!("line {}, column {} ({column})", at.line, at.column)
    }

    /// Reports what is wrong with the field of `column`.
    pub fn fault(&self, column: &str, cause: String, action: &str, faults: &mut Faults) {
        faults.add(self.table.file, self.place(column), cause, action);
    }

    /// The field of `column`; empty if there is no such column, or if it says `nan`, as pandas writes what is absent.
    pub fn text(&self, column: &str) -> &'t str {
        let text = self.field(column).map_or("", |field| field.text.as_str());
        if text.eq_ignore_ascii_case("nan") {
            ""
        } else {
            text
        }
    }

    /// A name, which must not be empty.
    pub fn name(&self, column: &str, faults: &mut Faults) -> Option<&'t str> {
        let name = self.text(column);
        if name.is_empty() {
            self.fault(
                column,
                "the name is empty".to_owned(),
                "give it a name",
                faults,
            );
            return None;
        }
        Some(name)
    }

    /// A name that no earlier row has.
    pub fn new_name(
        &self,
        column: &str,
        seen: &mut BTreeSet<&'t str>,
        faults: &mut Faults,
    ) -> Option<&'t str> {
        let name = self.name(column, faults)?;
        if !seen.insert(name) {
            let cause = format!("{} is there twice", quote(name));
            self.fault(column, cause, "rename or remove one of the two", faults);
            return None;
        }
        Some(name)
    }

    /// An integer in `range`; `8.0` is one too.
    pub fn integer(
        &self,
        column: &str,
        range: RangeInclusive<i64>,
        faults: &mut Faults,
    ) -> Option<i64> {
        let text = self.text(column);
        let digits = match text.split_once('.') {
            Some((digits, zeros)) if !zeros.is_empty() && zeros.bytes().all(|it| it == b'0') => {
                digits
            }
            _ => text,
        };
        let bare = digits.strip_prefix('-').unwrap_or(digits);
        let plain = !bare.is_empty() && bare.bytes().all(|it| it.is_ascii_digit());
        let number = digits.parse::<i64>().ok().filter(|_| plain);
        let found = number.filter(|number| range.contains(number));
        if found.is_none() {
            let (from, to) = range.into_inner();
            let cause = format!("{} is not an integer from {from} to {to}", quote(text));
            self.fault(column, cause, "correct the number", faults);
        }
        found
    }

    /// A number with up to three decimals, from 0 to `most`, in thousandths.
    pub fn thousandths(&self, column: &str, most: i64, faults: &mut Faults) -> Option<i64> {
        let text = self.text(column);
        let number = thousandths(text).and_then(|number| i64::try_from(number).ok());
        let found = number.filter(|number| *number <= most * 1000);
        if found.is_none() {
            let cause = format!(
                "{} is not a number from 0 to {most} with at most three decimals",
                quote(text)
            );
            self.fault(column, cause, "correct the number", faults);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const COLUMNS: Columns = Columns {
        needed: &["id", "n"],
        optional: &["spec"],
        noted: &[],
    };

    fn read<'f>(text: &str, faults: &mut Faults) -> Table<'f> {
        Table::read("f.csv", text.as_bytes(), COLUMNS, faults)
    }

    fn fields(text: &str) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        let table = read(text, &mut faults);
        let rows = table.records();
        let rows = rows.map(|row| (row.text("id").to_owned(), row.text("n").to_owned()));
        faults.finish(rows.collect()).unwrap()
    }

    fn faults(text: &str) -> Vec<(String, String)> {
        let mut faults = Faults::default();
        let table = read(text, &mut faults);
        for row in table.records() {
            row.integer("n", 0..=9, &mut faults);
        }
        let found = faults.finish(()).unwrap_err();
        found.into_iter().map(|it| (it.place, it.cause)).collect()
    }

    #[test]
    fn columns_are_found_by_name_and_quotes_and_line_ends_are_understood() {
        let row = |id: &str, n: &str| (id.to_owned(), n.to_owned());
        assert_eq!(
            fields("n,id\r\n1,a\r\n2,\"b,\"\"\nc\"\r\n\r\n"),
            [row("a", "1"), row("b,\"\nc", "2")]
        );
        assert_eq!(fields("\u{feff}id,x,n\na,,1"), [row("a", "1")]);
        assert_eq!(fields("id,n\na\rb,nan\n"), [row("a\rb", "")]);
        assert_eq!(fields("id,n\n"), []);
    }

    #[test]
    fn every_fault_has_a_place() {
        let place = |text: &str| faults(text).into_iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(
            place("id,n\nä,x\nb,10\nc,3\n"),
            ["line 2, column 3 (n)", "line 3, column 3 (n)"]
        );
        assert_eq!(place("id,n\na\nb,1,2\n"), ["line 2", "line 3"]);
        assert_eq!(place("id,id\n"), ["line 1, column 4", "line 1"]);
        assert_eq!(
            place("id,n\na\"b\",1\n\"a\"b,1\n"),
            ["line 2, column 1", "line 3, column 1"]
        );
        assert_eq!(
            place("id,n\n1,\"2\n"),
            ["line 2, column 3", "line 2, column 3 (n)"]
        );
        assert_eq!(place(""), [""]);
        assert_eq!(place("sn,n\n"), ["line 1"]);
    }

    #[test]
    fn integers_may_be_written_with_zeros_behind_the_point() {
        let mut found = Faults::default();
        let table = read("id,n\na,2.0\nb,2.5\nc,-1\nd,+1\ne,.0\n", &mut found);
        let numbers: Vec<_> = table
            .records()
            .map(|row| row.integer("n", -1..=9, &mut found))
            .collect();
        assert_eq!(numbers, [Some(2), None, Some(-1), None, None]);
    }

    #[test]
    fn faults_without_end_are_counted() {
        let text = "id,n\n".to_owned() + &"a,x\n".repeat(3_000);
        let found = faults(&text);
        assert_eq!(found.len(), 1_001);
        assert_eq!(found[1_000].1, "2000 more faults were found");
    }
}
