//! `coordinator export wandb`: a CSV like that which W&B exports.

use crate::cli::client::Source;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask, output};
use crate::interchange::wandb;
use std::path::PathBuf;

/// Write a CSV as W&B exports its table of runs, for programs that take one: a line per job
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  coordinator export wandb lesions --out runs.csv && coordinator analyze runs.csv --score test_iou"
)]
pub(super) struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// File for the CSV [default: the standard output]
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, out, source } = args;
    let runs = ask::runs(&mut source.find().await?, sweep.name()).await?;
    output::write(out.as_deref(), &wandb::csv(&runs).map_err(CliError::Output)?)
}
