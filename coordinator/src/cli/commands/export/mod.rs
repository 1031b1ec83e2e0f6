//! `coordinator export`: the results of a sweep for other programs, one file per kind.

mod bundle;
mod mlflow;
mod tensorboard;
mod wandb;

use crate::cli::CliError;
use crate::cli::json::JsonArgs;
use serde_json::json;

/// Write the results of a sweep for other programs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  coordinator export bundle lesions --out lesions.zip")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// Says where an export has gone: to a file, a folder or an address.
fn exported(json: JsonArgs, kind: &str, out: &str) -> Result<(), CliError> {
    json.print("export", json!({ "kind": kind, "out": out }), &format!("{out}\n"))
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Bundle(bundle::Args),
    Mlflow(mlflow::Args),
    Tensorboard(tensorboard::Args),
    Wandb(wandb::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, its results cannot be read, or what is made of them cannot be written.
pub async fn run(args: Args) -> Result<(), CliError> {
    match args.command {
        Command::Bundle(args) => bundle::run(args).await,
        Command::Mlflow(args) => mlflow::run(args).await,
        Command::Tensorboard(args) => tensorboard::run(args).await,
        Command::Wandb(args) => wandb::run(args).await,
    }
}
