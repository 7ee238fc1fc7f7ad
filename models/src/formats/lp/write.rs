//! Model in, LP text out.

use super::{LOWER_HALF, NAME_COMMENT, UPPER_HALF};
use crate::formats::{FormatError, names, number};
use crate::milp::{Column, ColumnKind, Milp, Row, Sense};
use std::fmt::Write;

/// Lines are broken before they get longer, between terms.
const LINE_LENGTH: usize = 120;

/// The model as an LP file.
///
/// # Errors
/// When the model means nothing.
pub fn write(model: &Milp) -> Result<String, FormatError> {
    model
        .validate()
        .map_err(|faults| FormatError::InvalidModel { faults })?;
    let columns: Vec<String> = model
        .columns
        .iter()
        .map(|column| names::encode(&column.name))
        .collect();
    let mut text = format!("{NAME_COMMENT}{}\n", title(&model.name));
    write_objective(&mut text, model, &columns);
    text.push_str("Subject To\n");
    for row in &model.rows {
        write_row(&mut text, row, &columns);
    }
    text.push_str("Bounds\n");
    for (column, name) in model.columns.iter().zip(&columns) {
        write_bounds(&mut text, column, name);
    }
    for (section, binary) in [("General", false), ("Binary", true)] {
        write_integers(&mut text, section, model, &columns, binary);
    }
    text.push_str("End\n");
    Ok(text)
}

/// The name of the model on one line: only control characters and the escape itself are escaped.
fn title(name: &str) -> String {
    name.chars()
        .map(|character| {
            if character.is_control() || character == '~' {
                names::encode(&character.to_string())
            } else {
                character.to_string()
            }
        })
        .collect()
}

fn write_objective(text: &mut String, model: &Milp, columns: &[String]) {
    text.push_str(match model.sense {
        Sense::Minimize => "Minimize\n",
        Sense::Maximize => "Maximize\n",
    });
    text.push_str(" obj:");
    let mut line_start = text.len();
    for (column, name) in model.columns.iter().zip(columns) {
        write_term(text, &mut line_start, column.cost, name);
    }
    if model.offset != 0.0 {
        write_signed(text, model.offset);
    }
    text.push('\n');
}

fn write_row(text: &mut String, row: &Row, columns: &[String]) {
    let name = names::encode(&row.name);
    if row.lower == row.upper {
        write_constraint(text, &name, row, columns, "=", row.lower);
    } else if row.lower.is_finite() && row.upper.is_finite() {
        write_constraint(
            text,
            &format!("{name}{LOWER_HALF}"),
            row,
            columns,
            ">=",
            row.lower,
        );
        write_constraint(
            text,
            &format!("{name}{UPPER_HALF}"),
            row,
            columns,
            "<=",
            row.upper,
        );
    } else if row.upper.is_finite() {
        write_constraint(text, &name, row, columns, "<=", row.upper);
    } else {
        // A row without bounds is written with a bound of minus infinity.
        write_constraint(text, &name, row, columns, ">=", row.lower);
    }
}

fn write_constraint(
    text: &mut String,
    name: &str,
    row: &Row,
    columns: &[String],
    comparison: &str,
    bound: f64,
) {
    text.push(' ');
    text.push_str(name);
    text.push(':');
    let mut line_start = text.len();
    for &(column, coefficient) in &row.terms {
        write_term(text, &mut line_start, coefficient, &columns[column]);
    }
    if row.terms.is_empty() {
        match columns.first() {
            Some(first) => write_term(text, &mut line_start, 0.0, first),
            None => text.push_str(" 0"),
        }
    }
    let _ = writeln!(text, " {comparison} {}", number(bound)); // a String takes every write
}

fn write_term(text: &mut String, line_start: &mut usize, coefficient: f64, name: &str) {
    if text.len() - *line_start > LINE_LENGTH {
        text.push_str("\n  ");
        *line_start = text.len();
    }
    if coefficient == 1.0 {
        text.push_str(" +");
    } else if coefficient == -1.0 {
        text.push_str(" -");
    } else {
        write_signed(text, coefficient);
    }
    text.push(' ');
    text.push_str(name);
}

fn write_signed(text: &mut String, value: f64) {
    text.push_str(if value.is_sign_negative() {
        " - "
    } else {
        " + "
    });
    text.push_str(&number(value.abs()));
}

fn write_bounds(text: &mut String, column: &Column, name: &str) {
    let (lower, upper) = (number(column.lower), number(column.upper));
    let line = match (column.lower, column.upper) {
        (0.0, f64::INFINITY) => return,
        (f64::NEG_INFINITY, f64::INFINITY) => format!(" {name} free\n"),
        (_, f64::INFINITY) => format!(" {name} >= {lower}\n"),
        _ if is_binary(column) => return,
        (fixed, also) if fixed == also => format!(" {name} = {lower}\n"),
        _ => format!(" {lower} <= {name} <= {upper}\n"),
    };
    text.push_str(&line);
}

fn is_binary(column: &Column) -> bool {
    column.kind == ColumnKind::Integer && column.lower == 0.0 && column.upper == 1.0
}

fn write_integers(
    text: &mut String,
    section: &str,
    model: &Milp,
    columns: &[String],
    binary: bool,
) {
    let mut listed = model
        .columns
        .iter()
        .zip(columns)
        .filter(|(column, _)| column.kind == ColumnKind::Integer && is_binary(column) == binary)
        .peekable();
    if listed.peek().is_some() {
        text.push_str(section);
        text.push('\n');
    }
    for (_, name) in listed {
        text.push(' ');
        text.push_str(name);
        text.push('\n');
    }
}
