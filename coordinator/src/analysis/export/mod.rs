//! Table -> text. The same table gives the same bytes, on every machine.
//!
//! ```text
//!  table, markdown  for people: ids and numbers shortened
//!  csv, json        for programs: every digit
//! ```

mod csv;
mod json;
mod markdown;
mod table;

use super::table::Table;
use std::io::{self, Write};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for the terminal.
    #[default]
    Table,
    /// Comma-separated values (RFC 4180, but with `\n`); nothing for a missing value.
    Csv,
    /// An object with a schema, the sweep and an array of rows; null for a missing value.
    Json,
    /// A table in Markdown.
    Markdown,
}

/// Writes a table.
///
/// # Errors
/// Those of `out`.
pub fn write(table: &Table, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(table, out),
        Format::Csv => csv::write(table, out),
        Format::Json => json::write(table, out),
        Format::Markdown => markdown::write(table, out),
    }
}

/// A table as a text that ends with a line break.
///
/// # Errors
/// None that a table can cause; those of the writers of CSV and JSON are passed on.
pub fn render(table: &Table, format: Format) -> io::Result<String> {
    let mut bytes = Vec::new();
    write(table, format, &mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
