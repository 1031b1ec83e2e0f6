//! A worker that the test plays itself: it makes results up at once, and remembers what was acknowledged.

use super::OwnToken;
use proto::convert::required;
use proto::extras::Extras;
use proto::ids::{Attempt, JobId, Lease, WorkerId};
use proto::measure::{CaseCounts, Counts, Evaluation, FailureKind, JobResult, Verdict};
use proto::text::{Line, Tail};
use proto::wire::complete_request::Outcome;
use proto::wire::fleet_client::FleetClient;
use proto::wire::{CompleteRequest, CompleteStatus, RegisterRequest, SynchronizeRequest};
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// A simulated worker's side of the protocol.
pub(crate) struct Peer {
    client: FleetClient<InterceptedService<Channel, OwnToken>>,
    worker: WorkerId,
    slots: u32,
    /// The leases that it has.
    pub(crate) held: Vec<Lease>,
    /// The attempts whose results the coordinator has acknowledged.
    pub(crate) acknowledged: Vec<(JobId, Attempt)>,
}

impl Peer {
    /// A worker that nobody knows yet. Connects when it first calls.
    pub(crate) fn new(url: &str, worker: u128, slots: u32) -> Self {
        let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect_lazy();
        let client = FleetClient::with_interceptor(channel, OwnToken::of(url));
        Self { client, worker: WorkerId(worker), slots, held: Vec::new(), acknowledged: Vec::new() }
    }

    /// Another worker that nobody knows yet, on the same connection.
    pub(crate) fn again(&self, worker: u128) -> Self {
        let (held, acknowledged) = (Vec::new(), Vec::new());
        Self { client: self.client.clone(), worker: WorkerId(worker), slots: self.slots, held, acknowledged }
    }

    /// The same worker with a coordinator elsewhere.
    pub(crate) fn moved(&self, url: &str) -> Self {
        Self {
            held: self.held.clone(),
            acknowledged: self.acknowledged.clone(),
            ..Self::new(url, self.worker.0, self.slots)
        }
    }

    pub(crate) async fn register(&mut self) -> Result<(), Status> {
        let request = RegisterRequest {
            worker: self.worker.to_string(),
            name: "peer".to_owned(),
            slots: self.slots,
            protocol_min: proto::PROTOCOL,
            protocol_max: proto::PROTOCOL,
            simulated: true,
            ..RegisterRequest::default()
        };
        self.client.register(request).await.map(drop)
    }

    /// Fetches work for its free slots.
    pub(crate) async fn synchronize(&mut self) -> Result<(), Status> {
        let free_slots = self.slots - self.held.len() as u32;
        self.say(SynchronizeRequest { free_slots, ..SynchronizeRequest::default() }).await
    }

    /// Says that it was told to go.
    pub(crate) async fn drain(&mut self) -> Result<(), Status> {
        self.say(SynchronizeRequest { draining: true, ..SynchronizeRequest::default() }).await
    }

    async fn say(&mut self, request: SynchronizeRequest) -> Result<(), Status> {
        let held = self.held.iter().map(Into::into).collect();
        let request = SynchronizeRequest { worker: self.worker.to_string(), held, ..request };
        let response = self.client.synchronize(request).await?.into_inner();
        let stops: Vec<Lease> = response.stops.iter().map(|lease| lease.try_into().unwrap()).collect();
        self.held.retain(|held| !stops.contains(held));
        for assignment in response.assignments {
            let lease = required(assignment.lease, "lease").unwrap();
            self.held.push((&lease).try_into().unwrap());
        }
        Ok(())
    }

    /// Reports results for all that it holds, at once; every answer that comes is remembered, whatever becomes of the others.
    pub(crate) async fn complete(&mut self) -> Result<(), Status> {
        let mut calls = tokio::task::JoinSet::new();
        for lease in self.held.clone() {
            let (mut client, request) = (self.client.clone(), self.completion(&lease));
            calls.spawn(async move { (lease, client.complete(request).await) });
        }
        let mut failure = None;
        while let Some(call) = calls.join_next().await {
            match call.unwrap() {
                (lease, Ok(response)) => {
                    assert_eq!(response.into_inner().status(), CompleteStatus::Recorded, "{lease:?}");
                    self.held.retain(|held| *held != lease);
                    self.acknowledged.push((lease.job, lease.attempt));
                }
                (_, Err(status)) => failure = Some(status),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Reports a result under that lease; whether it was recorded.
    pub(crate) async fn report(&mut self, lease: &Lease) -> Result<bool, Status> {
        self.report_changed(lease, |_| {}).await
    }

    /// The same of a result that was changed.
    pub(crate) async fn report_changed(
        &mut self,
        lease: &Lease,
        change: impl FnOnce(&mut proto::wire::JobResult),
    ) -> Result<bool, Status> {
        let mut request = self.completion(lease);
        if let Some(Outcome::Succeeded(result)) = &mut request.outcome {
            change(result);
        }
        let response = self.client.complete(request).await?.into_inner();
        Ok(response.status() == CompleteStatus::Recorded)
    }

    /// Reports that an attempt failed; whether that was recorded.
    pub(crate) async fn fail(
        &mut self,
        lease: &Lease,
        kind: FailureKind,
        message: &str,
        log: &str,
    ) -> Result<bool, Status> {
        let failed = proto::measure::Outcome::Failed { kind, message: Line::message(message), log: Tail::of(log) };
        let request = CompleteRequest { outcome: Some((&failed).into()), ..self.completion(lease) };
        let response = self.client.complete(request).await?.into_inner();
        Ok(response.status() == CompleteStatus::Recorded)
    }

    fn completion(&self, lease: &Lease) -> CompleteRequest {
        let counts = Counts { tp: 1, fp: 2, fn_: 3, tn: 4 };
        let evaluation = |case| Evaluation::of(0.5, vec![CaseCounts { case, counts }]);
        let result = JobResult {
            verdict: Verdict::Trained,
            epochs: 1,
            best_epoch: 1,
            validation: evaluation(1),
            test: evaluation(2),
            train_seconds: 0.0,
            parameters: 0,
            device: "peer".to_owned(),
            split_hash: None,
            extras: Extras::default(),
        };
        CompleteRequest {
            worker: self.worker.to_string(),
            lease: Some(lease.into()),
            measurements: Vec::new(),
            outcome: Some(Outcome::Succeeded((&result).into())),
            free_slots: 0,
            held: self.held.iter().filter(|held| *held != lease).map(Into::into).collect(),
        }
    }
}
