//! `coordinator retry SWEEP`: queues a sweep's failed and cancelled jobs again.

use crate::cli::client::{Found, Source};
use crate::cli::json::JsonArgs;
use crate::cli::which::NamedSweep;
use crate::cli::{CliError, offline};
use crate::driver::Refusal;
use crate::text::plural;
use proto::wire::RetryRequest;
use serde_json::json;

/// Try a sweep's failed and cancelled jobs again, as if its file were submitted once more
#[derive(Debug, clap::Args)]
#[command(override_usage = "coordinator retry [OPTIONS] <SWEEP>")]
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
    let retried = match source.find().await? {
        Found::Coordinator(mut coordinator) => {
            let retried = coordinator.calls.retry(RetryRequest { sweep: sweep.clone() }).await;
            coordinator.answer(retried)?.into_inner().retried
        }
        Found::Store(store) => {
            let (reader, state) = offline::look(&store)?;
            let text = reader.submission(&sweep)?.text;
            let _ = state.retry_decision(&sweep, String::new()).map_err(Refusal::Rejected)?;
            drop(reader);
            let name = sweep.clone();
            offline::ask(&store, async move |handle| handle.retry(name, text).await).await?
        }
    };
    let told = match retried {
        0 => "no job has failed or was cancelled".to_owned(),
        count => format!("{} queued again", plural(count, "job")),
    };
    json.print("retry", json!({ "sweep": sweep, "retried": retried }), &format!("{sweep}: {told}\n"))
}
