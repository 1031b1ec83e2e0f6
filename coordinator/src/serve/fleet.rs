//! The service for workers.

use super::access::is_caller;
use super::{invalid, status};
use crate::driver::Handle;
use crate::scheduler::{Completed, Completion, Found, Grant, Offer, Synchronization, Synchronized, WorkerInfo};
use proto::convert::{InvalidMessage, required};
use proto::ids::{Lease, WorkerId};
use proto::measure::Measurement;
use proto::text::Line;
use proto::wire::fleet_server::Fleet;
use proto::wire::{
    Assignment, AttemptMeasurements, CompleteRequest, CompleteResponse, CompleteStatus, DatasetOffer, RegisterRequest, RegisterResponse, SynchronizeRequest, SynchronizeResponse, dataset_offer,
};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tonic::{Extensions, Request, Response, Status};

/// Most slots that a worker may have.
const MAX_SLOTS: u32 = 1024;

#[derive(Debug)]
pub(super) struct FleetService {
    handle: Handle,
    lease: Duration,
}

impl FleetService {
    pub(super) fn new(handle: Handle, lease: Duration) -> Self {
        Self { handle, lease }
    }

    /// A third of a lease: two calls may get lost before a lease does.
    fn poll(&self) -> Duration {
        self.lease / 3
    }
}

#[tonic::async_trait]
impl Fleet for FleetService {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        if !(request.protocol_min..=request.protocol_max).contains(&proto::PROTOCOL) {
            return Err(Status::failed_precondition(format!(
                "worker build {} speaks protocol {} to {}, this coordinator ({}) speaks {}: use builds of the same release",
                request.build,
                request.protocol_min,
                request.protocol_max,
                env!("CARGO_PKG_VERSION"),
                proto::PROTOCOL
            )));
        }
        let worker = worker_id(&extensions, &request.worker)?;
        let info = WorkerInfo {
            name: Line::name(&request.name),
            host: Line::name(&request.host),
            device: Line::name(&request.device),
            slots: request.slots.clamp(1, MAX_SLOTS),
            simulated: request.simulated,
        };
        tracing::info!(worker = %worker.alias(), name = %info.name, host = %info.host, slots = info.slots, "worker registered");
        self.handle.register(worker, info).await.map_err(status)?;
        Ok(Response::new(RegisterResponse { protocol: proto::PROTOCOL, lease_ms: self.lease.as_millis() as u64 }))
    }

    async fn synchronize(&self, request: Request<SynchronizeRequest>) -> Result<Response<SynchronizeResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let SynchronizeRequest { worker, held, free_slots, measurements, offers, draining } = request;
        let worker = worker_id(&extensions, &worker)?;
        let mut answer_at_once = draining || free_slots == 0 || !measurements.is_empty() || !offers.is_empty();
        for offer in offers {
            self.handle.offer(worker, offer_from_wire(offer)?).await.map_err(status)?;
        }
        let mut synchronization = Synchronization {
            held: held.iter().map(Lease::try_from).collect::<Result<_, _>>().map_err(invalid)?,
            free_slots,
            draining,
            measurements: measurements.iter().map(attempt_measurements).collect::<Result<_, _>>().map_err(invalid)?,
            repeated: false,
        };
        let deadline = Instant::now() + self.poll();
        let mut work = self.handle.work();
        loop {
            work.mark_unchanged();
            let reply = self.handle.synchronize(worker, synchronization.clone()).await.map_err(status)?;
            answer_at_once |= !reply.grants.is_empty() || !reply.stops.is_empty() || !reply.wanted.is_empty();
            // the channel closes with the driver; the next call then says so
            if answer_at_once || timeout_at(deadline, work.changed()).await.is_err() {
                return Ok(Response::new(synchronized_to_wire(&reply, self.poll())));
            }
            synchronization.measurements.clear();
            synchronization.repeated = true;
        }
    }

    async fn complete(&self, request: Request<CompleteRequest>) -> Result<Response<CompleteResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let CompleteRequest { worker, lease, measurements, outcome, free_slots, held } = request;
        let worker = worker_id(&extensions, &worker)?;
        let lease = required(lease, "lease").map_err(invalid)?;
        let outcome = required(outcome, "outcome").and_then(TryInto::try_into).map_err(invalid)?;
        let completion = Completion {
            lease: (&lease).try_into().map_err(invalid)?,
            measurements: measurements.iter().map(Measurement::try_from).collect::<Result<_, _>>().map_err(invalid)?,
            outcome,
            held: held.iter().map(Lease::try_from).collect::<Result<_, _>>().map_err(invalid)?,
            free_slots,
        };
        let (status, grants) = match self.handle.complete(worker, completion).await.map_err(status)? {
            Completed::Recorded(grants) => (CompleteStatus::Recorded, grants),
            Completed::StaleLease => (CompleteStatus::StaleLease, Vec::new()),
        };
        let assignments = grants.iter().map(grant_to_wire).collect();
        Ok(Response::new(CompleteResponse { status: status.into(), assignments }))
    }
}

/// The worker that a call names, which must be the one that its certificate is for.
fn worker_id(extensions: &Extensions, text: &str) -> Result<WorkerId, Status> {
    let worker = text.parse().map_err(|error| invalid(InvalidMessage::Id(error)))?;
    is_caller(extensions, worker)?;
    Ok(worker)
}

fn offer_from_wire(offer: DatasetOffer) -> Result<Offer, Status> {
    let dataset = required(offer.dataset.as_ref(), "offer.dataset").and_then(TryInto::try_into).map_err(invalid)?;
    let found = match required(offer.found, "offer.found").map_err(invalid)? {
        dataset_offer::Found::Inventory(inventory) => Found::Inventory(inventory.try_into().map_err(invalid)?),
        dataset_offer::Found::Problem(problem) => Found::Problem(Line::message(&problem)),
    };
    Ok(Offer { dataset, found })
}

fn attempt_measurements(batch: &AttemptMeasurements) -> Result<(Lease, Vec<Measurement>), InvalidMessage> {
    let lease = required(batch.lease.as_ref(), "measurements.lease")?.try_into()?;
    let measurements = batch.measurements.iter().map(Measurement::try_from).collect::<Result<_, _>>()?;
    Ok((lease, measurements))
}

fn grant_to_wire(grant: &Grant) -> Assignment {
    Assignment {
        lease: Some((&grant.lease).into()),
        dataset: Some((&grant.dataset).into()),
        spec: grant.spec.to_json(),
        examples: grant.examples,
    }
}

fn synchronized_to_wire(reply: &Synchronized, next: Duration) -> SynchronizeResponse {
    SynchronizeResponse {
        assignments: reply.grants.iter().map(grant_to_wire).collect(),
        stops: reply.stops.iter().map(Into::into).collect(),
        wanted: reply.wanted.iter().map(Into::into).collect(),
        notices: reply.notices.clone(),
        next_ms: next.as_millis() as u64,
    }
}
