//! A store that is damaged, or may be: what of it is sound, and a new store of that.
//!
//! ```text
//!  store --check--> Checked
//!  damaged store --facts that are sound--> state (which jobs) --results that are sound--> new store; what is lost is queued again
//! ```

use crate::driver::restore;
use crate::rebuild::{self, Rebuilt};
use crate::scheduler::{Fact, Grade, Limits, State, Timestamp};
use crate::store::{Reader, StoreError, hold};
use proto::ids::JobId;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What a store holds, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The rows of each table, and how many of them are not as they were written.
    pub tables: Vec<(&'static str, u64, u64)>,
    /// Whether rows bear checksums: those of older stores do not.
    pub is_sealed: bool,
    /// Results that their facts fit.
    pub results: u64,
    /// Whether it holds no sweep.
    pub is_empty: bool,
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
        Ok(state) => {
            checked.is_empty = state.sweeps().next().is_none();
            compare(&reader, &state, &grades(&reader)?, &mut checked);
        }
        Err(error) => checked.findings.push(cause(&error)),
    }
    Ok(checked)
}

/// What the results of jobs are worth, as the facts tell.
fn grades(reader: &Reader) -> Result<HashMap<JobId, Grade>, StoreError> {
    let mut grades = HashMap::new();
    reader.facts(|_, fact| {
        if let Fact::Succeeded { job, grade: Some(grade), .. } = fact {
            grades.insert(job, grade);
        }
        ControlFlow::Continue(())
    })?;
    Ok(grades)
}

/// Whether each job that succeeded has the result that its fact tells of, and each result a fact.
fn compare(reader: &Reader, state: &State, grades: &HashMap<JobId, Grade>, checked: &mut Checked) {
    for job in jobs(state) {
        let known = state.has_succeeded(&job).then(|| grades.get(&job).copied());
        match (known, reader.result(job)) {
            (Some(known), Ok(Some(stored))) if known == Some(Grade::from(&stored.result)) => checked.results += 1,
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
    rebuild::make(into, |new, work| {
        let reader = match Reader::open(path) {
            Err(StoreError::Sqlite { .. }) => {
                let failed = |source| StoreError::Io { action: "read", path: path.to_owned(), source };
                Reader::open(&lengthened(path, work).map_err(failed)?)?
            }
            opened => opened?,
        };
        save(&reader, new, &mut says)
    })
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

fn save(reader: &Reader, new: &mut Rebuilt, says: &mut impl FnMut(&str)) -> Result<Saved, StoreError> {
    says("reads the journal");
    let mut saved = Saved::default();
    let (mut grids, mut cancelled, mut succeeded) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    saved.facts_lost = reader.sound_facts(|fact| match fact {
        Fact::Submitted { ref plan, .. } => {
            cancelled.remove(&plan.sweep);
            grids.push(fact);
        }
        Fact::Pinned { .. } | Fact::Rejected { .. } => grids.push(fact),
        Fact::Cancelled { sweep, .. } => drop(cancelled.insert(sweep)),
        Fact::Deleted { sweep } => grids.retain(|fact| sweep_of(fact) != Some(&sweep)),
        Fact::Succeeded { job, .. } => drop(succeeded.insert(job)),
        _ => {}
    });
    for fact in grids {
        // that of a sweep whose submission is lost says nothing
        if new.keep(fact).is_err() {
            saved.facts_lost += 1;
            continue;
        }
        let jobs = new.without_result();
        let missing = new.copy_results(reader, &jobs, says)?;
        saved.results += (jobs.len() - missing.len()) as u64;
    }
    saved.lost = new.without_result().iter().filter(|job| succeeded.contains(job)).count() as u64;
    saved.sweeps = new.state.sweeps().count() as u64;
    for sweep in cancelled {
        new.cancel(sweep)?;
    }
    let rows = reader.count("results").map_or(0, |(rows, unsound)| rows - unsound);
    saved.strays = rows.saturating_sub(saved.results);
    Ok(saved)
}

/// The sweep that a fact about a grid is of.
fn sweep_of(fact: &Fact) -> Option<&String> {
    match fact {
        Fact::Submitted { plan, .. } => Some(&plan.sweep),
        Fact::Pinned { sweep, .. } | Fact::Rejected { sweep, .. } => Some(sweep),
        _ => None,
    }
}
