//! One coordinator a store: an advisory lock on a file beside it, released by the kernel when the process dies.

use super::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// The right to write a store, held until dropped. The file says who has it, for people.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

fn path_of(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Who has the store at `path`, in words, if the process that has said so has the lock file open. To try the lock could keep a
/// coordinator that starts from taking it.
#[must_use]
pub fn holder(path: &Path) -> Option<String> {
    let lock_path = fs::canonicalize(path_of(path)).ok()?;
    let text = fs::read_to_string(&lock_path).ok()?;
    let process = text.strip_prefix("process ")?.split(',').next()?;
    let mut open = fs::read_dir(Path::new("/proc").join(process).join("fd")).ok()?.flatten();
    open.any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == lock_path)).then_some(text)
}

impl Lock {
    /// Takes the lock of the store at `path`.
    ///
    /// # Errors
    /// If another process has it, or the lock file cannot be written.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let lock_path = path_of(path);
        let io = |action| {
            let path = lock_path.clone();
            move |source| StoreError::Io { action, path, source }
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(io("create"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // who holds it is only said in the message; a lock without a name is a lock all the same
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "another process".to_owned() } else { holder };
                return Err(StoreError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let mut lock = Self { file, path: lock_path };
        lock.say(&format!("process {}", std::process::id()))?;
        Ok(lock)
    }

    /// Adds where the process is reached.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn announce(&mut self, url: &str) -> Result<(), StoreError> {
        self.say(&format!("process {}, the coordinator at {url}", std::process::id()))
    }

    fn say(&mut self, text: &str) -> Result<(), StoreError> {
        let Self { file, path } = self;
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|source| StoreError::Io { action: "write", path: path.clone(), source })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // nobody has it any more; if the disk refuses, the process that is named is gone all the same
        let _ = self.file.set_len(0);
    }
}
