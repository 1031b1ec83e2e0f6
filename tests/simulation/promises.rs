//! What must hold after every step, whatever happens.
//!
//! * A job has one result, written by the worker to which that attempt was granted, of a training of that very job.
//! * Attempts of a job are granted one after the other.
//! * What was acknowledged is on the disk, whoever dies.
//! * The journal folds, and what is derived from the jobs' states is what they say.
//! * A finished training is refused only if its job has a result, or is not wanted any more.
//! * A worker is told to stop only what somebody else has, or nobody wants.
//! * In the answer to the end of a job nobody is granted what he has finished and not yet reported.
//! * A job fails at most three times by itself and five times with its worker.
//! * When all is well again every job ends, and the epochs of its training are complete.

use crate::coordinator::Coordinator;
use crate::disk::Disk;
use crate::worker::Host;
use coordinator::scheduler::{Completed, Fact, JobState, State, Synchronized};
use proto::ids::{Attempt, JobId, Lease, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

/// Runs of a job that may fail by themselves, and be lost, since it was submitted last.
const MAX_FAILED: u32 = 3;
const MAX_LOST: u32 = 5;

#[derive(Default)]
pub(crate) struct Promises {
    /// Who trains what, by the training's number.
    trainings: BTreeMap<u64, (WorkerId, JobId)>,
    /// The attempts whose end was acknowledged.
    acknowledged: BTreeSet<(JobId, Attempt)>,
    submitted: BTreeSet<usize>,
    /// Failures and losses of each job since it was last queued anew.
    runs: BTreeMap<JobId, (u32, u32)>,
    /// The transaction that is answered has a submission: what was decided before it, it may have changed.
    submits: bool,
    /// Stops that a flaw adds.
    stops: Vec<Lease>,
}

impl Promises {
    pub(crate) fn begin_training(&mut self, worker: WorkerId, job: JobId) -> u64 {
        let number = self.trainings.len() as u64 + 1;
        self.trainings.insert(number, (worker, job));
        number
    }

    pub(crate) fn note_submitted(&mut self, sweep: usize) {
        self.submitted.insert(sweep);
    }

    pub(crate) fn note_stops(&mut self, stops: Vec<Lease>) {
        self.stops = stops;
    }

    pub(crate) fn take_stops(&mut self) -> Vec<Lease> {
        std::mem::take(&mut self.stops)
    }

    pub(crate) fn note(&mut self, facts: &[Fact]) {
        self.submits = facts.iter().any(|fact| matches!(fact, Fact::Submitted { .. } | Fact::Pinned { .. }));
        for fact in facts {
            match fact {
                Fact::Submitted { .. } | Fact::Pinned { .. } => self.runs.clear(),
                Fact::Failed { job, .. } => self.runs.entry(*job).or_default().0 += 1,
                Fact::Lost { job, .. } | Fact::Stalled { job, .. } => self.runs.entry(*job).or_default().1 += 1,
                Fact::Revived { job, .. } => {
                    let lost = &mut self.runs.entry(*job).or_default().1;
                    *lost = lost.saturating_sub(1);
                }
                _ => {}
            }
        }
    }

    pub(crate) fn check_state(&self, state: &State) -> Result<(), String> {
        state.check_invariants();
        match self.runs.iter().find(|(_, (failed, lost))| *failed > MAX_FAILED || *lost > MAX_LOST) {
            Some((job, runs)) => Err(format!("job {job} was run too often: {runs:?} failed and lost")),
            None => Ok(()),
        }
    }

    /// A coordinator has read what is on the disk.
    pub(crate) fn check_restored(&self, coordinator: &Coordinator, disk: &Disk) {
        for job in disk.results.keys() {
            let state = coordinator.state().job(*job).map(|job| job.state.clone());
            assert!(
                matches!(state, Some(JobState::Succeeded)) || state.is_none(),
                "job {job} has a result and is {state:?} after a restart"
            );
        }
    }

    /// The end of an attempt is acknowledged, or refused.
    pub(crate) fn check_completed(
        &mut self,
        state: &State,
        host: Option<&Host>,
        worker: WorkerId,
        (lease, is_result): (Lease, bool),
        completed: &Completed,
        disk: &Disk,
    ) -> Result<(), String> {
        let Lease { job, attempt, .. } = lease;
        let Completed::Recorded(grants) = completed else {
            let is_over =
                state.job(job).is_none_or(|job| matches!(job.state, JobState::Succeeded | JobState::Cancelled));
            if is_result && !is_over && !self.submits {
                let state = state.job(job).map(|job| job.state.clone());
                return Err(format!(
                    "the finished training of job {job}, attempt {attempt} is refused; the job is {state:?}"
                ));
            }
            return Ok(());
        };
        self.acknowledged.insert((job, attempt));
        let caller = host.and_then(|host| host.worker.as_ref()).filter(|caller| caller.id == worker);
        for grant in grants {
            let Lease { job, attempt, .. } = grant.lease;
            let before = Attempt(attempt.0 - 1);
            let was_callers = disk.granted.get(&(job, before)) == Some(&worker);
            let mut held = caller.into_iter().flat_map(|caller| caller.state.held());
            if was_callers && held.any(|(lease, is_done)| is_done && (lease.job, lease.attempt) == (job, before)) {
                return Err(format!("job {job} is granted to the worker that has finished it as attempt {before}"));
            }
        }
        Ok(())
    }

    /// A worker is told what to do.
    pub(crate) fn check_synchronized(
        &self,
        state: &State,
        worker: WorkerId,
        reply: &Synchronized,
    ) -> Result<(), String> {
        for stop in &reply.stops {
            let Some(job) = state.job(stop.job) else { continue };
            let wants = |&(number, place): &(u64, u32)| {
                state.sweeps().any(|sweep| sweep.number == number && !sweep.is_dropped(place))
            };
            if !self.submits && job.is_lapsed(stop, worker) && job.places.iter().any(wants) {
                let Lease { job, attempt, .. } = stop;
                return Err(format!("a worker is told to stop job {job}, attempt {attempt}, which nobody else has"));
            }
        }
        Ok(())
    }

    /// All is well again, and has been for long.
    pub(crate) fn check_end(&self, disk: &Disk, state: &State) -> Result<(), String> {
        self.check_disk(disk)?;
        let names: Vec<_> = state.sweeps().map(|sweep| sweep.plan.sweep.as_str()).collect();
        let names_of = ["a", "a", "b", "c"];
        if let Some(sweep) = self.submitted.iter().find(|sweep| !names.contains(&names_of[**sweep])) {
            return Err(format!("sweep file {sweep} was taken and is not there"));
        }
        match state.sweeps().find(|sweep| !sweep.is_ended()) {
            Some(sweep) => Err(format!("sweep {} does not end: {:?}", sweep.plan.sweep, sweep.counts)),
            None => Ok(()),
        }
    }

    /// What is on the disk.
    pub(crate) fn check_disk(&self, disk: &Disk) -> Result<(), String> {
        if let Some((job, attempt)) = self.acknowledged.iter().find(|ended| !disk.ended.contains(ended)) {
            return Err(format!("the end of job {job}, attempt {attempt} was acknowledged and is not on the disk"));
        }
        for (job, (attempt, training, epochs)) in &disk.results {
            let (worker, trained) = self.trainings[training];
            if trained != *job || disk.granted.get(&(*job, *attempt)) != Some(&worker) {
                return Err(format!("job {job}, attempt {attempt} has a result of a worker that did not hold it"));
            }
            let is_there = |epoch: &u32| disk.measured.contains(&(*job, *attempt, *epoch));
            if let Some(epoch) = (1..=*epochs).find(|epoch| !is_there(epoch)) {
                return Err(format!("epoch {epoch} of job {job}, attempt {attempt} is lost"));
            }
        }
        Ok(())
    }
}
