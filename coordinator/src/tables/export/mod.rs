//! Table -> bytes. The same table gives the same bytes, on every machine.
//!
//! ```text
//!  table, markdown, latex  for people: columns chosen and joined, ids and numbers shortened
//!  csv, json, parquet      for programs: every column, every digit; but csv and json have 0.5085 for 0.5085000000000001
//! ```

mod csv;
mod json;
mod latex;
mod markdown;
mod parquet;
mod table;

use super::about::Analysed;
use super::all;
use super::table::Table;
use crate::analysis::answer::answer;
use std::io;

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
    /// A table in LaTeX (booktabs); the best row and its ties are bold.
    Latex,
    /// Apache Parquet, with typed columns: binary.
    Parquet,
}

impl Format {
    /// The name on the command line and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Latex => "latex",
            Self::Parquet => "parquet",
        }
    }

    /// Whether a file of it holds a single table.
    #[must_use]
    pub fn holds_one_table(self) -> bool {
        matches!(self, Self::Csv | Self::Json | Self::Parquet)
    }

    /// Whether it is not text.
    #[must_use]
    pub fn is_binary(self) -> bool {
        self == Self::Parquet
    }
}

/// A table as a text that ends with a line break, or as the bytes of a binary format.
///
/// # Errors
/// None that a table can cause; those of the writers of CSV, JSON and Parquet are passed on.
pub fn render(table: &Table, format: Format) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    match format {
        Format::Table => table::write(table, &mut out),
        Format::Csv => csv::write(table, &mut out),
        Format::Json => json::write(table, &mut out),
        Format::Markdown => markdown::write(table, &mut out),
        Format::Latex => latex::write(table, &mut out),
        Format::Parquet => parquet::write(table, &mut out),
    }?;
    Ok(out)
}

/// A whole analysis as one JSON object: what stands above every table, the answer in words, then under the name of its rows each
/// table, with what stands above it alone and its rows.
///
/// # Errors
/// None that an analysis can cause; those of the writer are passed on.
pub fn document(analysed: &Analysed) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let sentences = answer(&analysed.analysis).sentences();
    json::write_all("analysis", &analysed.about.head, &sentences, &all(analysed), &mut out)?;
    Ok(out)
}

/// The analyses of several metrics as one JSON object: the file, then an array with the [`document`] of each metric.
///
/// # Errors
/// None that an analysis can cause; those of the writer are passed on.
pub fn documents(metrics: &[Analysed]) -> io::Result<Vec<u8>> {
    let name = metrics.first().map_or("", |analysed| analysed.about.name.as_str());
    let mut out = br#"{"schema":"splitsweep.analyses/1","file":"#.to_vec();
    serde_json::to_writer(&mut out, name)?;
    out.extend_from_slice(b",\n\"analyses\":[\n");
    for (index, analysed) in metrics.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b",\n");
        }
        out.extend_from_slice(document(analysed)?.trim_ascii_end());
    }
    out.extend_from_slice(b"\n]}\n");
    Ok(out)
}
