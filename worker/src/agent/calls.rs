//! The agent's calls to the coordinator: when each is due, what it says, what its answer changes.
//!
//! `Synchronize` is called again and again: at once when there is something to say (a call that waits for work is dropped for that, which the
//! protocol allows), else when the coordinator asked for it.

use super::complaint::Complaint;
use super::device::described;
use super::run::AgentError;
use super::state::{Action, Call, CallId, Held, Registration, State, Synchronizing};
use proto::data::Dataset;
use proto::ids::{Lease, Token};
use proto::measure::{FailureKind, Outcome};
use proto::text::Tail;
use proto::wire::{
    AttemptMeasurements, CompleteRequest, CompleteResponse, CompleteStatus, DatasetOffer, RegisterRequest,
    RegisterResponse, SynchronizeRequest, SynchronizeResponse, dataset_offer,
};
use std::error::Error as _;
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// Measurements are handed in at most this often.
const MEASUREMENT_INTERVAL: Duration = Duration::from_millis(200);
/// The first wait after a call that failed; doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What came of a call.
#[derive(Debug)]
pub enum Answer {
    /// Of [`Call::Register`].
    Registered(Result<RegisterResponse, Status>),
    /// Of [`Call::Synchronize`].
    Synchronized(Result<SynchronizeResponse, Status>),
    /// Of [`Call::Complete`].
    Completed(Result<CompleteResponse, Status>),
}

impl Answer {
    /// Why the call failed, if it did.
    fn status(&self) -> Option<&Status> {
        match self {
            Self::Registered(result) => result.as_ref().err(),
            Self::Synchronized(result) => result.as_ref().err(),
            Self::Completed(result) => result.as_ref().err(),
        }
    }
}

impl State {
    /// Makes every call that is due.
    pub(super) fn make_calls(&mut self, now: Instant) {
        if self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        match self.registration {
            Registration::No => self.register(),
            Registration::Asked(_) => {}
            Registration::Yes => {
                self.complete_ended();
                let news =
                    !self.unsent_offers.is_empty() || (self.has_measurements() && now >= self.measurements_due(now));
                // one that carries news is answered at once; only one that waits for work makes way
                if news && let Some(waiting) = self.synchronizing.take_if(|call| !call.carries_news()) {
                    self.actions.push(Action::Abandon(waiting.call));
                }
                if self.synchronizing.is_none() && (news || now >= self.next_synchronize) {
                    self.synchronize(now);
                }
            }
        }
    }

    pub(super) fn has_measurements(&self) -> bool {
        self.attempts.values().any(|held| held.outcome.is_none() && !held.measurements.is_empty())
    }

    pub(super) fn measurements_due(&self, now: Instant) -> Instant {
        self.last_synchronize.map_or(now, |last| last + MEASUREMENT_INTERVAL)
    }

    fn register(&mut self) {
        let request = RegisterRequest {
            worker: self.id.to_string(),
            name: self.profile.name.clone(),
            host: self.profile.host.clone(),
            device: described(&self.profile.devices),
            slots: self.profile.slots() as u32,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_min: proto::PROTOCOL,
            protocol_max: proto::PROTOCOL,
            simulated: self.profile.simulated,
        };
        let call = self.call(Call::Register(request));
        self.registration = Registration::Asked(call);
    }

    /// Has a call made.
    fn call(&mut self, call: Call) -> CallId {
        self.last_call += 1;
        self.actions.push(Action::Call(self.last_call, Box::new(call)));
        self.last_call
    }

    fn complete_ended(&mut self) {
        let is_unreported = |lease: &Lease| {
            self.attempts.get(lease).is_some_and(|held| held.outcome.is_some() && held.completing.is_none())
        };
        let leases: Vec<_> = self.attempts.keys().copied().collect();
        let unreported: Vec<_> = leases.iter().copied().filter(is_unreported).collect();
        // slots that no other call will fill: those of the attempts whose outcome is being reported are filled by its answer
        let reporting = self.attempts.values().filter(|held| held.outcome.is_some()).count();
        let open = self.open_slots();
        let free_slots = if self.draining.is_some() { 0 } else { open.min(1 + open.saturating_sub(reporting)) as u32 };
        for lease in unreported {
            let others = leases.iter().filter(|other| **other != lease);
            let Some(held) = self.attempts.get(&lease) else { continue };
            let request = CompleteRequest {
                worker: self.id.to_string(),
                lease: Some((&lease).into()),
                measurements: held.measurements.iter().map(Into::into).collect(),
                outcome: held.outcome.as_ref().map(Into::into),
                free_slots,
                held: others.map(Into::into).collect(),
            };
            let call = self.call(Call::Complete(request));
            if let Some(held) = self.attempts.get_mut(&lease) {
                held.completing = Some(call);
            }
        }
    }

