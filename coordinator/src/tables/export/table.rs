//! Aligned columns for the terminal, then sentences wrapped at words. Rows are never wrapped: where there is no room for all columns,
//! `shape` has left some out.

use crate::tables::table::Table;
use crate::text::one_line;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::io::{self, Write};

/// Columns of a sentence, at most.
const MAX_WIDTH: usize = 100;

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", one_line(&table.title))?;
    let view = table.view();
    let mut aligned = comfy_table::Table::new();
    aligned.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    aligned.set_header(view.titles.iter().map(|(title, _)| title));
    aligned.add_rows(view.rows.iter().map(|row| row.iter().map(|(piece, _)| piece.to_string())));
    for (column, (_, right)) in aligned.column_iter_mut().zip(&view.titles) {
        if *right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", aligned.trim_fmt())?;
    let width = table.frame.width.unwrap_or(MAX_WIDTH).min(MAX_WIDTH);
    for lines in [&table.notes, &table.answer].into_iter().filter(|lines| !lines.is_empty()) {
        let wrapped =
            |line: &String| textwrap::fill(&one_line(line), textwrap::Options::new(width).subsequent_indent("  "));
        writeln!(out, "\n{}", lines.iter().map(wrapped).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(())
}
