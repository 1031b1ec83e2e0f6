//! One candidate or baseline by itself.

use crate::analysis::stats::{Interval, Summary};
use serde::Serialize;

use super::pair::Share;

/// A candidate or a baseline over its replicates.
///
/// A job that diverged, collapsed or failed is never averaged away: with a score it counts with that score, without one it stands
/// in `without_score`, and `mean_at_worst` says what the mean were with the worst score of the sweep in its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name in words.
    pub label: String,
    /// Number of jobs: one a replicate.
    pub jobs: usize,
    /// Jobs that have not ended.
    pub missing: usize,
    /// Jobs that failed, of those that ended.
    pub failed: Share,
    /// Jobs that left no trained model, of those that ended: failed, or with another verdict than `trained`.
    pub not_trained: Share,
    /// Jobs that ended, failed ones among them, without a score. Where there are any, the mean is of the others only.
    pub without_score: usize,
    /// All scores.
    pub scores: Summary,
    /// Number of splits with a score: replicates of one split count as one, with their mean.
    pub splits: usize,
    /// Interval of the mean over other random splits of these cases (naive t); `None` for fewer than two splits.
    pub this_pool: Option<Interval>,
    /// Interval of the mean for new cases and new training sets (Nadeau-Bengio); `None` for fewer than two splits.
    pub new_data: Option<NewData>,
    /// The same with each ratio of [`Options::sensitivity`](super::Options::sensitivity).
    pub sensitivity: Vec<NewData>,
    /// The mean of the scores of models with the verdict `trained`; `None` if there is none, or nobody looked.
    pub mean_if_trained: Option<f64>,
    /// Number of scores in `mean_if_trained`.
    pub trained: usize,
    /// The mean with the worst score of all candidates in place of each score that a job ended without.
    pub mean_at_worst: Option<f64>,
    /// The mean as if it had run on every replicate: its effect in the additive model candidate + replicate, with the worst score
    /// for jobs that ended without. Equals `scores.mean` where every job has a score.
    pub adjusted_mean: Option<f64>,
    /// Mean of the validation scores.
    pub validation_mean: Option<f64>,
    /// Verdicts of the jobs that ended with a result.
    pub verdicts: Verdicts,
    /// Training time of all jobs together, seconds.
    pub seconds: f64,
    /// Mean training time of a job, seconds.
    pub mean_seconds: Option<f64>,
}

/// An interval for new data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NewData {
    /// The ratio of test to training cases that it was made with.
    pub ratio: f64,
    /// The interval.
    pub interval: Interval,
}

/// Numbers of jobs by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Verdicts {
    /// Models.
    pub trained: usize,
    /// No better than a mask that does not depend on the image.
    pub trivial: usize,
    /// Nearly all-empty or all-full masks.
    pub degenerate: usize,
    /// The loss became infinite or not a number.
    pub diverged: usize,
    /// Nobody looked.
    pub unknown: usize,
}
