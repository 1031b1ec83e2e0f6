//! Follows the jobs whose traces are wanted: since when they wait, who runs them, which epochs were heard of.

use super::observer::End;
use crate::scheduler::{Fact, JobState, State, Timestamp};
use crate::telemetry::{EndedAttempt, Epoch, Told, Traces};
use proto::ids::{Attempt, JobId};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sees the facts, in their order. Jobs that ran when the coordinator started have no trace of that attempt.
pub(super) struct Follower {
    traces: Traces,
    /// What the clock said at the driver's start: milliseconds since 1970, UTC.
    began_ms: u64,
    /// When the sweeps of this life of the coordinator were submitted; the jobs of others wait since its start.
    submitted: BTreeMap<String, Timestamp>,
    /// Jobs that had an attempt and wait again: since when they wait, and since when they have waited for the first.
    waiting: BTreeMap<JobId, [Timestamp; 2]>,
    running: BTreeMap<JobId, Running>,
}

struct Running {
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
                    self.running.retain(|job, _| state.sweep_of(*job).is_some());
                }
                Fact::Granted { job, attempt, worker, .. } => {
                    let sweep = state.sweep_of(*job).unwrap_or_default();
                    let submitted = self.submitted.get(sweep).copied().unwrap_or(Timestamp(0));
                    let [queued, first_queued] = self.waiting.remove(job).unwrap_or([submitted; 2]);
                    let told = Told {
                        sweep: sweep.to_owned(),
                        job: state.job_name(*job),
                        worker: state.worker_name(*worker).to_owned(),
                        trained_since: None,
                        epochs: Vec::new(),
                    };
                    self.running.insert(*job, Running { attempt: *attempt, queued, first_queued, granted: now, told });
                }
                Fact::Progressed { job, epoch, seconds, loss } => {
                    let at = self.time(now);
                    if let Some(Running { told, .. }) = self.running.get_mut(job) {
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

    fn see_end(&mut self, now: Timestamp, state: &State, fact: &Fact) {
        let Some(End { job, attempt, outcome, kind }) = End::of(fact) else { return };
        // the result of an earlier attempt also ends the one that runs, of which there is nothing to tell then
        let Some(run) = self.running.remove(&job).filter(|running| running.attempt == attempt) else { return };
        let ended = EndedAttempt {
            job,
            attempt,
            told: &run.told,
            queued: self.time(run.queued),
            granted: self.time(run.granted),
            ended: self.time(now),
            outcome,
            kind,
            message: if let Fact::Failed { message, .. } = fact { message } else { "" },
        };
        self.traces.attempt_ended(&ended);
        if state.job(job).is_some_and(|job| job.state == JobState::Queued) {
            self.waiting.insert(job, [now, run.first_queued]);
        } else {
            self.traces.job_ended(&ended, self.time(run.first_queued));
        }
    }

    fn time(&self, at: Timestamp) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.began_ms + at.0)
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.traces.finish();
    }
}
