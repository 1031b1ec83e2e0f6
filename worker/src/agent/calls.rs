//! The agent's calls to the coordinator: when each is due, what it says, what its answer changes.
//!
//! `Synchronize` is called again and again: at once when there is something to say (a call that waits for work is dropped for that, which the
//! protocol allows), else when the coordinator asked for it.

use super::agent::{Agent, AgentError, Complaint, Registration, Synchronizing};
use super::finds::Found;
use proto::data::Dataset;
use proto::ids::Lease;
use proto::measure::{FailureKind, Outcome};
use proto::wire::{
    AttemptMeasurements, CompleteRequest, CompleteResponse, CompleteStatus, DatasetOffer, RegisterRequest,
    RegisterResponse, SynchronizeRequest, SynchronizeResponse, dataset_offer,
};
use std::error::Error as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{self, JoinError};
use tokio::time::Instant;
use tonic::{Code, Response, Status};

/// Measurements are handed in at most this often.
const MEASUREMENT_INTERVAL: Duration = Duration::from_millis(200);
/// The first wait after a call that failed; doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// A finished call, and what it was about.
pub(super) enum Answer {
    Registered(Result<Response<RegisterResponse>, Status>),
    Synchronized { sent: Sent, result: Result<Response<SynchronizeResponse>, Status> },
    Completed { lease: Lease, result: Result<Response<CompleteResponse>, Status> },
    Inspected { dataset: Dataset, found: Found },
}

impl Answer {
    /// Why the call failed, if it did.
    fn status(&self) -> Option<&Status> {
        match self {
            Self::Registered(result) => result.as_ref().err(),
            Self::Synchronized { result, .. } => result.as_ref().err(),
            Self::Completed { result, .. } => result.as_ref().err(),
            Self::Inspected { .. } => None,
        }
    }
}

/// What a `Synchronize` carried, to be forgotten once it is answered.
pub(super) struct Sent {
    measurements: Vec<(Lease, usize)>,
    offers: usize,
}

impl Agent {
    /// Starts every call that is due.
    pub(super) fn make_calls(&mut self) {
        let now = Instant::now();
        if self.quiet_until.is_some_and(|until| now < until) {
            return;
        }
        match self.registration {
            Registration::No => self.register(),
            Registration::Asked => {}
            Registration::Yes => {
                self.complete_ended();
                let news =
                    !self.unsent_offers.is_empty() || (self.has_measurements() && now >= self.measurements_due());
                // one that carries news is answered at once; only one that waits for work makes way
                if news && let Some(call) = self.synchronizing.take_if(|call| !call.carries_news) {
                    call.handle.abort();
                }
                if self.synchronizing.is_none() && (news || now >= self.next_synchronize) {
                    self.synchronize();
                }
            }
        }
    }

    pub(super) fn has_measurements(&self) -> bool {
        self.attempts.values().any(|held| held.outcome.is_none() && !held.measurements.is_empty())
    }

    pub(super) fn measurements_due(&self) -> Instant {
        self.last_synchronize.map_or_else(Instant::now, |last| last + MEASUREMENT_INTERVAL)
    }

    fn register(&mut self) {
        let request = RegisterRequest {
            worker: self.id.to_string(),
            name: self.options.name.clone(),
            host: self.options.host.clone(),
            device: self.options.device.clone(),
            slots: self.options.slots as u32,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            protocol_min: proto::PROTOCOL,
            protocol_max: proto::PROTOCOL,
            simulated: self.options.simulated,
        };
        self.registration = Registration::Asked;
        let mut client = self.client.clone();
        self.calls.spawn(async move { Answer::Registered(client.register(request).await) });
    }

    fn complete_ended(&mut self) {
        // slots that no other call will fill: those of the attempts whose outcome is being reported are filled by its answer
        let reporting = self.attempts.values().filter(|held| held.outcome.is_some()).count();
        let spare = self.idle.len().saturating_sub(reporting + self.waiting.len());
        let free_slots = if self.draining.is_some() { 0 } else { 1 + spare as u32 };
        let leases: Vec<_> = self.attempts.keys().copied().collect();
        for held in self.attempts.values_mut().filter(|held| !held.completing) {
            let Some(outcome) = &held.outcome else { continue };
            held.completing = true;
            let others = leases.iter().filter(|lease| **lease != held.lease);
            let request = CompleteRequest {
                worker: self.id.to_string(),
                lease: Some((&held.lease).into()),
                measurements: held.measurements.iter().map(Into::into).collect(),
                outcome: Some(outcome.into()),
                free_slots,
                held: others.map(Into::into).collect(),
            };
            let (mut client, lease) = (self.client.clone(), held.lease);
            self.calls.spawn(async move { Answer::Completed { lease, result: client.complete(request).await } });
        }
    }

