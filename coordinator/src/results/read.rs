//! Store -> `SweepResults`.
//!
//! ```text
//!  journal --restore--> state: which jobs there are, where each stands --+--> SweepResults
//!  result tables -----------------------------------------------------------+
//! ```

use super::types::{
    BaselineRow, Example, JobRow, MeasurementRow, NotMeasured, RowState, ScoredResult, SplitsAre, SweepHead,
    SweepResults,
};
use crate::driver::restore;
use crate::plan::Plan;
use crate::scheduler::{JobState, Limits, State, Sweep, Timestamp};
use crate::store::{Entry, Reader, StoreError, StoredResult, Wanted};
use proto::cases::CaseLists;
use proto::data::Dataset;
use proto::extras::BaselineCounts;
use proto::ids::JobId;
use proto::measure::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no such sweep.
    #[error("no sweep is named `{name}`; there are: {known}")]
    UnknownSweep {
        /// What was asked for.
        name: String,
        /// The names of those that there are.
        known: String,
    },
    /// The store has no sweep at all.
    #[error(transparent)]
    NoSweep(#[from] NoSweep),
    /// It is to be shown by a metric that it did not measure.
    #[error(transparent)]
    NotMeasured(#[from] NotMeasured),
}

/// A store has no sweep at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "store {store} is empty, it holds no sweep: submit one with coordinator submit FILE, or name another store with --store"
)]
pub struct NoSweep {
    /// The store.
    store: String,
}

impl NoSweep {
    /// Refuses a store that has no sweep.
    ///
    /// # Errors
    /// If it has none.
    pub fn check(reader: &Reader, state: &State) -> Result<(), Self> {
        let store = reader.path().display().to_string();
        state.sweeps().next().map(drop).ok_or(Self { store })
    }
}

/// The scheduler's state that a store holds.
///
/// # Errors
/// If the store cannot be read.
pub fn state(reader: &Reader) -> Result<State, StoreError> {
    restore(reader, Timestamp(0), Limits::default(), 0)
}

/// The sweeps and their jobs, without what became of the jobs: of a million that is most of the journal.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn listed(reader: &Reader) -> Result<State, StoreError> {
    const OF_SWEEPS: Wanted = Wanted::Named(&["submitted", "pinned", "rejected", "cancelled", "deleted"]);
    let mut state = State::new(Limits::default(), 0);
    reader.entries(OF_SWEEPS, |Entry { seq, fact, .. }| {
        state.apply(Timestamp(0), &fact).map_err(|misfit| reader.misfit(seq, misfit.to_string()))
    })?;
    Ok(state)
}

/// The results of a sweep; of the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn read(reader: &Reader, sweep: &str) -> Result<SweepResults, ResultsError> {
    let state = state(reader)?;
    NoSweep::check(reader, &state)?;
    let sweep = find(&state, sweep)?;
    let jobs = job_rows(reader, &state, sweep)?;
    Ok(SweepResults {
        head: SweepHead::of(sweep),
        baselines: baseline_rows(reader, &jobs)?,
        jobs,
        looks: sweep.course.looks.clone(),
        cases: sweep.inventory.as_ref().map(|inventory| inventory.cases.clone()).unwrap_or_default(),
    })
}

/// The epochs of some jobs.
///
/// # Errors
/// If the store cannot be read.
pub fn measurements<'a>(
    reader: &Reader,
    jobs: impl IntoIterator<Item = &'a JobRow>,
) -> Result<Vec<MeasurementRow>, StoreError> {
    let mut rows = Vec::new();
    for JobRow { job, .. } in jobs {
        rows.extend(epochs(reader, *job)?);
    }
    Ok(rows)
}

/// The epochs of one job.
///
/// # Errors
/// If the store cannot be read.
pub fn epochs(reader: &Reader, job: JobId) -> Result<Vec<MeasurementRow>, StoreError> {
    let row = |(attempt, measurement)| MeasurementRow { job, attempt, measurement };
    Ok(reader.measurements(job)?.into_iter().map(row).collect())
}

/// The example segmentations of one job of each of some candidates: the first that handed any in.
///
/// # Errors
/// If the store cannot be read.
pub fn examples(reader: &Reader, results: &SweepResults, candidates: &[usize]) -> Result<Vec<Example>, StoreError> {
    let mut examples = Vec::new();
    for candidate in candidates {
        for job in results.jobs.iter().filter(|job| job.candidate == *candidate && job.result.is_some()) {
            let artifacts = reader.artifacts(job.job)?;
            let is_found = !artifacts.is_empty();
            examples.extend(artifacts.into_iter().map(|artifact| Example {
                candidate: *candidate,
                split: results.split_seed(job.replicate),
                case: results.case(artifact.case),
                rank: artifact.rank,
                of: artifact.of,
                iou: artifact.iou,
                png: artifact.png,
            }));
            if is_found {
                break;
            }
        }
    }
    Ok(examples)
}

fn find<'a>(state: &'a State, name: &str) -> Result<&'a Sweep, ResultsError> {
    state.sweep(name).ok_or_else(|| {
        let known: Vec<_> = state.sweeps().map(|sweep| sweep.plan.sweep.as_str()).collect();
        ResultsError::UnknownSweep { name: name.to_owned(), known: known.join(", ") }
    })
}

