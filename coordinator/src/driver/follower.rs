//! Follows the jobs whose traces are wanted: since when they wait, who runs them, which epochs were heard of. An attempt whose lease had
//! ended and that went on is told in two pieces: until it was lost, and from then on.

use super::observer::End;
use crate::scheduler::{Fact, State, Timestamp};
use crate::telemetry::{EndedAttempt, Epoch, Told, Traces};
use proto::ids::{Attempt, JobId, WorkerId};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sees the facts, in their order. Jobs that ran when the coordinator started have no trace of that attempt.
pub(super) struct Follower {
    traces: Traces,
    /// What the clock said at the driver's start: milliseconds since 1970, UTC.
    began_ms: u64,
    /// When the sweeps of this life of the coordinator were submitted; the jobs of others wait since its start.
    submitted: BTreeMap<String, Timestamp>,
    /// Jobs that wait again: since when, and their last attempt.
    waiting: BTreeMap<JobId, (Timestamp, Run)>,
    running: BTreeMap<JobId, Run>,
}

/// An attempt.
struct Run {
    attempt: Attempt,
    queued: Timestamp,
    first_queued: Timestamp,
    granted: Timestamp,
    told: Told,
}

impl Follower {
    pub(super) fn new(traces: Traces, began_ms: u64) -> Self {
        let (submitted, waiting, running) = Default::default();
        Self { traces, began_ms, submitted, waiting, running }
    }

    /// Follows facts that led to `state` and were kept `now`.
    pub(super) fn see(&mut self, now: Timestamp, state: &State, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Submitted { plan, .. } => {
                    self.submitted.insert(plan.sweep.clone(), now);
                }
                Fact::Deleted { sweep } => {
                    self.submitted.remove(sweep);
                    self.waiting.retain(|job, _| state.sweep_of(*job).is_some());
                }
                Fact::Granted { job, attempt, worker, .. } => {
                    let waited = self.waiting.remove(job).map(|(since, last)| [since, last.first_queued]);
                    self.begin(*job, *attempt, now, waited, told(state, *job, *worker));
                }
                Fact::Revived { job, attempt } => {
                    if let Some((since, last)) = self.waiting.remove(job) {
                        self.begin(*job, *attempt, now, Some([since, last.first_queued]), last.told);
                    } else if let Some(holder) = state.job(*job).and_then(|job| job.holder().copied()) {
                        // it was lost in an earlier life of the coordinator
                        self.begin(*job, *attempt, now, None, told(state, *job, holder.worker));
                    }
                }
                Fact::Progressed { job, epoch, seconds, loss } => {
                    let at = self.time(now);
                    if let Some(Run { told, .. }) = self.running.get_mut(job) {
                        let since = Duration::try_from_secs_f64(*seconds).ok().and_then(|took| at.checked_sub(took));
                        // a report says less of the beginning the longer it was on its way
                        told.trained_since = [told.trained_since, since].into_iter().flatten().min();
                        told.epochs.push(Epoch { epoch: *epoch, at, loss: *loss });
                    }
                }
                fact => self.see_end(now, state, fact),
            }
        }
    }

    fn begin(&mut self, job: JobId, attempt: Attempt, now: Timestamp, waited: Option<[Timestamp; 2]>, told: Told) {
        let submitted = self.submitted.get(&told.sweep).copied().unwrap_or(Timestamp(0));
        let [queued, first_queued] = waited.unwrap_or([submitted; 2]);
        self.running.insert(job, Run { attempt, queued, first_queued, granted: now, told });
    }

    fn see_end(&mut self, now: Timestamp, state: &State, fact: &Fact) {
        let Some(End { job, attempt, outcome, kind }) = End::of(fact) else { return };
        let message = if let Fact::Failed { message, .. } = fact { message } else { "" };
        let is_running = self.running.contains_key(&job);
        let run = self.running.remove(&job).or_else(|| self.waiting.remove(&job).map(|(_, last)| last));
        let Some(run) = run else { return };
        let ended = |attempt, outcome, kind, message| EndedAttempt {
            job,
            attempt,
            told: &run.told,
            queued: self.time(run.queued),
            granted: self.time(run.granted),
            ended: self.time(now),
            outcome,
            kind,
            message,
        };
        let of_fact = ended(attempt, outcome, kind, message);
        if run.attempt == attempt && is_running {
            self.traces.attempt_ended(&of_fact);
        } else if is_running {
            // the result of an attempt that was lost takes the job from the one that runs
            self.traces.attempt_ended(&ended(run.attempt, "recalled", "", ""));
        }
        if state.job(job).is_none_or(|job| job.is_ended()) {
            self.traces.job_ended(&of_fact, self.time(run.first_queued), run.attempt);
        } else {
            // of what it did nothing is told again
            let told = Told { trained_since: None, epochs: Vec::new(), ..run.told };
            self.waiting.insert(job, (now, Run { told, ..run }));
        }
    }

    fn time(&self, at: Timestamp) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.began_ms + at.0)
    }
}

fn told(state: &State, job: JobId, worker: WorkerId) -> Told {
    Told {
        sweep: state.sweep_of(job).unwrap_or_default().to_owned(),
        job: state.job_name(job),
        worker: state.worker_name(worker).to_owned(),
        trained_since: None,
        epochs: Vec::new(),
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.traces.finish();
    }
}
