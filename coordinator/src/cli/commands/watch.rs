//! `coordinator watch`: the live progress of a running coordinator, until its sweep has ended: a block that redraws itself, a line of JSON
//! per change, or the full screen.

use super::status::to_json;
use crate::cli::client::{Coordinator, Found, Source, stored};
use crate::cli::output::tell;
use crate::cli::progress::{self, Progress};
use crate::cli::which::AnySweep;
use crate::cli::{CliError, exit, full_screen, output};
use proto::status::Status;
use proto::wire::StatusRequest;
use std::path::Path;

/// Show the progress of a sweep until it has ended
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  coordinator watch
  coordinator watch --full --store sweeps.db
  coordinator watch --json | jq --unbuffered '.sweeps[] | {sweep, state, succeeded, jobs}'")]
pub struct Args {
    #[command(flatten)]
    sweep: AnySweep,
    /// Print one JSON object per change, each on a line, for programs: docs/status.md describes it
    #[arg(long)]
    json: bool,
    /// Take the whole terminal: results, jobs, workers, failures and messages to turn to; also of a store that no coordinator serves
    #[arg(long, conflicts_with = "json")]
    full: bool,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand; the exit code says how the sweep stands.
///
/// # Errors
/// If the store cannot be read, or the coordinator is not reached.
pub async fn run(args: Args) -> Result<u8, CliError> {
    let Args { sweep, json, full, source } = args;
    let sweep = sweep.name();
    match source.find().await? {
        found if full => full_screen::run(&sweep, source, found).await,
        Found::Coordinator(coordinator) if json => print(coordinator, &sweep).await,
        Found::Coordinator(coordinator) => follow(coordinator, &sweep).await,
        Found::Store(store) => once(&store, &sweep, json),
    }
}

/// A store changes nothing by itself.
fn once(store: &Path, sweep: &str, json: bool) -> Result<u8, CliError> {
    let status = stored(store)?;
    progress::known(&status, sweep)?;
    // there is one: an empty store is refused
    let code = progress::find(&status, sweep).map_or(exit::USERS_MISTAKE, progress::exit_code);
    let text = if json { to_json(&status, sweep)? } else { progress::describe(&status) };
    output::write(None, text.as_bytes())?;
    Ok(code)
}

/// The block, to the end of the sweep.
async fn follow(mut coordinator: Box<Coordinator>, sweep: &str) -> Result<u8, CliError> {
    let mut progress = Progress::new();
    let mut changes = Changes::of(&mut coordinator).await?;
    while let Some(status) = changes.next(&coordinator).await? {
        progress::known(&status, sweep)?;
        progress.show(&status, sweep);
        if let Some((name, code)) = ended(&status, sweep) {
            progress.finish(&status, &name);
            progress.explain(&status, &name);
            return Ok(code);
        }
    }
    Err(gone(&coordinator))
}

/// A line of JSON per change, to the end of the sweep, or until nobody reads them any more.
async fn print(mut coordinator: Box<Coordinator>, sweep: &str) -> Result<u8, CliError> {
    let mut last = Status::default();
    let mut changes = Changes::of(&mut coordinator).await?;
    while let Some(status) = changes.next(&coordinator).await? {
        progress::known(&status, sweep)?;
        // time alone is no change
        if last != (Status { at_ms: last.at_ms, ..status.clone() }) && !tell(&to_json(&status, sweep)?)? {
            return Ok(exit::COMPLETE);
        }
        if let Some((_, code)) = ended(&status, sweep) {
            return Ok(code);
        }
        last = status;
    }
    Err(gone(&coordinator))
}

/// What a coordinator says of each change.
pub(in crate::cli) struct Changes(tonic::Streaming<proto::wire::StatusResponse>);

impl Changes {
    pub(in crate::cli) async fn of(coordinator: &mut Coordinator) -> Result<Self, CliError> {
        let answer = coordinator.calls.watch(StatusRequest { sweep: String::new() }).await;
        Ok(Self(coordinator.answer(answer)?.into_inner()))
    }

    /// The next; `None` once the coordinator has ended.
    pub(in crate::cli) async fn next(&mut self, coordinator: &Coordinator) -> Result<Option<Status>, CliError> {
        let status = coordinator.answer(self.0.message().await)?;
        status
            .map(|status| Status::try_from(status).map_err(|error| CliError::NotReached(error.to_string())))
            .transpose()
    }
}

/// The sweep's name and its exit code, once it has ended.
fn ended(status: &Status, sweep: &str) -> Option<(String, u8)> {
    let sweep = progress::find(status, sweep)?;
    sweep.state.is_over().then(|| (sweep.sweep.clone(), progress::exit_code(sweep)))
}

fn gone(coordinator: &Coordinator) -> CliError {
    CliError::NotReached(format!("the coordinator at {} has ended", coordinator.url()))
}
