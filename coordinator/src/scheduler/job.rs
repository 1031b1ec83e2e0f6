//! The life of a job.
//!
//! ```text
//!             Granted               Succeeded
//!   Queued ------------> Leased -----------------> Succeeded
//!     ^ | ^   Revived      | |       Failed, Lost (limit)
//!     | |  \---------------/ +--------------------> Failed
//!     | |  Released, Recalled, Lost, Stalled, Failed (below the limit, and not too large)
//!     | +----------------------+------------------> Cancelled
//!     +---- Submitted again ---- Failed, Cancelled
//! ```
//!
//! Succeeded is final: nothing changes a result. The result of a lease that was lost is taken in every other state but Cancelled, whoever
//! has the job meanwhile: the first result counts.

use super::{Fact, Fingerprint, Timestamp};
use proto::ids::{Attempt, JobId, Lease, Token, WorkerId};
use proto::measure::FailureKind;
use proto::text::Line;
use std::collections::BTreeSet;

/// Runs of a job that may fail by the program's fault before the job has failed.
const MAX_FAILED: u32 = 3;
/// Runs of a job that may be lost with their workers before the job has failed.
const MAX_LOST: u32 = 5;

/// Who has, or had, the right to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The attempt.
    pub attempt: Attempt,
    /// Proof of the lease.
    pub token: Token,
    /// The worker.
    pub worker: WorkerId,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advance {
    /// The last epoch that was measured; 0 if none was.
    pub epoch: u32,
    /// When it was, or when the lease began; of what nobody saw it is when the time without a measurement began anew.
    pub at: Timestamp,
    /// When the epoch was measured, or the attempt began, if that was seen: not of one that went on after its lease had ended.
    pub seen: Option<Timestamp>,
    /// How long the training had taken by then, seconds.
    pub seconds: f64,
    /// The epoch's mean training loss, if it is finite.
    pub loss: Option<f64>,
}

impl Advance {
    fn begins(at: Timestamp) -> Self {
        Self { seen: Some(at), ..Self::goes_on(at) }
    }

    fn goes_on(at: Timestamp) -> Self {
        Self { epoch: 0, at, seen: None, seconds: 0.0, loss: None }
    }
}

/// Where a job stands. Each state has exactly the data of that state.
#[derive(Debug, Clone, PartialEq)]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker runs it.
    Leased {
        /// Who.
        holder: Holder,
        /// When the lease runs out, unless it is renewed.
        expires: Timestamp,
        /// How far it has come.
        advance: Advance,
        /// The holder has handed in what cannot be, once.
        refused: bool,
    },
    /// Ended with a result.
    Succeeded,
    /// Ended without one.
    Failed {
        /// Whose fault the last failure was.
        kind: FailureKind,
        /// The last failure, for people.
        message: String,
    },
    /// Taken off the queue.
    Cancelled,
}

/// A fact that does not fit the state: the journal is damaged, or the scheduler is wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IllegalTransition {
    /// A fact about a job.
    #[error("job {job} is {state:?}, which `{fact:?}` does not fit")]
    Job {
        /// The job.
        job: JobId,
        /// Where it stands.
        state: Box<JobState>,
        /// The fact.
        fact: Box<Fact>,
    },
    /// A look at candidates that are not there, or not now.
    #[error("sweep `{sweep}` takes no such look after {replicates} replicates")]
    Look {
        /// The sweep.
        sweep: String,
        /// Replicates of the look.
        replicates: u32,
    },
}

/// A job. Its specification follows from its place in a sweep's plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The sweeps that want it: the sweep's number and the job's place in its queue.
    pub places: Vec<(u64, u32)>,
    /// Where it stands.
    pub state: JobState,
    /// The last attempt that was granted; 0 before the first.
    pub attempts: Attempt,
    /// The last attempt that its holder ended, so that a repeated report is known as such.
    pub ended: Option<(Attempt, Fingerprint)>,
    /// The last failure, for people.
    pub message: Option<String>,
    /// Name of the worker on which it last failed.
    pub blamed: Option<Line>,
    /// The holders of leases that ran out or were taken from them, who may still bring a result. While the job waits, the last one may go on.
    pub(super) lapsed: Vec<Holder>,
    /// The holders that measured nothing for too long, who may still bring a result, but go on no more.
    stalled: Vec<Holder>,
    /// The workers on which it failed, or into whose memory it does not fit.
    pub(super) failed_on: BTreeSet<WorkerId>,
    failed: u32,
    lost: u32,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            state: JobState::Queued,
            attempts: Attempt(0),
            ended: None,
            message: None,
            blamed: None,
            lapsed: Vec::new(),
            stalled: Vec::new(),
            failed_on: BTreeSet::new(),
            failed: 0,
            lost: 0,
        }
    }
}

