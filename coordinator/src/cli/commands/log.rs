//! `coordinator log JOB`: what happened to a job, and what its trainer said when it failed.

use crate::cli::client::{Found, Source};
use crate::cli::{CliError, output};
use crate::results;
use crate::store::Reader;
use proto::wire::JobRequest;

/// Print what happened to a job: its attempts and, of those that failed, the end of what the trainer said
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The job's id, or as much of its beginning as no other job shares
    #[arg(value_name = "ID")]
    job: String,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If no or several ids begin so, or nobody can be asked.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { job, source } = args;
    let text = match source.find().await? {
        Found::Store(store) => results::job_log(&Reader::open(&store)?, &job)?,
        Found::Coordinator(mut coordinator) => {
            let found = coordinator.calls.log(JobRequest { job }).await;
            coordinator.answer(found)?.into_inner().text
        }
    };
    output::write(None, text.as_bytes())
}
