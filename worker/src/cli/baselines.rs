//! `worker baselines`: what needs no training, on all cases of a data set. Prints the mean scores of each.

use super::prepare::Images;
use super::table::table;
use crate::data::{self, DataError, default_cache_dir};
use crate::train::baselines::Baselines;
use proto::extras::Baseline;
use proto::measure::Scores;
use proto::spec::Metric;
use std::io::{self, Write};

/// Score segmentations that need no training, on all cases of a data set
///
/// Here the mean mask is that of all cases; in a sweep it is that of a job's training cases.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    images: Images,
}

/// Why there are no scores.
#[derive(Debug, thiserror::Error)]
pub enum BaselinesError {
    /// The data set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The standard output cannot be written.
    #[error("cannot write to the standard output")]
    Output(#[from] io::Error),
}

/// Runs the subcommand.
///
/// # Errors
/// If the data set cannot be used.
pub fn run(args: Args) -> Result<(), BaselinesError> {
    let Args { images } = args;
    let root = images.data.as_deref();
    let cases = data::load(&images.dataset(), root, images.image_size, Some(&default_cache_dir()))?;
    let all: Vec<u32> = (0..cases.inventory.cases.len() as u32).collect();
    let baselines = Baselines::new(&cases, &all);
    let shown = [Metric::ThresholdedIou, Metric::Iou, Metric::Dice, Metric::Accuracy];
    let row = |baseline: Baseline| {
        let scores = Scores::of(f64::NAN, &baselines.counts(baseline, &all));
        let score = |metric: Metric| scores.get(metric).map_or_else(|| "-".to_owned(), |score| format!("{score:.4}"));
        let [a, b, c, d] = shown.map(score);
        [baseline.name().to_owned(), a, b, c, d]
    };
    let [a, b, c, d] = shown.map(Metric::name);
    let table = table(["baseline", a, b, c, d], Baseline::ALL.map(row), 1..);
    Ok(writeln!(io::stdout().lock(), "{table}")?)
}
