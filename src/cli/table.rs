//! Tables for people, at most 100 columns wide.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

/// The widest line of any table.
pub(crate) const WIDTH: u16 = 100;

/// A line under the headings, and nothing else.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table with these headings and rows, ending with a line end.
pub(crate) fn render(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(columns.iter().map(|(name, _)| *name));
    for row in rows {
        table.add_row(row);
    }
    for (position, (_, align)) in columns.iter().enumerate() {
        if *align == Align::Right
            && let Some(column) = table.column_mut(position)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Short texts in as many equally wide columns as fit, row by row.
pub(crate) fn fill(cells: &[String]) -> String {
    const INDENT: usize = 2;
    const GAP: usize = 3;
    let width = cells.iter().map(|cell| cell.chars().count()).max();
    let width = width.unwrap_or(0) + GAP;
    let n_columns = ((usize::from(WIDTH) - INDENT) / width).max(1);
    let mut text = String::new();
    for row in cells.chunks(n_columns) {
        let line: String = row.iter().map(|cell| format!("{cell:width$}")).collect();
        text.push_str(&format!("{:INDENT$}{}\n", "", line.trim_end()));
    }
    text
}
