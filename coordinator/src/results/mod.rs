//! The rows that every table is made of.

use crate::plan::{AxisValue, Objective};
use proto::extras::Baseline;
use proto::ids::{Attempt, BaselinesHash, ContentHash, JobId, SplitHash};
use proto::measure::{CaseCounts, Measurement, Scores, Verdict};
use proto::spec::{Seeds, Split, Subset, Trainer};

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

/// What a succeeded job adds to its row.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultColumns {
    /// Whether it is a model.
    pub verdict: Verdict,
    /// Epochs trained.
    pub epochs: u32,
    /// The epoch whose weights count; 0 if none was finite.
    pub best_epoch: u32,
    /// Scores of the validation subset at that epoch.
    pub validation: Scores,
    /// Scores of the test subset at that epoch.
    pub test: Scores,
    /// Pixels of the validation cases.
    pub validation_cases: Vec<CaseCounts>,
    /// Pixels of the test cases.
    pub test_cases: Vec<CaseCounts>,
    /// Duration of the training, seconds.
    pub train_seconds: f64,
    /// Number of trained parameters.
    pub parameters: u64,
    /// What it ran on.
    pub device: String,
    /// Name of the worker that ran it.
    pub worker: String,
    /// Which cases it was trained, selected and tested on; `None` where the worker did not say.
    pub split_hash: Option<SplitHash>,
    /// Where the store has the baselines of its split, if it came with any.
    pub baselines: Option<BaselinesHash>,
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
    pub result: Option<ResultColumns>,
}

/// The counts of the cases of one job's subset.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    /// The job.
    pub job: JobId,
    /// The subset.
    pub subset: Subset,
    /// The case's id.
    pub case: String,
    /// Its pixels.
    pub counts: CaseCounts,
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

/// What stands above a table: which sweep, on which data.
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
    /// By what candidates are selected, and which metric is reported.
    pub objective: Objective,
    /// The sizes of the subsets.
    pub split: Split,
    /// Number of cases of the data set, once a worker has offered it.
    pub cases: Option<usize>,
}
