//! `coordinator log JOB`: what happened to a job, and what its trainer said when it failed.

use crate::cli::CliError;
use crate::cli::client::{Found, Source};
use crate::cli::json::JsonArgs;
use crate::results;
use crate::store::Reader;
use proto::wire::{JobEvent, JobRequest, LogResponse};
use serde_json::json;

/// Print what happened to a job: its attempts and, of those that failed, the end of what the trainer said
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
/// If no or several ids begin so, or nobody can be asked.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { job, json, source } = args;
    let LogResponse { text, job, sweep, label, events } = match source.find().await? {
        Found::Store(store) => results::job_history(&Reader::open(&store)?, &job)?.into(),
        Found::Coordinator(mut coordinator) => {
            let found = coordinator.calls.log(JobRequest { job }).await;
            coordinator.answer(found)?.into_inner()
        }
    };
    let event = |JobEvent { at, what, log }| json!({ "at": at, "what": what, "log": log });
    let events: Vec<_> = events.into_iter().map(event).collect();
    json.print("log", json!({ "job": job, "sweep": sweep, "label": label, "events": events }), &text)
}
