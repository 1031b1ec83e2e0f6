//! The performance of one candidate or baseline by itself.

use super::grid::{End, Grid, GridRow};
use super::options::Options;
use super::student::Students;
use crate::analysis::observations::{Ended, Observation, Observations};
use crate::stats::additive::Additive;
use crate::stats::interval::wilson_at;
use crate::stats::paired::Moments;
use crate::stats::{Interval, Summary};
use proto::measure::Verdict;
use serde::Serialize;

/// A candidate or a baseline over its replicates.
///
/// A job that diverged, collapsed or failed is never averaged away: with a score it counts with that score, without one it stands
/// in `without_score`, and `mean_at_worst` says what the mean were with a failed score in its place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Performance {
    /// Its name in words.
    pub label: String,
    /// Number of jobs: one per replicate.
    pub jobs: usize,
    /// Jobs that have not ended.
    pub missing: usize,
    /// Jobs that are not run: the candidate was dropped before.
    pub dropped: usize,
    /// Jobs that failed, of those that ended.
    pub failed: Share,
    /// Jobs that left no trained model, of those that ended: failed, or with another verdict than `trained`.
    pub not_trained: Share,
    /// Jobs that ended, failed ones among them, without a score. Where there are any, the mean is of the others only.
    pub without_score: usize,
    /// All scores.
    pub scores: Summary,
    /// Scores far outside of its others, where verdicts are not known.
    pub far_outside: usize,
    /// For jobs with the verdict `trivial`, their mean score and that of the best mask that does not depend on the image, on the same
    /// splits; `None` without such jobs or masks.
    pub trivial_against: Option<(f64, f64)>,
    /// Number of splits with a score: replicates of one split count as one, with their mean.
    pub splits: usize,
    /// Interval of the mean over other random splits of these cases (naive t); `None` for fewer than two splits.
    pub this_pool: Option<Interval>,
    /// Interval of the mean for new cases and new training sets (Nadeau-Bengio); `None` for fewer than two splits.
    pub new_data: Option<NewData>,
    /// The same with each ratio of [`Options::sensitivity`](super::Options::sensitivity).
    pub sensitivity: Vec<NewData>,
    /// The mean of the scores of models with the verdict `trained`; `None` if there is none, or verdicts are not known.
    pub mean_if_trained: Option<f64>,
    /// Number of scores in `mean_if_trained`.
    pub trained: usize,
    /// The mean with a failed score in place of each that a job ended without: what was stated, else the worst of its own scores and of
    /// the best mask that does not depend on the image.
    pub mean_at_worst: Option<f64>,
    /// The mean as if it had run on every replicate: its effect in the additive model candidate + replicate, with the failed
    /// score for jobs that ended without. Equals `scores.mean` where every job has a score.
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

/// A share of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// Wilson's interval of the probability; all of [0, 1] for `of: 0`.
    pub interval: Interval,
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
    /// The verdict is not known.
    pub unknown: usize,
}

/// What all rows are summarised with.
pub(super) struct Performances<'a> {
    pub(super) grid: &'a Grid,
    pub(super) students: &'a Students,
    pub(super) options: &'a Options,
    pub(super) ratio: f64,
    /// The values that a score can have, if they are known.
    pub(super) range: Option<Interval>,
}

impl Performance {
    /// By what candidates are put in order: the adjusted mean. `None` of one without a score: its adjusted mean is of failed scores alone.
    #[must_use]
    pub fn ordered_by(&self) -> Option<f64> {
        self.scores.mean.map(|mean| self.adjusted_mean.unwrap_or(mean))
    }
}

