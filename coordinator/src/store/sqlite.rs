//! The writer, and the versions of the schema. WAL with `synchronous=FULL`: what a returned [`Store::append`] wrote survives a crash of the process and of the host.

use super::{Lock, Reader, StoreError};
use crate::scheduler::{Fact, Record};
use proto::convert::pack;
use proto::extras::{Artifact, BaselineCounts, Extras};
use proto::ids::{Attempt, BaselinesHash, JobId};
use proto::measure::{CaseCounts, Evaluation, JobResult, Measurement};
use rusqlite::{Connection, OpenFlags, Transaction, params};
use std::path::{Path, PathBuf};

/// Marks the file as ours ("SPLS").
pub(super) const APPLICATION_ID: i64 = 0x5350_4c53;
/// Version of the schema and of the facts' JSON.
pub(super) const VERSION: i64 = 2;
/// What makes a store of version 1 + index one of the next version.
const MIGRATIONS: [&str; VERSION as usize - 1] = [include_str!("from_1_to_2.sql")];

/// The store, opened by its only writer.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    lock: Lock,
}

impl Store {
    /// Opens the store at `path`, making it if there is none and bringing it to this version if it is older.
    ///
    /// # Errors
    /// If another coordinator has it, it is of another version or no store, or the disk fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        // what is no store of ours is left alone, without even a lock beside it
        if path.exists() {
            Reader::peek(path)?;
        }
        let lock = Lock::take(path)?;
        let sqlite = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        match check_version(path, &connection)? {
            Known::Empty => create(&mut connection).map_err(sqlite)?,
            Known::Version(VERSION) => {}
            Known::Version(old) => migrate(&mut connection, old).map_err(sqlite)?,
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { path: path.to_owned(), connection, lock })
    }

    /// Says in the lock file where the coordinator is reached that has the store.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), StoreError> {
        self.lock.announce(url)
    }

    /// Writes the durable ones of the facts, and the records, in one transaction. They are on disk when this returns.
    ///
    /// # Errors
    /// If the disk fails; nothing of it was written then.
    pub fn append(&mut self, facts: &[Fact], records: &[Record]) -> Result<(), StoreError> {
        let sqlite = |source| StoreError::Sqlite { path: self.path.clone(), source };
        let transaction = self.connection.transaction().map_err(sqlite)?;
        write(&transaction, facts, records).map_err(sqlite)?;
        transaction.commit().map_err(sqlite)
    }

    /// A reader of the same file.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    Empty,
    Version(i64),
}

/// Whether the file is new, or a store of a version that this build knows.
pub(super) fn check_version(path: &Path, connection: &Connection) -> Result<Known, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let pragma = |name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|source| {
            match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => foreign(),
                _ => StoreError::Sqlite { path: path.to_owned(), source },
            }
        })
    };
    let (application, found, tables) = (pragma("application_id")?, pragma("user_version")?, pragma("schema_version")?);
    match (application, found) {
        (0, 0) if tables == 0 => Ok(Known::Empty),
        (APPLICATION_ID, 1..=VERSION) => Ok(Known::Version(found)),
        (APPLICATION_ID, found) => Err(StoreError::Version { path: path.to_owned(), found, expected: VERSION }),
        _ => Err(foreign()),
    }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn migrate(connection: &mut Connection, old: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(old as usize - 1) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn write(transaction: &Transaction<'_>, facts: &[Fact], records: &[Record]) -> rusqlite::Result<()> {
    let mut journal = transaction.prepare_cached("INSERT INTO journal (fact) VALUES (?1)")?;
    for fact in facts.iter().filter(|fact| fact.is_durable()) {
        let json =
            serde_json::to_string(fact).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        journal.execute([json])?;
    }
    for record in records {
        match record {
            Record::Measurements { job, attempt, measurements } => {
                write_measurements(transaction, *job, *attempt, measurements)?;
            }
            Record::Result { job, attempt, worker, result } => {
                let Extras { baselines, artifacts } = &result.extras;
                let baselines = write_baselines(transaction, baselines)?;
                write_result(transaction, *job, *attempt, worker, result, baselines)?;
                write_artifacts(transaction, *job, artifacts)?;
            }
        }
    }
    Ok(())
}

/// A measurement that is handed in again stays as it was first written.
fn write_measurements(
    transaction: &Transaction<'_>,
    job: JobId,
    attempt: Attempt,
    measurements: &[Measurement],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO measurements VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let job = job.to_string();
    for Measurement { epoch, train_loss, validation, seconds } in measurements {
        insert.execute(params![
            job,
            attempt.0,
            epoch,
            train_loss,
            validation.loss,
            validation.iou,
            validation.thresholded_iou,
            validation.dice,
            validation.sensitivity,
            validation.specificity,
            validation.accuracy,
            seconds
        ])?;
    }
    Ok(())
}

/// The primary key makes a second result of a job impossible.
fn write_result(
    transaction: &Transaction<'_>,
    job: JobId,
    attempt: Attempt,
    worker: &str,
    result: &JobResult,
    baselines: Option<BaselinesHash>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO results VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    // SQLite turns NaN into NULL and keeps infinities; both mean "not finite" here
    let loss = |evaluation: &Evaluation| Some(evaluation.loss).filter(|loss| loss.is_finite());
    insert.execute(params![
        job.to_string(),
        attempt.0,
        worker,
        result.verdict.name(),
        result.epochs,
        result.best_epoch,
        result.train_seconds,
        result.parameters as i64,
        result.device,
        loss(&result.validation),
        bytes(&result.validation.cases),
        loss(&result.test),
        bytes(&result.test.cases),
        result.split_hash.map(|hash| hash.to_string()),
        baselines.map(|hash| hash.to_string())
    ])?;
    Ok(())
}

/// Writes the baselines unless they are there already; the hash is that of their content.
fn write_baselines(
    transaction: &Transaction<'_>,
    baselines: &[BaselineCounts],
) -> rusqlite::Result<Option<BaselinesHash>> {
    if baselines.is_empty() {
        return Ok(None);
    }
    let rows: Vec<_> = baselines
        .iter()
        .map(|counts| (counts.baseline.name(), bytes(&counts.validation), bytes(&counts.test)))
        .collect();
    let mut content = Vec::new();
    for (name, validation, test) in &rows {
        content.extend(format!("{name} {} {}\n", validation.len(), test.len()).into_bytes());
        content.extend(validation.iter().chain(test));
    }
    let hash = BaselinesHash::of(&content);
    let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO baselines VALUES (?1, ?2, ?3, ?4)")?;
    for (name, validation, test) in rows {
        insert.execute(params![hash.to_string(), name, validation, test])?;
    }
    Ok(Some(hash))
}

fn write_artifacts(transaction: &Transaction<'_>, job: JobId, artifacts: &[Artifact]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO artifacts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for Artifact { case, rank, of, iou, png } in artifacts {
        insert.execute(params![job.to_string(), rank, of, case, iou, png])?;
    }
    Ok(())
}

/// Counts as the store keeps them.
fn bytes(cases: &[CaseCounts]) -> Vec<u8> {
    pack(cases).iter().flat_map(|n| n.to_le_bytes()).collect()
}
