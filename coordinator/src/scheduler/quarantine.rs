//! Which workers are trusted with which jobs.
//!
//! A broken host fails whatever it is given, and at once: left alone it would fail every job of a sweep three times before a sound host is
//! idle. Three rules stop it:
//!
//! * a job goes to workers that have not failed it;
//! * a worker that has [stalled](super::stalls) is quarantined until it measures something;
//! * a worker whose last three jobs failed is *quarantined*, and gets no jobs. A failure does not count if the job failed as well on another
//!   worker, one that has succeeded with some job: then it is the job's fault.
//!
//! They hold only while there is somebody else: a worker that lives, has the data and is not quarantined itself, idle or not. They choose
//! between workers and never leave a job without one, so a sweep ends however many of its workers are broken.
//!
//! The conduct of workers follows from the journal. A quarantine ends when the failures turn out to be the jobs' faults, or with the worker's
//! life: the next process on that host starts afresh.

use super::state::Worker;
use super::{Fact, State, Sweep, Timestamp, grant};
use proto::ids::{JobId, WorkerId};
use proto::measure::FailureKind;

/// So many jobs that failed one after the other put a worker in quarantine.
const STREAK: usize = 3;

/// What became of a worker's jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Conduct {
    /// It has succeeded with some job.
    proven: bool,
    /// The last jobs that failed since it last succeeded, no more than [`STREAK`], the latest last.
    failed: Vec<JobId>,
    /// It has held a job for too long without a measurement, and measured nothing since.
    stalled: bool,
}

impl Conduct {
    fn succeed(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    fn fail(&mut self, job: JobId) {
        // a job that fails again and again says no more than one that fails
        self.failed.retain(|failed| *failed != job);
        self.failed.push(job);
        if self.failed.len() > STREAK {
            self.failed.remove(0);
        }
    }
}

impl State {
    /// On whose conduct a fact throws light, before it is applied.
    pub(super) fn worker_of(&self, job: JobId, fact: &Fact) -> Option<WorkerId> {
        match fact {
            Fact::Succeeded { attempt, .. } | Fact::Failed { attempt, .. } | Fact::Stalled { attempt, .. } => {
                self.jobs.get(&job)?.holder_at(*attempt).map(|holder| holder.worker)
            }
            Fact::Progressed { .. } => self.jobs.get(&job)?.holder().map(|holder| holder.worker),
            _ => None,
        }
    }

    /// Notes how a worker's attempt goes.
    pub(super) fn note_conduct(&mut self, worker: WorkerId, fact: &Fact) {
        match fact {
            Fact::Succeeded { .. } => self.conduct.entry(worker).or_default().succeed(),
            // a host is not broken because it is small
            Fact::Failed { kind: FailureKind::TooLarge, .. } => {}
            Fact::Failed { job, .. } => self.conduct.entry(worker).or_default().fail(*job),
            Fact::Stalled { .. } => self.conduct.entry(worker).or_default().stalled = true,
            Fact::Progressed { .. } => {
                if let Some(conduct) = self.conduct.get_mut(&worker) {
                    conduct.stalled = false;
                }
            }
            _ => {}
        }
    }

    /// Whether the worker gets no job that another can take.
    pub(super) fn is_quarantined(&self, worker: WorkerId) -> bool {
        let counts = |job: &&JobId| !self.is_jobs_fault(**job, worker);
        let is_bad = |conduct: &Conduct| conduct.stalled || conduct.failed.iter().filter(counts).count() == STREAK;
        self.conduct.get(&worker).is_some_and(is_bad)
    }

    /// Whether the job failed as well on another worker that is known to work.
    fn is_jobs_fault(&self, job: JobId, worker: WorkerId) -> bool {
        let is_proven = |other: &WorkerId| self.conduct.get(other).is_some_and(|conduct| conduct.proven);
        self.jobs.get(&job).is_some_and(|job| job.failed_on.iter().any(|other| *other != worker && is_proven(other)))
    }

    /// The live workers besides this one that the sweep's jobs can be entrusted to.
    pub(super) fn others(&self, now: Timestamp, worker: WorkerId, sweep: &Sweep) -> Vec<WorkerId> {
        let lives = |other: &Worker| !other.draining && now < other.seen.after(self.limits.lease_ms);
        let others =
            self.workers.iter().filter(|(id, other)| **id != worker && lives(other) && grant::can_run(other, sweep));
        others.map(|(id, _)| *id).filter(|id| !self.is_quarantined(*id)).collect()
    }

    /// Why the worker is in quarantine, if it is, and what to do; for people.
    pub(super) fn quarantine_notice(&self, worker: WorkerId) -> Option<String> {
        let conduct = self.conduct.get(&worker).filter(|_| self.is_quarantined(worker))?;
        if conduct.stalled {
            return Some(
                "quarantined: it held a job for too long without a measurement, it gets none that another worker can take; look at the host and restart the worker, or start the coordinator with a longer --progress-timeout"
                    .to_owned(),
            );
        }
        let last = conduct.failed.last()?;
        let message = self.jobs.get(last).and_then(|job| job.message.as_deref()).unwrap_or_default();
        Some(format!(
            "quarantined: its last {STREAK} jobs failed ({message}), it gets none that another worker can take; mend the host and restart the worker"
        ))
    }
}