impl Performances<'_> {
    /// The candidates' rows.
    pub(super) fn candidates(&self, observations: &Observations) -> Vec<Performance> {
        let cells: Vec<_> = self.grid.of_candidates().iter().map(|row| self.grid.with_failed(row)).collect();
        let adjusted = Additive::fit(&cells).rows;
        let all = observations.candidates.iter().zip(self.grid.of_candidates()).zip(adjusted);
        all.map(|((of, row), adjusted)| self.row(of.label(), &of.observations, row, adjusted)).collect()
    }

    /// The baselines' rows.
    pub(super) fn baselines(&self, observations: &Observations) -> Vec<Performance> {
        let all = observations.baselines.iter().zip(&self.grid.rows[self.grid.candidates..]);
        all.map(|(of, row)| self.row(of.name.clone(), &of.observations, row, None)).collect()
    }

    /// One row; `adjusted` is its mean in the additive model.
    fn row(&self, label: String, jobs: &[Observation], row: &GridRow, adjusted: Option<f64>) -> Performance {
        let count = |is: fn(&End) -> bool| row.ends.iter().filter(|end| is(end)).count();
        let not_run = count(|end| *end == End::Missing);
        let dropped = jobs.iter().filter(|job| matches!(job, Observation::Dropped)).count();
        let ended = row.ends.len() - not_run;
        let failed = jobs.iter().filter(|job| matches!(job, Observation::Failed)).count();
        let results: Vec<&Ended> = jobs.iter().filter_map(Observation::ended).collect();
        let scores: Vec<f64> = row.scores.iter().copied().filter(|score| !score.is_nan()).collect();
        let trained = self.trained(&results);
        let splits = self.split_means(row);
        let at_worst: Vec<f64> = self.grid.with_failed(row).into_iter().filter(|score| !score.is_nan()).collect();
        let validation: Vec<f64> = results.iter().filter_map(|ended| ended.validation).collect();
        let seconds: Vec<f64> = results.iter().filter_map(|ended| ended.seconds).collect();
        Performance {
            label,
            jobs: row.ends.len(),
            missing: not_run - dropped,
            dropped,
            failed: self.share(failed, ended),
            not_trained: self.share(count(|end| matches!(end, End::WithoutScore | End::NotTrained)), ended),
            without_score: count(|end| *end == End::WithoutScore),
            scores: Summary::of(&scores),
            far_outside: row.far.iter().filter(|far| **far).count(),
            trivial_against: self.trivial_against(jobs),
            splits: splits.len(),
            this_pool: self.interval(&splits, 0.0),
            new_data: self.new_data(&splits, self.ratio),
            sensitivity: self.options.sensitivity.iter().filter_map(|ratio| self.new_data(&splits, *ratio)).collect(),
            mean_if_trained: Summary::of(&trained).mean,
            trained: trained.len(),
            mean_at_worst: Summary::of(&at_worst).mean,
            adjusted_mean: adjusted,
            validation_mean: Summary::of(&validation).mean,
            verdicts: Verdicts::of(&results),
            seconds: seconds.iter().fold(0.0, |sum, seconds| sum + seconds),
            mean_seconds: Summary::of(&seconds).mean,
        }
    }

    fn trivial_against(&self, jobs: &[Observation]) -> Option<(f64, f64)> {
        let is_trivial = |job: &Observation| job.ended().and_then(|ended| ended.verdict) == Some(Verdict::Trivial);
        let trivial = jobs.iter().enumerate().filter(|(_, job)| is_trivial(job));
        let both = trivial.filter_map(|(at, job)| Some((job.score()?, self.grid.constant(at)?))).collect::<Vec<_>>();
        let mean = |of: fn(&(f64, f64)) -> f64| super::grid::mean(both.iter().map(of));
        (!both.is_empty()).then(|| (mean(|both| both.0), mean(|both| both.1)))
    }

    fn share(&self, count: usize, of: usize) -> Share {
        Share { count, of, interval: wilson_at(count as f64, of, self.students.z) }
    }

    /// The mean score of each split with a score.
    fn split_means(&self, row: &GridRow) -> Vec<f64> {
        let of_split = |split: &Vec<usize>| {
            let scores = split.iter().map(|replicate| row.scores[*replicate]).filter(|score| !score.is_nan());
            super::grid::mean(scores)
        };
        self.grid.splits.iter().map(of_split).filter(|mean| !mean.is_nan()).collect()
    }

    fn interval(&self, splits: &[f64], ratio: f64) -> Option<Interval> {
        Moments::of(splits).map(|moments| self.students.interval(&moments, ratio).kept_within(self.range))
    }

    fn new_data(&self, splits: &[f64], ratio: f64) -> Option<NewData> {
        self.interval(splits, ratio).map(|interval| NewData { ratio, interval })
    }

    /// The scores of models.
    fn trained(&self, results: &[&Ended]) -> Vec<f64> {
        let models = results.iter().filter(|ended| ended.verdict == Some(Verdict::Trained));
        models.filter_map(|ended| ended.score.filter(|score| score.is_finite())).collect()
    }
}

impl Verdicts {
    fn of(results: &[&Ended]) -> Self {
        let mut verdicts = Self::default();
        for ended in results {
            let count = match ended.verdict {
                Some(Verdict::Trained) => &mut verdicts.trained,
                Some(Verdict::Trivial) => &mut verdicts.trivial,
                Some(Verdict::Degenerate) => &mut verdicts.degenerate,
                Some(Verdict::Diverged) => &mut verdicts.diverged,
                None => &mut verdicts.unknown,
            };
            *count += 1;
        }
        verdicts
    }
}
