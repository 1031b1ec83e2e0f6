//! A sweep as the scheduler sees it: its grid, its jobs, its queue.

use super::{Grant, JobState};
use crate::plan::{Candidate, Plan};
use proto::data::Inventory;
use proto::ids::{JobId, Lease};
use proto::spec::{JobSpec, Trainer};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A sweep: what its file says, and its jobs once they have ids.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Counts the submissions; workers serve the older first.
    pub number: u64,
    /// The grid.
    pub plan: Arc<Plan>,
    /// The content of its data set, once known.
    pub inventory: Option<Arc<Inventory>>,
    /// Name of the worker whose data set it is.
    pub pinned_by: String,
    /// Why its data set cannot serve it.
    pub rejected: Option<String>,
    /// Somebody cancelled it. Its jobs say the same, once it has any.
    pub cancelled: bool,
    /// Its jobs in queue order; empty until the content of the data set is known.
    pub jobs: Vec<JobId>,
    /// Places of the jobs that wait for a worker.
    pub queue: BTreeSet<u32>,
    /// How many of its jobs are in each state.
    pub counts: Counts,
    /// Epochs of the jobs that succeeded.
    pub epochs_succeeded: u64,
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Wait for a worker.
    pub queued: u64,
    /// Are leased.
    pub running: u64,
    /// Have a result.
    pub succeeded: u64,
    /// Ended without one.
    pub failed: u64,
    /// Were taken off the queue.
    pub cancelled: u64,
}

impl Counts {
    pub(super) fn of(&mut self, state: &JobState) -> &mut u64 {
        match state {
            JobState::Queued { .. } => &mut self.queued,
            JobState::Leased { .. } => &mut self.running,
            JobState::Succeeded => &mut self.succeeded,
            JobState::Failed { .. } => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }

    /// All jobs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queued + self.running + self.succeeded + self.failed + self.cancelled
    }
}

impl Sweep {
    /// The candidate and the replicate of the job at a place of the queue.
    #[must_use]
    pub fn coordinates(&self, place: u32) -> (usize, usize) {
        let candidates = self.plan.candidates.len();
        (place as usize % candidates, place as usize / candidates)
    }

    /// The candidate of the job at a place of the queue.
    #[must_use]
    pub fn candidate(&self, place: u32) -> &Candidate {
        &self.plan.candidates[self.coordinates(place).0]
    }

    /// The specification of the job at a place of the queue, once the content of the data set is known.
    #[must_use]
    pub fn spec(&self, place: u32) -> Option<JobSpec> {
        let (candidate, replicate) = self.coordinates(place);
        Some(self.plan.job(candidate, replicate, self.inventory.as_ref()?.content))
    }

    /// A lease of the job at a place of the queue, once the content of the data set is known.
    #[must_use]
    pub fn grant(&self, place: u32, lease: Lease) -> Option<Grant> {
        let examples = self.plan.examples(self.coordinates(place).1);
        Some(Grant { lease, dataset: self.plan.dataset.clone(), spec: self.spec(place)?, examples })
    }

    /// Whether every job has ended, or none ever will.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match self.inventory {
            _ if self.rejected.is_some() => true,
            // without content there are no jobs that could end
            None => self.cancelled,
            Some(_) => self.counts.queued + self.counts.running == 0,
        }
    }

    /// What executes its jobs.
    #[must_use]
    pub fn trainer(&self) -> Trainer {
        self.plan.trainer()
    }

    /// Epochs of the job at a place of the queue.
    pub(super) fn epochs_of(&self, place: u32) -> u64 {
        u64::from(self.candidate(place).template.training.epochs)
    }
}
