//! The scores that are compared: of candidates and baselines over replicates, one each. The types know neither where the scores
//! come from nor what is made of them.
//!
//! ```text
//!  results of a sweep --from_results--+--> Observations --comparison--> Analysis
//!  CSV of any tool ------from_csv-----+
//! ```

pub mod from_csv;
pub mod from_results;

use crate::plan::AxisValue;
use crate::stats::Interval;
use proto::measure::Verdict;
use proto::spec::Seeds;

/// Ratio of test to training cases where it is not known: 50 to 100.
pub const DEFAULT_RATIO: f64 = 0.5;

/// Cases that are reported on, by those of the pool that are not: they are what a training set can be drawn from. Where the size of the
/// pool is not known, by those that are trained on; `None` if there are no others.
#[must_use]
pub fn ratio(reported: u32, train: u32, pool: Option<usize>) -> Option<f64> {
    let others = pool.map_or(train as usize, |pool| pool.saturating_sub(reported as usize));
    (others > 0).then(|| f64::from(reported) / others as f64)
}

/// All scores of a sweep, on a grid of candidate x replicate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    /// What the scores are, such as `thresholded_iou`.
    pub metric: String,
    /// Whether a greater score is a better one.
    pub higher_is_better: bool,
    /// Names of the axes.
    pub axes: Vec<String>,
    /// The candidates, in the order of the plan.
    pub candidates: Vec<Candidate>,
    /// What needs no training, on the same test cases.
    pub baselines: Vec<Baseline>,
    /// The replicates, in the order of the plan.
    pub replicates: Vec<Replicate>,
    /// What differs between replicates.
    pub replicates_are: ReplicatesAre,
    /// The values that a score can have; `None` if not known.
    pub range: Option<Interval>,
    /// Test cases by the cases of the pool that a split does not test: the ratio of Nadeau and Bengio's correction. Test by training
    /// cases, if the number of cases is not known; `None` if neither is.
    pub ratio: Option<f64>,
    /// Number of cases that the splits are drawn from; `None` if not known.
    pub pool: Option<usize>,
    /// The group of each case of which scores are alike, such as a patient, by index of the case; empty if every case stands for itself.
    pub clusters: Vec<u32>,
    /// What was decided by another metric; `None` if nothing was.
    pub decided: Option<Decided>,
}

impl ReplicatesAre {
    /// Whether they can say something of new training sets, with the correction for their overlap.
    #[must_use]
    pub fn reach_new_data(self) -> bool {
        matches!(self, Self::Splits | Self::Seeds)
    }
}

/// What was decided by another metric than the one that is shown, while the sweep ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The metric by which it was decided.
    pub metric: String,
    /// Which epoch of each job counts.
    pub epochs: bool,
    /// Which candidates were stopped early.
    pub stops: bool,
}

/// A candidate and what is known of each of its jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidate {
    /// Its value on each axis; `None` where the axis does not concern it.
    pub values: Vec<Option<AxisValue>>,
    /// One per replicate.
    pub observations: Vec<Observation>,
}

/// A rule that needs no training, such as "all foreground", as one more row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// Whether it gives every image the same mask: what a network has to beat that looks at the image.
    pub is_constant: bool,
    /// One per replicate; [`Observation::Missing`] where it was not evaluated.
    pub observations: Vec<Observation>,
}

/// What differs between the replicates of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplicatesAre {
    /// The split into training and test cases.
    #[default]
    Splits,
    /// The seed, as far as is known: all replicates may have one split. Then they say nothing of other splits or new data.
    Seeds,
    /// The training cases, while the test cases stay the same: no correction for new data is known.
    SplitsOfFixedTest,
    /// Splits that somebody has listed: no correction for new data is known.
    ListedSplits,
}

/// One value of the seeds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replicate {
    /// Its name in tables: `0` for the split seed 0, or what a file calls it.
    pub label: String,
    /// Its seeds, if it has any.
    pub seeds: Option<Seeds>,
    /// Which split it uses. Replicates of one split, as where seeds are crossed, differ in initialisation or order only: they are
    /// averaged before anything is compared over splits. `None`: a split of its own.
    pub split: Option<u64>,
    /// The permutation that its split is a rotation of. `None`: the split is drawn by itself.
    pub permutation: Option<u64>,
}

/// What is known of one job.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Observation {
    /// Not run, or not ended.
    #[default]
    Missing,
    /// Not run, and not to be: its candidate was dropped before.
    Dropped,
    /// Ended without a result, for good.
    Failed,
    /// Ended with a result.
    Ended(Ended),
}

/// The result of one job.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ended {
    /// Whether it is a model; `None` if not known.
    pub verdict: Option<Verdict>,
    /// The score that is reported: of the test subset. A training that diverged or collapsed has the score it has; `None` only
    /// if there is no finite one.
    pub score: Option<f64>,
    /// The score by which candidates are selected: of the validation subset.
    pub validation: Option<f64>,
    /// Duration of the training, seconds.
    pub seconds: Option<f64>,
    /// Hash of the lists of cases of its split; `None` if not known. Two jobs are paired only if theirs agree.
    pub split_hash: Option<String>,
    /// The score of each test case, those of a group together, else in ascending order of the cases; empty if not known.
    pub cases: Vec<CaseScore>,
}

/// The score of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaseScore {
    /// Index of the case in the data set's sorted list.
    pub case: u32,
    /// Its score.
    pub score: f64,
}

impl Observation {
    /// An ended job with nothing but a score.
    #[must_use]
    pub fn scored(score: f64) -> Self {
        Self::Ended(Ended { score: Some(score), ..Ended::default() })
    }

    /// Its result, if it ended with one.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        match self {
            Self::Ended(ended) => Some(ended),
            Self::Missing | Self::Dropped | Self::Failed => None,
        }
    }

    /// Its finite score, if it has one.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        self.ended().and_then(|ended| ended.score).filter(|score| score.is_finite())
    }

    /// Whether the job was not run to an end.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Dropped)
    }

    /// Whether the two were tested on the same cases, as far as is known.
    #[must_use]
    pub fn is_of_one_split_with(&self, other: &Self) -> bool {
        let hash = |of: &Self| of.ended().and_then(|ended| ended.split_hash.clone());
        hash(self).zip(hash(other)).is_none_or(|(own, other)| own == other)
    }

    /// Whether the job came to an end and left no score: it is counted, and never averaged away.
    #[must_use]
    pub fn ended_without_score(&self) -> bool {
        !self.is_missing() && self.score().is_none()
    }
}

impl Candidate {
    /// Its name in words: the values of its axes.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.values)
    }
}

/// A candidate in words: its values, in the order of the axes.
#[must_use]
pub fn label(values: &[Option<AxisValue>]) -> String {
    values.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
