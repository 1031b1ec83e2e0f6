//! `coordinator tables`: the results of a sweep.

use crate::analyst;
use crate::cli::client::{Place, Source};
use crate::cli::{CliError, output};
use crate::store::Reader;
use crate::tables::TableKind;
use crate::tables::export::{Format, render};
use proto::wire::TablesRequest;
use std::path::PathBuf;

/// Print the results of a sweep
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep [default: the one submitted last]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub sweep: String,
    /// Which table: what its rows are
    #[arg(long, value_enum, default_value_t)]
    pub rows: TableKind,
    /// Format of the table
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// File to write [default: the standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where to look.
    #[command(flatten)]
    pub source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or its rows cannot be read or written.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, rows, format, out, source } = args;
    output::accepts(out.as_deref(), format)?;
    let text = match &source.place() {
        Place::Store(store) => {
            let table = analyst::table(&Reader::open(store)?, &sweep, rows)?;
            render(&table, format).map_err(CliError::Output)?
        }
        Place::Coordinator(url) => fetch(&source, url, sweep, rows, format).await?,
    };
    output::write(out.as_deref(), &text)
}

async fn fetch(
    source: &Source,
    url: &str,
    sweep: String,
    rows: TableKind,
    format: Format,
) -> Result<Vec<u8>, CliError> {
    let request = TablesRequest { sweep, rows: rows.name().to_owned(), format: format.name().to_owned() };
    let mut coordinator = source.connect(url).await?;
    let pieces = coordinator.calls.tables(request).await;
    let mut pieces = coordinator.answer(pieces)?.into_inner();
    let mut text = Vec::new();
    while let Some(piece) = coordinator.answer(pieces.message().await)? {
        text.extend(piece.text);
    }
    Ok(text)
}
