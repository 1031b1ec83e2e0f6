//! The command line: one file per subcommand, and what they share.

pub mod baselines;
pub mod bench;
mod devices;
pub mod predict;
pub mod prepare;
pub mod run;
pub mod selftest;
mod slots;
pub mod synthesize;
mod table;
pub mod train;
pub mod trainer;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// SIGUSR1 asks how a worker stands. Commands that have no answer pass over it from now on: whoever sends it to all processes of that name
/// ends no training.
///
/// # Errors
/// If the process cannot catch signals.
pub fn pass_over_questions() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    // it stays caught when nobody listens any more
    signal(SignalKind::user_defined1()).map(drop)
}

/// Reads one of `all` by its name.
pub(crate) fn choice<T: Copy + Send + Sync>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let named = move |text: String| all.iter().copied().find(|choice| name(*choice) == text);
    PossibleValuesParser::new(all.iter().map(|choice| name(*choice)))
        .try_map(move |text| named(text).ok_or("expected one of the names above"))
}