impl Job {
    /// Whether nothing will change the job's state but a new submission.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        match self.state {
            JobState::Queued | JobState::Leased { .. } => false,
            JobState::Succeeded | JobState::Failed { .. } | JobState::Cancelled => true,
        }
    }

    /// Who runs it.
    #[must_use]
    pub fn holder(&self) -> Option<&Holder> {
        match &self.state {
            JobState::Leased { holder, .. } => Some(holder),
            _ => None,
        }
    }

    /// The holder, if `lease` is the job's current lease.
    #[must_use]
    pub fn holder_of(&self, lease: &Lease, worker: WorkerId) -> Option<&Holder> {
        self.holder().filter(|holder| holder.is(lease, worker))
    }

    /// The holder of the last lease, if that has lapsed but can be taken up again.
    #[must_use]
    pub fn lapsed(&self) -> Option<&Holder> {
        let last = self.lapsed.last().filter(|holder| holder.attempt == self.attempts);
        last.filter(|_| self.state == JobState::Queued)
    }

    /// Whether `lease` has lapsed but can be taken up again.
    #[must_use]
    pub fn is_lapsed(&self, lease: &Lease, worker: WorkerId) -> bool {
        self.lapsed().is_some_and(|holder| holder.is(lease, worker))
    }

    /// Whether `lease` ran out, and its result would still be the job's first.
    #[must_use]
    pub fn is_late(&self, lease: &Lease, worker: WorkerId) -> bool {
        self.lapsed.iter().chain(&self.stalled).any(|holder| holder.is(lease, worker))
            && !matches!(self.state, JobState::Succeeded | JobState::Cancelled)
    }

    /// Whether the worker had a lease of it that ran out or was taken away, and may have finished it since.
    pub(super) fn may_come_from(&self, worker: WorkerId) -> bool {
        self.lapsed.iter().chain(&self.stalled).any(|holder| holder.worker == worker)
    }

    /// The holder of an attempt that has not ended, whether its lease has run out or not.
    pub(super) fn holder_at(&self, attempt: Attempt) -> Option<Holder> {
        self.holder()
            .into_iter()
            .chain(&self.lapsed)
            .chain(&self.stalled)
            .find(|holder| holder.attempt == attempt)
            .copied()
    }

    /// A job that a sweep lists, at that place, and to which nothing has happened.
    pub(super) fn listed(place: (u64, u32), state: JobState) -> Self {
        Self { places: vec![place], state, ..Self::default() }
    }

    /// A job that is done.
    pub(super) fn done(places: Vec<(u64, u32)>, fingerprint: Fingerprint) -> Self {
        let (attempts, ended) = (Attempt(1), Some((Attempt(1), fingerprint)));
        Self { places, state: JobState::Succeeded, attempts, ended, ..Self::default() }
    }

    /// Whether more has happened to it than that sweeps wanted it.
    pub(super) fn has_history(&self) -> bool {
        self.attempts > Attempt(0)
    }

    /// What is kept of it if it is done: its first attempt succeeded, and was never lost.
    pub(super) fn done_with(&self) -> Option<Fingerprint> {
        let (attempt, fingerprint) = self.ended.filter(|_| self.state == JobState::Succeeded)?;
        let is_first = (attempt, self.attempts) == (Attempt(1), Attempt(1));
        (is_first && self.message.is_none() && self.failed_on.is_empty()).then_some(fingerprint)
    }

    /// Gives a job that failed or was cancelled another chance.
    pub fn requeue(&mut self) {
        if matches!(self.state, JobState::Failed { .. } | JobState::Cancelled) {
            self.state = JobState::Queued;
            (self.failed, self.lost) = (0, 0);
        }
    }

    /// Takes an unfinished job off the queue. If it is wanted again, its holder may still bring the result.
    pub fn cancel(&mut self) {
        if !self.is_ended() {
            self.lapsed.extend(self.holder().copied());
            self.state = JobState::Cancelled;
        }
    }

    /// Applies a fact about this job. A lease granted or revived by it begins `now` and ends at `expires`.
    ///
    /// # Errors
    /// If the fact does not fit the state.
    pub fn apply(
        &mut self,
        job: JobId,
        fact: &Fact,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), IllegalTransition> {
        use JobState::{Leased, Queued, Succeeded};
        let next = match (&self.state, fact) {
            (Queued, Fact::Granted { attempt, token, worker, .. }) if *attempt == self.attempts.next() => {
                self.attempts = *attempt;
                let holder = Holder { attempt: *attempt, token: *token, worker: *worker };
                Leased { holder, expires, advance: Advance::begins(now), refused: false }
            }
            (Queued, Fact::Revived { attempt, .. })
                if let Some(holder) = self.lapsed().copied().filter(|holder| holder.attempt == *attempt) =>
            {
                self.lapsed.pop();
                self.lost = self.lost.saturating_sub(1);
                Leased { holder, expires, advance: Advance::goes_on(now), refused: false }
            }
            (&Leased { holder, advance, refused, .. }, &Fact::Renewed { expires, .. }) => {
                Leased { holder, expires, advance, refused }
            }
            (&Leased { holder, expires, advance, refused }, &Fact::Progressed { epoch, seconds, loss, .. }) => {
                // an epoch that is handed in again is no progress
                let (at, seen) = if epoch > advance.epoch { (now, Some(now)) } else { (advance.at, advance.seen) };
                Leased { holder, expires, advance: Advance { epoch, at, seen, seconds, loss }, refused }
            }
            (&Leased { holder, expires, advance, refused }, Fact::Resumed { .. }) => {
                Leased { holder, expires, advance: Advance { at: now, ..advance }, refused }
            }
            (&Leased { holder, expires, advance, .. }, Fact::Refused { .. }) => {
                Leased { holder, expires, advance, refused: true }
            }
            (Queued | Leased { .. } | JobState::Failed { .. }, Fact::Succeeded { attempt, .. })
                if let Some(holder) = self.holder_at(*attempt) =>
            {
                self.ended = Some((holder.attempt, holder.token.into()));
                (self.lapsed, self.stalled) = (Vec::new(), Vec::new());
                Succeeded
            }
            (Leased { holder, .. }, Fact::Released { attempt, too_large, .. }) if holder.attempt == *attempt => {
                self.ended = Some((holder.attempt, holder.token.into()));
                if *too_large {
                    self.failed_on.insert(holder.worker);
                }
                Queued
            }
            // he may have finished it, and somebody may want it again
            (Leased { holder, .. }, Fact::Recalled { attempt, .. }) if holder.attempt == *attempt => {
                self.lapsed.push(*holder);
                Queued
            }
            (Leased { holder, .. }, Fact::Failed { attempt, kind, message, worker, .. })
                if holder.attempt == *attempt =>
            {
                self.ended = Some((holder.attempt, holder.token.into()));
                self.failed += 1;
                self.failed_on.insert(holder.worker);
                self.message = Some(message.to_string());
                self.blamed = Some(worker.clone()).filter(|name| !name.is_empty());
                // what fits nowhere fits nowhere the next time
                if self.failed < MAX_FAILED && *kind != FailureKind::TooLarge {
                    Queued
                } else {
                    JobState::Failed { kind: *kind, message: message.to_string() }
                }
            }
            (Leased { holder, .. }, Fact::Lost { attempt, .. }) if holder.attempt == *attempt => {
                self.lapsed.push(*holder);
                self.lose(format!("attempt {attempt}: its worker was silent for too long"))
            }
            (Leased { holder, .. }, Fact::Stalled { attempt, .. }) if holder.attempt == *attempt => {
                self.stalled.push(*holder);
                self.lose(format!("attempt {attempt}: its worker measured nothing for too long"))
            }
            (state, fact) => {
                return Err(IllegalTransition::Job {
                    job,
                    state: Box::new(state.clone()),
                    fact: Box::new(fact.clone()),
                });
            }
        };
        self.state = next;
        Ok(())
    }

    /// The state after a run that was lost with its worker.
    fn lose(&mut self, message: String) -> JobState {
        self.lost += 1;
        (self.message, self.blamed) = (Some(message.clone()), None);
        if self.lost < MAX_LOST { JobState::Queued } else { JobState::Failed { kind: FailureKind::Crashed, message } }
    }
}

impl Holder {
    fn is(&self, lease: &Lease, worker: WorkerId) -> bool {
        self.attempt == lease.attempt && self.token == lease.token && self.worker == worker
    }
}
