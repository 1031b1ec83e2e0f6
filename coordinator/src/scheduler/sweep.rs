//! A sweep as the scheduler sees it: its grid, its jobs, its queue.

use super::jobs::Jobs;
use super::{Course, Fingerprint, Grade, Grant, JobState, Listing};
use crate::plan::{Candidate, Plan};
use crate::race::{self, Contender, Look, Mark};
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
    pub jobs: Arc<Listing>,
    /// What is kept of its jobs that are done, by their places.
    pub(super) done: Vec<Option<Fingerprint>>,
    /// How its jobs with results stand at looks, by their places; empty for a sweep without looks.
    pub(super) marks: Vec<Option<Mark>>,
    /// How jobs stand that had results before it listed them is yet to be noted in `marks`.
    pub(super) is_ungraded: bool,
    /// How far each candidate may go.
    pub course: Course,
    /// Places of the jobs that may go to a worker.
    pub queue: BTreeSet<u32>,
    /// Places of the jobs that failed.
    pub failed: BTreeSet<u32>,
    /// How many jobs the next look waits for, or the end of the sweep.
    pub open: u64,
    /// How many of its jobs are in each state.
    pub counts: Counts,
    /// The longest time that an epoch took since the coordinator started, as seen from here.
    pub longest_epoch_ms: u64,
    /// Epochs of the jobs that succeeded.
    pub epochs_succeeded: u64,
    /// Epochs of the jobs that will not be needed.
    pub epochs_dropped: u64,
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Wait for a worker, or for the next look.
    pub queued: u64,
    /// Are leased.
    pub running: u64,
    /// Have a result.
    pub succeeded: u64,
    /// Ended without one.
    pub failed: u64,
    /// Were taken off the queue.
    pub cancelled: u64,
    /// Will not be needed: their candidate was stopped before.
    pub dropped: u64,
}

