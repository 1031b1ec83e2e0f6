//! What a sweep has come to: its jobs with their results, its baselines, its looks. Plain data.

use crate::plan::{AxisValue, Objective};
use crate::race::Look;
use proto::extras::Baseline;
use proto::ids::{Attempt, BaselinesHash, ContentHash, JobId};
use proto::measure::{CaseCounts, JobResult, Measurement, Verdict};
use proto::spec::{Metric, Seeds, Split, Subset, Trainer};

/// All results of a sweep. Its epochs and pictures are not among them: they would be millions.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepResults {
    /// Which sweep it is.
    pub head: SweepHead,
    /// Every job of the plan.
    pub jobs: Vec<JobRow>,
    /// What needs no training, on the splits of the replicates.
    pub baselines: Vec<BaselineRow>,
    /// The looks that were taken, if the sweep stops candidates.
    pub looks: Vec<Look>,
    /// Ids of the data set's cases, by their index; empty until a worker has offered the data set.
    pub cases: Vec<String>,
}

impl SweepResults {
    /// The same results, shown by another metric than the objective's.
    ///
    /// # Errors
    /// If the sweep did not ask for it, and pixel counts do not tell it.
    pub fn shown_by(mut self, metric: Metric) -> Result<Self, NotMeasured> {
        if Metric::MEASURED.contains(&metric) && !self.head.measured.contains(&metric) {
            return Err(NotMeasured { sweep: self.head.sweep, metric });
        }
        self.head.metric = metric;
        Ok(self)
    }

    /// The id of a case. An index beyond the list can only be a worker's mistake: it is shown as it is.
    #[must_use]
    pub fn case(&self, index: u32) -> String {
        self.cases.get(index as usize).cloned().unwrap_or_else(|| index.to_string())
    }

    /// Forgets the pixels of each case of the jobs that have a model: they are most of a sweep's memory, and only the analysis needs them.
    pub fn forget_cases(&mut self) {
        let results = self.jobs.iter_mut().filter_map(|job| job.result.as_mut());
        for ScoredResult { result, .. } in results.filter(|scored| scored.result.verdict == Verdict::Trained) {
            for evaluation in [&mut result.validation, &mut result.test] {
                (evaluation.cases, evaluation.measured) = (Vec::new(), Vec::new());
            }
        }
    }

    /// The seed of the split of a replicate, by the replicate's index in the plan; empty for an index beyond the plan.
    #[must_use]
    pub fn split_seed(&self, replicate: usize) -> String {
        self.head.replicates.get(replicate).map_or_else(String::new, |seeds| seeds.split_seed.to_string())
    }
}

/// A metric that a sweep did not measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "sweep `{sweep}` has not measured {metric}: with `metrics: [{metric}]` in its file its jobs are trained anew, and measure it"
)]
pub struct NotMeasured {
    sweep: String,
    metric: Metric,
}

/// What the splits of a sweep are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitsAre {
    /// Drawn at random from all cases, or folds of such a draw: test cases and training cases change together.
    Drawn,
    /// Random training cases, and test cases that are always the same.
    OfFixedTest,
    /// What a file lists.
    Listed,
}

/// The state of a job, as tables show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Ended with a result.
    Succeeded,
    /// Ended without one.
    Failed,
    /// Taken off the queue.
    Cancelled,
    /// Not needed: its candidate was stopped before.
    Dropped,
}

impl RowState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled, Self::Dropped];

    /// The state of that name in tables.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
        }
    }
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredResult {
    /// The result as the worker handed it in, of its extras without baselines and pictures.
    pub result: JobResult,
    /// Name of the worker that ran it.
    pub worker: String,
    /// Where the store has the baselines of its split, if it came with any.
    pub baselines: Option<BaselinesHash>,
}

impl ScoredResult {
    /// The score of a subset at the epoch that counts; `None` for the training subset, which is not evaluated.
    #[must_use]
    pub fn score(&self, subset: Subset, metric: Metric) -> Option<f64> {
        self.result.evaluation(subset)?.score(metric)
    }

    /// The pixels of each case of a subset; none of the training subset, which is not evaluated.
    #[must_use]
    pub fn cases(&self, subset: Subset) -> &[CaseCounts] {
        self.result.evaluation(subset).map_or(&[], |evaluation| &evaluation.cases)
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// Its id.
    pub job: JobId,
    /// Index of its candidate in the plan.
    pub candidate: usize,
    /// Index of its replicate in the plan.
    pub replicate: usize,
    /// Where it stands.
    pub state: RowState,
    /// How often it was started.
    pub attempts: u32,
    /// The last failure's message.
    pub message: Option<String>,
    /// Its result.
    pub result: Option<ScoredResult>,
}

/// What needs no training, on the split of a replicate: every candidate meets the same.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineRow {
    /// Index of the replicate in the plan.
    pub replicate: usize,
    /// Which baseline; its name stands where a candidate's does.
    pub baseline: Baseline,
    /// Counts of the validation cases.
    pub validation: Vec<CaseCounts>,
    /// Counts of the test cases.
    pub test: Vec<CaseCounts>,
}

/// One epoch of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementRow {
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// The numbers.
    pub measurement: Measurement,
}

/// An example segmentation of a test case.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Index of the candidate in the plan.
    pub candidate: usize,
    /// Name of the split.
    pub split: String,
    /// Id of the case.
    pub case: String,
    /// Its place among the test cases by IoU: 1 is the best, `of` the worst.
    pub rank: u32,
    /// Number of test cases.
    pub of: u32,
    /// Its IoU.
    pub iou: f64,
    /// PNG, side by side: image, probabilities, predicted mask, true mask.
    pub png: Vec<u8>,
}

/// Which sweep it is, on which data.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepHead {
    /// The sweep's name.
    pub sweep: String,
    /// The data set's content, once a worker has offered it.
    pub content: Option<ContentHash>,
    /// Whether the numbers are made up.
    pub trainer: Trainer,
    /// Names of the axes.
    pub axes: Vec<String>,
    /// Each candidate's value on each axis.
    pub candidates: Vec<Vec<Option<AxisValue>>>,
    /// The replicates' seeds.
    pub replicates: Vec<Seeds>,
    /// What the sweep file says: by what epochs were chosen and candidates stopped, and which subset is reported.
    pub objective: Objective,
    /// What its jobs measure on the masks beside.
    pub measured: Vec<Metric>,
    /// The metric that is shown: the objective's, unless somebody asks for another.
    pub metric: Metric,
    /// The sizes of the subsets.
    pub split: Split,
    /// Number of cases of the data set, once a worker has offered it.
    pub cases: Option<usize>,
    /// The group of each case; empty if every case stands for itself.
    pub groups: Vec<u32>,
    /// Whether the splits are drawn at random, so that they say something of training sets that nobody has.
    pub splits_are: SplitsAre,
}
