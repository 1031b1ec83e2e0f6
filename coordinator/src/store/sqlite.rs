//! The store as its only writer has it, and the versions of the schema. WAL with `synchronous=FULL`: what a returned [`Store::append`]
//! wrote survives a crash of the process and of the host.

use super::lock::{self, Lock};
use super::{Reader, StoreError, copy, facts, seal, writer};
use crate::scheduler::{Fact, Record};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, Transaction, TransactionBehavior};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Marks the file as ours ("SPLS").
pub(super) const APPLICATION_ID: i64 = 0x5350_4c53;
/// The file that holds what was written last is cut to this size: a long reader may have made it grow.
const MAX_WAL_BYTES: i64 = 4 << 20;
/// Newest version of the schema and of the facts that this build knows.
pub(super) const VERSION: i64 = 5;
/// Version of a store in which no sweep was deleted. The fact of a deletion makes it one of version 5, as older builds do not know that fact.
const VERSION_WITHOUT_DELETIONS: i64 = 4;
/// What makes a store of version 1 + index one of the next version.
const MIGRATIONS: [&str; VERSION_WITHOUT_DELETIONS as usize - 1] =
    [include_str!("from_1_to_2.sql"), include_str!("from_2_to_3.sql"), include_str!("from_3_to_4.sql")];
/// A store up to this size is looked through when it is opened, which takes a quarter of a second; a larger one beside the work.
const QUICKLY_CHECKED_BYTES: u64 = 128 << 20;

/// The store, opened by its only writer.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    // before the lock, so that it is closed before it: see `lock.rs`
    connection: Connection,
    lock: Lock,
    /// Whoever takes the store raises it.
    epoch: i64,
    is_checked: bool,
}

impl Store {
    /// Opens the store at `path`, making it if there is none and bringing it to this version if it is older.
    ///
    /// # Errors
    /// If another coordinator has it, it is of another version, damaged or no store, or the disk fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let real = lock::real_path(path).map_err(|source| io("find", path, source))?;
        if !real.exists() {
            create(&real)?;
        }
        // what is no store of ours is left alone, without even a journal beside it
        Reader::peek(path)?;
        let mut lock = take_lock(path, &real)?;
        let sqlite = |source| StoreError::sqlite(path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&real, flags).map_err(sqlite)?;
        seal::bring_to(&connection).map_err(sqlite)?;
        match check_version(path, &connection)? {
            VERSION_WITHOUT_DELETIONS..=VERSION => {}
            old => {
                let backup = copy::before_migration(&connection, &real, old).map_err(|source| {
                    StoreError::NotCopied { path: path.to_owned(), found: old, source: Box::new(source) }
                })?;
                let (path, backup) = (path.display(), backup.display());
                let new = VERSION_WITHOUT_DELETIONS;
                tracing::warn!("store {path} is brought from version {old} to {new}; {backup} is as it was");
                migrate(&mut connection, old).map_err(sqlite)?;
            }
        }
        let added = [
            include_str!("weights.sql"),
            include_str!("measured.sql"),
            include_str!("evidence.sql"),
            include_str!("memory.sql"),
            include_str!("energy.sql"),
        ];
        for table in added {
            connection.execute_batch(table).map_err(sqlite)?;
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(sqlite)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
        connection.pragma_update(None, "journal_size_limit", MAX_WAL_BYTES).map_err(sqlite)?;
        connection.set_prepared_statement_cache_capacity(32);
        let size = fs::metadata(&real).map_err(|source| io("look at", path, source))?.len();
        let is_checked = size <= QUICKLY_CHECKED_BYTES;
        if is_checked {
            quick_check(path, &connection)?;
        }
        let raise = "UPDATE coordinator SET epoch = epoch + 1, holder = ?1 RETURNING epoch";
        let epoch = connection.query_row(raise, [lock::own_name(None)], |row| row.get(0)).map_err(sqlite)?;
        // SQLite keeps these for as long as a connection is open
        for path in [path.to_owned(), lock::beside(&real, "-wal"), lock::beside(&real, "-shm")] {
            lock.watch(path)?;
        }
        Ok(Self { path: path.to_owned(), connection, lock, epoch, is_checked })
    }