    fn synchronize(&mut self, now: Instant) {
        let readings = self.unsent_readings();
        let running = || self.attempts.values().filter(|held| held.outcome.is_none() && !held.measurements.is_empty());
        let measurements = running().map(|held| (held.lease, held.measurements.len())).collect();
        let request = SynchronizeRequest {
            worker: self.id.to_string(),
            held: self.attempts.keys().map(Into::into).collect(),
            free_slots: if self.draining.is_some() { 0 } else { self.free_slots() as u32 },
            draining: self.draining.is_some(),
            measurements: running()
                .map(|held| AttemptMeasurements {
                    lease: Some((&held.lease).into()),
                    measurements: held.measurements.iter().map(Into::into).collect(),
                })
                .collect(),
            offers: self.unsent_offers.iter().filter_map(|dataset| self.offer_to_wire(dataset)).collect(),
            number: self.last_call + 1,
            readings,
        };
        self.last_synchronize = Some(now);
        let call = self.call(Call::Synchronize(request));
        self.synchronizing = Some(Synchronizing { call, measurements, offers: self.unsent_offers.len() });
    }

    fn offer_to_wire(&self, dataset: &Dataset) -> Option<DatasetOffer> {
        let found = match self.finds.get(dataset)? {
            Ok(inventory) => dataset_offer::Found::Inventory(inventory.into()),
            Err(problem) => dataset_offer::Found::Problem(problem.clone()),
        };
        Some(DatasetOffer { dataset: Some(dataset.into()), found: Some(found) })
    }

    /// A call was answered, or has failed. The answer of one that was abandoned changes nothing.
    ///
    /// # Errors
    /// If the coordinator does not want this worker.
    pub fn on_answer(&mut self, now: Instant, call: CallId, answer: Answer) -> Result<(), AgentError> {
        // revoked, or of another coordinator: no later call is let in
        if let Some(status) = answer.status().filter(|status| status.code() == Code::PermissionDenied) {
            return Err(self.refused(status));
        }
        self.take_answer(now, call, answer)?;
        let waited_for = self.synchronizing.iter().map(|running| running.call);
        let oldest = waited_for.chain(self.attempts.values().filter_map(|held| held.completing)).min();
        self.ended.retain(|_, last| oldest.is_some_and(|oldest| oldest <= *last));
        Ok(())
    }

    fn take_answer(&mut self, now: Instant, call: CallId, answer: Answer) -> Result<(), AgentError> {
        match answer {
            Answer::Registered(result) if self.registration == Registration::Asked(call) => {
                self.on_registered(now, result)
            }
            Answer::Synchronized(result) => {
                // dropped too late: what it brought was said, or will be repeated, to the newer call
                if let Some(sent) = self.synchronizing.take_if(|running| running.call == call) {
                    match result {
                        Ok(response) => self.on_synchronized(now, &sent, response),
                        Err(status) => self.failed(now, &status),
                    }
                }
                Ok(())
            }
            Answer::Completed(result) => {
                let lease = self.attempts.values().find(|held| held.completing == Some(call)).map(|held| held.lease);
                match (lease, result) {
                    (Some(lease), Ok(response)) => self.on_completed(now, lease, response),
                    (Some(lease), Err(status)) => self.not_completed(now, &lease, &status),
                    (None, _) => {}
                }
                Ok(())
            }
            Answer::Registered(_) => Ok(()),
        }
    }

    fn on_registered(&mut self, now: Instant, result: Result<RegisterResponse, Status>) -> Result<(), AgentError> {
        if let Err(status) = result {
            self.registration = Registration::No;
            if matches!(status.code(), Code::FailedPrecondition | Code::Unauthenticated | Code::InvalidArgument) {
                return Err(self.refused(&status));
            }
            self.failed(now, &status);
            return Ok(());
        }
        tracing::info!(coordinator = self.profile.coordinator, name = self.profile.name, "registered");
        self.registration = Registration::Yes;
        self.next_synchronize = now;
        // a coordinator whose disk is full knows its workers, and takes nothing of them
        if self.complaint != Some(Complaint::TakesNothing) {
            self.reached(now);
        }
        self.quiet_until = None;
        Ok(())
    }

    fn on_completed(&mut self, now: Instant, lease: Lease, response: CompleteResponse) {
        self.reached(now);
        if response.status() == CompleteStatus::StaleLease {
            let (job, attempt) = (lease.job.short(), lease.attempt);
            tracing::warn!(%job, %attempt, "refused by the coordinator: the lease is not this worker's any more");
        }
        let is_done = |held: &Held| held.request.checkpoint_every > 0 && held.has_result();
        if self.attempts.get(&lease).is_some_and(is_done) {
            self.actions.push(Action::Discard(lease.job));
        }
        self.ended.insert(lease, self.last_call);
        self.drop_attempt(&lease);
        self.on_assigned(now, response.assignments);
        if self.free_slots() > 0 && self.synchronizing.is_none() {
            self.next_synchronize = now;
        }
    }

    fn refused(&self, status: &Status) -> AgentError {
        AgentError::Refused { url: self.profile.coordinator.clone(), reason: status.message().to_owned() }
    }

