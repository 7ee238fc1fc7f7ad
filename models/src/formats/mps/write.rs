//! Model in, MPS text out.

use crate::formats::{FormatError, names, number};
use crate::milp::{Column, ColumnKind, Milp, Row, Sense};
use std::fmt::Write;

/// The model as a free MPS file.
///
/// # Errors
/// When the model means nothing, or a row has two bounds so far apart in size that their difference does not lead from one to the other.
pub fn write(model: &Milp) -> Result<String, FormatError> {
    model
        .validate()
        .map_err(|faults| FormatError::InvalidModel { faults })?;
    let rows: Vec<String> = model
        .rows
        .iter()
        .map(|row| names::encode(&row.name))
        .collect();
    let mut objective = "obj".to_owned();
    while rows.contains(&objective) {
        objective.push('_');
    }
    let mut text = format!("NAME {}\n", names::encode(&model.name));
    if model.sense == Sense::Maximize {
        text.push_str("OBJSENSE\n    MAX\n");
    }
    put(&mut text, "ROWS", "");
    put(&mut text, " N ", &objective);
    let kinds = model
        .rows
        .iter()
        .map(RowKind::of)
        .collect::<Result<Vec<_>, _>>()?;
    for (kind, name) in kinds.iter().zip(&rows) {
        put(&mut text, &format!(" {} ", kind.letter), name);
    }
    write_columns(&mut text, model, &rows, &objective);
    put(&mut text, "RHS", "");
    if model.offset != 0.0 {
        put(
            &mut text,
            " RHS ",
            &format!("{objective} {}", number(-model.offset)),
        );
    }
    for (kind, name) in kinds.iter().zip(&rows) {
        if kind.side != 0.0 {
            put(&mut text, " RHS ", &format!("{name} {}", number(kind.side)));
        }
    }
    put(&mut text, "RANGES", "");
    for (kind, name) in kinds.iter().zip(&rows) {
        if let Some(range) = kind.range {
            put(&mut text, " RNG ", &format!("{name} {}", number(range)));
        }
    }
    put(&mut text, "BOUNDS", "");
    for column in &model.columns {
        write_bounds(&mut text, column);
    }
    put(&mut text, "ENDATA", "");
    Ok(text)
}

fn put(text: &mut String, start: &str, rest: &str) {
    let _ = writeln!(text, "{start}{rest}"); // a String takes every write
}

/// A row's type, right-hand side and range.
struct RowKind {
    letter: char,
    side: f64,
    range: Option<f64>,
}

impl RowKind {
    fn of(row: &Row) -> Result<Self, FormatError> {
        let (letter, side, range) = match (row.lower.is_finite(), row.upper.is_finite()) {
            (false, false) => ('N', 0.0, None),
            (false, true) => ('L', row.upper, None),
            (true, false) => ('G', row.lower, None),
            (true, true) if row.lower == row.upper => ('E', row.lower, None),
            (true, true) => {
                let range = row.upper - row.lower;
                if row.upper - range == row.lower {
                    ('L', row.upper, Some(range))
                } else if row.lower + range == row.upper {
                    ('G', row.lower, Some(range))
                } else {
                    return Err(FormatError::Inexpressible {
                        what: format!("row `{}` is from {} to {}", row.name, row.lower, row.upper),
                    });
                }
            }
        };
        Ok(Self {
            letter,
            side,
            range,
        })
    }
}

fn write_columns(text: &mut String, model: &Milp, rows: &[String], objective: &str) {
    let mut entries: Vec<Vec<(usize, f64)>> = vec![Vec::new(); model.columns.len()];
    for (row_idx, row) in model.rows.iter().enumerate() {
        for &(column, coefficient) in &row.terms {
            entries[column].push((row_idx, coefficient));
        }
    }
    put(text, "COLUMNS", "");
    let mut in_integers = false;
    let mut n_markers = 0;
    let mut mark = |text: &mut String, word: &str| {
        n_markers += 1;
        put(
            text,
            &format!(" M{n_markers} "),
            &format!("'MARKER' '{word}'"),
        );
    };
    for (column, entries) in model.columns.iter().zip(entries) {
        let is_integer = column.kind == ColumnKind::Integer;
        if is_integer != in_integers {
            mark(text, if is_integer { "INTORG" } else { "INTEND" });
            in_integers = is_integer;
        }
        let name = names::encode(&column.name);
        if column.cost != 0.0 || entries.is_empty() {
            put(
                text,
                " ",
                &format!("{name} {objective} {}", number(column.cost)),
            );
        }
        for (row, coefficient) in entries {
            put(
                text,
                " ",
                &format!("{name} {} {}", rows[row], number(coefficient)),
            );
        }
    }
    if in_integers {
        mark(text, "INTEND");
    }
}

fn write_bounds(text: &mut String, column: &Column) {
    let name = names::encode(&column.name);
    let mut bound = |kind: &str, value: Option<f64>| {
        let value = value.map_or_else(String::new, |value| format!(" {}", number(value)));
        put(text, &format!(" {kind} BND "), &format!("{name}{value}"));
    };
    let is_integer = column.kind == ColumnKind::Integer;
    match (column.lower, column.upper) {
        (f64::NEG_INFINITY, f64::INFINITY) => bound("FR", None),
        (lower, upper) if lower == upper => bound("FX", Some(lower)),
        (lower, upper) => {
            if lower == f64::NEG_INFINITY {
                bound("MI", None);
            } else if lower != 0.0 {
                bound("LO", Some(lower));
            }
            if upper.is_finite() {
                bound("UP", Some(upper));
            } else if is_integer {
                bound("PL", None);
            }
        }
    }
}
