//! `coordinator watch`: the live progress of a running coordinator, until its sweep has ended.

use crate::cli::client::stored;
use crate::cli::client::{Found, Source};
use crate::cli::progress::{self, Progress};
use crate::cli::{CliError, exit};
use proto::status::{Status, SweepState};
use proto::wire::StatusRequest;

/// Show the progress of a sweep until it has ended
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep [default: the one submitted last]
    #[arg(long, default_value = "", hide_default_value = true)]
    sweep: String,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand; the exit code says how the sweep stands.
///
/// # Errors
/// If the store cannot be read, or the coordinator is not reached.
pub async fn run(args: Args) -> Result<u8, CliError> {
    let Args { sweep, source } = args;
    let mut coordinator = match source.find().await? {
        Found::Coordinator(coordinator) => coordinator,
        Found::Store(store) => {
            let view = stored(&store)?;
            progress::known(&view, &sweep)?;
            // there is one: an empty store is refused
            let code = progress::find(&view, &sweep).map_or(exit::USERS_MISTAKE, progress::exit_code);
            crate::cli::output::write(None, progress::describe(&view).as_bytes())?;
            return Ok(code);
        }
    };
    let views = coordinator.calls.watch(StatusRequest { sweep: String::new() }).await;
    let mut views = coordinator.answer(views)?.into_inner();
    let mut progress = Progress::new();
    while let Some(status) = coordinator.answer(views.message().await)? {
        let view = Status::try_from(status).map_err(|error| CliError::NotReached(error.to_string()))?;
        progress::known(&view, &sweep)?;
        progress.show(&view, &sweep);
        if let Some(sweep) = progress::find(&view, &sweep)
            && matches!(sweep.state, SweepState::Ended | SweepState::Rejected)
        {
            progress.finish(&view, &sweep.sweep);
            progress.explain(&view, &sweep.sweep);
            return Ok(progress::exit_code(sweep));
        }
    }
    Err(CliError::NotReached(format!("the coordinator at {} has ended", coordinator.url())))
}
