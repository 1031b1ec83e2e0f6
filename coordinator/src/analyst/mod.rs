//! What people ask of a store: a sweep's results, made into the table they want.
//!
//! ```text
//!  store --results--> SweepResults --analysis--> Analysed --+--tables--> Table
//!                          |                                |
//!                          +--------------------------------+
//! ```
//!
//! `question.rs` makes and writes the table that somebody asks for. A running coordinator has one [`Analyst`]. It makes one table at a time, on threads of low priority, so that workers are answered
//! meanwhile as fast as without it. It keeps its last analysis until the results have changed.

mod question;

pub use question::{Question, TableError, Written, answer, write};

use crate::analysis::answer::{self as sentences, Answer};
use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::{Observations, from_results};
use crate::plan::{self, NoMoreSplits, Splits};
use crate::publish::{self, Asked, PublishError};
use crate::report::parts::name_for_people;
use crate::results::{self, JobError, JobHistory, ResultsError, SweepResults};
use crate::store::{Reader, StoreError};
use crate::tables::{About, Analysed};
use question::Maker;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::path::PathBuf;
use std::sync::Arc;

/// By how much the priority of the threads is below that of the coordinator's others, in steps of `nice`.
const NICE: i32 = 10;
/// Maximum number of jobs of a sweep whose analysis is kept: that of a million jobs has gigabytes.
const MAX_KEPT_JOBS: usize = 100_000;

/// A sweep as people look at it.
#[derive(Debug)]
pub struct Study {
    /// Its results, without the pixels of the cases of models.
    pub results: Arc<SweepResults>,
    /// Its scores, and what they come to; candidates bear the names that tell them apart.
    pub analysed: Analysed,
    /// The same in sentences; `None` while candidates are still being compared: then there is an outline of the analysis.
    pub answer: Option<Answer>,
    /// How many splits its file can have, or why no more.
    pub splits: Result<Splits, NoMoreSplits>,
}

/// A store, for whoever reads of it what needs no analysis, and waits for none.
#[derive(Debug, Clone)]
pub struct Archive {
    store: PathBuf,
}

impl Archive {
    /// The archive of the store at `store`. It reads nothing until it is asked.
    #[must_use]
    pub fn new(store: PathBuf) -> Self {
        Self { store }
    }

    /// Reads of the store what `read` reads.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&Reader) -> Result<T, E>) -> Result<T, E> {
        read(&Reader::open(&self.store)?)
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

