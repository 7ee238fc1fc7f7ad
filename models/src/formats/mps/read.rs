//! MPS text in, model out.

use crate::formats::{FormatError, Mentions, bound, names, text_of};
use crate::milp::{Column, ColumnKind, Milp, Sense};
use std::collections::BTreeMap;

/// The model in an MPS file, free or fixed, whose names have no spaces in them.
///
/// # Errors
/// The first line that means nothing, or something that models here do not have.
pub fn read(bytes: &[u8]) -> Result<Milp, FormatError> {
    let text = text_of(bytes)?;
    let mut reader = Reader::default();
    for (line_idx, line) in text.lines().enumerate() {
        reader.line = line_idx + 1;
        if line.starts_with('*') || line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with(char::is_whitespace) {
            reader.read_data(&fields)?;
        } else {
            reader.begin_section(&fields)?;
        }
    }
    reader.finish()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Section {
    #[default]
    Start,
    ObjectiveSense,
    Rows,
    Columns,
    RightSides,
    Ranges,
    Bounds,
    End,
}

/// What the name of a row stands for.
#[derive(Clone, Copy)]
enum RowId {
    Objective,
    Row(usize),
}

/// A row while its parts come in.
struct RowParts {
    name: String,
    /// `N`, `L`, `G` or `E`.
    kind: char,
    side: f64,
    range: Option<f64>,
    terms: Vec<(usize, f64)>,
}

/// Which bounds of a column were given.
#[derive(Clone, Copy, Default)]
struct Given {
    lower: bool,
    upper: bool,
}

#[derive(Default)]
struct Reader {
    line: usize,
    section: Section,
    name: String,
    sense: Option<Sense>,
    offset: f64,
    objective: Option<String>,
    row_ids: BTreeMap<String, RowId>,
    rows: Vec<RowParts>,
    columns: Vec<Column>,
    column_ids: BTreeMap<String, usize>,
    given: Vec<Given>,
    /// Columns that come now are integer.
    between_markers: bool,
    /// The name of the one set of right-hand sides, of ranges, and of bounds that is read.
    sets: BTreeMap<Section, String>,
    mentions: Mentions,
}

impl Reader {
    fn error(&self, cause: impl Into<String>) -> FormatError {
        FormatError::at(self.line, cause)
    }

    fn begin_section(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        let word = fields[0].to_ascii_uppercase();
        let section = match word.as_str() {
            "NAME" => {
                self.name = fields
                    .get(1)
                    .copied()
                    .map_or_else(String::new, names::decode);
                return Ok(());
            }
            "OBJSENSE" => Section::ObjectiveSense,
            "ROWS" => Section::Rows,
            "COLUMNS" => Section::Columns,
            "RHS" => Section::RightSides,
            "RANGES" => Section::Ranges,
            "BOUNDS" => Section::Bounds,
            "ENDATA" => Section::End,
            _ => return Err(self.error(format!("section `{}` is not supported", fields[0]))),
        };
        let goes_back = section <= self.section && section != Section::Ranges;
        let ranges_are_late = section == Section::Ranges
            && !matches!(
                self.section,
                Section::Columns | Section::RightSides | Section::Bounds
            );
        if goes_back && self.section != Section::Start || ranges_are_late {
            return Err(self.error(format!("section `{word}` comes at the wrong place")));
        }
        self.section = section;
        match fields.get(1) {
            Some(sense) if section == Section::ObjectiveSense => self.read_sense(sense),
            Some(_) => Err(self.error(format!("there is something after `{word}`"))),
            None => Ok(()),
        }
    }

    fn read_data(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        match self.section {
            Section::Start => Err(self.error("data comes before the first section")),
            Section::ObjectiveSense => self.read_sense(fields[0]),
            Section::Rows => self.read_row(fields),
            Section::Columns => self.read_column(fields),
            Section::RightSides | Section::Ranges => self.read_sides(fields),
            Section::Bounds => self.read_bound(fields),
            Section::End => Err(self.error("there is something after `ENDATA`")),
        }
    }

    fn read_sense(&mut self, word: &str) -> Result<(), FormatError> {
        if self.sense.is_some() {
            return Err(self.error("there is a second sense of the objective"));
        }
        self.sense = Some(match word.to_ascii_uppercase().as_str() {
            "MAX" | "MAXIMIZE" | "MAXIMISE" => Sense::Maximize,
            "MIN" | "MINIMIZE" | "MINIMISE" => Sense::Minimize,
            _ => return Err(self.error(format!("`{word}` is no sense of an objective"))),
        });
        Ok(())
    }

    fn read_row(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        let [kind, name] = *fields else {
            return Err(self.error("a row has a type and a name"));
        };
        let kind = match kind {
            "N" | "n" => 'N',
            "L" | "l" => 'L',
            "G" | "g" => 'G',
            "E" | "e" => 'E',
            _ => return Err(self.error(format!("`{kind}` is no type of a row"))),
        };
        let id = if kind == 'N' && self.objective.is_none() {
            self.objective = Some(name.to_owned());
            RowId::Objective
        } else {
            let decoded = names::decode(name);
            self.mentions.note(&decoded, self.line);
            self.rows.push(RowParts {
                name: decoded,
                kind,
                side: 0.0,
                range: None,
                terms: Vec::new(),
            });
            RowId::Row(self.rows.len() - 1)
        };
        if self.row_ids.insert(name.to_owned(), id).is_some() {
            return Err(self.error(format!("there are two rows `{name}`")));
        }
        Ok(())
    }

    fn read_column(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        if fields
            .get(1)
            .is_some_and(|word| word.trim_matches('\'') == "MARKER")
        {
            self.between_markers = match fields.get(2).map(|word| word.trim_matches('\'')) {
                Some("INTORG") => true,
                Some("INTEND") => false,
                _ => return Err(self.error("a marker is `INTORG` or `INTEND`")),
            };
            return Ok(());
        }
        let (&name, entries) = fields.split_first().expect("a line of data has a field");
        let column = self.column(name)?;
        for (row, value) in self.pairs(entries)? {
            match row {
                RowId::Objective => self.columns[column].cost += value,
                RowId::Row(row) => {
                    let terms = &mut self.rows[row].terms;
                    if terms.last().is_some_and(|&(last, _)| last == column) {
                        return Err(
                            self.error(format!("column `{name}` has two entries in one row"))
                        );
                    }
                    terms.push((column, value));
                }
            }
        }
        Ok(())
    }

    /// The column of the line: the one of the line before, or a new one.
    fn column(&mut self, name: &str) -> Result<usize, FormatError> {
        if let Some(&column) = self.column_ids.get(name) {
            if column + 1 < self.columns.len() {
                return Err(self.error(format!("the entries of column `{name}` are not together")));
            }
            return Ok(column);
        }
        let decoded = names::decode(name);
        self.mentions.note(&decoded, self.line);
        let kind = if self.between_markers {
            ColumnKind::Integer
        } else {
            ColumnKind::Continuous
        };
        self.columns.push(Column {
            name: decoded,
            lower: 0.0,
            upper: f64::INFINITY,
            kind,
            cost: 0.0,
        });
        self.given.push(Given::default());
        let column = self.columns.len() - 1;
        self.column_ids.insert(name.to_owned(), column);
        Ok(column)
    }

    /// Rows and numbers, in turn.
    fn pairs(&self, fields: &[&str]) -> Result<Vec<(RowId, f64)>, FormatError> {
        if fields.is_empty() || !fields.len().is_multiple_of(2) {
            return Err(self.error("rows and numbers come in pairs"));
        }
        fields
            .chunks_exact(2)
            .map(|pair| {
                let id = self
                    .row_ids
                    .get(pair[0])
                    .ok_or_else(|| self.error(format!("there is no row `{}`", pair[0])))?;
                Ok((*id, self.number(pair[1])?))
            })
            .collect()
    }

    fn number(&self, field: &str) -> Result<f64, FormatError> {
        field
            .parse()
            .ok()
            .filter(|value: &f64| !value.is_nan())
            .ok_or_else(|| self.error(format!("`{field}` is not a number")))
    }

    fn read_sides(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        let entries = if fields.len().is_multiple_of(2) {
            fields
        } else {
            self.only_set(fields[0])?;
            &fields[1..]
        };
        for (row, value) in self.pairs(entries)? {
            match (row, self.section) {
                (RowId::Objective, Section::RightSides) => self.offset = 0.0 - value,
                (RowId::Row(row), Section::RightSides) => self.rows[row].side = value,
                (RowId::Row(row), _) if self.rows[row].kind != 'N' => {
                    self.rows[row].range = Some(value);
                }
                _ => return Err(self.error("a row of type `N` has no range")),
            }
        }
        Ok(())
    }

    /// Only one set of each kind is a model.
    fn only_set(&mut self, name: &str) -> Result<(), FormatError> {
        let first = self
            .sets
            .entry(self.section)
            .or_insert_with(|| name.to_owned());
        if first == name {
            return Ok(());
        }
        let cause = format!("`{name}` is a second set beside `{first}`");
        Err(self.error(cause))
    }

    fn read_bound(&mut self, fields: &[&str]) -> Result<(), FormatError> {
        let kind = fields[0].to_ascii_uppercase();
        let needs_value = match kind.as_str() {
            "FR" | "MI" | "PL" | "BV" => false,
            "LO" | "UP" | "FX" | "LI" | "UI" => true,
            _ => {
                return Err(self.error(format!("bounds of type `{}` are not supported", fields[0])));
            }
        };
        let (set, name, value) = match (&fields[1..], needs_value) {
            (&[set, name, value], _) => (Some(set), name, Some(value)),
            (&[set, name], false) => (Some(set), name, None),
            (&[name], false) => (None, name, None),
            (&[name, value], true) => (None, name, Some(value)),
            _ => return Err(self.error("a bound has a type, a set, a column and a number")),
        };
        if let Some(set) = set {
            self.only_set(set)?;
        }
        let Some(&column) = self.column_ids.get(name) else {
            return Err(self.error(format!("there is no column `{name}`")));
        };
        let value = match value {
            Some(value) if needs_value => self.number(value)?,
            _ => 0.0,
        };
        self.mentions.note(&names::decode(name), self.line);
        self.set_bound(column, &kind, bound(value));
        Ok(())
    }

    fn set_bound(&mut self, column_idx: usize, kind: &str, value: f64) {
        let column = &mut self.columns[column_idx];
        let given = &mut self.given[column_idx];
        match kind {
            "LO" | "LI" => column.lower = value,
            "UP" | "UI" => {
                column.upper = value;
                if value < 0.0 && !given.lower {
                    column.lower = f64::NEG_INFINITY;
                }
            }
            "FX" => (column.lower, column.upper) = (value, value),
            "FR" => (column.lower, column.upper) = (f64::NEG_INFINITY, f64::INFINITY),
            "MI" => column.lower = f64::NEG_INFINITY,
            "PL" => column.upper = f64::INFINITY,
            _ => (column.lower, column.upper) = (0.0, 1.0), // BV
        }
        if matches!(kind, "LI" | "UI" | "BV") {
            column.kind = ColumnKind::Integer;
        }
        given.lower |= !matches!(kind, "UP" | "UI" | "PL");
        given.upper |= !matches!(kind, "LO" | "LI" | "MI");
    }

    fn finish(mut self) -> Result<Milp, FormatError> {
        if self.section != Section::End {
            return Err(self.error("the file ends without `ENDATA`"));
        }
        let Some(sense) = self
            .objective
            .is_some()
            .then_some(self.sense.unwrap_or(Sense::Minimize))
        else {
            return Err(self.error("there is no objective: no row has the type `N`"));
        };
        for (column, given) in self.columns.iter_mut().zip(&self.given) {
            if column.kind == ColumnKind::Integer && !given.lower && !given.upper {
                column.upper = 1.0;
            }
        }
        let mut model = Milp::new(self.name, sense);
        model.offset = self.offset;
        model.columns = self.columns;
        for row in self.rows {
            let (lower, upper) = row_bounds(row.kind, row.side, row.range);
            model.add_row(row.name, bound(lower), bound(upper), row.terms);
        }
        self.mentions.checked(model, self.line)
    }
}

fn row_bounds(kind: char, side: f64, range: Option<f64>) -> (f64, f64) {
    match (kind, range) {
        ('L', None) => (f64::NEG_INFINITY, side),
        ('L', Some(range)) => (side - range.abs(), side),
        ('G', None) => (side, f64::INFINITY),
        ('G', Some(range)) => (side, side + range.abs()),
        ('E', None) => (side, side),
        ('E', Some(range)) if range < 0.0 => (side + range, side),
        ('E', Some(range)) => (side, side + range),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}
