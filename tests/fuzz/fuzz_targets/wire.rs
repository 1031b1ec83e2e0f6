//! Any bytes as the messages of a worker: what is taken comes out again as it went in.
#![no_main]

use coordinator::scheduler::Grade;
use prost::Message;
use proto::data::{Dataset, Inventory};
use proto::ids::Lease;
use proto::measure::{Measurement, Outcome};
use proto::spec::JobSpec;
use proto::wire::complete_request::Outcome as WireOutcome;
use proto::wire::{self, CompleteRequest, SynchronizeRequest, TrainEvent, TrainRequest};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = CompleteRequest::decode(bytes) {
        request.lease.iter().chain(&request.held).for_each(lease);
        request.measurements.iter().for_each(measurement);
        request.outcome.into_iter().for_each(outcome);
    }
    if let Ok(request) = SynchronizeRequest::decode(bytes) {
        request.held.iter().for_each(lease);
        for batch in &request.measurements {
            batch.measurements.iter().for_each(measurement);
        }
        request.offers.into_iter().for_each(offer);
    }
    if let Ok(request) = TrainRequest::decode(bytes) {
        request.dataset.iter().for_each(dataset);
        if let Ok(spec) = JobSpec::from_json(&request.spec) {
            assert_eq!(JobSpec::from_json(&spec.to_json()).unwrap(), spec);
        }
    }
    if let Ok(wire::TrainEvent { event: Some(event) }) = TrainEvent::decode(bytes) {
        use wire::train_event::Event;
        match event {
            Event::Measurement(said) => measurement(&said),
            Event::Succeeded(result) => outcome(WireOutcome::Succeeded(result)),
            Event::Failed(failure) => outcome(WireOutcome::Failed(failure)),
        }
    }
});

fn lease(said: &wire::Lease) {
    if let Ok(lease) = Lease::try_from(said) {
        assert_eq!(Lease::try_from(&wire::Lease::from(&lease)), Ok(lease));
    }
}

fn dataset(said: &wire::Dataset) {
    if let Ok(dataset) = Dataset::try_from(said) {
        assert_eq!(Dataset::try_from(&wire::Dataset::from(&dataset)), Ok(dataset));
    }
}

fn measurement(said: &wire::Measurement) {
    if let Ok(measurement) = Measurement::try_from(said) {
        assert_eq!(Measurement::try_from(&wire::Measurement::from(&measurement)), Ok(measurement));
    }
}

fn offer(said: wire::DatasetOffer) {
    said.dataset.iter().for_each(dataset);
    if let Some(wire::dataset_offer::Found::Inventory(inventory)) = said.found
        && let Ok(inventory) = Inventory::try_from(inventory)
    {
        assert_eq!(Inventory::try_from(wire::Inventory::from(&inventory)), Ok(inventory));
    }
}

/// Compared as bytes: a loss may be NaN.
fn outcome(said: WireOutcome) {
    let bytes = |outcome: &Outcome| {
        let request = CompleteRequest { outcome: Some(outcome.into()), ..CompleteRequest::default() };
        (outcome.into(), request.encode_to_vec())
    };
    if let Ok(outcome) = Outcome::try_from(said) {
        if let Outcome::Succeeded(result) = &outcome {
            let scores = Grade::from(result.as_ref()).validation;
            assert!(scores.iou.is_none_or(|iou| (0.0..=1.0).contains(&iou)));
        }
        let (again, first): (WireOutcome, _) = bytes(&outcome);
        assert_eq!(bytes(&Outcome::try_from(again).unwrap()).1, first);
    }
}
