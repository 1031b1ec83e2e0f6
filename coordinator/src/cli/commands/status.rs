//! `coordinator status`: where everything stands.

use crate::cli::client::Source;
use crate::cli::output::quietly;
use crate::cli::which::AnySweep;
use crate::cli::{CliError, ask, progress};
use crate::outlook;
use proto::status::Status;
use std::io::Write;

/// Show the progress of sweeps and what workers do
#[derive(Debug, clap::Args)]
#[command(mut_arg("sweep", |sweep| sweep.help("The sweep [default: all]")))]
pub struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// Print one JSON object, for programs: docs/status.md describes it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If the store cannot be read, or the coordinator is not reached.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, json, source } = args;
    let sweep = sweep.name();
    let mut view = ask::status(&mut source.find().await?).await?;
    progress::known(&view, &sweep)?;
    let text = if json {
        to_json(&view, &sweep)?
    } else {
        view.sweeps.retain(|view| sweep.is_empty() || view.sweep == sweep);
        progress::describe(&view)
    };
    quietly(std::io::stdout().lock().write_all(text.as_bytes()))
}

/// The status for programs, on one line; only the sweep of that name, if it is not empty.
pub(super) fn to_json(status: &Status, sweep: &str) -> Result<String, CliError> {
    let mut document = outlook::document(status).map_err(|error| CliError::Output(error.into()))?;
    if let Some(sweeps) = document["sweeps"].as_array_mut() {
        sweeps.retain(|status| sweep.is_empty() || status["sweep"] == sweep);
    }
    Ok(format!("{document}\n"))
}

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::{Args as _, Command};

    #[test]
    fn the_help_says_that_all_sweeps_are_shown() {
        let help = Args::augment_args(Command::new("status")).render_help().to_string();
        assert!(help.contains("[default: all]") && !help.contains("submitted last"), "{help}");
    }
}
