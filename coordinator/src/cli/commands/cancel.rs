//! `coordinator cancel SWEEP`: takes a sweep's unfinished jobs off the queue. Results stay.

use crate::cli::CliError;
use crate::cli::client::{Place, Source};
use crate::cli::output::quietly;
use crate::driver::{self, Refusal};
use crate::results;
use crate::scheduler::Limits;
use crate::store::{Reader, Store};
use proto::wire::CancelRequest;
use std::io::Write;

/// Remove a sweep's unfinished jobs from the queue; results stay
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the sweep
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    sweep: String,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If there is no such sweep, or neither a coordinator nor a store takes the wish.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { sweep, source } = args;
    let cancelled = match &source.place() {
        Place::Coordinator(url) => {
            let request = CancelRequest { sweep: sweep.clone() };
            let mut coordinator = source.connect(url).await?;
            let cancelled = coordinator.calls.cancel(request).await;
            coordinator.answer(cancelled)?.into_inner().cancelled
        }
        Place::Store(store) => {
            // to open a store for writing may make one, and changes the one that is there
            results::state(&Reader::open(store)?)?.cancel_decision(&sweep).map(drop).map_err(Refusal::Rejected)?;
            let (handle, driver) = driver::start(Store::open(store)?, Limits::default())?;
            let cancelled = handle.cancel(sweep.clone()).await;
            handle.stop();
            driver.join().map_err(|_| CliError::Internal("the driver died".to_owned()))??;
            cancelled?
        }
    };
    quietly(writeln!(std::io::stdout(), "{sweep}: {cancelled} jobs cancelled"))
}
