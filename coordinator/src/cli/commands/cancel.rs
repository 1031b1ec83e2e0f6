//! `coordinator cancel SWEEP`: takes a sweep's unfinished jobs off the queue. Results stay.

use crate::cli::client::{Found, Source};
use crate::cli::json::JsonArgs;
use crate::cli::which::NamedSweep;
use crate::cli::{CliError, offline};
use crate::driver::Refusal;
use proto::wire::CancelRequest;
use serde_json::json;

/// Remove a sweep's unfinished jobs from the queue; results stay
#[derive(Debug, clap::Args)]
#[command(override_usage = "coordinator cancel [OPTIONS] <SWEEP>")]
pub struct Args {
    #[command(flatten)]
    sweep: NamedSweep,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or neither a coordinator nor a store takes the wish.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, json, source } = args;
    let sweep = sweep.name();
    let cancelled = match source.find().await? {
        Found::Coordinator(mut coordinator) => {
            let cancelled = coordinator.calls.cancel(CancelRequest { sweep: sweep.clone() }).await;
            coordinator.answer(cancelled)?.into_inner().cancelled
        }
        Found::Store(store) => {
            let (reader, state) = offline::look(&store)?;
            state.cancel_decision(&sweep).map(drop).map_err(Refusal::Rejected)?;
            drop(reader);
            let name = sweep.clone();
            offline::ask(&store, async move |handle| handle.cancel(name).await).await?
        }
    };
    let lines = format!("{sweep}: {cancelled} jobs cancelled\n");
    json.print("cancel", json!({ "sweep": sweep, "cancelled": cancelled }), &lines)
}
