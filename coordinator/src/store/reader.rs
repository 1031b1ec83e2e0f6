//! Reading a store, while a coordinator writes it or after: results, and what came with them. `journal.rs` reads what happened.

use super::rows::{self, RawResult};
use super::sqlite::{check_version, quick_check};
use super::{StoreError, access, counts, lock, seal};
use proto::extras::{Artifact, Baseline, BaselineCounts, Evidence, Extras, KeptWeights};
use proto::ids::{Attempt, BaselinesHash, JobId, SplitHash};
use proto::measure::{Evaluation, JobResult, Measured, Measurement, Verdict};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};
use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is wrong with a row whose seal does not fit.
pub(super) const UNSOUND: &str = "it is not as it was written (its checksum does not fit)";

/// A result as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    /// The attempt it is of.
    pub attempt: Attempt,
    /// Name of the worker.
    pub worker: String,
    /// The result; a loss that was not finite is NaN. Its extras are read by [`Reader::baselines`] and [`Reader::artifacts`].
    pub result: JobResult,
    /// Where the baselines of its split are, if it came with any.
    pub baselines: Option<BaselinesHash>,
}

/// A store, opened for reading.
#[derive(Debug)]
pub struct Reader {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Its version when it was opened; a coordinator may bring it up meanwhile.
    pub(super) version: i64,
    /// Whether it had anything that was measured on masks when the first result was read: most stores have not, and need not be asked for
    /// each job.
    has_measured: OnceCell<bool>,
    /// The same of the memory that jobs took.
    has_memory: OnceCell<bool>,
    /// The same of the energy that jobs took.
    has_energy: OnceCell<bool>,
    /// The same of the weights that jobs kept.
    has_weights: OnceCell<bool>,
}

