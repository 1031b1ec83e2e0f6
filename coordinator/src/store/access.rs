//! Opening a store for reading, also where nothing can be written: the file of another user, a read-only disk.
//!
//! SQLite keeps what was committed last in the file `-wal` and an index of it in `-shm`. Who reads takes part in that index, and makes both
//! files if they are not there. Who may not make them reads in one of three other ways:
//!
//! ```text
//!  -wal and -shm are there     a coordinator has the store: its index is read
//!  -wal alone                  what a crash has left, or copies: an index in memory; nobody writes
//!  neither                     all is in the one file, and nobody writes
//! ```

use super::lock::beside;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::fs;
use std::io;
use std::path::Path;

/// A way to open a store that this process may not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Shared,
    AloneWithWal,
    Alone,
}

/// Looks whether this process may read the store at `path`.
///
/// # Errors
/// If it may not.
pub(super) fn check(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?)
}

/// Opens the store at `path` for reading.
///
/// # Errors
/// If SQLite cannot open it.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite looks for the other files beside the file itself, whatever links lead to it
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let [wal, shm] = ["-wal", "-shm"].map(|suffix| beside(&real, suffix));
    let folder = real.parent().unwrap_or(Path::new("/"));
    let may_join = may_write(&real) && (may_write(folder) || (may_write(&wal) && may_write(&shm)));
    if may_join {
        return Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    }
    open_without_writing(&real, way(wal.exists(), shm.exists()))
}

fn way(has_wal: bool, has_shm: bool) -> Way {
    match (has_wal, has_shm) {
        (true, true) => Way::Shared,
        (true, false) => Way::AloneWithWal,
        (false, _) => Way::Alone,
    }
}

fn open_without_writing(real: &Path, way: Way) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    match way {
        Way::Shared => Connection::open_with_flags(real, flags),
        Way::AloneWithWal => {
            // without locks, which this process could not take; an exclusive connection keeps the index in memory
            let connection = Connection::open_with_flags_and_vfs(real, flags, c"unix-none")?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            Ok(connection)
        }
        Way::Alone => Connection::open_with_flags(
            format!("file:{}?immutable=1", escaped(real)),
            flags | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
}

/// Whether this process may write there. The file is not opened: to close it would drop SQLite's locks.
fn may_write(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

/// A path as a URI has it.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let escape = |byte: &u8| if is_plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    path.as_os_str().as_bytes().iter().map(escape).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use crate::scheduler::Fact;
    use crate::store::Store;

    fn facts(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM journal", [], |row| row.get(0)).unwrap()
    }

    /// The ways are opened as by a process that may not write, whoever runs the test.
    #[test]
    fn a_store_is_read_whole_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?c%.db");
        let mut store = Store::open(&path).unwrap();
        store.checkpoint().unwrap();
        let fact = Fact::Cancelled { sweep: "s".to_owned(), shared: true };
        store.append(&[fact], &[]).unwrap();
        let open = |path: &Path, way| facts(&open_without_writing(path, way).unwrap());
        assert_eq!(open(&path, Way::Shared), 1, "beside its coordinator");

        let copies = tempfile::tempdir().unwrap();
        let copy = copies.path().join("copy.db");
        for suffix in ["", "-wal"] {
            fs::copy(beside(&path, suffix), beside(&copy, suffix)).unwrap();
        }
        assert_eq!(open(&copy, Way::AloneWithWal), 1, "what is in the -wal counts");
        drop(store);
        assert_eq!(open(&path, Way::Alone), 1, "after its coordinator");
        let left = |folder: &Path| fs::read_dir(folder).unwrap().count();
        assert_eq!((left(folder.path()), left(copies.path())), (1, 2), "nothing was made");
    }

    #[test]
    fn a_file_that_lies_alone_is_all_there_is() {
        assert_eq!(
            [way(true, true), way(true, false), way(false, false)],
            [Way::Shared, Way::AloneWithWal, Way::Alone]
        );
        assert_eq!(way(false, true), Way::Alone);
    }
}
