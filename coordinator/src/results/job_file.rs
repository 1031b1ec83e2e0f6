//! A job, found by its id or the beginning of it, and its job file.

use super::read::{NoSweep, listed};
use crate::plan::{self, SimulatedJob};
use crate::scheduler::{State, Sweep};
use crate::store::{Reader, StoreError};
use proto::ids::JobId;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Maximum number of ids in the message about a beginning that several jobs share.
const MAX_LISTED: usize = 4;

/// Why a job is not found, or has no job file.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no sweep at all.
    #[error(transparent)]
    NoSweep(#[from] NoSweep),
    /// A text that no job's id begins with.
    #[error("`{text}` is not the beginning of a job's id: give hexadecimal digits, as `coordinator jobs` shows them")]
    NotAnId {
        /// The text.
        text: String,
    },
    /// No job has such an id.
    #[error("no job's id begins with `{prefix}`: `coordinator jobs` lists them")]
    NoJob {
        /// The beginning of the id.
        prefix: String,
    },
    /// Several jobs have such an id.
    #[error("several jobs' ids begin with `{prefix}`: {listed}: give more digits")]
    SeveralJobs {
        /// The beginning of the ids.
        prefix: String,
        /// Some of the ids.
        listed: String,
    },
    /// The job trains nothing.
    #[error(transparent)]
    Simulated(#[from] SimulatedJob),
}

/// The job file of the only job whose id begins with `prefix`.
///
/// # Errors
/// If the store cannot be read, no or several ids begin so, or the job is simulated.
pub fn job_file(reader: &Reader, prefix: &str) -> Result<String, JobError> {
    find_job(reader, prefix, |found| found.file())?
}

/// A job, a sweep that lists it, and its place there.
#[derive(Clone, Copy)]
pub(super) struct FoundJob<'a> {
    pub(super) id: JobId,
    pub(super) sweep: &'a Sweep,
    pub(super) place: u32,
}

impl FoundJob<'_> {
    /// Its job file.
    pub(super) fn file(&self) -> Result<String, JobError> {
        let job = self.sweep.spec(self.place).ok_or_else(|| JobError::NoJob { prefix: self.id.to_string() })?;
        Ok(plan::job_file(&self.sweep.plan.dataset, &self.sweep.plan.objective, &job)?)
    }
}

/// What `of` makes of the only job whose id begins with `prefix`.
pub(super) fn find_job<T>(reader: &Reader, prefix: &str, of: impl FnOnce(FoundJob<'_>) -> T) -> Result<T, JobError> {
    let state = listed(reader)?;
    find(reader, &state, prefix).map(of)
}

fn find<'a>(reader: &Reader, state: &'a State, prefix: &str) -> Result<FoundJob<'a>, JobError> {
    let ids = ids_with(prefix).ok_or_else(|| JobError::NotAnId { text: prefix.to_owned() })?;
    NoSweep::check(reader, state)?;
    // a job of several sweeps is one job
    let mut found: BTreeMap<JobId, (&Sweep, u32)> = BTreeMap::new();
    for sweep in state.sweeps() {
        let some = sweep.jobs.between(&ids).take(MAX_LISTED + 1);
        found.extend(some.map(|(id, place)| (id, (sweep, place))));
    }
    let several = found.len() > 1;
    let Some((id, (sweep, place))) = found.first_key_value() else {
        return Err(JobError::NoJob { prefix: prefix.to_owned() });
    };
    if several {
        let mut listed: Vec<_> = found.keys().take(MAX_LISTED).map(ToString::to_string).collect();
        listed.extend((found.len() > MAX_LISTED).then(|| "...".to_owned()));
        return Err(JobError::SeveralJobs { prefix: prefix.to_owned(), listed: listed.join(", ") });
    }
    Ok(FoundJob { id: *id, sweep, place: *place })
}

/// The ids that begin with `prefix`; `None` if no id can.
fn ids_with(prefix: &str) -> Option<RangeInclusive<JobId>> {
    /// Digits of an id.
    const DIGITS: usize = 32;
    let is_part = (1..=DIGITS).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    let first = u128::from_str_radix(prefix, 16).ok().filter(|_| is_part)? << (4 * (DIGITS - prefix.len()));
    let rest = if prefix.len() == DIGITS { 0 } else { u128::MAX >> (4 * prefix.len()) };
    Some(JobId(first)..=JobId(first | rest))
}

#[cfg(test)]
mod tests {
    use super::ids_with;
    use proto::ids::JobId;

    #[test]
    fn a_prefix_is_the_beginning_of_an_id() {
        let id = JobId(0x417b_cb3e_4556_da2f_c182_40fa_c289_160a);
        let text = id.to_string();
        for length in 1..=32 {
            let ids = ids_with(&text[..length]).expect("a prefix");
            assert!(ids.contains(&id), "{length}");
            assert_eq!(ids.end().0 - ids.start().0, u128::MAX.checked_shr(4 * length as u32).unwrap_or(0), "{length}");
        }
        for text in ["", "x", "+1", &format!("{text}0")] {
            assert_eq!(ids_with(text), None, "{text}");
        }
    }
}