    /// Says in the store where the coordinator is reached that has it.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), StoreError> {
        self.transact(|transaction| {
            transaction.execute("UPDATE coordinator SET holder = ?1", [lock::own_name(Some(url))]).map(drop)
        })
    }

    /// Writes the durable ones of the facts, and the records, in one transaction. They are on disk when this returns, under the name that
    /// the store was opened by.
    ///
    /// # Errors
    /// If the disk fails, or the store is not this coordinator's any more; nothing of it was written then.
    pub fn append(&mut self, facts: &[Fact], records: &[Record]) -> Result<(), StoreError> {
        self.transact(|transaction| writer::write(transaction, facts, records))
    }

    /// Writes a page as it was, to see whether the disk takes it.
    ///
    /// # Errors
    /// See [`append`](Self::append).
    pub fn probe(&mut self) -> Result<(), StoreError> {
        // SQLite does not write a row that stays the same
        let there_and_back = "UPDATE coordinator SET epoch = -epoch; UPDATE coordinator SET epoch = -epoch";
        self.transact(|transaction| transaction.execute_batch(there_and_back))
    }

    /// Brings what was committed from the file `-wal` into the store's own file, so that a copy of that file alone has it. Readers that
    /// are at it keep the rest back until the next time. Without news nothing is written.
    ///
    /// # Errors
    /// If the disk fails. Nothing is lost then: it still is in the file `-wal`.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        done.map_err(|source| StoreError::sqlite(&self.path, source))
    }

    /// Looks whether the store is still where it was opened, and no other coordinator has taken it.
    ///
    /// # Errors
    /// If it was deleted, moved, replaced or taken over, or its file system does not answer.
    pub fn check_place(&self) -> Result<(), StoreError> {
        self.lock.check()?;
        self.check_epoch()
    }

    /// Looks whether no other coordinator has taken the store.
    ///
    /// # Errors
    /// If one has.
    pub fn check_epoch(&self) -> Result<(), StoreError> {
        check_epoch(&self.path, &self.connection, self.epoch)
    }

    /// Whether its pages were looked through when it was opened; one that is too large for that wants a [`Reader::check`].
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.is_checked
    }

    /// A reader of the same file.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// One transaction, if no other coordinator has taken the store.
    fn transact(&mut self, write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let Self { path, connection, lock, epoch, .. } = self;
        let sqlite = |source| StoreError::sqlite(path, source);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        check_epoch(path, &transaction, *epoch)?;
        write(&transaction).map_err(sqlite)?;
        // whoever has deleted the store meanwhile must not have it acknowledged
        lock.check()?;
        transaction.commit().map_err(sqlite)
    }
}

/// Looks whether another coordinator has taken the store since.
fn check_epoch(path: &Path, connection: &Connection, epoch: i64) -> Result<(), StoreError> {
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?));
    let sqlite = |source| StoreError::sqlite(path, source);
    let mut query = connection.prepare_cached("SELECT epoch, holder FROM coordinator").map_err(sqlite)?;
    let (now, holder) = query.query_row([], read).map_err(sqlite)?;
    if now == epoch { Ok(()) } else { Err(StoreError::Superseded { path: path.to_owned(), holder }) }
}

/// The right to write the store at `path`.
fn take_lock(path: &Path, real: &Path) -> Result<Lock, StoreError> {
    Lock::take(real)?.ok_or_else(|| {
        let holder = Reader::open(path).ok().and_then(|reader| reader.holder());
        StoreError::Locked { path: path.to_owned(), holder: holder.unwrap_or_else(|| "another process".to_owned()) }
    })
}

/// Keeps coordinators away from a store.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "it is held, not used")] Lock);

/// Keeps coordinators away from the store at `path` until the hold is dropped, which must be after whatever has the store open.
///
/// # Errors
/// If one has it, or it is not there.
pub fn hold(path: &Path) -> Result<Hold, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let real = lock::real_path(path).map_err(|source| io("find", path, source))?;
    take_lock(path, &real).map(Hold)
}

fn io(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

/// The version of the store, which is one that this build knows.
pub(super) fn check_version(path: &Path, connection: &Connection) -> Result<i64, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let pragma = |name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|source| {
            match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => foreign(),
                _ => StoreError::sqlite(path, source),
            }
        })
    };
    match (pragma("application_id")?, pragma("user_version")?) {
        (APPLICATION_ID, found @ 1..=VERSION) => Ok(found),
        (APPLICATION_ID, found) => Err(StoreError::Version { path: path.to_owned(), found, expected: VERSION }),
        _ => Err(foreign()),
    }
}

/// Makes a store beside its place and gives it its name when it is one: a coordinator that dies meanwhile leaves no half store. One that
/// another process has made meanwhile stays.
fn create(real: &Path) -> Result<(), StoreError> {
    let folder = real.parent().unwrap_or(Path::new("/"));
    let name = real.file_name().unwrap_or_default();
    let permissions = Permissions::from_mode(0o666);
    let new = tempfile::Builder::new().prefix(name).suffix(".new").permissions(permissions).tempfile_in(folder);
    let new = new.map_err(|source| io("create", real, source))?;
    let fill = || {
        let mut connection = Connection::open(new.path())?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("schema.sql"))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION_WITHOUT_DELETIONS)?;
        transaction.commit()
    };
    fill().map_err(|source| StoreError::sqlite(real, source))?;
    match new.persist_noclobber(real) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io("create", real, error.error)),
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| io("create", real, source))
}

/// Looks through all pages of the file.
pub(super) fn quick_check(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let damaged = |reason| StoreError::Damaged { path: path.to_owned(), place: "its pages".to_owned(), reason };
    match connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(damaged(found)),
        Err(source) if source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            Err(damaged(source.to_string()))
        }
        Err(source) => Err(StoreError::sqlite(path, source)),
    }
}

fn migrate(connection: &mut Connection, old: i64) -> rusqlite::Result<()> {
    facts::bring_to(connection)?;
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(old as usize - 1) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", VERSION_WITHOUT_DELETIONS)?;
    transaction.commit()
}
