//! What people ask of a store: a sweep's rows, made into the table they want. Reads only.
//!
//! ```text
//!  store --restore--> state (which jobs, where they stand) --+--> rows --analysis--> Table
//!  store --results, measurements ---------------------------+
//! ```

use crate::analysis::looks;
use crate::analysis::rows::{BaselineRow, CaseRow, JobRow, MeasurementRow, ResultColumns, RowState, SweepHead};
use crate::analysis::table::Table;
use crate::analysis::tables;
use crate::driver::restore;
use crate::scheduler::{JobState, Limits, State, Sweep};
use crate::store::{Reader, StoreError, StoredResult};
use proto::extras::BaselineCounts;
use proto::spec::Subset;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Rows {
    /// The grid points, each over all its replicates
    #[default]
    Candidates,
    /// The jobs, each with its scores
    Jobs,
    /// The cases of each job, with their pixel counts
    Cases,
    /// The epochs of each attempt
    Measurements,
    /// The looks of a sweep with `race` or `until`: who went on, who did not, and why
    Looks,
}

impl Rows {
    /// The rows of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        clap::ValueEnum::from_str(name, false).ok()
    }

    /// The name on the command line and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Candidates => "candidates",
            Self::Jobs => "jobs",
            Self::Cases => "cases",
            Self::Measurements => "measurements",
            Self::Looks => "looks",
        }
    }
}

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no such sweep.
    #[error("no sweep is named `{name}`; there are: {known}")]
    UnknownSweep {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The store has no sweep at all.
    #[error("the store holds no sweep yet: submit one with coordinator --sweep FILE")]
    NoSweep,
}

/// The state that a store holds.
///
/// # Errors
/// If the store cannot be read.
pub fn state(reader: &Reader) -> Result<State, StoreError> {
    restore(reader, Limits::default(), 0)
}

/// A table of a sweep; the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn table(reader: &Reader, sweep: &str, rows: Rows) -> Result<Table, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    let head = SweepHead {
        sweep: sweep.plan.sweep.clone(),
        content: sweep.inventory.as_ref().map(|inventory| inventory.content),
        trainer: sweep.trainer(),
        axes: sweep.plan.axes.clone(),
        candidates: sweep.plan.candidates.iter().map(|candidate| candidate.values.clone()).collect(),
        replicates: sweep.plan.replicates.clone(),
    };
    let mut jobs = Vec::with_capacity(sweep.jobs.len());
    let mut cases = Vec::new();
    let mut measurements = Vec::new();
    for (place, id) in sweep.jobs.iter().enumerate() {
        let stored = reader.result(*id)?;
        if let Some(stored) = stored.as_ref().filter(|_| rows == Rows::Cases) {
            case_rows(sweep, place, stored, &mut cases);
        }
        if rows == Rows::Measurements {
            let epochs = reader.measurements(*id)?.into_iter();
            measurements.extend(epochs.map(|(attempt, measurement)| MeasurementRow { job: *id, attempt, measurement }));
        }
        jobs.extend(job_row(&state, sweep, place, stored));
    }
    Ok(match rows {
        Rows::Candidates => tables::candidates(&head, &sweep.plan.objective, &jobs),
        Rows::Jobs => tables::jobs(&head, &jobs),
        Rows::Cases => tables::cases(&head, &jobs, &cases),
        Rows::Measurements => tables::measurements(&head, &jobs, &measurements),
        Rows::Looks => looks::table(&head, &sweep.course.looks),
    })
}

/// The baselines on the splits of a sweep, by replicate: those of the first job of each that came with any.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn baselines(reader: &Reader, sweep: &str) -> Result<Vec<BaselineRow>, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    let mut rows = BTreeMap::new();
    for (place, id) in sweep.jobs.iter().enumerate() {
        let (_, replicate) = sweep.coordinates(place as u32);
        let Entry::Vacant(vacant) = rows.entry(replicate) else { continue };
        if let Some(hash) = reader.result(*id)?.and_then(|stored| stored.baselines) {
            vacant.insert(reader.baselines(hash)?);
        }
    }
    let row = |replicate: usize, BaselineCounts { baseline, validation, test }| BaselineRow {
        replicate,
        baseline,
        validation,
        test,
    };
    Ok(rows
        .into_iter()
        .flat_map(|(replicate, counts)| counts.into_iter().map(move |counts| row(replicate, counts)))
        .collect())
}

fn find<'a>(state: &'a State, name: &str) -> Result<&'a Sweep, QueryError> {
    state.sweep(name).ok_or_else(|| {
        let known: Vec<_> = state.sweeps().map(|sweep| sweep.plan.sweep.as_str()).collect();
        if known.is_empty() {
            return QueryError::NoSweep;
        }
        QueryError::UnknownSweep { name: name.to_owned(), known: known.join(", ") }
    })
}

fn job_row(state: &State, sweep: &Sweep, place: usize, stored: Option<StoredResult>) -> Option<JobRow> {
    let id = sweep.jobs[place];
    let job = state.job(id)?;
    let (candidate, replicate) = sweep.coordinates(place as u32);
    let row_state = match &job.state {
        JobState::Queued { .. } | JobState::Leased { .. } if sweep.is_dropped(place as u32) => RowState::Dropped,
        JobState::Queued { .. } => RowState::Queued,
        JobState::Leased { .. } => RowState::Running,
        JobState::Succeeded => RowState::Succeeded,
        JobState::Failed { .. } => RowState::Failed,
        JobState::Cancelled => RowState::Cancelled,
    };
    let result = stored.map(|StoredResult { worker, result, .. }| ResultColumns {
        split_hash: result.split_hash,
        verdict: result.verdict,
        epochs: result.epochs,
        best_epoch: result.best_epoch,
        validation: result.validation.scores(),
        test: result.test.scores(),
        train_seconds: result.train_seconds,
        parameters: result.parameters,
        device: result.device,
        worker,
    });
    let (attempts, message) = (job.attempts.0, job.message.clone());
    Some(JobRow { job: id, candidate, replicate, state: row_state, attempts, message, result })
}

fn case_rows(sweep: &Sweep, place: usize, stored: &StoredResult, rows: &mut Vec<CaseRow>) {
    let names = sweep.inventory.as_ref().map(|inventory| &inventory.cases[..]).unwrap_or_default();
    for subset in [Subset::Validation, Subset::Test] {
        for counts in stored.result.evaluation(subset).into_iter().flat_map(|evaluation| &evaluation.cases) {
            // an index beyond the list can only be a worker's mistake; its number is shown as it is
            let case = names.get(counts.case as usize).cloned().unwrap_or_else(|| counts.case.to_string());
            rows.push(CaseRow { job: sweep.jobs[place], subset, case, counts: *counts });
        }
    }
}
