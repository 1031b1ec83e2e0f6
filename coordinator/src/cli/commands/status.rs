//! `coordinator status`: where everything stands.

use crate::cli::client::{Place, Source};
use crate::cli::output::quietly;
use crate::cli::{CliError, progress};
use crate::results;
use crate::scheduler::{SweepState, View};
use crate::serve::status_to_view;
use crate::store::Reader;
use proto::wire::StatusRequest;
use serde_json::json;
use std::io::{Write, stderr};
use std::path::Path;

/// Show where sweeps and workers stand
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this sweep
    #[arg(long, default_value = "", hide_default_value = true)]
    sweep: String,
    /// For programs
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
    let mut view = match &source.place() {
        Place::Store(store) => stored(store)?,
        Place::Coordinator(url) => {
            let mut coordinator = source.connect(url).await?;
            let status = coordinator.calls.status(StatusRequest { sweep: String::new() }).await;
            status_to_view(coordinator.answer(status)?.into_inner())
                .map_err(|error| CliError::NotReached(error.to_string()))?
        }
    };
    progress::known(&view, &sweep)?;
    view.sweeps.retain(|view| sweep.is_empty() || view.sweep == sweep);
    let text = if json { to_json(&view) } else { progress::describe(&view) };
    quietly(std::io::stdout().lock().write_all(text.as_bytes()))
}

/// Where everything stands on the disk. What workers do meanwhile is known to the coordinator alone.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn stored(store: &Path) -> Result<View, CliError> {
    let reader = Reader::open(store)?;
    let view = results::state(&reader)?.view();
    if let Some(holder) = reader.holder() {
        let store = store.display();
        // for people: a reader that is gone needs no line
        let _ =
            writeln!(stderr(), "{store} is in use by {holder}: ask it with --coordinator for what its workers do now");
    }
    Ok(view)
}

fn to_json(view: &View) -> String {
    let state = |state| match state {
        SweepState::WaitingForData => "waiting_for_data",
        SweepState::Running => "running",
        SweepState::Ended => "ended",
        SweepState::Rejected => "rejected",
    };
    let sweeps: Vec<_> = view.sweeps.iter().map(|sweep| json!({
        "sweep": sweep.sweep, "state": state(sweep.state), "jobs": sweep.jobs, "queued": sweep.queued,
        "running": sweep.running, "succeeded": sweep.succeeded, "failed": sweep.failed, "cancelled": sweep.cancelled,
        "dropped": sweep.dropped,
        "epochs": sweep.epochs, "epochs_done": sweep.epochs_done, "simulated": sweep.simulated, "problem": sweep.problem,
    })).collect();
    let workers: Vec<_> = view.workers.iter().map(|worker| json!({
        "worker": worker.worker, "name": worker.name, "host": worker.host, "device": worker.device,
        "slots": worker.slots, "connected": worker.connected, "quarantined": worker.quarantined, "notices": worker.notices,
        "running": worker.running.iter().map(|job| json!({
            "sweep": job.sweep, "job": job.job, "attempt": job.attempt, "epoch": job.epoch, "epochs": job.epochs,
        })).collect::<Vec<_>>(),
    })).collect();
    let document = json!({
        "schema": "splitsweep.status/1", "epochs_per_second": view.epochs_per_second, "sweeps": sweeps, "workers": workers,
    });
    format!("{document}\n")
}
