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

/// Reads one of `all` by its name.
pub(crate) fn choice<T: Copy + Send + Sync>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let named = move |text: String| all.iter().copied().find(|choice| name(*choice) == text);
    PossibleValuesParser::new(all.iter().map(|choice| name(*choice)))
        .try_map(move |text| named(text).ok_or("expected one of the names above"))
}
