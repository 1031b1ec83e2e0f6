//! All that a report is made of, read from a store: a sweep's rows, what its scores come to, and the file it was
//! submitted with.

use super::{QueryError, analyse, find, head, job_rows, measurement_rows, state};
use crate::analysis::racing::Look;
use crate::analysis::report::Example;
use crate::analysis::rows::{JobRow, MeasurementRow, SweepHead};
use crate::analysis::tables::Analysed;
use crate::plan;
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
    /// The looks that were taken of it.
    pub looks: Vec<Look>,
    /// Its file.
    pub submission: Submission,
    /// Ids of the cases, by their index.
    pub cases: Vec<String>,
    /// The job file of the first job, if it trains anything.
    pub job_file: Option<String>,
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
    let analysed = analyse(reader, &head, &jobs)?;
    let submission = reader.submission(&head.sweep)?;
    let cases = sweep.inventory.as_ref().map(|inventory| inventory.cases.clone()).unwrap_or_default();
    let looks = sweep.course.looks.clone();
    let first = sweep.spec(0);
    let job_file = first.and_then(|job| plan::job_file(&sweep.plan.dataset, &sweep.plan.objective, &job).ok());
    Ok(Dossier { head, jobs, analysed, looks, submission, cases, job_file })
}

/// The epochs of some candidates' jobs. Those of all would be millions.
///
/// # Errors
/// If the store cannot be read.
pub fn epochs(reader: &Reader, jobs: &[JobRow], candidates: &[usize]) -> Result<Vec<MeasurementRow>, QueryError> {
    Ok(measurement_rows(reader, jobs.iter().filter(|job| candidates.contains(&job.candidate)))?)
}

/// The example segmentations of one job of each of some candidates: the first that handed any in.
///
/// # Errors
/// If the store cannot be read.
pub fn examples(reader: &Reader, dossier: &Dossier, candidates: &[usize]) -> Result<Vec<Example>, QueryError> {
    let Dossier { head, jobs, cases, .. } = dossier;
    let mut examples = Vec::new();
    for candidate in candidates {
        for job in jobs.iter().filter(|job| job.candidate == *candidate && job.result.is_some()) {
            let artifacts = reader.artifacts(job.job)?;
            let is_found = !artifacts.is_empty();
            let split =
                head.replicates.get(job.replicate).map_or_else(String::new, |seeds| seeds.split_seed.to_string());
            examples.extend(artifacts.into_iter().map(|artifact| Example {
                candidate: *candidate,
                split: split.clone(),
                case: cases.get(artifact.case as usize).cloned().unwrap_or_else(|| artifact.case.to_string()),
                rank: artifact.rank,
                of: artifact.of,
                iou: artifact.iou,
                png: artifact.png,
            }));
            if is_found {
                break;
            }
        }
    }
    Ok(examples)
}
