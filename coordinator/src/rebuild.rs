//! A new store made of what others hold: the facts that say which sweeps there are, and results. Used by `salvage.rs` and `merge.rs`.

use crate::scheduler::{Fact, Grade, IllegalTransition, Limits, Record, State, Timestamp};
use crate::store::{Reader, Store, StoreError, StoredResult};
use proto::extras::Extras;
use proto::ids::{Attempt, JobId, Token, WorkerId};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

/// Jobs whose results are written in one transaction.
const BATCH: usize = 500;

/// A store that is being made, and the state that its facts add up to.
pub(crate) struct Rebuilt {
    pub(crate) state: State,
    store: Store,
    /// The jobs that have a result.
    done: BTreeSet<JobId>,
}

/// Makes a new store at `into` of what `fill` puts into it; it is whole or not there. `fill` may use the folder that it is given for files.
///
/// # Errors
/// If there is such a file already, it cannot be written, or `fill` fails.
pub(crate) fn make<T, E: From<StoreError>>(
    into: &Path,
    fill: impl FnOnce(&mut Rebuilt, &Path) -> Result<T, E>,
) -> Result<T, E> {
    if into.exists() {
        return Err(StoreError::Taken { path: into.to_owned() }.into());
    }
    let failed = |action| move |source| StoreError::Io { action, path: into.to_owned(), source };
    let folder = into.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let work = tempfile::Builder::new().prefix(".store").tempdir_in(folder).map_err(failed("write"))?;
    let new = work.path().join("store");
    let mut rebuilt =
        Rebuilt { state: State::new(Limits::default(), 0), store: Store::open(&new)?, done: BTreeSet::new() };
    let filled = fill(&mut rebuilt, work.path())?;
    // the last connection that closes puts all into the one file
    drop(rebuilt);
    fs::hard_link(&new, into).map_err(failed("create"))?;
    drop(work);
    File::open(into).and_then(|file| file.sync_all()).map_err(failed("write"))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write"))?;
    Ok(filled)
}

impl Rebuilt {
    /// Takes a fact over.
    ///
    /// # Errors
    /// If it does not fit those before it, or the disk fails.
    pub(crate) fn keep(&mut self, fact: Fact) -> Result<(), StoreError> {
        self.state.apply(Timestamp(0), &fact).map_err(|error| unfit(&fact, &error))?;
        self.store.append(&[fact], &[])
    }

    /// Cancels a sweep, if it is there.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) fn cancel(&mut self, sweep: String) -> Result<(), StoreError> {
        if !self.state.sweeps().any(|known| known.plan.sweep == sweep) {
            return Ok(());
        }
        self.keep(Fact::Cancelled { sweep, shared: true })
    }

    /// The jobs of its sweeps that have no result yet.
    pub(crate) fn without_result(&self) -> Vec<JobId> {
        let jobs: BTreeSet<_> = self.state.sweeps().flat_map(|sweep| sweep.jobs.iter().copied()).collect();
        jobs.difference(&self.done).copied().collect()
    }

    /// Whether it has a result of the job.
    pub(crate) fn has(&self, job: JobId) -> bool {
        self.done.contains(&job)
    }

    /// Takes over the results that the other store has of these jobs, as those of the attempts that they are of, each with its measurements and
    /// examples. `says` hears how many there are, now and then. The answer is the jobs of which no sound result was found.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) fn copy_results(
        &mut self,
        reader: &Reader,
        jobs: &[JobId],
        says: &mut impl FnMut(&str),
    ) -> Result<Vec<JobId>, StoreError> {
        let mut missing = Vec::new();
        for batch in jobs.chunks(BATCH) {
            says(&format!("copied {} results", self.done.len()));
            let (mut facts, mut records) = (Vec::new(), Vec::new());
            for job in batch {
                match reader.result(*job) {
                    Ok(Some(stored)) => {
                        copy(reader, *job, stored, &mut facts, &mut records);
                        self.done.insert(*job);
                    }
                    Ok(None) | Err(_) => missing.push(*job),
                }
            }
            for fact in &facts {
                self.state.apply(Timestamp(0), fact).map_err(|error| unfit(fact, &error))?;
            }
            self.store.append(&facts, &records)?;
        }
        Ok(missing)
    }
}

/// The facts and records of a result.
fn copy(reader: &Reader, job: JobId, stored: StoredResult, facts: &mut Vec<Fact>, records: &mut Vec<Record>) {
    let StoredResult { attempt: last, worker, mut result, baselines } = stored;
    for attempt in (1..=last.0).map(Attempt) {
        facts.push(Fact::Granted { job, attempt, token: Token(0), worker: WorkerId(0) });
        facts.extend((attempt < last).then_some(Fact::Released { job, attempt, too_large: false }));
    }
    let (grade, split) = (Some(Grade::from(&result)), result.split_hash);
    facts.push(Fact::Succeeded { job, attempt: last, grade, split });
    // what is beside a result is worth less than the result
    let baselines = baselines.and_then(|hash| reader.baselines(hash).ok()).unwrap_or_default();
    let artifacts = reader.artifacts(job).unwrap_or_default();
    result.extras = Extras {
        baselines,
        artifacts,
        weights: reader.weights(job).unwrap_or_default(),
        evidence: reader.evidence(job).unwrap_or_default(),
        peak_mib: reader.peak_mib(job).unwrap_or_default(),
        energy_joules: reader.energy_joules(job).unwrap_or_default(),
    };
    for (attempt, measurement) in reader.measurements(job).unwrap_or_default() {
        records.push(Record::Measurements { job, attempt, measurements: vec![measurement] });
    }
    records.push(Record::Result { job, attempt: last, worker, result: Box::new(result) });
}

fn unfit(fact: &Fact, error: &IllegalTransition) -> StoreError {
    StoreError::Damaged { path: "the journal".into(), place: format!("{fact:?}"), reason: error.to_string() }
}
