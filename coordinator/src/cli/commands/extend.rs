//! `coordinator extend SWEEP --splits N`: submits a sweep's file again, with more splits.

use crate::cli::client::{Found, Source};
use crate::cli::json::JsonArgs;
use crate::cli::which::NamedSweep;
use crate::cli::{CliError, offline};
use crate::driver::{Handle, Refusal};
use crate::plan;
use crate::scheduler::Rejection;
use crate::serve::{Deeds, SplitsError};
use crate::text::plural;
use proto::wire::ExtendRequest;
use serde_json::json;

/// Add splits to a sweep, as if its file were submitted once more with more of them
///
/// Its failed and cancelled jobs are tried again, too. Write the greater number into the sweep file as well, before you submit that again.
#[derive(Debug, clap::Args)]
#[command(override_usage = "coordinator extend [OPTIONS] --splits <N> <SWEEP>")]
pub struct Args {
    #[command(flatten)]
    sweep: NamedSweep,
    /// Number of its splits in all; a sweep that has as many already stays as it is
    #[arg(long, value_name = "N")]
    splits: u64,
    #[command(flatten)]
    json: JsonArgs,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, it cannot have that many splits, or neither a coordinator nor a store takes the wish.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, splits, json, source } = args;
    let sweep = sweep.name();
    let name = sweep.clone();
    let added = match source.find().await? {
        Found::Coordinator(mut coordinator) => {
            let extended = coordinator.calls.extend(ExtendRequest { sweep: name, splits }).await;
            coordinator.answer(extended)?.into_inner().added
        }
        Found::Store(store) => {
            let (reader, state) = offline::look(&store)?;
            let unknown = || Refusal::Rejected(Rejection::UnknownSweep(name.clone()));
            state.sweep(&name).ok_or_else(unknown)?;
            plan::with_splits(&reader.submission(&name)?.text, splits).map_err(SplitsError::from)?;
            drop(reader);
            let path = store.clone();
            let add = async move |handle: &Handle| Ok(Deeds::new(handle.clone(), path).add_splits(name, splits).await);
            offline::ask(&store, add).await??
        }
    };
    let told = match added {
        0 => "it has as many splits already".to_owned(),
        count => format!("{} added", plural(count, "split")),
    };
    json.print("extend", json!({ "sweep": sweep, "added": added }), &format!("{sweep}: {told}\n"))
}
