//! What people ask of a store: a sweep's results, made into the table they want.
//!
//! ```text
//!  store --results--> SweepResults --analysis--> Analysed --+--tables--> Table
//!                          |                                |
//!                          +--------------------------------+
//! ```
//!
//! A running coordinator has one [`Analyst`]. It makes one table at a time, on threads of low priority, so that workers are answered
//! meanwhile as fast as without it. It keeps its last analysis until the results have changed.

use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::from_results;
use crate::publish::{self, Asked, PublishError};
use crate::results::{self, JobError, MeasurementRow, ResultsError, RowState, SweepResults};
use crate::store::Reader;
use crate::tables::export::{Format, render};
use crate::tables::table::Table;
use crate::tables::{self, About, Analysed, TableKind};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// By how much the priority of the threads is below that of the coordinator's others, in steps of `nice`.
const NICE: i32 = 10;
/// Maximum number of jobs of a sweep whose analysis is kept: that of a million jobs has gigabytes.
const MAX_KEPT_JOBS: usize = 100_000;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There are no results.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The table cannot be written in its format.
    #[error("the table cannot be written: {0}")]
    Render(#[from] io::Error),
    /// The system gives no threads.
    #[error("no threads to make a table: {0}")]
    Threads(#[from] ThreadPoolBuildError),
}

/// A table of a sweep, for one who asks once; of the sweep submitted last if the name is empty. Of the jobs only those in that state, if
/// one is named; an analysis is always of all.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn table(reader: &Reader, sweep: &str, kind: TableKind, state: Option<RowState>) -> Result<Table, ResultsError> {
    let mut results = results::read(reader, sweep)?;
    Ok(match Maker::of(kind) {
        Maker::Analysis(make) => make(&Analysed::of(&results)),
        Maker::Results(make) => {
            results.jobs.retain(|job| state.is_none_or(|state| job.state == state));
            make(&results)
        }
        Maker::Epochs(make) => make(&results, &results::measurements(reader, &results.jobs)?),
    })
}

/// What a table is made of, and how.
enum Maker {
    Analysis(fn(&Analysed) -> Table),
    Results(fn(&SweepResults) -> Table),
    Epochs(fn(&SweepResults, &[MeasurementRow]) -> Table),
}

impl Maker {
    fn of(kind: TableKind) -> Self {
        match kind {
            TableKind::Candidates => Self::Analysis(tables::candidates),
            TableKind::Pairs => Self::Analysis(tables::pairs),
            TableKind::Ranks => Self::Analysis(tables::ranks),
            TableKind::Effects => Self::Analysis(tables::effects),
            TableKind::Variance => Self::Analysis(tables::variance),
            TableKind::Jobs => Self::Results(tables::jobs),
            TableKind::Cases => Self::Results(tables::cases),
            TableKind::Looks => Self::Results(tables::looks),
            TableKind::Measurements => Self::Epochs(tables::measurements),
        }
    }
}

/// Makes the tables of one store.
#[derive(Debug)]
pub struct Analyst {
    store: PathBuf,
    /// Its threads, once it has been asked.
    threads: Option<ThreadPool>,
    kept: Option<Kept>,
}

/// The last analysis.
#[derive(Debug)]
struct Kept {
    /// The name that was asked for.
    sweep: String,
    /// The last fact that the store had.
    fact: i64,
    analysed: Arc<Analysed>,
}

impl Analyst {
    /// The analyst of the store at `store`. It reads nothing until it is asked.
    #[must_use]
    pub fn new(store: PathBuf) -> Self {
        Self { store, threads: None, kept: None }
    }

    /// A table of a sweep, written; of the sweep submitted last if the name is empty. Takes as long as the table does.
    ///
    /// # Errors
    /// If the store cannot be read, has no such sweep, or there are no threads.
    pub fn table(
        &mut self,
        sweep: &str,
        kind: TableKind,
        state: Option<RowState>,
        format: Format,
    ) -> Result<Vec<u8>, TableError> {
        let threads = match self.threads.take() {
            Some(threads) => threads,
            None => ThreadPoolBuilder::new().thread_name(|_| "analyst".to_owned()).start_handler(give_way).build()?,
        };
        let made = threads.install(|| {
            let reader = Reader::open(&self.store).map_err(ResultsError::from)?;
            let table = match Maker::of(kind) {
                Maker::Analysis(make) => make(&*self.analysed(&reader, sweep)?),
                Maker::Results(_) | Maker::Epochs(_) => table(&reader, sweep, kind, state)?,
            };
            Ok(render(&table, format)?)
        });
        self.threads = Some(threads);
        made
    }

