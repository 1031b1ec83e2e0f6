//! A sweep file on the disk -> `Plan`.

use crate::plan::{ConfigErrors, Plan, parse};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Maximum number of bytes that are read: one more than `parse` accepts is enough for its message.
const MAX_BYTES: u64 = (1 << 20) + 1;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file could not be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a valid sweep file.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The plan could not be written.
    #[error("the plan cannot be written")]
    Write(#[source] io::Error),
}

impl PlanError {
    /// The exit code: 2 for what the user can put right, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Read { .. } | Self::Config(_) => 2,
            Self::Write(_) => 1,
        }
    }
}

/// Reads and expands a sweep file; returns the plan and the file's text.
///
/// # Errors
/// If the file cannot be read, or is not a valid sweep file.
pub fn load(path: &Path) -> Result<(Plan, String), PlanError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
        .map_err(|source| PlanError::Read { path: path.to_owned(), source })?;
    let plan = parse(&path.display().to_string(), &text)?;
    Ok((plan, text))
}
