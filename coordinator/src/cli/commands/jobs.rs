//! `coordinator jobs`: the table of the jobs, under its own name.

use super::tables;
use crate::cli::CliError;
use crate::cli::client::Source;
use crate::cli::shape::ShapeArgs;
use crate::cli::which::AnySweep;
use crate::results::RowState;
use crate::tables::TableKind;
use crate::tables::export::Format;

/// List the jobs of a sweep, with their states and scores
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which sweep.
    #[command(flatten)]
    sweep: AnySweep,
    /// Only the jobs in this state: queued, running, succeeded, failed, cancelled or dropped
    #[arg(long, value_parser = state)]
    state: Option<RowState>,
    /// Format of the table
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which part of the table.
    #[command(flatten)]
    shape: ShapeArgs,
    /// Where to look.
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// Those of `tables`.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, state, format, shape, source } = args;
    let rows = TableKind::Jobs;
    let tables =
        tables::Args { sweep, rows, metric: Vec::new(), format, shape, caption: None, label: None, out: None, source };
    tables::print(tables, state).await
}

fn state(name: &str) -> Result<RowState, String> {
    let names = || RowState::ALL.map(RowState::name).join(", ");
    RowState::from_name(name).ok_or_else(|| format!("expected one of {}", names()))
}
