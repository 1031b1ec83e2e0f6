//! A table in Markdown, with its title as a paragraph.

use crate::analysis::table::Table;
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", escaped(&table.title))?;
    line(out, table.columns.iter().map(|column| escaped(&column.name)))?;
    line(out, table.columns.iter().map(|column| if column.kind.is_number() { "---:" } else { "---" }.to_owned()))?;
    for row in &table.rows {
        let cells = row.iter().zip(&table.columns);
        line(out, cells.map(|(cell, column)| escaped(&cell.shown(column.kind))))?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    for cell in cells {
        write!(out, "| {cell} ")?;
    }
    writeln!(out, "|")
}

/// Characters that would end a cell or start markup stand for themselves; those of numbers and names stay as they are.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '|' | '\\' | '`' | '*' | '<' | '[' | ']');
    text.chars().fold(String::new(), |mut escaped, c| {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}
