//! Comma-separated values, every digit.

use crate::analysis::table::{Cell, Table};
use std::io::{self, Write};

pub(super) fn write(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(table.columns.iter().map(|column| &column.name))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(Cell::exact))?;
    }
    writer.flush()
}
