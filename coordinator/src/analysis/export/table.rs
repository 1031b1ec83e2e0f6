//! Aligned columns for the terminal. Rows are never wrapped: the text does not depend on the terminal's width.

use crate::analysis::table::{Cell, Table};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", table.title)?;
    let mut aligned = comfy_table::Table::new();
    aligned.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    aligned.set_header(table.columns.iter().map(|column| &column.name));
    aligned.add_rows(table.rows.iter().map(|row| {
        row.iter().zip(&table.columns).map(|(cell, column)| match cell {
            Cell::Id(id) => id.short(),
            cell => cell.shown(column.kind),
        })
    }));
    for (column, of) in aligned.column_iter_mut().zip(&table.columns) {
        if of.kind.is_number() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(out, "{}", aligned.trim_fmt())
}
