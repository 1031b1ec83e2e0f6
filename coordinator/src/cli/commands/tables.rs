//! `coordinator tables`: the results of a sweep.

use crate::analyst;
use crate::cli::client::{Coordinator, Found, Source};
use crate::cli::{CliError, output};
use crate::results::RowState;
use crate::store::Reader;
use crate::tables::TableKind;
use crate::tables::export::{Format, render};
use proto::wire::TablesRequest;
use std::path::{Path, PathBuf};

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
    print(Request { sweep, rows, state: None, format }, out.as_deref(), &source).await
}

/// Which table.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) sweep: String,
    pub(super) rows: TableKind,
    /// Of the jobs only those in this state.
    pub(super) state: Option<RowState>,
    pub(super) format: Format,
}

/// Writes a table to the standard output, or to `out`.
pub(super) async fn print(request: Request, out: Option<&Path>, source: &Source) -> Result<(), CliError> {
    output::accepts(out, request.format)?;
    let text = match source.find().await? {
        Found::Store(store) => {
            let Request { sweep, rows, state, format } = request;
            let table = analyst::table(&Reader::open(&store)?, &sweep, rows, state)?;
            render(&table, format).map_err(CliError::Output)?
        }
        Found::Coordinator(coordinator) => fetch(*coordinator, request).await?,
    };
    output::write(out, &text)
}

async fn fetch(mut coordinator: Coordinator, request: Request) -> Result<Vec<u8>, CliError> {
    let Request { sweep, rows, state, format } = request;
    let state = state.map_or_else(String::new, |state| state.name().to_owned());
    let request = TablesRequest { sweep, rows: rows.name().to_owned(), format: format.name().to_owned(), state };
    let pieces = coordinator.calls.tables(request).await;
    let mut pieces = coordinator.answer(pieces)?.into_inner();
    let mut text = Vec::new();
    while let Some(piece) = coordinator.answer(pieces.message().await)? {
        text.extend(piece.text);
    }
    Ok(text)
}
