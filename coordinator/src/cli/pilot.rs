//! An older sweep, or the results of another tool, that say how much differences between candidates vary.

use super::CliError;
use crate::analysis::comparison::{Analysis, Options};
use crate::analysis::observations::{Observations, from_csv, from_results};
use crate::results;
use crate::store::Reader;
use std::io::Read;
use std::path::Path;

/// What a store begins with; anything else is read as CSV.
const STORE_MARK: &[u8] = b"SQLite format 3\0";

/// The metric of a pilot, and the typical (median) standard deviation over splits of its pairs' differences.
pub(super) struct Pilot {
    /// What its scores are.
    pub(super) metric: String,
    /// In units of the score.
    pub(super) sd: f64,
}

/// Reads a store, or a CSV of any tool; of a store the named sweep, or the one submitted last if the name is empty.
///
/// # Errors
/// If it cannot be read, or has no two candidates that share two splits.
pub(super) fn pilot(path: &Path, sweep: &str) -> Result<Pilot, CliError> {
    let observations = observations(path, sweep)?;
    let analysis = Analysis::of(&observations, &Options::default());
    let sd = analysis.power.typical_sd.filter(|sd| *sd > 0.0);
    let sd = sd.ok_or_else(|| CliError::Pilot { path: path.to_owned() })?;
    Ok(Pilot { metric: observations.metric, sd })
}

fn observations(path: &Path, sweep: &str) -> Result<Observations, CliError> {
    let failed = |source| CliError::File { action: "read", path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.by_ref().take(STORE_MARK.len() as u64).read_to_end(&mut bytes).map_err(failed)?;
    if bytes == STORE_MARK {
        return Ok(from_results::observations(&results::read(&Reader::open(path)?, sweep)?));
    }
    file.read_to_end(&mut bytes).map_err(failed)?;
    let imported = from_csv::read(&bytes, &from_csv::Columns::default());
    let imported = imported.map_err(|source| CliError::Import { path: path.to_owned(), source })?;
    imported.metrics.into_iter().next().ok_or_else(|| CliError::Pilot { path: path.to_owned() })
}
