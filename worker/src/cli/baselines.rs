//! `worker baselines`: what needs no training, on all cases of a data set. Prints the mean scores of each.

use super::prepare::{Images, fetch, progress};
use super::table::table;
use crate::data::{DataError, Source, cache, default_cache_dir, summary};
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
    let source = Source::open(&images.dataset(), images.data.as_deref())?;
    let file = default_cache_dir().join(cache::file_name(&source.inventory, images.image_size));
    let (cases, kept) = fetch(&source, images.image_size, &file)?;
    if let Err(error) = kept {
        tracing::warn!(reason = %error.source, "{error}");
    }
    for warning in summary(&source, &cases).warnings() {
        tracing::warn!("{warning}");
    }
    let all: Vec<u32> = (0..cases.inventory.cases.len() as u32).collect();
    let baselines = Baselines::new(&cases, &all);
    let progress = progress(all.len() * Baseline::ALL.len());
    let shown = [Metric::ThresholdedIou, Metric::Iou, Metric::Dice, Metric::Accuracy];
    let row = |baseline: Baseline| {
        // not `wrap_iter`, whose end is the bar's
        let counts = all.iter().inspect(|_| progress.inc(1)).flat_map(|case| baselines.counts(baseline, &[*case]));
        let scores = Scores::of(f64::NAN, &counts.collect::<Vec<_>>());
        let score = |metric: Metric| scores.get(metric).map_or_else(|| "-".to_owned(), |score| format!("{score:.4}"));
        let [a, b, c, d] = shown.map(score);
        [baseline.name().to_owned(), a, b, c, d]
    };
    let [a, b, c, d] = shown.map(Metric::name);
    let rows = Baseline::ALL.map(row);
    progress.finish_and_clear();
    let table = table(["baseline", a, b, c, d], rows, 1..);
    Ok(writeln!(io::stdout().lock(), "{table}")?)
}