    fn synchronize(&mut self) {
        let running = || self.attempts.values().filter(|held| held.outcome.is_none() && !held.measurements.is_empty());
        let sent = Sent {
            measurements: running().map(|held| (held.lease, held.measurements.len())).collect(),
            offers: self.unsent_offers.len(),
        };
        let carries_news = !sent.measurements.is_empty() || sent.offers > 0;
        let free = self.idle.len().saturating_sub(self.attempts.values().filter(|held| held.slot.is_none()).count());
        let request = SynchronizeRequest {
            worker: self.id.to_string(),
            held: self.attempts.keys().map(Into::into).collect(),
            free_slots: if self.draining.is_some() { 0 } else { free as u32 },
            draining: self.draining.is_some(),
            measurements: running()
                .map(|held| AttemptMeasurements {
                    lease: Some((&held.lease).into()),
                    measurements: held.measurements.iter().map(Into::into).collect(),
                })
                .collect(),
            offers: self.unsent_offers.iter().filter_map(|dataset| self.offer_to_wire(dataset)).collect(),
        };
        self.ended_meanwhile.clear();
        self.last_synchronize = Some(Instant::now());
        let mut client = self.client.clone();
        let call = async move { Answer::Synchronized { sent, result: client.synchronize(request).await } };
        self.synchronizing = Some(Synchronizing { carries_news, handle: self.calls.spawn(call) });
    }

    fn offer_to_wire(&self, dataset: &Dataset) -> Option<DatasetOffer> {
        let found = match self.finds.get(dataset)? {
            Ok(inventory) => dataset_offer::Found::Inventory(inventory.into()),
            Err(problem) => dataset_offer::Found::Problem(problem.clone()),
        };
        Some(DatasetOffer { dataset: Some(dataset.into()), found: Some(found) })
    }

    pub(super) fn on_answer(&mut self, answer: Result<(task::Id, Answer), JoinError>) -> Result<(), AgentError> {
        // without an answer the call was dropped for a newer one
        let Ok((call, answer)) = answer else { return Ok(()) };
        // revoked, or of another coordinator: no later call is let in
        if let Some(status) = answer.status().filter(|status| status.code() == Code::PermissionDenied) {
            return Err(self.refused(status));
        }
        match answer {
            Answer::Registered(Ok(_)) => {
                tracing::info!(coordinator = self.options.coordinator, name = self.options.name, "registered");
                self.registration = Registration::Yes;
                self.next_synchronize = Instant::now();
                // a coordinator whose disk is full knows its workers, and takes nothing of them
                if self.complaint != Some(Complaint::TakesNothing) {
                    self.reached();
                }
                self.quiet_until = None;
            }
            Answer::Registered(Err(status)) => {
                self.registration = Registration::No;
                if matches!(status.code(), Code::FailedPrecondition | Code::Unauthenticated | Code::InvalidArgument) {
                    return Err(self.refused(&status));
                }
                self.failed(&status);
            }
            // dropped too late: what it brought was said, or will be repeated, to the newer call
            Answer::Synchronized { .. }
                if self.synchronizing.as_ref().map(|running| running.handle.id()) != Some(call) => {}
            Answer::Synchronized { sent, result } => {
                self.synchronizing = None;
                match result {
                    Ok(response) => self.on_synchronized(&sent, response.into_inner()),
                    Err(status) => self.failed(&status),
                }
            }
            Answer::Completed { lease, result } => match result {
                Ok(response) => {
                    self.reached();
                    let response = response.into_inner();
                    if response.status() == CompleteStatus::StaleLease {
                        let (job, attempt) = (lease.job.short(), lease.attempt);
                        tracing::warn!(%job, %attempt, "refused by the coordinator: the lease is not this worker's any more");
                    }
                    self.ended_meanwhile.insert(lease);
                    self.drop_attempt(&lease);
                    self.assign(response.assignments);
                    if !self.idle.is_empty() && self.synchronizing.is_none() {
                        self.next_synchronize = Instant::now();
                    }
                }
                Err(status) => {
                    self.not_completed(&lease, &status);
                }
            },
            Answer::Inspected { dataset, found } => {
                self.inspecting.remove(&dataset);
                self.offer(dataset, found);
                // free slots do not wait at the coordinator while somebody looks
                self.next_synchronize = Instant::now();
            }
        }
        Ok(())
    }

    fn refused(&self, status: &Status) -> AgentError {
        AgentError::Refused { url: self.options.coordinator.clone(), reason: status.message().to_owned() }
    }