    /// The answer. Takes as long as the table does.
    ///
    /// # Errors
    /// Those of [`answer`], and if there are no threads.
    pub fn answer(&mut self, question: &Question) -> Result<Written, TableError> {
        let threads = self.threads()?;
        let made = threads.install(|| {
            let reader = Reader::open(&self.store).map_err(ResultsError::from)?;
            match Maker::of(question.rows) {
                Maker::Analysis(make) if question.metrics.is_empty() => {
                    let table = make(&*self.analysed(&reader, &question.sweep)?);
                    write(vec![table], &question.shape, question.format)
                }
                _ => answer(&reader, question),
            }
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

    /// A sweep as it stands, analysed, under the names that people give things; of the one submitted last if the name is empty.
    /// `outlined` gets what can be said before candidates are compared, if they have to be.
    ///
    /// # Errors
    /// If the store cannot be read, has no such sweep, or there are no threads.
    pub fn study(&mut self, sweep: &str, outlined: impl FnOnce(Study) + Send) -> Result<Study, TableError> {
        let threads = self.threads()?;
        let made = threads.install(|| {
            let reader = Reader::open(&self.store).map_err(ResultsError::from)?;
            let fact = reader.last_fact().map_err(ResultsError::from)?;
            let scored = Scored::of(results::read(&reader, sweep)?);
            let file = reader.submission(&scored.results.head.sweep).map_err(ResultsError::from)?;
            let splits = plan::splits(&file.text);
            let analysed =
                self.analysis_of(sweep, fact, &scored, |outline| outlined(scored.study(&outline(), &splits, false)));
            Ok(scored.study(&analysed, &splits, true))
        });
        self.threads = Some(threads);
        made
    }

    /// The history of the only job whose id begins with `prefix`.
    ///
    /// # Errors
    /// If the store cannot be read, or no or several ids begin so.
    pub fn job_history(&self, prefix: &str) -> Result<JobHistory, JobError> {
        results::job_history(&Reader::open(&self.store)?, prefix)
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

    /// Its threads, to be put back.
    fn threads(&mut self) -> Result<ThreadPool, ThreadPoolBuildError> {
        match self.threads.take() {
            Some(threads) => Ok(threads),
            None => ThreadPoolBuilder::new().thread_name(|_| "analyst".to_owned()).start_handler(give_way).build(),
        }
    }

    /// The analysis of a sweep: the one that is kept, unless the results have changed.
    fn analysed(&mut self, reader: &Reader, sweep: &str) -> Result<Arc<Analysed>, ResultsError> {
        // facts that come while the results are read are of the next version
        let fact = reader.last_fact()?;
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.sweep == sweep && kept.fact == fact) {
            return Ok(Arc::clone(&kept.analysed));
        }
        Ok(self.analysis_of(sweep, fact, &Scored::of(results::read(reader, sweep)?), |_| ()))
    }

    /// The analysis of what a sweep has by a fact: the one that is kept, if its scores are the same. `outlined` can have the outline of
    /// one that has to be made.
    fn analysis_of(
        &mut self,
        sweep: &str,
        fact: i64,
        scored: &Scored,
        outlined: impl FnOnce(&dyn Fn() -> Analysed),
    ) -> Arc<Analysed> {
        let kept = self.kept.take();
        // most facts are no results of this sweep
        let is_same =
            |kept: &Kept| kept.analysed.about == scored.about && kept.analysed.observations == scored.observations;
        let analysed = match kept.filter(is_same) {
            Some(kept) => kept.analysed,
            None => {
                outlined(&|| scored.analysed(Analysis::outline));
                Arc::new(scored.analysed(Analysis::of))
            }
        };
        if scored.results.jobs.len() <= MAX_KEPT_JOBS {
            self.kept = Some(Kept { sweep: sweep.to_owned(), fact, analysed: Arc::clone(&analysed) });
        }
        analysed
    }
}

/// The results of a sweep without their cases, and its scores.
struct Scored {
    results: Arc<SweepResults>,
    about: About,
    observations: Arc<Observations>,
}

impl Scored {
    fn of(mut results: SweepResults) -> Self {
        let (about, observations) = (About::analysis(&results.head), from_results::observations(&results).into());
        results.forget_cases();
        Self { results: Arc::new(results), about, observations }
    }

    fn analysed(&self, analyse: fn(&Observations, &Options) -> Analysis) -> Analysed {
        let analysis = analyse(&self.observations, &Options::default());
        Analysed { about: self.about.clone(), observations: Arc::clone(&self.observations), analysis }
    }

    /// What people look at, of a whole analysis or of an outline.
    fn study(&self, analysed: &Analysed, splits: &Result<Splits, NoMoreSplits>, is_whole: bool) -> Study {
        let mut analysed = analysed.clone();
        name_for_people(&mut analysed);
        let answer = is_whole.then(|| sentences::answer(&analysed.analysis));
        Study { results: Arc::clone(&self.results), analysed, answer, splits: splits.clone() }
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
    use crate::results::JobRow;
    use crate::scheduler::{Fact, Limits, Timestamp};
    use crate::store::Store;
    use crate::tables::TableKind;
    use crate::tables::export::Format;
    use proto::data::Inventory;
    use proto::ids::{Attempt, ContentHash, Token, WorkerId};

    fn submit(path: &std::path::Path, name: &str) {
        let plan = plan::tests::sample(name, 2);
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
    fn what_can_be_said_before_candidates_are_compared_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        submit(&path, "a");
        let mut analyst = Analyst::new(path);
        let mut outline = None;
        let study = analyst.study("a", |study| outline = Some(study)).unwrap();
        let outline = outline.unwrap();
        assert_eq!((outline.results.head.sweep.as_str(), outline.answer), ("a", None));
        assert_eq!(outline.analysed.analysis.candidates, study.analysed.analysis.candidates);
        assert!(outline.analysed.analysis.pairs.pairs.is_empty() && study.analysed.analysis.pairs.count == 1);
        assert!(study.answer.is_some());
        let again = analyst.study("a", |_| panic!("nothing has to be compared again")).unwrap();
        assert_eq!(again.answer, study.answer);
    }

    #[test]
    fn a_job_is_read_without_what_became_of_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        submit(&path, "a");
        let cases = (0..60).map(|case| format!("{case:02}")).collect();
        let inventory = Inventory::new(ContentHash(7), cases);
        let mut store = Store::open(&path).unwrap();
        store.append(&[Fact::Pinned { sweep: "a".to_owned(), inventory, by: "w".to_owned() }], &[]).unwrap();
        let jobs = results::read(&Reader::open(&path).unwrap(), "a").unwrap().jobs;
        let begin =
            |row: &JobRow| Fact::Granted { job: row.job, attempt: Attempt(1), token: Token(1), worker: WorkerId(2) };
        store.append(&[begin(&jobs[0]), begin(&jobs[1])], &[]).unwrap();
        let job = |row: &JobRow| results::job(&Reader::open(&path).unwrap(), &row.job.to_string());
        let (history, file) = job(&jobs[0]).unwrap();
        assert_eq!((history.sweep.as_str(), history.events.len(), file.is_some()), ("a", 1, true), "{history:?}");
        let other = format!("UPDATE journal SET detail = x'00' WHERE job = x'{}'", jobs[1].job);
        rusqlite::Connection::open(&path).unwrap().execute(&other, []).unwrap();
        assert_eq!(job(&jobs[0]).unwrap(), (history, file), "the other's facts are damaged, and nobody looks at them");
        assert!(job(&jobs[1]).is_err() && results::read(&Reader::open(&path).unwrap(), "a").is_err());
    }

    #[test]
    fn the_analyst_writes_the_table_that_is_made_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        submit(&path, "a");
        let mut analyst = Analyst::new(path.clone());
        for kind in [TableKind::Candidates, TableKind::Jobs, TableKind::Looks] {
            let question = Question { sweep: "a".to_owned(), rows: kind, format: Format::Csv, ..Question::default() };
            let expected = answer(&Reader::open(&path).unwrap(), &question).unwrap();
            assert_eq!(analyst.answer(&question).unwrap(), expected, "{kind:?}");
        }
        let missing = Analyst::new(folder.path().join("none.db")).answer(&Question::default());
        assert!(matches!(missing, Err(TableError::Results(ResultsError::Store(_)))));
    }
}
