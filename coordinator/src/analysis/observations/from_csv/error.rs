//! A mistake in a file of results, and how messages show names.

/// Maximum number of names that a message lists.
const MAX_LISTED: usize = 12;

/// A mistake in a file of results, or in what was said about it: the place, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {problem}", .column.as_ref().map(|column| format!(", column `{column}`")).unwrap_or_default())]
pub struct ImportError {
    /// Line of the file, from 1.
    pub line: u64,
    /// Name of the column, if the mistake is in one.
    pub column: Option<String>,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl ImportError {
    pub(super) fn line(line: u64, problem: impl Into<String>) -> Self {
        Self { line, column: None, problem: problem.into() }
    }

    pub(super) fn cell(line: u64, column: &str, problem: impl Into<String>) -> Self {
        Self { line, column: Some(column.to_owned()), problem: problem.into() }
    }
}

/// A name in a message.
pub(super) fn shown(name: &str) -> String {
    format!("`{name}`")
}

/// The names, for a message.
#[must_use]
pub fn listed(names: &[impl AsRef<str>]) -> String {
    let mut listed = names.iter().take(MAX_LISTED).map(|name| name.as_ref().to_owned()).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED {
        listed.push_str(", ...");
    }
    listed
}
