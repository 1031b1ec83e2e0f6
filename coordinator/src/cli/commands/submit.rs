//! `coordinator submit FILE`: hands a sweep file to a running coordinator, or puts it into a store for the next one.

use crate::cli::client::{Place, Source};
use crate::cli::output::quietly;
use crate::cli::{CliError, sweep_file};
use crate::driver;
use crate::scheduler::Limits;
use crate::store::Store;
use proto::wire::SubmitRequest;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;

/// Hand a sweep file to a running coordinator, or put it into a store for the next one
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sweep file (YAML)
    file: PathBuf,
    /// Only simulated workers run it, and make the results up
    #[arg(long)]
    simulated: bool,
    #[command(flatten)]
    source: Source,
}

/// Runs the subcommand.
///
/// # Errors
/// If the file is not valid, or neither a coordinator nor a store takes it.
pub async fn run(args: Args) -> Result<(), CliError> {
    let Args { file, simulated, source } = args;
    let (plan, text) = sweep_file::load(&file)?;
    let (sweep, jobs, note) = match &source.place() {
        Place::Coordinator(url) => {
            let request = SubmitRequest { file: file.display().to_string(), text, simulated };
            let mut coordinator = source.connect(url).await?;
            let submitted = coordinator.calls.submit(request).await;
            let submitted = coordinator.answer(submitted)?.into_inner();
            (submitted.sweep, submitted.jobs, submitted.note)
        }
        Place::Store(store) => {
            let plan = if simulated { plan.simulated() } else { plan };
            let (handle, driver) = driver::start(Store::open(store)?, Limits::default())?;
            let submitted = handle.submit(plan, text, None).await?;
            handle.stop();
            driver.join().map_err(|_| CliError::Internal("the driver died".to_owned()))??;
            let store = store.display();
            // for people: a reader that is gone needs no line
            let _ = writeln!(stderr(), "stored in {store}; it runs when you start coordinator serve --store {store}");
            (submitted.sweep, submitted.jobs, submitted.taken.map(|taken| taken.to_string()).unwrap_or_default())
        }
    };
    if !note.is_empty() {
        let _ = writeln!(stderr(), "{sweep}: {note}");
    }
    quietly(writeln!(stdout(), "{sweep}: {jobs} jobs"))
}
