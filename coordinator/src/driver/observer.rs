//! Has the telemetry count what was kept: how attempts end, how long jobs take, when each sweep last went on.

use crate::scheduler::{Fact, State, Timestamp};
use crate::telemetry::{SweepMeter, Telemetry};
use proto::ids::{Attempt, JobId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Sees the facts, in their order.
pub(super) struct Observer {
    telemetry: Arc<Telemetry>,
    /// What the clock said at the driver's start: milliseconds since 1970, UTC.
    began_ms: u64,
    /// The attempts that were granted in this life of the coordinator and have not ended.
    running: BTreeMap<JobId, Running>,
}

struct Running {
    attempt: Attempt,
    since: Timestamp,
    sweep: SweepMeter,
}

impl Observer {
    pub(super) fn new(telemetry: Arc<Telemetry>, began_ms: u64) -> Self {
        Self { telemetry, began_ms, running: BTreeMap::new() }
    }

    /// Counts facts that led to `state` and were kept `now`.
    pub(super) fn see(&mut self, now: Timestamp, state: &State, facts: &[Fact]) {
        let now_ms = self.began_ms + now.0;
        for fact in facts {
            match fact {
                Fact::Granted { job, attempt, .. } => {
                    if let Some(sweep) = state.sweep_of(*job).map(|name| self.telemetry.sweep(name)) {
                        sweep.went_on(now_ms);
                        self.running.insert(*job, Running { attempt: *attempt, since: now, sweep });
                    }
                }
                Fact::Progressed { job, .. } => self.goes_on(state, *job, now_ms),
                Fact::Deleted { sweep } => self.telemetry.forget(sweep),
                fact => self.see_end(now, state, fact),
            }
        }
    }

    /// The sweep of a job went on; the attempt may have been granted in an earlier life of the coordinator.
    fn goes_on(&self, state: &State, job: JobId, now_ms: u64) {
        if let Some(sweep) = state.sweep_of(job) {
            self.telemetry.sweep(sweep).went_on(now_ms);
        }
    }

    fn see_end(&mut self, now: Timestamp, state: &State, fact: &Fact) {
        let Some(End { job, attempt, outcome, kind }) = End::of(fact) else { return };
        self.telemetry.ended(outcome, kind);
        if outcome == SUCCEEDED {
            self.goes_on(state, job, self.began_ms + now.0);
        }
        // the result of an earlier attempt also ends the one that runs, whose time says nothing then
        let running = self.running.remove(&job).filter(|running| running.attempt == attempt);
        if let Some(Running { since, sweep, .. }) = running.filter(|_| outcome == SUCCEEDED) {
            sweep.succeeded(Duration::from_millis(now.0.saturating_sub(since.0)));
        }
    }
}

/// The outcome of an attempt that has a result.
const SUCCEEDED: &str = "succeeded";

/// The end of an attempt.
pub(super) struct End {
    pub(super) job: JobId,
    pub(super) attempt: Attempt,
    pub(super) outcome: &'static str,
    /// Which of several reasons; empty for outcomes that have one.
    pub(super) kind: &'static str,
}

impl End {
    pub(super) fn of(fact: &Fact) -> Option<Self> {
        let (job, attempt, outcome, kind) = match fact {
            Fact::Succeeded { job, attempt, .. } => (job, attempt, SUCCEEDED, ""),
            Fact::Failed { job, attempt, kind, .. } => (job, attempt, "failed", kind.name()),
            Fact::Released { job, attempt, too_large: true } => (job, attempt, "released", "too_large"),
            Fact::Released { job, attempt, .. } => (job, attempt, "released", ""),
            Fact::Recalled { job, attempt } => (job, attempt, "recalled", ""),
            Fact::Lost { job, attempt } => (job, attempt, "lost", "silent"),
            Fact::Stalled { job, attempt } => (job, attempt, "lost", "stalled"),
            _ => return None,
        };
        Some(Self { job: *job, attempt: *attempt, outcome, kind })
    }
}