/// The data set of a sweep, as its file describes it.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn dataset(reader: &Reader, sweep: &str) -> Result<Dataset, ResultsError> {
    let state = state(reader)?;
    Ok(find(&state, sweep)?.plan.dataset.clone())
}

/// The results of a sweep that has not begun.
#[must_use]
pub fn none_yet(plan: &Plan) -> SweepResults {
    let head = SweepHead::of_plan(plan);
    SweepResults { head, jobs: Vec::new(), baselines: Vec::new(), looks: Vec::new(), cases: Vec::new() }
}

impl SweepHead {
    fn of(sweep: &Sweep) -> Self {
        let data = sweep.inventory.as_deref();
        Self {
            content: data.map(|data| data.content),
            split: data.and_then(|data| sweep.plan.split(0, data).ok()).unwrap_or(sweep.plan.drawn()),
            cases: data.map(|data| data.cases.len()),
            groups: data.map(|data| data.marks.groups.clone()).unwrap_or_default(),
            ..Self::of_plan(&sweep.plan)
        }
    }

    /// What is known before a worker has offered the data set.
    fn of_plan(plan: &Plan) -> Self {
        Self {
            sweep: plan.sweep.clone(),
            content: None,
            trainer: plan.trainer(),
            axes: plan.axes.clone(),
            candidates: plan.candidates.iter().map(|candidate| candidate.values.clone()).collect(),
            replicates: plan.replicates.clone(),
            objective: plan.objective,
            metric: plan.objective.metric,
            measured: plan.metrics().to_vec(),
            split: plan.drawn(),
            cases: None,
            groups: Vec::new(),
            splits_are: splits_are(&plan.dataset.lists),
        }
    }
}

/// Folds that a file lists are folds: each case is reported on once.
fn splits_are(lists: &CaseLists) -> SplitsAre {
    let mut reported = BTreeSet::new();
    let mut subsets = lists.partitions.values().map(|of| if of.test.is_empty() { &of.validation } else { &of.test });
    let are_folds = subsets.all(|subset| subset.iter().all(|case| reported.insert(case)));
    let is_whole = reported.len() == lists.named().len();
    match (lists.fixed_test.is_some(), lists.partitions.is_empty()) {
        (true, _) => SplitsAre::OfFixedTest,
        (_, true) => SplitsAre::Drawn,
        _ if are_folds && is_whole => SplitsAre::Drawn,
        _ => SplitsAre::Listed,
    }
}

fn job_rows(reader: &Reader, state: &State, sweep: &Sweep) -> Result<Vec<JobRow>, StoreError> {
    let mut rows = Vec::with_capacity(sweep.jobs.len());
    for (place, id) in sweep.jobs.iter().enumerate() {
        let Some(job) = state.job(*id) else { continue };
        // a million that have not ended need not be looked for
        let mut result = if job.state == JobState::Succeeded {
            Some(reader.result(*id)?.ok_or_else(|| reader.without_result(*id))?)
        } else {
            None
        };
        if let Some(StoredResult { result, .. }) = &mut result {
            result.extras.peak_mib = reader.peak_mib(*id)?;
            result.extras.energy_joules = reader.energy_joules(*id)?;
            result.extras.weights = reader.weights(*id)?;
            if result.verdict != Verdict::Trained {
                result.extras.evidence = reader.evidence(*id)?;
            }
        }
        let (candidate, replicate) = sweep.coordinates(place as u32);
        rows.push(JobRow {
            job: *id,
            candidate,
            replicate,
            state: row_state(sweep, place as u32, &job.state),
            attempts: job.attempts.0,
            message: job.message.clone(),
            result: result.map(ScoredResult::from),
        });
    }
    Ok(rows)
}

fn row_state(sweep: &Sweep, place: u32, state: &JobState) -> RowState {
    match state {
        JobState::Succeeded => RowState::Succeeded,
        _ if sweep.is_dropped(place) => RowState::Dropped,
        JobState::Queued => RowState::Queued,
        JobState::Leased { .. } => RowState::Running,
        JobState::Failed { .. } => RowState::Failed,
        JobState::Cancelled => RowState::Cancelled,
    }
}

impl From<StoredResult> for ScoredResult {
    fn from(StoredResult { worker, result, baselines, .. }: StoredResult) -> Self {
        Self { result, worker, baselines }
    }
}

/// The baselines on the splits of a sweep, by replicate: those of the first job of each that came with any.
fn baseline_rows(reader: &Reader, jobs: &[JobRow]) -> Result<Vec<BaselineRow>, StoreError> {
    let mut hashes = BTreeMap::new();
    for JobRow { replicate, result, .. } in jobs {
        if let Some(hash) = result.as_ref().and_then(|result| result.baselines) {
            hashes.entry(*replicate).or_insert(hash);
        }
    }
    let mut rows = Vec::new();
    for (replicate, hash) in hashes {
        let row = |BaselineCounts { baseline, validation, test }| BaselineRow { replicate, baseline, validation, test };
        rows.extend(reader.baselines(hash)?.into_iter().map(row));
    }
    Ok(rows)
}
