//! Comma-separated values.

use crate::tables::table::{Cell, Table};
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(table.columns.iter().map(|column| &column.name))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(field))?;
    }
    writer.flush()
}

/// A cell. Spreadsheets run a text that begins like a formula; an apostrophe before it has them show it instead.
fn field(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        cell => cell.exact(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not() {
        let text = |text: &str| field(&Cell::Text(text.to_owned()));
        for formula in ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(text(formula), format!("'{formula}"));
        }
        assert_eq!((text("a=b"), text(""), field(&Cell::Real(-0.5))), ("a=b".into(), String::new(), "-0.5".into()));
    }
}
