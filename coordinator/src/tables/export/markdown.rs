//! A table in Markdown, with its title, notes and answer as paragraphs. Rows that stand out are bold.

use crate::tables::table::{Piece, Table};
use crate::text::one_line;
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let view = table.view();
    writeln!(out, "{}\n", escaped(&table.title))?;
    line(out, view.titles.iter().map(|(title, _)| escaped(title)))?;
    line(out, view.titles.iter().map(|(_, right)| if *right { "---:" } else { "---" }.to_owned()))?;
    for row in &view.rows {
        line(out, row.iter().map(|(piece, is_strong)| cell(piece, *is_strong)))?;
    }
    for sentence in table.notes.iter().chain(&table.answer) {
        writeln!(out, "\n{}", escaped(sentence))?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    for cell in cells {
        write!(out, "| {cell} ")?;
    }
    writeln!(out, "|")
}

fn cell(piece: &Piece, is_strong: bool) -> String {
    let text = match piece {
        Piece::Id(id) => id.to_string(),
        piece => escaped(&piece.to_string()),
    };
    if is_strong && matches!(piece, Piece::Spread(..)) { format!("**{text}**") } else { text }
}

/// Characters that would end a cell or start markup stand for themselves; those of numbers and names stay as they are.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '|' | '\\' | '`' | '*' | '<' | '[' | ']');
    one_line(text).chars().fold(String::new(), |mut escaped, c| {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}
