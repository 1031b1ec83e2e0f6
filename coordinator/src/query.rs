//! What people ask of a store: a sweep's rows, made into the table they want. Reads only.
//!
//! ```text
//!  store --restore--> state (which jobs, where they stand) --+--> rows --analysis--> Table, or what the scores come to
//!  store --results, measurements ---------------------------+
//! ```

mod dossier;
mod job_file;

pub use dossier::{Dossier, dossier, epochs, examples};
pub use job_file::job_file;

use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observe::observe;
use crate::analysis::rows::{BaselineRow, CaseRow, JobRow, MeasurementRow, ResultColumns, RowState, SweepHead};
use crate::analysis::table::Table;
use crate::analysis::tables::{self, About, Analysed};
use crate::driver::restore;
use crate::plan::SimulatedJob;
use crate::scheduler::{JobState, Limits, State, Sweep, Timestamp};
use crate::store::{Reader, StoreError, StoredResult};
use proto::extras::BaselineCounts;
use proto::measure::CaseCounts;
use proto::spec::Subset;
use std::collections::BTreeMap;

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Rows {
    /// The grid points, each over all its replicates
    #[default]
    Candidates,
    /// Every two candidates: their difference on the same splits, and whether it is real
    Pairs,
    /// The candidates' ranks over the splits
    Ranks,
    /// The axes of the grid: which matter
    Effects,
    /// Where the spread of the scores comes from
    Variance,
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
            Self::Pairs => "pairs",
            Self::Ranks => "ranks",
            Self::Effects => "effects",
            Self::Variance => "variance",
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
    /// A text that no job's id begins with.
    #[error("`{text}` is not the beginning of a job's id: give hexadecimal digits, as `coordinator jobs` shows them")]
    NotAnId {
        /// The text.
        text: String,
    },
    /// No job has such an id.
    #[error("no job's id begins with `{prefix}`: `coordinator jobs` lists them")]
    NoJob {
        /// The beginning of the id.
        prefix: String,
    },
    /// Several jobs have such an id.
    #[error("several jobs' ids begin with `{prefix}`: {listed}: give more digits")]
    SeveralJobs {
        /// The beginning of the ids.
        prefix: String,
        /// Some of the ids.
        listed: String,
    },
    /// The job trains nothing.
    #[error(transparent)]
    Simulated(#[from] SimulatedJob),
}

/// The state that a store holds.
///
/// # Errors
/// If the store cannot be read.
pub fn state(reader: &Reader) -> Result<State, StoreError> {
    restore(reader, Timestamp(0), Limits::default(), 0)
}

/// A table of a sweep; the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn table(reader: &Reader, sweep: &str, rows: Rows) -> Result<Table, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    let head = head(sweep);
    let jobs = job_rows(reader, &state, sweep)?;
    Ok(match rows {
        Rows::Candidates => tables::candidates(&analyse(reader, &head, &jobs)?),
        Rows::Pairs => tables::pairs(&analyse(reader, &head, &jobs)?),
        Rows::Ranks => tables::ranks(&analyse(reader, &head, &jobs)?),
        Rows::Effects => tables::effects(&analyse(reader, &head, &jobs)?),
        Rows::Variance => tables::variance(&analyse(reader, &head, &jobs)?),
        Rows::Jobs => tables::jobs(&head, &jobs),
        Rows::Cases => tables::cases(&head, &jobs, &case_rows(sweep, &jobs)),
        Rows::Measurements => tables::measurements(&head, &jobs, &measurement_rows(reader, &jobs)?),
        Rows::Looks => tables::looks(&head, &sweep.course.looks),
    })
}

/// A sweep with all that its scores come to; the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn analysed(reader: &Reader, sweep: &str) -> Result<Analysed, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    Ok(analyse(reader, &head(sweep), &job_rows(reader, &state, sweep)?)?)
}

fn analyse(reader: &Reader, head: &SweepHead, jobs: &[JobRow]) -> Result<Analysed, StoreError> {
    let observations = observe(head, jobs, &baseline_rows(reader, jobs)?);
    let analysis = Analysis::of(&observations, &Options::default());
    Ok(Analysed { about: About::analysis(head), observations, analysis })
}

