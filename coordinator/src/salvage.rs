//! A store that is damaged, or may be: what of it is sound, and a new store of that.
//!
//! ```text
//!  store --check--> Checked
//!  damaged store --facts that are sound--> state (which jobs) --results that are sound--> new store; what is lost is queued again
//! ```

use crate::driver::restore;
use crate::scheduler::{Fact, Grade, JobState, Limits, Record, State, Timestamp};
use crate::store::{Reader, Store, StoreError, StoredResult, hold};
use proto::extras::Extras;
use proto::ids::{Attempt, JobId, Token, WorkerId};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Jobs whose results are written in one transaction.
const BATCH: usize = 500;

/// What a store holds, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The rows of each table, and how many of them are not as they were written.
    pub tables: Vec<(&'static str, u64, u64)>,
    /// Whether rows bear checksums: those of older stores do not.
    pub is_sealed: bool,
    /// Results that their facts fit.
    pub results: u64,
    /// What is wrong, a line each.
    pub findings: Vec<String>,
}

/// Looks through a whole store: its pages, the checksum of each row, whether the facts fit each other, and the results the facts.
///
/// # Errors
/// If there is no store, or so little of one that nothing can be told.
pub fn check(path: &Path, mut says: impl FnMut(&str)) -> Result<Checked, StoreError> {
    let reader = Reader::open(path)?;
    let mut checked = Checked { is_sealed: reader.is_sealed(), ..Checked::default() };
    says("looks through the pages");
    match reader.integrity() {
        Ok(found) => checked.findings.extend(found.into_iter().map(|line| format!("pages: {line}"))),
        Err(error) => checked.findings.push(format!("pages: {}", cause(&error))),
    }
    for table in reader.tables() {
        says(&format!("looks through {table}"));
        match reader.count(table) {
            Ok((rows, unsound)) => {
                checked.tables.push((table, rows, unsound));
                if unsound > 0 {
                    checked.findings.push(format!("{table}: {unsound} of {rows} rows are not as they were written"));
                }
            }
            Err(error) => checked.findings.push(format!("{table}: {}", cause(&error))),
        }
    }
    says("compares facts and results");
    match restore(&reader, Timestamp(0), Limits::default(), 0) {
        Ok(state) => compare(&reader, &state, &mut checked),
        Err(error) => checked.findings.push(cause(&error)),
    }
    Ok(checked)
}

/// Whether each job that succeeded has the result that its fact tells of, and each result a fact.
fn compare(reader: &Reader, state: &State, checked: &mut Checked) {
    for job in jobs(state) {
        let known = state.job(job).filter(|job| job.state == JobState::Succeeded);
        match (known, reader.result(job)) {
            (Some(known), Ok(Some(stored))) if known.grade == Some(Grade::from(&stored.result)) => checked.results += 1,
            (Some(_), Ok(Some(_))) => {
                checked.findings.push(format!("results, job {job}: its fact tells of other scores"))
            }
            (Some(_), Ok(None)) => {
                checked.findings.push(format!("results, job {job}: it has succeeded, but its row is missing"))
            }
            (None, Ok(Some(_))) => {
                checked.findings.push(format!("results, job {job}: no fact says that it has succeeded"))
            }
            (_, Err(error)) => checked.findings.push(cause(&error)),
            (None, Ok(None)) => {}
        }
    }
}

/// The jobs of all sweeps, each once.
fn jobs(state: &State) -> BTreeSet<JobId> {
    state.sweeps().flat_map(|sweep| sweep.jobs.iter().copied()).collect()
}

/// What is wrong, without the store's name and the remedy.
fn cause(error: &StoreError) -> String {
    match error {
        StoreError::Damaged { place, reason, .. } => format!("{place}: {reason}"),
        StoreError::Sqlite { source, .. } => source.to_string(),
        error => error.to_string(),
    }
}

/// What was saved of a damaged store.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Sweeps.
    pub sweeps: u64,
    /// Results.
    pub results: u64,
    /// Jobs that had succeeded and whose results are lost; they are queued again.
    pub lost: u64,
    /// Facts that could not be read.
    pub facts_lost: u64,
    /// Results that are sound, of jobs that no sweep names: the fact of their sweep is lost.
    pub strays: u64,
}

/// Makes a new store of all that is sound in a damaged one: every sweep, every result with its measurements and examples. Everything else
/// is queued again.
///
/// # Errors
/// If there is no store, it is in use, the new file is there already, or it cannot be written; it is not there then.
pub fn salvage(path: &Path, into: &Path, mut says: impl FnMut(&str)) -> Result<Saved, StoreError> {
    let _hold = hold(path)?;
    if into.exists() {
        return Err(StoreError::Taken { path: into.to_owned() });
    }
    let failed = |action, source| StoreError::Io { action, path: into.to_owned(), source };
    let folder = into.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let work =
        tempfile::Builder::new().prefix(".salvage").tempdir_in(folder).map_err(|source| failed("write", source))?;
    let reader = match Reader::open(path) {
        Err(StoreError::Sqlite { .. }) => {
            Reader::open(&lengthened(path, work.path()).map_err(|source| failed("read", source))?)?
        }
        opened => opened?,
    };
    let new = work.path().join("store");
    let saved = Salvage {
        reader: &reader,
        state: State::new(Limits::default(), 0),
        store: Store::open(&new)?,
        saved: Saved::default(),
    }
    .run(&mut says)?;
    // the last connection that closes puts all into the one file
    fs::hard_link(&new, into).map_err(|source| failed("create", source))?;
    drop(work);
    File::open(into).and_then(|file| file.sync_all()).map_err(|source| failed("write", source))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| failed("write", source))?;
    Ok(saved)
}

