//! What survives the coordinator: the journal of facts and the result tables, in one SQLite file.
//!
//! ```text
//!  driver --append(facts, records)--> one transaction, on disk when the call returns     [`Store`], the only writer
//!  anyone --facts, results, ...-----> what was appended                                  [`Reader`]
//! ```

mod lock;
mod reader;
mod sqlite;
#[cfg(test)]
mod tests;

pub use lock::{Lock, holder};
pub use reader::{Reader, StoredResult, Submission};
pub use sqlite::Store;

use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another coordinator has it.
    #[error(
        "store {path} is in use by {holder}: ask it with --coordinator, stop it, or choose another store with --store"
    )]
    Locked {
        /// The store.
        path: PathBuf,
        /// Who says so in the lock file.
        holder: String,
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
    #[error("{path} is no store of this coordinator: choose another file with --store")]
    Foreign {
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
    #[error("store {path} is damaged at {place}: {reason}")]
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
    /// Whether the user can put it right by another choice.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Locked { .. } | Self::Version { .. } | Self::Foreign { .. } | Self::Missing { .. } => true,
            Self::Io { .. } => true,
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly)
            ),
            Self::Damaged { .. } => false,
        }
    }
}
