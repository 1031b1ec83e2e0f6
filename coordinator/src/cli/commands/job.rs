//! `coordinator job ID`: the job file of one job, which `worker train` takes.

use crate::cli::CliError;
use crate::cli::client::{Found, Source};
use crate::cli::json::JsonArgs;
use crate::results;
use crate::store::Reader;
use proto::wire::JobRequest;
use serde_json::json;

/// Print the job file of a job, from which `worker train --job FILE` trains it without a coordinator
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's id, or as much of its beginning as no other job shares
    #[arg(value_name = "ID")]
    job: String,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If no or several ids begin so, the job is simulated, or nobody can be asked.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { job, json, source } = args;
    let file = match source.find().await? {
        Found::Store(store) => results::job_file(&Reader::open(&store)?, &job)?,
        Found::Coordinator(mut coordinator) => {
            let found = coordinator.calls.job(JobRequest { job }).await;
            coordinator.answer(found)?.into_inner().file
        }
    };
    json.print("job", json!({ "file": file }), &file)
}