/// A copy of a store that was cut off, as long as its first page says: SQLite opens no other.
fn lengthened(path: &Path, folder: &Path) -> io::Result<PathBuf> {
    let copy = folder.join("lengthened");
    fs::copy(path, &copy)?;
    let mut file = OpenOptions::new().read(true).write(true).open(&copy)?;
    let mut header = [0; 32];
    file.read_exact(&mut header)?;
    // https://sqlite.org/fileformat2.html: the size of a page at 16, 1 for 65,536; the number of pages at 28
    let size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    let length = file.metadata()?.len();
    // a number that was damaged itself must not fill the disk
    if (length..2 * length + (1 << 20)).contains(&(size * pages)) {
        file.set_len(size * pages)?;
    }
    Ok(copy)
}

struct Salvage<'a> {
    reader: &'a Reader,
    state: State,
    store: Store,
    saved: Saved,
}

impl Salvage<'_> {
    fn run(mut self, says: &mut impl FnMut(&str)) -> Result<Saved, StoreError> {
        says("reads the journal");
        let (mut grids, mut cancelled, mut succeeded) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        self.saved.facts_lost = self.reader.sound_facts(|fact| match fact {
            Fact::Submitted { ref plan, .. } => {
                cancelled.remove(&plan.sweep);
                grids.push(fact);
            }
            Fact::Pinned { .. } | Fact::Rejected { .. } => grids.push(fact),
            Fact::Cancelled { sweep, .. } => drop(cancelled.insert(sweep)),
            Fact::Succeeded { job, .. } => drop(succeeded.insert(job)),
            _ => {}
        });
        let mut done = BTreeSet::new();
        for fact in grids {
            // that of a sweep whose submission is lost says nothing
            if self.keep(fact).is_err() {
                self.saved.facts_lost += 1;
                continue;
            }
            let new: Vec<_> = jobs(&self.state).into_iter().filter(|job| done.insert(*job)).collect();
            for batch in new.chunks(BATCH) {
                says(&format!("saved {} results", self.saved.results));
                self.save(batch, &succeeded)?;
            }
        }
        self.saved.sweeps = self.state.sweeps().count() as u64;
        for sweep in cancelled.into_iter().filter(|sweep| self.state.sweeps().any(|known| known.plan.sweep == *sweep)) {
            self.store.append(&[Fact::Cancelled { sweep, shared: true }], &[])?;
        }
        let rows = self.reader.count("results").map_or(0, |(rows, unsound)| rows - unsound);
        self.saved.strays = rows.saturating_sub(self.saved.results);
        Ok(self.saved)
    }

    fn keep(&mut self, fact: Fact) -> Result<(), StoreError> {
        let unfit = |error: crate::scheduler::IllegalTransition| StoreError::Damaged {
            path: "the journal".into(),
            place: format!("{fact:?}"),
            reason: error.to_string(),
        };
        self.state.apply(Timestamp(0), &fact).map_err(unfit)?;
        self.store.append(&[fact], &[])
    }

    /// Saves the results of the jobs that have one, as those of the attempts that they are of.
    fn save(&mut self, jobs: &[JobId], succeeded: &BTreeSet<JobId>) -> Result<(), StoreError> {
        let (mut facts, mut records) = (Vec::new(), Vec::new());
        for job in jobs {
            let Ok(Some(stored)) = self.reader.result(*job) else {
                self.saved.lost += u64::from(succeeded.contains(job));
                continue;
            };
            let StoredResult { attempt, worker, mut result, baselines } = stored;
            for number in 1..=attempt.0 {
                let (job, attempt) = (*job, Attempt(number));
                facts.push(Fact::Granted { job, attempt, token: Token(0), worker: WorkerId(0) });
                facts.extend((number < stored.attempt.0).then_some(Fact::Released { job, attempt }));
            }
            let (grade, split) = (Some(Grade::from(&result)), result.split_hash);
            facts.push(Fact::Succeeded { job: *job, attempt, grade, split });
            // what is beside a result is worth less than the result
            let baselines = baselines.and_then(|hash| self.reader.baselines(hash).ok()).unwrap_or_default();
            result.extras = Extras { baselines, artifacts: self.reader.artifacts(*job).unwrap_or_default() };
            for (attempt, measurement) in self.reader.measurements(*job).unwrap_or_default() {
                records.push(Record::Measurements { job: *job, attempt, measurements: vec![measurement] });
            }
            records.push(Record::Result { job: *job, attempt, worker, result: Box::new(result) });
            self.saved.results += 1;
        }
        for fact in &facts {
            self.state.apply(Timestamp(0), fact).map_err(|error| StoreError::Damaged {
                path: "the journal".into(),
                place: format!("{fact:?}"),
                reason: error.to_string(),
            })?;
        }
        self.store.append(&facts, &records)
    }
}
