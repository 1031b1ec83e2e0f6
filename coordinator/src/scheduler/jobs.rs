//! The jobs of which more is known than that sweeps list them.
//!
//! Most jobs of a large sweep succeed with their first attempt: they are *done*. Of a job that is done only a [`Fingerprint`] is kept, where
//! its sweeps list it ([`Sweep::done`](super::Sweep)). All others of which something is known are *live*, and are kept whole.

use super::{Job, JobState};
use proto::ids::{JobId, Token};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// What is kept of the token of a lease: enough to know the lease again if its holder reports once more what it ended with. Nothing
/// depends on it that a stranger could want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(NonZeroU32);

// there may be a million of them
const _: () = assert!(size_of::<Option<Fingerprint>>() == 4);

impl From<Token> for Fingerprint {
    fn from(token: Token) -> Self {
        // tokens are hashes: any of their bits will do
        Self(NonZeroU32::new(token.0 as u32).unwrap_or(NonZeroU32::MAX))
    }
}

/// Jobs by their ids, but for those that are done and listed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Jobs {
    // boxed, as a job is large and the tree moves what it holds
    live: BTreeMap<JobId, Box<Job>>,
    /// The jobs that are done and that no sweep lists any more.
    unlisted: BTreeMap<JobId, Fingerprint>,
}

impl Jobs {
    /// The job, if it is live.
    pub(super) fn get(&self, id: &JobId) -> Option<&Job> {
        self.live.get(id).map(Box::as_ref)
    }

    /// Whether the job is live and has a result.
    pub(super) fn has_succeeded(&self, id: &JobId) -> bool {
        self.get(id).is_some_and(|job| job.state == JobState::Succeeded)
    }

    /// The live jobs, in the order of their ids.
    pub(super) fn live(&self) -> impl Iterator<Item = (&JobId, &Job)> {
        self.live.iter().map(|(id, job)| (id, job.as_ref()))
    }

    /// The jobs that are done and not listed, in the order of their ids.
    pub(super) fn unlisted(&self) -> impl Iterator<Item = (JobId, Fingerprint)> {
        self.unlisted.iter().map(|(id, fingerprint)| (*id, *fingerprint))
    }

    /// What is kept of a job that is done and not listed.
    pub(super) fn unlisted_at(&self, id: &JobId) -> Option<Fingerprint> {
        self.unlisted.get(id).copied()
    }

    /// Keeps a live job.
    pub(super) fn put(&mut self, id: JobId, job: Box<Job>) {
        self.live.insert(id, job);
    }

    /// Keeps jobs that are done and not listed.
    pub(super) fn keep(&mut self, done: impl Iterator<Item = (JobId, Fingerprint)>) {
        self.unlisted.append(&mut done.collect());
    }

    /// Takes a live job out, to change it.
    pub(super) fn take(&mut self, id: &JobId) -> Option<Box<Job>> {
        self.live.remove(id)
    }

    /// Takes out what is kept of a job that is done and not listed.
    pub(super) fn take_unlisted(&mut self, id: &JobId) -> Option<Fingerprint> {
        self.unlisted.remove(id)
    }

    /// Forgets these live jobs.
    pub(super) fn erase(&mut self, jobs: &[JobId]) {
        for id in jobs {
            self.live.remove(id);
        }
    }

    /// Forgets the live jobs that are not wanted.
    pub(super) fn retain(&mut self, mut is_wanted: impl FnMut(&mut Job) -> bool) {
        self.live.retain(|_, job| is_wanted(job));
    }

    /// Forgets those of the jobs that are done and not listed which are listed now.
    pub(super) fn retain_unlisted(&mut self, is_unlisted: impl Fn(JobId) -> bool) {
        self.unlisted.retain(|id, _| is_unlisted(*id));
    }
}