    /// An outcome was not taken. One that cannot be taken is replaced, or it would be sent for ever and the job never end.
    fn not_completed(&mut self, lease: &Lease, status: &Status) {
        let Some(held) = self.attempts.get_mut(lease) else { return };
        held.completing = false;
        let is_result = !matches!(held.outcome, Some(Outcome::Failed { .. }));
        match status.code() {
            // it may have been garbled on its way: a training is worth another call
            Code::InvalidArgument | Code::OutOfRange if is_result && !held.refused => held.refused = true,
            // too long for one message: the result matters more than its curve
            Code::OutOfRange if !held.measurements.is_empty() => held.measurements.clear(),
            Code::InvalidArgument | Code::OutOfRange if is_result => {
                let message = format!("the coordinator does not take the result: {}", status.message());
                tracing::error!(job = %lease.job.short(), "{message}");
                held.outcome = Some(Outcome::Failed { kind: FailureKind::Error, message: message.into() });
            }
            _ => self.failed(status),
        }
    }

    fn on_synchronized(&mut self, sent: &Sent, response: SynchronizeResponse) {
        self.reached();
        if let Some(drain) = &mut self.draining {
            // the calls from before the drain were dropped, so this one has said it
            drain.confirmed = true;
        }
        for (lease, count) in &sent.measurements {
            if let Some(held) = self.attempts.get_mut(lease) {
                held.measurements.drain(..(*count).min(held.measurements.len()));
            }
        }
        self.unsent_offers.drain(..sent.offers.min(self.unsent_offers.len()));
        for lease in response.stops.iter().filter_map(|lease| Lease::try_from(lease).ok()) {
            // one whose outcome is being reported gets its answer from there
            if self.attempts.get(&lease).is_some_and(|held| held.outcome.is_none()) {
                tracing::warn!(job = %lease.job.short(), attempt = %lease.attempt, "stopped by the coordinator");
                self.drop_attempt(&lease);
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
        self.assign(response.assignments);
        // with a slot to fill the next call waits at the coordinator, else here
        let waits_there = self.draining.is_none() && !self.idle.is_empty() && self.inspecting.is_empty();
        let wait = if waits_there { 0 } else { response.next_ms };
        self.next_synchronize = Instant::now() + Duration::from_millis(wait);
    }

    /// Looks for a data set; what is known is offered again at once.
    fn look_for(&mut self, dataset: Dataset) {
        if self.finds.get(&dataset).is_none() {
            self.inspect(dataset);
        } else if !self.unsent_offers.contains(&dataset) {
            self.unsent_offers.push(dataset);
        }
    }

    /// Looks at the data sets that could not be read: somebody may have mended them.
    pub(super) fn look_again(&mut self) {
        if self.draining.is_none() {
            for dataset in self.finds.take_due(Instant::now()) {
                self.inspect(dataset);
            }
        }
    }

    /// Looks for a data set on a thread of its own.
    fn inspect(&mut self, dataset: Dataset) {
        if self.inspecting.insert(dataset.clone()) {
            let inspect = Arc::clone(&self.options.inspect);
            self.calls.spawn_blocking(move || {
                // a decoder that panics on a damaged file must not leave the question unanswered
                let found = catch_unwind(AssertUnwindSafe(|| inspect(&dataset))).unwrap_or_else(|_| {
                    Err(format!("data set `{}` cannot be read: the reader crashed on it", dataset.name))
                });
                Answer::Inspected { dataset, found }
            });
        }
    }

    fn reached(&mut self) {
        if self.complaint.take().is_some() {
            tracing::info!("the coordinator is back");
        }
        (self.failures, self.quiet_until) = (0, None);
    }

    /// Waits before the next call: a random part of a time that doubles, so that a fleet does not return all at once.
    fn failed(&mut self, status: &Status) {
        if status.code() == Code::FailedPrecondition {
            // it was restarted and does not know this worker
            self.registration = Registration::No;
            return;
        }
        // what did not come from the coordinator has a cause on the way there
        let complaint = if status.source().is_some() { Complaint::NotReached } else { Complaint::TakesNothing };
        if self.complaint.replace(complaint) != Some(complaint) {
            let running = self.attempts.values().filter(|held| held.outcome.is_none()).count();
            tracing::warn!(reason = status.message(), running, "the coordinator {complaint}; running jobs go on");
        }
        let longest = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(10)).min(LONGEST_BACKOFF);
        self.failures += 1;
        let wait = longest.mul_f64(rand::random_range(0.1..=1.0));
        self.quiet_until = Some(Instant::now() + wait);
        self.next_synchronize = Instant::now() + wait;
    }
}
