//! Aligned columns for people. Rows are never wrapped: the text does not depend on the terminal's width.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::ops::RangeFrom;

/// Rows under a header; the columns `numbers` are aligned to the right.
pub(super) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
    numbers: RangeFrom<usize>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(numbers.start) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
