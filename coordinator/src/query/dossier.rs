//! All that a report is made of, read from a store: a sweep's rows, what its scores come to, and the file it was
//! submitted with.

use super::{QueryError, analyse, find, head, job_rows, measurement_rows, state};
use crate::analysis::rows::{JobRow, MeasurementRow, SweepHead};
use crate::analysis::tables::Analysed;
use crate::store::{Reader, Submission};

/// A sweep as a report needs it.
#[derive(Debug)]
pub struct Dossier {
    /// Which sweep, on which data.
    pub head: SweepHead,
    /// Its jobs.
    pub jobs: Vec<JobRow>,
    /// Its scores, and what they come to.
    pub analysed: Analysed,
    /// Its file.
    pub submission: Submission,
}

/// Reads a sweep; the one submitted last if the name is empty.
///
/// # Errors
/// If the store cannot be read, or has no such sweep.
pub fn dossier(reader: &Reader, sweep: &str) -> Result<Dossier, QueryError> {
    let state = state(reader)?;
    let sweep = find(&state, sweep)?;
    let head = head(sweep);
    let jobs = job_rows(reader, &state, sweep)?;
    let analysed = analyse(&head, &jobs);
    let submission = reader.submission(&head.sweep)?;
    Ok(Dossier { head, jobs, analysed, submission })
}

/// The epochs of some candidates' jobs. Those of all would be millions.
///
/// # Errors
/// If the store cannot be read.
pub fn epochs(reader: &Reader, jobs: &[JobRow], candidates: &[usize]) -> Result<Vec<MeasurementRow>, QueryError> {
    Ok(measurement_rows(reader, jobs.iter().filter(|job| candidates.contains(&job.candidate)))?)
}
