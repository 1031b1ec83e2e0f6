//! `coordinator delete SWEEP`: deletes a sweep and its results.

use crate::cli::client::{Found, Source};
use crate::cli::confirm::confirm;
use crate::cli::json::JsonArgs;
use crate::cli::which::NamedSweep;
use crate::cli::{CliError, offline};
use crate::driver::Refusal;
use crate::scheduler::Deleted;
use crate::text::plural;
use proto::wire::{DeleteRequest, DeleteResponse};
use serde_json::json;

/// Delete a sweep, with the results that no other sweep lists
///
/// Its running jobs are stopped. On a terminal the command asks first. The file keeps its size, as later results take the place of the
/// deleted ones; `coordinator store backup` makes a copy without gaps.
#[derive(Debug, clap::Args)]
#[command(override_usage = "coordinator delete [OPTIONS] <SWEEP>")]
pub struct Args {
    #[command(flatten)]
    sweep: NamedSweep,
    /// Delete it without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, the user does not want it, or neither a coordinator nor a store takes the wish.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, yes, json, source } = args;
    let sweep = sweep.name();
    let name = sweep.clone();
    let deleted: Deleted = match source.find().await? {
        Found::Coordinator(mut coordinator) => {
            let preview = coordinator.calls.delete(DeleteRequest { sweep: name.clone(), preview: true }).await;
            agree(&sweep, coordinator.answer(preview)?.into_inner().into(), yes)?;
            let deleted = coordinator.calls.delete(DeleteRequest { sweep: name, preview: false }).await;
            coordinator.answer(deleted)?.into_inner().into()
        }
        Found::Store(store) => {
            let (reader, state) = offline::look(&store)?;
            agree(&sweep, state.delete_decision(&sweep).map_err(Refusal::Rejected)?.reply, yes)?;
            drop(reader);
            offline::ask(&store, async move |handle| handle.delete(name, false).await).await?
        }
    };
    let Deleted { results, shared } = deleted;
    let lines = format!("{sweep}: deleted, {}\n", describe(deleted));
    json.print("delete", json!({ "sweep": sweep, "results": results, "shared": shared }), &lines)
}

fn agree(sweep: &str, preview: Deleted, yes: bool) -> Result<(), CliError> {
    confirm(&format!("delete sweep {sweep}, {}?", describe(preview)), yes)
}

fn describe(Deleted { results, shared }: Deleted) -> String {
    let results = format!("with {}", plural(results, "result"));
    if shared == 0 { results } else { format!("{results}; {shared} more stay, as other sweeps list them") }
}

impl From<DeleteResponse> for Deleted {
    fn from(DeleteResponse { results, shared }: DeleteResponse) -> Self {
        Self { results, shared }
    }
}