impl Counts {
    pub(super) fn of(&mut self, state: &JobState, dropped: bool) -> &mut u64 {
        match state {
            JobState::Succeeded => &mut self.succeeded,
            // whatever becomes of it for another sweep
            _ if dropped => &mut self.dropped,
            JobState::Queued => &mut self.queued,
            JobState::Leased { .. } => &mut self.running,
            JobState::Failed { .. } => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }

    /// All jobs.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queued + self.running + self.succeeded + self.failed + self.cancelled + self.dropped
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

    /// Candidate and split seed of the job at a place of the queue, for people.
    #[must_use]
    pub fn label(&self, place: u32) -> Option<String> {
        let seeds = self.plan.replicates.get(self.coordinates(place).1)?;
        let values =
            self.candidate(place).values.iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        Some(format!("{values} split {}", seeds.split_seed))
    }

    /// The specification of the job at a place of the queue, once the content of the data set is known.
    #[must_use]
    pub fn spec(&self, place: u32) -> Option<JobSpec> {
        let (candidate, replicate) = self.coordinates(place);
        Some(self.plan.job(candidate, replicate, self.inventory.as_ref()?))
    }

    /// A lease of the job at a place of the queue, once the content of the data set is known.
    #[must_use]
    pub fn grant(&self, place: u32, lease: Lease) -> Option<Grant> {
        let wanted = self.plan.wanted(self.coordinates(place).1);
        Some(Grant { lease, dataset: self.plan.dataset.clone(), spec: self.spec(place)?, wanted })
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

    /// What is kept of the job at a place of the queue, if it is done.
    pub(super) fn done_at(&self, place: u32) -> Option<Fingerprint> {
        self.done.get(place as usize).copied().flatten()
    }

    /// The places of its jobs that are done.
    pub(super) fn done_places(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.done).filter(|(_, done)| done.is_some()).map(|(place, _)| place)
    }

    /// Takes the list of its jobs, and counts in those that are done and those of which nothing is known. `live` are the places of all
    /// others.
    pub(super) fn list(&mut self, jobs: Arc<Listing>, done: Vec<Option<Fingerprint>>, live: impl Iterator<Item = u32>) {
        (self.jobs, self.done) = (jobs, done);
        let done: Vec<_> = self.done_places().collect();
        self.count_unknown(&done.iter().copied().chain(live).collect());
        for place in done {
            self.count(place, &JobState::Succeeded, true);
        }
        if self.plan.stopping.is_some() {
            (self.marks, self.is_ungraded) = (vec![None; self.jobs.len()], true);
        }
    }

    /// Its jobs with results of which it is not known how they stand at looks, the first time that this is asked; none if no look is to come.
    pub(super) fn take_ungraded(&mut self, jobs: &Jobs) -> Vec<JobId> {
        if !std::mem::take(&mut self.is_ungraded) || self.course.next_look(&self.plan).is_none() {
            return Vec::new();
        }
        let has_result = |place: u32, id| self.done_at(place).is_some() || jobs.has_succeeded(id);
        let places = (0..).zip(self.jobs.iter()).zip(&self.marks).filter(|(_, mark)| mark.is_none());
        places.filter(|((place, id), _)| has_result(*place, id)).map(|((_, id), _)| *id).collect()
    }

    /// Notes what a result of the job at a place of the queue is worth, if looks are taken.
    pub(super) fn note_grade(&mut self, place: u32, grade: Option<&Grade>) {
        let metric = self.plan.objective.metric;
        if let Some(mark) = self.marks.get_mut(place as usize) {
            *mark = Some(grade.map(|grade| grade.mark(metric)).unwrap_or_default());
        }
    }

    /// Whether the job at a place of the queue will not be needed by this sweep.
    #[must_use]
    pub fn is_dropped(&self, place: u32) -> bool {
        let (candidate, replicate) = self.coordinates(place);
        self.course.is_dropped(candidate, replicate)
    }

    /// Epochs of the job at a place of the queue.
    fn epochs_of(&self, place: u32) -> u64 {
        u64::from(self.candidate(place).template.training.epochs)
    }

    /// Counts the job at a place of the queue in, or out.
    pub(super) fn count(&mut self, place: u32, state: &JobState, enters: bool) {
        let change = |number: &mut u64, by: u64| if enters { *number += by } else { *number -= by };
        let (candidate, replicate) = self.coordinates(place);
        let is_dropped = self.course.is_dropped(candidate, replicate);
        let epochs = self.epochs_of(place);
        change(self.counts.of(state, is_dropped), 1);
        match state {
            JobState::Succeeded => change(&mut self.epochs_succeeded, epochs),
            _ if is_dropped => change(&mut self.epochs_dropped, epochs),
            JobState::Failed { .. } if enters => drop(self.failed.insert(place)),
            JobState::Failed { .. } => drop(self.failed.remove(&place)),
            JobState::Queued | JobState::Leased { .. } if self.course.is_open(candidate, replicate) => {
                change(&mut self.open, 1);
                if enters && matches!(state, JobState::Queued) {
                    self.queue.insert(place);
                } else {
                    self.queue.remove(&place);
                }
            }
            _ => {}
        }
    }

    /// The state of its jobs of which nothing else is known.
    pub(super) fn unknown(&self) -> JobState {
        if self.cancelled { JobState::Cancelled } else { JobState::Queued }
    }

    /// Counts in its jobs, which wait, but for those at the places that are `known`: there are as many as a grid has.
    pub(super) fn count_unknown(&mut self, known: &BTreeSet<u32>) {
        if self.plan.stopping.is_none() {
            let unknown = (self.jobs.len() - known.len()) as u64;
            self.counts.queued += unknown;
            self.open += unknown;
            let waiting = (0..self.jobs.len() as u32).filter(|place| !known.contains(place));
            self.queue = waiting.chain(self.queue.iter().copied()).collect();
            return;
        }
        for place in (0..self.jobs.len() as u32).filter(|place| !known.contains(place)) {
            self.count(place, &JobState::Queued, true);
        }
    }

    /// Cancels its jobs that are needed, but for those at the places that are `known`.
    pub(super) fn cancel_unknown(&mut self, known: &BTreeSet<u32>) {
        if self.plan.stopping.is_none() {
            let unknown = (self.jobs.len() - known.len()) as u64;
            self.counts.queued -= unknown;
            self.counts.cancelled += unknown;
            self.open -= unknown;
            self.queue.retain(|place| known.contains(place));
            return;
        }
        for place in (0..self.jobs.len() as u32).filter(|place| !known.contains(place)) {
            self.count(place, &JobState::Queued, false);
            self.count(place, &JobState::Cancelled, true);
        }
    }

    /// Takes a look that is expected: what its places are changes, so all are counted anew.
    pub(super) fn take(&mut self, look: &Look, jobs: &Jobs) {
        self.course.take(&self.plan, look);
        (self.counts, self.open, self.epochs_succeeded, self.epochs_dropped) = (Counts::default(), 0, 0, 0);
        self.queue.clear();
        self.failed.clear();
        for (place, id) in (0..).zip(Arc::clone(&self.jobs).iter()) {
            let unknown = self.unknown();
            let state = self.done_at(place).map(|_| &JobState::Succeeded);
            self.count(place, state.or_else(|| Some(&jobs.get(id)?.state)).unwrap_or(&unknown), true);
        }
    }

    /// The look that is due: every candidate that is left has ended its replicates up to it.
    pub(super) fn due_look(&self, jobs: &Jobs) -> Option<Look> {
        let stopping = self.plan.stopping.as_ref()?;
        if self.open > 0 || self.inventory.is_none() || self.cancelled {
            return None;
        }
        let replicates = self.course.next_look(&self.plan)? as usize;
        let metric = self.plan.objective.metric;
        let candidates = self.plan.candidates.len();
        let has_failed = |place: usize| {
            let job = self.jobs.get(place).and_then(|id| jobs.get(id));
            job.is_some_and(|job| matches!(job.state, JobState::Failed { .. }))
        };
        let mark = |candidate: usize, replicate: usize| {
            let place = replicate * candidates + candidate;
            let result = self.marks.get(place).copied().flatten();
            result.unwrap_or_else(|| Mark { score: None, collapsed: has_failed(place) })
        };
        let contenders = self.course.left().map(|candidate| Contender {
            candidate: candidate as u32,
            marks: (0..replicates).map(|replicate| mark(candidate, replicate)).collect(),
        });
        let contenders: Vec<_> = contenders.collect();
        Some(race::look(stopping, metric, candidates, &self.plan.draws()[..replicates], &contenders))
    }
}