fn head(sweep: &Sweep) -> SweepHead {
    let plan = &sweep.plan;
    SweepHead {
        sweep: plan.sweep.clone(),
        content: sweep.inventory.as_ref().map(|inventory| inventory.content),
        trainer: sweep.trainer(),
        axes: plan.axes.clone(),
        candidates: plan.candidates.iter().map(|candidate| candidate.values.clone()).collect(),
        replicates: plan.replicates.clone(),
        objective: plan.objective,
        // every candidate is split alike: the section is no axis
        split: plan.candidates.first().map(|candidate| candidate.template.split).unwrap_or_default(),
        cases: sweep.inventory.as_ref().map(|inventory| inventory.cases.len()),
    }
}

fn job_rows(reader: &Reader, state: &State, sweep: &Sweep) -> Result<Vec<JobRow>, StoreError> {
    let mut rows = Vec::with_capacity(sweep.jobs.len());
    for (place, id) in sweep.jobs.iter().enumerate() {
        let result = reader.result(*id)?;
        if result.is_none() && state.job(*id).is_some_and(|job| job.state == JobState::Succeeded) {
            return Err(reader.without_result(*id));
        }
        rows.extend(job_row(state, sweep, place, result));
    }
    Ok(rows)
}

fn measurement_rows<'a>(
    reader: &Reader,
    jobs: impl IntoIterator<Item = &'a JobRow>,
) -> Result<Vec<MeasurementRow>, StoreError> {
    let mut rows = Vec::new();
    for JobRow { job, .. } in jobs {
        let epochs = reader.measurements(*job)?.into_iter();
        rows.extend(epochs.map(|(attempt, measurement)| MeasurementRow { job: *job, attempt, measurement }));
    }
    Ok(rows)
}

/// The baselines on the splits of a sweep, by replicate: those of the first job of each that came with any.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn baselines(reader: &Reader, sweep: &str) -> Result<Vec<BaselineRow>, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    Ok(baseline_rows(reader, &job_rows(reader, &state, sweep)?)?)
}

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
        JobState::Succeeded => RowState::Succeeded,
        _ if sweep.is_dropped(place as u32) => RowState::Dropped,
        JobState::Queued => RowState::Queued,
        JobState::Leased { .. } => RowState::Running,
        JobState::Failed { .. } => RowState::Failed,
        JobState::Cancelled => RowState::Cancelled,
    };
    let result = stored.map(|StoredResult { worker, result, baselines, .. }| ResultColumns {
        baselines,
        split_hash: result.split_hash,
        verdict: result.verdict,
        epochs: result.epochs,
        best_epoch: result.best_epoch,
        validation: result.validation.scores(),
        test: result.test.scores(),
        validation_cases: result.validation.cases,
        test_cases: result.test.cases,
        train_seconds: result.train_seconds,
        parameters: result.parameters,
        device: result.device,
        worker,
    });
    let (attempts, message) = (job.attempts.0, job.message.clone());
    Some(JobRow { job: id, candidate, replicate, state: row_state, attempts, message, result })
}

fn case_rows(sweep: &Sweep, jobs: &[JobRow]) -> Vec<CaseRow> {
    let names = sweep.inventory.as_ref().map(|inventory| &inventory.cases[..]).unwrap_or_default();
    // an index beyond the list can only be a worker's mistake; its number is shown as it is
    let name = |case: u32| names.get(case as usize).cloned().unwrap_or_else(|| case.to_string());
    let mut rows = Vec::new();
    for JobRow { job, result, .. } in jobs {
        let Some(result) = result else { continue };
        for (subset, cases) in [(Subset::Validation, &result.validation_cases), (Subset::Test, &result.test_cases)] {
            let row = |counts: &CaseCounts| CaseRow { job: *job, subset, case: name(counts.case), counts: *counts };
            rows.extend(cases.iter().map(row));
        }
    }
    rows
}
