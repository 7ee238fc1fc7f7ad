//! Tables for people, at most 100 columns wide.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

/// The widest line of any table.
pub(crate) const WIDTH: u16 = 100;

/// Names of rows up to this length are not broken.
const SHORT_NAME: usize = 16;

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
    let names = rows.iter().filter_map(|row| row.first());
    if names.map(|name| name.chars().count()).max().unwrap_or(0) <= SHORT_NAME
        && let Some(names) = table.column_mut(0)
    {
        names.set_constraint(ColumnConstraint::ContentWidth);
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

/// A paragraph in lines of at most the width; words longer than that stand alone.
pub(crate) fn wrapped(paragraph: &str) -> String {
    indented(paragraph, 0)
}

/// The same, behind so many blanks on every line.
pub(crate) fn indented(paragraph: &str, indent: usize) -> String {
    // A number and its percent sign stay together.
    const GLUE: char = '\u{e000}';
    let paragraph = paragraph.replace(" %", &format!("{GLUE}%"));
    let blanks = " ".repeat(indent);
    let mut text = blanks.clone();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        // Styles take no room.
        let length = anstream::adapter::strip_str(word)
            .to_string()
            .chars()
            .count();
        if column > 0 && indent + column + 1 + length > usize::from(WIDTH) {
            text.push('\n');
            text.push_str(&blanks);
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text.replace(GLUE, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_at_the_width_and_styles_do_not_count() {
        let words = "four ".repeat(60);
        let text = wrapped(&format!("\u{1b}[1mfour\u{1b}[0m {words}"));
        let lines: Vec<String> = text
            .lines()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [99, 99, 99, 4]
        );
        let text = indented(&"four ".repeat(30), 4);
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, [98, 58]);
        assert!(
            text.lines().all(|line| line.starts_with("    four")),
            "{text}"
        );
    }

    #[test]
    fn a_table_is_no_wider_than_its_width() {
        let long = "word ".repeat(60);
        let text = render(
            &[("name", Align::Left), ("number", Align::Right)],
            &[vec![long, "1".to_owned()]],
        );
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= usize::from(WIDTH)),
            "{text}"
        );
        assert!(text.lines().count() > 3, "{text}");
    }

    #[test]
    fn the_name_of_a_row_is_not_broken() {
        let columns: Vec<(&str, Align)> = ["mode"; 14].map(|name| (name, Align::Right)).into();
        let mut cells = vec!["12345.678".to_owned(); 14];
        cells[0] = "monolithic".to_owned();
        let text = render(&columns, &[cells]);
        assert!(text.contains("monolithic"), "{text}");
    }

    #[test]
    fn cells_fill_rows() {
        let cells: Vec<String> = (0..30).map(|n| format!("rule_{n}")).collect();
        let text = fill(&cells);
        assert!(
            text.lines().count() < 5 && text.contains("rule_29"),
            "{text}"
        );
    }
}
