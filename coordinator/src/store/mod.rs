//! What survives the coordinator: the journal of facts and the result tables, in one SQLite file.
//!
//! ```text
//!  driver --append(facts, records)--> one transaction, on disk when the call returns     [`Store`], the only writer
//!  anyone --facts, results, ...-----> what was appended                                  [`Reader`]
//! ```
//!
//! Each row bears a checksum (`seal.rs`). [`backup`] copies a store, also one that is in use.

mod access;
mod copy;
mod counts;
mod facts;
mod inspection;
mod journal;
mod lock;
mod reader;
mod rows;
mod seal;
mod sqlite;
#[cfg(test)]
mod tests;
mod writer;

pub use copy::backup;
pub use journal::{Entry, Submission, Wanted};
pub use reader::{Reader, StoredResult};
pub use sqlite::{Hold, Store, hold};

use std::path::{Path, PathBuf};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another coordinator has it.
    #[error(
        "store {path} is in use by {holder}: give it another sweep with coordinator submit FILE, ask it with --coordinator, stop it, or choose another store with --store"
    )]
    Locked {
        /// The store.
        path: PathBuf,
        /// Who that is.
        holder: String,
    },
    /// Another coordinator has taken it since this one opened it.
    #[error(
        "store {path} was taken over by {holder}: a store has one coordinator, so this one writes nothing more and ends"
    )]
    Superseded {
        /// The store.
        path: PathBuf,
        /// Who that is.
        holder: String,
    },
    /// It is not found where it was opened.
    #[error(
        "{path} is not the file that this coordinator opened: it was deleted, moved or replaced; put it back, or start the coordinator again"
    )]
    Gone {
        /// The store, or a file that SQLite keeps beside it.
        path: PathBuf,
    },
    /// The disk did not confirm that it has what was written.
    #[error(
        "the disk does not confirm what was written to store {path}: {source}; nothing of it was acknowledged: check the disk, then start the coordinator again"
    )]
    Unconfirmed {
        /// The store.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It has several names.
    #[error(
        "store {path} has {links} names (hard links), but the journal beside it belongs to one of them: delete the others, or make a copy"
    )]
    Linked {
        /// The store.
        path: PathBuf,
        /// How many.
        links: u64,
    },
    /// It has no content.
    #[error("store {path} is an empty file: restore it from a copy, or delete it to begin a new store")]
    Empty {
        /// The store.
        path: PathBuf,
    },
    /// It is of another version of the product.
    #[error(
        "store {path} has version {found}, this build reads version {expected}: use the build that wrote it, or choose another store with --store"
    )]
    Version {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        expected: i64,
    },
    /// The file is something else.
    #[error("{path} is not a store of results: choose another file with --store")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It is of an older version, and cannot be copied before it is brought to this one.
    #[error(
        "store {path} has version {found} and stays as it is: it is copied before it is brought up, and that failed: {source}"
    )]
    NotCopied {
        /// The store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Why.
        source: Box<StoreError>,
    },
    /// There is such a file already.
    #[error("{path} is there already: name another file")]
    Taken {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no store {path}: name it with --store, or ask a running coordinator with --coordinator")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Its content cannot be read back.
    #[error(
        "store {path} is damaged at {place}: {reason}; `coordinator store check` tells what is sound, `coordinator store salvage` saves it"
    )]
    Damaged {
        /// The store.
        path: PathBuf,
        /// Table and row.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The file system failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// SQLite failed.
    #[error("store {path}: {source}")]
    Sqlite {
        /// The store.
        path: PathBuf,
        /// Why it failed.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// A failure of SQLite. Who goes on after one to make data durable may take for written what is not: the kernel reports it once.
    fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
        let path = path.to_owned();
        match source.sqlite_error().map(|error| error.extended_code) {
            Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC) => Self::Unconfirmed { path, source },
            _ => Self::Sqlite { path, source },
        }
    }

    /// Whether the coordinator must end: only a new one that reads the store anew can go on.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Superseded { .. } | Self::Unconfirmed { .. })
    }

    /// Whether the user can put it right by another choice.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Locked { .. }
            | Self::Superseded { .. }
            | Self::Gone { .. }
            | Self::Linked { .. }
            | Self::Empty { .. }
            | Self::Version { .. }
            | Self::Foreign { .. }
            | Self::Taken { .. }
            | Self::Missing { .. }
            | Self::Io { .. } => true,
            Self::NotCopied { source, .. } => source.is_users(),
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
            ),
            Self::Damaged { .. } | Self::Unconfirmed { .. } => false,
        }
    }
}
