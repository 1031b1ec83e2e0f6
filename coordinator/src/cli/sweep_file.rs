//! A sweep file on the disk -> `Plan`.

use crate::plan::{Plan, parse};
use proto::file::{FileKind, LoadError, Mistakes, load as load_text};
use std::io;
use std::path::Path;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read, or is not text.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The file is not a valid sweep file.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// The plan could not be written.
    #[error("the plan cannot be written")]
    Write(#[source] io::Error),
}

impl PlanError {
    /// The exit code: 2 for what the user can put right, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Load(_) | Self::Mistakes(_) => 2,
            Self::Write(_) => 1,
        }
    }
}

/// Reads and expands a sweep file; returns the plan and the file's text.
///
/// # Errors
/// If the file cannot be read, or is not a valid sweep file.
pub fn load(path: &Path) -> Result<(Plan, String), PlanError> {
    let text = load_text(path, FileKind::Sweep)?;
    let plan = parse(&path.display().to_string(), &text)?;
    Ok((plan, text))
}
