//! Copies of a store: whole, consistent, also of one that is in use.

use super::lock::beside;
use super::{Reader, StoreError, seal};
use rusqlite::Connection;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Copies the store at `path` to the file `into`, which is whole or not there; the answer is its size in bytes. A coordinator may go on
/// writing meanwhile: the copy is the store as it was at one moment.
///
/// # Errors
/// If there is no store, `into` is there already, or the disk fails.
pub fn backup(path: &Path, into: &Path) -> Result<u64, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let (connection, _) = Reader::peek(path)?;
    seal::bring_to(&connection).map_err(|source| StoreError::sqlite(path, source))?;
    copy(&connection, path, into)
}

/// Copies a store of that version that is about to be migrated to a file beside it; the answer is the file.
pub(super) fn before_migration(connection: &Connection, real: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let name = |count: u32| match count {
        1 => beside(real, &format!(".version-{version}")),
        count => beside(real, &format!(".version-{version}-{count}")),
    };
    let free = (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(1));
    copy(connection, real, &free)?;
    Ok(free)
}

fn copy(connection: &Connection, path: &Path, into: &Path) -> Result<u64, StoreError> {
    let taken = || StoreError::Taken { path: into.to_owned() };
    if into.exists() {
        return Err(taken());
    }
    let failed = |source| StoreError::Io { action: "write", path: into.to_owned(), source };
    let folder = into.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = fs::metadata(path).map_err(failed)?.permissions();
    let new = tempfile::Builder::new().prefix(".store").permissions(permissions).tempfile_in(folder).map_err(failed)?;
    let name = new.path().to_str().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|source| StoreError::sqlite(path, source))?;
    let file = File::open(new.path()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    new.persist_noclobber(into).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => taken(),
        _ => failed(error.error),
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(size)
}
