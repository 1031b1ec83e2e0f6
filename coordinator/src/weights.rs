//! The weights that the jobs of a sweep have kept: which there are, and their bytes. They lie where the workers wrote them; whoever can
//! read that place reads them there.

use crate::analysis::versus_best;
use crate::results::{self, JobRow, ResultsError};
use crate::store::Reader;
use crate::tables::Analysed;
use proto::artifact_store::{ArtifactError, ArtifactStore};
use proto::extras::KeptWeights;
use proto::ids::{JobId, WeightsHash};
use std::ffi::OsString;
use std::path::Path;

/// Whose weights are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The sweep; empty for the one submitted last.
    pub sweep: String,
    /// Only those of the leading candidate.
    pub best: bool,
}

/// A job with a result, and the weights that it kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobWeights {
    /// The job.
    pub job: JobId,
    /// Its weights, if it kept them.
    pub kept: Option<KeptWeights>,
}

/// Why there are no bytes of weights.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The place cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The file is not there.
    #[error("{store} has no {name}: the worker kept it at {kept}; name that folder or bucket with --artifacts")]
    Missing {
        /// Where it was looked for.
        store: String,
        /// The name of the file.
        name: String,
        /// Where the worker says that it is.
        kept: String,
    },
    /// It is another file.
    #[error(
        "{store}/{name} is damaged: its hash is {found}, not {expected}; take it from a copy, or run its job again"
    )]
    Damaged {
        /// Where it is.
        store: String,
        /// The name of the file.
        name: String,
        /// The hash that the worker told.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
}

/// Where local workers keep weights and checkpoints unless another place is named: beside the store.
#[must_use]
pub fn beside(store: &Path) -> String {
    let mut folder = OsString::from(std::path::absolute(store).unwrap_or_else(|_| store.to_owned()));
    folder.push(".artifacts");
    folder.to_string_lossy().into_owned()
}

/// The jobs of a sweep that have a result, with the weights that they kept.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn of_sweep(reader: &Reader, asked: &Asked) -> Result<Vec<JobWeights>, ResultsError> {
    let results = results::read(reader, &asked.sweep)?;
    let leader = if asked.best { versus_best::best(&Analysed::of(&results).analysis) } else { None };
    let is_asked = |row: &&JobRow| row.result.is_some() && (!asked.best || Some(row.candidate) == leader);
    let kept = |row: &JobRow| row.result.as_ref().and_then(|scored| scored.result.extras.weights.clone());
    Ok(results.jobs.iter().filter(is_asked).map(|row| JobWeights { job: row.job, kept: kept(row) }).collect())
}

/// `vm:/data/weights` as `/data/weights on vm`: a folder that can be copied. A bucket stays as it is.
fn place_for_people(place: &str) -> String {
    match place.split_once(':') {
        Some(("", folder)) => folder.to_owned(),
        Some((host, folder)) if !folder.starts_with("//") => format!("{folder} on {host}"),
        _ => place.to_owned(),
    }
}

/// Reads the file with the weights of a job.
///
/// # Errors
/// If it is not there, or is not the one that the worker wrote.
pub fn read(store: &ArtifactStore, job: JobId, kept: &KeptWeights) -> Result<Vec<u8>, WeightsError> {
    let name = kept.name(job);
    let Some(bytes) = store.get(&name)? else {
        return Err(WeightsError::Missing { store: store.to_string(), name, kept: place_for_people(&kept.place) });
    };
    let found = WeightsHash::of(&bytes);
    if found == kept.hash {
        return Ok(bytes);
    }
    let (expected, found) = (kept.hash.short(), found.short());
    Err(WeightsError::Damaged { store: store.to_string(), name, expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_told_from_its_host() {
        assert_eq!(place_for_people("vm:/data/weights"), "/data/weights on vm");
        assert_eq!(place_for_people(":/data/weights"), "/data/weights", "of a host without a name");
        assert_eq!(place_for_people("s3://bucket/weights"), "s3://bucket/weights");
    }
}
