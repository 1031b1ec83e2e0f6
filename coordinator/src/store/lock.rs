//! One coordinator a store. The lock lies on the file itself, whatever its names are; the kernel releases it when the process dies.
//!
//! It is a `flock`, which on Linux does not meet the record locks that SQLite takes on the same file. But those are dropped when the process
//! closes *any* descriptor of the file, so the descriptor here is opened before SQLite's and closed after them.

use super::StoreError;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The right to write a store, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    /// Keeps the lock.
    _file: File,
    /// The files that are written, under the names by which the next coordinator looks for them.
    watched: Vec<(PathBuf, FileId)>,
}

/// Tells a file from all others of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(data: &Metadata) -> Self {
        Self { device: data.dev(), inode: data.ino() }
    }
}

impl Lock {
    /// Takes the lock of the store at `path`; `None` if another process has it.
    ///
    /// # Errors
    /// If there is no such file, or it cannot be locked.
    pub(super) fn take(path: &Path) -> Result<Option<Self>, StoreError> {
        let io = |action| move |source| StoreError::Io { action, path: path.to_owned(), source };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let id = (&file.metadata().map_err(io("look at"))?).into();
        let lock = Self { _file: file, watched: vec![(path.to_owned(), id)] };
        // it may have been replaced before it was locked
        lock.check()?;
        Ok(Some(lock))
    }

    /// Has [`check`](Self::check) look at this file as well.
    ///
    /// # Errors
    /// If it is not there.
    pub(super) fn watch(&mut self, path: PathBuf) -> Result<(), StoreError> {
        match fs::metadata(&path) {
            Ok(data) => self.watched.push((path, (&data).into())),
            Err(source) => return Err(StoreError::Io { action: "look at", path, source }),
        }
        Ok(())
    }

    /// Looks whether the files are still found under their names.
    ///
    /// # Errors
    /// If one was deleted, moved or replaced, or the file system does not answer.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (path, id) in &self.watched {
            match fs::metadata(path) {
                Ok(data) if FileId::from(&data) == *id => {}
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::Io { action: "look at", path: path.clone(), source });
                }
                Ok(_) | Err(_) => return Err(StoreError::Gone { path: path.clone() }),
            }
        }
        Ok(())
    }
}

/// The file's one name without symbolic links, whether it is there or not.
///
/// # Errors
/// If its folder is not there.
pub(super) fn real_path(path: &Path) -> io::Result<PathBuf> {
    let found = fs::canonicalize(path);
    if !matches!(&found, Err(error) if error.kind() == ErrorKind::NotFound) {
        return found;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (fs::read_link(path), path.file_name()) {
        // a link to a file that is yet to be made
        (Ok(target), _) => real_path(&folder.join(target)),
        (Err(_), Some(name)) => Ok(fs::canonicalize(folder)?.join(name)),
        (Err(_), None) => found,
    }
}

/// A file that SQLite keeps beside a database.
pub(super) fn beside(real: &Path, suffix: &str) -> PathBuf {
    let mut name = real.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What stands between process and address.
const AT: &str = ", the coordinator at ";

/// How this process calls itself to people who find the store in use.
pub(super) fn own_name(url: Option<&str>) -> String {
    let process = format!("process {}", std::process::id());
    url.map_or(process.clone(), |url| format!("{process}{AT}{url}"))
}

/// The address in such a [name](own_name).
pub(super) fn url_of(name: &str) -> Option<&str> {
    name.split_once(AT).map(|(_, url)| url)
}

/// Whether the process of that [name](own_name) has the store at `path` open. To try the lock could keep a coordinator that starts from taking it.
pub(super) fn is_open_by(name: &str, path: &Path) -> bool {
    let process = name.strip_prefix("process ").and_then(|rest| rest.split(',').next());
    let (Some(process), Ok(store)) = (process, fs::metadata(path)) else { return false };
    let Ok(open) = fs::read_dir(Path::new("/proc").join(process).join("fd")) else { return false };
    let store = FileId::from(&store);
    open.flatten().any(|entry| fs::metadata(entry.path()).is_ok_and(|data| FileId::from(&data) == store))
}
