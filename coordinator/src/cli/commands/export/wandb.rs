//! `coordinator export wandb`: a CSV like that which W&B exports.

use super::exported;
use crate::cli::client::Source;
use crate::cli::json::JsonArgs;
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
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

pub(super) async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, out, json, source } = args;
    if json.is_wanted() && out.is_none() {
        return Err(CliError::Usage("the standard output takes the CSV or the JSON: give --out FILE, too".to_owned()));
    }
    let runs = ask::runs(&mut source.find().await?, sweep.name()).await?;
    output::write(out.as_deref(), &wandb::csv(&runs).map_err(CliError::Output)?)?;
    match out {
        Some(out) if json.is_wanted() => exported(json, "wandb", &out.display().to_string()),
        _ => Ok(()),
    }
}
