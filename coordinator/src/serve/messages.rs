//! What workers say, as requests to the driver, and its answers as messages. No call, no clock.

use super::{invalid, status};
use crate::driver::Refusal;
use crate::scheduler::{Completed, Completion, Found, Grant, Offer, Synchronization, Synchronized, WorkerInfo};
use proto::convert::{InvalidMessage, required};
use proto::data::{Dataset, Inventory};
use proto::extras::Wanted;
use proto::ids::{Lease, WorkerId};
use proto::measure::Measurement;
use proto::text::Line;
use proto::wire::{
    Assignment, AttemptMeasurements, CompleteRequest, CompleteResponse, CompleteStatus, DatasetOffer, RegisterRequest,
    RegisterResponse, SynchronizeRequest, SynchronizeResponse, dataset_offer,
};
use std::time::Duration;
use tonic::Status;

/// Most slots that a worker may have.
const MAX_SLOTS: u32 = 1024;

/// When a worker calls again at the latest: after a third of a lease, so that two calls may get lost before a lease does.
#[must_use]
pub fn poll_time(lease: Duration) -> Duration {
    lease / 3
}

/// Who introduces itself.
///
/// # Errors
/// If it speaks another protocol, or names itself wrongly.
pub fn introduction(request: &RegisterRequest) -> Result<(WorkerId, WorkerInfo), Status> {
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
    let info = WorkerInfo {
        name: Line::name(&request.name),
        host: Line::name(&request.host),
        device: Line::name(&request.device),
        slots: request.slots.clamp(1, MAX_SLOTS),
        simulated: request.simulated,
    };
    Ok((worker_id(&request.worker)?, info))
}

/// The answer to an introduction.
#[must_use]
pub fn welcome(lease: Duration) -> RegisterResponse {
    RegisterResponse { protocol: proto::PROTOCOL, lease_ms: lease.as_millis() as u64 }
}

/// A `Synchronize`, which waits for work at the coordinator unless it brings news.
pub struct Poll {
    /// Who calls.
    pub worker: WorkerId,
    /// What is asked of the driver, now or again.
    pub synchronization: Synchronization,
    answer_at_once: bool,
}

impl Poll {
    /// The call, and the offers that it brings, which go before it.
    ///
    /// # Errors
    /// If it is not understood.
    pub fn new(request: SynchronizeRequest) -> Result<(Self, Vec<Offer>), Status> {
        let SynchronizeRequest { worker, held, free_slots, measurements, offers, draining, number, readings } = request;
        let answer_at_once = draining || free_slots == 0 || !measurements.is_empty() || !offers.is_empty();
        let synchronization = Synchronization {
            held: leases(&held)?,
            free_slots,
            draining,
            measurements: measurements.iter().map(attempt_measurements).collect::<Result<_, _>>().map_err(invalid)?,
            repeated: false,
            number,
            readings: proto::convert::readings(&readings),
        };
        let offers = offers.into_iter().map(offer_from_wire).collect::<Result<_, _>>()?;
        Ok((Self { worker: worker_id(&worker)?, synchronization, answer_at_once }, offers))
    }

    /// Whether the driver's reply is worth an answer. If not, the call waits, and asks the driver again when there may be work.
    pub fn is_answered_by(&mut self, reply: &Synchronized) -> bool {
        self.synchronization.measurements.clear();
        self.synchronization.repeated = true;
        self.answer_at_once |= !reply.grants.is_empty() || !reply.stops.is_empty() || !reply.wanted.is_empty();
        self.answer_at_once
    }

    /// The answer.
    #[must_use]
    pub fn answer(reply: &Synchronized, lease: Duration) -> SynchronizeResponse {
        SynchronizeResponse {
            assignments: reply.grants.iter().map(grant_to_wire).collect(),
            stops: reply.stops.iter().map(Into::into).collect(),
            wanted: reply.wanted.iter().map(Into::into).collect(),
            notices: reply.notices.clone(),
            next_ms: poll_time(lease).as_millis() as u64,
        }
    }
}

