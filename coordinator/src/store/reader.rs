//! Reading a store, while a coordinator writes it or after.

use super::StoreError;
use super::sqlite::{Known, check_version};
use crate::scheduler::{Fact, Grade};
use proto::convert::unpack;
use proto::ids::{Attempt, JobId};
use proto::measure::{Evaluation, JobResult, Measurement, Scores, Verdict};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use std::path::{Path, PathBuf};

/// A result as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    /// The attempt it is of.
    pub attempt: Attempt,
    /// Name of the worker.
    pub worker: String,
    /// The result; a loss that was not finite is NaN.
    pub result: JobResult,
}

/// A store, opened for reading.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
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
        let (connection, known) = Self::peek(path)?;
        if known == Known::Empty {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        let sqlite = |source| StoreError::Sqlite { path: path.to_owned(), source };
        connection.pragma_update(None, "query_only", true).map_err(sqlite)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Looks at what the file is; changes nothing.
    ///
    /// # Errors
    /// If it is no store of this version, unless it is empty.
    pub(super) fn peek(path: &Path) -> Result<(Connection, Known), StoreError> {
        // a reader of a WAL file must be able to make its shared-memory index, hence not SQLITE_OPEN_READ_ONLY
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| StoreError::Sqlite { path: path.to_owned(), source })?;
        let known = check_version(path, &connection)?;
        Ok((connection, known))
    }

    /// Calls `each` with every fact of the journal, in order.
    ///
    /// # Errors
    /// If a fact cannot be read back, or `each` refuses one.
    pub fn facts<E: std::fmt::Display>(&self, mut each: impl FnMut(Fact) -> Result<(), E>) -> Result<(), StoreError> {
        let mut select = self.prepare("SELECT seq, fact FROM journal ORDER BY seq")?;
        let mut rows = select.query([]).map_err(|source| self.sqlite(source))?;
        while let Some(row) = rows.next().map_err(|source| self.sqlite(source))? {
            let (seq, json): (i64, String) = self.get(row.get(0), row.get(1))?;
            let damaged = |reason: String| self.damaged(format!("journal, seq {seq}"), reason);
            let mut fact = serde_json::from_str(&json).map_err(|error| damaged(error.to_string()))?;
            // written before the journal held grades
            if let Fact::Succeeded { job, grade: grade @ None, .. } = &mut fact {
                *grade = self.result(*job)?.map(|stored| Grade::from(&stored.result));
            }
            each(fact).map_err(|error| damaged(error.to_string()))?;
        }
        Ok(())
    }

    /// The result of a job.
    ///
    /// # Errors
    /// If it cannot be read back.
    pub fn result(&self, job: JobId) -> Result<Option<StoredResult>, StoreError> {
        let mut select = self.prepare("SELECT * FROM results WHERE job = ?1")?;
        let raw = select.query_row([job.to_string()], RawResult::read).optional();
        let Some(raw) = raw.map_err(|source| self.sqlite(source))? else { return Ok(None) };
        let damaged = |what: &str| self.damaged(format!("results, job {job}"), what.to_owned());
        let verdict = Verdict::from_name(&raw.verdict).ok_or_else(|| damaged("unknown verdict"))?;
        let evaluation = |loss: Option<f64>, cases: &[u8]| {
            let (words, []) = cases.as_chunks::<4>() else { return Err(damaged("cut off counts")) };
            let numbers: Vec<_> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
            let cases = unpack(&numbers).map_err(|error| damaged(&error.to_string()))?;
            Ok(Evaluation { loss: loss.unwrap_or(f64::NAN), cases })
        };
        Ok(Some(StoredResult {
            attempt: Attempt(raw.attempt),
            worker: raw.worker,
            result: JobResult {
                verdict,
                epochs: raw.epochs,
                best_epoch: raw.best_epoch,
                validation: evaluation(raw.val_loss, &raw.val_cases)?,
                test: evaluation(raw.test_loss, &raw.test_cases)?,
                train_seconds: raw.train_seconds,
                parameters: raw.parameters as u64,
                device: raw.device,
            },
        }))
    }

    /// The epochs of a job, by attempt and epoch.
    ///
    /// # Errors
    /// If they cannot be read back.
    pub fn measurements(&self, job: JobId) -> Result<Vec<(Attempt, Measurement)>, StoreError> {
        let mut select = self.prepare("SELECT * FROM measurements WHERE job = ?1 ORDER BY attempt, epoch")?;
        let rows = select.query_map([job.to_string()], read_measurement).map_err(|source| self.sqlite(source))?;
        rows.collect::<Result<_, _>>().map_err(|source| self.sqlite(source))
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).map_err(|source| self.sqlite(source))
    }

    fn get<A, B>(&self, a: rusqlite::Result<A>, b: rusqlite::Result<B>) -> Result<(A, B), StoreError> {
        Ok((a.map_err(|source| self.sqlite(source))?, b.map_err(|source| self.sqlite(source))?))
    }

    fn sqlite(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Sqlite { path: self.path.clone(), source }
    }

    fn damaged(&self, place: String, reason: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), place, reason }
    }
}

/// A row of `results`.
struct RawResult {
    attempt: u32,
    worker: String,
    verdict: String,
    epochs: u32,
    best_epoch: u32,
    train_seconds: f64,
    parameters: i64,
    device: String,
    val_loss: Option<f64>,
    val_cases: Vec<u8>,
    test_loss: Option<f64>,
    test_cases: Vec<u8>,
}

impl RawResult {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            attempt: row.get("attempt")?,
            worker: row.get("worker")?,
            verdict: row.get("verdict")?,
            epochs: row.get("epochs")?,
            best_epoch: row.get("best_epoch")?,
            train_seconds: row.get("train_seconds")?,
            parameters: row.get("parameters")?,
            device: row.get("device")?,
            val_loss: row.get("val_loss")?,
            val_cases: row.get("val_cases")?,
            test_loss: row.get("test_loss")?,
            test_cases: row.get("test_cases")?,
        })
    }
}

fn read_measurement(row: &Row<'_>) -> rusqlite::Result<(Attempt, Measurement)> {
    let validation = Scores {
        loss: row.get("val_loss")?,
        iou: row.get("val_iou")?,
        thresholded_iou: row.get("val_thresholded_iou")?,
        dice: row.get("val_dice")?,
        sensitivity: row.get("val_sensitivity")?,
        specificity: row.get("val_specificity")?,
        accuracy: row.get("val_accuracy")?,
    };
    let (epoch, train_loss, seconds) = (row.get("epoch")?, row.get("train_loss")?, row.get("seconds")?);
    Ok((Attempt(row.get("attempt")?), Measurement { epoch, train_loss, validation, seconds }))
}