impl Reader {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// If there is none, or it is no store of this version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let (connection, version) = Self::peek(path)?;
        let sqlite = |source| StoreError::sqlite(path, source);
        connection.pragma_update(None, "query_only", true).map_err(sqlite)?;
        seal::bring_to(&connection).map_err(sqlite)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self {
            path: path.to_owned(),
            connection,
            version,
            has_measured: OnceCell::new(),
            has_memory: OnceCell::new(),
            has_energy: OnceCell::new(),
            has_weights: OnceCell::new(),
        })
    }

    /// Looks at what the file is; changes nothing.
    ///
    /// # Errors
    /// If it is no store of this version, has no content, or several names.
    pub(super) fn peek(path: &Path) -> Result<(Connection, i64), StoreError> {
        let data =
            fs::metadata(path).map_err(|source| StoreError::Io { action: "look at", path: path.to_owned(), source })?;
        match (data.len(), data.nlink()) {
            (0, _) => return Err(StoreError::Empty { path: path.to_owned() }),
            (_, links @ 2..) => return Err(StoreError::Linked { path: path.to_owned(), links }),
            _ => {}
        }
        access::check(path).map_err(|source| StoreError::Io { action: "read", path: path.to_owned(), source })?;
        let connection = access::open(path).map_err(|source| StoreError::sqlite(path, source))?;
        let version = check_version(path, &connection)?;
        Ok((connection, version))
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the coordinator is reached that has the store, if it has said so and still has it open.
    #[must_use]
    pub fn served_at(&self) -> Option<String> {
        self.holder().as_deref().and_then(lock::url_of).map(str::to_owned)
    }

    /// Who has the store, in words, if the process that has said so has it open.
    #[must_use]
    pub fn holder(&self) -> Option<String> {
        if self.version < 3 {
            return None;
        }
        let select = "SELECT holder FROM coordinator";
        let holder: String = self.connection.query_row(select, [], |row| row.get(0)).ok()?;
        lock::is_open_by(&holder, &self.path).then_some(holder)
    }

    /// Looks through all pages of the file.
    ///
    /// # Errors
    /// If one is damaged.
    pub fn check(&self) -> Result<(), StoreError> {
        quick_check(&self.path, &self.connection)
    }

    /// The result of a job.
    ///
    /// # Errors
    /// If it cannot be read back.
    pub fn result(&self, job: JobId) -> Result<Option<StoredResult>, StoreError> {
        let mut select =
            self.prepare(&format!("SELECT *, {} AS sound FROM results WHERE job = ?1", self.sound("results")))?;
        let raw = select.query_row([self.key(job.0)], |row| RawResult::read(row, self.version)).optional();
        let Some(raw) = raw.map_err(|source| self.sqlite(source))? else { return Ok(None) };
        let damaged = |what: &str| self.damaged(format!("results, job {job}"), what.to_owned());
        if !raw.is_sound {
            return Err(damaged(UNSOUND));
        }
        let verdict = Verdict::from_name(&raw.verdict).ok_or_else(|| damaged("unknown verdict"))?;
        let (of_validation, of_test) = self.measured(job)?.into_iter().unzip();
        let evaluation = |loss: Option<f64>, cases: &[u8], measured| {
            let cases = counts::read(cases, self.version).map_err(|what| damaged(&what))?;
            Ok(Evaluation { loss: loss.unwrap_or(f64::NAN), cases, measured })
        };
        Ok(Some(StoredResult {
            attempt: Attempt(raw.attempt),
            worker: raw.worker,
            result: JobResult {
                verdict,
                epochs: raw.epochs,
                best_epoch: raw.best_epoch,
                validation: evaluation(raw.val_loss, &raw.val_cases, of_validation)?,
                test: evaluation(raw.test_loss, &raw.test_cases, of_test)?,
                train_seconds: raw.train_seconds,
                parameters: raw.parameters as u64,
                device: raw.device,
                split_hash: raw.split_hash.map(SplitHash),
                extras: Extras::default(),
            },
            baselines: raw.baselines.map(BaselinesHash),
        }))
    }

    /// What was measured on the masks of a job's validation and test cases, metric by metric.
    fn measured(&self, job: JobId) -> Result<Vec<(Measured, Measured)>, StoreError> {
        let has_measured = self.has_any(&self.has_measured, "measured")?;
        if has_measured { self.rows_of(job, "measured", "metric", rows::measured) } else { Ok(Vec::new()) }
    }

    /// The error of a job that has succeeded, and whose result is not found.
    #[must_use]
    pub fn without_result(&self, job: JobId) -> StoreError {
        self.damaged(format!("results, job {job}"), "it has succeeded, but its row is missing".to_owned())
    }

    /// The baselines that results point to.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn baselines(&self, hash: BaselinesHash) -> Result<Vec<BaselineCounts>, StoreError> {
        let sound = self.sound("baselines");
        let mut select = self.prepare(&format!(
            "SELECT baseline, val_cases, test_cases, {sound} FROM baselines WHERE hash = ?1 ORDER BY baseline"
        ))?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let rows = select.query_map([self.key(hash.0)], read).map_err(|source| self.sqlite(source))?;
        let read = |row: rusqlite::Result<(String, Vec<u8>, Vec<u8>, bool)>| {
            let (name, validation, test, is_sound) = row.map_err(|source| self.sqlite(source))?;
            let damaged = |what: String| self.damaged(format!("baselines, hash {hash}"), what);
            if !is_sound {
                return Err(damaged(UNSOUND.to_owned()));
            }
            Ok(BaselineCounts {
                baseline: Baseline::from_name(&name).ok_or_else(|| damaged(format!("unknown baseline {name}")))?,
                validation: counts::read(&validation, self.version).map_err(damaged)?,
                test: counts::read(&test, self.version).map_err(damaged)?,
            })
        };
        rows.map(read).collect()
    }

    /// The example segmentations of a job, the best case first.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn artifacts(&self, job: JobId) -> Result<Vec<Artifact>, StoreError> {
        if self.version < 2 {
            return Ok(Vec::new());
        }
        self.rows_of(job, "artifacts", "rank", rows::artifact)
    }

    /// Where the weights of a job are, if they were kept.
    ///
    /// # Errors
    /// If that cannot be read back.
    pub fn weights(&self, job: JobId) -> Result<Option<KeptWeights>, StoreError> {
        if !self.has_any(&self.has_weights, "weights")? {
            return Ok(None);
        }
        Ok(self.rows_of(job, "weights", "job", rows::weights)?.pop())
    }

    /// The rules by which a job's training was found not to be a model, the one that gave the verdict first.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn evidence(&self, job: JobId) -> Result<Vec<Evidence>, StoreError> {
        if !self.has_table("evidence")? {
            return Ok(Vec::new());
        }
        Ok(self.rows_of(job, "evidence", "place", rows::evidence)?.into_iter().flatten().collect())
    }

    /// The most memory that a job took at once, MiB, if its worker said so.
    ///
    /// # Errors
    /// If it cannot be read back.
    pub fn peak_mib(&self, job: JobId) -> Result<Option<u32>, StoreError> {
        if !self.has_any(&self.has_memory, "memory")? {
            return Ok(None);
        }
        Ok(self.rows_of(job, "memory", "job", |row| row.get("peak_mib"))?.pop())
    }

    /// What a job's device took for it, joules, if its worker said so.
    ///
    /// # Errors
    /// If it cannot be read back.
    pub fn energy_joules(&self, job: JobId) -> Result<Option<f64>, StoreError> {
        if !self.has_any(&self.has_energy, "energy")? {
            return Ok(None);
        }
        Ok(self.rows_of(job, "energy", "job", |row| row.get("joules"))?.pop())
    }

    /// Whether the store has a table: one of an older build, which nobody has opened to write since, lacks some.
    pub(super) fn has_table(&self, table: &str) -> Result<bool, StoreError> {
        let mut select = self.prepare("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
        let count: i64 = select.query_row([table], |row| row.get(0)).map_err(|source| self.sqlite(source))?;
        Ok(count > 0)
    }

    /// Whether a table is there and has rows; asked once.
    fn has_any(&self, known: &OnceCell<bool>, table: &str) -> Result<bool, StoreError> {
        if let Some(known) = known.get() {
            return Ok(*known);
        }
        let found = self.has_table(table)? && self.has_rows(table)?;
        Ok(*known.get_or_init(|| found))
    }

    fn has_rows(&self, table: &str) -> Result<bool, StoreError> {
        let select = format!("SELECT EXISTS(SELECT 1 FROM {table})");
        self.prepare(&select)?.query_row([], |row| row.get(0)).map_err(|source| self.sqlite(source))
    }

    /// The epochs of a job, by attempt and epoch.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn measurements(&self, job: JobId) -> Result<Vec<(Attempt, Measurement)>, StoreError> {
        self.rows_of(job, "measurements", "attempt, epoch", rows::measurement)
    }

    fn rows_of<T>(
        &self,
        job: JobId,
        table: &str,
        order: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let sound = self.sound(table);
        let select = format!("SELECT *, {sound} AS sound FROM {table} WHERE job = ?1 ORDER BY {order}");
        let mut select = self.prepare(&select)?;
        let read = |row: &Row<'_>| Ok((read(row)?, row.get("sound")?));
        let rows = select.query_map([self.key(job.0)], read).map_err(|source| self.sqlite(source))?;
        let read = |row: rusqlite::Result<(T, bool)>| match row.map_err(|source| self.sqlite(source))? {
            (row, true) => Ok(row),
            (_, false) => Err(self.damaged(format!("{table}, job {job}"), UNSOUND.to_owned())),
        };
        rows.map(read).collect()
    }

    /// An id as this version of the store has it.
    fn key(&self, id: u128) -> Value {
        if self.version < 4 { Value::Text(format!("{id:032x}")) } else { Value::Blob(id.to_be_bytes().to_vec()) }
    }

    /// In SQL, whether a row of the table is as it was written. Older stores cannot tell.
    pub(super) fn sound(&self, table: &str) -> String {
        if self.version < 4 { "1".to_owned() } else { seal::is_sound(table) }
    }

    pub(super) fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).map_err(|source| self.sqlite(source))
    }

    pub(super) fn get<A, B>(&self, a: rusqlite::Result<A>, b: rusqlite::Result<B>) -> Result<(A, B), StoreError> {
        Ok((a.map_err(|source| self.sqlite(source))?, b.map_err(|source| self.sqlite(source))?))
    }

    pub(super) fn sqlite(&self, source: rusqlite::Error) -> StoreError {
        StoreError::sqlite(&self.path, source)
    }

    pub(super) fn damaged(&self, place: String, reason: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), place, reason }
    }
}