/// How an attempt of whose worker ended.
///
/// # Errors
/// If it is not understood.
pub fn completion(request: CompleteRequest) -> Result<(WorkerId, Completion), Status> {
    let CompleteRequest { worker, lease, measurements, outcome, free_slots, held } = request;
    let lease = required(lease, "lease").map_err(invalid)?;
    let completion = Completion {
        lease: (&lease).try_into().map_err(invalid)?,
        measurements: measurements.iter().map(Measurement::try_from).collect::<Result<_, _>>().map_err(invalid)?,
        outcome: required(outcome, "outcome").and_then(TryInto::try_into).map_err(invalid)?,
        held: leases(&held)?,
        free_slots,
    };
    Ok((worker_id(&worker)?, completion))
}

/// The answer to the end of an attempt.
#[must_use]
pub fn completed(reply: Completed) -> CompleteResponse {
    let (status, grants) = match reply {
        Completed::Recorded(grants) => (CompleteStatus::Recorded, grants),
        Completed::StaleLease => (CompleteStatus::StaleLease, Vec::new()),
    };
    CompleteResponse { status: status.into(), assignments: grants.iter().map(grant_to_wire).collect() }
}

/// What a worker is told whose request was not carried out.
#[must_use]
pub fn refused(refusal: Refusal) -> Status {
    status(refusal)
}

/// Who calls, by its own word.
///
/// # Errors
/// If that is no id.
pub fn worker_id(text: &str) -> Result<WorkerId, Status> {
    text.parse().map_err(|error| invalid(InvalidMessage::Id(error)))
}

fn leases(wire: &[proto::wire::Lease]) -> Result<Vec<Lease>, Status> {
    wire.iter().map(Lease::try_from).collect::<Result<_, _>>().map_err(invalid)
}

fn offer_from_wire(offer: DatasetOffer) -> Result<Offer, Status> {
    let dataset: Dataset =
        required(offer.dataset.as_ref(), "offer.dataset").and_then(TryInto::try_into).map_err(invalid)?;
    let found = match required(offer.found, "offer.found").map_err(invalid)? {
        dataset_offer::Found::Inventory(inventory) => {
            let inventory = Inventory::try_from(inventory).map_err(invalid)?;
            // groups and fixed cases follow from the lists and the ids: a worker cannot say otherwise
            if dataset.lists.marks(&inventory.cases).as_ref() != Ok(&inventory.marks) {
                return Err(invalid(InvalidMessage::Value("offer.inventory")));
            }
            Found::Inventory(inventory.into())
        }
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
    let Wanted { examples, weights, checkpoint_every } = grant.wanted;
    Assignment {
        lease: Some((&grant.lease).into()),
        dataset: Some((&grant.dataset).into()),
        spec: grant.spec.to_json(),
        examples,
        keep_weights: weights,
        checkpoint_every,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::cases::{CaseLists, FixedTest, Marks};
    use proto::data::Format;
    use proto::ids::ContentHash;

    #[test]
    fn fixed_cases_and_groups_are_those_of_the_lists_whatever_a_worker_says() {
        let lists = CaseLists { fixed_test: Some(FixedTest::Pattern("^b".to_owned())), ..CaseLists::default() };
        let dataset = Dataset { lists: Box::new(lists), ..Dataset::new("d", Format::Folder) };
        let offered = |fixed_test: &[u32]| {
            let marks = Marks { fixed_test: fixed_test.to_vec(), ..Marks::default() };
            let cases = ["a", "b"].map(str::to_owned).to_vec();
            let inventory = Inventory { content: ContentHash(1), cases, marks };
            let found = dataset_offer::Found::Inventory((&inventory).into());
            offer_from_wire(DatasetOffer { dataset: Some((&dataset).into()), found: Some(found) })
        };
        assert!(offered(&[1]).is_ok());
        for wrong in [&[][..], &[0], &[0, 1]] {
            assert_eq!(offered(wrong).err().map(|status| status.code()), Some(tonic::Code::InvalidArgument));
        }
    }
}