    /// An outcome was not taken. One that cannot be taken is replaced, or it would be sent for ever and the job never end.
    fn not_completed(&mut self, now: Instant, lease: &Lease, status: &Status) {
        let Some(held) = self.attempts.get_mut(lease) else { return };
        held.completing = None;
        let is_result = !matches!(held.outcome, Some(Outcome::Failed { .. }));
        match status.code() {
            // it may have been garbled on its way: a training is worth another call
            Code::InvalidArgument | Code::OutOfRange if is_result && !held.refused => held.refused = true,
            // too long for one message: the result matters more than its curve
            Code::OutOfRange if !held.measurements.is_empty() => held.measurements.clear(),
            Code::InvalidArgument | Code::OutOfRange if is_result => {
                let message = format!("the coordinator does not take the result: {}", status.message());
                tracing::error!(job = %lease.job.short(), "{message}");
                held.outcome =
                    Some(Outcome::Failed { kind: FailureKind::Error, message: message.into(), log: Tail::default() });
            }
            _ => self.failed(now, status),
        }
    }

    fn on_synchronized(&mut self, now: Instant, sent: &Synchronizing, response: SynchronizeResponse) {
        self.reached(now);
        if let Some(drain) = &mut self.draining {
            // the calls from before the drain were dropped, so this one has said it
            drain.confirmed = true;
        }
        let stops: Vec<_> = response.stops.iter().filter_map(|lease| Lease::try_from(lease).ok()).collect();
        // the measurements of what is stopped were not taken: they go with its result, if it has one meanwhile
        for (lease, count) in sent.measurements.iter().filter(|(lease, _)| !stops.contains(lease)) {
            if let Some(held) = self.attempts.get_mut(lease) {
                held.measurements.drain(..(*count).min(held.measurements.len()));
            }
        }
        self.unsent_offers.drain(..sent.offers.min(self.unsent_offers.len()));
        for lease in &stops {
            // one whose outcome is being reported gets its answer from there
            if self.attempts.get(lease).is_some_and(|held| held.outcome.is_none()) {
                tracing::warn!(job = %lease.job.short(), attempt = %lease.attempt, "stopped by the coordinator");
                self.drop_attempt(lease);
            }
        }
        for dataset in response.wanted.iter().filter_map(|dataset| Dataset::try_from(dataset).ok()) {
            self.look_for(dataset);
        }
        if response.notices != self.notices {
            for notice in &response.notices {
                tracing::warn!("{notice}");
            }
            self.notices = response.notices;
        }
        self.on_assigned(now, response.assignments);
        // with a slot to fill the next call waits at the coordinator, else here
        let waits_there = self.draining.is_none() && self.free_slots() > 0 && self.inspecting.is_empty();
        self.next_synchronize = now
            + match waits_there {
                // what is stopped, but is being reported, will be stopped again, and at once
                true if stops.iter().any(|lease| self.attempts.contains_key(lease)) => MEASUREMENT_INTERVAL,
                true => Duration::ZERO,
                false => Duration::from_millis(response.next_ms),
            };
    }

    fn reached(&mut self, now: Instant) {
        self.connected_since.get_or_insert(now);
        if self.complaint.take().is_some() {
            tracing::info!("the coordinator is back");
        }
        (self.failures, self.quiet_until) = (0, None);
    }

    /// Waits before the next call: a random part of a time that doubles, so that a fleet does not return all at once.
    fn failed(&mut self, now: Instant, status: &Status) {
        self.connected_since = None;
        if status.code() == Code::FailedPrecondition {
            // it was restarted and does not know this worker
            self.registration = Registration::No;
            return;
        }
        // what did not come from the coordinator has a cause on the way there
        let complaint = if status.source().is_some() { Complaint::NotReached } else { Complaint::TakesNothing };
        self.complain(now, complaint, status);
        // the calls of all slots fail together: that is one failure
        if self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        let longest = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(MAX_BACKOFF);
        self.failures += 1;
        let wait = longest.mul_f64(0.1 + 0.9 * self.chance());
        self.quiet_until = Some(now + wait);
        self.next_synchronize = now + wait;
    }

    /// A number from 0 to 1 that is another one for each worker and each call.
    fn chance(&self) -> f64 {
        let hash = Token::of(format!("{} {}", self.id, self.last_call).as_bytes());
        (hash.0 >> 64) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::state::tests::profile;
    use proto::ids::WorkerId;

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        let start = Instant::now();
        let mut state = State::new(profile(8), WorkerId(1), start);
        let lost = Status::unavailable("lost");
        (0..8).for_each(|_| state.failed(start, &lost));
        assert!(state.quiet_until <= Some(start + FIRST_BACKOFF), "{:?}", state.quiet_until);
        // once the pause is over, the next failure doubles it
        let later = start + FIRST_BACKOFF;
        state.failed(later, &lost);
        assert_eq!(state.failures, 2);
        assert!(Some(later) < state.quiet_until && state.quiet_until <= Some(later + 2 * FIRST_BACKOFF));
    }
}