    /// The job file of the only job whose id begins with `prefix`.
    ///
    /// # Errors
    /// If the store cannot be read, no or several ids begin so, or the job is simulated.
    pub fn job_file(&self, prefix: &str) -> Result<String, JobError> {
        results::job_file(&Reader::open(&self.store)?, prefix)
    }

    /// The log of the only job whose id begins with `prefix`.
    ///
    /// # Errors
    /// If the store cannot be read, or no or several ids begin so.
    pub fn job_log(&self, prefix: &str) -> Result<String, JobError> {
        results::job_log(&Reader::open(&self.store)?, prefix)
    }

    /// Calls `each` with the sweep, the name and the content of every file of a report; see [`publish::files`].
    ///
    /// # Errors
    /// See there.
    pub fn report<E: From<PublishError>>(
        &self,
        asked: &Asked,
        each: impl FnMut(&str, &str, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let reader = Reader::open(&self.store).map_err(PublishError::from)?;
        publish::files(&reader, asked, each)
    }

    /// The analysis of a sweep: the one that is kept, unless the results have changed.
    fn analysed(&mut self, reader: &Reader, sweep: &str) -> Result<Arc<Analysed>, ResultsError> {
        // facts that come while the results are read are of the next version
        let fact = reader.last_fact()?;
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.sweep == sweep && kept.fact == fact) {
            return Ok(Arc::clone(&kept.analysed));
        }
        let kept = self.kept.take();
        let results = results::read(reader, sweep)?;
        let (about, observations) = (About::analysis(&results.head), from_results::observations(&results));
        let jobs = results.jobs.len();
        drop(results);
        // most facts are no results of this sweep
        let is_same = |kept: &Kept| kept.analysed.about == about && kept.analysed.observations == observations;
        let analysed = match kept.filter(is_same) {
            Some(kept) => kept.analysed,
            None => {
                let analysis = Analysis::of(&observations, &Options::default());
                Arc::new(Analysed { about, observations, analysis })
            }
        };
        if jobs <= MAX_KEPT_JOBS {
            self.kept = Some(Kept { sweep: sweep.to_owned(), fact, analysed: Arc::clone(&analysed) });
        }
        Ok(analysed)
    }
}

/// Lowers the priority of the calling thread.
fn give_way(_: usize) {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "tables are made at the usual priority");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;
    use crate::driver::restore;
    use crate::scheduler::{Limits, Timestamp};
    use crate::store::Store;

    const SWEEP: &str = "\
sweep: NAME
dataset: {name: blobs, format: synthetic, cases: 60, seed: 0, image_size: 32}
split: {train: 30, validation: 15, test: 15}
grid: {learning_rate: [1.0e-2, 1.0e-3]}
replicates: {split_seeds: 2}
";

    fn submit(path: &std::path::Path, name: &str) {
        let plan = crate::plan::parse("sweep.yaml", &SWEEP.replace("NAME", name)).unwrap();
        let mut store = Store::open(path).unwrap();
        let state = restore(&Reader::open(path).unwrap(), Timestamp(0), Limits::default(), 0).unwrap();
        let decision = state.submit_decision(plan, String::new()).unwrap();
        store.append(&decision.facts, &decision.records).unwrap();
    }

    #[test]
    fn an_analysis_is_kept_until_the_results_of_its_sweep_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        submit(&path, "a");
        let mut analyst = Analyst::new(path.clone());
        let reader = Reader::open(&path).unwrap();
        let first = analyst.analysed(&reader, "a").unwrap();
        assert!(Arc::ptr_eq(&first, &analyst.analysed(&reader, "a").unwrap()), "nothing has happened");
        submit(&path, "b");
        assert!(Arc::ptr_eq(&first, &analyst.analysed(&reader, "a").unwrap()), "what happened is not of this sweep");
        assert_eq!(analyst.analysed(&reader, "").unwrap().about.name, "b");
        assert!(matches!(analyst.analysed(&reader, "c"), Err(ResultsError::UnknownSweep { .. })));
    }

    #[test]
    fn the_analyst_writes_the_table_that_is_made_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        submit(&path, "a");
        let mut analyst = Analyst::new(path.clone());
        for kind in [TableKind::Candidates, TableKind::Jobs, TableKind::Looks] {
            let expected =
                render(&table(&Reader::open(&path).unwrap(), "a", kind, None).unwrap(), Format::Csv).unwrap();
            assert_eq!(analyst.table("a", kind, None, Format::Csv).unwrap(), expected, "{kind:?}");
        }
        let missing = Analyst::new(folder.path().join("none.db")).table("", TableKind::Jobs, None, Format::Csv);
        assert!(matches!(missing, Err(TableError::Results(ResultsError::Store(_)))));
    }
}
